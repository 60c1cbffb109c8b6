//! `Assign`: gives a variable a new value.

use std::sync::Arc;

use super::handle::Spelling;
use crate::error::{Error, Result};
use crate::graph::{AttrValue, Attrs, Effect, Example, InferCx, Op, OpKind, Role, RunCx};
use crate::shape::Shape;
use crate::value::{IntoValue, Value};

/// Gives a variable a new value, which the variable shares: no copy is made.
#[derive(Debug, Clone)]
pub struct Assign {
    /// How the variable is given; a reference is passed on as output, a handle is not.
    pub spelling: Spelling,
    /// Whether the new value must have the shape of the old one.
    pub validate_shape: bool,
}

/// The row of [`Assign`] on a reference.
pub static ASSIGN: OpKind =
    OpKind::new("Assign", "ref: Ref(T), value: T -> output_ref: Ref(T)", parse_ref, examples_ref)
        .effect(Effect::Writes)
        .not_differentiable("a variable's new value is not a function of the old one");

/// The row of [`Assign`] on a resource handle.
pub static ASSIGN_VARIABLE: OpKind =
    OpKind::new("AssignVariableOp", "resource: Ref(dtype), value: dtype ->", parse_resource, examples_resource)
        .effect(Effect::Writes)
        .not_differentiable("a variable's new value is not a function of the old one");

fn parse_ref(attrs: &Attrs) -> Result<Arc<dyn Op>> {
    attrs.bool_or("use_locking", true)?;
    Ok(Arc::new(Assign { spelling: Spelling::Ref, validate_shape: attrs.bool_or("validate_shape", true)? }))
}

fn parse_resource(attrs: &Attrs) -> Result<Arc<dyn Op>> {
    Ok(Arc::new(Assign { spelling: Spelling::Resource, validate_shape: attrs.bool_or("validate_shape", false)? }))
}

fn examples_ref() -> Vec<Example> {
    let pair = || [[1.0f32, 2.0].into_value(), [3.0f32, 4.0].into_value()];
    let assign = |validate_shape| Assign { spelling: Spelling::Ref, validate_shape };
    vec![Example::new(assign(true), pair()), Example::new(assign(false), pair())]
}

fn examples_resource() -> Vec<Example> {
    let assign = Assign { spelling: Spelling::Resource, validate_shape: false };
    vec![Example::new(assign, [[1i32, 2].into_value(), [3i32, 4].into_value()])]
}

impl Op for Assign {
    fn kind(&self) -> &'static OpKind {
        match self.spelling {
            Spelling::Ref => &ASSIGN,
            Spelling::Resource => &ASSIGN_VARIABLE,
        }
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        let (var, value) = (cx.shape(0), cx.shape(1));
        match self.spelling {
            Spelling::Ref if self.validate_shape => {
                let shape = var.merge(value)?;
                cx.output_variable(cx.dtype(0), shape, Role::Ref);
            }
            Spelling::Ref => cx.output_variable(cx.dtype(0), value, Role::Ref),
            Spelling::Resource => drop(var.merge(value)?),
        }
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let (var, mut value) = (cx.variable(0)?, Some(cx.take(1)));
        let validates = self.validate_shape;
        cx.state()?.update(&var, &mut |old| {
            let new = value.take().ok_or_else(|| Error::internal("a variable is written once a step"))?;
            if let Some(old) = old.filter(|old| validates && old.dims() != new.dims()) {
                return Err(does_not_fit(&Shape::from(old.dims()), &new));
            }
            if var.shape.is_compatible_with(new.dims()) { Ok(new) } else { Err(does_not_fit(&var.shape, &new)) }
        })?;
        pass_on(cx);
        Ok(())
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        vec![("validate_shape", AttrValue::Bool(self.validate_shape))]
    }
}

/// Passes the reference of input 0 on, where the op has an output for it, so that uses can be chained.
pub(in crate::ops) fn pass_on(cx: &mut RunCx<'_>) {
    if cx.n_outputs() > 0 {
        let reference = cx.take(0);
        cx.output(0, reference);
    }
}

#[cold]
fn does_not_fit(have: &Shape, new: &Value) -> Error {
    let new = Shape::from(new.dims());
    Error::shape(format!("assign requires shapes of both tensors to match: lhs shape {have}, rhs shape {new}"))
}
