//! `Bincount`: how often each small integer stands in a tensor.

use std::sync::Arc;

use super::axes::ReduceAxes;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::graph::{Example, InferCx, Op, OpKind, RunCx, Tensor, to_int};
use crate::kernel::Number;
use crate::shape::{Dim, Shape};
use crate::value::{IntoValue, Value};
use crate::with_type;

/// How often each integer from 0 up to a size stands in a tensor, or the sum of its weights: `arr, size, weights`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bincount;

/// The row of [`Bincount`].
pub static BINCOUNT: OpKind =
    OpKind::new("Bincount", "arr: int32, size: int32, weights: T -> bins: T", |_| Ok(Arc::new(Bincount)), examples)
        .not_differentiable("TensorFlow gives it no gradient");

/// How many bins [`Tensor::bincount`] makes, and of which dtype.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bins {
    /// At least so many.
    pub min: Option<i32>,
    /// At most so many: larger integers are not counted.
    pub max: Option<i32>,
    /// int32, int64, float32 or float64.
    pub dtype: DType,
}

impl Default for Bins {
    fn default() -> Bins {
        Bins { min: None, max: None, dtype: DType::I32 }
    }
}

impl Tensor {
    /// How often each integer from 0 up to the largest stands in an int32 tensor of known rank: a vector, whose size is
    /// known in the run.
    ///
    /// # Errors
    /// `DTypeMismatch` for other tensors than int32; in the run `InvalidArgument` for a negative integer.
    ///
    /// Source: TensorFlow's `Bincount`.
    ///
    /// ```
    /// # use sessile::prelude::*;
    /// # fn main() -> sessile::Result<()> {
    /// let g = Graph::new();
    /// assert_eq!(g.constant([1, 1, 3])?.bincount(Default::default())?.shape().to_string(), "(4,)");
    /// # Ok(()) }
    /// ```
    #[doc(alias = "tf.bincount")]
    #[doc(alias = "tf.math.bincount")]
    #[track_caller]
    pub fn bincount(&self, bins: Bins) -> Result<Tensor> {
        let g = self.graph();
        g.composite("bincount", |_| {
            let is_nonempty = self.shape_tensor()?.reduce_prod(ReduceAxes::All)?.greater(0)?;
            let mut n = (is_nonempty.cast(DType::I32)? * (self.reduce_max(ReduceAxes::All)? + 1)?)?;
            if let Some(min) = bins.min {
                n = g.named("minlength", || g.constant(min))?.maximum(&n)?;
            }
            if let Some(max) = bins.max {
                n = g.named("maxlength", || g.constant(max))?.minimum(&n)?;
            }
            let unweighted = g.constant(Value::zeros(bins.dtype, &[0])?)?;
            g.apply_one(Bincount, &[self, &n, &unweighted])
        })
    }
}

fn examples() -> Vec<Example> {
    let example = |arr: Value, size: i32, weights: Value| Example::new(Bincount, [arr, size.into_value(), weights]);
    vec![
        example([1i32, 1, 3, 7].into_value(), 4, Vec::<i32>::new().into_value()),
        example([[0i32, 2], [2, 1]].into_value(), 3, [[0.5f32, 1.0], [2.0, 4.0]].into_value()),
        example(Vec::<i32>::new().into_value(), 0, Vec::<f64>::new().into_value()),
    ]
}

impl Op for Bincount {
    fn kind(&self) -> &'static OpKind {
        &BINCOUNT
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        let dtype = cx.dtype(2);
        if !matches!(dtype, DType::I32 | DType::I64 | DType::F32 | DType::F64) {
            let text = format!("the weights must be int32, int64, float32 or float64, but are {dtype}");
            return Err(Error::unsupported(text));
        }
        cx.shape(1).with_rank(0)?;
        let size = match cx.ints(1).as_deref() {
            Some(&[size]) => Dim::from(checked_size(size)?),
            _ => Dim::unknown(),
        };
        cx.output(dtype, Shape::from(vec![size]));
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let size = match to_int(cx.input(1)) {
            Some(size) if cx.input(1).rank() == 0 => checked_size(size)?,
            _ => return Err(Error::shape(format!("the size must be a scalar, but has {:?}", cx.input(1).dims()))),
        };
        let dtype = cx.input(2).dtype();
        let mut bins = cx.alloc(dtype, &[size])?;
        with_type!(dtype, T in wide_signed => count::<T>(cx, cx.input(0), cx.input(2), &mut bins)?, else => {
            return Err(Error::unsupported(format!("weights cannot be {dtype}")));
        });
        cx.output(0, bins);
        Ok(())
    }
}

