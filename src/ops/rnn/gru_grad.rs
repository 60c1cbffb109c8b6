//! `GRUBlockCellGrad`: what flows back through a step of a gated recurrent unit.

use std::sync::Arc;

use super::gru::{each, infer_cell, joined, sample, sizes};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::graph::{Example, InferCx, Op, OpKind, RunCx};
use crate::kernel::product::{Epilogue, matmul};
use crate::shape::Shape;
use crate::value::Value;

/// Inputs and answers of a step, and what flows to its state, give what flows to the input `(b, i)`, the state before it
/// `(b, c)`, and to the new state `(b, c)` and both gates `(b, 2c)` before their activation. float32.
#[derive(Debug, Clone)]
pub struct GruBlockCellGrad;

/// The row of [`GruBlockCellGrad`].
pub static GRU_BLOCK_CELL_GRAD: OpKind = OpKind::new(
    "GRUBlockCellGrad",
    "x: T, h_prev: T, w_ru: T, w_c: T, b_ru: T, b_c: T, r: T, u: T, c: T, d_h: T -> \
     d_x: T, d_h_prev: T, d_c_bar: T, d_r_bar_u_bar: T",
    |_| Ok(Arc::new(GruBlockCellGrad)),
    || {
        let made = (0..4).map(|i| {
            let numbers = (0..4).map(|k| ((4 * i + k) as f32 * 0.7).sin().abs()).collect();
            Value::from_vec(&[2, 2], numbers).expect("four numbers")
        });
        let inputs: Vec<Value> = sample().into_iter().chain(made).collect();
        // Weights and biases have no rows.
        let has_rows = |i: usize| !(2..6).contains(&i);
        let none = |value: &Value| Value::from_vec(&[0, value.dims()[1]], Vec::<f32>::new()).expect("no elements");
        let no_rows = |(i, value): (usize, &Value)| if has_rows(i) { none(value) } else { value.clone() };
        let empty: Vec<Value> = inputs.iter().enumerate().map(no_rows).collect();
        vec![Example::new(GruBlockCellGrad, inputs), Example::new(GruBlockCellGrad, empty)]
    },
)
.not_differentiable("TensorFlow gives the gradient of a cell no gradient");

impl Op for GruBlockCellGrad {
    fn kind(&self) -> &'static OpKind {
        &GRU_BLOCK_CELL_GRAD
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        let [rows, inputs, cells] = infer_cell(cx)?;
        let state = Shape::new([rows.clone(), cells.clone()]);
        for i in 6..10 {
            state.merge(cx.shape(i))?;
        }
        cx.output(DType::F32, Shape::new([rows.clone(), inputs]));
        cx.output(DType::F32, state.clone());
        cx.output(DType::F32, state);
        cx.output(DType::F32, Shape::new([rows, cells * 2]));
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let [rows, inputs, cells] = sizes(cx)?;
        if let Some(i) = (6..10).find(|i| cx.input(*i).dims() != [rows, cells]) {
            let dims = cx.input(i).dims();
            return Err(Error::shape(format!("input {i} must have shape [{rows}, {cells}], but has {dims:?}")));
        }
        let of = |i: usize| cx.input(i).slice::<f32>();
        let (state, reset, update, fresh, flow) = (of(1)?, of(6)?, of(7)?, of(8)?, of(9)?);
        let state_dims = [rows, cells];
        let make = |f: &(dyn Fn(usize) -> f32 + Sync)| each(cx, &state_dims, f);
        let to_fresh = make(&|i| flow[i] * (1.0 - update[i]) * (1.0 - fresh[i] * fresh[i]))?;
        let to_update = make(&|i| flow[i] * (state[i] - fresh[i]) * update[i] * (1.0 - update[i]))?;
        let k = inputs + cells;
        let mut through_fresh = cx.scratch::<f32>(rows * k)?;
        let flow_in = to_fresh.slice::<f32>()?;
        matmul(cx.threads(), rows, cells, k, flow_in, false, of(3)?, true, &mut through_fresh, &Epilogue::NONE)?;
        // What flows to the state times the reset gate.
        let to_kept = make(&|i| through_fresh[i / cells * k + inputs + i % cells])?;
        let kept = to_kept.slice::<f32>()?;
        let to_reset = make(&|i| kept[i] * state[i] * reset[i] * (1.0 - reset[i]))?;
        let sides = [to_reset.slice::<f32>()?, to_update.slice::<f32>()?];
        let gates = joined(cx, sides, [rows, cells, cells])?.into_value(&[rows, 2 * cells])?;
        let (mut through_gates, flow_in) = (cx.scratch::<f32>(rows * k)?, gates.slice::<f32>()?);
        matmul(cx.threads(), rows, 2 * cells, k, flow_in, false, of(2)?, true, &mut through_gates, &Epilogue::NONE)?;
        let to_state =
            make(&|i| through_gates[i / cells * k + inputs + i % cells] + kept[i] * reset[i] + flow[i] * update[i])?;
        let at = |i: usize| i / inputs * k + i % inputs;
        let to_x = each(cx, &[rows, inputs], &|i| through_fresh[at(i)] + through_gates[at(i)])?;
        for (i, made) in [to_x, to_state, to_fresh, gates].into_iter().enumerate() {
            cx.output(i, made);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::GruBlockCell;
    use super::*;
    use crate::ops::testing::{infer_ok, run_op};

    #[test]
    fn shapes_are_those_of_a_step() {
        infer_ok(
            &GruBlockCellGrad,
            "(?,3);(4,?);(5,4);(5,2);(4);(2);(?,?);(?,?);(?,?);(?,?)",
            "(4,3);(4,2);(4,2);(4,4)",
        );
    }

    /// The gradient of the sum of the states, beside differences of it.
    #[test]
    fn gradients_agree_with_differences() {
        let inputs = sample();
        let total = |inputs: &[Value]| {
            let made = run_op(GruBlockCell, inputs).unwrap();
            made[3].slice::<f32>().unwrap().iter().map(|x| f64::from(*x)).sum::<f64>()
        };
        let made = run_op(GruBlockCell, &inputs).unwrap();
        let ones = Value::full(&[2, 2], 1f32).unwrap();
        let all: Vec<Value> = inputs.iter().cloned().chain(made.into_iter().take(3)).chain([ones]).collect();
        let grads = run_op(GruBlockCellGrad, &all).unwrap();
        for i in 0..2 {
            for at in 0..inputs[i].len() {
                let moved = |by: f32| {
                    let mut inputs = inputs.clone();
                    inputs[i].make_mut::<f32>().unwrap()[at] += by;
                    total(&inputs)
                };
                let (got, want) = (grads[i].slice::<f32>().unwrap()[at], (moved(0.01) - moved(-0.01)) / 0.02);
                assert!((f64::from(got) - want).abs() < 2e-3, "input {i}, element {at}: {got} {want}");
            }
        }
    }
}
