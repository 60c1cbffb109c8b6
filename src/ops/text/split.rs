//! `StringSplit` and `StringSplitV2`: strings cut into parts, as a sparse matrix with a row for each string.

use std::sync::Arc;

use super::convert::is_space;
use super::{NO_GRADIENT, scalar, string_value};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::graph::{AttrValue, Example, InferCx, Op, OpKind, RunCx};
use crate::shape::{Dim, Shape};
use crate::value::{IntoValue, Value};

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

/// Cuts each string of input 0, and puts the parts out.
fn run<'a>(cx: &mut RunCx<'_>, cut: impl Fn(&'a [u8]) -> Vec<&'a [u8]>, strings: &'a [Vec<u8>]) -> Result<()> {
    let mut rows: Vec<Vec<&[u8]>> = Vec::with_capacity(strings.len());
    for (i, text) in strings.iter().enumerate() {
        rows.push(cut(text));
        if i % 1024 == 1023 {
            cx.check()?;
        }
    }
    let n: usize = rows.iter().map(Vec::len).sum();
    cx.check_room(n.saturating_mul(size_of::<Vec<u8>>() + 2 * size_of::<i64>()))?;
    let places = rows.iter().enumerate().flat_map(|(i, row)| (0..row.len()).flat_map(move |j| [i as i64, j as i64]));
    let indices = Value::from_vec(&[n, 2], places.collect())?;
    let longest = rows.iter().map(Vec::len).max().unwrap_or(0);
    let shape = [strings.len() as i64, longest as i64].into_value();
    let values = string_value(cx, &[n], rows.into_iter().flatten().map(<[u8]>::to_vec).collect())?;
    cx.output(0, indices);
    cx.output(1, values);
    cx.output(2, shape);
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
        run(cx, |text| self.cut(text, &delimiters), vector(&input)?)
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
        let cut: &dyn Fn(&[u8]) -> Vec<&[u8]> = match separator.as_slice() {
            _ if most == 0 => &|text| vec![text],
            [] => &|text| cut_at_space(text, most),
            separator => &|text| cut_at(text, separator, most),
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
    fn cut<'a>(&self, text: &'a [u8], delimiters: &[u8]) -> Vec<&'a [u8]> {
        if text.is_empty() {
            return Vec::new();
        }
        if delimiters.is_empty() {
            return text.chunks(1).collect();
        }
        text.split(|byte| delimiters.contains(byte)).filter(|part| !self.skip_empty || !part.is_empty()).collect()
    }
}

/// Words, and after so many of them the rest, even if it is empty.
fn cut_at_space(text: &[u8], most: usize) -> Vec<&[u8]> {
    let mut words = Vec::new();
    let mut rest = without_space(text);
    while !rest.is_empty() {
        let end = rest.iter().position(|byte| is_space(*byte)).unwrap_or(rest.len());
        words.push(&rest[..end]);
        rest = without_space(&rest[end..]);
        if words.len() == most {
            words.push(rest);
            break;
        }
    }
    words
}

/// A string without white space in front.
fn without_space(text: &[u8]) -> &[u8] {
    &text[text.iter().position(|byte| !is_space(*byte)).unwrap_or(text.len())..]
}

fn cut_at<'a>(text: &'a [u8], separator: &[u8], most: usize) -> Vec<&'a [u8]> {
    let (mut parts, mut rest) = (Vec::new(), text);
    while parts.len() < most
        && let Some(at) = rest.windows(separator.len()).position(|window| window == separator)
    {
        parts.push(&rest[..at]);
        rest = &rest[at + separator.len()..];
    }
    parts.push(rest);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{infer_err, infer_ok};

    /// What TensorFlow 1.15.5 answers.
    #[test]
    fn words_and_parts_are_those_of_tensorflow() {
        let words = |text: &'static str, most| cut_at_space(text.as_bytes(), most);
        assert_eq!(words(" a  b \t c ", usize::MAX), [b"a", b"b", b"c"]);
        assert_eq!(words(" a  b \t c ", 1), [&b"a"[..], b"b \t c "]);
        assert_eq!(words("x", 1), [&b"x"[..], b""]);
        assert!(words("", 1).is_empty());
        assert_eq!(cut_at(b"a<>b<><>c", b"<>", 2), [&b"a"[..], b"b", b"<>c"]);
        assert_eq!(cut_at(b"", b" ", usize::MAX), [b""]);
        assert_eq!(cut_at(b"abc", b"abcd", usize::MAX), [b"abc"]);
        let split = |text: &'static str, skip_empty| StringSplit { skip_empty }.cut(text.as_bytes(), b" ,");
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
