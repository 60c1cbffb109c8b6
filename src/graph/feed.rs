//! The node that stands for what a caller passes in: the feeds of a plan, the parameters and captures of a body.

use std::collections::HashSet;
use std::sync::Arc;

use parking_lot::Mutex;

use super::attrs::{AttrValue, Attrs};
use super::infer::InferCx;
use super::node::{Fact, NodeId, Role};
use super::op::{Effect, Op, OpKind};
use super::run::RunCx;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::shape::Shape;

/// A tensor that comes from outside: its dtype and shape are given, its value is never known before the run.
#[derive(Debug, Clone)]
pub struct Feed {
    /// What is known of it.
    pub fact: Fact,
}

/// The row of [`Feed`].
pub static FEED: OpKind =
    OpKind::new("_Arg", "-> output: T", parse, Vec::new).effect(Effect::Fed).not_differentiable("a feed has no inputs");

impl Feed {
    /// A feed of which this is known; the elements of sizes are not.
    pub fn of(fact: &Fact) -> Feed {
        Feed { fact: Fact { sizes: None, ..fact.clone() } }
    }
}

/// In a plan, a placeholder that is not fed and that only bodies take in: see [`Role::Unfed`].
#[derive(Debug, Clone)]
pub struct Unfed {
    /// The placeholder's dtype.
    pub dtype: DType,
}

static UNFED: OpKind =
    OpKind::custom("_Unfed", "-> output: T").effect(Effect::Fed).not_differentiable("a feed has no inputs");

impl Op for Unfed {
    fn kind(&self) -> &'static OpKind {
        &UNFED
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        cx.output(self.dtype, Shape::unknown()).role = Role::Unfed;
        Ok(())
    }

    fn run(&self, _: &mut RunCx<'_>) -> Result<()> {
        Err(Error::internal("what is not fed is filled in by the plan, it never runs"))
    }
}

/// The placeholders that were built while a body was, which TF1 asks for only where the body runs.
#[derive(Default)]
pub(crate) struct BuiltInBodies(Mutex<HashSet<NodeId>>);

impl BuiltInBodies {
    /// Notes one.
    pub(crate) fn add(&self, placeholder: NodeId) {
        self.0.lock().insert(placeholder);
    }

    /// Whether a node is one.
    pub(crate) fn has(&self, node: NodeId) -> bool {
        self.0.lock().contains(&node)
    }
}

fn parse(attrs: &Attrs) -> Result<Arc<dyn Op>> {
    let shape = attrs.shape_or("_shape", Shape::unknown())?;
    attrs.int_or("index", 0)?;
    Ok(Arc::new(Feed { fact: Fact::new(attrs.dtype("T")?, shape) }))
}

impl Op for Feed {
    fn kind(&self) -> &'static OpKind {
        &FEED
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        let dtype = if self.fact.is_handle() { DType::Resource } else { self.fact.dtype };
        let output = cx.output(dtype, &self.fact.shape);
        *output = self.fact.clone();
        Ok(())
    }

    fn run(&self, _: &mut RunCx<'_>) -> Result<()> {
        Err(Error::internal("a feed is filled by the plan, it never runs"))
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        vec![("T", AttrValue::Type(self.fact.dtype)), ("_shape", AttrValue::Shape(self.fact.shape.clone()))]
    }
}
