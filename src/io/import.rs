//! From a file's graph to a graph of the engine.
//!
//! There is no second shape engine: nodes enter through the graph's one writer. An import is all or nothing: a graph
//! that is there already is touched only once the whole file has been built beside it.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use smallvec::SmallVec;

use super::aliases::{self, Aliases, Ordered};
use super::budget::Budget;
use super::frames::structured;
use super::functions::Library;
use super::graph_def::{GraphDef, NodeDef};
use super::nodes::{Nodes, Source};
use super::order::{Input, Selection, select};
use crate::cancel::{CancelToken, Limits};
use crate::error::{Error, ErrorKind, Result, Site, escape, guarded};
use crate::graph::feed::Feed;
use crate::graph::{
    Graph, Limited, Naming, NodeId, Op, Operation, OutputId, Role, Tensor, check_limits, check_limits_at, limit,
};
use crate::ops;

/// What to import, and how.
#[derive(Debug, Clone, Default)]
#[doc(alias = "tf.import_graph_def")]
pub struct ImportOptions {
    /// Put before every name as a scope; made unique if it is taken, unless it ends in a slash. Nothing is put before
    /// where it is empty.
    pub prefix: String,
    /// Inputs such as `x:0` that come from tensors of the target graph instead; `^x` for nodes that wait for `x`, and
    /// are to wait for what makes the tensor.
    pub input_map: Vec<(String, Tensor)>,
    /// What to hand back: `x` for an operation, `x:0` for a tensor. Names are those of the file.
    pub return_elements: Vec<String>,
    /// Only what these operations or tensors need; everything where it is empty.
    pub outputs: Vec<String>,
    /// Ends the import with `DeadlineExceeded` when it takes longer.
    pub timeout: Option<Duration>,
    /// Ends the import with `Cancelled` when somebody cancels the token.
    pub cancel: Option<CancelToken>,
}

impl ImportOptions {
    /// Lets an import end early. What joins a graph that is there must join it whole: only what is built beside it looks at
    /// the limits.
    fn limit(&self) -> Limited {
        let deadline = self.timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        limit(&Limits::new(self.cancel.iter().cloned().collect(), deadline))
    }
}

/// What an import made.
#[derive(Debug, Clone)]
pub struct Imported {
    /// The scope that the names got, without a last slash; empty where there is none.
    pub prefix: String,
    /// One for each of [`ImportOptions::return_elements`].
    pub returned: Vec<Element>,
    /// How many nodes of the file were built.
    pub n_nodes: usize,
}

/// A part of a graph that has a name.
#[derive(Debug, Clone)]
pub enum Element {
    /// `x:0`.
    Tensor(Tensor),
    /// `x`.
    Operation(Operation),
}

/// Imports into a new graph.
///
/// # Errors
/// `Unsupported` with all ops that the engine does not have; `NotFound`, `AlreadyExists`, `InvalidArgument` for a graph
/// that contradicts itself; `DataLoss`, `ResourceExhausted` for attributes; what the ops' rules refuse; `Cancelled`,
/// `DeadlineExceeded`.
pub fn load_graph_def(def: &GraphDef, options: &ImportOptions) -> Result<(Graph, Imported)> {
    load(def, options).map_err(of_import)
}

fn load(def: &GraphDef, options: &ImportOptions) -> Result<(Graph, Imported)> {
    let _limited = options.limit();
    let graph = Graph::new();
    let mut budget = def.budget.clone();
    let def = &*guarded("the import", || structured(def, &options.outputs, &mut budget))?;
    let selection = select(def, &options.outputs, &mapped_names(options))?;
    if let Some((name, _)) = options.input_map.first() {
        let text = format!("'{}' cannot be mapped: a new graph has no tensors", escape(name));
        return Err(Error::invalid(text));
    }
    let built = Builder::new(&graph, def, &selection, &prefix_of(options), budget).build(Vec::new())?;
    check_limits()?;
    let imported = built.finish(&graph, def, options, options.prefix.trim_end_matches('/').to_owned())?;
    Ok((graph, imported))
}

/// Adds a file's graph to a graph. When it fails, the graph is as it was. A name that the graph has already gets a
/// number, as in TF1: `x` becomes `x_1`.
///
/// # Errors
/// Those of [`load_graph_def`]; `GraphMismatch` for tensors of the input
/// map that are of another graph, `Finalized`.
pub fn import_graph_def(graph: &Graph, def: &GraphDef, options: &ImportOptions) -> Result<Imported> {
    import(graph, def, options).map_err(of_import)
}

