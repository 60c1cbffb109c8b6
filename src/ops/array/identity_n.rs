//! `IdentityN`: several inputs as they are.

use std::sync::Arc;

use crate::error::{Error, Result};
use crate::graph::{Attrs, Example, GradCx, InferCx, Op, OpKind, Role, RunCx, Tensor};
use crate::value::IntoValue;

/// All inputs as they are.
#[derive(Debug, Clone)]
pub struct IdentityN;

/// The row of [`IdentityN`].
pub static IDENTITY_N: OpKind = OpKind::new(
    "IdentityN",
    "input: [T] -> output: [T]",
    |_: &Attrs| Ok(Arc::new(IdentityN) as Arc<dyn Op>),
    || vec![Example::new(IdentityN, [[1.0f32, 2.0].into_value(), 3i32.into_value(), "text".into_value()])],
)
.takes_handles();

/// The tensors under new names, all of which are there before any of them is used.
///
/// # Errors
/// `InvalidArgument` without tensors.
#[doc(alias = "tf.identity_n")]
#[track_caller]
pub fn identity_n(inputs: &[&Tensor]) -> Result<Vec<Tensor>> {
    let first = inputs.first().ok_or_else(|| Error::invalid("identity_n needs at least one tensor"))?;
    Ok(first.graph().apply(IdentityN, inputs)?.outputs())
}

impl Op for IdentityN {
    fn kind(&self) -> &'static OpKind {
        &IDENTITY_N
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        for i in 0..cx.n_inputs() {
            let (sizes, role) = (cx.sizes(i), cx.fact(i).role);
            cx.output_like(i);
            cx.last_output().sizes = sizes;
            // A resource handle may be passed on; a TF1 reference is read before it comes here.
            if matches!(role, Role::Handle(_)) {
                cx.last_output().role = role;
            }
        }
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        for i in 0..cx.n_inputs() {
            let value = cx.take(i);
            cx.output(i, value);
        }
        Ok(())
    }

    fn grad(&self, cx: &GradCx<'_>) -> Result<Vec<Option<Tensor>>> {
        Ok((0..cx.n_inputs()).map(|i| cx.output_grad(i).cloned()).collect())
    }
}
