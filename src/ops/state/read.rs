//! `ReadVariableOp`: the value of a variable.

use std::sync::Arc;

use super::alias::seen_as;
use crate::error::{Error, ErrorKind, Result, escape};
use crate::graph::{AttrValue, Attrs, Effect, Example, GradCx, InferCx, Op, OpKind, RunCx, Tensor, VarHandle};
use crate::value::{IntoValue, Value};

/// The value of a variable at this place of the program: what writers before it left, and no writer after it.
#[derive(Debug, Clone)]
pub struct ReadVariable;

/// The row of [`ReadVariable`].
pub static READ_VARIABLE: OpKind =
    OpKind::new("ReadVariableOp", "resource: Ref(dtype) -> value: dtype", parse, examples).effect(Effect::Reads);

fn parse(attrs: &Attrs) -> Result<Arc<dyn Op>> {
    // The signature gives the dtype; a file's attribute is read only so that it counts as known.
    let _: Option<&AttrValue> = attrs.get("dtype");
    Ok(Arc::new(ReadVariable))
}

fn examples() -> Vec<Example> {
    vec![Example::new(ReadVariable, [[1.0f32, 2.0].into_value()])]
}

impl Op for ReadVariable {
    fn kind(&self) -> &'static OpKind {
        &READ_VARIABLE
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        // Two reads of a variable whose shape may change can have two shapes.
        let shape = cx.shape(0).renew_anonymous();
        cx.output(cx.dtype(0), shape);
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let value = read(cx, 0)?;
        cx.output(0, value);
        Ok(())
    }

    fn grad(&self, cx: &GradCx<'_>) -> Result<Vec<Option<Tensor>>> {
        Ok(vec![Some(cx.dy()?.clone())])
    }
}

/// The value of the variable that input `i` refers to.
pub(super) fn read(cx: &RunCx<'_>, i: usize) -> Result<Value> {
    let var = cx.variable(i)?;
    let value = cx.state()?.read(&var).ok_or_else(|| uninitialized(&var))?;
    match &var.view {
        Some(alias) => seen_as(value, alias),
        None => Ok(value),
    }
}

/// The error of using a variable that has no value yet.
#[cold]
pub(in crate::ops) fn uninitialized(var: &VarHandle) -> Error {
    Error::new(ErrorKind::Uninitialized, format!("attempting to use uninitialized value {}", escape(&var.name)))
}
