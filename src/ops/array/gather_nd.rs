//! `GatherNd` and `ScatterNd`: slices named by several indices at once.
#![allow(dropping_copy_types)]

use std::sync::Arc;

use super::cells::{Cell, cells, cells_mut, with_cells};
use super::into_sizes::{IntoSizes, check_index, check_short_index, dims_of, ints_of};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::graph::{Attrs, Example, GradCx, InferCx, Op, OpKind, RunCx, Tensor};
use crate::kernel::Number;
use crate::ops::IntoTensor;
use crate::shape::{Dims, Shape, element_count};
use crate::value::{IntoValue, Value};
use crate::with_type;

/// Slices that the rows of a tensor of indices name.
#[derive(Debug, Clone)]
pub struct GatherNd;

/// Slices put into zeros, where the rows of a tensor of indices say; what meets is added.
#[derive(Debug, Clone)]
pub struct ScatterNd;

/// The row of [`GatherNd`].
pub static GATHER_ND: OpKind = OpKind::new(
    "GatherNd",
    "params: Tparams, indices: Tindices -> output: Tparams",
    |_: &Attrs| Ok(Arc::new(GatherNd) as Arc<dyn Op>),
    || {
        let params = || [[1.0f32, 2.0, 3.0], [4.0, 5.0, 6.0]].into_value();
        vec![
            Example::new(GatherNd, [params(), [[1i32, 2], [0, 0]].into_value()]),
            Example::new(GatherNd, [params(), [[[1i64]]].into_value()]),
            Example::new(GatherNd, [["a", "b"].into_value(), [1i32].into_value()]),
        ]
    },
);

/// The row of [`ScatterNd`].
pub static SCATTER_ND: OpKind = OpKind::new(
    "ScatterNd",
    "indices: Tindices, updates: T, shape: Tindices -> output: T",
    |_: &Attrs| Ok(Arc::new(ScatterNd) as Arc<dyn Op>),
    || {
        vec![
            Example::new(
                ScatterNd,
                [[[1i32], [3], [1]].into_value(), [1.0f32, 2.0, 3.0].into_value(), [5i32].into_value()],
            ),
            Example::new(ScatterNd, [[[1i64]].into_value(), [[1i32, 2]].into_value(), [2i64, 2].into_value()]),
        ]
    },
);

impl Tensor {
    /// Slices that the rows of `indices` name: `(d1, .., dm)` by `(.., k)` is `(.., d(k+1), .., dm)`.
    ///
    /// # Errors
    /// `ShapeMismatch` for rows longer than the rank; `InvalidArgument` in the run for indices outside.
    ///
    /// Source: TensorFlow's `GatherNd`.
    #[doc(alias = "tf.gather_nd")]
    #[track_caller]
    pub fn gather_nd(&self, indices: impl IntoTensor) -> Result<Tensor> {
        self.graph().apply_one(GatherNd, &[self, &indices.tensor(None)?])
    }

    /// The slices of `updates` in zeros of a shape, at the places that these indices name; what meets is added.
    ///
    /// # Errors
    /// `ShapeMismatch` for updates of another shape; `InvalidArgument` in the run for indices outside.
    ///
    /// Source: TensorFlow's `ScatterNd`.
    #[doc(alias = "tf.scatter_nd")]
    #[track_caller]
    pub fn scatter_nd(&self, updates: impl IntoTensor, shape: impl IntoSizes) -> Result<Tensor> {
        let g = self.graph();
        let updates = updates.tensor(None)?;
        g.composite("ScatterNd", |scope| {
            let shape = shape.sizes(g, "shape")?;
            g.named(scope, || g.apply_one(ScatterNd, &[self, &updates, &shape]))
        })
    }
}

/// The shape of the slices, all together.
pub(in crate::ops) fn slices(params: &Shape, indices: &Shape) -> Result<Shape> {
    indices.with_rank_at_least(1)?;
    let (Some(rank), Some(n)) = (params.rank(), indices.rank()) else { return Ok(Shape::unknown()) };
    let Some(depth) = indices.dim(n - 1).known() else { return Ok(Shape::unknown()) };
    if depth > rank {
        return Err(Error::shape(format!("indices.shape[-1] must be <= params.rank, but saw {depth} and {rank}")));
    }
    indices.slice(..n - 1)?.concat(&params.slice(depth..)?)
}

