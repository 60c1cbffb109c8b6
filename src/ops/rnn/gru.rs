//! `GRUBlockCell`: one step of a gated recurrent unit.

use std::sync::Arc;

use crate::dtype::{DType, Plain};
use crate::error::{Error, Result};
use crate::graph::{Example, InferCx, Op, OpKind, RunCx};
use crate::kernel::product::{Activation, Epilogue, matmul};
use crate::shape::{Dim, Shape};
use crate::value::{ScratchVec, Value};

/// One step: `x (b, i)`, state `(b, c)`, weights of both gates `(i + c, 2c)` and of the new state `(i + c, c)`, and their
/// biases, give reset gate, update gate, new state and what becomes of the state, `(b, c)` each. float32.
#[derive(Debug, Clone)]
pub struct GruBlockCell;

/// The row of [`GruBlockCell`].
pub static GRU_BLOCK_CELL: OpKind = OpKind::new(
    "GRUBlockCell",
    "x: T, h_prev: T, w_ru: T, w_c: T, b_ru: T, b_c: T -> r: T, u: T, c: T, h: T",
    |_| Ok(Arc::new(GruBlockCell)),
    || vec![Example::new(GruBlockCell, sample())],
);

/// Inputs of two rows of three inputs, and two cells.
pub(super) fn sample() -> [Value; 6] {
    let dims: [&[usize]; 6] = [&[2, 3], &[2, 2], &[5, 4], &[5, 2], &[4], &[2]];
    dims.map(|dims| {
        let n: usize = dims.iter().product();
        let numbers = (0..n).map(|k| ((k + n) as f32 * 1.3).sin()).collect();
        Value::from_vec(dims, numbers).expect("as many numbers as dims say")
    })
}

impl Op for GruBlockCell {
    fn kind(&self) -> &'static OpKind {
        &GRU_BLOCK_CELL
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        let [rows, _, cells] = infer_cell(cx)?;
        for _ in 0..4 {
            cx.output(DType::F32, Shape::new([rows.clone(), cells.clone()]));
        }
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let [rows, inputs, cells] = sizes(cx)?;
        let of = |i: usize| cx.input(i).slice::<f32>();
        let (x, state, k) = (of(0)?, of(1)?, inputs + cells);
        let join = |state: &[f32]| joined(cx, [x, state], [rows, inputs, cells]);
        let mut gates = cx.scratch::<f32>(rows * 2 * cells)?;
        let epilogue = Epilogue { bias: Some(of(4)?), activation: Activation::Sigmoid };
        matmul(cx.threads(), rows, k, 2 * cells, &join(state)?, false, of(2)?, false, &mut gates, &epilogue)?;
        let gate = |i: usize| -> Result<Value> {
            let (mut gate, mut pace) = (cx.alloc(DType::F32, &[rows, cells])?, cx.pace());
            for (row, to) in gate.make_mut::<f32>()?.chunks_exact_mut(cells.max(1)).enumerate() {
                pace.spend(cells)?;
                to.copy_from_slice(&gates[(2 * row + i) * cells..][..cells]);
            }
            Ok(gate)
        };
        let (reset, update) = (gate(0)?, gate(1)?);
        let open = reset.slice::<f32>()?;
        let kept = each(cx, &[rows, cells], &|i| state[i] * open[i])?;
        let mut fresh = cx.alloc(DType::F32, &[rows, cells])?;
        let epilogue = Epilogue { bias: Some(of(5)?), activation: Activation::Tanh };
        let (weights, to) = (of(3)?, fresh.make_mut::<f32>()?);
        matmul(cx.threads(), rows, k, cells, &join(kept.slice::<f32>()?)?, false, weights, false, to, &epilogue)?;
        let (u, c) = (update.slice::<f32>()?, fresh.slice::<f32>()?);
        let after = each(cx, &[rows, cells], &|i| u[i] * state[i] + (1.0 - u[i]) * c[i])?;
        for (i, made) in [reset, update, fresh, after].into_iter().enumerate() {
            cx.output(i, made);
        }
        Ok(())
    }
}

/// Numbers that are made between two looks at the limits of the run.
const PART: usize = 1 << 14;

