//! `StringToNumber`: numbers that are written as text.

use std::sync::Arc;

use super::convert::strip;
use super::{NO_GRADIENT, each, show};
use crate::dtype::{DType, Plain};
use crate::error::{Error, Result};
use crate::graph::{AttrValue, Example, InferCx, Op, OpKind, RunCx};
use crate::value::{IntoValue, Value};

/// The numbers that strings hold, with white space around them or not: `(..) -> (..)` of float32, float64, int32 or
/// int64.
#[derive(Debug, Clone)]
pub struct StringToNumber {
    /// The dtype of the numbers.
    pub out_type: DType,
}

/// The row of [`StringToNumber`].
pub static STRING_TO_NUMBER: OpKind = OpKind::new(
    "StringToNumber",
    "string_tensor: string -> output: out_type",
    |attrs| {
        let out_type = attrs.dtype_or("out_type", DType::F32)?;
        if !TYPES.contains(&out_type) {
            return Err(Error::invalid(format!("out_type must be a float or int of 32 or 64 bits, but is {out_type}")));
        }
        Ok(Arc::new(StringToNumber { out_type }))
    },
    || TYPES.into_iter().flat_map(examples).collect(),
)
.not_differentiable(NO_GRADIENT);

const TYPES: [DType; 4] = [DType::F32, DType::F64, DType::I32, DType::I64];

fn examples(out_type: DType) -> Vec<Example> {
    let of = |value: Value| Example::new(StringToNumber { out_type }, [value]);
    let none = Value::zeros(DType::String, &[0]).expect("no elements");
    vec![of([["1", "-2"], [" 3 ", "40"]].into_value()), of("5".into_value()), of(none)]
}

impl Op for StringToNumber {
    fn kind(&self) -> &'static OpKind {
        &STRING_TO_NUMBER
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        let shape = cx.shape(0);
        cx.output(self.out_type, shape);
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let numbers = match self.out_type {
            DType::F32 => read(cx, float::<f32>)?,
            DType::F64 => read(cx, float::<f64>)?,
            DType::I32 => read(cx, |text| i32::try_from(int(text)?).ok())?,
            _ => read(cx, int)?,
        };
        cx.output(0, numbers);
        Ok(())
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        vec![("out_type", AttrValue::Type(self.out_type))]
    }
}

fn read<T: Plain + Send>(cx: &RunCx<'_>, parse: impl Fn(&[u8]) -> Option<T> + Sync) -> Result<Value> {
    let input = cx.input(0);
    let refuse = |text: &[u8]| Error::invalid(format!("the string must be a number, but is {}", show(text)));
    let mut numbers = cx.alloc(T::DTYPE, input.dims())?;
    each(cx, input.strings()?, numbers.make_mut::<T>()?, |text| parse(text).ok_or_else(|| refuse(text)))?;
    Ok(numbers)
}

/// Digits, after a minus or not.
fn int(text: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(strip(text)).ok()?;
    // Rust takes a plus, TensorFlow does not.
    if text.starts_with('+') { None } else { text.parse().ok() }
}

/// A float that can be read, and made of an integer.
trait Float: std::str::FromStr {
    fn of(number: u128) -> Self;
    fn negative(self) -> Self;
}

macro_rules! floats {
    ($($t:ty),*) => { $(
        impl Float for $t {
            fn of(number: u128) -> $t {
                number as $t
            }
            fn negative(self) -> $t {
                -self
            }
        }
    )* };
}
floats!(f32, f64);

/// TensorFlow reads floats through a buffer of this size.
const LONGEST: usize = 32;

/// A decimal float, a hexadecimal integer, `inf` or `nan`; of white space alone, 0.
fn float<F: Float>(text: &[u8]) -> Option<F> {
    if text.is_empty() || text.len() >= LONGEST {
        return None;
    }
    let text = std::str::from_utf8(strip(text)).ok()?;
    if text.is_empty() {
        return Some(F::of(0));
    }
    let size = text.strip_prefix(['+', '-']).unwrap_or(text);
    if size.starts_with(['+', '-']) || size.eq_ignore_ascii_case("infinity") {
        return None;
    }
    let size = match size.strip_prefix("0x").or_else(|| size.strip_prefix("0X")) {
        // Fewer digits than a u128 holds; a sign is no digit.
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
            F::of(u128::from_str_radix(digits, 16).ok()?)
        }
        Some(_) => return None,
        None => size.parse().ok()?,
    };
    Some(if text.starts_with('-') { size.negative() } else { size })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What TensorFlow 1.15.5 answers.
    #[test]
    fn floats_are_read_as_tensorflow_reads_them() {
        for (text, want) in [
            ("+1", 1.0),
            (" 1\n", 1.0),
            ("0x1A", 26.0),
            ("-0x1a", -26.0),
            ("1e5", 1e5),
            ("  ", 0.0),
            ("1.", 1.0),
            (" .5", 0.5),
            ("1e400", f64::INFINITY),
            ("-INF", f64::NEG_INFINITY),
            ("\x0b1", 1.0),
            ("0xfffffffffffffffffffffffffffff", 8.307674973655724e34),
        ] {
            assert_eq!(float::<f64>(text.as_bytes()), Some(want), "{text:?}");
        }
        assert!(float::<f64>(b"NAN").unwrap().is_nan());
        let long = "1".repeat(32);
        for text in
            ["", "1e", "-Infinity", "nan(3)", "1 2", ".", &long, "1_0", "1f", "0x", "0x1.8p3", "+ 1", "-+1", "0x+1"]
        {
            assert_eq!(float::<f64>(text.as_bytes()), None, "{text:?}");
        }
    }

    /// What TensorFlow 1.15.5 answers.
    #[test]
    fn ints_are_digits() {
        assert_eq!([int(b" 1 "), int(b"-5"), int(b"007")], [Some(1), Some(-5), Some(7)]);
        for text in ["+1", "0x1A", "1.0", "", "1 2", "- 1", "--1", "9223372036854775808"] {
            assert_eq!(int(text.as_bytes()), None, "{text:?}");
        }
    }
}
