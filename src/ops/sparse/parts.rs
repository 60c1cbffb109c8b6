//! Sparse tensors put in order, joined and cut: `SparseReorder`, `SparseConcat`, `SparseSlice`, `SparseSplit`.

use std::sync::Arc;

use super::coo::{Coo, PICK_WORK, infer_coo, matrix, picked};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::graph::{AttrValue, Attrs, Example, InferCx, Op, OpKind, RunCx};
use crate::ops::array::cells::{cells, cells_mut, with_cells};
use crate::shape::{Dim, Shape, normalize_axis};
use crate::value::{IntoValue, ScratchVec, Value};

/// The values of a sparse tensor in the order of their indices: `(n, r), (n), (r) -> (n, r), (n)`. Any dtype.
#[derive(Debug, Clone)]
pub struct SparseReorder;

/// Joins sparse tensors along an axis; the values come in the order of their indices. Any dtype.
#[derive(Debug, Clone)]
pub struct SparseConcat {
    /// The axis, from the back where negative.
    pub axis: i64,
}

/// The part of a sparse tensor from `start` on, at most `size` long along each axis. Any dtype.
#[derive(Debug, Clone)]
pub struct SparseSlice;

/// Cuts a sparse tensor along an axis into `n` parts; the first ones are longer by one where it does not divide. Any
/// dtype.
#[derive(Debug, Clone)]
pub struct SparseSplit {
    /// How many parts.
    pub n: usize,
}

/// The row of [`SparseReorder`].
pub static SPARSE_REORDER: OpKind = OpKind::new(
    "SparseReorder",
    "input_indices: int64, input_values: T, input_shape: int64 -> output_indices: int64, output_values: T",
    |_| Ok(Arc::new(SparseReorder)),
    || vec![Example::new(SparseReorder, example())],
);

/// The row of [`SparseConcat`].
pub static SPARSE_CONCAT: OpKind = OpKind::new(
    "SparseConcat",
    "indices: N*int64 >= 2, values: N*T >= 2, shapes: N*int64 >= 2 -> output_indices: int64, output_values: T, output_shape: int64",
    |attrs| Ok(Arc::new(SparseConcat { axis: attrs.int("concat_dim")? })),
    || {
        let [indices, values, shape] = example();
        let twice = |value: Value| [value.clone(), value];
        let inputs = [twice(indices), twice(values), twice(shape)].concat();
        vec![Example::new(SparseConcat { axis: 0 }, inputs.clone()), Example::new(SparseConcat { axis: -1 }, inputs)]
    },
);

/// The row of [`SparseSlice`].
pub static SPARSE_SLICE: OpKind = OpKind::new(
    "SparseSlice",
    "indices: int64, values: T, shape: int64, start: int64, size: int64 -> output_indices: int64, output_values: T, \
     output_shape: int64",
    |_| Ok(Arc::new(SparseSlice)),
    || {
        let [indices, values, shape] = example();
        let inputs = [indices, values, shape, [0i64, 1].into_value(), [2i64, 9].into_value()];
        vec![Example::new(SparseSlice, inputs)]
    },
);

/// The row of [`SparseSplit`].
pub static SPARSE_SPLIT: OpKind = OpKind::new(
    "SparseSplit",
    "split_dim: int64, indices: int64, values: T, shape: int64 -> output_indices: num_split*int64, \
     output_values: num_split*T, output_shape: num_split*int64",
    |attrs: &Attrs| {
        let n = attrs.int("num_split")?;
        let n = usize::try_from(n).ok().filter(|n| (1..=MAX_PARTS).contains(n));
        let n = n.ok_or_else(|| Error::invalid(format!("num_split must be 1 to {MAX_PARTS}")))?;
        Ok(Arc::new(SparseSplit { n }))
    },
    || {
        let [indices, values, shape] = example();
        vec![Example::new(SparseSplit { n: 2 }, [1i64.into_value(), indices, values, shape])]
    },
);

/// More parts than any axis is cut into.
const MAX_PARTS: usize = 1 << 16;

fn example() -> [Value; 3] {
    [[[2i64, 1], [0, 0], [0, 2]].into_value(), ["a", "b", "c"].into_value(), [3i64, 3].into_value()]
}

/// A sparse tensor that was made: rows of indices, the numbers of the values, and the shape.
struct Made {
    indices: ScratchVec<i64>,
    picks: ScratchVec<usize>,
    shape: Vec<i64>,
}

impl Made {
    /// The outputs; the values are picked by number.
    fn values(self, cx: &RunCx<'_>, values: &Value) -> Result<[Value; 3]> {
        let n = self.picks.len();
        Ok([matrix(self.indices, n, self.shape.len())?, picked(cx, values, &self.picks)?, self.shape.into_value()])
    }
}

