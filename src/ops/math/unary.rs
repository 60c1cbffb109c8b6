//! Functions of one tensor, element by element: one op, [`Unary`], for all of them.

use std::sync::Arc;

use num_traits::Float;

use super::activation;
use super::dtypes::{Dtypes, check_dtype, unsupported};
use super::elementwise::{map, map_to};
use super::inexact::Inexact;
use super::scalar::{Arith, Real};
use super::{sizes, slopes, vector};
use crate::dtype::DType;
use crate::error::Result;
use crate::graph::{Example, GradCx, InferCx, Op, OpKind, RunCx, Tensor};
use crate::kernel::{Number, special};
use crate::value::{IntoValue, Value};
use crate::with_type;

/// A function of one tensor, element by element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unary {
    /// Which one.
    pub f: UnaryOp,
}

/// Makes the enum, the rows and the table: variant, row, TensorFlow's name, older names, signature, dtypes.
macro_rules! functions {
    ($( $(#[$doc:meta])* $variant:ident $row:ident $name:literal [$($alias:literal),*] $args:literal $dtypes:ident; )*) => {
        /// The functions of [`Unary`].
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum UnaryOp { $( $(#[$doc])* $variant, )* }

        $(
            #[doc = concat!("The row of [`UnaryOp::", stringify!($variant), "`].")]
            pub static $row: OpKind = OpKind::new(
                $name,
                $args,
                |_| Ok(Arc::new(Unary { f: UnaryOp::$variant })),
                || examples(UnaryOp::$variant),
            )
            .aliases(&[$($alias),*]);
        )*

        /// The rows of this file.
        pub(in crate::ops) static OPS: &[&OpKind] = &[$(&$row),*];

        impl UnaryOp {
            /// The row.
            pub fn kind(self) -> &'static OpKind {
                match self { $( UnaryOp::$variant => &$row, )* }
            }

            fn dtypes(self) -> Dtypes {
                match self { $( UnaryOp::$variant => Dtypes::$dtypes, )* }
            }
        }
    };
}

functions! {
    /// The absolute value.
    Abs ABS "Abs" [] "x: T -> y: T" Reals;
    /// `-x`.
    Neg NEG "Neg" [] "x: T -> y: T" Numbers;
    /// 1, 0 or -1; of a complex number `x / |x|`.
    Sign SIGN "Sign" [] "x: T -> y: T" Numbers;
    /// `1 / x`.
    Reciprocal RECIPROCAL "Reciprocal" ["Inv"] "x: T -> y: T" Inexact;
    /// `x * x`.
    Square SQUARE "Square" [] "x: T -> y: T" Numbers;
    /// The square root.
    Sqrt SQRT "Sqrt" [] "x: T -> y: T" Inexact;
    /// `1 / sqrt(x)`.
    Rsqrt RSQRT "Rsqrt" [] "x: T -> y: T" Inexact;
    /// `e` to the power `x`.
    Exp EXP "Exp" [] "x: T -> y: T" Inexact;
    /// `exp(x) - 1`, precise near 0.
    Expm1 EXPM1 "Expm1" [] "x: T -> y: T" Inexact;
    /// The natural logarithm.
    Log LOG "Log" [] "x: T -> y: T" Inexact;
    /// `log(1 + x)`, precise near 0.
    Log1p LOG1P "Log1p" [] "x: T -> y: T" Inexact;
    /// The sine.
    Sin SIN "Sin" [] "x: T -> y: T" Inexact;
    /// The cosine.
    Cos COS "Cos" [] "x: T -> y: T" Inexact;
    /// The tangent.
    Tan TAN "Tan" [] "x: T -> y: T" Inexact;
    /// The inverse of the sine.
    Asin ASIN "Asin" [] "x: T -> y: T" Inexact;
    /// The inverse of the cosine.
    Acos ACOS "Acos" [] "x: T -> y: T" Inexact;
    /// The inverse of the tangent.
    Atan ATAN "Atan" [] "x: T -> y: T" Inexact;
    /// The hyperbolic sine.
    Sinh SINH "Sinh" [] "x: T -> y: T" Inexact;
    /// The hyperbolic cosine.
    Cosh COSH "Cosh" [] "x: T -> y: T" Inexact;
    /// The hyperbolic tangent.
    Tanh TANH "Tanh" [] "x: T -> y: T" Inexact;
    /// The inverse of the hyperbolic sine.
    Asinh ASINH "Asinh" [] "x: T -> y: T" Inexact;
    /// The inverse of the hyperbolic cosine.
    Acosh ACOSH "Acosh" [] "x: T -> y: T" Inexact;
    /// The inverse of the hyperbolic tangent.
    Atanh ATANH "Atanh" [] "x: T -> y: T" Inexact;
    /// Rounded down.
    Floor FLOOR "Floor" [] "x: T -> y: T" Floats;
    /// Rounded up.
    Ceil CEIL "Ceil" [] "x: T -> y: T" Floats;
    /// Rounded to the nearest integer, halves to the even one.
    Round ROUND "Round" [] "x: T -> y: T" Reals;
    /// Rounded to the nearest integer, halves to the even one; floats only.
    Rint RINT "Rint" [] "x: T -> y: T" Floats;
    /// Whether it is NaN.
    IsNan IS_NAN "IsNan" [] "x: T -> y: bool" Floats;
    /// Whether it is infinite.
    IsInf IS_INF "IsInf" [] "x: T -> y: bool" Floats;
    /// Whether it is neither infinite nor NaN.
    IsFinite IS_FINITE "IsFinite" [] "x: T -> y: bool" Floats;
    /// Whether it is false.
    LogicalNot LOGICAL_NOT "LogicalNot" [] "x: bool -> y: bool" Bools;
    /// All bits changed.
    Invert INVERT "Invert" [] "x: T -> y: T" Ints;
    /// The complex conjugate.
    Conj CONJ "Conj" [] "input: T -> output: T" Complex;
    /// The logarithm of the absolute value of the gamma function; infinite at 0, -1, -2, ...
    Lgamma LGAMMA "Lgamma" [] "x: T -> y: T" Floats;
    /// The slope of `Lgamma`; infinite at 0, -1, -2, ...
    Digamma DIGAMMA "Digamma" [] "x: T -> y: T" Floats;
    /// The error function.
    Erf ERF "Erf" [] "x: T -> y: T" Floats;
    /// `1 - erf(x)`, precise where it is small.
    Erfc ERFC "Erfc" [] "x: T -> y: T" Floats;
    /// The inverse of the error function.
    Erfinv ERFINV "Erfinv" [] "x: T -> y: T" Floats;
    /// The quantile of the normal distribution.
    Ndtri NDTRI "Ndtri" [] "x: T -> y: T" Floats;
    /// The modified Bessel function of the first kind and order 0, times `exp(-|x|)`.
    BesselI0e BESSEL_I0E "BesselI0e" [] "x: T -> y: T" Floats;
    /// The modified Bessel function of the first kind and order 1, times `exp(-|x|)`.
    BesselI1e BESSEL_I1E "BesselI1e" [] "x: T -> y: T" Floats;
    /// `1 / (1 + exp(-x))`.
    Sigmoid SIGMOID "Sigmoid" [] "x: T -> y: T" Inexact;
    /// `log(exp(x) + 1)`.
    Softplus SOFTPLUS "Softplus" [] "features: T -> activations: T" Floats;
    /// `x / (|x| + 1)`.
    Softsign SOFTSIGN "Softsign" [] "features: T -> activations: T" Floats;
    /// `max(x, 0)`.
    Relu RELU "Relu" [] "features: T -> activations: T" Reals;
    /// `min(max(x, 0), 6)`.
    Relu6 RELU6 "Relu6" [] "features: T -> activations: T" Reals;
    /// `exp(x) - 1` below 0, `x` elsewhere.
    Elu ELU "Elu" [] "features: T -> activations: T" Floats;
    /// The exponential linear unit, scaled so that layers keep mean 0 and variance 1.
    Selu SELU "Selu" [] "features: T -> activations: T" Floats;
}

impl UnaryOp {
    /// Whether the result is bool, whatever the operand is.
    pub fn is_test(self) -> bool {
        matches!(self, UnaryOp::IsNan | UnaryOp::IsInf | UnaryOp::IsFinite)
    }
}

impl Op for Unary {
    fn kind(&self) -> &'static OpKind {
        self.f.kind()
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        check_dtype(self.f.dtypes(), cx.dtype(0))?;
        let sizes = if self.f == UnaryOp::Neg { sizes::negated(cx) } else { None };
        let dtype = if self.f.is_test() { DType::Bool } else { cx.dtype(0) };
        cx.output(dtype, cx.shape(0)).sizes = sizes;
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        run(self.f, cx.input(0).dtype(), cx)
    }

    fn grad(&self, cx: &GradCx<'_>) -> Result<Vec<Option<Tensor>>> {
        Ok(vec![slopes::unary(self.f, cx)?])
    }
}

fn run(f: UnaryOp, dtype: DType, cx: &mut RunCx<'_>) -> Result<()> {
    use UnaryOp::*;
    macro_rules! map {
        ($T:ident in $group:ident => $f:expr) => {
            with_type!(dtype, $T in $group => map::<$T>(cx, $f), else => Err(unsupported(dtype)))
        };
    }
    /// Of floats, computed in float32 or wider.
    macro_rules! wide {
        ($f:expr) => { map!(T in floats => |x: T| T::narrow($f(x.widen()))) };
    }
    /// The same of halves, behind the table of vector kernels.
    macro_rules! narrow {
        ($f:expr) => { map!(T in floats_but_wide => |x: T| T::narrow($f(x.widen()))) };
    }
    macro_rules! test {
        ($T:ident => $f:expr) => {
            with_type!(dtype, $T in floats => map_to::<$T, bool>(cx, $f), else => Err(unsupported(dtype)))
        };
    }
    if let Some(done) = vector::unary(f).and_then(|f| vector::run_one(f, dtype, cx)) {
        return done;
    }
    match f {
        Abs => map!(T in reals_but_wide => T::magnitude),
        Neg => map!(T in numbers_but_wide => T::negated),
        Sign => map!(T in numbers_but_wide => Arith::sign),
        Reciprocal => map!(T in inexact_but_wide => |x: T| T::ONE.over(x)),
        Square => map!(T in numbers_but_wide => |x: T| x.times(x)),
        Sqrt => map!(T in inexact_but_wide => <T as Inexact>::sqrt),
        Rsqrt => map!(T in inexact_but_wide => |x: T| T::ONE.over(Inexact::sqrt(x))),
        Exp => map!(T in inexact_but_wide => <T as Inexact>::exp),
        Expm1 => map!(T in inexact_but_wide => <T as Inexact>::expm1),
        Log => map!(T in inexact_but_wide => <T as Inexact>::log),
        Log1p => map!(T in inexact_but_wide => <T as Inexact>::log1p),
        Sin => map!(T in inexact_but_wide => <T as Inexact>::sin),
        Cos => map!(T in inexact_but_wide => <T as Inexact>::cos),
        Tan => map!(T in inexact_but_wide => <T as Inexact>::tan),
        Asin => map!(T in inexact_but_wide => <T as Inexact>::asin),
        Acos => map!(T in inexact_but_wide => <T as Inexact>::acos),
        Atan => map!(T in inexact_but_wide => <T as Inexact>::atan),
        Sinh => map!(T in inexact_but_wide => <T as Inexact>::sinh),
        Cosh => map!(T in inexact_but_wide => <T as Inexact>::cosh),
        Tanh => map!(T in inexact_but_wide => <T as Inexact>::tanh),
        Asinh => map!(T in inexact_but_wide => <T as Inexact>::asinh),
        Acosh => map!(T in inexact_but_wide => <T as Inexact>::acosh),
        Atanh => map!(T in inexact_but_wide => <T as Inexact>::atanh),
        Floor => narrow!(Float::floor),
        Ceil => narrow!(Float::ceil),
        Round if dtype.is_integer() => {
            let whole = cx.take(0);
            cx.output(0, whole);
            Ok(())
        }
        Round | Rint => map!(T in floats_but_wide => |x: T| T::narrow(x.widen().round_ties_even())),
        IsNan => test!(T => |x: T| x.is_nan()),
        IsInf => test!(T => |x: T| x.is_infinite()),
        IsFinite => test!(T => |x: T| x.is_finite()),
        LogicalNot => map(cx, |x: bool| !x),
        Invert => map!(T in ints => |x: T| !x),
        Conj => match dtype {
            DType::C64 => map(cx, |x: num_complex::Complex<f32>| x.conj()),
            _ => map(cx, |x: num_complex::Complex<f64>| x.conj()),
        },
        Lgamma => narrow!(|x| through(special::lgamma, x)),
        Digamma => narrow!(|x| through(special::digamma, x)),
        Erf => narrow!(|x| through(special::erf, x)),
        Erfc => narrow!(|x| through(special::erfc, x)),
        Erfinv => wide!(|x| through(special::erfinv, x)),
        Ndtri => wide!(|x| through(special::ndtri, x)),
        BesselI0e => wide!(|x| through(special::bessel_i0e, x)),
        BesselI1e => wide!(|x| through(special::bessel_i1e, x)),
        Sigmoid => map!(T in inexact_but_wide => <T as Inexact>::sigmoid),
        Softplus => narrow!(activation::softplus),
        Softsign => narrow!(activation::softsign),
        Relu => map!(T in reals_but_wide => T::relu),
        Relu6 => map!(T in reals_but_wide => T::relu6),
        Elu => narrow!(activation::elu),
        Selu => narrow!(activation::selu),
    }
}

/// A function of float64 for another float.
fn through<F: Float>(f: fn(f64) -> f64, x: F) -> F {
    activation::lit(f(x.to_f64().expect("floats are float64 or narrower")))
}

fn examples(f: UnaryOp) -> Vec<Example> {
    let mut all = Vec::new();
    let mut add = |value: Value| all.push(Example::new(Unary { f }, [value]));
    let dtypes = f.dtypes();
    if dtypes.contains(DType::F32) {
        add([[0.5f32, 1.5, -2.0], [0.25, 7.0, -0.5]].into_value());
        add(Value::zeros(DType::F64, &[0, 2]).expect("no elements fit"));
        add(half::f16::from_f32(0.5).into_value());
    }
    if dtypes.contains(DType::I32) {
        add([7i32, -3, 0].into_value());
        add(5i64.into_value());
    }
    if dtypes.contains(DType::C64) {
        add([num_complex::Complex::new(0.5f32, -1.0)].into_value());
    }
    if dtypes.contains(DType::Bool) {
        add([true, false].into_value());
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{infer_err, infer_ok, run_op};

    #[track_caller]
    fn check(f: UnaryOp, x: impl IntoValue, want: &str) {
        let out = run_op(Unary { f }, &[x.into_value()]).unwrap_or_else(|error| panic!("{f:?}: {error}"));
        assert_eq!(out[0].to_string(), want, "{f:?}");
    }

    #[test]
    fn shapes_and_dtypes_stay_but_for_tests() {
        infer_ok(&Unary { f: UnaryOp::Relu }, "int8(?,3)", "(?,3)");
        infer_ok(&Unary { f: UnaryOp::IsNan }, "<unknown>", "<unknown>");
        infer_err(&Unary { f: UnaryOp::Exp }, "int32(2)", "this op is not for int32");
    }

    #[test]
    fn results_are_those_of_tensorflow() {
        check(UnaryOp::Sign, [f32::NAN, -0.0, f32::NEG_INFINITY], "[ 0.  0. -1.]");
        check(UnaryOp::Round, [0.5f32, 1.5, 2.5, -2.5], "[ 0.  2.  2. -2.]");
        check(UnaryOp::Round, [7i32, -7], "[ 7 -7]");
        check(UnaryOp::Relu, [f32::NAN, -1.0, 2.0], "[nan  0.  2.]");
        check(UnaryOp::Abs, [i32::MIN, -3], "[-2147483648           3]");
        check(UnaryOp::Softplus, [-200f32, 0.0, 100.0], "[  0.          0.6931472 100.       ]");
        check(UnaryOp::Selu, [-1f32, 2.0], "[-1.1113307  2.101402 ]");
        check(UnaryOp::Sigmoid, [0f64, 1.0], "[0.5        0.73105858]");
        check(UnaryOp::Invert, [5u8, 255], "[250   0]");
    }
}
