//! A plan: the steps of one request, frozen and packed.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use smallvec::SmallVec;

use super::memory::memory_of_ops;
use super::names::FeedDims;
use super::order::{Deeds, StateOrder, Variable};
use super::parallel::Choice;
use super::run::Spare;
use super::state::SessionState;
use super::step::{KEPT, Rest, Steps};
use crate::dtype::DType;
use crate::error::{Result, Site};
use crate::graph::feed::{Feed, Unfed};
use crate::graph::{
    Body, Callee, Effect, Fact, Flow, Graph, InferCx, NamedSize, Node, NodeId, OutputId, Referent, StepHome, VarHandle,
    check_limits_at,
};
use crate::ops::array::{Const, EnsureShape};
use crate::ops::control::While;
use crate::optimize::{Passes, PlanGraph, Request, plan_graph};
use crate::value::Value;

/// A value that the session's variable had when the run began.
pub(super) struct Preload {
    /// The variable, as an index into [`Plan::vars`].
    pub(super) var: usize,
    pub(super) slot: u32,
    pub(super) node: NodeId,
}

/// A variable that the plan touches.
pub(super) struct PlanVar {
    /// Its place in the session's table, where it outlives the run.
    pub(super) index: Option<usize>,
    pub(super) name: Arc<str>,
}

/// The steps of one request, with everything decided that does not depend on the numbers.
pub struct Plan {
    pub(super) graph: Graph,
    pub(super) steps: Steps,
    pub(super) n_slots: usize,
    /// The cell and the facts of each feed.
    pub(super) feeds: Vec<(u32, Fact)>,
    feed_names: Vec<String>,
    feed_dims: FeedDims,
    /// Whether any step, also of a body, claims a shape with named dims.
    claims_names: bool,
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
    pub(super) memory: usize,
}

impl Plan {
    /// Packs a plan graph; variables get their places in the session's table. Bodies become plans of their own, that
    /// `passes` rewrite.
    ///
    /// # Errors
    /// What the rules refuse in a body; `Cancelled` and `DeadlineExceeded` where the limits end under which this thread
    /// builds.
    pub fn new(source: PlanGraph, state: &SessionState, passes: &Passes) -> Result<Plan> {
        let mut packer = Packer { passes: *passes, plans: HashMap::new(), memory: 0 };
        let mut plan = packer.pack(&source, StateOrder::default(), false)?;
        plan.0.memory = packer.memory;
        plan.0.writes = plan.1.writes();
        let vars = std::mem::take(&mut plan.1.vars);
        let place = |var: &Variable| (!var.is_temporary).then(|| state.index(&var.key));
        plan.0.vars = vars.into_iter().map(|var| PlanVar { index: place(&var), name: var.key }).collect();
        Ok(plan.0)
    }

    /// How many kernel calls a run makes.
    pub fn n_steps(&self) -> usize {
        self.steps.len()
    }

    /// The nodes of the steps, in plan order.
    pub fn step_nodes(&self) -> impl Iterator<Item = NodeId> {
        self.steps.all().iter().map(|step| step.node)
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
    /// `BadFeed`, naming the feeds.
    pub fn check_named_dims(&self, values: &[Value]) -> Result<()> {
        self.feed_dims.check(values, &self.feed_names)
    }

    /// The sizes of named dims, where steps compare them with what was claimed.
    pub(super) fn named_sizes(&self, values: &[Value]) -> Result<Vec<NamedSize<'_>>> {
        match self.claims_names {
            true => self.feed_dims.named_sizes(values, &self.feed_names),
            false => Ok(Vec::new()),
        }
    }

    /// Where a step stands, for errors.
    pub(super) fn site(&self, node: NodeId, inputs: Vec<String>) -> Site {
        self.graph.node(node).site(inputs)
    }
}

/// The plans of a step's bodies.
type Callees = Vec<Arc<dyn Callee>>;

/// A body's plan, and what it does to variables. The body is kept so that its address stays its own.
type PackedBody = (Arc<Plan>, Deeds, Arc<Body>);

