//! Which variables a graph has, and which reads of them may be shared.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::graph::{Effect, Graph, NodeId, OutputId};

/// What belongs to a variable beside its handle. Ids, never handles: the graph holds this.
#[derive(Debug)]
pub(crate) struct VariableData {
    /// The output that refers to the variable.
    pub(crate) handle: OutputId,
    /// What it is initialized with.
    pub(crate) initial: OutputId,
    /// The node that initializes it.
    pub(crate) initializer: NodeId,
    /// Whether optimizers change it.
    pub(crate) trainable: bool,
}

/// The variables of a graph.
#[derive(Default)]
pub(crate) struct Variables(Mutex<Table>);

#[derive(Default)]
struct Table {
    by_handle: HashMap<OutputId, Arc<VariableData>>,
    /// The read of each variable that later uses share.
    reads: HashMap<OutputId, OutputId>,
    /// The node that wrote each variable last, and the last one that may have written any.
    writes: HashMap<OutputId, NodeId>,
    wrote_any: Option<NodeId>,
    /// Nodes below this id were looked at for writes.
    n_scanned: usize,
}

impl Variables {
    pub(crate) fn add(&self, data: Arc<VariableData>, read: OutputId) {
        let mut table = self.0.lock();
        table.reads.insert(data.handle, read);
        table.by_handle.insert(data.handle, data);
    }

    pub(crate) fn get(&self, handle: OutputId) -> Option<Arc<VariableData>> {
        self.0.lock().by_handle.get(&handle).cloned()
    }

    /// The read that may stand for a use at the present end of the graph: nobody has written since.
    pub(crate) fn shared_read(&self, graph: &Graph, handle: OutputId) -> Option<OutputId> {
        self.scan(graph);
        let table = self.0.lock();
        let read = *table.reads.get(&handle)?;
        let last_write = table.writes.get(&handle).max(table.wrote_any.as_ref());
        last_write.is_none_or(|write| *write < read.node).then_some(read)
    }

    /// Lets later uses share a read.
    pub(crate) fn share(&self, handle: OutputId, read: OutputId) {
        self.0.lock().reads.insert(handle, read);
    }

    /// Finds the writes among the nodes that are new since the last time, however they came into the graph.
    fn scan(&self, graph: &Graph) {
        let (from, to) = (self.0.lock().n_scanned, graph.len());
        let new = (from..to).map(|i| graph.node(NodeId(i as u32)));
        let written: Vec<_> = new.flat_map(|node| written_by(graph, node.id())).collect();
        let mut table = self.0.lock();
        for (handle, node) in written {
            match handle {
                Some(handle) => drop(table.writes.insert(handle, node)),
                None => table.wrote_any = table.wrote_any.max(Some(node)),
            }
        }
        table.n_scanned = table.n_scanned.max(to);
    }
}

/// The variables that a node may write; `None` for one that cannot be traced. A node that holds a body counts as a
/// writer of what it passes in.
fn written_by(graph: &Graph, node: NodeId) -> Vec<(Option<OutputId>, NodeId)> {
    let op = graph.node(node);
    if matches!(op.op().kind().effect, Effect::Reads | Effect::Inspects) {
        return Vec::new();
    }
    let is_pass_on = op.op().kind().effect != Effect::Writes && op.outputs().iter().any(|fact| fact.is_variable());
    let is_reference = |id: &&OutputId| graph.fact(**id).is_variable() && !is_object(graph, **id);
    let references = op.inputs().iter().filter(|id| !is_pass_on && is_reference(id));
    references.map(|id| (trace(graph, *id), node)).collect()
}

/// Whether a handle is that of an object of the run, such as an array: no variable is behind it.
fn is_object(graph: &Graph, id: OutputId) -> bool {
    graph.node(id.node).op().kind().effect == Effect::Object
}

/// The variable behind a reference that ops pass on as their first input.
fn trace(graph: &Graph, mut id: OutputId) -> Option<OutputId> {
    loop {
        let node = graph.node(id.node);
        if matches!(node.op().kind().effect, Effect::Variable | Effect::Temporary) {
            return Some(id);
        }
        id = *node.inputs().first().filter(|input| graph.fact(**input).is_variable())?;
    }
}
