//! `SparseSegmentSum`, `SparseSegmentMean`, `SparseSegmentSqrtN` and their gradients: rows are picked by index first, then
//! combined by segment.

use std::sync::Arc;

use num_traits::Float;

use super::segment::{check_sorted, counts};
use crate::error::{Error, ErrorKind, Result};
use crate::graph::{Example, InferCx, Op, OpKind, RunCx, to_int};
use crate::kernel::Number;
use crate::kernel::change::{Change, Formula};
use crate::ops::parts::number_bytes_mut;
use crate::shape::{Dim, Shape};
use crate::value::{IntoValue, ScratchVec, Value};
use crate::with_type;

/// What the sum of a segment of `n` rows is divided by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Divisor {
    /// By 1.
    One,
    /// By `n`.
    Count,
    /// By the square root of `n`.
    SqrtCount,
}

/// Sums the rows of `data` that `indices` picks, by sorted segment: `(r, ..), (n), (n) -> (segments, ..)`; an empty
/// segment is 0. Floating-point numbers; sums also of integers.
#[derive(Debug, Clone)]
pub struct SparseSegment {
    /// What each sum is divided by.
    pub by: Divisor,
    /// Whether the number of segments is an input; else the last id says it.
    pub is_counted: bool,
}

/// The gradient of [`SparseSegment`] by its data: `(segments, ..), (n), (n), () -> (rows, ..)`.
#[derive(Debug, Clone)]
pub struct SparseSegmentGrad {
    /// What the sums were divided by.
    pub by: Divisor,
}

macro_rules! rows {
    ($($row:ident $counted:ident $grad:ident $name:literal $by:ident;)*) => { $(
        #[doc = concat!("The row of `", $name, "`.")]
        pub static $row: OpKind = OpKind::new(
            $name,
            "data: T, indices: Tidx, segment_ids: Tsegmentids -> output: T",
            |_| Ok(Arc::new(SparseSegment { by: Divisor::$by, is_counted: false })),
            || examples(Divisor::$by, false),
        );
        #[doc = concat!("The row of `", $name, "WithNumSegments`.")]
        pub static $counted: OpKind = OpKind::new(
            concat!($name, "WithNumSegments"),
            "data: T, indices: Tidx, segment_ids: Tsegmentids, num_segments: Tnumsegments -> output: T",
            |_| Ok(Arc::new(SparseSegment { by: Divisor::$by, is_counted: true })),
            || examples(Divisor::$by, true),
        );
        #[doc = concat!("The row of `", $name, "Grad`.")]
        pub static $grad: OpKind = OpKind::new(
            concat!($name, "Grad"),
            "grad: T, indices: Tidx, segment_ids: Tsegmentids, output_dim0: int32 -> output: T",
            |_| Ok(Arc::new(SparseSegmentGrad { by: Divisor::$by })),
            || grad_examples(Divisor::$by),
        );
    )* };
}
rows! {
    SPARSE_SEGMENT_SUM SPARSE_SEGMENT_SUM_COUNTED SPARSE_SEGMENT_SUM_GRAD "SparseSegmentSum" One;
    SPARSE_SEGMENT_MEAN SPARSE_SEGMENT_MEAN_COUNTED SPARSE_SEGMENT_MEAN_GRAD "SparseSegmentMean" Count;
    SPARSE_SEGMENT_SQRT_N SPARSE_SEGMENT_SQRT_N_COUNTED SPARSE_SEGMENT_SQRT_N_GRAD "SparseSegmentSqrtN" SqrtCount;
}

fn examples(by: Divisor, is_counted: bool) -> Vec<Example> {
    let op = || SparseSegment { by, is_counted };
    let data = [[1.0f32, 2.0], [3.0, 4.0], [5.0, 6.0]].into_value();
    let mut inputs = vec![data, [2i32, 0, 2].into_value(), [0i32, 0, 2].into_value()];
    inputs.extend(is_counted.then(|| 4i32.into_value()));
    let mut wide = inputs.clone();
    (wide[0], wide[1]) = ([1.0f64, 2.0, 4.0].into_value(), [2i64, 0, 2].into_value());
    vec![Example::new(op(), inputs), Example::new(op(), wide)]
}

