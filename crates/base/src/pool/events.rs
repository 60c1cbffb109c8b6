//! Waiting for news without missing any: an event counter, on which threads spin for a while and then park.
//!
//! The one who waits takes [`Events::now`], *then* looks whether there is something for it, and if not gives what it
//! took to [`Events::wait`]. The one who has news makes them visible, *then* calls [`Events::publish`]. Whichever way
//! the two meet, the waiter either saw the news or `wait` returns.

use crossbeam::utils::CachePadded;

use super::sync::{AtomicUsize, Condvar, Mutex, MutexGuard, Ordering, lock, spin, wait};

/// How many sleepers a thread wakes that was itself just woken. Waking costs about 8 us, so a publisher wakes one and
/// the rest wake each other as a tree.
const FAN_OUT: usize = 2;

/// An event counter with its waiters.
#[derive(Default)]
pub(super) struct Events {
    /// The number of events so far; it wraps, which would matter only to a thread that sleeps through all of them.
    epoch: CachePadded<AtomicUsize>,
    /// Spinning threads that no event has been counted upon yet: at most the number of spinning threads.
    spinning: AtomicUsize,
    /// Threads that sleep or are about to; changed under the lock only.
    parked: AtomicUsize,
    /// How many sleepers are still to be woken.
    wanted: Mutex<usize>,
    condvar: Condvar,
}

impl Events {
    /// The present, to be taken before looking for work.
    pub(super) fn now(&self) -> usize {
        self.epoch.load(Ordering::SeqCst)
    }

    /// Tells `n` waiters that there are news; all spinning ones look, and only what they do not make up for is woken.
    pub(super) fn publish(&self, n: usize) {
        // With `park` this is Dekker's pattern: the epoch is written before `parked` is read, there `parked` before
        // the epoch, all sequentially consistent, so that one of the two sees the other.
        self.epoch.fetch_add(1, Ordering::SeqCst);
        let n = n - self.count_upon_spinning(n);
        if n > 0 && self.parked.load(Ordering::SeqCst) > 0 {
            let mut wanted = lock(&self.wanted);
            *wanted = wanted.saturating_add(n).min(self.parked.load(Ordering::SeqCst));
            self.wake(wanted, 1);
        }
    }

    /// Returns at once if anything was published since `seen`, else when something is, and now and then for no reason.
    pub(super) fn wait(&self, seen: usize) {
        self.spinning.fetch_add(1, Ordering::SeqCst);
        let news = spin(|| self.now() != seen);
        self.count_upon_spinning(1);
        if !news {
            self.park(seen);
        }
    }

    /// Waits until `done`, which must come true by something that is published.
    pub(super) fn wait_until(&self, done: impl Fn() -> bool) {
        loop {
            let seen = self.now();
            if done() {
                return;
            }
            self.wait(seen);
        }
    }

    /// Takes up to `n` spinning threads off the count and says how many. A thread that stops spinning takes off one,
    /// be it itself or another: the count may then be too low, which wakes a sleeper too many, but never too high.
    fn count_upon_spinning(&self, n: usize) -> usize {
        let take = |spinning: usize| (spinning > 0 && n > 0).then(|| spinning.saturating_sub(n));
        let before = self.spinning.fetch_update(Ordering::SeqCst, Ordering::SeqCst, take);
        before.map_or(0, |spinning| spinning.min(n))
    }

    #[cold]
    fn park(&self, seen: usize) {
        let mut wanted = lock(&self.wanted);
        self.parked.fetch_add(1, Ordering::SeqCst);
        if self.now() == seen {
            wanted = wait(&self.condvar, wanted);
        }
        self.parked.fetch_sub(1, Ordering::SeqCst);
        self.wake(wanted, FAN_OUT);
    }

    /// Wakes at most `limit` of the wanted sleepers, after giving the lock back: they need it first of all.
    fn wake(&self, mut wanted: MutexGuard<'_, usize>, limit: usize) {
        let n = limit.min(*wanted);
        *wanted -= n;
        drop(wanted);
        for _ in 0..n {
            self.condvar.notify_one();
        }
    }
}
