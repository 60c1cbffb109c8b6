//! `ComputeAccidentalHits`: which sampled candidates are true classes.

use std::collections::HashMap;
use std::sync::Arc;

use crate::dtype::DType;
use crate::error::{Error, ErrorKind, Result};
use crate::graph::{AttrValue, Attrs, Example, InferCx, Op, OpKind, RunCx};
use crate::shape::{Dim, Shape};
use crate::value::IntoValue;

/// The true classes that were sampled too: `(batch, num_true), (n) -> (hits), (hits), (hits)` are the row of each hit,
/// the place of the candidate, and the lowest float32, which keeps it out of a softmax.
#[derive(Debug, Clone)]
pub struct ComputeAccidentalHits {
    /// True classes of a row.
    pub num_true: i64,
}

/// The row of [`ComputeAccidentalHits`].
pub static COMPUTE_ACCIDENTAL_HITS: OpKind = OpKind::new(
    "ComputeAccidentalHits",
    "true_classes: int64, sampled_candidates: int64 -> indices: int32, ids: int64, weights: float32",
    |attrs: &Attrs| {
        // Nothing is drawn: the seeds are there by mistake.
        attrs.int_or("seed", 0)?;
        attrs.int_or("seed2", 0)?;
        Ok(Arc::new(ComputeAccidentalHits { num_true: attrs.int("num_true")? }))
    },
    || {
        let inputs = [[[1i64, 2], [3, 9]].into_value(), [9i64, 0, 2].into_value()];
        vec![Example::new(ComputeAccidentalHits { num_true: 2 }, inputs)]
    },
)
.not_differentiable("which classes are equal does not change smoothly");

impl Op for ComputeAccidentalHits {
    fn kind(&self) -> &'static OpKind {
        &COMPUTE_ACCIDENTAL_HITS
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        cx.shape(0).with_rank(2)?.with_dim(1, &Dim::constant(self.num_true))?;
        cx.shape(1).with_rank(1)?;
        let hits = Shape::new([Dim::unknown()]);
        for dtype in [DType::I32, DType::I64, DType::F32] {
            cx.output(dtype, &hits);
        }
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let (classes, candidates) = (cx.input(0), cx.input(1));
        let num_true = usize::try_from(self.num_true).unwrap_or(usize::MAX);
        if classes.rank() != 2 || classes.dims()[1] != num_true || candidates.rank() != 1 {
            return Err(Error::shape(format!(
                "true_classes must be a batch_size * num_true matrix and sampled_candidates a vector, but they have shapes \
                 {:?} and {:?}",
                classes.dims(),
                candidates.dims()
            )));
        }
        let candidates = candidates.slice::<i64>()?;
        let (_room, mut places, mut pace) = (cx.room::<[usize; 4]>(candidates.len())?, HashMap::new(), cx.pace());
        places.try_reserve(candidates.len()).map_err(|_| {
            Error::new(ErrorKind::ResourceExhausted, format!("out of memory for {} candidates", candidates.len()))
        })?;
        for (place, class) in candidates.iter().enumerate() {
            pace.spend(64)?;
            places.insert(*class, place);
        }
        let (mut indices, mut ids) = (cx.list(0)?, cx.list(0)?);
        for (i, class) in classes.slice::<i64>()?.iter().enumerate() {
            pace.spend(64)?;
            if let Some(place) = places.get(class) {
                let row = i32::try_from(i / num_true);
                indices.push(row.map_err(|_| Error::invalid("the batch is too long for int32"))?)?;
                ids.push(*place as i64)?;
            }
        }
        let n = ids.len();
        cx.output(0, indices.into_value(&[n])?);
        cx.output(1, ids.into_value(&[n])?);
        cx.output(2, cx.scratch_of(n, f32::MIN)?.into_value(&[n])?);
        Ok(())
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        vec![("num_true", AttrValue::Int(self.num_true))]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{infer_err, infer_ok, run_op};

    #[test]
    fn the_number_of_hits_is_known_in_the_run() {
        let op = ComputeAccidentalHits { num_true: 2 };
        infer_ok(&op, "int64(?,2);int64(5)", "(?);(?);(?)");
        infer_err(&op, "int64(4,3);int64(5)", "must be 2 but is 3");
    }

    /// By hand; of equal candidates the last counts, as in TensorFlow.
    #[test]
    fn hits_name_row_and_candidate() {
        let inputs = [[[1i64, 2], [3, 9]].into_value(), [9i64, 2, 2].into_value()];
        let got = run_op(ComputeAccidentalHits { num_true: 2 }, &inputs).unwrap();
        assert_eq!(got[0].slice::<i32>().unwrap(), [0, 1]);
        assert_eq!(got[1].slice::<i64>().unwrap(), [2, 0]);
        assert_eq!(got[2].slice::<f32>().unwrap(), [f32::MIN; 2]);
    }
}
