//! Arithmetic on single elements beyond sums and products, with TensorFlow's meaning for each class of dtypes.

use half::{bf16, f16};
use num_complex::Complex;
use num_traits::Float;

use crate::kernel::{Number, Ordered};

/// Numbers that divide. Integer divisors are never 0: who calls has looked.
pub(in crate::ops) trait Arith: Number {
    /// The quotient; of integers rounded towards zero, wrapping for `MIN / -1`.
    fn over(self, by: Self) -> Self;
    /// The power; of integers wrapping, with an exponent of 0 or more.
    fn power(self, exponent: Self) -> Self;
    /// The square of the absolute value.
    fn squared_abs(self) -> Self;
    /// `-x`; of floats the sign changes, of integers it wraps.
    fn negated(self) -> Self;
    /// 1, 0 or -1; of a complex number the number of absolute value 1 in its direction. Of NaN 0.
    fn sign(self) -> Self;
}

/// Real numbers: floor division and its kin.
pub(super) trait Real: Arith + Ordered {
    /// The quotient rounded down.
    fn floor_over(self, by: Self) -> Self;
    /// What floor division leaves: it has the divisor's sign.
    fn floor_rem(self, by: Self) -> Self;
    /// What division rounded towards zero leaves: it has the dividend's sign.
    fn trunc_rem(self, by: Self) -> Self;
    /// The absolute value; of the smallest integer it wraps.
    fn magnitude(self) -> Self;
}

macro_rules! integers {
    ($($t:ty),*) => { $(
        impl Arith for $t {
            #[inline(always)]
            fn over(self, by: $t) -> $t {
                self.wrapping_div(by)
            }
            #[inline]
            fn power(self, exponent: $t) -> $t {
                let (mut base, mut left, mut result) = (self, exponent, 1);
                while left > 0 {
                    if left & 1 == 1 {
                        result = <$t>::wrapping_mul(result, base);
                    }
                    base = base.wrapping_mul(base);
                    left >>= 1;
                }
                result
            }
            #[inline(always)]
            fn squared_abs(self) -> $t {
                self.wrapping_mul(self)
            }
            #[inline(always)]
            fn negated(self) -> $t {
                self.wrapping_neg()
            }
            #[inline(always)]
            #[allow(unused_comparisons)]
            fn sign(self) -> $t {
                if self < 0 { (0 as $t).wrapping_sub(1) } else { (self > 0) as $t }
            }
        }
        impl Real for $t {
            #[inline(always)]
            #[allow(unused_comparisons)]
            fn magnitude(self) -> $t {
                if self < 0 { self.wrapping_neg() } else { self }
            }
            #[inline(always)]
            #[allow(unused_comparisons)]
            fn floor_over(self, by: $t) -> $t {
                let quotient = self.wrapping_div(by);
                let is_inexact = self.wrapping_rem(by) != 0;
                if is_inexact && (self < 0) != (by < 0) { quotient - 1 } else { quotient }
            }
            #[inline(always)]
            #[allow(unused_comparisons)]
            fn floor_rem(self, by: $t) -> $t {
                let rest = self.wrapping_rem(by);
                if rest != 0 && (rest < 0) != (by < 0) { rest.wrapping_add(by) } else { rest }
            }
            #[inline(always)]
            fn trunc_rem(self, by: $t) -> $t {
                self.wrapping_rem(by)
            }
        }
    )* };
}
integers!(i8, i16, i32, i64, u8, u16, u32, u64);

fn float_floor_rem<F: Float>(x: F, by: F) -> F {
    let rest = x % by;
    if rest != F::zero() && (rest < F::zero()) != (by < F::zero()) { rest + by } else { rest }
}

macro_rules! floats {
    ($($t:ty),*) => { $(
        impl Arith for $t {
            #[inline(always)]
            fn over(self, by: $t) -> $t {
                self / by
            }
            fn power(self, exponent: $t) -> $t {
                self.powf(exponent)
            }
            #[inline(always)]
            fn squared_abs(self) -> $t {
                self * self
            }
            #[inline(always)]
            fn negated(self) -> $t {
                -self
            }
            #[inline(always)]
            fn sign(self) -> $t {
                match () {
                    () if self > Self::ZERO => Self::ONE,
                    () if self < Self::ZERO => -Self::ONE,
                    () => Self::ZERO,
                }
            }
        }
        impl Real for $t {
            #[inline(always)]
            fn magnitude(self) -> $t {
                self.abs()
            }
            #[inline(always)]
            fn floor_over(self, by: $t) -> $t {
                (self / by).floor()
            }
            fn floor_rem(self, by: $t) -> $t {
                float_floor_rem(self, by)
            }
            fn trunc_rem(self, by: $t) -> $t {
                self % by
            }
        }
    )* };
}
floats!(f32, f64);

macro_rules! halves {
    ($($t:ty),*) => { $(
        impl Arith for $t {
            fn over(self, by: $t) -> $t {
                self / by
            }
            fn power(self, exponent: $t) -> $t {
                Self::narrow(self.widen().powf(exponent.widen()))
            }
            fn squared_abs(self) -> $t {
                self * self
            }
            #[inline(always)]
            fn negated(self) -> $t {
                -self
            }
            #[inline(always)]
            fn sign(self) -> $t {
                match () {
                    () if self > Self::ZERO => Self::ONE,
                    () if self < Self::ZERO => -Self::ONE,
                    () => Self::ZERO,
                }
            }
        }
        impl Real for $t {
            #[inline(always)]
            fn magnitude(self) -> $t {
                Self::narrow(self.widen().abs())
            }
            fn floor_over(self, by: $t) -> $t {
                Self::narrow((self / by).widen().floor())
            }
            fn floor_rem(self, by: $t) -> $t {
                Self::narrow(float_floor_rem(self.widen(), by.widen()))
            }
            fn trunc_rem(self, by: $t) -> $t {
                Self::narrow(self.widen() % by.widen())
            }
        }
    )* };
}
halves!(f16, bf16);

macro_rules! complexes {
    ($($t:ty),*) => { $(
        impl Arith for Complex<$t> {
            fn over(self, by: Self) -> Self {
                self / by
            }
            fn power(self, exponent: Self) -> Self {
                self.powc(exponent)
            }
            fn squared_abs(self) -> Self {
                self * self.conj()
            }
            fn negated(self) -> Self {
                -self
            }
            fn sign(self) -> Self {
                if self == Self::ZERO { self } else { self / self.norm() }
            }
        }
    )* };
}
complexes!(f32, f64);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integer_division_wraps_and_rounds() {
        assert_eq!((i32::MIN.over(-1), i32::MIN.floor_over(-1), i32::MIN.floor_rem(-1)), (i32::MIN, i32::MIN, 0));
        assert_eq!([(-7).over(2), (-7).floor_over(2), 7.floor_over(-2), 7.floor_over(2)], [-3, -4, -4, 3]);
        assert_eq!([(-7).floor_rem(3), 7.floor_rem(-3), (-6).floor_rem(3), (-7).trunc_rem(3)], [2, -2, 0, -1]);
        assert_eq!((250u8.floor_over(9), 250u8.floor_rem(9)), (27, 7));
    }

    #[test]
    fn integer_powers_wrap() {
        assert_eq!((3i32.power(4), 0i32.power(0), (-2i64).power(3), 2i8.power(7)), (81, 1, -8, -128));
    }
}
