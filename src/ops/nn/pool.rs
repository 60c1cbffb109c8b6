//! `MaxPool`, `AvgPool`, `MaxPool3D` and `AvgPool3D`.

use std::sync::Arc;

use num_traits::Float;

use super::conv::counting;
use super::depth_pool::DepthMaxPool;
use super::layout::{from_last, to_last};
use super::pool_grad::PoolGrad;
use super::window::{Geometry, Padding, Window};
use crate::cancel::Pace;
use crate::error::{Error, Result};
use crate::graph::{AttrValue, Attrs, Example, GradCx, InferCx, Op, OpKind, RunCx, Tensor};
use crate::kernel::{Number, Ordered};
use crate::ops::wide::widened;
use crate::shape::Dim;
use crate::value::Value;
use crate::{dispatched, with_type};

/// What a pool makes of the cells of a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pooling {
    /// The largest.
    Max,
    /// The mean of those that lie in the image.
    Avg,
}

/// Slides a window over each channel of images and keeps one number of it, in two or three directions of space.
#[derive(Debug, Clone)]
pub struct Pool {
    /// Which number.
    pub how: Pooling,
    /// The sizes of the window, one an axis of the input; 1 for batch and channels.
    pub ksize: Vec<i64>,
    /// How it slides.
    pub window: Window,
}

