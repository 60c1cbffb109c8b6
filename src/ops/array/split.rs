//! `Split` and `SplitV`: parts of a tensor along an axis.

use std::panic::Location;
use std::sync::Arc;

use super::concat::concat_along;
use super::into_sizes::{check_index, sizes_value};
use super::strided::{Layout, read};
use crate::error::{Error, Result};
use crate::graph::{Attrs, Example, GradCx, InferCx, Ints, Op, OpKind, RunCx, Tensor};
use crate::shape::{Dim, Dims, Shape, normalize_axis};
use crate::value::{IntoValue, Value};

/// Parts of equal size.
#[derive(Debug, Clone)]
pub struct Split {
    /// How many.
    pub n: usize,
}

/// Parts of given sizes.
#[derive(Debug, Clone)]
pub struct SplitV {
    /// How many.
    pub n: usize,
}

/// The row of [`Split`].
pub static SPLIT: OpKind = OpKind::new(
    "Split",
    "split_dim: int32, value: T -> output: num_split*T",
    |attrs: &Attrs| Ok(Arc::new(Split { n: count(attrs)? }) as Arc<dyn Op>),
    || {
        let value = || [[1.0f32, 2.0, 3.0, 4.0]].into_value();
        vec![
            Example::new(Split { n: 2 }, [1i32.into_value(), value()]),
            Example::new(Split { n: 1 }, [(-2i32).into_value(), value()]),
        ]
    },
);

/// The row of [`SplitV`].
pub static SPLIT_V: OpKind = OpKind::new(
    "SplitV",
    "value: T, size_splits: Tlen, split_dim: int32 -> output: num_split*T",
    |attrs: &Attrs| Ok(Arc::new(SplitV { n: count(attrs)? }) as Arc<dyn Op>),
    || {
        let value = || [[1.0f32, 2.0, 3.0, 4.0]].into_value();
        vec![
            Example::new(SplitV { n: 2 }, [value(), [1i32, 3].into_value(), 1i32.into_value()]),
            Example::new(SplitV { n: 3 }, [value(), [1i64, -1, 0].into_value(), (-1i32).into_value()]),
        ]
    },
);

impl Tensor {
    /// `n` parts of equal size along an axis: `(2, 6)` in 3 along axis 1 is three times `(2, 2)`.
    ///
    /// # Errors
    /// `ShapeMismatch` if `n` does not divide the size; `InvalidArgument` for an axis out of range.
    ///
    /// ```
    /// # use sessile::prelude::*;
    /// # fn main() -> sessile::Result<()> {
    /// let g = Graph::new();
    /// let x = g.placeholder(DType::F32, shape![?, 6])?;
    /// assert_eq!(x.split(3, 1)?[2].shape().to_string(), "(?, 2)");
    /// # Ok(()) }
    /// ```
    #[doc(alias = "tf.split")]
    #[track_caller]
    pub fn split(&self, n: usize, axis: i32) -> Result<Vec<Tensor>> {
        let g = self.graph();
        let number = i32::try_from(n).map_err(|_| Error::invalid(format!("{n} parts are too many")))?;
        // TF1 makes the number a constant, which it then does not use.
        g.at_line(Location::caller(), || {
            let _ = g.unnamed(|| g.constant(number))?;
            g.composite("split", |scope| {
                let axis = g.named("split_dim", || g.constant(axis))?;
                Ok(g.named(scope, || g.apply(Split { n }, &[&axis, self]))?.outputs())
            })
        })
    }

    /// Parts of these sizes along an axis; one may be -1, the rest.
    ///
    /// # Errors
    /// `ShapeMismatch` if the sizes do not add up; `InvalidArgument` for an axis out of range.
    #[doc(alias = "tf.split")]
    #[track_caller]
    pub fn split_sizes(&self, sizes: &[i64], axis: i32) -> Result<Vec<Tensor>> {
        let g = self.graph();
        let n = sizes.len();
        g.at_line(Location::caller(), || {
            let sizes = g.unnamed(|| g.constant(sizes_value(sizes)))?;
            g.composite("split", |scope| {
                let axis = g.named("split_dim", || g.constant(axis))?;
                Ok(g.named(scope, || g.apply(SplitV { n }, &[self, &sizes, &axis]))?.outputs())
            })
        })
    }
}

