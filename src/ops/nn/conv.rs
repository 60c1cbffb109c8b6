//! `Conv2D` and `Conv3D`.

use std::sync::Arc;

use super::conv_grad::{ConvBackprop, Operand};
use super::layout::{dims_to_last, from_last, to_last};
use super::patches::{gather, rows_per_block};
use super::strips::Strips;
use super::window::{Geometry, Padding, Window};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::graph::{AttrValue, Attrs, Example, GradCx, InferCx, Op, OpKind, RunCx, Tensor};
use crate::kernel::Number;
use crate::kernel::product::{Activation, Epilogue, Filter, matmul};
use crate::ops::IntoTensor;
use crate::shape::{Dim, Shape};
use crate::value::{ScratchVec, Value};
use crate::with_type;

/// Slides filters over images and sums the products, in two or three directions of space.
///
/// A filter with fewer input channels than the image has makes groups: each takes its share of the channels.
#[derive(Debug, Clone)]
pub struct Conv {
    /// How the filters slide.
    pub window: Window,
}

/// The row of [`Conv`] over images.
pub static CONV_2D: OpKind =
    OpKind::new("Conv2D", "input: T, filter: T -> output: T", |attrs| parse(attrs, 2), || examples(2));
/// The row of [`Conv`] over volumes.
pub static CONV_3D: OpKind =
    OpKind::new("Conv3D", "input: T, filter: T -> output: T", |attrs| parse(attrs, 3), || examples(3));

impl Tensor {
    /// Convolution: `(b, h, w, i) x (kh, kw, i, o) -> (b, h', w', o)` with the window's strides, dilations and padding;
    /// channels second where its format says so. Floating-point numbers. Unknown sizes stay expressions of the input's.
    ///
    /// # Errors
    /// `ShapeMismatch` for other ranks, for channels that are no multiple of the filter's, and for windows larger than
    /// the padded image.
    ///
    /// Source: TensorFlow's `Conv2D`.
    ///
    /// ```
    /// # use sessile::prelude::*;
    /// # use sessile::ops::nn::{Padding, Window};
    /// # fn main() -> sessile::Result<()> {
    /// let g = Graph::new();
    /// let x = g.placeholder(DType::F32, shape![?, 28, 28, 1])?;
    /// let filter = g.placeholder(DType::F32, shape![5, 5, 1, 32])?;
    /// assert_eq!(x.conv2d(&filter, Window::new(2, 2, Padding::Same))?.shape().to_string(), "(?, 14, 14, 32)");
    /// # Ok(()) }
    /// ```
    #[doc(alias = "tf.nn.conv2d")]
    #[track_caller]
    pub fn conv2d(&self, filter: impl IntoTensor, window: Window) -> Result<Tensor> {
        window.check(2)?;
        let filter = filter.tensor(Some(self))?;
        self.graph().apply_one(Conv { window }, &[self, &filter])
    }

    /// Convolution of volumes: `(b, d, h, w, i) x (kd, kh, kw, i, o) -> (b, d', h', w', o)`; else as
    /// [`Tensor::conv2d`].
    #[doc(alias = "tf.nn.conv3d")]
    #[track_caller]
    pub fn conv3d(&self, filter: impl IntoTensor, window: Window) -> Result<Tensor> {
        window.check(3)?;
        let filter = filter.tensor(Some(self))?;
        self.graph().apply_one(Conv { window }, &[self, &filter])
    }
}

fn parse(attrs: &Attrs, spatial: usize) -> Result<Arc<dyn Op>> {
    attrs.bool_or("use_cudnn_on_gpu", true)?;
    Ok(Arc::new(Conv { window: Window::parse(attrs, spatial)? }))
}

/// Small numbers in a row, as examples need them.
pub(super) fn counting(dims: &[usize]) -> Value {
    let n: usize = dims.iter().product();
    let data = (0..n).map(|i| (i * 7 % 11) as f32 - 4.5).collect();
    Value::from_vec(dims, data).expect("dims fit the data")
}

fn examples(spatial: usize) -> Vec<Example> {
    let dims = |sizes: &[usize], ends: [usize; 2]| [sizes, &ends].concat();
    let image = |n: usize, channels| counting(&[&[n][..], &vec![4; spatial], &[channels]].concat());
    let filter = |size: usize, ends| counting(&dims(&vec![size; spatial], ends));
    let conv = |stride, padding| Conv { window: Window::new(spatial, stride, padding) };
    let mut first = conv(1, Padding::Valid);
    first.window.data_format = super::DataFormat::Nchw;
    let turned = counting(&[&[2, 3][..], &vec![4; spatial]].concat());
    vec![
        Example::new(conv(1, Padding::Same), [image(2, 3), filter(3, [3, 2])]),
        Example::new(conv(2, Padding::Valid), [image(1, 4), filter(2, [2, 4])]),
        Example::new(conv(1, Padding::Same), [image(1, 2), filter(1, [2, 3])]),
        Example::new(conv(1, Padding::Same), [image(0, 2), filter(1, [2, 3])]),
        Example::new(first, [turned, filter(2, [3, 2])]),
    ]
}

