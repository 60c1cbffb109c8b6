//! `RegexFullMatch` and `RegexReplace`, with patterns that are attributes or come as tensors.

use std::borrow::Cow;
use std::sync::Arc;

use super::{NO_GRADIENT, Pattern, STRING_WORK, bytes_or, each, lengthen, make_strings, scalar};
use crate::cancel::Pace;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::graph::{AttrValue, Attrs, Example, InferCx, Op, OpKind, RunCx, Workspace};
use crate::value::{IntoValue, Value};

/// Whether a pattern matches each string as a whole: `(..) -> (..)` of bool; a scalar pattern may come as an input.
#[derive(Debug, Clone)]
pub struct RegexFullMatch {
    /// The pattern, where it is an attribute.
    pub pattern: Option<Pattern>,
}

/// Strings with what stands in the place of matches: `(..) -> (..)`; a scalar pattern and what replaces its matches may
/// come as inputs.
#[derive(Debug, Clone)]
pub struct RegexReplace {
    /// The pattern and what replaces its matches, where they are attributes.
    pub by: Option<(Pattern, Replacement)>,
    /// Whether all matches are replaced, or the first one.
    pub replace_global: bool,
}

/// What stands in the place of a match, where `\1` is what the first group has matched and `\0` all of it.
#[derive(Debug, Clone)]
pub struct Replacement {
    text: Vec<u8>,
    parts: Vec<Part>,
}

#[derive(Debug, Clone)]
enum Part {
    Text(Vec<u8>),
    Group(usize),
}

/// The row of [`RegexFullMatch`] with the pattern as an input.
pub static REGEX_FULL_MATCH: OpKind = OpKind::new(
    "RegexFullMatch",
    "input: string, pattern: string -> output: bool",
    |_| Ok(Arc::new(RegexFullMatch { pattern: None })),
    || {
        let of = |input: Value| Example::new(RegexFullMatch { pattern: None }, [input, "a+b".into_value()]);
        vec![of([["aab", "b"]].into_value()), of(no_strings())]
    },
)
.not_differentiable(NO_GRADIENT);

/// The row of [`RegexFullMatch`] with the pattern as an attribute.
pub static STATIC_REGEX_FULL_MATCH: OpKind = OpKind::new(
    "StaticRegexFullMatch",
    "input: string -> output: bool",
    |attrs| Ok(Arc::new(RegexFullMatch { pattern: Some(Pattern::whole(&attrs.str("pattern")?)?) })),
    || {
        let pattern = Pattern::whole("a+b").expect("a pattern");
        let of = |input: Value| Example::new(RegexFullMatch { pattern: Some(pattern.clone()) }, [input]);
        vec![of([["aab", "b"]].into_value()), of(no_strings())]
    },
)
.not_differentiable(NO_GRADIENT);

/// The row of [`RegexReplace`] with pattern and replacement as inputs.
pub static REGEX_REPLACE: OpKind = OpKind::new(
    "RegexReplace",
    "input: string, pattern: string, rewrite: string -> output: string",
    |attrs| Ok(Arc::new(RegexReplace { by: None, replace_global: is_global(attrs)? })),
    || {
        let inputs = |input: Value| [input, "(a)b".into_value(), r"\1-".into_value()];
        let of = |replace_global, input| Example::new(RegexReplace { by: None, replace_global }, inputs(input));
        vec![of(true, [["abab", "b"]].into_value()), of(false, "abab".into_value()), of(true, no_strings())]
    },
)
.not_differentiable(NO_GRADIENT);

/// The row of [`RegexReplace`] with pattern and replacement as attributes.
pub static STATIC_REGEX_REPLACE: OpKind = OpKind::new(
    "StaticRegexReplace",
    "input: string -> output: string",
    |attrs| {
        let by = RegexReplace::by(&attrs.str("pattern")?, bytes_or(attrs, "rewrite", "")?)?;
        Ok(Arc::new(RegexReplace { by: Some(by), replace_global: is_global(attrs)? }))
    },
    || {
        let by = RegexReplace::by("(a)b", br"\1-".to_vec()).expect("a pattern");
        let of = |replace_global, input| Example::new(RegexReplace { by: Some(by.clone()), replace_global }, [input]);
        vec![of(true, [["abab", "b"]].into_value()), of(false, "abab".into_value()), of(true, no_strings())]
    },
)
.not_differentiable(NO_GRADIENT);

