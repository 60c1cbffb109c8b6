//! `DenseBincount`: how often each small integer stands in a vector, or in each row of a matrix.

use std::sync::Arc;

use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::graph::{AttrValue, Attrs, Example, InferCx, Op, OpKind, RunCx, to_int};
use crate::kernel::Number;
use crate::shape::{Dim, Shape};
use crate::value::{IntoValue, ScratchVec};
use crate::with_type;

/// How often each integer from 0 up to a size stands in a vector or in each row of a matrix, or the sum of its weights:
/// `(n), (), weights -> (size)`, `(rows, n), (), weights -> (rows, size)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DenseBincount {
    /// Whether to say 1 for what stands there at all, whatever its weights.
    pub binary_output: bool,
}

/// The row of [`DenseBincount`].
pub static DENSE_BINCOUNT: OpKind =
    OpKind::new("DenseBincount", "input: Tidx, size: Tidx, weights: T -> output: T", parse, examples)
        .not_differentiable("TensorFlow gives it no gradient");

fn parse(attrs: &Attrs) -> Result<Arc<dyn Op>> {
    Ok(Arc::new(DenseBincount { binary_output: attrs.bool_or("binary_output", false)? }))
}

fn examples() -> Vec<Example> {
    let op = |binary_output| DenseBincount { binary_output };
    let unweighted = || Vec::<i32>::new().into_value();
    vec![
        Example::new(op(false), [[1i32, 1, 3, 7].into_value(), 4i32.into_value(), unweighted()]),
        Example::new(
            op(false),
            [[[0i64, 2], [2, 1]].into_value(), 3i64.into_value(), [[0.5f32, 1.0], [2.0, 4.0]].into_value()],
        ),
        Example::new(op(true), [[[1i32, 1], [0, 9]].into_value(), 2i32.into_value(), unweighted()]),
    ]
}

impl Op for DenseBincount {
    fn kind(&self) -> &'static OpKind {
        &DENSE_BINCOUNT
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        let dtype = cx.dtype(2);
        check_bincount_dtypes(cx.dtype(0), dtype)?;
        let input = cx.shape(0).with_rank_at_most(2)?;
        cx.shape(1).with_rank(0)?;
        let size = match cx.ints(1).as_deref() {
            Some(&[size]) => Dim::from(checked_size(size)?),
            _ => Dim::unknown(),
        };
        let shape = match input.rank() {
            Some(0) => return Err(Error::shape("the input must be a vector or a matrix, but is a scalar")),
            Some(1) => Shape::from(vec![size]),
            Some(_) => Shape::from(vec![input.dim(0), size]),
            None => Shape::unknown(),
        };
        cx.output(dtype, shape);
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let (input, weights) = (cx.input(0), cx.input(2));
        let dims = input.dims();
        if !matches!(dims.len(), 1 | 2) {
            return Err(Error::shape(format!("the input must be a vector or a matrix, but has rank {}", dims.len())));
        }
        if !weights.is_empty() && weights.dims() != dims {
            let text =
                format!("the weights must have the shape {dims:?} or no elements, but have {:?}", weights.dims());
            return Err(Error::shape(text));
        }
        let size = match to_int(cx.input(1)) {
            Some(size) if cx.input(1).rank() == 0 => checked_size(size)?,
            _ => return Err(Error::shape(format!("the size must be a scalar, but has {:?}", cx.input(1).dims()))),
        };
        let places = places(cx, 0)?;
        let mut bins = cx.alloc_zeros(weights.dtype(), &[&dims[..dims.len() - 1], &[size]].concat())?;
        if size > 0 {
            let width = dims[dims.len() - 1];
            with_type!(weights.dtype(), T in wide_signed => {
                self.count::<T>(cx, &places, &|i| i / width, weights.slice()?, bins.make_mut::<T>()?, size)?;
            }, else => return Err(Error::unsupported(format!("weights cannot be {}", weights.dtype()))));
        }
        cx.output(0, bins);
        Ok(())
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        vec![("binary_output", AttrValue::Bool(self.binary_output))]
    }
}

