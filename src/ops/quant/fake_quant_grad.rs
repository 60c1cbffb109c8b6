//! `FakeQuantWithMinMaxArgsGradient`, `-Vars-` and `-VarsPerChannelGradient`: what flows through a fake quantization.

use std::sync::Arc;

use super::fake_quant::{CHUNK, FakeQuant, Nudged, QuantRange, from};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::graph::{AttrValue, Attrs, Example, InferCx, Op, OpKind, RunCx};
use crate::value::{ScratchVec, Value};

/// Hands what comes back on to the floats inside the range, to its lower end what is below, to its upper end the rest.
#[derive(Debug, Clone)]
pub struct FakeQuantGrad {
    /// The quantization.
    pub of: FakeQuant,
}

const SECOND: &str = "the steps that floats are rounded to do not bend";

/// The row of [`QuantRange::Args`].
pub static FAKE_QUANT_WITH_MIN_MAX_ARGS_GRADIENT: OpKind = OpKind::new(
    "FakeQuantWithMinMaxArgsGradient",
    "gradients: float32, inputs: float32 -> backprops: float32",
    |attrs| parse(attrs, QuantRange::of_attrs(attrs)?),
    || examples(QuantRange::Args { min: -1.0, max: 0.7 }),
)
.not_differentiable(SECOND);

/// The row of [`QuantRange::Vars`].
pub static FAKE_QUANT_WITH_MIN_MAX_VARS_GRADIENT: OpKind = OpKind::new(
    "FakeQuantWithMinMaxVarsGradient",
    "gradients: float32, inputs: float32, min: float32, max: float32 -> backprops_wrt_input: float32, \
     backprop_wrt_min: float32, backprop_wrt_max: float32",
    |attrs| parse(attrs, QuantRange::Vars),
    || examples(QuantRange::Vars),
)
.not_differentiable(SECOND);

/// The row of [`QuantRange::PerChannel`].
pub static FAKE_QUANT_WITH_MIN_MAX_VARS_PER_CHANNEL_GRADIENT: OpKind = OpKind::new(
    "FakeQuantWithMinMaxVarsPerChannelGradient",
    "gradients: float32, inputs: float32, min: float32, max: float32 -> backprops_wrt_input: float32, \
     backprop_wrt_min: float32, backprop_wrt_max: float32",
    |attrs| parse(attrs, QuantRange::PerChannel),
    || examples(QuantRange::PerChannel),
)
.not_differentiable(SECOND);

fn parse(attrs: &Attrs, range: QuantRange) -> Result<Arc<dyn Op>> {
    Ok(Arc::new(FakeQuantGrad { of: FakeQuant::parse(attrs, range)? }))
}

fn examples(range: QuantRange) -> Vec<Example> {
    let op = || FakeQuantGrad { of: FakeQuant { range, num_bits: 8, narrow_range: false } };
    let [x, min, max] = FakeQuant::sample();
    let ends = match range {
        QuantRange::Args { .. } => Vec::new(),
        QuantRange::Vars => vec![Value::scalar_of(-0.1f32), Value::scalar_of(0.5f32)],
        QuantRange::PerChannel => vec![min, max],
    };
    vec![Example::new(op(), [x.clone(), x].into_iter().chain(ends))]
}

impl Op for FakeQuantGrad {
    fn kind(&self) -> &'static OpKind {
        match self.of.range {
            QuantRange::Args { .. } => &FAKE_QUANT_WITH_MIN_MAX_ARGS_GRADIENT,
            QuantRange::Vars => &FAKE_QUANT_WITH_MIN_MAX_VARS_GRADIENT,
            QuantRange::PerChannel => &FAKE_QUANT_WITH_MIN_MAX_VARS_PER_CHANNEL_GRADIENT,
        }
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        let [inputs, ends] = self.of.infer_range(cx, &cx.shape(0).merge(cx.shape(1))?, 2)?;
        cx.output(DType::F32, inputs);
        if cx.n_inputs() > 2 {
            cx.output(DType::F32, ends.clone());
            cx.output(DType::F32, ends);
        }
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        if !cx.input(0).has_dims_of(cx.input(1)) {
            let (dy, x) = (cx.input(0).dims(), cx.input(1).dims());
            return Err(Error::shape(format!("gradient and input must be the same size, but are {dy:?} and {x:?}")));
        }
        let ranges = self.of.nudged(cx, 2)?;
        if cx.n_inputs() > 2 {
            for (i, ends) in to_ends(cx, &ranges)?.into_iter().enumerate() {
                let ends = cx.collect(ends.iter().map(|sum| *sum as f32))?.into_value(cx.input(2).dims())?;
                cx.output(i + 1, ends);
            }
        }
        let mut dy = cx.take_unique(0)?;
        let x = cx.input(1).slice::<f32>()?;
        cx.for_chunks_mut(dy.make_mut::<f32>()?, CHUNK, &|chunk, part| {
            let cells = part.iter_mut().zip(&x[chunk * CHUNK..]).zip(from(&ranges, chunk * CHUNK));
            cells.for_each(|((dy, x), range)| *dy = range.passed(*x, *dy));
        })?;
        cx.output(0, dy);
        Ok(())
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        self.of.attrs()
    }
}

