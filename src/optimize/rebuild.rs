//! Functional rebuild, never surgery: walk the nodes of a plan in order, offer each to a rule, else copy it.

use std::sync::Arc;

use smallvec::{SmallVec, smallvec};

use super::PlanGraph;
use super::branches::Branches;
use crate::error::Result;
use crate::graph::{Effect, Fact, Flow, Graph, Naming, Node, NodeId, Op, OutputId};

/// What a rule made of a node: where each of its outputs is in the new graph.
pub(super) type Outputs = SmallVec<[OutputId; 1]>;

/// A new plan graph under way.
pub(super) struct Rebuild<'a> {
    old: &'a PlanGraph,
    new: Graph,
    /// For each old node where its outputs are.
    map: Vec<Outputs>,
    /// For each old node the new node to wait for; none where it is not needed.
    nodes: Vec<Option<NodeId>>,
    origins: Vec<(u64, u32)>,
    /// For each new node the old one that it stands for.
    stands_for: Vec<NodeId>,
    /// How often each output is used, fetches included, by old node and slot.
    uses: Vec<SmallVec<[u32; 1]>>,
    /// Whether others wait for a node.
    is_waited_for: Vec<bool>,
    /// What each new node hangs on.
    branches: Branches,
}

/// Rebuilds a plan by a rule, and then leaves out what nobody needs any more.
pub(super) fn rebuild(
    old: PlanGraph,
    mut rule: impl FnMut(&mut Rebuild<'_>, &Node) -> Result<Option<Outputs>>,
) -> Result<PlanGraph> {
    let mut rebuild = Rebuild::new(&old);
    for node in old.graph.nodes() {
        let outputs = match may_change(node) {
            true => rule(&mut rebuild, node)?,
            false => None,
        };
        match outputs {
            Some(outputs) if !rebuild.loses_branch(node, &outputs) && rebuild.is_skipped_alike(node, &outputs) => {
                // Waiting for a pure node means waiting for the effects above it, which its stand-in depends on too.
                rebuild.nodes.push(outputs.first().map(|output| output.node));
                rebuild.map.push(outputs);
            }
            _ => rebuild.copy(node)?,
        }
    }
    rebuild.finish()
}

/// Rules see pure nodes that wait for nobody.
fn may_change(node: &Node) -> bool {
    node.op().kind().effect == Effect::Pure && node.control_inputs().is_empty()
}

impl<'a> Rebuild<'a> {
    fn new(old: &'a PlanGraph) -> Rebuild<'a> {
        let n = old.graph.len();
        Rebuild {
            old,
            new: Graph::new(),
            map: Vec::with_capacity(n),
            nodes: Vec::with_capacity(n),
            origins: Vec::with_capacity(n),
            stands_for: Vec::with_capacity(n),
            uses: count_uses(old),
            is_waited_for: waited_for(old),
            branches: Branches::default(),
        }
    }

    /// Whether a stand-in would let those run that wait for the taken branch: a switch runs whichever is taken.
    fn loses_branch(&self, node: &Node, outputs: &Outputs) -> bool {
        let is_switch = |id: &OutputId| self.new.node(id.node).op().kind().flow == Flow::Switch;
        self.is_waited_for[node.id().index()] && outputs.iter().any(is_switch)
    }

    /// Whether a stand-in is skipped just when the node is: a constant that stands for a node behind a switch would
    /// have a value where the branch was not taken, and a merge would take it.
    fn is_skipped_alike(&mut self, node: &Node, outputs: &Outputs) -> bool {
        if node.op().kind().flow != Flow::Plain {
            return true; // Another such node with the same inputs.
        }
        let inputs = self.inputs(node);
        let behind = self.branches.behind(inputs.into_iter(), node);
        outputs.iter().all(|output| self.branches.of(*output) == behind)
    }

    /// Where an old output is in the new graph.
    pub(super) fn output(&self, old: OutputId) -> OutputId {
        self.map[old.node.index()][old.slot as usize]
    }

    /// Where the inputs of an old node are in the new graph.
    pub(super) fn inputs(&self, node: &Node) -> SmallVec<[OutputId; 2]> {
        node.inputs().iter().map(|id| self.output(*id)).collect()
    }

    /// The new graph so far.
    pub(super) fn graph(&self) -> &Graph {
        &self.new
    }

    /// What is known of a new output.
    pub(super) fn fact(&self, new: OutputId) -> &Fact {
        &self.new.node(new.node).outputs()[new.slot as usize]
    }

    /// How often an old output is used, fetches included.
    pub(super) fn uses(&self, old: OutputId) -> u32 {
        self.uses[old.node.index()][old.slot as usize]
    }

    /// How often the old output is used that a new one stands for; only for rules that make one node of each old one.
    pub(super) fn uses_of_new(&self, new: OutputId) -> u32 {
        self.uses(OutputId { node: self.stands_for[new.node.index()], slot: new.slot })
    }

    /// Adds a node that stands for `node`, with its name, line and random stream.
    pub(super) fn push(&mut self, node: &Node, op: Arc<dyn Op>, inputs: SmallVec<[OutputId; 2]>) -> Result<Outputs> {
        let pushed = self.new.push(op, inputs, &[], Naming::Kept(node.name_arc()), node.location())?;
        self.branches.add(pushed.node());
        self.remember(node);
        let n = pushed.node().outputs().len() as u32;
        Ok((0..n).map(|slot| OutputId { node: pushed.id(), slot }).collect())
    }

    fn remember(&mut self, node: &Node) {
        self.origins.push(self.old.origins[node.id().index()]);
        self.stands_for.push(node.id());
    }

    /// The new output under the name of the old one.
    pub(super) fn replace(&self, new: OutputId) -> Option<Outputs> {
        Some(smallvec![new])
    }

    fn copy(&mut self, node: &Node) -> Result<()> {
        let inputs = self.inputs(node);
        let control: SmallVec<[NodeId; 4]> =
            node.control_inputs().iter().filter_map(|id| self.nodes[id.index()]).collect();
        let naming = Naming::Kept(node.name_arc());
        let copied = self.new.push(node.op_arc().clone(), inputs, &control, naming, node.location())?;
        self.branches.add(copied.node());
        self.remember(node);
        let n = node.outputs().len() as u32;
        self.map.push((0..n).map(|slot| OutputId { node: copied.id(), slot }).collect());
        self.nodes.push(Some(copied.id()));
        Ok(())
    }

    fn finish(self) -> Result<PlanGraph> {
        let outputs = |ids: &[OutputId]| ids.iter().map(|id| self.output(*id)).collect();
        let (feeds, fetches) = (outputs(&self.old.feeds), outputs(&self.old.fetches));
        let targets = self.old.targets.iter().filter_map(|id| self.nodes[id.index()]).collect();
        prune(PlanGraph { feeds, fetches, targets, graph: self.new, origins: self.origins })
    }
}

fn waited_for(plan: &PlanGraph) -> Vec<bool> {
    let mut waited_for = vec![false; plan.graph.len()];
    plan.graph.nodes().flat_map(Node::control_inputs).for_each(|id| waited_for[id.index()] = true);
    plan.targets.iter().for_each(|id| waited_for[id.index()] = true);
    waited_for
}

fn count_uses(plan: &PlanGraph) -> Vec<SmallVec<[u32; 1]>> {
    let mut uses: Vec<SmallVec<[u32; 1]>> = plan.graph.nodes().map(|node| smallvec![0; node.outputs().len()]).collect();
    let inputs = plan.graph.nodes().flat_map(|node| node.inputs().iter());
    for id in inputs.chain(&plan.fetches) {
        uses[id.node.index()][id.slot as usize] += 1;
    }
    uses
}

/// Leaves out what neither fetches nor targets need; feeds stay.
fn prune(plan: PlanGraph) -> Result<PlanGraph> {
    let n = plan.graph.len();
    let mut needed = vec![false; n];
    plan.feeds.iter().chain(&plan.fetches).for_each(|id| needed[id.node.index()] = true);
    plan.targets.iter().for_each(|id| needed[id.index()] = true);
    for node in plan.graph.nodes().rev() {
        if needed[node.id().index()] {
            node.inputs().iter().for_each(|id| needed[id.node.index()] = true);
            node.control_inputs().iter().for_each(|id| needed[id.index()] = true);
        }
    }
    if needed.iter().all(|needed| *needed) {
        return Ok(plan);
    }
    let mut rebuild = Rebuild::new(&plan);
    for node in plan.graph.nodes() {
        if needed[node.id().index()] {
            rebuild.copy(node)?;
        } else {
            rebuild.map.push(SmallVec::new());
            rebuild.nodes.push(None);
        }
    }
    let outputs = |ids: &[OutputId]| ids.iter().map(|id| rebuild.output(*id)).collect();
    let (feeds, fetches) = (outputs(&plan.feeds), outputs(&plan.fetches));
    let targets = plan.targets.iter().filter_map(|id| rebuild.nodes[id.index()]).collect();
    Ok(PlanGraph { feeds, fetches, targets, graph: rebuild.new, origins: rebuild.origins })
}
