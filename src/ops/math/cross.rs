//! `Cross`: the cross product of vectors in space.

use std::sync::Arc;

use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::graph::{Attrs, Example, InferCx, Op, OpKind, RunCx, Tensor};
use crate::kernel::Number;
use crate::ops::IntoTensor;
use crate::ops::parts::fill_parts;
use crate::ops::wide::widened;
use crate::shape::{Dim, Shape};
use crate::value::IntoValue;
use crate::with_type;

/// The cross products of the vectors along the last axis, which has size 3: `(.., 3), (.., 3) -> (.., 3)`.
#[derive(Debug, Clone)]
pub struct Cross;

/// The row of [`Cross`].
pub static CROSS: OpKind = OpKind::new(
    "Cross",
    "a: T, b: T -> product: T",
    |_: &Attrs| Ok(Arc::new(Cross) as Arc<dyn Op>),
    || {
        vec![
            Example::new(Cross, [[1.0f32, 2.0, 3.0].into_value(), [4.0f32, 5.0, 7.0].into_value()]),
            Example::new(Cross, [[[1i32, 0, 0]].into_value(), [[0i32, 1, 0]].into_value()]),
        ]
    },
);

impl Tensor {
    /// The cross products of vectors along the last axis, which has size 3: both tensors have one shape. Real numbers.
    ///
    /// # Errors
    /// `ShapeMismatch` for unequal shapes, and for another last size than 3.
    ///
    /// Source: TensorFlow's `Cross`.
    #[doc(alias = "tf.cross")]
    #[doc(alias = "tf.linalg.cross")]
    #[track_caller]
    pub fn cross(&self, other: impl IntoTensor) -> Result<Tensor> {
        let other = other.tensor(Some(self))?;
        self.graph().apply_one(Cross, &[self, &other])
    }
}

impl Op for Cross {
    fn kind(&self) -> &'static OpKind {
        &CROSS
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        check_real(cx.dtype(0))?;
        let (a, b) = (cx.shape(0).with_rank_at_least(1)?, cx.shape(1).with_rank_at_least(1)?);
        let mut shape = a.merge(&b)?;
        if let Some(rank) = shape.rank() {
            shape = shape.with_dim(rank - 1, &Dim::from(3))?;
        }
        cx.output(cx.dtype(0), shape);
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        if cx.input(0).dtype().is_integer()
            && let Some(done) = widened(self, cx, &[0, 1], &[0])
        {
            return done;
        }
        let (a, b) = (cx.input(0), cx.input(1));
        if a.dims() != b.dims() || a.dims().last() != Some(&3) {
            let [a, b] = [a.dims(), b.dims()].map(Shape::from);
            return Err(Error::shape(format!("both tensors must have one shape that ends in 3, but have {a} and {b}")));
        }
        let mut out = cx.alloc(a.dtype(), a.dims())?;
        with_type!(a.dtype(), T in wide_reals => products::<T>(cx, out.make_mut()?)?, else => {
            // Halves are rounded after each product.
            with_type!(a.dtype(), T in floats_but_wide => products::<T>(cx, out.make_mut()?)?, else => {
                return check_real(a.dtype());
            });
        });
        cx.output(0, out);
        Ok(())
    }
}

fn check_real(dtype: DType) -> Result<()> {
    if dtype.is_floating() || dtype.is_integer() {
        return Ok(());
    }
    Err(Error::unsupported(format!("cross products are of floats and integers, not of {dtype}")))
}

fn products<T: Number>(cx: &RunCx<'_>, out: &mut [T]) -> Result<()> {
    let (a, b) = (cx.input(0).slice::<T>()?, cx.input(1).slice::<T>()?);
    fill_parts(cx, out, 3 << 14, &|start, out| {
        let vectors = a[start..].chunks_exact(3).zip(b[start..].chunks_exact(3));
        for ((a, b), out) in vectors.zip(out.chunks_exact_mut(3)) {
            for (i, cell) in out.iter_mut().enumerate() {
                let (j, k) = ((i + 1) % 3, (i + 2) % 3);
                *cell = a[j].times(b[k]).minus(a[k].times(b[j]));
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{infer_err, infer_ok, run_op};

    #[test]
    fn products_stand_on_both_vectors() {
        let out = run_op(Cross, &[[1.0f32, 2.0, 3.0].into_value(), [4.0f32, 5.0, 7.0].into_value()]).unwrap();
        assert_eq!(out[0].slice::<f32>().unwrap(), [-1.0, 5.0, -3.0]);
        infer_ok(&Cross, "(?,3);(2,?)", "(2,3)");
        infer_err(&Cross, "(2,4);(2,4)", "dimension must be 3 but is 4");
    }
}
