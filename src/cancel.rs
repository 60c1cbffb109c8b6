//! Stopping a run: a token that anybody may cancel, and a deadline.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

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
}

impl Limits {
    /// Limits by any of the tokens and a point in time.
    pub fn new(tokens: Vec<CancelToken>, deadline: Option<Instant>) -> Limits {
        Limits { tokens, deadline }
    }

    /// An error if the run has to stop. The clock is read only where a deadline is set.
    #[inline]
    pub fn check(&self) -> Result<()> {
        if self.tokens.iter().any(CancelToken::is_cancelled) {
            return Err(Error::new(ErrorKind::Cancelled, "the run was cancelled"));
        }
        match self.deadline {
            Some(at) if Instant::now() >= at => {
                Err(Error::new(ErrorKind::DeadlineExceeded, "the run's deadline has passed"))
            }
            _ => Ok(()),
        }
    }
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
    fn a_past_deadline_stops() {
        let limits = Limits::new(Vec::new(), Some(Instant::now()));
        assert_eq!(limits.check().unwrap_err().kind(), ErrorKind::DeadlineExceeded);
    }
}
