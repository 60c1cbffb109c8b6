//! `BatchNormWithGlobalNormalization` and its gradient: batch normalization by given moments, in old files only.

use std::sync::Arc;

use num_traits::{Float, NumCast};

use super::conv::counting;
use super::pool::Floating;
use crate::error::{Error, Result};
use crate::graph::{AttrValue, Attrs, Example, InferCx, Op, OpKind, RunCx};
use crate::kernel::Number;
use crate::shape::Shape;
use crate::value::{IntoValue, ScratchVec, Value};
use crate::with_type;

/// `(x - mean) / sqrt(variance + epsilon) [* gamma] + beta` for each channel: `(b, h, w, c)` and four vectors `(c)` give
/// `(b, h, w, c)`. Floating-point numbers.
#[derive(Debug, Clone)]
pub struct BatchNormWithGlobalNormalization {
    /// Added to the variance.
    pub variance_epsilon: f32,
    /// Whether `gamma` counts.
    pub scale_after_normalization: bool,
}

/// The gradients of [`BatchNormWithGlobalNormalization`] by image, mean, variance, `beta` and `gamma`.
#[derive(Debug, Clone)]
pub struct BatchNormWithGlobalNormalizationGrad {
    /// Added to the variance.
    pub variance_epsilon: f32,
    /// Whether `gamma` counted.
    pub scale_after_normalization: bool,
}

/// The row of [`BatchNormWithGlobalNormalization`].
pub static BATCH_NORM_GLOBAL: OpKind = OpKind::new(
    "BatchNormWithGlobalNormalization",
    "t: T, m: T, v: T, beta: T, gamma: T -> result: T",
    |attrs| {
        let (variance_epsilon, scale_after_normalization) = parse(attrs)?;
        Ok(Arc::new(BatchNormWithGlobalNormalization { variance_epsilon, scale_after_normalization }))
    },
    || {
        let of = |scale_after_normalization| {
            let op = BatchNormWithGlobalNormalization { variance_epsilon: 0.01, scale_after_normalization };
            Example::new(op, [counting(&[2, 2, 1, 2]), vector(), vector(), vector(), vector()])
        };
        vec![of(true), of(false)]
    },
);

/// The row of [`BatchNormWithGlobalNormalizationGrad`].
pub static BATCH_NORM_GLOBAL_GRAD: OpKind = OpKind::new(
    "BatchNormWithGlobalNormalizationGrad",
    "t: T, m: T, v: T, gamma: T, backprop: T -> dx: T, dm: T, dv: T, db: T, dg: T",
    |attrs| {
        let (variance_epsilon, scale_after_normalization) = parse(attrs)?;
        Ok(Arc::new(BatchNormWithGlobalNormalizationGrad { variance_epsilon, scale_after_normalization }))
    },
    || {
        let of = |scale_after_normalization| {
            let op = BatchNormWithGlobalNormalizationGrad { variance_epsilon: 0.01, scale_after_normalization };
            let x = || counting(&[2, 2, 1, 2]);
            Example::new(op, [x(), vector(), vector(), vector(), x()])
        };
        vec![of(true), of(false)]
    },
);

fn vector() -> Value {
    [1.0f32, 2.0].into_value()
}

fn parse(attrs: &Attrs) -> Result<(f32, bool)> {
    Ok((attrs.float("variance_epsilon")?, attrs.bool("scale_after_normalization")?))
}

fn attrs(epsilon: f32, scale: bool) -> Vec<(&'static str, AttrValue)> {
    vec![("variance_epsilon", AttrValue::Float(epsilon)), ("scale_after_normalization", AttrValue::Bool(scale))]
}

/// The image's shape with the channels that any input says.
fn infer_image(cx: &InferCx<'_>, vectors: std::ops::Range<usize>) -> Result<Shape> {
    let x = cx.shape(0).with_rank(4)?;
    let mut channels = x.dim(3);
    for i in vectors {
        channels = channels.merge(&cx.shape(i).with_rank(1)?.dim(0))?;
    }
    x.replace_dim(3, channels)
}

