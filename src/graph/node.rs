//! Nodes and what is known of their outputs before anything runs.

use std::fmt;
use std::panic::Location;
use std::sync::{Arc, OnceLock};

use smallvec::SmallVec;

use super::attrs::AttrValue;
use super::op::{Effect, Op};
use crate::dtype::DType;
use crate::error::Site;
use crate::shape::{Dim, Shape};
use crate::value::Value;

/// A node's place in its graph. Inputs have smaller ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(pub(crate) u32);

impl NodeId {
    /// The place as an index into per-node tables.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// One output of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OutputId {
    /// The node.
    pub node: NodeId,
    /// Which of its outputs.
    pub slot: u32,
}

/// What is known of a tensor before anything runs.
#[derive(Debug, Clone, PartialEq)]
pub struct Fact {
    /// The dtype; of a variable's handle, the dtype of the variable's value.
    pub dtype: DType,
    /// The static shape; of a variable's handle, the shape of the variable's value.
    pub shape: Shape,
    /// The elements of an integer scalar or vector, as far as known: sizes that came from shapes. `Dim::constant(-1)`
    /// may stand here, as in a reshape target.
    pub sizes: Option<Arc<[Dim]>>,
    /// What kind of tensor this is.
    pub role: Role,
    /// Of a list of tensors (dtype variant), what is known of its elements; of the handle of a table, what is known of it.
    pub elements: Option<Arc<Elements>>,
}

/// What is known of the elements of a list of tensors, or of the values of a table.
#[derive(Debug, Clone, PartialEq)]
pub struct Elements {
    /// Their dtype.
    pub dtype: DType,
    /// What the shapes of all of them fit.
    pub shape: Shape,
    /// What is known of the keys, in a table.
    pub keys: Option<Keys>,
}

/// What is known of the keys of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keys {
    /// Their dtype.
    pub dtype: DType,
    /// Whether they are given once and for all, before which the table cannot be read.
    pub is_fixed: bool,
}

impl Elements {
    /// What holds of the elements of either of two lists.
    pub fn join(&self, other: &Elements) -> Option<Elements> {
        let Elements { dtype, shape, keys } = self;
        let is_alike = *dtype == other.dtype && *keys == other.keys;
        is_alike.then(|| Elements { dtype: *dtype, shape: shape.join(&other.shape), keys: *keys })
    }

    /// What holds of the elements of a list that both are known of; what the first says where they contradict each
    /// other, which is for the run to refuse.
    pub fn merge(&self, other: &Elements) -> Option<Elements> {
        let is_alike = self.dtype == other.dtype && self.keys == other.keys;
        let shape = self.shape.merge(&other.shape).unwrap_or_else(|_| self.shape.clone());
        is_alike.then(|| Elements { shape, ..self.clone() })
    }
}

/// Values flow along edges; so do references to variables, which have TensorFlow's two spellings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// A plain value.
    Value,
    /// TF1's reference (`float32_ref`): reads where a value is wanted.
    Ref,
    /// A resource handle, and what it refers to.
    Handle(Referent),
    /// In a plan, a placeholder that the run does not feed and bodies take in: whoever uses it there fails.
    Unfed,
}

/// What a handle refers to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Referent {
    /// A variable: read through `ReadVariableOp`.
    Variable,
    /// A lookup table.
    Table,
    /// An iterator over a dataset.
    Iterator,
    /// A `TensorArray`.
    Array,
    /// A stack.
    Stack,
    /// Not known before the run, as of a handle that is fed.
    Unknown,
}

impl Referent {
    /// Whether a handle of this kind may be what is wanted: what is not known is looked at in the run.
    pub fn may_be(self, want: Referent) -> bool {
        self == want || self == Referent::Unknown || want == Referent::Unknown
    }
}

impl fmt::Display for Referent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Referent::Variable => "a variable",
            Referent::Table => "a lookup table",
            Referent::Iterator => "an iterator",
            Referent::Array => "a tensor array",
            Referent::Stack => "a stack",
            Referent::Unknown => "a handle",
        })
    }
}

impl Fact {
    /// A plain value of which nothing more is known.
    pub fn new(dtype: DType, shape: Shape) -> Fact {
        Fact { dtype, shape, sizes: None, role: Role::Value, elements: None }
    }