fn grad_examples(by: Divisor) -> Vec<Example> {
    let grad = [[1.0f32, 2.0], [3.0, 4.0]].into_value();
    let inputs = [grad, [2i32, 0, 2].into_value(), [0i32, 0, 1].into_value(), 4i32.into_value()];
    vec![Example::new(SparseSegmentGrad { by }, inputs)]
}

impl Op for SparseSegment {
    fn kind(&self) -> &'static OpKind {
        match (self.by, self.is_counted) {
            (Divisor::One, false) => &SPARSE_SEGMENT_SUM,
            (Divisor::Count, false) => &SPARSE_SEGMENT_MEAN,
            (Divisor::SqrtCount, false) => &SPARSE_SEGMENT_SQRT_N,
            (Divisor::One, true) => &SPARSE_SEGMENT_SUM_COUNTED,
            (Divisor::Count, true) => &SPARSE_SEGMENT_MEAN_COUNTED,
            (Divisor::SqrtCount, true) => &SPARSE_SEGMENT_SQRT_N_COUNTED,
        }
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        infer(cx, self.is_counted)
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let (indices, ids) = picked(cx)?;
        let data = cx.input(0);
        let rows = *data.dims().first().ok_or_else(|| Error::shape("shape must be at least rank 1 but is rank 0"))?;
        check_indices(&indices, rows)?;
        let mut segments = check_sorted(&ids)?;
        if self.is_counted {
            let n = scalar(cx, 3)?;
            if segments > n {
                return Err(Error::invalid("segment ids must be < num_segments"));
            }
            segments = n;
        }
        let mut out = cx.alloc(data.dtype(), &[&[segments], &data.dims()[1..]].concat())?;
        let refuse = || Err(Error::unsupported(format!("segments of {} cannot be combined", data.dtype())));
        if self.by == Divisor::One {
            if !(data.dtype().is_floating() || data.dtype().is_integer()) {
                return refuse();
            }
            sum(cx, &indices, &ids, &mut out)?;
        } else {
            with_type!(data.dtype(), T in floats => {
                sum(cx, &indices, &ids, &mut out)?;
                self.divide::<T>(cx, &ids, &mut out)?;
            }, else => return refuse());
        }
        cx.output(0, out);
        Ok(())
    }
}

impl SparseSegment {
    fn divide<T: Number<Acc: Float>>(&self, cx: &RunCx<'_>, ids: &[i64], out: &mut Value) -> Result<()> {
        // The rows may be as many as they like where they have no elements.
        let Some(width) = out.len().checked_div(out.dims()[0]).filter(|width| *width > 0) else { return Ok(()) };
        let (counts, mut pace) = (counts(cx, ids, out.dims()[0])?, cx.pace());
        for (row, count) in out.make_mut::<T>()?.chunks_exact_mut(width).zip(counts) {
            pace.spend(4 + 4 * width)?;
            let divisor = self.by.of::<T::Acc>(count.max(1));
            row.iter_mut().for_each(|cell| *cell = T::narrow(cell.widen() / divisor));
        }
        Ok(())
    }
}

impl Divisor {
    fn of<F: Float>(self, count: usize) -> F {
        let count = F::from(count).expect("floating-point numbers hold counts");
        match self {
            Divisor::One => F::one(),
            Divisor::Count => count,
            Divisor::SqrtCount => count.sqrt(),
        }
    }
}

impl Op for SparseSegmentGrad {
    fn kind(&self) -> &'static OpKind {
        match self.by {
            Divisor::One => &SPARSE_SEGMENT_SUM_GRAD,
            Divisor::Count => &SPARSE_SEGMENT_MEAN_GRAD,
            Divisor::SqrtCount => &SPARSE_SEGMENT_SQRT_N_GRAD,
        }
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        infer(cx, true)
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let (indices, ids) = picked(cx)?;
        let (grad, rows) = (cx.input(0), scalar(cx, 3)?);
        let segments = check_segments(grad, &ids)?;
        check_indices(&indices, rows)?;
        let mut out = cx.alloc(grad.dtype(), &[&[rows], &grad.dims()[1..]].concat())?;
        with_type!(grad.dtype(), T in floats => spread::<T>(cx, self.by, segments, &indices, &ids, &mut out)?, else => {
            return Err(Error::unsupported(format!("segments of {} have no gradient", grad.dtype())));
        });
        cx.output(0, out);
        Ok(())
    }
}

