//! Stopping a run: a token that anybody may cancel, and a deadline.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::error::{Error, ErrorKind, Result};

/// Cancels the runs that were started with it. Clones share one switch; cancelling twice, before a run or after it, is
/// harmless. A cancelled token stays cancelled: take a new one for the next run.
#[derive(Debug, Clone, Default)]
pub struct CancelToken(Arc<AtomicBool>);

impl CancelToken {
    /// A token that nobody has cancelled.
    pub fn new() -> CancelToken {
        CancelToken::default()
    }

    /// Asks the runs of this token to stop. They do so between steps, turns of loops and chunks of long kernels.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Whether somebody has cancelled.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// What may end one run early.
#[derive(Debug, Clone, Default)]
pub struct Limits {
    tokens: Vec<CancelToken>,
    deadline: Option<Instant>,
    steps: Option<Arc<Steps>>,
}

/// A budget of steps.
#[derive(Debug)]
struct Steps {
    budget: u64,
    left: AtomicU64,
}

impl Limits {
    /// Limits by any of the tokens and a point in time.
    pub fn new(tokens: Vec<CancelToken>, deadline: Option<Instant>) -> Limits {
        Limits { tokens, deadline, steps: None }
    }

    /// Ends the run, and all that it calls, after so many steps.
    pub fn with_steps(self, budget: u64) -> Limits {
        Limits { steps: Some(Arc::new(Steps { budget, left: AtomicU64::new(budget) })), ..self }
    }

    /// Whether steps are counted.
    pub fn has_steps(&self) -> bool {
        self.steps.is_some()
    }

    /// Counts a step that is about to run; an error if it may not.
    #[inline]
    pub fn step(&self) -> Result<()> {
        self.check()?;
        self.steps.as_deref().map_or(Ok(()), Steps::take)
    }

    /// How long to sleep, at most `longest`, before the run may have to stop by its deadline.
    pub fn patience(&self, longest: Duration) -> Duration {
        self.deadline.map_or(longest, |at| longest.min(at.saturating_duration_since(Instant::now())))
    }

    /// An error if the run has to stop. The clock is read only where a deadline is set.
    #[inline]
    pub fn check(&self) -> Result<()> {
        if self.tokens.iter().any(CancelToken::is_cancelled) {
            return Err(cancelled());
        }
        match self.deadline {
            Some(at) if Instant::now() >= at => Err(too_late()),
            _ => Ok(()),
        }
    }
}

impl Steps {
    fn take(&self) -> Result<()> {
        match self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)) {
            Ok(_) => Ok(()),
            Err(_) => {
                let text = format!("the run has more than {} steps, which is its budget", self.budget);
                Err(Error::new(ErrorKind::ResourceExhausted, text))
            }
        }
    }
}

// Out of line: the check stands in the loops over steps and chunks.
#[cold]
fn cancelled() -> Error {
    Error::new(ErrorKind::Cancelled, "the run was cancelled")
}

#[cold]
fn too_late() -> Error {
    Error::new(ErrorKind::DeadlineExceeded, "the run's deadline has passed")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_share_the_switch() {
        let token = CancelToken::new();
        let limits = Limits::new(vec![token.clone()], None);
        assert!(limits.check().is_ok());
        token.cancel();
        token.cancel();
        assert_eq!(limits.check().unwrap_err().kind(), ErrorKind::Cancelled);
    }

    #[test]
    fn a_budget_of_steps_is_shared_by_clones() {
        let limits = Limits::default().with_steps(2);
        assert!(limits.step().is_ok() && limits.clone().step().is_ok() && limits.check().is_ok());
        let error = limits.step().unwrap_err();
        assert_eq!(error.to_string(), "the run has more than 2 steps, which is its budget");
        assert!(limits.step().is_err());
    }

    #[test]
    fn a_past_deadline_stops() {
        let limits = Limits::new(Vec::new(), Some(Instant::now()));
        assert_eq!(limits.check().unwrap_err().kind(), ErrorKind::DeadlineExceeded);
    }
}
