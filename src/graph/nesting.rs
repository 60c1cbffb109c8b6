//! Bodies under construction: which graph new nodes go to, and what a body takes from the graphs around it.
//!
//! While the closure of a `cond` or a loop runs, new nodes go to a graph of its own that knows the graph around it. An
//! outer tensor that a node there uses becomes a capture: a node that stands for it, made once a nesting level, and an
//! input of the node that will hold the body. When the closure has returned, what its results need is copied to a
//! [`Body`], which knows nothing of the graphs around it.

use std::collections::HashMap;
use std::panic::Location;
use std::sync::Arc;

use parking_lot::Mutex;
use smallvec::SmallVec;

use super::context::{self, Context};
use super::feed::{BuiltInBodies, Feed};
use super::node::{Fact, NodeId, OutputId, Role};
use super::op::Op;
use super::{Body, Graph, MAX_NESTING, Naming, Operation, Tensor};
use crate::dtype::DType;
use crate::error::{Error, ErrorKind, Result, escape};
use crate::shape::element_count;

/// Larger constants say nothing about shapes: rules inside of a body do not see them.
const MAX_KNOWN: usize = 256;

/// An outer tensor that a body uses: it becomes an input of the node that holds the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BodyCapture {
    /// The tensor in the graph around the body.
    pub outer: OutputId,
    /// The node in the body that stands for it.
    pub inner: OutputId,
}

/// Where a body under construction is, and what it takes from there.
pub(super) struct Nesting {
    pub(super) parent: Graph,
    /// What the body is, for errors: `the true branch of 'cond'`.
    place: String,
    captures: Mutex<Captures>,
    /// Outer nodes that nodes in the body wait for: the node that holds the body waits for them.
    waits: Mutex<Vec<NodeId>>,
    /// A body of the same node whose captures TF1 shares: they are not counted twice.
    shares_with: Option<Graph>,
}

#[derive(Default)]
struct Captures {
    all: Vec<BodyCapture>,
    by_outer: HashMap<OutputId, OutputId>,
}

/// What a body is to be.
pub(crate) struct BodyPlan<'a> {
    /// What it is, for errors: `the true branch of 'cond'`.
    pub(crate) place: String,
    /// A body of the same node whose captures TF1 shares.
    pub(crate) shares_with: Option<&'a Graph>,
    /// The user's line that the nodes carry; `None` lets each carry its own.
    pub(crate) line: Option<&'static Location<'static>>,
}

impl Graph {
    /// The graph that new nodes go to: the innermost open body, else the root.
    pub(crate) fn target(&self) -> Graph {
        let body = context::read(self.root().id(), |cx| cx.body.clone());
        body.unwrap_or_else(|| self.root().clone())
    }

    /// A body under this graph.
    ///
    /// # Errors
    /// `InvalidArgument` for one that is too deep.
    pub(crate) fn new_body(&self, plan: &BodyPlan<'_>) -> Result<Graph> {
        let depth = std::iter::successors(Some(self), |graph| graph.parent()).count();
        if depth > MAX_NESTING {
            return Err(Error::invalid(format!("bodies may nest {MAX_NESTING} deep, but here is one more")));
        }
        let nesting = Nesting {
            parent: self.clone(),
            place: plan.place.clone(),
            captures: Mutex::default(),
            waits: Mutex::default(),
            shares_with: plan.shares_with.cloned(),
        };
        Ok(Graph::nested(Some(nesting)))
    }

    /// A node of this body that stands for what each call passes in, under a name of the present scope.
    pub(crate) fn param(&self, fact: &Fact, name: &str, line: Option<&'static Location<'static>>) -> Result<Tensor> {
        let scope = self.current_scope();
        let name = if scope.is_empty() { name.to_owned() } else { format!("{scope}/{name}") };
        let name = self.0.names.lock().unique(&name, None);
        self.push(Arc::new(Feed { fact: fact.clone() }), SmallVec::new(), &[], Naming::Kept(&name), line)?.output(0)
    }

