//! `LSTMBlockCellGrad`, `BlockLSTMGrad` and `BlockLSTMGradV2`: what flows back through steps of long short-term memory.

use std::sync::Arc;

use super::gru::joined;
use super::lstm::{Sizes, check_dtype, infer_cell, samples};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::graph::{AttrValue, Attrs, Example, InferCx, Op, OpKind, RunCx};
use crate::kernel::product::{Epilogue, matmul};
use crate::ops::array::cast::cast_value;
use crate::shape::{Shape, element_count};
use crate::value::{IntoValue, ScratchVec, Value};

/// Inputs and answers of a step, and what flows to its state and its output, give what flows to the state before it, to the
/// gates before their activation `(b, 4c)` and to the three peepholes. float16, float32.
#[derive(Debug, Clone)]
pub struct LstmBlockCellGrad {
    /// Whether gates look at the state.
    pub use_peephole: bool,
}

/// Inputs and answers of all steps, and what flows to their states and outputs, give what flows to each input but the number
/// of steps. float16, float32.
#[derive(Debug, Clone)]
pub struct BlockLstmGrad {
    /// Whether gates look at the state.
    pub use_peephole: bool,
    /// As for [`BlockLstm`](super::BlockLstm).
    pub version: u8,
}

const SECOND: &str = "TensorFlow gives the gradient of a cell no gradient";

/// The row of [`LstmBlockCellGrad`].
pub static LSTM_BLOCK_CELL_GRAD: OpKind = OpKind::new(
    "LSTMBlockCellGrad",
    "x: T, cs_prev: T, h_prev: T, w: T, wci: T, wcf: T, wco: T, b: T, i: T, cs: T, f: T, o: T, ci: T, co: T, cs_grad: T, \
     h_grad: T -> cs_prev_grad: T, dicfo: T, wci_grad: T, wcf_grad: T, wco_grad: T",
    |attrs: &Attrs| Ok(Arc::new(LstmBlockCellGrad { use_peephole: attrs.bool_or("use_peephole", false)? })),
    || {
        let inputs = || samples(&[&[2, 3]]).into_iter().chain(answers(8, &[2, 2]));
        [false, true].map(|use_peephole| Example::new(LstmBlockCellGrad { use_peephole }, inputs())).into()
    },
)
.not_differentiable(SECOND);

macro_rules! rows {
    ($($row:ident $version:literal $name:literal;)*) => { $(
        #[doc = concat!("The row of `", $name, "`.")]
        pub static $row: OpKind = OpKind::new(
            $name,
            "seq_len_max: int64, x: T, cs_prev: T, h_prev: T, w: T, wci: T, wcf: T, wco: T, b: T, i: T, cs: T, f: T, o: T, \
             ci: T, co: T, h: T, cs_grad: T, h_grad: T -> x_grad: T, cs_prev_grad: T, h_prev_grad: T, w_grad: T, \
             wci_grad: T, wcf_grad: T, wco_grad: T, b_grad: T",
            |attrs: &Attrs| {
                Ok(Arc::new(BlockLstmGrad { use_peephole: attrs.bool_or("use_peephole", false)?, version: $version }))
            },
            || block_examples($version),
        )
        .not_differentiable(SECOND);
    )* };
}
rows! {
    BLOCK_LSTM_GRAD 1 "BlockLSTMGrad";
    BLOCK_LSTM_GRAD_V2 2 "BlockLSTMGradV2";
}

fn block_examples(version: u8) -> Vec<Example> {
    let of = |use_peephole, steps: i64| {
        let inputs = samples(&[&[3, 2, 3]]).into_iter().chain(answers(9, &[3, 2, 2]));
        Example::new(BlockLstmGrad { use_peephole, version }, std::iter::once(steps.into_value()).chain(inputs))
    };
    vec![of(false, 3), of(true, 2)]
}

/// So many numbers between 0 and 1 in this shape.
fn answers(n: usize, dims: &[usize]) -> Vec<Value> {
    let len: usize = dims.iter().product();
    let wave = |i: usize| (0..len).map(move |k| ((k * 5 + i * 3) as f32 * 0.7).sin().abs()).collect();
    (0..n).map(|i| Value::from_vec(dims, wave(i)).expect("as many numbers as dims say")).collect()
}

