//! `LowerBound`, `UpperBound` and `Bucketize`: where values stand among sorted ones.

use std::panic::Location;
use std::sync::Arc;

use super::into_sizes::check_index;
use crate::dtype::{DType, Plain};
use crate::error::{Error, Result};
use crate::graph::{AttrValue, Attrs, Example, InferCx, Op, OpKind, RunCx, Tensor};
use crate::ops::IntoTensor;
use crate::ops::wide::widened;
use crate::value::{IntoValue, Value};
use crate::with_type;

/// Values a chunk: some 200 us of searching.
const PART: usize = 1 << 13;

/// How many elements of each sorted row come before each value: `(b, n), (b, m) -> (b, m)`.
#[derive(Debug, Clone)]
pub struct SearchSorted {
    /// Equal elements count as before.
    pub is_upper: bool,
    /// int32 or int64.
    pub out_type: DType,
}

/// How many sorted boundaries are not greater than each element.
#[derive(Debug, Clone)]
pub struct Bucketize {
    /// In ascending order.
    pub boundaries: Vec<f32>,
}

/// The row of [`SearchSorted`] before equal elements.
pub static LOWER_BOUND: OpKind = row("LowerBound", |attrs| parse(attrs, false), || examples(false))
    .not_differentiable("places do not change smoothly");

/// The row of [`SearchSorted`] after equal elements.
pub static UPPER_BOUND: OpKind = row("UpperBound", |attrs| parse(attrs, true), || examples(true))
    .not_differentiable("places do not change smoothly");

const fn row(name: &'static str, parse: fn(&Attrs) -> Result<Arc<dyn Op>>, examples: fn() -> Vec<Example>) -> OpKind {
    OpKind::new(name, "sorted_inputs: T, values: T -> output: out_type", parse, examples)
        .not_differentiable("a place is no smooth function of a value")
}

/// The row of [`Bucketize`].
pub static BUCKETIZE: OpKind = OpKind::new(
    "Bucketize",
    "input: T -> output: int32",
    |attrs: &Attrs| Ok(Arc::new(Bucketize { boundaries: attrs.floats("boundaries")? }) as Arc<dyn Op>),
    || {
        let op = || Bucketize { boundaries: vec![0.0, 2.5, 9.0] };
        vec![
            Example::new(op(), [[[-1.0f32, 2.5], [3.0, 9.5]].into_value()]),
            Example::new(op(), [[0i64, 9].into_value()]),
            Example::new(Bucketize { boundaries: Vec::new() }, [1.0f64.into_value()]),
        ]
    },
)
.not_differentiable("a bucket is no smooth function of a value");

fn parse(attrs: &Attrs, is_upper: bool) -> Result<Arc<dyn Op>> {
    let out_type = attrs.dtype_or("out_type", DType::I32)?;
    check_index("out_type", out_type)?;
    Ok(Arc::new(SearchSorted { is_upper, out_type }))
}

fn examples(is_upper: bool) -> Vec<Example> {
    let of =
        |out_type, sorted: Value, values: Value| Example::new(SearchSorted { is_upper, out_type }, [sorted, values]);
    vec![
        of(DType::I32, [[1.0f32, 3.0, 3.0, 5.0]].into_value(), [[3.0f32, 0.0, 9.0]].into_value()),
        of(DType::I64, [[1i32, 2], [3, 4]].into_value(), [[2i32], [2]].into_value()),
    ]
}

impl Tensor {
    /// How many elements of each sorted row come before each value, or also are equal to it with `is_upper`:
    /// `(b.., n), (b.., m) -> (b.., m)`, int32. Both have one rank, at least 1.
    ///
    /// # Errors
    /// `ShapeMismatch` for unequal leading sizes; `DTypeMismatch` for unequal dtypes.
    ///
    /// Source: TensorFlow's `LowerBound` and `UpperBound`.
    #[doc(alias = "tf.searchsorted")]
    #[track_caller]
    pub fn searchsorted(&self, values: impl IntoTensor, is_upper: bool) -> Result<Tensor> {
        let values = values.tensor(Some(self))?;
        let (g, op) = (self.graph(), SearchSorted { is_upper, out_type: DType::I32 });
        g.at_line(Location::caller(), || {
            let name = g.take_name(op.kind().name);
            let (n, m) = (last_size(self)?, last_size(&values)?);
            let (sorted, rows) = (self.reshape(&crate::sizes![-1, n])?, values.reshape(&crate::sizes![-1, m])?);
            let places = g.named(&name, || g.apply_one(op, &[&sorted, &rows]))?;
            places.reshape(&values.shape_tensor()?)
        })
    }
}

/// The size of the last axis.
fn last_size(x: &Tensor) -> Result<Tensor> {
    x.shape().with_rank_at_least(1)?;
    x.shape_tensor()?.index(-1)
}

