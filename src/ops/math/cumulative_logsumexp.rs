//! `CumulativeLogsumexp`: running logarithms of sums of exponentials.

use std::sync::Arc;

use num_traits::Float;

use super::cumulative::Running;
use super::dtypes::{Dtypes, check_dtype, unsupported};
use crate::error::{Error, Result};
use crate::graph::{AttrValue, Attrs, Example, InferCx, Op, OpKind, RunCx, Tensor, to_int};
use crate::kernel::Number;
use crate::shape::normalize_axis;
use crate::value::{IntoValue, Value};
use crate::with_type;

/// Running `log(exp(x0) + exp(x1) + ..)` along an axis, without overflow on the way.
#[derive(Debug, Clone)]
pub struct CumulativeLogsumexp {
    /// Which elements are taken in, and from where it runs. The sum of none is minus infinity.
    pub running: Running,
}

/// The row of [`CumulativeLogsumexp`].
pub static CUMULATIVE_LOGSUMEXP: OpKind =
    OpKind::new("CumulativeLogsumexp", "x: T, axis: Tidx -> out: T", parse, examples);

impl Tensor {
    /// Running `log(exp(x0) + exp(x1) + ..)` along an axis. Floats; shape and dtype stay.
    ///
    /// # Errors
    /// `InvalidArgument` for an axis that the tensor does not have.
    ///
    /// Source: TensorFlow's `CumulativeLogsumexp`.
    #[doc(alias = "tf.math.cumulative_logsumexp")]
    #[track_caller]
    pub fn cumulative_logsumexp(&self, axis: i32, running: Running) -> Result<Tensor> {
        let g = self.graph();
        g.composite("CumulativeLogsumexp", |scope| {
            let axis = g.named("axis", || g.constant(axis))?;
            g.named(scope, || g.apply_one(CumulativeLogsumexp { running }, &[self, &axis]))
        })
    }
}

fn parse(attrs: &Attrs) -> Result<Arc<dyn Op>> {
    let running = Running { exclusive: attrs.bool_or("exclusive", false)?, reverse: attrs.bool_or("reverse", false)? };
    Ok(Arc::new(CumulativeLogsumexp { running }))
}

fn examples() -> Vec<Example> {
    let of = |exclusive, reverse, x: Value, axis: Value| {
        Example::new(CumulativeLogsumexp { running: Running { exclusive, reverse } }, [x, axis])
    };
    let x = || [[1.0f32, 2.0, 3.0], [4.0, 5.0, 6.0]].into_value();
    vec![
        of(false, false, x(), 0i32.into_value()),
        of(true, false, x(), (-1i64).into_value()),
        of(false, true, Value::zeros(crate::DType::F64, &[2, 0]).expect("no elements fit"), 1i32.into_value()),
    ]
}

impl Op for CumulativeLogsumexp {
    fn kind(&self) -> &'static OpKind {
        &CUMULATIVE_LOGSUMEXP
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        check_dtype(Dtypes::Floats, cx.dtype(0))?;
        cx.shape(1).with_rank(0)?;
        if let (Some(axis), Some(rank)) = (cx.ints(1), cx.shape(0).rank()) {
            normalize_axis(axis[0], rank)?;
        }
        cx.output_like(0);
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let axis = to_int(cx.input(1)).ok_or_else(|| Error::invalid("the axis must be one integer"))?;
        let axis = normalize_axis(axis, cx.input(0).rank())?;
        let mut out = cx.take_unique(0)?;
        let (n, inner) = (out.dims()[axis], out.dims()[axis + 1..].iter().product());
        let dtype = out.dtype();
        with_type!(dtype, T in floats => accumulate::<T>(cx, self.running, out.make_mut()?, n, inner)?, else => {
            return Err(unsupported(dtype));
        });
        cx.output(0, out);
        Ok(())
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        let Running { exclusive, reverse } = self.running;
        vec![("exclusive", AttrValue::Bool(exclusive)), ("reverse", AttrValue::Bool(reverse))]
    }
}

/// `log(exp(a) + exp(b))`. Equal infinities have no difference, but are their own sum.
fn join<A: Float>(a: A, b: A) -> A {
    let (small, large) = if a < b { (a, b) } else { (b, a) };
    match small == large && large.is_infinite() {
        true => large,
        false => large + (small - large).exp().ln_1p(),
    }
}

/// Over blocks of `n` rows of `inner` elements: each row is joined with the one before it.
fn accumulate<T: Number<Acc: Float>>(
    cx: &RunCx<'_>,
    running: Running,
    out: &mut [T],
    n: usize,
    inner: usize,
) -> Result<()> {
    if out.is_empty() {
        return Ok(());
    }
    let none = T::Acc::neg_infinity();
    let (mut so_far, mut pace) = (cx.scratch_of(inner, none)?, cx.pace());
    for block in out.chunks_exact_mut(n * inner) {
        so_far.fill(none);
        for row in 0..n {
            pace.spend(32 * inner)?;
            let row = if running.reverse { n - 1 - row } else { row };
            for (x, so_far) in block[row * inner..(row + 1) * inner].iter_mut().zip(&mut *so_far) {
                let joined = join(*so_far, x.widen());
                *x = T::narrow(if running.exclusive { *so_far } else { joined });
                *so_far = joined;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{infer_ok, run_op};

    #[track_caller]
    fn check(exclusive: bool, reverse: bool, x: &[f32], want: &[f32]) {
        let op = CumulativeLogsumexp { running: Running { exclusive, reverse } };
        let out = run_op(op, &[x.to_vec().into_value(), 0.into_value()]).unwrap();
        let close = |(a, b): (&f32, &f32)| a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() < 1e-6;
        assert!(out[0].slice::<f32>().unwrap().iter().zip(want).all(close), "{:?}", out[0]);
    }

    /// By TensorFlow 2.15.1.
    #[test]
    fn sums_run_either_way() {
        let (x, low) = ([1.0, 2.0, 3.0], f32::NEG_INFINITY);
        check(false, false, &x, &[1.0, 2.3132617, 3.4076061]);
        check(false, true, &x, &[3.4076061, 3.3132617, 3.0]);
        check(true, false, &x, &[low, 1.0, 2.3132617]);
        check(true, true, &x, &[3.3132617, 3.0, low]);
        check(false, false, &[low, 2.0, f32::INFINITY, f32::NAN], &[low, 2.0, f32::INFINITY, f32::NAN]);
        infer_ok(&CumulativeLogsumexp { running: Running::default() }, "(?,3);int32()", "(?,3)");
    }
}
