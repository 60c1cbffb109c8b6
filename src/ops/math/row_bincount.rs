//! `SparseBincount` and `RaggedBincount`: how often each small integer stands in each row, of rows that are given by
//! indices or by where they end.

use std::sync::Arc;

use super::dense_bincount::{DenseBincount, check_bincount_dtypes, checked_size, places};
use crate::error::{Error, Result};
use crate::graph::{AttrValue, Attrs, Example, InferCx, Op, OpKind, RunCx, to_int};
use crate::shape::{Dim, Shape};
use crate::value::{IntoValue, ScratchVec, Value};
use crate::with_type;

/// How often each integer from 0 up to a size stands in each row of a sparse matrix, or in a sparse vector, or the sum of
/// its weights.
///
/// Source: TensorFlow 2's `SparseBincount`.
#[derive(Debug, Clone)]
pub struct SparseBincount {
    /// Whether to say 1 for what stands there at all, whatever its weights.
    pub binary_output: bool,
}

/// The same for the rows of a ragged matrix: `splits: (rows + 1), values: (n), (), weights -> (rows, size)`.
///
/// Source: TensorFlow 2's `RaggedBincount`.
#[derive(Debug, Clone)]
pub struct RaggedBincount {
    /// Whether to say 1 for what stands there at all, whatever its weights.
    pub binary_output: bool,
}

/// The row of [`SparseBincount`].
pub static SPARSE_BINCOUNT: OpKind = OpKind::new(
    "SparseBincount",
    "indices: int64, values: Tidx, dense_shape: int64, size: Tidx, weights: T -> output: T",
    |attrs: &Attrs| Ok(Arc::new(SparseBincount { binary_output: attrs.bool_or("binary_output", false)? })),
    || {
        let (indices, values) = ([[0i64, 0], [1, 0], [1, 2]].into_value(), [1i32, 0, 5].into_value());
        let of = |binary_output, shape: [i64; 2], weights: Value| {
            let inputs = [indices.clone(), values.clone(), shape.into_value(), 3i32.into_value(), weights];
            Example::new(SparseBincount { binary_output }, inputs)
        };
        vec![of(false, [2, 3], [0.5f32, 1.0, 2.0].into_value()), of(true, [4, 3], Vec::<i64>::new().into_value())]
    },
)
.not_differentiable("TensorFlow gives it no gradient");

/// The row of [`RaggedBincount`].
pub static RAGGED_BINCOUNT: OpKind = OpKind::new(
    "RaggedBincount",
    "splits: int64, values: Tidx, size: Tidx, weights: T -> output: T",
    |attrs: &Attrs| Ok(Arc::new(RaggedBincount { binary_output: attrs.bool_or("binary_output", false)? })),
    || {
        let of = |binary_output, weights: Value| {
            let inputs = [[0i64, 2, 2, 3].into_value(), [1i64, 0, 5].into_value(), 3i64.into_value(), weights];
            Example::new(RaggedBincount { binary_output }, inputs)
        };
        vec![of(false, [0.5f64, 1.0, 2.0].into_value()), of(true, Vec::<i32>::new().into_value())]
    },
)
.not_differentiable("TensorFlow gives it no gradient");

/// The size as a dim.
fn size_dim(cx: &InferCx<'_>, i: usize) -> Result<Dim> {
    cx.shape(i).with_rank(0)?;
    match cx.ints(i).as_deref() {
        Some(&[size]) => checked_size(size).map(Dim::from),
        _ => Ok(Dim::unknown()),
    }
}