fn is_global(attrs: &Attrs) -> Result<bool> {
    attrs.bool_or("replace_global", true)
}

fn no_strings() -> Value {
    Value::zeros(DType::String, &[0]).expect("no elements")
}

/// Patterns that are inputs are scalars; the result has the shape of the strings.
fn infer(cx: &mut InferCx<'_>, dtype: DType) -> Result<()> {
    (1..cx.n_inputs()).try_for_each(|i| cx.shape(i).with_rank(0).map(drop))?;
    let shape = cx.shape(0);
    cx.output(dtype, shape);
    Ok(())
}

fn pattern_input<'a>(cx: &'a RunCx<'_>) -> Result<&'a str> {
    std::str::from_utf8(scalar(cx, 1, "pattern")?).map_err(|_| Error::invalid("invalid pattern: it must be UTF-8"))
}

impl Op for RegexFullMatch {
    fn kind(&self) -> &'static OpKind {
        if self.pattern.is_some() { &STATIC_REGEX_FULL_MATCH } else { &REGEX_FULL_MATCH }
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        infer(cx, DType::Bool)
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let pattern = match &self.pattern {
            Some(pattern) => Cow::Borrowed(pattern),
            None => Cow::Owned(Pattern::whole(pattern_input(cx)?)?),
        };
        let input = cx.input(0);
        let mut value = cx.alloc(DType::Bool, input.dims())?;
        each(cx, input.strings()?, value.make_mut::<bool>()?, |text| Ok(pattern.regex.is_match(text)))?;
        cx.output(0, value);
        Ok(())
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        let pattern = self.pattern.iter().map(|pattern| ("pattern", AttrValue::Str(pattern.text().into())));
        pattern.collect()
    }
}

impl Op for RegexReplace {
    fn kind(&self) -> &'static OpKind {
        if self.by.is_some() { &STATIC_REGEX_REPLACE } else { &REGEX_REPLACE }
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        infer(cx, DType::String)
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let by = match &self.by {
            Some(by) => Cow::Borrowed(by),
            None => Cow::Owned(RegexReplace::by(pattern_input(cx)?, scalar(cx, 2, "rewrite")?.to_vec())?),
        };
        let (pattern, replacement) = &*by;
        let input = cx.input(0);
        let (strings, work) = (input.strings()?, cx.workspace());
        let value = make_strings(cx, input.dims(), &|i, pace| {
            pace.spend(strings[i].len())?;
            self.replace(work, pace, &strings[i], pattern, replacement)
        })?;
        cx.output(0, value);
        Ok(())
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        let by = self.by.iter().flat_map(|(pattern, replacement)| {
            let pattern = AttrValue::Str(pattern.text().into());
            [("pattern", pattern), ("rewrite", AttrValue::Str(replacement.text.clone()))]
        });
        by.chain([("replace_global", AttrValue::Bool(self.replace_global))]).collect()
    }
}

impl RegexReplace {
    /// A pattern and what replaces its matches.
    ///
    /// # Errors
    /// `InvalidArgument` for what is none, and for a group that the pattern does not have.
    fn by(pattern: &str, rewrite: Vec<u8>) -> Result<(Pattern, Replacement)> {
        let pattern = Pattern::anywhere(pattern)?;
        let replacement = Replacement::new(rewrite, pattern.regex.captures_len())?;
        Ok((pattern, replacement))
    }

    fn replace(
        &self,
        work: Workspace<'_>,
        pace: &mut Pace<'_>,
        text: &[u8],
        pattern: &Pattern,
        replacement: &Replacement,
    ) -> Result<Vec<u8>> {
        let (mut out, mut from, mut last_end) = (Vec::new(), 0, None);
        while from <= text.len()
            && let Some(found) = pattern.regex.captures_at(text, from)
        {
            let all = found.get_match();
            // What is left of the text fits behind what is put here, so that few strings grow more than once.
            let more = replacement.len(&found).saturating_add(text.len() - from);
            pace.spend(STRING_WORK + more / 64)?;
            lengthen(work, &mut out, more)?;
            out.extend_from_slice(&text[from..all.start()]);
            if all.is_empty() && last_end == Some(all.start()) {
                // No empty match behind another match: on with the next character.
                let next = all.start() + character_len(&text[all.start()..]);
                out.extend_from_slice(&text[all.start()..next.min(text.len())]);
                from = next;
                continue;
            }
            replacement.append(&found, &mut out);
            (from, last_end) = (all.end(), Some(all.end()));
            if !self.replace_global {
                break;
            }
        }
        let rest = text.get(from..).unwrap_or_default();
        lengthen(work, &mut out, rest.len())?;
        out.extend_from_slice(rest);
        Ok(out)
    }
}

