//! The protocols under a model checker: the same files once more, over locks, atomics and threads that shuttle
//! schedules one step at a time, in thousands of random orders. A thread that is never woken is a deadlock, which
//! shuttle reports.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use shuttle::{check_pct, check_random, thread};

use super::{Job, floats};
use events::Events;
use handle::{Pool, probe};
use sync::{AtomicBool, AtomicUsize, Ordering};

#[path = "chunks.rs"]
#[allow(clippy::duplicate_mod, reason = "the very point")]
mod chunks;
#[path = "events.rs"]
#[allow(clippy::duplicate_mod, reason = "the very point")]
mod events;
#[path = "handle.rs"]
#[allow(clippy::duplicate_mod, dead_code, reason = "the very point")]
mod handle;
#[path = "registry.rs"]
#[allow(clippy::duplicate_mod, reason = "the very point")]
mod registry;

/// The checker's own: what `sync.rs` has of the system.
mod sync {
    pub use shuttle::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
    pub use shuttle::sync::{Condvar, Mutex, MutexGuard};
    pub use shuttle::thread::{Builder, JoinHandle, current};

    /// One look before and one after the others had a chance; the checker knows no time.
    pub fn spin(ready: impl Fn() -> bool) -> bool {
        ready() || {
            shuttle::hint::spin_loop();
            ready()
        }
    }

    pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
        mutex.lock().expect("nothing panics under a lock of the pool")
    }

    pub fn wait<'a, T>(condvar: &Condvar, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
        condvar.wait(guard).expect("nothing panics under a lock of the pool")
    }
}

/// Orders tried per scheduler and test; about a second in all, and 15 faults planted by hand were found within 200.
const ORDERS: usize = 1000;

#[track_caller]
fn check(program: impl Fn() + Send + Sync + Copy + 'static) {
    check_random(program, ORDERS);
    check_pct(program, ORDERS, 3);
}

fn take(units: &AtomicUsize) -> bool {
    units.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |units| units.checked_sub(1)).is_ok()
}

#[test]
fn no_wake_up_is_lost() {
    check(|| {
        let state = Arc::new((Events::default(), AtomicUsize::new(0)));
        let waiters = [(); 2].map(|()| {
            let state = Arc::clone(&state);
            thread::spawn(move || state.0.wait_until(|| take(&state.1)))
        });
        let publishers = [(); 2].map(|()| {
            let state = Arc::clone(&state);
            thread::spawn(move || {
                state.1.fetch_add(1, Ordering::SeqCst);
                state.0.publish(1);
            })
        });
        publishers.into_iter().for_each(|publisher| publisher.join().unwrap());
        waiters.into_iter().for_each(|waiter| waiter.join().unwrap());
    });
}

#[test]
fn one_event_for_many_wakes_them_all() {
    check(|| {
        let state = Arc::new((Events::default(), AtomicUsize::new(0)));
        let waiters = [(); 4].map(|()| {
            let state = Arc::clone(&state);
            thread::spawn(move || state.0.wait_until(|| take(&state.1)))
        });
        state.1.store(4, Ordering::SeqCst);
        state.0.publish(4);
        waiters.into_iter().for_each(|waiter| waiter.join().unwrap());
    });
}

#[test]
fn each_chunk_runs_exactly_once() {
    check(|| {
        let pool = Pool::new(3).unwrap();
        for _ in 0..2 {
            let runs = [(); 4].map(|()| AtomicUsize::new(0));
            pool.parallel_for(4, &|chunk| {
                runs[chunk].fetch_add(1, Ordering::SeqCst);
            });
            assert!(runs.iter().all(|runs| runs.load(Ordering::SeqCst) == 1));
        }
    });
}

#[test]
fn the_smallest_panic_is_rethrown_in_every_order() {
    check(|| {
        let pool = Pool::new(3).unwrap();
        // `resume_unwind` does not print, as `panic!` would a thousand times.
        let chunk = |chunk| {
            if chunk % 2 == 1 {
                std::panic::resume_unwind(Box::new(chunk))
            }
        };
        let caught = catch_unwind(AssertUnwindSafe(|| pool.parallel_for(4, &chunk)));
        assert_eq!(caught.unwrap_err().downcast_ref(), Some(&1_usize));
    });
}

/// A job whose units last; it notes who is inside.
#[derive(Default)]
struct Slow {
    units: AtomicUsize,
    inside: AtomicUsize,
}

impl Job for Slow {
    fn work(&self) -> bool {
        self.inside.fetch_add(1, Ordering::SeqCst);
        thread::yield_now();
        let found = take(&self.units);
        thread::yield_now();
        self.inside.fetch_sub(1, Ordering::SeqCst);
        found
    }
}

#[test]
fn offer_never_returns_while_a_helper_is_inside() {
    check(|| {
        let pool = Pool::new(3).unwrap();
        let job = Slow { units: AtomicUsize::new(3), ..Slow::default() };
        pool.offer(&job, |offer| {
            offer.notify(2);
            job.work()
        });
        assert_eq!(job.inside.load(Ordering::SeqCst), 0);
    });
}

