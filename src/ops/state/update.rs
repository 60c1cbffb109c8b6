//! `AssignAdd` and `AssignSub`: change a variable in place.

use std::sync::Arc;

use super::assign::pass_on;
use super::handle::Spelling;
use super::read::uninitialized;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::graph::{Attrs, Effect, Example, InferCx, Op, OpKind, Role, RunCx};
use crate::kernel::change::{Change, Formula};
use crate::ops::parts::number_bytes_mut;
use crate::shape::Shape;
use crate::value::{IntoValue, Value};

/// Elements that are copied and changed while they are in cache.
const PART: usize = 1 << 11;

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
            let formula = if self.subtracts { Formula::Sub } else { Formula::Add };
            let change = Change::of(formula, old.dtype()).filter(|_| old.dtype() != DType::Bool);
            let unsupported = || Error::unsupported(format!("a variable of {} cannot be added to", old.dtype()));
            let change = change.ok_or_else(unsupported)?;
            combine(cx, &change, old, cx.input(1))
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

/// Overwrites the old value where it is ours alone, else writes to new memory.
fn combine(cx: &RunCx<'_>, change: &Change, mut old: Value, value: &Value) -> Result<Value> {
    let (part, value) = (PART * change.size(), value.bytes()?);
    if old.is_unique() {
        change.run(number_bytes_mut(&mut old)?, value);
        return Ok(old);
    }
    let mut new = cx.alloc(old.dtype(), old.dims())?;
    let cells = number_bytes_mut(&mut new)?.chunks_mut(part);
    for ((cells, old), value) in cells.zip(old.bytes()?.chunks(part)).zip(value.chunks(part)) {
        cells.copy_from_slice(old);
        change.run(cells, value);
    }
    Ok(new)
}
