//! The jobs that workers may help with, and who is inside which.
//!
//! A job is on the stack of the caller that offers it. What keeps workers from touching it too late: they enter under
//! the lock of the list, so nobody enters once it is taken off the list, and the caller then waits until all have left.

use std::any::Any;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::NonNull;
use std::sync::Arc;

use super::Job;
use super::events::Events;
use super::sync::{AtomicBool, AtomicUsize, Mutex, Ordering, lock};

/// What a panic carries.
pub(super) type Payload = Box<dyn Any + Send>;

/// One offered job.
pub(super) struct Entry {
    /// Valid while `inside` is not zero or the entry is on the list; see [`Entry::new`].
    job: NonNull<dyn Job>,
    /// Helpers inside the job.
    inside: AtomicUsize,
    /// The caller wants its job back: helpers leave after the unit that they are in.
    closing: AtomicBool,
    /// What the caller waits for: units done by helpers, helpers leaving, and what the job itself signals.
    pub(super) progress: Events,
    /// What a unit unwound with, against its contract.
    panic: Mutex<Option<Payload>>,
}

// SAFETY: `job` points to a `dyn Job`, which is `Sync`, and is only ever used as a shared reference.
unsafe impl Send for Entry {}
// SAFETY: as above; the other fields are `Sync`.
unsafe impl Sync for Entry {}

impl Entry {
    /// The caller must not let go of `job` before [`Registry::remove`] has returned for this entry.
    fn new(job: &dyn Job) -> Entry {
        // SAFETY: only the lifetime changes. The pointer is followed by helpers that are counted in `inside` alone;
        // `Registry::remove` returns after the last of them has left, and `Pool::offer` borrows the job until then.
        let job = unsafe { mem::transmute::<NonNull<dyn Job + '_>, NonNull<dyn Job>>(NonNull::from(job)) };
        Entry {
            job,
            inside: AtomicUsize::new(0),
            closing: AtomicBool::new(false),
            progress: Events::default(),
            panic: Mutex::new(None),
        }
    }

    /// Does units until there are none, for a helper that [`Registry::enter`] counted in, and counts it out. The
    /// answer is whether any was done.
    pub(super) fn help(&self) -> bool {
        let helped = catch_unwind(AssertUnwindSafe(|| self.work())).unwrap_or_else(|payload| {
            self.keep_panic(payload);
            false
        });
        if self.inside.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.progress.publish(1);
        }
        helped
    }

    fn work(&self) -> bool {
        // SAFETY: this helper is counted in `inside`, so the caller still holds the job.
        let job = unsafe { self.job.as_ref() };
        let mut helped = false;
        while !self.closing.load(Ordering::Relaxed) && job.work() {
            helped = true;
            self.progress.publish(1);
        }
        helped
    }

    fn keep_panic(&self, payload: Payload) {
        let kept = lock(&self.panic).replace(payload);
        if let Some(kept) = kept {
            discard(kept);
        }
    }
}

/// The list of offered jobs. Its lock is never held while a unit runs.
#[derive(Default)]
pub(super) struct Registry(Mutex<Vec<Arc<Entry>>>);

impl Registry {
    /// Puts a job on the list, until [`Registry::remove`].
    pub(super) fn add(&self, job: &dyn Job) -> Arc<Entry> {
        let entry = Arc::new(Entry::new(job));
        lock(&self.0).push(Arc::clone(&entry));
        entry
    }

    /// Takes a job off the list and waits until no helper is inside. The answer is what a unit unwound with.
    pub(super) fn remove(&self, entry: &Arc<Entry>) -> Option<Payload> {
        entry.closing.store(true, Ordering::Relaxed);
        let mut jobs = lock(&self.0);
        let at = jobs.iter().position(|job| Arc::ptr_eq(job, entry)).expect("an offered job is on the list");
        let listed = jobs.swap_remove(at);
        drop(jobs);
        drop(listed);
        entry.progress.wait_until(|| entry.inside.load(Ordering::SeqCst) == 0);
        lock(&entry.panic).take()
    }

    /// Helps each job once, beginning with number `turn`. The answer is whether any unit was done.
    pub(super) fn help_all(&self, turn: &mut usize) -> bool {
        let n_jobs = lock(&self.0).len();
        let mut helped = false;
        for _ in 0..n_jobs {
            *turn = turn.wrapping_add(1);
            let Some(entry) = self.enter(*turn) else { break };
            helped |= entry.help();
        }
        helped
    }

    /// Counts the calling worker into one of the jobs.
    fn enter(&self, turn: usize) -> Option<Arc<Entry>> {
        let jobs = lock(&self.0);
        let entry = jobs.get(turn.checked_rem(jobs.len())?)?;
        // The lock orders this before the caller's look at the count.
        entry.inside.fetch_add(1, Ordering::Relaxed);
        Some(Arc::clone(entry))
    }
}

/// Drops what a panic carried. That may be a user's type whose `drop` panics in turn.
pub(super) fn discard(payload: Payload) {
    if let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        mem::forget(again);
    }
}
