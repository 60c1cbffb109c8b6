//! The function library of a file: functions become bodies where they are called.
//!
//! A function is built once for each combination of attributes and kinds of arguments. Its nodes name outputs by
//! argument, `node:output:0`, and may take attributes from the call.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use smallvec::SmallVec;

use super::aliases::{self, Aliases, Ordered};
use super::budget::Budget;
use super::frames::is_replaced;
use super::graph_def::{Function, GraphDef, LoopPart, NodeDef};
use super::nodes::{Nodes, Source};
use super::order::{Input, Reached, check_unique, index, topological};
use super::proto::{AttrKind, AttrProto};
use crate::error::{Error, ErrorKind, Result, Site, escape};
use crate::grad::body_gradient;
use crate::graph::{AttrValue, Body, Effect, Fact, Graph, MAX_NESTING, NodeId, OutputId, Role};
use crate::ops;
use crate::shape::Shape;

/// The op that calls the gradient of the function that it names.
const SYMBOLIC_GRADIENT: &str = "SymbolicGradient";

/// The functions of a file, and what was built of them.
pub(super) struct Library<'a> {
    functions: HashMap<&'a str, &'a Function>,
    /// The function that is the gradient of another, by the name of that one.
    gradients: &'a BTreeMap<String, String>,
    built: HashMap<String, Arc<Body>>,
    /// The functions that are being built, the innermost last.
    open: Vec<&'a str>,
}

#[cold]
fn absent(name: &str) -> Error {
    Error::new(ErrorKind::NotFound, format!("there is no function '{}'", escape(name)))
}

/// What a node calls otherwise than by an attribute of its op.
pub(super) struct Callee {
    /// The function.
    name: String,
    /// Attributes that the function's nodes may take.
    parameters: Parameters,
    /// Whether not the function is called but its gradient, which no function of the file is.
    is_gradient: bool,
}

/// Memory that a body takes without its nodes, and each of its nodes.
const BODY_COST: usize = 8 << 10;
pub(super) const NODE_COST: usize = 512;

/// Attributes of a call, for those of the function's nodes that are parameters.
type Parameters = BTreeMap<String, AttrValue>;

impl<'a> Library<'a> {
    pub(super) fn of(def: &'a GraphDef) -> Library<'a> {
        let functions = def.functions.iter().map(|function| (function.name.as_str(), function)).collect();
        Library { functions, gradients: &def.gradients, built: HashMap::new(), open: Vec::new() }
    }

    /// The function of a name.
    pub(super) fn get(&self, name: &str) -> Option<&'a Function> {
        self.functions.get(name).copied()
    }

    /// What a node calls by its own name, or as the gradient of a function: the one that the file names for it, else
    /// one that is made by the gradient rules of ops.
    pub(super) fn callee(&self, node: &NodeDef, attrs: &Parameters) -> Option<Callee> {
        if let Some(function) = self.get(&node.op) {
            return Some(Callee { name: function.name.clone(), parameters: attrs.clone(), is_gradient: false });
        }
        let Some(AttrValue::Func(name, parameters)) = attrs.get("f").filter(|_| node.op == SYMBOLIC_GRADIENT) else {
            return None;
        };
        let named = self.gradients.get(name);
        let (name, parameters) = (named.unwrap_or(name).clone(), parameters.clone());
        Some(Callee { name, parameters, is_gradient: named.is_none() })
    }

    /// What a node calls, as a body for arguments of these kinds; all of its effects happen.
    ///
    /// # Errors
    /// As for [`Library::body`], and what gradient rules refuse.
    pub(super) fn callee_body(
        &mut self,
        callee: &Callee,
        arguments: &[Fact],
        budget: &mut Budget,
        producer: i32,
    ) -> Result<Arc<Body>> {
        let Callee { name, parameters, is_gradient } = callee;
        if !is_gradient {
            return self.body(name, parameters, arguments, budget, producer, true);
        }
        let function = self.get(name).ok_or_else(|| absent(name))?;
        let n = function.arguments.len();
        let Some((inputs, _)) = arguments.split_at_checked(n) else {
            let have = arguments.len();
            return Err(Error::invalid(format!("the gradient of a function of {n} arguments takes more than {have}")));
        };
        let forward = self.body(name, parameters, inputs, budget, producer, false)?;
        let note = |error: Error| error.note(format!("in the gradient of function '{}'", escape(name)));
        let body = body_gradient(&forward).map_err(note)?;
        budget.charge(NODE_COST.saturating_mul(body.graph().len()))?;
        Ok(body)
    }

