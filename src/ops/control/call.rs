//! `PartitionedCall`: a body runs. A call of a function by its name is the same, and so is `RemoteCall`: all devices are
//! here.

use std::sync::Arc;

use super::bodies::{arguments, call, call_gradient, output};
use crate::dtype::DType;
use crate::error::Result;
use crate::graph::{AttrValue, Attrs, Body, Effect, Example, GradCx, InferCx, Op, OpKind, RunCx, Tensor};
use crate::ops::control::samples;
use crate::value::IntoValue;

/// Runs its body on the inputs.
#[derive(Debug, Clone)]
pub struct PartitionedCall {
    /// The function.
    pub body: Arc<Body>,
    /// Whether TensorFlow was told that it has effects; what it has is seen in its body.
    pub stateful: bool,
}

/// The row of [`PartitionedCall`].
pub static PARTITIONED_CALL: OpKind =
    OpKind::new("PartitionedCall", "args: [Tin] >= 0 -> output: [Tout] >= 0", parse, || examples(false))
        .effect(Effect::Calls);

/// The row of [`PartitionedCall`] for functions that have effects.
pub static STATEFUL_PARTITIONED_CALL: OpKind =
    OpKind::new("StatefulPartitionedCall", "args: [Tin] >= 0 -> output: [Tout] >= 0", parse_stateful, || {
        examples(true)
    })
    .effect(Effect::Calls);

/// Runs its body on the inputs after the first, which names the device where TensorFlow does it.
#[derive(Debug, Clone)]
pub struct RemoteCall {
    /// The function.
    pub body: Arc<Body>,
}

/// The row of [`RemoteCall`].
pub static REMOTE_CALL: OpKind = OpKind::new(
    "RemoteCall",
    "target: string, args: [Tin] -> output: [Tout]",
    |attrs: &Attrs| Ok(Arc::new(RemoteCall { body: attrs.body("f")? }) as Arc<dyn Op>),
    || {
        let call = RemoteCall { body: samples::negated_body(DType::F32) };
        vec![Example::new(call, ["/cpu:0".into_value(), [1.0f32, 2.0].into_value()])]
    },
)
.effect(Effect::Calls);

fn parse(attrs: &Attrs) -> Result<Arc<dyn Op>> {
    parse_call(false, attrs)
}

fn parse_stateful(attrs: &Attrs) -> Result<Arc<dyn Op>> {
    parse_call(true, attrs)
}

fn parse_call(stateful: bool, attrs: &Attrs) -> Result<Arc<dyn Op>> {
    // How TensorFlow is to run it.
    for name in ["config", "config_proto", "executor_type"] {
        let _: Option<&AttrValue> = attrs.get(name);
    }
    Ok(Arc::new(PartitionedCall { body: attrs.body("f")?, stateful }))
}

fn examples(stateful: bool) -> Vec<Example> {
    let body = samples::negated_body(DType::F32);
    vec![Example::new(PartitionedCall { body, stateful }, [[1.0f32, 2.0].into_value()])]
}

impl Op for PartitionedCall {
    fn kind(&self) -> &'static OpKind {
        if self.stateful { &STATEFUL_PARTITIONED_CALL } else { &PARTITIONED_CALL }
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        let facts = self.body.made_for(&arguments(cx, 0))?.1;
        facts.into_iter().for_each(|fact| output(cx, fact));
        Ok(())
    }

    fn bodies(&self, cx: &InferCx<'_>) -> Result<Vec<Arc<Body>>> {
        Ok(vec![self.body.made_for(&arguments(cx, 0))?.0])
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        call(cx, 0, 0)
    }

    fn grad(&self, cx: &GradCx<'_>) -> Result<Vec<Option<Tensor>>> {
        let body = cx.body_gradient(&self.body)?;
        call_gradient(cx, 0, Arc::new(PartitionedCall { body, stateful: self.stateful }))
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        vec![("f", AttrValue::Body(self.body.clone()))]
    }
}

impl Op for RemoteCall {
    fn kind(&self) -> &'static OpKind {
        &REMOTE_CALL
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        cx.shape(0).with_rank(0)?;
        let facts = self.body.made_for(&arguments(cx, 1))?.1;
        facts.into_iter().for_each(|fact| output(cx, fact));
        Ok(())
    }

    fn bodies(&self, cx: &InferCx<'_>) -> Result<Vec<Arc<Body>>> {
        Ok(vec![self.body.made_for(&arguments(cx, 1))?.0])
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        call(cx, 0, 1)
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        vec![("f", AttrValue::Body(self.body.clone()))]
    }
}
