//! The slopes of functions of one tensor times what comes from above, as ops of their own: what gradients are made of.

use std::sync::Arc;

use num_traits::Float;

use super::activation::{lit, selu_slope};
use super::dtypes::{Dtypes, check_dtype, unsupported};
use super::elementwise::{check_same_dims, map2};
use super::inexact::Inexact;
use super::scalar::Arith;
use super::vector;
use crate::dtype::DType;
use crate::error::Result;
use crate::graph::{AttrValue, Attrs, Example, InferCx, Op, OpKind, RunCx};
use crate::kernel::Number;
use crate::value::IntoValue;
use crate::with_type;

/// The slope of a function times `dy`; both inputs have one shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnaryGrad {
    /// Of which function.
    pub f: UnaryGradOp,
}

/// Makes the enum, the rows and the table: variant, row, TensorFlow's name, older names, signature, dtypes.
macro_rules! functions {
    ($( $(#[$doc:meta])* $variant:ident $row:ident $name:literal [$($alias:literal),*] $args:literal $dtypes:ident; )*) => {
        /// The functions of [`UnaryGrad`].
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum UnaryGradOp { $( $(#[$doc])* $variant, )* }

        $(
            #[doc = concat!("The row of [`UnaryGradOp::", stringify!($variant), "`].")]
            pub static $row: OpKind = OpKind::new(
                $name,
                $args,
                |_| Ok(Arc::new(UnaryGrad { f: UnaryGradOp::$variant })),
                || examples(UnaryGradOp::$variant),
            )
            .aliases(&[$($alias),*]);
        )*

        /// The rows of this file.
        pub(in crate::ops) static OPS: &[&OpKind] = &[$(&$row,)* &LEAKY_RELU_GRAD];

        impl UnaryGradOp {
            /// The row.
            pub fn kind(self) -> &'static OpKind {
                match self { $( UnaryGradOp::$variant => &$row, )* }
            }

            fn dtypes(self) -> Dtypes {
                match self { $( UnaryGradOp::$variant => Dtypes::$dtypes, )* }
            }
        }
    };
}

functions! {
    /// Of `relu`: `dy` where `x > 0`.
    Relu RELU_GRAD "ReluGrad" [] "gradients: T, features: T -> backprops: T" Reals;
    /// Of `relu6`: `dy` where `0 < x < 6`.
    Relu6 RELU6_GRAD "Relu6Grad" [] "gradients: T, features: T -> backprops: T" Reals;
    /// Of `elu`, from its result `y`: `dy` where `y >= 0`, `dy * (y + 1)` elsewhere.
    Elu ELU_GRAD "EluGrad" [] "gradients: T, outputs: T -> backprops: T" Floats;
    /// Of `selu`, from its result.
    Selu SELU_GRAD "SeluGrad" [] "gradients: T, outputs: T -> backprops: T" Floats;
    /// Of `softplus`: `dy / (exp(-x) + 1)`.
    Softplus SOFTPLUS_GRAD "SoftplusGrad" [] "gradients: T, features: T -> backprops: T" Floats;
    /// Of `softsign`: `dy / (1 + |x|)^2`.
    Softsign SOFTSIGN_GRAD "SoftsignGrad" [] "gradients: T, features: T -> backprops: T" Floats;
    /// Of `sigmoid`, from its result `y`: `dy * y * (1 - y)`, with complex conjugates, as in the following.
    Sigmoid SIGMOID_GRAD "SigmoidGrad" [] "y: T, dy: T -> z: T" Inexact;
    /// Of `tanh`, from its result `y`: `dy * (1 - y * y)`.
    Tanh TANH_GRAD "TanhGrad" [] "y: T, dy: T -> z: T" Inexact;
    /// Of `sqrt`, from its result `y`: `dy * 0.5 / y`; 0 where `dy` is, as in the following.
    Sqrt SQRT_GRAD "SqrtGrad" [] "y: T, dy: T -> z: T" Inexact;
    /// Of `rsqrt`, from its result `y`: `dy * -0.5 * y^3`.
    Rsqrt RSQRT_GRAD "RsqrtGrad" [] "y: T, dy: T -> z: T" Inexact;
    /// Of `reciprocal`, from its result `y`: `-dy * y * y`.
    Reciprocal RECIPROCAL_GRAD "ReciprocalGrad" ["InvGrad"] "y: T, dy: T -> z: T" Inexact;
}

impl Op for UnaryGrad {
    fn kind(&self) -> &'static OpKind {
        self.f.kind()
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        check_dtype(self.f.dtypes(), cx.dtype(0))?;
        cx.output(cx.dtype(0), cx.shape(0).merge(cx.shape(1))?);
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        check_same_dims(cx.input(0), cx.input(1))?;
        run(self.f, cx.input(0).dtype(), cx)
    }
}

fn run(f: UnaryGradOp, dtype: DType, cx: &mut RunCx<'_>) -> Result<()> {
    use UnaryGradOp::*;
    macro_rules! map {
        ($T:ident in $group:ident => $f:expr) => {
            with_type!(dtype, $T in $group => map2::<$T>(cx, $f), else => Err(unsupported(dtype)))
        };
    }
    /// Of halves, computed in float32.
    macro_rules! narrow {
        ($f:expr) => { map!(T in floats_but_wide => |dy: T, x: T| T::narrow($f(dy.widen(), x.widen()))) };
    }
    if let Some(done) = vector::run_pair(vector::slope(f), dtype, cx) {
        return done;
    }
    match f {
        // A product, as in TensorFlow: a NaN or infinity from above stays visible.
        Relu => map!(T in reals_but_wide => |dy: T, x: T| dy.times(if x > T::ZERO { T::ONE } else { T::ZERO })),
        Relu6 => map!(T in reals_but_wide => |dy: T, x: T| {
            dy.times(if x > T::ZERO && x.relu6() == x && x != x.plus(T::ONE).relu6() { T::ONE } else { T::ZERO })
        }),
        Elu => narrow!(elu),
        Selu => narrow!(selu_slope),
        Softplus => narrow!(softplus),
        Softsign => narrow!(softsign),
        Sigmoid => map!(T in inexact_but_wide => |y: T, dy: T| {
            let y = y.conjugate();
            dy.times(y).times(T::ONE.minus(y))
        }),
        Tanh => map!(T in inexact_but_wide => |y: T, dy: T| {
            let y = y.conjugate();
            dy.times(T::ONE.minus(y.times(y)))
        }),
        Sqrt => map!(T in inexact_but_wide => |y: T, dy: T| match dy == T::ZERO {
            true => T::ZERO,
            false => T::HALF.times(dy).over(y.conjugate()),
        }),
        Rsqrt => map!(T in inexact_but_wide => |y: T, dy: T| {
            if dy == T::ZERO {
                return T::ZERO;
            }
            let y = y.conjugate();
            T::HALF.negated().times(dy.times(y)).times(y.times(y))
        }),
        Reciprocal => map!(T in inexact_but_wide => |y: T, dy: T| {
            if dy == T::ZERO {
                return T::ZERO;
            }
            let y = y.conjugate();
            dy.negated().times(y.times(y))
        }),
    }
}

fn elu<F: Float>(dy: F, y: F) -> F {
    if y < F::zero() { dy * (y + F::one()) } else { dy }
}

fn softplus<F: Float>(dy: F, x: F) -> F {
    dy / ((-x).exp() + F::one())
}

fn softsign<F: Float>(dy: F, x: F) -> F {
    let root = F::one() + x.abs();
    dy / (root * root)
}

fn examples(f: UnaryGradOp) -> Vec<Example> {
    let mut all = vec![
        Example::new(UnaryGrad { f }, [[[0.5f32, -1.5]].into_value(), [[0.25f32, 2.0]].into_value()]),
        Example::new(UnaryGrad { f }, [[0.5f64, -1.5].into_value(), [0.25f64, 2.0].into_value()]),
    ];
    if f.dtypes().contains(DType::I32) {
        all.push(Example::new(UnaryGrad { f }, [[3i32, -4].into_value(), [1i32, -2].into_value()]));
    }
    all
}

/// The slope of `leaky_relu` times `dy`: `dy` where `x > 0`, `alpha * dy` elsewhere.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LeakyReluGrad {
    /// The slope for elements below 0.
    pub alpha: f32,
}

/// The row of [`LeakyReluGrad`].
pub static LEAKY_RELU_GRAD: OpKind =
    OpKind::new("LeakyReluGrad", "gradients: T, features: T -> backprops: T", parse_leaky, || {
        let op = LeakyReluGrad { alpha: 0.25 };
        vec![
            Example::new(op, [[1.0f32, -2.0].into_value(), [3.0f32, -4.0].into_value()]),
            Example::new(op, [[1.0f64].into_value(), [f64::NAN].into_value()]),
        ]
    });

fn parse_leaky(attrs: &Attrs) -> Result<Arc<dyn Op>> {
    Ok(Arc::new(LeakyReluGrad { alpha: attrs.float_or("alpha", super::leaky_relu::ALPHA)? }))
}

impl Op for LeakyReluGrad {
    fn kind(&self) -> &'static OpKind {
        &LEAKY_RELU_GRAD
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        check_dtype(Dtypes::Floats, cx.dtype(0))?;
        cx.output(cx.dtype(0), cx.shape(0).merge(cx.shape(1))?);
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        check_same_dims(cx.input(0), cx.input(1))?;
        let (dtype, alpha) = (cx.input(0).dtype(), f64::from(self.alpha));
        with_type!(dtype, T in floats => {
            let alpha = T::narrow(lit(alpha));
            map2(cx, |dy: T, x: T| if x > T::ZERO { dy } else { dy.times(alpha) })
        }, else => Err(unsupported(dtype)))
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        vec![("alpha", AttrValue::Float(self.alpha))]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{infer_err, infer_ok, run_op};

    #[track_caller]
    fn check(f: UnaryGradOp, a: impl IntoValue, b: impl IntoValue, want: &str) {
        let out = run_op(UnaryGrad { f }, &[a.into_value(), b.into_value()]).unwrap();
        assert_eq!(out[0].to_string(), want, "{f:?}");
    }

    #[test]
    fn both_inputs_have_one_shape() {
        infer_ok(&UnaryGrad { f: UnaryGradOp::Tanh }, "(?,3);(2,?)", "(2,3)");
        infer_err(&UnaryGrad { f: UnaryGradOp::Relu }, "(1);(3)", "must be equal");
        let refused = run_op(LeakyReluGrad { alpha: 0.5 }, &[[1.0f32].into_value(), [1.0f32, 2.0].into_value()]);
        assert!(refused.is_err());
    }

    #[test]
    fn slopes_are_those_of_tensorflow() {
        let inf = f32::INFINITY;
        check(UnaryGradOp::Relu, [inf, f32::NAN, 1.0, 2.0], [-1.0f32, 0.0, f32::NAN, 3.0], "[nan nan  0.  2.]");
        check(UnaryGradOp::Relu6, [inf, 1.0, 2.0, 3.0], [-1.0f32, f32::NAN, 6.0, 5.0], "[nan  0.  0.  3.]");
        check(UnaryGradOp::Elu, [2.0f32, 2.0, 2.0], [-0.5f32, 0.0, f32::NAN], "[1. 2. 2.]");
        check(UnaryGradOp::Selu, [2.0f32, 2.0], [-0.5f32, 0.0], "[2.5161986 2.101402 ]");
        check(UnaryGradOp::Softplus, [2.0f32, 2.0], [-0.5f32, 0.0], "[0.75508136 1.        ]");
        check(UnaryGradOp::Softsign, [2.0f32, 2.0], [-0.5f32, 0.0], "[0.8888889 2.       ]");
        check(UnaryGradOp::Sigmoid, [0.5f32], [3.0f32], "[0.75]");
        check(UnaryGradOp::Tanh, [0.5f32], [3.0f32], "[2.25]");
        check(UnaryGradOp::Sqrt, [0.5f32], [3.0f32], "[3.]");
        check(UnaryGradOp::Rsqrt, [0.5f32], [3.0f32], "[-0.1875]");
        check(UnaryGradOp::Reciprocal, [0.5f32], [3.0f32], "[-0.75]");
    }

    /// As TensorFlow 1.15.5 answers.
    #[test]
    fn nothing_from_above_stays_nothing_where_there_is_no_slope() {
        let y = [f32::INFINITY, 0.0, f32::NAN];
        for f in [UnaryGradOp::Sqrt, UnaryGradOp::Rsqrt, UnaryGradOp::Reciprocal] {
            check(f, y, [0.0f32; 3], "[0. 0. 0.]");
            check(f, y.map(half::f16::from_f32), [half::f16::ZERO; 3], "[0. 0. 0.]");
        }
    }
}