/// Limits speak of runs.
fn of_import(error: Error) -> Error {
    match error.kind() {
        ErrorKind::Cancelled => Error::new(ErrorKind::Cancelled, "the import was cancelled"),
        ErrorKind::DeadlineExceeded => Error::new(ErrorKind::DeadlineExceeded, "the import's deadline has passed"),
        _ => error,
    }
}

fn import(graph: &Graph, def: &GraphDef, options: &ImportOptions) -> Result<Imported> {
    let limited = options.limit();
    let graph = graph.root();
    if graph.is_finalized() {
        return Err(Error::new(ErrorKind::Finalized, "the graph is finalized and cannot be modified"));
    }
    for (name, tensor) in &options.input_map {
        if tensor.graph().id() != graph.id() {
            let text = format!("the tensor for '{}' belongs to another graph", escape(name));
            return Err(Error::new(ErrorKind::GraphMismatch, text));
        }
    }
    let mut budget = def.budget.clone();
    let def = &*guarded("the import", || structured(def, &options.outputs, &mut budget))?;
    let selection = select(def, &options.outputs, &mapped_names(options))?;
    let trial = Graph::new();
    let stand_ins = options.input_map.iter().map(|(_, tensor)| stand_in(&trial, tensor)).collect::<Result<Vec<_>>>()?;
    let n_stand_ins = trial.len();
    let built = Builder::new(&trial, def, &selection, "", budget).build(stand_ins.clone())?;
    built.clone().finish(&trial, def, options, String::new())?;
    check_limits()?;
    drop(limited);
    let replay = |scope: &str| {
        let names = fresh_names(graph, def, &selection, options, scope);
        Replay { from: &trial, to: graph, first: n_stand_ins, names }.all(&built, &stand_ins, options, def, scope)
    };
    match prefix_of(options) {
        prefix if prefix.is_empty() || options.prefix.ends_with('/') => replay(&prefix),
        prefix => graph.name_scope(prefix.trim_end_matches('/'), replay),
    }
}

impl GraphDef {
    /// The ops of the graph that the engine does not have, in the order of their names; those of functions that are
    /// called are among them.
    pub fn unsupported_ops(&self) -> BTreeSet<String> {
        let library = Library::of(self);
        let mut seen = HashSet::new();
        let missing = self.nodes.iter().flat_map(|node| library.missing_ops(node, &mut seen));
        missing.map(str::to_owned).collect()
    }

    /// The places of the nodes that need ops which the engine does not have, and those ops; a node that calls a
    /// function needs what the function needs.
    pub fn unsupported_nodes(&self) -> Vec<(usize, BTreeSet<String>)> {
        let library = Library::of(self);
        let nodes = self.nodes.iter().map(|node| library.missing_ops(node, &mut HashSet::new())).enumerate();
        let lacking = nodes.filter(|(_, ops)| !ops.is_empty());
        lacking.map(|(i, ops)| (i, ops.into_iter().map(str::to_owned).collect())).collect()
    }
}

fn mapped_names(options: &ImportOptions) -> Vec<&str> {
    options.input_map.iter().map(|(name, _)| name.as_str()).collect()
}

/// The node of `x`, `x:1` or `^x`.
fn node_of(input: &str) -> &str {
    input.trim_start_matches('^').split(':').next().unwrap_or_default()
}

/// `scope/` or nothing.
fn prefix_of(options: &ImportOptions) -> String {
    match options.prefix.trim_end_matches('/') {
        "" => String::new(),
        scope => format!("{scope}/"),
    }
}

/// In the trial graph, a tensor of the target that an input is mapped to.
fn stand_in(trial: &Graph, tensor: &Tensor) -> Result<OutputId> {
    let name = Arc::from(tensor.name());
    let constant = tensor.graph().constant_value(tensor.id());
    let op: Arc<dyn Op> = match constant {
        Some(value) => Arc::new(ops::array::Const { value }),
        None => Arc::new(Feed { fact: tensor.fact() }),
    };
    let node = trial.push(op, SmallVec::new(), &[], Naming::Kept(&name), None)?;
    Ok(OutputId { node: node.id(), slot: 0 })
}

