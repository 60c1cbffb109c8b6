//! The limits under which a thread builds: those of the run that a plan is made for, or of an import.
//!
//! They belong to the thread, as scopes do, so that all that happens on the way looks at them: shape rules, bodies that
//! are made anew, constants that are computed.

use std::cell::RefCell;
use std::marker::PhantomData;

use crate::cancel::Limits;
use crate::error::Result;

/// Nodes of a walk between two looks: a look may read a clock, and costs as much as a small part of a node.
const STRIDE: usize = 32;

thread_local! {
    static STACK: RefCell<Vec<Limits>> = const { RefCell::new(Vec::new()) };
}

/// Ends the limits of building when it is dropped, also when what is built under them unwinds.
#[must_use = "the limits end when their guard is dropped: bind it to a name"]
pub(crate) struct Limited {
    place: usize,
    /// The limits of a thread are its own.
    on_this_thread: PhantomData<*const ()>,
}

/// What this thread builds has to stop when a run of these limits would have to, until the guard is dropped.
pub(crate) fn limit(limits: &Limits) -> Limited {
    let place = STACK.with_borrow_mut(|stack| {
        stack.push(limits.clone());
        stack.len() - 1
    });
    Limited { place, on_this_thread: PhantomData }
}

impl Drop for Limited {
    fn drop(&mut self) {
        STACK.with_borrow_mut(|stack| stack.truncate(self.place));
    }
}

/// The limits under which this thread builds; none where nobody has set any.
pub(crate) fn limits() -> Limits {
    STACK.with_borrow(|stack| stack.last().cloned().unwrap_or_default())
}

/// An error if building has to stop.
///
/// # Errors
/// `Cancelled`, `DeadlineExceeded`.
pub(crate) fn check_limits() -> Result<()> {
    STACK.with_borrow(|stack| stack.last().map_or(Ok(()), Limits::check))
}

/// As [`check_limits`], for each node of a walk: looks at the limits once in some nodes.
///
/// # Errors
/// Those of [`check_limits`].
#[inline]
pub(crate) fn check_limits_at(node: usize) -> Result<()> {
    if node.is_multiple_of(STRIDE) { check_limits() } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cancel::CancelToken;
    use crate::error::ErrorKind;

    #[test]
    fn limits_end_with_their_guard() {
        let token = CancelToken::new();
        token.cancel();
        let outer = limit(&Limits::default());
        {
            let _inner = limit(&Limits::new(vec![token], None));
            assert_eq!(check_limits().unwrap_err().kind(), ErrorKind::Cancelled);
            assert_eq!(check_limits_at(STRIDE).unwrap_err().kind(), ErrorKind::Cancelled);
            assert!(limits().check().is_err());
        }
        assert!(check_limits().is_ok());
        drop(outer);
        assert!(limits().check().is_ok());
    }
}
