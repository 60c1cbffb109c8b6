//! Prunes a graph to one request, and infers it again with its feeds as unknown values.
//!
//! Feeding a constant makes everything false that was derived from its value while the graph was built; so a plan is a
//! fresh graph, whose facts hold for this request.

use std::collections::HashMap;
use std::sync::Arc;

use smallvec::{SmallVec, smallvec};

use super::needs::{Needs, Part};
use super::unfed::{check_all_fed, takes_in};
use crate::error::Result;
use crate::graph::feed::{BuiltInBodies, Unfed};
use crate::graph::{Graph, Naming, Node, NodeId, Op, OutputId, Role};
use crate::ops::array::{EnsureShape, Placeholder};
use crate::ops::state::ReadVariable;
use crate::ops::state::alias::{Later, ReadAlias, Stored, chain, read_again, shown_again};
use crate::shape::Shape;

/// What one call of a session asks for. Ids are of the user's graph; feeds are sorted.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Request {
    /// Tensors whose values come from the caller.
    pub feeds: Vec<OutputId>,
    /// Tensors whose values the caller wants.
    pub fetches: Vec<OutputId>,
    /// Nodes that must run.
    pub targets: Vec<NodeId>,
    /// Whether this is what a call of a body asks for: references to variables are then given back as references.
    pub of_body: bool,
    /// Whether that is the body of a loop, whose results are its next arguments.
    pub of_loop: bool,
}

/// A graph made for one request.
#[derive(Debug)]
pub struct PlanGraph {
    /// The nodes, in an order that respects the user's.
    pub graph: Graph,
    /// The node that stands for each feed.
    pub feeds: Vec<OutputId>,
    /// Where the value of each fetch is.
    pub fetches: Vec<OutputId>,
    /// Nodes that must run.
    pub targets: Vec<NodeId>,
    /// For each node the graph and node that it came from: random streams belong to it.
    pub origins: Vec<(u64, u32)>,
}

/// Copies what the request needs.
///
/// # Errors
/// `MissingFeed`, naming every placeholder that is needed and not fed; what the rules refuse.
pub(super) fn specialize(source: &Graph, request: &Request) -> Result<PlanGraph> {
    let mut needs = Needs::of(source, request)?;
    if !request.of_body {
        check_all_fed(source, request, &needs)?;
    }
    let parts = std::mem::take(&mut needs.parts);
    let mut copy = Copy::new(source, request, parts)?;
    copy.writes = needs.nodes().any(|id| source.node(id).has_effects());
    for id in needs.nodes() {
        copy.node(source.node(id))?;
    }
    copy.finish()
}

/// A copy under way.
struct Copy<'a> {
    source: &'a Graph,
    request: &'a Request,
    graph: Graph,
    /// Whether the run may write variables.
    writes: bool,
    /// For each node of the source one more than the id of its copy; 0 for nodes that were not copied.
    nodes: Vec<u32>,
    /// The node that stands for a fed tensor, or that checks what `set_shape` claimed of a tensor.
    stand_ins: HashMap<OutputId, OutputId>,
    /// For each node of the source whether any of its outputs has a stand-in.
    has_stand_in: Vec<bool>,
    /// What stands for placeholders that are not fed where bodies take them in. For other users a node is made that
    /// fails when it runs.
    unfed: HashMap<OutputId, OutputId>,
    /// What is kept of loops and branches of which not all is.
    parts: HashMap<NodeId, Part>,
    feeds: Vec<OutputId>,
    origins: Vec<(u64, u32)>,
}

