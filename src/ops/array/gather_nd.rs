//! `GatherNd` and `ScatterNd`: slices named by several indices at once.
#![allow(dropping_copy_types)]

use std::sync::Arc;

use super::cells::{cells, cells_mut, with_cells};
use super::gather::Picking;
use super::into_sizes::{IntoSizes, check_index, check_short_index, dims_of};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::graph::{Attrs, Example, GradCx, InferCx, Ints, Op, OpKind, RunCx, Tensor};
use crate::ops::IntoTensor;
use crate::ops::state::{ScatterRule, apply_scatter};
use crate::shape::{Dims, Shape, element_count};
use crate::value::{IntoValue, ScratchVec, Value};

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
pub(super) fn depth_of(dims: &[usize], indices: &Value) -> Result<usize> {
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
pub(super) fn places(cx: &RunCx<'_>, dims: &[usize], indices: &Value) -> Result<(ScratchVec<usize>, usize)> {
    let len = element_count(&dims[depth_of(dims, indices)?..])?;
    Ok((slice_places(cx, dims, indices, len)?, len))
}

/// Where slices begin, if each is so long. Unless there is anything in them, nobody looks there.
fn slice_places(cx: &RunCx<'_>, dims: &[usize], indices: &Value, len: usize) -> Result<ScratchVec<usize>> {
    let depth = depth_of(dims, indices)?;
    let batch = &indices.dims()[..indices.rank() - 1];
    if depth == 0 && element_count(dims)? == 0 {
        // Any number of empty slices without an index: nothing bounds it, and nothing is read or written.
        return cx.list(0);
    }
    let (numbers, n) = (Ints::of(indices)?, element_count(batch)?);
    let (mut places, mut pace) = (cx.list(n)?, cx.pace());
    for i in 0..n {
        pace.spend(1 + depth)?;
        let mut at = 0usize;
        for (axis, dim) in dims[..depth].iter().enumerate() {
            let number = usize::try_from(numbers.get(i * depth + axis)).ok().filter(|number| number < dim);
            let refuse = || outside(batch, i, (i * depth..(i + 1) * depth).map(|at| numbers.get(at)), dims);
            at = at * dim + number.ok_or_else(refuse)?;
        }
        places.push(at * len)?;
    }
    Ok(places)
}

#[cold]
fn outside(batch: &[usize], i: usize, row: impl Iterator<Item = i64>, dims: &[usize]) -> Error {
    let row: Vec<String> = row.map(|index| index.to_string()).collect();
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
    let places = slice_places(cx, params.dims(), indices, 1)?;
    let picking = Picking { outer: 1, size: 0, picks: places.len(), inner: element_count(&params.dims()[depth..])? };
    with_cells!(params.dtype(), E => picking.run::<E>(cx, cells(params)?, &places, cells_mut(&mut out)?)?);
    Ok(out)
}

impl Op for ScatterNd {
    fn kind(&self) -> &'static OpKind {
        &SCATTER_ND
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        check_index("indices", cx.dtype(0))?;
        let dtype = cx.dtype(1);
        if !(dtype.is_floating() || dtype.is_integer() || dtype.is_complex() || dtype == DType::Bool) {
            return Err(Error::unsupported(format!("scatter_nd is for numbers and bool, not for {dtype}")));
        }
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
        let depth = depth_of(&dims, indices)?;
        let want = [&indices.dims()[..indices.rank() - 1], &dims[depth..]].concat();
        if updates.dims() != want {
            let [have, want] = [updates.dims(), &want[..]].map(Shape::from);
            return Err(Error::shape(format!("updates must have shape {want}, but have {have}")));
        }
        let (places, len) = places(cx, &dims, indices)?;
        let zeros = cx.alloc_zeros(updates.dtype(), &dims)?;
        let out = apply_scatter(cx, ScatterRule::Add, zeros, &places, len, updates)?;
        cx.output(0, out);
        Ok(())
    }

    fn grad(&self, cx: &GradCx<'_>) -> Result<Vec<Option<Tensor>>> {
        let of_updates = cx.graph().apply_one(GatherNd, &[cx.dy()?, &cx.input(0)])?;
        Ok(vec![None, Some(of_updates), None])
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
