//! `NoOp`: does nothing but wait for its control inputs.

use std::sync::Arc;

use crate::error::Result;
use crate::graph::{Attrs, Example, Graph, InferCx, Op, OpKind, Operation, RunCx};

/// Does nothing but wait for its control inputs.
#[derive(Debug, Clone)]
pub struct NoOp;

/// The row of [`NoOp`].
pub static NO_OP: OpKind = OpKind::new("NoOp", "->", parse, examples).not_differentiable("it has no outputs");

impl Graph {
    /// An operation that does nothing but wait for the control inputs of the context.
    #[doc(alias = "tf.no_op")]
    #[track_caller]
    pub fn no_op(&self) -> Result<Operation> {
        self.apply(NoOp, &[])
    }
}

fn parse(_: &Attrs) -> Result<Arc<dyn Op>> {
    Ok(Arc::new(NoOp))
}

fn examples() -> Vec<Example> {
    vec![Example::new(NoOp, [])]
}

impl Op for NoOp {
    fn kind(&self) -> &'static OpKind {
        &NO_OP
    }

    fn infer(&self, _: &mut InferCx<'_>) -> Result<()> {
        Ok(())
    }

    fn run(&self, _: &mut RunCx<'_>) -> Result<()> {
        Ok(())
    }
}
