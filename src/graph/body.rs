//! Sub-graphs with parameters and results: what nodes of control flow hold.
//!
//! A body is a template: its parameters say little more than dtypes. For each pattern of arguments it is made anew with
//! what is known of them, so that shapes flow through calls; what was made is remembered.

use std::cell::Cell;
use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;
use smallvec::SmallVec;

use super::attrs::AttrValue;
use super::feed::Feed;
use super::infer::InferCx;
use super::node::{Elements, Fact, Node, NodeId, OutputId, Role};
use super::op::{Effect, Op};
use super::{Graph, Naming};
use crate::error::{Error, ErrorKind, Result};
use crate::shape::{Dim, Shape, Symbol};
use crate::value::Value;

/// Patterns of arguments that a body remembers: loops need two or three, call sites share.
const MAX_MADE: usize = 16;

/// Nodes that one call may make, those of the calls in its body included: functions that call each other twice, each time
/// with another shape, would make 2^depth bodies.
const MAX_WORK: usize = 1 << 18;

thread_local! {
    static WORK: Work = const { Work { depth: Cell::new(0), nodes: Cell::new(0), all: Cell::new(0) } };
}

/// How many nodes this thread has made.
struct Work {
    depth: Cell<usize>,
    /// Since the outermost call began.
    nodes: Cell<usize>,
    all: Cell<usize>,
}

/// A body that is being made.
struct Making;

impl Making {
    fn begin(nodes: usize) -> Result<Making> {
        WORK.with(|work| {
            let before = if work.depth.get() == 0 { 0 } else { work.nodes.get() };
            let total = before.saturating_add(nodes);
            if total > MAX_WORK {
                let text = format!("a call may make at most {MAX_WORK} nodes of bodies, but here are more");
                return Err(Error::new(ErrorKind::ResourceExhausted, text));
            }
            work.nodes.set(total);
            work.all.set(work.all.get().wrapping_add(nodes));
            work.depth.set(work.depth.get() + 1);
            Ok(Making)
        })
    }
}

impl Drop for Making {
    fn drop(&mut self) {
        WORK.with(|work| work.depth.set(work.depth.get() - 1));
    }
}

/// Nodes of bodies that this thread has made so far, modulo 2^64.
#[cfg(feature = "tensorflow")]
pub(crate) fn nodes_made() -> usize {
    WORK.with(|work| work.all.get())
}

/// A sub-graph that a node calls. Immutable; it belongs to no other graph.
pub struct Body {
    graph: Graph,
    params: Vec<NodeId>,
    results: Vec<OutputId>,
    targets: Vec<NodeId>,
    /// Where the random streams of its nodes belong: to the template, whatever was made of it.
    template: u64,
    has_effects: bool,
    made: Mutex<Vec<(Vec<Argument>, Arc<Body>)>>,
    /// The unknown dims of arguments, in the order in which they come: equal patterns give equal arguments.
    unknown: Mutex<Vec<Dim>>,
}

/// What is known of an argument.
#[derive(Debug, Clone)]
pub(crate) struct Argument {
    /// Dtype, shape and role.
    pub(crate) fact: Fact,
    /// The value, if it is a small constant that is the same at each call.
    pub(crate) value: Option<Value>,
}

impl Argument {
    fn same(&self, other: &Argument) -> bool {
        let (a, b) = (&self.fact, &other.fact);
        let same_value = match (&self.value, &other.value) {
            (Some(a), Some(b)) => a.same_bits(b),
            (None, None) => true,
            _ => false,
        };
        let same_kind = a.dtype == b.dtype && a.role == b.role && a.elements == b.elements;
        same_value && same_kind && a.shape == b.shape && a.sizes == b.sizes
    }
}

impl Body {
    /// A body of a graph of its own: its parameters are nodes that stand for what a caller passes in, its targets run
    /// for their effects.
    ///
    /// # Errors
    /// `InvalidArgument` for a parameter that is computed.
    pub(crate) fn new(
        graph: Graph,
        params: Vec<NodeId>,
        results: Vec<OutputId>,
        targets: Vec<NodeId>,
    ) -> Result<Arc<Body>> {
        if let Some(param) = params.iter().find(|id| graph.node(**id).op_as::<Feed>().is_none()) {
            let name = graph.node(*param).name();
            return Err(Error::internal(format!("'{name}' is computed, and no parameter of a body")));
        }
        let template = graph.id();
        let has_effects = graph.nodes().any(Node::has_effects);
        Ok(Arc::new(Body {
            graph,
            params,
            results,
            targets,
            template,
            has_effects,
            made: Mutex::default(),
            unknown: Mutex::default(),
        }))
    }