/// Counts the values, of which value `i` stands in row `row_of[i]`, or all in one, and puts the counts out.
fn count(
    cx: &mut RunCx<'_>,
    op: DenseBincount,
    [values, size, weights]: [usize; 3],
    n_rows: Option<usize>,
    row_of: &[usize],
) -> Result<()> {
    let (at, values, weights) = (values, cx.input(values), cx.input(weights));
    if !weights.is_empty() && weights.dims() != values.dims() {
        let (values, weights) = (values.dims(), weights.dims());
        return Err(Error::shape(format!(
            "the weights must have the shape {values:?} or no elements, but have {weights:?}"
        )));
    }
    let size = match to_int(cx.input(size)) {
        Some(n) if cx.input(size).rank() == 0 => checked_size(n)?,
        _ => return Err(Error::shape(format!("the size must be a scalar, but has {:?}", cx.input(size).dims()))),
    };
    let places = places(cx, at)?;
    let dims: Vec<usize> = n_rows.into_iter().chain([size]).collect();
    let mut bins = cx.alloc_zeros(weights.dtype(), &dims)?;
    with_type!(weights.dtype(), T in wide_signed => {
        op.count::<T>(cx, &places, &|i| row_of[i], weights.slice()?, bins.make_mut::<T>()?, size)?;
    }, else => return Err(Error::unsupported(format!("weights cannot be {}", weights.dtype()))));
    cx.output(0, bins);
    Ok(())
}

impl Op for SparseBincount {
    fn kind(&self) -> &'static OpKind {
        &SPARSE_BINCOUNT
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        check_bincount_dtypes(cx.dtype(1), cx.dtype(4))?;
        let size = size_dim(cx, 3)?;
        let rank = cx.shape(2).with_rank(1)?.dim(0);
        let shape = match (rank.known(), cx.shape_from(2)?.dims()) {
            (Some(1), _) => Shape::new([size]),
            (Some(2), Some([rows, _])) => Shape::new([rows.clone(), size]),
            (Some(2), _) => Shape::new([Dim::unknown(), size]),
            (Some(rank), _) => return Err(Error::shape(format!("dense_shape must have 1 or 2 dims, but has {rank}"))),
            (None, _) => Shape::unknown(),
        };
        cx.output(cx.dtype(4), shape);
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let (indices, n) = (cx.input(0), cx.input(1).len());
        let shape = cx.input(2).slice::<i64>()?;
        let rows = match shape {
            [_] => None,
            [rows, _] => Some(checked_size(*rows)?),
            _ => return Err(Error::shape(format!("dense_shape must have 1 or 2 dims, but has {}", shape.len()))),
        };
        if cx.input(1).rank() != 1 || indices.dims() != [n, shape.len()] {
            let (indices, rank) = (indices.dims(), shape.len());
            return Err(Error::shape(format!("indices must have the shape [{n}, {rank}], but have {indices:?}")));
        }
        let row = |row: &[i64]| {
            if row.iter().zip(shape).any(|(at, size)| !(0..*size).contains(at)) {
                return Err(Error::invalid(format!("index {row:?} is out of bounds of the shape {shape:?}")));
            }
            Ok(if rows.is_some() { row[0] as usize } else { 0 })
        };
        let (mut row_of, mut pace) = (cx.list(n)?, cx.pace());
        for index in indices.slice::<i64>()?.chunks(shape.len()) {
            pace.spend(4)?;
            row_of.push(row(index)?)?;
        }
        count(cx, DenseBincount { binary_output: self.binary_output }, [1, 3, 4], rows, &row_of)
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        vec![("binary_output", AttrValue::Bool(self.binary_output))]
    }
}

impl Op for RaggedBincount {
    fn kind(&self) -> &'static OpKind {
        &RAGGED_BINCOUNT
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        check_bincount_dtypes(cx.dtype(1), cx.dtype(3))?;
        cx.shape(0).with_rank(1)?;
        let size = size_dim(cx, 2)?;
        // As TensorFlow: the rows are those of the run.
        cx.output(cx.dtype(3), Shape::new([Dim::unknown(), size]));
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let splits = cx.input(0).slice::<i64>()?;
        let row_of = rows_of(cx, splits, cx.input(1).len())?;
        let rows = Some(splits.len() - 1);
        count(cx, DenseBincount { binary_output: self.binary_output }, [1, 2, 3], rows, &row_of)
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        vec![("binary_output", AttrValue::Bool(self.binary_output))]
    }
}

