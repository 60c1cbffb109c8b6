//! `_FusedConv`: a convolution with bias and activation while the result is in cache.

use std::sync::Arc;

use super::product::{activation_attr, parse_activation};
use crate::error::{Error, Result};
use crate::graph::{AttrValue, Attrs, Example, InferCx, Node, Op, OpKind, RunCx};
use crate::kernel::product::Activation;
use crate::ops::nn::{Conv, DataFormat, DepthwiseConv2dNative, Padding, Window};
use crate::value::{IntoValue, Value};

/// `activation(conv(input, filter) + bias)`, the bits of the same ops one after the other. The bias may be absent.
#[derive(Debug, Clone)]
pub struct FusedConv {
    conv: Slide,
    /// What follows the bias.
    pub activation: Activation,
}

/// A convolution.
#[derive(Debug, Clone)]
enum Slide {
    Full(Conv),
    Depthwise(DepthwiseConv2dNative),
}

/// The row of [`FusedConv`].
pub static FUSED_CONV: OpKind =
    OpKind::new("_FusedConv", "input: T, filter: T, args: num_args*T >= 0 -> output: T", parse, examples)
        .not_differentiable("passes make it, after gradients were built");

fn parse(attrs: &Attrs) -> Result<Arc<dyn Op>> {
    let window = |spatial| Window::parse(attrs, spatial);
    let conv = match attrs.str_or("conv", "Conv2D")?.as_str() {
        "Conv2D" => Slide::Full(Conv { window: window(2)? }),
        "Conv3D" => Slide::Full(Conv { window: window(3)? }),
        _ => Slide::Depthwise(DepthwiseConv2dNative { window: window(2)? }),
    };
    Ok(Arc::new(FusedConv { conv, activation: parse_activation(attrs)? }))
}

fn examples() -> Vec<Example> {
    let window = |format| Window { data_format: format, ..Window::new(2, 1, Padding::Same) };
    let full = |format| FusedConv { conv: Slide::Full(Conv { window: window(format) }), activation: Activation::Relu };
    let each = Slide::Depthwise(DepthwiseConv2dNative { window: window(DataFormat::Nhwc) });
    let image = |dims: &[usize]| {
        let n = dims.iter().product::<usize>();
        Value::from_vec(dims, (0..n).map(|i| (i * 5 % 7) as f32 - 3.0).collect()).expect("dims fit the data")
    };
    let bias = || [0.5f32, -1.0].into_value();
    vec![
        Example::new(full(DataFormat::Nhwc), [image(&[1, 3, 3, 2]), image(&[2, 2, 2, 2]), bias()]),
        Example::new(full(DataFormat::Nchw), [image(&[1, 2, 3, 4]), image(&[1, 1, 2, 2]), bias()]),
        Example::new(full(DataFormat::Nhwc), [image(&[1, 3, 3, 4]), image(&[2, 2, 2, 2]), bias()]),
        Example::new(
            FusedConv { conv: each, activation: Activation::Sigmoid },
            [image(&[2, 3, 3, 2]), image(&[3, 3, 2, 1]), bias()],
        ),
    ]
}

impl FusedConv {
    /// The convolution that a node is, with what was fused into it before; none where it is another op.
    pub fn of(node: &Node) -> Option<FusedConv> {
        let plain = |conv| Some(FusedConv { conv, activation: Activation::None });
        match (node.op_as::<FusedConv>(), node.op_as::<Conv>(), node.op_as::<DepthwiseConv2dNative>()) {
            (Some(fused), ..) => Some(fused.clone()),
            (_, Some(conv), _) => plain(Slide::Full(conv.clone())),
            (.., Some(conv)) => plain(Slide::Depthwise(conv.clone())),
            _ => None,
        }
    }

    /// Where the channels of its images are.
    pub fn data_format(&self) -> DataFormat {
        self.window().data_format
    }

    fn window(&self) -> &Window {
        match &self.conv {
            Slide::Full(conv) => &conv.window,
            Slide::Depthwise(conv) => &conv.window,
        }
    }

    fn plain(&self) -> &dyn Op {
        match &self.conv {
            Slide::Full(conv) => conv,
            Slide::Depthwise(conv) => conv,
        }
    }
}

impl Op for FusedConv {
    fn kind(&self) -> &'static OpKind {
        &FUSED_CONV
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        if cx.n_inputs() > 3 {
            return Err(Error::invalid(format!("the op takes at most 3 inputs, but got {}", cx.n_inputs())));
        }
        if cx.n_inputs() == 3 {
            cx.shape(2).with_rank(1)?;
        }
        self.plain().infer(cx)
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let bias = (cx.n_inputs() == 3).then(|| cx.input(2));
        let out = match &self.conv {
            Slide::Full(conv) => conv.compute(cx, bias, self.activation)?,
            Slide::Depthwise(conv) => conv.compute(cx, bias, self.activation)?,
        };
        cx.output(0, out);
        Ok(())
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        let mut attrs = self.window().attrs();
        attrs.push(("conv", AttrValue::Str(self.plain().kind().name.into())));
        attrs.push(activation_attr(self.activation));
        attrs
    }
}
