//! A plan: the steps of one request, frozen and packed.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use smallvec::SmallVec;

use super::order::StateOrder;
use super::parallel::Choice;
use super::run::Spare;
use super::state::SessionState;
use crate::dtype::DType;
use crate::error::{Error, ErrorKind, Result, Site, escape};
use crate::graph::{Effect, Fact, Flow, Graph, Node, NodeId, Op, OutputId, StepIo, VarHandle};
use crate::ops::array::Const;
use crate::optimize::PlanGraph;
use crate::value::Value;

/// Stands for the number of readers of a cell that steps do not free.
pub(super) const KEPT: u32 = u32::MAX;

/// One kernel call.
pub(super) struct Step {
    pub(super) op: Arc<dyn Op>,
    pub(super) io: StepIo,
    /// Inputs that may be taken when steps run in plan order: this step is their last reader.
    pub(super) take_in_order: u32,
    /// Inputs that may be taken in any legal order: this step is their only reader.
    pub(super) take_always: u32,
    /// Cells that nobody reads after this step, in plan order.
    pub(super) frees: SmallVec<[u32; 2]>,
    /// Steps that wait for this one.
    pub(super) successors: SmallVec<[u32; 2]>,
    /// How many steps this one waits for.
    pub(super) n_waits: u32,
    pub(super) node: NodeId,
    /// What it makes of inputs without a value.
    pub(super) flow: Flow,
    /// Whether there may be such inputs, or steps among `may_skip` that did not run.
    pub(super) may_die: bool,
    /// Steps without which this one does not run either.
    pub(super) may_skip: SmallVec<[u32; 1]>,
}

/// A value that the session's variable had when the run began.
pub(super) struct Preload {
    /// The variable, as an index into [`Plan::vars`].
    pub(super) var: usize,
    pub(super) slot: u32,
    pub(super) node: NodeId,
}

/// A variable that the plan touches.
pub(super) struct PlanVar {
    /// Its place in the session's table.
    pub(super) index: usize,
    pub(super) name: Arc<str>,
}

/// The steps of one request, with everything decided that does not depend on the numbers.
pub struct Plan {
    pub(super) graph: Graph,
    pub(super) steps: Vec<Step>,
    pub(super) n_slots: usize,
    /// The cell and the facts of each feed.
    pub(super) feeds: Vec<(u32, Fact)>,
    feed_names: Vec<String>,
    /// Places (feed, axis) that have the same named dim.
    same_dims: Vec<((usize, usize), (usize, usize))>,
    /// The cell of each fetch, and whether its value is moved out: nobody needs it after this.
    pub(super) fetches: Vec<(u32, bool)>,
    /// Cells that hold the same value in every run.
    pub(super) constants: Vec<(u32, Value)>,
    pub(super) preloads: Vec<Preload>,
    pub(super) vars: Vec<PlanVar>,
    /// Whether steps, and not only preloads, touch variables.
    pub(super) has_state_steps: bool,
    pub(super) writes: bool,
    /// How many steps read each cell; [`KEPT`] for cells that no step frees.
    pub(super) readers: Vec<u32>,
    /// Steps that wait for nobody.
    pub(super) roots: Vec<u32>,
    /// Whether any two steps could run at once.
    pub(super) has_width: bool,
    /// Whether any step may be skipped.
    pub(super) has_branches: bool,
    pub(super) choice: Choice,
    /// Cells and buffers of runs that have ended, for the next ones.
    pub(super) spare: Spare,
}

impl Plan {
    /// Packs a plan graph; variables get their places in the session's table.
    pub fn new(source: PlanGraph, state: &SessionState) -> Result<Plan> {
        let mut builder = Builder::new(&source);
        for node in source.graph.nodes() {
            builder.node(node, source.origins[node.id().index()]);
        }
        builder.finish(&source, state)
    }

    /// How many kernel calls a run makes.
    pub fn n_steps(&self) -> usize {
        self.steps.len()
    }

    /// The nodes of the steps, in plan order.
    pub fn step_nodes(&self) -> impl Iterator<Item = NodeId> {
        self.steps.iter().map(|step| step.node)
    }

