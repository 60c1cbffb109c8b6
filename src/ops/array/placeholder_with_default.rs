//! `PlaceholderWithDefault`: a value that a run may feed, and `EnsureShape`: a shape that every run checks.

use std::sync::Arc;

use crate::error::{Error, Result};
use crate::graph::{AttrValue, Attrs, Effect, Example, GradCx, Graph, InferCx, Op, OpKind, RunCx, Tensor};
use crate::shape::Shape;
use crate::value::IntoValue;

/// The input, unless the run feeds another value.
#[derive(Debug, Clone)]
pub struct PlaceholderWithDefault {
    /// What may be fed; `?` takes any size.
    pub shape: Shape,
}

/// The row of [`PlaceholderWithDefault`].
pub static PLACEHOLDER_WITH_DEFAULT: OpKind =
    OpKind::new("PlaceholderWithDefault", "input: dtype -> output: dtype", parse_placeholder, || {
        vec![Example::new(PlaceholderWithDefault { shape: Shape::from([2]) }, [[1.0f32, 2.0].into_value()])]
    })
    // Not pure: shape rules must not take the default for the value, since another may be fed.
    .effect(Effect::Inspects);

/// The input, whose shape must fit.
#[derive(Debug, Clone)]
pub struct EnsureShape {
    /// What every run checks.
    pub shape: Shape,
}

/// The row of [`EnsureShape`].
pub static ENSURE_SHAPE: OpKind = OpKind::new("EnsureShape", "input: T -> output: T", parse_ensure, || {
    vec![Example::new(EnsureShape { shape: Shape::from([2]) }, [[1.0f32, 2.0].into_value()])]
})
.shares_input();

impl Graph {
    /// A tensor with a value for the runs that feed none. `?` in the shape takes any size.
    ///
    /// # Errors
    /// `ShapeMismatch` if the default does not fit the shape.
    ///
    /// ```
    /// # use sessile::prelude::*;
    /// # fn main() -> sessile::Result<()> {
    /// let g = Graph::new();
    /// assert_eq!(g.placeholder_with_default([1.0f32, 2.0], shape![?])?.shape().to_string(), "(?,)");
    /// # Ok(()) }
    /// ```
    #[doc(alias = "tf.placeholder_with_default")]
    #[track_caller]
    pub fn placeholder_with_default(&self, default: impl IntoValue, shape: impl Into<Shape>) -> Result<Tensor> {
        let shape = shape.into().renew_anonymous();
        self.composite("PlaceholderWithDefault", |scope| {
            let default = self.named("input", || self.constant(default))?;
            self.named(scope, || self.apply_one(PlaceholderWithDefault { shape }, &[&default]))
        })
    }
}

impl Tensor {
    /// The same tensor; a run fails if its shape does not fit. `(..) -> shape`, with what was known before.
    ///
    /// # Errors
    /// `ShapeMismatch` if the shapes cannot agree, at once or in the run.
    #[doc(alias = "tf.ensure_shape")]
    #[track_caller]
    pub fn ensure_shape(&self, shape: impl Into<Shape>) -> Result<Tensor> {
        self.graph().apply_one(EnsureShape { shape: shape.into().renew_anonymous() }, &[self])
    }
}

impl EnsureShape {
    /// Whether it depends on the feeds of a run: they give named dims their sizes.
    pub(crate) fn claims_names(&self) -> bool {
        self.shape.names_beyond(&Shape::unknown())
    }
}

fn parse_placeholder(attrs: &Attrs) -> Result<Arc<dyn Op>> {
    Ok(Arc::new(PlaceholderWithDefault { shape: attrs.shape("shape")? }))
}

fn parse_ensure(attrs: &Attrs) -> Result<Arc<dyn Op>> {
    Ok(Arc::new(EnsureShape { shape: attrs.shape("shape")? }))
}

impl Op for PlaceholderWithDefault {
    fn kind(&self) -> &'static OpKind {
        &PLACEHOLDER_WITH_DEFAULT
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        cx.shape(0).merge(&self.shape)?;
        cx.output(cx.dtype(0), &self.shape);
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        check_fits(cx, &self.shape)?;
        let value = cx.take(0);
        if !self.shape.is_compatible_with(value.dims()) {
            let (have, want) = (Shape::from(value.dims()), &self.shape);
            return Err(Error::shape(format!("the default value must have shape {want}, but has {have}")));
        }
        cx.output(0, value);
        Ok(())
    }

    fn grad(&self, cx: &GradCx<'_>) -> Result<Vec<Option<Tensor>>> {
        Ok(vec![Some(cx.dy()?.clone())])
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        vec![("shape", AttrValue::Shape(self.shape.clone()))]
    }
}

/// Refuses an input that does not have the shape that was claimed.
fn check_fits(cx: &RunCx<'_>, shape: &Shape) -> Result<()> {
    let dims = cx.input(0).dims();
    if shape.is_compatible_with(dims) {
        return Ok(());
    }
    let (have, want) = (Shape::from(dims), shape.brackets());
    Err(Error::shape(format!("shape of tensor {} is not compatible with expected shape {want}", have.brackets())))
}

impl Op for EnsureShape {
    fn kind(&self) -> &'static OpKind {
        &ENSURE_SHAPE
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        let sizes = cx.sizes(0);
        cx.output(cx.dtype(0), cx.shape(0).merge(&self.shape)?).sizes = sizes;
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        check_fits(cx, &self.shape)?;
        cx.check_named_dims(&self.shape, cx.input(0).dims())?;
        let value = cx.take(0);
        cx.output(0, value);
        Ok(())
    }

    fn grad(&self, cx: &GradCx<'_>) -> Result<Vec<Option<Tensor>>> {
        Ok(vec![Some(cx.dy()?.clone())])
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        vec![("shape", AttrValue::Shape(self.shape.clone()))]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{infer_err, infer_ok, run_op};
    use crate::shape;

    #[test]
    fn a_default_is_not_seen_by_shape_rules() {
        let g = Graph::new();
        let x = g.placeholder_with_default([2, 3], [2]).unwrap();
        assert!(g.constant_value(x.id()).is_none());
        assert_eq!(x.node().inputs().len(), 1);
        assert_eq!(g.node(x.node().inputs()[0].node).name(), "PlaceholderWithDefault/input");
    }

    #[test]
    fn a_shape_is_ensured_before_and_in_the_run() {
        let op = EnsureShape { shape: shape![2, ?] };
        infer_ok(&op, "(?,3)", "(2,3)");
        infer_ok(&op, "<unknown>", "(2,?)");
        infer_err(&op, "(3,3)", "dimension 0 in both shapes must be equal, but are 3 and 2");
        infer_err(&op, "(3)", "shapes must be equal rank, but are 1 and 2");
        assert!(run_op(op.clone(), &[[[1, 2], [3, 4]].into_value()]).is_ok());
    }
}
