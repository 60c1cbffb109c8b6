//! Steps as soon as their inputs are there, on the caller's thread and on idle workers.
//!
//! A ready cheap step continues on the thread that made it ready; a costly one is queued for whoever is free. Which
//! plans run so is decided once for each combination of feed sizes, from a measured run: a wrong guess costs time, never
//! a different result.

use std::cell::RefCell;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::time::Instant;

use crossbeam::deque::{Injector, Steal};
use parking_lot::Mutex;
use smallvec::SmallVec;

use super::plan::Plan;
use super::run::{Host, Scratch, StepOrder, begin, call, report, skips};
use super::step::KEPT;
use crate::error::{Error, Result};
use crate::graph::{Env, RunCx, Slots};
use crate::pool::{Job, Signal};
use crate::value::{Recycler, Value};

/// A step that takes longer is worth waking a worker for: about twice what the waking costs.
const COSTLY_NS: u64 = 20_000;
/// What reading the clock adds to each measured step.
const CLOCK_NS: u64 = 25;
/// Below this much work beside the longest path, plan order on one thread wins.
const MIN_GAIN_NS: u64 = 100_000;
/// Combinations of feed sizes that a plan remembers.
const MAX_CHOICES: usize = 8;

/// How a run executes its steps.
#[derive(Clone)]
pub(super) enum Mode {
    /// In plan order on the caller's thread.
    Serial,
    /// The same, with a clock, to decide for later runs.
    Measured(u64),
    /// By readiness; true for costly steps.
    Parallel(Arc<[bool]>),
}

/// The decisions of a plan, by the sizes of its feeds.
#[derive(Default)]
pub(super) struct Choice(Mutex<SmallVec<[(u64, Known); MAX_CHOICES]>>);

#[derive(Clone)]
enum Known {
    /// The first run warms buffers up; its times say little.
    SeenOnce,
    Decided(Mode),
}

impl Choice {
    /// How to run with these feeds.
    pub(super) fn mode(&self, plan: &Plan, feeds: &[Value], host: &Host<'_>) -> Mode {
        match host.order {
            StepOrder::AsBuilt => return Mode::Serial,
            StepOrder::AsReady => return Mode::Parallel((0..plan.n_steps()).map(|_| true).collect()),
            StepOrder::Auto if !plan.has_width || host.pool.threads() == 1 => return Mode::Serial,
            StepOrder::Auto => {}
        }
        let key = key(feeds);
        let mut known = self.0.lock();
        match known.iter().position(|(have, _)| *have == key) {
            Some(at) => match known[at].1.clone() {
                Known::SeenOnce => Mode::Measured(key),
                Known::Decided(mode) => mode,
            },
            None => {
                if known.len() == MAX_CHOICES {
                    known.remove(0);
                }
                known.push((key, Known::SeenOnce));
                Mode::Serial
            }
        }
    }

    pub(super) fn decide(&self, key: u64, mode: Mode) {
        if let Some(entry) = self.0.lock().iter_mut().find(|(have, _)| *have == key) {
            entry.1 = Known::Decided(mode);
        }
    }
}

fn key(feeds: &[Value]) -> u64 {
    let mut hasher = std::hash::DefaultHasher::new();
    feeds.iter().for_each(|value| value.dims().hash(&mut hasher));
    hasher.finish()
}

/// Whether running steps at once is worth it: by how much the steps beside the longest path would cost.
pub(super) fn judge(plan: &Plan, times: &[u64]) -> Mode {
    let times: Vec<u64> = times.iter().map(|time| time.saturating_sub(CLOCK_NS)).collect();
    let mut ready_at = vec![0u64; times.len()];
    let mut longest = 0;
    for (index, step) in plan.steps.all().iter().enumerate() {
        let end = ready_at[index] + times[index];
        longest = longest.max(end);
        for next in &step.successors {
            ready_at[*next as usize] = ready_at[*next as usize].max(end);
        }
    }
    let gain = times.iter().sum::<u64>() - longest;
    if gain < MIN_GAIN_NS || gain < longest / 8 {
        return Mode::Serial;
    }
    Mode::Parallel(times.iter().map(|time| *time > COSTLY_NS).collect())
}

/// A run that threads share.
struct Shared<'a> {
    plan: &'a Plan,
    slots: &'a Slots,
    skipped: &'a [AtomicBool],
    recyclers: &'a Mutex<Vec<Recycler>>,
    pending: &'a [AtomicU32],
    readers: &'a [AtomicU32],
    costly: &'a [bool],
    env: &'a Env<'a>,
    host: &'a Host<'a>,
    ready: Injector<u32>,
    remaining: AtomicUsize,
    /// The smallest step that has failed; larger ones are dropped, smaller ones still run.
    failed: AtomicU32,
    errors: Mutex<Vec<(u32, Error)>>,
    signal: OnceLock<Signal>,
}

