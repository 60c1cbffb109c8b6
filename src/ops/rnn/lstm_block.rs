//! `BlockLSTM` and `BlockLSTMV2`: all steps of long short-term memory over a sequence.

use std::sync::Arc;

use super::lstm::{LstmCell, Sizes, Weights, infer_cell, samples};
use super::lstm_grad::BlockLstmGrad;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::graph::{AttrValue, Attrs, Example, GradCx, InferCx, Op, OpKind, RunCx, Tensor};
use crate::kernel::Number;
use crate::shape::Shape;
use crate::value::{IntoValue, Value};

/// `x (t, b, i)`, and what a step takes, give gates, states and outputs of all steps, `(t, b, c)` each; zeros from step
/// `seq_len_max` on. float16, float32.
#[derive(Debug, Clone)]
pub struct BlockLstm {
    /// How a step computes.
    pub cell: LstmCell,
    /// TensorFlow's version of the op: 1 has the new state before the forget gate in its weights, 2 after it.
    pub version: u8,
}

macro_rules! rows {
    ($($row:ident $version:literal $name:literal;)*) => { $(
        #[doc = concat!("The row of `", $name, "`.")]
        pub static $row: OpKind = OpKind::new(
            $name,
            "seq_len_max: int64, x: T, cs_prev: T, h_prev: T, w: T, wci: T, wcf: T, wco: T, b: T -> \
             i: T, cs: T, f: T, o: T, ci: T, co: T, h: T",
            |attrs| parse(attrs, $version),
            || examples($version),
        );
    )* };
}
rows! {
    BLOCK_LSTM 1 "BlockLSTM";
    BLOCK_LSTM_V2 2 "BlockLSTMV2";
}

fn parse(attrs: &Attrs, version: u8) -> Result<Arc<dyn Op>> {
    let cell = match version {
        1 => LstmCell::parse(attrs)?,
        _ => LstmCell {
            forget_bias: 0.0,
            cell_clip: attrs.float_or("cell_clip", 0.0)?,
            use_peephole: attrs.bool_or("use_peephole", false)?,
        },
    };
    Ok(Arc::new(BlockLstm { cell, version }))
}

fn examples(version: u8) -> Vec<Example> {
    let of = |use_peephole, cell_clip, steps: i64| {
        let cell = LstmCell { forget_bias: if version == 1 { 1.0 } else { 0.0 }, cell_clip, use_peephole };
        let inputs = std::iter::once(steps.into_value()).chain(samples(&[&[3, 2, 3]]));
        Example::new(BlockLstm { cell, version }, inputs)
    };
    vec![of(false, 0.0, 3), of(true, 0.3, 2), of(false, 0.0, 0)]
}

impl Op for BlockLstm {
    fn kind(&self) -> &'static OpKind {
        if self.version == 1 { &BLOCK_LSTM } else { &BLOCK_LSTM_V2 }
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        cx.shape(0).with_rank(0)?;
        let x = cx.shape(1).with_rank(3)?;
        let [rows, cells] = infer_cell(cx, &x.dim(1), 2)?;
        for _ in 0..7 {
            cx.output(cx.dtype(1), Shape::new([x.dim(0), rows.clone(), cells.clone()]));
        }
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let &[steps, rows, inputs] = cx.input(1).dims() else {
            return Err(Error::shape(format!("x must be 3D, but has shape {:?}", cx.input(1).dims())));
        };
        let last = cx.input(0).scalar::<i64>()?;
        let n = usize::try_from(last).ok().filter(|n| *n <= steps);
        let n = n.ok_or_else(|| Error::invalid(format!("seq_len_max must be in [0, {steps}], but is {last}")))?;
        let sizes = Sizes::of(cx, 2, rows, inputs, self.cell.use_peephole)?;
        match cx.input(1).dtype() {
            DType::F16 => self.steps::<half::f16>(cx, sizes, [n, steps]),
            _ => self.steps::<f32>(cx, sizes, [n, steps]),
        }
    }

    /// As in TensorFlow: of states and outputs alone, and as if states were not cut.
    fn grad(&self, cx: &GradCx<'_>) -> Result<Vec<Option<Tensor>>> {
        if (0..7).any(|i| i != 1 && i != 6 && cx.output_grad(i).is_some()) {
            return Err(Error::unsupported("only states and outputs of a block have a gradient, not its gates"));
        }
        let flows = cx.output_grads_or_zeros()?;
        let mut inputs: Vec<Tensor> = (0..cx.n_inputs()).map(|i| cx.input(i)).collect();
        inputs.extend(cx.operation().outputs());
        inputs.extend([flows[1].clone(), flows[6].clone()]);
        let op = BlockLstmGrad { use_peephole: self.cell.use_peephole, version: self.version };
        let node = cx.graph().apply(op, &inputs.iter().collect::<Vec<_>>())?;
        Ok(std::iter::once(None).chain(node.outputs().into_iter().map(Some)).collect())
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        let attrs = self.cell.attrs().into_iter();
        attrs.filter(|(name, _)| self.version == 1 || *name != "forget_bias").collect()
    }
}

