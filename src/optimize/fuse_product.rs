//! A product or a convolution, what is added to each of its channels, and an activation become one kernel.

use std::sync::Arc;

use smallvec::SmallVec;

use super::rebuild::{Outputs, Rebuild};
use crate::dtype::DType;
use crate::error::Result;
use crate::graph::{Node, Op, OutputId};
use crate::kernel::product::Activation;
use crate::ops::fused::{FusedConv, FusedMatMul, activation_of};
use crate::ops::math::MatMul;
use crate::ops::nn::{BiasAdd, DataFormat};

/// What a bias and an activation can be taken into.
enum Head {
    Product(FusedMatMul),
    Conv(FusedConv),
}

impl Head {
    fn of(node: &Node) -> Option<Head> {
        match (node.op_as::<FusedMatMul>(), node.op_as::<MatMul>()) {
            (Some(fused), _) => Some(Head::Product(fused.clone())),
            (_, Some(product)) => Some(Head::Product(FusedMatMul::from(product))),
            _ => FusedConv::of(node).map(Head::Conv),
        }
    }

    fn activation(&self) -> Activation {
        match self {
            Head::Product(product) => product.activation,
            Head::Conv(conv) => conv.activation,
        }
    }

    /// Whether its channels are those of this format, for a result of this rank.
    fn has_channels(&self, format: DataFormat, rank: Option<usize>) -> bool {
        match self {
            Head::Product(_) => format == DataFormat::Nhwc || rank == Some(2),
            Head::Conv(conv) => format == conv.data_format(),
        }
    }

    fn then(self, activation: Activation) -> Arc<dyn Op> {
        match self {
            Head::Product(product) => Arc::new(FusedMatMul { activation, ..product }),
            Head::Conv(mut conv) => {
                conv.activation = activation;
                Arc::new(conv)
            }
        }
    }
}

/// The rule: takes a bias or an activation into the product before it, if nobody else sees that product.
pub(super) fn fuse(cx: &mut Rebuild<'_>, node: &Node) -> Result<Option<Outputs>> {
    match node.inputs() {
        [value] => match activation(node) {
            Some(activation) => fuse_activation(cx, node, *value, activation),
            None => Ok(None),
        },
        [value, bias] => match (node.op_as::<BiasAdd>(), node.op().kind().name) {
            (Some(op), _) => fuse_bias(cx, node, op.data_format, *value, *bias),
            (None, "AddV2") => match fuse_bias(cx, node, DataFormat::Nhwc, *value, *bias)? {
                None => fuse_bias(cx, node, DataFormat::Nhwc, *bias, *value),
                fused => Ok(fused),
            },
            _ => Ok(None),
        },
        _ => Ok(None),
    }
}

/// The activations whose bits in the product's kernel are those of the op: comparisons, and what goes through the same
/// vector kernels.
fn activation(node: &Node) -> Option<Activation> {
    let is_wide = node.outputs().first().is_some_and(|fact| matches!(fact.dtype, DType::F32 | DType::F64));
    let known = activation_of(node.op().kind().name);
    known.filter(|activation| is_wide || matches!(activation, Activation::Relu | Activation::Relu6))
}

fn fuse_bias(
    cx: &mut Rebuild<'_>,
    node: &Node,
    format: DataFormat,
    value: OutputId,
    bias: OutputId,
) -> Result<Option<Outputs>> {
    let Some((head, inputs)) = head(cx, value) else { return Ok(None) };
    let bias = cx.output(bias);
    let fits = {
        let (have, sum) = (&cx.fact(bias).shape, &cx.fact(cx.output(value)).shape);
        // Sizes that are not known to be equal are checked by the kernel only where both ops check them, or broadcast.
        let n = sum.rank().map(|rank| sum.dim(rank - 1));
        have.rank() == Some(1)
            && (node.op_as::<BiasAdd>().is_some() || n == Some(have.dim(0)))
            && head.has_channels(format, sum.rank())
    };
    if !fits || inputs.len() != 2 || head.activation() != Activation::None {
        return Ok(None);
    }
    let inputs = inputs.into_iter().chain([bias]).collect();
    cx.push(node, head.then(Activation::None), inputs).map(Some)
}

fn fuse_activation(cx: &mut Rebuild<'_>, node: &Node, value: OutputId, then: Activation) -> Result<Option<Outputs>> {
    match head(cx, value) {
        Some((head, inputs)) if head.activation() == Activation::None => {
            cx.push(node, head.then(then), inputs).map(Some)
        }
        _ => Ok(None),
    }
}

/// The product or convolution that an old output has become, if this is its only use.
fn head(cx: &Rebuild<'_>, old: OutputId) -> Option<(Head, SmallVec<[OutputId; 2]>)> {
    if cx.uses(old) != 1 {
        return None;
    }
    let node = cx.graph().node(cx.output(old).node);
    let head = Head::of(node)?;
    node.control_inputs().is_empty().then(|| (head, node.inputs().iter().copied().collect()))
}
