//! `GatherV2`, and `Gather`, its form without an axis: slices of a tensor by index.

use std::sync::Arc;

use super::cells::{Cell, cells, cells_mut, copy_cells, with_cells};
use super::concat::concat;
use super::into_sizes::{check_index, check_short_index};
use crate::error::{Error, ErrorKind, Result};
use crate::graph::{AttrValue, Attrs, Example, GradCx, InferCx, Ints, Op, OpKind, RunCx, Tensor, to_ints};
use crate::index;
use crate::ops::IntoTensor;
use crate::ops::math::{Combine, Segment};
use crate::shape::{Dim, Dims, Shape, element_count, normalize_axis};
use crate::value::{IntoValue, ScratchVec, Value};

/// Slices along an axis, by index.
#[derive(Debug, Clone)]
pub struct GatherV2 {
    /// How many leading axes indices and tensor share.
    pub batch_dims: i64,
}

/// Slices along the first axis, by index.
#[derive(Debug, Clone)]
pub struct Gather;

/// The row of [`GatherV2`].
pub static GATHER_V2: OpKind = OpKind::new(
    "GatherV2",
    "params: Tparams, indices: Tindices, axis: Taxis -> output: Tparams",
    |attrs: &Attrs| Ok(Arc::new(GatherV2 { batch_dims: attrs.int_or("batch_dims", 0)? }) as Arc<dyn Op>),
    || {
        let params = || [[1.0f32, 2.0, 3.0], [4.0, 5.0, 6.0]].into_value();
        let of = |batch_dims, indices: Value, axis: i32| {
            Example::new(GatherV2 { batch_dims }, [params(), indices, axis.into_value()])
        };
        vec![
            of(0, [1i32, 0, 1].into_value(), 0),
            of(0, [1i16, 0].into_value(), 1),
            of(0, 2i64.into_value(), 1),
            of(0, [[0i32, 2]].into_value(), -1),
            of(1, [[0i32], [2]].into_value(), 1),
            Example::new(GatherV2 { batch_dims: 0 }, [[3i32, 4].into_value(), 1i32.into_value(), 0i32.into_value()]),
        ]
    },
);

/// The row of [`Gather`].
pub static GATHER: OpKind = OpKind::new(
    "Gather",
    "params: Tparams, indices: Tindices -> output: Tparams",
    |attrs: &Attrs| {
        attrs.bool_or("validate_indices", true)?;
        Ok(Arc::new(Gather) as Arc<dyn Op>)
    },
    || vec![Example::new(Gather, [[[1.0f32, 2.0], [3.0, 4.0]].into_value(), [1i32, 0].into_value()])],
);

impl Tensor {
    /// Slices along axis 0 by index: `(n, ..)` by indices `(k)` is `(k, ..)`.
    ///
    /// # Errors
    /// `InvalidArgument` in the run for an index outside of the axis.
    ///
    /// Source: TensorFlow's `GatherV2`.
    ///
    /// ```
    /// # use sessile::prelude::*;
    /// # fn main() -> sessile::Result<()> {
    /// let g = Graph::new();
    /// let x = g.placeholder(DType::F32, shape![10, 3])?;
    /// assert_eq!(x.gather(g.placeholder(DType::I32, shape![?])?)?.shape().to_string(), "(?, 3)");
    /// # Ok(()) }
    /// ```
    #[doc(alias = "tf.gather")]
    #[track_caller]
    pub fn gather(&self, indices: impl IntoTensor) -> Result<Tensor> {
        self.gather_along(indices, 0, 0)
    }

    /// Slices along an axis by index; the first `batch_dims` axes of the indices belong to those of this tensor.
    ///
    /// # Errors
    /// As for [`Tensor::gather`]; `InvalidArgument` for an axis out of range.
    #[doc(alias = "tf.gather")]
    #[doc(alias = "tf.batch_gather")]
    #[track_caller]
    pub fn gather_along(&self, indices: impl IntoTensor, axis: i32, batch_dims: i64) -> Result<Tensor> {
        let g = self.graph();
        let indices = indices.tensor(None)?;
        g.composite("GatherV2", |scope| {
            let axis = g.named("axis", || g.constant(axis))?;
            g.named(scope, || g.apply_one(GatherV2 { batch_dims }, &[self, &indices, &axis]))
        })
    }
}

