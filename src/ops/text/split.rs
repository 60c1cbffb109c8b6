//! `StringSplit` and `StringSplitV2`: strings cut into parts, as a sparse matrix with a row for each string.

use std::sync::Arc;

use super::convert::is_space;
use super::{NO_GRADIENT, STRING_WORK, make_strings, scalar};
use crate::cancel::Pace;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::graph::{AttrValue, Example, InferCx, Op, OpKind, RunCx};
use crate::shape::{Dim, Shape};
use crate::value::{IntoValue, ScratchVec, Value};

/// Strings cut at each byte that is among those of the delimiter, and between all bytes where it is empty:
/// `(n), () -> (k, 2), (k), (2)`.
#[derive(Debug, Clone)]
pub struct StringSplit {
    /// Whether empty parts are left out.
    pub skip_empty: bool,
}

/// Strings cut wherever the separator stands, and at white space where it is empty: `(n), () -> (k, 2), (k), (2)`.
#[derive(Debug, Clone)]
pub struct StringSplitV2 {
    /// How many cuts are made in a string, at most; any number where it is negative.
    pub maxsplit: i64,
}

/// The row of [`StringSplit`].
pub static STRING_SPLIT: OpKind = OpKind::new(
    "StringSplit",
    "input: string, delimiter: string -> indices: int64, values: string, shape: int64",
    |attrs| Ok(Arc::new(StringSplit { skip_empty: attrs.bool_or("skip_empty", true)? })),
    || {
        let of = |skip_empty, inputs| Example::new(StringSplit { skip_empty }, inputs);
        vec![of(true, example(" ")), of(false, example(" ,")), of(true, example("")), of(true, no_strings())]
    },
)
.not_differentiable(NO_GRADIENT);

/// The row of [`StringSplitV2`].
pub static STRING_SPLIT_V2: OpKind = OpKind::new(
    "StringSplitV2",
    "input: string, sep: string -> indices: int64, values: string, shape: int64",
    |attrs| Ok(Arc::new(StringSplitV2 { maxsplit: attrs.int_or("maxsplit", -1)? })),
    || {
        let of = |maxsplit, inputs| Example::new(StringSplitV2 { maxsplit }, inputs);
        vec![of(-1, example("")), of(1, example(", ")), of(-1, no_strings())]
    },
)
.not_differentiable(NO_GRADIENT);

fn example(separator: &str) -> [Value; 2] {
    [["a b, c", "", "  d"].into_value(), separator.into_value()]
}

fn no_strings() -> [Value; 2] {
    [Value::zeros(DType::String, &[0]).expect("no elements"), ",".into_value()]
}

fn infer(cx: &mut InferCx<'_>) -> Result<()> {
    let strings = cx.shape(0).with_rank(1)?.dim(0);
    cx.shape(1).with_rank(0)?;
    let parts = Dim::unknown();
    cx.output(DType::I64, Shape::new([parts.clone(), Dim::from(2)]));
    cx.output(DType::String, Shape::new([parts]));
    cx.output_sizes(DType::I64, &[strings, Dim::unknown()], false);
    Ok(())
}

/// The parts of strings, as they are found.
struct Parts<'a, 'r> {
    found: ScratchVec<&'a [u8]>,
    pace: Pace<'r>,
}

impl<'a> Parts<'a, '_> {
    /// Adds a part, for which so many bytes were looked at.
    fn push(&mut self, part: &'a [u8], looked_at: usize) -> Result<()> {
        self.pace.spend(16 + looked_at)?;
        self.found.push(part)
    }
}

/// A way to cut a string.
type Cut<'a, 'c> = &'c dyn Fn(&'a [u8], &mut Parts<'a, '_>) -> Result<()>;

/// Cuts each string: the parts, their places in a matrix with a row for each, and its shape.
fn run<'a>(cx: &mut RunCx<'_>, cut: Cut<'a, '_>, strings: &'a [Vec<u8>]) -> Result<()> {
    let mut parts = Parts { found: cx.list(0)?, pace: cx.pace() };
    let mut ends = cx.list(strings.len())?;
    for text in strings {
        parts.pace.spend(STRING_WORK)?;
        cut(text, &mut parts)?;
        ends.push(parts.found.len())?;
    }
    let (found, n) = (&parts.found, parts.found.len());
    let mut indices = cx.alloc(DType::I64, &[n, 2])?;
    let (mut row, mut start, mut longest) = (0, 0, 0);
    for (i, place) in indices.make_mut::<i64>()?.chunks_exact_mut(2).enumerate() {
        parts.pace.spend(4)?;
        while i >= ends[row] {
            (row, start) = (row + 1, ends[row]);
        }
        place.copy_from_slice(&[row as i64, (i - start) as i64]);
        longest = longest.max(i + 1 - start);
    }
    let values = make_strings(cx, &[n], &|i, _| Ok(found[i].to_vec()))?;
    cx.output(0, indices);
    cx.output(1, values);
    cx.output(2, [strings.len() as i64, longest as i64].into_value());
    Ok(())
}

impl Op for StringSplit {
    fn kind(&self) -> &'static OpKind {
        &STRING_SPLIT
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        infer(cx)
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let (input, delimiters) = (cx.take(0), scalar(cx, 1, "delimiter")?.to_vec());
        let mut is_delimiter = [false; 256];
        delimiters.iter().for_each(|byte| is_delimiter[usize::from(*byte)] = true);
        let delimiters = (!delimiters.is_empty()).then_some(&is_delimiter);
        run(cx, &|text, parts| self.cut(text, delimiters, parts), vector(&input)?)
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        vec![("skip_empty", AttrValue::Bool(self.skip_empty))]
    }
}

