//! `HistogramFixedWidth`: how many numbers lie in each of equally wide parts of a range.

use std::cmp::Ordering;
use std::sync::Arc;

use num_traits::{One, ToPrimitive, WrappingAdd};

use crate::dtype::{DType, Plain};
use crate::error::{Error, Result};
use crate::graph::{AttrValue, Attrs, Example, InferCx, Op, OpKind, RunCx, Tensor};
use crate::ops::wide::widened;
use crate::shape::{Dim, Shape};
use crate::value::{IntoValue, Value};
use crate::with_type;

/// How many numbers lie in each of `nbins` equally wide parts of a range: `(..), (2), () -> (nbins)`. What lies below the
/// range counts for the first part, what lies above it for the last.
#[derive(Debug, Clone)]
pub struct HistogramFixedWidth {
    /// int32 or int64: the dtype of the counts.
    pub dtype: DType,
}

/// The row of [`HistogramFixedWidth`].
pub static HISTOGRAM_FIXED_WIDTH: OpKind =
    OpKind::new("HistogramFixedWidth", "values: T, value_range: T, nbins: int32 -> out: dtype", parse, examples)
        .not_differentiable("counts do not change smoothly");

impl Tensor {
    /// How many numbers lie in each of `nbins` equally wide parts of `range`, which is a vector of its two ends:
    /// `(..), (2), () -> (nbins)`, as int32. See [`HistogramFixedWidth`].
    ///
    /// # Errors
    /// `Unsupported` for other dtypes than int32, int64, float32 and float64; in the run `InvalidArgument` for a range
    /// that does not rise.
    ///
    /// Source: TensorFlow's `HistogramFixedWidth`.
    ///
    /// ```
    /// # use sessile::prelude::*;
    /// # fn main() -> sessile::Result<()> {
    /// let g = Graph::new();
    /// let x = g.placeholder(DType::F32, shape![?, 3])?;
    /// assert_eq!(x.histogram_fixed_width([0.0f32, 5.0], 10)?.shape().to_string(), "(10,)");
    /// # Ok(()) }
    /// ```
    #[doc(alias = "tf.histogram_fixed_width")]
    #[track_caller]
    pub fn histogram_fixed_width(&self, range: impl IntoValue, nbins: i32) -> Result<Tensor> {
        let g = self.graph();
        g.composite("histogram_fixed_width", |scope| {
            let range = g.named("value_range", || g.constant(range))?;
            let nbins = g.named("nbins", || g.constant(nbins))?;
            let op = HistogramFixedWidth { dtype: DType::I32 };
            g.named(scope, || g.apply_one(op, &[self, &range, &nbins]))
        })
    }
}

fn parse(attrs: &Attrs) -> Result<Arc<dyn Op>> {
    Ok(Arc::new(HistogramFixedWidth { dtype: attrs.dtype_or("dtype", DType::I32)? }))
}

fn examples() -> Vec<Example> {
    let of = |dtype, inputs: [Value; 3]| Example::new(HistogramFixedWidth { dtype }, inputs);
    vec![
        of(DType::I32, [[[-1.0f32, 0.0], [1.5, 2.0]].into_value(), [0.0f32, 5.0].into_value(), 5.into_value()]),
        of(DType::I64, [[1i32, 7, 3].into_value(), [0i32, 4].into_value(), 2.into_value()]),
        of(DType::I32, [Vec::<f64>::new().into_value(), [0.0f64, 1.0].into_value(), 3.into_value()]),
    ]
}

impl Op for HistogramFixedWidth {
    fn kind(&self) -> &'static OpKind {
        &HISTOGRAM_FIXED_WIDTH
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        if !matches!(cx.dtype(0), DType::I32 | DType::I64 | DType::F32 | DType::F64) {
            let dtype = cx.dtype(0);
            return Err(Error::unsupported(format!(
                "values must be int32, int64, float32 or float64, but are {dtype}"
            )));
        }
        if !matches!(self.dtype, DType::I32 | DType::I64) {
            return Err(Error::dtype(format!("counts must be int32 or int64, but are {}", self.dtype)));
        }
        cx.shape(1).merge(&Shape::from([2]))?;
        cx.shape(2).with_rank(0)?;
        let bins = match cx.ints(2).as_deref() {
            Some(&[n]) => Dim::from(checked_bins(n)?),
            _ => Dim::unknown(),
        };
        cx.output(self.dtype, Shape::new([bins]));
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        if let Some(done) = widened(self, cx, &[0, 1], &[]) {
            return done;
        }
        let (values, range) = (cx.input(0), cx.input(1));
        let n = checked_bins(i64::from(cx.input(2).scalar::<i32>()?))?;
        let mut counts = cx.alloc_zeros(self.dtype, &[n])?;
        let mut add = match self.dtype {
            DType::I64 => adding(counts.make_mut::<i64>()?),
            _ => adding(counts.make_mut::<i32>()?),
        };
        with_type!(values.dtype(), T in wide_reals => count::<T>(cx, values.slice()?, range.slice()?, n, &mut *add)?, else => {
            return Err(Error::unsupported(format!("values cannot be {}", values.dtype())));
        });
        drop(add);
        cx.output(0, counts);
        Ok(())
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        vec![("dtype", AttrValue::Type(self.dtype))]
    }
}

