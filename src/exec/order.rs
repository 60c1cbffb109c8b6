//! The order of state: TF1 leaves it undefined, here a result never depends on timing.
//!
//! Node ids are a topological order, so any path between two accesses of a variable goes the way program order goes.
//! Each variable keeps its last writer and the readers since; a read waits for the last writer, a write for the readers
//! since. One edge an access, never a cycle, no path search. A node with bodies accesses what its bodies access.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use crate::graph::{AttrValue, Effect, Fact, Flow, Graph, Node, NodeId, OutputId};
use crate::ops::array::IdentityN;

/// A variable that a plan touches, in one of its bodies or outside of them.
pub(super) struct Variable {
    pub(super) key: Arc<str>,
    pub(super) fact: Fact,
    /// Whether it lives until the end of the run at most.
    pub(super) is_temporary: bool,
}

/// The variables that a plan touches, and what each node waits for on their account.
#[derive(Default)]
pub(super) struct StateOrder {
    pub(super) vars: Vec<Variable>,
    /// The variable behind a reference.
    of: HashMap<OutputId, usize>,
    accesses: Vec<Accesses>,
    /// The object of the run behind a handle, and the node that used it last.
    objects: HashMap<OutputId, usize>,
    last_user: Vec<Option<NodeId>>,
    last_outside: Option<NodeId>,
    deeds: Deeds,
}

#[derive(Default, Clone)]
struct Accesses {
    last_writer: Option<NodeId>,
    readers: Vec<NodeId>,
}

/// What nodes do to state.
#[derive(Default, Clone)]
pub(super) struct Deeds {
    pub(super) reads: BTreeSet<usize>,
    pub(super) writes: BTreeSet<usize>,
    /// Whether they reach outside of the engine.
    outside: bool,
    /// The variables behind what a body gives back.
    results: Vec<Option<usize>>,
}

impl StateOrder {
    /// The order inside of a body. What is known of variables goes in, with those behind the parameters, and comes out
    /// by [`StateOrder::leave`].
    pub(super) fn enter(vars: Vec<Variable>, params: impl Iterator<Item = (OutputId, usize)>) -> StateOrder {
        let accesses = vec![Accesses::default(); vars.len()];
        StateOrder { vars, accesses, of: params.collect(), ..StateOrder::default() }
    }

    /// The variables, those of the body included, and what the body does to them.
    pub(super) fn leave(mut self, results: &[OutputId]) -> (Vec<Variable>, Deeds) {
        self.deeds.results = results.iter().map(|id| self.variable(*id)).collect();
        (self.vars, self.deeds)
    }

    /// Takes the variables back that were given to a body.
    pub(super) fn take_back(&mut self, vars: Vec<Variable>) {
        self.accesses.resize(vars.len(), Accesses::default());
        self.vars = vars;
    }

    /// Whether any node writes what outlives the run.
    pub(super) fn writes(&self) -> bool {
        self.deeds.writes.iter().any(|var| !self.vars[*var].is_temporary)
    }

    /// Takes the next node in id order, with what its bodies do, and answers which nodes it must wait for.
    pub(super) fn visit(&mut self, graph: &Graph, node: &Node, bodies: &[Deeds]) -> Vec<NodeId> {
        let mut waits = Vec::new();
        match node.op().kind().effect {
            Effect::Variable => drop(self.declare(node, false)),
            Effect::Temporary => {
                let var = self.declare(node, true);
                self.write(node.id(), [var], &mut waits);
            }
            Effect::Reads | Effect::Inspects => {
                let vars = self.touched(graph, node);
                self.read(node.id(), vars, &mut waits);
            }
            Effect::Writes => {
                let vars = self.touched(graph, node);
                self.write(node.id(), vars, &mut waits);
            }
            Effect::Calls => self.call(node, bodies, &mut waits),
            Effect::Object => self.use_object(node, &mut waits),
            Effect::Outside => self.reach_outside(node.id(), &mut waits),
            Effect::Fed => self.pass_in(node),
            Effect::Pure | Effect::Random => {}
        }
        self.pass_on(node);
        waits
    }

    fn read(&mut self, node: NodeId, vars: impl IntoIterator<Item = usize>, waits: &mut Vec<NodeId>) {
        for var in vars {
            let access = &mut self.accesses[var];
            waits.extend(access.last_writer.filter(|writer| *writer != node));
            access.readers.push(node);
            self.deeds.reads.insert(var);
        }
    }

    fn write(&mut self, node: NodeId, vars: impl IntoIterator<Item = usize>, waits: &mut Vec<NodeId>) {
        for var in vars {
            let access = &mut self.accesses[var];
            waits.extend(access.last_writer);
            waits.extend(access.readers.drain(..).filter(|reader| *reader != node));
            access.last_writer = Some(node);
            self.deeds.writes.insert(var);
        }
    }

    fn reach_outside(&mut self, node: NodeId, waits: &mut Vec<NodeId>) {
        waits.extend(self.last_outside.replace(node));
        self.deeds.outside = true;
    }