    /// The graph that the plan was made from: pruned, rewritten.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// What is known of feed `i`.
    pub fn feed_fact(&self, i: usize) -> &Fact {
        &self.feeds[i].1
    }

    /// The name of the tensor that feed `i` goes to.
    pub fn feed_name(&self, i: usize) -> String {
        self.feed_names[i].clone()
    }

    /// In one run a named dim has one size.
    ///
    /// # Errors
    /// `BadFeed`, naming both feeds.
    pub fn check_named_dims(&self, values: &[Value]) -> Result<()> {
        for (first, second) in &self.same_dims {
            let (a, b) = (values[first.0].dims()[first.1], values[second.0].dims()[second.1]);
            if a != b {
                let text = format!(
                    "dim '{}' has one size in a run, but is {a} in the feed of '{}' and {b} in that of '{}'",
                    escape(&self.feeds[first.0].1.shape.dim(first.1).to_string()),
                    escape(&self.feed_names[first.0]),
                    escape(&self.feed_names[second.0])
                );
                return Err(Error::new(ErrorKind::BadFeed, text));
            }
        }
        Ok(())
    }

    /// Where a step stands, for errors.
    pub(super) fn site(&self, node: NodeId, inputs: Vec<String>) -> Site {
        self.graph.node(node).site(inputs)
    }
}

struct Builder<'a> {
    graph: &'a Graph,
    order: StateOrder,
    /// The first cell of each node's outputs.
    first_slot: Vec<u32>,
    n_slots: u32,
    steps: Vec<Step>,
    /// The step of each node that is one.
    step_of: Vec<Option<u32>>,
    constants: Vec<(u32, Value)>,
    preloads: Vec<Preload>,
    handles: Vec<(u32, usize, NodeId)>,
    has_state_steps: bool,
    /// Whether each node may be skipped.
    may_die: Vec<bool>,
}

