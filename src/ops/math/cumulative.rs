//! `Cumsum` and `Cumprod`: running sums and products along an axis.

use std::sync::Arc;

use super::dtypes::{Dtypes, check_dtype, unsupported};
use crate::error::{Error, Result};
use crate::graph::{AttrValue, Attrs, Example, GradCx, InferCx, Op, OpKind, RunCx, Tensor};
use crate::kernel::Number;
use crate::ops::wide::widened;
use crate::shape::normalize_axis;
use crate::value::{IntoValue, Value};
use crate::with_type;

/// A running sum or product along an axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cumulative {
    /// Multiplies in place of adding.
    pub is_product: bool,
    /// Each element leaves itself out: the first is 0, or 1 of products.
    pub exclusive: bool,
    /// From the last element to the first.
    pub reverse: bool,
}

/// Which elements a running sum takes in, and from where it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Running {
    /// Each element leaves itself out.
    pub exclusive: bool,
    /// From the last element to the first.
    pub reverse: bool,
}

/// The row of [`Cumulative`] sums.
pub static CUMSUM: OpKind =
    OpKind::new("Cumsum", "x: T, axis: Tidx -> out: T", |a| parse(a, false), || examples(false));

/// The row of [`Cumulative`] products.
pub static CUMPROD: OpKind =
    OpKind::new("Cumprod", "x: T, axis: Tidx -> out: T", |a| parse(a, true), || examples(true));

impl Tensor {
    /// Running sums along an axis; a negative axis counts from the back. Any number dtype; shape and dtype stay.
    ///
    /// # Errors
    /// `InvalidArgument` for an axis that the tensor does not have.
    ///
    /// ```
    /// # use sessile::prelude::*;
    /// # fn main() -> sessile::Result<()> {
    /// let g = Graph::new();
    /// let x = g.placeholder(DType::F32, shape![?, 3])?;
    /// assert_eq!(x.cumsum(-1, Default::default())?.shape().to_string(), "(?, 3)");
    /// # Ok(()) }
    /// ```
    #[doc(alias = "tf.cumsum")]
    #[track_caller]
    pub fn cumsum(&self, axis: i32, running: Running) -> Result<Tensor> {
        self.cumulative("Cumsum", false, axis, running)
    }

    /// Running products; otherwise as [`Tensor::cumsum`].
    #[doc(alias = "tf.cumprod")]
    #[track_caller]
    pub fn cumprod(&self, axis: i32, running: Running) -> Result<Tensor> {
        self.cumulative("Cumprod", true, axis, running)
    }

    #[track_caller]
    fn cumulative(&self, scope: &str, is_product: bool, axis: i32, running: Running) -> Result<Tensor> {
        let g = self.graph();
        let op = Cumulative { is_product, exclusive: running.exclusive, reverse: running.reverse };
        g.composite(scope, |name| {
            let axis = g.named("axis", || g.constant(axis))?;
            g.named(name, || g.apply_one(op, &[self, &axis]))
        })
    }
}

fn parse(attrs: &Attrs, is_product: bool) -> Result<Arc<dyn Op>> {
    let (exclusive, reverse) = (attrs.bool_or("exclusive", false)?, attrs.bool_or("reverse", false)?);
    Ok(Arc::new(Cumulative { is_product, exclusive, reverse }))
}

fn examples(is_product: bool) -> Vec<Example> {
    let x = || [[1.0f32, 2.0, 3.0], [4.0, 5.0, 6.0]].into_value();
    let op = |exclusive, reverse| Cumulative { is_product, exclusive, reverse };
    vec![
        Example::new(op(false, false), [x(), 0i32.into_value()]),
        Example::new(op(true, false), [x(), (-1i64).into_value()]),
        Example::new(op(true, true), [x(), 1i32.into_value()]),
        Example::new(
            op(false, true),
            [Value::zeros(crate::DType::I64, &[2, 0]).expect("no elements fit"), 1i32.into_value()],
        ),
    ]
}