    /// The body with some of its parameters and results only, and with its targets or without: nothing of it may need
    /// the parameters that are left out. The nodes and their random streams stay the same.
    ///
    /// # Errors
    /// `Internal` for parameters or results that are not there.
    pub(crate) fn part(&self, params: &[usize], results: &[usize], with_targets: bool) -> Result<Arc<Body>> {
        let absent = || Error::internal("a part of a body has the body's own parameters and results");
        let param = |i: &usize| self.params.get(*i).copied().ok_or_else(absent);
        let result = |i: &usize| self.results.get(*i).copied().ok_or_else(absent);
        Ok(Arc::new(Body {
            graph: self.graph.clone(),
            params: params.iter().map(param).collect::<Result<_>>()?,
            results: results.iter().map(result).collect::<Result<_>>()?,
            targets: if with_targets { self.targets.clone() } else { Vec::new() },
            template: self.template,
            has_effects: self.has_effects,
            made: Mutex::default(),
            unknown: Mutex::default(),
        }))
    }

    /// Its nodes.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// The nodes that stand for arguments.
    pub fn params(&self) -> &[NodeId] {
        &self.params
    }

    /// What a call gives back.
    pub fn results(&self) -> &[OutputId] {
        &self.results
    }

    /// The nodes that a call runs for their effects.
    pub fn targets(&self) -> &[NodeId] {
        &self.targets
    }

    /// The graph that random streams of the nodes belong to.
    pub(crate) fn template(&self) -> u64 {
        self.template
    }

    /// Whether a call can be seen otherwise than by its results.
    pub(crate) fn has_effects(&self) -> bool {
        self.has_effects
    }

    /// Whether result `i` is always parameter `i`.
    pub(crate) fn passes_on(&self, i: usize) -> bool {
        let Some(mut at) = self.results.get(i).copied() else { return false };
        loop {
            let node = self.graph.node(at.node);
            match node.inputs() {
                [] => return self.params.get(i) == Some(&at.node),
                [input] if node.op().kind().name == "Identity" => at = *input,
                _ => return false,
            }
        }
    }

    /// The body for these arguments, and what is then known of its results.
    ///
    /// # Errors
    /// `InvalidArgument` for another number of arguments than parameters, `DTypeMismatch`, and what the rules inside
    /// refuse.
    pub(crate) fn made_for(&self, arguments: &[Argument]) -> Result<(Arc<Body>, Vec<Fact>)> {
        self.check(arguments)?;
        let mut outer: Vec<Dim> = Vec::new();
        let renamed: Vec<Argument> = arguments.iter().map(|argument| self.rename(argument, &mut outer)).collect();
        let body = self.find_or_make(renamed)?;
        let mut fresh: Vec<(Symbol, Dim)> = Vec::new();
        let facts = body.results.iter().map(|id| self.restore(&body.graph.fact(*id), &outer, &mut fresh)).collect();
        Ok((body, facts))
    }

    fn check(&self, arguments: &[Argument]) -> Result<()> {
        if arguments.len() != self.params.len() {
            let (want, have) = (self.params.len(), arguments.len());
            return Err(Error::invalid(format!("the function takes {want} arguments, but got {have}")));
        }
        for (i, (param, argument)) in self.params.iter().zip(arguments).enumerate() {
            let want = self.graph.fact(OutputId { node: *param, slot: 0 });
            if want.dtype != argument.fact.dtype {
                let (want, have) = (want.dtype, argument.fact.dtype);
                return Err(Error::dtype(format!("argument {i} of the function must be {want}, but is {have}")));
            }
        }
        Ok(())
    }

    /// Unknown dims become the body's own, by the order in which they come.
    fn rename(&self, argument: &Argument, outer: &mut Vec<Dim>) -> Argument {
        let mut rename = |dim: &Dim| match dim.as_i64() {
            Some(_) => dim.clone(),
            None => {
                let place = outer.iter().position(|known| known == dim).unwrap_or_else(|| {
                    outer.push(dim.clone());
                    outer.len() - 1
                });
                self.unknown(place)
            }
        };
        let fact = &argument.fact;
        let mut shape_of =
            |shape: &Shape| shape.dims().map_or_else(Shape::unknown, |dims| Shape::new(dims.iter().map(&mut rename)));
        let shape = shape_of(&fact.shape);
        let elements = fact.elements.as_ref();
        let elements = elements.map(|known| Arc::new(Elements { shape: shape_of(&known.shape), ..(**known).clone() }));
        let sizes = fact.sizes.as_ref().filter(|sizes| sizes.iter().all(Dim::is_never_negative));
        let sizes = sizes.map(|sizes| sizes.iter().map(&mut rename).collect());
        Argument { fact: Fact { shape, sizes, elements, ..fact.clone() }, value: argument.value.clone() }
    }

    fn unknown(&self, place: usize) -> Dim {
        let mut unknown = self.unknown.lock();
        while unknown.len() <= place {
            unknown.push(Dim::unknown());
        }
        unknown[place].clone()
    }