/// The numbers of `n` rows in the order of the rows; equal ones stay as they are.
fn ordered(cx: &RunCx<'_>, rows: &[i64], n: usize, rank: usize) -> Result<ScratchVec<usize>> {
    let row = |i: usize| &rows[i * rank..][..rank];
    let mut order = cx.collect(0..n)?;
    cx.sort(&mut order, PICK_WORK + rank, &mut |a, b| row(*a).cmp(row(*b)))?;
    Ok(order)
}

/// Rows by their numbers.
fn picked_rows(cx: &RunCx<'_>, rows: &[i64], picks: &[usize], rank: usize) -> Result<Value> {
    let (mut out, mut pace) = (cx.list(rows.len())?, cx.pace());
    for i in picks {
        pace.spend(PICK_WORK + rank)?;
        out.extend_from_slice(&rows[i * rank..][..rank])?;
    }
    matrix(out, picks.len(), rank)
}

impl Op for SparseReorder {
    fn kind(&self) -> &'static OpKind {
        &SPARSE_REORDER
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        let [n, rank] = infer_coo(cx, [0, 1, 2])?;
        cx.output(DType::I64, Shape::new([n.clone(), rank]));
        cx.output(cx.dtype(1), Shape::new([n]));
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let coo = Coo::of(cx, [0, 1, 2])?;
        let order = ordered(cx, coo.indices, coo.n, coo.rank())?;
        let indices = picked_rows(cx, coo.indices, &order, coo.rank())?;
        let values = picked(cx, cx.input(1), &order)?;
        cx.output(0, indices);
        cx.output(1, values);
        Ok(())
    }
}

impl Op for SparseConcat {
    fn kind(&self) -> &'static OpKind {
        &SPARSE_CONCAT
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        let parts = cx.n_inputs() / 3;
        let (mut rows, mut rank) = (Dim::constant(0), Dim::unknown());
        for i in 0..parts {
            let [n, r] = infer_coo(cx, [i, parts + i, 2 * parts + i])?;
            (rows, rank) = (rows + n, rank.merge(&r)?);
        }
        if parts == 0 {
            return Err(Error::invalid("N must be 1 or more, but is 0"));
        }
        cx.output(DType::I64, Shape::new([rows.clone(), rank.clone()]));
        cx.output(cx.dtype(parts), Shape::new([rows]));
        cx.output(DType::I64, Shape::new([rank]));
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let parts = cx.n_inputs() / 3;
        let coos = (0..parts).map(|i| Coo::of(cx, [i, parts + i, 2 * parts + i])).collect::<Result<Vec<_>>>()?;
        let shape = self.joined_shape(&coos)?;
        let axis = normalize_axis(self.axis, shape.len())?;
        let (mut rows, mut pace) = (cx.list::<i64>(0)?, cx.pace());
        let mut offset = 0;
        for coo in &coos {
            for row in coo.rows() {
                pace.spend(PICK_WORK + row.len())?;
                let at = rows.len() + axis;
                rows.extend_from_slice(row)?;
                rows[at] = rows[at].saturating_add(offset);
            }
            offset += coo.shape[axis];
        }
        let n = rows.len() / shape.len();
        let order = ordered(cx, &rows, n, shape.len())?;
        let indices = picked_rows(cx, &rows, &order, shape.len())?;
        let values = joined(cx, parts..2 * parts, &order)?;
        cx.output(0, indices);
        cx.output(1, values);
        cx.output(2, shape.into_value());
        Ok(())
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        vec![("concat_dim", AttrValue::Int(self.axis))]
    }
}