impl Op for Cumulative {
    fn kind(&self) -> &'static OpKind {
        if self.is_product { &CUMPROD } else { &CUMSUM }
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        check_dtype(Dtypes::Numbers, cx.dtype(0))?;
        cx.shape(1).with_rank(0)?;
        if let (Some(axis), Some(rank)) = (cx.ints(1), cx.shape(0).rank()) {
            normalize_axis(axis[0], rank)?;
        }
        cx.output_like(0);
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        if cx.input(0).dtype().is_integer()
            && let Some(done) = widened(self, cx, &[0], &[0])
        {
            return done;
        }
        let axis = crate::graph::to_int(cx.input(1)).ok_or_else(|| Error::invalid("the axis must be one integer"))?;
        let axis = normalize_axis(axis, cx.input(0).rank())?;
        let mut out = cx.take_unique(0)?;
        let (n, inner) = (out.dims()[axis], out.dims()[axis + 1..].iter().product());
        let dtype = out.dtype();
        with_type!(dtype, T in wide_numbers => accumulate::<T>(cx, *self, &mut out, n, inner)?, else => {
            // Halves are rounded after each step.
            with_type!(dtype, T in floats_but_wide => accumulate::<T>(cx, *self, &mut out, n, inner)?, else => {
                return Err(unsupported(dtype));
            });
        });
        cx.output(0, out);
        Ok(())
    }

    fn grad(&self, cx: &GradCx<'_>) -> Result<Vec<Option<Tensor>>> {
        if self.is_product {
            return Err(Error::unsupported("the gradient of running products is not available yet"));
        }
        let back = Cumulative { reverse: !self.reverse, ..*self };
        Ok(vec![Some(cx.graph().apply_one(back, &[cx.dy()?, &cx.input(1)])?), None])
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        vec![("exclusive", AttrValue::Bool(self.exclusive)), ("reverse", AttrValue::Bool(self.reverse))]
    }
}

/// Over blocks of `n` rows of `inner` elements: each row is joined with the one before it.
fn accumulate<T: Number>(cx: &RunCx<'_>, op: Cumulative, out: &mut Value, n: usize, inner: usize) -> Result<()> {
    if out.is_empty() {
        return Ok(());
    }
    let (start, join): (T, fn(T, T) -> T) = if op.is_product { (T::ONE, T::times) } else { (T::ZERO, T::plus) };
    let (mut running, mut pace) = (cx.scratch_of(inner, start)?, cx.pace());
    for block in out.make_mut::<T>()?.chunks_exact_mut(n * inner) {
        running.fill(start);
        for row in 0..n {
            pace.spend(inner)?;
            let row = if op.reverse { n - 1 - row } else { row };
            for (x, running) in block[row * inner..(row + 1) * inner].iter_mut().zip(&mut *running) {
                let joined = join(*running, *x);
                *x = if op.exclusive { *running } else { joined };
                *running = joined;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{ends_early, infer_ok, run_op};

    #[track_caller]
    fn check(is_product: bool, exclusive: bool, reverse: bool, axis: i32, want: &str) {
        let x = [[1.0f32, 2.0, 3.0], [4.0, 5.0, 6.0]].into_value();
        let out = run_op(Cumulative { is_product, exclusive, reverse }, &[x, axis.into_value()]).unwrap();
        assert_eq!(out[0].to_string().replace("\n", ""), want);
    }

    #[test]
    fn sums_and_products_run_either_way() {
        check(false, false, false, 1, "[[ 1.  3.  6.] [ 4.  9. 15.]]");
        check(false, true, false, 1, "[[0. 1. 3.] [0. 4. 9.]]");
        check(false, false, true, -1, "[[ 6.  5.  3.] [15. 11.  6.]]");
        check(false, true, true, -1, "[[ 5.  3.  0.] [11.  6.  0.]]");
        check(true, false, false, 0, "[[ 1.  2.  3.] [ 4. 10. 18.]]");
    }

    #[test]
    fn an_axis_that_is_not_there_is_refused() {
        let op = Cumulative { is_product: false, exclusive: false, reverse: false };
        infer_ok(&op, "(?,3);int32()", "(?,3)");
        assert!(run_op(op, &[[1.0f32].into_value(), 3i32.into_value()]).is_err());
        assert!(run_op(op, &[1.0f32.into_value(), 0i32.into_value()]).is_err());
    }

    #[test]
    fn long_sums_end_with_their_run() {
        let x = || Value::zeros(crate::DType::F32, &[1 << 22]).unwrap();
        let op = Cumulative { is_product: false, exclusive: false, reverse: true };
        ends_early(&op, &[x(), 0i32.into_value()], 1 << 20);
    }
}
