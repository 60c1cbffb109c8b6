//! `FusedBatchNormGrad` in its three versions.

use std::sync::Arc;

use num_traits::{Float, NumCast};

use super::bias_add::DataFormat;
use super::conv::counting;
use super::fused_batch_norm::check_dtypes;
use super::layout::{from_last, to_last};
use super::pool::{Floating, real};
use super::window::{CHUNK, format_attr};
use crate::error::{Error, Result};
use crate::graph::{AttrValue, Attrs, Example, InferCx, Op, OpKind, RunCx};
use crate::kernel::Number;
use crate::shape::{Dim, Shape};
use crate::value::{IntoValue, ScratchVec, Value};
use crate::with_type;

/// The gradient of [`FusedBatchNorm`](super::FusedBatchNorm) by image, scale and offset. The reserves are mean and
/// variance.
#[derive(Debug, Clone)]
pub struct FusedBatchNormGrad {
    /// TensorFlow's version of the op, 1 to 3.
    pub version: u8,
    /// Added to the variance.
    pub epsilon: f32,
    /// Where the channels stand.
    pub data_format: DataFormat,
    /// Whether the moments were those of the batch.
    pub is_training: bool,
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
    FUSED_BATCH_NORM_GRAD 1 "FusedBatchNormGrad"
        "y_backprop: T, x: T, scale: T, reserve_space_1: T, reserve_space_2: T -> x_backprop: T, scale_backprop: T, \
         offset_backprop: T, reserve_space_3: T, reserve_space_4: T";
    /// The row of the second version.
    FUSED_BATCH_NORM_GRAD_V2 2 "FusedBatchNormGradV2"
        "y_backprop: T, x: T, scale: float32, reserve_space_1: U, reserve_space_2: U -> x_backprop: T, \
         scale_backprop: U, offset_backprop: U, reserve_space_3: U, reserve_space_4: U";
    /// The row of the third version: it takes one more reserve.
    FUSED_BATCH_NORM_GRAD_V3 3 "FusedBatchNormGradV3"
        "y_backprop: T, x: T, scale: float32, reserve_space_1: U, reserve_space_2: U, reserve_space_3: U -> \
         x_backprop: T, scale_backprop: U, offset_backprop: U, reserve_space_4: U, reserve_space_5: U";
}

fn parse(attrs: &Attrs, version: u8) -> Result<Arc<dyn Op>> {
    Ok(Arc::new(FusedBatchNormGrad {
        version,
        epsilon: attrs.float_or("epsilon", 1e-4)?,
        data_format: DataFormat::parse(attrs)?,
        is_training: attrs.bool_or("is_training", true)?,
    }))
}

fn examples(version: u8) -> Vec<Example> {
    let example = |is_training, data_format, dims: &[usize]| {
        let op = FusedBatchNormGrad { version, epsilon: 0.001, data_format, is_training };
        let vector = || [1.0f32, 2.0].into_value();
        let mut inputs = vec![counting(dims), counting(dims), vector(), vector(), vector()];
        inputs.extend((version == 3).then(|| 0.0f32.into_value()));
        Example::new(op, inputs)
    };
    vec![
        example(true, DataFormat::Nhwc, &[2, 3, 3, 2]),
        example(false, DataFormat::Nhwc, &[2, 3, 3, 2]),
        example(true, DataFormat::Nchw, &[2, 2, 3, 3]),
    ]
}

