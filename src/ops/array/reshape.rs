//! `Reshape`: the same elements in another shape.

use std::sync::Arc;

use super::into_sizes::{IntoSizes, check_index};
use crate::error::{Error, Result};
use crate::graph::{Attrs, Example, GradCx, InferCx, Op, OpKind, RunCx, Tensor};
use crate::shape::{Dims, MAX_RANK, Shape, element_count};
use crate::value::IntoValue;

/// The same elements in another shape.
#[derive(Debug, Clone)]
pub struct Reshape;

/// The row of [`Reshape`].
pub static RESHAPE: OpKind = OpKind::new(
    "Reshape",
    "tensor: T, shape: Tshape -> output: T",
    |_: &Attrs| Ok(Arc::new(Reshape) as Arc<dyn Op>),
    || {
        let value = || [[1.0f32, 2.0, 3.0], [4.0, 5.0, 6.0]].into_value();
        vec![
            Example::new(Reshape, [value(), [3i32, 2].into_value()]),
            Example::new(Reshape, [value(), [-1i64].into_value()]),
            Example::new(Reshape, ["text".into_value(), [1i32, 1].into_value()]),
            Example::new(Reshape, [[3i32, 4].into_value(), [2i32].into_value()]),
        ]
    },
)
.shares_input();

impl Tensor {
    /// The same elements in another shape: a list, a [`Shape`], [`sizes!`](crate::sizes) with tensors among the numbers,
    /// or an integer vector. One size may be -1; it is solved for. No element is copied.
    ///
    /// # Errors
    /// `ShapeMismatch` where the numbers of elements cannot agree; `InvalidArgument` for sizes below -1.
    ///
    /// Source: TensorFlow's `Reshape`.
    ///
    /// ```
    /// # use sessile::prelude::*;
    /// # fn main() -> sessile::Result<()> {
    /// let g = Graph::new();
    /// let x = g.placeholder(DType::F32, shape![?, 3, 4])?;
    /// assert_eq!(x.reshape([-1, 12])?.shape().to_string(), "(?, 12)");
    /// # Ok(()) }
    /// ```
    #[doc(alias = "tf.reshape")]
    #[track_caller]
    pub fn reshape(&self, shape: impl IntoSizes) -> Result<Tensor> {
        let g = self.graph();
        g.composite("Reshape", |scope| {
            let shape = shape.sizes(g, "shape")?;
            g.named(scope, || g.apply_one(Reshape, &[self, &shape]))
        })
    }
}

impl Op for Reshape {
    fn kind(&self) -> &'static OpKind {
        &RESHAPE
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        check_index("shape", cx.dtype(1))?;
        let target = cx.shape(1).with_rank(1)?;
        let shape = match (cx.sizes(1), target.dim(0).known()) {
            (Some(sizes), _) => cx.shape(0).reshape_to(&sizes)?,
            (None, Some(rank)) => Shape::unknown_of_rank(rank),
            _ => Shape::unknown(),
        };
        // A vector may become a scalar and the other way round: the elements stay.
        let sizes = cx.sizes(0).filter(|_| shape.rank().is_some_and(|rank| rank < 2));
        cx.output(cx.dtype(0), shape).sizes = sizes;
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let rank = cx.input(1).rank();
        if rank > 1 {
            return Err(Error::shape(format!("the target shape must be a vector, but has rank {rank}")));
        }
        let dims = solve(&cx.ints(cx.input(1))?, cx.input(0).dims())?;
        let value = cx.take(0).reshaped(&dims)?;
        cx.output(0, value);
        Ok(())
    }

    fn grad(&self, cx: &GradCx<'_>) -> Result<Vec<Option<Tensor>>> {
        Ok(vec![Some(cx.dy()?.reshape(cx.input(0).shape_tensor())?), None])
    }
}

