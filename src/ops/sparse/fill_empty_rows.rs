//! `SparseFillEmptyRows` and its gradient: every row gets a value.

use std::sync::Arc;

use super::coo::{Coo, PICK_WORK, infer_coo, not_a_number, picked};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::graph::{Example, InferCx, Op, OpKind, RunCx};
use crate::kernel::Number;
use crate::ops::array::cells::{cells, cells_mut, with_cells};
use crate::ops::wide::widened;
use crate::shape::{Dim, Shape};
use crate::value::{IntoValue, ScratchVec, Value};
use crate::with_type;

/// Gives each row of a sparse tensor without values the value `default` in its first place: `(n, r), (n), (r), () ->
/// (m, r), (m), (rows) bool, (n)`. Values come in the order of their rows; the outputs after them say which rows were
/// empty, and where each value of the input went. Any dtype.
#[derive(Debug, Clone)]
pub struct SparseFillEmptyRows;

/// The gradients of [`SparseFillEmptyRows`] by values and default: `(n), (m) -> (n), ()`. Numbers.
#[derive(Debug, Clone)]
pub struct SparseFillEmptyRowsGrad;

/// The row of [`SparseFillEmptyRows`].
pub static SPARSE_FILL_EMPTY_ROWS: OpKind = OpKind::new(
    "SparseFillEmptyRows",
    "indices: int64, values: T, dense_shape: int64, default_value: T -> output_indices: int64, output_values: T, \
     empty_row_indicator: bool, reverse_index_map: int64",
    |_| Ok(Arc::new(SparseFillEmptyRows)),
    || {
        let indices = || [[2i64, 0], [0, 1], [2, 1]].into_value();
        let shape = || [4i64, 3].into_value();
        vec![
            Example::new(
                SparseFillEmptyRows,
                [indices(), [1.0f32, 2.0, 3.0].into_value(), shape(), 9.0f32.into_value()],
            ),
            Example::new(SparseFillEmptyRows, [indices(), ["a", "b", "c"].into_value(), shape(), "".into_value()]),
        ]
    },
);

/// The row of [`SparseFillEmptyRowsGrad`].
pub static SPARSE_FILL_EMPTY_ROWS_GRAD: OpKind = OpKind::new(
    "SparseFillEmptyRowsGrad",
    "reverse_index_map: int64, grad_values: T -> d_values: T, d_default_value: T",
    |_| Ok(Arc::new(SparseFillEmptyRowsGrad)),
    || vec![Example::new(SparseFillEmptyRowsGrad, [[2i64, 0].into_value(), [1.0f32, 2.0, 3.0].into_value()])],
);

impl Op for SparseFillEmptyRows {
    fn kind(&self) -> &'static OpKind {
        &SPARSE_FILL_EMPTY_ROWS
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        let [n, rank] = infer_coo(cx, [0, 1, 2])?;
        cx.shape(3).with_rank(0)?;
        let dense = cx.shape_from(2)?;
        let rows = if dense.rank() == Some(0) { Dim::unknown() } else { dense.dim(0) };
        let m = Dim::unknown();
        cx.output(DType::I64, Shape::new([m.clone(), rank]));
        cx.output(cx.dtype(1), Shape::new([m]));
        cx.output(DType::Bool, Shape::new([rows]));
        cx.output(DType::I64, Shape::new([n]));
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let coo = Coo::of(cx, [0, 1, 2])?;
        if cx.input(3).rank() != 0 {
            return Err(Error::shape(format!(
                "default_value must be a scalar, but has shape {:?}",
                cx.input(3).dims()
            )));
        }
        let mut starts = counts_by_row(cx, &coo)?;
        let mut is_empty = cx.alloc(DType::Bool, &[starts.len()])?;
        let total = into_starts(&mut starts, is_empty.make_mut::<bool>()?);
        let mut indices = cx.alloc_zeros(DType::I64, &[total, coo.rank()])?;
        let mut moved = cx.alloc(DType::I64, &[coo.n])?;
        // Where each output comes from; the number after the last value is the default.
        let mut sources = cx.scratch_of(total, coo.n)?;
        let (cells, moves, mut pace) = (indices.make_mut::<i64>()?, moved.make_mut::<i64>()?, cx.pace());
        for (row, (start, is_empty)) in starts.iter().zip(is_empty.slice::<bool>()?).enumerate() {
            pace.spend(1)?;
            if *is_empty {
                cells[start * coo.rank()] = row as i64;
            }
        }
        for (i, row) in coo.rows().enumerate() {
            pace.spend(PICK_WORK + row.len())?;
            let start = &mut starts[row[0] as usize];
            cells[*start * row.len()..][..row.len()].copy_from_slice(row);
            (sources[*start], moves[i]) = (i, *start as i64);
            *start += 1;
        }
        let values = filled(cx, &sources)?;
        cx.output(0, indices);
        cx.output(1, values);
        cx.output(2, is_empty);
        cx.output(3, moved);
        Ok(())
    }
}

