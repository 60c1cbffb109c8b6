//! `FakeQuantWithMinMaxArgs`, `-Vars` and `-VarsPerChannel`: floats as they would be after quantization.

use std::sync::Arc;

use super::fake_quant_grad::FakeQuantGrad;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::graph::{AttrValue, Attrs, Example, GradCx, InferCx, Op, OpKind, RunCx, Tensor};
use crate::shape::Shape;
use crate::value::{IntoValue, ScratchVec, Value};

/// Elements per piece of work.
pub(super) const CHUNK: usize = 1 << 14;

/// Where the range of the floats is from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum QuantRange {
    /// Two attributes.
    Args {
        /// The lowest float.
        min: f32,
        /// The highest float.
        max: f32,
    },
    /// Two scalars.
    Vars,
    /// Two vectors, with a range for each place of the last axis.
    PerChannel,
}

/// Rounds floats to the nearest of `2^num_bits` numbers that lie evenly in a range, 0 being one of them. float32.
#[derive(Debug, Clone)]
pub struct FakeQuant {
    /// The range, which is moved a little so that 0 is in it exactly.
    pub range: QuantRange,
    /// 2 to 16.
    pub num_bits: i64,
    /// Whether the lowest of the integers is left out.
    pub narrow_range: bool,
}

/// The row of [`QuantRange::Args`].
pub static FAKE_QUANT_WITH_MIN_MAX_ARGS: OpKind = OpKind::new(
    "FakeQuantWithMinMaxArgs",
    "inputs: float32 -> outputs: float32",
    |attrs| Ok(Arc::new(FakeQuant::parse(attrs, QuantRange::of_attrs(attrs)?)?)),
    || {
        let inputs = || [FakeQuant::sample()[0].clone()];
        let range = QuantRange::Args { min: -1.0, max: 0.7 };
        [false, true].map(|narrow_range| Example::new(FakeQuant { range, num_bits: 4, narrow_range }, inputs())).into()
    },
);

/// The row of [`QuantRange::Vars`].
pub static FAKE_QUANT_WITH_MIN_MAX_VARS: OpKind = OpKind::new(
    "FakeQuantWithMinMaxVars",
    "inputs: float32, min: float32, max: float32 -> outputs: float32",
    |attrs| Ok(Arc::new(FakeQuant::parse(attrs, QuantRange::Vars)?)),
    || {
        let op = || FakeQuant { range: QuantRange::Vars, num_bits: 8, narrow_range: false };
        let of = |min: f32, max: f32| {
            Example::new(op(), [FakeQuant::sample()[0].clone(), min.into_value(), max.into_value()])
        };
        vec![of(-1.0, 0.7), of(0.0, 0.0)]
    },
);

/// The row of [`QuantRange::PerChannel`].
pub static FAKE_QUANT_WITH_MIN_MAX_VARS_PER_CHANNEL: OpKind = OpKind::new(
    "FakeQuantWithMinMaxVarsPerChannel",
    "inputs: float32, min: float32, max: float32 -> outputs: float32",
    |attrs| Ok(Arc::new(FakeQuant::parse(attrs, QuantRange::PerChannel)?)),
    || {
        let op = FakeQuant { range: QuantRange::PerChannel, num_bits: 3, narrow_range: true };
        vec![Example::new(op, FakeQuant::sample())]
    },
);

impl QuantRange {
    /// The attributes `min` and `max`.
    pub(super) fn of_attrs(attrs: &Attrs) -> Result<QuantRange> {
        Ok(QuantRange::Args { min: attrs.float_or("min", -6.0)?, max: attrs.float_or("max", 6.0)? })
    }
}

impl FakeQuant {
    pub(super) fn parse(attrs: &Attrs, range: QuantRange) -> Result<FakeQuant> {
        let num_bits = attrs.int_or("num_bits", 8)?;
        Ok(FakeQuant { range, num_bits, narrow_range: attrs.bool_or("narrow_range", false)? })
    }

