//! The job behind `parallel_for`: chunks claimed in order from one counter.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use crossbeam::utils::CachePadded;

use super::Job;
use super::registry::{Payload, discard};
use super::sync::{AtomicUsize, Mutex, Ordering, lock};

/// `f(0)` to `f(n_chunks - 1)`, each at most once, each exactly once unless one panics or says that no more may follow.
pub(super) struct Chunks<'a> {
    /// The next chunk to claim. Never beyond `n_chunks`, so it cannot wrap.
    next: CachePadded<AtomicUsize>,
    n_chunks: usize,
    f: &'a (dyn Fn(usize) -> bool + Sync),
    /// The panic of the smallest chunk so far.
    panic: Mutex<Option<(usize, Payload)>>,
}

impl<'a> Chunks<'a> {
    pub(super) fn new(n_chunks: usize, f: &'a (dyn Fn(usize) -> bool + Sync)) -> Chunks<'a> {
        Chunks { next: CachePadded::new(AtomicUsize::new(0)), n_chunks, f, panic: Mutex::new(None) }
    }

    /// Goes on with the panic of the smallest chunk, if any panicked; to be called when nobody works any more.
    pub(super) fn rethrow(self) {
        let panic = lock(&self.panic).take();
        if let Some((_, payload)) = panic {
            resume_unwind(payload);
        }
    }

    fn claim(&self) -> Option<usize> {
        let claim = |next: usize| (next < self.n_chunks).then(|| next + 1);
        // Relaxed is enough: what chunks write reaches the caller through the helpers' leaving.
        self.next.fetch_update(Ordering::Relaxed, Ordering::Relaxed, claim).ok()
    }

    fn skip_rest(&self) {
        self.next.store(self.n_chunks, Ordering::Relaxed);
    }

    /// Chunks are claimed in order, so all smaller ones are done or will be: which panic is rethrown does not depend
    /// on timing.
    #[cold]
    fn stop(&self, chunk: usize, payload: Payload) {
        self.skip_rest();
        let mut panic = lock(&self.panic);
        let loser = match &*panic {
            Some((smallest, _)) if *smallest < chunk => Some(payload),
            _ => panic.replace((chunk, payload)).map(|(_, payload)| payload),
        };
        drop(panic);
        if let Some(loser) = loser {
            discard(loser);
        }
    }
}

impl Job for Chunks<'_> {
    fn work(&self) -> bool {
        let Some(chunk) = self.claim() else { return false };
        match catch_unwind(AssertUnwindSafe(|| (self.f)(chunk))) {
            Ok(true) => {}
            Ok(false) => self.skip_rest(),
            Err(payload) => self.stop(chunk, payload),
        }
        true
    }
}
