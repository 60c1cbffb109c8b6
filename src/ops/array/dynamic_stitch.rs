//! `DynamicStitch` and `ParallelDynamicStitch`: rows of several tensors in one, each at the place that it names.

use std::sync::Arc;

use super::cells::{Cell, cells, cells_mut, copy_cells, with_cells};
use crate::cancel::Pace;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::graph::{Attrs, Example, InferCx, Ints, Op, OpKind, RunCx, Tensor};
use crate::shape::MAX_RANK;
use crate::shape::{Dim, Dims, Shape, element_count};
use crate::value::{IntoValue, ScratchVec, Value};

/// `merged[indices[m][i, ..], ..] = data[m][i, .., ..]`; where two name one place, the later one stays. A place that
/// none names is zero.
#[derive(Debug, Clone)]
pub struct DynamicStitch {
    /// TensorFlow leaves open which one stays. The result is that of the form in order.
    pub is_parallel: bool,
}

/// The row of [`DynamicStitch`].
pub static DYNAMIC_STITCH: OpKind = OpKind::new(
    "DynamicStitch",
    "indices: N*int32, data: N*T -> merged: T",
    |_: &Attrs| Ok(Arc::new(DynamicStitch { is_parallel: false }) as Arc<dyn Op>),
    || examples(false),
);

/// The row of [`DynamicStitch`] in any order.
pub static PARALLEL_DYNAMIC_STITCH: OpKind = OpKind::new(
    "ParallelDynamicStitch",
    "indices: N*int32, data: N*T -> merged: T",
    |_: &Attrs| Ok(Arc::new(DynamicStitch { is_parallel: true }) as Arc<dyn Op>),
    || examples(true),
);

fn examples(is_parallel: bool) -> Vec<Example> {
    let of = |inputs: [Value; 4]| Example::new(DynamicStitch { is_parallel }, inputs);
    vec![
        of([
            2i32.into_value(),
            [[1i32, 0]].into_value(),
            [5.0f32, 6.0].into_value(),
            [[[1.0f32, 2.0], [3.0, 4.0]]].into_value(),
        ]),
        of([[0i32, 1].into_value(), [1i32].into_value(), [4i32, 5].into_value(), [1i32].into_value()]),
        of([0i32.into_value(), 3i32.into_value(), "a".into_value(), "b".into_value()]),
    ]
}

/// Rows of several tensors in one: `merged[indices[m][i, ..], ..] = data[m][i, .., ..]`; where two name one place the
/// later one stays. Indices are int32; the rows of all have one shape.
///
/// # Errors
/// `InvalidArgument` for unequal numbers of tensors; `ShapeMismatch` where the shape of `data[m]` does not begin with
/// that of `indices[m]`.
///
/// Source: TensorFlow's `DynamicStitch`.
#[doc(alias = "tf.dynamic_stitch")]
#[track_caller]
pub fn dynamic_stitch(indices: &[&Tensor], data: &[&Tensor]) -> Result<Tensor> {
    let (Some(first), true) = (indices.first(), indices.len() == data.len()) else {
        let (a, b) = (indices.len(), data.len());
        return Err(Error::invalid(format!("indices and data must be as many and at least one, but are {a} and {b}")));
    };
    first.graph().apply_one(DynamicStitch { is_parallel: false }, &[indices, data].concat())
}

/// One past the largest index, where all are constants.
fn known_len(cx: &InferCx<'_>, n: usize) -> Option<usize> {
    let mut len = 0;
    for i in 0..n {
        len = len.max(cx.ints(i)?.into_iter().max().map_or(0, |top| usize::try_from(top + 1).unwrap_or(0)));
    }
    Some(len)
}

/// The elements, where the data are vectors or scalars of sizes and every place is named.
fn stitched_sizes(cx: &InferCx<'_>, n: usize, len: usize) -> Option<Vec<Dim>> {
    // Bounded by what shape rules look at.
    let mut all: Vec<Option<Dim>> = vec![None; len];
    for i in 0..n {
        let (places, sizes) = (cx.ints(i)?, cx.sizes(n + i)?);
        if cx.shape(n + i).rank() != cx.shape(i).rank() || places.len() != sizes.len() {
            return None;
        }
        for (place, size) in places.into_iter().zip(sizes.iter()) {
            *all.get_mut(usize::try_from(place).ok()?)? = Some(size.clone());
        }
    }
    all.into_iter().collect()
}

impl Op for DynamicStitch {
    fn kind(&self) -> &'static OpKind {
        if self.is_parallel { &PARALLEL_DYNAMIC_STITCH } else { &DYNAMIC_STITCH }
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        let n = cx.n_inputs() / 2;
        if n == 0 {
            return Err(Error::invalid("at least one tensor must be stitched"));
        }
        let mut rest = Shape::unknown();
        for i in 0..n {
            if let Some(rank) = cx.shape(i).rank() {
                let data = cx.shape(n + i);
                data.slice(..rank)?.merge(cx.shape(i))?;
                rest = rest.merge(&data.slice(rank..)?)?;
            }
        }
        let (dtype, len) = (cx.dtype(n), known_len(cx, n));
        let sizes = match len.filter(|len| *len <= MAX_RANK && matches!(dtype, DType::I32 | DType::I64)) {
            Some(len) if rest.rank() == Some(0) => stitched_sizes(cx, n, len),
            _ => None,
        };
        let shape = Shape::from(vec![len.map_or_else(Dim::unknown, Dim::from)]).concat(&rest)?;
        cx.output(dtype, shape).sizes = sizes.map(Into::into);
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let n = cx.n_inputs() / 2;
        let row_dims = row_dims(cx, n)?;
        let (places, len) = places(cx, n)?;
        let dims: Dims = [len].into_iter().chain(row_dims.iter().copied()).collect();
        let row_len: usize = row_dims.iter().product();
        element_count(&dims)?;
        // Zeros, since a place may be named by none.
        let (mut out, mut pace) = (cx.alloc_zeros(cx.input(n).dtype(), &dims)?, cx.pace());
        with_cells!(out.dtype(), E => {
            let to = cells_mut::<E>(&mut out)?;
            for (i, places) in places.iter().enumerate() {
                put_rows(&mut pace, cells::<E>(cx.input(n + i))?, places, row_len, to)?;
            }
        });
        cx.output(0, out);
        Ok(())
    }
}

