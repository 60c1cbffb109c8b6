//! The segment reductions: rows that carry one number are combined into one row.

use std::sync::Arc;

use num_traits::FromPrimitive;

use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::graph::{Example, InferCx, Op, OpKind, RunCx, to_int};
use crate::kernel::Number;
use crate::kernel::change::{Change, Formula};
use crate::kernel::element::{Bytes, Start};
use crate::ops::parts::{fill_bytes, number_bytes_mut};
use crate::shape::{Dim, Shape};
use crate::value::{IntoValue, ScratchVec, Value};
use crate::with_type;

/// How the rows of a segment are combined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Combine {
    /// Their sum.
    Sum,
    /// Their product.
    Prod,
    /// The smallest, element by element.
    Min,
    /// The largest, element by element.
    Max,
    /// Their mean; only of sorted segments.
    Mean,
}

/// Combines rows by the segments they belong to: `(n, ..), (n) -> (segments, ..)`.
///
/// Segments of sorted ids are as many as the last one says, and an empty one between them is 0, of a product 1. Unsorted
/// ids come with the number of segments; negative ones count for nothing, and an empty segment is 0, 1, or the highest
/// or lowest number.
#[derive(Debug, Clone)]
pub struct Segment {
    /// How.
    pub how: Combine,
    /// Whether the ids may come in any order.
    pub is_unsorted: bool,
}

