//! `Softmax` and `LogSoftmax`: along the last axis.

use std::ops::Range;
use std::sync::Arc;

use crate::cancel::Pace;
use crate::error::{Error, Result};
use crate::graph::{Attrs, Example, GradCx, InferCx, Op, OpKind, RunCx, Tensor, Workspace};
use crate::kernel::Number;
use crate::ops::math::reduce::{Float, Wide, largest_of, sum_of};
use crate::ops::parts::SERIAL;
use crate::ops::wide::widened;
use crate::value::{IntoValue, ScratchVec, Value};
use crate::with_type;

/// `exp(x) / sum(exp(x))` along the last axis.
#[derive(Debug, Clone)]
pub struct Softmax;

/// `x - log(sum(exp(x)))` along the last axis.
#[derive(Debug, Clone)]
pub struct LogSoftmax;

/// The row of [`Softmax`].
pub static SOFTMAX: OpKind =
    OpKind::new("Softmax", "logits: T -> softmax: T", |_: &Attrs| Ok(Arc::new(Softmax)), || examples(Softmax));

/// The row of [`LogSoftmax`].
pub static LOG_SOFTMAX: OpKind = OpKind::new(
    "LogSoftmax",
    "logits: T -> logsoftmax: T",
    |_: &Attrs| Ok(Arc::new(LogSoftmax)),
    || examples(LogSoftmax),
);

impl Tensor {
    /// `exp(x) / sum(exp(x))` along the last axis; the shape stays, known or not. Floating-point numbers. Large
    /// logits do not overflow: the largest one is subtracted first.
    ///
    /// # Errors
    /// `ShapeMismatch` for a scalar; `DTypeMismatch`.
    ///
    /// Source: TensorFlow's `Softmax`.
    ///
    /// ```
    /// # use sessile::prelude::*;
    /// # fn main() -> sessile::Result<()> {
    /// let g = Graph::new();
    /// let x = g.placeholder(DType::F32, shape![?, 3])?;
    /// assert_eq!(x.softmax()?.shape().to_string(), "(?, 3)");
    /// # Ok(()) }
    /// ```
    #[doc(alias = "tf.nn.softmax")]
    #[track_caller]
    pub fn softmax(&self) -> Result<Tensor> {
        self.graph().apply_one(Softmax, &[self])
    }

    /// `x - log(sum(exp(x)))` along the last axis; otherwise as [`Tensor::softmax`].
    #[doc(alias = "tf.nn.log_softmax")]
    #[track_caller]
    pub fn log_softmax(&self) -> Result<Tensor> {
        self.graph().apply_one(LogSoftmax, &[self])
    }
}

fn examples(op: impl Op + Clone) -> Vec<Example> {
    let rows = [[1.0f32, 2.0, 3.0], [-1.0, 0.0, 1000.0]].into_value();
    let halves = [half::f16::ONE, half::f16::ZERO].into_value();
    let none = Value::from_vec(&[2, 0], Vec::<f64>::new()).expect("dims with a zero hold no elements");
    [rows, halves, none].into_iter().map(|x| Example::new(op.clone(), [x])).collect()
}

impl Op for Softmax {
    fn kind(&self) -> &'static OpKind {
        &SOFTMAX
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        infer(cx)
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        widened(self, cx, &[0], &[0]).unwrap_or_else(|| run(cx, false))
    }

    fn grad(&self, cx: &GradCx<'_>) -> Result<Vec<Option<Tensor>>> {
        let (y, dy) = (cx.output(0)?, cx.dy()?);
        let mean = (dy * &y)?.reduce_sum_keepdims(-1)?;
        Ok(vec![Some(((dy - mean)? * y)?)])
    }
}

impl Op for LogSoftmax {
    fn kind(&self) -> &'static OpKind {
        &LOG_SOFTMAX
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        infer(cx)
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        widened(self, cx, &[0], &[0]).unwrap_or_else(|| run(cx, true))
    }

    fn grad(&self, cx: &GradCx<'_>) -> Result<Vec<Option<Tensor>>> {
        let dy = cx.dy()?;
        let total = dy.reduce_sum_keepdims(-1)?;
        Ok(vec![Some((dy - (total * cx.output(0)?.exp()?)?)?)])
    }
}

fn infer(cx: &mut InferCx<'_>) -> Result<()> {
    floating(cx.dtype(0))?;
    let shape = cx.shape(0).with_rank_at_least(1)?;
    cx.output(cx.dtype(0), shape);
    Ok(())
}

/// Refuses what is no floating-point dtype.
pub(super) fn floating(dtype: crate::DType) -> Result<()> {
    match dtype.is_floating() {
        true => Ok(()),
        false => Err(Error::dtype(format!("the op is for floating-point numbers, not for {dtype}"))),
    }
}

fn run(cx: &mut RunCx<'_>, is_log: bool) -> Result<()> {
    let x = cx.take(0);
    if x.rank() == 0 {
        return Err(Error::shape("logits must have rank 1 or more, but are a scalar"));
    }
    let mut output = cx.alloc(x.dtype(), x.dims())?;
    with_type!(x.dtype(), T in wide_floats => rows::<T>(cx, &x, &mut output, is_log)?, else => floating(x.dtype())?);
    cx.recycle(x);
    cx.output(0, output);
    Ok(())
}

/// Elements of a chunk: an exponential costs as much as eight simple operations.
pub(super) const CHUNK: usize = SERIAL / 8;

