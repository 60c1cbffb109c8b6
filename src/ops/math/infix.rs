//! Builders of two operands: a bare number beside a tensor is a constant in the scope of the op, as in TF1.

use std::sync::Arc;

use super::binary::{Binary, BinaryOp};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::graph::{Op, Tensor};
use crate::ops::IntoTensor;

/// An op on `x` and `y`, of which one may be a bare number: then the nodes are `scope/y` (or `scope/x`) and `scope`.
#[track_caller]
pub(super) fn infix(x: &dyn IntoTensor, y: &dyn IntoTensor, scope: &str, op: impl Op) -> Result<Tensor> {
    let op: Arc<dyn Op> = Arc::new(op);
    if x.is_bare() || y.is_bare() {
        return beside_number(
            x,
            y,
            scope,
            op.kind().args().input_name(0),
            op.kind().args().input_name(1),
            |x, y, name| x.graph().named(name, || x.graph().apply_named(scope, op.clone(), &[x, y]))?.output(0),
        );
    }
    let x = x.tensor(None)?;
    let y = y.tensor(Some(&x))?;
    x.graph().apply_named(scope, op, &[&x, &y])?.output(0)
}

/// Makes the number a constant of the other operand's dtype, in the scope in which `build` then works.
#[track_caller]
fn beside_number(
    x: &dyn IntoTensor,
    y: &dyn IntoTensor,
    scope: &str,
    x_name: &str,
    y_name: &str,
    build: impl FnOnce(&Tensor, &Tensor, &str) -> Result<Tensor>,
) -> Result<Tensor> {
    let tensor = if x.is_bare() { y.tensor(None)? } else { x.tensor(None)? };
    let g = tensor.graph();
    g.composite(scope, |name| {
        if x.is_bare() {
            let x = g.named(x_name, || x.tensor(Some(&tensor)))?;
            build(&x, &tensor, name)
        } else {
            let y = g.named(y_name, || y.tensor(Some(&tensor)))?;
            build(&tensor, &y, name)
        }
    })
}

/// `x / y` as Python 3 divides: integers become floats.
#[track_caller]
pub(super) fn true_divide(x: &dyn IntoTensor, y: &dyn IntoTensor) -> Result<Tensor> {
    if x.is_bare() || y.is_bare() {
        return beside_number(x, y, "truediv", "x", "y", true_quotient);
    }
    let x = x.tensor(None)?;
    let y = y.tensor(Some(&x))?;
    if x.dtype() != y.dtype() {
        let text = format!("the operands must have one dtype, but have {} and {}", x.dtype(), y.dtype());
        return Err(Error::dtype(text).note(format!("convert one of them: .cast(DType::{:?})", x.dtype())));
    }
    match quotient_dtype(x.dtype()) {
        None => infix(&x, &y, "truediv", Binary { f: BinaryOp::RealDiv }),
        Some(_) => x.graph().composite("truediv", |name| true_quotient(&x, &y, name)),
    }
}

fn true_quotient(x: &Tensor, y: &Tensor, name: &str) -> Result<Tensor> {
    let div = Binary { f: BinaryOp::RealDiv };
    let g = x.graph();
    match quotient_dtype(x.dtype()) {
        None => g.named(name, || g.apply_one(div, &[x, y])),
        Some(dtype) => {
            let (x, y) = (x.cast(dtype)?, y.cast(dtype)?);
            g.named(name, || g.apply_one(div, &[&x, &y]))
        }
    }
}

/// What integers are divided as: the float that holds all of their values.
fn quotient_dtype(dtype: DType) -> Option<DType> {
    match dtype {
        DType::I8 | DType::I16 | DType::U8 | DType::U16 => Some(DType::F32),
        dtype if dtype.is_integer() => Some(DType::F64),
        _ => None,
    }
}
