//! `Const`: a value that is part of the graph.

use std::sync::Arc;

use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::graph::{AttrValue, Attrs, Example, Graph, InferCx, Op, OpKind, RunCx, Tensor};
use crate::value::{IntoValue, Value};

/// A value that is part of the graph.
#[derive(Debug, Clone)]
pub struct Const {
    /// The value; runs share its memory.
    pub value: Value,
}

/// The row of [`Const`].
pub static CONST: OpKind =
    OpKind::new("Const", "-> output: dtype", parse, examples).not_differentiable("a constant has no inputs");

impl Graph {
    /// A constant. An array that is given by value is adopted, not copied; a bare scalar is float32 or int32, as in TF1.
    ///
    /// ```
    /// # use sessile::prelude::*;
    /// # fn main() -> sessile::Result<()> {
    /// let g = Graph::new();
    /// assert_eq!(g.constant(array![[1.0f32, 2.0]])?.to_string(), r#"Tensor("Const:0", shape=(1, 2), dtype=float32)"#);
    /// # Ok(()) }
    /// ```
    #[doc(alias = "tf.constant")]
    #[track_caller]
    pub fn constant(&self, value: impl IntoValue) -> Result<Tensor> {
        let value = value.into_value();
        let value = match value.dtype() {
            DType::F64 if value.is_weak() => value.weak_cast(DType::F32)?,
            _ => value,
        };
        self.apply_one(Const { value }, &[])
    }
}

fn parse(attrs: &Attrs) -> Result<Arc<dyn Op>> {
    let value = attrs.tensor("value")?;
    let dtype = attrs.dtype_or("dtype", value.dtype())?;
    if dtype != value.dtype() {
        return Err(Error::dtype(format!("the constant is {}, but its dtype attribute is {dtype}", value.dtype())));
    }
    Ok(Arc::new(Const { value }))
}

fn examples() -> Vec<Example> {
    vec![
        Example::new(Const { value: [[1.0f32, 2.0, 3.0]].into_value() }, []),
        Example::new(Const { value: "text".into_value() }, []),
    ]
}

impl Op for Const {
    fn kind(&self) -> &'static OpKind {
        &CONST
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        cx.output(self.value.dtype(), self.value.dims());
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        cx.output(0, self.value.clone());
        Ok(())
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        vec![("value", AttrValue::Tensor(self.value.clone()))]
    }
}