/// Integers are convolved as exactly as they are added.
#[cfg(test)]
pub(super) fn ints(dims: &[usize]) -> Value {
    Value::from_vec(dims, (0..dims.iter().product::<usize>()).map(|i| (i * 7 % 11) as i32 - 5).collect()).unwrap()
}

impl Op for Conv {
    fn kind(&self) -> &'static OpKind {
        if self.window.spatial() == 2 { &CONV_2D } else { &CONV_3D }
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        check_dtype(cx.dtype(0), self.window.spatial())?;
        let shape = self.infer_shape(cx.shape(0), cx.shape(1))?;
        cx.output(cx.dtype(0), shape);
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let out = self.compute(cx, None, Activation::None)?;
        cx.output(0, out);
        Ok(())
    }

    fn grad(&self, cx: &GradCx<'_>) -> Result<Vec<Option<Tensor>>> {
        let (x, filter, dy) = (cx.input(0), cx.input(1), cx.dy()?);
        let by = |by| ConvBackprop { by, window: self.window.clone() };
        let dx = cx.graph().apply_one(by(Operand::Input), &[&x.shape_tensor()?, &filter, dy])?;
        let dfilter = cx.graph().apply_one(by(Operand::Filter), &[&x, &filter.shape_tensor()?, dy])?;
        Ok(vec![Some(dx), Some(dfilter)])
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        self.window.attrs()
    }
}

impl Conv {
    /// The convolution of inputs 0 and 1, with what follows it: a bias of one element a channel, an activation.
    pub(in crate::ops) fn compute(&self, cx: &RunCx<'_>, bias: Option<&Value>, then: Activation) -> Result<Value> {
        self.compute_on(cx, cx.input(0), bias, then)
    }

    /// The convolution of these images and input 1.
    pub(super) fn compute_on(
        &self,
        cx: &RunCx<'_>,
        x: &Value,
        bias: Option<&Value>,
        then: Activation,
    ) -> Result<Value> {
        let format = self.window.data_format;
        let (x, filter) = (to_last(cx, x, format)?, cx.input(1));
        let g = geometry(&self.window, x.dims(), filter.dims())?;
        let channels = filter.dims()[filter.rank() - 1];
        check_bias(bias, channels)?;
        let mut out = cx.alloc(x.dtype(), &g.output_dims(channels))?;
        with_type!(x.dtype(), T in floats => convolve::<T>(cx, &g, [&x, filter], bias, then, &mut out)?, else => {
            check_dtype(x.dtype(), self.window.spatial())?;
            convolve::<i32>(cx, &g, [&x, filter], bias, then, &mut out)?;
        });
        from_last(cx, out, format)
    }

    /// The shape that images of this shape have after it.
    pub(super) fn infer_shape(&self, input: &Shape, filter: &Shape) -> Result<Shape> {
        let spatial = self.window.spatial();
        let (input, filter) = (input.with_rank(spatial + 2)?, filter.with_rank(spatial + 2)?);
        let (depth, each) = (input.dim(self.window.channel_axis()), filter.dim(spatial));
        if let (Some(depth), Some(each)) = (depth.known(), each.known()) {
            groups(depth, each, filter.dim(spatial + 1).known().unwrap_or(0))?;
        }
        let sizes: Vec<Dim> = (0..spatial).map(|i| filter.dim(i)).collect();
        self.window.output_shape(&input, &sizes, filter.dim(spatial + 1))
    }
}

/// Floating-point numbers, and int32 in images: TensorFlow's kernels.
pub(super) fn check_dtype(dtype: DType, spatial: usize) -> Result<()> {
    let is_known = dtype.is_floating() || (dtype == DType::I32 && spatial == 2);
    if is_known { Ok(()) } else { Err(not_convolved(dtype)) }
}

#[cold]
pub(super) fn not_convolved(dtype: DType) -> Error {
    Error::unsupported(format!("convolution is for floating-point numbers, not for {dtype}"))
}

/// Refuses a bias that has not one element a channel.
pub(super) fn check_bias(bias: Option<&Value>, channels: usize) -> Result<()> {
    match bias {
        Some(bias) if bias.dims() != [channels] => {
            Err(Error::shape(format!("the bias must have {channels} elements, but has shape {:?}", bias.dims())))
        }
        _ => Ok(()),
    }
}