impl Op for LstmBlockCellGrad {
    fn kind(&self) -> &'static OpKind {
        &LSTM_BLOCK_CELL_GRAD
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        let [rows, cells] = infer_cell(cx, &cx.shape(0).with_rank(2)?.dim(0), 1)?;
        let state = Shape::new([rows.clone(), cells.clone()]);
        for i in 8..16 {
            state.merge(cx.shape(i))?;
        }
        cx.output(cx.dtype(0), state);
        cx.output(cx.dtype(0), Shape::new([rows, cells.clone() * 4]));
        for _ in 0..3 {
            cx.output(cx.dtype(0), Shape::new([cells.clone()]));
        }
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let &[rows, n_inputs] = cx.input(0).dims() else {
            return Err(Error::shape(format!("x must be 2D, but has shape {:?}", cx.input(0).dims())));
        };
        let sizes = Sizes::of(cx, 1, rows, n_inputs, self.use_peephole)?;
        check_answers(cx, 8, &[rows, sizes.cells])?;
        let inputs = Inputs::of(cx)?;
        let step = Step {
            sizes,
            order: [0, 2, 1, 3],
            before: inputs.get(1)?,
            made: [inputs.get(8)?, inputs.get(9)?, inputs.get(10)?, inputs.get(11)?, inputs.get(12)?, inputs.get(13)?],
            peepholes: inputs.peepholes(4, self.use_peephole)?,
        };
        let mut sums = peephole_sums(cx, sizes)?;
        let (state, gates) = step.back(cx, inputs.get(14)?, inputs.get(15)?, &mut sums)?;
        inputs.put(cx, 0, &[rows, sizes.cells], state)?;
        inputs.put(cx, 1, &[rows, 4 * sizes.cells], gates)?;
        sums.into_iter().enumerate().try_for_each(|(i, sum)| inputs.put(cx, i + 2, &[sizes.cells], sum))
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        vec![("use_peephole", AttrValue::Bool(self.use_peephole))]
    }
}

impl Op for BlockLstmGrad {
    fn kind(&self) -> &'static OpKind {
        if self.version == 1 { &BLOCK_LSTM_GRAD } else { &BLOCK_LSTM_GRAD_V2 }
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        check_dtype(cx.dtype(1))?;
        cx.shape(0).with_rank(0)?;
        for (i, rank) in (1..9).zip([3, 2, 2, 2, 1, 1, 1, 1]) {
            cx.output(cx.dtype(1), cx.shape(i).with_rank(rank)?);
        }
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let &[steps, rows, n_inputs] = cx.input(1).dims() else {
            return Err(Error::shape(format!("x must be 3D, but has shape {:?}", cx.input(1).dims())));
        };
        let last = cx.input(0).scalar::<i64>()?;
        let n = usize::try_from(last).ok().filter(|n| *n <= steps);
        let n = n.ok_or_else(|| Error::invalid(format!("seq_len_max must be in [0, {steps}], but is {last}")))?;
        let sizes = Sizes::of(cx, 2, rows, n_inputs, self.use_peephole)?;
        check_answers(cx, 9, &[steps, rows, sizes.cells])?;
        let inputs = Inputs::of(cx)?;
        // The flows to peepholes that are not looked through have the shapes of these, which nobody has checked.
        for i in 5..8 {
            if cx.input(i).rank() != 1 {
                return Err(Error::shape(format!("input {i} must be 1D, but has shape {:?}", cx.input(i).dims())));
            }
        }
        let mut flow = Flow::new(cx, sizes, steps)?;
        for step in (0..if sizes.rows * sizes.cells == 0 { 0 } else { n }).rev() {
            cx.check()?;
            self.step(cx, &inputs, sizes, step, &mut flow)?;
        }
        for (i, flow) in flow.into_outputs().into_iter().enumerate() {
            let dims = cx.input(i + 1).dims().to_vec();
            // A peephole that nothing looks through may have any size.
            let is_zero = flow.len() != cx.input(i + 1).len();
            let flow = if is_zero { cx.scratch(cx.input(i + 1).len())? } else { flow };
            inputs.put(cx, i, &dims, flow)?;
        }
        Ok(())
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        vec![("use_peephole", AttrValue::Bool(self.use_peephole))]
    }
}