impl BlockLstm {
    /// The first `n` of all steps.
    fn steps<T: Number<Acc = f32>>(&self, cx: &mut RunCx<'_>, sizes: Sizes, [n, steps]: [usize; 2]) -> Result<()> {
        let dims = [steps, sizes.rows, sizes.cells];
        let mut made: Vec<Value> = (0..7).map(|_| cx.alloc_zeros(T::DTYPE, &dims)).collect::<Result<_>>()?;
        let mut out = made.iter_mut().map(|value| value.make_mut::<T>()).collect::<Result<Vec<_>>>()?;
        let first = [cx.input(2).slice::<T>()?, cx.input(3).slice::<T>()?];
        let weights = Weights::of(cx, 4, sizes, if self.version == 1 { [0, 2, 1, 3] } else { [0, 1, 2, 3] })?;
        let (x, each) = (cx.input(1).slice::<T>()?, sizes.rows * sizes.cells);
        for step in 0..if each == 0 { 0 } else { n } {
            cx.check()?;
            let halves: Vec<_> = out.iter_mut().map(|out| out.split_at_mut(step * each)).collect();
            let (before, now): (Vec<&mut [T]>, Vec<&mut [T]>) = halves.into_iter().unzip();
            let last = |i: usize| &before[i][before[i].len() - each..];
            let state = if step == 0 { first } else { [last(1), last(6)] };
            let now: Vec<&mut [T]> = now.into_iter().map(|now| &mut now[..each]).collect();
            let now: [&mut [T]; 7] = now.try_into().map_err(|_| Error::internal("there are seven outputs"))?;
            let x = &x[step * sizes.rows * sizes.inputs..][..sizes.rows * sizes.inputs];
            self.cell.step(cx, &weights, x, state, now)?;
        }
        made.into_iter().enumerate().for_each(|(i, value)| cx.output(i, value));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::lstm::LstmBlockCell;
    use super::*;
    use crate::ops::testing::{infer_ok, run_op};

    const CELL: LstmCell = LstmCell { forget_bias: 1.0, cell_clip: 0.5, use_peephole: true };

    #[test]
    fn outputs_have_all_steps() {
        let op = BlockLstm { cell: CELL, version: 1 };
        infer_ok(&op, "int64();(7,?,3);(4,?);(?,?);(5,8);(2);(2);(2);(8)", &["(7,4,2)"; 7].join(";"));
    }

    /// Steps in a row are the steps one by one, and those beyond the last are zeros.
    #[test]
    fn a_block_is_its_steps() {
        let inputs: Vec<Value> = std::iter::once(2i64.into_value()).chain(samples(&[&[3, 2, 3]])).collect();
        let block = run_op(BlockLstm { cell: CELL, version: 1 }, &inputs).unwrap();
        let x = inputs[1].slice::<f32>().unwrap();
        let (mut state, mut output) = (inputs[2].clone(), inputs[3].clone());
        for step in 0..2 {
            let x = Value::from_slice(&[2, 3], &x[step * 6..][..6]).unwrap();
            let all: Vec<Value> = [x, state, output].into_iter().chain(inputs[4..].iter().cloned()).collect();
            let one = run_op(LstmBlockCell { cell: CELL }, &all).unwrap();
            for (block, one) in block.iter().zip(&one) {
                assert_eq!(&block.slice::<f32>().unwrap()[step * 4..][..4], one.slice::<f32>().unwrap());
            }
            (state, output) = (one[1].clone(), one[6].clone());
        }
        assert!(block.iter().all(|block| block.slice::<f32>().unwrap()[8..] == [0.0; 4]));
    }

    #[test]
    fn gradients_flow_from_states_and_outputs_alone() {
        let g = crate::Graph::new();
        let inputs = std::iter::once(2i64.into_value()).chain(samples(&[&[3, 2, 3]]));
        let inputs = inputs.map(|value| g.constant(value)).collect::<Result<Vec<_>>>().unwrap();
        let op = g.apply(BlockLstm { cell: CELL, version: 1 }, &inputs.iter().collect::<Vec<_>>()).unwrap();
        let grad = |slot: usize| crate::gradients(&[&op.output(slot).unwrap()], &[&inputs[4]]);
        assert_eq!(grad(6).unwrap()[0].as_ref().unwrap().shape().to_string(), "(5, 8)");
        assert!(grad(0).unwrap_err().message().contains("only states and outputs"));
    }

    #[test]
    fn more_steps_than_there_are_are_refused() {
        let inputs: Vec<Value> = std::iter::once(4i64.into_value()).chain(samples(&[&[3, 2, 3]])).collect();
        let error = run_op(BlockLstm { cell: CELL, version: 2 }, &inputs).unwrap_err();
        assert_eq!(error.message(), "seq_len_max must be in [0, 3], but is 4");
    }
}
