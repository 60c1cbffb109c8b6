//! Handles: a tensor is one output of a node, an operation is the node itself.

use std::fmt;
use std::hash::{Hash, Hasher};

use super::Graph;
use super::node::{Fact, Node, NodeId, OutputId};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::shape::Shape;

/// One output of a node, symbolic: it holds no numbers. Cheap to clone.
#[derive(Clone)]
#[must_use = "a tensor does nothing until a session runs it"]
pub struct Tensor {
    pub(crate) graph: Graph,
    pub(crate) id: OutputId,
}

/// A handle to a node itself: run it, depend on it.
#[derive(Clone)]
#[must_use = "an operation does nothing until a session runs it"]
pub struct Operation {
    pub(crate) graph: Graph,
    pub(crate) id: NodeId,
}

impl Tensor {
    /// The graph it belongs to.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// Its place in the graph.
    pub fn id(&self) -> OutputId {
        self.id
    }

    /// The node that makes it.
    pub fn node(&self) -> &Node {
        self.graph.node(self.id.node)
    }

    /// The operation that makes it.
    pub fn operation(&self) -> Operation {
        Operation { graph: self.graph.clone(), id: self.id.node }
    }

    /// `node:slot`, as TensorFlow names tensors.
    pub fn name(&self) -> String {
        format!("{}:{}", self.node().name(), self.id.slot)
    }

    /// The dtype.
    pub fn dtype(&self) -> DType {
        self.node().outputs()[self.id.slot as usize].dtype
    }

    /// The static shape: what is known before anything runs. Owned, because [`Tensor::set_shape`] may refine it while
    /// others read.
    pub fn shape(&self) -> Shape {
        self.graph.fact(self.id).shape
    }

    /// The number of dimensions; an error that names the tensor if it is unknown.
    pub fn rank(&self) -> Result<usize> {
        let unknown = || Error::shape(format!("the rank of '{}' is not known before the run", self.name()));
        self.shape().rank().ok_or_else(unknown)
    }

    /// Everything that is known before the run.
    pub fn fact(&self) -> Fact {
        self.graph.fact(self.id)
    }

    /// Refines the static shape: a claim, which each run checks where the tensor is made. The size of a named dim must be
    /// that of the feeds; a name that only claims have, and no feed, is not compared among them.
    ///
    /// # Errors
    /// `ShapeMismatch` if the claim contradicts what is known.
    #[doc(alias = "tf.Tensor.set_shape")]
    pub fn set_shape(&self, shape: impl Into<Shape>) -> Result<()> {
        let claim = shape.into().renew_anonymous();
        self.graph.refine(self.id, &claim)
    }
}

impl Operation {
    /// The graph it belongs to.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// Its place in the graph.
    pub fn id(&self) -> NodeId {
        self.id
    }

    /// The node.
    pub fn node(&self) -> &Node {
        self.graph.node(self.id)
    }

    /// The unique name.
    pub fn name(&self) -> &str {
        self.node().name()
    }

    /// Output `slot`.
    pub fn output(&self, slot: usize) -> Result<Tensor> {
        let n = self.node().outputs().len();
        if slot >= n {
            return Err(Error::invalid(format!(
                "operation '{}' has {n} outputs, but output {slot} was asked for",
                self.name()
            )));
        }
        Ok(Tensor { graph: self.graph.clone(), id: OutputId { node: self.id, slot: slot as u32 } })
    }

    /// All outputs.
    pub fn outputs(&self) -> Vec<Tensor> {
        let slots = 0..self.node().outputs().len() as u32;
        slots.map(|slot| Tensor { graph: self.graph.clone(), id: OutputId { node: self.id, slot } }).collect()
    }
}

impl PartialEq for Tensor {
    fn eq(&self, other: &Tensor) -> bool {
        self.graph.id() == other.graph.id() && self.id == other.id
    }
}
impl Eq for Tensor {}
impl Hash for Tensor {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.graph.id(), self.id).hash(state);
    }
}
impl PartialEq for Operation {
    fn eq(&self, other: &Operation) -> bool {
        self.graph.id() == other.graph.id() && self.id == other.id
    }
}
impl Eq for Operation {}
impl Hash for Operation {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.graph.id(), self.id).hash(state);
    }
}

/// As TF1 prints: `Tensor("BiasAdd:0", shape=(2, 3, 10), dtype=float32)`; an unknown rank drops the shape.
impl fmt::Display for Tensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fact = self.fact();
        write!(f, "Tensor(\"{}\"", self.name())?;
        if fact.shape.rank().is_some() {
            write!(f, ", shape={}", fact.shape)?;
        }
        write!(f, ", dtype={})", dtype_name(&fact))
    }
}

/// As TF1's repr: `<tf.Tensor 'x:0' shape=(?, 3, 6) dtype=float32>`.
impl fmt::Debug for Tensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fact = self.fact();
        write!(f, "<tf.Tensor '{}' shape={} dtype={}>", self.name(), fact.shape, dtype_name(&fact))
    }
}

/// As TF1's repr: `<tf.Operation 'Const' type=Const>`.
impl fmt::Debug for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<tf.Operation '{}' type={}>", self.name(), self.node().op().kind().name)
    }
}

/// As [`Graph::dump`] shows the node.
impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&super::dump::line(&self.graph, self.node()))
    }
}

fn dtype_name(fact: &Fact) -> String {
    use super::node::Role;
    match fact.role {
        Role::Value | Role::Unfed => fact.dtype.to_string(),
        Role::Ref => format!("{}_ref", fact.dtype),
        Role::Handle(_) => "resource".to_owned(),
    }
}