/// A value of these dims, element by element.
pub(super) fn each(cx: &RunCx<'_>, dims: &[usize], f: &(dyn Fn(usize) -> f32 + Sync)) -> Result<Value> {
    let mut value = cx.alloc(DType::F32, dims)?;
    cx.for_chunks_mut(value.make_mut::<f32>()?, PART, &|chunk, part| {
        part.iter_mut().enumerate().for_each(|(i, x)| *x = f(chunk * PART + i));
    })?;
    Ok(value)
}

/// The rows of two matrices side by side, of so many columns each.
pub(super) fn joined<T: Plain>(
    cx: &RunCx<'_>,
    [left, right]: [&[T]; 2],
    [rows, m, n]: [usize; 3],
) -> Result<ScratchVec<T>> {
    let (mut joined, mut pace) = (cx.list(rows * (m + n))?, cx.pace());
    for row in 0..if m + n == 0 { 0 } else { rows } {
        pace.spend(m + n)?;
        joined.extend_from_slice(&left[row * m..][..m])?;
        joined.extend_from_slice(&right[row * n..][..n])?;
    }
    Ok(joined)
}

/// Rows, inputs and cells, as far as known.
pub(super) fn infer_cell(cx: &InferCx<'_>) -> Result<[Dim; 3]> {
    if cx.dtype(0) != DType::F32 {
        return Err(Error::dtype(format!("cells are of float32, but are of {}", cx.dtype(0))));
    }
    let (x, state) = (cx.shape(0).with_rank(2)?, cx.shape(1).with_rank(2)?);
    let rows = x.dim(0).merge(&state.dim(0))?;
    let (gates, fresh) = (cx.shape(2).with_rank(2)?, cx.shape(3).with_rank(2)?);
    gates.dim(0).merge(&fresh.dim(0))?;
    cx.shape(4).with_rank(1)?;
    let cells = state.dim(1).merge(&fresh.dim(1))?.merge(&cx.shape(5).with_rank(1)?.dim(0))?;
    Ok([rows, x.dim(1), cells])
}

/// Rows, inputs and cells.
pub(super) fn sizes(cx: &RunCx<'_>) -> Result<[usize; 3]> {
    let (&[rows, inputs], Some(&cells)) = (cx.input(0).dims(), cx.input(1).dims().last()) else {
        return Err(Error::shape(format!("x must be 2D, but has shape {:?}", cx.input(0).dims())));
    };
    let (k, twice) = (inputs.saturating_add(cells), cells.saturating_mul(2));
    let wants = [
        (1, "h_prev", vec![rows, cells]),
        (2, "w_ru", vec![k, twice]),
        (3, "w_c", vec![k, cells]),
        (4, "b_ru", vec![twice]),
        (5, "b_c", vec![cells]),
    ];
    for (i, name, want) in wants {
        let dims = cx.input(i).dims();
        if dims != want {
            return Err(Error::shape(format!("{name} must have shape {want:?}, but has {dims:?}")));
        }
    }
    Ok([rows, inputs, cells])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{infer_err, infer_ok, run_op};
    use crate::value::IntoValue;

    #[test]
    fn outputs_have_a_number_for_each_cell() {
        infer_ok(&GruBlockCell, "(?,3);(4,?);(5,4);(5,2);(4);(2)", "(4,2);(4,2);(4,2);(4,2)");
        infer_err(&GruBlockCell, "(3);(4,?);(5,4);(5,2);(4);(2)", "shape must be rank 2 but is rank 1");
        infer_err(&GruBlockCell, "(?,3);(4,3);(5,4);(5,2);(4);(2)", "must be equal");
    }

    /// By hand: without weights both gates are one half and the new state is 0.
    #[test]
    fn a_cell_without_weights_halves_its_state() {
        let zeros = |dims: &[usize]| Value::zeros(DType::F32, dims).unwrap();
        let inputs =
            [zeros(&[1, 2]), [[3.0f32]].into_value(), zeros(&[3, 2]), zeros(&[3, 1]), zeros(&[2]), zeros(&[1])];
        let got = run_op(GruBlockCell, &inputs).unwrap();
        assert_eq!(got.iter().map(|x| x.slice::<f32>().unwrap()[0]).collect::<Vec<_>>(), [0.5, 0.5, 0.0, 1.5]);
    }
}
