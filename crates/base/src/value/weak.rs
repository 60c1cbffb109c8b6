//! Bare scalars take their target's dtype, as Python's numbers do in TF1.

use half::{bf16, f16};
use num_complex::Complex;
use num_traits::ToPrimitive;

use super::{Value, wrong_dtype};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::with_type;

impl Value {
    /// Whether this is a bare scalar of the program, which takes its target's dtype. Arrays, strings and results of
    /// runs are never weak.
    pub fn is_weak(&self) -> bool {
        self.weak
    }

    /// A weak scalar as a scalar of another dtype; a value that has the dtype already stays as it is.
    ///
    /// Integers go to any number type that can hold them, floats to floats and complex numbers (rounded; too large is
    /// infinite, as in NumPy), bools to bool only.
    ///
    /// # Errors
    /// DTypeMismatch where the scalar would lose its kind, or is not weak; InvalidArgument for an integer out of range.
    pub fn weak_cast(&self, to: DType) -> Result<Value> {
        if self.dtype == to {
            return Ok(Value { weak: false, ..self.clone() });
        }
        if !self.weak {
            return Err(wrong_dtype(self.dtype, to));
        }
        match self.dtype {
            DType::Bool => Err(kind_lost(self, to, "a bool")),
            dtype if dtype.is_integer() => self.cast_int(to),
            dtype if dtype.is_floating() => self.cast_float(to),
            _ => self.cast_complex(to),
        }
    }

    fn cast_int(&self, to: DType) -> Result<Value> {
        let number: i128 = with_type!(self.dtype, T in ints => self.scalar::<T>()?.into(), else => 0);
        let out_of_range = || Error::invalid(format!("{number} is out of the range of {to}"));
        if to.is_integer() {
            return with_type!(to, T in ints => {
                T::try_from(number).map(Value::scalar_of).map_err(|_| out_of_range())
            }, else => Err(out_of_range()));
        }
        let value = from_float(number as f64, number as f32, to).ok_or_else(|| kind_lost(self, to, "an integer"))?;
        let finite = value.dtype != DType::F16 || value.scalar::<f16>()?.is_finite();
        if finite { Ok(value) } else { Err(out_of_range()) }
    }

    fn cast_float(&self, to: DType) -> Result<Value> {
        let number = with_type!(self.dtype, T in floats => ToPrimitive::to_f64(&self.scalar::<T>()?), else => None);
        let number = number.expect("every float is a float64");
        if to.is_integer() {
            return Err(Error::dtype(if number.fract() == 0.0 {
                format!("{self} is a float, but {to} was asked for: write it without the point")
            } else {
                format!("{self} would lose its fraction in {to}")
            }));
        }
        from_float(number, number as f32, to).ok_or_else(|| kind_lost(self, to, "a float"))
    }

    fn cast_complex(&self, to: DType) -> Result<Value> {
        match (self.dtype, to) {
            (DType::C64, DType::C128) => {
                let Complex { re, im } = self.scalar::<Complex<f32>>()?;
                Ok(Value::scalar_of(Complex::new(f64::from(re), f64::from(im))))
            }
            (DType::C128, DType::C64) => {
                let Complex { re, im } = self.scalar::<Complex<f64>>()?;
                Ok(Value::scalar_of(Complex::new(re as f32, im as f32)))
            }
            _ => Err(kind_lost(self, to, "complex")),
        }
    }
}

/// One number as a float or complex scalar; given in both widths, so that it is rounded once.
fn from_float(wide: f64, narrow: f32, to: DType) -> Option<Value> {
    Some(match to {
        DType::F64 => Value::scalar_of(wide),
        DType::F32 => Value::scalar_of(narrow),
        DType::F16 => Value::scalar_of(f16::from_f64(wide)),
        DType::BF16 => Value::scalar_of(bf16::from_f64(wide)),
        DType::C64 => Value::scalar_of(Complex::new(narrow, 0.0)),
        DType::C128 => Value::scalar_of(Complex::new(wide, 0.0)),
        _ => return None,
    })
}

#[cold]
fn kind_lost(value: &Value, to: DType, kind: &str) -> Error {
    Error::dtype(format!("{value} is {kind}, but {to} was asked for"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::IntoValue;

    /// The text of the cast value with its dtype, or of the error.
    #[track_caller]
    fn check(value: impl IntoValue, to: DType, want: &str) {
        let text = match value.into_value().weak_cast(to) {
            Ok(value) => {
                assert!(!value.is_weak() && value.dtype() == to && value.rank() == 0);
                value.to_string()
            }
            Err(error) => error.to_string(),
        };
        assert_eq!(text, want);
    }

    #[test]
    fn integers_go_to_any_number_type_in_range() {
        for to in DType::ALL.into_iter().filter(|to| to.is_integer()) {
            check(3, to, "3");
        }
        check(3, DType::F32, "3.0");
        check(3, DType::BF16, "3");
        check(-3, DType::F16, "-3.0");
        check(3, DType::C64, "(3+0j)");
        check(300, DType::U8, "300 is out of the range of uint8");
        check(-1, DType::U64, "-1 is out of the range of uint64");
        check(u64::MAX, DType::I64, "18446744073709551615 is out of the range of int64");
        check(i64::MIN, DType::F64, "-9.223372036854776e+18");
        check(70_000, DType::F16, "70000 is out of the range of float16");
        check(1, DType::Bool, "1 is an integer, but bool was asked for");
        check(1, DType::String, "1 is an integer, but string was asked for");
    }

    #[test]
    fn an_integer_is_rounded_to_float32_once() {
        // Halfway between two float32 plus one: by way of float64 it would round down.
        let number = (1i64 << 60) + (1 << 36) + 1;
        assert_eq!(number.into_value().weak_cast(DType::F32).unwrap().scalar::<f32>().unwrap(), number as f32);
        assert_ne!(number as f32, number as f64 as f32);
    }

    #[test]
    fn floats_go_to_floats_and_keep_their_fraction() {
        check(2.5, DType::F32, "2.5");
        check(0.1f32, DType::F64, "0.10000000149011612");
        check(2.5, DType::F16, "2.5");
        check(2.5, DType::C128, "(2.5+0j)");
        check(1e300, DType::F32, "inf");
        check(1.5, DType::I32, "1.5 would lose its fraction in int32");
        check(2.0, DType::I64, "2.0 is a float, but int64 was asked for: write it without the point");
        check(f64::NAN, DType::I64, "nan would lose its fraction in int64");
        check(0.0, DType::Bool, "0.0 is a float, but bool was asked for");
    }

    #[test]
    fn bools_stay_bools_and_complex_stays_complex() {
        check(true, DType::Bool, "True");
        check(true, DType::F32, "True is a bool, but float32 was asked for");
        check(Complex::new(1.0f32, 2.0), DType::C128, "(1+2j)");
        check(Complex::new(1.0, 2.0), DType::C64, "(1+2j)");
        check(Complex::new(1.0, 2.0), DType::F64, "(1+2j) is complex, but float64 was asked for");
    }

    #[test]
    fn what_is_not_weak_keeps_its_dtype() {
        let x = [1.0, 2.0].into_value();
        assert!(x.weak_cast(DType::F64).unwrap().same_bits(&x));
        let text = x.weak_cast(DType::F32).err().unwrap().to_string();
        assert_eq!(text, "value is float64, but float32 was asked for");
        assert!(Value::scalar_of(3).weak_cast(DType::F32).is_err());
    }
}
