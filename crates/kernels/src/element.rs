//! One number as bytes, for walkers that do not know dtypes.

use num_traits::ToPrimitive;
use sessile_base::with_type;

use crate::number::{bytes_of, of_bytes};
use crate::{DType, Number, Ordered};

/// Bytes of the largest number.
const MAX_SIZE: usize = 16;

/// A number's bytes, aligned as it is; there are as many as its dtype has.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(16))]
pub struct Bytes([u8; MAX_SIZE], usize);

impl Bytes {
    /// Those of a number.
    pub fn of<T: Number>(x: T) -> Bytes {
        let mut bytes = [0; MAX_SIZE];
        bytes[..size_of::<T>()].copy_from_slice(bytes_of(&[x]));
        Bytes(bytes, size_of::<T>())
    }

    /// The bytes, to write.
    pub fn get_mut(&mut self) -> &mut [u8] {
        &mut self.0[..self.1]
    }

    /// The number of a dtype that they are, as float64; NaN where it is not a real one.
    pub fn to_f64(&self, dtype: DType) -> f64 {
        with_type!(dtype, T in reals => ToPrimitive::to_f64(&of_bytes::<T>(self.get())[0]).unwrap_or(f64::NAN), else => f64::NAN)
    }

    /// The bytes.
    pub fn get(&self) -> &[u8] {
        &self.0[..self.1]
    }
}

/// Where a sum, a product or the search for an extreme begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    Zero,
    One,
    /// Infinity, or the highest integer.
    Greatest,
    /// Minus infinity, or the lowest integer.
    Least,
    /// The highest finite number.
    Highest,
    /// The lowest finite number.
    Lowest,
}

impl Start {
    /// It as an element of a dtype, if that has one.
    pub fn of(self, dtype: DType) -> Option<Bytes> {
        match self {
            Start::Zero => with_type!(dtype, T in numbers => Some(Bytes::of(T::ZERO)), else => None),
            Start::One => with_type!(dtype, T in numbers => Some(Bytes::of(T::ONE)), else => None),
            _ => with_type!(dtype, T in reals => Some(Bytes::of(self.end::<T>())), else => None),
        }
    }

    fn end<T: Ordered>(self) -> T {
        match self {
            Start::Zero => T::ZERO,
            Start::One => T::ONE,
            Start::Greatest => T::GREATEST,
            Start::Least => T::LEAST,
            Start::Highest => T::HIGHEST,
            Start::Lowest => T::LOWEST,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_are_elements_of_their_dtype() {
        assert_eq!(Start::Least.of(DType::U8).unwrap().get(), [0]);
        assert_eq!(Start::Lowest.of(DType::I8).unwrap().get(), [128]);
        assert_eq!(Start::Greatest.of(DType::F32).unwrap().get(), f32::INFINITY.to_ne_bytes());
        assert_eq!(Start::One.of(DType::C64).unwrap().get(), bytes_of(&[1f32, 0.0]));
        assert_eq!(Start::Lowest.of(DType::F16).unwrap().to_f64(DType::F16), -65504.0);
        assert!(Start::Least.of(DType::C64).is_none() && Start::Zero.of(DType::Bool).is_none());
    }
}