impl<'a> Copy<'a> {
    fn new(source: &'a Graph, request: &'a Request, parts: HashMap<NodeId, Part>) -> Result<Copy<'a>> {
        let graph = Graph::new();
        let mut copy = Copy {
            source,
            request,
            graph,
            writes: false,
            nodes: vec![0; source.len()],
            stand_ins: HashMap::new(),
            has_stand_in: vec![false; source.len()],
            unfed: HashMap::new(),
            parts,
            feeds: Vec::new(),
            origins: Vec::new(),
        };
        for id in &request.feeds {
            let node = source.node(id.node);
            let stand_in = copy.graph.feed_node(&source.fact(*id), node.name_arc())?.id;
            copy.origins.push((source.id(), id.node.0));
            copy.feeds.push(stand_in);
            match source.fact(*id).role {
                Role::Unfed => drop(copy.unfed.insert(*id, stand_in)),
                _ => copy.put_stand_in(*id, stand_in),
            }
        }
        Ok(copy)
    }

    fn output(&self, id: OutputId) -> OutputId {
        if self.has_stand_in[id.node.index()]
            && let Some(stand_in) = self.stand_ins.get(&id)
        {
            return *stand_in;
        }
        self.unchecked(id)
    }

    /// The output in the copy itself, whatever stands for it.
    fn unchecked(&self, id: OutputId) -> OutputId {
        let node = self.copied(id.node).expect("what a copy needs is copied before");
        OutputId { node, slot: self.slot(id) }
    }

    /// The copy of a node.
    fn copied(&self, id: NodeId) -> Option<NodeId> {
        self.nodes[id.index()].checked_sub(1).map(NodeId)
    }

    /// A fed tensor keeps its stand-in, whatever was claimed of it.
    fn put_stand_in(&mut self, id: OutputId, stand_in: OutputId) {
        self.has_stand_in[id.node.index()] = true;
        self.stand_ins.entry(id).or_insert(stand_in);
    }

    /// The slot in the copy of a kept output.
    fn slot(&self, id: OutputId) -> u32 {
        match self.parts.get(&id.node) {
            Some(part) => part.outputs.partition_point(|slot| *slot < id.slot as usize) as u32,
            None => id.slot,
        }
    }

    fn is_kept(&self, id: OutputId) -> bool {
        self.parts.get(&id.node).is_none_or(|part| part.outputs.binary_search(&(id.slot as usize)).is_ok())
    }

    fn node(&mut self, node: &Node) -> Result<()> {
        if self.is_unfed(node) {
            return self.leave_unfed(node);
        }
        if let Some(chosen) = Later::chosen(node, |id| self.is_fed(id)) {
            return self.later(node, chosen);
        }
        let inputs = self.inputs(node)?;
        let op = match self.parts.get(&node.id()) {
            Some(part) => part.op(node)?,
            None => node.op_arc().clone(),
        };
        let control: SmallVec<[NodeId; 4]> = node.control_inputs().iter().filter_map(|id| self.copied(*id)).collect();
        let naming = Naming::Kept(node.name_arc());
        let copied = self.graph.push(op, inputs, &control, naming, node.location())?;
        self.nodes[node.id().index()] = copied.id().0 + 1;
        self.origins.push((self.source.id(), node.id().0));
        self.check_claims(node)
    }

    /// An alias at a later place: what it shows there, or what is fed for it.
    fn later(&mut self, node: &Node, chosen: OutputId) -> Result<()> {
        let shown = match (node.outputs().first().map(|fact| fact.role), self.output(chosen)) {
            (Some(Role::Ref), shown) if self.graph.fact(shown).role == Role::Value => {
                self.push(node, Arc::new(Stored), shown, &[])?
            }
            (_, shown) => shown,
        };
        self.put_stand_in(OutputId { node: node.id(), slot: 0 }, shown);
        Ok(())
    }

    fn is_fed(&self, id: &OutputId) -> bool {
        self.request.feeds.binary_search(id).is_ok()
    }

    fn inputs(&mut self, node: &Node) -> Result<SmallVec<[OutputId; 2]>> {
        let kept = self.parts.get(&node.id()).map(|part| part.inputs.clone());
        let kept = kept.unwrap_or_else(|| (0..node.inputs().len()).collect());
        kept.into_iter().map(|i| self.input(node, i)).collect()
    }

    /// What stands for input `i`: of a placeholder that is not fed what bodies take in, if that is all the node does.
    fn input(&mut self, node: &Node, i: usize) -> Result<OutputId> {
        let id = node.inputs()[i];
        match self.unfed.get(&id) {
            Some(unfed) if takes_in(node, i) => Ok(*unfed),
            _ => self.asked(id),
        }
    }

    /// As [`Copy::output`], for a user that fails where the tensor is a placeholder that is not fed.
    fn asked(&mut self, id: OutputId) -> Result<OutputId> {
        if self.unfed.contains_key(&id) && !self.stand_ins.contains_key(&id) {
            let (node, fact) = (self.source.node(id.node), self.source.fact(id));
            let op = match node.op_as::<Placeholder>() {
                Some(op) => op.clone(),
                None => Placeholder { dtype: fact.dtype, shape: Shape::unknown() },
            };
            let naming = Naming::Kept(node.name_arc());
            let failing = self.graph.push(Arc::new(op), SmallVec::new(), &[], naming, node.location())?;
            self.origins.push((self.source.id(), id.node.0));
            self.put_stand_in(id, OutputId { node: failing.id(), slot: 0 });
        }
        Ok(self.output(id))
    }

    /// Whether a node is a placeholder that the run need not feed.
    fn is_unfed(&self, node: &Node) -> bool {
        node.op_as::<Placeholder>().is_some() && self.source.registry::<BuiltInBodies>().has(node.id())
    }

    fn leave_unfed(&mut self, node: &Node) -> Result<()> {
        let id = OutputId { node: node.id(), slot: 0 };
        let op = Arc::new(Unfed { dtype: self.source.fact(id).dtype });
        let copied = self.graph.push(op, SmallVec::new(), &[], Naming::Kept(node.name_arc()), node.location())?;
        self.nodes[node.id().index()] = copied.id().0 + 1;
        self.origins.push((self.source.id(), node.id().0));
        self.unfed.insert(id, OutputId { node: copied.id(), slot: 0 });
        Ok(())
    }

    /// Adds an op to what a node puts out, under the node's name.
    fn push(&mut self, node: &Node, op: Arc<dyn Op>, input: OutputId, control: &[NodeId]) -> Result<OutputId> {
        let naming = Naming::Kept(node.name_arc());
        let pushed = self.graph.push(op, smallvec![input], control, naming, node.location())?;
        self.origins.push((self.source.id(), node.id().0));
        Ok(OutputId { node: pushed.id(), slot: 0 })
    }

    /// What was claimed of outputs is checked where they are made, and holds for all that comes after.
    fn check_claims(&mut self, node: &Node) -> Result<()> {
        let ids = (0..node.outputs().len() as u32).map(|slot| OutputId { node: node.id(), slot });
        for id in ids {
            let is_checked = self.is_kept(id) && !node.outputs()[id.slot as usize].is_variable();
            let Some(claim) = self.source.user_claim(id).filter(|_| is_checked) else {
                continue;
            };
            let check = Arc::new(EnsureShape { shape: claim });
            let checked = self.push(node, check, self.unchecked(id), &[])?;
            self.put_stand_in(id, checked);
        }
        Ok(())
    }

    fn finish(mut self) -> Result<PlanGraph> {
        let request = self.request;
        let mut fetches = Vec::with_capacity(request.fetches.len());
        for (i, id) in request.fetches.iter().enumerate() {
            let is_passed_on = request.of_loop && request.feeds.get(i) == Some(id);
            fetches.push(match self.unfed.get(id) {
                Some(unfed) if is_passed_on => *unfed,
                _ if request.of_body => self.asked(*id)?,
                _ => self.fetch(*id)?,
            });
        }
        let targets = request.targets.iter().filter_map(|id| self.copied(*id)).collect();
        Ok(PlanGraph { fetches, targets, graph: self.graph, feeds: self.feeds, origins: self.origins })
    }

    /// Where the value of a fetch is. A TF1 reference gives the variable's value as the run leaves it, and so does what
    /// shares its buffer.
    fn fetch(&mut self, id: OutputId) -> Result<OutputId> {
        let output = self.asked(id)?;
        if self.graph.fact(output).role != Role::Ref {
            return if self.writes { self.shown_at_end(id) } else { Ok(output) };
        }
        self.push(self.source.node(id.node), Arc::new(ReadVariable), output, &[])
    }

    /// Where the value of a fetch is that may be an alias, in a run that writes.
    fn shown_at_end(&mut self, id: OutputId) -> Result<OutputId> {
        let mut shown: HashMap<OutputId, OutputId> = HashMap::new();
        let request = self.request;
        for alias in chain(self.source, id, |id| request.feeds.binary_search(id).is_ok()) {
            let node = self.source.node(alias.node);
            let again = match node.inputs() {
                [reference] if node.op_as::<ReadAlias>().is_some() => {
                    let (op, takes_alias) = read_again(self.source, node);
                    let inputs = std::iter::once(self.output(*reference));
                    let inputs = inputs.chain(takes_alias.then(|| self.unchecked(alias))).collect();
                    self.again(node, op, inputs, self.copied(alias.node).as_slice())?
                }
                [alias, ..] if node.op_as::<Later>().is_some() => {
                    shown.get(alias).copied().unwrap_or_else(|| self.output(*alias))
                }
                inputs => {
                    let inputs =
                        inputs.iter().map(|id| shown.get(id).copied().unwrap_or_else(|| self.output(*id))).collect();
                    let (op, waits) = (shown_again(node), node.control_inputs());
                    let control: SmallVec<[NodeId; 4]> = waits.iter().filter_map(|id| self.copied(*id)).collect();
                    let again = self.again(node, op, inputs, &control)?;
                    OutputId { slot: alias.slot, ..again }
                }
            };
            shown.insert(alias, again);
        }
        Ok(shown.get(&id).copied().unwrap_or_else(|| self.output(id)))
    }

    /// Shows an alias again.
    fn again(
        &mut self,
        node: &Node,
        op: Arc<dyn Op>,
        mut inputs: SmallVec<[OutputId; 2]>,
        control: &[NodeId],
    ) -> Result<OutputId> {
        if op.kind().name == "Identity" {
            inputs.truncate(1);
        }
        let naming = Naming::Kept(node.name_arc());
        let again = self.graph.push(op, inputs, control, naming, node.location())?;
        self.origins.push((self.source.id(), node.id().0));
        Ok(OutputId { node: again.id(), slot: 0 })
    }
}
