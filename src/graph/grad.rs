//! What a gradient rule sees.

use std::sync::Arc;

use super::Graph;
use super::body::Body;
use super::tensor::{Operation, Tensor};
use crate::error::{Error, Result};

/// A node, and what flows into its outputs from above: the derivatives of the whole by each of them.
pub struct GradCx<'a> {
    operation: &'a Operation,
    output_grads: &'a [Option<Tensor>],
    of_body: &'a dyn Fn(&Body) -> Result<Arc<Body>>,
}

impl<'a> GradCx<'a> {
    /// The node whose inputs' gradients are wanted, with one entry an output, and the walk through bodies.
    pub(crate) fn new(
        operation: &'a Operation,
        output_grads: &'a [Option<Tensor>],
        of_body: &'a dyn Fn(&Body) -> Result<Arc<Body>>,
    ) -> GradCx<'a> {
        GradCx { operation, output_grads, of_body }
    }

    /// The node.
    pub fn operation(&self) -> &Operation {
        self.operation
    }

    /// Where the gradients are built.
    pub fn graph(&self) -> &Graph {
        self.operation.graph()
    }

    /// How many inputs it has: a rule answers so many entries.
    pub fn n_inputs(&self) -> usize {
        self.operation.node().inputs().len()
    }

    /// Input `i`, one that the op's signature has.
    pub fn input(&self, i: usize) -> Tensor {
        self.graph().tensor(self.operation.node().inputs()[i])
    }

    /// Output `i`.
    ///
    /// # Errors
    /// `InvalidArgument` for an output that the op does not have.
    pub fn output(&self, i: usize) -> Result<Tensor> {
        self.operation.output(i)
    }

    /// The gradient of output `i`; `None` where none flows.
    pub fn output_grad(&self, i: usize) -> Option<&Tensor> {
        self.output_grads.get(i)?.as_ref()
    }

    /// The gradient of the first output.
    ///
    /// # Errors
    /// `Internal` where none flows: a rule is only asked where one does, and most ops have one output.
    pub fn dy(&self) -> Result<&Tensor> {
        self.output_grad(0).ok_or_else(|| Error::internal("no gradient flows into the first output"))
    }

    /// A body that takes the arguments of this one and the gradients of its results, and gives those of the arguments.
    ///
    /// # Errors
    /// `Unsupported` for a body that must not run twice, and what the rules inside refuse.
    pub(crate) fn body_gradient(&self, body: &Body) -> Result<Arc<Body>> {
        (self.of_body)(body)
    }

    /// The gradients of all outputs: zeros where none flows.
    ///
    /// # Errors
    /// Those of building zeros.
    pub fn output_grads_or_zeros(&self) -> Result<Vec<Tensor>> {
        let or_zeros = |(grad, output): (&Option<Tensor>, Tensor)| match grad {
            Some(grad) => Ok(grad.clone()),
            None => output.zeros_like(),
        };
        self.output_grads.iter().zip(self.operation.outputs()).map(or_zeros).collect()
    }
}