    /// Runs `build` with new nodes going to this body.
    pub(crate) fn in_body<R>(&self, plan: &BodyPlan<'_>, build: impl FnOnce() -> R) -> R {
        let change = |cx: &mut Context| {
            cx.body = Some(self.clone());
            cx.control = Arc::default();
            cx.pending = None;
            cx.location = plan.line;
        };
        let _scope = context::enter(self.root().id(), change);
        build()
    }

    /// The user's line that nodes carry now, if a composite set it.
    pub(crate) fn line(&self) -> Option<&'static Location<'static>> {
        context::read(self.root().id(), |cx| cx.location)
    }

    /// Runs `build` with new nodes going to the graph around the open body, in this scope.
    pub(crate) fn outside<R>(&self, scope: &str, build: impl FnOnce() -> R) -> R {
        let change = |cx: &mut Context| {
            let around = cx.body.as_ref().and_then(|body| body.parent().cloned());
            cx.body = around.filter(|graph| graph.parent().is_some());
            cx.scope = scope.trim_end_matches('/').into();
            cx.control = Arc::default();
        };
        let _scope = context::enter(self.root().id(), change);
        build()
    }

    /// Runs `build` with nodes carrying this line, or each its own: a closure of the user's inside of a composite.
    pub(crate) fn with_line<R>(&self, line: Option<&'static Location<'static>>, build: impl FnOnce() -> R) -> R {
        let _scope = context::enter(self.root().id(), |cx| cx.location = line);
        build()
    }

    /// Adds a node that holds bodies; ids are of this graph.
    pub(crate) fn apply_held(
        &self,
        op: Arc<dyn Op>,
        inputs: SmallVec<[OutputId; 2]>,
        waits: &[NodeId],
    ) -> Result<Operation> {
        self.push(op.clone(), inputs, waits, Naming::Ambient(op.kind().name), self.line())
    }

    /// The outer tensors that this body uses, in the order of first use.
    pub fn captures(&self) -> Vec<BodyCapture> {
        self.0.nesting.as_ref().map(|nesting| nesting.captures.lock().all.clone()).unwrap_or_default()
    }

    /// Outer nodes that the node that holds this body has to wait for.
    pub(crate) fn waits(&self) -> Vec<NodeId> {
        self.0.nesting.as_ref().map(|nesting| nesting.waits.lock().clone()).unwrap_or_default()
    }

    /// The id in this graph of a tensor of this graph or of one around it.
    ///
    /// # Errors
    /// `GraphMismatch` for any other tensor.
    pub(crate) fn capture(&self, tensor: &Tensor) -> Result<OutputId> {
        if tensor.graph.id() == self.id() {
            return Ok(tensor.id);
        }
        self.check_around(&tensor.graph, || tensor.name())?;
        self.capture_outer(tensor)
    }

    /// As [`Graph::capture`], of a tensor that is in this graph or in one around it.
    fn capture_outer(&self, tensor: &Tensor) -> Result<OutputId> {
        let Some(nesting) = self.0.nesting.as_ref().filter(|_| tensor.graph.id() != self.id()) else {
            return Ok(tensor.id);
        };
        let outer = nesting.parent.capture_outer(tensor)?;
        if let Some(inner) = nesting.captures.lock().by_outer.get(&outer) {
            return Ok(*inner);
        }
        let inner = self.stand_in(&nesting.parent, outer)?;
        // TF1 builds a placeholder where it stands, and takes nothing in.
        let is_own = self.registry::<BuiltInBodies>().has(tensor.id.node);
        if is_own || nesting.shares_with.as_ref().is_some_and(|other| other.has_captured(outer)) {
            self.mark_extra(1);
        }
        let mut captures = nesting.captures.lock();
        captures.by_outer.insert(outer, inner);
        captures.all.push(BodyCapture { outer, inner });
        Ok(inner)
    }