/// How many axes an index names.
fn depth_of(dims: &[usize], indices: &Value) -> Result<usize> {
    let Some(&depth) = indices.dims().last() else {
        return Err(Error::shape("indices must have rank 1 or more, but are a scalar"));
    };
    if depth > dims.len() {
        let rank = dims.len();
        return Err(Error::shape(format!("indices.shape[-1] must be <= params.rank, but saw {depth} and {rank}")));
    }
    Ok(depth)
}

/// The first element of each slice that is named, and the slices' length.
pub(super) fn places(dims: &[usize], indices: &Value) -> Result<(Vec<usize>, usize)> {
    let depth = depth_of(dims, indices)?;
    let batch = &indices.dims()[..indices.rank() - 1];
    let len: usize = dims[depth..].iter().product();
    if depth == 0 && len == 0 {
        // Any number of empty slices without an index: nothing bounds it, and nothing is read or written.
        return Ok((Vec::new(), 0));
    }
    let numbers = ints_of(indices)?;
    let place = |i: usize| {
        let row = &numbers[i * depth..(i + 1) * depth];
        let mut at = 0usize;
        for (number, dim) in row.iter().zip(dims) {
            let number = usize::try_from(*number).ok().filter(|number| number < dim);
            at = at * dim + number.ok_or_else(|| outside(batch, i, row, dims))?;
        }
        Ok(at * len)
    };
    Ok(((0..batch.iter().product()).map(place).collect::<Result<_>>()?, len))
}

#[cold]
fn outside(batch: &[usize], i: usize, row: &[i64], dims: &[usize]) -> Error {
    let row: Vec<String> = row.iter().map(ToString::to_string).collect();
    let (at, dims) = (super::gather::place(batch, i), Shape::from(dims));
    Error::invalid(format!("indices{at} = [{}] does not index into param shape {}", row.join(", "), dims.brackets()))
}

impl Op for GatherNd {
    fn kind(&self) -> &'static OpKind {
        &GATHER_ND
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        check_short_index("indices", cx.dtype(1))?;
        let shape = slices(cx.shape(0), cx.shape(1))?;
        cx.output(cx.dtype(0), shape);
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let out = pick_slices(cx, cx.input(0), cx.input(1))?;
        cx.output(0, out);
        Ok(())
    }

    fn grad(&self, cx: &GradCx<'_>) -> Result<Vec<Option<Tensor>>> {
        let (x, indices) = (cx.input(0), cx.input(1));
        let sizes = x.shape_tensor_as(indices.dtype())?;
        Ok(vec![Some(cx.graph().apply_one(ScatterNd, &[&indices, cx.dy()?, &sizes])?), None])
    }
}

/// The slices of `params` that the rows of `indices` name.
pub(in crate::ops) fn pick_slices(cx: &RunCx<'_>, params: &Value, indices: &Value) -> Result<Value> {
    let depth = depth_of(params.dims(), indices)?;
    let dims: Dims = [&indices.dims()[..indices.rank() - 1], &params.dims()[depth..]].concat().into();
    element_count(&dims)?;
    let mut out = cx.alloc(params.dtype(), &dims)?;
    let (places, len) = places(params.dims(), indices)?;
    with_cells!(params.dtype(), E => gather::<E>(cx, cells(params)?, &places, len, cells_mut(&mut out)?)?);
    Ok(out)
}

fn gather<E: Cell>(cx: &RunCx<'_>, from: &[E], places: &[usize], len: usize, out: &mut [E]) -> Result<()> {
    if out.is_empty() {
        return Ok(());
    }
    // Slices of about 32k elements in all a chunk: some 50 us.
    let slices = (1usize << 15).div_ceil(len);
    cx.for_chunks_mut(out, slices * len, &|chunk, part| {
        for (slice, place) in part.chunks_exact_mut(len).zip(&places[chunk * slices..]) {
            slice.clone_from_slice(&from[*place..*place + len]);
        }
    })
}