    /// Floats in three channels, and a range for each: usual, above 0, nothing.
    pub(super) fn sample() -> [Value; 3] {
        let x = [[-2.0f32, -0.31, 0.0], [0.27, 0.72, 0.1]].into_value();
        [x, [-1.0f32, 0.5, 0.0].into_value(), [0.7f32, 0.9, 0.0].into_value()]
    }

    /// Refuses what no run can answer. The shapes of the floats and of either end of the range, which begins at input `i`,
    /// come out.
    pub(super) fn infer_range(&self, cx: &InferCx<'_>, inputs: &Shape, i: usize) -> Result<[Shape; 2]> {
        if !(2..=16).contains(&self.num_bits) {
            return Err(Error::invalid(format!(
                "num_bits must be between 2 and 16, inclusive, but is {}",
                self.num_bits
            )));
        }
        match self.range {
            QuantRange::Args { min, max } if min >= max => {
                Err(Error::invalid(format!("min must be smaller than max, but they are {min} and {max}")))
            }
            QuantRange::Args { .. } => Ok([inputs.clone(), Shape::scalar()]),
            QuantRange::Vars => Ok([inputs.clone(), cx.shape(i).with_rank(0)?.merge(&cx.shape(i + 1).with_rank(0)?)?]),
            QuantRange::PerChannel => {
                let inputs = inputs.with_rank_at_least(1)?;
                let mut n = cx.shape(i).with_rank(1)?.dim(0).merge(&cx.shape(i + 1).with_rank(1)?.dim(0))?;
                let Some(rank) = inputs.rank() else { return Ok([inputs, Shape::new([n])]) };
                n = inputs.dim(rank - 1).merge(&n)?;
                Ok([inputs.replace_dim(rank - 1, n.clone())?, Shape::new([n])])
            }
        }
    }

    /// The ranges of a run, one or one a channel; the floats are input `i - 1`.
    pub(super) fn nudged(&self, cx: &RunCx<'_>, i: usize) -> Result<ScratchVec<Nudged>> {
        if let QuantRange::Args { min, max } = self.range {
            return cx.collect([self.nudge(min, max)]);
        }
        let (inputs, min, max) = (cx.input(i - 1), cx.input(i), cx.input(i + 1));
        let want = if self.range == QuantRange::Vars {
            Some(&[][..])
        } else {
            inputs.dims().last_chunk::<1>().map(|n| &n[..])
        };
        if want.is_none_or(|want| min.dims() != want || max.dims() != want) {
            let (min, max) = (min.dims(), max.dims());
            return Err(Error::shape(format!(
                "min and max must be one range, or one for each of the last axis of {:?}, but are {min:?} and {max:?}",
                inputs.dims()
            )));
        }
        let ends = min.slice::<f32>()?.iter().zip(max.slice::<f32>()?);
        cx.collect(ends.map(|(min, max)| self.nudge(*min, *max)))
    }

    /// Moves a range so that 0 is one of its steps, in the arithmetic of TensorFlow's kernel.
    fn nudge(&self, min: f32, max: f32) -> Nudged {
        let lowest = if self.narrow_range { 1.0 } else { 0.0 };
        let highest = ((1u32 << self.num_bits) - 1) as f32;
        let scale = (max - min) / (highest - lowest);
        let zero = (lowest - min / scale).clamp(lowest, highest).round();
        let is_nothing = min == 0.0 && max == 0.0 && !matches!(self.range, QuantRange::Args { .. });
        Nudged { min: (lowest - zero) * scale, max: (highest - zero) * scale, scale, is_nothing }
    }
}

/// A range with a step at 0.
#[derive(Debug, Clone, Copy)]
pub(super) struct Nudged {
    pub min: f32,
    pub max: f32,
    pub scale: f32,
    /// From 0 to 0: all floats are 0 then.
    pub is_nothing: bool,
}

/// The ranges of the elements from `at` on, each as often as there are elements.
pub(super) fn from(ranges: &[Nudged], at: usize) -> impl Iterator<Item = &Nudged> {
    ranges[at % ranges.len()..].iter().chain(ranges.iter().cycle())
}