/// How many values each row has.
fn counts_by_row(cx: &RunCx<'_>, coo: &Coo<'_>) -> Result<ScratchVec<usize>> {
    let rows = coo.shape.first().ok_or_else(|| Error::invalid("dense shape cannot be empty"))?;
    if *rows == 0 && coo.n > 0 {
        let n = coo.n;
        return Err(Error::invalid(format!(
            "received SparseTensor with dense_shape[0] = 0 but indices.shape[0] = {n}"
        )));
    }
    // Each row gets a value of its own, so they must be a value's elements.
    let rows = super::coo::as_dims(&[*rows])?[0];
    let (mut counts, mut pace) = (cx.scratch::<usize>(rows)?, cx.pace());
    for (i, index) in coo.rows().enumerate() {
        pace.spend(PICK_WORK)?;
        let count = usize::try_from(index[0]).ok().and_then(|row| counts.get_mut(row));
        let count =
            count.ok_or_else(|| Error::invalid(format!("indices({i}, 0) is invalid: {} >= {rows}", index[0])))?;
        *count += 1;
    }
    Ok(counts)
}

/// Turns the numbers of values into the places where rows begin, of which empty ones take one place; answers how many
/// places there are.
fn into_starts(counts: &mut [usize], is_empty: &mut [bool]) -> usize {
    let mut total = 0;
    for (count, is_empty) in counts.iter_mut().zip(is_empty) {
        *is_empty = *count == 0;
        let len = (*count).max(1);
        *count = total;
        total += len;
    }
    total
}

/// Values by number; the number after the last one is the default.
fn filled(cx: &RunCx<'_>, sources: &[usize]) -> Result<Value> {
    let (values, default) = (cx.input(1), cx.input(3));
    let (mut out, mut pace) = (cx.alloc(values.dtype(), &[sources.len()])?, cx.pace());
    with_cells!(values.dtype(), E => {
        let (from, default) = (cells::<E>(values)?, &cells::<E>(default)?[0]);
        for (out, i) in cells_mut::<E>(&mut out)?.iter_mut().zip(sources) {
            pace.spend(PICK_WORK)?;
            out.clone_from(from.get(*i).unwrap_or(default));
        }
    });
    Ok(out)
}

