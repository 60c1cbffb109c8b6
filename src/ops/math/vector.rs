//! Which vector kernel computes an op's function of float32 and float64: the one place where functions of elements go to
//! vector instructions, alone or in a fused chain.

use super::binary::BinaryOp;
use super::elementwise::{map_vector, map2_vector};
use super::unary::UnaryOp;
use super::unary_grad::UnaryGradOp;
use crate::dtype::DType;
use crate::error::Result;
use crate::graph::RunCx;
use crate::kernel::vector::{Binary, Unary};

/// A kernel of two operands, and whether it takes the op's second input first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::ops) struct Pair {
    /// The kernel.
    pub f: Binary,
    /// Its first operand is the op's second input.
    pub swapped: bool,
}

/// The kernel of a function of one tensor.
pub(in crate::ops) fn unary(f: UnaryOp) -> Option<Unary> {
    macro_rules! table {
        ($($op:ident $kernel:ident),* $(,)?) => {
            match f {
                $( UnaryOp::$op => Some(Unary::$kernel), )*
                _ => None,
            }
        };
    }
    table!(
        Abs Abs, Neg Neg, Sign Sign, Reciprocal Reciprocal, Square Square, Sqrt Sqrt, Rsqrt Rsqrt, Exp Exp, Expm1 Expm1,
        Log Log, Log1p Log1p, Sin Sin, Cos Cos, Tan Tan, Asin Asin, Acos Acos, Atan Atan, Sinh Sinh, Cosh Cosh,
        Tanh Tanh, Asinh Asinh, Acosh Acosh, Atanh Atanh, Floor Floor, Ceil Ceil, Round Rint, Rint Rint,
        Sigmoid Sigmoid, Softplus Softplus, Softsign Softsign, Relu Relu, Relu6 Relu6, Elu Elu, Selu Selu,
        Lgamma Lgamma, Digamma Digamma, Erf Erf, Erfc Erfc,
    )
}

/// The kernel of a function of two tensors.
pub(in crate::ops) fn binary(f: BinaryOp) -> Option<Pair> {
    let f = match f {
        BinaryOp::Add => Binary::Add,
        BinaryOp::Sub => Binary::Sub,
        BinaryOp::Mul => Binary::Mul,
        BinaryOp::Div | BinaryOp::RealDiv => Binary::Div,
        BinaryOp::FloorDiv => Binary::FloorDiv,
        BinaryOp::FloorMod => Binary::FloorMod,
        BinaryOp::TruncateMod => Binary::TruncMod,
        BinaryOp::Pow => Binary::Pow,
        BinaryOp::Maximum => Binary::Max,
        BinaryOp::Minimum => Binary::Min,
        BinaryOp::SquaredDifference => Binary::SquaredDifference,
        BinaryOp::Atan2 => Binary::Atan2,
        BinaryOp::DivNoNan => Binary::DivNoNan,
        BinaryOp::MulNoNan => Binary::MulNoNan,
        BinaryOp::Xdivy => Binary::Xdivy,
        BinaryOp::Xlogy => Binary::Xlogy,
        BinaryOp::Igamma => Binary::Igamma,
        BinaryOp::Igammac => Binary::Igammac,
        BinaryOp::Zeta => Binary::Zeta,
        BinaryOp::Polygamma => Binary::Polygamma,
        _ => return None,
    };
    Some(Pair { f, swapped: false })
}

/// The kernel of a slope: it takes the function's argument or result first.
pub(in crate::ops) fn slope(f: UnaryGradOp) -> Pair {
    let (f, swapped) = match f {
        UnaryGradOp::Relu => (Binary::ReluGrad, true),
        UnaryGradOp::Relu6 => (Binary::Relu6Grad, true),
        UnaryGradOp::Elu => (Binary::EluGrad, true),
        UnaryGradOp::Selu => (Binary::SeluGrad, true),
        UnaryGradOp::Softplus => (Binary::SoftplusGrad, true),
        UnaryGradOp::Softsign => (Binary::SoftsignGrad, true),
        UnaryGradOp::Sigmoid => (Binary::SigmoidGrad, false),
        UnaryGradOp::Tanh => (Binary::TanhGrad, false),
        UnaryGradOp::Sqrt => (Binary::SqrtGrad, false),
        UnaryGradOp::Rsqrt => (Binary::RsqrtGrad, false),
        UnaryGradOp::Reciprocal => (Binary::ReciprocalGrad, false),
    };
    Pair { f, swapped }
}

/// Runs a kernel on input 0; `None` for dtypes that have none.
pub(super) fn run_one(f: Unary, dtype: DType, cx: &mut RunCx<'_>) -> Option<Result<()>> {
    match dtype {
        DType::F32 => Some(map_vector(cx, f.f32())),
        DType::F64 => Some(map_vector(cx, f.f64())),
        _ => None,
    }
}

