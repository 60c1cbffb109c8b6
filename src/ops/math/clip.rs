//! `clip_by_value`, and the op `ClipByValue` of files.

use std::sync::Arc;

use num_complex::Complex;

use super::dtypes::{Dtypes, check_dtype, unsupported};
use super::elementwise::map;
use crate::dtype::{DType, Plain};
use crate::error::{Error, Result};
use crate::graph::{Example, InferCx, Op, OpKind, RunCx, Tensor};
use crate::kernel::Ordered;
use crate::ops::IntoTensor;
use crate::value::{IntoValue, Value};
use crate::with_type;

/// Elements below a smallest and above a largest value are set to that; the bounds are scalars or of the same shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClipByValue;

/// The row of [`ClipByValue`].
pub static CLIP_BY_VALUE: OpKind = OpKind::new(
    "ClipByValue",
    "t: T, clip_value_min: T, clip_value_max: T -> output: T",
    |_| Ok(Arc::new(ClipByValue)),
    || {
        let x = || [-2.0f32, 0.5, 7.0].into_value();
        vec![
            Example::new(ClipByValue, [x(), (-1.0f32).into_value(), 1.0f32.into_value()]),
            Example::new(ClipByValue, [x(), [0.0f32, 1.0, 2.0].into_value(), 4.0f32.into_value()]),
            Example::new(ClipByValue, [[-2i32, 9].into_value(), 0i32.into_value(), 5i32.into_value()]),
        ]
    },
);

impl Tensor {
    /// Elements above `high` become `high`, then those below `low` become `low`; the bounds broadcast to the tensor's
    /// shape. Floats and integers.
    ///
    /// # Errors
    /// `ShapeMismatch` where a bound has another shape, or would make the result larger.
    #[doc(alias = "tf.clip_by_value")]
    #[track_caller]
    pub fn clip_by_value(&self, low: impl IntoTensor, high: impl IntoTensor) -> Result<Tensor> {
        let g = self.graph();
        g.composite("clip_by_value", |name| {
            let smaller = self.minimum(&high)?;
            self.shape().merge(&smaller.shape())?;
            let low = if low.is_bare() { g.named("y", || low.tensor(Some(self)))? } else { low.tensor(Some(self))? };
            let clipped = g.named(name, || smaller.maximum(&low))?;
            self.shape().merge(&clipped.shape())?;
            Ok(clipped)
        })
    }
}

impl Op for ClipByValue {
    fn kind(&self) -> &'static OpKind {
        &CLIP_BY_VALUE
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        check_dtype(Dtypes::Numbers, cx.dtype(0))?;
        cx.output_like(0);
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let dtype = cx.input(0).dtype();
        check_bounds(cx)?;
        with_type!(dtype, T in reals => clip::<T>(cx), else => match dtype {
            DType::C64 => clip_each(cx, clip_parts::<f32>),
            DType::C128 => clip_each(cx, clip_parts::<f64>),
            other => Err(unsupported(other)),
        })
    }
}

fn check_bounds(cx: &RunCx<'_>) -> Result<()> {
    let dims = cx.input(0).dims();
    let fits = |bound: &Value| bound.rank() == 0 || bound.dims() == dims;
    if fits(cx.input(1)) && fits(cx.input(2)) {
        return Ok(());
    }
    Err(Error::shape("the bounds must be scalars or have the shape of the input"))
}

/// Of complex numbers each part is clipped by that of the bounds.
fn clip_parts<F: Ordered>(x: Complex<F>, low: Complex<F>, high: Complex<F>) -> Complex<F> {
    Complex::new(x.re.smaller(high.re).larger(low.re), x.im.smaller(high.im).larger(low.im))
}

fn clip<T: Ordered>(cx: &mut RunCx<'_>) -> Result<()> {
    if cx.input(1).rank() == 0 && cx.input(2).rank() == 0 {
        let (low, high) = (cx.input(1).slice::<T>()?[0], cx.input(2).slice::<T>()?[0]);
        return map(cx, |x: T| x.smaller(high).larger(low));
    }
    clip_each(cx, |x: T, low, high| x.smaller(high).larger(low))
}

fn clip_each<T: Plain>(cx: &mut RunCx<'_>, clipped: impl Fn(T, T, T) -> T) -> Result<()> {
    let mut out = cx.take_unique(0)?;
    let (low, high) = (cx.input(1).slice::<T>()?, cx.input(2).slice::<T>()?);
    let at = |bound: &[T], i: usize| if bound.len() == 1 { bound[0] } else { bound[i] };
    for (i, x) in out.make_mut::<T>()?.iter_mut().enumerate() {
        *x = clipped(*x, at(low, i), at(high, i));
    }
    cx.output(0, out);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Graph;
    use crate::ops::testing::run_op;
    use crate::shape;

    #[test]
    fn nodes_are_those_of_tensorflow() {
        let g = Graph::new();
        let x = g.placeholder(DType::F32, shape![2]).unwrap();
        let _ = x.clip_by_value(0.0, 1.0).unwrap();
        let names: Vec<_> = g.nodes().skip(1).map(|node| node.name().to_owned()).collect();
        assert_eq!(names, ["clip_by_value/Minimum/y", "clip_by_value/Minimum", "clip_by_value/y", "clip_by_value"]);
    }

    /// As TensorFlow 2.15.1 answers.
    #[test]
    fn parts_of_complex_numbers_are_clipped() {
        let c = |re: f32, im: f32| Complex::new(re, im);
        let x = vec![c(3.0, 4.0), c(-3.0, -4.0), c(0.0, 1.0), c(9.0, -9.0)].into_value();
        let bounds = [c(-1.0, -2.0), c(2.0, 1.0)].map(Value::scalar_of);
        let got = run_op(ClipByValue, &[x, bounds[0].clone(), bounds[1].clone()]).unwrap();
        let want = [c(2.0, 1.0), c(-1.0, -2.0), c(0.0, 1.0), c(2.0, -2.0)];
        assert_eq!(got[0].slice::<Complex<f32>>().unwrap(), want);
    }

    #[test]
    fn nan_stays() {
        let out = run_op(ClipByValue, &[[2.0f32, f32::NAN].into_value(), 0.0f32.into_value(), 1.0f32.into_value()]);
        assert_eq!(out.unwrap()[0].to_string(), "[ 1. nan]");
    }
}