fn count(attrs: &Attrs) -> Result<usize> {
    let n = attrs.int("num_split")?;
    let positive = usize::try_from(n).ok().filter(|n| *n > 0);
    positive.ok_or_else(|| Error::invalid(format!("num_split must be at least 1, but is {n}")))
}

/// The axis, where it is known.
fn axis_of(cx: &InferCx<'_>, i: usize, rank: Option<usize>) -> Result<Option<usize>> {
    match (cx.ints(i).as_deref(), rank) {
        (Some(&[axis]), Some(rank)) => normalize_axis(axis, rank).map(Some),
        (Some(axes), _) if axes.len() != 1 => Err(Error::shape("split_dim must be a scalar")),
        _ => Ok(None),
    }
}

fn only(axis: &Value) -> Result<i64> {
    Ints::of(axis)?.only().ok_or_else(|| Error::shape("split_dim must be a scalar"))
}

/// Reads the parts of these sizes.
fn run_parts(cx: &mut RunCx<'_>, value: usize, axis: usize, sizes: &[usize]) -> Result<()> {
    let whole = Dims::from_slice(cx.input(value).dims());
    let inner: usize = whole[axis + 1..].iter().product();
    let outer: usize = whole[..axis].iter().product();
    let mut start = 0;
    for (i, &size) in sizes.iter().enumerate() {
        let mut dims = whole.clone();
        dims[axis] = size;
        let strides = [(whole[axis] * inner) as isize, 1];
        let layout = Layout { start, dims: [outer, size * inner][..].into(), strides: strides[..].into() };
        start += (size * inner) as isize;
        let part = read(cx, value, &dims, &layout)?;
        cx.output(i, part);
    }
    Ok(())
}

impl Op for Split {
    fn kind(&self) -> &'static OpKind {
        &SPLIT
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        let value = cx.shape(1).with_rank_at_least(1)?;
        if self.n == 0 {
            return Err(Error::invalid("the number of parts must be at least 1, but is 0"));
        }
        cx.check_n_outputs(self.n)?;
        let part = match (axis_of(cx, 0, value.rank())?, value.rank()) {
            (Some(axis), _) => {
                let size = value.dim(axis);
                if let Some(known) = size.known().filter(|known| known % self.n != 0) {
                    return Err(Error::shape(format!(
                        "dimension size must be evenly divisible by {} but is {known}",
                        self.n
                    )));
                }
                value.replace_dim(axis, size.floor_div(&Dim::from(self.n)))?
            }
            (None, Some(rank)) => Shape::unknown_of_rank(rank),
            (None, None) => Shape::unknown(),
        };
        let sizes = cx.sizes(1).filter(|sizes| value.rank() == Some(1) && sizes.len() % self.n == 0);
        for i in 0..self.n {
            let mine = sizes.as_ref().map(|sizes| sizes[i * (sizes.len() / self.n)..][..sizes.len() / self.n].into());
            cx.output(cx.dtype(1), &part).sizes = mine;
        }
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let axis = normalize_axis(only(cx.input(0))?, cx.input(1).rank())?;
        let size = cx.input(1).dims()[axis];
        if !size.is_multiple_of(self.n) {
            let what = "number of ways to split should evenly divide the split dimension";
            return Err(Error::shape(format!(
                "{what}, but got split_dim {axis} (size = {size}) and num_split {}",
                self.n
            )));
        }
        // Bounded by the outputs.
        run_parts(cx, 1, axis, &vec![size / self.n; self.n])
    }

    fn grad(&self, cx: &GradCx<'_>) -> Result<Vec<Option<Tensor>>> {
        let parts = cx.output_grads_or_zeros()?;
        Ok(vec![None, Some(concat_along(&parts, &cx.input(0))?)])
    }
}