/// Runs a kernel on inputs 0 and 1; `None` for dtypes that have none.
#[inline]
pub(super) fn run_pair(pair: Pair, dtype: DType, cx: &mut RunCx<'_>) -> Option<Result<()>> {
    match dtype {
        DType::F32 => Some(map2_vector(cx, pair.f.f32(), pair.swapped)),
        DType::F64 => Some(map2_vector(cx, pair.f.f64(), pair.swapped)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Op;
    use crate::ops::math;
    use crate::ops::testing::{infer_err, infer_ok, run_op};
    use crate::value::{IntoValue, Value};
    use crate::with_type;

    #[track_caller]
    fn check(op: impl Op, inputs: &[Value], want: &[f32], tolerance: f32) {
        let out = run_op(op, inputs).unwrap();
        let got: Vec<f32> = with_type!(
            out[0].dtype(),
            T in floats => out[0].slice::<T>().unwrap().iter().map(|x| num_traits::AsPrimitive::<f32>::as_(*x)).collect(),
            else => unreachable!("results are floats")
        );
        for (got, want) in got.iter().zip(want) {
            let close = (got - want).abs() <= tolerance * want.abs() || got == want || (got.is_nan() && want.is_nan());
            assert!(close, "{got} is not {want}");
        }
    }

    /// Results of TensorFlow 1.15.5; its float32 is good for five digits there, and its float16 for three.
    #[test]
    fn special_functions_have_the_values_of_tensorflow() {
        let inf = f32::INFINITY;
        let x = [-3.0f32, -2.5, -0.5, 0.0, 0.5, 3.25, 100.0, inf];
        for (f, want) in [
            (UnaryOp::Erf, [-0.999_977_9, -0.999_593, -0.520_499_9, 0.0, 0.520_499_9, 0.999_995_7, 1.0, 1.0]),
            (UnaryOp::Erfc, [1.999_978, 1.999_593, 1.520_5, 1.0, 0.479_500_1, 4.302_779_5e-6, 0.0, 0.0]),
            (UnaryOp::Lgamma, [inf, -0.056_243_714, 1.265_512_1, inf, 0.572_364_9, 0.935_801_9, 359.134_2, inf]),
            (UnaryOp::Digamma, [inf, 1.103_156_8, 0.036_489_964, inf, -1.963_510_8, 1.016_990_8, 4.600_162, inf]),
        ] {
            check(math::Unary { f }, &[x.into_value()], &want, 1e-5);
            check(math::Unary { f }, &[x.map(f64::from).to_vec().into_value()], &want, 1e-5);
            check(math::Unary { f }, &[x.map(half::f16::from_f32).to_vec().into_value()], &want, 4e-3);
        }
    }

    /// Results of TensorFlow 1.15.5.
    #[test]
    fn special_functions_of_two_numbers_broadcast() {
        let nan = f32::NAN;
        let a = || [[0.5f32], [5.0], [-1.0]].into_value();
        let x = || [0.0f32, 0.1, 2.5].into_value();
        let lower = [0.0, 0.345_279_16, 0.974_652_7, 0.0, 7.667_8e-8, 0.108_821_996, 0.0, nan, nan];
        let upper = [1.0, 0.654_720_84, 0.025_347_32, 1.0, 0.999_999_94, 0.891_178, nan, nan, nan];
        check(math::Binary { f: BinaryOp::Igamma }, &[a(), x()], &lower, 1e-5);
        check(math::Binary { f: BinaryOp::Igammac }, &[a(), x()], &upper, 1e-5);
        let orders = || [[2.0f32], [5.0]].into_value();
        let zeta = [f32::INFINITY, 101.433_304, 0.490_357_73, f32::INFINITY, 100_000.65, 0.013_073_166];
        check(math::Binary { f: BinaryOp::Zeta }, &[orders(), x()], &zeta, 1e-5);
        let orders = [[0.0f64], [2.0]].into_value();
        let derivatives = [-10.423_755, 0.703_156_64, -2_001.861_5, -0.236_204_05];
        check(math::Binary { f: BinaryOp::Polygamma }, &[orders, [0.1f64, 2.5].into_value()], &derivatives, 1e-5);
        infer_ok(&math::Binary { f: BinaryOp::Igamma }, "(?,1);(3)", "(?,3)");
        infer_err(&math::Binary { f: BinaryOp::Zeta }, "int32();int32()", "this op is not for int32");
    }

    /// A result's bits depend on the elements alone: not on the other shape, the length, or whose memory is overwritten.
    #[test]
    fn bits_do_not_depend_on_how_operands_lie() {
        let numbers = |n: usize, seed: u32| -> Vec<f32> {
            (0..n as u32).map(|i| ((i + seed).wrapping_mul(2_654_435_761) >> 8) as f32 / 1e6).collect()
        };
        let (n, y) = (70_001, 1.75f32);
        let x = numbers(n, 1);
        for &f in &[BinaryOp::Add, BinaryOp::Pow, BinaryOp::FloorMod, BinaryOp::Xlogy, BinaryOp::Maximum] {
            let run = |a: Value, b: Value| run_op(math::Binary { f }, &[a, b]).unwrap().remove(0);
            let scalar = run(x.clone().into_value(), y.into_value());
            let full = run(x.clone().into_value(), vec![y; n].into_value());
            assert!(scalar.same_bits(&full), "{f:?}");
            let row = run(Value::from_vec(&[n, 1], x.clone()).unwrap(), [y, 0.5].into_value());
            let wide = row.slice::<f32>().unwrap();
            let same =
                full.slice::<f32>().unwrap().iter().zip(wide.chunks(2)).all(|(a, b)| a.to_bits() == b[0].to_bits());
            assert!(same, "{f:?}");
        }
    }
}
