//! `SparseSegmentSumGradV2` and its kin: the gradients of sparse segments, of the rows alone that were picked.

use std::sync::Arc;

use super::sparse_segment::{Divisor, check_indices, check_segments, picked, scalar, spread};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::graph::{Example, InferCx, Op, OpKind, RunCx};
use crate::shape::{Dim, Shape};
use crate::value::{IntoValue, ScratchVec};
use crate::with_type;

/// The gradient of `SparseSegment` by the rows that its indices pick, and which rows these are,
/// in order: `(segments, ..), (n), (n), () -> (k, ..), (k)`.
#[derive(Debug, Clone)]
pub struct SparseSegmentRows {
    /// What the sums were divided by.
    pub by: Divisor,
}

macro_rules! rows {
    ($($row:ident $name:literal $by:ident;)*) => { $(
        #[doc = concat!("The row of `", $name, "`.")]
        pub static $row: OpKind = OpKind::new(
            $name,
            "grad: T, indices: Tidx, segment_ids: Tsegmentids, dense_output_dim0: int32 -> output: T, sorted_unique_indices: Tidx",
            |_| Ok(Arc::new(SparseSegmentRows { by: Divisor::$by })),
            || examples(Divisor::$by),
        );
    )* };
}
rows! {
    SPARSE_SEGMENT_SUM_ROWS "SparseSegmentSumGradV2" One;
    SPARSE_SEGMENT_MEAN_ROWS "SparseSegmentMeanGradV2" Count;
    SPARSE_SEGMENT_SQRT_N_ROWS "SparseSegmentSqrtNGradV2" SqrtCount;
}

fn examples(by: Divisor) -> Vec<Example> {
    let op = || SparseSegmentRows { by };
    let grad = || [[1.0f32, 2.0], [3.0, 4.0]].into_value();
    vec![
        Example::new(op(), [grad(), [2i32, 0, 2].into_value(), [0i32, 0, 1].into_value(), 4i32.into_value()]),
        Example::new(op(), [grad(), [7i64, 0, 2].into_value(), [0i64, 0, 0].into_value(), 8i32.into_value()]),
    ]
}

impl Op for SparseSegmentRows {
    fn kind(&self) -> &'static OpKind {
        match self.by {
            Divisor::One => &SPARSE_SEGMENT_SUM_ROWS,
            Divisor::Count => &SPARSE_SEGMENT_MEAN_ROWS,
            Divisor::SqrtCount => &SPARSE_SEGMENT_SQRT_N_ROWS,
        }
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        let grad = cx.shape(0).with_rank_at_least(1)?;
        cx.shape(1).with_rank(1)?.merge(&cx.shape(2).with_rank(1)?)?;
        cx.shape(3).with_rank(0)?;
        let rows = Shape::new([Dim::unknown()]);
        let shape = if grad.rank().is_some() { rows.concat(&grad.slice(1..)?)? } else { Shape::unknown() };
        cx.output(cx.dtype(0), shape);
        cx.output(cx.dtype(1), rows);
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let ((indices, ids), rows) = (picked(cx)?, scalar(cx, 3)?);
        let segments = check_segments(cx.input(0), &ids)?;
        check_indices(&indices, rows)?;
        let unique = distinct(cx, &indices)?;
        let (mut places, mut pace) = (cx.list(indices.len())?, cx.pace());
        for index in &*indices {
            pace.spend(64)?;
            places.push(unique.partition_point(|other| other < index))?;
        }
        let grad = cx.input(0);
        let mut out = cx.alloc(grad.dtype(), &[&[unique.len()], &grad.dims()[1..]].concat())?;
        with_type!(grad.dtype(), T in floats => spread::<T>(cx, self.by, segments, &places, &ids, &mut out)?, else => {
            return Err(Error::unsupported(format!("segments of {} have no gradient", grad.dtype())));
        });
        let mut named = cx.alloc(cx.input(1).dtype(), &[unique.len()])?;
        match named.dtype() {
            DType::I32 => named.make_mut::<i32>()?.iter_mut().zip(&*unique).for_each(|(cell, n)| *cell = *n as i32),
            _ => named.make_mut::<i64>()?.iter_mut().zip(&*unique).for_each(|(cell, n)| *cell = *n as i64),
        }
        cx.output(0, out);
        cx.output(1, named);
        Ok(())
    }
}

/// The numbers in ascending order, each once.
fn distinct(cx: &RunCx<'_>, numbers: &[usize]) -> Result<ScratchVec<usize>> {
    let mut sorted = cx.collect(numbers.iter().copied())?;
    cx.sort(&mut sorted, 0, &mut usize::cmp)?;
    let mut n_distinct = 0;
    for at in 0..sorted.len() {
        if n_distinct == 0 || sorted[n_distinct - 1] != sorted[at] {
            sorted[n_distinct] = sorted[at];
            n_distinct += 1;
        }
    }
    sorted.truncate(n_distinct);
    Ok(sorted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{infer_err, infer_ok, run_op};

    #[track_caller]
    fn check(by: Divisor, want: [f32; 2]) {
        let grad = [[1.0f32, 2.0], [3.0, 4.0]].into_value();
        let inputs = [grad, [5, 2, 5, 2].into_value(), [0, 0, 1, 1].into_value(), 7.into_value()];
        let got = run_op(SparseSegmentRows { by }, &inputs).unwrap();
        assert_eq!(got[0].slice::<f32>().unwrap(), [want, want].concat());
        assert_eq!(got[1].slice::<i32>().unwrap(), [2, 5]);
    }

    /// As TensorFlow 2.15.1 answers.
    #[test]
    fn rows_that_were_picked_have_gradients() {
        check(Divisor::One, [4.0, 6.0]);
        check(Divisor::Count, [2.0, 3.0]);
        check(Divisor::SqrtCount, [2.828427, 4.2426405]);
    }

    #[test]
    fn how_many_rows_is_known_in_the_run() {
        let op = SparseSegmentRows { by: Divisor::One };
        infer_ok(&op, "(4,2);int32(3);int32(3);int32()", "(?,2);(?)");
        infer_err(&op, "(4,2);int32(3);int32(2);int32()", "must be equal, but are 3 and 2");
    }
}
