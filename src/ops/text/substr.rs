//! `StringLength` and `Substr`: strings by bytes or by characters.

use std::sync::Arc;

use super::{NO_GRADIENT, each, make_strings, offset, show, strides};
use crate::dtype::DType;
use crate::error::{Error, ErrorKind, Result, escape};
use crate::graph::{AttrValue, Attrs, Example, InferCx, Ints, Op, OpKind, RunCx};
use crate::shape::broadcast_dims;
use crate::value::{IntoValue, Value};

/// What a string is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Unit {
    /// Bytes.
    #[default]
    Byte,
    /// Characters of UTF-8, which begin wherever a byte does not continue one.
    Utf8Char,
}

/// How long each string is: `(..) -> (..)` of int32.
#[derive(Debug, Clone)]
pub struct StringLength {
    /// Counted in this.
    pub unit: Unit,
}

/// Parts of strings, from a position on, which counts from the end where it is negative: `(..), (..), (..) -> (..)`.
/// Strings and positions broadcast; there is one length a position. The end of a string cuts.
#[derive(Debug, Clone)]
pub struct Substr {
    /// Counted in this.
    pub unit: Unit,
}

/// The row of [`StringLength`].
pub static STRING_LENGTH: OpKind = OpKind::new(
    "StringLength",
    "input: string -> output: int32",
    |attrs| Ok(Arc::new(StringLength { unit: Unit::parse(attrs)? })),
    || {
        let none = Value::zeros(DType::String, &[0]).expect("no elements");
        let of = |unit, value: Value| Example::new(StringLength { unit }, [value]);
        vec![of(Unit::Byte, [["aé", ""]].into_value()), of(Unit::Utf8Char, "aé".into_value()), of(Unit::Byte, none)]
    },
)
.not_differentiable(NO_GRADIENT);

/// The row of [`Substr`].
pub static SUBSTR: OpKind = OpKind::new(
    "Substr",
    "input: string, pos: T, len: T -> output: string",
    |attrs| Ok(Arc::new(Substr { unit: Unit::parse(attrs)? })),
    || {
        let of = |unit, inputs: [Value; 3]| Example::new(Substr { unit }, inputs);
        let text = || ["abc", "déf"].into_value();
        let none = Value::zeros(DType::String, &[0]).expect("no elements");
        vec![
            of(Unit::Byte, [text(), 1.into_value(), 1.into_value()]),
            of(Unit::Utf8Char, [text(), [[0i64], [-2]].into_value(), [[9i64], [1]].into_value()]),
            of(Unit::Byte, [none, 0.into_value(), 2.into_value()]),
        ]
    },
)
.not_differentiable(NO_GRADIENT);

impl Unit {
    fn parse(attrs: &Attrs) -> Result<Unit> {
        match attrs.str_or("unit", "BYTE")?.as_str() {
            "BYTE" => Ok(Unit::Byte),
            "UTF8_CHAR" => Ok(Unit::Utf8Char),
            other => Err(Error::invalid(format!("unit must be BYTE or UTF8_CHAR, but is {}", escape(other)))),
        }
    }

    fn attr(self) -> AttrValue {
        AttrValue::Str(if self == Unit::Byte { "BYTE" } else { "UTF8_CHAR" }.into())
    }
}

fn continues(byte: u8) -> bool {
    byte & 0xc0 == 0x80
}

impl Op for StringLength {
    fn kind(&self) -> &'static OpKind {
        &STRING_LENGTH
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        let shape = cx.shape(0);
        cx.output(DType::I32, shape);
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let input = cx.input(0);
        let mut value = cx.alloc(DType::I32, input.dims())?;
        each(cx, input.strings()?, value.make_mut::<i32>()?, |text| {
            Ok(match self.unit {
                Unit::Byte => text.len() as i32,
                Unit::Utf8Char => text.iter().filter(|byte| !continues(**byte)).count() as i32,
            })
        })?;
        cx.output(0, value);
        Ok(())
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        vec![("unit", self.unit.attr())]
    }
}