impl Op for ScatterNd {
    fn kind(&self) -> &'static OpKind {
        &SCATTER_ND
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        check_index("indices", cx.dtype(0))?;
        let dtype = cx.dtype(1);
        with_type!(dtype, T in numbers => drop(T::default()), else => if dtype != DType::Bool {
            return Err(Error::unsupported(format!("scatter_nd is for numbers and bool, not for {dtype}")));
        });
        cx.shape(2).with_rank(1)?;
        let shape = cx.shape_from(2)?;
        if shape.known_dims().is_some()
            || shape.dims().is_some_and(|dims| dims.iter().all(|dim| dim.known() != Some(0)))
        {
            cx.shape(1).merge(&slices(&shape, cx.shape(0))?)?;
        }
        cx.output(dtype, shape);
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let (indices, updates, dims) = (cx.input(0), cx.input(1), dims_of(cx.input(2))?);
        let (places, len) = places(&dims, indices)?;
        let depth = indices.dims().last().copied().unwrap_or(0);
        let want = [&indices.dims()[..indices.rank() - 1], &dims[depth..]].concat();
        if updates.dims() != want {
            let [have, want] = [updates.dims(), &want[..]].map(Shape::from);
            return Err(Error::shape(format!("updates must have shape {want}, but have {have}")));
        }
        let mut out = cx.alloc_zeros(updates.dtype(), &dims)?;
        if updates.dtype() == DType::Bool {
            scatter(updates.slice()?, &places, len, out.make_mut()?, |old: bool, new| old | new);
        } else {
            with_type!(updates.dtype(), T in numbers => {
                scatter(updates.slice::<T>()?, &places, len, out.make_mut()?, |old: T, new| old.plus(new));
            }, else => ());
        }
        cx.output(0, out);
        Ok(())
    }

    fn grad(&self, cx: &GradCx<'_>) -> Result<Vec<Option<Tensor>>> {
        let of_updates = cx.graph().apply_one(GatherNd, &[cx.dy()?, &cx.input(0)])?;
        Ok(vec![None, Some(of_updates), None])
    }
}

fn scatter<T: Copy>(from: &[T], places: &[usize], len: usize, out: &mut [T], add: impl Fn(T, T) -> T) {
    if len == 0 {
        return;
    }
    for (slice, place) in from.chunks_exact(len).zip(places) {
        for (cell, x) in out[*place..*place + len].iter_mut().zip(slice) {
            *cell = add(*cell, *x);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{infer_err, infer_ok, run_op};

    #[test]
    fn rows_of_indices_name_slices() {
        let params = [[1, 2, 3], [4, 5, 6]].into_value();
        let run = |indices: Value| run_op(GatherNd, &[params.clone(), indices]);
        assert_eq!(run([[1, 2], [0, 0]].into_value()).unwrap()[0].slice::<i32>().unwrap(), [6, 1]);
        assert_eq!(run([1].into_value()).unwrap()[0].slice::<i32>().unwrap(), [4, 5, 6]);
        let text = run([[0, 0], [2, 0]].into_value()).unwrap_err().message().to_owned();
        assert_eq!(text, "indices[1] = [2, 0] does not index into param shape [2,3]");
    }

    #[test]
    fn what_meets_is_added() {
        let inputs = [[[1], [3], [1]].into_value(), [1, 2, 3].into_value(), [4].into_value()];
        assert_eq!(run_op(ScatterNd, &inputs).unwrap()[0].slice::<i32>().unwrap(), [0, 4, 0, 2]);
        let inputs = [[[4]].into_value(), [1].into_value(), [4].into_value()];
        assert!(run_op(ScatterNd, &inputs).is_err());
    }

    #[test]
    fn shapes_are_put_together() {
        infer_ok(&GatherNd, "(2,?,4);int32(7,1)", "(7,?,4)");
        infer_ok(&GatherNd, "(2,?,4);int32(7,?)", "<unknown>");
        infer_err(&GatherNd, "(2);int32(7,2)", "indices.shape[-1] must be <= params.rank, but saw 2 and 1");
    }
}