/// The dims for a target with at most one -1.
fn solve(target: &[i64], from: &[usize]) -> Result<Dims> {
    let len = element_count(from)?;
    // One less than a value may have: TensorFlow's kernel says so.
    if target.len() >= MAX_RANK {
        let n = target.len();
        return Err(Error::invalid(format!("too many dimensions: must be < {MAX_RANK}, but received {n}")));
    }
    let mut dims = Dims::new();
    let mut hole = None;
    for (i, &size) in target.iter().enumerate() {
        match (usize::try_from(size), hole) {
            (Ok(size), _) => dims.push(size),
            (Err(_), None) if size == -1 => {
                hole = Some(i);
                dims.push(1);
            }
            (Err(_), Some(first)) if size == -1 => {
                return Err(Error::invalid(format!("only one input size may be -1, not both {first} and {i}")));
            }
            _ => return Err(Error::invalid(format!("size {i} must be non-negative, not {size}"))),
        }
    }
    let asked = element_count(&dims)?;
    match hole {
        None if asked == len => {}
        None => {
            let what = format!("input to reshape is a tensor with {len} values, but the requested shape has {asked}");
            return Err(Error::shape(what));
        }
        // Nothing to nothing: what is left of the sizes that are not zero, as TensorFlow has it.
        Some(hole) if asked == 0 && len == 0 => dims[hole] = nonzero(from) / nonzero(&dims),
        Some(hole) if asked > 0 && len.is_multiple_of(asked) => dims[hole] = len / asked,
        Some(_) => {
            return Err(Error::shape(format!(
                "input to reshape is a tensor with {len} values, but the requested shape requires a multiple of {asked}"
            )));
        }
    }
    Ok(dims)
}

/// The product of the sizes that are not zero, which `element_count` has found to fit.
fn nonzero(dims: &[usize]) -> usize {
    dims.iter().filter(|dim| **dim != 0).product()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dtype::DType;
    use crate::graph::Graph;
    use crate::{shape, sizes};

    #[track_caller]
    fn check(target: &[i64], len: usize, want: &str) {
        let got = solve(target, &[len]).map_or_else(|error| error.message().to_owned(), |dims| format!("{dims:?}"));
        assert_eq!(got, want);
    }

    /// The words are those of TensorFlow 1.15.5, in lower case.
    #[test]
    fn the_run_solves_for_one_size() {
        check(&[3, -1], 6, "[3, 2]");
        check(&[], 1, "[]");
        check(&[0, 5], 0, "[0, 5]");
        check(&[-1, -1], 6, "only one input size may be -1, not both 0 and 1");
        check(&[-2], 6, "size 0 must be non-negative, not -2");
        check(
            &[4, -1],
            6,
            "input to reshape is a tensor with 6 values, but the requested shape requires a multiple of 4",
        );
        check(&[4], 6, "input to reshape is a tensor with 6 values, but the requested shape has 4");
        assert!(solve(&[i64::MAX, i64::MAX], &[6]).is_err());
        let error = solve(&[1; 254], &[1]).unwrap_err();
        assert_eq!(error.message(), "too many dimensions: must be < 254, but received 254");
    }

    /// As TensorFlow 1.15.5 and 2.15.1 answer.
    #[test]
    fn nothing_is_divided_by_the_sizes_that_are_not_zero() {
        let check =
            |from: &[usize], target: &[i64], want: &[usize]| assert_eq!(solve(target, from).unwrap()[..], *want);
        check(&[2, 0], &[-1, 0], &[2, 0]);
        check(&[2, 0], &[3, -1], &[3, 0]);
        check(&[0, 3], &[-1, 0], &[3, 0]);
        check(&[2, 0, 3], &[0, -1], &[0, 6]);
        check(&[0, 0], &[-1, 0, 0], &[1, 0, 0]);
        check(&[4, 0], &[-1, 0, 8], &[0, 0, 8]);
        assert!(solve(&[-1, 0], &[2, 3]).is_err());
    }

    #[test]
    fn targets_are_lists_shapes_tensors_and_mixtures() {
        let g = Graph::new();
        let x = g.placeholder(DType::F32, shape![?, 3, 4]).unwrap();
        let n = x.shape_tensor().unwrap().index(0).unwrap();
        assert_eq!(x.reshape([-1, 12]).unwrap().shape().to_string(), "(?, 12)");
        assert_eq!(x.reshape(shape![2, 6]).unwrap().shape().to_string(), "(2, 6)");
        let mixed = x.reshape(sizes![&n, 12]).unwrap();
        assert_eq!(mixed.shape().dim(0), x.shape().dim(0));
        let names: Vec<_> = mixed.node().inputs().iter().map(|id| g.node(id.node).name().to_owned()).collect();
        assert_eq!(names[1], "Reshape_2/shape");
        assert!(g.operation_by_name("Reshape_2/shape/1").is_ok());
        assert!(x.reshape(shape![?, 6]).is_err());
        let text = g.constant([1, 2, 3, 4, 5, 6]).unwrap().reshape([4, 2]).unwrap_err().to_string();
        assert!(text.contains("cannot reshape a tensor with 6 elements to shape [4,2] (8 elements)"), "{text}");
    }
}
