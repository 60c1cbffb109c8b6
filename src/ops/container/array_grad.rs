//! `TensorArrayGradV3`: the array that collects the gradients of another.

use std::sync::Arc;

use super::tensor_array::{NO_GRADIENT, array, flow_value, handle_value, output_flow, put_flow};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::graph::{AttrValue, Attrs, Effect, Example, InferCx, Op, OpKind, Referent, Role, RunCx};
use crate::shape::{Dims, MAX_RANK};
use crate::value::{IntoValue, Value};

/// The array of the gradients of an array: one for each array and source. It has as many cells, which start as zeros
/// where the array was written, and writes to it add up in program order. The array does not grow from then on.
///
/// Source: TensorFlow's `TensorArrayGradV3` and `TensorArrayGradWithShape`.
#[derive(Debug, Clone)]
pub struct TensorArrayGrad {
    /// Which gradient it is: those of one name are one array.
    pub source: String,
    /// Whether there is an input with dims that elements have in front of those of the array's elements.
    pub has_prefix: bool,
}

/// The row of [`TensorArrayGrad`].
pub static TENSOR_ARRAY_GRAD: OpKind = OpKind::new(
    "TensorArrayGradV3",
    "handle: array, flow_in: float32 -> grad_handle: array, flow_out: float32",
    |attrs| TensorArrayGrad::parse(attrs, false),
    || vec![Example::new(TensorArrayGrad::of("gradients"), [handle_value(), flow_value()])],
)
.aliases(&["TensorArrayGrad", "TensorArrayGradV2"])
.effect(Effect::Object)
.not_differentiable(NO_GRADIENT);

/// The row of [`TensorArrayGrad`] with dims in front.
pub static TENSOR_ARRAY_GRAD_WITH_SHAPE: OpKind = OpKind::new(
    "TensorArrayGradWithShape",
    "handle: array, flow_in: float32, shape_to_prepend: int32 -> grad_handle: array, flow_out: float32",
    |attrs| TensorArrayGrad::parse(attrs, true),
    || {
        let op = TensorArrayGrad { has_prefix: true, ..TensorArrayGrad::of("gradients") };
        vec![Example::new(op, [handle_value(), flow_value(), [2, 3].into_value()])]
    },
)
.effect(Effect::Object)
.not_differentiable(NO_GRADIENT);

impl TensorArrayGrad {
    /// The gradients of a source, with elements of the array's own shape.
    pub fn of(source: &str) -> TensorArrayGrad {
        TensorArrayGrad { source: source.to_owned(), has_prefix: false }
    }

    fn parse(attrs: &Attrs, has_prefix: bool) -> Result<Arc<dyn Op>> {
        Ok(Arc::new(TensorArrayGrad { source: attrs.str("source")?, has_prefix }))
    }
}

impl Op for TensorArrayGrad {
    fn kind(&self) -> &'static OpKind {
        if self.has_prefix { &TENSOR_ARRAY_GRAD_WITH_SHAPE } else { &TENSOR_ARRAY_GRAD }
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        cx.shape(1).with_rank(0)?;
        let mut shape = cx.shape(0).clone();
        if self.has_prefix {
            cx.shape(2).with_rank(1)?;
            shape = cx.shape_from(2)?.concat(&shape)?;
        }
        cx.output_variable(cx.dtype(0), shape, Role::Handle(Referent::Array));
        output_flow(cx);
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let prefix = if self.has_prefix { prefix(cx.input(2))? } else { Dims::new() };
        let grad = array(cx)?.grad(&self.source, &prefix)?;
        cx.output(0, Value::from_object(DType::Resource, grad));
        put_flow(cx, 1);
        Ok(())
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        vec![("source", AttrValue::Str(self.source.as_bytes().to_vec()))]
    }
}

fn prefix(value: &Value) -> Result<Dims> {
    let dim =
        |n: &i32| usize::try_from(*n).map_err(|_| Error::invalid(format!("a dimension must be 0 or more, but is {n}")));
    if value.len() > MAX_RANK {
        let n = value.len();
        return Err(Error::invalid(format!("a shape must have at most {MAX_RANK} dimensions, but has {n}")));
    }
    value.slice::<i32>()?.iter().map(dim).collect()
}