impl Op for FusedBatchNormGrad {
    fn kind(&self) -> &'static OpKind {
        match self.version {
            1 => &FUSED_BATCH_NORM_GRAD,
            2 => &FUSED_BATCH_NORM_GRAD_V2,
            _ => &FUSED_BATCH_NORM_GRAD_V3,
        }
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        check_dtypes(cx.dtype(0), cx.dtype(3))?;
        let (dy, x) = (cx.shape(0).with_rank(4)?, cx.shape(1).with_rank(4)?);
        let axis = if self.data_format == DataFormat::Nhwc { 3 } else { 1 };
        let mut channels = dy.dim(axis).merge(&x.dim(axis))?;
        for i in 2..5 {
            channels = channels.merge(&cx.shape(i).with_rank(1)?.dim(0))?;
        }
        cx.output(cx.dtype(0), dy.replace_dim(axis, channels.clone())?);
        for _ in 0..2 {
            cx.output(cx.dtype(3), Shape::new([channels.clone()]));
        }
        // TensorFlow 1 infers as many as channels where it does not train, TensorFlow 2 none.
        let placeholder = if self.is_training { Dim::from(0usize) } else { Dim::unknown() };
        for _ in 0..2 {
            cx.output(cx.dtype(3), Shape::new([placeholder.clone()]));
        }
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let (dy, x) = (to_last(cx, cx.input(0), self.data_format)?, to_last(cx, cx.input(1), self.data_format)?);
        let moments = cx.input(3).dtype();
        check_dims(cx, &dy, &x)?;
        let channels = x.dims()[3];
        let mut dx = cx.alloc(x.dtype(), x.dims())?;
        let mut sums = [cx.alloc(moments, &[channels])?, cx.alloc(moments, &[channels])?];
        with_type!(x.dtype(), T in floats => self.gradients::<T>(cx, &dy, &x, &mut dx, &mut sums)?, else => {
            return check_dtypes(x.dtype(), moments);
        });
        let dx = from_last(cx, dx, self.data_format)?;
        cx.output(0, dx);
        sums.into_iter().enumerate().for_each(|(i, sum)| cx.output(i + 1, sum));
        // Placeholders: TensorFlow's rule says that they have no elements, and so do its kernels since version 2.
        for i in 3..5 {
            let none = cx.alloc_zeros(moments, &[0])?;
            cx.output(i, none);
        }
        Ok(())
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        vec![
            ("epsilon", AttrValue::Float(self.epsilon)),
            ("data_format", format_attr(self.data_format, 2)),
            ("is_training", AttrValue::Bool(self.is_training)),
        ]
    }
}

fn check_dims(cx: &RunCx<'_>, dy: &Value, x: &Value) -> Result<()> {
    if x.rank() != 4 || dy.dims() != x.dims() {
        let (x, dy) = (x.dims(), dy.dims());
        return Err(Error::shape(format!("x and y_backprop must be 4-dimensional and of one shape: {x:?} vs {dy:?}")));
    }
    for i in 2..5 {
        let dims = cx.input(i).dims();
        if dims != [x.dims()[3]] {
            return Err(Error::shape(format!("scale and moments must have {} elements: {dims:?}", x.dims()[3])));
        }
    }
    Ok(())
}

impl FusedBatchNormGrad {
    fn gradients<T: Floating>(
        &self,
        cx: &RunCx<'_>,
        dy: &Value,
        x: &Value,
        dx: &mut Value,
        [dscale, doffset]: &mut [Value; 2],
    ) -> Result<()> {
        let channels = x.dims()[3];
        if x.is_empty() {
            // Whatever the moments are, NaN among them: nothing flows.
            for sum in [dscale, doffset] {
                sum.make_mut::<T::Acc>()?.fill(<T::Acc as Number>::ZERO);
            }
            return Ok(());
        }
        let (dy, x, dx) = (dy.slice::<T>()?, x.slice::<T>()?, dx.make_mut::<T>()?);
        let vector = |i: usize| cx.input(i).slice::<T::Acc>();
        let (scale, mean, variance) = (vector(2)?, vector(3)?, vector(4)?);
        let (sum_dy, sum_product) = sums(cx, dy, x, mean)?;
        let rows = real::<T::Acc>(x.len() / channels);
        let epsilon = <T::Acc as NumCast>::from(self.epsilon).expect("floating-point numbers hold float32");
        let inverse = cx.collect(variance.iter().map(|v| (*v + epsilon).sqrt().recip()))?;
        // dx = a * dy + b * (x - mean) + c, for each channel.
        let coefficients = |c: usize| {
            let (a, zero) = (scale[c] * inverse[c], <T::Acc as Number>::ZERO);
            match self.is_training {
                true => [a, zero - a * inverse[c] * inverse[c] * sum_product[c] / rows, zero - a * sum_dy[c] / rows],
                false => [a, zero, zero],
            }
        };
        let by_channel = cx.collect((0..channels).map(coefficients))?;
        let step = (CHUNK / channels).max(1) * channels;
        cx.for_chunks_mut(dx, step, &|chunk, dx| {
            let images = dy[chunk * step..].chunks_exact(channels).zip(x[chunk * step..].chunks_exact(channels));
            for (dx, (dy, x)) in dx.chunks_exact_mut(channels).zip(images) {
                for (((dx, dy), (x, mean)), [a, b, c]) in
                    dx.iter_mut().zip(dy).zip(x.iter().zip(mean)).zip(&*by_channel)
                {
                    *dx = T::narrow(*a * dy.widen() + *b * (x.widen() - *mean) + *c);
                }
            }
        })?;
        let scaled = sum_product.iter().zip(&*inverse).map(|(sum, inverse)| *sum * *inverse);
        dscale.make_mut::<T::Acc>()?.iter_mut().zip(scaled).for_each(|(out, x)| *out = x);
        doffset.make_mut::<T::Acc>()?.copy_from_slice(&sum_dy);
        Ok(())
    }
}

