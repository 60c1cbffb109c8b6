//! `CTCGreedyDecoder`: the most probable label of each step, without repetitions and blanks.

use std::sync::Arc;

use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::graph::{AttrValue, Attrs, Example, InferCx, Op, OpKind, RunCx, to_ints};
use crate::kernel::Number;
use crate::shape::{Dim, Shape};
use crate::value::{IntoValue, Value};

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
        let (labels, sums) = match cx.input(0).dtype() {
            DType::F32 => self.decode::<f32>(cx, sizes, &lengths)?,
            _ => self.decode::<f64>(cx, sizes, &lengths)?,
        };
        let longest = labels.iter().map(Vec::len).max().unwrap_or(0);
        let at = |(row, labels): (usize, &Vec<i64>)| (0..labels.len()).flat_map(move |i| [row as i64, i as i64]);
        let indices: Vec<i64> = labels.iter().enumerate().flat_map(|row| at(row).collect::<Vec<_>>()).collect();
        cx.output(0, Value::from_vec(&[indices.len() / 2, 2], indices)?);
        let values = labels.concat();
        cx.output(1, Value::from_vec(&[values.len()], values)?);
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

impl CtcGreedyDecoder {
    fn lengths(&self, cx: &RunCx<'_>, steps: usize, batch: usize) -> Result<Vec<usize>> {
        let lengths = to_ints(cx.input(1)).filter(|_| cx.input(1).dims() == [batch]);
        let lengths = lengths.ok_or_else(|| {
            Error::shape(format!("sequence_length must have shape [{batch}], but has {:?}", cx.input(1).dims()))
        })?;
        let one = |(i, n): (usize, &i64)| {
            let length = usize::try_from(*n).ok().filter(|n| *n <= steps);
            length.ok_or_else(|| Error::invalid(format!("sequence_length({i}) must be in [0, {steps}], but is {n}")))
        };
        lengths.iter().enumerate().map(one).collect()
    }

    /// The labels of each sequence, and the negative sums.
    fn decode<T: Number + PartialOrd>(
        &self,
        cx: &RunCx<'_>,
        [batch, classes, blank]: [usize; 3],
        lengths: &[usize],
    ) -> Result<(Vec<Vec<i64>>, Value)> {
        let logits = cx.input(0).slice::<T>()?;
        let mut sums = vec![T::ZERO; batch];
        let mut labels = vec![Vec::new(); batch];
        for (row, length) in lengths.iter().enumerate() {
            cx.check()?;
            let mut last = None;
            for step in 0..*length {
                let logits = &logits[(step * batch + row) * classes..][..classes];
                let best = (1..classes).fold(0, |best, i| if logits[i] > logits[best] { i } else { best });
                sums[row] = sums[row].minus(logits[best]);
                if best != blank && !(self.merge_repeated && last == Some(best)) {
                    labels[row].push(best as i64);
                }
                last = Some(best);
            }
        }
        Ok((labels, Value::from_vec(&[batch, 1], sums)?))
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