/// The bytes of the first character; one where it is none.
fn character_len(text: &[u8]) -> usize {
    let first = text.utf8_chunks().next().and_then(|chunk| chunk.valid().chars().next());
    first.map_or(1, char::len_utf8)
}

impl Replacement {
    fn new(text: Vec<u8>, n_groups: usize) -> Result<Replacement> {
        let (mut parts, mut plain, mut rest) = (Vec::new(), Vec::new(), text.iter());
        while let Some(byte) = rest.next() {
            if *byte != b'\\' {
                plain.push(*byte);
                continue;
            }
            match rest.next() {
                Some(b'\\') => plain.push(b'\\'),
                Some(digit @ b'0'..=b'9') if usize::from(digit - b'0') < n_groups => {
                    parts.extend([Part::Text(std::mem::take(&mut plain)), Part::Group(usize::from(digit - b'0'))]);
                }
                Some(digit @ b'0'..=b'9') => {
                    let (group, last) = (char::from(*digit), n_groups - 1);
                    return Err(Error::invalid(format!("rewrite must name groups up to {last}, but names {group}")));
                }
                _ => return Err(Error::invalid("rewrite must have a digit or a backslash behind each backslash")),
            }
        }
        parts.push(Part::Text(plain));
        Ok(Replacement { text, parts })
    }

    /// Bytes of what stands for a match.
    fn len(&self, found: &regex::bytes::Captures<'_>) -> usize {
        let of = |part: &Part| match part {
            Part::Text(text) => text.len(),
            Part::Group(group) => found.get(*group).map_or(0, |group| group.len()),
        };
        self.parts.iter().map(of).sum()
    }

    fn append(&self, found: &regex::bytes::Captures<'_>, out: &mut Vec<u8>) {
        for part in &self.parts {
            match part {
                Part::Text(text) => out.extend_from_slice(text),
                Part::Group(group) => out.extend_from_slice(found.get(*group).map_or(&[], |group| group.as_bytes())),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{infer_err, infer_ok, run_op};

    fn replace(text: &str, pattern: &str, rewrite: &str, replace_global: bool) -> String {
        let op = RegexReplace { by: None, replace_global };
        let out = run_op(op, &[text.into_value(), pattern.into_value(), rewrite.into_value()]).unwrap();
        String::from_utf8(out[0].strings().unwrap()[0].clone()).unwrap()
    }

    /// What TensorFlow 1.15.5 answers.
    #[test]
    fn replacements_are_those_of_re2() {
        assert_eq!(replace("abc", "(b)(z)?", r"[\1|\2|\0|\\]", true), r"a[b||b|\]c");
        assert_eq!(replace("aéb", "", "-", true), "-a-é-b-");
        assert_eq!(replace("abc", "x*", "-", true), "-a-b-c-");
        assert_eq!(replace("aab", "a*?", "-", true), "-a-a-b-");
        assert_eq!(replace("baaac", "a*", "-", true), "-b-c-");
        assert_eq!(replace("aaa", "a", "b", false), "baa");
    }

    #[test]
    fn rewrites_without_a_meaning_are_refused() {
        for (rewrite, want) in
            [(r"\2", "up to 1, but names 2"), (r"\q", "behind each backslash"), ("\\", "behind each")]
        {
            let error = RegexReplace::by("(a)", rewrite.into()).map(drop).unwrap_err();
            assert!(error.message().contains(want), "{error}");
        }
    }

    #[test]
    fn a_pattern_is_one_string() {
        infer_ok(&RegexFullMatch { pattern: None }, "string(?,2);string()", "(?,2)");
        infer_err(&RegexFullMatch { pattern: None }, "string(2);string(1)", "shape must be rank 0 but is rank 1");
    }
}
