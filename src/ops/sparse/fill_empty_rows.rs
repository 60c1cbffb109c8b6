//! `SparseFillEmptyRows` and its gradient: every row gets a value.

use std::sync::Arc;

use super::coo::{Coo, infer_coo, matrix, not_a_number, picked};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::graph::{Example, InferCx, Op, OpKind, RunCx};
use crate::kernel::Number;
use crate::ops::array::cells::{cells, cells_mut, with_cells};
use crate::shape::{Dim, Shape};
use crate::value::{IntoValue, Value};
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
        let by_row = values_by_row(&coo)?;
        let is_empty: Vec<bool> = by_row.iter().map(Vec::is_empty).collect();
        let mut indices = Vec::new();
        // Where each output comes from; the number after the last value is the default.
        let mut sources = Vec::new();
        let mut moved = vec![0i64; coo.n];
        for (row, values) in by_row.iter().enumerate() {
            for i in values {
                moved[*i] = sources.len() as i64;
                indices.extend(coo.row(*i));
                sources.push(*i);
            }
            if values.is_empty() {
                indices.push(row as i64);
                indices.resize(indices.len() + coo.rank() - 1, 0);
                sources.push(coo.n);
            }
        }
        let indices = matrix(indices, sources.len(), coo.rank())?;
        let values = filled(cx, &sources)?;
        cx.output(0, indices);
        cx.output(1, values);
        cx.output(2, is_empty.into_value());
        cx.output(3, moved.into_value());
        Ok(())
    }
}

/// The numbers of the values of each row, in order.
fn values_by_row(coo: &Coo<'_>) -> Result<Vec<Vec<usize>>> {
    let rows = coo.shape.first().ok_or_else(|| Error::invalid("dense shape cannot be empty"))?;
    if *rows == 0 && coo.n > 0 {
        let n = coo.n;
        return Err(Error::invalid(format!(
            "received SparseTensor with dense_shape[0] = 0 but indices.shape[0] = {n}"
        )));
    }
    // Each row gets a value of its own, so they must be a value's elements.
    let rows = super::coo::as_dims(&[*rows])?[0];
    let mut by_row = Vec::new();
    by_row.try_reserve_exact(rows).map_err(|_| Error::invalid(format!("{rows} rows are too many")))?;
    by_row.resize(rows, Vec::new());
    for (i, index) in coo.rows().enumerate() {
        let row = usize::try_from(index[0]).ok().and_then(|row| by_row.get_mut(row));
        let row = row.ok_or_else(|| Error::invalid(format!("indices({i}, 0) is invalid: {} >= {rows}", index[0])))?;
        row.push(i);
    }
    Ok(by_row)
}

/// Values by number; the number after the last one is the default.
fn filled(cx: &RunCx<'_>, sources: &[usize]) -> Result<Value> {
    let (values, default) = (cx.input(1), cx.input(3));
    let mut out = cx.alloc(values.dtype(), &[sources.len()])?;
    with_cells!(values.dtype(), E => {
        let (from, default) = (cells::<E>(values)?, &cells::<E>(default)?[0]);
        for (out, i) in cells_mut::<E>(&mut out)?.iter_mut().zip(sources) {
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
        let (moved, grad) = (cx.input(0).slice::<i64>()?, cx.input(1));
        let place = |at: &i64| usize::try_from(*at).ok().filter(|at| *at < grad.len());
        let picks: Option<Vec<usize>> = moved.iter().map(place).collect();
        let picks = picks.ok_or_else(|| {
            Error::invalid(format!("elements in reverse index must be in [0, {}), but are {moved:?}", grad.len()))
        })?;
        let mut rest = cx.alloc(grad.dtype(), &[])?;
        with_type!(grad.dtype(), T in numbers => {
            rest.make_mut::<T>()?[0] = sum_of_others::<T>(grad.slice()?, &picks);
        }, else => return Err(not_a_number(grad.dtype())));
        let values = picked(cx, grad, &picks)?;
        cx.output(0, values);
        cx.output(1, rest);
        Ok(())
    }
}

fn sum_of_others<T: Number>(grad: &[T], picks: &[usize]) -> T {
    let mut is_picked = vec![false; grad.len()];
    picks.iter().for_each(|i| is_picked[*i] = true);
    let others = grad.iter().zip(is_picked).filter(|(_, is_picked)| !is_picked);
    T::narrow(others.fold(T::Acc::ZERO, |sum, (x, _)| sum.plus(x.widen())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{infer_ok, run_op};

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
}
