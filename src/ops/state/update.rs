//! `AssignAdd` and `AssignSub`: change a variable in place.

use std::sync::Arc;

use super::assign::pass_on;
use super::handle::Spelling;
use super::read::uninitialized;
use crate::error::{Error, Result};
use crate::graph::{Attrs, Effect, Example, InferCx, Op, OpKind, Role, RunCx};
use crate::kernel::Number;
use crate::shape::Shape;
use crate::value::{IntoValue, Value};
use crate::with_type;

/// Adds to a variable, or subtracts from it. Updates of runs that overlap are never lost.
#[derive(Debug, Clone)]
pub struct AssignUpdate {
    /// How the variable is given; a reference is passed on as output, a handle is not.
    pub spelling: Spelling,
    /// Whether to subtract.
    pub subtracts: bool,
}

macro_rules! rows {
    ($($(#[$doc:meta])* $row:ident $name:literal $signature:literal $spelling:ident $subtracts:literal;)*) => { $(
        $(#[$doc])*
        pub static $row: OpKind = OpKind::new(
            $name,
            $signature,
            |attrs| parse(attrs, AssignUpdate { spelling: Spelling::$spelling, subtracts: $subtracts }),
            || examples(AssignUpdate { spelling: Spelling::$spelling, subtracts: $subtracts }),
        )
        .effect(Effect::Writes)
        .not_differentiable("a variable that is changed in place has no gradient");
    )* };
}
rows! {
    /// Adds, on a reference.
    ASSIGN_ADD "AssignAdd" "ref: Ref(T), value: T -> output_ref: Ref(T)" Ref false;
    /// Subtracts, on a reference.
    ASSIGN_SUB "AssignSub" "ref: Ref(T), value: T -> output_ref: Ref(T)" Ref true;
    /// Adds, on a resource handle.
    ASSIGN_ADD_VARIABLE "AssignAddVariableOp" "resource: Ref(dtype), value: dtype ->" Resource false;
    /// Subtracts, on a resource handle.
    ASSIGN_SUB_VARIABLE "AssignSubVariableOp" "resource: Ref(dtype), value: dtype ->" Resource true;
}

fn parse(attrs: &Attrs, op: AssignUpdate) -> Result<Arc<dyn Op>> {
    attrs.bool_or("use_locking", false)?;
    Ok(Arc::new(op))
}

fn examples(op: AssignUpdate) -> Vec<Example> {
    vec![
        Example::new(op.clone(), [[1.0f32, 2.0].into_value(), [0.5f32, 0.25].into_value()]),
        Example::new(op, [7i64.into_value(), 1i64.into_value()]),
    ]
}

impl Op for AssignUpdate {
    fn kind(&self) -> &'static OpKind {
        match (self.spelling, self.subtracts) {
            (Spelling::Ref, false) => &ASSIGN_ADD,
            (Spelling::Ref, true) => &ASSIGN_SUB,
            (Spelling::Resource, false) => &ASSIGN_ADD_VARIABLE,
            (Spelling::Resource, true) => &ASSIGN_SUB_VARIABLE,
        }
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        let shape = cx.shape(0).merge(cx.shape(1))?;
        if self.spelling == Spelling::Ref {
            cx.output_variable(cx.dtype(0), shape, Role::Ref);
        }
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let var = cx.variable(0)?;
        cx.state()?.update(&var, &mut |old| {
            let old = old.ok_or_else(|| uninitialized(&var))?;
            check_dims(&old, cx.input(1))?;
            let subtracts = self.subtracts;
            with_type!(old.dtype(), T in numbers => combine::<T>(cx, old, cx.input(1), subtracts), else => {
                Err(Error::unsupported(format!("a variable of {} cannot be added to", old.dtype())))
            })
        })?;
        pass_on(cx);
        Ok(())
    }
}

fn check_dims(var: &Value, value: &Value) -> Result<()> {
    if var.dims() == value.dims() {
        return Ok(());
    }
    let (var, value) = (Shape::from(var.dims()), Shape::from(value.dims()));
    Err(Error::shape(format!("parameters and update must be the same size: the variable is {var}, the update {value}")))
}

fn combine<T: Number>(cx: &RunCx<'_>, old: Value, value: &Value, subtracts: bool) -> Result<Value> {
    if subtracts {
        change(cx, old, value, |a: T, b: T| a.minus(b))
    } else {
        change(cx, old, value, |a: T, b: T| a.plus(b))
    }
}

/// Overwrites the old value where it is ours alone, else writes to new memory.
fn change<T: Number>(cx: &RunCx<'_>, mut old: Value, value: &Value, f: impl Fn(T, T) -> T) -> Result<Value> {
    let value = value.slice::<T>()?;
    if let Some(cells) = old.slice_mut::<T>() {
        cells.iter_mut().zip(value).for_each(|(cell, x)| *cell = f(*cell, *x));
        return Ok(old);
    }
    let mut new = cx.alloc(old.dtype(), old.dims())?;
    let cells = new.make_mut::<T>()?.iter_mut();
    cells.zip(old.slice::<T>()?).zip(value).for_each(|((cell, a), b)| *cell = f(*a, *b));
    Ok(new)
}
