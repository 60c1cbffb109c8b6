//! `GRUBlockCell`: one step of a gated recurrent unit.

use std::sync::Arc;

use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::graph::{Example, InferCx, Op, OpKind, RunCx};
use crate::kernel::product::{Activation, Epilogue, matmul};
use crate::shape::{Dim, Shape};
use crate::value::Value;

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
        let join = |state: &[f32]| -> Vec<f32> {
            (0..rows).flat_map(|row| [&x[row * inputs..][..inputs], &state[row * cells..][..cells]].concat()).collect()
        };
        let mut gates = vec![0.0; rows * 2 * cells];
        let epilogue = Epilogue { bias: Some(of(4)?), activation: Activation::Sigmoid };
        matmul(cx.threads(), rows, k, 2 * cells, &join(state), false, of(2)?, false, &mut gates, &epilogue);
        let gate = |i: usize| -> Vec<f32> {
            (0..rows).flat_map(|row| gates[(2 * row + i) * cells..][..cells].iter().copied()).collect()
        };
        let (reset, update) = (gate(0), gate(1));
        let kept: Vec<f32> = state.iter().zip(&reset).map(|(state, reset)| state * reset).collect();
        let mut fresh = vec![0.0; rows * cells];
        let epilogue = Epilogue { bias: Some(of(5)?), activation: Activation::Tanh };
        matmul(cx.threads(), rows, k, cells, &join(&kept), false, of(3)?, false, &mut fresh, &epilogue);
        let mix = update.iter().zip(state.iter().zip(&fresh));
        let after: Vec<f32> = mix.map(|(update, (state, fresh))| update * state + (1.0 - update) * fresh).collect();
        for (i, made) in [reset, update, fresh, after].into_iter().enumerate() {
            cx.output(i, Value::from_vec(&[rows, cells], made)?);
        }
        cx.check()
    }
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
