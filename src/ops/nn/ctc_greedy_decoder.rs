//! `CTCGreedyDecoder`: the most probable label of each step, without repetitions and blanks.

use std::sync::Arc;

use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::graph::{AttrValue, Attrs, Example, InferCx, Op, OpKind, RunCx};
use crate::kernel::Number;
use crate::shape::{Dim, Shape};
use crate::value::{IntoValue, ScratchVec, Value};

/// Logits `(t, b, c)`, whose last class is the blank, and the lengths of the sequences `(b)` give the decoded labels as a
/// sparse tensor `(b, longest)` and the negative sums of the largest logits `(b, 1)`. float32, float64.
#[derive(Debug, Clone)]
pub struct CtcGreedyDecoder {
    /// Whether a label that comes several times without a blank between is one.
    pub merge_repeated: bool,
    /// The class that stands for no label; negative ones count from the end.
    pub blank_index: i64,
}

/// The row of [`CtcGreedyDecoder`].
pub static CTC_GREEDY_DECODER: OpKind = OpKind::new(
    "CTCGreedyDecoder",
    "inputs: T, sequence_length: int32 -> \
     decoded_indices: int64, decoded_values: int64, decoded_shape: int64, log_probability: T",
    |attrs: &Attrs| {
        let merge_repeated = attrs.bool_or("merge_repeated", false)?;
        Ok(Arc::new(CtcGreedyDecoder { merge_repeated, blank_index: attrs.int_or("blank_index", -1)? }))
    },
    || {
        let logits = [[[0.1f32, 0.7, 0.2]], [[0.2, 0.9, 0.1]], [[0.1, 0.2, 0.9]], [[0.8, 0.1, 0.1]]].into_value();
        let of = |merge_repeated| {
            let op = CtcGreedyDecoder { merge_repeated, blank_index: -1 };
            Example::new(op, [logits.clone(), [4i32].into_value()])
        };
        let nothing = [Value::from_vec(&[3, 0, 3], Vec::<f32>::new()), Value::from_vec(&[0], Vec::<i32>::new())];
        let nothing = nothing.map(|value| value.expect("no elements"));
        let op = CtcGreedyDecoder { merge_repeated: false, blank_index: -1 };
        vec![of(false), of(true), Example::new(op, nothing)]
    },
)
.not_differentiable("labels are chosen, not computed");

impl Op for CtcGreedyDecoder {
    fn kind(&self) -> &'static OpKind {
        &CTC_GREEDY_DECODER
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        if !matches!(cx.dtype(0), DType::F32 | DType::F64) {
            return Err(Error::dtype(format!("inputs must be float32 or float64, but are {}", cx.dtype(0))));
        }
        let batch = cx.shape(0).with_rank(3)?.dim(1).merge(&cx.shape(1).with_rank(1)?.dim(0))?;
        let n = Dim::unknown();
        cx.output(DType::I64, Shape::new([n.clone(), 2.into()]));
        cx.output(DType::I64, Shape::new([n]));
        cx.output_sizes(DType::I64, &[batch.clone(), Dim::unknown()], false);
        cx.output(cx.dtype(0), Shape::new([batch, 1.into()]));
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let &[steps, batch, classes] = cx.input(0).dims() else {
            return Err(Error::shape(format!("inputs is not a 3-tensor, but has shape {:?}", cx.input(0).dims())));
        };
        let lengths = self.lengths(cx, steps, batch)?;
        let blank = if self.blank_index < 0 { self.blank_index + classes as i64 } else { self.blank_index };
        let blank = usize::try_from(blank).ok().filter(|blank| *blank < classes);
        let blank = blank.ok_or_else(|| {
            Error::invalid(format!("blank_index must be one of {classes} classes, but is {}", self.blank_index))
        })?;
        let sizes = [batch, classes, blank];
        let Decoded { indices, values, longest, sums } = match cx.input(0).dtype() {
            DType::F32 => self.decode::<f32>(cx, sizes, &lengths)?,
            _ => self.decode::<f64>(cx, sizes, &lengths)?,
        };
        let n = values.len();
        cx.output(0, indices.into_value(&[n, 2])?);
        cx.output(1, values.into_value(&[n])?);
        cx.output(2, [batch as i64, longest as i64].into_value());
        cx.output(3, sums);
        Ok(())
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        // TensorFlow 1 does not know the other one.
        let blank = (self.blank_index != -1).then_some(("blank_index", AttrValue::Int(self.blank_index)));
        std::iter::once(("merge_repeated", AttrValue::Bool(self.merge_repeated))).chain(blank).collect()
    }
}

