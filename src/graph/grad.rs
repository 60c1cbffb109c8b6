//! What a gradient rule sees. The reverse walk that calls the rules is not here yet.

use super::node::Node;
use super::tensor::Tensor;

/// A node and the gradients that flow into its outputs.
pub struct GradCx<'a> {
    node: &'a Node,
    output_grads: &'a [Option<Tensor>],
}

impl<'a> GradCx<'a> {
    /// The node whose gradient is wanted, with one entry an output.
    pub fn new(node: &'a Node, output_grads: &'a [Option<Tensor>]) -> GradCx<'a> {
        GradCx { node, output_grads }
    }

    /// The node.
    pub fn node(&self) -> &Node {
        self.node
    }

    /// The gradient of output `i`; `None` where none flows.
    pub fn output_grad(&self, i: usize) -> Option<&Tensor> {
        self.output_grads.get(i)?.as_ref()
    }
}