/// How many segments the gradient has; all ids are among them.
pub(super) fn check_segments(grad: &Value, ids: &[i64]) -> Result<usize> {
    let segments = *grad.dims().first().ok_or_else(|| Error::shape("shape must be at least rank 1 but is rank 0"))?;
    match ids.iter().find(|id| !(0..segments as i64).contains(*id)) {
        Some(id) => Err(out_of_range(format!("segment id {id} out of range [0, {segments})"))),
        None => Ok(segments),
    }
}

/// Adds the gradient of each segment to the rows that made it.
pub(super) fn spread<T: Number<Acc: Float>>(
    cx: &RunCx<'_>,
    by: Divisor,
    segments: usize,
    indices: &[usize],
    ids: &[i64],
    out: &mut Value,
) -> Result<()> {
    // The rows may be as many as they like where they have no elements.
    let Some(width) = out.len().checked_div(out.dims()[0]).filter(|width| *width > 0) else { return Ok(()) };
    let (counts, mut pace) = (counts(cx, ids, segments)?, cx.pace());
    let (grad, out) = (cx.input(0).slice::<T>()?, out.make_mut::<T>()?);
    out.fill(T::ZERO);
    for (index, id) in indices.iter().zip(ids) {
        let id = *id as usize;
        pace.spend(16 + width)?;
        let scale = T::Acc::ONE / by.of::<T::Acc>(counts[id]);
        let (cells, row) = (&mut out[index * width..][..width], &grad[id * width..][..width]);
        cells.iter_mut().zip(row).for_each(|(cell, x)| *cell = T::narrow(cell.widen() + x.widen() * scale));
    }
    Ok(())
}

/// The shape of rows by how many there are: an input, or unknown.
fn infer(cx: &mut InferCx<'_>, is_counted: bool) -> Result<()> {
    let data = cx.shape(0).with_rank_at_least(1)?;
    cx.shape(1).with_rank(1)?.merge(&cx.shape(2).with_rank(1)?)?;
    let mut rows = Dim::unknown();
    if is_counted {
        cx.shape(3).with_rank(0)?;
        rows = cx.sizes(3).and_then(|sizes| sizes.first().cloned()).unwrap_or(rows);
        if let Some(n) = rows.as_i64().filter(|n| *n < 0) {
            return Err(Error::invalid(format!("cannot specify a negative number of rows: {n}")));
        }
    }
    cx.output(cx.dtype(0), Shape::new([rows]).concat(&data.slice(1..)?)?);
    Ok(())
}

/// Indices and segment ids, equally many; an index that is no size is larger than any.
pub(super) fn picked(cx: &RunCx<'_>) -> Result<(ScratchVec<usize>, ScratchVec<i64>)> {
    let ints = |i: usize| match cx.input(i).rank() {
        1 => cx.ints(cx.input(i)),
        _ => Err(Error::shape("indices and segment_ids must be vectors of int32 or int64")),
    };
    let (indices, ids) = (ints(1)?, ints(2)?);
    if indices.len() != ids.len() {
        return Err(Error::shape(format!(
            "segment_ids and indices should have same size, but have {} and {}",
            ids.len(),
            indices.len()
        )));
    }
    Ok((cx.collect(indices.iter().map(|index| usize::try_from(*index).unwrap_or(usize::MAX)))?, ids))
}

pub(super) fn check_indices(indices: &[usize], rows: usize) -> Result<()> {
    match indices.iter().position(|index| *index >= rows) {
        Some(i) => Err(out_of_range(format!("indices[{i}] is out of range [0, {rows})"))),
        None => Ok(()),
    }
}

fn out_of_range(message: String) -> Error {
    Error::new(ErrorKind::IndexOutOfRange, message)
}

/// A number of rows.
pub(super) fn scalar(cx: &RunCx<'_>, i: usize) -> Result<usize> {
    let n = to_int(cx.input(i)).and_then(|n| usize::try_from(n).ok());
    n.ok_or_else(|| Error::invalid("the number of rows must be one number of 0 or more"))
}

