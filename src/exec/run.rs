//! One run of a plan: prepare, steps, finish.

use std::any::Any;
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Instant;

use crossbeam::atomic::AtomicCell;
use parking_lot::Mutex;
use smallvec::SmallVec;
use tracing::Span;
use tracing::span::EnteredSpan;

use super::budget;
use super::parallel::{self, Mode};
use super::plan::Plan;
use super::serial;
use super::state::{Local, RunView, SessionState};
use super::stats::StepRecord;
use super::step::Steps;
use crate::cancel::Limits;
use crate::error::{Error, ErrorKind, Result, escape};
use crate::graph::{Callee, Env, Flow, RunCx, RunState, Slots, Watch};
use crate::pool::Pool;
use crate::value::{Meter, Recycler, Value};

/// What a run gets from its session.
pub struct Host<'a> {
    /// Threads.
    pub pool: &'a Pool,
    /// Variables and counters.
    pub state: &'a SessionState,
    /// What may end the run.
    pub limits: &'a Limits,
    /// The memory budget.
    pub meter: Option<&'a Meter>,
    /// How to order steps that do not wait for each other.
    pub order: StepOrder,
    /// Where a traced run writes its steps, and the instant that times are counted from.
    pub trace: Option<Trace<'a>>,
}

/// A list of steps, and the instant that times are counted from.
pub(crate) type Trace<'a> = (&'a Mutex<Vec<StepRecord>>, Instant);

/// How a run orders steps that do not wait for each other. Results are the same; only time differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum StepOrder {
    /// Decided for each plan and each combination of feed sizes, from a timed run.
    #[default]
    Auto,
    /// As they were built, on the caller's thread; kernels may still use the pool.
    AsBuilt,
    /// Whenever their inputs are ready, on all threads.
    AsReady,
}

/// Cells, buffers and counters that runs of one plan use in turn.
pub(super) struct Scratch {
    pub(super) slots: Slots,
    pub(super) recycler: RefCell<Recycler>,
    pub(super) locals: Vec<Mutex<Local>>,
    /// Steps that a step still waits for.
    pub(super) pending: Vec<AtomicU32>,
    /// Readers that a cell still has.
    pub(super) readers: Vec<AtomicU32>,
    /// Buffers of the threads that helped.
    pub(super) recyclers: Mutex<Vec<Recycler>>,
    /// Which steps were skipped, in a plan with branches.
    pub(super) skipped: Vec<AtomicBool>,
}

/// Scratches kept for later runs: as many as run at once on a common machine.
const MAX_SPARE: usize = 64;

/// Scratches of runs that have ended, for the next ones. One run after another passes one on without a lock.
#[derive(Default)]
pub(super) struct Spare {
    next: AtomicCell<Option<Box<Scratch>>>,
    // Boxed, because a scratch moves in and out with every run.
    #[allow(clippy::vec_box)]
    others: Mutex<Vec<Box<Scratch>>>,
}

impl Spare {
    fn take(&self) -> Option<Box<Scratch>> {
        self.next.take().or_else(|| self.others.lock().pop())
    }

    fn give(&self, scratch: Box<Scratch>) {
        if let Some(other) = self.next.swap(Some(scratch)) {
            let mut others = self.others.lock();
            if others.len() < MAX_SPARE {
                others.push(other);
            }
        }
    }
}

/// The values that a run was asked for, each to be taken out once.
pub type Fetched = SmallVec<[Option<Value>; 2]>;

impl Scratch {
    fn new(plan: &Plan) -> Scratch {
        let mut slots = Slots::new(plan.n_slots);
        for (slot, value) in &plan.constants {
            *slots.get_mut(*slot as usize) = Some(value.clone());
        }
        Scratch {
            slots,
            recycler: RefCell::default(),
            locals: plan.vars.iter().map(|_| Mutex::default()).collect(),
            pending: Vec::new(),
            readers: Vec::new(),
            recyclers: Mutex::default(),
            skipped: if plan.has_branches {
                (0..plan.steps.len()).map(|_| AtomicBool::default()).collect()
            } else {
                Vec::new()
            },
        }
    }

    /// Empties all cells but those of constants, so that a failed run leaves nothing behind.
    fn clear(&mut self, plan: &Plan) {
        for slot in 0..self.slots.len() {
            *self.slots.get_mut(slot) = None;
        }
        for (slot, value) in &plan.constants {
            *self.slots.get_mut(*slot as usize) = Some(value.clone());
        }
        self.locals.iter_mut().for_each(|local| *local.get_mut() = Local::default());
    }
}

