//! `StopGradient`, `PreventGradient` and `GuaranteeConst`: the input, through which no gradient goes.

use std::sync::Arc;

use crate::dtype::DType;
use crate::error::{Error, ErrorKind, Result, escape};
use crate::graph::{AttrValue, Attrs, Example, GradCx, InferCx, Op, OpKind, RunCx, Tensor};
use crate::value::IntoValue;

/// The input, as a constant in the eyes of gradients.
#[derive(Debug, Clone)]
pub struct StopGradient;

/// The row of [`StopGradient`].
pub static STOP_GRADIENT: OpKind = OpKind::new(
    "StopGradient",
    "input: T -> output: T",
    |_: &Attrs| Ok(Arc::new(StopGradient) as Arc<dyn Op>),
    || vec![Example::new(StopGradient, [[1.0f32, 2.0].into_value()])],
)
.shares_input()
.not_differentiable("it is there to stop them");

/// The input; asking for a gradient through it is an error.
#[derive(Debug, Clone)]
pub struct PreventGradient {
    /// What the error says.
    pub message: String,
}

/// The row of [`PreventGradient`].
pub static PREVENT_GRADIENT: OpKind = OpKind::new("PreventGradient", "input: T -> output: T", parse_prevent, || {
    vec![Example::new(PreventGradient { message: "no".into() }, [[1.0f32, 2.0].into_value()])]
})
.shares_input();

/// The input, of which the user says that it never changes. Nothing is made of that.
#[derive(Debug, Clone)]
pub struct GuaranteeConst;

/// The row of [`GuaranteeConst`].
pub static GUARANTEE_CONST: OpKind = OpKind::new(
    "GuaranteeConst",
    "input: T -> output: T",
    |_: &Attrs| Ok(Arc::new(GuaranteeConst) as Arc<dyn Op>),
    || vec![Example::new(GuaranteeConst, [[1.0f32, 2.0].into_value()])],
)
.takes_handles()
.shares_input();

impl Tensor {
    /// The same tensor, as a constant in the eyes of gradients.
    #[doc(alias = "tf.stop_gradient")]
    #[track_caller]
    pub fn stop_gradient(&self) -> Result<Tensor> {
        self.graph().apply_one(StopGradient, &[self])
    }

    /// The same tensor; asking for a gradient through it is an error with this message.
    #[doc(alias = "tf.raw_ops.PreventGradient")]
    #[track_caller]
    pub fn prevent_gradient(&self, message: &str) -> Result<Tensor> {
        self.graph().apply_one(PreventGradient { message: message.to_owned() }, &[self])
    }
}

fn parse_prevent(attrs: &Attrs) -> Result<Arc<dyn Op>> {
    Ok(Arc::new(PreventGradient { message: attrs.str_or("message", "")? }))
}

fn infer_same(cx: &mut InferCx<'_>) -> Result<()> {
    let sizes = cx.sizes(0);
    cx.output_like(0);
    cx.last_output().sizes = sizes;
    Ok(())
}

fn run_same(cx: &mut RunCx<'_>) -> Result<()> {
    let value = cx.take(0);
    cx.output(0, value);
    Ok(())
}

impl Op for StopGradient {
    fn kind(&self) -> &'static OpKind {
        &STOP_GRADIENT
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        infer_same(cx)
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        run_same(cx)
    }
}

impl Op for GuaranteeConst {
    fn kind(&self) -> &'static OpKind {
        &GUARANTEE_CONST
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        infer_same(cx)
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        if cx.input(0).dtype() == DType::Resource {
            return Err(Error::invalid("what a handle refers to cannot be guaranteed to be constant: give its value"));
        }
        run_same(cx)
    }

    fn grad(&self, cx: &GradCx<'_>) -> Result<Vec<Option<Tensor>>> {
        Ok(vec![Some(cx.dy()?.clone())])
    }
}

impl Op for PreventGradient {
    fn kind(&self) -> &'static OpKind {
        &PREVENT_GRADIENT
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        infer_same(cx)
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        run_same(cx)
    }

    fn grad(&self, cx: &GradCx<'_>) -> Result<Vec<Option<Tensor>>> {
        let _ = cx;
        let text = format!("gradient explicitly disabled. Reason: {}", escape(&self.message));
        Err(Error::new(ErrorKind::NotDifferentiable, text))
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        vec![("message", AttrValue::Str(self.message.clone().into_bytes()))]
    }
}
