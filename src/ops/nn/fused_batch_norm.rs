//! `FusedBatchNorm` in its three versions.

use std::sync::Arc;

use num_traits::{Float, NumCast};

use super::bias_add::DataFormat;
use super::conv::counting;
use super::layout::{from_last, to_last};
use super::pool::{Floating, real};
use super::window::format_attr;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::graph::{AttrValue, Attrs, Example, InferCx, Op, OpKind, RunCx, Tensor};
use crate::kernel::Number;
use crate::shape::Shape;
use crate::value::{IntoValue, ScratchVec, Value};
use crate::with_type;

/// Normalizes images channel by channel, then scales and shifts them: by the batch's own moments while training, else
/// by given ones.
#[derive(Debug, Clone)]
pub struct FusedBatchNorm {
    /// TensorFlow's version of the op, 1 to 3: the dtype of the moments, and how many outputs there are.
    pub version: u8,
    /// Added to the variance.
    pub epsilon: f32,
    /// Where the channels stand.
    pub data_format: DataFormat,
    /// Whether the moments are those of the batch.
    pub is_training: bool,
    /// The weight of the batch's moments in the running ones that training gives: `mean` and `variance` have the rest.
    pub average_factor: f32,
}

macro_rules! rows {
    ($($(#[$doc:meta])* $row:ident $version:literal $name:literal $signature:literal;)*) => { $(
        $(#[$doc])*
        pub static $row: OpKind =
            OpKind::new($name, $signature, |attrs| parse(attrs, $version), || examples($version));
    )* };
}
rows! {
    /// The row of the first version.
    FUSED_BATCH_NORM 1 "FusedBatchNorm"
        "x: T, scale: T, offset: T, mean: T, variance: T -> y: T, batch_mean: T, batch_variance: T, \
         reserve_space_1: T, reserve_space_2: T";
    /// The row of the second version: float32 moments of half-precision images.
    FUSED_BATCH_NORM_V2 2 "FusedBatchNormV2"
        "x: T, scale: U, offset: U, mean: U, variance: U -> y: T, batch_mean: U, batch_variance: U, \
         reserve_space_1: U, reserve_space_2: U";
    /// The row of the third version: one more reserve.
    FUSED_BATCH_NORM_V3 3 "FusedBatchNormV3"
        "x: T, scale: U, offset: U, mean: U, variance: U -> y: T, batch_mean: U, batch_variance: U, \
         reserve_space_1: U, reserve_space_2: U, reserve_space_3: U";
}

impl Tensor {
    /// Batch normalization by given moments: `(b, h, w, c)` and four vectors `(c)` give `(b, h, w, c)`.
    ///
    /// # Errors
    /// `ShapeMismatch` where the image has no four axes or a vector is not as long as its channels.
    ///
    /// Source: TensorFlow's `FusedBatchNormV3` with `is_training` false.
    ///
    /// ```
    /// # use sessile::prelude::*;
    /// # fn main() -> sessile::Result<()> {
    /// let g = Graph::new();
    /// let x = g.placeholder(DType::F32, shape![?, 4, 4, 2])?;
    /// let v = g.constant([1.0f32, 2.0])?;
    /// assert_eq!(x.fused_batch_norm(&v, &v, &v, &v, 0.001)?.shape().to_string(), "(?, 4, 4, 2)");
    /// # Ok(()) }
    /// ```
    #[doc(alias = "tf.nn.fused_batch_norm")]
    #[track_caller]
    pub fn fused_batch_norm(
        &self,
        scale: &Tensor,
        offset: &Tensor,
        mean: &Tensor,
        variance: &Tensor,
        epsilon: f32,
    ) -> Result<Tensor> {
        let op = FusedBatchNorm {
            version: 3,
            epsilon,
            data_format: DataFormat::Nhwc,
            is_training: false,
            average_factor: 1.0,
        };
        self.graph().apply(op, &[self, scale, offset, mean, variance])?.output(0)
    }
}

fn parse(attrs: &Attrs, version: u8) -> Result<Arc<dyn Op>> {
    Ok(Arc::new(FusedBatchNorm {
        version,
        epsilon: attrs.float_or("epsilon", 1e-4)?,
        data_format: DataFormat::parse(attrs)?,
        is_training: attrs.bool_or("is_training", true)?,
        average_factor: attrs.float_or("exponential_avg_factor", 1.0)?,
    }))
}

fn examples(version: u8) -> Vec<Example> {
    let op = |is_training, data_format| FusedBatchNorm {
        version,
        epsilon: 0.001,
        data_format,
        is_training,
        average_factor: 1.0,
    };
    let averaged = FusedBatchNorm { average_factor: 0.25, ..op(true, DataFormat::Nhwc) };
    let vector = || [1.0f32, 2.0].into_value();
    let none = || Value::from_vec(&[0], Vec::<f32>::new()).expect("no elements");
    vec![
        Example::new(op(false, DataFormat::Nhwc), [counting(&[2, 3, 3, 2]), vector(), vector(), vector(), vector()]),
        Example::new(op(true, DataFormat::Nhwc), [counting(&[2, 3, 3, 2]), vector(), vector(), none(), none()]),
        Example::new(op(true, DataFormat::Nchw), [counting(&[2, 2, 3, 3]), vector(), vector(), none(), none()]),
        Example::new(averaged, [counting(&[2, 3, 3, 2]), vector(), vector(), vector(), vector()]),
    ]
}

impl Op for FusedBatchNorm {
    fn kind(&self) -> &'static OpKind {
        match self.version {
            1 => &FUSED_BATCH_NORM,
            2 => &FUSED_BATCH_NORM_V2,
            _ => &FUSED_BATCH_NORM_V3,
        }
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        check_dtypes(cx.dtype(0), cx.dtype(1))?;
        let x = cx.shape(0).with_rank(4)?;
        let axis = if self.data_format == DataFormat::Nhwc { 3 } else { 1 };
        let mut channels = x.dim(axis);
        for i in 1..self.n_vectors() {
            channels = channels.merge(&cx.shape(i).with_rank(1)?.dim(0))?;
        }
        cx.output(cx.dtype(0), x.replace_dim(axis, channels.clone())?);
        for _ in 0..4 {
            cx.output(cx.dtype(1), Shape::new([channels.clone()]));
        }
        if self.version == 3 {
            cx.output(cx.dtype(1), Shape::unknown());
        }
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let x = to_last(cx, cx.input(0), self.data_format)?;
        self.check(cx, x.dims())?;
        let (mut y, moments) = (cx.alloc(x.dtype(), x.dims())?, cx.input(1).dtype());
        let channels = x.dims()[3];
        let mut stats: Vec<Value> = Vec::new();
        for _ in 0..4 {
            stats.push(cx.alloc(moments, &[channels])?);
        }
        with_type!(x.dtype(), T in floats => self.normalize::<T>(cx, &x, &mut y, &mut stats)?, else => {
            return check_dtypes(x.dtype(), moments);
        });
        let y = from_last(cx, y, self.data_format)?;
        cx.output(0, y);
        stats.into_iter().enumerate().for_each(|(i, value)| cx.output(i + 1, value));
        if self.version == 3 {
            // As TensorFlow's kernels for the CPU: they need no third reserve and give one zero.
            let none = cx.alloc_zeros(moments, &[])?;
            cx.output(5, none);
        }
        Ok(())
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        vec![
            ("epsilon", AttrValue::Float(self.epsilon)),
            ("data_format", format_attr(self.data_format, 2)),
            ("is_training", AttrValue::Bool(self.is_training)),
        ]
        .into_iter()
        // TensorFlow 1.15 does not know the attribute, so only the value that it does not have is written.
        .chain(
            (self.average_factor != 1.0).then_some(("exponential_avg_factor", AttrValue::Float(self.average_factor))),
        )
        .collect()
    }
}

/// Moments are float32, also of half-precision images.
pub(super) fn check_dtypes(images: DType, moments: DType) -> Result<()> {
    let fits = match images {
        DType::F16 | DType::BF16 => moments == DType::F32,
        DType::F32 | DType::F64 => moments == images,
        _ => false,
    };
    if fits { Ok(()) } else { Err(Error::unsupported(format!("batch normalization of {images} by {moments}"))) }
}

impl FusedBatchNorm {
    /// Where the vectors end that are as long as the channels: the given moments count only where they are used.
    fn n_vectors(&self) -> usize {
        if self.is_training && self.average_factor == 1.0 { 3 } else { 5 }
    }

    fn check(&self, cx: &RunCx<'_>, x: &[usize]) -> Result<()> {
        if x.len() != 4 {
            return Err(Error::shape(format!("input must be 4-dimensional, but has shape {x:?}")));
        }
        let names = ["scale", "offset", "mean", "variance"];
        for i in 1..self.n_vectors() {
            let dims = cx.input(i).dims();
            if dims != [x[3]] {
                let name = names[i - 1];
                return Err(Error::shape(format!("{name} must have {} elements, but has shape {dims:?}", x[3])));
            }
        }
        Ok(())
    }

    fn normalize<T: Floating>(&self, cx: &RunCx<'_>, x: &Value, y: &mut Value, stats: &mut [Value]) -> Result<()>
    where
        T::Acc: Floating<Acc = T::Acc>,
    {
        let channels = x.dims()[3];
        let x = x.slice::<T>()?;
        let vector = |i: usize| cx.input(i).slice::<T::Acc>();
        let (mean, variance) = match self.is_training {
            true => moments(cx, x, channels)?,
            false => (cx.collect(vector(3)?.iter().copied())?, cx.collect(vector(4)?.iter().copied())?),
        };
        let epsilon = <T::Acc as NumCast>::from(self.epsilon).expect("floating-point numbers hold float32");
        let (scale, offset) = (vector(1)?, vector(2)?);
        let factor = cx.collect(scale.iter().zip(&*variance).map(|(s, v)| *s / (*v + epsilon).sqrt()))?;
        affine(cx, x, [&mean, &factor, offset], y.make_mut::<T>()?)?;
        let rows = x.len().checked_div(channels).unwrap_or(0);
        // The running variance is unbiased, what gradients need is not.
        let unbiased =
            if self.is_training && rows > 1 { real::<T::Acc>(rows) / real(rows - 1) } else { <T::Acc as Number>::ONE };
        let unbiased = cx.collect(variance.iter().map(|v| *v * unbiased))?;
        let running = match x.is_empty() {
            // As TensorFlow 2, also where the moments are given; version 1 leaves memory as it is then.
            true => <[_; 2]>::from(moments(cx, x, channels)?),
            false => [self.average(cx, vector(3)?, &mean)?, self.average(cx, vector(4)?, &unbiased)?],
        };
        for (stat, values) in stats.iter_mut().zip([&running[0], &running[1], &mean, &variance]) {
            stat.make_mut::<T::Acc>()?.copy_from_slice(values);
        }
        Ok(())
    }
}

impl FusedBatchNorm {
    /// The running moments after a batch.
    fn average<A: Float>(&self, cx: &RunCx<'_>, before: &[A], batch: &[A]) -> Result<ScratchVec<A>> {
        if !self.is_training || self.average_factor == 1.0 {
            return cx.collect(batch.iter().copied());
        }
        let new = A::from(self.average_factor).expect("floating-point numbers hold float32");
        cx.collect(before.iter().zip(batch).map(|(before, batch)| *before * (A::one() - new) + *batch * new))
    }
}

/// Mean and variance of each channel; NaN of no rows.
pub(super) fn moments<T: Floating>(cx: &RunCx<'_>, x: &[T], channels: usize) -> Result<Moments<T::Acc>> {
    if x.is_empty() {
        let nan = || cx.scratch_of(channels, <T::Acc as Float>::nan());
        return Ok((nan()?, nan()?));
    }
    let zeros = || cx.scratch_of(channels, <T::Acc as Number>::ZERO);
    let (mut mean, mut variance, mut sum, mut pace) = (zeros()?, zeros()?, zeros()?, cx.pace());
    let rows = real::<T::Acc>(x.len() / channels);
    for block in x.chunks(channels * BLOCK) {
        sum.fill(<T::Acc as Number>::ZERO);
        for row in block.chunks_exact(channels) {
            pace.spend(channels)?;
            sum.iter_mut().zip(row).for_each(|(sum, x)| *sum = sum.plus(x.widen()));
        }
        mean.iter_mut().zip(&*sum).for_each(|(mean, sum)| *mean = *mean + *sum / rows);
    }
    for block in x.chunks(channels * BLOCK) {
        sum.fill(<T::Acc as Number>::ZERO);
        for row in block.chunks_exact(channels) {
            pace.spend(channels)?;
            for ((sum, x), mean) in sum.iter_mut().zip(row).zip(&*mean) {
                let apart = x.widen() - *mean;
                *sum = *sum + apart * apart;
            }
        }
        variance.iter_mut().zip(&*sum).for_each(|(variance, sum)| *variance = *variance + *sum / rows);
    }
    Ok((mean, variance))
}

/// Mean and variance of each channel.
type Moments<A> = (ScratchVec<A>, ScratchVec<A>);

/// Rows that are summed up before they join the total, so that float32 keeps its precision.
const BLOCK: usize = 256;

/// `(x - mean) * factor + offset` for each channel.
fn affine<T: Floating>(cx: &RunCx<'_>, x: &[T], [mean, factor, offset]: [&[T::Acc]; 3], y: &mut [T]) -> Result<()> {
    let channels = mean.len();
    if y.is_empty() {
        return Ok(());
    }
    let shift = cx.collect(mean.iter().zip(factor).zip(offset).map(|((m, f), o)| *o - *m * *f))?;
    let step = (super::window::CHUNK / channels).max(1) * channels;
    cx.for_chunks_mut(y, step, &|chunk, y| {
        for (y, x) in y.chunks_exact_mut(channels).zip(x[chunk * step..].chunks_exact(channels)) {
            for (((y, x), factor), shift) in y.iter_mut().zip(x).zip(factor).zip(&*shift) {
                *y = T::narrow(x.widen() * *factor + *shift);
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{infer_err, infer_ok, run_op};

    fn op(is_training: bool) -> FusedBatchNorm {
        FusedBatchNorm { version: 1, epsilon: 0.0, data_format: DataFormat::Nhwc, is_training, average_factor: 1.0 }
    }

    /// By hand: the batch has mean 2 and unbiased variance 2, a quarter of which joins three quarters of 4 and 6.
    #[test]
    fn running_moments_are_averages_where_a_factor_says_so() {
        let x = Value::from_vec(&[2, 1, 1, 1], vec![1.0f32, 3.0]).unwrap();
        let v = |x: f32| [x].into_value();
        let op = FusedBatchNorm { average_factor: 0.25, ..op(true) };
        let got = run_op(op.clone(), &[x.clone(), v(2.0), v(0.5), v(4.0), v(6.0)]).unwrap();
        let got: Vec<_> = got.iter().map(|value| value.slice::<f32>().unwrap().to_vec()).collect();
        assert_eq!(got, [vec![-1.5, 2.5], vec![3.5], vec![5.0], vec![2.0], vec![1.0]]);
        infer_err(&op, "(1,4,4,2);(2);(2);(0);(0)", "dimensions must be equal, but are 2 and 0");
    }

    /// As TensorFlow 1.15.5 and 2.15.1 answer.
    #[test]
    fn a_batch_without_images_has_no_moments() {
        let none = |dims: &[usize]| Value::zeros(DType::F32, dims).unwrap();
        let v = || [1.0f32, 2.0].into_value();
        let run = |op: FusedBatchNorm, dims: &[usize], given: [Value; 2]| {
            let [mean, variance] = given;
            let got = run_op(op, &[none(dims), v(), v(), mean, variance]).unwrap();
            assert_eq!(got[0].dims(), dims);
            let is_nan = |value: &Value| value.slice::<f32>().unwrap().iter().map(|x| x.is_nan()).collect::<Vec<_>>();
            got[1..5].iter().map(is_nan).collect::<Vec<_>>()
        };
        let (nan, given) = (vec![true; 2], vec![false; 2]);
        for dims in [[0, 3, 4, 2], [2, 0, 4, 2]] {
            assert_eq!(run(op(true), &dims, [none(&[0]), none(&[0])]), vec![nan.clone(); 4]);
            let averaged = FusedBatchNorm { average_factor: 0.25, ..op(true) };
            assert_eq!(run(averaged, &dims, [v(), v()]), vec![nan.clone(); 4]);
            let inference = run(op(false), &dims, [v(), v()]);
            assert_eq!(inference, [nan.clone(), nan.clone(), given.clone(), given.clone()]);
        }
    }

    #[test]
    fn channels_come_from_any_side() {
        infer_ok(&op(false), "(?,4,4,?);(3);(?);(?);(3)", "(?,4,4,3);(3);(3);(3);(3)");
        infer_err(&op(false), "(1,4,4,2);(3);(3);(3);(3)", "dimensions must be equal, but are 2 and 3");
    }

    /// By hand: 1 and 3 have mean 2 and variance 1, unbiased 2.
    #[test]
    fn training_takes_the_moments_of_the_batch() {
        let x = Value::from_vec(&[2, 1, 1, 1], vec![1.0f32, 3.0]).unwrap();
        let v = |x: f32| [x].into_value();
        let none = || Value::from_vec(&[0], Vec::<f32>::new()).unwrap();
        let got = run_op(op(true), &[x, v(2.0), v(0.5), none(), none()]).unwrap();
        let got: Vec<_> = got.iter().map(|value| value.slice::<f32>().unwrap().to_vec()).collect();
        assert_eq!(got, [vec![-1.5, 2.5], vec![2.0], vec![2.0], vec![2.0], vec![1.0]]);
    }
}
