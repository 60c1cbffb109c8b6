//! [`Pool`] and [`Offer`]: the threads, and what callers do with them.

use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;

use super::Job;
use super::chunks::Chunks;
use super::events::Events;
use super::floats::Standard;
use super::registry::{Entry, Registry, discard};
use super::sync::{AtomicBool, Builder, JoinHandle, Ordering, current};
use crate::error::{Error, ErrorKind, Result};

/// More threads than any machine that we know of has cores for; beyond it a number is a slip.
pub(super) const MAX_THREADS: usize = 1024;

/// A handle to a set of worker threads; cheap to clone. Dropping the last handle stops and joins the workers.
///
/// The workers are started with the pool, at about 15 us each (measured: benches/pool.rs). Starting them at the first
/// need would save that in programs without such need, but a refused thread could then not be an error of
/// [`Pool::new`].
///
/// A pool does not survive `fork`: the child has no workers, and everything then runs on the caller's thread, provided
/// that no other thread was inside the pool at that moment.
#[derive(Clone)]
pub struct Pool(Arc<Handle>);

/// What all handles share, and workers do not: it goes with the last handle.
struct Handle {
    shared: Arc<Shared>,
    workers: Vec<JoinHandle<()>>,
}

/// What handles and workers share.
#[derive(Default)]
struct Shared {
    registry: Registry,
    /// What workers wait for: claimable units, and the end.
    events: Events,
    stopped: AtomicBool,
}

impl Pool {
    /// A pool of `threads` threads, of which one is always the caller's: `threads - 1` workers are started.
    ///
    /// # Errors
    /// `InvalidArgument` unless `threads` is from 1 to 1024; `ResourceExhausted` if the system refuses a thread, and
    /// then none is left over.
    pub fn new(threads: usize) -> Result<Pool> {
        if !(1..=MAX_THREADS).contains(&threads) {
            return Err(Error::invalid(format!("number of threads must be from 1 to {MAX_THREADS}, but is {threads}")));
        }
        let (pool, refused) = Pool::start(threads, spawn);
        match refused {
            None => Ok(pool),
            Some(error) => Err(Error::new(
                ErrorKind::ResourceExhausted,
                format!("the system must give {threads} threads, but gave {}: {error}", pool.threads()),
            )),
        }
    }

    /// As many of the threads as `spawn` gives, and why not all.
    fn start(
        threads: usize,
        spawn: impl Fn(usize, Arc<Shared>) -> io::Result<JoinHandle<()>>,
    ) -> (Pool, Option<io::Error>) {
        let shared = Arc::new(Shared::default());
        let mut workers = Vec::with_capacity(threads - 1);
        let mut refused = None;
        for number in 1..threads {
            match spawn(number, Arc::clone(&shared)) {
                Ok(worker) => workers.push(worker),
                Err(error) => {
                    refused = Some(error);
                    break;
                }
            }
        }
        (Pool(Arc::new(Handle { shared, workers })), refused)
    }

    /// As many of the threads as the system gives: at least the caller's.
    pub(super) fn at_most(threads: usize) -> Pool {
        Pool::start(threads.clamp(1, MAX_THREADS), spawn).0
    }

    /// The number of threads, the caller's included.
    pub fn threads(&self) -> usize {
        self.0.workers.len() + 1
    }

    /// Lets idle workers help with `job` while `body` runs on this thread. They look when [`Offer::notify`] says that
    /// there are units, and whenever they have finished something else. When `body` returns or unwinds, helpers leave
    /// after the unit that they are in, and `offer` returns after the last of them has left.
    ///
    /// Nothing promises that a helper comes: `body` must be able to do all units itself. It must not wait for anything
    /// but progress of its own job ([`Offer::park_until`]).
    ///
    /// # Panics
    /// With the panic of `body`; or with that of a unit, which breaks the contract of [`Job`].
    pub fn offer<R>(&self, job: &dyn Job, body: impl FnOnce(&Offer<'_>) -> R) -> R {
        let _mode = Standard::enter();
        let shared = &self.0.shared;
        let entry = shared.registry.add(job);
        let result = catch_unwind(AssertUnwindSafe(|| body(&Offer { shared, entry: &entry })));
        // Nothing between the two calls can unwind, so no helper outlives the borrow of `job`.
        let broken = shared.registry.remove(&entry);
        match (result, broken) {
            (Ok(result), None) => result,
            (Ok(_), Some(payload)) => resume_unwind(payload),
            (Err(payload), broken) => {
                if let Some(broken) = broken {
                    discard(broken);
                }
                resume_unwind(payload)
            }
        }
    }

    /// Runs `f(0)` to `f(chunks - 1)`, each once, on this thread and on idle workers, and returns when all are done.
    /// One chunk, or a pool of one thread, runs them here, in order, without any atomic operation.
    ///
    /// Worth its while from about 50 us of work: it costs this thread a fraction of a microsecond while workers are
    /// awake, but about 8 us to wake one, which then needs 20 to 60 us to start.
    ///
    /// # Panics
    /// With the panic of the smallest chunk that panicked, whatever the timing; larger chunks may have been skipped.
    /// The pool stays usable.
    pub fn parallel_for(&self, chunks: usize, f: &(dyn Fn(usize) + Sync)) {
        self.parallel_while(chunks, &|chunk| {
            f(chunk);
            true
        });
    }

    /// As [`Pool::parallel_for`], until an `f` answers false: then chunks that nobody has begun are left out.
    ///
    /// # Panics
    /// As [`Pool::parallel_for`].
    pub fn parallel_while(&self, chunks: usize, f: &(dyn Fn(usize) -> bool + Sync)) {
        if chunks <= 1 || self.threads() == 1 {
            let _mode = Standard::enter();
            (0..chunks).all(f);
            return;
        }
        let job = Chunks::new(chunks, f);
        self.offer(&job, |offer| {
            offer.notify(chunks.min(self.threads()) - 1);
            while job.work() {}
        });
        job.rethrow();
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("threads", &self.threads()).finish()
    }
}

impl Handle {
    /// Stops the workers and joins them, save the one that calls this.
    fn stop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        self.shared.events.publish(self.workers.len());
        let me = current().id();
        for worker in self.workers.drain(..).filter(|worker| worker.thread().id() != me) {
            // A worker catches what its units unwind with, so there is no panic to pass on.
            let _ = worker.join();
        }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.stop();
    }
}

