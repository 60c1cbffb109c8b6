//! The gradients of functions of one tensor and of two, element by element.
//!
//! `dy` is what flows into the result. Of a complex function it is multiplied with the conjugate of the slope, as
//! TensorFlow does.

use std::f64::consts::{FRAC_2_SQRT_PI, TAU};

use super::binary::BinaryOp;
use super::unary::UnaryOp;
use super::unary_grad::{UnaryGrad, UnaryGradOp};
use crate::error::Result;
use crate::graph::{GradCx, Tensor};
use crate::ops::array::unbroadcast_both;

/// The gradient of a function of one tensor; none where the function is a step, or has no smooth result.
pub(super) fn unary(f: UnaryOp, cx: &GradCx<'_>) -> Result<Option<Tensor>> {
    use UnaryOp::*;
    let (x, y, dy) = (cx.input(0).conj()?, cx.output(0)?, cx.dy()?);
    let of_result = |f| cx.graph().apply_one(UnaryGrad { f }, &[&y, dy]);
    let of_operand = |f, x: &Tensor| cx.graph().apply_one(UnaryGrad { f }, &[dy, x]);
    let gaussian = || x.square()?.negative()?.exp();
    let dx = match f {
        Abs => dy * x.sign()?,
        Neg => dy.negative(),
        Reciprocal => of_result(UnaryGradOp::Reciprocal),
        Square => dy * (&x * 2)?,
        Sqrt => of_result(UnaryGradOp::Sqrt),
        Rsqrt => of_result(UnaryGradOp::Rsqrt),
        Exp => dy * y.conj()?,
        Expm1 => dy * x.exp()?,
        Log => dy * x.reciprocal()?,
        Log1p => dy * (&x + 1)?.reciprocal()?,
        Sin => dy * x.cos()?,
        Cos => (dy * x.sin()?)?.negative(),
        Tan => dy * x.cos()?.reciprocal()?.square()?,
        Asin => dy * (1 - x.square()?)?.sqrt()?.reciprocal()?,
        Acos => (dy * (1 - x.square()?)?.sqrt()?.reciprocal()?)?.negative(),
        Atan => dy * (1 + x.square()?)?.reciprocal()?,
        Sinh => dy * x.cosh()?,
        Cosh => dy * x.sinh()?,
        Tanh => of_result(UnaryGradOp::Tanh),
        Asinh => dy / y.conj()?.cosh()?,
        Acosh => dy / y.conj()?.sinh()?,
        Atanh => dy * (1 - x.square()?)?.reciprocal()?,
        Conj => dy.conj(),
        Lgamma => dy * x.digamma()?,
        Digamma => dy * x.ones_like()?.polygamma(&x)?,
        Erf => dy * (gaussian()? * FRAC_2_SQRT_PI)?,
        Erfc => dy * (gaussian()? * -FRAC_2_SQRT_PI)?,
        Erfinv => dy * (y.square()?.exp()? / FRAC_2_SQRT_PI)?,
        Ndtri => dy * ((y.square()? * 0.5)?.exp()? * TAU.sqrt())?,
        BesselI0e => dy * (x.bessel_i1e()? - (x.sign()? * &y)?)?,
        BesselI1e => dy * slope_of_i1e(&x, &y)?,
        Sigmoid => of_result(UnaryGradOp::Sigmoid),
        Softplus => of_operand(UnaryGradOp::Softplus, &x),
        Softsign => of_operand(UnaryGradOp::Softsign, &x),
        Relu => of_operand(UnaryGradOp::Relu, &y),
        Relu6 => of_operand(UnaryGradOp::Relu6, &y),
        Elu => of_operand(UnaryGradOp::Elu, &y),
        Selu => of_operand(UnaryGradOp::Selu, &y),
        Sign | Floor | Ceil | Round | Rint | IsNan | IsInf | IsFinite | LogicalNot | Invert => return Ok(None),
    };
    dx.map(Some)
}

/// `i0e(x) - y (sign(x) + 1 / x)`, and its limit 1/2 at 0.
fn slope_of_i1e(x: &Tensor, y: &Tensor) -> Result<Tensor> {
    let is_zero = x.equal(0)?;
    let safe = is_zero.select(x.ones_like()?, x)?;
    let slope = (safe.bessel_i0e()? - (y * (safe.sign()? + safe.reciprocal()?)?)?)?;
    is_zero.select((x.ones_like()? * 0.5)?, slope)
}

