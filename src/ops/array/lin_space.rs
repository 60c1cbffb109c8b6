//! `LinSpace`: evenly spaced numbers.

use std::sync::Arc;

use super::into_sizes::check_index;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::graph::{Attrs, Example, Graph, InferCx, Ints, Op, OpKind, RunCx, Tensor};
use crate::shape::{Dim, Shape, element_count};
use crate::value::{IntoValue, Value};

/// Numbers a chunk: about 50 us of computing.
const PART: usize = 1 << 16;

/// Evenly spaced numbers from a start to a stop, both among them.
#[derive(Debug, Clone)]
pub struct LinSpace;

/// The row of [`LinSpace`].
pub static LIN_SPACE: OpKind = OpKind::new(
    "LinSpace",
    "start: T, stop: T, num: Tidx -> output: T",
    |_: &Attrs| Ok(Arc::new(LinSpace) as Arc<dyn Op>),
    || {
        vec![
            Example::new(LinSpace, [10.0f32.into_value(), 12.0f32.into_value(), 3i32.into_value()]),
            Example::new(LinSpace, [Value::scalar_of(1.0f64), Value::scalar_of(2.0f64), 1i64.into_value()]),
        ]
    },
)
.not_differentiable("TensorFlow has no gradient for it");

impl Graph {
    /// `num` evenly spaced float32 numbers from `start` to `stop`, both among them.
    ///
    /// # Errors
    /// `InvalidArgument` for fewer than one.
    #[doc(alias = "tf.linspace")]
    #[track_caller]
    pub fn linspace(&self, start: f32, stop: f32, num: i32) -> Result<Tensor> {
        self.composite("LinSpace", |scope| {
            let start = self.named("start", || self.constant(start))?;
            let stop = self.named("stop", || self.constant(stop))?;
            let num = self.named("num", || self.constant(num))?;
            self.named(scope, || self.apply_one(LinSpace, &[&start, &stop, &num]))
        })
    }
}

fn check_num(num: i64) -> Result<usize> {
    let refused = || Error::invalid(format!("requires num > 0: {num}"));
    let num = usize::try_from(num).ok().filter(|num| *num > 0).ok_or_else(refused)?;
    element_count(&[num])
}

impl Op for LinSpace {
    fn kind(&self) -> &'static OpKind {
        &LIN_SPACE
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        let dtype = cx.dtype(0);
        if !matches!(dtype, DType::BF16 | DType::F32 | DType::F64) {
            return Err(Error::unsupported(format!("linspace is for bfloat16, float32 and float64, not for {dtype}")));
        }
        check_index("num", cx.dtype(2))?;
        (0..3).try_for_each(|i| cx.shape(i).with_rank(0).map(drop))?;
        let num = match cx.ints(2).as_deref() {
            Some(&[num]) => Dim::from(check_num(num)?),
            _ => cx.sizes(2).map(|num| num[0].clone()).filter(Dim::is_never_negative).unwrap_or_else(Dim::unknown),
        };
        cx.output(dtype, Shape::from([num]));
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let Some(num) = Ints::of(cx.input(2))?.only() else { return Err(Error::shape("num must be a scalar")) };
        let num = check_num(num)?;
        let mut out = cx.alloc(cx.input(0).dtype(), &[num])?;
        let (start, stop) = (cx.input(0), cx.input(1));
        macro_rules! fill {
            ($t:ty, $from:expr) => {{
                let (start, stop) = (start.scalar::<$t>()?, stop.scalar::<$t>()?);
                let step = if num > 1 { (stop - start) / $from(num - 1) } else { start - start };
                let cells = out.make_mut::<$t>()?;
                cx.for_chunks_mut(cells, PART, &|chunk, part| {
                    let first = chunk * PART;
                    part.iter_mut().enumerate().for_each(|(i, cell)| *cell = start + step * $from(first + i));
                })?;
                if num > 1 {
                    // Exactly so, whatever rounding the steps have.
                    cells[num - 1] = stop;
                }
            }};
        }
        match out.dtype() {
            DType::F32 => fill!(f32, |n: usize| n as f32),
            DType::F64 => fill!(f64, |n: usize| n as f64),
            _ => fill!(half::bf16, |n: usize| half::bf16::from_f32(n as f32)),
        }
        cx.output(0, out);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{infer_ok, run_op};

    #[test]
    fn both_ends_are_among_them() {
        let run = |a: f32, b: f32, n: i32| run_op(LinSpace, &[a.into_value(), b.into_value(), n.into_value()]);
        assert_eq!(run(10.0, 12.0, 3).unwrap()[0].slice::<f32>().unwrap(), [10.0, 11.0, 12.0]);
        assert_eq!(run(4.0, 12.0, 1).unwrap()[0].slice::<f32>().unwrap(), [4.0]);
        assert!(run(0.0, 1.0, 0).unwrap_err().message().contains("requires num > 0: 0"));
        infer_ok(&LinSpace, "();();int32()", "(?)");
    }
}