macro_rules! rows {
    ($($(#[$doc:meta])* $row:ident $name:literal $how:ident $spatial:literal $input:literal;)*) => { $(
        $(#[$doc])*
        pub static $row: OpKind = OpKind::new(
            $name,
            concat!($input, ": T -> output: T"),
            |attrs| parse(attrs, Pooling::$how, $spatial),
            || examples(Pooling::$how, $spatial),
        );
    )* };
}
rows! {
    /// The row of the largest, over images.
    MAX_POOL "MaxPool" Max 2 "input";
    /// The row of the mean, over images.
    AVG_POOL "AvgPool" Avg 2 "value";
    /// The row of the largest, over volumes.
    MAX_POOL_3D "MaxPool3D" Max 3 "input";
    /// The row of the mean, over volumes.
    AVG_POOL_3D "AvgPool3D" Avg 3 "input";
}

impl Tensor {
    /// The largest cell of each window of `ksize x ksize`, channel by channel: `(b, h, w, c) -> (b, h', w', c)`.
    /// Real numbers. Unknown sizes stay expressions of the input's.
    ///
    /// # Errors
    /// `ShapeMismatch` for other ranks and for windows larger than the padded image.
    ///
    /// Source: TensorFlow's `MaxPool`.
    ///
    /// ```
    /// # use sessile::prelude::*;
    /// # use sessile::ops::nn::{Padding, Window};
    /// # fn main() -> sessile::Result<()> {
    /// let g = Graph::new();
    /// let x = g.placeholder(DType::F32, shape![?, 28, 28, 8])?;
    /// assert_eq!(x.max_pool(2, Window::new(2, 2, Padding::Valid))?.shape().to_string(), "(?, 14, 14, 8)");
    /// # Ok(()) }
    /// ```
    #[doc(alias = "tf.nn.max_pool")]
    #[track_caller]
    pub fn max_pool(&self, ksize: usize, window: Window) -> Result<Tensor> {
        self.pool(Pooling::Max, ksize, window)
    }

    /// The mean of each window of `ksize x ksize`, channel by channel, without the padding: as [`Tensor::max_pool`],
    /// for floating-point numbers.
    #[doc(alias = "tf.nn.avg_pool")]
    #[track_caller]
    pub fn avg_pool(&self, ksize: usize, window: Window) -> Result<Tensor> {
        self.pool(Pooling::Avg, ksize, window)
    }

    #[track_caller]
    fn pool(&self, how: Pooling, ksize: usize, window: Window) -> Result<Tensor> {
        window.check(window.strides.len().saturating_sub(2))?;
        // Bounded by the rank.
        let mut sizes = vec![1; window.strides.len()];
        (0..window.spatial()).for_each(|i| sizes[window.axis(i)] = i64::try_from(ksize).unwrap_or(i64::MAX));
        check_ksize(&sizes, "ksize", &window)?;
        self.graph().apply_one(Pool { how, ksize: sizes, window }, &[self])
    }
}

fn parse(attrs: &Attrs, how: Pooling, spatial: usize) -> Result<Arc<dyn Op>> {
    if how == Pooling::Max
        && spatial == 2
        && let Some(depth) = DepthMaxPool::parse(attrs)?
    {
        return Ok(Arc::new(depth));
    }
    let window = Window::parse(attrs, spatial)?;
    Ok(Arc::new(Pool { how, ksize: parse_ksize(attrs, "ksize", &window)?, window }))
}

/// The sizes of a window, validated.
pub(super) fn parse_ksize(attrs: &Attrs, name: &str, window: &Window) -> Result<Vec<i64>> {
    let ksize = attrs.ints(name)?;
    check_ksize(&ksize, name, window)?;
    Ok(ksize)
}

pub(super) fn check_ksize(ksize: &[i64], name: &str, window: &Window) -> Result<()> {
    if ksize.len() != window.strides.len() || ksize.iter().any(|size| *size < 1) {
        return Err(Error::invalid(format!(
            "{name} must be {} numbers of 1 or more, but is {ksize:?}",
            window.strides.len()
        )));
    }
    if ksize[0] != 1 || ksize[window.channel_axis()] != 1 {
        return Err(Error::unsupported(format!("pooling over the batch or the depth is not available: {ksize:?}")));
    }
    check_borders(ksize, window)
}

/// No window may lie in the border alone.
fn check_borders(ksize: &[i64], window: &Window) -> Result<()> {
    let Padding::Explicit(pads) = &window.padding else { return Ok(()) };
    match pads.chunks(2).zip(ksize).find(|(pads, size)| pads.iter().any(|pad| pad >= *size)) {
        Some((pads, size)) => {
            Err(Error::invalid(format!("paddings {pads:?} must be smaller than the window size {size}")))
        }
        None => Ok(()),
    }
}

/// The sizes of the window in space.
pub(super) fn spatial_sizes(window: &Window, ksize: &[i64]) -> Vec<usize> {
    (0..window.spatial()).map(|i| ksize[window.axis(i)] as usize).collect()
}

fn examples(how: Pooling, spatial: usize) -> Vec<Example> {
    let pool = |size: i64, stride, padding| {
        let mut ksize = vec![size; spatial + 2];
        (ksize[0], ksize[spatial + 1]) = (1, 1);
        Pool { how, ksize, window: Window::new(spatial, stride, padding) }
    };
    let image = |n: usize, channels| counting(&[&[n][..], &vec![5; spatial], &[channels]].concat());
    let mut first = pool(2, 1, Padding::Valid);
    first.window.data_format = super::DataFormat::Nchw;
    first.ksize.swap(1, spatial + 1);
    let depth = (how == Pooling::Max && spatial == 2).then(DepthMaxPool::example);
    let mut examples = vec![
        Example::new(pool(2, 2, Padding::Same), [image(2, 3)]),
        Example::new(pool(3, 1, Padding::Valid), [image(1, 2)]),
        Example::new(pool(3, 1, Padding::Valid), [image(0, 2)]),
        Example::new(first, [counting(&[&[1, 2][..], &vec![4; spatial]].concat())]),
    ];
    examples.extend(depth);
    examples
}

impl Op for Pool {
    fn kind(&self) -> &'static OpKind {
        match (self.how, self.window.spatial()) {
            (Pooling::Max, 2) => &MAX_POOL,
            (Pooling::Avg, 2) => &AVG_POOL,
            (Pooling::Max, _) => &MAX_POOL_3D,
            (Pooling::Avg, _) => &AVG_POOL_3D,
        }
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        let input = cx.shape(0).with_rank(self.window.spatial() + 2)?;
        let sizes: Vec<Dim> = spatial_sizes(&self.window, &self.ksize).into_iter().map(Dim::from).collect();
        let shape = self.window.output_shape(&input, &sizes, input.dim(self.window.channel_axis()))?;
        cx.output(cx.dtype(0), shape);
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        // The largest of nothing but minus infinity depends on the dtype.
        if (self.how == Pooling::Avg || cx.input(0).dtype().is_integer())
            && let Some(done) = widened(self, cx, &[0], &[0])
        {
            return done;
        }
        let format = self.window.data_format;
        let x = to_last(cx, cx.input(0), format)?;
        let g = self.window.over(x.dims(), &spatial_sizes(&self.window, &self.ksize))?;
        let mut out = cx.alloc(x.dtype(), &g.output_dims(g.channels))?;
        let refuse = || Err(Error::unsupported(format!("{:?} pooling is not for {}", self.how, x.dtype())));
        match self.how {
            Pooling::Max if x.dtype().is_integer() => with_type!(x.dtype(), T in wide_ints => {
                max_pool::<T>(cx, &g, &x, T::LEAST, &mut out)?;
            }, else => return refuse()),
            Pooling::Max => with_type!(x.dtype(), T in floats => {
                // As TensorFlow 1.15.5: of nothing but minus infinity the largest in a plane is the lowest finite number.
                let start = if self.window.spatial() == 2 { T::LOWEST } else { T::LEAST };
                max_pool::<T>(cx, &g, &x, start, &mut out)?;
            }, else => return refuse()),
            Pooling::Avg => with_type!(x.dtype(), T in wide_floats => avg_pool::<T>(cx, &g, &x, &mut out)?, else => {
                return refuse();
            }),
        }
        let out = from_last(cx, out, format)?;
        cx.output(0, out);
        Ok(())
    }

    fn grad(&self, cx: &GradCx<'_>) -> Result<Vec<Option<Tensor>>> {
        let (x, dy) = (cx.input(0), cx.dy()?);
        let op = PoolGrad { how: self.how, ksize: self.ksize.clone(), window: self.window.clone() };
        let dx = match self.how {
            Pooling::Max => cx.graph().apply_one(op, &[&x, &cx.output(0)?, dy])?,
            Pooling::Avg => cx.graph().apply_one(op, &[&x.shape_tensor()?, dy])?,
        };
        Ok(vec![Some(dx)])
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        let mut attrs = self.window.pool_attrs();
        attrs.push(("ksize", AttrValue::Ints(self.ksize.clone())));
        attrs
    }
}

/// Floating-point numbers, by what they are accumulated in.
pub(super) trait Floating: Number<Acc: Float> {}
impl<T: Number<Acc: Float>> Floating for T {}

/// A count as a divisor.
pub(super) fn real<F: Float>(n: usize) -> F {
    F::from(n).expect("floating-point numbers hold counts")
}

fn max_pool<T: Ordered>(cx: &RunCx<'_>, g: &Geometry, x: &Value, start: T, out: &mut Value) -> Result<()> {
    let (x, out) = (x.slice::<T>()?, out.make_mut::<T>()?);
    if out.is_empty() {
        return Ok(());
    }
    let (work, step) = (cx.workspace(), g.windows_per_chunk(g.filter_len().saturating_mul(g.channels) / 4));
    cx.try_for_chunks_mut(out, step * g.channels, &|chunk, out| {
        max_windows(g, x, start, chunk * step, out, &mut work.pace())
    })
}

fn avg_pool<T: Floating>(cx: &RunCx<'_>, g: &Geometry, x: &Value, out: &mut Value) -> Result<()> {
    let (x, out) = (x.slice::<T>()?, out.make_mut::<T>()?);
    if out.is_empty() {
        return Ok(());
    }
    let (work, step) = (cx.workspace(), g.windows_per_chunk(g.filter_len().saturating_mul(g.channels) / 4));
    cx.try_for_chunks_mut(out, step * g.channels, &|chunk, out| {
        let mut sums = work.scratch_of(g.channels, T::Acc::ZERO)?;
        avg_windows(g, x, chunk * step, out, &mut sums, &mut work.pace())
    })
}

dispatched! {
    fn max_windows<T: Ordered>(
        g: &Geometry,
        x: &[T],
        start: T,
        from: usize,
        out: &mut [T],
        pace: &mut Pace<'_>,
    ) -> Result<()> = max_windows_body;
    fn avg_windows<T: Floating>(
        g: &Geometry,
        x: &[T],
        from: usize,
        out: &mut [T],
        sums: &mut [T::Acc],
        pace: &mut Pace<'_>,
    ) -> Result<()> = avg_windows_body;
}

#[inline(always)]
fn max_windows_body<T: Ordered, const FMA: bool>(
    g: &Geometry,
    x: &[T],
    start: T,
    from: usize,
    out: &mut [T],
    pace: &mut Pace<'_>,
) -> Result<()> {
    let image = g.image_len();
    for (i, out) in out.chunks_exact_mut(g.channels).enumerate() {
        let (n, window) = ((from + i) / g.output_len(), (from + i) % g.output_len());
        let (x, place) = (&x[n * image..(n + 1) * image], g.place(window));
        match g.channels {
            64.. => max_blocks::<T, 64>(g, x, start, place, out, pace)?,
            16.. => max_blocks::<T, 16>(g, x, start, place, out, pace)?,
            4.. => max_blocks::<T, 4>(g, x, start, place, out, pace)?,
            _ => max_blocks::<T, 1>(g, x, start, place, out, pace)?,
        }
    }
    Ok(())
}

/// The largest cells of one window, `N` channels at a time in registers. The last block overlaps the one before it.
#[inline(always)]
fn max_blocks<T: Ordered, const N: usize>(
    g: &Geometry,
    x: &[T],
    start: T,
    place: [usize; 3],
    out: &mut [T],
    pace: &mut Pace<'_>,
) -> Result<()> {
    for channel in (0..g.channels).step_by(N) {
        let channel = channel.min(g.channels - N);
        let mut most = [start; N];
        g.for_taps(place, N.div_ceil(8), pace, |_, cell| {
            let x = &x[cell * g.channels + channel..][..N];
            most.iter_mut().zip(x).for_each(|(most, x)| *most = most.larger(*x));
        })?;
        out[channel..channel + N].copy_from_slice(&most);
    }
    Ok(())
}

#[inline(always)]
fn avg_windows_body<T: Floating, const FMA: bool>(
    g: &Geometry,
    x: &[T],
    from: usize,
    out: &mut [T],
    sums: &mut [T::Acc],
    pace: &mut Pace<'_>,
) -> Result<()> {
    let image = g.image_len();
    for (i, out) in out.chunks_exact_mut(g.channels).enumerate() {
        let (n, window) = ((from + i) / g.output_len(), (from + i) % g.output_len());
        let (x, place) = (&x[n * image..(n + 1) * image], g.place(window));
        sums.fill(T::Acc::ZERO);
        g.for_taps(place, g.channels.div_ceil(4), pace, |_, cell| {
            let x = &x[cell * g.channels..(cell + 1) * g.channels];
            sums.iter_mut().zip(x).for_each(|(sum, x)| *sum = sum.plus(x.widen()));
        })?;
        let count = real::<T::Acc>(g.n_taps(place));
        out.iter_mut().zip(&*sums).for_each(|(out, sum)| *out = T::narrow(*sum / count));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{infer_err, infer_ok, run_op};

    fn pool(how: Pooling, size: i64, stride: usize, padding: Padding) -> Pool {
        Pool { how, ksize: vec![1, size, size, 1], window: Window::new(2, stride, padding) }
    }

    #[test]
    fn sizes_follow_the_window() {
        infer_ok(&pool(Pooling::Max, 2, 2, Padding::Valid), "(?,28,28,8)", "(?,14,14,8)");
        infer_ok(&pool(Pooling::Avg, 3, 2, Padding::Same), "(?,7,?,8)", "(?,4,?,8)");
        infer_err(&pool(Pooling::Max, 3, 1, Padding::Valid), "(1,2,2,1)", "subtracting 3 from 2");
    }

    #[test]
    fn windows_in_the_border_are_refused() {
        let window = |pad| Window::new(2, 2, Padding::Explicit(vec![0, 0, 0, 1, 0, pad, 0, 0]));
        assert!(check_ksize(&[1, 2, 2, 1], "ksize", &window(1)).is_ok());
        let error = check_ksize(&[1, 2, 2, 1], "ksize", &window(2)).unwrap_err();
        assert_eq!(error.message(), "paddings [0, 2] must be smaller than the window size 2");
    }

    /// Every way of cutting the channels into blocks.
    #[test]
    fn the_largest_of_each_channel_is_kept() {
        for channels in [1, 3, 4, 7, 16, 24, 63, 64, 100] {
            let x: Vec<f32> = (0..5 * 4 * channels).map(|i| (i * 31 % 101) as f32 - 50.0).collect();
            let image = Value::from_vec(&[1, 5, 4, channels], x.clone()).unwrap();
            let got = run_op(pool(Pooling::Max, 3, 2, Padding::Valid), &[image]).unwrap();
            let cell = |row: usize, column: usize, channel| x[(row * 4 + column) * channels + channel];
            for (at, got) in got[0].slice::<f32>().unwrap().iter().enumerate() {
                let (row, channel) = (at / channels * 2, at % channels);
                let want = (0..9).map(|i| cell(row + i / 3, i % 3, channel)).fold(f32::MIN, f32::max);
                assert_eq!(*got, want, "{channels} channels, {at}");
            }
        }
    }

    /// By hand, on 0..9.
    #[test]
    fn padding_counts_for_nothing() {
        let x = Value::from_vec(&[1, 3, 3, 1], (0..9).map(|i| i as f32 - 10.0).collect()).unwrap();
        let max = run_op(pool(Pooling::Max, 2, 2, Padding::Same), std::slice::from_ref(&x)).unwrap();
        assert_eq!(max[0].slice::<f32>().unwrap(), [-6.0, -5.0, -3.0, -2.0]);
        let avg = run_op(pool(Pooling::Avg, 2, 2, Padding::Same), &[x]).unwrap();
        assert_eq!(avg[0].slice::<f32>().unwrap(), [-8.0, -6.5, -3.5, -2.0]);
    }
}