/// Packs the graphs of one plan: that of the request, and those of bodies.
struct Packer {
    passes: Passes,
    /// Plans of bodies, by the address of the body and the variables behind its arguments.
    plans: HashMap<(usize, Vec<Option<usize>>, bool), PackedBody>,
    /// Bytes of all plans so far.
    memory: usize,
}

impl Packer {
    /// Packs a plan graph, and answers what is then known of state.
    fn pack(&mut self, source: &PlanGraph, order: StateOrder, is_body: bool) -> Result<(Plan, StateOrder)> {
        self.memory += memory_of_ops(&source.graph);
        let mut builder = Builder::new(source, order, self, is_body);
        for node in source.graph.nodes() {
            check_limits_at(node.id().index())?;
            builder.node(node, source.origins[node.id().index()])?;
        }
        let (plan, order) = builder.finish(source);
        self.memory += plan.own_memory();
        Ok((plan, order))
    }

    /// The plan of a body, and what it does to variables; variables of its own become known.
    fn pack_body(
        &mut self,
        body: &Arc<Body>,
        arguments: Vec<Option<usize>>,
        of_loop: bool,
        vars: &mut Vec<Variable>,
    ) -> Result<(Arc<Plan>, Deeds)> {
        let key = (Arc::as_ptr(body) as usize, arguments, of_loop);
        if let Some((plan, deeds, _)) = self.plans.get(&key) {
            return Ok((plan.clone(), deeds.clone()));
        }
        let feeds = body.params().iter().map(|node| OutputId { node: *node, slot: 0 }).collect();
        let request = Request {
            feeds,
            fetches: body.results().to_vec(),
            targets: body.targets().to_vec(),
            of_body: true,
            of_loop,
        };
        let mut source = plan_graph(body.graph(), &request, &self.passes)?;
        source.origins.iter_mut().for_each(|origin| origin.0 = body.template());
        let params = source.feeds.iter().zip(&key.1).filter_map(|(feed, var)| Some((*feed, (*var)?)));
        let order = StateOrder::enter(std::mem::take(vars), params);
        let (plan, order) = self.pack(&source, order, true)?;
        let (known, deeds) = order.leave(&source.fetches);
        *vars = known;
        let plan = Arc::new(plan);
        self.plans.insert(key, (plan.clone(), deeds.clone(), body.clone()));
        Ok((plan, deeds))
    }
}

struct Builder<'a> {
    graph: &'a Graph,
    packer: &'a mut Packer,
    /// Whether this is the plan of a body: what its run begins with is not what the whole run began with.
    is_body: bool,
    order: StateOrder,
    /// The first cell of each node's outputs.
    first_slot: Vec<u32>,
    n_slots: u32,
    steps: Steps,
    /// The step of each node that is one.
    step_of: Vec<Option<u32>>,
    constants: Vec<(u32, Value)>,
    preloads: Vec<Preload>,
    handles: Vec<(u32, usize)>,
    /// Steps that make a variable for the run, and which.
    temporaries: Vec<(u32, usize)>,
    has_state_steps: bool,
    /// Whether each node may be skipped.
    may_die: Vec<bool>,
    claims_names: bool,
}