fn spawn(number: usize, shared: Arc<Shared>) -> io::Result<JoinHandle<()>> {
    Builder::new().name(format!("sessile-worker-{number}")).spawn(move || shared.run_worker(number))
}

impl Shared {
    fn run_worker(&self, number: usize) {
        let _mode = Standard::enter();
        // Workers begin at different jobs.
        let mut turn = number;
        loop {
            // Taken first: whatever is offered or stopped from here on is seen below or ends the wait.
            let seen = self.events.now();
            if self.stopped.load(Ordering::SeqCst) {
                return;
            }
            if !self.registry.help_all(&mut turn) {
                self.events.wait(seen);
            }
        }
    }
}

/// A job on offer, in the hands of the caller that offers it.
pub struct Offer<'a> {
    shared: &'a Arc<Shared>,
    entry: &'a Arc<Entry>,
}

impl Offer<'_> {
    /// `n` more units can be claimed, by whoever calls [`Job::work`] from now on: up to `n` idle workers come. Costs
    /// a few atomic operations, and about 8 us if one of them has to be woken.
    pub fn notify(&self, n: usize) {
        self.shared.events.publish(n);
    }

    /// Waits, awake for a while and then parked, until `done`. It is looked at again after each unit that a helper
    /// has done, and after each [`Signal::progress`].
    pub fn park_until(&self, done: impl Fn() -> bool) {
        self.entry.progress.wait_until(done);
    }

    /// For units that make further units claimable while they run: a signal that they can keep.
    pub fn signal(&self) -> Signal {
        Signal { shared: Arc::clone(self.shared), entry: Arc::clone(self.entry) }
    }
}

/// What a unit, on whatever thread, can tell the workers and the caller of its job. It keeps no worker alive, and does
/// no harm once the job is no longer on offer.
#[derive(Clone)]
pub struct Signal {
    shared: Arc<Shared>,
    entry: Arc<Entry>,
}

impl Signal {
    /// As [`Offer::notify`]. The caller, if it is parked, is not woken: that is [`Signal::progress`].
    pub fn notify(&self, n: usize) {
        self.shared.events.publish(n);
    }

    /// Has the caller look at the condition of its [`Offer::park_until`]. Needed in the midst of a unit only: its end
    /// is progress anyway.
    pub fn progress(&self) {
        self.entry.progress.publish(1);
    }
}

#[cfg(test)]
pub(super) mod probe {
    //! What tests see of the inside.

    use std::sync::Weak;

    use super::super::sync::{Mutex, lock};
    use super::*;

    /// True of the returned function once no handle and no worker is left.
    pub fn all_gone(pool: &Pool) -> impl Fn() -> bool + use<> {
        let shared: Weak<Shared> = Arc::downgrade(&pool.0.shared);
        move || shared.strong_count() == 0
    }

    /// A pool whose system refuses every thread from the `limit`th on.
    pub fn start_limited(threads: usize, limit: usize) -> (Pool, Option<io::Error>) {
        let limited = |number, shared| {
            if number < limit { spawn(number, shared) } else { Err(io::ErrorKind::WouldBlock.into()) }
        };
        Pool::start(threads, limited)
    }

    /// Drops the only handle of a pool on one of its own workers, as no safe code outside can.
    pub fn drop_on_worker(pool: Pool) {
        let shared = Arc::clone(&pool.0.shared);
        let job = LastHandle { pool: Mutex::new(Some(pool)), dropped: AtomicBool::new(false) };
        let entry = shared.registry.add(&job);
        shared.events.publish(1);
        entry.progress.wait_until(|| job.dropped.load(Ordering::SeqCst));
        assert!(shared.registry.remove(&entry).is_none());
    }

    struct LastHandle {
        pool: Mutex<Option<Pool>>,
        dropped: AtomicBool,
    }

    impl Job for LastHandle {
        fn work(&self) -> bool {
            let Some(pool) = lock(&self.pool).take() else { return false };
            drop(pool);
            self.dropped.store(true, Ordering::SeqCst);
            true
        }
    }
}