impl SparseConcat {
    fn joined_shape(&self, coos: &[Coo<'_>]) -> Result<Vec<i64>> {
        let first = coos.first().ok_or_else(|| Error::invalid("N must be 1 or more, but is 0"))?;
        let axis = normalize_axis(self.axis, first.rank()).map_err(|_| {
            let rank = first.rank() as i64;
            Error::invalid(format!("concat dimension must be in range [{}, {rank}), got {}", -rank, self.axis))
        })?;
        let mut shape = first.shape.to_vec();
        for (i, coo) in coos.iter().enumerate().skip(1) {
            let fits = coo.rank() == shape.len() && (0..shape.len()).all(|k| k == axis || coo.shape[k] == shape[k]);
            if !fits {
                let text =
                    format!("input shapes must match but in dimension {axis}: {shape:?} vs shape {i} {:?}", coo.shape);
                return Err(Error::invalid(text));
            }
            let too_large = || Error::invalid("the joined axis is too long for int64");
            shape[axis] = shape[axis].checked_add(coo.shape[axis]).ok_or_else(too_large)?;
        }
        Ok(shape)
    }
}

/// Values of several inputs, by their numbers over all of them.
fn joined(cx: &RunCx<'_>, inputs: std::ops::Range<usize>, picks: &[usize]) -> Result<Value> {
    let dtype = cx.input(inputs.start).dtype();
    let (mut out, mut pace) = (cx.alloc(dtype, &[picks.len()])?, cx.pace());
    with_cells!(dtype, E => {
        let mut all = cx.list::<&E>(picks.len())?;
        for i in inputs {
            all.extend(cells::<E>(cx.input(i))?)?;
        }
        for (out, i) in cells_mut::<E>(&mut out)?.iter_mut().zip(picks) {
            pace.spend(PICK_WORK)?;
            out.clone_from(all[*i]);
        }
    });
    Ok(out)
}

/// The values within `size` of `start`, along each axis, with indices from there.
fn cut(cx: &RunCx<'_>, coo: &Coo<'_>, start: &[i64], size: &[i64]) -> Result<Made> {
    let (mut indices, mut picks, mut pace) = (cx.list(0)?, cx.list(0)?, cx.pace());
    for (i, row) in coo.rows().enumerate() {
        pace.spend(1 + row.len())?;
        let apart = || row.iter().zip(start).map(|(at, start)| at.saturating_sub(*start));
        if apart().zip(size).all(|(at, size)| (0..*size).contains(&at)) {
            indices.extend(apart())?;
            picks.push(i)?;
        }
    }
    Ok(Made { indices, picks, shape: size.to_vec() })
}

impl Op for SparseSlice {
    fn kind(&self) -> &'static OpKind {
        &SPARSE_SLICE
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        let [_, mut rank] = infer_coo(cx, [0, 1, 2])?;
        for i in 3..5 {
            rank = rank.merge(&cx.shape(i).with_rank(1)?.dim(0))?;
        }
        let n = Dim::unknown();
        cx.output(DType::I64, Shape::new([n.clone(), rank.clone()]));
        cx.output(cx.dtype(1), Shape::new([n]));
        cx.output(DType::I64, Shape::new([rank]));
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let coo = Coo::of(cx, [0, 1, 2])?;
        let (start, size) = (cx.input(3), cx.input(4));
        if start.dims() != [coo.rank()] || size.dims() != [coo.rank()] {
            return Err(Error::shape(format!(
                "start and size should be vectors of length {}, but have shapes {:?} and {:?}",
                coo.rank(),
                start.dims(),
                size.dims()
            )));
        }
        let (start, size) = (start.slice::<i64>()?, size.slice::<i64>()?);
        if let Some(size) = size.iter().find(|size| **size < 0) {
            return Err(Error::invalid(format!("size must be 0 or more, but is {size}")));
        }
        let left = coo.shape.iter().zip(start).map(|(all, start)| all.saturating_sub(*start).max(0));
        let size: Vec<i64> = left.zip(size).map(|(left, size)| left.min(*size).max(0)).collect();
        let made = cut(cx, &coo, start, &size)?.values(cx, cx.input(1))?;
        made.into_iter().enumerate().for_each(|(i, output)| cx.output(i, output));
        Ok(())
    }
}

impl Op for SparseSplit {
    fn kind(&self) -> &'static OpKind {
        &SPARSE_SPLIT
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        cx.shape(0).with_rank(0)?;
        let [_, rank] = infer_coo(cx, [1, 2, 3])?;
        let n: Vec<Dim> = (0..self.n).map(|_| Dim::unknown()).collect();
        for n in &n {
            cx.output(DType::I64, Shape::new([n.clone(), rank.clone()]));
        }
        let dtype = cx.dtype(2);
        for n in &n {
            cx.output(dtype, Shape::new([n.clone()]));
        }
        for _ in &n {
            cx.output(DType::I64, Shape::new([rank.clone()]));
        }
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let coo = Coo::of(cx, [1, 2, 3])?;
        let axis = cx.input(0).scalar::<i64>()?;
        let axis = normalize_axis(axis, coo.rank())?;
        let n = self.n as i64;
        let all = coo.shape[axis];
        if n > all {
            return Err(Error::invalid(format!(
                "input num_split should be between 1 and the splitting dimension size ({all}), got {n}"
            )));
        }
        let mut pace = cx.pace();
        for row in coo.rows() {
            pace.spend(1)?;
            if !(0..all).contains(&row[axis]) {
                let text = format!("index {row:?} is out of bounds along dimension {axis}: need 0 <= index < {all}");
                return Err(Error::invalid(text));
            }
        }
        // Bounded by the rank.
        let (mut start, mut size) = (vec![0; coo.rank()], coo.shape.to_vec());
        let mut outputs = Vec::new();
        for i in 0..n {
            size[axis] = all / n + i64::from(i < all % n);
            outputs.push(cut(cx, &coo, &start, &size)?.values(cx, cx.input(2))?);
            start[axis] += size[axis];
        }
        for (i, made) in outputs.into_iter().enumerate() {
            made.into_iter().enumerate().for_each(|(k, output)| cx.output(k * self.n + i, output));
        }
        Ok(())
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        vec![("num_split", AttrValue::Int(self.n as i64))]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{ends_early, infer_ok, run_op, sparse_column};

