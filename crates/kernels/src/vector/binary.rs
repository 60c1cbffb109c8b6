//! The functions of two numbers.

use super::apply::{Function2, Map2};
use super::unary::SELU_SCALE;
use super::unary::SELU_SCALE_ALPHA;
use super::wide;
use crate::special;

/// A function of two numbers, by TensorFlow's name. The gradients take the function's result or argument first, as
/// told, and what flows back second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Binary {
    Add,
    Atan2,
    Div,
    /// `x / y`; 0 where `y` is 0.
    DivNoNan,
    /// The quotient rounded down.
    FloorDiv,
    /// The remainder of `FloorDiv`, with the divisor's sign.
    FloorMod,
    Igamma,
    Igammac,
    /// `x`, times `y` where it is not positive.
    LeakyRelu,
    /// The larger; the first where neither is.
    Max,
    /// The smaller; the first where neither is.
    Min,
    Mul,
    /// `x * y`; 0 where `y` is 0.
    MulNoNan,
    Polygamma,
    /// `x^y`.
    Pow,
    SquaredDifference,
    Sub,
    /// The remainder of the quotient rounded towards 0, with the dividend's sign.
    TruncMod,
    /// `x / y`; 0 where `x` is 0.
    Xdivy,
    /// `x ln y`; 0 where `x` is 0.
    Xlogy,
    Zeta,
    /// Of `y = elu(x)`.
    EluGrad,
    /// Of `y = 1 / x`.
    ReciprocalGrad,
    /// Of the argument, or of the result.
    Relu6Grad,
    /// Of the argument, or of the result.
    ReluGrad,
    /// Of `y = rsqrt(x)`.
    RsqrtGrad,
    /// Of `y = selu(x)`.
    SeluGrad,
    /// Of `y = sigmoid(x)`.
    SigmoidGrad,
    /// Of the argument.
    SoftplusGrad,
    /// Of the argument.
    SoftsignGrad,
    /// Of `y = sqrt(x)`.
    SqrtGrad,
    /// Of `y = tanh(x)`.
    TanhGrad,
}

/// Defines the functions and the table of both dtypes: a name, then one formula for both, or one for each.
macro_rules! binary {
    (@at $t:ident, $name:ident, $x:ident, $y:ident, $body:expr) => {
        impl Function2<$t> for $name {
            const IN_BLOCKS: bool = size_of::<$t>() == 4 && is_long(Binary::$name);
            // What is long in float32 is a call of the C library in float64.
            const IS_VECTOR: bool = !calls(Binary::$name) && (size_of::<$t>() == 4 || !is_long(Binary::$name));
            #[inline(always)]
            fn at<const FMA: bool>($x: $t, $y: $t) -> $t {
                $body
            }
        }
    };
    (@both $name:ident, $x:ident, $y:ident, $body:expr) => {
        binary!(@at f32, $name, $x, $y, $body);
        binary!(@at f64, $name, $x, $y, $body);
    };
    (@both $name:ident, $x:ident, $y:ident, $f32:expr, $f64:expr) => {
        binary!(@at f32, $name, $x, $y, $f32);
        binary!(@at f64, $name, $x, $y, $f64);
    };
    ($( $name:ident: |$x:ident, $y:ident| $body:expr $(, $f64:expr)?; )*) => {
        $(
            struct $name;
            binary!(@both $name, $x, $y, $body $(, $f64)?);
        )*
        impl Binary {
            /// The float32 loops for this CPU.
            pub fn f32(self) -> Map2<f32> {
                match self {
                    $( Binary::$name => Map2::of::<$name>(), )*
                }
            }

            /// The float64 loops for this CPU.
            pub fn f64(self) -> Map2<f64> {
                match self {
                    $( Binary::$name => Map2::of::<$name>(), )*
                }
            }

            /// Every function, for tests over the whole table.
            pub const ALL: &[Binary] = &[$( Binary::$name ),*];
        }
    };
}
/// The formulas of float32 that take more than ten instructions.
const fn is_long(f: Binary) -> bool {
    matches!(f, Binary::Pow | Binary::SoftplusGrad | Binary::Xlogy)
}

/// The functions that call another one for each element, in both dtypes, and are as fast without vector instructions
/// (benches/vector.rs).
const fn calls(f: Binary) -> bool {
    use Binary::*;
    matches!(f, Atan2 | Igamma | Igammac | Polygamma | Zeta)
}

binary! {
    Add: |x, y| x + y;
    Atan2: |x, y| f64::from(x).atan2(f64::from(y)) as f32, x.atan2(y);
    Div: |x, y| x / y;
    DivNoNan: |x, y| if y == 0.0 { 0.0 } else { x / y };
    FloorDiv: |x, y| (x / y).floor();
    FloorMod: |x, y| {
        let rest = x % y;
        if rest != 0.0 && (y < 0.0) != (rest < 0.0) { rest + y } else { rest }
    };
    Igamma: |x, y| special::igamma(f64::from(x), f64::from(y)) as f32, special::igamma(x, y);
    Igammac: |x, y| special::igammac(f64::from(x), f64::from(y)) as f32, special::igammac(x, y);
    LeakyRelu: |x, y| if x > 0.0 { x } else { x * y };
    Max: |x, y| if x < y { y } else { x };
    Min: |x, y| if y < x { y } else { x };
    Mul: |x, y| x * y;
    MulNoNan: |x, y| if y == 0.0 { 0.0 } else { x * y };
    Polygamma: |x, y| special::polygamma(f64::from(x), f64::from(y)) as f32, special::polygamma(x, y);
    Pow: |x, y| wide::pow::<FMA>(x, y), x.powf(y);
    SquaredDifference: |x, y| (x - y) * (x - y);
    Sub: |x, y| x - y;
    TruncMod: |x, y| x % y;
    Xdivy: |x, y| if x == 0.0 { 0.0 } else { x / y };
    Xlogy: |x, y|
        if x == 0.0 { 0.0 } else { x * super::formula::ln::<FMA>(y) },
        if x == 0.0 { 0.0 } else { x * y.ln() };
    Zeta: |x, y| special::zeta(f64::from(x), f64::from(y)) as f32, special::zeta(x, y);
    EluGrad: |y, back| if y < 0.0 { (y + 1.0) * back } else { back };
    // Nothing from above stays nothing, also where the function has no slope.
    ReciprocalGrad: |y, back| if back == 0.0 { 0.0 } else { -back * y * y };
    Relu6Grad: |x, back| back * (if x > 0.0 && x < 6.0 { 1.0 } else { 0.0 });
    ReluGrad: |x, back| back * (if x > 0.0 { 1.0 } else { 0.0 });
    RsqrtGrad: |y, back| if back == 0.0 { 0.0 } else { -0.5 * back * (y * y * y) };
    SeluGrad: |y, back|
        back * (if y < 0.0 { y + SELU_SCALE_ALPHA as f32 } else { SELU_SCALE as f32 }),
        back * (if y < 0.0 { y + SELU_SCALE_ALPHA } else { SELU_SCALE });
    SigmoidGrad: |y, back| back * (1.0 - y) * y;
    SoftplusGrad: |x, back|
        back / (super::formula::exp::<FMA>(-x) + 1.0),
        back / ((-x).exp() + 1.0);
    SoftsignGrad: |x, back| back / ((1.0 + x.abs()) * (1.0 + x.abs()));
    SqrtGrad: |y, back| if back == 0.0 { 0.0 } else { 0.5 * back / y };
    TanhGrad: |y, back| back * (1.0 - y * y);
}