    /// What is known of the elements of either of two lists.
    pub(crate) fn join_elements(&self, other: &Fact) -> Option<Arc<Elements>> {
        let (a, b) = (self.elements.as_ref()?, other.elements.as_ref()?);
        if Arc::ptr_eq(a, b) || a == b { Some(a.clone()) } else { a.join(b).map(Arc::new) }
    }

    /// Whether this is a reference to a variable, of either spelling, or a handle to something else.
    pub fn is_variable(&self) -> bool {
        matches!(self.role, Role::Ref | Role::Handle(_))
    }

    /// Whether this is a resource handle.
    pub fn is_handle(&self) -> bool {
        matches!(self.role, Role::Handle(_))
    }

    /// What this refers to, where it is no value.
    pub fn referent(&self) -> Option<Referent> {
        match self.role {
            Role::Value | Role::Unfed => None,
            Role::Ref => Some(Referent::Variable),
            Role::Handle(referent) => Some(referent),
        }
    }
}

impl fmt::Display for Fact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.role {
            Role::Value | Role::Unfed => write!(f, "{} {}", self.dtype, self.shape),
            Role::Ref => write!(f, "{}_ref {}", self.dtype, self.shape),
            Role::Handle(_) => write!(f, "resource of {} {}", self.dtype, self.shape),
        }
    }
}

/// What `Graph::push` appended. Immutable.
pub struct Node {
    pub(crate) id: NodeId,
    pub(crate) name: Arc<str>,
    pub(crate) op: Arc<dyn Op>,
    pub(crate) inputs: SmallVec<[OutputId; 2]>,
    pub(crate) control: Box<[NodeId]>,
    pub(crate) outputs: SmallVec<[Fact; 1]>,
    pub(crate) device: Option<Arc<str>>,
    pub(crate) location: Option<&'static Location<'static>>,
    /// The node's outputs if they are constant and small; computed when first asked for.
    pub(crate) constant: OnceLock<Option<Box<[Value]>>>,
}

impl Node {
    /// The place in the graph.
    pub fn id(&self) -> NodeId {
        self.id
    }

    /// The unique name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The unique name, shared.
    pub(crate) fn name_arc(&self) -> &Arc<str> {
        &self.name
    }

    /// The op.
    pub fn op(&self) -> &dyn Op {
        &*self.op
    }

    /// The op, shared.
    pub fn op_arc(&self) -> &Arc<dyn Op> {
        &self.op
    }

    /// The op as a struct of a known type.
    pub fn op_as<T: Op>(&self) -> Option<&T> {
        let op: &dyn std::any::Any = &*self.op;
        op.downcast_ref()
    }

    /// The inputs, in order.
    pub fn inputs(&self) -> &[OutputId] {
        &self.inputs
    }

    /// The nodes that must have run before.
    pub fn control_inputs(&self) -> &[NodeId] {
        &self.control
    }

    /// What was inferred of each output. A later `set_shape` is not in here: see [`Graph::fact`](super::Graph::fact).
    pub fn outputs(&self) -> &[Fact] {
        &self.outputs
    }

    /// The device string the user asked for.
    pub fn device(&self) -> Option<&str> {
        self.device.as_deref()
    }

    /// The user's line that made the node; `None` for a node that came from a file.
    pub fn location(&self) -> Option<&'static Location<'static>> {
        self.location
    }

    /// Whether a run of the node can be seen otherwise than by its outputs.
    pub(crate) fn has_effects(&self) -> bool {
        match self.op.kind().effect {
            Effect::Writes | Effect::Outside => true,
            Effect::Calls => self.op.attrs().iter().any(|(_, attr)| match attr {
                AttrValue::Body(body) => body.has_effects(),
                AttrValue::Bodies(bodies) => bodies.iter().any(|body| body.has_effects()),
                _ => false,
            }),
            _ => false,
        }
    }

    /// The place for errors, given what goes in.
    pub(crate) fn site(&self, inputs: Vec<String>) -> Site {
        Site { node: self.name.to_string(), op: self.op.kind().name.into(), inputs, location: self.location }
    }
}