macro_rules! rows {
    ($($(#[$doc:meta])* $row:ident $name:literal $how:ident $unsorted:literal $signature:literal;)*) => { $(
        $(#[$doc])*
        pub static $row: OpKind = OpKind::new(
            $name,
            $signature,
            |_| Ok(Arc::new(Segment { how: Combine::$how, is_unsorted: $unsorted })),
            || examples(Combine::$how, $unsorted),
        );
    )* };
}
rows! {
    /// The row of sums of sorted segments.
    SEGMENT_SUM "SegmentSum" Sum false "data: T, segment_ids: Tindices -> output: T";
    /// The row of means of sorted segments.
    SEGMENT_MEAN "SegmentMean" Mean false "data: T, segment_ids: Tindices -> output: T";
    /// The row of products of sorted segments.
    SEGMENT_PROD "SegmentProd" Prod false "data: T, segment_ids: Tindices -> output: T";
    /// The row of smallest elements of sorted segments.
    SEGMENT_MIN "SegmentMin" Min false "data: T, segment_ids: Tindices -> output: T";
    /// The row of largest elements of sorted segments.
    SEGMENT_MAX "SegmentMax" Max false "data: T, segment_ids: Tindices -> output: T";
    /// The row of sums of unsorted segments.
    UNSORTED_SEGMENT_SUM "UnsortedSegmentSum" Sum true
        "data: T, segment_ids: Tindices, num_segments: Tnumsegments -> output: T";
    /// The row of products of unsorted segments.
    UNSORTED_SEGMENT_PROD "UnsortedSegmentProd" Prod true
        "data: T, segment_ids: Tindices, num_segments: Tnumsegments -> output: T";
    /// The row of smallest elements of unsorted segments.
    UNSORTED_SEGMENT_MIN "UnsortedSegmentMin" Min true
        "data: T, segment_ids: Tindices, num_segments: Tnumsegments -> output: T";
    /// The row of largest elements of unsorted segments.
    UNSORTED_SEGMENT_MAX "UnsortedSegmentMax" Max true
        "data: T, segment_ids: Tindices, num_segments: Tnumsegments -> output: T";
}

fn examples(how: Combine, is_unsorted: bool) -> Vec<Example> {
    let op = || Segment { how, is_unsorted };
    let data = || [[1.0f32, 2.0], [3.0, 4.0], [5.0, 6.0]].into_value();
    match is_unsorted {
        false => vec![
            Example::new(op(), [data(), [0i32, 0, 2].into_value()]),
            Example::new(op(), [[1i32, 2, 3].into_value(), [0i64, 1, 1].into_value()]),
        ],
        true => vec![
            Example::new(op(), [data(), [1i32, -1, 0].into_value(), 3i32.into_value()]),
            Example::new(op(), [data(), [[0i64, 1], [1, 0], [2, 0]].into_value(), 4i32.into_value()]),
        ],
    }
}

impl Op for Segment {
    fn kind(&self) -> &'static OpKind {
        match (self.how, self.is_unsorted) {
            (Combine::Sum, false) => &SEGMENT_SUM,
            (Combine::Mean, _) => &SEGMENT_MEAN,
            (Combine::Prod, false) => &SEGMENT_PROD,
            (Combine::Min, false) => &SEGMENT_MIN,
            (Combine::Max, false) => &SEGMENT_MAX,
            (Combine::Sum, true) => &UNSORTED_SEGMENT_SUM,
            (Combine::Prod, true) => &UNSORTED_SEGMENT_PROD,
            (Combine::Min, true) => &UNSORTED_SEGMENT_MIN,
            (Combine::Max, true) => &UNSORTED_SEGMENT_MAX,
        }
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        let (data, ids) = (cx.shape(0), cx.shape(1));
        if !self.is_unsorted {
            let ids = ids.with_rank(1)?;
            let data = data.with_rank_at_least(1)?;
            data.dim(0).merge(&ids.dim(0))?;
            let rest = data.slice(1..)?;
            cx.output(cx.dtype(0), Shape::new([Dim::unknown()]).concat(&rest)?);
            return Ok(());
        }
        let shape = unsorted_shape(cx)?;
        cx.output(cx.dtype(0), shape);
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let data = cx.input(0);
        let ids = cx.ints(cx.input(1))?;
        let rows = cx.input(1).rank();
        if data.rank() < rows || data.dims()[..rows] != *cx.input(1).dims() || (rows != 1 && !self.is_unsorted) {
            return Err(Error::shape("segment_ids should be the same size as dimension 0 of input"));
        }
        let segments = if self.is_unsorted { check_unsorted(cx, &ids)? } else { check_sorted(&ids)? };
        let dims = [&[segments][..], &data.dims()[rows..]].concat();
        let mut out = cx.alloc(data.dtype(), &dims)?;
        let (formula, [start, empty]) = self.formula();
        let refuse = || Error::unsupported(format!("segments of {} cannot be combined", data.dtype()));
        let change = Change::of(formula, data.dtype()).filter(|_| data.dtype() != DType::Bool).ok_or_else(refuse)?;
        let limits = [start.of(data.dtype()).ok_or_else(refuse)?, empty.of(data.dtype()).ok_or_else(refuse)?];
        self.fold(cx, &ids, &change, limits, number_bytes_mut(&mut out)?)?;
        if self.how == Combine::Mean {
            divide_by_counts(cx, &ids, &mut out)?;
        }
        cx.output(0, out);
        Ok(())
    }
}

/// Divides each row by how many ids name it.
fn divide_by_counts(cx: &RunCx<'_>, ids: &[i64], out: &mut Value) -> Result<()> {
    let (segments, width, dtype) = (out.dims()[0], out.dims()[1..].iter().product::<usize>(), out.dtype());
    if width == 0 {
        return Ok(());
    }
    let (counts, mut pace) = (counts(cx, ids, segments)?, cx.pace());
    let divide = Change::of(Formula::Div, dtype).ok_or_else(|| Error::internal("means are of numbers"))?;
    let rows = number_bytes_mut(out)?.chunks_exact_mut(width * divide.size());
    for (row, count) in rows.zip(counts) {
        pace.spend(4 + 4 * width)?;
        let count = number(count.max(1), dtype).ok_or_else(|| Error::internal("means are of numbers"))?;
        divide.run(row, count.get());
    }
    Ok(())
}

/// A count as a number. One past an integer's range divides by it as 1: the sum has wrapped long before.
fn number(count: usize, dtype: DType) -> Option<Bytes> {
    with_type!(dtype, T in numbers => {
        Some(Bytes::of(<T as FromPrimitive>::from_usize(count).unwrap_or(T::ONE)))
    }, else => None)
}

/// How many ids name each segment; all of them are below `segments`.
pub(super) fn counts(cx: &RunCx<'_>, ids: &[i64], segments: usize) -> Result<ScratchVec<usize>> {
    let (mut counts, mut pace) = (cx.scratch::<usize>(segments)?, cx.pace());
    for id in ids {
        pace.spend(4)?;
        counts[*id as usize] += 1;
    }
    Ok(counts)
}

/// The shape of rows that are combined by unsorted ids: `(n, ..), (n), segments -> (segments, ..)`.
pub(in crate::ops) fn unsorted_shape(cx: &InferCx<'_>) -> Result<Shape> {
    let (data, ids) = (cx.shape(0), cx.shape(1));
    cx.shape(2).with_rank(0)?;
    let segments = cx.sizes(2).and_then(|sizes| sizes.first().cloned()).unwrap_or_else(Dim::unknown);
    if let Some(n) = segments.as_i64().filter(|n| *n < 0) {
        return Err(Error::invalid(format!("num_segments must be 0 or more, but is {n}")));
    }
    let (Some(n), Some(rank)) = (ids.rank(), data.rank()) else { return Ok(Shape::unknown()) };
    if n > rank {
        return Err(Error::shape(format!("shape must be at least rank {n} but is rank {rank}")));
    }
    ids.merge(&data.slice(..n)?)?;
    Shape::new([segments]).concat(&data.slice(n..)?)
}

/// How many segments sorted ids name.
pub(super) fn check_sorted(ids: &[i64]) -> Result<usize> {
    if ids.windows(2).any(|pair| pair[0] > pair[1]) {
        return Err(Error::invalid("segment ids are not increasing"));
    }
    let (Some(first), Some(last)) = (ids.first(), ids.last()) else { return Ok(0) };
    let n = last.checked_add(1).and_then(|n| usize::try_from(n).ok()).filter(|_| *first >= 0);
    n.ok_or_else(|| Error::invalid(format!("segment ids must be >= 0, but one is {first}")))
}

/// How many segments there are of unsorted ids. Ids of rows without elements are not looked at, as in TensorFlow.
fn check_unsorted(cx: &RunCx<'_>, ids: &[i64]) -> Result<usize> {
    let n = cx.input(2);
    if n.rank() != 0 {
        return Err(Error::shape(format!("num_segments should be a scalar, not shape {}", Shape::from(n.dims()))));
    }
    let n = to_int(n);
    let n = n.and_then(|n| usize::try_from(n).ok());
    let n = n.ok_or_else(|| Error::invalid("num_segments must be one number of 0 or more"))?;
    match ids.iter().enumerate().find(|(_, id)| **id >= n as i64) {
        Some((i, id)) if !cx.input(0).is_empty() => {
            Err(Error::invalid(format!("segment_ids[{i}] = {id} is out of range [0, {n})")))
        }
        _ => Ok(n),
    }
}

impl Segment {
    /// How rows are folded, what begins a segment, and what one is that has no rows.
    fn formula(&self) -> (Formula, [Start; 2]) {
        match (self.how, self.is_unsorted) {
            (Combine::Sum | Combine::Mean, _) => (Formula::Add, [Start::Zero; 2]),
            (Combine::Prod, _) => (Formula::Mul, [Start::One; 2]),
            (Combine::Max, true) => (Formula::LargerUpdate, [Start::Lowest; 2]),
            (Combine::Max, false) => (Formula::Larger, [Start::Least, Start::Zero]),
            (Combine::Min, true) => (Formula::SmallerUpdate, [Start::Highest; 2]),
            (Combine::Min, false) => (Formula::Smaller, [Start::Greatest, Start::Zero]),
        }
    }

    /// Folds each row into that of its segment. `start` begins a segment, `empty` is one that has no rows. A row that
    /// makes up a sorted segment alone is it, as in TensorFlow: not even NaN is compared.
    fn fold(
        &self,
        cx: &RunCx<'_>,
        ids: &[i64],
        change: &Change,
        [start, empty]: [Bytes; 2],
        out: &mut [u8],
    ) -> Result<()> {
        let (mut data, mut pace) = (cx.input(0).bytes()?, cx.pace());
        fill_bytes(out, &empty);
        let row_len = data.len().checked_div(ids.len()).unwrap_or(0);
        if row_len == 0 {
            return Ok(());
        }
        for same in ids.chunk_by(|a, b| a == b) {
            pace.spend(4 + same.len() * (row_len / change.size()))?;
            let (rows, rest) = data.split_at(same.len() * row_len);
            data = rest;
            let Ok(segment) = usize::try_from(same[0]) else { continue };
            let cells = &mut out[segment * row_len..][..row_len];
            if !self.is_unsorted && same.len() == 1 {
                cells.copy_from_slice(rows);
                continue;
            }
            if !self.is_unsorted {
                fill_bytes(cells, &start);
            }
            for row in rows.chunks_exact(row_len) {
                change.run(cells, row);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{infer_err, infer_ok, run_op};

    #[test]
    fn rows_keep_their_shape() {
        let sorted = Segment { how: Combine::Sum, is_unsorted: false };
        infer_ok(&sorted, "(4,2);int32(4)", "(?,2)");
        infer_err(&sorted, "(4,2);int32(3)", "dimensions must be equal, but are 4 and 3");
        let unsorted = Segment { how: Combine::Sum, is_unsorted: true };
        infer_ok(&unsorted, "(4,2,3);int32(4,2);int32()", "(?,3)");
    }

    #[track_caller]
    fn check(how: Combine, is_unsorted: bool, want: &[f32]) {
        let data = Value::from_vec(&[4, 1], vec![1.0f32, 3.0, 5.0, 7.0]).unwrap();
        let ids = if is_unsorted { [0i32, -1, 2, 2] } else { [0, 0, 2, 2] };
        let mut inputs = vec![data, ids.into_value()];
        inputs.extend(is_unsorted.then(|| 3i32.into_value()));
        let got = run_op(Segment { how, is_unsorted }, &inputs).unwrap();
        assert_eq!(got[0].slice::<f32>().unwrap(), want);
    }

    /// As TensorFlow 1.15.5.
    #[test]
    fn the_number_of_segments_is_a_scalar() {
        let op = Segment { how: Combine::Sum, is_unsorted: true };
        let g = crate::graph::Graph::new();
        let n = g.placeholder(crate::DType::I32, Shape::unknown()).unwrap();
        let data = g.constant([7i32]).unwrap();
        let sum = g.apply_one(op, &[&data, &g.constant([1i32]).unwrap(), &n]).unwrap();
        let fed = crate::session::Session::new(&g).unwrap().run_values(&[(n, [4i32].into_value())], &[sum], &[]);
        assert!(fed.unwrap_err().message().contains("num_segments should be a scalar, not shape (1,)"));
    }

    /// As TensorFlow 1.15.5 answers.
    #[test]
    fn empty_segments_follow_tensorflow() {
        check(Combine::Sum, false, &[4.0, 0.0, 12.0]);
        check(Combine::Mean, false, &[2.0, 0.0, 6.0]);
        check(Combine::Prod, false, &[3.0, 1.0, 35.0]);
        check(Combine::Max, false, &[3.0, 0.0, 7.0]);
        check(Combine::Prod, true, &[1.0, 1.0, 35.0]);
        check(Combine::Min, true, &[1.0, f32::MAX, 5.0]);
        check(Combine::Max, true, &[1.0, f32::MIN, 7.0]);
    }

    /// As TensorFlow 1.15.5 answers: the last NaN of unsorted ids stays, those of sorted ids count for nothing unless they
    /// are alone, and infinities are extremes but where unsorted ids start from a finite number.
    #[test]
    fn infinities_and_nan_follow_tensorflow() {
        let (inf, nan) = (f32::INFINITY, f32::NAN);
        let rows = [[5.0, nan], [nan, 5.0], [-inf, -inf], [inf, inf], [nan, nan]].as_flattened().to_vec();
        let run = |how, is_unsorted: bool| {
            let data = Value::from_vec(&[11, 1], [&rows[..], &[nan]].concat()).unwrap();
            let mut inputs = vec![data, [0i32, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5].into_value()];
            inputs.extend(is_unsorted.then(|| 6i32.into_value()));
            run_op(Segment { how, is_unsorted }, &inputs).unwrap()[0].to_string().replace("\n ", "")
        };
        assert_eq!(run(Combine::Max, false), "[[  5.][  5.][-inf][ inf][-inf][ nan]]");
        assert_eq!(run(Combine::Min, false), "[[  5.][  5.][-inf][ inf][ inf][ nan]]");
        let largest = [f32::NAN, 5.0, f32::MIN, inf, nan, nan];
        let smallest = [f32::NAN, 5.0, -inf, f32::MAX, nan, nan];
        for (how, want) in [(Combine::Max, largest), (Combine::Min, smallest)] {
            assert_eq!(run(how, true), Value::from_vec(&[6, 1], want.to_vec()).unwrap().to_string().replace("\n ", ""));
        }
    }

    /// As TensorFlow 1.15.5: a single row is taken as it is, and ids of rows without elements are not looked at.
    #[test]
    fn lone_and_empty_rows_are_not_looked_at() {
        let minus_zero = Value::from_vec(&[1, 1], vec![-0.0f32]).unwrap();
        let got =
            run_op(Segment { how: Combine::Sum, is_unsorted: false }, &[minus_zero, [0i32].into_value()]).unwrap();
        assert!(got[0].slice::<f32>().unwrap()[0].is_sign_negative());
        let none = || Value::from_vec(&[2, 0], Vec::<f32>::new()).unwrap();
        let op = Segment { how: Combine::Max, is_unsorted: true };
        let got = run_op(op, &[none(), [0i32, 7].into_value(), 3i32.into_value()]).unwrap();
        assert_eq!(got[0].dims(), [3, 0]);
        let sorted = run_op(Segment { how: Combine::Max, is_unsorted: false }, &[none(), [1i32, 0].into_value()]);
        assert!(sorted.unwrap_err().message().contains("segment ids are not increasing"));
    }
}
