//! The graph: append-only, acyclic, built by any number of threads, read without locks.
//!
//! [`Graph::apply`] is the one way in: it infers first, without a lock, then appends. Nodes are immutable; a static
//! shape may be refined by a claim ([`Tensor::set_shape`]), which lives in a side table.

pub mod attrs;
mod body;
mod build;
mod context;
mod dump;
mod eval;
pub mod feed;
pub mod grad;
pub mod infer;
mod ints;
mod limits;
mod memory;
mod names;
mod nesting;
mod node;
pub mod op;
pub mod run;
pub mod signature;
mod sizes;
mod slots;
mod store;
mod tensor;
mod workspace;

use std::any::Any;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering};

use parking_lot::{Mutex, RwLock};

pub use self::attrs::{AttrValue, Attrs};
pub(crate) use self::body::Argument;
pub use self::body::Body;
#[cfg(feature = "tensorflow")]
pub(crate) use self::body::nodes_made;
pub use self::build::NameScope;
pub(crate) use self::build::Naming;
pub use self::context::Entered;

#[cfg(test)]
#[cfg(test)]
pub(crate) use self::eval::{run_alone, run_within};
pub use self::grad::GradCx;
pub use self::infer::InferCx;
pub(crate) use self::infer::{to_int, to_ints};
pub(crate) use self::ints::Ints;
#[cfg(feature = "tensorflow")]
pub(crate) use self::limits::Limited;
pub(crate) use self::limits::{check_limits, check_limits_at, limit};
pub use self::nesting::BodyCapture;
pub(crate) use self::nesting::{BodyPlan, Built, foreign};
pub use self::node::{Elements, Fact, Keys, Node, NodeId, OutputId, Referent, Role};
pub use self::op::{Effect, Example, Flow, Gradient, Op, OpKind};
#[cfg(test)]
pub(crate) use self::run::NO_HOME;
pub use self::run::{Callee, Env, RunCx, RunState, StepHome, StepIo, VarHandle, Watch};
pub use self::sizes::NamedSize;
pub use self::slots::Slots;
pub use self::tensor::{Operation, Tensor};
pub use self::workspace::Workspace;
use crate::error::{Error, ErrorKind, Result, escape};
use crate::shape::Shape;

/// A static graph. A handle: clones are the same graph, all of it may be used from many threads.
#[derive(Clone)]
pub struct Graph(Arc<Inner>);

pub(crate) struct Inner {
    id: u64,
    nodes: store::Store<Node>,
    /// Also the lock of the appenders; shared by a graph and the bodies in it, whose names are unique together.
    names: Arc<Mutex<names::Names>>,
    claims: RwLock<HashMap<OutputId, Claim>>,
    has_claims: AtomicBool,
    finalized: AtomicBool,
    seed: Mutex<Option<i64>>,
    /// Nodes that TF1 would not have made, less those that it would have made beside ours.
    extra_nodes: AtomicI64,
    /// Bytes of constants that were computed for shape rules, and are kept.
    folded: AtomicUsize,
    collections: Mutex<BTreeMap<String, Vec<OutputId>>>,
    /// State of the floors above that belongs to the graph, such as its variables.
    registry: Mutex<HashMap<std::any::TypeId, Arc<dyn Any + Send + Sync>>>,
    /// Of a body under construction, where it is.
    nesting: Option<nesting::Nesting>,
}

/// What `set_shape` says of an output.
struct Claim {
    /// Together with what was inferred.
    merged: Shape,
    /// Alone: what was inferred may not hold where constants are fed.
    said: Shape,
}

/// How deep bodies may nest; walks may recurse on nesting, never on the length of a chain.
pub const MAX_NESTING: usize = 64;

impl Default for Graph {
    fn default() -> Graph {
        Graph::new()
    }
}

impl Graph {
    /// An empty graph.
    #[doc(alias = "tf.Graph")]
    pub fn new() -> Graph {
        Graph::nested(None)
    }

    fn nested(nesting: Option<nesting::Nesting>) -> Graph {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let names = nesting.as_ref().map_or_else(Default::default, |nesting| nesting.parent.0.names.clone());
        Graph(Arc::new(Inner {
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            nodes: store::Store::new(),
            names,
            claims: RwLock::default(),
            has_claims: AtomicBool::new(false),
            finalized: AtomicBool::new(false),
            seed: Mutex::new(None),
            extra_nodes: AtomicI64::new(0),
            folded: AtomicUsize::new(0),
            collections: Mutex::default(),
            registry: Mutex::default(),
            nesting,
        }))
    }

