//! Notices graphs that grow with each run: ops built in the loop that should only run them.

use std::sync::atomic::{AtomicUsize, Ordering};

/// As many runs may find new nodes before it is told: building and running take turns in notebooks and set-up code, but
/// not a hundred times.
const SUSPICIOUS: usize = 100;

/// How often runs have found their graph larger than before.
#[derive(Default)]
pub(super) struct Growth {
    len: AtomicUsize,
    times: AtomicUsize,
}

impl Growth {
    /// Is told of the graph's size by each run.
    #[inline]
    pub(super) fn see(&self, len: usize) {
        if len > self.len.load(Ordering::Relaxed) {
            self.grown(len);
        }
    }

    #[cold]
    fn grown(&self, len: usize) {
        // The first run finds a graph that was built before it.
        let before = self.len.fetch_max(len, Ordering::Relaxed);
        if before == 0 || before >= len {
            return;
        }
        if self.times.fetch_add(1, Ordering::Relaxed) + 1 == SUSPICIOUS {
            tracing::warn!(
                nodes = len,
                "the graph has grown between runs {SUSPICIOUS} times: build ops before the loop that runs them, or \
                 memory and time grow with each turn; Graph::finalize finds the line"
            );
        }
    }

    pub(super) fn times(&self) -> usize {
        self.times.load(Ordering::Relaxed)
    }
}