impl Nudged {
    fn passed(&self, x: f32, dy: f32) -> f32 {
        let is_inside = self.is_nothing || (x >= self.min && x <= self.max);
        // A product, as in TensorFlow: what is not finite does not become 0.
        if is_inside { dy } else { dy * 0.0 }
    }
}

/// The sums of what flows to the lower and to the upper end of each range; a range of nothing gets none.
fn to_ends(cx: &RunCx<'_>, ranges: &[Nudged]) -> Result<[ScratchVec<f64>; 2]> {
    let (mut sums, mut pace) = ([cx.scratch::<f64>(ranges.len())?, cx.scratch::<f64>(ranges.len())?], cx.pace());
    let (dy, x) = (cx.input(0).slice::<f32>()?, cx.input(1).slice::<f32>()?);
    let mut ranges = ranges.iter().enumerate().cycle();
    for (dy, x) in dy.chunks(CHUNK).zip(x.chunks(CHUNK)) {
        pace.spend(4 * x.len())?;
        for ((dy, x), (i, range)) in dy.iter().zip(x).zip(&mut ranges) {
            if range.is_nothing {
                continue;
            }
            sums[0][i] += if *x < range.min { f64::from(*dy) } else { 0.0 };
            sums[1][i] += if *x > range.max { f64::from(*dy) } else { 0.0 };
        }
    }
    Ok(sums)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{infer_ok, run_op};
    use crate::value::IntoValue;

    fn op(range: QuantRange) -> FakeQuantGrad {
        FakeQuantGrad { of: FakeQuant { range, num_bits: 8, narrow_range: false } }
    }

    #[test]
    fn ends_have_the_shape_of_the_ranges() {
        infer_ok(&op(QuantRange::Vars), "(?,3);(2,?);();()", "(2,3);();()");
        infer_ok(&op(QuantRange::PerChannel), "(?,3);(2,?);(?);(?)", "(2,3);(3);(3)");
        infer_ok(&op(QuantRange::PerChannel), "<unknown>;<unknown>;(?);(4)", "<unknown>;(4);(4)");
    }

    /// By hand.
    #[test]
    fn what_is_outside_flows_to_the_ends() {
        let x = [[-2.0f32, 0.5, 3.0], [0.5, -7.0, 4.0]].into_value();
        let dy = [[1.0f32, 2.0, 4.0], [8.0, 16.0, 32.0]].into_value();
        let got = run_op(op(QuantRange::Vars), &[dy.clone(), x.clone(), (-1.0f32).into_value(), 1.0f32.into_value()]);
        let got = got.unwrap();
        assert_eq!(got[0].slice::<f32>().unwrap(), [0.0, 2.0, 0.0, 8.0, 0.0, 0.0]);
        assert_eq!([&got[1], &got[2]].map(|end| end.scalar::<f32>().unwrap()), [17.0, 36.0]);
        let (min, max) = ([-1.0f32, -1.0, 0.0], [1.0f32, 1.0, 0.0]);
        let got = run_op(op(QuantRange::PerChannel), &[dy, x, min.into_value(), max.into_value()]).unwrap();
        assert_eq!(got[0].slice::<f32>().unwrap(), [0.0, 2.0, 4.0, 8.0, 0.0, 32.0]);
        assert_eq!(got[1].slice::<f32>().unwrap(), [1.0, 16.0, 0.0]);
        assert_eq!(got[2].slice::<f32>().unwrap(), [0.0, 0.0, 0.0]);
    }
}