    /// The function as a body for arguments of these kinds. With `keeps_effects` all of its effects happen, else only
    /// those that its results or its control returns need.
    ///
    /// # Errors
    /// `NotFound`, `Unsupported` for a function that calls itself, and what its nodes give rise to.
    pub(super) fn body(
        &mut self,
        name: &str,
        parameters: &Parameters,
        arguments: &[Fact],
        budget: &mut Budget,
        producer: i32,
        keeps_effects: bool,
    ) -> Result<Arc<Body>> {
        let function = self.get(name).ok_or_else(|| absent(name))?;
        let arguments: Vec<Fact> = arguments.iter().map(weak).collect();
        let kinds: Vec<String> = arguments.iter().map(ToString::to_string).collect();
        let key = format!("{name} {parameters:?} {kinds:?} {keeps_effects}");
        if let Some(body) = self.built.get(&key) {
            return Ok(body.clone());
        }
        budget.charge(key.len())?;
        let body = self.build(function, parameters, &arguments, budget, producer, keeps_effects)?;
        self.built.insert(key, body.clone());
        Ok(body)
    }

    fn build(
        &mut self,
        function: &'a Function,
        parameters: &Parameters,
        arguments: &[Fact],
        budget: &mut Budget,
        producer: i32,
        keeps_effects: bool,
    ) -> Result<Arc<Body>> {
        if self.open.contains(&function.name.as_str()) {
            return Err(Error::unsupported(format!("function '{}' calls itself", escape(&function.name))));
        }
        if self.open.len() >= MAX_NESTING {
            return Err(Error::invalid(format!("functions may nest {MAX_NESTING} deep, but here is one more")));
        }
        budget.charge(BODY_COST + NODE_COST.saturating_mul(function.nodes.len()))?;
        self.open.push(&function.name);
        let keeps_effects = keeps_effects && function.of_loop.is_none();
        let builder = FunctionBuilder::new(function, parameters, budget, keeps_effects)?;
        let body = builder.build(self, arguments, producer);
        self.open.pop();
        body.map_err(|error| error.note(format!("in function '{}'", escape(&function.name))))
    }

    /// Whether a node is a loop of TF1's, through which references to variables go.
    pub(super) fn is_loop(&self, node: &NodeDef) -> bool {
        node.op == "While" && self.called(node).iter().any(|function| function.of_loop.is_some())
    }

