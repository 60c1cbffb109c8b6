//! `Range`: numbers from a start to a limit.

use std::sync::Arc;

use super::into_sizes::Size;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::graph::{Attrs, Example, Graph, InferCx, Ints, Op, OpKind, RunCx, Tensor};
use crate::shape::{Dim, Shape, element_count};
use crate::value::{IntoValue, Value};

/// Numbers between two looks at the limits of the run.
const PART: usize = 1 << 16;

/// Numbers from a start to a limit, without it.
#[derive(Debug, Clone)]
pub struct Range;

/// The row of [`Range`].
pub static RANGE: OpKind = OpKind::new(
    "Range",
    "start: Tidx, limit: Tidx, delta: Tidx -> output: Tidx",
    |_: &Attrs| Ok(Arc::new(Range) as Arc<dyn Op>),
    || {
        let ints = |a: i32, b: i32, c: i32| Example::new(Range, [a, b, c].map(Value::scalar_of));
        vec![
            ints(2, 11, 3),
            ints(5, 0, -2),
            ints(3, 3, 1),
            Example::new(Range, [0.0f32, 0.9, 0.3].map(Value::scalar_of)),
        ]
    },
)
.not_differentiable("the length of a range does not change smoothly");

impl Graph {
    /// The int32 numbers from `start` to `limit`, without it, in steps of `delta`.
    ///
    /// # Errors
    /// `InvalidArgument` for steps of 0 and steps that lead away from the limit.
    #[doc(alias = "tf.range")]
    #[track_caller]
    pub fn range(&self, start: i32, limit: i32, delta: i32) -> Result<Tensor> {
        self.numbers([start, limit, delta])
    }

    /// As [`Graph::range`], of float32 numbers.
    ///
    /// # Errors
    /// As there.
    #[doc(alias = "tf.range")]
    #[track_caller]
    pub fn range_f32(&self, start: f32, limit: f32, delta: f32) -> Result<Tensor> {
        self.numbers([start, limit, delta])
    }

    #[track_caller]
    fn numbers<T: IntoValue>(&self, [start, limit, delta]: [T; 3]) -> Result<Tensor> {
        self.composite("range", |scope| {
            let start = self.named("start", || self.constant(start))?;
            let limit = self.named("limit", || self.constant(limit))?;
            let delta = self.named("delta", || self.constant(delta))?;
            self.named(scope, || self.apply_one(Range, &[&start, &limit, &delta]))
        })
    }
}

/// As [`Graph::range`] in steps of 1, with ends that may be int32 scalars of the graph.
#[track_caller]
pub(in crate::ops) fn range_of(g: &Graph, start: impl Into<Size>, limit: impl Into<Size>) -> Result<Tensor> {
    let (start, limit) = (start.into(), limit.into());
    g.composite("range", |scope| {
        let start = end(g, "start", start)?;
        let limit = end(g, "limit", limit)?;
        let delta = g.named("delta", || g.constant(1))?;
        g.named(scope, || g.apply_one(Range, &[&start, &limit, &delta]))
    })
}

#[track_caller]
fn end(g: &Graph, name: &str, end: Size) -> Result<Tensor> {
    match end {
        Size::Tensor(end) => Ok(end),
        Size::Number(n) => {
            let n = i32::try_from(n).map_err(|_| Error::invalid(format!("a range must fit int32, but ends at {n}")))?;
            g.named(name, || g.constant(n))
        }
    }
}

/// The three scalars as float64, which holds all but the largest int64; those go by `i128` in the run.
fn count(start: &Value, limit: &Value, delta: &Value) -> Result<usize> {
    let ints = [start, limit, delta].map(|value| Ints::of(value).ok().and_then(Ints::only));
    if let [Some(start), Some(limit), Some(delta)] = ints {
        check(start as f64, limit as f64, delta as f64)?;
        let gap = (i128::from(limit) - i128::from(start)).unsigned_abs();
        return usize::try_from(gap.div_ceil(i128::from(delta).unsigned_abs())).map_err(|_| too_long());
    }
    let float = |value: &Value| super::cast::cast_value(value, DType::F64)?.scalar::<f64>();
    let (start, limit, delta) = (float(start)?, float(limit)?, float(delta)?);
    check(start, limit, delta)?;
    let n = ((limit - start) / delta).abs().ceil();
    if n < 9e18 { Ok(n as usize) } else { Err(too_long()) }
}

