//! Numbers: the dtypes that can be added and multiplied, with the arithmetic of TensorFlow.

use half::{bf16, f16};
use num_complex::Complex;

use crate::Plain;

/// Every numeric dtype. Integers wrap; float16 and bfloat16 round after each operation.
pub trait Number: Plain {
    /// What products and sums of this dtype are accumulated in: float32 for the halves, else the dtype itself.
    type Acc: Number<Acc = Self::Acc>;
    /// The additive identity.
    const ZERO: Self;
    /// The multiplicative identity.
    const ONE: Self;
    /// `self + other`.
    fn plus(self, other: Self) -> Self;
    /// `self - other`.
    fn minus(self, other: Self) -> Self;
    /// `self * other`.
    fn times(self, other: Self) -> Self;
    /// `self * other + sum`: rounded once where `FMA` says that this is one instruction, for float32 and float64; else
    /// the product and the sum.
    #[inline(always)]
    fn times_plus<const FMA: bool>(self, other: Self, sum: Self) -> Self {
        self.times(other).plus(sum)
    }
    /// To the accumulator's dtype, exactly.
    fn widen(self) -> Self::Acc;
    /// From the accumulator's dtype, rounded to nearest.
    fn narrow(acc: Self::Acc) -> Self;
    /// `max(self, 0)`; NaN stays NaN, and complex numbers stay as they are.
    fn relu(self) -> Self;
    /// `min(max(self, 0), 6)`; NaN stays NaN, and complex numbers stay as they are.
    fn relu6(self) -> Self;
}

macro_rules! ordered {
    ($six:expr) => {
        #[inline(always)]
        fn relu(self) -> Self {
            if self < Self::ZERO { Self::ZERO } else { self }
        }
        #[inline(always)]
        fn relu6(self) -> Self {
            let low = self.relu();
            if low > $six { $six } else { low }
        }
    };
}

macro_rules! its_own_accumulator {
    () => {
        type Acc = Self;
        #[inline(always)]
        fn widen(self) -> Self {
            self
        }
        #[inline(always)]
        fn narrow(acc: Self) -> Self {
            acc
        }
    };
}

macro_rules! native {
    ($zero:expr, $one:expr) => {
        const ZERO: Self = $zero;
        const ONE: Self = $one;
        #[inline(always)]
        fn plus(self, other: Self) -> Self {
            self + other
        }
        #[inline(always)]
        fn minus(self, other: Self) -> Self {
            self - other
        }
        #[inline(always)]
        fn times(self, other: Self) -> Self {
            self * other
        }
    };
}

macro_rules! integers {
    ($($t:ty),*) => { $(
        impl Number for $t {
            its_own_accumulator!();
            ordered!(6);
            const ZERO: $t = 0;
            const ONE: $t = 1;
            #[inline(always)]
            fn plus(self, other: $t) -> $t {
                self.wrapping_add(other)
            }
            #[inline(always)]
            fn minus(self, other: $t) -> $t {
                self.wrapping_sub(other)
            }
            #[inline(always)]
            fn times(self, other: $t) -> $t {
                self.wrapping_mul(other)
            }
        }
    )* };
}
integers!(i8, i16, i32, i64, u8, u16, u32, u64);

macro_rules! floats {
    ($($t:ty),*) => { $(
        impl Number for $t {
            its_own_accumulator!();
            native!(0.0, 1.0);
            ordered!(6.0);
            #[inline(always)]
            fn times_plus<const FMA: bool>(self, other: Self, sum: Self) -> Self {
                if FMA { self.mul_add(other, sum) } else { self * other + sum }
            }
        }
    )* };
}
floats!(f32, f64);

macro_rules! halves {
    ($($t:ident),*) => { $(
        impl Number for $t {
            type Acc = f32;
            native!($t::ZERO, $t::ONE);
            ordered!($t::from_f32_const(6.0));
            #[inline(always)]
            fn widen(self) -> f32 {
                self.to_f32()
            }
            #[inline(always)]
            fn narrow(acc: f32) -> $t {
                $t::from_f32(acc)
            }
        }
    )* };
}
halves!(f16, bf16);

