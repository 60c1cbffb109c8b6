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
    steps: Option<Arc<Budget>>,
    work: Option<Arc<Budget>>,
}

/// A number of things that may be done.
#[derive(Debug)]
struct Budget {
    granted: u64,
    left: AtomicU64,
}

/// Units of work between two looks at the limits. A unit is about a nanosecond (a multiplication with its loads, a
/// comparison of a sort), so a kernel that counts honestly looks about once in a millisecond.
const STRIDE: usize = 1 << 20;

/// Counts the work of one thread, and looks at the limits of the run each time that a stride of it is done: the look
/// reads a clock and costs as much as some thirty units.
///
/// ```
/// # use sessile_base as sessile;
/// use sessile::cancel::{CancelToken, Limits, Pace};
///
/// let token = CancelToken::new();
/// let limits = Limits::new(vec![token.clone()], None);
/// let mut pace = Pace::new(&limits);
/// token.cancel();
/// assert!(pace.spend(1).is_ok(), "the next look is some work away");
/// assert!(pace.spend(2_000_000).is_err());
/// ```
#[derive(Debug)]
pub struct Pace<'a> {
    limits: &'a Limits,
    left: usize,
}

impl Limits {
    /// Nothing ends the run.
    pub const NONE: Limits = Limits { tokens: Vec::new(), deadline: None, steps: None, work: None };

    /// Limits by any of the tokens and a point in time.
    pub fn new(tokens: Vec<CancelToken>, deadline: Option<Instant>) -> Limits {
        Limits { tokens, deadline, steps: None, work: None }
    }

    /// Ends the run, and all that it calls, after so many steps.
    pub fn with_steps(self, budget: u64) -> Limits {
        Limits { steps: Some(Budget::new(budget)), ..self }
    }

    /// Ends the run after so many units of work, as [`Pace`] and chunks count them. Unlike a deadline this does not
    /// depend on the clock, so what is computed while a graph is built is the same each time.
    pub fn with_work(self, units: u64) -> Limits {
        Limits { work: Some(Budget::new(units)), ..self }
    }

    /// Whether steps are counted.
    pub fn has_steps(&self) -> bool {
        self.steps.is_some()
    }

    /// Counts a step that is about to run; an error if it may not.
    #[inline]
    pub fn step(&self) -> Result<()> {
        self.check()?;
        match &self.steps {
            Some(steps) if !steps.take(1) => Err(too_many_steps(steps.granted)),
            _ => Ok(()),
        }
    }

    /// Counts work that was done or is about to be; an error if the run has to stop.
    #[inline]
    pub fn spend(&self, units: usize) -> Result<()> {
        if let Some(work) = &self.work {
            work.take(units as u64);
        }
        self.check()
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
        if let Some(work) = &self.work
            && work.is_spent()
        {
            return Err(too_much_work(work.granted));
        }
        match self.deadline {
            Some(at) if Instant::now() >= at => Err(too_late()),
            _ => Ok(()),
        }
    }
}

impl Budget {
    fn new(granted: u64) -> Arc<Budget> {
        Arc::new(Budget { granted, left: AtomicU64::new(granted) })
    }

    /// Takes `n`; whether there were as many. Who asks for more than is left gets the rest.
    fn take(&self, n: u64) -> bool {
        let take = |left: u64| Some(left.saturating_sub(n));
        self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok_and(|left| left >= n)
    }

    fn is_spent(&self) -> bool {
        self.left.load(Ordering::Relaxed) == 0
    }
}

impl<'a> Pace<'a> {
    /// A count that begins now.
    pub fn new(limits: &'a Limits) -> Pace<'a> {
        Pace { limits, left: STRIDE }
    }

    /// Counts so many units of work; an error if the run has to stop, which is seen once in a stride.
    ///
    /// # Errors
    /// `Cancelled`, `DeadlineExceeded`.
    #[inline]
    pub fn spend(&mut self, units: usize) -> Result<()> {
        match self.left.checked_sub(units) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => self.look(units),
        }
    }

    #[cold]
    fn look(&mut self, units: usize) -> Result<()> {
        let spent = (STRIDE - self.left).saturating_add(units);
        self.left = STRIDE;
        self.limits.spend(spent)
    }
}

// Out of line: the check stands in the loops over steps and chunks.
#[cold]
fn cancelled() -> Error {
    Error::new(ErrorKind::Cancelled, "the run was cancelled")
}

#[cold]
fn too_many_steps(budget: u64) -> Error {
    let text = format!("the run has more than {budget} steps, which is its budget");
    Error::new(ErrorKind::ResourceExhausted, text)
}

#[cold]
fn too_much_work(budget: u64) -> Error {
    let text = format!("the work is more than {budget} units, which is its budget");
    Error::new(ErrorKind::ResourceExhausted, text)
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
    fn a_budget_of_work_does_not_depend_on_the_clock() {
        let limits = Limits::default().with_work(10 * STRIDE as u64);
        let mut pace = Pace::new(&limits);
        let done = (0..100).take_while(|_| pace.spend(STRIDE / 2 + 1).is_ok()).count();
        assert_eq!(done, 19, "the twentieth half stride is beyond the tenth look");
        assert_eq!(limits.check().unwrap_err().kind(), ErrorKind::ResourceExhausted, "it stays spent");
        assert!(pace.spend(usize::MAX).is_err());
    }

    #[test]
    fn a_past_deadline_stops() {
        let limits = Limits::new(Vec::new(), Some(Instant::now()));
        assert_eq!(limits.check().unwrap_err().kind(), ErrorKind::DeadlineExceeded);
    }
}
