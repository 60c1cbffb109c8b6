//! Functions that floats and complex numbers have: logarithms, roots, angles.

use half::{bf16, f16};
use num_complex::Complex;

use super::scalar::Arith;
use crate::kernel::Number;

/// Floats and complex numbers: what has logarithms, roots and angles.
pub(super) trait Inexact: Arith {
    /// 0.5.
    const HALF: Self;
    /// The complex conjugate; of a float itself.
    fn conjugate(self) -> Self;
    /// The natural logarithm.
    fn log(self) -> Self;
    /// `e` to the power.
    fn exp(self) -> Self;
    /// `exp(x) - 1`, precise near 0.
    fn expm1(self) -> Self;
    /// `log(1 + x)`, precise near 0.
    fn log1p(self) -> Self;
    /// The square root.
    fn sqrt(self) -> Self;
    /// The sine; the angle is in radians, as in the following.
    fn sin(self) -> Self;
    /// The cosine.
    fn cos(self) -> Self;
    /// The tangent.
    fn tan(self) -> Self;
    /// The angle whose sine it is.
    fn asin(self) -> Self;
    /// The angle whose cosine it is.
    fn acos(self) -> Self;
    /// The angle whose tangent it is.
    fn atan(self) -> Self;
    /// The hyperbolic sine.
    fn sinh(self) -> Self;
    /// The hyperbolic cosine.
    fn cosh(self) -> Self;
    /// The hyperbolic tangent.
    fn tanh(self) -> Self;
    /// The inverse of `sinh`.
    fn asinh(self) -> Self;
    /// The inverse of `cosh`.
    fn acosh(self) -> Self;
    /// The inverse of `tanh`.
    fn atanh(self) -> Self;
    /// `1 / (1 + exp(-x))`.
    fn sigmoid(self) -> Self {
        Self::ONE.over(Self::ONE.plus(Self::ZERO.minus(self).exp()))
    }
}

/// Calls `$do!(name method there)` for what the standard library and `num_complex` have under one name.
macro_rules! each_function {
    ($do:ident) => {
        $do!(log ln, exp exp, sqrt sqrt, sin sin, cos cos, tan tan, asin asin, acos acos, atan atan, sinh sinh, cosh cosh,
            tanh tanh, asinh asinh, acosh acosh);
    };
}

macro_rules! own_functions {
    ($($name:ident $method:ident),*) => { $(
        #[inline]
        fn $name(self) -> Self {
            self.$method()
        }
    )* };
}

macro_rules! wider_functions {
    ($($name:ident $method:ident),*) => { $(
        #[inline]
        fn $name(self) -> Self {
            Self::narrow(self.widen().$method())
        }
    )* };
}

macro_rules! floats {
    ($($t:ty),*) => { $(
        impl Inexact for $t {
            const HALF: Self = 0.5;
            #[inline(always)]
            fn conjugate(self) -> Self {
                self
            }
            each_function!(own_functions);
            own_functions!(atanh atanh, expm1 exp_m1, log1p ln_1p);
        }
    )* };
}
floats!(f32, f64);

macro_rules! halves {
    ($($t:ty),*) => { $(
        impl Inexact for $t {
            const HALF: Self = <$t>::from_f32_const(0.5);
            #[inline(always)]
            fn conjugate(self) -> Self {
                self
            }
            each_function!(wider_functions);
            wider_functions!(atanh atanh, expm1 exp_m1, log1p ln_1p, sigmoid sigmoid);
        }
    )* };
}
halves!(f16, bf16);

macro_rules! complexes {
    ($($t:ty),*) => { $(
        impl Inexact for Complex<$t> {
            const HALF: Self = Complex::new(0.5, 0.0);
            #[inline(always)]
            fn conjugate(self) -> Self {
                self.conj()
            }
            each_function!(own_functions);
            /// The imaginary part has the sign of the number's: on the cut a sum of logarithms loses that of a zero.
            fn atanh(self) -> Self {
                let root = Complex::atanh(self);
                Complex::new(root.re, root.im.abs().copysign(self.im))
            }
            /// Kahan's correction of the difference by the rounding error of the exponential.
            fn expm1(self) -> Self {
                let power = self.exp();
                let (less, log) = (power - Self::ONE, power.ln());
                match () {
                    () if power == Self::ONE => self,
                    () if less == -Self::ONE => less,
                    () => less * self / log,
                }
            }
            /// Kahan's correction of the logarithm by the rounding error of the sum.
            fn log1p(self) -> Self {
                let sum = self + Self::ONE;
                if sum == Self::ONE { self } else { self * sum.ln() / (sum - Self::ONE) }
            }
        }
    )* };
}
complexes!(f32, f64);

#[cfg(test)]
mod tests {
    use super::*;

    /// As TensorFlow 1.15.5.
    #[test]
    fn branch_cuts_of_atanh_lie_on_the_side_of_the_zero() {
        let check = |re: f64, im: f64, want: (f64, f64)| {
            let got = Inexact::atanh(Complex::new(re, im));
            assert!((got.re - want.0).abs() < 1e-8 && (got.im - want.1).abs() < 1e-8, "{re} {im}: {got}");
        };
        check(3.0, 0.0, (0.34657359, std::f64::consts::FRAC_PI_2));
        check(3.0, -0.0, (0.34657359, -std::f64::consts::FRAC_PI_2));
        check(-3.0, 0.0, (-0.34657359, std::f64::consts::FRAC_PI_2));
        check(-2.0, 1.0, (-0.40235948, 1.33897252));
        check(0.5, 0.0, (0.54930614, 0.0));
    }
}