impl Tensor {
    /// The rows of this table that ids name: `(n, ..) x (ids..) -> (ids.., ..)`. As [`Tensor::gather`], with the nodes
    /// of TF1's `embedding_lookup` in a table of one part.
    ///
    /// # Errors
    /// As for [`Tensor::gather`].
    #[doc(alias = "tf.nn.embedding_lookup")]
    #[track_caller]
    pub fn embedding_lookup(&self, ids: impl IntoTensor) -> Result<Tensor> {
        let ids = ids.tensor(None)?;
        let g = self.graph();
        g.composite("embedding_lookup", |scope| g.named(scope, || self.gather(&ids))?.identity())
    }
}

fn infer(cx: &mut InferCx<'_>, axis: Option<i64>, batch_dims: i64) -> Result<()> {
    check_short_index("indices", cx.dtype(1))?;
    let (params, indices) = (cx.shape(0).with_rank_at_least(1)?, cx.shape(1).clone());
    let shape = picked_shape(&params, &indices, axis, batch_dims)?;
    let picked = match (cx.sizes(0), cx.ints(1)) {
        (Some(sizes), Some(indices)) if params.rank() == Some(1) && shape.rank().is_some_and(|rank| rank < 2) => {
            let pick = |i: i64| usize::try_from(i).ok().and_then(|i| sizes.get(i).cloned());
            indices.into_iter().map(pick).collect::<Option<Arc<[Dim]>>>()
        }
        _ => None,
    };
    cx.output(cx.dtype(0), shape).sizes = picked;
    Ok(())
}

/// The shape of the slices of `params` that `indices` name along an axis, which may be unknown.
pub(in crate::ops) fn picked_shape(
    params: &Shape,
    indices: &Shape,
    axis: Option<i64>,
    batch_dims: i64,
) -> Result<Shape> {
    match (params.rank(), indices.rank(), axis) {
        (Some(rank), Some(n), Some(axis)) => {
            let axis = normalize_axis(axis, rank)?;
            let batch = batch_axes(batch_dims, n, axis)?;
            let front = params.slice(..batch)?.merge(&indices.slice(..batch)?)?;
            let front = front.concat(&params.slice(batch..axis)?)?;
            front.concat(&indices.slice(batch..)?)?.concat(&params.slice(axis + 1..)?)
        }
        (Some(rank), Some(n), None) => {
            let batch = batch_axes(batch_dims, n, rank)?;
            Ok(Shape::unknown_of_rank((rank + n).saturating_sub(1 + batch)))
        }
        _ => Ok(Shape::unknown()),
    }
}

/// How many axes are shared.
fn batch_axes(batch_dims: i64, rank: usize, axis: usize) -> Result<usize> {
    let batch = if batch_dims < 0 { batch_dims + rank as i64 } else { batch_dims };
    let in_range = usize::try_from(batch).ok().filter(|batch| *batch <= rank && *batch <= axis);
    in_range.ok_or_else(|| {
        Error::invalid(format!(
            "batch_dims must be at most the rank {rank} of indices and the axis {axis}, but is {batch_dims}"
        ))
    })
}

fn run(cx: &mut RunCx<'_>, axis: i64, batch_dims: i64) -> Result<()> {
    let out = pick(cx, cx.input(0), cx.input(1), axis, batch_dims)?;
    cx.output(0, out);
    Ok(())
}

/// The slices of `params` that `indices` name along an axis.
pub(in crate::ops) fn pick(
    cx: &RunCx<'_>,
    params: &Value,
    indices: &Value,
    axis: i64,
    batch_dims: i64,
) -> Result<Value> {
    let axis = normalize_axis(axis, params.rank())?;
    let batch = batch_axes(batch_dims, indices.rank(), axis)?;
    if params.dims()[..batch] != indices.dims()[..batch] {
        let (a, b) = (Shape::from(params.dims()), Shape::from(indices.dims()));
        return Err(Error::shape(format!("batch axes must be equal: {} vs. {}", a.brackets(), b.brackets())));
    }
    let dims: Dims = [&params.dims()[..axis], &indices.dims()[batch..], &params.dims()[axis + 1..]].concat().into();
    element_count(&dims)?;
    // As TensorFlow: indices count only where there is something to look into.
    let is_nowhere = params.dims()[..axis].contains(&0);
    let places = if is_nowhere { cx.list(0)? } else { checked(cx, indices, params.dims()[axis])? };
    let mut out = cx.alloc(params.dtype(), &dims)?;
    if out.is_empty() {
        return Ok(out);
    }
    let count = |dims: &[usize]| dims.iter().product::<usize>();
    let picking = Picking {
        outer: count(&params.dims()[batch..axis]),
        size: params.dims()[axis],
        picks: count(&indices.dims()[batch..]),
        inner: count(&params.dims()[axis + 1..]),
    };
    with_cells!(params.dtype(), E => picking.run::<E>(cx, cells(params)?, &places, cells_mut(&mut out)?)?);
    Ok(out)
}