impl Plan {
    /// Runs the plan: one value a feed goes in (they are moved out), one a fetch is added to `fetched`.
    ///
    /// # Errors
    /// `BadFeed` before anything runs; `Uninitialized`, naming all variables that have no value; the error of the
    /// failing step that comes first in the plan. No variable is changed by a run that fails.
    pub fn run(&self, feeds: &mut SmallVec<[Value; 4]>, fetched: &mut Fetched, host: &Host<'_>) -> Result<()> {
        if let Some(meter) = host.meter {
            budget::check(self, feeds, meter)?;
        }
        let _token = if self.writes { Some(host.state.write_token(host.limits)?) } else { None };
        let mut scratch = self.spare.take().unwrap_or_else(|| Box::new(Scratch::new(self)));
        let result = self.run_in(&mut scratch, feeds, fetched, host);
        if result.is_err() {
            scratch.clear(self);
        }
        self.spare.give(scratch);
        result
    }

    fn run_in(
        &self,
        scratch: &mut Scratch,
        feeds: &mut SmallVec<[Value; 4]>,
        fetched: &mut Fetched,
        host: &Host<'_>,
    ) -> Result<()> {
        host.limits.check()?;
        let mode = self.choice.mode(self, feeds, host);
        let names = &self.named_sizes(feeds)?[..];
        for (slot, _) in self.feeds.iter().rev() {
            *scratch.slots.get_mut(*slot as usize) = feeds.pop();
        }
        self.load_variables(scratch, host)?;
        let view = RunView { session: host.state, locals: &scratch.locals };
        let recorder =
            host.trace.map(|trace| Recorder { trace, span: tracing::info_span!("run", steps = self.steps.len()) });
        let _span = recorder.as_ref().map(|recorder| recorder.span.enter());
        let watch = recorder.as_ref().map(|recorder| recorder as &dyn Watch);
        let state = Some(&view as &dyn RunState);
        let env = &Env { pool: host.pool, state, limits: host.limits, meter: host.meter, watch, names };
        match mode {
            Mode::Serial => serial::run(self, scratch, env)?,
            Mode::Measured(key) => {
                let times = serial::run_measured(self, scratch, env)?;
                self.choice.decide(key, parallel::judge(self, &times));
            }
            Mode::Parallel(costly) => {
                let mut pending = std::mem::take(&mut scratch.pending);
                let mut readers = std::mem::take(&mut scratch.readers);
                let result = parallel::run(self, scratch, &mut pending, &mut readers, &costly, env, host);
                (scratch.pending, scratch.readers) = (pending, readers);
                result?;
            }
        }
        // A kernel that had to stop may have left its result incomplete; and who gets an answer gets it in time.
        host.limits.check()?;
        self.collect(scratch, fetched)?;
        self.commit(scratch, host);
        Ok(())
    }

    /// Snapshots the variables: into cells for plain reads, into locals for steps.
    fn load_variables(&self, scratch: &mut Scratch, host: &Host<'_>) -> Result<()> {
        if self.vars.is_empty() {
            return Ok(());
        }
        let mut missing: SmallVec<[usize; 4]> = SmallVec::new();
        if self.has_state_steps {
            let locals = &mut scratch.locals;
            let put = |n: usize, value| *locals[n].get_mut() = Local { value, is_dirty: false };
            host.state.snapshot(self.vars.iter().map(|var| var.index), put);
            for (n, preload) in self.preloads.iter().enumerate() {
                let value = scratch.locals[preload.var].get_mut().value.clone();
                put_preload(&mut scratch.slots, preload.slot, value, n, &mut missing);
            }
        } else {
            let slots = &mut scratch.slots;
            let indices = self.preloads.iter().map(|preload| self.vars[preload.var].index);
            host.state.snapshot(indices, |n, value| put_preload(slots, self.preloads[n].slot, value, n, &mut missing));
        }
        if missing.is_empty() { Ok(()) } else { Err(self.uninitialized(&missing)) }
    }

