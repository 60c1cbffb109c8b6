//! `LSTMBlockCell`: one step of long short-term memory; and the arithmetic of a step.

use std::sync::Arc;

use super::gru::joined;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::graph::{AttrValue, Attrs, Example, InferCx, Op, OpKind, RunCx};
use crate::kernel::Number;
use crate::kernel::product::{Activation, Epilogue, matmul};
use crate::kernel::vector::{UnaryF32, map_in_place_f32};
use crate::shape::{Dim, Shape};
use crate::value::{ScratchVec, Value};

/// How a cell of long short-term memory computes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LstmCell {
    /// Added to the forget gate before its activation.
    pub forget_bias: f32,
    /// How large a state may become; no bound if it is 0 or less.
    pub cell_clip: f32,
    /// Whether gates look at the state, each through a weight of its own.
    pub use_peephole: bool,
}

/// One step: `x (b, i)`, state and output before it `(b, c)`, weights `(i + c, 4c)`, three peepholes `(c)`, bias `(4c)`
/// give the gates, the state and the output, `(b, c)` each. float16, float32.
#[derive(Debug, Clone)]
pub struct LstmBlockCell {
    /// How it computes.
    pub cell: LstmCell,
}

/// The row of [`LstmBlockCell`].
pub static LSTM_BLOCK_CELL: OpKind = OpKind::new(
    "LSTMBlockCell",
    "x: T, cs_prev: T, h_prev: T, w: T, wci: T, wcf: T, wco: T, b: T -> i: T, cs: T, f: T, o: T, ci: T, co: T, h: T",
    |attrs| Ok(Arc::new(LstmBlockCell { cell: LstmCell::parse(attrs)? })),
    || {
        let of = |use_peephole, cell_clip| {
            let cell = LstmCell { forget_bias: 1.0, cell_clip, use_peephole };
            Example::new(LstmBlockCell { cell }, samples(&[&[2, 3]]))
        };
        vec![of(false, 0.0), of(true, 0.3)]
    },
);

/// Inputs that begin with these shapes; two rows of three inputs, and two cells.
pub(super) fn samples(first: &[&[usize]]) -> Vec<Value> {
    let dims = first.iter().copied().chain([&[2, 2][..], &[2, 2], &[5, 8], &[2], &[2], &[2], &[8]]);
    let wave = |(i, dims): (usize, &[usize])| {
        let n: usize = dims.iter().product();
        let numbers = (0..n).map(|k| ((k + 3 * i) as f32 * 1.7).sin()).collect();
        Value::from_vec(dims, numbers).expect("as many numbers as dims say")
    };
    dims.enumerate().map(wave).collect()
}

impl LstmCell {
    pub(super) fn parse(attrs: &Attrs) -> Result<LstmCell> {
        Ok(LstmCell {
            forget_bias: attrs.float_or("forget_bias", 1.0)?,
            cell_clip: attrs.float_or("cell_clip", 3.0)?,
            use_peephole: attrs.bool_or("use_peephole", false)?,
        })
    }

    pub(super) fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        vec![
            ("forget_bias", AttrValue::Float(self.forget_bias)),
            ("cell_clip", AttrValue::Float(self.cell_clip)),
            ("use_peephole", AttrValue::Bool(self.use_peephole)),
        ]
    }
}

/// Refuses all dtypes that the cells have no kernels for.
pub(super) fn check_dtype(dtype: DType) -> Result<()> {
    match dtype {
        DType::F16 | DType::F32 => Ok(()),
        _ => Err(Error::dtype(format!("cells are of float16 or float32, but are of {dtype}"))),
    }
}

/// Rows and cells, by a row of inputs and the seven inputs from the state on, which is input `i`.
pub(super) fn infer_cell(cx: &InferCx<'_>, rows: &Dim, i: usize) -> Result<[Dim; 2]> {
    check_dtype(cx.dtype(i))?;
    let (state, output) = (cx.shape(i).with_rank(2)?, cx.shape(i + 1).with_rank(2)?);
    let rows = rows.merge(&state.dim(0))?.merge(&output.dim(0))?;
    cx.shape(i + 2).with_rank(2)?;
    let bias = cx.shape(i + 6).with_rank(1)?.dim(0);
    if let Some(n) = bias.known().filter(|n| n % 4 != 0) {
        return Err(Error::shape(format!("dimension size must be evenly divisible by 4 but is {n}")));
    }
    let cells = state.dim(1).merge(&output.dim(1))?;
    Ok([rows, if bias.known().is_some() { cells.merge(&bias.floor_div(&4.into()))? } else { cells }])
}

impl Op for LstmBlockCell {
    fn kind(&self) -> &'static OpKind {
        &LSTM_BLOCK_CELL
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        let x = cx.shape(0).with_rank(2)?;
        let [rows, cells] = infer_cell(cx, &x.dim(0), 1)?;
        for _ in 0..7 {
            cx.output(cx.dtype(0), Shape::new([rows.clone(), cells.clone()]));
        }
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let &[rows, n_inputs] = cx.input(0).dims() else {
            return Err(Error::shape(format!("x must be 2D, but has shape {:?}", cx.input(0).dims())));
        };
        let sizes = Sizes::of(cx, 1, rows, n_inputs, self.cell.use_peephole)?;
        match cx.input(0).dtype() {
            DType::F16 => self.step::<half::f16>(cx, sizes),
            _ => self.step::<f32>(cx, sizes),
        }
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        self.cell.attrs()
    }
}

