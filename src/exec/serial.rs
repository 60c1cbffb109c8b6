//! Steps in plan order on the caller's thread: plain cells, no locks, no atomics. Kernels may still use the pool.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use super::plan::Plan;
use super::run::{Scratch, begin, call, ended, panicked, report, skips};
use crate::error::Result;
use crate::graph::{Env, RunCx};

/// Runs all steps.
pub(super) fn run(plan: &Plan, scratch: &Scratch, env: &Env<'_>) -> Result<()> {
    if env.watch.is_some() || plan.has_branches {
        return run_measured(plan, scratch, env).map(drop);
    }
    let current = Cell::new(0);
    // Panics are caught once a run, not once a step.
    let all = AssertUnwindSafe(|| run_steps(plan, scratch, env, &current));
    catch_unwind(all).unwrap_or_else(|payload| {
        let step = current.get();
        // SAFETY: the step has been left; nothing is taken here.
        let cx = unsafe { RunCx::new(&scratch.slots, plan.steps.io(step), 0, env, &scratch.recycler) };
        Err(panicked(plan, step, &cx, payload))
    })
}

fn run_steps(plan: &Plan, scratch: &Scratch, env: &Env<'_>, current: &Cell<usize>) -> Result<()> {
    for step in 0..plan.steps.len() {
        // A load or two where no deadline is set; one step may take long, or cancel its own run.
        env.limits.step()?;
        current.set(step);
        run_step(plan, step, scratch, env)?;
    }
    Ok(())
}

/// Runs all steps and answers how long each took, in nanoseconds.
pub(super) fn run_measured(plan: &Plan, scratch: &Scratch, env: &Env<'_>) -> Result<Vec<u64>> {
    let mut times = Vec::with_capacity(plan.steps.len());
    for step in 0..plan.steps.len() {
        env.limits.step()?;
        // SAFETY: steps run in order, on this thread alone.
        if plan.has_branches && unsafe { skips(step, &plan.steps, &scratch.slots, &scratch.skipped) } {
            times.push(0);
            free(plan, step, scratch);
            continue;
        }
        let _span = env.watch.map(|watch| begin(plan, step, watch));
        let began = Instant::now();
        // SAFETY: as in `run_step`.
        call(plan, step, unsafe { view(plan, step, scratch, env) })?;
        times.push(began.elapsed().as_nanos() as u64);
        if let Some(watch) = env.watch {
            // SAFETY: as in `run_step`; nothing is taken here.
            let cx = unsafe { RunCx::new(&scratch.slots, plan.steps.io(step), 0, env, &scratch.recycler) };
            report(plan, step, began, watch, &cx);
        }
        free(plan, step, scratch);
    }
    Ok(times)
}

/// A step's view of a run in plan order.
///
/// # Safety
/// This thread alone touches the cells, and all steps before this one have ended.
#[inline]
unsafe fn view<'a>(plan: &'a Plan, step: usize, scratch: &'a Scratch, env: &'a Env<'_>) -> RunCx<'a> {
    // SAFETY: inputs are full because steps are in topological order, and an input in `take_in_order` has no later
    // reader.
    unsafe { RunCx::new(&scratch.slots, plan.steps.io(step), plan.steps.take_in_order(step), env, &scratch.recycler) }
}

#[inline]
fn run_step(plan: &Plan, step: usize, scratch: &Scratch, env: &Env<'_>) -> Result<()> {
    // SAFETY: steps run in order, on this thread alone.
    let mut cx = unsafe { view(plan, step, scratch, env) };
    let result = plan.steps.op(step).run(&mut cx);
    ended(plan, step, &cx, result)?;
    free(plan, step, scratch);
    Ok(())
}

#[inline]
fn free(plan: &Plan, step: usize, scratch: &Scratch) {
    for slot in plan.steps.frees(step) {
        // SAFETY: this thread alone touches the cells, and the step's view is gone.
        if let Some(value) = unsafe { scratch.slots.take(*slot as usize) } {
            scratch.recycler.borrow_mut().give(value);
        }
    }
}
