//! The order of state: TF1 leaves it undefined, here a result never depends on timing.
//!
//! Node ids are a topological order, so any path between two accesses of a variable goes the way program order goes.
//! Each variable keeps its last writer and the readers since; a read waits for the last writer, a write for the readers
//! since. One edge an access, never a cycle, no path search.

use std::collections::HashMap;
use std::sync::Arc;

use crate::graph::{AttrValue, Effect, Flow, Graph, Node, NodeId, OutputId};

/// The variables that a plan touches, and what each node waits for on their account.
#[derive(Default)]
pub(super) struct StateOrder {
    /// Identity and handle node of each variable.
    pub(super) vars: Vec<(Arc<str>, NodeId)>,
    /// The variable behind a reference.
    of: HashMap<OutputId, usize>,
    accesses: Vec<Accesses>,
    outside: Option<NodeId>,
    /// Whether any node writes.
    pub(super) writes: bool,
}

#[derive(Default, Clone)]
struct Accesses {
    last_writer: Option<NodeId>,
    readers: Vec<NodeId>,
}

impl StateOrder {
    /// Takes the next node in id order and answers which nodes it must wait for.
    pub(super) fn visit(&mut self, graph: &Graph, node: &Node) -> Vec<NodeId> {
        let mut waits = Vec::new();
        match node.op().kind().effect {
            Effect::Variable => self.declare(node),
            Effect::Reads | Effect::Inspects => {
                for var in self.touched(graph, node) {
                    let access = &mut self.accesses[var];
                    waits.extend(access.last_writer);
                    access.readers.push(node.id());
                }
            }
            Effect::Writes => {
                self.writes = true;
                for var in self.touched(graph, node) {
                    let access = &mut self.accesses[var];
                    waits.extend(access.last_writer);
                    waits.append(&mut access.readers);
                    access.last_writer = Some(node.id());
                }
            }
            Effect::Outside => waits.extend(self.outside.replace(node.id())),
            Effect::Pure | Effect::Fed | Effect::Random => {}
        }
        self.pass_on(node);
        waits
    }

    /// The variable that a reference refers to, if it can be traced.
    pub(super) fn variable(&self, id: OutputId) -> Option<usize> {
        self.of.get(&id).copied()
    }

    /// Whether a read at this place sees what the run found at its start.
    pub(super) fn is_unwritten(&self, var: usize) -> bool {
        self.accesses[var].last_writer.is_none()
    }

    fn declare(&mut self, node: &Node) {
        let key = identity(node);
        let known = self.vars.iter().position(|(have, _)| *have == key);
        let var = known.unwrap_or_else(|| {
            self.vars.push((key, node.id()));
            self.accesses.push(Accesses::default());
            self.vars.len() - 1
        });
        self.of.insert(OutputId { node: node.id(), slot: 0 }, var);
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

    /// A reference that a node passes on is that of its first input; a merge passes on any of its inputs.
    fn pass_on(&mut self, node: &Node) {
        let Some(var) = node.inputs().first().and_then(|id| self.variable(*id)) else { return };
        if node.op().kind().flow == Flow::Merge && node.inputs().iter().any(|id| self.variable(*id) != Some(var)) {
            return;
        }
        for (slot, fact) in node.outputs().iter().enumerate() {
            if fact.is_variable() {
                self.of.insert(OutputId { node: node.id(), slot: slot as u32 }, var);
            }
        }
    }
}

/// A variable is (container, shared name or else node name), not the node.
fn identity(node: &Node) -> Arc<str> {
    let text = |want: &str| {
        let attrs = node.op().attrs();
        attrs.into_iter().find_map(|(name, value)| match value {
            AttrValue::Str(bytes) if name == want => Some(String::from_utf8_lossy(&bytes).into_owned()),
            _ => None,
        })
    };
    let container = text("container").unwrap_or_default();
    let shared = text("shared_name").filter(|name| !name.is_empty());
    let name = shared.unwrap_or_else(|| node.name().to_owned());
    if container.is_empty() { name.into() } else { format!("{container}/{name}").into() }
}
