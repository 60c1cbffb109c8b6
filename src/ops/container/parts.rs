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

/// What a part takes beside its elements.
pub(super) const PART_BYTES: usize = 2 * size_of::<Value>();

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
    let starts = parts.iter().scan(0, |next, part| {
        let start = *next;
        *next += part.len();
        Some(start)
    });
    let placed: Vec<(usize, &Value)> = starts.zip(parts).collect();
    let mut out = cx.alloc(dtype, dims)?;
    place(cx, &placed, &mut out)?;
    Ok(out)
}

/// Copies parts to where their first elements go, by rising places.
pub(super) fn place(cx: &RunCx<'_>, parts: &[(usize, &Value)], out: &mut Value) -> Result<()> {
    with_cells!(out.dtype(), E => {
        let parts = parts.iter().map(|(start, part)| Ok((*start, cells::<E>(part)?)));
        copy_parts::<E>(cx, &parts.collect::<Result<Vec<_>>>()?, cells_mut(out)?)?;
    });
    Ok(())
}

fn copy_parts<E: Cell>(cx: &RunCx<'_>, parts: &[(usize, &[E])], out: &mut [E]) -> Result<()> {
    cx.for_chunks_mut(out, CHUNK, &|chunk, out| {
        let (begin, end) = (chunk * CHUNK, chunk * CHUNK + out.len());
        let first = parts.partition_point(|(start, part)| start + part.len() <= begin);
        for (start, part) in parts[first..].iter().take_while(|(start, _)| *start < end) {
            let (from, to) = ((*start).max(begin), (start + part.len()).min(end));
            out[from - begin..to - begin].clone_from_slice(&part[from - start..to - start]);
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
    cx.check_room(n.saturating_mul(PART_BYTES))?;
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
