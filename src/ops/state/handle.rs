//! `VariableV2` and `VarHandleOp`: references to variables, in TensorFlow's two spellings.

use std::sync::Arc;

use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::graph::{AttrValue, Attrs, Effect, Example, InferCx, Op, OpKind, Referent, Role, RunCx};
use crate::shape::Shape;

/// How TensorFlow refers to a variable. Here both name the same thing: an entry of the session's table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Spelling {
    /// TF1's reference, `float32_ref`.
    #[default]
    Ref,
    /// A resource handle.
    Resource,
}

/// A reference to a variable, which is (container, shared name or else node name): two nodes may mean one variable.
#[derive(Debug, Clone)]
pub struct VariableV2 {
    /// Reference or handle.
    pub spelling: Spelling,
    /// The dtype of the variable's value.
    pub dtype: DType,
    /// What the value's shape must fit.
    pub shape: Shape,
    /// A prefix that keeps variables of one name apart.
    pub container: String,
    /// The variable's name, where it is not the node's.
    pub shared_name: String,
    /// Whether this is the older op, `Variable`, for which the shape of a scalar means an unknown one.
    pub is_legacy: bool,
}

/// The row of [`VariableV2`] as the older reference, whose shape `()` means an unknown one.
pub static VARIABLE: OpKind = OpKind::new("Variable", "-> ref: Ref(dtype)", parse_legacy, examples_legacy)
    .effect(Effect::Variable)
    .not_differentiable("a variable's reference has no inputs");

/// The row of [`VariableV2`] as a reference.
pub static VARIABLE_V2: OpKind = OpKind::new("VariableV2", "-> ref: Ref(dtype)", parse_ref, || examples(Spelling::Ref))
    .effect(Effect::Variable)
    .not_differentiable("a variable's reference has no inputs");

/// The row of [`VariableV2`] as a resource handle.
pub static VAR_HANDLE: OpKind =
    OpKind::new("VarHandleOp", "-> resource: resource", parse_handle, || examples(Spelling::Resource))
        .effect(Effect::Variable)
        .not_differentiable("a variable's handle has no inputs");

impl VariableV2 {
    /// A variable that is named by its node.
    pub fn new(spelling: Spelling, dtype: DType, shape: Shape) -> VariableV2 {
        VariableV2 { spelling, dtype, shape, container: String::new(), shared_name: String::new(), is_legacy: false }
    }

    fn parse(spelling: Spelling, attrs: &Attrs) -> Result<VariableV2> {
        Ok(VariableV2 {
            spelling,
            dtype: attrs.dtype("dtype")?,
            shape: attrs.shape_or("shape", Shape::unknown())?,
            container: attrs.str_or("container", "")?,
            shared_name: attrs.str_or("shared_name", "")?,
            is_legacy: false,
        })
    }
}

fn parse_ref(attrs: &Attrs) -> Result<Arc<dyn Op>> {
    Ok(Arc::new(VariableV2::parse(Spelling::Ref, attrs)?))
}

fn parse_legacy(attrs: &Attrs) -> Result<Arc<dyn Op>> {
    Ok(Arc::new(VariableV2 { is_legacy: true, ..VariableV2::parse(Spelling::Ref, attrs)? }))
}

fn parse_handle(attrs: &Attrs) -> Result<Arc<dyn Op>> {
    Ok(Arc::new(VariableV2::parse(Spelling::Resource, attrs)?))
}

fn examples(spelling: Spelling) -> Vec<Example> {
    let named = VariableV2 {
        shared_name: "v".to_owned(),
        container: "c".to_owned(),
        ..VariableV2::new(spelling, DType::F32, Shape::from([2, 3]))
    };
    vec![Example::new(named, []), Example::new(VariableV2::new(spelling, DType::I64, Shape::unknown()), [])]
}

fn examples_legacy() -> Vec<Example> {
    let of = |shape: Shape| VariableV2 { is_legacy: true, ..VariableV2::new(Spelling::Ref, DType::F32, shape) };
    vec![Example::new(of(Shape::scalar()), []), Example::new(of(Shape::from([2, 3])), [])]
}

impl Op for VariableV2 {
    fn kind(&self) -> &'static OpKind {
        match self.spelling {
            Spelling::Ref if self.is_legacy => &VARIABLE,
            Spelling::Ref => &VARIABLE_V2,
            Spelling::Resource => &VAR_HANDLE,
        }
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        let role = match self.spelling {
            Spelling::Ref => Role::Ref,
            Spelling::Resource => Role::Handle(Referent::Variable),
        };
        let is_unsaid = self.is_legacy && self.shape.rank() == Some(0);
        cx.output_variable(self.dtype, if is_unsaid { Shape::unknown() } else { self.shape.clone() }, role);
        Ok(())
    }

    fn run(&self, _: &mut RunCx<'_>) -> Result<()> {
        Err(Error::internal("a variable's reference is filled in by the plan, it never runs"))
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        let text = |text: &str| AttrValue::Str(text.as_bytes().to_vec());
        vec![
            ("container", text(&self.container)),
            ("shared_name", text(&self.shared_name)),
            ("dtype", AttrValue::Type(self.dtype)),
            ("shape", AttrValue::Shape(self.shape.clone())),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::infer_ok;

    #[test]
    fn the_older_op_cannot_tell_a_scalar_from_an_unknown_shape() {
        let of = |shape: Shape| VariableV2 { is_legacy: true, ..VariableV2::new(Spelling::Ref, DType::F32, shape) };
        infer_ok(&of(Shape::scalar()), "", "<unknown>");
        infer_ok(&of(Shape::from([2])), "", "(2)");
        infer_ok(&VariableV2::new(Spelling::Ref, DType::F32, Shape::scalar()), "", "()");
    }
}