impl Op for StringSplitV2 {
    fn kind(&self) -> &'static OpKind {
        &STRING_SPLIT_V2
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        infer(cx)
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let (input, separator) = (cx.take(0), scalar(cx, 1, "sep")?.to_vec());
        let most = usize::try_from(self.maxsplit).unwrap_or(usize::MAX);
        let cut: Cut<'_, '_> = match separator.as_slice() {
            _ if most == 0 => &|text, parts| parts.push(text, 0),
            [] => &|text, parts| cut_at_space(text, most, parts),
            separator => &|text, parts| cut_at(text, separator, most, parts),
        };
        run(cx, cut, vector(&input)?)
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        vec![("maxsplit", AttrValue::Int(self.maxsplit))]
    }
}

fn vector(input: &Value) -> Result<&[Vec<u8>]> {
    match input.rank() {
        1 => input.strings(),
        rank => Err(Error::shape(format!("the strings must be a vector, but have rank {rank}"))),
    }
}

impl StringSplit {
    /// Cuts at any of the delimiters; without delimiters, behind each byte.
    fn cut<'a>(&self, text: &'a [u8], delimiters: Option<&[bool; 256]>, parts: &mut Parts<'a, '_>) -> Result<()> {
        if text.is_empty() {
            return Ok(());
        }
        let Some(is_delimiter) = delimiters else {
            return text.chunks(1).try_for_each(|part| parts.push(part, 1));
        };
        let all = text.split(|byte| is_delimiter[usize::from(*byte)]);
        let mut kept = all.filter(|part| !self.skip_empty || !part.is_empty());
        kept.try_for_each(|part| parts.push(part, part.len()))
    }
}

/// Words, and after so many of them the rest, even if it is empty.
fn cut_at_space<'a>(text: &'a [u8], most: usize, parts: &mut Parts<'a, '_>) -> Result<()> {
    let (mut rest, mut n) = (without_space(text), 0);
    while !rest.is_empty() {
        let end = rest.iter().position(|byte| is_space(*byte)).unwrap_or(rest.len());
        let next = without_space(&rest[end..]);
        parts.push(&rest[..end], rest.len() - next.len())?;
        (rest, n) = (next, n + 1);
        if n == most {
            return parts.push(rest, 0);
        }
    }
    Ok(())
}

/// A string without white space in front.
fn without_space(text: &[u8]) -> &[u8] {
    &text[text.iter().position(|byte| !is_space(*byte)).unwrap_or(text.len())..]
}

fn cut_at<'a>(text: &'a [u8], separator: &[u8], most: usize, parts: &mut Parts<'a, '_>) -> Result<()> {
    let (mut rest, mut at, mut n) = (text, 0, 0);
    while n < most && at + separator.len() <= rest.len() {
        parts.pace.spend(1)?;
        if rest[at] != separator[0] {
            at += 1;
            continue;
        }
        parts.pace.spend(separator.len() / 8)?;
        if !rest[at..].starts_with(separator) {
            at += 1;
            continue;
        }
        parts.push(&rest[..at], 0)?;
        rest = &rest[at + separator.len()..];
        (at, n) = (0, n + 1);
    }
    parts.push(rest, 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cancel::Limits;
    use crate::ops::testing::{infer_err, infer_ok};

    /// What TensorFlow 1.15.5 answers.
    fn found<'a>(cut: impl FnOnce(&mut Parts<'a, '_>) -> Result<()>) -> Vec<&'a [u8]> {
        let limits = Limits::default();
        let mut parts = Parts { found: ScratchVec::new(None).unwrap(), pace: Pace::new(&limits) };
        cut(&mut parts).unwrap();
        parts.found.to_vec()
    }

    #[test]
    fn words_and_parts_are_those_of_tensorflow() {
        let words = |text: &'static str, most| found(|parts| cut_at_space(text.as_bytes(), most, parts));
        assert_eq!(words(" a  b \t c ", usize::MAX), [b"a", b"b", b"c"]);
        assert_eq!(words(" a  b \t c ", 1), [&b"a"[..], b"b \t c "]);
        assert_eq!(words("x", 1), [&b"x"[..], b""]);
        assert!(words("", 1).is_empty());
        assert_eq!(found(|parts| cut_at(b"a<>b<><>c", b"<>", 2, parts)), [&b"a"[..], b"b", b"<>c"]);
        assert_eq!(found(|parts| cut_at(b"", b" ", usize::MAX, parts)), [b""]);
        assert_eq!(found(|parts| cut_at(b"abc", b"abcd", usize::MAX, parts)), [b"abc"]);
        let split = |text: &'static str, skip_empty| {
            let mut is_delimiter = [false; 256];
            b" ,".iter().for_each(|byte| is_delimiter[usize::from(*byte)] = true);
            found(|parts| StringSplit { skip_empty }.cut(text.as_bytes(), Some(&is_delimiter), parts))
        };
        assert_eq!(split("a, b", true), [b"a", b"b"]);
        assert_eq!(split("a, b", false), [&b"a"[..], b"", b"b"]);
        assert!(split("", false).is_empty());
    }

    #[test]
    fn the_matrix_has_a_row_for_each_string() {
        infer_ok(&StringSplit { skip_empty: true }, "string(3);string()", "(?,2);(?);(2)");
        infer_err(&StringSplitV2 { maxsplit: -1 }, "string(1,1);string()", "shape must be rank 1 but is rank 2");
    }
}
