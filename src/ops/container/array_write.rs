//! Writing to a `TensorArray`: one cell, the rows of a tensor, or runs of rows.

use std::sync::Arc;

use super::parts::{Rows, cut, show};
use super::tensor_array::{array, flow_value, handle_value, output_flow, put_flow};
use crate::error::{Error, Result};
use crate::graph::{Attrs, Effect, Example, InferCx, Ints, Op, OpKind, RunCx};
use crate::shape::Shape;
use crate::value::{IntoValue, ScratchVec, Value};

/// Writes one cell. It is an error to write a cell twice, or after it was read; an array of gradients adds up instead.
///
/// Source: TensorFlow's `TensorArrayWriteV3`.
#[derive(Debug, Clone)]
pub struct TensorArrayWrite;

/// The row of [`TensorArrayWrite`].
pub static TENSOR_ARRAY_WRITE: OpKind = OpKind::new(
    "TensorArrayWriteV3",
    "handle: array, index: int32, value: T, flow_in: float32 -> flow_out: float32",
    |_| Ok(Arc::new(TensorArrayWrite)),
    || vec![Example::new(TensorArrayWrite, [handle_value(), 1.into_value(), [1.0f32, 2.0].into_value(), flow_value()])],
)
.aliases(&["TensorArrayWrite", "TensorArrayWriteV2"])
.effect(Effect::Object);

/// Writes the rows of a tensor to cells: `value[i]` to cell `indices[i]`, or all of them in order.
///
/// Source: TensorFlow's `TensorArrayScatterV3` and `TensorArrayUnpack`.
#[derive(Debug, Clone)]
pub struct TensorArrayScatter {
    /// Whether there are no indices: row `i` goes to cell `i` (`TensorArrayUnpack`).
    pub is_unpack: bool,
}

/// The row of [`TensorArrayScatter`].
pub static TENSOR_ARRAY_SCATTER: OpKind = OpKind::new(
    "TensorArrayScatterV3",
    "handle: array, indices: int32, value: T, flow_in: float32 -> flow_out: float32",
    |_| Ok(Arc::new(TensorArrayScatter { is_unpack: false })),
    || {
        let inputs = [handle_value(), [1, 0].into_value(), [[1.0f32, 2.0], [3.0, 4.0]].into_value(), flow_value()];
        vec![Example::new(TensorArrayScatter { is_unpack: false }, inputs)]
    },
)
.aliases(&["TensorArrayScatter", "TensorArrayScatterV2"])
.effect(Effect::Object);

/// The row of [`TensorArrayScatter`] without indices.
pub static TENSOR_ARRAY_UNPACK: OpKind = OpKind::new(
    "TensorArrayUnpack",
    "handle: array, value: T, flow_in: float32 -> flow_out: float32",
    |_| Ok(Arc::new(TensorArrayScatter { is_unpack: true })),
    || {
        let inputs = [handle_value(), [[1.0f32, 2.0], [3.0, 4.0]].into_value(), flow_value()];
        vec![Example::new(TensorArrayScatter { is_unpack: true }, inputs)]
    },
)
.effect(Effect::Object);

/// Writes runs of rows: the first `lengths[0]` rows to cell 0, the next `lengths[1]` to cell 1, and so on.
///
/// Source: TensorFlow's `TensorArraySplitV3`.
#[derive(Debug, Clone)]
pub struct TensorArraySplit;

/// The row of [`TensorArraySplit`].
pub static TENSOR_ARRAY_SPLIT: OpKind = OpKind::new(
    "TensorArraySplitV3",
    "handle: array, value: T, lengths: int64, flow_in: float32 -> flow_out: float32",
    parse_split,
    || {
        let inputs = [handle_value(), [[1.0f32], [2.0], [3.0]].into_value(), [1i64, 2].into_value(), flow_value()];
        vec![Example::new(TensorArraySplit, inputs)]
    },
)
.aliases(&["TensorArraySplit", "TensorArraySplitV2"])
.effect(Effect::Object);

fn parse_split(_: &Attrs) -> Result<Arc<dyn Op>> {
    Ok(Arc::new(TensorArraySplit))
}

/// Refuses an element that can never be written: the array says its whole shape.
fn check_element(cx: &InferCx<'_>, element: &Shape) -> Result<()> {
    if cx.shape(0).is_fully_known() {
        cx.shape(0).merge(element)?;
    }
    Ok(())
}

impl Op for TensorArrayWrite {
    fn kind(&self) -> &'static OpKind {
        &TENSOR_ARRAY_WRITE
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        cx.shape(1).with_rank(0)?;
        cx.shape(3).with_rank(0)?;
        check_element(cx, cx.shape(2))?;
        output_flow(cx);
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let index = index(cx.input(1))?;
        let array = array(cx)?;
        array.check_write(cx.input(2).dtype())?;
        let value = cx.take(2);
        array.write(cx, [(index, value)], None)?;
        put_flow(cx, 0);
        Ok(())
    }
}

