//! `ArgMax` and `ArgMin`: where along an axis the extreme element stands.

use std::sync::Arc;

use super::axes::Axis;
use crate::dtype::{DType, Plain};
use crate::error::{Error, Result};
use crate::graph::{AttrValue, Attrs, Example, InferCx, Op, OpKind, RunCx, Tensor, to_int};
use crate::kernel::Ordered;
use crate::ops::array::cast::cast_for;
use crate::ops::parts::{SERIAL, fill_parts};
use crate::ops::wide::widened;
use crate::shape::{Shape, normalize_axis};
use crate::value::{IntoValue, Value};
use crate::with_type;

/// Which element is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extreme {
    /// The largest.
    Max,
    /// The smallest.
    Min,
}

/// The index of the first extreme element along an axis: `(.., k, ..), axis -> (.., ..)`. NaN is never extreme; of
/// nothing but NaN it is the first.
#[derive(Debug, Clone)]
pub struct ArgExtreme {
    /// Which element is looked for.
    pub extreme: Extreme,
    /// The dtype of the indices: int32 or int64; of the largest element also int16 or uint16.
    pub output_type: DType,
}

/// The row of [`Extreme::Max`].
pub static ARG_MAX: OpKind = OpKind::new(
    "ArgMax",
    "input: T, dimension: Tidx -> output: output_type",
    |attrs| parse(Extreme::Max, attrs),
    || examples(Extreme::Max),
)
.not_differentiable("an index does not move with the elements");

/// The row of [`Extreme::Min`].
pub static ARG_MIN: OpKind = OpKind::new(
    "ArgMin",
    "input: T, dimension: Tidx -> output: output_type",
    |attrs| parse(Extreme::Min, attrs),
    || examples(Extreme::Min),
)
.not_differentiable("an index does not move with the elements");

impl Tensor {
    /// The index (int64) of the first largest element along an axis: `(.., k, ..) -> (.., ..)`. Floats, integers and bool;
    /// NaN is passed over. Sizes of the other axes stay.
    ///
    /// # Errors
    /// `InvalidArgument` for an axis that is not there, and in the run for an axis of size 0.
    ///
    /// Source: TensorFlow's `ArgMax`.
    #[doc(alias = "tf.argmax")]
    #[track_caller]
    pub fn argmax(&self, axis: impl Axis) -> Result<Tensor> {
        build(self, Extreme::Max, axis.index(), DType::I64)
    }

    /// The index of the first smallest element along an axis; otherwise as [`Tensor::argmax`].
    #[doc(alias = "tf.argmin")]
    #[track_caller]
    pub fn argmin(&self, axis: impl Axis) -> Result<Tensor> {
        build(self, Extreme::Min, axis.index(), DType::I64)
    }

    /// As [`Tensor::argmax`], with int32 indices.
    #[doc(alias = "tf.argmax")]
    #[track_caller]
    pub fn argmax_i32(&self, axis: impl Axis) -> Result<Tensor> {
        build(self, Extreme::Max, axis.index(), DType::I32)
    }

    /// As [`Tensor::argmin`], with int32 indices.
    #[doc(alias = "tf.argmin")]
    #[track_caller]
    pub fn argmin_i32(&self, axis: impl Axis) -> Result<Tensor> {
        build(self, Extreme::Min, axis.index(), DType::I32)
    }
}

#[track_caller]
fn build(x: &Tensor, extreme: Extreme, axis: i64, output_type: DType) -> Result<Tensor> {
    let axis = i32::try_from(axis).map_err(|_| Error::invalid(format!("an axis must fit int32, but is {axis}")))?;
    let g = x.graph();
    let op = ArgExtreme { extreme, output_type };
    g.composite(op.kind().name, |scope| {
        let axis = g.named("dimension", || g.constant(Value::scalar_of(axis)))?;
        g.named(scope, || g.apply_one(op, &[x, &axis]))
    })
}

fn parse(extreme: Extreme, attrs: &Attrs) -> Result<Arc<dyn Op>> {
    Ok(Arc::new(ArgExtreme { extreme, output_type: attrs.dtype_or("output_type", DType::I64)? }))
}

fn examples(extreme: Extreme) -> Vec<Example> {
    let x = || [[3.0f32, 1.0, 3.0], [0.0, 5.0, 5.0]].into_value();
    vec![
        Example::new(ArgExtreme { extreme, output_type: DType::I64 }, [x(), 1.into_value()]),
        Example::new(ArgExtreme { extreme, output_type: DType::I32 }, [x(), Value::scalar_of(-2i64)]),
        Example::new(ArgExtreme { extreme, output_type: DType::I64 }, [[2u8, 9, 9].into_value(), 0.into_value()]),
        Example::new(ArgExtreme { extreme, output_type: DType::I32 }, [[false, true].into_value(), 0.into_value()]),
    ]
}