/// The gradients of both operands; none for those of which the result is no smooth function.
pub(super) fn binary(f: BinaryOp, cx: &GradCx<'_>) -> Result<Vec<Option<Tensor>>> {
    if f == BinaryOp::Add || f == BinaryOp::Sub {
        return sum(f, cx);
    }
    let (a, b, dy) = (cx.input(0), cx.input(1), cx.dy()?);
    let slopes = slopes(f, &a.conj()?, &b.conj()?, &cx.output(0)?.conj()?, dy)?;
    let both = [slopes.0, slopes.1];
    if both.iter().all(Option::is_none) {
        return Ok(vec![None, None]);
    }
    unbroadcast_both(cx, both)
}

/// Of a sum and of a difference: `dy` itself.
fn sum(f: BinaryOp, cx: &GradCx<'_>) -> Result<Vec<Option<Tensor>>> {
    let dy = cx.dy()?;
    let second = if f == BinaryOp::Sub { dy.negative()? } else { dy.clone() };
    unbroadcast_both(cx, [Some(dy.clone()), Some(second)])
}

/// What flows into the operands before they are reduced to their own shapes.
fn slopes(f: BinaryOp, a: &Tensor, b: &Tensor, y: &Tensor, dy: &Tensor) -> Result<(Option<Tensor>, Option<Tensor>)> {
    use BinaryOp::*;
    let masked = |mask: Tensor, x: &Tensor| mask.select_v2(x, x.zeros_like()?);
    Ok(match f {
        Mul => (Some((dy * b)?), Some((a * dy)?)),
        Div | RealDiv => {
            let second = dy * ((a.negative()? / b)? / b)?;
            (Some((dy / b)?), Some(second?))
        }
        DivNoNan => {
            let second = dy * a.negative()?.div_no_nan(b)?.div_no_nan(b)?;
            (Some(dy.div_no_nan(b)?), Some(second?))
        }
        MulNoNan => (Some(dy.multiply_no_nan(b)?), Some(a.multiply_no_nan(dy)?)),
        FloorMod => (Some(dy.clone()), Some((dy * a.floor_div(b)?.negative()?)?)),
        Pow => {
            let first = (dy * b)? * a.pow((b - 1)?)?;
            (Some(first?), Some(((dy * y)? * safe_log(a)?)?))
        }
        Maximum => (Some(masked(a.greater_equal(b)?, dy)?), Some(masked(a.less(b)?, dy)?)),
        Minimum => (Some(masked(a.less_equal(b)?, dy)?), Some(masked(a.greater(b)?, dy)?)),
        SquaredDifference => {
            let first = ((dy * 2)? * (a - b)?)?;
            (Some(first.clone()), Some(first.negative()?))
        }
        Atan2 => {
            let inverse = (dy / (a.square()? + b.square()?)?)?;
            (Some((b * &inverse)?), Some((a.negative()? * &inverse)?))
        }
        Xdivy => {
            let second = a.negative()?.xdivy(b.square()?)? * dy;
            (Some((nonzero(a)?.xdivy(b)? * dy)?), Some(second?))
        }
        Xlogy => (Some((nonzero(a)?.xlogy(b)? * dy)?), Some((a.xdivy(b)? * dy)?)),
        Xlog1py => (Some((nonzero(a)?.xlog1py(b)? * dy)?), Some((a.xdivy((b + 1)?)? * dy)?)),
        Igamma => (None, Some((igamma_slope(a, b)? * dy)?)),
        Igammac => (None, Some((igamma_slope(a, b)?.negative()? * dy)?)),
        Zeta => (None, Some(((a.negative()? * (a + 1)?.zeta(b)?)? * dy)?)),
        Polygamma => (None, Some(((a + 1)?.polygamma(b)? * dy)?)),
        _ => (None, None),
    })
}

/// 1 where `x` is not 0, and 0 there: what `x` may be replaced by where the result is 0 at 0 whatever the other is.
fn nonzero(x: &Tensor) -> Result<Tensor> {
    x.not_equal(0)?.cast(x.dtype())
}

/// The logarithm of `x`; of no complex number and where it is 0 or less, 0.
fn safe_log(x: &Tensor) -> Result<Tensor> {
    let mask = if x.dtype().is_complex() { x.not_equal(0)? } else { x.greater(0)? };
    let safe = mask.select(x, x.ones_like()?)?;
    mask.select(safe.log()?, x.zeros_like()?)
}

/// The derivative of `igamma(a, x)` by `x`: `exp(-x + (a - 1) log(x) - lgamma(a))`.
fn igamma_slope(a: &Tensor, x: &Tensor) -> Result<Tensor> {
    let exponent = (x.negative()? + ((a - 1)? * x.log()?)?)? - a.lgamma()?;
    exponent?.exp()
}
