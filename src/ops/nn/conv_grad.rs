//! The gradients of convolutions by their input and by their filters.

use std::sync::Arc;

use super::conv::{Conv, counting, geometry, last_dims, put_columns, take_columns};
use super::layout::{from_last, to_last};
use super::patches::{gather, rows_per_block, scatter};
use super::window::{CHUNK, Geometry, Padding, Window};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::graph::{AttrValue, Attrs, Example, GradCx, InferCx, Op, OpKind, RunCx, Tensor};
use crate::kernel::Number;
use crate::kernel::product::{Epilogue, matmul};
use crate::shape::{MAX_RANK, element_count};
use crate::value::{IntoValue, Value};
use crate::with_type;

/// The gradient of [`Conv`](super::Conv): by its input from the input's sizes, the filters and the gradient of the
/// output, or by its filters from the input, the filters' sizes and the gradient of the output.
#[derive(Debug, Clone)]
pub struct ConvBackprop {
    /// By what.
    pub by: Operand,
    /// How the filters slide.
    pub window: Window,
}

/// An operand of a convolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operand {
    /// The images.
    Input,
    /// The filters.
    Filter,
}

macro_rules! rows {
    ($($(#[$doc:meta])* $row:ident $name:literal $by:ident $spatial:literal $signature:literal;)*) => { $(
        $(#[$doc])*
        pub static $row: OpKind = OpKind::new(
            $name,
            $signature,
            |attrs| parse(attrs, Operand::$by, $spatial),
            || examples(Operand::$by, $spatial),
        );
    )* };
}
rows! {
    /// The row by images.
    CONV_2D_BACKPROP_INPUT "Conv2DBackpropInput" Input 2
        "input_sizes: int32, filter: T, out_backprop: T -> output: T";
    /// The row by filters over images.
    CONV_2D_BACKPROP_FILTER "Conv2DBackpropFilter" Filter 2
        "input: T, filter_sizes: int32, out_backprop: T -> output: T";
    /// The row by volumes.
    CONV_3D_BACKPROP_INPUT "Conv3DBackpropInputV2" Input 3
        "input_sizes: Tshape, filter: T, out_backprop: T -> output: T";
    /// The row by filters over volumes.
    CONV_3D_BACKPROP_FILTER "Conv3DBackpropFilterV2" Filter 3
        "input: T, filter_sizes: int32, out_backprop: T -> output: T";
}

fn parse(attrs: &Attrs, by: Operand, spatial: usize) -> Result<Arc<dyn Op>> {
    attrs.bool_or("use_cudnn_on_gpu", true)?;
    Ok(Arc::new(ConvBackprop { by, window: Window::parse(attrs, spatial)? }))
}

fn examples(by: Operand, spatial: usize) -> Vec<Example> {
    let dims = |n: usize, size: usize, channels: usize| [&[n][..], &vec![size; spatial], &[channels]].concat();
    let sizes = |dims: Vec<usize>| dims.into_iter().map(|n| n as i32).collect::<Vec<_>>().into_value();
    let filter = |size: usize| [&vec![size; spatial][..], &[2, 3]].concat();
    let example = |stride, padding, n, size, out| {
        let op = ConvBackprop { by, window: Window::new(spatial, stride, padding) };
        let dy = counting(&dims(n, out, 3));
        match by {
            Operand::Input => Example::new(op, [sizes(dims(n, 4, 2)), counting(&filter(size)), dy]),
            Operand::Filter => Example::new(op, [counting(&dims(n, 4, 2)), sizes(filter(size)), dy]),
        }
    };
    vec![
        example(1, Padding::Same, 2, 3, 4),
        example(2, Padding::Valid, 1, 2, 2),
        example(1, Padding::Same, 1, 1, 4),
        example(1, Padding::Same, 0, 3, 4),
    ]
}

impl Op for ConvBackprop {
    fn kind(&self) -> &'static OpKind {
        match (self.by, self.window.spatial()) {
            (Operand::Input, 2) => &CONV_2D_BACKPROP_INPUT,
            (Operand::Filter, 2) => &CONV_2D_BACKPROP_FILTER,
            (Operand::Input, _) => &CONV_3D_BACKPROP_INPUT,
            (Operand::Filter, _) => &CONV_3D_BACKPROP_FILTER,
        }
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        self.check_dtype(cx.dtype(2))?;
        infer(cx, self.by, self.window.spatial() + 2)
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let (input, filter) = operand_dims(cx, self.by, &self.window)?;
        let g = geometry(&self.window, &input, &filter)?;
        let dy = to_last(cx, cx.input(2), self.window.data_format)?;
        check_gradient(&g, dy.dims(), filter[filter.len() - 1])?;
        let out = with_type!(dy.dtype(), T in floats => self.run_as::<T>(cx, &g, &dy, &input, &filter)?, else => {
            self.check_dtype(dy.dtype())?;
            self.run_as::<i32>(cx, &g, &dy, &input, &filter)?
        });
        cx.output(0, out);
        Ok(())
    }

    fn grad(&self, cx: &GradCx<'_>) -> Result<Vec<Option<Tensor>>> {
        // The convolution is linear in each operand, and so is its gradient.
        let (middle, outer, dy) = (cx.input(1), cx.input(2), cx.dy()?);
        let window = self.window.clone();
        let back = |by| ConvBackprop { by, window: window.clone() };
        match self.by {
            Operand::Input => {
                let of_filter = cx.graph().apply_one(back(Operand::Filter), &[dy, &middle.shape_tensor()?, &outer])?;
                let of_outer = cx.graph().apply_one(Conv { window: window.clone() }, &[dy, &middle])?;
                Ok(vec![None, Some(of_filter), Some(of_outer)])
            }
            Operand::Filter => {
                let x = cx.input(0);
                let of_x = cx.graph().apply_one(back(Operand::Input), &[&x.shape_tensor()?, dy, &outer])?;
                let of_outer = cx.graph().apply_one(Conv { window: window.clone() }, &[&x, dy])?;
                Ok(vec![Some(of_x), None, Some(of_outer)])
            }
        }
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        self.window.attrs()
    }
}

/// The shape that the sizes say.
pub(super) fn infer(cx: &mut InferCx<'_>, by: Operand, rank: usize) -> Result<()> {
    let (sizes, other) = if by == Operand::Input { (0, 1) } else { (1, 0) };
    let shape = cx.shape_from(sizes)?.with_rank(rank)?;
    cx.shape(other).with_rank(rank)?;
    cx.shape(2).with_rank(rank)?;
    cx.output(cx.dtype(2), shape);
    Ok(())
}

/// Dims of the images, with channels last, and of the filters.
pub(super) fn operand_dims(cx: &RunCx<'_>, by: Operand, window: &Window) -> Result<(Vec<usize>, Vec<usize>)> {
    let (sizes, other) = if by == Operand::Input { (0, 1) } else { (1, 0) };
    let sizes = sizes_of(cx.input(sizes))?;
    let other = cx.input(other).dims();
    Ok(match by {
        Operand::Input => (last_dims(window, &sizes), other.to_vec()),
        Operand::Filter => (last_dims(window, other), sizes),
    })
}

/// A vector of sizes as dims.
pub(super) fn sizes_of(value: &Value) -> Result<Vec<usize>> {
    if value.rank() != 1 || value.len() > MAX_RANK {
        return Err(Error::shape(format!("sizes must be a vector of at most {MAX_RANK}, but are {:?}", value.dims())));
    }
    let ints = crate::graph::to_ints(value).ok_or_else(|| Error::dtype("sizes must be int32 or int64"))?;
    let dims: Option<Vec<usize>> = ints.iter().map(|n| usize::try_from(*n).ok()).collect();
    let dims = dims.ok_or_else(|| Error::invalid(format!("sizes must be 0 or more, but are {ints:?}")))?;
    element_count(&dims)?;
    Ok(dims)
}

/// The gradient has the dims of the output.
pub(super) fn check_gradient(g: &Geometry, dy: &[usize], channels: usize) -> Result<()> {
    let want = g.output_dims(channels);
    if dy != want {
        return Err(Error::shape(format!("the gradient must have the shape of the output {want:?}, but has {dy:?}")));
    }
    Ok(())
}

impl ConvBackprop {
    /// TensorFlow has the gradient of int32 images alone: transposed convolution is made of it.
    fn check_dtype(&self, dtype: DType) -> Result<()> {
        match self.by {
            Operand::Input => super::conv::check_dtype(dtype, self.window.spatial()),
            Operand::Filter if dtype.is_floating() => Ok(()),
            Operand::Filter => Err(super::conv::not_convolved(dtype)),
        }
    }

    fn run_as<T: Number>(
        &self,
        cx: &RunCx<'_>,
        g: &Geometry,
        dy: &Value,
        input: &[usize],
        filter: &[usize],
    ) -> Result<Value> {
        let spatial = self.window.spatial();
        let sides = Sides { each: filter[spatial], channels: filter[spatial + 1] };
        let dy = dy.slice::<T>()?;
        match self.by {
            Operand::Input => {
                let mut dx = cx.alloc(T::DTYPE, input)?;
                by_input(cx, g, sides, cx.input(1).slice::<T>()?, dy, dx.make_mut::<T>()?)?;
                from_last(cx, dx, self.window.data_format)
            }
            Operand::Filter => {
                let x = to_last(cx, cx.input(0), self.window.data_format)?;
                let mut df = cx.alloc(T::DTYPE, filter)?;
                by_filter(cx, g, sides, x.slice::<T>()?, dy, df.make_mut::<T>()?)?;
                Ok(df)
            }
        }
    }
}

/// Channels of the filters: in, and out.
#[derive(Clone, Copy)]
struct Sides {
    each: usize,
    channels: usize,
}

fn by_input<T: Number>(cx: &RunCx<'_>, g: &Geometry, sides: Sides, filter: &[T], dy: &[T], dx: &mut [T]) -> Result<()> {
    let n_groups = g.channels / sides.each;
    if n_groups == 1 || dx.is_empty() {
        return image_gradient(cx, g, sides.channels, filter, dy, dx);
    }
    let (part, width) = (Geometry { channels: sides.each, ..*g }, sides.channels / n_groups);
    let mut one = cx.scratch_of(dx.len() / n_groups, T::ZERO)?;
    for group in 0..n_groups {
        let filter = take_columns(cx, filter, sides.channels, group * width, width)?;
        let dy = take_columns(cx, dy, sides.channels, group * width, width)?;
        image_gradient(cx, &part, width, &filter, &dy, &mut one)?;
        put_columns(cx, &one, sides.each, dx, g.channels, group * sides.each)?;
    }
    Ok(())
}

/// Rows of the product of the gradient and the filters, added where the windows lie; an image at a time.
fn image_gradient<T: Number>(
    cx: &RunCx<'_>,
    g: &Geometry,
    channels: usize,
    filter: &[T],
    dy: &[T],
    dx: &mut [T],
) -> Result<()> {
    if dx.is_empty() {
        return Ok(());
    }
    let (width, image) = (g.filter_len() * g.channels, g.image_len());
    if g.is_pointwise() && channels > 0 {
        return matmul(
            cx.threads(),
            dy.len() / channels,
            channels,
            width,
            dy,
            false,
            filter,
            true,
            dx,
            &Epilogue::NONE,
        );
    }
    let (threads, windows, rows) = (cx.threads(), g.output_len(), rows_per_block::<T>(width));
    let work = cx.workspace();
    cx.try_for_chunks_mut(dx, image.max(1), &|n, dx| {
        dx.fill(T::ZERO);
        if dy.is_empty() {
            return Ok(());
        }
        let (mut product, mut pace) = (work.scratch_of(rows.min(windows) * width, T::ZERO)?, work.pace());
        for from in (0..windows).step_by(rows) {
            let m = rows.min(windows - from);
            let dy = &dy[(n * windows + from) * channels..][..m * channels];
            let product = &mut product[..m * width];
            matmul(threads, m, channels, width, dy, false, filter, true, product, &Epilogue::NONE)?;
            scatter(g, product, from, dx, &mut pace)?;
        }
        Ok(())
    })
}

fn by_filter<T: Number>(cx: &RunCx<'_>, g: &Geometry, sides: Sides, x: &[T], dy: &[T], df: &mut [T]) -> Result<()> {
    let n_groups = g.channels / sides.each;
    if n_groups == 1 || df.is_empty() {
        return filter_gradient(cx, g, sides.channels, x, dy, df);
    }
    let (part, width) = (Geometry { channels: sides.each, ..*g }, sides.channels / n_groups);
    let mut one = cx.scratch_of(df.len() / n_groups, T::ZERO)?;
    for group in 0..n_groups {
        let x = take_columns(cx, x, g.channels, group * sides.each, sides.each)?;
        let dy = take_columns(cx, dy, sides.channels, group * width, width)?;
        filter_gradient(cx, &part, width, &x, &dy, &mut one)?;
        put_columns(cx, &one, width, df, sides.channels, group * width)?;
    }
    Ok(())
}

/// The product of the windows, turned, and the gradient; block by block, in order.
fn filter_gradient<T: Number>(
    cx: &RunCx<'_>,
    g: &Geometry,
    channels: usize,
    x: &[T],
    dy: &[T],
    df: &mut [T],
) -> Result<()> {
    if df.is_empty() || dy.is_empty() {
        df.fill(T::ZERO);
        return Ok(());
    }
    let (width, windows) = (g.filter_len() * g.channels, g.batch * g.output_len());
    if g.is_pointwise() {
        return matmul(cx.threads(), width, windows, channels, x, true, dy, false, df, &Epilogue::NONE);
    }
    df.fill(T::ZERO);
    // Wider blocks than of the convolution itself: each is added to the whole of the filters' gradient.
    let rows = rows_per_block::<T>(width) * 4;
    let mut block = cx.scratch_of(rows.min(windows) * width, T::ZERO)?;
    let mut part = cx.scratch_of(df.len(), T::ZERO)?;
    for from in (0..windows).step_by(rows) {
        let m = rows.min(windows - from);
        let block = &mut block[..m * width];
        gather(cx.workspace(), g, x, from, block)?;
        let dy = &dy[from * channels..][..m * channels];
        matmul(cx.threads(), width, m, channels, block, true, dy, false, &mut part, &Epilogue::NONE)?;
        cx.for_chunks_mut(df, CHUNK, &|chunk, df| {
            df.iter_mut().zip(&part[chunk * CHUNK..]).for_each(|(df, part)| *df = df.plus(*part));
        })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::run_op;

    /// By hand: each place of the image gets the filter's cells that were laid over it.
    #[test]
    fn int32_goes_back_to_images() {
        let by = |by| ConvBackprop { by, window: Window::new(2, 1, Padding::Valid) };
        let sizes = || [1i32, 1, 3, 1].into_value();
        let (filter, dy) = ([[[[2i32]], [[3]]]].into_value(), [[[[1i32], [10]]]].into_value());
        let got = run_op(by(Operand::Input), &[sizes(), filter, dy.clone()]).unwrap();
        assert_eq!(got[0].slice::<i32>().unwrap(), [2, 23, 30]);
        let x = [[[[1i32], [2], [3]]]].into_value();
        assert!(run_op(by(Operand::Filter), &[x, [1i32, 2, 1, 1].into_value(), dy]).is_err());
    }

    /// `<conv(x, f), dy>` is linear in each: both gradients give it back.
    #[test]
    fn gradients_are_those_of_the_bilinear_form() {
        let window = || Window::new(2, 2, Padding::Same);
        let (x, f) = (counting(&[2, 5, 5, 4]), counting(&[3, 3, 2, 6]));
        let conv = super::super::Conv { window: window() };
        let y = run_op(conv, &[x.clone(), f.clone()]).unwrap().remove(0);
        let dy = counting(y.dims());
        let dot = |a: &Value, b: &Value| -> f32 {
            a.slice::<f32>().unwrap().iter().zip(b.slice::<f32>().unwrap()).map(|(a, b)| a * b).sum()
        };
        let sizes = |value: &Value| value.dims().iter().map(|n| *n as i32).collect::<Vec<_>>().into_value();
        let by = |by, inputs: &[Value]| run_op(ConvBackprop { by, window: window() }, inputs).unwrap().remove(0);
        let dx = by(Operand::Input, &[sizes(&x), f.clone(), dy.clone()]);
        let df = by(Operand::Filter, &[x.clone(), sizes(&f), dy.clone()]);
        let want = dot(&y, &dy);
        assert!((dot(&dx, &x) - want).abs() < 1e-3 * want.abs(), "{} {want}", dot(&dx, &x));
        assert!((dot(&df, &f) - want).abs() < 1e-3 * want.abs(), "{} {want}", dot(&df, &f));
    }

    /// By hand: no image, no slope.
    #[test]
    fn gradients_of_no_images_of_vast_sizes_are_zeros() {
        let op = ConvBackprop { by: Operand::Filter, window: Window::new(2, 1, Padding::Same) };
        let none = |channels| Value::zeros(DType::F32, &[1 << 38, 0, 1 << 20, channels]).unwrap();
        let got = run_op(op, &[none(2), [3i32, 3, 2, 3].into_value(), none(3)]).unwrap();
        assert_eq!(got[0].slice::<f32>().unwrap(), [0.0; 54]);
    }
}