fn rows<T: Float>(cx: &RunCx<'_>, x: &Value, output: &mut Value, is_log: bool) -> Result<()> {
    let width = x.dims().last().copied().unwrap_or(0).max(1);
    let x = x.slice::<T>()?;
    let (work, step) = (cx.workspace(), (CHUNK / width).max(1) * width);
    cx.try_for_chunks_mut(output.make_mut::<T>()?, step, &|chunk, output| {
        let (mut row, mut pace) = (Exponentials::new(work), work.pace());
        for (i, output) in output.chunks_exact_mut(width).enumerate() {
            let x = &x[chunk * step + i * width..][..width];
            row.of(width, &mut |part, logits| logits.extend(x[part].iter().map(|x| x.widen())), &mut pace)?;
            row.write::<T>(output, is_log, &mut pace)?;
        }
        Ok(())
    })
}

/// Elements of a row between two looks at the limits of the run.
pub(super) const PART: usize = 1 << 15;

/// Where the parts of a row begin and end.
pub(super) fn parts(n: usize) -> impl Iterator<Item = Range<usize>> {
    (0..n).step_by(PART).map(move |from| from..n.min(from + PART))
}

/// The exponentials of a row, made without overflow. Kept between rows for its memory.
pub(super) struct Exponentials<'a, A> {
    work: Workspace<'a>,
    /// The logits less the largest.
    pub shifted: ScratchVec<A>,
    /// Their exponentials.
    pub exp: ScratchVec<A>,
    /// The sum of these.
    pub sum: A,
}

/// Adds a part of the logits of a row to a list.
pub(super) type Logits<'a, A> = &'a mut dyn FnMut(Range<usize>, &mut ScratchVec<A>) -> Result<()>;

impl<'a, A: Wide> Exponentials<'a, A> {
    /// Of no row so far.
    pub fn new(work: Workspace<'a>) -> Exponentials<'a, A> {
        Exponentials { work, shifted: ScratchVec::default(), exp: ScratchVec::default(), sum: A::default() }
    }

    /// Takes a row of `n` logits in.
    pub(in crate::ops) fn of(&mut self, n: usize, logits: Logits<'_, A>, pace: &mut Pace<'_>) -> Result<()> {
        if self.shifted.is_empty() {
            (self.shifted, self.exp) = (self.work.list(n)?, self.work.list(n)?);
        }
        self.shifted.clear();
        for part in parts(n) {
            pace.spend(part.len())?;
            logits(part, &mut self.shifted)?;
        }
        let max = largest_of(&self.shifted, pace)?;
        self.exp.clear();
        for shifted in self.shifted.chunks_mut(PART) {
            pace.spend(8 * shifted.len())?;
            shifted.iter_mut().for_each(|x| *x = *x - max);
            self.exp.extend(shifted.iter().map(|x| x.exp()))?;
        }
        self.sum = sum_of(&self.exp, pace)?;
        Ok(())
    }

    fn write<T: Number<Acc = A>>(&self, output: &mut [T], is_log: bool, pace: &mut Pace<'_>) -> Result<()> {
        let log = self.sum.ln();
        for part in parts(output.len()) {
            pace.spend(4 * part.len())?;
            let output = &mut output[part.clone()];
            if is_log {
                output.iter_mut().zip(&self.shifted[part]).for_each(|(out, x)| *out = T::narrow(*x - log));
            } else {
                output.iter_mut().zip(&self.exp[part]).for_each(|(out, exp)| *out = T::narrow(*exp / self.sum));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{ends_early, infer_err, infer_ok, run_op};

    #[track_caller]
    fn check(op: impl Op, x: &[f32], want: &[f32]) {
        let got = run_op(op, &[x.to_vec().into_value()]).unwrap();
        for (got, want) in got[0].slice::<f32>().unwrap().iter().zip(want) {
            assert!((got - want).abs() < 1e-6 || (got.is_nan() && want.is_nan()), "{got} is not {want}");
        }
    }

    #[test]
    fn vectors_and_more_have_a_softmax() {
        infer_ok(&Softmax, "(?,3)", "(?,3)");
        infer_ok(&LogSoftmax, "<unknown>", "<unknown>");
        infer_err(&Softmax, "()", "shape must be at least rank 1 but is rank 0");
        infer_err(&Softmax, "int32(2)", "int32");
    }

    /// From TensorFlow 1.15.5.
    #[test]
    fn large_and_infinite_logits_are_as_in_tensorflow() {
        check(Softmax, &[1.0, 2.0, 3.0], &[0.09003057, 0.24472848, 0.66524094]);
        check(Softmax, &[-1.0, 0.0, 1000.0], &[0.0, 0.0, 1.0]);
        check(LogSoftmax, &[-1.0, 0.0, 1000.0], &[-1001.0, -1000.0, 0.0]);
        check(Softmax, &[f32::NEG_INFINITY, 0.0], &[0.0, 1.0]);
        check(Softmax, &[f32::INFINITY, 0.0], &[f32::NAN, f32::NAN]);
        check(Softmax, &[f32::NAN, 0.0], &[f32::NAN, f32::NAN]);
    }

    #[test]
    fn one_long_row_ends_with_its_run() {
        let row = Value::zeros(crate::DType::F32, &[1, 500_000]).unwrap();
        ends_early(&Softmax, std::slice::from_ref(&row), 5_000_000);
        ends_early(&LogSoftmax, &[row], 5_000_000);
    }
}