/// How many groups there are.
pub(super) fn groups(depth: usize, each: usize, out: usize) -> Result<usize> {
    if each == 0 || !depth.is_multiple_of(each) {
        return Err(Error::shape(format!("input depth must be evenly divisible by filter depth: {depth} vs {each}")));
    }
    let groups = depth / each;
    if groups == 0 || !out.is_multiple_of(groups) {
        return Err(Error::shape(format!(
            "output depth must be evenly divisible by number of groups: {out} vs {groups}"
        )));
    }
    Ok(groups)
}

/// The window of a filter over an image with channels last, both validated.
pub(super) fn geometry(window: &Window, input: &[usize], filter: &[usize]) -> Result<Geometry> {
    let spatial = window.spatial();
    if filter.len() != spatial + 2 {
        return Err(Error::shape(format!("filter must be {}-dimensional, but has shape {filter:?}", spatial + 2)));
    }
    if let Some(zero) = filter[..spatial].iter().find(|size| **size == 0) {
        return Err(Error::invalid(format!("filter sizes must be 1 or more, but are {zero}: {filter:?}")));
    }
    let g = window.over(input, &filter[..spatial])?;
    groups(g.channels, filter[spatial], filter[spatial + 1])?;
    Ok(g)
}

fn convolve<T: Number>(
    cx: &RunCx<'_>,
    g: &Geometry,
    [x, filter]: [&Value; 2],
    bias: Option<&Value>,
    activation: Activation,
    out: &mut Value,
) -> Result<()> {
    let epilogue = &Epilogue { bias: bias.map(Value::slice::<T>).transpose()?, activation };
    if out.is_empty() {
        return Ok(());
    }
    let dims = filter.dims();
    let [each, channels] = [dims[dims.len() - 2], dims[dims.len() - 1]];
    let (x, filter, out) = (x.slice::<T>()?, filter.slice::<T>()?, out.make_mut::<T>()?);
    let n_groups = g.channels / each;
    if n_groups == 1 {
        return one_group(cx, g, x, filter, epilogue, out);
    }
    let (g, width) = (Geometry { channels: each, ..*g }, channels / n_groups);
    let mut part = cx.scratch_of(out.len() / n_groups, T::ZERO)?;
    for group in 0..n_groups {
        let x = take_columns(cx, x, each * n_groups, group * each, each)?;
        let filter = take_columns(cx, filter, channels, group * width, width)?;
        let columns = group * width..(group + 1) * width;
        let epilogue = Epilogue { bias: epilogue.bias.map(|bias| &bias[columns]), ..*epilogue };
        one_group(cx, &g, &x, &filter, &epilogue, &mut part)?;
        put_columns(cx, &part, width, out, channels, group * width)?;
    }
    Ok(())
}

/// Columns `from..from + n` of a matrix with `width` columns.
pub(super) fn take_columns<T: Number>(
    cx: &RunCx<'_>,
    x: &[T],
    width: usize,
    from: usize,
    n: usize,
) -> Result<ScratchVec<T>> {
    let (mut columns, mut pace) = (cx.list(x.len() / width * n)?, cx.pace());
    for row in x.chunks_exact(width) {
        pace.spend(n)?;
        columns.extend_from_slice(&row[from..from + n])?;
    }
    Ok(columns)
}

/// The reverse of [`take_columns`].
pub(super) fn put_columns<T: Number>(
    cx: &RunCx<'_>,
    part: &[T],
    n: usize,
    out: &mut [T],
    width: usize,
    from: usize,
) -> Result<()> {
    let mut pace = cx.pace();
    for (row, part) in out.chunks_exact_mut(width).zip(part.chunks_exact(n)) {
        pace.spend(n)?;
        row[from..from + n].copy_from_slice(part);
    }
    Ok(())
}

/// The product of windows, where they lie, and filters; where windows are cells, of the image itself.
fn one_group<T: Number>(
    cx: &RunCx<'_>,
    g: &Geometry,
    x: &[T],
    filter: &[T],
    epilogue: &Epilogue<'_, T>,
    out: &mut [T],
) -> Result<()> {
    let width = g.filter_len() * g.channels;
    let channels = filter.len() / width;
    let threads = cx.threads();
    if g.is_pointwise() {
        return matmul(threads, out.len() / channels, width, channels, x, false, filter, false, out, epilogue);
    }
    let work = cx.workspace();
    if let Some(strips) = Strips::new(work, g, channels, size_of::<T>())?
        && let Some(filter) = Filter::pack(threads, &strips.windows, filter, epilogue)?
    {
        return cx.try_for_chunks_mut(out, strips.chunk * channels, &|chunk, mut out| {
            let (first, mut pace) = (chunk * strips.chunk, work.pace());
            strips.each(work, x, first..first + out.len() / channels, |image, windows| {
                let (part, rest) = std::mem::take(&mut out).split_at_mut(windows.len() * channels);
                out = rest;
                filter.multiply(image, windows, part, &mut pace)
            })
        });
    }
    gathered(cx, g, x, filter, epilogue, out)
}

