//! Functional rebuild, never surgery: walk the nodes of a plan in order, offer each to a rule, else copy it.
//!
//! Nothing is done twice that need not be. Up to the first change the new graph would be the old one, so there is none
//! before it; and a copy whose inputs are known as before is not inferred again.

use std::sync::Arc;

use smallvec::{SmallVec, smallvec};

use super::PlanGraph;
use super::branches::Branches;
use super::survey::Survey;
use crate::error::Result;
use crate::graph::{Effect, Fact, Flow, Graph, Naming, Node, NodeId, Op, OutputId, check_limits_at};

/// What a rule made of a node: where each of its outputs is in the new graph.
pub(super) type Outputs = SmallVec<[OutputId; 1]>;

/// Stands for a node, or an output of it, that the new graph does not have.
const NOWHERE: OutputId = OutputId { node: NodeId(u32::MAX), slot: 0 };

/// A new plan graph under way.
pub(super) struct Rebuild<'a> {
    old: &'a PlanGraph,
    survey: Survey,
    /// The old node that is looked at.
    at: usize,
    /// None as long as nothing has changed; ids are then those of the old graph.
    new: Option<New>,
    /// What each new node hangs on.
    branches: Branches,
}

/// A graph that is not the old one.
struct New {
    graph: Graph,
    origins: Vec<(u64, u32)>,
    /// Where each old output is, by its place.
    map: Vec<OutputId>,
    /// For each old node so far the new node to wait for.
    nodes: Vec<NodeId>,
    /// For each old node so far whether the same is known of its outputs as before.
    is_as_before: Vec<bool>,
    /// For each new node whether its values may be known: it depends on constants alone.
    may_be_constant: Vec<bool>,
}