fn checked_size(size: i64) -> Result<usize> {
    usize::try_from(size).map_err(|_| Error::invalid(format!("size ({size}) must be non-negative")))
}

fn count<T: Number>(cx: &RunCx<'_>, arr: &Value, weights: &Value, bins: &mut Value) -> Result<()> {
    if !weights.is_empty() && weights.dims() != arr.dims() {
        let text =
            format!("the weights must have the shape {:?} or no elements, but have {:?}", arr.dims(), weights.dims());
        return Err(Error::shape(text));
    }
    let (arr, weights, bins) = (arr.slice::<i32>()?, weights.slice::<T>()?, bins.make_mut::<T>()?);
    bins.fill(T::ZERO);
    let mut pace = cx.pace();
    for (i, &at) in arr.iter().enumerate() {
        pace.spend(2)?;
        let at =
            usize::try_from(at).map_err(|_| Error::invalid(format!("input arr must be non-negative, but has {at}")))?;
        // Integers beyond the last bin are not counted.
        if let Some(bin) = bins.get_mut(at) {
            *bin = bin.plus(weights.get(i).copied().unwrap_or(T::ONE));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Graph;
    use crate::ops::testing::{ends_in_time, infer_err, infer_ok, run_op};
    use crate::shape;

    #[track_caller]
    fn check(arr: impl IntoValue, size: i32, weights: impl IntoValue) -> Result<String> {
        let inputs = [arr.into_value(), size.into_value(), weights.into_value()];
        run_op(Bincount, &inputs).map(|out| out[0].to_string())
    }

    #[test]
    fn the_size_alone_is_the_shape() {
        infer_ok(&Bincount, "int32(?,3);int32();float32(0)", "(?)");
        infer_err(&Bincount, "int32(3);int32(2);float32(0)", "rank");
        infer_err(&Bincount, "int32(3);int32();bool(0)", "but are bool");
    }

    #[test]
    fn integers_beyond_the_bins_are_left_out() {
        assert_eq!(check([1, 1, 3, 7], 5, Vec::<i64>::new()).unwrap(), "[0 2 0 1 0]");
        assert_eq!(check([0, 2, 2], 3, [0.5f32, 1.0, 2.0]).unwrap(), "[0.5 0.  3. ]");
    }

    #[test]
    fn what_cannot_be_counted_is_refused() {
        let text = |result: Result<String>| result.unwrap_err().to_string();
        assert!(text(check([1, -2], 3, Vec::<i32>::new())).contains("must be non-negative, but has -2"));
        assert!(text(check([1, 2], -3, Vec::<i32>::new())).contains("size (-3) must be non-negative"));
        assert!(text(check([1, 2], 3, [1.0f32])).contains("the weights must have the shape [2]"));
    }

    /// The nodes of TensorFlow 1.15.5.
    #[test]
    fn nodes_are_those_of_tensorflow() {
        let g = Graph::new();
        let x = g.placeholder(DType::I32, shape![?]).unwrap();
        let _bins = x.bincount(Bins { min: Some(3), max: Some(8), ..Bins::default() }).unwrap();
        let names: Vec<_> = g.nodes().skip(1).map(|node| node.name().replace("bincount/", "")).collect();
        let want = "Shape Const Prod Greater/y Greater Cast Const_1 Max add/y add mul minlength Maximum maxlength Minimum \
                    Const_2 Bincount";
        assert_eq!(names.join(" "), want);
    }

    #[test]
    fn long_counts_end_with_their_run() {
        let arr = Value::zeros(DType::I32, &[1 << 21]).unwrap();
        ends_in_time(&Bincount, &[arr, 4.into_value(), Vec::<i32>::new().into_value()]);
    }
}