impl Op for ArgExtreme {
    fn kind(&self) -> &'static OpKind {
        match self.extreme {
            Extreme::Max => &ARG_MAX,
            Extreme::Min => &ARG_MIN,
        }
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        self.check_index("the axis", cx.dtype(1), &[DType::I16])?;
        self.check_index("the output", self.output_type, &[DType::I16, DType::U16])?;
        ordered(cx.dtype(0))?;
        cx.shape(1).with_rank(0)?;
        let axis = cx.ints(1).map(|axis| axis[0]);
        let shape = match (cx.shape(0).rank(), axis) {
            (None, _) => Shape::unknown(),
            (Some(0 | 1), _) => Shape::scalar(),
            (Some(rank), None) => Shape::unknown_of_rank(rank - 1),
            (Some(rank), Some(axis)) => cx.shape(0).remove(checked_axis(axis, rank)?)?,
        };
        cx.output(self.output_type, shape);
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        if cx.input(0).dtype() == DType::Bool {
            return self.run_bools(cx);
        }
        if cx.input(0).dtype().is_integer()
            && let Some(done) = widened(self, cx, &[0], &[])
        {
            return done;
        }
        let x = cx.input(0);
        let axis = match to_int(cx.input(1)) {
            Some(axis) if cx.input(1).rank() == 0 => axis,
            _ => return Err(Error::shape(format!("dim must be a scalar, but has shape {:?}", cx.input(1).dims()))),
        };
        let axis = normalize_axis(axis, x.rank()).map_err(|_| {
            Error::invalid(format!("expected dimension in the range [-{0}, {0}), but got {axis}", x.rank()))
        })?;
        let (outer, inner) = (&x.dims()[..axis], &x.dims()[axis + 1..]);
        if x.dims()[axis] == 0 {
            return Err(Error::invalid(format!("reduction axis {axis} is empty in shape {:?}", x.dims())));
        }
        let sizes = Sizes { k: x.dims()[axis], inner: inner.iter().product() };
        let mut places = cx.alloc(DType::I64, &[outer, inner].concat())?;
        let dtype = x.dtype();
        with_type!(dtype, T in wide_reals => self.search::<T>(cx, sizes, &mut places)?, else => {
            // A half that is searched for in float32 would start below the halves.
            with_type!(dtype, T in floats_but_wide => self.search::<T>(cx, sizes, &mut places)?, else => return ordered(dtype));
        });
        let output = cast_for(cx, &places, self.output_type)?;
        cx.output(0, output);
        Ok(())
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        vec![("output_type", AttrValue::Type(self.output_type))]
    }
}

fn ordered(dtype: DType) -> Result<()> {
    match dtype.is_floating() || dtype.is_integer() || dtype == DType::Bool {
        true => Ok(()),
        false => Err(Error::dtype(format!("the op is for floats, integers and bool, not for {dtype}"))),
    }
}

fn checked_axis(axis: i64, rank: usize) -> Result<usize> {
    normalize_axis(axis, rank).map_err(|_| {
        let range = format!("[-{rank}, {rank}), where {rank} is the number of dimensions in the input");
        Error::invalid(format!("dimension ({axis}) must be in the range {range}"))
    })
}

/// The axis and what is inside of it.
#[derive(Clone, Copy)]
struct Sizes {
    k: usize,
    inner: usize,
}

impl ArgExtreme {
    /// TensorFlow 2 looks for the largest element with short axes and indices too, which the smallest never got.
    fn check_index(&self, what: &str, dtype: DType, short: &[DType]) -> Result<()> {
        let is_short = self.extreme == Extreme::Max && short.contains(&dtype);
        match matches!(dtype, DType::I32 | DType::I64) || is_short {
            true => Ok(()),
            false => Err(Error::dtype(format!("{what} must be int32 or int64, but is {dtype}"))),
        }
    }

    /// Bools are searched as the numbers 0 and 1.
    fn run_bools(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let numbers = cast_for(cx, cx.input(0), DType::I32)?;
        let inputs = [numbers, cx.input(1).clone()].into_iter().collect();
        for output in cx.run_on(self, inputs)? {
            cx.output(0, output);
        }
        Ok(())
    }

    fn search<T: Ordered>(&self, cx: &RunCx<'_>, sizes: Sizes, places: &mut Value) -> Result<()> {
        let is_better: Better<T> = match self.extreme {
            Extreme::Max => (T::LOWEST, |new, best| new > best),
            Extreme::Min => (T::HIGHEST, |new, best| new < best),
        };
        fill(cx, cx.input(0).slice::<T>()?, sizes, places.make_mut::<i64>()?, is_better)
    }
}