fn checked_bins(n: i64) -> Result<usize> {
    let positive = usize::try_from(n).ok().filter(|n| *n > 0);
    positive.ok_or_else(|| Error::invalid(format!("nbins must be 1 or more, but is {n}")))
}

/// Values whose bins are found at once.
const PART: usize = 256;

/// Adds one to the count of each of these bins.
type Adding<'a> = Box<dyn FnMut(&[usize]) + 'a>;

/// Counts bins. Counts wrap as TensorFlow's do.
fn adding<T: WrappingAdd + One>(counts: &mut [T]) -> Adding<'_> {
    Box::new(|bins| bins.iter().for_each(|bin| counts[*bin] = counts[*bin].wrapping_add(&T::one())))
}

/// Counts in float64, in which the range of no dtype overflows.
fn count<T: Plain + ToPrimitive>(
    cx: &RunCx<'_>,
    values: &[T],
    range: &[T],
    n: usize,
    add: &mut dyn FnMut(&[usize]),
) -> Result<()> {
    let &[low, high] = range else {
        return Err(Error::shape(format!("value_range must have 2 elements, but has {}", range.len())));
    };
    let wide = |x: &T| x.to_f64().unwrap_or(f64::NAN);
    let (low, high) = (wide(&low), wide(&high));
    if low.partial_cmp(&high) != Some(Ordering::Less) {
        return Err(Error::invalid(format!("value_range must rise, but is from {low} to {high}")));
    }
    let (last, n) = (n - 1, n as f64);
    let step = high / n - low / n;
    let (mut bins, mut pace) = ([0; PART], cx.pace());
    for part in values.chunks(PART) {
        pace.spend(8 * PART)?;
        for (bin, x) in bins.iter_mut().zip(part) {
            let above = wide(x).min(high).max(low) - low;
            *bin = ((above / step) as usize).min(last);
        }
        add(&bins[..part.len()]);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{ends_in_time, infer_err, infer_ok, run_op, run_within};

    #[test]
    fn what_lies_outside_counts_at_the_ends() {
        let op = HistogramFixedWidth { dtype: DType::I32 };
        let got = |values: Value, range: Value| run_op(op.clone(), &[values, range, 5.into_value()]);
        let values = || [-1.0f32, 0.0, 1.5, 2.0, 5.0, 15.0].into_value();
        assert_eq!(got(values(), [0.0f32, 5.0].into_value()).unwrap()[0].to_string(), "[2 1 1 0 2]");
        assert_eq!(
            got(Value::zeros(DType::I64, &[0]).unwrap(), [0i64, 5].into_value()).unwrap()[0].to_string(),
            "[0 0 0 0 0]"
        );
        let error = got(values(), [5.0f32, 5.0].into_value()).unwrap_err();
        assert_eq!(error.message(), "value_range must rise, but is from 5 to 5");
        let whole = [i32::MIN, i32::MAX].into_value();
        let got = run_op(op.clone(), &[[i32::MIN, -5, 0, 5, i32::MAX].into_value(), whole, 2.into_value()]).unwrap();
        assert_eq!(got[0].to_string(), "[2 3]");
    }

    #[test]
    fn the_number_of_parts_is_the_size() {
        let op = HistogramFixedWidth { dtype: DType::I64 };
        infer_ok(&op, "(?,3);(2);int32()", "(?)");
        infer_err(&op, "(?,3);(3);int32()", "must be equal, but are 3 and 2");
        infer_err(&op, "(?,3);(2);int32(1)", "shape must be rank 0 but is rank 1");
        infer_err(&op, "uint8(3);uint8(2);int32()", "but are uint8");
        assert_eq!(checked_bins(0).unwrap_err().message(), "nbins must be 1 or more, but is 0");
    }

    #[test]
    fn long_histograms_end_with_their_run() {
        let op = HistogramFixedWidth { dtype: DType::I32 };
        let values = Value::zeros(DType::F32, &[1 << 20]).unwrap();
        ends_in_time(&op, &[values, [0.0f32, 1.0].into_value(), 4.into_value()]);
        let inputs = [[0.5f32].into_value(), [0.0f32, 1.0].into_value(), i32::MAX.into_value()];
        let error = run_within(op, &inputs, 1 << 20, u64::MAX).unwrap_err();
        assert!(error.message().starts_with("the memory budget is"), "{error}");
    }
}
