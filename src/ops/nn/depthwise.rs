//! `DepthwiseConv2dNative`: each channel has filters of its own.

use std::sync::Arc;

use super::conv::{check_bias, counting};
use super::conv_grad::Operand;
use super::depthwise_grad::DepthwiseBackprop;
use super::depthwise_lines::lines;
use super::layout::{from_last, to_last};
use super::window::{Geometry, Padding, Window};
use crate::error::{Error, Result};
use crate::graph::{AttrValue, Attrs, Example, GradCx, InferCx, Op, OpKind, RunCx, Tensor};
use crate::kernel::Number;
use crate::kernel::product::{Activation, Epilogue};
use crate::ops::IntoTensor;
use crate::value::{ScratchVec, Value};
use crate::with_type;

/// Slides filters over each channel of images.
#[derive(Debug, Clone)]
pub struct DepthwiseConv2dNative {
    /// How the filters slide.
    pub window: Window,
}

/// The row of [`DepthwiseConv2dNative`].
pub static DEPTHWISE_CONV_2D: OpKind =
    OpKind::new("DepthwiseConv2dNative", "input: T, filter: T -> output: T", parse, examples);

impl Tensor {
    /// Convolution channel by channel: `(b, h, w, i) x (kh, kw, i, m) -> (b, h', w', i * m)`. Floating-point numbers.
    ///
    /// # Errors
    /// `ShapeMismatch` for other ranks, other channels than the filter's, and windows larger than the padded image.
    ///
    /// Source: TensorFlow's `DepthwiseConv2dNative`.
    #[doc(alias = "tf.nn.depthwise_conv2d_native")]
    #[track_caller]
    pub fn depthwise_conv2d_native(&self, filter: impl IntoTensor, window: Window) -> Result<Tensor> {
        window.check(2)?;
        let filter = filter.tensor(Some(self))?;
        self.graph().apply_one(DepthwiseConv2dNative { window }, &[self, &filter])
    }
}

fn parse(attrs: &Attrs) -> Result<Arc<dyn Op>> {
    Ok(Arc::new(DepthwiseConv2dNative { window: Window::parse(attrs, 2)? }))
}

fn examples() -> Vec<Example> {
    let op = |stride, padding| DepthwiseConv2dNative { window: Window::new(2, stride, padding) };
    let mut first = op(1, Padding::Same);
    first.window.data_format = super::DataFormat::Nchw;
    vec![
        Example::new(op(1, Padding::Same), [counting(&[2, 4, 4, 19]), counting(&[3, 3, 19, 1])]),
        Example::new(op(2, Padding::Valid), [counting(&[1, 5, 5, 2]), counting(&[2, 3, 2, 3])]),
        Example::new(first, [counting(&[1, 2, 4, 5]), counting(&[3, 3, 2, 1])]),
        Example::new(op(1, Padding::Valid), [counting(&[0, 4, 4, 2]), counting(&[2, 2, 2, 1])]),
    ]
}

impl Op for DepthwiseConv2dNative {
    fn kind(&self) -> &'static OpKind {
        &DEPTHWISE_CONV_2D
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        if !cx.dtype(0).is_floating() {
            return Err(Error::unsupported(format!(
                "convolution is for floating-point numbers, not for {}",
                cx.dtype(0)
            )));
        }
        let (input, filter) = (cx.shape(0).with_rank(4)?, cx.shape(1).with_rank(4)?);
        let channels = input.dim(self.window.channel_axis()).merge(&filter.dim(2))?;
        let sizes = [filter.dim(0), filter.dim(1)];
        let shape = self.window.output_shape(&input, &sizes, channels * filter.dim(3))?;
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
        let by = |by| DepthwiseBackprop { by, window: self.window.clone() };
        let dx = cx.graph().apply_one(by(Operand::Input), &[&x.shape_tensor()?, &filter, dy])?;
        let dfilter = cx.graph().apply_one(by(Operand::Filter), &[&x, &filter.shape_tensor()?, dy])?;
        Ok(vec![Some(dx), Some(dfilter)])
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        self.window.attrs()
    }
}

