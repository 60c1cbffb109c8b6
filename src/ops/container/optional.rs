//! Tensors that may not be there: a branch that was not taken has none to give.

use std::sync::Arc;

use super::parts::{show, show_shape};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::graph::{AttrValue, Attrs, Example, InferCx, Op, OpKind, RunCx};
use crate::shape::Shape;
use crate::value::variant::Variant;
use crate::value::{IntoValue, Value};

/// An optional that holds these tensors.
///
/// Source: TensorFlow's `OptionalFromValue`.
#[derive(Debug, Clone)]
pub struct OptionalFromValue;

/// The row of [`OptionalFromValue`].
pub static OPTIONAL_FROM_VALUE: OpKind = OpKind::new(
    "OptionalFromValue",
    "components: [Toutput_types] -> optional: variant",
    |_| Ok(Arc::new(OptionalFromValue)),
    || vec![Example::new(OptionalFromValue, [1.0f32.into_value(), [2].into_value()])],
);

/// The tensors that an optional holds.
///
/// Source: TensorFlow's `OptionalGetValue`.
#[derive(Debug, Clone)]
pub struct OptionalGetValue {
    /// Their dtypes.
    pub output_types: Vec<DType>,
    /// What their shapes fit.
    pub output_shapes: Vec<Shape>,
}

/// The row of [`OptionalGetValue`].
pub static OPTIONAL_GET_VALUE: OpKind =
    OpKind::new("OptionalGetValue", "optional: variant -> components: [output_types]", parse_get, || {
        let held = Variant::Optional(Some(vec![1.0f32.into_value(), [2].into_value()]));
        let op = OptionalGetValue {
            output_types: vec![DType::F32, DType::I32],
            output_shapes: vec![Shape::scalar(), Shape::from([1])],
        };
        vec![Example::new(op, [Value::of_variant(held)])]
    });

/// Whether an optional holds tensors.
///
/// Source: TensorFlow's `OptionalHasValue`.
#[derive(Debug, Clone)]
pub struct OptionalHasValue;

/// The row of [`OptionalHasValue`].
pub static OPTIONAL_HAS_VALUE: OpKind = OpKind::new(
    "OptionalHasValue",
    "optional: variant -> has_value: bool",
    |_| Ok(Arc::new(OptionalHasValue)),
    || vec![Example::new(OptionalHasValue, [Value::of_variant(Variant::Optional(None))])],
)
.not_differentiable("a truth value");

/// An optional that holds none.
///
/// Source: TensorFlow's `OptionalNone`.
#[derive(Debug, Clone)]
pub struct OptionalNone;

/// The row of [`OptionalNone`].
pub static OPTIONAL_NONE: OpKind = OpKind::new(
    "OptionalNone",
    "-> optional: variant",
    |_| Ok(Arc::new(OptionalNone)),
    || vec![Example::new(OptionalNone, [])],
)
.not_differentiable("it has no inputs");

fn parse_get(attrs: &Attrs) -> Result<Arc<dyn Op>> {
    let (output_types, output_shapes) = (attrs.types("output_types")?, attrs.shapes("output_shapes")?);
    if output_types.len() != output_shapes.len() {
        let (types, shapes) = (output_types.len(), output_shapes.len());
        return Err(Error::invalid(format!(
            "there must be a shape for each of {types} dtypes, but there are {shapes}"
        )));
    }
    Ok(Arc::new(OptionalGetValue { output_types, output_shapes }))
}

/// What the optional that is input 0 holds.
fn held<'a>(cx: &'a RunCx<'_>) -> Result<Option<&'a [Value]>> {
    match cx.input(0).as_variants()? {
        [Variant::Optional(values)] => Ok(values.as_deref()),
        [other] => Err(Error::invalid(format!("the input must be an optional, but is {}", other.what()))),
        _ => Err(Error::invalid(format!("the optional must be a scalar, but has shape {}", show(cx.input(0).dims())))),
    }
}

impl Op for OptionalFromValue {
    fn kind(&self) -> &'static OpKind {
        &OPTIONAL_FROM_VALUE
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        cx.output(DType::Variant, Shape::scalar());
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let values: Vec<Value> = (0..cx.n_inputs()).map(|i| cx.take(i)).collect();
        if values.iter().any(|value| value.dtype() == DType::Resource) {
            return Err(Error::unsupported("an optional cannot hold handles"));
        }
        cx.output(0, Value::of_variant(Variant::Optional(Some(values))));
        Ok(())
    }
}

impl Op for OptionalGetValue {
    fn kind(&self) -> &'static OpKind {
        &OPTIONAL_GET_VALUE
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        for (dtype, shape) in self.output_types.iter().zip(&self.output_shapes) {
            cx.output(*dtype, shape.renew_anonymous());
        }
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let held = held(cx)?.ok_or_else(|| Error::invalid("the optional has no value"))?;
        let (have, want) = (held.len(), self.output_types.len());
        if have != want {
            return Err(Error::invalid(format!("the optional must hold {want} tensors, but holds {have}")));
        }
        for (i, value) in held.iter().enumerate() {
            let (dtype, shape) = (self.output_types[i], &self.output_shapes[i]);
            if value.dtype() != dtype || !shape.is_compatible_with(value.dims()) {
                let (shape, dims) = (show_shape(shape), show(value.dims()));
                let have = value.dtype();
                return Err(Error::invalid(format!("tensor {i} must be {dtype} {shape}, but is {have} {dims}")));
            }
        }
        let held = held.to_vec();
        for (i, value) in held.into_iter().enumerate() {
            cx.output(i, value);
        }
        Ok(())
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        vec![
            ("output_types", AttrValue::Types(self.output_types.clone())),
            ("output_shapes", AttrValue::Shapes(self.output_shapes.clone())),
        ]
    }
}

impl Op for OptionalHasValue {
    fn kind(&self) -> &'static OpKind {
        &OPTIONAL_HAS_VALUE
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        cx.output(DType::Bool, Shape::scalar());
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let has = held(cx)?.is_some();
        cx.output(0, Value::scalar_of(has));
        Ok(())
    }
}

impl Op for OptionalNone {
    fn kind(&self) -> &'static OpKind {
        &OPTIONAL_NONE
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        cx.output(DType::Variant, Shape::scalar());
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        cx.output(0, Value::of_variant(Variant::Optional(None)));
        Ok(())
    }
}
