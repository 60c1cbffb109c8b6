//! `ControlTrigger`: a `NoOp` that runs whichever branch is taken.

use std::sync::Arc;

use crate::error::Result;
use crate::graph::{Attrs, Example, Flow, InferCx, Op, OpKind, RunCx};

/// Waits for its control inputs, and runs also where they were skipped. TF1's gradients of loops hold one.
#[derive(Debug, Clone)]
pub struct ControlTrigger;

/// The row of [`ControlTrigger`].
pub static CONTROL_TRIGGER: OpKind =
    OpKind::new("ControlTrigger", "->", parse, examples).flow(Flow::Trigger).not_differentiable("it has no outputs");

fn parse(_: &Attrs) -> Result<Arc<dyn Op>> {
    Ok(Arc::new(ControlTrigger))
}

fn examples() -> Vec<Example> {
    vec![Example::new(ControlTrigger, [])]
}

impl Op for ControlTrigger {
    fn kind(&self) -> &'static OpKind {
        &CONTROL_TRIGGER
    }

    fn infer(&self, _: &mut InferCx<'_>) -> Result<()> {
        Ok(())
    }

    fn run(&self, _: &mut RunCx<'_>) -> Result<()> {
        Ok(())
    }
}
