//! `Identity`: the input, under another name.

use std::sync::Arc;

use crate::error::Result;
use crate::graph::{Attrs, Example, GradCx, InferCx, Op, OpKind, Role, RunCx, Tensor};
use crate::value::IntoValue;

/// The input as it is.
#[derive(Debug, Clone)]
pub struct Identity;

/// The row of [`Identity`].
pub static IDENTITY: OpKind = OpKind::new("Identity", "input: T -> output: T", parse, examples)
    .aliases(&["Snapshot"])
    .shares_input()
    .takes_handles();

/// TF1's reference to a variable as it is: the variable is not read.
#[derive(Debug, Clone)]
pub struct RefIdentity;

/// The row of [`RefIdentity`].
pub static REF_IDENTITY: OpKind = OpKind::new(
    "RefIdentity",
    "input: Ref(T) -> output: Ref(T)",
    |_| Ok(Arc::new(RefIdentity)),
    || vec![Example::new(RefIdentity, [[1.0f32, 2.0].into_value()])],
);

impl Tensor {
    /// The same tensor under a new name; a place to hang control inputs and devices on.
    ///
    /// ```
    /// # use sessile::prelude::*;
    /// # fn main() -> sessile::Result<()> {
    /// let g = Graph::new();
    /// let x = g.placeholder(DType::F32, shape![?, 3])?;
    /// assert_eq!(x.identity()?.shape().to_string(), "(?, 3)");
    /// # Ok(()) }
    /// ```
    #[doc(alias = "tf.identity")]
    #[track_caller]
    pub fn identity(&self) -> Result<Tensor> {
        self.graph().apply_one(Identity, &[self])
    }
}

fn parse(_: &Attrs) -> Result<Arc<dyn Op>> {
    Ok(Arc::new(Identity))
}

fn examples() -> Vec<Example> {
    vec![Example::new(Identity, [[[1.0f32, 2.0]].into_value()]), Example::new(Identity, ["text".into_value()])]
}

impl Op for Identity {
    fn kind(&self) -> &'static OpKind {
        &IDENTITY
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        let (sizes, role) = (cx.sizes(0), cx.fact(0).role);
        cx.output_like(0);
        cx.last_output().sizes = sizes;
        // A resource handle may be passed on; a TF1 reference is read by its own op.
        if matches!(role, Role::Handle(_)) {
            cx.last_output().role = role;
        }
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let value = cx.take(0);
        cx.output(0, value);
        Ok(())
    }

    fn grad(&self, cx: &GradCx<'_>) -> Result<Vec<Option<Tensor>>> {
        Ok(vec![Some(cx.dy()?.clone())])
    }
}

impl Op for RefIdentity {
    fn kind(&self) -> &'static OpKind {
        &REF_IDENTITY
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        let input = cx.fact(0);
        cx.output_variable(input.dtype, &input.shape, input.role);
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let value = cx.take(0);
        cx.output(0, value);
        Ok(())
    }

    fn grad(&self, cx: &GradCx<'_>) -> Result<Vec<Option<Tensor>>> {
        Ok(vec![Some(cx.dy()?.clone())])
    }
}
