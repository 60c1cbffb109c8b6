//! `Placeholder`: a value that every run must feed.

use std::panic::Location;
use std::sync::Arc;

use crate::dtype::DType;
use crate::error::{Error, ErrorKind, Result};
use crate::graph::feed::BuiltInBodies;
use crate::graph::{AttrValue, Attrs, Effect, Example, Graph, InferCx, Op, OpKind, Referent, Role, RunCx, Tensor};
use crate::shape::Shape;

/// A value that every run must feed.
#[derive(Debug, Clone)]
pub struct Placeholder {
    /// What may be fed.
    pub dtype: DType,
    /// What may be fed; `?` takes any size.
    pub shape: Shape,
}

/// The row of [`Placeholder`].
pub static PLACEHOLDER: OpKind = OpKind::new("Placeholder", "-> output: dtype", parse, examples)
    .aliases(&["PlaceholderV2"])
    .effect(Effect::Fed)
    .not_differentiable("a placeholder has no inputs");

impl Graph {
    /// A tensor that every run must feed. `?` in the shape takes any size; a named dim such as `"batch"` has one size
    /// in one run, wherever it stands. One that is built in the closure of a branch or a loop need be fed only where that
    /// runs.
    ///
    /// ```
    /// # use sessile::prelude::*;
    /// # fn main() -> sessile::Result<()> {
    /// let g = Graph::new();
    /// assert_eq!(g.placeholder(DType::F32, shape![?, 3, 6])?.shape().to_string(), "(?, 3, 6)");
    /// # Ok(()) }
    /// ```
    #[doc(alias = "tf.placeholder")]
    #[track_caller]
    pub fn placeholder(&self, dtype: DType, shape: impl Into<Shape>) -> Result<Tensor> {
        let op = Placeholder { dtype, shape: shape.into().renew_anonymous() };
        if self.target().parent().is_none() {
            return self.apply_one(op, &[]);
        }
        let line = Location::caller();
        let placeholder = self.at_line(line, || self.without_control(|| self.apply_one(op, &[])))?;
        self.registry::<BuiltInBodies>().add(placeholder.id().node);
        Ok(placeholder)
    }
}

fn parse(attrs: &Attrs) -> Result<Arc<dyn Op>> {
    let shape = attrs.shape_or("shape", Shape::unknown())?;
    Ok(Arc::new(Placeholder { dtype: attrs.dtype("dtype")?, shape }))
}

fn examples() -> Vec<Example> {
    vec![Example::new(Placeholder { dtype: DType::F32, shape: Shape::from([2, 3]) }, [])]
}

impl Op for Placeholder {
    fn kind(&self) -> &'static OpKind {
        &PLACEHOLDER
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        match self.dtype {
            // A handle, of which it is not known what it refers to.
            DType::Resource => cx.output_variable(self.dtype, Shape::unknown(), Role::Handle(Referent::Unknown)),
            dtype => drop(cx.output(dtype, &self.shape)),
        }
        Ok(())
    }

    fn run(&self, _: &mut RunCx<'_>) -> Result<()> {
        let shape = if self.shape.rank().is_some() { format!(" and shape {}", self.shape) } else { String::new() };
        let text = format!("you must feed a value for this placeholder tensor with dtype {}{shape}", self.dtype);
        Err(Error::new(ErrorKind::MissingFeed, text))
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        vec![("dtype", AttrValue::Type(self.dtype)), ("shape", AttrValue::Shape(self.shape.clone()))]
    }
}
