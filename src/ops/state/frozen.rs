//! What becomes of a write where a constant has taken the variable's place.

use crate::error::{Error, ErrorKind, Result};
use crate::graph::{InferCx, Op, OpKind, RunCx};

/// A write to what is no variable. Graphs that were frozen hold such writes in branches that nobody takes any more, so it
/// may be built, and fails when it runs.
#[derive(Debug, Clone)]
pub struct FrozenWrite {
    /// The op that the file names.
    pub op: &'static str,
}

static FROZEN_WRITE: OpKind =
    OpKind::custom("FrozenWrite", "inputs: [Tin] -> output_ref: T").not_differentiable("it has no value");

impl Op for FrozenWrite {
    fn kind(&self) -> &'static OpKind {
        &FROZEN_WRITE
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        if cx.n_inputs() == 0 {
            return Err(Error::invalid("a write must have a variable as input, but has none"));
        }
        cx.output_like(0);
        Ok(())
    }

    fn run(&self, _: &mut RunCx<'_>) -> Result<()> {
        let text = format!("{} needs a variable, but its input is a value, as in a frozen graph", self.op);
        Err(Error::new(ErrorKind::InvalidArgument, text))
    }
}