    fn call(&mut self, node: &Node, bodies: &[Deeds], waits: &mut Vec<NodeId>) {
        let all = |pick: fn(&Deeds) -> &BTreeSet<usize>| bodies.iter().flat_map(pick).copied().collect::<BTreeSet<_>>();
        self.read(node.id(), all(|deeds| &deeds.reads), waits);
        self.write(node.id(), all(|deeds| &deeds.writes), waits);
        if bodies.iter().any(|deeds| deeds.outside) {
            self.reach_outside(node.id(), waits);
        }
        self.use_object(node, waits);
        for slot in 0..node.outputs().len() {
            if let Some(var) = self.returned(node, bodies, slot) {
                self.of.insert(OutputId { node: node.id(), slot: slot as u32 }, var);
            }
        }
    }

    /// The variable behind an output of a call, if it is the same whatever the bodies do.
    fn returned(&self, node: &Node, bodies: &[Deeds], slot: usize) -> Option<usize> {
        let n = node.outputs().len();
        let mut results = bodies.iter().filter(|deeds| deeds.results.len() == n).map(|deeds| deeds.results[slot]);
        let var = results.next()??;
        // A loop may make no turn.
        let may_pass_on = node.inputs().len() == n && self.variable(node.inputs()[slot]) != Some(var);
        (results.all(|other| other == Some(var)) && !may_pass_on).then_some(var)
    }

    /// A handle that is passed in and belongs to no variable is that of an object of the run.
    fn pass_in(&mut self, node: &Node) {
        let id = OutputId { node: node.id(), slot: 0 };
        if node.outputs().first().is_some_and(Fact::is_variable) && self.variable(id).is_none() {
            self.last_user.push(None);
            self.objects.insert(id, self.last_user.len() - 1);
        }
    }

    /// Objects of the run are used in program order: data edges order what must be ordered, and this the rest, such as
    /// sums of floats.
    fn use_object(&mut self, node: &Node, waits: &mut Vec<NodeId>) {
        let mut object = None;
        for id in node.inputs() {
            if let Some(used) = self.objects.get(id) {
                object = Some(*used);
                waits.extend(self.last_user[*used].replace(node.id()).filter(|last| *last != node.id()));
            }
        }
        if node.op().kind().effect != Effect::Object {
            return;
        }
        for slot in (0..node.outputs().len()).filter(|slot| node.outputs()[*slot].is_variable()) {
            let made = object.unwrap_or_else(|| {
                self.last_user.push(Some(node.id()));
                self.last_user.len() - 1
            });
            self.objects.insert(OutputId { node: node.id(), slot: slot as u32 }, made);
        }
    }

    /// The variable that a reference refers to, if it can be traced.
    pub(super) fn variable(&self, id: OutputId) -> Option<usize> {
        self.of.get(&id).copied()
    }

    /// Whether a read at this place sees what the run found at its start.
    pub(super) fn is_unwritten(&self, var: usize) -> bool {
        self.accesses[var].last_writer.is_none()
    }

    fn declare(&mut self, node: &Node, is_temporary: bool) -> usize {
        let key = identity(node);
        let known = self.vars.iter().position(|var| var.key == key && var.is_temporary == is_temporary);
        let var = known.unwrap_or_else(|| {
            self.vars.push(Variable { key, fact: node.outputs()[0].clone(), is_temporary });
            self.accesses.push(Accesses::default());
            self.vars.len() - 1
        });
        self.of.insert(OutputId { node: node.id(), slot: 0 }, var);
        var
    }

    /// The variables among a node's inputs; all of them where a reference cannot be traced.
    fn touched(&self, graph: &Graph, node: &Node) -> Vec<usize> {
        let references =
            node.inputs().iter().filter(|id| graph.node(id.node).outputs()[id.slot as usize].is_variable());
        let mut vars = Vec::new();
        for id in references {
            match self.variable(*id) {
                Some(var) if !vars.contains(&var) => vars.push(var),
                Some(_) => {}
                None => return (0..self.vars.len()).collect(),
            }
        }
        vars
    }

    /// A reference that a node passes on is that of its first input, and with `IdentityN` that of the same place; a merge
    /// passes on any of its inputs.
    fn pass_on(&mut self, node: &Node) {
        if node.op().kind().effect == Effect::Calls {
            return;
        }
        let Some(first) = node.inputs().first() else { return };
        if node.op().kind().flow == Flow::Merge
            && node.inputs().iter().any(|id| self.variable(*id) != self.variable(*first))
        {
            return;
        }
        let passes_all = node.op_as::<IdentityN>().is_some();
        for slot in (0..node.outputs().len()).filter(|slot| node.outputs()[*slot].is_variable()) {
            let id = OutputId { node: node.id(), slot: slot as u32 };
            let from = if passes_all { node.inputs()[slot] } else { *first };
            if let Some(var) = self.variable(from) {
                self.of.insert(id, var);
            }
            if let Some(object) = self.objects.get(&from).copied() {
                self.objects.insert(id, object);
            }
        }
    }
}

/// A variable is (container, name of its own or else node name), not the node.
fn identity(node: &Node) -> Arc<str> {
    let text = |want: &str| {
        let attrs = node.op().attrs();
        attrs.into_iter().find_map(|(name, value)| match value {
            AttrValue::Str(bytes) if name == want => Some(String::from_utf8_lossy(&bytes).into_owned()),
            _ => None,
        })
    };
    let container = text("container").unwrap_or_default();
    let shared = text("shared_name").or_else(|| text("var_name")).filter(|name| !name.is_empty());
    let name = shared.unwrap_or_else(|| node.name().to_owned());
    if container.is_empty() { name.into() } else { format!("{container}/{name}").into() }
}