/// The channels of an image, which all vectors have.
fn channels(cx: &RunCx<'_>, vectors: std::ops::Range<usize>) -> Result<usize> {
    let x = cx.input(0).dims();
    let &[_, _, _, channels] = x else {
        return Err(Error::shape(format!("input must be 4-dimensional, but has shape {x:?}")));
    };
    for i in vectors {
        let dims = cx.input(i).dims();
        if dims != [channels] {
            return Err(Error::shape(format!("moments must have {channels} elements, but one has shape {dims:?}")));
        }
    }
    Ok(channels)
}

fn refuse(value: &Value) -> Error {
    Error::unsupported(format!("batch normalization is for floating-point numbers, not for {}", value.dtype()))
}

/// `1 / sqrt(variance + epsilon)` for each channel.
fn inverse_deviations<T: Floating>(cx: &RunCx<'_>, epsilon: f32) -> Result<ScratchVec<T::Acc>> {
    let epsilon = <T::Acc as NumCast>::from(epsilon).expect("floating-point numbers hold float32");
    cx.collect(cx.input(2).slice::<T>()?.iter().map(|v| (v.widen() + epsilon).sqrt().recip()))
}

impl Op for BatchNormWithGlobalNormalization {
    fn kind(&self) -> &'static OpKind {
        &BATCH_NORM_GLOBAL
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        let shape = infer_image(cx, 1..5)?;
        cx.output(cx.dtype(0), shape);
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let channels = channels(cx, 1..5)?;
        let x = cx.input(0);
        let mut out = cx.alloc(x.dtype(), x.dims())?;
        with_type!(x.dtype(), T in floats => self.normalize::<T>(cx, channels, &mut out)?, else => return Err(refuse(x)));
        cx.output(0, out);
        Ok(())
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        attrs(self.variance_epsilon, self.scale_after_normalization)
    }
}

impl BatchNormWithGlobalNormalization {
    fn normalize<T: Floating>(&self, cx: &RunCx<'_>, channels: usize, out: &mut Value) -> Result<()> {
        let vector = |i: usize| cx.input(i).slice::<T>();
        let (x, mean, beta, gamma) = (vector(0)?, vector(1)?, vector(3)?, vector(4)?);
        let mut factor = inverse_deviations::<T>(cx, self.variance_epsilon)?;
        if self.scale_after_normalization {
            factor.iter_mut().zip(gamma).for_each(|(factor, gamma)| *factor = *factor * gamma.widen());
        }
        let rows = out.make_mut::<T>()?.chunks_exact_mut(channels.max(1)).zip(x.chunks_exact(channels.max(1)));
        let mut pace = cx.pace();
        for (out, x) in rows {
            pace.spend(2 * channels)?;
            for c in 0..channels {
                out[c] = T::narrow((x[c].widen() - mean[c].widen()) * factor[c] + beta[c].widen());
            }
        }
        Ok(())
    }
}

impl Op for BatchNormWithGlobalNormalizationGrad {
    fn kind(&self) -> &'static OpKind {
        &BATCH_NORM_GLOBAL_GRAD
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        let shape = infer_image(cx, 1..4)?.merge(cx.shape(4))?;
        let dtype = cx.dtype(0);
        cx.output(dtype, &shape);
        for _ in 0..4 {
            cx.output(dtype, Shape::new([shape.dim(3)]));
        }
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let channels = channels(cx, 1..4)?;
        let (x, dy) = (cx.input(0), cx.input(4));
        if dy.dims() != x.dims() {
            return Err(Error::shape(format!("backprop must have shape {:?}, but has {:?}", x.dims(), dy.dims())));
        }
        let mut dx = cx.alloc(x.dtype(), x.dims())?;
        let sums = with_type!(x.dtype(), T in floats => self.gradients::<T>(cx, channels, &mut dx)?, else => {
            return Err(refuse(x));
        });
        cx.output(0, dx);
        sums.into_iter().enumerate().for_each(|(i, sum)| cx.output(i + 1, sum));
        Ok(())
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        attrs(self.variance_epsilon, self.scale_after_normalization)
    }
}

