//! What a file says of the variable behind a handle of which nothing else is known.

use crate::dtype::DType;
use crate::error::Result;
use crate::graph::{InferCx, Op, OpKind, Referent, Role, RunCx};
use crate::shape::Shape;

/// A handle as it is, with the dtype that its user says: a placeholder for handles knows nothing of what it will be fed.
#[derive(Debug, Clone)]
pub struct KnownHandle {
    /// The dtype of the variable's value.
    pub dtype: DType,
}

static KNOWN_HANDLE: OpKind =
    OpKind::custom("KnownHandle", "handle: Ref(T) -> output: T").not_differentiable("a handle has no gradient");

impl Op for KnownHandle {
    fn kind(&self) -> &'static OpKind {
        &KNOWN_HANDLE
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        let handle = cx.fact(0);
        match handle.dtype {
            DType::Resource => cx.output_variable(self.dtype, Shape::unknown(), Role::Handle(Referent::Variable)),
            dtype => cx.output_variable(dtype, &handle.shape, Role::Handle(Referent::Variable)),
        }
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let handle = cx.take(0);
        cx.output(0, handle);
        Ok(())
    }
}