fn check(start: f64, limit: f64, delta: f64) -> Result<()> {
    if start.is_nan() || limit.is_nan() || delta.is_nan() {
        return Err(Error::invalid("start, limit and delta must be numbers, but one is nan"));
    }
    match delta {
        0.0 => Err(Error::invalid("requires delta != 0: 0")),
        d if d > 0.0 && start > limit => {
            Err(Error::invalid(format!("requires start <= limit when delta > 0: {start}/{limit}")))
        }
        d if d < 0.0 && start < limit => {
            Err(Error::invalid(format!("requires start >= limit when delta < 0: {start}/{limit}")))
        }
        _ => Ok(()),
    }
}

#[cold]
fn too_long() -> Error {
    Error::invalid("the range has more elements than a value can hold")
}

/// The length of a range from 0 in steps of 1 to a size that came from a shape.
fn followed(cx: &InferCx<'_>) -> Option<Dim> {
    let end = |i: usize| cx.sizes(i).and_then(|sizes| sizes.first().cloned());
    let (start, limit, delta) = (end(0)?, end(1)?, end(2)?);
    (start.as_i64() == Some(0) && delta.as_i64() == Some(1) && limit.is_never_negative()).then_some(limit)
}

impl Op for Range {
    fn kind(&self) -> &'static OpKind {
        &RANGE
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        if !matches!(cx.dtype(0), DType::I32 | DType::I64 | DType::F32 | DType::F64) {
            return Err(Error::unsupported(format!(
                "range is for int32, int64, float32 and float64, not for {}",
                cx.dtype(0)
            )));
        }
        (0..3).try_for_each(|i| cx.shape(i).with_rank(0).map(drop))?;
        let size = match (cx.value(0), cx.value(1), cx.value(2)) {
            (Some(start), Some(limit), Some(delta)) => {
                let n = count(&start, &limit, &delta)?;
                element_count(&[n])?;
                Dim::from(n)
            }
            _ => followed(cx).unwrap_or_else(Dim::unknown),
        };
        cx.output(cx.dtype(0), Shape::from([size]));
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let n = count(cx.input(0), cx.input(1), cx.input(2))?;
        let mut out = cx.alloc(cx.input(0).dtype(), &[n])?;
        let mut pace = cx.pace();
        macro_rules! fill {
            ($t:ty, |$x:ident, $d:ident| $next:expr) => {{
                // One after the other, as TensorFlow adds, so that floats have its last bits.
                let (mut $x, $d) = (cx.input(0).scalar::<$t>()?, cx.input(2).scalar::<$t>()?);
                for part in out.make_mut::<$t>()?.chunks_mut(PART) {
                    pace.spend(part.len())?;
                    for cell in part {
                        *cell = $x;
                        $x = $next;
                    }
                }
            }};
        }
        match out.dtype() {
            DType::I32 => fill!(i32, |x, d| x.wrapping_add(d)),
            DType::I64 => fill!(i64, |x, d| x.wrapping_add(d)),
            DType::F32 => fill!(f32, |x, d| x + d),
            _ => fill!(f64, |x, d| x + d),
        }
        cx.output(0, out);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::run_op;

    #[test]
    fn ranges_end_before_the_limit() {
        let run = |a: i32, b: i32, c: i32| run_op(Range, &[a, b, c].map(Value::scalar_of));
        assert_eq!(run(2, 11, 3).unwrap()[0].slice::<i32>().unwrap(), [2, 5, 8]);
        assert_eq!(run(5, 0, -2).unwrap()[0].slice::<i32>().unwrap(), [5, 3, 1]);
        assert!(run(0, 5, 0).is_err() && run(5, 0, 1).is_err() && run(0, 5, -1).is_err());
        assert!(run_op(Range, &[0.0f32, f32::NAN, 1.0].map(Value::scalar_of)).is_err());
        assert!(run_op(Range, &[0.0f64, 1e300, 1e-300].map(Value::scalar_of)).is_err());
        assert_eq!(Graph::new().range(0, 5, 1).unwrap().name(), "range:0");
    }
}