impl Op for SplitV {
    fn kind(&self) -> &'static OpKind {
        &SPLIT_V
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        check_index("size_splits", cx.dtype(1))?;
        cx.check_n_outputs(self.n)?;
        cx.shape(1).with_rank(1)?.with_dim(0, &Dim::from(self.n))?;
        let value = cx.shape(0).with_rank_at_least(1)?;
        let axis = axis_of(cx, 2, value.rank())?;
        let known = match (axis.and_then(|axis| value.dim(axis).known()), cx.ints(1)) {
            (Some(size), Some(splits)) => Some(solve(&splits, size)?),
            _ => None,
        };
        for i in 0..self.n {
            let shape = match (axis, value.rank()) {
                (Some(axis), _) => {
                    let given = || cx.sizes(1).map(|sizes| sizes[i].clone()).filter(Dim::is_never_negative);
                    let size = known.as_ref().map(|known| Dim::from(known[i])).or_else(given);
                    value.replace_dim(axis, size.unwrap_or_else(Dim::unknown))?
                }
                (None, Some(rank)) => Shape::unknown_of_rank(rank),
                (None, None) => Shape::unknown(),
            };
            cx.output(cx.dtype(0), shape);
        }
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let axis = normalize_axis(only(cx.input(2))?, cx.input(0).rank())?;
        if cx.input(1).len() != self.n {
            let (n, have) = (self.n, cx.input(1).len());
            return Err(Error::shape(format!("size_splits must have {n} elements, but has {have}")));
        }
        let splits = cx.ints(cx.input(1))?;
        let sizes = solve(&splits, cx.input(0).dims()[axis])?;
        run_parts(cx, 0, axis, &sizes)
    }

    fn grad(&self, cx: &GradCx<'_>) -> Result<Vec<Option<Tensor>>> {
        let parts = cx.output_grads_or_zeros()?;
        Ok(vec![Some(concat_along(&parts, &cx.input(2))?), None, None])
    }
}

/// The sizes of the parts; one may be -1.
fn solve(splits: &[i64], size: usize) -> Result<Vec<usize>> {
    let mut hole = None;
    let mut sum = 0usize;
    // Bounded by the outputs.
    let mut sizes = Vec::with_capacity(splits.len());
    for (i, &split) in splits.iter().enumerate() {
        match usize::try_from(split) {
            Ok(split) => {
                sum = sum.saturating_add(split);
                sizes.push(split);
            }
            Err(_) if split == -1 && hole.is_none() => {
                hole = Some(i);
                sizes.push(0);
            }
            Err(_) if split == -1 => return Err(Error::invalid("only one dimensions can have a value of -1")),
            Err(_) => return Err(Error::invalid(format!("split size at index {i} must be >= 0, got {split}"))),
        }
    }
    match hole {
        Some(hole) if sum <= size => sizes[hole] = size - sum,
        None if sum == size => {}
        _ => {
            return Err(Error::shape(format!(
                "can't split along an axis of size {size} into parts of {splits:?}: they add up to {sum}"
            )));
        }
    }
    Ok(sizes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::run_op;
    use crate::{DType, Graph, shape};

    #[test]
    fn parts_are_cut_along_the_axis() {
        let value = [[1, 2, 3], [4, 5, 6]].into_value();
        let parts = run_op(SplitV { n: 2 }, &[value.clone(), [2, -1].into_value(), 1.into_value()]).unwrap();
        assert_eq!(parts[0].slice::<i32>().unwrap(), [1, 2, 4, 5]);
        assert_eq!(parts[1].slice::<i32>().unwrap(), [3, 6]);
        let parts = run_op(Split { n: 2 }, &[0.into_value(), value]).unwrap();
        assert_eq!(parts[1].slice::<i32>().unwrap(), [4, 5, 6]);
    }

    #[test]
    fn nodes_are_those_of_tf1() {
        let g = Graph::new();
        let x = g.placeholder(DType::F32, shape!["b", 6]).unwrap();
        let names = |parts: Vec<Tensor>| format!("{} {}", parts[1].name(), parts[1].shape());
        assert_eq!(names(x.split(3, 1).unwrap()), "split:1 (b, 2)");
        assert_eq!(names(x.split_sizes(&[1, -1], 1).unwrap()), "split_1:1 (b, 5)");
        assert!(g.operation_by_name("Const_1").is_ok());
        assert!(x.split(4, 1).unwrap_err().message().contains("evenly divisible by 4 but is 6"));
        assert!(x.split_sizes(&[1, 4], 1).is_err() && x.split_sizes(&[-1, -1], 1).is_err());
    }
}