#[test]
fn offer_that_unwinds_waits_for_helpers_too() {
    check(|| {
        let pool = Pool::new(2).unwrap();
        let job = Slow { units: AtomicUsize::new(2), ..Slow::default() };
        let body = |offer: &handle::Offer<'_>| {
            offer.notify(1);
            thread::yield_now();
            std::panic::resume_unwind(Box::new("on purpose"))
        };
        assert!(catch_unwind(AssertUnwindSafe(|| pool.offer(&job, body))).is_err());
        assert_eq!(job.inside.load(Ordering::SeqCst), 0);
    });
}

/// Three units, each claimable only after the one before is done: a run of an executor in small.
struct Relay {
    ready: AtomicUsize,
    done: AtomicUsize,
}

const LEGS: usize = 3;

impl Job for Relay {
    fn work(&self) -> bool {
        let found = take(&self.ready);
        if found && self.done.fetch_add(1, Ordering::SeqCst) + 1 < LEGS {
            self.ready.fetch_add(1, Ordering::SeqCst);
        }
        found
    }
}

#[test]
fn parked_caller_goes_on_when_helpers_make_progress() {
    check(|| {
        let pool = Pool::new(2).unwrap();
        let job = Relay { ready: AtomicUsize::new(1), done: AtomicUsize::new(0) };
        let done = || job.done.load(Ordering::SeqCst) == LEGS;
        pool.offer(&job, |offer| {
            offer.notify(1);
            while !done() {
                offer.park_until(|| done() || job.ready.load(Ordering::SeqCst) > 0);
                job.work();
            }
        });
        assert!(done());
    });
}

/// Work without end that stops once somebody has cancelled it.
#[derive(Default)]
struct Endless {
    is_cancelled: AtomicBool,
    inside: AtomicUsize,
}

impl Job for Endless {
    fn work(&self) -> bool {
        self.inside.fetch_add(1, Ordering::SeqCst);
        thread::yield_now();
        self.inside.fetch_sub(1, Ordering::SeqCst);
        !self.is_cancelled.load(Ordering::SeqCst)
    }
}

#[test]
fn cancelled_work_ends_for_the_caller_and_all_helpers() {
    check(|| {
        let pool = Pool::new(3).unwrap();
        let job = Arc::new(Endless::default());
        let other = Arc::clone(&job);
        let canceller = thread::spawn(move || other.is_cancelled.store(true, Ordering::SeqCst));
        pool.offer(&*job, |offer| {
            offer.notify(2);
            while job.work() {}
        });
        assert_eq!(job.inside.load(Ordering::SeqCst), 0);
        canceller.join().unwrap();
    });
}

/// A helper gives a sign, in the midst of its unit if it has a signal, else by ending it, and then does not go on
/// before the caller has answered.
#[derive(Default)]
struct Gate {
    signal: std::sync::OnceLock<handle::Signal>,
    begun: AtomicBool,
    sign: AtomicBool,
    answered: AtomicBool,
    answers: Events,
}

impl Job for Gate {
    fn work(&self) -> bool {
        if !self.begun.swap(true, Ordering::SeqCst) {
            self.sign.store(true, Ordering::SeqCst);
            let Some(signal) = self.signal.get() else { return true };
            signal.progress();
        }
        self.answers.wait_until(|| self.answered.load(Ordering::SeqCst));
        false
    }
}

impl Gate {
    fn pass(&self, offer: &handle::Offer<'_>) {
        offer.notify(1);
        offer.park_until(|| self.sign.load(Ordering::SeqCst));
        self.answered.store(true, Ordering::SeqCst);
        self.answers.publish(1);
    }
}

#[test]
fn end_of_a_unit_wakes_the_caller() {
    check(|| {
        let (pool, job) = (Pool::new(2).unwrap(), Gate::default());
        pool.offer(&job, |offer| job.pass(offer));
    });
}

#[test]
fn signal_wakes_the_caller_in_the_midst_of_a_unit() {
    check(|| {
        let (pool, job) = (Pool::new(2).unwrap(), Gate::default());
        pool.offer(&job, |offer| {
            // A worker may already be there, and then ends its unit for want of a signal.
            let _ = job.signal.set(offer.signal());
            job.pass(offer);
        });
    });
}

#[test]
fn nested_and_concurrent_callers_all_finish() {
    check(|| {
        let pool = Pool::new(2).unwrap();
        let runs = Arc::new(AtomicUsize::new(0));
        let other = {
            let (pool, runs) = (pool.clone(), Arc::clone(&runs));
            thread::spawn(move || nested(&pool, &runs))
        };
        nested(&pool, &runs);
        other.join().unwrap();
        assert_eq!(runs.load(Ordering::SeqCst), 8);
    });
}

fn nested(pool: &Pool, runs: &AtomicUsize) {
    pool.parallel_for(2, &|_| {
        pool.parallel_for(2, &|_| {
            runs.fetch_add(1, Ordering::SeqCst);
        })
    });
}

#[test]
fn dropped_pool_leaves_no_worker_asleep() {
    check(|| {
        let pool = Pool::new(4).unwrap();
        let gone = probe::all_gone(&pool);
        // In some orders the workers sleep by now, in others they have not begun.
        thread::yield_now();
        drop(pool);
        assert!(gone());
    });
}

#[test]
fn worker_that_drops_the_last_handle_does_not_join_itself() {
    check(|| {
        let pool = Pool::new(3).unwrap();
        probe::drop_on_worker(pool);
    });
}
