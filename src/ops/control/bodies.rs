//! What ops with bodies share: arguments, results, and what counts as true.

use std::sync::Arc;

use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::graph::{Argument, Fact, GradCx, InferCx, Op, Role, RunCx, Tensor};
use crate::value::Value;
use crate::with_type;

/// Larger constants say nothing about shapes.
const MAX_KNOWN: usize = 256;

/// What is known of the inputs from `first` on.
pub(super) fn arguments(cx: &InferCx<'_>, first: usize) -> Vec<Argument> {
    (first..cx.n_inputs()).map(|i| Argument { fact: cx.fact(i).clone(), value: known_value(cx, i) }).collect()
}

fn known_value(cx: &InferCx<'_>, i: usize) -> Option<Value> {
    let fact = cx.fact(i);
    let is_index = matches!(fact.dtype, DType::I32 | DType::I64) && fact.role == Role::Value;
    if !is_index || fact.shape.known_dims().is_none_or(|dims| dims.iter().product::<usize>() > MAX_KNOWN) {
        return None;
    }
    cx.value(i)
}

/// Adds an output of which this is known.
pub(super) fn output(cx: &mut InferCx<'_>, fact: Fact) {
    let output = cx.output(fact.dtype, &fact.shape);
    *output = fact;
}

/// What holds of a result whichever of two bodies gives it.
///
/// # Errors
/// `DTypeMismatch`.
pub(super) fn join(i: usize, a: Fact, b: &Fact) -> Result<Fact> {
    if a.dtype != b.dtype || a.role != b.role {
        return Err(Error::dtype(format!("output {i} must be the same of every branch, but is {a} and {b}")));
    }
    let elements = a.join_elements(b);
    let sizes = a.sizes.filter(|sizes| b.sizes.as_ref() == Some(sizes));
    Ok(Fact { shape: a.shape.join(&b.shape), sizes, elements, ..a })
}

/// Calls a body with the inputs from `first` on, and puts its results out.
pub(super) fn call(cx: &mut RunCx<'_>, body: usize, first: usize) -> Result<()> {
    let arguments = (first..cx.n_inputs()).map(|i| cx.take(i)).collect();
    for (i, value) in cx.call(body, arguments)?.into_iter().enumerate() {
        cx.output(i, value);
    }
    Ok(())
}

/// The gradients of a node with bodies: the same node with those of its bodies, and with what flows into its outputs as
/// further arguments. Arguments are the inputs from `first` on.
pub(super) fn call_gradient(cx: &GradCx<'_>, first: usize, op: Arc<dyn Op>) -> Result<Vec<Option<Tensor>>> {
    let inputs: Vec<Tensor> = (0..cx.n_inputs()).map(|i| cx.input(i)).chain(cx.output_grads_or_zeros()?).collect();
    let node = cx.graph().apply_named(op.kind().name, op, &inputs.iter().collect::<Vec<_>>())?;
    Ok((0..first).map(|_| None).chain(node.outputs().into_iter().map(Some)).collect())
}

/// What TensorFlow takes as true: a number other than 0, a string with text in it, a tensor with elements.
///
/// # Errors
/// `DTypeMismatch` for handles.
pub(super) fn is_true(value: &Value) -> Result<bool> {
    if value.rank() > 0 {
        return Ok(!value.is_empty());
    }
    if value.dtype() == DType::String {
        return Ok(value.strings()?.iter().any(|text| !text.is_empty()));
    }
    with_type!(value.dtype(), T in plain => Ok(value.slice::<T>()?.iter().any(|x| *x != T::default())), else => {
        Err(Error::dtype(format!("a condition must be a number, bool or string, but is {}", value.dtype())))
    })
}