impl BlockLstmGrad {
    /// Takes what flows to a step on to the step before.
    fn step(&self, cx: &RunCx<'_>, inputs: &Inputs, sizes: Sizes, step: usize, flow: &mut Flow) -> Result<()> {
        let (each, k, n) = (sizes.rows * sizes.cells, sizes.inputs + sizes.cells, 4 * sizes.cells);
        let now = |i: usize| Ok::<_, Error>(&inputs.get(i)?[step * each..][..each]);
        let earlier = |i: usize, first: usize| match step {
            0 => inputs.get(first),
            _ => Ok(&inputs.get(i)?[(step - 1) * each..][..each]),
        };
        let (before, output) = (earlier(10, 2)?, earlier(15, 3)?);
        let back = Step {
            sizes,
            order: if self.version == 1 { [0, 2, 1, 3] } else { [0, 1, 2, 3] },
            before,
            made: [now(9)?, now(10)?, now(11)?, now(12)?, now(13)?, now(14)?],
            peepholes: inputs.peepholes(5, self.use_peephole)?,
        };
        let sum = |a: &[f32], b: &[f32]| cx.collect(a.iter().zip(b).map(|(a, b)| a + b));
        let (to_state, to_output) = (sum(&flow.state, now(16)?)?, sum(&flow.output, now(17)?)?);
        let (state, gates) = back.back(cx, &to_state, &to_output, &mut flow.peepholes)?;
        flow.state = state;
        let mut both = cx.scratch::<f32>(sizes.rows * k)?;
        matmul(cx.threads(), sizes.rows, n, k, &gates, false, inputs.get(4)?, true, &mut both, &Epilogue::NONE)?;
        let x = &inputs.get(1)?[step * sizes.rows * sizes.inputs..][..sizes.rows * sizes.inputs];
        let (went_in, mut pace) = (joined(cx, [x, output], [sizes.rows, sizes.inputs, sizes.cells])?, cx.pace());
        for row in 0..sizes.rows {
            pace.spend(k + n)?;
            let (to_x, to_output) = both[row * k..][..k].split_at(sizes.inputs);
            flow.x[(step * sizes.rows + row) * sizes.inputs..][..sizes.inputs].copy_from_slice(to_x);
            flow.output[row * sizes.cells..][..sizes.cells].copy_from_slice(to_output);
            let gates = &gates[row * n..][..n];
            flow.bias.iter_mut().zip(gates).for_each(|(sum, gate)| *sum += gate);
        }
        let mut weights = cx.scratch::<f32>(k * n)?;
        matmul(cx.threads(), k, sizes.rows, n, &went_in, true, &gates, false, &mut weights, &Epilogue::NONE)?;
        cx.for_chunks_mut(&mut flow.weights, PART, &|chunk, sums| {
            sums.iter_mut().zip(&weights[chunk * PART..]).for_each(|(sum, weight)| *sum += weight);
        })
    }
}

/// Refuses answers, from input `i` on, of other dims.
fn check_answers(cx: &RunCx<'_>, first: usize, want: &[usize]) -> Result<()> {
    match (first..cx.n_inputs()).find(|i| cx.input(*i).dims() != want) {
        None => Ok(()),
        Some(i) => {
            let dims = cx.input(i).dims();
            Err(Error::shape(format!(
                "what a step made, and flows to it, must have shape {want:?}, but input {i} has {dims:?}"
            )))
        }
    }
}

/// The inputs in float32, and the dtype that they had.
struct Inputs {
    values: Vec<Value>,
    dtype: DType,
}