    #[test]
    fn numbers_of_values_add_up_where_they_are_known() {
        infer_ok(&SparseReorder, "int64(?,3);(4);int64(?)", "(4,3);(4)");
        infer_ok(&SparseConcat { axis: 0 }, "int64(2,3);int64(3,?);(2);(3);int64(?);int64(?)", "(5,3);(5);(3)");
        infer_ok(&SparseSlice, "int64(2,3);(2);int64(3);int64(3);int64(?)", "(?,3);(?);(3)");
        infer_ok(&SparseSplit { n: 2 }, "int64();int64(2,3);(2);int64(3)", "(?,3);(?,3);(?);(?);(3);(3)");
    }

    #[track_caller]
    fn check(got: &[Value], indices: &[i64], values: &[&str], shape: &[i64]) {
        let texts: Vec<&[u8]> = got[1].strings().unwrap().iter().map(Vec::as_slice).collect();
        assert_eq!(got[0].slice::<i64>().unwrap(), indices);
        assert_eq!(texts, values.iter().map(|text| text.as_bytes()).collect::<Vec<_>>());
        assert_eq!(got[2].slice::<i64>().unwrap(), shape);
    }

    #[test]
    fn values_come_in_the_order_of_their_indices() {
        let mut got = run_op(SparseReorder, &example()).unwrap();
        got.push([3i64, 3].into_value());
        check(&got, &[0, 0, 0, 2, 2, 1], &["b", "c", "a"], &[3, 3]);
    }

    #[test]
    fn axes_count_from_the_end_and_sizes_are_not_negative() {
        let [indices, values, shape] = example();
        let split = |axis: i64| {
            let inputs = [axis.into_value(), indices.clone(), values.clone(), shape.clone()];
            run_op(SparseSplit { n: 3 }, &inputs).unwrap().iter().map(|value| format!("{value:?}")).collect::<Vec<_>>()
        };
        assert_eq!(split(-1), split(1));
        let outside = [1i64.into_value(), [[0i64, 3]].into_value(), [1.0f32].into_value(), shape.clone()];
        let error = run_op(SparseSplit { n: 2 }, &outside).unwrap_err();
        assert_eq!(error.message(), "index [0, 3] is out of bounds along dimension 1: need 0 <= index < 3");
        let inputs = [indices.clone(), values.clone(), shape.clone(), [0i64, 0].into_value(), [1i64, -1].into_value()];
        assert!(run_op(SparseSlice, &inputs).unwrap_err().message().contains("size must be 0 or more, but is -1"));
    }

    #[test]
    fn joined_values_are_in_order_too() {
        let [indices, values, shape] = example();
        let twice = |value: &Value| [value.clone(), value.clone()];
        let inputs = [twice(&indices), twice(&values), twice(&shape)].concat();
        let got = run_op(SparseConcat { axis: -1 }, &inputs).unwrap();
        check(&got, &[0, 0, 0, 2, 0, 3, 0, 5, 2, 1, 2, 4], &["b", "c", "b", "c", "a", "a"], &[3, 6]);
    }

    #[test]
    fn parts_count_from_their_start() {
        let [indices, values, shape] = example();
        let inputs = [indices.clone(), values.clone(), shape.clone(), [0i64, 1].into_value(), [2i64, 9].into_value()];
        check(&run_op(SparseSlice, &inputs).unwrap(), &[0, 1], &["c"], &[2, 2]);
        let got = run_op(SparseSplit { n: 2 }, &[1i64.into_value(), indices, values, shape]).unwrap();
        let part = |i: usize| [got[i].clone(), got[2 + i].clone(), got[4 + i].clone()];
        check(&part(0), &[2, 1, 0, 0], &["a", "b"], &[3, 2]);
        check(&part(1), &[0, 0], &["c"], &[3, 1]);
    }

    #[test]
    fn long_lists_end_with_their_run() {
        let column = sparse_column(1 << 17);
        ends_early(&SparseReorder, &column, 1 << 19);
        let longer = sparse_column(1 << 20);
        ends_early(&SparseSplit { n: 2 }, &[&[0i64.into_value()][..], &longer].concat(), 1 << 19);
        let [indices, values, shape] = column;
        let twice = [indices.clone(), indices, values.clone(), values, shape.clone(), shape];
        ends_early(&SparseConcat { axis: 0 }, &twice, 1 << 19);
    }
}