impl BatchNormWithGlobalNormalizationGrad {
    /// The gradients by mean, variance, `beta` and `gamma`.
    fn gradients<T: Floating>(&self, cx: &RunCx<'_>, channels: usize, dx: &mut Value) -> Result<[Value; 4]> {
        let vector = |i: usize| cx.input(i).slice::<T>();
        let (x, mean, gamma, dy) = (vector(0)?, vector(1)?, vector(3)?, vector(4)?);
        let inverse = inverse_deviations::<T>(cx, self.variance_epsilon)?;
        let scale = |c: usize| if self.scale_after_normalization { gamma[c].widen() } else { T::Acc::ONE };
        // Sums of the gradient, and of its products with what lies above the mean.
        let (mut sums, mut pace) = (cx.scratch_of(channels, (T::Acc::ZERO, T::Acc::ZERO))?, cx.pace());
        let width = channels.max(1);
        let rows = x.chunks_exact(width).zip(dy.chunks_exact(width));
        for ((x, dy), dx) in rows.zip(dx.make_mut::<T>()?.chunks_exact_mut(width)) {
            pace.spend(4 * channels)?;
            for (c, (sum, product)) in sums.iter_mut().enumerate() {
                let back = dy[c].widen();
                (*sum, *product) = (*sum + back, *product + back * (x[c].widen() - mean[c].widen()));
                dx[c] = T::narrow(back * inverse[c] * scale(c));
            }
        }
        let half = T::Acc::ONE / (T::Acc::ONE + T::Acc::ONE);
        let made = |f: &dyn Fn(usize, T::Acc, T::Acc) -> T::Acc| {
            let values = sums.iter().enumerate().map(|(c, (sum, product))| T::narrow(f(c, *sum, *product)));
            cx.collect(values)?.into_value(&[channels])
        };
        Ok([
            made(&|c, sum, _| -sum * inverse[c] * scale(c))?,
            made(&|c, _, product| -half * product * inverse[c] * inverse[c] * inverse[c] * scale(c))?,
            made(&|_, sum, _| sum)?,
            made(&|c, _, product| if self.scale_after_normalization { product * inverse[c] } else { T::Acc::ZERO })?,
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{infer_ok, run_op};

    fn op(scale_after_normalization: bool) -> BatchNormWithGlobalNormalization {
        BatchNormWithGlobalNormalization { variance_epsilon: 1.0, scale_after_normalization }
    }

    #[test]
    fn channels_come_from_any_side() {
        infer_ok(&op(true), "(?,2,2,?);(?);(3);(?);(?)", "(?,2,2,3)");
        let grad = BatchNormWithGlobalNormalizationGrad { variance_epsilon: 1.0, scale_after_normalization: true };
        infer_ok(&grad, "(?,2,2,?);(?);(3);(?);(5,?,?,?)", "(5,2,2,3);(3);(3);(3);(3)");
    }

    /// By hand: deviation 2, gamma 3, beta 10.
    #[test]
    fn gamma_counts_where_it_is_asked_to() {
        let v = |x: f32| [x].into_value();
        let run = |scale| {
            let x = Value::from_vec(&[2, 1, 1, 1], vec![1.0f32, 5.0]).unwrap();
            run_op(op(scale), &[x, v(1.0), v(3.0), v(10.0), v(3.0)]).unwrap()[0].slice::<f32>().unwrap().to_vec()
        };
        assert_eq!(run(false), [10.0, 12.0]);
        assert_eq!(run(true), [10.0, 16.0]);
    }

    /// By hand, of the same numbers with a gradient of 1 and 2.
    #[test]
    fn gradients_are_those_of_the_formula() {
        let v = |x: f32| [x].into_value();
        let grad = BatchNormWithGlobalNormalizationGrad { variance_epsilon: 1.0, scale_after_normalization: true };
        let column = |a: f32, b: f32| Value::from_vec(&[2, 1, 1, 1], vec![a, b]).unwrap();
        let got = run_op(grad, &[column(1.0, 5.0), v(1.0), v(3.0), v(3.0), column(1.0, 2.0)]).unwrap();
        let got: Vec<_> = got.iter().map(|value| value.slice::<f32>().unwrap().to_vec()).collect();
        assert_eq!(got, [vec![1.5, 3.0], vec![-4.5], vec![-1.5], vec![3.0], vec![4.0]]);
    }
}
