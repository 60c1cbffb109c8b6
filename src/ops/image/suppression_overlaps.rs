//! `NonMaxSuppressionWithOverlaps`: the best of many things whose overlaps are known.

use std::sync::Arc;

use super::non_max_suppression::{Settings, most, pick};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::graph::{Example, InferCx, Op, OpKind, RunCx};
use crate::shape::{Dim, Shape};
use crate::value::{IntoValue, Value};

/// Overlaps `(n, n)` and scores `(n)` give the indices of the best, best first, but for those that overlap better ones too
/// much. float32.
#[derive(Debug, Clone)]
pub struct NonMaxSuppressionWithOverlaps;

/// The row of [`NonMaxSuppressionWithOverlaps`].
pub static NON_MAX_SUPPRESSION_WITH_OVERLAPS: OpKind = OpKind::new(
    "NonMaxSuppressionWithOverlaps",
    "overlaps: float32, scores: float32, max_output_size: int32, overlap_threshold: float32, score_threshold: float32 -> \
     selected_indices: int32",
    |_| Ok(Arc::new(NonMaxSuppressionWithOverlaps)),
    || {
        let overlaps = [[1.0f32, 0.7, 0.0], [0.7, 1.0, 0.2], [0.0, 0.2, 1.0]].into_value();
        let more = [3i32.into_value(), 0.5f32.into_value(), 0.2f32.into_value()];
        let of = |overlaps: Value, scores: Value| {
            Example::new(NonMaxSuppressionWithOverlaps, [overlaps, scores].into_iter().chain(more.clone()))
        };
        let [no_overlaps, no_scores] =
            [[0, 0].as_slice(), &[0]].map(|dims| Value::from_vec(dims, Vec::<f32>::new()).expect("no elements"));
        vec![of(overlaps, [0.4f32, 0.9, 0.6].into_value()), of(no_overlaps, no_scores)]
    },
)
.not_differentiable("indices of boxes have no gradient");

impl Op for NonMaxSuppressionWithOverlaps {
    fn kind(&self) -> &'static OpKind {
        &NON_MAX_SUPPRESSION_WITH_OVERLAPS
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        let (overlaps, scores) = (cx.shape(0).with_rank(2)?, cx.shape(1).with_rank(1)?);
        overlaps.dim(0).merge(&overlaps.dim(1))?.merge(&scores.dim(0))?;
        for i in 2..5 {
            cx.shape(i).with_rank(0)?;
        }
        cx.output(DType::I32, Shape::new([Dim::unknown()]));
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let (overlaps, scores) = (cx.input(0), cx.input(1));
        let n = scores.len();
        if scores.rank() != 1 || overlaps.dims() != [n, n] {
            let (overlaps, scores) = (overlaps.dims(), scores.dims());
            return Err(Error::shape(format!(
                "overlaps must be (n, n) and scores (n), but are {overlaps:?} and {scores:?}"
            )));
        }
        let settings = Settings {
            most: most(cx.input(2))?,
            iou_threshold: cx.input(3).scalar::<f32>()?,
            least_score: cx.input(4).scalar::<f32>()?,
            sigma: 0.0,
        };
        let overlaps = overlaps.slice::<f32>()?;
        let picked = pick(cx.workspace(), &|a, b| overlaps[a * n + b], scores.slice::<f32>()?, &settings)?;
        let mut indices = cx.alloc(DType::I32, &[picked.len()])?;
        indices.make_mut::<i32>()?.iter_mut().zip(&*picked).for_each(|(to, (i, _))| *to = *i as i32);
        cx.output(0, indices);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{infer_err, infer_ok, run_op};

    #[test]
    fn sizes_must_agree() {
        infer_ok(&NonMaxSuppressionWithOverlaps, "(3,?);(3);int32();();()", "(?)");
        infer_err(&NonMaxSuppressionWithOverlaps, "(3,?);(4);int32();();()", "must be equal");
    }

    /// By hand: the first overlaps the second, which is better.
    #[test]
    fn better_ones_suppress_what_they_overlap() {
        let inputs = &(NON_MAX_SUPPRESSION_WITH_OVERLAPS.examples)()[0].inputs;
        let got = run_op(NonMaxSuppressionWithOverlaps, inputs).unwrap();
        assert_eq!(got[0].slice::<i32>().unwrap(), [1, 2]);
    }
}