impl Op for SearchSorted {
    fn kind(&self) -> &'static OpKind {
        if self.is_upper { &UPPER_BOUND } else { &LOWER_BOUND }
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        check_real(cx.dtype(0))?;
        let (sorted, values) = (cx.shape(0).with_rank(2)?, cx.shape(1).with_rank(2)?);
        let rows = sorted.dim(0).merge(&values.dim(0))?;
        if let Some(n) = sorted.dim(1).known().filter(|n| i32::try_from(*n).is_err()) {
            return Err(Error::invalid(format!("sorted_inputs must have fewer than 2147483648 columns, but has {n}")));
        }
        cx.output(self.out_type, values.replace_dim(0, rows)?);
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        if let Some(done) = widened(self, cx, &[0, 1], &[]) {
            return done;
        }
        let (sorted, values) = (cx.input(0), cx.input(1));
        let (&[rows, n], &[other, m]) = (sorted.dims(), values.dims()) else {
            let (a, b) = (sorted.rank(), values.rank());
            return Err(Error::shape(format!("sorted_inputs and values must be matrices, but have ranks {a} and {b}")));
        };
        if rows != other {
            return Err(Error::shape(format!(
                "leading dim_size of both tensors must match, but are {rows} and {other}"
            )));
        }
        let mut out = cx.alloc(self.out_type, &[rows, m])?;
        with_type!(sorted.dtype(), T in wide_reals => {
            let (sorted, values) = (sorted.slice::<T>()?, values.slice::<T>()?);
            with_type!(self.out_type, I in index => {
                cx.for_chunks_mut(out.make_mut::<I>()?, PART, &|chunk, part| {
                    let places = places(sorted, values, [n, m], chunk * PART, self.is_upper);
                    part.iter_mut().zip(places).for_each(|(cell, place)| *cell = place as I);
                })?;
            }, else => ());
        }, else => return check_real(sorted.dtype()));
        cx.output(0, out);
        Ok(())
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        vec![("out_type", AttrValue::Type(self.out_type))]
    }
}

fn check_real(dtype: DType) -> Result<()> {
    if dtype.is_floating() || dtype.is_integer() {
        return Ok(());
    }
    Err(Error::unsupported(format!("places are found among floats and integers, not in {dtype}")))
}

/// Rows of `n` sorted elements, and of `m` values: the places of those from the first on.
fn places<T: Plain + PartialOrd>(
    sorted: &[T],
    values: &[T],
    [n, m]: [usize; 2],
    first: usize,
    is_upper: bool,
) -> impl Iterator<Item = usize> {
    values[first..].iter().enumerate().map(move |(i, value)| {
        let row = &sorted[(first + i) / m * n..][..n];
        row.partition_point(|x| if is_upper { is_at_most(x, value) } else { x < value })
    })
}

/// Whether a sorted element comes before the place above `value`: NaN goes to the end.
fn is_at_most<T: PartialOrd>(x: &T, value: &T) -> bool {
    x.partial_cmp(value).is_none_or(std::cmp::Ordering::is_le)
}

impl Op for Bucketize {
    fn kind(&self) -> &'static OpKind {
        &BUCKETIZE
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        if !self.boundaries.is_sorted() {
            return Err(Error::invalid("expected sorted boundaries"));
        }
        if !matches!(cx.dtype(0), DType::I32 | DType::I64 | DType::F32 | DType::F64) {
            let dtype = cx.dtype(0);
            return Err(Error::unsupported(format!("buckets are for int32, int64, float32 and float64, not {dtype}")));
        }
        let shape = cx.shape(0);
        cx.output(DType::I32, shape);
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let x = cx.input(0);
        let mut out = cx.alloc(DType::I32, x.dims())?;
        let bucket = |x: f64| self.boundaries.partition_point(|boundary| is_at_most(&f64::from(*boundary), &x)) as i32;
        macro_rules! fill {
            ($t:ty, |$x:ident| $float:expr) => {{
                let x = x.slice::<$t>()?;
                cx.for_chunks_mut(out.make_mut::<i32>()?, PART, &|chunk, part| {
                    part.iter_mut().zip(&x[chunk * PART..]).for_each(|(cell, &$x)| *cell = bucket($float));
                })?;
            }};
        }
        match x.dtype() {
            DType::F32 => fill!(f32, |x| x.into()),
            DType::F64 => fill!(f64, |x| x),
            DType::I32 => fill!(i32, |x| x.into()),
            // As TensorFlow does, in float32.
            _ => fill!(i64, |x| (x as f32).into()),
        }
        cx.output(0, out);
        Ok(())
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        vec![("boundaries", AttrValue::Floats(self.boundaries.clone()))]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{infer_err, infer_ok, run_op};

    fn search(is_upper: bool) -> Vec<i32> {
        let sorted = [[0, 3, 9, 9, 10], [1, 2, 3, 4, 5]].into_value();
        let values = [[2, 4, 9], [0, 2, 6]].into_value();
        let out = run_op(SearchSorted { is_upper, out_type: DType::I32 }, &[sorted, values]).unwrap();
        out[0].slice::<i32>().unwrap().to_vec()
    }

    /// The examples of TensorFlow's documentation.
    #[test]
    fn places_are_before_or_after_equal_elements() {
        assert_eq!(search(false), [1, 2, 2, 0, 1, 5]);
        assert_eq!(search(true), [1, 2, 4, 0, 2, 5]);
        let op = SearchSorted { is_upper: false, out_type: DType::I64 };
        infer_ok(&op, "(?,9);(2,?)", "(2,?)");
        infer_err(&op, "(3,9);(2,?)", "must be equal, but are 3 and 2");
    }

    #[test]
    fn boundaries_are_the_first_of_their_bucket() {
        let op = Bucketize { boundaries: vec![0.0, 10.0, 100.0] };
        let x = [[-5, 10000], [150, 10], [5, 100]].into_value();
        assert_eq!(run_op(op, &[x]).unwrap()[0].slice::<i32>().unwrap(), [0, 3, 3, 2, 1, 3]);
        infer_err(&Bucketize { boundaries: vec![1.0, 0.0] }, "(2)", "expected sorted boundaries");
    }
}