    #[cold]
    fn uninitialized(&self, missing: &[usize]) -> Error {
        let mut errors = missing.iter().map(|n| {
            let preload = &self.preloads[*n];
            let text = format!("attempting to use uninitialized value {}", escape(&self.vars[preload.var].name));
            Error::new(ErrorKind::Uninitialized, text).at(|| self.site(preload.node, Vec::new()))
        });
        let first = errors.next().expect("something is missing");
        first.with_also(errors).note("run g.global_variables_initializer() first")
    }

    /// Swaps all that was written into the session, at one moment.
    fn commit(&self, scratch: &mut Scratch, host: &Host<'_>) {
        if !self.has_state_steps {
            return;
        }
        let mut writes: SmallVec<[(usize, Option<Value>); 8]> = SmallVec::new();
        for (local, var) in scratch.locals.iter_mut().zip(&self.vars) {
            let local = std::mem::take(local.get_mut());
            if let Some(index) = var.index.filter(|_| local.is_dirty) {
                writes.push((index, local.value));
            }
        }
        if self.writes {
            host.state.commit(&mut writes);
        }
        let recycler = scratch.recycler.get_mut();
        writes.into_iter().filter_map(|(_, old)| old).for_each(|old| recycler.give(old));
    }

    /// Takes the fetched values out and empties the cells that no step has freed.
    fn collect(&self, scratch: &mut Scratch, fetched: &mut Fetched) -> Result<()> {
        let absent = || match self.has_branches {
            true => Error::new(ErrorKind::BadFetch, "a fetched tensor has no value: its branch was not taken"),
            false => Error::internal("a fetched cell is empty"),
        };
        for (slot, moves_out) in &self.fetches {
            let cell = scratch.slots.get_mut(*slot as usize);
            if cell.is_none() {
                return Err(absent());
            }
            fetched.push(if *moves_out { cell.take() } else { cell.clone() });
        }
        let inputs = self.feeds.iter().map(|(slot, _)| slot).chain(self.preloads.iter().map(|preload| &preload.slot));
        for slot in inputs {
            *scratch.slots.get_mut(*slot as usize) = None;
        }
        Ok(())
    }
}

fn put_preload(slots: &mut Slots, slot: u32, value: Option<Value>, n: usize, missing: &mut SmallVec<[usize; 4]>) {
    if value.is_none() {
        missing.push(n);
    }
    *slots.get_mut(slot as usize) = value;
}

/// Whether a step is left out because a branch was not taken; remembers it.
///
/// # Safety
/// All steps that fill an input or that the step waits for have ended.
pub(super) unsafe fn skips(index: usize, steps: &Steps, slots: &Slots, skipped: &[AtomicBool]) -> bool {
    let (step, inputs) = (steps.rest(index), steps.io(index).inputs);
    // SAFETY: promised by the caller.
    let is_empty = |slot: &u32| unsafe { slots.get(*slot as usize) }.is_none();
    let was_skipped = |step: &u32| skipped[*step as usize].load(Ordering::Relaxed);
    let skips = step.may_die
        && match step.flow {
            Flow::Trigger => false,
            Flow::Merge => inputs.iter().all(is_empty),
            Flow::Plain | Flow::Switch => inputs.iter().any(is_empty) || step.may_skip.iter().any(was_skipped),
        };
    skipped[index].store(skips, Ordering::Relaxed);
    skips
}

/// A body runs on the thread of the step that calls it, in plan order; its kernels may still use the pool.
impl Callee for Plan {
    fn call(&self, env: &Env<'_>, arguments: SmallVec<[Value; 4]>) -> Result<SmallVec<[Value; 2]>> {
        if arguments.len() != self.feeds.len() {
            return Err(Error::internal("a call gives one value a parameter"));
        }
        // A body without steps is one, or a loop over it would never end.
        env.limits.step()?;
        let mut scratch = self.spare.take().unwrap_or_else(|| Box::new(Scratch::new(self)));
        for ((slot, _), value) in self.feeds.iter().zip(arguments) {
            *scratch.slots.get_mut(*slot as usize) = Some(value);
        }
        let mut results = Fetched::new();
        let result = serial::run(self, &scratch, env).and_then(|()| self.collect(&mut scratch, &mut results));
        if result.is_err() {
            scratch.clear(self);
        }
        self.spare.give(scratch);
        result.map(|()| results.into_iter().flatten().collect())
    }