/// Runs all steps. The error is that of the smallest failing step, whatever the timing.
pub(super) fn run(
    plan: &Plan,
    scratch: &Scratch,
    pending: &mut Vec<AtomicU32>,
    readers: &mut Vec<AtomicU32>,
    costly: &[bool],
    env: &Env<'_>,
    host: &Host<'_>,
) -> Result<()> {
    pending.resize_with(plan.steps.len(), AtomicU32::default);
    readers.resize_with(plan.readers.len(), AtomicU32::default);
    pending.iter_mut().zip(plan.steps.all()).for_each(|(count, step)| *count.get_mut() = step.n_waits);
    readers.iter_mut().zip(&plan.readers).for_each(|(count, n)| *count.get_mut() = *n);
    let shared = Shared {
        plan,
        slots: &scratch.slots,
        skipped: &scratch.skipped,
        recyclers: &scratch.recyclers,
        pending,
        readers,
        costly,
        env,
        host,
        ready: Injector::new(),
        remaining: AtomicUsize::new(plan.steps.len()),
        failed: AtomicU32::new(u32::MAX),
        errors: Mutex::default(),
        signal: OnceLock::new(),
    };
    plan.roots.iter().for_each(|root| shared.ready.push(*root));
    host.pool.offer(&shared, |offer| {
        shared.signal.get_or_init(|| offer.signal());
        offer.notify(host.pool.threads() - 1);
        while shared.remaining.load(Ordering::Acquire) > 0 {
            if !shared.work() {
                offer.park_until(|| shared.remaining.load(Ordering::Acquire) == 0 || !shared.ready.is_empty());
            }
        }
    });
    let mut errors = shared.errors.into_inner();
    errors.sort_by_key(|(step, _)| *step);
    let mut errors = errors.into_iter().map(|(_, error)| error);
    match errors.next() {
        None => Ok(()),
        Some(first) => Err(first.with_also(errors)),
    }
}

impl Job for Shared<'_> {
    fn work(&self) -> bool {
        loop {
            match self.ready.steal() {
                Steal::Empty => return false,
                Steal::Retry => {}
                Steal::Success(step) => {
                    self.run_from(step);
                    return true;
                }
            }
        }
    }
}

impl Shared<'_> {
    /// Runs a step and then whatever cheap steps it made ready.
    fn run_from(&self, first: u32) {
        let _mark = self.plan.writes.then(|| self.host.state.mark_writing());
        let recycler = RefCell::new(self.recyclers.lock().pop().unwrap_or_default());
        let mut stack: SmallVec<[u32; 32]> = SmallVec::from_slice(&[first]);
        let mut n_done = 0;
        while let Some(index) = stack.pop() {
            self.step(index, &recycler);
            self.release(index, &recycler, &mut stack);
            n_done += 1;
        }
        self.recyclers.lock().push(recycler.into_inner());
        // All threads share this counter, so it is touched once for many cheap steps.
        if self.remaining.fetch_sub(n_done, Ordering::AcqRel) == n_done
            && let Some(signal) = self.signal.get()
        {
            signal.progress();
        }
    }

    fn step(&self, index: u32, recycler: &RefCell<Recycler>) {
        if index > self.failed.load(Ordering::Acquire) {
            return;
        }
        let (plan, step) = (self.plan, index as usize);
        // SAFETY: a step is ready when all that it waits for have ended.
        if plan.has_branches && unsafe { skips(step, &plan.steps, self.slots, self.skipped) } {
            return;
        }
        let began = self.env.watch.map(|watch| (watch, begin(plan, step, watch), Instant::now()));
        // SAFETY: all steps that write an input have ended, and so have those that state orders before this one;
        // `take_always` names inputs that no other step reads; output cells are written by this step alone.
        let cx = unsafe {
            RunCx::new(self.slots, plan.steps.io(step), plan.steps.rest(step).take_always, self.env, recycler)
        };
        let result = self.host.limits.step().and_then(|()| call(plan, step, cx));
        if let Err(error) = result {
            self.failed.fetch_min(index, Ordering::AcqRel);
            self.errors.lock().push((index, error));
        } else if let Some((watch, _span, began)) = began {
            // SAFETY: as above; nothing is taken, and the outputs are released only after this.
            let cx = unsafe { RunCx::new(self.slots, plan.steps.io(step), 0, self.env, recycler) };
            report(plan, step, began, watch, &cx);
        }
    }

    /// Frees inputs that have no more readers, and passes on steps that wait for nobody any more.
    fn release(&self, index: u32, recycler: &RefCell<Recycler>, stack: &mut SmallVec<[u32; 32]>) {
        let steps = &self.plan.steps;
        let io = steps.io(index as usize);
        for slot in io.inputs {
            let is_last = match self.plan.readers[*slot as usize] {
                KEPT => false,
                1 => true,
                _ => self.readers[*slot as usize].fetch_sub(1, Ordering::AcqRel) == 1,
            };
            if is_last {
                self.free(*slot, recycler);
            }
        }
        for slot in io.outputs() {
            if self.plan.readers[slot as usize] == 0 {
                self.free(slot, recycler);
            }
        }
        for next in &steps.rest(index as usize).successors {
            let waits_for_one = steps.rest(*next as usize).n_waits == 1;
            if !waits_for_one && self.pending[*next as usize].fetch_sub(1, Ordering::AcqRel) != 1 {
                continue;
            }
            if self.costly[*next as usize] && !stack.is_empty() {
                self.ready.push(*next);
                if let Some(signal) = self.signal.get() {
                    signal.notify(1);
                    signal.progress();
                }
            } else {
                stack.push(*next);
            }
        }
    }

    fn free(&self, slot: u32, recycler: &RefCell<Recycler>) {
        // SAFETY: the last reader has ended, or nobody ever reads the cell.
        if let Some(value) = unsafe { self.slots.take(slot as usize) } {
            recycler.borrow_mut().give(value);
        }
    }
}

/// The worker's number, from its name; 0 for a caller.
pub(super) fn thread_number() -> usize {
    let thread = std::thread::current();
    let number = thread.name().and_then(|name| name.strip_prefix("sessile-worker-")).and_then(|n| n.parse().ok());
    number.unwrap_or(0)
}
