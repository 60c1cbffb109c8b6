//! Steps in plan order on the caller's thread: plain cells, no locks, no atomics. Kernels may still use the pool.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use super::plan::{Plan, Step};
use super::run::{Scratch, Trace, call, ended, panicked, record, skips};
use crate::error::Result;
use crate::graph::{Env, RunCx};

/// Steps between two looks at the clock and the tokens.
const CHECK_EVERY: usize = 32;

/// Runs all steps.
pub(super) fn run(plan: &Plan, scratch: &Scratch, env: &Env<'_>, trace: Option<Trace<'_>>) -> Result<()> {
    if trace.is_some() || plan.has_branches {
        return run_measured(plan, scratch, env, trace).map(drop);
    }
    let current = Cell::new(0);
    // Panics are caught once a run, not once a step.
    let all = AssertUnwindSafe(|| run_steps(plan, scratch, env, &current));
    catch_unwind(all).unwrap_or_else(|payload| {
        let step = &plan.steps[current.get()];
        // SAFETY: the step has been left; nothing is taken here.
        let cx = unsafe { RunCx::new(&scratch.slots, &step.io, 0, env, &scratch.recycler) };
        Err(panicked(plan, step, &cx, payload))
    })
}

fn run_steps(plan: &Plan, scratch: &Scratch, env: &Env<'_>, current: &Cell<usize>) -> Result<()> {
    for (index, step) in plan.steps.iter().enumerate() {
        if index % CHECK_EVERY == 0 {
            env.limits.check()?;
        }
        current.set(index);
        run_step(plan, step, scratch, env)?;
    }
    Ok(())
}

/// Runs all steps and answers how long each took, in nanoseconds.
pub(super) fn run_measured(
    plan: &Plan,
    scratch: &Scratch,
    env: &Env<'_>,
    trace: Option<Trace<'_>>,
) -> Result<Vec<u64>> {
    let mut times = Vec::with_capacity(plan.steps.len());
    for (index, step) in plan.steps.iter().enumerate() {
        env.limits.check()?;
        // SAFETY: steps run in order, on this thread alone.
        if plan.has_branches && unsafe { skips(index, step, &scratch.slots, &scratch.skipped) } {
            times.push(0);
            free(step, scratch);
            continue;
        }
        let began = Instant::now();
        // SAFETY: as in `run_step`.
        call(plan, step, unsafe { RunCx::new(&scratch.slots, &step.io, step.take_in_order, env, &scratch.recycler) })?;
        times.push(began.elapsed().as_nanos() as u64);
        if let Some((trace, origin)) = trace {
            // SAFETY: as in `run_step`; nothing is taken here.
            let cx = unsafe { RunCx::new(&scratch.slots, &step.io, 0, env, &scratch.recycler) };
            trace.lock().push(record(plan, step, began, origin, &cx.describe_outputs(), 0));
        }
        free(step, scratch);
    }
    Ok(times)
}

#[inline]
fn run_step(plan: &Plan, step: &Step, scratch: &Scratch, env: &Env<'_>) -> Result<()> {
    // SAFETY: this thread alone touches the cells; inputs are full because steps are in topological order, and an
    // input in `take_in_order` has no later reader.
    let mut cx = unsafe { RunCx::new(&scratch.slots, &step.io, step.take_in_order, env, &scratch.recycler) };
    let result = step.op.run(&mut cx);
    ended(plan, step, &cx, result)?;
    free(step, scratch);
    Ok(())
}

#[inline]
fn free(step: &Step, scratch: &Scratch) {
    for slot in &step.frees {
        // SAFETY: this thread alone touches the cells, and the step's view is gone.
        if let Some(value) = unsafe { scratch.slots.take(*slot as usize) } {
            scratch.recycler.borrow_mut().give(value);
        }
    }
}