/// The indices, all within `[0, size)`.
fn checked(cx: &RunCx<'_>, indices: &Value, size: usize) -> Result<ScratchVec<usize>> {
    let (ints, mut pace) = (Ints::of(indices)?, cx.pace());
    let mut places = cx.list(ints.len())?;
    for (i, index) in ints.iter().enumerate() {
        pace.spend(1)?;
        match usize::try_from(index).ok().filter(|index| *index < size) {
            Some(index) => places.push(index)?,
            None => {
                let text = format!("indices{} = {index} is not in [0, {size})", place(indices.dims(), i));
                return Err(Error::new(ErrorKind::IndexOutOfRange, text));
            }
        }
    }
    Ok(places)
}

/// The place of element `i` as TensorFlow writes it: `[1,2]`, or nothing for a scalar.
pub(super) fn place(dims: &[usize], i: usize) -> String {
    let mut rest = i;
    let mut at: Vec<String> = Vec::new();
    for &dim in dims.iter().rev() {
        at.push((rest % dim.max(1)).to_string());
        rest /= dim.max(1);
    }
    at.reverse();
    if at.is_empty() { String::new() } else { format!("[{}]", at.join(",")) }
}

/// The sizes of the loops: batch, `outer`, picks, and the slice of `inner` elements.
pub(super) struct Picking {
    pub(super) outer: usize,
    pub(super) size: usize,
    pub(super) picks: usize,
    pub(super) inner: usize,
}

impl Picking {
    /// Fills `out`; `places` has an index for each batch and pick.
    pub(super) fn run<E: Cell>(&self, cx: &RunCx<'_>, from: &[E], places: &[usize], out: &mut [E]) -> Result<()> {
        if out.is_empty() {
            return Ok(());
        }
        let n = out.len() / self.inner;
        if !E::IS_PLAIN {
            let (mut bytes, mut pace) = (0usize, cx.pace());
            for at in 0..n {
                pace.spend(1 + self.inner)?;
                bytes = bytes.saturating_add(E::contents(self.slice(from, places, at)));
            }
            cx.check_room(bytes)?;
        }
        // Slices of about 32k elements in all a chunk: some 50 us.
        let (slices, work) = ((E::BATCH / 2).div_ceil(self.inner), cx.workspace());
        cx.try_for_chunks_mut(out, slices * self.inner, &|chunk, part| {
            let mut pace = work.pace();
            for (i, to) in part.chunks_exact_mut(self.inner).enumerate() {
                let from = self.slice(from, places, chunk * slices + i);
                match E::IS_PLAIN && to.len() <= E::BATCH {
                    true => to.clone_from_slice(from),
                    false => copy_cells(&mut pace, from, to)?,
                }
            }
            Ok(())
        })
    }

    /// What slice `at` of the output is copied from.
    #[inline]
    fn slice<'a, E>(&self, from: &'a [E], places: &[usize], at: usize) -> &'a [E] {
        let (row, pick) = (at / self.picks, at % self.picks);
        let index = places[row / self.outer * self.picks + pick];
        let start = (row * self.size + index) * self.inner;
        &from[start..start + self.inner]
    }
}