macro_rules! complexes {
    ($($t:ty),*) => { $(
        impl Number for Complex<$t> {
            its_own_accumulator!();
            native!(Complex::new(0.0, 0.0), Complex::new(1.0, 0.0));
            fn relu(self) -> Self {
                self
            }
            fn relu6(self) -> Self {
                self
            }
        }
    )* };
}
complexes!(f32, f64);

/// A slice of `T` as what it is, where generic code has found out `T`'s dtype.
///
/// # Panics
/// If the dtypes differ.
pub fn same_slice<T: Plain, U: Plain>(x: &[T]) -> &[U] {
    assert_eq!(T::DTYPE, U::DTYPE, "dtypes are the same");
    // SAFETY: each dtype has one Rust type, so `T` is `U`.
    unsafe { std::slice::from_raw_parts(x.as_ptr().cast(), x.len()) }
}

/// [`same_slice`] for a slice that is written.
///
/// # Panics
/// If the dtypes differ.
pub fn same_slice_mut<T: Plain, U: Plain>(x: &mut [T]) -> &mut [U] {
    assert_eq!(T::DTYPE, U::DTYPE, "dtypes are the same");
    // SAFETY: each dtype has one Rust type, so `T` is `U`.
    unsafe { std::slice::from_raw_parts_mut(x.as_mut_ptr().cast(), x.len()) }
}

/// Numbers as the bytes that they are.
pub fn bytes_of<T: Number>(x: &[T]) -> &[u8] {
    // SAFETY: numbers are plain: they have no padding, and bytes need no alignment.
    unsafe { std::slice::from_raw_parts(x.as_ptr().cast(), size_of_val(x)) }
}

/// [`bytes_of`] for a slice that is written.
pub fn bytes_of_mut<T: Number>(x: &mut [T]) -> &mut [u8] {
    // SAFETY: as above; all bit patterns are numbers.
    unsafe { std::slice::from_raw_parts_mut(x.as_mut_ptr().cast(), size_of_val(x)) }
}

/// Bytes as the numbers that they are.
///
/// # Panics
/// If they do not begin where a number may, or end within one.
pub fn of_bytes<T: Number>(x: &[u8]) -> &[T] {
    check_bytes(x, size_of::<T>(), align_of::<T>());
    // SAFETY: aligned, as just checked; all bit patterns are numbers.
    unsafe { std::slice::from_raw_parts(x.as_ptr().cast(), x.len() / size_of::<T>()) }
}

/// [`of_bytes`] for bytes that are written.
///
/// # Panics
/// As [`of_bytes`].
pub fn of_bytes_mut<T: Number>(x: &mut [u8]) -> &mut [T] {
    check_bytes(x, size_of::<T>(), align_of::<T>());
    // SAFETY: as above, and numbers have no padding.
    unsafe { std::slice::from_raw_parts_mut(x.as_mut_ptr().cast(), x.len() / size_of::<T>()) }
}

pub(crate) fn check_bytes(x: &[u8], size: usize, align: usize) {
    assert!(x.as_ptr().addr().is_multiple_of(align) && x.len().is_multiple_of(size), "the bytes are whole elements");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_wrap() {
        assert_eq!(i32::MAX.plus(1), i32::MIN);
        assert_eq!(200_u8.times(2), 144);
        assert_eq!(0_u16.minus(1), u16::MAX);
    }

    #[test]
    fn relu_keeps_nan() {
        assert!(f32::NAN.relu().is_nan() && f16::NAN.relu6().is_nan());
        assert_eq!((-3.0_f64).relu(), 0.0);
        assert_eq!(bf16::from_f32(9.0).relu6(), bf16::from_f32(6.0));
        assert_eq!(100_i8.relu6(), 6);
    }

    #[test]
    fn halves_accumulate_in_float32() {
        assert_eq!(f16::from_f32(0.1).widen(), f16::from_f32(0.1).to_f32());
        assert_eq!(bf16::narrow(1.0 + 1e-4), bf16::ONE);
    }
}