    /// A number that no other graph of this process has.
    pub fn id(&self) -> u64 {
        self.0.id
    }

    /// The graph around this body; `None` at the root.
    pub fn parent(&self) -> Option<&Graph> {
        self.0.nesting.as_ref().map(|nesting| &nesting.parent)
    }

    /// The outermost graph.
    pub fn root(&self) -> &Graph {
        let mut graph = self;
        while let Some(parent) = graph.parent() {
            graph = parent;
        }
        graph
    }

    /// How many nodes there are.
    pub fn len(&self) -> usize {
        self.0.nodes.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A node of this graph.
    ///
    /// # Panics
    /// If the id is of a larger graph. Ids come from this graph's own handles.
    pub fn node(&self, id: NodeId) -> &Node {
        self.0.nodes.get(id.index()).expect("ids of this graph's handles are in the graph")
    }

    /// All nodes that are there now, in the order in which they were made.
    pub fn nodes(&self) -> impl ExactSizeIterator<Item = &Node> + DoubleEndedIterator {
        (0..self.len() as u32).map(|id| self.node(NodeId(id)))
    }

    /// What is known of an output, claims of `set_shape` included.
    pub fn fact(&self, id: OutputId) -> Fact {
        let fact = &self.node(id.node).outputs()[id.slot as usize];
        match self.claim(id) {
            Some(shape) => Fact { shape, ..fact.clone() },
            None => fact.clone(),
        }
    }

    /// The claim that `set_shape` made of an output.
    pub fn claim(&self, id: OutputId) -> Option<Shape> {
        if !self.0.has_claims.load(Ordering::Acquire) {
            return None;
        }
        self.0.claims.read().get(&id).map(|claim| claim.merged.clone())
    }

    /// What `set_shape` itself said of an output, without what was inferred when it was called.
    pub(crate) fn user_claim(&self, id: OutputId) -> Option<Shape> {
        if !self.0.has_claims.load(Ordering::Acquire) {
            return None;
        }
        self.0.claims.read().get(&id).map(|claim| claim.said.clone())
    }

    pub(crate) fn refine(&self, id: OutputId, claim: &Shape) -> Result<()> {
        let site = || self.node(id.node).site(Vec::new());
        let known = self.fact(id).shape;
        let merged = known.merge(claim).map_err(|error| error.at(site))?;
        if merged != known || claim.names_beyond(&known) {
            let said = self.user_claim(id).map_or_else(|| Ok(claim.clone()), |said| said.merge(claim))?;
            self.0.claims.write().insert(id, Claim { merged, said });
            self.0.has_claims.store(true, Ordering::Release);
        }
        Ok(())
    }

    /// The tensor of an id.
    pub fn tensor(&self, id: OutputId) -> Tensor {
        Tensor { graph: self.clone(), id }
    }

    /// The operation of an id.
    pub fn operation(&self, id: NodeId) -> Operation {
        Operation { graph: self.clone(), id }
    }

    /// The operation of a name.
    ///
    /// # Errors
    /// `NotFound`, with the nearest name that exists; `InvalidArgument` for the name of a tensor.
    #[doc(alias = "tf.Graph.get_operation_by_name")]
    pub fn operation_by_name(&self, name: &str) -> Result<Operation> {
        if name.contains(':') {
            return Err(Error::invalid(format!(
                "name '{0}' appears to refer to a tensor, not an operation",
                escape(name)
            )));
        }
        self.find(name).map(|id| self.operation(id)).ok_or_else(|| self.unknown_name(name, name))
    }

    /// The tensor of a name such as `x:0`.
    ///
    /// # Errors
    /// `NotFound`, with the nearest name that exists; `InvalidArgument` for the name of an operation or a bad slot.
    #[doc(alias = "tf.Graph.get_tensor_by_name")]
    pub fn tensor_by_name(&self, name: &str) -> Result<Tensor> {
        let Some((node, slot)) = name.rsplit_once(':') else {
            return Err(Error::invalid(format!(
                "the name '{}' refers to an operation, not a tensor; tensor names have the form \"<op_name>:<output_index>\"",
                escape(name)
            )));
        };
        let id = self.find(node).ok_or_else(|| self.unknown_name(name, node))?;
        let slot: usize =
            slot.parse().map_err(|_| Error::invalid(format!("'{}' has no output number", escape(name))))?;
        let n = self.node(id).outputs().len();
        if slot >= n {
            let text = format!(
                "the name '{}' refers to a tensor which does not exist: the operation has {n} outputs",
                escape(name)
            );
            return Err(Error::new(ErrorKind::NotFound, text));
        }
        Ok(self.tensor(OutputId { node: id, slot: slot as u32 }))
    }

    fn find(&self, name: &str) -> Option<NodeId> {
        let id = self.0.names.lock().find(name)?;
        (self.parent().is_none() && self.node(id).name() == name).then_some(id)
    }

    fn unknown_name(&self, asked: &str, node: &str) -> Error {
        let text = format!("the name '{}' does not exist in the graph", escape(asked));
        let error = Error::new(ErrorKind::NotFound, text);
        match self.nodes().map(|n| (edit_distance(n.name(), node), n.name())).min() {
            Some((distance, name)) if distance <= node.len() / 2 => {
                error.note(format!("the nearest name is '{}'", escape(name)))
            }
            _ => error,
        }
    }

    /// No more nodes may be added: a server's guard against graphs that grow with each request.
    #[doc(alias = "tf.Graph.finalize")]
    pub fn finalize(&self) {
        self.0.finalized.store(true, Ordering::Release);
    }

    /// Whether [`Graph::finalize`] was called.
    pub fn is_finalized(&self) -> bool {
        self.0.finalized.load(Ordering::Acquire)
    }

    /// Sets the graph-level seed: the streams of random ops that have no seed of their own then depend on it and on
    /// their place in the graph.
    #[doc(alias = "tf.set_random_seed")]
    pub fn set_random_seed(&self, seed: i64) {
        *self.root().0.seed.lock() = Some(seed);
    }

    /// The graph-level seed.
    pub fn random_seed(&self) -> Option<i64> {
        *self.root().0.seed.lock()
    }

    /// How many nodes TF1 would have made so far, in the graphs around this one too: the op seed under a graph-level
    /// seed.
    pub fn tf_node_count(&self) -> usize {
        let graphs = std::iter::successors(Some(self), |graph| graph.parent());
        graphs.map(Graph::own_tf_nodes).sum::<i64>().max(0) as usize
    }

    /// The part of [`Graph::tf_node_count`] that is this graph's own.
    pub(crate) fn own_tf_nodes(&self) -> i64 {
        self.len() as i64 - self.0.extra_nodes.load(Ordering::Relaxed)
    }

    /// Adds a tensor to a named collection.
    ///
    /// # Errors
    /// `GraphMismatch` for a tensor of another graph, or of a body in this one.
    #[doc(alias = "tf.add_to_collection")]
    pub fn add_to_collection(&self, name: &str, tensor: &Tensor) -> Result<()> {
        if tensor.graph.id() != self.root().id() {
            return Err(nesting::foreign(&tensor.graph, &tensor.name(), self.root()));
        }
        self.root().0.collections.lock().entry(name.to_owned()).or_default().push(tensor.id);
        Ok(())
    }

    /// The tensors of a named collection, in the order in which they were added.
    #[doc(alias = "tf.get_collection")]
    pub fn collection(&self, name: &str) -> Vec<Tensor> {
        let root = self.root();
        let ids = root.0.collections.lock().get(name).cloned().unwrap_or_default();
        ids.into_iter().map(|id| root.tensor(id)).collect()
    }

    /// State of a floor above that belongs to the root graph: made on first use.
    pub(crate) fn registry<T: Any + Send + Sync + Default>(&self) -> Arc<T> {
        let mut registry = self.root().0.registry.lock();
        let entry = registry.entry(std::any::TypeId::of::<T>()).or_insert_with(|| Arc::new(T::default()));
        entry.clone().downcast().expect("entries are keyed by their type")
    }
}

/// The graph's dump.
impl fmt::Display for Graph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.dump())
    }
}

impl fmt::Debug for Graph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Graph({} nodes)", self.len())
    }
}

/// Levenshtein distance over the first 64 bytes: enough to find a typing error.
pub(crate) fn edit_distance(a: &str, b: &str) -> usize {
    const MAX: usize = 64;
    let (a, b) = (&a.as_bytes()[..a.len().min(MAX)], &b.as_bytes()[..b.len().min(MAX)]);
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.iter().enumerate() {
            let change = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = change.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}