/// The sums of the gradient, and of its product with the image around its mean, for each channel.
fn sums<T: Floating>(cx: &RunCx<'_>, dy: &[T], x: &[T], mean: &[T::Acc]) -> Result<Sums<T::Acc>> {
    let zeros = || cx.scratch_of(mean.len(), <T::Acc as Number>::ZERO);
    let (mut total, mut product, mut sum, mut with_x) = (zeros()?, zeros()?, zeros()?, zeros()?);
    let mut pace = cx.pace();
    for (dy, x) in dy.chunks(mean.len() * BLOCK).zip(x.chunks(mean.len() * BLOCK)) {
        sum.fill(<T::Acc as Number>::ZERO);
        with_x.fill(<T::Acc as Number>::ZERO);
        for (dy, x) in dy.chunks_exact(mean.len()).zip(x.chunks_exact(mean.len())) {
            pace.spend(2 * mean.len())?;
            for (c, (dy, x)) in dy.iter().zip(x).enumerate() {
                sum[c] = sum[c] + dy.widen();
                with_x[c] = with_x[c] + dy.widen() * (x.widen() - mean[c]);
            }
        }
        total.iter_mut().zip(&*sum).for_each(|(total, sum)| *total = *total + *sum);
        product.iter_mut().zip(&*with_x).for_each(|(product, sum)| *product = *product + *sum);
    }
    Ok((total, product))
}

/// Two sums for each channel.
type Sums<A> = (ScratchVec<A>, ScratchVec<A>);

/// Rows that are summed up before they join the total, so that float32 keeps its precision.
const BLOCK: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::run_op;

    /// As TensorFlow 1.15.5 answers.
    #[test]
    fn gradients_pass_through_the_moments_of_the_batch() {
        let op = FusedBatchNormGrad { version: 1, epsilon: 0.1, data_format: DataFormat::Nhwc, is_training: true };
        let image = |data: [f32; 8]| Value::from_vec(&[2, 2, 2, 1], data.to_vec()).unwrap();
        let dy = image([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 9.0]);
        let x = image([0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]);
        let v = |x: f32| [x].into_value();
        let got = run_op(op, &[dy, x, v(2.0), v(3.0), v(4.0)]).unwrap();
        let close = |got: f32, want: f32| assert!((got - want).abs() < 1e-4, "{got} {want}");
        close(got[0].slice::<f32>().unwrap()[0], 2.201312);
        close(got[0].slice::<f32>().unwrap()[7], -3.3877923);
        close(got[1].slice::<f32>().unwrap()[0], 31.607347);
        close(got[2].slice::<f32>().unwrap()[0], 37.0);
    }

    /// As TensorFlow 1.15.5 and 2.15.1 answer; the moments of no images are NaN.
    #[test]
    fn nothing_flows_from_no_images() {
        let none = || Value::from_vec(&[0, 2, 2, 1], Vec::<f32>::new()).unwrap();
        let v = |x: f32| [x].into_value();
        for is_training in [true, false] {
            let op = FusedBatchNormGrad { version: 1, epsilon: 0.1, data_format: DataFormat::Nhwc, is_training };
            let got = run_op(op, &[none(), none(), v(2.0), v(f32::NAN), v(f32::NAN)]).unwrap();
            assert_eq!(got[0].dims(), [0, 2, 2, 1]);
            assert_eq!([&got[1], &got[2]].map(|sum| sum.slice::<f32>().unwrap()[0]), [0.0, 0.0]);
        }
    }
}