/// The names that the nodes get, by their places in the file. As TensorFlow does it: a name that a node of the graph has,
/// or that is a scope of one, gets the first number with which neither the graph nor the file has it. The scopes of a
/// node that stands for the file's node of its name stay free.
fn fresh_names(
    graph: &Graph,
    def: &GraphDef,
    selection: &Selection,
    options: &ImportOptions,
    scope: &str,
) -> HashMap<usize, String> {
    let stands_for_itself = |(name, tensor): &&(String, Tensor)| node_of(name) == tensor.node().name();
    let own: HashSet<NodeId> =
        options.input_map.iter().filter(stands_for_itself).map(|(_, tensor)| tensor.id().node).collect();
    let mut taken = HashSet::new();
    for node in graph.nodes() {
        let name = node.name().to_ascii_lowercase();
        let scopes = name.match_indices('/').filter_map(|(end, _)| name.get(..end)).map(str::to_owned);
        taken.extend(scopes.filter(|_| !own.contains(&node.id())));
        taken.insert(name);
    }
    let wanted = selection.order.iter().filter_map(|place| Some((*place, def.nodes.get(*place)?)));
    let wanted: Vec<(usize, String)> = wanted.map(|(place, node)| (place, format!("{scope}{}", node.name))).collect();
    let own: HashSet<String> = wanted.iter().map(|(_, name)| name.to_ascii_lowercase()).collect();
    let fresh = |(place, name): (usize, String)| {
        if !taken.contains(&name.to_ascii_lowercase()) {
            return (place, name);
        }
        let mut numbered = (1usize..).map(|number| format!("{name}_{number}"));
        let is_free = |name: &String| {
            let name = name.to_ascii_lowercase();
            !taken.contains(&name) && !own.contains(&name)
        };
        (place, numbered.find(is_free).unwrap_or(name))
    };
    wanted.into_iter().map(fresh).collect()
}

/// The nodes of a file in a graph.
#[derive(Clone)]
struct Built {
    /// The node of each place in the file that was built.
    nodes: HashMap<usize, NodeId>,
}

impl Built {
    fn finish(self, graph: &Graph, def: &GraphDef, options: &ImportOptions, prefix: String) -> Result<Imported> {
        let places: HashMap<&str, usize> = match options.return_elements.is_empty() {
            true => HashMap::new(),
            false => def.nodes.iter().enumerate().map(|(i, node)| (node.name.as_str(), i)).collect(),
        };
        let element = |name: &String| {
            let absent = || {
                let text = format!("the requested element '{}' is not in the imported graph", escape(name));
                Error::new(ErrorKind::NotFound, text)
            };
            let (node, slot) = match name.rsplit_once(':') {
                Some((node, slot)) => (node, Some(slot.parse::<usize>().map_err(|_| absent())?)),
                None => (name.as_str(), None),
            };
            let id = places.get(node).and_then(|place| self.nodes.get(place)).ok_or_else(absent)?;
            let operation = graph.operation(*id);
            match slot {
                None => Ok(Element::Operation(operation)),
                Some(slot) => operation.output(slot).map(Element::Tensor).map_err(|_| absent()),
            }
        };
        let returned = options.return_elements.iter().map(element).collect::<Result<_>>()?;
        Ok(Imported { prefix, returned, n_nodes: self.nodes.len() })
    }
}

struct Builder<'a> {
    graph: &'a Graph,
    def: &'a GraphDef,
    selection: &'a Selection,
    prefix: String,
    library: Library<'a>,
    budget: Budget,
    mapped: Vec<OutputId>,
    aliases: Aliases,
    nodes: HashMap<usize, NodeId>,
}