/// What flows into the rows that were gathered: the sum of what their copies got.
fn scattered(cx: &GradCx<'_>) -> Result<Tensor> {
    let (x, indices, dy) = (cx.input(0), cx.input(1), cx.dy()?);
    let sizes = x.shape_tensor()?;
    let row = sizes.index(index![1..])?;
    let flat = indices.reshape([-1])?;
    let n = flat.size_tensor()?.reshape([1])?;
    let rows = dy.reshape(concat(&[&n, &row], 0)?)?;
    let sum = Segment { how: Combine::Sum, is_unsorted: true };
    cx.graph().apply_one(sum, &[&rows, &flat, &sizes.index(0)?])
}

impl Op for GatherV2 {
    fn kind(&self) -> &'static OpKind {
        &GATHER_V2
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        check_index("axis", cx.dtype(2))?;
        cx.shape(2).with_rank(0)?;
        let axis = cx.ints(2).and_then(|axis| axis.first().copied());
        infer(cx, axis, self.batch_dims)
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let Some(axis) = Ints::of(cx.input(2))?.only() else { return Err(Error::shape("axis must be a scalar")) };
        run(cx, axis, self.batch_dims)
    }

    fn grad(&self, cx: &GradCx<'_>) -> Result<Vec<Option<Tensor>>> {
        let axis = cx.graph().constant_value(cx.input(2).id()).and_then(|axis| to_ints(&axis)?.first().copied());
        if self.batch_dims != 0 || axis != Some(0) {
            return Err(Error::unsupported("the gradient of gathering along another axis than 0 is not available yet"));
        }
        Ok(vec![Some(scattered(cx)?), None, None])
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        vec![("batch_dims", AttrValue::Int(self.batch_dims))]
    }
}

impl Op for Gather {
    fn kind(&self) -> &'static OpKind {
        &GATHER
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        infer(cx, Some(0), 0)
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        run(cx, 0, 0)
    }

    fn grad(&self, cx: &GradCx<'_>) -> Result<Vec<Option<Tensor>>> {
        Ok(vec![Some(scattered(cx)?), None])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{infer_err, infer_ok, run_op};

    #[track_caller]
    fn check(batch_dims: i64, indices: impl IntoValue, axis: i32, dims: &[usize], want: &[i32]) {
        let params = [[1, 2, 3], [4, 5, 6]].into_value();
        let inputs = [params, indices.into_value(), Value::scalar_of(axis)];
        let got = run_op(GatherV2 { batch_dims }, &inputs).unwrap().remove(0);
        assert_eq!((got.dims(), got.slice::<i32>().unwrap()), (dims, want));
    }

    #[test]
    fn slices_are_picked() {
        check(0, [1, 0, 1], 0, &[3, 3], &[4, 5, 6, 1, 2, 3, 4, 5, 6]);
        check(0, [[2, 0]], 1, &[2, 1, 2], &[3, 1, 6, 4]);
        check(0, Value::scalar_of(1), -1, &[2], &[2, 5]);
        check(1, [[0, 2], [1, 1]], 1, &[2, 2], &[1, 3, 5, 5]);
        check(0, Vec::<i32>::new(), 0, &[0, 3], &[]);
    }

    #[test]
    fn indices_outside_are_named() {
        let params = [1, 2, 3].into_value();
        let run = |indices: Value| run_op(GatherV2 { batch_dims: 0 }, &[params.clone(), indices, Value::scalar_of(0)]);
        let text = |indices: Value| run(indices).unwrap_err().message().to_owned();
        assert_eq!(text([5].into_value()), "indices[0] = 5 is not in [0, 3)");
        assert_eq!(text([[0, 1], [2, -1]].into_value()), "indices[1,1] = -1 is not in [0, 3)");
        assert_eq!(text(Value::scalar_of(3i64)), "indices = 3 is not in [0, 3)");
    }

    #[test]
    fn shapes_are_put_together() {
        infer_ok(&GatherV2 { batch_dims: 0 }, "(2,3);int32(?);int32()", "(?,?)");
        // One axis is shared, whatever it is counted from.
        infer_ok(&GatherV2 { batch_dims: 1 }, "(2,3);int32(?,1);int32()", "(?,?)");
        infer_ok(&GatherV2 { batch_dims: -1 }, "(2,3);int32(?,1);int32()", "(?,?)");
        infer_ok(&Gather, "(?,3);int32(4,?)", "(4,?,3)");
        infer_err(&Gather, "();int32(4)", "shape must be at least rank 1 but is rank 0");
    }
}