impl Inputs {
    fn of(cx: &RunCx<'_>) -> Result<Inputs> {
        let wide = |i: usize| match cx.input(i).dtype() {
            DType::F16 => cast_value(cx.input(i), DType::F32),
            _ => Ok(cx.input(i).clone()),
        };
        Ok(Inputs { values: (0..cx.n_inputs()).map(wide).collect::<Result<_>>()?, dtype: cx.input(1).dtype() })
    }

    fn get(&self, i: usize) -> Result<&[f32]> {
        self.values[i].slice::<f32>()
    }

    fn peepholes(&self, first: usize, are_used: bool) -> Result<Option<[&[f32]; 3]>> {
        Ok(match are_used {
            true => Some([self.get(first)?, self.get(first + 1)?, self.get(first + 2)?]),
            false => None,
        })
    }

    fn put(&self, cx: &mut RunCx<'_>, i: usize, dims: &[usize], flow: ScratchVec<f32>) -> Result<()> {
        let value = flow.into_value(dims)?;
        let value = if self.dtype == DType::F32 { value } else { cast_value(&value, self.dtype)? };
        cx.output(i, value);
        Ok(())
    }
}

/// What flows back so far, to all inputs.
struct Flow {
    x: ScratchVec<f32>,
    state: ScratchVec<f32>,
    output: ScratchVec<f32>,
    weights: ScratchVec<f32>,
    peepholes: [ScratchVec<f32>; 3],
    bias: ScratchVec<f32>,
}

impl Flow {
    fn new(cx: &RunCx<'_>, sizes: Sizes, steps: usize) -> Result<Flow> {
        let Sizes { rows, inputs, cells } = sizes;
        Ok(Flow {
            x: cx.scratch(element_count(&[steps, rows, inputs])?)?,
            state: cx.scratch(rows * cells)?,
            output: cx.scratch(rows * cells)?,
            weights: cx.scratch(element_count(&[inputs + cells, 4, cells])?)?,
            peepholes: peephole_sums(cx, sizes)?,
            bias: cx.scratch(4 * cells)?,
        })
    }

    fn into_outputs(self) -> Vec<ScratchVec<f32>> {
        let first = [self.x, self.state, self.output, self.weights];
        first.into_iter().chain(self.peepholes).chain([self.bias]).collect()
    }
}

fn peephole_sums(cx: &RunCx<'_>, sizes: Sizes) -> Result<[ScratchVec<f32>; 3]> {
    Ok([cx.scratch(sizes.cells)?, cx.scratch(sizes.cells)?, cx.scratch(sizes.cells)?])
}

/// Weights that one thread adds up at once.
const PART: usize = 1 << 16;