impl<'a> Builder<'a> {
    fn new(source: &'a PlanGraph) -> Builder<'a> {
        let n = source.graph.len();
        Builder {
            graph: &source.graph,
            order: StateOrder::default(),
            first_slot: Vec::with_capacity(n),
            n_slots: 0,
            steps: Vec::with_capacity(n),
            step_of: Vec::with_capacity(n),
            constants: Vec::new(),
            preloads: Vec::new(),
            handles: Vec::new(),
            has_state_steps: false,
            may_die: Vec::with_capacity(n),
        }
    }

    fn slot(&self, id: OutputId) -> u32 {
        self.first_slot[id.node.index()] + id.slot
    }

    fn node(&mut self, node: &Node, origin: (u64, u32)) {
        let first = self.n_slots;
        self.first_slot.push(first);
        self.n_slots += node.outputs().len() as u32;
        let waits = self.order.visit(self.graph, node);
        self.may_die.push(self.may_die(node));
        let step = match self.preloaded(node, first) {
            true => None,
            false => Some(self.step(node, origin, first, &waits)),
        };
        self.step_of.push(step);
    }

    /// Whether a node may be skipped: it is behind a switch, and no merge joins the branches again.
    fn may_die(&self, node: &Node) -> bool {
        let is_behind_switch =
            |id: &OutputId| self.may_die[id.node.index()] || self.graph.node(id.node).op().kind().flow == Flow::Switch;
        let waits_for_branch = || node.control_inputs().iter().any(|id| self.may_die[id.index()]);
        match node.op().kind().flow {
            Flow::Trigger => false,
            Flow::Merge => node.inputs().iter().all(is_behind_switch),
            Flow::Plain | Flow::Switch => node.inputs().iter().any(is_behind_switch) || waits_for_branch(),
        }
    }

    /// Whether a node's outputs stand ready when the run begins.
    fn preloaded(&mut self, node: &Node, slot: u32) -> bool {
        let effect = node.op().kind().effect;
        if let Some(constant) = node.op_as::<Const>().filter(|_| node.control_inputs().is_empty()) {
            self.constants.push((slot, constant.value.clone()));
            return true;
        }
        if effect == Effect::Fed {
            return true;
        }
        if effect == Effect::Variable {
            let var = self.order.variable(OutputId { node: node.id(), slot: 0 });
            self.handles.push((slot, var.expect("a variable's own node is known"), node.id()));
            return true;
        }
        if effect == Effect::Reads && node.control_inputs().is_empty() && !self.may_die[node.id().index()] {
            let var = self.order.variable(node.inputs()[0]).filter(|var| self.order.is_unwritten(*var));
            if let Some(var) = var {
                self.preloads.push(Preload { var, slot, node: node.id() });
                return true;
            }
        }
        self.has_state_steps |= matches!(effect, Effect::Reads | Effect::Inspects | Effect::Writes);
        false
    }

    fn step(&mut self, node: &Node, origin: (u64, u32), first_slot: u32, state_waits: &[NodeId]) -> u32 {
        let index = self.steps.len() as u32;
        let inputs: SmallVec<[u32; 3]> = node.inputs().iter().map(|id| self.slot(*id)).collect();
        let outputs = (first_slot..self.n_slots).collect();
        let sources = node.inputs().iter().map(|id| id.node);
        let all = sources.chain(node.control_inputs().iter().copied()).chain(state_waits.iter().copied());
        let mut waits: SmallVec<[u32; 8]> = all.filter_map(|id| self.step_of[id.index()]).collect();
        waits.sort_unstable();
        waits.dedup();
        for wait in &waits {
            self.steps[*wait as usize].successors.push(index);
        }
        self.steps.push(Step {
            op: node.op_arc().clone(),
            io: StepIo { inputs, outputs, is_fetched: false, origin },
            take_in_order: 0,
            take_always: 0,
            frees: SmallVec::new(),
            successors: SmallVec::new(),
            n_waits: waits.len() as u32,
            node: node.id(),
            flow: node.op().kind().flow,
            may_die: self.may_die[node.id().index()],
            may_skip: self.may_skip(node),
        });
        index
    }

    /// The steps among a node's control inputs that may be skipped.
    fn may_skip(&self, node: &Node) -> SmallVec<[u32; 1]> {
        let waits = node.control_inputs().iter().filter(|id| self.may_die[id.index()]);
        waits.filter_map(|id| self.step_of[id.index()]).collect()
    }

    fn finish(mut self, source: &PlanGraph, state: &SessionState) -> Result<Plan> {
        let fetches: Vec<u32> = source.fetches.iter().map(|id| self.slot(*id)).collect();
        let feeds: Vec<(u32, Fact)> = source.feeds.iter().map(|id| (self.slot(*id), source.graph.fact(*id))).collect();
        let feed_names = source.feeds.iter().map(|id| source.graph.tensor(*id).name()).collect();
        let same_dims = same_dims(&feeds);
        let vars = self.vars(state);
        self.handles(&source.graph);
        let mut readers = self.lifetimes(&fetches);
        // What the run brings in stays until its end where several read it: no threads count the readers of one cell.
        for slot in feeds.iter().map(|(slot, _)| slot).chain(self.preloads.iter().map(|preload| &preload.slot)) {
            let readers = &mut readers[*slot as usize];
            *readers = if *readers > 1 { KEPT } else { *readers };
        }
        let roots = (0..self.steps.len() as u32).filter(|i| self.steps[*i as usize].n_waits == 0).collect();
        let has_width = self.has_width();
        let has_branches = self.steps.iter().any(|step| step.flow != Flow::Plain);
        Ok(Plan {
            graph: source.graph.clone(),
            n_slots: self.n_slots as usize,
            feeds,
            feed_names,
            same_dims,
            fetches: moved_out(&fetches, &self.constants),
            constants: self.constants,
            preloads: self.preloads,
            vars,
            has_state_steps: self.has_state_steps,
            writes: self.order.writes,
            readers,
            roots,
            has_width,
            has_branches,
            choice: Choice::default(),
            spare: Spare::default(),
            steps: self.steps,
        })
    }

    fn vars(&self, state: &SessionState) -> Vec<PlanVar> {
        self.order.vars.iter().map(|(key, _)| PlanVar { index: state.index(key), name: key.clone() }).collect()
    }

    /// References to variables are constants of the plan.
    fn handles(&mut self, graph: &Graph) {
        for (slot, var, node) in std::mem::take(&mut self.handles) {
            let fact = &graph.node(node).outputs()[0];
            let name = self.order.vars[var].0.clone();
            let handle = VarHandle { index: var, name, dtype: fact.dtype, shape: fact.shape.clone() };
            self.constants.push((slot, Value::from_object(DType::Resource, Arc::new(handle))));
        }
    }

    /// Who reads a cell last, and who may take it; answers how many read each.
    fn lifetimes(&mut self, fetches: &[u32]) -> Vec<u32> {
        let mut readers = vec![0u32; self.n_slots as usize];
        let mut last = vec![None::<u32>; self.n_slots as usize];
        for slot in fetches.iter().chain(self.constants.iter().map(|(slot, _)| slot)) {
            readers[*slot as usize] = KEPT;
        }
        for (index, step) in self.steps.iter_mut().enumerate() {
            step.io.is_fetched = step.io.outputs.iter().any(|slot| readers[*slot as usize] == KEPT);
            // A cell that nobody reads is freed by the step that makes it.
            for slot in &step.io.outputs {
                last[*slot as usize] = Some(index as u32);
            }
            for slot in &step.io.inputs {
                let slot = *slot as usize;
                last[slot] = Some(index as u32);
                readers[slot] = if readers[slot] == KEPT { KEPT } else { readers[slot] + 1 };
            }
        }
        for (slot, step) in last.iter().enumerate() {
            let Some(step) = step.filter(|_| readers[slot] != KEPT) else { continue };
            let step = &mut self.steps[step as usize];
            step.frees.push(slot as u32);
            let bits = step.io.inputs.iter().take(32).enumerate().filter(|(_, input)| **input as usize == slot);
            let mask = bits.fold(0u32, |mask, (bit, _)| mask | 1 << bit);
            // An input that comes twice would still be read when it has been taken.
            let comes_once = readers[slot] == 1 || (mask.count_ones() == 1 && step.io.inputs.len() <= 32);
            if comes_once {
                step.take_in_order |= mask;
                step.take_always |= if readers[slot] == 1 { mask } else { 0 };
            }
        }
        readers
    }

    fn has_width(&self) -> bool {
        let mut depth = vec![0u32; self.steps.len()];
        for (index, step) in self.steps.iter().enumerate() {
            for next in &step.successors {
                depth[*next as usize] = depth[*next as usize].max(depth[index] + 1);
            }
        }
        let longest = depth.iter().max().map_or(0, |depth| *depth as usize + 1);
        longest < self.steps.len()
    }
}

/// For each fetched cell whether its value is moved out: it is no constant, and no later fetch wants it, too.
fn moved_out(fetches: &[u32], constants: &[(u32, Value)]) -> Vec<(u32, bool)> {
    let mut stays: HashSet<u32> = constants.iter().map(|(slot, _)| *slot).collect();
    let mut fetches: Vec<_> = fetches.iter().rev().map(|slot| (*slot, stays.insert(*slot))).collect();
    fetches.reverse();
    fetches
}

/// Pairs of places in the feeds with the same dim, which anonymous ones never are.
fn same_dims(feeds: &[(u32, Fact)]) -> Vec<((usize, usize), (usize, usize))> {
    let mut first = HashMap::new();
    let mut same = Vec::new();
    for (feed, (_, fact)) in feeds.iter().enumerate() {
        for (axis, dim) in
            fact.shape.dims().unwrap_or_default().iter().enumerate().filter(|(_, dim)| dim.known().is_none())
        {
            match first.get(dim) {
                Some(place) => same.push((*place, (feed, axis))),
                None => {
                    first.insert(dim.clone(), (feed, axis));
                }
            }
        }
    }
    same
}