/// The index of a cell.
pub(super) fn index(index: &Value) -> Result<i64> {
    if index.rank() != 0 {
        return Err(Error::invalid(format!("the index must be a scalar, but has shape {}", show(index.dims()))));
    }
    index.scalar::<i32>().map(i64::from)
}

/// The indices of cells.
pub(super) fn indices(indices: &Value) -> Result<Ints<'_>> {
    if indices.rank() != 1 {
        return Err(Error::invalid(format!("indices must be a vector, but have shape {}", show(indices.dims()))));
    }
    indices.slice().map(Ints::I32)
}

impl Op for TensorArrayScatter {
    fn kind(&self) -> &'static OpKind {
        if self.is_unpack { &TENSOR_ARRAY_UNPACK } else { &TENSOR_ARRAY_SCATTER }
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        let value = if self.is_unpack { 1 } else { 2 };
        cx.shape(value + 1).with_rank(0)?;
        if !self.is_unpack {
            cx.shape(1).with_rank(1)?;
        }
        if cx.shape(value).rank().is_some_and(|rank| rank > 0) {
            check_element(cx, &cx.shape(value).slice(1..)?)?;
        }
        output_flow(cx);
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let array = array(cx)?;
        let at = if self.is_unpack { 1 } else { 2 };
        let value = cx.take(at);
        array.check_write(value.dtype())?;
        let rows = rows(&value)?;
        if self.is_unpack {
            let fills = array.fit(rows)?;
            let parts = cut(cx, value, Rows::Each(rows))?;
            array.write(cx, (0..).zip(parts), Some(fills))?;
        } else {
            let (indices, fills) = scattered(cx, rows, array.len()?, array.is_dynamic())?;
            let parts = cut(cx, value, Rows::Each(rows))?;
            array.write(cx, indices.iter().zip(parts), Some(fills))?;
        }
        put_flow(cx, 0);
        Ok(())
    }
}

fn rows(value: &Value) -> Result<usize> {
    let rows = value.dims().first().copied();
    rows.ok_or_else(|| Error::invalid("the value must be at least a vector, but has shape []"))
}

/// The cells that rows go to, and how many the array then has.
fn scattered<'a>(cx: &'a RunCx<'_>, rows: usize, size: usize, is_dynamic: bool) -> Result<(Ints<'a>, usize)> {
    let indices = indices(cx.input(1))?;
    if indices.len() != rows {
        let n = indices.len();
        return Err(Error::invalid(format!("there must be an index for each of {rows} rows, but there are {n}")));
    }
    let most = indices.iter().max().unwrap_or(-1);
    let size = if is_dynamic { size.max((most + 1) as usize) } else { size };
    if most >= size as i64 {
        return Err(Error::invalid(format!("the largest index must be less than the size {size}, but is {most}")));
    }
    Ok((indices, size))
}

impl Op for TensorArraySplit {
    fn kind(&self) -> &'static OpKind {
        &TENSOR_ARRAY_SPLIT
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        cx.shape(2).with_rank(1)?;
        cx.shape(3).with_rank(0)?;
        output_flow(cx);
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let array = array(cx)?;
        let value = cx.take(1);
        array.check_write(value.dtype())?;
        let lens = lengths(cx, 2, &value)?;
        let fills = array.fit(lens.len())?;
        let parts = cut(cx, value, Rows::Lens(&lens))?;
        array.write(cx, (0..).zip(parts), Some(fills))?;
        put_flow(cx, 0);
        Ok(())
    }
}

/// How many rows of a value each part has.
pub(super) fn lengths(cx: &RunCx<'_>, i: usize, value: &Value) -> Result<ScratchVec<usize>> {
    let lengths = cx.input(i);
    if lengths.rank() != 1 {
        return Err(Error::invalid(format!("lengths must be a vector, but have shape {}", show(lengths.dims()))));
    }
    let rows = rows(value)?;
    let len = |len: &i64| {
        usize::try_from(*len).map_err(|_| Error::invalid(format!("a length must be 0 or more, but is {len}")))
    };
    let (mut lens, mut sum, mut pace) = (cx.list(lengths.len())?, 0usize, cx.pace());
    for given in lengths.slice::<i64>()? {
        pace.spend(2)?;
        let len = len(given)?;
        sum = sum.saturating_add(len);
        lens.push(len)?;
    }
    if sum != rows {
        return Err(Error::invalid(format!("the sum of lengths must be the {rows} rows of the value, but is {sum}")));
    }
    Ok(lens)
}
