//! `AddN`: the sum of many tensors of one shape.

use std::sync::Arc;

use super::dtypes::{Dtypes, check_dtype, unsupported};
use super::elementwise::{check_same_dims, for_parts};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::graph::{AttrValue, Attrs, Example, GradCx, InferCx, Op, OpKind, RunCx, Tensor};
use crate::kernel::Number;
use crate::ops::container::add;
use crate::value::{IntoValue, Value};
use crate::with_type;

/// The sum of tensors of one shape, from the first to the last; of lists of tensors, that of their elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AddN;

/// The row of [`AddN`].
pub static ADD_N: OpKind = OpKind::new("AddN", "inputs: N*T -> sum: T", parse, examples).aliases(&["AccumulateNV2"]);

fn parse(attrs: &Attrs) -> Result<Arc<dyn Op>> {
    // `AccumulateNV2` names the shape, which the inputs tell as well.
    let _: Option<&AttrValue> = attrs.get("shape");
    Ok(Arc::new(AddN))
}

/// The sum of tensors of one shape, without broadcasting; any number dtype. What one leaves unknown of the shape is
/// taken from the others. One tensor is its own sum: no node is made.
///
/// # Errors
/// `InvalidArgument` for no tensors; `ShapeMismatch` for different shapes.
#[doc(alias = "tf.add_n")]
#[track_caller]
pub fn add_n(tensors: &[&Tensor]) -> Result<Tensor> {
    match tensors {
        [] => Err(Error::invalid("a sum needs at least 1 tensor, but got 0")),
        [one] => Ok((*one).clone()),
        [first, ..] => first.graph().apply_one(AddN, tensors),
    }
}

fn examples() -> Vec<Example> {
    vec![
        Example::new(AddN, [[1.0f32, 2.0].into_value(), [3.0f32, 4.0].into_value(), [5.0f32, 6.0].into_value()]),
        Example::new(AddN, [[[1i32], [2]].into_value(), [[3i32], [4]].into_value()]),
        Example::new(AddN, [[2.5f64].into_value()]),
    ]
}

impl Op for AddN {
    fn kind(&self) -> &'static OpKind {
        &ADD_N
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        if cx.n_inputs() == 0 {
            return Err(Error::invalid("a sum needs at least 1 tensor, but got 0"));
        }
        if cx.dtype(0) != DType::Variant {
            check_dtype(Dtypes::Numbers, cx.dtype(0))?;
        }
        let mut shape = cx.shape(0).clone();
        for i in 1..cx.n_inputs() {
            shape = shape.merge(cx.shape(i))?;
        }
        let lists = (1..cx.n_inputs()).try_fold(cx.fact(0).elements.clone(), |all, i| {
            Some(Some(Arc::new(all?.merge(cx.fact(i).elements.as_deref()?)?)))
        });
        cx.output(cx.dtype(0), shape).elements = lists.flatten();
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        for i in 1..cx.n_inputs() {
            check_same_dims(cx.input(0), cx.input(i))?;
        }
        let mut sum = cx.take_unique(0)?;
        let dtype = sum.dtype();
        if dtype == DType::Variant {
            (1..cx.n_inputs()).try_for_each(|i| add(cx, &mut sum, cx.input(i)))?;
            cx.output(0, sum);
            return Ok(());
        }
        with_type!(dtype, T in numbers => add_all::<T>(cx, &mut sum)?, else => return Err(unsupported(dtype)));
        cx.output(0, sum);
        Ok(())
    }

    fn grad(&self, cx: &GradCx<'_>) -> Result<Vec<Option<Tensor>>> {
        Ok(vec![Some(cx.dy()?.clone()); cx.n_inputs()])
    }
}

/// Adds all inputs but the first, each part while it is in the cache.
fn add_all<T: Number>(cx: &RunCx<'_>, sum: &mut Value) -> Result<()> {
    let others = (1..cx.n_inputs()).map(|i| cx.input(i).slice::<T>()).collect::<Result<Vec<_>>>()?;
    for_parts(cx, sum.make_mut::<T>()?, &|start, part| {
        for other in &others {
            part.iter_mut().zip(&other[start..]).for_each(|(sum, x)| *sum = sum.plus(*x));
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{infer_err, infer_ok, run_op};

    #[test]
    fn shapes_are_one() {
        infer_ok(&AddN, "<unknown>;(?,2);(1,?)", "(1,2)");
        infer_err(&AddN, "(2);(3)", "must be equal");
        infer_err(&AddN, "(1);(3)", "must be equal");
    }

    #[test]
    fn many_are_added_in_order() {
        let inputs: Vec<Value> = (1..=5).map(|n| [n, 10 * n].into_value()).collect();
        assert_eq!(run_op(AddN, &inputs).unwrap()[0].to_string(), "[ 15 150]");
    }
}