impl LstmBlockCell {
    fn step<T: Number<Acc = f32>>(&self, cx: &mut RunCx<'_>, sizes: Sizes) -> Result<()> {
        let mut made = (0..7).map(|_| cx.alloc(T::DTYPE, &[sizes.rows, sizes.cells])).collect::<Result<Vec<_>>>()?;
        let out = made.iter_mut().map(|value| value.make_mut::<T>()).collect::<Result<Vec<_>>>()?;
        let out: [&mut [T]; 7] = out.try_into().map_err(|_| Error::internal("there are seven outputs"))?;
        let (state, output) = (cx.input(1).slice::<T>()?, cx.input(2).slice::<T>()?);
        let weights = Weights::of(cx, 3, sizes, [0, 2, 1, 3])?;
        self.cell.step(cx, &weights, cx.input(0).slice::<T>()?, [state, output], out)?;
        made.into_iter().enumerate().for_each(|(i, value)| cx.output(i, value));
        Ok(())
    }
}

/// The sizes of a step.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sizes {
    pub rows: usize,
    pub inputs: usize,
    pub cells: usize,
}

impl Sizes {
    /// Checks the seven inputs from the state on, which is input `i`, against the rows and inputs of a step.
    pub(super) fn of(cx: &RunCx<'_>, i: usize, rows: usize, inputs: usize, use_peephole: bool) -> Result<Sizes> {
        let cells = cx.input(i).dims().last().copied().unwrap_or(0);
        let mut wants = vec![
            (i, "cs_prev", vec![rows, cells]),
            (i + 1, "h_prev", vec![rows, cells]),
            (i + 2, "w", vec![inputs.saturating_add(cells), cells.saturating_mul(4)]),
            (i + 6, "b", vec![cells.saturating_mul(4)]),
        ];
        if use_peephole {
            wants.extend([(3, "wci"), (4, "wcf"), (5, "wco")].map(|(at, name)| (i + at, name, vec![cells])));
        }
        for (i, name, want) in wants {
            let dims = cx.input(i).dims();
            if dims != want {
                return Err(Error::shape(format!("{name} must have shape {want:?}, but has {dims:?}")));
            }
        }
        Ok(Sizes { rows, inputs, cells })
    }
}

/// What all steps share.
pub(super) struct Weights<'a, T> {
    sizes: Sizes,
    w: &'a [T],
    peepholes: [&'a [T]; 3],
    bias: &'a [T],
    /// Where input gate, forget gate, new state and output gate stand in the columns of the weights.
    order: [usize; 4],
}

impl<'a, T: Number> Weights<'a, T> {
    /// From the weights, input `i`, on.
    pub(super) fn of(cx: &'a RunCx<'_>, i: usize, sizes: Sizes, order: [usize; 4]) -> Result<Weights<'a, T>> {
        let of = |at: usize| cx.input(i + at).slice::<T>();
        Ok(Weights { sizes, w: of(0)?, peepholes: [of(1)?, of(2)?, of(3)?], bias: of(4)?, order })
    }
}

impl LstmCell {
    /// One step on all rows. The outputs are the input gate, the state, the forget gate, the output gate, the new state,
    /// the activated state and the output.
    pub(super) fn step<T: Number<Acc = f32>>(
        &self,
        cx: &RunCx<'_>,
        weights: &Weights<'_, T>,
        x: &[T],
        [state, output]: [&[T]; 2],
        mut out: [&mut [T]; 7],
    ) -> Result<()> {
        let Sizes { rows, inputs, cells } = weights.sizes;
        let (k, n) = (inputs + cells, 4 * cells);
        if cells == 0 {
            return Ok(());
        }
        let joined = joined(cx, [x, output], [rows, inputs, cells])?;
        let mut gates = cx.scratch_of(rows * n, T::ZERO)?;
        let epilogue = Epilogue { bias: Some(weights.bias), activation: Activation::None };
        matmul(cx.threads(), rows, k, n, &joined, false, weights.w, false, &mut gates, &epilogue)?;
        let (mut line, mut pace) = (Line::new(cx, cells)?, cx.pace());
        for row in 0..rows {
            pace.spend(64 * cells)?;
            let at = row * cells;
            line.read(&gates[row * n..][..n], &state[at..][..cells], weights.order);
            self.cell(&mut line, weights);
            let [input, forget, fresh, gate] = &line.gates;
            let made = [input, &line.state, forget, gate, fresh, &line.active, &line.output];
            for (out, made) in out.iter_mut().zip(made) {
                out[at..][..cells].iter_mut().zip(&**made).for_each(|(out, x)| *out = T::narrow(*x));
            }
        }
        Ok(())
    }

