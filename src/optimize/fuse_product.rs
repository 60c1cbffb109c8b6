//! A product, what is added to each of its rows, and an activation become one kernel.

use std::sync::Arc;

use smallvec::SmallVec;

use super::rebuild::{Outputs, Rebuild};
use crate::dtype::DType;
use crate::error::Result;
use crate::graph::{Node, OutputId};
use crate::kernel::product::Activation;
use crate::ops::fused::{FusedMatMul, activation_of};
use crate::ops::math::MatMul;
use crate::ops::nn::{BiasAdd, DataFormat};

/// The rule: takes a bias or an activation into the product before it, if nobody else sees that product.
pub(super) fn fuse(cx: &mut Rebuild<'_>, node: &Node) -> Result<Option<Outputs>> {
    match node.inputs() {
        [value] => match activation(node) {
            Some(activation) => fuse_activation(cx, node, *value, activation),
            None => Ok(None),
        },
        [value, bias] if is_bias_add(cx, node) => fuse_bias(cx, node, *value, *bias),
        [a, b] if node.op().kind().name == "AddV2" => match fuse_bias(cx, node, *a, *b)? {
            None => fuse_bias(cx, node, *b, *a),
            fused => Ok(fused),
        },
        _ => Ok(None),
    }
}

/// The activations whose bits in the product's kernel are those of the op: comparisons, and what goes through the same
/// vector kernels.
fn activation(node: &Node) -> Option<Activation> {
    let is_wide = matches!(node.outputs()[0].dtype, DType::F32 | DType::F64);
    let known = activation_of(node.op().kind().name);
    known.filter(|activation| is_wide || matches!(activation, Activation::Relu | Activation::Relu6))
}

/// Along the last axis.
fn is_bias_add(cx: &Rebuild<'_>, node: &Node) -> bool {
    let rank = || cx.fact(cx.output(node.inputs()[0])).shape.rank();
    node.op_as::<BiasAdd>().is_some_and(|op| op.data_format == DataFormat::Nhwc || rank() == Some(2))
}

fn fuse_bias(cx: &mut Rebuild<'_>, node: &Node, value: OutputId, bias: OutputId) -> Result<Option<Outputs>> {
    let Some((product, inputs)) = product(cx, value) else { return Ok(None) };
    let bias = cx.output(bias);
    let fits = {
        let (have, sum) = (&cx.fact(bias).shape, &cx.fact(cx.output(value)).shape);
        // Sizes that are not known to be equal are checked by the kernel only where both ops check them, or broadcast.
        let n = sum.rank().map(|rank| sum.dim(rank - 1));
        have.rank() == Some(1) && (node.op_as::<BiasAdd>().is_some() || n == Some(have.dim(0)))
    };
    if !fits || inputs.len() != 2 || product.activation != Activation::None {
        return Ok(None);
    }
    let inputs = inputs.into_iter().chain([bias]).collect();
    cx.push(node, Arc::new(product), inputs).map(Some)
}

fn fuse_activation(cx: &mut Rebuild<'_>, node: &Node, value: OutputId, then: Activation) -> Result<Option<Outputs>> {
    match product(cx, value) {
        Some((product, inputs)) if product.activation == Activation::None => {
            cx.push(node, Arc::new(FusedMatMul { activation: then, ..product }), inputs).map(Some)
        }
        _ => Ok(None),
    }
}

/// The product that an old output has become, if this is its only use.
fn product(cx: &Rebuild<'_>, old: OutputId) -> Option<(FusedMatMul, SmallVec<[OutputId; 2]>)> {
    if cx.uses(old) != 1 {
        return None;
    }
    let node = cx.graph().node(cx.output(old).node);
    let product = match (node.op_as::<FusedMatMul>(), node.op_as::<MatMul>()) {
        (Some(fused), _) => fused.clone(),
        (_, Some(product)) => FusedMatMul::from(product),
        _ => return None,
    };
    node.control_inputs().is_empty().then(|| (product, node.inputs().iter().copied().collect()))
}