impl Nudged {
    fn quantized(&self, x: f32) -> f32 {
        if self.is_nothing {
            return 0.0;
        }
        let clamped = if x > self.max { self.max } else { x };
        let clamped = if clamped < self.min { self.min } else { clamped };
        ((clamped - self.min) / self.scale + 0.5).floor() * self.scale + self.min
    }
}

impl Op for FakeQuant {
    fn kind(&self) -> &'static OpKind {
        match self.range {
            QuantRange::Args { .. } => &FAKE_QUANT_WITH_MIN_MAX_ARGS,
            QuantRange::Vars => &FAKE_QUANT_WITH_MIN_MAX_VARS,
            QuantRange::PerChannel => &FAKE_QUANT_WITH_MIN_MAX_VARS_PER_CHANNEL,
        }
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        let [shape, _] = self.infer_range(cx, cx.shape(0), 1)?;
        cx.output(DType::F32, shape);
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let ranges = self.nudged(cx, 1)?;
        let mut x = cx.take_unique(0)?;
        cx.for_chunks_mut(x.make_mut::<f32>()?, CHUNK, &|chunk, part| {
            part.iter_mut().zip(from(&ranges, chunk * CHUNK)).for_each(|(x, range)| *x = range.quantized(*x));
        })?;
        cx.output(0, x);
        Ok(())
    }

    fn grad(&self, cx: &GradCx<'_>) -> Result<Vec<Option<Tensor>>> {
        let inputs: Vec<Tensor> =
            std::iter::once(cx.dy()?.clone()).chain((0..cx.n_inputs()).map(|i| cx.input(i))).collect();
        let node = cx.graph().apply(FakeQuantGrad { of: self.clone() }, &inputs.iter().collect::<Vec<_>>())?;
        Ok(node.outputs().into_iter().map(Some).collect())
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        let common =
            [("num_bits", AttrValue::Int(self.num_bits)), ("narrow_range", AttrValue::Bool(self.narrow_range))];
        let ends = match self.range {
            QuantRange::Args { min, max } => vec![("min", AttrValue::Float(min)), ("max", AttrValue::Float(max))],
            _ => Vec::new(),
        };
        ends.into_iter().chain(common).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{infer_err, infer_ok, run_op};

    fn op(range: QuantRange, num_bits: i64) -> FakeQuant {
        FakeQuant { range, num_bits, narrow_range: false }
    }

    #[test]
    fn ranges_are_one_or_one_a_channel() {
        infer_ok(&op(QuantRange::Vars, 8), "(2,?);();()", "(2,?)");
        infer_ok(&op(QuantRange::PerChannel, 8), "(2,?);(?);(3)", "(2,3)");
        infer_err(&op(QuantRange::PerChannel, 8), "(2,4);(?);(3)", "must be equal");
        infer_err(&op(QuantRange::Vars, 8), "(2,4);(1);()", "shape must be rank 0 but is rank 1");
        infer_err(&op(QuantRange::Vars, 17), "(2);();()", "num_bits must be between 2 and 16, inclusive, but is 17");
        infer_err(&op(QuantRange::Args { min: 1.0, max: 1.0 }, 8), "(2)", "min must be smaller than max");
    }

    /// By hand: two bits give the steps -0.5, 0, 0.5 and 1 between -0.4 and 1.1; NaN stays.
    #[test]
    fn floats_become_the_nearest_step() {
        let x = [-3.0f32, -0.26, -0.24, 0.2, 0.3, 9.0, f32::NAN].into_value();
        let got = run_op(op(QuantRange::Args { min: -0.4, max: 1.1 }, 2), &[x]).unwrap();
        let got = got[0].slice::<f32>().unwrap();
        assert_eq!(got[..6], [-0.5, -0.5, 0.0, 0.0, 0.5, 1.0]);
        assert!(got[6].is_nan());
    }
}
