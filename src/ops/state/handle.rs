//! `VariableV2` and `VarHandleOp`: references to variables, in TensorFlow's two spellings.

use std::sync::Arc;

use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::graph::{AttrValue, Attrs, Effect, Example, InferCx, Op, OpKind, Role, RunCx};
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
}

/// The row of [`VariableV2`] as a reference. `Variable` is its older name.
pub static VARIABLE_V2: OpKind = OpKind::new("VariableV2", "-> ref: Ref(dtype)", parse_ref, || examples(Spelling::Ref))
    .aliases(&["Variable"])
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
        VariableV2 { spelling, dtype, shape, container: String::new(), shared_name: String::new() }
    }

    fn parse(spelling: Spelling, attrs: &Attrs) -> Result<Arc<dyn Op>> {
        Ok(Arc::new(VariableV2 {
            spelling,
            dtype: attrs.dtype("dtype")?,
            shape: attrs.shape_or("shape", Shape::unknown())?,
            container: attrs.str_or("container", "")?,
            shared_name: attrs.str_or("shared_name", "")?,
        }))
    }
}

fn parse_ref(attrs: &Attrs) -> Result<Arc<dyn Op>> {
    VariableV2::parse(Spelling::Ref, attrs)
}

fn parse_handle(attrs: &Attrs) -> Result<Arc<dyn Op>> {
    VariableV2::parse(Spelling::Resource, attrs)
}

fn examples(spelling: Spelling) -> Vec<Example> {
    let named = VariableV2 {
        shared_name: "v".to_owned(),
        container: "c".to_owned(),
        ..VariableV2::new(spelling, DType::F32, Shape::from([2, 3]))
    };
    vec![Example::new(named, []), Example::new(VariableV2::new(spelling, DType::I64, Shape::unknown()), [])]
}

impl Op for VariableV2 {
    fn kind(&self) -> &'static OpKind {
        match self.spelling {
            Spelling::Ref => &VARIABLE_V2,
            Spelling::Resource => &VAR_HANDLE,
        }
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        let role = match self.spelling {
            Spelling::Ref => Role::Ref,
            Spelling::Resource => Role::Handle,
        };
        cx.output_variable(self.dtype, &self.shape, role);
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