    /// The functions that a node calls, by name or in attributes.
    pub(super) fn called(&self, node: &NodeDef) -> Vec<&'a Function> {
        if self.functions.is_empty() {
            return Vec::new();
        }
        let mut names = vec![node.op.clone()];
        let may_name = |attr: &AttrProto| matches!(attr.value, Some(AttrKind::Func(_) | AttrKind::List(_)));
        let named = node.attrs.iter().filter(|(_, attr)| may_name(attr)).map(|(name, _)| name);
        let mut attrs: Vec<AttrValue> = named.filter_map(|name| node.attr(name).ok()?).collect();
        while let Some(attr) = attrs.pop() {
            match attr {
                AttrValue::Func(name, inner) => {
                    let gradient = self.gradients.get(&name).filter(|_| node.op == SYMBOLIC_GRADIENT);
                    names.push(gradient.cloned().unwrap_or(name));
                    attrs.extend(inner.into_values());
                }
                AttrValue::Funcs(all) => names.extend(all.into_iter().map(|(name, _)| name)),
                _ => {}
            }
        }
        names.iter().filter_map(|name| self.get(name)).collect()
    }

    /// The ops that the engine does not have among those that a node needs, functions that it calls included; not those
    /// that were seen before.
    pub(super) fn missing_ops<'n>(&self, node: &'n NodeDef, seen: &mut HashSet<&'n str>) -> BTreeSet<&'n str>
    where
        'a: 'n,
    {
        let is_called = |node: &NodeDef| node.op == SYMBOLIC_GRADIENT || self.get(&node.op).is_some();
        let is_missing = |node: &NodeDef| !is_called(node) && !is_replaced(&node.op) && ops::find(&node.op).is_err();
        let mut missing = BTreeSet::new();
        missing.extend(is_missing(node).then_some(node.op.as_str()));
        let mut stack: Vec<&'a Function> = self.called(node);
        while let Some(function) = stack.pop() {
            if !seen.insert(function.name.as_str()) {
                continue;
            }
            for node in self.needed(function) {
                missing.extend(is_missing(node).then_some(node.op.as_str()));
                stack.extend(self.called(node));
            }
        }
        missing
    }

    /// The names of the functions that nodes call, those that these call included.
    pub(super) fn called_by<'n>(&self, nodes: impl Iterator<Item = &'n NodeDef>) -> HashSet<&'a str> {
        let mut stack: Vec<&'a Function> = nodes.flat_map(|node| self.called(node)).collect();
        let mut called = HashSet::new();
        while let Some(function) = stack.pop() {
            if called.insert(function.name.as_str()) {
                stack.extend(function.nodes.iter().flat_map(|node| self.called(node)));
            }
        }
        called
    }

    /// The nodes of a function that a call may build: those with effects, and what they, the results and the control
    /// returns need.
    fn needed(&self, function: &'a Function) -> Vec<&'a NodeDef> {
        let places = index(&function.nodes);
        let node_of = |text: &'a str| text.trim_start_matches('^').split(':').next().unwrap_or_default();
        let named = function.returns.values().chain(function.control_returns.values());
        let mut stack: Vec<&'a NodeDef> = function.nodes.iter().filter(|node| self.has_effect(node)).collect();
        stack.extend(named.filter_map(|text| function.nodes.get(*places.get(node_of(text))?)));
        let mut needed = HashSet::new();
        while let Some(node) = stack.pop() {
            if needed.insert(node.name.as_str()) {
                let inputs = node.inputs.iter().filter_map(|text| places.get(node_of(text)));
                stack.extend(inputs.filter_map(|place| function.nodes.get(*place)));
            }
        }
        function.nodes.iter().filter(|node| needed.contains(node.name.as_str())).collect()
    }

    /// Whether a node of a function may run for what it does beside its outputs.
    fn has_effect(&self, node: &NodeDef) -> bool {
        let effect = ops::find(&node.op).map(|kind| kind.effect);
        self.get(&node.op).is_some() || matches!(effect, Ok(Effect::Writes | Effect::Outside | Effect::Calls))
    }
}

/// What a function is built for: of values the dtype, of handles all that is known.
fn weak(fact: &Fact) -> Fact {
    match fact.is_variable() {
        true => Fact { sizes: None, ..fact.clone() },
        false => Fact { shape: Shape::unknown(), sizes: None, elements: None, ..fact.clone() },
    }
}

/// What an input or a result of a function refers to.
enum Place<'a> {
    Argument(usize),
    Output {
        node: usize,
        name: &'a str,
        index: usize,
    },
    /// As graphs say it.
    Slot {
        node: usize,
        slot: usize,
    },
}

struct FunctionBuilder<'f, 'b> {
    function: &'f Function,
    parameters: &'f Parameters,
    budget: &'b mut Budget,
    arguments: HashMap<&'f str, usize>,
    nodes: HashMap<&'f str, usize>,
    built: HashMap<usize, NodeId>,
    aliases: Aliases,
    /// Whether nodes run for their effects that neither the results nor the function's control returns need.
    keeps_effects: bool,
}

impl<'f, 'b> FunctionBuilder<'f, 'b> {
    fn new(
        function: &'f Function,
        parameters: &'f Parameters,
        budget: &'b mut Budget,
        keeps_effects: bool,
    ) -> Result<Self> {
        if function.has_lists {
            return Err(Error::unsupported("functions that take or give lists of tensors are not supported"));
        }
        let arguments = function.arguments.iter().enumerate().map(|(i, name)| (name.as_str(), i)).collect();
        let nodes = index(&function.nodes);
        let (built, aliases) = Default::default();
        Ok(FunctionBuilder { function, parameters, budget, arguments, nodes, built, aliases, keeps_effects })
    }

