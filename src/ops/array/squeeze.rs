//! `Squeeze`: without axes of size 1.

use std::sync::Arc;

use crate::error::{Error, Result};
use crate::graph::{AttrValue, Attrs, Example, GradCx, InferCx, Op, OpKind, RunCx, Tensor};
use crate::shape::{Dim, Dims, Shape, normalize_axes};
use crate::value::IntoValue;

/// Without axes of size 1.
#[derive(Debug, Clone)]
pub struct Squeeze {
    /// The axes to leave out; all of size 1 if there are none here.
    pub axes: Vec<i64>,
}

/// The row of [`Squeeze`].
pub static SQUEEZE: OpKind = OpKind::new(
    "Squeeze",
    "input: T -> output: T",
    |attrs: &Attrs| Ok(Arc::new(Squeeze { axes: attrs.ints_or("squeeze_dims", &[])? }) as Arc<dyn Op>),
    || {
        vec![
            Example::new(Squeeze { axes: vec![] }, [[[[1.0f32], [2.0]]].into_value()]),
            Example::new(Squeeze { axes: vec![-1] }, [[[[1.0f32], [2.0]]].into_value()]),
            Example::new(Squeeze { axes: vec![0] }, [[3i32].into_value()]),
        ]
    },
)
.shares_input();

impl Tensor {
    /// Without its axes of size 1: `(1, 2, 1) -> (2)`. Where a size is unknown, so is the rank.
    #[doc(alias = "tf.squeeze")]
    #[track_caller]
    pub fn squeeze(&self) -> Result<Tensor> {
        self.graph().apply_one(Squeeze { axes: Vec::new() }, &[self])
    }

    /// Without these axes, which must be of size 1; negative ones count from the back.
    ///
    /// # Errors
    /// `ShapeMismatch` for an axis of another size; `InvalidArgument` where there is no such axis.
    ///
    /// ```
    /// # use sessile::prelude::*;
    /// # fn main() -> sessile::Result<()> {
    /// let g = Graph::new();
    /// assert_eq!(g.placeholder(DType::F32, shape![?, 3, 1])?.squeeze_axes(&[-1])?.shape().to_string(), "(?, 3)");
    /// # Ok(()) }
    /// ```
    #[doc(alias = "tf.squeeze")]
    #[track_caller]
    pub fn squeeze_axes(&self, axes: &[i64]) -> Result<Tensor> {
        self.graph().apply_one(Squeeze { axes: axes.to_vec() }, &[self])
    }
}

impl Squeeze {
    /// Which of the dims stay; `None` where that is not known. `size` answers the known size of an axis.
    fn kept(&self, rank: usize, size: impl Fn(usize) -> Option<usize>) -> Result<Option<Vec<usize>>> {
        if self.axes.is_empty() {
            let sizes: Option<Vec<_>> = (0..rank).map(&size).collect();
            return Ok(sizes.map(|sizes| (0..rank).filter(|axis| sizes[*axis] != 1).collect()));
        }
        // TensorFlow lets an axis come twice.
        // Bounded by the rank.
        let mut gone = vec![false; rank];
        for axis in &self.axes {
            gone[normalize_axes(&[*axis], rank)?[0]] = true;
        }
        let wrong = (0..rank).find(|axis| gone[*axis] && size(*axis).is_some_and(|size| size != 1));
        match wrong.map(|axis| (axis, size(axis))) {
            Some((axis, Some(size))) => {
                Err(Error::shape(format!("can not squeeze dim[{axis}], expected a dimension of 1, got {size}")))
            }
            _ => Ok(Some((0..rank).filter(|axis| !gone[*axis]).collect())),
        }
    }
}

impl Op for Squeeze {
    fn kind(&self) -> &'static OpKind {
        &SQUEEZE
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        let shape = match cx.shape(0).dims() {
            None => Shape::unknown(),
            Some(dims) => match self.kept(dims.len(), |axis| dims[axis].known())? {
                Some(kept) => kept.iter().map(|axis| dims[*axis].clone()).collect::<Vec<Dim>>().into(),
                None => Shape::unknown(),
            },
        };
        let sizes = cx.sizes(0).filter(|_| shape.rank().is_some());
        cx.output(cx.dtype(0), shape).sizes = sizes;
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let value = cx.take(0);
        let dims = value.dims();
        let kept = self.kept(dims.len(), |axis| Some(dims[axis]))?.unwrap_or_default();
        let dims: Dims = kept.iter().map(|axis| dims[*axis]).collect();
        cx.output(0, value.reshaped(&dims)?);
        Ok(())
    }

    fn grad(&self, cx: &GradCx<'_>) -> Result<Vec<Option<Tensor>>> {
        Ok(vec![Some(cx.dy()?.reshape(cx.input(0).shape_tensor())?)])
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        vec![("squeeze_dims", AttrValue::Ints(self.axes.clone()))]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{infer_err, infer_ok};

    #[test]
    fn only_what_is_surely_one_goes() {
        infer_ok(&Squeeze { axes: vec![] }, "(1,2,1)", "(2)");
        infer_ok(&Squeeze { axes: vec![] }, "(1,?)", "<unknown>");
        infer_ok(&Squeeze { axes: vec![0] }, "(?,3)", "(3)");
        infer_ok(&Squeeze { axes: vec![-1, 1] }, "(2,1)", "(2)");
        infer_err(&Squeeze { axes: vec![0] }, "(2,3)", "can not squeeze dim[0], expected a dimension of 1, got 2");
        infer_err(&Squeeze { axes: vec![2] }, "(2,3)", "axis must be in [-2, 2), but is 2");
    }
}
