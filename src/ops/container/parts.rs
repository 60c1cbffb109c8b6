//! One tensor out of many that stand one behind the other in memory, and many out of one.

use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::graph::RunCx;
use crate::kernel::Number;
use crate::ops::array::cells::{Cell, cells, cells_mut, with_cells};
use crate::shape::{Dims, Shape, element_count};
use crate::value::Value;
use crate::with_type;

/// Elements a chunk: some 50 us of copying or adding.
const CHUNK: usize = 1 << 16;

/// The elements of all parts, in turn, as a value of these dims.
///
/// # Errors
/// `ShapeMismatch` where there are too few or too many of them.
pub(super) fn join(cx: &RunCx<'_>, dtype: DType, dims: &[usize], parts: &[Value]) -> Result<Value> {
    let have: usize = parts.iter().map(Value::len).sum();
    let want = element_count(dims)?;
    if have != want {
        return Err(Error::shape(format!("the parts must have {want} elements, but have {have}")));
    }
    if let [part] = parts {
        return part.clone().reshaped(dims);
    }
    let mut out = cx.alloc(dtype, dims)?;
    with_cells!(dtype, E => copy_parts::<E>(cx, parts, cells_mut(&mut out)?)?);
    Ok(out)
}

fn copy_parts<E: Cell>(cx: &RunCx<'_>, parts: &[Value], out: &mut [E]) -> Result<()> {
    let parts = parts.iter().map(cells::<E>).collect::<Result<Vec<_>>>()?;
    let mut starts = Vec::with_capacity(parts.len());
    let mut len = 0;
    for part in &parts {
        starts.push(len);
        len += part.len();
    }
    cx.for_chunks_mut(out, CHUNK, &|chunk, out| {
        let mut at = chunk * CHUNK;
        let mut out = out;
        let first = starts.partition_point(|start| *start <= at).saturating_sub(1);
        for (part, start) in parts.iter().zip(&starts).skip(first) {
            let rest = &part[(at - start).min(part.len())..];
            let n = rest.len().min(out.len());
            let (mine, others) = std::mem::take(&mut out).split_at_mut(n);
            mine.clone_from_slice(&rest[..n]);
            out = others;
            at += n;
        }
    })
}

/// A value cut into parts along its first axis: `lens[i]` rows each, with the axis, or one row each without it.
pub(super) fn cut(cx: &RunCx<'_>, value: Value, lens: Rows<'_>) -> Result<Vec<Value>> {
    let dims = Dims::from_slice(value.dims());
    let (n, row) = match lens {
        Rows::Each(n) => (n, element_count(&dims[1..])?),
        Rows::Lens(lens) => (lens.len(), element_count(&dims[1..])?),
    };
    let mut start = 0;
    let mut parts = Vec::with_capacity(n);
    for i in 0..n {
        let (rows, part) = match lens {
            Rows::Each(_) => (1, Dims::from_slice(&dims[1..])),
            Rows::Lens(lens) => {
                let mut part = dims.clone();
                part[0] = lens[i];
                (lens[i], part)
            }
        };
        if n == 1 {
            return Ok(vec![value.reshaped(&part)?]);
        }
        parts.push(copy(cx, &value, start, rows * row, &part)?);
        start += rows * row;
        if i % 1024 == 1023 {
            cx.check()?;
        }
    }
    Ok(parts)
}

/// How a value is cut.
#[derive(Debug, Clone, Copy)]
pub(super) enum Rows<'a> {
    /// So many rows, each a part of its own.
    Each(usize),
    /// Parts of so many rows, which are all there are.
    Lens(&'a [usize]),
}

fn copy(cx: &RunCx<'_>, value: &Value, start: usize, len: usize, dims: &[usize]) -> Result<Value> {
    let mut out = cx.alloc(value.dtype(), dims)?;
    with_cells!(value.dtype(), E => {
        let from = &cells::<E>(value)?[start..start + len];
        cells_mut::<E>(&mut out)?.clone_from_slice(from);
    });
    Ok(out)
}

/// Adds to a value that is kept, in place where nobody else holds it.
pub(super) fn add_to(cx: &RunCx<'_>, sum: &mut Value, value: &Value) -> Result<()> {
    fn add_all<T: Number>(cx: &RunCx<'_>, sum: &mut Value, value: &Value) -> Result<()> {
        let value = value.slice::<T>()?;
        cx.for_chunks_mut(sum.make_mut::<T>()?, CHUNK, &|chunk, part| {
            part.iter_mut().zip(&value[chunk * CHUNK..]).for_each(|(sum, x)| *sum = sum.plus(*x));
        })
    }
    with_type!(value.dtype(), T in numbers => add_all::<T>(cx, sum, value), else => {
        let text = format!("what is added must be numbers, but is {}", value.dtype());
        Err(Error::invalid(text))
    })
}

/// Dims as messages show them.
pub(super) fn show(dims: &[usize]) -> String {
    Shape::from(dims).brackets().to_string()
}

/// A shape that may be unknown, as messages show it.
pub(super) fn show_shape(shape: &Shape) -> String {
    if shape.rank().is_some() { shape.brackets().to_string() } else { shape.to_string() }
}