/// The product of windows that are copied side by side, block by block: of few of them, and for dtypes without tiles.
fn gathered<T: Number>(
    cx: &RunCx<'_>,
    g: &Geometry,
    x: &[T],
    filter: &[T],
    epilogue: &Epilogue<'_, T>,
    out: &mut [T],
) -> Result<()> {
    let width = g.filter_len() * g.channels;
    let (threads, channels) = (cx.threads(), filter.len() / width);
    let (work, rows) = (cx.workspace(), rows_per_block::<T>(width));
    cx.try_for_chunks_mut(out, rows * channels, &|block, out| {
        let n = out.len() / channels;
        let mut windows = work.scratch_of(n * width, T::ZERO)?;
        gather(work, g, x, block * rows, &mut windows)?;
        matmul(threads, n, width, channels, &windows, false, filter, false, out, epilogue)
    })
}

/// The dims of an image in this window's format, with channels last.
pub(super) fn last_dims(window: &Window, dims: &[usize]) -> Vec<usize> {
    dims_to_last(dims, window.data_format)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{infer_err, infer_ok, run_op};

    fn conv(stride: usize, padding: Padding) -> Conv {
        Conv { window: Window::new(2, stride, padding) }
    }

    #[test]
    fn sizes_follow_the_window() {
        infer_ok(&conv(2, Padding::Same), "(?,28,28,1);(5,5,1,32)", "(?,14,14,32)");
        infer_ok(&conv(1, Padding::Valid), "(?,28,28,1);(5,5,1,32)", "(?,24,24,32)");
        infer_ok(&conv(1, Padding::Same), "(b,h,w,3);(5,5,3,8)", "(b,h,w,8)");
        infer_ok(&conv(1, Padding::Same), "<unknown>;(5,5,3,8)", "(?,?,?,8)");
        infer_err(&conv(1, Padding::Valid), "(1,2,2,1);(3,3,1,1)", "subtracting 3 from 2");
        infer_err(&conv(1, Padding::Valid), "(1,2,2,3);(1,1,2,1)", "evenly divisible");
        infer_err(&conv(1, Padding::Valid), "(2,2,3);(1,1,2,1)", "shape must be rank 4 but is rank 3");
    }

    /// By hand: sums of the 2 x 2 neighbourhoods of 0..9.
    #[test]
    fn windows_are_summed() {
        let x = Value::from_vec(&[1, 3, 3, 1], (0..9).map(|i| i as f32).collect()).unwrap();
        let ones = Value::full(&[2, 2, 1, 1], 1.0f32).unwrap();
        let got = run_op(conv(1, Padding::Valid), &[x.clone(), ones.clone()]).unwrap();
        assert_eq!(got[0].slice::<f32>().unwrap(), [8.0, 12.0, 20.0, 24.0]);
        let got = run_op(conv(1, Padding::Same), &[x, ones]).unwrap();
        assert_eq!(got[0].slice::<f32>().unwrap(), [8.0, 12.0, 7.0, 20.0, 24.0, 13.0, 13.0, 15.0, 8.0]);
    }

    /// By hand: as with floating-point numbers.
    #[test]
    fn int32_is_convolved_in_images_alone() {
        let (x, filter) = (ints(&[1, 2, 2, 1]), ints(&[2, 2, 1, 1]));
        let got = run_op(conv(1, Padding::Valid), &[x, filter]).unwrap();
        assert_eq!(got[0].slice::<i32>().unwrap(), [25 + 4 + 4 + 25]);
        let volumes = Conv { window: Window::new(3, 1, Padding::Valid) };
        infer_err(&volumes, "int32(1,2,2,2,1);int32(1,1,1,1,1)", "for floating-point numbers, not for int32");
        infer_err(&conv(1, Padding::Valid), "int64(1,2,2,1);int64(1,1,1,1)", "not for int64");
    }

    #[test]
    fn groups_take_their_channels() {
        let x = Value::from_vec(&[1, 1, 1, 4], vec![1.0f32, 2.0, 3.0, 4.0]).unwrap();
        let filter = Value::from_vec(&[1, 1, 2, 2], vec![1.0f32, 1.0, 1.0, 1.0]).unwrap();
        let got = run_op(conv(1, Padding::Valid), &[x, filter]).unwrap();
        assert_eq!(got[0].slice::<f32>().unwrap(), [3.0, 7.0]);
    }
}