impl<'a> Builder<'a> {
    fn new(source: &'a PlanGraph, order: StateOrder, packer: &'a mut Packer, is_body: bool) -> Builder<'a> {
        let n = source.graph.len();
        Builder {
            graph: &source.graph,
            packer,
            is_body,
            order,
            first_slot: Vec::with_capacity(n),
            n_slots: 0,
            steps: Steps::default(),
            step_of: Vec::with_capacity(n),
            constants: Vec::new(),
            preloads: Vec::new(),
            handles: Vec::new(),
            temporaries: Vec::new(),
            has_state_steps: false,
            may_die: Vec::with_capacity(n),
            claims_names: false,
        }
    }

    fn slot(&self, id: OutputId) -> u32 {
        self.first_slot[id.node.index()] + id.slot
    }

    fn node(&mut self, node: &Node, origin: (u64, u32)) -> Result<()> {
        let first = self.n_slots;
        self.first_slot.push(first);
        self.n_slots += node.outputs().len() as u32;
        self.claims_names |= node.op_as::<EnsureShape>().is_some_and(EnsureShape::claims_names);
        let (bodies, deeds) = self.bodies(node)?;
        let waits = self.order.visit(self.graph, node, &deeds);
        self.may_die.push(self.may_die(node));
        let step = match self.preloaded(node, first)? {
            true => None,
            false => Some(self.step(node, origin, first, &waits)),
        };
        if let Some(step) = step {
            self.steps.rest_mut(step as usize).home.bodies = bodies;
            if node.op().kind().effect == Effect::Temporary {
                let var = self.order.variable(OutputId { node: node.id(), slot: 0 });
                self.temporaries.push((step, var.expect("a variable's own node is known")));
            }
        }
        self.step_of.push(step);
        Ok(())
    }

    /// The plans of a node's bodies, and what they do to variables.
    fn bodies(&mut self, node: &Node) -> Result<(Callees, Vec<Deeds>)> {
        if node.op().kind().effect != Effect::Calls {
            return Ok(Default::default());
        }
        let facts: Vec<Fact> = node.inputs().iter().map(|id| self.graph.fact(*id)).collect();
        let facts: Vec<&Fact> = facts.iter().collect();
        let bodies = node.op().bodies(&InferCx::new(self.graph, node.inputs(), &facts))?;
        let (mut plans, mut deeds): (Vec<Arc<dyn Callee>>, Vec<Deeds>) = Default::default();
        for body in bodies {
            // The arguments are the last inputs.
            let first = node.inputs().len().saturating_sub(body.params().len());
            let arguments = node.inputs()[first..].iter().map(|id| self.order.variable(*id)).collect();
            let mut vars = std::mem::take(&mut self.order.vars);
            let of_loop = node.op_as::<While>().is_some();
            let (plan, deed) = self.packer.pack_body(&body, arguments, of_loop, &mut vars)?;
            self.order.take_back(vars);
            self.has_state_steps |= plan.has_state_steps;
            self.claims_names |= plan.claims_names;
            plans.push(plan);
            deeds.push(deed);
        }
        Ok((plans, deeds))
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
    fn preloaded(&mut self, node: &Node, slot: u32) -> Result<bool> {
        let effect = node.op().kind().effect;
        if let Some(constant) = node.op_as::<Const>().filter(|_| node.control_inputs().is_empty()) {
            self.constants.push((slot, constant.value.clone()));
            return Ok(true);
        }
        if let Some(unfed) = node.op_as::<Unfed>() {
            // Nobody looks at it: bodies hand it on, and fail where they would use it.
            self.constants.push((slot, Value::zeros(unfed.dtype, &[0])?));
            return Ok(true);
        }
        if node.op_as::<Feed>().is_some() {
            return Ok(true);
        }
        if effect == Effect::Variable {
            let var = self.order.variable(OutputId { node: node.id(), slot: 0 });
            self.handles.push((slot, var.expect("a variable's own node is known")));
            return Ok(true);
        }
        if effect == Effect::Reads
            && !self.is_body
            && node.control_inputs().is_empty()
            && !self.may_die[node.id().index()]
        {
            let var = self.order.variable(node.inputs()[0]).filter(|var| self.order.is_unwritten(*var));
            if let Some(var) = var {
                self.preloads.push(Preload { var, slot, node: node.id() });
                return Ok(true);
            }
        }
        self.has_state_steps |= matches!(effect, Effect::Reads | Effect::Inspects | Effect::Writes | Effect::Temporary);
        Ok(false)
    }

    fn step(&mut self, node: &Node, origin: (u64, u32), first_slot: u32, state_waits: &[NodeId]) -> u32 {
        let index = self.steps.len() as u32;
        let sources = node.inputs().iter().map(|id| id.node);
        let all = sources.chain(node.control_inputs().iter().copied()).chain(state_waits.iter().copied());
        let mut waits: SmallVec<[u32; 8]> = all.filter_map(|id| self.step_of[id.index()]).collect();
        waits.sort_unstable();
        waits.dedup();
        for wait in &waits {
            self.steps.rest_mut(*wait as usize).successors.push(index);
        }
        let rest = Rest {
            home: StepHome { origin, bodies: Vec::new(), variable: None },
            take_always: 0,
            successors: SmallVec::new(),
            n_waits: waits.len() as u32,
            node: node.id(),
            flow: node.op().kind().flow,
            may_die: self.may_die[node.id().index()],
            may_skip: self.may_skip(node),
        };
        let inputs = node.inputs().iter().map(|id| self.first_slot[id.node.index()] + id.slot);
        self.steps.push(node.op_arc().clone(), inputs, (first_slot, self.n_slots - first_slot), rest);
        index
    }

    /// The steps among a node's control inputs that may be skipped.
    fn may_skip(&self, node: &Node) -> SmallVec<[u32; 1]> {
        let waits = node.control_inputs().iter().filter(|id| self.may_die[id.index()]);
        waits.filter_map(|id| self.step_of[id.index()]).collect()
    }

    fn finish(mut self, source: &PlanGraph) -> (Plan, StateOrder) {
        let fetches: Vec<u32> = source.fetches.iter().map(|id| self.slot(*id)).collect();
        let feeds: Vec<(u32, Fact)> = source.feeds.iter().map(|id| (self.slot(*id), source.graph.fact(*id))).collect();
        let feed_names = source.feeds.iter().map(|id| source.graph.tensor(*id).name()).collect();
        let feed_dims = FeedDims::new(&feeds, self.claims_names);
        self.handles();
        let mut readers = self.lifetimes(&fetches);
        // What the run brings in stays until its end where several read it: no threads count the readers of one cell.
        for slot in feeds.iter().map(|(slot, _)| slot).chain(self.preloads.iter().map(|preload| &preload.slot)) {
            let readers = &mut readers[*slot as usize];
            *readers = if *readers > 1 { KEPT } else { *readers };
        }
        let roots = (0..self.steps.len() as u32).filter(|i| self.steps.rest(*i as usize).n_waits == 0).collect();
        let has_width = self.has_width();
        let has_branches = self.steps.all().iter().any(|step| step.flow != Flow::Plain);
        let plan = Plan {
            graph: source.graph.clone(),
            n_slots: self.n_slots as usize,
            feeds,
            feed_names,
            feed_dims,
            claims_names: self.claims_names,
            fetches: moved_out(&fetches, &self.constants),
            constants: self.constants,
            preloads: self.preloads,
            vars: Vec::new(),
            has_state_steps: self.has_state_steps,
            writes: false,
            readers,
            roots,
            has_width,
            has_branches,
            choice: Choice::default(),
            spare: Spare::default(),
            memory: 0,
            steps: self.steps,
        };
        (plan, self.order)
    }

    /// References to variables of the session are constants of the plan; steps make those of the run.
    fn handles(&mut self) {
        let vars = &self.order.vars;
        let handle = |index: usize| {
            let Variable { key, fact, .. } = &vars[index];
            let Fact { dtype, shape, elements, .. } = fact.clone();
            let referent = fact.referent().unwrap_or(Referent::Unknown);
            Arc::new(VarHandle { index, name: key.clone(), referent, dtype, shape, elements, view: None })
        };
        for (slot, var) in std::mem::take(&mut self.handles) {
            self.constants.push((slot, Value::from_object(DType::Resource, handle(var))));
        }
        for (step, var) in std::mem::take(&mut self.temporaries) {
            self.steps.rest_mut(step as usize).home.variable = Some(handle(var));
        }
    }

    /// Who reads a cell last, and who may take it; answers how many read each.
    fn lifetimes(&mut self, fetches: &[u32]) -> Vec<u32> {
        let kept = fetches.iter().copied().chain(self.constants.iter().map(|(slot, _)| *slot));
        let readers = self.steps.set_lifetimes(self.n_slots as usize, kept);
        // What a body gives back stays inside.
        if !self.is_body {
            self.steps.set_fetched(|slot| readers[slot as usize] == KEPT);
        }
        readers
    }

    fn has_width(&self) -> bool {
        let mut depth = vec![0u32; self.steps.len()];
        for (index, step) in self.steps.all().iter().enumerate() {
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