/// The row of each value.
fn rows_of(cx: &RunCx<'_>, splits: &[i64], n: usize) -> Result<ScratchVec<usize>> {
    let rises = splits.windows(2).all(|pair| pair[0] <= pair[1]);
    if splits.first() != Some(&0) || splits.last() != Some(&(n as i64)) || !rises {
        return Err(Error::invalid(format!("splits must rise from 0 to the {n} values, but are {splits:?}")));
    }
    let lens = splits.windows(2).map(|pair| (pair[1] - pair[0]) as usize);
    let (mut rows, mut pace) = (cx.list(n)?, cx.pace());
    for (row, len) in lens.enumerate() {
        pace.spend(4 + len)?;
        rows.resize(rows.len() + len, row)?;
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{infer_err, infer_ok, run_op};

    fn text(out: Result<Vec<Value>>) -> String {
        out.map_or_else(|error| error.message().to_owned(), |out| out[0].to_string().replace('\n', ""))
    }

    /// As TensorFlow 2.15.1 answers.
    #[test]
    fn values_count_for_the_rows_of_their_indices() {
        let count = |binary_output, indices: Value, shape: Value, weights: Value| {
            let inputs = [indices, [1i32, 1, 7, 2].into_value(), shape, 3i32.into_value(), weights];
            text(run_op(SparseBincount { binary_output }, &inputs))
        };
        let matrix = || [[0i64, 0], [0, 2], [1, 0], [2, 1]].into_value();
        let none = || Vec::<i64>::new().into_value();
        assert_eq!(count(false, matrix(), [3i64, 3].into_value(), none()), "[[0 2 0] [0 0 0] [0 0 1]]");
        assert_eq!(count(true, matrix(), [3i64, 3].into_value(), none()), "[[0 1 0] [0 0 0] [0 0 1]]");
        let weights = [0.5f32, 1.0, 2.0, 4.0].into_value();
        assert_eq!(
            count(false, matrix(), [3i64, 3].into_value(), weights),
            "[[0.  1.5 0. ] [0.  0.  0. ] [0.  0.  4. ]]"
        );
        let vector = [[0i64], [2], [3], [4]].into_value();
        assert_eq!(count(false, vector, [5i64].into_value(), none()), "[0 2 1]");
        assert!(
            count(false, matrix(), [2i64, 3].into_value(), none())
                .contains("index [2, 1] is out of bounds of the shape [2, 3]")
        );
    }

    /// As TensorFlow 2.15.1 answers.
    #[test]
    fn values_count_for_the_rows_that_splits_make() {
        let count = |splits: &[i64], binary_output| {
            let inputs =
                [splits.into_value(), [1i64, 1, 7, 2].into_value(), 3i64.into_value(), Vec::<i32>::new().into_value()];
            text(run_op(RaggedBincount { binary_output }, &inputs))
        };
        assert_eq!(count(&[0, 2, 2, 4], false), "[[0 2 0] [0 0 0] [0 0 1]]");
        assert_eq!(count(&[0, 2, 2, 4], true), "[[0 1 0] [0 0 0] [0 0 1]]");
        for splits in [&[0, 2][..], &[1, 4], &[0, 3, 2, 4], &[]] {
            assert!(count(splits, false).starts_with("splits must rise from 0 to the 4 values"));
        }
    }

    #[test]
    fn shapes_are_those_of_the_rows() {
        let sparse = SparseBincount { binary_output: false };
        infer_ok(&sparse, "int64(?,2);int32(?);int64(2);int32();float32(0)", "(?,?)");
        infer_ok(&sparse, "int64(?,1);int32(?);int64(1);int32();float32(0)", "(?)");
        infer_err(&sparse, "int64(?,3);int32(?);int64(3);int32();float32(0)", "must have 1 or 2 dims, but has 3");
        let ragged = RaggedBincount { binary_output: false };
        infer_ok(&ragged, "int64(4);int32(?);int32();float32(0)", "(?,?)");
        infer_err(&ragged, "int64(4);int32(?);int32();bool(0)", "but are bool");
    }
}