impl<'a> Builder<'a> {
    fn new(graph: &'a Graph, def: &'a GraphDef, selection: &'a Selection, prefix: &str, budget: Budget) -> Builder<'a> {
        let nodes = HashMap::with_capacity(selection.order.len());
        let (prefix, library) = (prefix.to_owned(), Library::of(def));
        Builder {
            graph,
            def,
            selection,
            prefix,
            library,
            budget,
            mapped: Vec::new(),
            aliases: Aliases::default(),
            nodes,
        }
    }

    fn build(mut self, mapped: Vec<OutputId>) -> Result<Built> {
        let references: Vec<bool> = mapped.iter().map(|id| self.graph.fact(*id).role == Role::Ref).collect();
        self.mapped = mapped;
        let Selection { order, inputs } = self.selection;
        let ordered = Ordered { nodes: &self.def.nodes, inputs, order };
        self.aliases = aliases::find(ordered, &self.library, &references, &mut self.budget)?;
        for place in &self.selection.order {
            let Some(node) = self.def.nodes.get(*place) else { continue };
            let site = || Site { node: node.name.clone(), op: node.op.clone(), inputs: Vec::new(), location: None };
            let make = || check_limits_at(*place).and_then(|()| self.node(*place, node));
            let id = guarded("the import", make).map_err(|error| error.at(site))?;
            self.nodes.insert(*place, id);
        }
        Ok(Built { nodes: self.nodes })
    }

    fn node(&mut self, place: usize, node: &NodeDef) -> Result<NodeId> {
        let (mut inputs, control) = self.inputs(place)?;
        self.aliases.put(self.graph, &mut self.budget, place, &mut inputs)?;
        let source = Source { node, name: format!("{}{}", self.prefix, node.name), is_inner: false };
        let (graph, producer) = (self.graph, self.def.versions.producer);
        let (library, budget, parameters) = (&mut self.library, &mut self.budget, &BTreeMap::new());
        Nodes { graph, library, budget, producer, parameters, keeps_effects: false }.push(&source, inputs, &control)
    }

    #[allow(clippy::type_complexity)]
    fn inputs(&self, place: usize) -> Result<(SmallVec<[OutputId; 2]>, SmallVec<[NodeId; 4]>)> {
        let (mut data, mut control) = (SmallVec::new(), SmallVec::new());
        for input in self.selection.inputs.get(place).into_iter().flatten() {
            match input {
                Input::Mapped(i) => data.extend(self.mapped.get(*i).copied()),
                Input::MappedControl(i) => control.extend(self.mapped.get(*i).map(|id| id.node)),
                Input::Control(node) => control.extend(self.nodes.get(node).copied()),
                Input::Data { node, slot } => {
                    let order = || Error::internal("inputs are built before what needs them");
                    let id = *self.nodes.get(node).ok_or_else(order)?;
                    let n = self.graph.node(id).outputs().len();
                    if *slot as usize >= n {
                        let name = escape(self.graph.node(id).name());
                        let text = format!("an input is '{name}:{slot}', but '{name}' has {n} outputs");
                        return Err(Error::invalid(text));
                    }
                    data.push(OutputId { node: id, slot: *slot });
                }
            }
        }
        Ok((data, control))
    }
}

/// Copies the trial into the graph that was there.
struct Replay<'a> {
    from: &'a Graph,
    to: &'a Graph,
    /// Nodes before this one stand for mapped tensors.
    first: usize,
    /// The names that nodes of the file get, by their places in it.
    names: HashMap<usize, String>,
}

impl Replay<'_> {
    fn all(
        &self,
        built: &Built,
        stand_ins: &[OutputId],
        options: &ImportOptions,
        def: &GraphDef,
        scope: &str,
    ) -> Result<Imported> {
        let mut outputs: HashMap<NodeId, OutputId> = HashMap::new();
        for (stand_in, (_, tensor)) in stand_ins.iter().zip(&options.input_map) {
            outputs.insert(stand_in.node, tensor.id());
        }
        let from_file: HashMap<NodeId, usize> = built.nodes.iter().map(|(place, id)| (*id, *place)).collect();
        let mut copies: HashMap<NodeId, NodeId> = HashMap::new();
        for node in self.from.nodes().skip(self.first) {
            let named = from_file.get(&node.id()).and_then(|place| self.names.get(place));
            let copied = |id: &OutputId| match outputs.get(&id.node) {
                Some(mapped) => Some(*mapped),
                None => copies.get(&id.node).map(|node| OutputId { node: *node, slot: id.slot }),
            };
            let inputs = node.inputs().iter().filter_map(copied).collect();
            let waited_for = |id: &NodeId| copied(&OutputId { node: *id, slot: 0 }).map(|id| id.node);
            let control: SmallVec<[NodeId; 4]> = node.control_inputs().iter().filter_map(waited_for).collect();
            let hidden: Arc<str> = format!("{scope}{}", node.name()).into();
            let naming = named.map_or(Naming::Kept(&hidden), |name| Naming::Exactly(name));
            let push = || Ok(self.to.push(node.op_arc().clone(), inputs, &control, naming, None)?.id());
            let id = self.to.device(node.device().unwrap_or_default(), push)?;
            for slot in 0..node.outputs().len() as u32 {
                if let Some(claim) = self.from.user_claim(OutputId { node: node.id(), slot }) {
                    self.to.refine(OutputId { node: id, slot }, &claim)?;
                }
            }
            copies.insert(node.id(), id);
        }
        let nodes = built.nodes.iter().filter_map(|(place, id)| Some((*place, *copies.get(id)?))).collect();
        Built { nodes }.finish(self.to, def, options, scope.trim_end_matches('/').to_owned())
    }
}
