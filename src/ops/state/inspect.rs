//! `IsVariableInitialized` and `VariableShape`: look at a variable without using its value.

use std::sync::Arc;

use super::handle::Spelling;
use super::read::read;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::graph::{AttrValue, Attrs, Effect, Example, InferCx, Op, OpKind, RunCx};
use crate::shape::Shape;
use crate::value::{IntoValue, Value};

/// Whether a variable has a value.
#[derive(Debug, Clone)]
pub struct IsVariableInitialized {
    /// How the variable is given.
    pub spelling: Spelling,
}

/// The row of [`IsVariableInitialized`] on a reference.
pub static IS_VARIABLE_INITIALIZED: OpKind =
    OpKind::new("IsVariableInitialized", "ref: Ref(dtype) -> is_initialized: bool", parse_is_ref, || {
        examples_is(Spelling::Ref)
    })
    .effect(Effect::Inspects)
    .not_differentiable("a bool has no gradient");

/// The row of [`IsVariableInitialized`] on a resource handle.
pub static VAR_IS_INITIALIZED: OpKind =
    OpKind::new("VarIsInitializedOp", "resource: Ref(dtype) -> is_initialized: bool", parse_is_resource, || {
        examples_is(Spelling::Resource)
    })
    .effect(Effect::Inspects)
    .not_differentiable("a bool has no gradient");

/// The dims of a variable's value.
#[derive(Debug, Clone)]
pub struct VariableShape {
    /// int32 or int64.
    pub out_type: DType,
}

/// The row of [`VariableShape`].
pub static VARIABLE_SHAPE: OpKind =
    OpKind::new("VariableShape", "input: Ref(T) -> output: out_type", parse_shape, examples_shape)
        .effect(Effect::Inspects)
        .not_differentiable("a shape has no gradient");

fn parse_is_ref(_: &Attrs) -> Result<Arc<dyn Op>> {
    Ok(Arc::new(IsVariableInitialized { spelling: Spelling::Ref }))
}

fn parse_is_resource(_: &Attrs) -> Result<Arc<dyn Op>> {
    Ok(Arc::new(IsVariableInitialized { spelling: Spelling::Resource }))
}

fn parse_shape(attrs: &Attrs) -> Result<Arc<dyn Op>> {
    let out_type = attrs.dtype_or("out_type", DType::I32)?;
    if !matches!(out_type, DType::I32 | DType::I64) {
        return Err(Error::dtype(format!("out_type must be int32 or int64, but is {out_type}")));
    }
    Ok(Arc::new(VariableShape { out_type }))
}

fn examples_is(spelling: Spelling) -> Vec<Example> {
    vec![Example::new(IsVariableInitialized { spelling }, [[1.0f32].into_value()])]
}

fn examples_shape() -> Vec<Example> {
    let shape = |out_type| Example::new(VariableShape { out_type }, [[[1.0f32, 2.0]].into_value()]);
    vec![shape(DType::I32), shape(DType::I64)]
}

impl Op for IsVariableInitialized {
    fn kind(&self) -> &'static OpKind {
        match self.spelling {
            Spelling::Ref => &IS_VARIABLE_INITIALIZED,
            Spelling::Resource => &VAR_IS_INITIALIZED,
        }
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        cx.output(DType::Bool, Shape::scalar());
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let has_value = cx.state()?.read(&*cx.variable(0)?).is_some();
        cx.output(0, Value::scalar_of(has_value));
        Ok(())
    }
}

impl Op for VariableShape {
    fn kind(&self) -> &'static OpKind {
        &VARIABLE_SHAPE
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        let shape = cx.shape(0).renew_anonymous();
        match shape.dims() {
            Some(dims) => cx.output_sizes(self.out_type, dims, false),
            None => drop(cx.output(self.out_type, Shape::unknown_of_rank(1))),
        }
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let dims = read(cx, 0)?;
        let dims = dims.dims();
        let too_large = |_| Error::invalid("a dim of the variable does not fit out_type");
        let value = match self.out_type {
            DType::I64 => {
                let dims: Vec<i64> =
                    dims.iter().map(|dim| i64::try_from(*dim)).collect::<Result<_, _>>().map_err(too_large)?;
                Value::from_vec(&[dims.len()], dims)?
            }
            _ => {
                let dims: Vec<i32> =
                    dims.iter().map(|dim| i32::try_from(*dim)).collect::<Result<_, _>>().map_err(too_large)?;
                Value::from_vec(&[dims.len()], dims)?
            }
        };
        cx.output(0, value);
        Ok(())
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        vec![("out_type", AttrValue::Type(self.out_type))]
    }
}