impl DenseBincount {
    /// Integer `i` counts for row `row_of(i)` of `size` bins.
    pub(super) fn count<T: Number>(
        &self,
        cx: &RunCx<'_>,
        places: &[i64],
        row_of: &dyn Fn(usize) -> usize,
        weights: &[T],
        bins: &mut [T],
        size: usize,
    ) -> Result<()> {
        let mut pace = cx.pace();
        for (i, &place) in places.iter().enumerate() {
            pace.spend(8)?;
            let place = place as usize;
            // Integers beyond the last bin are not counted.
            if place < size {
                let bin = &mut bins[row_of(i) * size + place];
                let weight = weights.get(i).copied().unwrap_or(T::ONE);
                *bin = if self.binary_output { T::ONE } else { bin.plus(weight) };
            }
        }
        Ok(())
    }
}

/// Refuses what cannot be counted, and weights that cannot be added.
pub(super) fn check_bincount_dtypes(index: DType, weights: DType) -> Result<()> {
    if !matches!(index, DType::I32 | DType::I64) {
        return Err(Error::dtype(format!("the input must be int32 or int64, but is {index}")));
    }
    if !matches!(weights, DType::I32 | DType::I64 | DType::F32 | DType::F64) {
        let text = format!("the weights must be int32, int64, float32 or float64, but are {weights}");
        return Err(Error::unsupported(text));
    }
    Ok(())
}

pub(super) fn checked_size(size: i64) -> Result<usize> {
    usize::try_from(size).map_err(|_| Error::invalid(format!("size ({size}) must be non-negative")))
}

pub(super) fn places(cx: &RunCx<'_>, input: usize) -> Result<ScratchVec<i64>> {
    let places = cx.ints(cx.input(input))?;
    match places.iter().find(|n| **n < 0) {
        Some(n) => Err(Error::invalid(format!("the input must be non-negative, but has {n}"))),
        None => Ok(places),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{ends_early, infer_err, infer_ok, run_op};

    #[track_caller]
    fn check(binary_output: bool, input: impl IntoValue, weights: impl IntoValue) -> Result<String> {
        let inputs = [input.into_value(), 3.into_value(), weights.into_value()];
        run_op(DenseBincount { binary_output }, &inputs).map(|out| out[0].to_string().replace('\n', ""))
    }

    /// As TensorFlow 2.15.1 answers.
    #[test]
    fn rows_are_counted_on_their_own() {
        let none = Vec::<i64>::new;
        assert_eq!(check(false, [1, 1, 2, 7], none()).unwrap(), "[0 2 1]");
        assert_eq!(check(true, [1, 1, 2, 7], none()).unwrap(), "[0 1 1]");
        assert_eq!(check(false, [[1, 1], [2, 0]], none()).unwrap(), "[[0 2 0] [1 0 1]]");
        assert_eq!(check(false, [1, 1, 0], [0.5f32, 2.0, 4.0]).unwrap(), "[4.  2.5 0. ]");
        assert_eq!(check(true, [1, 1, 0], [0.5f32, 2.0, 4.0]).unwrap(), "[1. 1. 0.]");
    }

    #[test]
    fn what_cannot_be_counted_is_refused() {
        let text = |result: Result<String>| result.unwrap_err().to_string();
        assert!(text(check(false, [1, -2], Vec::<i32>::new())).contains("must be non-negative, but has -2"));
        assert!(text(check(false, [1, 2], [1.0f32])).contains("the weights must have the shape [2]"));
        let op = DenseBincount { binary_output: false };
        infer_ok(&op, "int32(?,3);int32();float32(0)", "(?,?)");
        infer_err(&op, "int32(1,2,3);int32();float32(0)", "at most rank 2");
        infer_err(&op, "int32();int32();float32(0)", "but is a scalar");
    }

    #[test]
    fn long_counts_end_with_their_run() {
        let input = crate::Value::zeros(DType::I32, &[1 << 20]).unwrap();
        let op = DenseBincount { binary_output: false };
        ends_early(&op, &[input, 4.into_value(), Vec::<i32>::new().into_value()], 1 << 20);
    }
}
