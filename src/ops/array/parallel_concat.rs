//! `ParallelConcat`: tensors of one row each, one after the other.

use std::sync::Arc;

use super::cells::{cells_mut, with_cells};
use super::pack::join;
use crate::error::{Error, Result};
use crate::graph::{AttrValue, Attrs, Example, InferCx, Op, OpKind, RunCx};
use crate::shape::{Dim, Dims, Shape};
use crate::value::IntoValue;

/// Tensors of one row each, one after the other: `n * (1, d..) -> (n, d..)`. The shape is known before the run.
#[derive(Debug, Clone)]
pub struct ParallelConcat {
    /// The shape of the result.
    pub shape: Shape,
}

/// The row of [`ParallelConcat`].
pub static PARALLEL_CONCAT: OpKind = OpKind::new(
    "ParallelConcat",
    "values: N*T -> output: T",
    |attrs: &Attrs| Ok(Arc::new(ParallelConcat { shape: attrs.shape("shape")? }) as Arc<dyn Op>),
    || {
        let of = |n: usize, parts: Vec<crate::Value>| {
            let op = ParallelConcat { shape: Shape::from(vec![Dim::from(parts.len()), Dim::from(n)]) };
            Example::new(op, parts)
        };
        vec![of(2, vec![[[1.0f32, 2.0]].into_value(), [[3.0f32, 4.0]].into_value()]), of(1, vec![[["a"]].into_value()])]
    },
)
.not_differentiable("TensorFlow gives it no gradient");

impl ParallelConcat {
    fn dims(&self) -> Result<Dims> {
        let unknown = || Error::invalid("all input shapes must be fully defined");
        self.shape.known_dims().filter(|dims| !dims.is_empty()).ok_or_else(unknown)
    }

    fn check_rows(&self, n: usize) -> Result<()> {
        match self.dims()?[0] {
            rows if rows == n => Ok(()),
            rows => Err(Error::shape(format!("the first dimension must be the number of values {n}, but is {rows}"))),
        }
    }
}

impl Op for ParallelConcat {
    fn kind(&self) -> &'static OpKind {
        &PARALLEL_CONCAT
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        self.check_rows(cx.n_inputs())?;
        let part = self.shape.replace_dim(0, Dim::from(1))?;
        (0..cx.n_inputs()).try_for_each(|i| cx.shape(i).merge(&part).map(drop))?;
        cx.output(cx.dtype(0), &self.shape);
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let dims = self.dims()?;
        for i in 0..cx.n_inputs() {
            let part = cx.input(i).dims();
            if part.first() != Some(&1) || part[1..] != dims[1..] {
                let [part, all] = [part, &dims[..]].map(Shape::from);
                return Err(Error::shape(format!("value {i} must be one row of {all}, but has shape {part}")));
            }
        }
        let blocks = vec![dims[1..].iter().product(); cx.n_inputs()];
        let mut out = cx.alloc(cx.input(0).dtype(), &dims)?;
        with_cells!(out.dtype(), E => join::<E>(cx, 0, &blocks, cells_mut(&mut out)?)?);
        cx.output(0, out);
        Ok(())
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        vec![("shape", AttrValue::Shape(self.shape.clone()))]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{infer_err, infer_ok, run_op};
    use crate::shape;

    #[test]
    fn rows_follow_each_other() {
        let op = ParallelConcat { shape: shape![2, 2] };
        let out = run_op(op.clone(), &[[[1, 2]].into_value(), [[3, 4]].into_value()]).unwrap();
        assert_eq!((out[0].dims(), out[0].slice::<i32>().unwrap()), (&[2, 2][..], &[1, 2, 3, 4][..]));
        infer_ok(&op, "(?,2);(1,?)", "(2,2)");
        infer_err(&op, "(1,2)", "must be the number of values 1, but is 2");
        infer_err(&op, "(1,2);(1,3)", "must be equal, but are 3 and 2");
        infer_err(&ParallelConcat { shape: shape![?, 2] }, "(1,2)", "must be fully defined");
    }
}