    /// In a result, the caller's dims in place of the body's; what the body does not know is new at each call.
    fn restore(&self, fact: &Fact, outer: &[Dim], fresh: &mut Vec<(Symbol, Dim)>) -> Fact {
        let own = self.unknown.lock();
        let mut replace = |symbol: &Symbol| {
            let dim = symbol.to_dim();
            if let Some(place) = own.iter().position(|own| *own == dim) {
                return outer.get(place).cloned();
            }
            if !dim.is_anonymous() {
                return None;
            }
            if let Some((_, known)) = fresh.iter().find(|(old, _)| old == symbol) {
                return Some(known.clone());
            }
            let new = if symbol.may_be_negative() { Dim::unknown_value() } else { Dim::unknown() };
            fresh.push((symbol.clone(), new.clone()));
            Some(new)
        };
        let mut dims = |dims: &[Dim]| dims.iter().map(|dim| dim.substitute(&mut replace)).collect::<Vec<_>>();
        let mut shape_of = |shape: &Shape| shape.dims().map_or_else(Shape::unknown, |known| Shape::from(dims(known)));
        let shape = shape_of(&fact.shape);
        let elements = fact.elements.as_ref();
        let elements = elements.map(|known| Arc::new(Elements { shape: shape_of(&known.shape), ..(**known).clone() }));
        let sizes = fact.sizes.as_ref().map(|known| dims(known).into());
        // What gives back a placeholder that is not fed fails, or passes it on for itself.
        let role = if fact.role == Role::Unfed { Role::Value } else { fact.role };
        Fact { shape, sizes, role, elements, ..fact.clone() }
    }

    fn find_or_make(&self, arguments: Vec<Argument>) -> Result<Arc<Body>> {
        let same = |have: &[Argument]| have.iter().zip(&arguments).all(|(a, b)| a.same(b));
        if let Some((_, body)) = self.made.lock().iter().find(|(have, _)| same(have)) {
            return Ok(body.clone());
        }
        let body = Arc::new(self.make(&arguments)?);
        let mut made = self.made.lock();
        if made.len() == MAX_MADE {
            made.remove(0);
        }
        made.push((arguments, body.clone()));
        Ok(body)
    }

    /// The same nodes under the same ids, inferred again.
    fn make(&self, arguments: &[Argument]) -> Result<Body> {
        let _making = Making::begin(self.graph.len())?;
        let graph = Graph::new();
        for node in self.graph.nodes() {
            let argument = self.params.iter().position(|param| *param == node.id()).map(|i| &arguments[i]);
            let op: Arc<dyn Op> = match argument {
                Some(argument) => Arc::new(Feed { fact: argument.fact.clone() }),
                None => node.op_arc().clone(),
            };
            let inputs: SmallVec<[OutputId; 2]> = node.inputs().iter().copied().collect();
            let naming = Naming::Kept(node.name_arc());
            let copy = graph.push(op, inputs, node.control_inputs(), naming, node.location())?;
            if let Some(value) = argument.and_then(|argument| argument.value.clone()) {
                // Rules ask for values; a run never does.
                let _ = copy.node().constant.set(Some(Box::new([value])));
            }
            for slot in 0..node.outputs().len() as u32 {
                let id = OutputId { node: node.id(), slot };
                if let Some(claim) = self.graph.user_claim(id) {
                    graph.refine(id, &claim)?;
                }
            }
        }
        Ok(Body {
            graph,
            params: self.params.clone(),
            results: self.results.clone(),
            targets: self.targets.clone(),
            template: self.template,
            has_effects: self.has_effects,
            made: Mutex::default(),
            unknown: Mutex::default(),
        })
    }
}

impl Graph {
    /// The bodies of a node with the names of their attributes, made for the node's inputs where that can be done.
    pub fn bodies(&self, node: &Node) -> Vec<(String, Arc<Body>)> {
        let mut named = Vec::new();
        if node.op().kind().effect != Effect::Calls {
            return named;
        }
        for (name, attr) in node.op().attrs() {
            match attr {
                AttrValue::Body(body) => named.push((name.to_owned(), body)),
                AttrValue::Bodies(bodies) => {
                    named.extend(bodies.into_iter().enumerate().map(|(i, body)| (format!("{name}[{i}]"), body)));
                }
                _ => {}
            }
        }
        let facts: Vec<Fact> = node.inputs().iter().map(|id| self.fact(*id)).collect();
        let facts: Vec<&Fact> = facts.iter().collect();
        let made = node.op().bodies(&InferCx::new(self, node.inputs(), &facts)).unwrap_or_default();
        if made.len() == named.len() {
            named.iter_mut().zip(made).for_each(|((_, body), made)| *body = made);
        }
        named
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The template's number tells bodies apart.
        write!(f, "Body {} ({} -> {})", self.template, self.params.len(), self.results.len())
    }
}