/// The shape of the rows, which all data share.
fn row_dims(cx: &RunCx<'_>, n: usize) -> Result<Vec<usize>> {
    let mut rows: Option<&[usize]> = None;
    for i in 0..n {
        let (indices, data) = (cx.input(i).dims(), cx.input(n + i).dims());
        let Some(row) = data.strip_prefix(indices) else {
            let text = format!("data[{i}].shape = {data:?} does not start with indices[{i}].shape = {indices:?}");
            return Err(Error::shape(text));
        };
        if *rows.get_or_insert(row) != row {
            let first = cx.input(n).dims();
            return Err(Error::shape(format!(
                "need data[0].shape[{}:] = data[{i}].shape[{}:], got data[0].shape = {first:?}, data[{i}].shape = \
                 {data:?}",
                cx.input(0).rank(),
                indices.len()
            )));
        }
    }
    Ok(rows.unwrap_or(&[]).to_vec())
}

/// Where the rows of each tensor go, and how many places there are. Without places no index counts, as in TensorFlow.
fn places(cx: &RunCx<'_>, n: usize) -> Result<(Vec<ScratchVec<usize>>, usize)> {
    let (mut last, mut pace) = (-1, cx.pace());
    for i in 0..n {
        for number in Ints::of(cx.input(i))?.iter() {
            pace.spend(1)?;
            last = number.max(last);
        }
    }
    let Ok(last) = usize::try_from(last) else { return Ok((Vec::new(), 0)) };
    let place = |i: usize, number: i64| {
        usize::try_from(number).map_err(|_| Error::invalid(format!("indices[{i}] is out of range: {number}")))
    };
    // Bounded by the inputs.
    let mut all = Vec::with_capacity(n);
    for i in 0..n {
        let numbers = Ints::of(cx.input(i))?;
        let mut places = cx.list(numbers.len())?;
        for number in numbers.iter() {
            pace.spend(2)?;
            places.push(place(i, number)?)?;
        }
        all.push(places);
    }
    Ok((all, last + 1))
}

fn put_rows<E: Cell>(pace: &mut Pace<'_>, from: &[E], places: &[usize], row_len: usize, out: &mut [E]) -> Result<()> {
    if row_len == 0 {
        return Ok(());
    }
    for (row, place) in from.chunks_exact(row_len).zip(places) {
        copy_cells(pace, row, &mut out[place * row_len..(place + 1) * row_len])?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Graph;
    use crate::ops::testing::{infer_err, infer_ok, run_op};
    use crate::shape;

    #[track_caller]
    fn check(inputs: [Value; 4], dims: &[usize], want: &[i32]) {
        let out = run_op(DynamicStitch { is_parallel: false }, &inputs).unwrap().remove(0);
        assert_eq!((out.dims(), out.slice::<i32>().unwrap()), (dims, want));
    }

    #[test]
    fn rows_go_where_they_say() {
        let data = || [[10, 11], [20, 21]].into_value();
        check([2.into_value(), [1, 0].into_value(), [7, 8].into_value(), data()], &[3, 2], &[20, 21, 10, 11, 7, 8]);
        check([[1, 1].into_value(), [1].into_value(), [5, 6].into_value(), [7].into_value()], &[2], &[0, 7]);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let op = DynamicStitch { is_parallel: true };
        infer_err(&op, "int32(2);(3,2)", "must be equal, but are 3 and 2");
        infer_err(&op, "int32(2);int32(1);(2,2);(1,3)", "must be equal, but are 2 and 3");
        infer_ok(&op, "int32(?);int32(1);(?,2);(1,?)", "(?,2)");
        infer_ok(&op, "int32(2);(2)", "(?)");
        let run = |places: [i32; 2]| run_op(op.clone(), &[places.into_value(), [1, 2].into_value()]);
        assert!(run([0, -1]).unwrap_err().message().contains("indices[0] is out of range: -1"));
        // As TensorFlow 1.15.5.
        assert_eq!(run([-1, -2]).unwrap()[0].dims(), [0]);
    }

    /// As in gradients of reductions: the sizes of a tensor with those of some axes put to 1.
    #[test]
    fn sizes_are_followed() {
        let g = Graph::new();
        let x = g.placeholder(DType::F32, shape!["b", 3]).unwrap();
        let (all, axes) = (g.constant([0, 1]).unwrap(), g.constant([1]).unwrap());
        let (sizes, ones) = (x.shape_tensor().unwrap(), g.constant([1]).unwrap());
        let kept = dynamic_stitch(&[&all, &axes], &[&sizes, &ones]).unwrap();
        let y = g.placeholder(DType::F32, crate::Shape::unknown()).unwrap().reshape(&kept).unwrap();
        assert_eq!(y.shape(), shape!["b", 1]);
    }
}