/// The labels of all rows, and the sum of the logits that were passed by.
struct Decoded {
    indices: ScratchVec<i64>,
    values: ScratchVec<i64>,
    longest: usize,
    sums: Value,
}

impl CtcGreedyDecoder {
    fn lengths(&self, cx: &RunCx<'_>, steps: usize, batch: usize) -> Result<ScratchVec<usize>> {
        if cx.input(1).dims() != [batch] {
            let dims = cx.input(1).dims();
            return Err(Error::shape(format!("sequence_length must have shape [{batch}], but has {dims:?}")));
        }
        let (mut lengths, mut pace) = (cx.list(batch)?, cx.pace());
        for (i, n) in cx.input(1).slice::<i32>()?.iter().enumerate() {
            pace.spend(4)?;
            let length = usize::try_from(*n).ok().filter(|n| *n <= steps);
            lengths.push(length.ok_or_else(|| {
                Error::invalid(format!("sequence_length({i}) must be in [0, {steps}], but is {n}"))
            })?)?;
        }
        Ok(lengths)
    }

    /// The labels of each row, and the negated sums of their logits.
    fn decode<T: Number + PartialOrd>(
        &self,
        cx: &RunCx<'_>,
        [batch, classes, blank]: [usize; 3],
        lengths: &[usize],
    ) -> Result<Decoded> {
        let (logits, mut pace) = (cx.input(0).slice::<T>()?, cx.pace());
        let (mut indices, mut values, mut longest) = (cx.list(0)?, cx.list(0)?, 0);
        let mut sums = cx.alloc_zeros(T::DTYPE, &[batch, 1])?;
        for ((row, length), sum) in lengths.iter().enumerate().zip(sums.make_mut::<T>()?) {
            let (mut last, first) = (None, values.len());
            for step in 0..*length {
                pace.spend(classes)?;
                let logits = &logits[(step * batch + row) * classes..][..classes];
                let best = (1..classes).fold(0, |best, i| if logits[i] > logits[best] { i } else { best });
                *sum = sum.minus(logits[best]);
                if best != blank && !(self.merge_repeated && last == Some(best)) {
                    indices.extend([row as i64, (values.len() - first) as i64])?;
                    values.push(best as i64)?;
                }
                last = Some(best);
            }
            longest = longest.max(values.len() - first);
        }
        Ok(Decoded { indices, values, longest, sums })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{infer_err, infer_ok, run_op};

    #[test]
    fn labels_are_a_sparse_matrix() {
        let op = CtcGreedyDecoder { merge_repeated: false, blank_index: -1 };
        infer_ok(&op, "(?,?,5);int32(3)", "(?,2);(?);(2);(3,1)");
        infer_err(&op, "(?,2,5);int32(3)", "must be equal");
    }

    /// By hand.
    #[test]
    fn blanks_and_repetitions_go() {
        for (merge_repeated, want) in [(false, vec![1i64, 1, 0]), (true, vec![1, 0])] {
            let op = CtcGreedyDecoder { merge_repeated, blank_index: -1 };
            let got = run_op(op, &(CTC_GREEDY_DECODER.examples)()[0].inputs).unwrap();
            assert_eq!(got[1].slice::<i64>().unwrap(), want);
            assert_eq!(got[2].slice::<i64>().unwrap(), [1, want.len() as i64]);
            assert!((got[3].slice::<f32>().unwrap()[0] + 3.3).abs() < 1e-6);
        }
    }
}