/// What the search starts with, and whether an element is better than the best so far.
type Better<T> = (T, fn(T, T) -> bool);

fn fill<T: Plain>(
    cx: &RunCx<'_>,
    x: &[T],
    Sizes { k, inner }: Sizes,
    places: &mut [i64],
    is_better: Better<T>,
) -> Result<()> {
    let threads = cx.threads();
    fill_parts(cx, places, (SERIAL / k).max(1), &|start, places| {
        let mut pace = threads.pace();
        for (i, place) in places.iter_mut().enumerate() {
            if pace.spend(2 * k).is_err() {
                return;
            }
            let (row, column) = ((start + i) / inner, (start + i) % inner);
            *place = first_extreme(&x[row * k * inner + column..], inner, k, is_better) as i64;
        }
    })
}

/// The first element that none is better than; index 0 where none is better than the start, as NaN never is. Of `k`
/// elements that lie `stride` apart.
fn first_extreme<T: Plain>(x: &[T], stride: usize, k: usize, (start, is_better): Better<T>) -> usize {
    let (mut place, mut best) = (0, start);
    for i in 0..k {
        let x = x[i * stride];
        if is_better(x, best) {
            (place, best) = (i, x);
        }
    }
    place
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Graph;
    use crate::ops::testing::run_op;
    use crate::shape;

    fn run(extreme: Extreme, x: impl IntoValue, axis: i32) -> Vec<i64> {
        let op = ArgExtreme { extreme, output_type: DType::I64 };
        run_op(op, &[x.into_value(), axis.into_value()]).unwrap()[0].slice::<i64>().unwrap().to_vec()
    }

    /// As TensorFlow 1.15.5 answers.
    #[test]
    fn first_extreme_wins_and_nan_never_does() {
        let nan = f32::NAN;
        assert_eq!(run(Extreme::Max, [[3.0f32, 1.0, 3.0], [0.0, 5.0, 5.0]], 1), [0, 1]);
        assert_eq!(run(Extreme::Max, [[3.0f32, 1.0, 3.0], [0.0, 5.0, 5.0]], 0), [0, 1, 1]);
        assert_eq!(run(Extreme::Max, [1.0f32, nan, 3.0], 0), [2]);
        assert_eq!(run(Extreme::Min, [nan, 5.0, 7.0], 0), [1]);
        assert_eq!(run(Extreme::Max, [nan, nan], 0), [0]);
        // The search starts with the lowest finite number, at index 0.
        assert_eq!(run(Extreme::Max, [nan, f32::NEG_INFINITY], 0), [0]);
        assert_eq!(run(Extreme::Min, [nan, f32::INFINITY], 0), [0]);
        assert_eq!(run(Extreme::Min, [2u8, 0, 0], -1), [1]);
    }

    /// As TensorFlow 2.15.1 answers.
    #[test]
    fn bool_has_an_order_and_indices_may_be_short() {
        assert_eq!(run(Extreme::Max, [[false, true], [true, true]], 1), [1, 0]);
        assert_eq!(run(Extreme::Min, [[false, true], [true, true]], 1), [0, 0]);
        let op = |extreme| ArgExtreme { extreme, output_type: DType::U16 };
        let inputs = [[1.0f32, 3.0, 2.0].into_value(), Value::scalar_of(0i16)];
        assert_eq!(run_op(op(Extreme::Max), &inputs).unwrap()[0].slice::<u16>().unwrap(), [1]);
        assert!(run_op(op(Extreme::Min), &inputs).is_err());
    }

    #[test]
    fn builders_make_the_axis_in_the_scope_of_the_op() {
        let g = Graph::new();
        let x = g.placeholder(DType::F32, shape![?, 3]).unwrap();
        let y = x.argmax(1).unwrap();
        assert_eq!(y.to_string(), r#"Tensor("ArgMax:0", shape=(?,), dtype=int64)"#);
        assert!(g.operation_by_name("ArgMax/dimension").is_ok());
        assert_eq!(x.argmin_i32(-2).unwrap().shape().to_string(), "(3,)");
        let error = x.argmin(2).unwrap_err();
        assert!(error.message().contains("dimension (2) must be in the range [-2, 2)"), "{error}");
    }

    #[test]
    fn empty_axis_is_refused_in_the_run() {
        let x = Value::from_vec(&[0, 3], Vec::<f32>::new()).unwrap();
        let op = ArgExtreme { extreme: Extreme::Max, output_type: DType::I64 };
        let error = run_op(op, &[x, 0.into_value()]).unwrap_err();
        assert!(error.message().contains("reduction axis 0 is empty in shape [0, 3]"), "{error}");
    }
}
