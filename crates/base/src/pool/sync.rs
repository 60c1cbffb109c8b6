//! What the protocols of the pool stand on: locks, atomics, threads and the one busy wait.
//!
//! The protocols name these things only through `super::sync`. The tests compile the same files a second time over a
//! `sync` of the model checker (see `shuttled.rs`), so that what is checked is what runs.

use std::hint::spin_loop;
use std::thread::yield_now;
use std::time::{Duration, Instant};

pub(super) use parking_lot::{Condvar, Mutex, MutexGuard};
pub(super) use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
pub(super) use std::thread::{Builder, JoinHandle, current};

/// How long a thread without work stays awake: a parked thread needs 20 to 60 us to start and costs its waker about
/// 8 us, so a little more than that pays when work comes in bursts (measured: benches/pool.rs).
const SPIN: Duration = Duration::from_micros(75);

/// Looks at the condition before a look at the clock and a chance for others, which are dearer than one cache line.
const LOOKS: usize = 64;

/// Waits for a while without sleeping. The answer is whether `ready` came true.
pub(super) fn spin(ready: impl Fn() -> bool) -> bool {
    let start = Instant::now();
    loop {
        for _ in 0..LOOKS {
            if ready() {
                return true;
            }
            spin_loop();
        }
        // The thread that this one waits for may sit on the same core: systems like to wake a sleeper where its waker
        // runs. Without this the two would take turns only at the end of a time slice.
        yield_now();
        if start.elapsed() >= SPIN {
            return ready();
        }
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock()
}

/// Gives the lock back and sleeps until notified; may also return for no reason.
pub(super) fn wait<'a, T>(condvar: &Condvar, mut guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
    condvar.wait(&mut guard);
    guard
}
