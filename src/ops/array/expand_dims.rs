//! `ExpandDims`: one more axis, of size 1.

use std::sync::Arc;

use super::into_sizes::check_index;
use crate::error::{Error, Result};
use crate::graph::{Attrs, Example, GradCx, InferCx, Ints, Op, OpKind, RunCx, Tensor};
use crate::shape::{Dim, Dims, Shape, normalize_axis};
use crate::value::IntoValue;

/// One more axis, of size 1.
#[derive(Debug, Clone)]
pub struct ExpandDims;

/// The row of [`ExpandDims`].
pub static EXPAND_DIMS: OpKind = OpKind::new(
    "ExpandDims",
    "input: T, dim: Tdim -> output: T",
    |_: &Attrs| Ok(Arc::new(ExpandDims) as Arc<dyn Op>),
    || {
        vec![
            Example::new(ExpandDims, [[[1.0f32, 2.0]].into_value(), (-1i32).into_value()]),
            Example::new(ExpandDims, [["a", "b"].into_value(), 0i64.into_value()]),
            Example::new(ExpandDims, [3i32.into_value(), [0i32].into_value()]),
        ]
    },
)
.shares_input();

impl Tensor {
    /// One more axis, of size 1, which becomes axis `axis`; -1 puts it last: `(2, 3) -> (2, 3, 1)`.
    ///
    /// # Errors
    /// `InvalidArgument` for an axis outside of `[-rank - 1, rank]`.
    ///
    /// ```
    /// # use sessile::prelude::*;
    /// # fn main() -> sessile::Result<()> {
    /// let g = Graph::new();
    /// assert_eq!(g.placeholder(DType::F32, shape![?, 3])?.expand_dims(1)?.shape().to_string(), "(?, 1, 3)");
    /// # Ok(()) }
    /// ```
    #[doc(alias = "tf.expand_dims")]
    #[track_caller]
    pub fn expand_dims(&self, axis: i32) -> Result<Tensor> {
        let g = self.graph();
        g.composite("ExpandDims", |scope| {
            let axis = g.named("dim", || g.constant(axis))?;
            g.named(scope, || g.apply_one(ExpandDims, &[self, &axis]))
        })
    }
}

impl Op for ExpandDims {
    fn kind(&self) -> &'static OpKind {
        &EXPAND_DIMS
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        check_index("dim", cx.dtype(1))?;
        let input = cx.shape(0).clone();
        let shape = match (cx.ints(1).as_deref(), input.rank()) {
            (Some(&[axis]), Some(rank)) => input.insert(place(axis, rank)?, Dim::from(1))?,
            (Some(axes), _) if axes.len() != 1 => return Err(one_axis(axes.len())),
            (_, Some(rank)) => Shape::unknown_of_rank(rank + 1),
            _ => Shape::unknown(),
        };
        let sizes = cx.sizes(0).filter(|_| input.rank() == Some(0));
        cx.output(cx.dtype(0), shape).sizes = sizes;
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let axis = Ints::of(cx.input(1))?.only().ok_or_else(|| one_axis(cx.input(1).len()))?;
        let value = cx.take(0);
        let mut dims = Dims::from_slice(value.dims());
        dims.insert(place(axis, value.rank())?, 1);
        cx.output(0, value.reshaped(&dims)?);
        Ok(())
    }

    fn grad(&self, cx: &GradCx<'_>) -> Result<Vec<Option<Tensor>>> {
        Ok(vec![Some(cx.dy()?.reshape(cx.input(0).shape_tensor())?), None])
    }
}

/// Where the new axis goes.
fn place(axis: i64, rank: usize) -> Result<usize> {
    let refuse = |_| Error::invalid(format!("dim {axis} not in the interval [{}, {rank}]", -(rank as i64) - 1));
    normalize_axis(axis, rank + 1).map_err(refuse)
}

#[cold]
fn one_axis(n: usize) -> Error {
    Error::invalid(format!("'dim' input must be a tensor with a single value, but has {n}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::infer_ok;
    use crate::{DType, Graph, shape};

    #[test]
    fn the_axis_may_be_unknown() {
        infer_ok(&ExpandDims, "(?,3);int32()", "(?,?,?)");
        infer_ok(&ExpandDims, "<unknown>;int32()", "<unknown>");
    }

    #[test]
    fn an_axis_past_the_end_is_refused() {
        let g = Graph::new();
        let x = g.placeholder(DType::F32, shape![2, 3]).unwrap();
        assert_eq!(x.expand_dims(-3).unwrap().shape(), shape![1, 2, 3]);
        assert!(x.expand_dims(3).unwrap_err().message().contains("dim 3 not in the interval [-3, 2]"));
        assert!(x.expand_dims(i32::MIN).is_err());
    }
}