    fn explain(&self, indent: &str, text: &mut String) {
        for step in 0..self.steps.len() {
            let node = self.steps.rest(step).node;
            text.push_str(&format!("{indent}{}\n", self.graph.operation(node)));
            for (i, body) in self.steps.rest(step).home.bodies.iter().enumerate() {
                text.push_str(&format!("{indent}  body {i}:\n"));
                body.explain(&format!("{indent}    "), text);
            }
        }
    }
}

impl std::fmt::Debug for Plan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Plan({} steps)", self.steps.len())
    }
}

/// Runs one step's kernel; panics become errors, errors get their place.
#[inline]
pub(super) fn call(plan: &Plan, step: usize, mut cx: RunCx<'_>) -> Result<()> {
    match catch_unwind(AssertUnwindSafe(|| plan.steps.op(step).run(&mut cx))) {
        Ok(result) => ended(plan, step, &cx, result),
        Err(payload) => Err(panicked(plan, step, &cx, payload)),
    }
}

/// What a kernel has answered, with its place; in debug builds what it made is checked.
#[inline]
pub(super) fn ended(plan: &Plan, step: usize, cx: &RunCx<'_>, result: Result<()>) -> Result<()> {
    match result {
        Ok(()) if !cfg!(debug_assertions) || plan.steps.rest(step).flow == Flow::Switch => Ok(()),
        Ok(()) => check_outputs(plan, step, cx),
        Err(error) => Err(locate(plan, step, cx, error)),
    }
}

/// Checks what the kernel made against what was inferred.
fn check_outputs(plan: &Plan, step: usize, cx: &RunCx<'_>) -> Result<()> {
    for (slot, fact) in plan.graph.node(plan.steps.rest(step).node).outputs().iter().enumerate() {
        let Some(value) = cx.made(slot) else {
            return Err(locate(plan, step, cx, Error::internal(format!("the kernel left output {slot} empty"))));
        };
        if !fact.is_variable() && (value.dtype() != fact.dtype || !fact.shape.is_compatible_with(value.dims())) {
            let text = format!("the kernel made {} {:?}, but {fact} was inferred", value.dtype(), value.dims());
            return Err(locate(plan, step, cx, Error::internal(text)));
        }
    }
    Ok(())
}

#[cold]
fn locate(plan: &Plan, step: usize, cx: &RunCx<'_>, error: Error) -> Error {
    error.at(|| plan.site(plan.steps.rest(step).node, cx.describe_inputs()))
}

/// The error of a kernel that panicked.
#[cold]
pub(super) fn panicked(plan: &Plan, step: usize, cx: &RunCx<'_>, payload: Box<dyn Any + Send>) -> Error {
    locate(plan, step, cx, Error::panicked("the kernel", payload))
}

/// Tells the watcher of a traced run that a step begins.
pub(super) fn begin(plan: &Plan, step: usize, watch: &dyn Watch) -> EnteredSpan {
    let node = plan.graph.node(plan.steps.rest(step).node);
    watch.begin(node.name(), node.op().kind().name)
}

/// Tells the watcher of a traced run what a step did.
pub(super) fn report(plan: &Plan, step: usize, began: Instant, watch: &dyn Watch, cx: &RunCx<'_>) {
    let node = plan.graph.node(plan.steps.rest(step).node);
    watch.ended(node.name(), plan.steps.op(step).kind().name, began, &cx.describe_outputs());
}

/// Writes the steps of a traced run, and opens spans for them.
struct Recorder<'a> {
    trace: Trace<'a>,
    span: Span,
}

impl Watch for Recorder<'_> {
    fn begin(&self, node: &str, op: &'static str) -> EnteredSpan {
        // The threads that help are in no span yet; a step of a body is inside of the step that calls it.
        let outer = Span::current();
        let parent = if outer.is_none() { &self.span } else { &outer };
        tracing::info_span!(parent: parent, "step", node, op).entered()
    }

    fn ended(&self, node: &str, op: &'static str, began: Instant, outputs: &[(usize, String)]) {
        let (steps, origin) = self.trace;
        let record = StepRecord {
            node: node.to_owned(),
            op,
            start: began.duration_since(origin),
            duration: began.elapsed(),
            output_bytes: outputs.iter().map(|(bytes, _)| bytes).sum(),
            outputs: outputs.iter().map(|(_, text)| text.as_str()).collect::<Vec<_>>().join(", "),
            thread: parallel::thread_number(),
        };
        steps.lock().push(record);
    }
}