impl Op for Substr {
    fn kind(&self) -> &'static OpKind {
        &SUBSTR
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        if !matches!(cx.dtype(1), DType::I32 | DType::I64) {
            return Err(Error::dtype(format!("positions must be int32 or int64, but are {}", cx.dtype(1))));
        }
        let positions = cx.shape(1).merge(cx.shape(2))?;
        let shape = cx.shape(0).broadcast(&positions)?;
        cx.output(DType::String, shape);
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let (input, at) = (cx.input(0), cx.input(1));
        if at.dims() != cx.input(2).dims() {
            let (at, len) = (at.dims(), cx.input(2).dims());
            return Err(Error::shape(format!("pos and len must have one shape, but have {at:?} and {len:?}")));
        }
        let (pos, len, texts) = (Ints::of(at)?, Ints::of(cx.input(2))?, input.strings()?);
        let dims = broadcast_dims(input.dims(), at.dims())?;
        let (of_text, of_at) = (axes(input.dims(), &dims), axes(at.dims(), &dims));
        let value = make_strings(cx, &dims, &|i, pace| {
            let (text, at) = (&texts[offset(&of_text, i)], offset(&of_at, i));
            if self.unit == Unit::Utf8Char {
                pace.spend(2 * text.len())?;
            }
            let part = self.part(text, pos.get(at), len.get(at));
            Ok(part.ok_or_else(|| out_of_range(pos.get(at), text, i))?.to_vec())
        })?;
        cx.output(0, value);
        Ok(())
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        vec![("unit", self.unit.attr())]
    }
}

/// For each place of a result of these dims, which element of an operand broadcasts to it.
fn axes(of: &[usize], dims: &[usize]) -> Vec<(usize, usize)> {
    let strides = strides(of);
    let missing = dims.len() - of.len();
    let axis = |(axis, len): (usize, &usize)| match axis.checked_sub(missing) {
        Some(own) if of[own] != 1 => (*len, strides[own]),
        _ => (*len, 0),
    };
    dims.iter().enumerate().map(axis).collect()
}

impl Substr {
    /// Nothing where the position is outside of the string.
    fn part<'a>(&self, text: &'a [u8], pos: i64, len: i64) -> Option<&'a [u8]> {
        match self.unit {
            Unit::Byte => {
                let from = index(pos, text.len())?;
                // TensorFlow takes a negative length for a huge one.
                let to = usize::try_from(len).map_or(text.len(), |len| from.saturating_add(len).min(text.len()));
                Some(&text[from..to])
            }
            Unit::Utf8Char => {
                let begins = |at: &usize| *at == 0 || !continues(text[*at]);
                let n = (0..text.len()).filter(begins).count();
                let from = index(pos, n)?;
                let to = from.saturating_add(usize::try_from(len).unwrap_or(0)).min(n);
                // Behind the last character is the end.
                let mut starts = (0..text.len()).filter(begins).chain([text.len()]);
                let begin = starts.nth(from)?;
                let end = if to > from { starts.nth(to - from - 1)? } else { begin };
                Some(&text[begin..end])
            }
        }
    }
}

/// A position among `n` units; their end is one too.
fn index(pos: i64, n: usize) -> Option<usize> {
    let size = usize::try_from(pos.unsigned_abs()).ok().filter(|size| *size <= n)?;
    Some(if pos < 0 { n - size } else { size })
}

#[cold]
fn out_of_range(pos: i64, text: &[u8], i: usize) -> Error {
    let text = format!("pos {pos} out of range for string '{}' at index {i}", show(text));
    Error::new(ErrorKind::IndexOutOfRange, text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{infer_err, infer_ok, run_op};

    /// What TensorFlow 1.15.5 answers.
    #[test]
    fn parts_are_those_of_tensorflow() {
        let part = |unit, pos, len| Substr { unit }.part("héllo".as_bytes(), pos, len).map(String::from_utf8_lossy);
        let (byte, char) = (Unit::Byte, Unit::Utf8Char);
        assert_eq!([part(byte, 2, 100), part(char, 2, 100)].map(Option::unwrap), ["\u{fffd}llo", "llo"]);
        assert_eq!([part(byte, 0, -1), part(char, 0, -1)].map(Option::unwrap), ["héllo", ""]);
        assert_eq!([part(byte, -1, 1), part(char, -4, 2), part(byte, 6, 1)].map(Option::unwrap), ["o", "él", ""]);
        assert!([part(byte, -7, 1), part(byte, 7, 1), part(char, -6, 2), part(char, 6, 1)].iter().all(Option::is_none));
    }

    #[test]
    fn strings_and_positions_broadcast() {
        let inputs = [["abc", "def"].into_value(), [[0], [1]].into_value(), [[1], [2]].into_value()];
        let out = run_op(Substr { unit: Unit::Byte }, &inputs).unwrap().remove(0);
        assert!(out.same_bits(&[["a", "d"], ["bc", "ef"]].into_value()));
        let op = Substr { unit: Unit::Byte };
        infer_ok(&op, "string(2);int32(?,1);int32(3,?)", "(3,2)");
        infer_err(&op, "string(2);int32();int32(1)", "rank");
        infer_err(&op, "string(2);int32(3);int32(3)", "are 2 and 3");
    }
}
