//! What one run may do, and where it says what it did.

use std::time::Instant;

use parking_lot::Mutex;

use super::{Inner, RunOptions};
use crate::cancel::Limits;
use crate::error::Result;
use crate::exec::{RunMetadata, StepRecord, Trace};
use crate::value::Meter;

/// The terms of a run.
#[derive(Clone, Copy)]
pub(super) struct Terms<'a> {
    pub(super) limits: &'a Limits,
    pub(super) meter: Option<&'a Meter>,
    pub(super) trace: Option<Trace<'a>>,
}

impl<'a> Terms<'a> {
    /// Those of a run without options.
    pub(super) fn plain(limits: &'a Limits) -> Terms<'a> {
        Terms { limits, meter: None, trace: None }
    }
}

/// The terms of a run with options.
pub(super) struct OwnTerms {
    began: Instant,
    limits: Limits,
    meter: Option<Meter>,
    steps: Option<Mutex<Vec<StepRecord>>>,
}

impl OwnTerms {
    pub(super) fn new(session: &Inner, options: &RunOptions) -> OwnTerms {
        let began = Instant::now();
        let timeout = options.timeout.or(session.config.operation_timeout);
        let tokens = options.cancel.iter().cloned().chain([session.running.clone()]).collect();
        let limits = Limits::new(tokens, timeout.and_then(|timeout| began.checked_add(timeout)));
        OwnTerms {
            began,
            limits: options.step_budget.map_or(limits.clone(), |steps| limits.with_steps(steps)),
            meter: options.memory_budget.map(Meter::new),
            steps: options.trace.then(Mutex::default),
        }
    }

    /// Runs on these terms; whatever comes out, `metadata` says what was done.
    pub(super) fn run<R>(self, metadata: &mut RunMetadata, run: impl FnOnce(Terms<'_>) -> Result<R>) -> Result<R> {
        let trace = self.steps.as_ref().map(|steps| (steps, self.began));
        let result = run(Terms { limits: &self.limits, meter: self.meter.as_ref(), trace });
        let duration = self.began.elapsed();
        *metadata = RunMetadata { steps: self.steps.map(Mutex::into_inner).unwrap_or_default(), duration };
        result
    }
}