    /// The arithmetic of one row.
    fn cell<T: Number<Acc = f32>>(&self, line: &mut Line, weights: &Weights<'_, T>) {
        let Line { gates: [input, forget, fresh, gate], before, state, active, output } = line;
        let add_peephole = |to: &mut [f32], i: usize, state: &[f32]| {
            if self.use_peephole {
                let looks = weights.peepholes[i].iter().zip(state).map(|(weight, state)| weight.widen() * state);
                to.iter_mut().zip(looks).for_each(|(to, look)| *to += look);
            }
        };
        add_peephole(input, 0, before);
        forget.iter_mut().for_each(|x| *x += self.forget_bias);
        add_peephole(forget, 1, before);
        map_in_place_f32(UnaryF32::Sigmoid, input);
        map_in_place_f32(UnaryF32::Sigmoid, forget);
        map_in_place_f32(UnaryF32::Tanh, fresh);
        for (i, state) in state.iter_mut().enumerate() {
            *state = fresh[i] * input[i] + before[i] * forget[i];
            if self.cell_clip > 0.0 {
                *state = state.min(self.cell_clip).max(-self.cell_clip);
            }
        }
        add_peephole(gate, 2, state);
        map_in_place_f32(UnaryF32::Sigmoid, gate);
        active.copy_from_slice(state);
        map_in_place_f32(UnaryF32::Tanh, active);
        output.iter_mut().zip(gate.iter().zip(active.iter())).for_each(|(out, (gate, active))| *out = gate * active);
    }
}

/// One row of a step, in float32.
struct Line {
    /// Input gate, forget gate, new state, output gate.
    gates: [ScratchVec<f32>; 4],
    before: ScratchVec<f32>,
    state: ScratchVec<f32>,
    active: ScratchVec<f32>,
    output: ScratchVec<f32>,
}

impl Line {
    fn new(cx: &RunCx<'_>, cells: usize) -> Result<Line> {
        let line = || cx.scratch::<f32>(cells);
        let gates = [line()?, line()?, line()?, line()?];
        Ok(Line { gates, before: line()?, state: line()?, active: line()?, output: line()? })
    }

    fn read<T: Number<Acc = f32>>(&mut self, gates: &[T], before: &[T], order: [usize; 4]) {
        let cells = before.len();
        let widen = |to: &mut [f32], from: &[T]| to.iter_mut().zip(from).for_each(|(to, x)| *to = x.widen());
        for (gate, at) in self.gates.iter_mut().zip(order) {
            widen(gate, &gates[at * cells..][..cells]);
        }
        widen(&mut self.before, before);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{infer_err, infer_ok, run_op};
    use crate::value::IntoValue;

    const PLAIN: LstmCell = LstmCell { forget_bias: 1.0, cell_clip: 0.0, use_peephole: false };

    #[test]
    fn outputs_have_a_number_for_each_cell() {
        let op = LstmBlockCell { cell: PLAIN };
        let want = ["(4,2)"; 7].join(";");
        infer_ok(&op, "(?,3);(4,?);(?,2);(5,8);(2);(2);(2);(8)", &want);
        infer_ok(&op, "(?,3);(4,?);(?,?);<unknown>;(2);(2);(2);(8)", &want);
        infer_err(&op, "(?,3);(4,?);(?,2);(5,8);(2);(2);(2);(7)", "must be evenly divisible by 4 but is 7");
        infer_err(&op, "(3);(4,?);(?,2);(5,8);(2);(2);(2);(8)", "shape must be rank 2 but is rank 1");
    }

    /// By hand: without weights all gates are one half, but for the forget gate, whose bias is 1.
    #[test]
    fn a_cell_without_weights_forgets() {
        let zeros = |dims: &[usize]| Value::zeros(DType::F32, dims).unwrap();
        let mut inputs = vec![zeros(&[1, 2]), [[2.0f32]].into_value(), zeros(&[1, 1]), zeros(&[3, 4])];
        inputs.extend([zeros(&[1]), zeros(&[1]), zeros(&[1]), zeros(&[4])]);
        let got = |cell| {
            let out = run_op(LstmBlockCell { cell }, &inputs).unwrap();
            out.iter().map(|x| x.slice::<f32>().unwrap()[0]).collect::<Vec<_>>()
        };
        let forget = 1.0 / (1.0 + (-1f32).exp());
        let (state, active) = (2.0 * forget, (2.0 * forget).tanh());
        let want = [0.5, state, forget, 0.5, 0.0, active, 0.5 * active];
        assert!(got(PLAIN).iter().zip(want).all(|(got, want)| (got - want).abs() < 1e-6));
        assert_eq!(got(LstmCell { cell_clip: 0.25, ..PLAIN })[1], 0.25);
    }

    #[test]
    fn weights_that_do_not_fit_are_refused() {
        let mut inputs = samples(&[&[2, 3]]);
        inputs[3] = Value::zeros(DType::F32, &[4, 8]).unwrap();
        let error = run_op(LstmBlockCell { cell: PLAIN }, &inputs).unwrap_err();
        assert_eq!(error.message(), "w must have shape [5, 8], but has [4, 8]");
    }
}