/// Rebuilds a plan by a rule, without what nobody needs.
///
/// What is not needed after it is left to the next pass.
pub(super) fn rebuild(
    old: PlanGraph,
    mut rule: impl FnMut(&mut Rebuild<'_>, &Node) -> Result<Option<Outputs>>,
) -> Result<PlanGraph> {
    let survey = Survey::of(&old)?;
    rebuild_needed(old, survey, |cx, node| {
        let outputs = if may_change(node) { rule(cx, node)? } else { None };
        Ok(outputs.filter(|outputs| !cx.loses_branch(node, outputs) && cx.is_skipped_alike(node, outputs)))
    })
}

/// Leaves out what neither fetches nor targets need; feeds stay.
pub(super) fn prune(plan: PlanGraph) -> Result<PlanGraph> {
    rebuild(plan, |_, _| Ok(None))
}

/// As [`rebuild`], where it is known what is needed, by a rule that knows what it may do.
pub(super) fn rebuild_needed(
    old: PlanGraph,
    survey: Survey,
    mut rule: impl FnMut(&mut Rebuild<'_>, &Node) -> Result<Option<Outputs>>,
) -> Result<PlanGraph> {
    let needs_all = survey.needs_all();
    let mut rebuild = Rebuild { old: &old, survey, at: 0, new: None, branches: Branches::default() };
    if !needs_all {
        rebuild.begin()?;
    }
    for node in old.graph.nodes() {
        rebuild.at = node.id().index();
        check_limits_at(rebuild.at)?;
        if !rebuild.survey.is_needed[rebuild.at] {
            rebuild.place(node, &Outputs::new(), NOWHERE.node, true)?;
            continue;
        }
        match rule(&mut rebuild, node)? {
            Some(outputs) => rebuild.stand_in(node, &outputs)?,
            None => rebuild.copy(node)?,
        }
    }
    match rebuild.new.take() {
        Some(new) => Ok(new.finish(&old, &rebuild.survey)),
        None => Ok(old),
    }
}

/// Rules change pure nodes that wait for nobody.
pub(super) fn may_change(node: &Node) -> bool {
    node.op().kind().effect == Effect::Pure && node.control_inputs().is_empty()
}

impl Rebuild<'_> {
    /// Whether a stand-in would let those run that wait for the taken branch: a switch runs whichever is taken.
    fn loses_branch(&self, node: &Node, outputs: &Outputs) -> bool {
        let is_switch = |id: &OutputId| self.graph().node(id.node).op().kind().flow == Flow::Switch;
        self.survey.is_waited_for[node.id().index()] && outputs.iter().any(is_switch)
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
        self.new.as_ref().map_or(old, |new| new.map[self.survey.place(old)])
    }

    /// Where the inputs of an old node are in the new graph.
    pub(super) fn inputs(&self, node: &Node) -> SmallVec<[OutputId; 2]> {
        node.inputs().iter().map(|id| self.output(*id)).collect()
    }

    /// The new graph so far.
    pub(super) fn graph(&self) -> &Graph {
        self.new.as_ref().map_or(&self.old.graph, |new| &new.graph)
    }

    /// What is known of a new output.
    pub(super) fn fact(&self, new: OutputId) -> &Fact {
        &self.graph().node(new.node).outputs()[new.slot as usize]
    }

    /// What a copy of an old node would have as outputs.
    ///
    /// # Errors
    /// Those of the op's rule.
    pub(super) fn outputs_of(&self, node: &Node) -> Result<SmallVec<[Fact; 1]>> {
        match &self.new {
            Some(new) if !new.knows_inputs(node) => new.graph.outputs_on(node, &self.inputs(node)),
            _ => Ok(node.outputs().into()),
        }
    }

    /// Whether the same is known of a node's inputs as in the old graph.
    pub(super) fn knows_inputs(&self, node: &Node) -> bool {
        self.new.as_ref().is_none_or(|new| new.knows_inputs(node))
    }

    /// The graph that the nodes are of.
    pub(super) fn old_graph(&self) -> &Graph {
        &self.old.graph
    }

    /// How often an old output is used, fetches included.
    pub(super) fn uses(&self, old: OutputId) -> u32 {
        self.survey.uses(old)
    }

    /// Adds a node that stands for `node`, with its name, line and random stream.
    pub(super) fn push(&mut self, node: &Node, op: Arc<dyn Op>, inputs: SmallVec<[OutputId; 2]>) -> Result<Outputs> {
        let origin = self.old.origins[node.id().index()];
        let new = self.begin()?;
        let id = new.graph.push(op, inputs, &[], Naming::Kept(node.name_arc()), node.location())?.id();
        new.origins.push(origin);
        self.note(id);
        let n = self.graph().node(id).outputs().len() as u32;
        Ok((0..n).map(|slot| OutputId { node: id, slot }).collect())
    }

    /// The new output under the name of the old one.
    pub(super) fn replace(&self, new: OutputId) -> Option<Outputs> {
        Some(smallvec![new])
    }

    /// The new graph, which begins with a copy of the nodes so far. They have the same ids there: else there would be a
    /// new graph already.
    fn begin(&mut self) -> Result<&mut New> {
        let Rebuild { old, survey, at, new, .. } = self;
        if new.is_none() {
            let mut begun = New::of(old, survey);
            for node in old.graph.nodes().take(*at) {
                begun.graph.push_copy(node, node.inputs().into(), node.control_inputs().into())?;
                begun.note(node.id());
                begun.origins.push(old.origins[node.id().index()]);
                begun.place(survey, node, None, node.id(), true);
            }
            *new = Some(begun);
        }
        Ok(new.as_mut().expect("the new graph has just begun"))
    }

    /// Says what there is to say of a node that was added.
    fn note(&mut self, id: NodeId) {
        let Rebuild { old, new, branches, .. } = self;
        let graph = match new {
            Some(new) => {
                new.note(id);
                &new.graph
            }
            None => &old.graph,
        };
        branches.add(graph.node(id));
    }

    /// Says where the outputs of an old node are. Waiting for a pure node means waiting for the effects above it, which
    /// its stand-in depends on too.
    fn place(&mut self, node: &Node, outputs: &Outputs, wait: NodeId, is_as_before: bool) -> Result<()> {
        self.begin()?;
        if let Some(new) = &mut self.new {
            new.place(&self.survey, node, Some(outputs), wait, is_as_before);
        }
        Ok(())
    }

    fn stand_in(&mut self, node: &Node, outputs: &Outputs) -> Result<()> {
        let wait = outputs.first().map_or(NOWHERE.node, |output| output.node);
        self.begin()?;
        let is_as_before = self.new.as_ref().is_some_and(|new| new.is_same(node, outputs));
        self.place(node, outputs, wait, is_as_before)
    }

    fn copy(&mut self, node: &Node) -> Result<()> {
        let inputs = self.inputs(node);
        let Some(new) = &mut self.new else {
            self.note(node.id());
            return Ok(());
        };
        let waits = node.control_inputs().iter().map(|id| new.nodes[id.index()]);
        let control: SmallVec<[NodeId; 4]> = waits.filter(|id| *id != NOWHERE.node).collect();
        let is_known = new.knows_inputs(node);
        let id = match is_known {
            true => new.graph.push_copy(node, inputs, control)?,
            false => {
                let naming = Naming::Kept(node.name_arc());
                new.graph.push(node.op_arc().clone(), inputs, &control, naming, node.location())?.id()
            }
        };
        new.origins.push(self.old.origins[node.id().index()]);
        self.note(id);
        let outputs = (0..node.outputs().len() as u32).map(|slot| OutputId { node: id, slot }).collect();
        let is_as_before = is_known || self.new.as_ref().is_some_and(|new| new.is_same(node, &outputs));
        self.place(node, &outputs, id, is_as_before)
    }
}

impl New {
    fn of(old: &PlanGraph, survey: &Survey) -> New {
        let n = old.graph.len();
        New {
            graph: Graph::new(),
            origins: Vec::with_capacity(n),
            map: Vec::with_capacity(survey.n_outputs()),
            nodes: Vec::with_capacity(n),
            is_as_before: Vec::with_capacity(n),
            may_be_constant: Vec::with_capacity(n),
        }
    }

    /// Whether the same is known of a node's inputs as in the old graph: facts, and values of constants.
    fn knows_inputs(&self, node: &Node) -> bool {
        node.inputs().iter().all(|id| self.is_as_before[id.node.index()])
    }

    /// Whether the same is known of outputs as of those of an old node, their values included.
    fn is_same(&self, node: &Node, outputs: &Outputs) -> bool {
        let same = |(id, before): (&OutputId, &Fact)| {
            let fact = &self.graph.node(id.node).outputs()[id.slot as usize];
            fact == before && !self.may_be_constant[id.node.index()]
        };
        outputs.len() == node.outputs().len() && outputs.iter().zip(node.outputs()).all(same)
    }

    /// Says of a node that was added whether it depends on constants alone.
    fn note(&mut self, id: NodeId) {
        let node = self.graph.node(id);
        let is_pure = node.op().kind().effect == Effect::Pure;
        let may_be_constant = is_pure && node.inputs().iter().all(|input| self.may_be_constant[input.node.index()]);
        self.may_be_constant.push(may_be_constant);
    }

    /// Says where the outputs of an old node are: where they were, or where `outputs` says.
    fn place(&mut self, survey: &Survey, node: &Node, outputs: Option<&Outputs>, wait: NodeId, is_as_before: bool) {
        debug_assert_eq!(self.map.len(), survey.place(OutputId { node: node.id(), slot: 0 }), "nodes come in order");
        let at = |slot: u32| match outputs {
            None => OutputId { node: node.id(), slot },
            Some(outputs) => outputs.get(slot as usize).copied().unwrap_or(NOWHERE),
        };
        self.map.extend((0..node.outputs().len() as u32).map(at));
        self.nodes.push(wait);
        self.is_as_before.push(is_as_before);
    }

    fn finish(self, old: &PlanGraph, survey: &Survey) -> PlanGraph {
        let outputs = |ids: &[OutputId]| ids.iter().map(|id| self.map[survey.place(*id)]).collect();
        let (feeds, fetches) = (outputs(&old.feeds), outputs(&old.fetches));
        let waits = old.targets.iter().map(|id| self.nodes[id.index()]);
        let targets = waits.filter(|id| *id != NOWHERE.node).collect();
        PlanGraph { feeds, fetches, targets, graph: self.graph, origins: self.origins }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::dtype::DType;
    use crate::graph::{InferCx, OpKind, RunCx, Tensor};
    use crate::optimize::{Passes, Request, plan_graph};
    use crate::shape;

    thread_local! {
        static INFERRED: Cell<usize> = const { Cell::new(0) };
    }

    /// Counts how often it is asked what it makes.
    #[derive(Debug)]
    struct Counted;

    static COUNTED: OpKind = OpKind::custom("Counted", "x: float32 -> y: float32");

    impl Op for Counted {
        fn kind(&self) -> &'static OpKind {
            &COUNTED
        }

        fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
            INFERRED.set(INFERRED.get() + 1);
            cx.output_like(0);
            Ok(())
        }

        fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
            let x = cx.take(0);
            cx.output(0, x);
            Ok(())
        }
    }

    fn plan(x: &Tensor, fetches: &[&Tensor], passes: &Passes) -> PlanGraph {
        let fetches = fetches.iter().map(|tensor| tensor.id()).collect();
        let request = Request { feeds: vec![x.id()], fetches, ..Request::default() };
        plan_graph(x.graph(), &request, passes).unwrap()
    }

    fn fed() -> Tensor {
        Graph::new().placeholder(DType::F32, shape![?, 3]).unwrap()
    }

    #[test]
    fn a_pass_that_changes_nothing_makes_no_graph() {
        let x = fed();
        let old = plan(&x, &[&x.tanh().unwrap().exp().unwrap()], &Passes::none());
        let id = old.graph.id();
        assert_eq!(rebuild(old, |_, _| Ok(None)).unwrap().graph.id(), id);
    }

    /// One inference makes the plan's facts; a pass that changes what is before or behind a node makes none.
    #[test]
    fn a_copy_is_not_inferred_again_where_its_inputs_are_known_as_before() {
        let x = fed();
        let g = x.graph();
        let before = x.identity().unwrap();
        let counted = g.apply_one(Counted, &[&before]).unwrap();
        let sizes = counted.shape_tensor().unwrap().index(1).unwrap();
        let fused = counted.tanh().unwrap().exp().unwrap();
        INFERRED.set(0);
        let made = plan(&x, &[&fused, &sizes], &Passes::default());
        assert_eq!(INFERRED.get(), 1);
        let ops: Vec<_> = made.graph.nodes().map(|node| node.op().kind().name).collect();
        assert_eq!(ops, ["_Arg", "Counted", "Const", "_Fused"]);
    }

    /// What folding finds out is used by those who ask for it: the target of a reshape becomes known.
    #[test]
    fn a_copy_is_inferred_again_where_more_is_known_of_its_inputs() {
        let g = Graph::new();
        let x = g.placeholder(DType::F32, shape![4, 3]).unwrap();
        let count = x.shape_tensor().unwrap().cast(DType::F32).unwrap().reduce_prod(()).unwrap();
        let target = count.cast(DType::I32).unwrap().reshape([1]).unwrap();
        let y = g.placeholder(DType::F32, shape![?, ?]).unwrap().reshape(&target).unwrap();
        let placeholder = g.node(NodeId(y.node().inputs()[0].node.0)).id();
        let feeds = vec![x.id(), OutputId { node: placeholder, slot: 0 }];
        let request = Request { feeds, fetches: vec![y.id()], ..Request::default() };
        let made = plan_graph(&g, &request, &Passes::default()).unwrap();
        assert_eq!(made.graph.fact(made.fetches[0]).shape.to_string(), "(12,)");
    }

    #[test]
    fn what_nobody_needs_is_left_out_and_feeds_stay() {
        let x = fed();
        let mut old = plan(&x, &[&x.tanh().unwrap().exp().unwrap()], &Passes::none());
        old.fetches = vec![OutputId { node: NodeId(1), slot: 0 }];
        let dump = |plan: &PlanGraph| plan.graph.nodes().map(|node| node.op().kind().name).collect::<Vec<_>>();
        let pruned = prune(old).unwrap();
        assert_eq!((dump(&pruned), pruned.origins.len()), (vec!["_Arg", "Tanh"], 2));
        let mut unused = pruned;
        unused.fetches = unused.feeds.clone();
        assert_eq!(dump(&prune(unused).unwrap()), ["_Arg"]);
    }
}
