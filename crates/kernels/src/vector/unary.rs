//! The functions of one number.

use super::apply::{BLOCK, Function1, Map1};
use super::{formula, wide};
use crate::{Number, special};

/// A function of one number, by TensorFlow's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Unary {
    Abs,
    Acos,
    Acosh,
    Asin,
    Asinh,
    Atan,
    Atanh,
    Ceil,
    Cos,
    Cosh,
    Digamma,
    Elu,
    Erf,
    Erfc,
    Erfinv,
    Exp,
    Expm1,
    Floor,
    Lgamma,
    Log,
    Log1p,
    Ndtri,
    Neg,
    /// `1 / x`.
    Reciprocal,
    Relu,
    Relu6,
    /// Half to even.
    Rint,
    Rsqrt,
    Selu,
    /// `1 / (1 + exp(-x))`.
    Sigmoid,
    /// -1, 0 or 1; NaN gives 0.
    Sign,
    Sin,
    Sinh,
    /// `ln(1 + exp(x))`.
    Softplus,
    /// `x / (1 + |x|)`.
    Softsign,
    Sqrt,
    Square,
    Tan,
    Tanh,
    Trunc,
}

/// SELU's scale, and that times its alpha.
pub(super) const SELU_SCALE: f64 = 1.050_700_987_355_480_5;
pub(super) const SELU_SCALE_ALPHA: f64 = 1.758_099_340_847_376_8;

/// Defines the functions and the table of both dtypes: a name, then the formula in float32 and in float64.
macro_rules! unary {
    ($( $name:ident: |$x:ident| $f32:expr, $f64:expr; )*) => {
        $(
            pub(super) struct $name;
            impl Function1<f32> for $name {
                const IN_BLOCKS: bool = is_long(Unary::$name);
                const IS_VECTOR: bool = !calls(Unary::$name);
                #[inline(always)]
                fn at<const FMA: bool>($x: f32) -> f32 {
                    $f32
                }
            }
            impl Function1<f64> for $name {
                // What is long in float32 is a call of the C library in float64.
                const IS_VECTOR: bool = !calls(Unary::$name) && !is_long(Unary::$name);
                #[inline(always)]
                fn at<const FMA: bool>($x: f64) -> f64 {
                    $f64
                }
            }
        )*
        impl Unary {
            /// The float32 loops for this CPU.
            pub fn f32(self) -> Map1<f32> {
                match self {
                    Unary::Sin => Map1::of::<Sin>(),
                    Unary::Cos => Map1::of::<Cos>(),
                    $( Unary::$name => Map1::of::<$name>(), )*
                }
            }

            /// The float64 loops for this CPU.
            pub fn f64(self) -> Map1<f64> {
                match self {
                    Unary::Sin => Map1::of::<Sin>(),
                    Unary::Cos => Map1::of::<Cos>(),
                    $( Unary::$name => Map1::of::<$name>(), )*
                }
            }

            /// Every function, for tests over the whole table.
            pub const ALL: &[Unary] = &[Unary::Sin, Unary::Cos, $( Unary::$name ),*];
        }
    };
}
unary! {
    Abs: |x| x.abs(), x.abs();
    Acos: |x| through(x, f64::acos), x.acos();
    Acosh: |x| through(x, libm::acosh), libm::acosh(x);
    Asin: |x| through(x, f64::asin), x.asin();
    Asinh: |x| through(x, libm::asinh), libm::asinh(x);
    Atan: |x| through(x, f64::atan), x.atan();
    Atanh: |x| through(x, libm::atanh), libm::atanh(x);
    Ceil: |x| x.ceil(), x.ceil();
    Cosh: |x| through(x, f64::cosh), x.cosh();
    Digamma: |x| through(x, special::digamma), special::digamma(x);
    Elu: |x| if x < 0.0 { formula::expm1::<FMA>(x) } else { x }, if x < 0.0 { x.exp_m1() } else { x };
    Erf: |x| wide::erf::<FMA>(x), special::erf(x);
    Erfc: |x| through(x, special::erfc), special::erfc(x);
    Erfinv: |x| through(x, special::erfinv), special::erfinv(x);
    Exp: |x| formula::exp::<FMA>(x), x.exp();
    Expm1: |x| formula::expm1::<FMA>(x), x.exp_m1();
    Floor: |x| x.floor(), x.floor();
    Lgamma: |x| through(x, special::lgamma), special::lgamma(x);
    Log: |x| formula::ln::<FMA>(x), x.ln();
    Log1p: |x| formula::ln_1p::<FMA>(x), x.ln_1p();
    Ndtri: |x| through(x, special::ndtri), special::ndtri(x);
    Neg: |x| -x, -x;
    Reciprocal: |x| 1.0 / x, 1.0 / x;
    Relu: |x| x.relu(), x.relu();
    Relu6: |x| x.relu6(), x.relu6();
    Rint: |x| x.round_ties_even(), x.round_ties_even();
    Rsqrt: |x| 1.0 / x.sqrt(), 1.0 / x.sqrt();
    Selu: |x|
        if x < 0.0 { SELU_SCALE_ALPHA as f32 * formula::expm1::<FMA>(x) } else { SELU_SCALE as f32 * x },
        if x < 0.0 { SELU_SCALE_ALPHA * x.exp_m1() } else { SELU_SCALE * x };
    Sigmoid: |x| formula::sigmoid::<FMA>(x), sigmoid(x);
    Sign: |x| sign(x > 0.0, x < 0.0) as f32, sign(x > 0.0, x < 0.0) as f64;
    Sinh: |x| through(x, f64::sinh), x.sinh();
    Softplus: |x| formula::softplus::<FMA>(x), softplus(x);
    Softsign: |x| x / (1.0 + x.abs()), x / (1.0 + x.abs());
    Sqrt: |x| x.sqrt(), x.sqrt();
    Square: |x| x * x, x * x;
    Tan: |x| through(x, f64::tan), x.tan();
    Tanh: |x| formula::tanh::<FMA>(x), x.tanh();
    Trunc: |x| x.trunc(), x.trunc();
}

