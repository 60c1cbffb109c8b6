//! One tensor out of many that stand one behind the other in memory, and many out of one.

use crate::cancel::Pace;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::graph::RunCx;
use crate::kernel::Number;
use crate::ops::array::cells::{Cell, cells, cells_mut, copy_cells, with_cells};
use crate::shape::{Dims, Shape, element_count};
use crate::value::{ScratchVec, Value};
use crate::with_type;

/// Elements a chunk: some 50 us of copying or adding.
const CHUNK: usize = 1 << 16;

/// The elements of all parts, in turn, as a value of these dims.
///
/// # Errors
/// `ShapeMismatch` where there are too few or too many of them.
pub(super) fn join(cx: &RunCx<'_>, dtype: DType, dims: &[usize], parts: &[Value]) -> Result<Value> {
    // One value may be many of the parts.
    let have = parts.iter().fold(0usize, |sum, part| sum.saturating_add(part.len()));
    let want = element_count(dims)?;
    if have != want {
        return Err(Error::shape(format!("the parts must have {want} elements, but have {have}")));
    }
    if let [part] = parts {
        return part.clone().reshaped(dims);
    }
    let starts = parts.iter().scan(0, |next, part| {
        let start = *next;
        *next += part.len();
        Some(start)
    });
    if dtype == DType::String {
        cx.check_room(parts.iter().fold(0usize, |sum, part| sum.saturating_add(part.byte_len())))?;
    }
    let (mut out, placed) = (cx.alloc(dtype, dims)?, cx.collect(starts.zip(parts))?);
    place(cx, &placed, &mut out)?;
    Ok(out)
}

/// Copies parts to where their first elements go, by rising places.
pub(super) fn place(cx: &RunCx<'_>, parts: &[(usize, &Value)], out: &mut Value) -> Result<()> {
    with_cells!(out.dtype(), E => {
        let mut seen = cx.list(parts.len())?;
        for (start, part) in parts {
            seen.push((*start, cells::<E>(part)?))?;
        }
        copy_parts::<E>(cx, &seen, cells_mut(out)?)?;
    });
    Ok(())
}

fn copy_parts<E: Cell>(cx: &RunCx<'_>, parts: &[(usize, &[E])], out: &mut [E]) -> Result<()> {
    let work = cx.workspace();
    cx.try_for_chunks_mut(out, E::BATCH, &|chunk, out| {
        let (begin, end, mut pace) = (chunk * E::BATCH, chunk * E::BATCH + out.len(), work.pace());
        let first = parts.partition_point(|(start, part)| start + part.len() <= begin);
        for (start, part) in parts[first..].iter().take_while(|(start, _)| *start < end) {
            let (from, to) = ((*start).max(begin), (start + part.len()).min(end));
            copy_cells(&mut pace, &part[from - start..to - start], &mut out[from - begin..to - begin])?;
        }
        Ok(())
    })
}

/// A value cut into parts along its first axis: `lens[i]` rows each, with the axis, or one row each without it.
pub(super) fn cut(cx: &RunCx<'_>, value: Value, lens: Rows<'_>) -> Result<ScratchVec<Value>> {
    let dims = Dims::from_slice(value.dims());
    let (n, row) = match lens {
        Rows::Each(n) => (n, element_count(&dims[1..])?),
        Rows::Lens(lens) => (lens.len(), element_count(&dims[1..])?),
    };
    if value.dtype() == DType::String {
        cx.check_room(value.byte_len())?;
    }
    let (mut start, mut parts, mut pace) = (0, cx.list(n)?, cx.pace());
    for i in 0..n {
        pace.spend(64)?;
        let (rows, part) = match lens {
            Rows::Each(_) => (1, Dims::from_slice(&dims[1..])),
            Rows::Lens(lens) => {
                let mut part = dims.clone();
                part[0] = lens[i];
                (lens[i], part)
            }
        };
        if n == 1 {
            parts.push(value.reshaped(&part)?)?;
            return Ok(parts);
        }
        parts.push(copy(cx, &mut pace, &value, start, rows * row, &part)?)?;
        start += rows * row;
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

fn copy(cx: &RunCx<'_>, pace: &mut Pace<'_>, value: &Value, start: usize, len: usize, dims: &[usize]) -> Result<Value> {
    let mut out = cx.alloc(value.dtype(), dims)?;
    with_cells!(value.dtype(), E => {
        let from = &cells::<E>(value)?[start..start + len];
        copy_cells(pace, from, cells_mut::<E>(&mut out)?)?;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Op;
    use crate::ops::container::{TensorListConcat, TensorListReserve, TensorListSetItem, TensorListStack};
    use crate::ops::testing::run_op;
    use crate::value::IntoValue;

    fn one(op: impl Op, inputs: &[Value]) -> Value {
        run_op(op, inputs).unwrap().remove(0)
    }

    fn numbers(first: usize, n: usize) -> Value {
        Value::from_vec(&[n], (first..first + n).map(|i| i as i32).collect()).unwrap()
    }

    fn list(items: impl ExactSizeIterator<Item = (usize, Value)>, len: usize) -> Value {
        let of = [Value::from_vec(&[1], vec![-1i32]).unwrap(), (len as i32).into_value()];
        items.fold(one(TensorListReserve { element_dtype: DType::I32 }, &of), |list, (i, item)| {
            one(TensorListSetItem::default(), &[list, (i as i32).into_value(), item])
        })
    }

    #[test]
    fn parts_longer_and_shorter_than_a_chunk_stand_one_behind_the_other() {
        let lens = [3, CHUNK - 5, 1, 0, 2 * CHUNK + 7, 1, 1, 0, CHUNK, 9];
        let mut next = 0;
        let items: Vec<Value> = lens
            .map(|n| {
                next += n;
                numbers(next - n, n)
            })
            .into();
        let list = list(items.into_iter().enumerate(), lens.len());
        let op = TensorListConcat { element_dtype: DType::I32, element_shape: Some(Shape::unknown_of_rank(1)) };
        assert!(one(op, &[list]).same_bits(&numbers(0, next)));
    }

    #[test]
    fn rows_between_others_that_are_not_set_are_zeros() {
        let n = CHUNK / 2 + 1;
        let list = list([(1, numbers(1, n)), (4, numbers(n, n))].into_iter(), 6);
        let shape = Value::from_vec(&[1], vec![n as i32]).unwrap();
        let stacked = one(TensorListStack { element_dtype: DType::I32, num_elements: 6 }, &[list, shape]);
        let mut want = vec![0i32; 6 * n];
        for i in 0..n {
            (want[n + i], want[4 * n + i]) = ((1 + i) as i32, (n + i) as i32);
        }
        assert!(stacked.same_bits(&Value::from_vec(&[6, n], want).unwrap()));
    }
}