impl DepthwiseConv2dNative {
    /// The convolution of inputs 0 and 1, with what follows it: a bias of one element a channel, an activation.
    pub(in crate::ops) fn compute(&self, cx: &RunCx<'_>, bias: Option<&Value>, then: Activation) -> Result<Value> {
        let format = self.window.data_format;
        let (x, filter) = (to_last(cx, cx.input(0), format)?, cx.input(1));
        let g = geometry(&self.window, x.dims(), filter.dims())?;
        let channels = crate::shape::element_count(&[g.channels, filter.dims()[3]])?;
        check_bias(bias, channels)?;
        let mut out = cx.alloc(x.dtype(), &g.output_dims(channels))?;
        with_type!(x.dtype(), T in floats => {
            let epilogue = Epilogue { bias: bias.map(Value::slice::<T>).transpose()?, activation: then };
            convolve::<T>(cx, &g, &x, filter, &epilogue, &mut out)?;
        }, else => {
            return Err(Error::unsupported(format!("convolution is for floating-point numbers, not for {}", x.dtype())));
        });
        from_last(cx, out, format)
    }
}

/// The window of a filter over an image with channels last, both validated.
pub(super) fn geometry(window: &Window, input: &[usize], filter: &[usize]) -> Result<Geometry> {
    if filter.len() != 4 || input.len() != 4 || input[3] != filter[2] {
        return Err(Error::shape(format!("input and filter must have the same depth: {input:?} vs {filter:?}")));
    }
    if filter.contains(&0) {
        return Err(Error::invalid(format!("filter sizes must be 1 or more, but are {filter:?}")));
    }
    window.over(input, &filter[..2])
}

/// Each channel as often as it has filters; `None` where that is once.
pub(super) fn widened<T: Number>(cx: &RunCx<'_>, x: &[T], filters: usize) -> Result<Option<ScratchVec<T>>> {
    if filters == 1 {
        return Ok(None);
    }
    let n = crate::shape::element_count(&[x.len(), filters])?;
    let (mut wide, mut pace) = (cx.list(n)?, cx.pace());
    for x in x {
        pace.spend(filters)?;
        wide.extend(std::iter::repeat_n(*x, filters))?;
    }
    Ok(Some(wide))
}

fn convolve<T: Number>(
    cx: &RunCx<'_>,
    g: &Geometry,
    x: &Value,
    filter: &Value,
    epilogue: &Epilogue<'_, T>,
    out: &mut Value,
) -> Result<()> {
    let filters = filter.dims()[3];
    let (filter, out) = (filter.slice::<T>()?, out.make_mut::<T>()?);
    if out.is_empty() {
        return Ok(());
    }
    let wide = widened(cx, x.slice::<T>()?, filters)?;
    let x = wide.as_deref().unwrap_or(x.slice::<T>()?);
    let (work, g) = (cx.workspace(), Geometry { channels: g.channels * filters, ..*g });
    let line = g.output[2] * g.channels;
    let step = g.windows_per_chunk(g.filter_len().saturating_mul(line) / 4);
    cx.try_for_chunks_mut(out, step * line, &|chunk, out| {
        lines(&g, x, filter, chunk * step, out, &mut work.pace())?;
        epilogue.apply(out, g.channels);
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{infer_err, infer_ok, run_op};

    #[test]
    fn channels_multiply() {
        let op = DepthwiseConv2dNative { window: Window::new(2, 1, Padding::Same) };
        infer_ok(&op, "(?,8,8,3);(3,3,3,2)", "(?,8,8,6)");
        infer_ok(&op, "(?,8,8,?);(3,3,3,2)", "(?,8,8,6)");
        infer_err(&op, "(1,8,8,3);(3,3,2,2)", "dimensions must be equal, but are 3 and 2");
    }

    /// By hand: channel 0 by 1 and 10, channel 1 by 100 and 1000.
    #[test]
    fn each_channel_has_its_own_filters() {
        let op = DepthwiseConv2dNative { window: Window::new(2, 1, Padding::Valid) };
        let x = Value::from_vec(&[1, 1, 2, 2], vec![1.0f32, 2.0, 3.0, 4.0]).unwrap();
        let filter = Value::from_vec(&[1, 1, 2, 2], vec![1.0f32, 10.0, 100.0, 1000.0]).unwrap();
        let got = run_op(op, &[x, filter]).unwrap();
        assert_eq!(got[0].slice::<f32>().unwrap(), [1.0, 10.0, 200.0, 2000.0, 3.0, 30.0, 400.0, 4000.0]);
    }
}