/// The angle functions: formulas for most arguments, the standard library for huge ones.
macro_rules! angles {
    ($($name:ident: $formula:expr, $std:expr;)*) => { $(
        pub(super) struct $name;
        impl Function1<f32> for $name {
            const IN_BLOCKS: bool = true;
            #[inline(always)]
            fn at<const FMA: bool>(x: f32) -> f32 {
                $formula(x)
            }
            #[inline(always)]
            fn repair(x: &[f32; BLOCK], y: &mut [f32; BLOCK]) {
                if x.iter().fold(false, |any, x| any | (x.abs() > wide::LARGE_ANGLE)) {
                    repair_large(x, y, $std);
                }
            }
        }
        impl Function1<f64> for $name {
            const IS_VECTOR: bool = false;
            #[inline(always)]
            fn at<const FMA: bool>(x: f64) -> f64 {
                $std(x)
            }
        }
    )* };
}
angles! {
    Sin: wide::sin::<FMA>, f64::sin;
    Cos: wide::cos::<FMA>, f64::cos;
}

/// The formulas of float32 that take more than ten instructions.
const fn is_long(f: Unary) -> bool {
    use Unary::*;
    matches!(f, Elu | Erf | Exp | Expm1 | Log | Log1p | Selu | Sigmoid | Softplus | Tanh)
}

/// The functions that call another one for each element, in both dtypes, and are as fast without vector instructions
/// (benches/vector.rs).
const fn calls(f: Unary) -> bool {
    use Unary::*;
    matches!(f, Acos | Acosh | Asin | Asinh | Atan | Atanh | Cosh | Erfc | Lgamma | Sinh | Tan)
}

#[cold]
fn repair_large(x: &[f32; BLOCK], y: &mut [f32; BLOCK], f: fn(f64) -> f64) {
    for (x, y) in x.iter().zip(y).filter(|(x, _)| x.abs() > wide::LARGE_ANGLE) {
        *y = f(f64::from(*x)) as f32;
    }
}

/// A float32 function by way of float64: rounded nearly always to the nearest.
#[inline(always)]
fn through(x: f32, f: fn(f64) -> f64) -> f32 {
    f(f64::from(x)) as f32
}

#[inline(always)]
fn sign(positive: bool, negative: bool) -> i8 {
    positive as i8 - negative as i8
}

#[inline(always)]
pub(super) fn sigmoid(x: f64) -> f64 {
    let e = (-x.abs()).exp();
    (if x < 0.0 { e } else { 1.0 }) / (1.0 + e)
}

#[inline(always)]
fn softplus(x: f64) -> f64 {
    (if x > 0.0 || x.is_nan() { x } else { 0.0 }) + (-x.abs()).exp().ln_1p()
}