/// What a step was given and what it made.
struct Step<'a> {
    sizes: Sizes,
    /// Where input gate, forget gate, new state and output gate stand among the gates.
    order: [usize; 4],
    /// The state before it.
    before: &'a [f32],
    /// Input gate, state, forget gate, output gate, new state, activated state.
    made: [&'a [f32]; 6],
    peepholes: Option<[&'a [f32]; 3]>,
}

impl Step<'_> {
    /// What flows to the state before it, and to the gates before their activation; adds to that of the peepholes.
    fn back(
        &self,
        cx: &RunCx<'_>,
        to_state: &[f32],
        to_output: &[f32],
        sums: &mut [ScratchVec<f32>; 3],
    ) -> Result<(ScratchVec<f32>, ScratchVec<f32>)> {
        let cells = self.sizes.cells;
        let [input, state, forget, gate, fresh, active] = self.made;
        let (mut earlier, mut gates) = (cx.scratch(to_state.len())?, cx.scratch(4 * to_state.len())?);
        let mut pace = cx.pace();
        for at in 0..to_state.len() {
            pace.spend(32)?;
            let (row, cell) = (at / cells, at % cells);
            let bent = |x: f32| x * (1.0 - x);
            let to_gate = bent(gate[at]) * to_output[at] * active[at];
            let mut flow = (1.0 - active[at] * active[at]) * to_output[at] * gate[at] + to_state[at];
            if let Some(peepholes) = self.peepholes {
                flow += to_gate * peepholes[2][cell];
            }
            let to_fresh = (1.0 - fresh[at] * fresh[at]) * flow * input[at];
            let to_forget = bent(forget[at]) * flow * self.before[at];
            let to_input = bent(input[at]) * flow * fresh[at];
            earlier[at] = flow * forget[at];
            if let Some(peepholes) = self.peepholes {
                earlier[at] += to_input * peepholes[0][cell] + to_forget * peepholes[1][cell];
                sums[0][cell] += to_input * self.before[at];
                sums[1][cell] += to_forget * self.before[at];
                sums[2][cell] += to_gate * state[at];
            }
            for (place, flow) in self.order.into_iter().zip([to_input, to_forget, to_fresh, to_gate]) {
                gates[row * 4 * cells + place * cells + cell] = flow;
            }
        }
        Ok((earlier, gates))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{BlockLstm, LstmCell};
    use super::*;
    use crate::ops::testing::{infer_ok, run_op, run_within};

    #[test]
    fn each_input_gets_its_own() {
        let made = ["(7,4,2)"; 9].join(";");
        let op = BlockLstmGrad { use_peephole: true, version: 1 };
        infer_ok(
            &op,
            &format!("int64();(7,?,3);(4,?);(?,?);(5,8);(2);(2);(2);(8);{made}"),
            "(7,?,3);(4,?);(?,?);(5,8);(2);(2);(2);(8)",
        );
        let made = ["(?,2)"; 8].join(";");
        let op = LstmBlockCellGrad { use_peephole: true };
        infer_ok(&op, &format!("(4,3);(4,2);(?,?);(5,8);(2);(2);(2);(8);{made}"), "(4,2);(4,8);(2);(2);(2)");
    }

    /// The gradient of the sum of all outputs and states, beside differences of it.
    #[test]
    fn gradients_agree_with_differences() {
        for (version, use_peephole) in [(1, true), (2, true), (1, false)] {
            let forget_bias = if version == 1 { 1.0 } else { 0.0 };
            let op = || BlockLstm { cell: LstmCell { forget_bias, cell_clip: 0.0, use_peephole }, version };
            let inputs: Vec<Value> = std::iter::once(3i64.into_value()).chain(samples(&[&[3, 2, 3]])).collect();
            let total = |inputs: &[Value]| {
                let made = run_op(op(), inputs).unwrap();
                let both = made[1].slice::<f32>().unwrap().iter().chain(made[6].slice::<f32>().unwrap());
                both.map(|x| f64::from(*x)).sum::<f64>()
            };
            let ones = Value::full(&[3, 2, 2], 1f32).unwrap();
            let all: Vec<Value> =
                inputs.iter().cloned().chain(run_op(op(), &inputs).unwrap()).chain([ones.clone(), ones]).collect();
            let grads = run_op(BlockLstmGrad { use_peephole, version }, &all).unwrap();
            for i in 1..9 {
                for at in [0, inputs[i].len() - 1] {
                    let moved = |by: f32| {
                        let mut inputs = inputs.clone();
                        inputs[i].make_mut::<f32>().unwrap()[at] += by;
                        total(&inputs)
                    };
                    let (got, want) = (grads[i - 1].slice::<f32>().unwrap()[at], (moved(0.01) - moved(-0.01)) / 0.02);
                    assert!((f64::from(got) - want).abs() < 2e-3, "input {i}, element {at}: {got} {want}");
                }
            }
        }
    }

    #[test]
    fn peepholes_that_are_not_looked_through_must_be_vectors_all_the_same() {
        let mut inputs = samples(&[&[3, 2, 3]]);
        inputs.extend(answers(9, &[3, 2, 2]));
        inputs.insert(0, 3i64.into_value());
        inputs[5] = Value::zeros(DType::F32, &[0, 1 << 40]).unwrap();
        let error = run_within(BlockLstmGrad { use_peephole: false, version: 1 }, &inputs, usize::MAX, u64::MAX);
        assert_eq!(error.unwrap_err().message(), "input 5 must be 1D, but has shape [0, 1099511627776]");
    }
}