    fn build(mut self, library: &mut Library<'_>, facts: &[Fact], producer: i32) -> Result<Arc<Body>> {
        if facts.len() != self.function.arguments.len() {
            let (want, have) = (self.function.arguments.len(), facts.len());
            return Err(Error::invalid(format!("the function takes {want} arguments, but got {have}")));
        }
        let graph = Graph::new();
        let mut params = Vec::new();
        for (name, fact) in self.function.arguments.iter().zip(facts) {
            params.push(graph.feed_node(fact, &name.as_str().into())?.id().node);
        }
        let roots = self.roots(library)?;
        let (inputs, reached) = self.reached(&roots)?;
        let order = topological(&self.function.nodes, &inputs, &reached)?;
        if self.function.of_loop.is_some() {
            // References go into nothing else.
            let references: Vec<bool> = facts.iter().map(|fact| fact.role == Role::Ref).collect();
            let ordered = Ordered { nodes: &self.function.nodes, inputs: &inputs, order: &order };
            self.aliases = aliases::find(ordered, library, &references, self.budget)?;
        }
        for place in order {
            let Some(node) = self.function.nodes.get(place) else { continue };
            let site = || Site { node: node.name.clone(), op: node.op.clone(), inputs: Vec::new(), location: None };
            let id = self.node(&graph, place, node, &params, library, producer).map_err(|error| error.at(site))?;
            self.built.insert(place, id);
        }
        let mut results = self.results(&graph, &params, library)?;
        if self.function.of_loop == Some(LoopPart::Turn) {
            aliases::as_given(&graph, self.budget, &params, &mut results)?;
        }
        let targets = self.targets(&graph);
        Body::new(graph, params, results, targets)
    }

    /// The nodes that must be there: those of the results, those that run beside them, and those with effects.
    fn roots(&self, library: &Library<'_>) -> Result<Vec<usize>> {
        let mut roots = Vec::new();
        for text in self.function.returns.values() {
            if let Place::Output { node, .. } | Place::Slot { node, .. } = self.place(text)? {
                roots.push(node);
            }
        }
        for name in self.function.control_returns.values() {
            roots.push(self.node_of(name)?);
        }
        if !self.keeps_effects {
            return Ok(roots);
        }
        let nodes = self.function.nodes.iter().enumerate();
        roots.extend(nodes.filter(|(_, node)| library.has_effect(node)).map(|(i, _)| i));
        Ok(roots)
    }

    /// The inputs of the nodes that the roots need; what is wrong with other nodes does not matter.
    fn reached(&self, roots: &[usize]) -> Result<(Vec<Vec<Input>>, Reached)> {
        let nodes = &self.function.nodes;
        let inputs: Vec<_> = nodes.iter().map(|node| self.dependencies(node).unwrap_or_default()).collect();
        let reached = Reached::from(roots, &inputs);
        check_unique(nodes, |place| reached.has(place))?;
        for (_, node) in nodes.iter().enumerate().filter(|(place, _)| reached.has(*place)) {
            self.dependencies(node)?;
        }
        Ok((inputs, reached))
    }

    fn node_of(&self, name: &str) -> Result<usize> {
        let absent = || Error::new(ErrorKind::NotFound, format!("there is no node '{}'", escape(name)));
        self.nodes.get(name).copied().ok_or_else(absent)
    }