impl Op for SparseFillEmptyRowsGrad {
    fn kind(&self) -> &'static OpKind {
        &SPARSE_FILL_EMPTY_ROWS_GRAD
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        let moved = cx.shape(0).with_rank(1)?;
        cx.shape(1).with_rank(1)?;
        cx.output(cx.dtype(1), moved);
        cx.output(cx.dtype(1), Shape::scalar());
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        if let Some(done) = widened(self, cx, &[1], &[0, 1]) {
            return done;
        }
        let (moved, grad) = (cx.input(0).slice::<i64>()?, cx.input(1));
        let place = |at: &i64| usize::try_from(*at).ok().filter(|at| *at < grad.len());
        let outside =
            |at| Error::invalid(format!("elements in reverse index must be in [0, {}), but one is {at}", grad.len()));
        let (mut picks, mut pace) = (cx.list(moved.len())?, cx.pace());
        for at in moved {
            pace.spend(1)?;
            picks.push(place(at).ok_or_else(|| outside(at))?)?;
        }
        let mut rest = cx.alloc(grad.dtype(), &[])?;
        with_type!(grad.dtype(), T in wide_numbers => {
            rest.make_mut::<T>()?[0] = sum_of_others::<T>(cx, grad.slice()?, &picks)?;
        }, else => return Err(not_a_number(grad.dtype())));
        let values = picked(cx, grad, &picks)?;
        cx.output(0, values);
        cx.output(1, rest);
        Ok(())
    }
}

fn sum_of_others<T: Number>(cx: &RunCx<'_>, grad: &[T], picks: &[usize]) -> Result<T> {
    let (mut is_picked, mut pace) = (cx.scratch::<bool>(grad.len())?, cx.pace());
    for i in picks {
        pace.spend(PICK_WORK)?;
        is_picked[*i] = true;
    }
    let mut sum = T::ZERO;
    for (x, is_picked) in grad.iter().zip(&*is_picked) {
        pace.spend(1)?;
        sum = if *is_picked { sum } else { sum.plus(*x) };
    }
    Ok(sum)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{ends_early, infer_ok, run_op, sparse_column};

    #[test]
    fn as_many_values_as_rows_without_any_are_added() {
        let inputs = "int64(?,3);(5);int64(3);()";
        infer_ok(&SparseFillEmptyRows, inputs, "(?,3);(?);(?);(5)");
        infer_ok(&SparseFillEmptyRowsGrad, "int64(5);(?)", "(5);()");
    }

    /// As TensorFlow 1.15.5 answers.
    #[test]
    fn rows_without_values_get_the_default() {
        let indices = [[2i64, 0], [0, 1], [2, 1]].into_value();
        let inputs = [indices, [1.0f32, 2.0, 3.0].into_value(), [4i64, 3].into_value(), 9.0f32.into_value()];
        let got = run_op(SparseFillEmptyRows, &inputs).unwrap();
        assert_eq!(got[0].slice::<i64>().unwrap(), [0, 1, 1, 0, 2, 0, 2, 1, 3, 0]);
        assert_eq!(got[1].slice::<f32>().unwrap(), [2.0, 9.0, 1.0, 3.0, 9.0]);
        assert_eq!(got[2].slice::<bool>().unwrap(), [false, true, false, true]);
        assert_eq!(got[3].slice::<i64>().unwrap(), [2, 0, 3]);
        let grad = [1.0f32, 2.0, 4.0, 8.0, 16.0].into_value();
        let got = run_op(SparseFillEmptyRowsGrad, &[got[3].clone(), grad]).unwrap();
        assert_eq!(got[0].slice::<f32>().unwrap(), [4.0, 1.0, 8.0]);
        assert_eq!(got[1].slice::<f32>().unwrap(), [18.0]);
    }

    #[test]
    fn a_row_that_is_not_there_is_refused() {
        let inputs = [[[4i64, 0]].into_value(), [1i32].into_value(), [4i64, 3].into_value(), 9.into_value()];
        let error = run_op(SparseFillEmptyRows, &inputs).unwrap_err();
        assert!(error.message().contains("indices(0, 0) is invalid: 4 >= 4"), "{error}");
    }

    #[test]
    fn many_rows_end_with_their_run() {
        let [indices, values, shape] = sparse_column(1 << 17);
        ends_early(&SparseFillEmptyRows, &[indices, values, shape, 7i32.into_value()], 1 << 19);
        let moved = Value::zeros(DType::I64, &[1 << 18]).unwrap();
        ends_early(&SparseFillEmptyRowsGrad, &[moved, [1.0f32].into_value()], 1 << 19);
    }
}