    fn has_captured(&self, outer: OutputId) -> bool {
        self.0.nesting.as_ref().is_some_and(|nesting| nesting.captures.lock().by_outer.contains_key(&outer))
    }

    /// A node in this graph that stands for an outer tensor. It has the name and the line of the tensor's node, so that
    /// errors speak of what the user knows; a small constant keeps its value, for the rules.
    fn stand_in(&self, parent: &Graph, outer: OutputId) -> Result<OutputId> {
        let (node, fact) = (parent.node(outer.node), parent.fact(outer));
        let name: Arc<str> = match outer.slot {
            0 => node.name_arc().clone(),
            slot => format!("{}_{slot}", node.name()).into(),
        };
        let value = is_small_index(&fact).then(|| parent.constant_value(outer)).flatten();
        let feed = Arc::new(Feed { fact });
        let pushed = self.push(feed, SmallVec::new(), &[], Naming::Kept(&name), node.location())?;
        if let Some(value) = value {
            let _ = pushed.node().constant.set(Some(Box::new([value])));
        }
        Ok(OutputId { node: pushed.id(), slot: 0 })
    }

    /// The id of an operation that new nodes of this graph are to wait for; `None` for one of a graph around it, which
    /// the node that holds the body will wait for.
    ///
    /// # Errors
    /// `GraphMismatch` for any other operation.
    pub(crate) fn wait_for(&self, operation: &Operation) -> Result<Option<NodeId>> {
        if operation.graph.id() == self.id() {
            return Ok(Some(operation.id));
        }
        self.check_around(&operation.graph, || operation.name().to_owned())?;
        let mut at = self;
        while let Some(nesting) = &at.0.nesting {
            if nesting.parent.id() == operation.graph.id() {
                nesting.waits.lock().push(operation.id);
                break;
            }
            at = &nesting.parent;
        }
        Ok(None)
    }

    fn check_around(&self, other: &Graph, name: impl FnOnce() -> String) -> Result<()> {
        let mut around = std::iter::successors(self.parent(), |graph| graph.parent());
        if around.any(|graph| graph.id() == other.id()) { Ok(()) } else { Err(foreign(other, &name(), self)) }
    }
}

/// Whether the value may stand for a shape, an axis or the like.
fn is_small_index(fact: &Fact) -> bool {
    let count = fact.shape.known_dims().and_then(|dims| element_count(&dims).ok());
    let is_index = matches!(fact.dtype, DType::I32 | DType::I64) && fact.role == Role::Value;
    is_index && count.is_some_and(|count| count <= MAX_KNOWN)
}

/// The error of using a tensor or an operation of graph `of` in the graph `here`.
#[cold]
pub(crate) fn foreign(of: &Graph, name: &str, here: &Graph) -> Error {
    let place = |graph: &Graph| graph.0.nesting.as_ref().map(|nesting| nesting.place.clone());
    let text = match (place(of), place(here)) {
        (Some(there), None) => {
            format!("'{}' belongs to {there}: give it back from there to use it outside", escape(name))
        }
        (Some(there), Some(here)) => format!("'{}' belongs to {there}, and cannot be used in {here}", escape(name)),
        _ => format!("'{}' belongs to another graph", escape(name)),
    };
    Error::new(ErrorKind::GraphMismatch, text)
}

/// A body as its closure has left it.
pub(crate) struct Built {
    /// The graph that the closure's nodes went to.
    pub(crate) graph: Graph,
    /// The nodes that stand for what a caller passes in, before the captures.
    pub(crate) params: Vec<NodeId>,
    /// What a call gives back, before the captures.
    pub(crate) results: Vec<OutputId>,
    /// What a call runs for its effects.
    pub(crate) targets: Vec<NodeId>,
}