    /// `argument`, `argument:0`, `node:output` or `node:output:1`; in a part of a loop also `node` and `node:1`.
    fn place<'t>(&self, text: &'t str) -> Result<Place<'t>> {
        let mut parts = text.split(':');
        let name = parts.next().unwrap_or_default();
        if let Some(argument) = self.arguments.get(name) {
            return Ok(Place::Argument(*argument));
        }
        let node = self.node_of(name)?;
        let (output, index) = (parts.next().unwrap_or_default(), parts.next().unwrap_or("0"));
        let bad = || Error::invalid(format!("'{}' is no output of a node", escape(text)));
        if output.is_empty() || output.bytes().all(|byte| byte.is_ascii_digit()) {
            let slot = if output.is_empty() { "0" } else { output };
            return Ok(Place::Slot { node, slot: slot.parse().map_err(|_| bad())? });
        }
        Ok(Place::Output { node, name: output, index: index.parse().map_err(|_| bad())? })
    }

    fn dependencies(&self, node: &NodeDef) -> Result<Vec<Input>> {
        let mut all = Vec::with_capacity(node.inputs.len());
        for text in &node.inputs {
            match text.strip_prefix('^') {
                Some(name) if self.arguments.contains_key(name) => {}
                Some(name) => all.push(Input::Control(self.node_of(name)?)),
                None => match self.place(text)? {
                    Place::Argument(i) => all.push(Input::Mapped(i)),
                    Place::Output { node, .. } => all.push(Input::Data { node, slot: 0 }),
                    Place::Slot { node, slot } => all.push(Input::Data { node, slot: slot as u32 }),
                },
            }
        }
        Ok(all)
    }

    fn node(
        &mut self,
        graph: &Graph,
        place: usize,
        node: &NodeDef,
        params: &[NodeId],
        library: &mut Library<'_>,
        producer: i32,
    ) -> Result<NodeId> {
        let (mut inputs, mut control): (SmallVec<[OutputId; 2]>, SmallVec<[NodeId; 4]>) = Default::default();
        for text in &node.inputs {
            match text.strip_prefix('^') {
                Some(name) => control.extend(self.nodes.get(name).and_then(|node| self.built.get(node)).copied()),
                None => inputs.push(self.output(graph, text, params, library)?),
            }
        }
        self.aliases.put(graph, self.budget, place, &mut inputs)?;
        let source = Source { node, name: node.name.clone(), is_inner: true };
        let mut nodes = Nodes {
            graph,
            library,
            budget: self.budget,
            producer,
            parameters: self.parameters,
            keeps_effects: self.keeps_effects,
        };
        nodes.push(&source, inputs, &control)
    }

    fn output(&self, graph: &Graph, text: &str, params: &[NodeId], library: &Library<'_>) -> Result<OutputId> {
        let order = || Error::internal("inputs are built before what needs them");
        let (node, slot) = match self.place(text)? {
            Place::Argument(i) => {
                let node = *params.get(i).ok_or_else(order)?;
                return Ok(OutputId { node, slot: 0 });
            }
            Place::Slot { node, slot } => (node, Some(slot)),
            Place::Output { node, name, index } => {
                let id = *self.built.get(&node).ok_or_else(order)?;
                let def = self.function.nodes.get(node).ok_or_else(order)?;
                let built = graph.node(id);
                let slot = match library.get(&def.op) {
                    Some(callee) => {
                        let first = callee.results.iter().position(|result| result == name);
                        first.and_then(|first| first.checked_add(index))
                    }
                    None => built.op().kind().args().output_slot(name, index, built.outputs().len()),
                };
                (node, slot)
            }
        };
        let id = *self.built.get(&node).ok_or_else(order)?;
        let slot = slot.filter(|slot| *slot < graph.node(id).outputs().len());
        let absent = || {
            let op = self.function.nodes.get(node).map(|node| escape(&node.op)).unwrap_or_default();
            Error::invalid(format!("'{}' is no output of an op {op}", escape(text)))
        };
        Ok(OutputId { node: id, slot: slot.ok_or_else(absent)? as u32 })
    }

    fn results(&self, graph: &Graph, params: &[NodeId], library: &Library<'_>) -> Result<Vec<OutputId>> {
        let result = |name: &String| {
            let absent = || Error::invalid(format!("the function does not say what result '{}' is", escape(name)));
            self.output(graph, self.function.returns.get(name).ok_or_else(absent)?, params, library)
        };
        self.function.results.iter().map(result).collect()
    }

    /// What runs for its effects.
    fn targets(&self, graph: &Graph) -> Vec<NodeId> {
        let asked = self.function.control_returns.values().filter_map(|name| self.nodes.get(name.as_str()));
        let mut targets: Vec<NodeId> = asked.filter_map(|node| self.built.get(node).copied()).collect();
        if self.keeps_effects {
            targets.extend(graph.nodes().filter(|node| node.has_effects()).map(|node| node.id()));
        }
        targets.sort_unstable();
        targets.dedup();
        targets
    }
}