fn sum(cx: &RunCx<'_>, indices: &[usize], ids: &[i64], out: &mut Value) -> Result<()> {
    let Some(width) = out.len().checked_div(out.dims()[0]).filter(|width| *width > 0) else { return Ok(()) };
    let add = Change::of(Formula::Add, out.dtype()).ok_or_else(|| Error::internal("sums are of numbers"))?;
    let (data, row_len, mut pace) = (cx.input(0).bytes()?, width * add.size(), cx.pace());
    let out = number_bytes_mut(out)?;
    out.fill(0);
    for (index, id) in indices.iter().zip(ids) {
        pace.spend(16 + width)?;
        add.run(&mut out[*id as usize * row_len..][..row_len], &data[index * row_len..][..row_len]);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{ends_early, ends_in_time, infer_err, infer_ok, run_op, run_within, vast};

    fn data() -> Value {
        Value::from_vec(&[4, 2], (0..8).map(|i| i as f32).collect()).unwrap()
    }

    #[test]
    fn rows_keep_their_shape() {
        let op = SparseSegment { by: Divisor::One, is_counted: false };
        infer_ok(&op, "(4,2);int32(3);int32(3)", "(?,2)");
        infer_err(&op, "(4,2);int32(3);int32(2)", "must be equal, but are 3 and 2");
        infer_ok(&SparseSegmentGrad { by: Divisor::One }, "(4,2);int32(3);int32(3);int32()", "(?,2)");
    }

    #[track_caller]
    fn check(by: Divisor, want: [f32; 6]) {
        let inputs = [data(), [0i32, 1, 3].into_value(), [0i32, 0, 2].into_value()];
        let got = run_op(SparseSegment { by, is_counted: false }, &inputs).unwrap();
        assert_eq!(got[0].slice::<f32>().unwrap(), want);
    }

    /// By hand: rows 0 and 1 make segment 0, row 3 segment 2.
    #[test]
    fn sums_are_divided_by_what_they_count() {
        let half = 2.0f32.sqrt();
        check(Divisor::One, [2.0, 4.0, 0.0, 0.0, 6.0, 7.0]);
        check(Divisor::Count, [1.0, 2.0, 0.0, 0.0, 6.0, 7.0]);
        check(Divisor::SqrtCount, [2.0 / half, 4.0 / half, 0.0, 0.0, 6.0, 7.0]);
    }

    #[test]
    fn the_gradient_goes_back_to_the_rows() {
        let inputs = [data(), [0i32, 1, 3].into_value(), [0i32, 0, 2].into_value(), 5i32.into_value()];
        let got = run_op(SparseSegmentGrad { by: Divisor::Count }, &inputs).unwrap();
        assert_eq!(got[0].slice::<f32>().unwrap(), [0.0, 0.5, 0.0, 0.5, 0.0, 0.0, 4.0, 5.0, 0.0, 0.0]);
    }

    #[test]
    fn an_index_past_the_rows_is_refused() {
        let inputs = [data(), [0i32, 1, 9].into_value(), [0i32, 0, 2].into_value()];
        let error = run_op(SparseSegment { by: Divisor::One, is_counted: false }, &inputs).unwrap_err();
        assert_eq!(error.message(), "indices[2] is out of range [0, 4)");
    }

    #[test]
    fn vast_rows_of_nothing_are_not_counted() {
        let inputs = [vast(), [2i32, 0, 2].into_value(), [0i32, 0, 1].into_value(), 4i32.into_value()];
        let got = run_within(SparseSegmentGrad { by: Divisor::Count }, &inputs, 1 << 20, u64::MAX).unwrap();
        assert_eq!(got[0].dims(), [4, 0]);
        let inputs = [vast(), [2i32, 0, 2].into_value(), [0i32, 0, 1].into_value(), i32::MAX.into_value()];
        let got =
            run_within(SparseSegment { by: Divisor::Count, is_counted: true }, &inputs, 1 << 20, u64::MAX).unwrap();
        assert_eq!(got[0].dims(), [i32::MAX as usize, 0]);
    }

    #[test]
    fn long_segments_end_with_their_run() {
        let ids = || Value::zeros(crate::dtype::DType::I32, &[1 << 18]).unwrap();
        ends_early(
            &SparseSegment { by: Divisor::One, is_counted: false },
            &[[[1.0f32]].into_value(), ids(), ids()],
            1 << 19,
        );
        let inputs = [[[1.0f32]].into_value(), ids(), ids(), 1i32.into_value()];
        ends_in_time(&SparseSegmentGrad { by: Divisor::One }, &inputs);
    }
}