impl Built {
    /// The nodes that results and targets need.
    fn needed(&self) -> Vec<bool> {
        let mut needed = vec![false; self.graph.len()];
        self.results.iter().for_each(|id| needed[id.node.index()] = true);
        self.targets.iter().for_each(|id| needed[id.index()] = true);
        // Inputs have smaller ids, so one walk from the last node to the first finds all.
        for i in (0..needed.len()).rev() {
            if needed[i] {
                let node = self.graph.node(NodeId(i as u32));
                node.inputs().iter().for_each(|input| needed[input.node.index()] = true);
                node.control_inputs().iter().for_each(|input| needed[input.index()] = true);
            }
        }
        needed
    }

    /// The outer tensors that the results and targets need.
    pub(crate) fn captures(&self) -> Vec<OutputId> {
        let needed = self.needed();
        let used = self.graph.captures().into_iter().filter(|capture| needed[capture.inner.node.index()]);
        used.map(|capture| capture.outer).collect()
    }

    /// The body, with these outer tensors as further parameters, which `gives_back` adds to the results. What neither
    /// results nor targets need is left out.
    pub(crate) fn close(&self, captures: &[OutputId], gives_back: bool) -> Result<Arc<Body>> {
        let mut copy = Detached { from: &self.graph, to: Graph::new(), nodes: HashMap::new() };
        let mut params = Vec::with_capacity(self.params.len() + captures.len());
        for id in &self.params {
            params.push(copy.node(*id)?);
        }
        let taken: HashMap<OutputId, OutputId> =
            self.graph.captures().into_iter().map(|capture| (capture.outer, capture.inner)).collect();
        let parent = self.graph.parent().unwrap_or(&self.graph);
        for outer in captures {
            params.push(match taken.get(outer) {
                Some(inner) => copy.node(inner.node)?,
                None => copy.to.stand_in(parent, *outer)?.node,
            });
        }
        let needed = self.needed();
        for i in (0..needed.len()).filter(|i| needed[*i]) {
            copy.node(NodeId(i as u32))?;
        }
        let mut results: Vec<OutputId> = self.results.iter().map(|id| copy.output(*id)).collect();
        if gives_back {
            results.extend(params[self.params.len()..].iter().map(|node| OutputId { node: *node, slot: 0 }));
        }
        let targets = self.targets.iter().map(|id| copy.nodes[id]).collect();
        Body::new(copy.to, params, results, targets)
    }
}

/// A copy of nodes that knows nothing of the graphs around them.
struct Detached<'a> {
    from: &'a Graph,
    to: Graph,
    nodes: HashMap<NodeId, NodeId>,
}

impl Detached<'_> {
    fn output(&self, id: OutputId) -> OutputId {
        OutputId { node: self.nodes[&id.node], slot: id.slot }
    }

    /// Copies a node whose inputs were copied before, unless it is there already.
    fn node(&mut self, id: NodeId) -> Result<NodeId> {
        if let Some(copied) = self.nodes.get(&id) {
            return Ok(*copied);
        }
        let node = self.from.node(id);
        let inputs = node.inputs().iter().map(|id| self.output(*id)).collect();
        let control: SmallVec<[NodeId; 4]> = node.control_inputs().iter().map(|id| self.nodes[id]).collect();
        let naming = Naming::Kept(node.name_arc());
        let push = || self.to.push(node.op_arc().clone(), inputs, &control, naming, node.location());
        let copied = self.to.device(node.device().unwrap_or_default(), push)?;
        if let Some(value) = node.constant.get().filter(|_| node.op_as::<Feed>().is_some()) {
            let _ = copied.node().constant.set(value.clone());
        }
        for slot in 0..node.outputs().len() as u32 {
            if let Some(claim) = self.from.user_claim(OutputId { node: id, slot }) {
                self.to.refine(OutputId { node: copied.id(), slot }, &claim)?;
            }
        }
        self.nodes.insert(id, copied.id());
        Ok(copied.id())
    }
}
