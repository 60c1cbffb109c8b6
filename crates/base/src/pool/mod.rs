//! Threads that help: callers do their own work, and idle workers join in.
//!
//! ```
//! # use sessile_base as sessile;
//! use std::sync::atomic::{AtomicUsize, Ordering};
//! use sessile::pool::Pool;
//!
//! let pool = Pool::new(4)?;
//! let sum = AtomicUsize::new(0);
//! pool.parallel_for(10, &|chunk| { sum.fetch_add(chunk, Ordering::Relaxed); });
//! assert_eq!(sum.into_inner(), 45);
//! # Ok::<(), sessile::Error>(())
//! ```
//!
//! A caller never depends on a worker, and while it waits it does units of its own job only. So a call from inside a
//! unit, calls from any number of threads at once, and a pool of one thread are nothing special: no deadlock, no stack
//! that grows, no more threads than asked for.
//!
//! Three small protocols, each in its file: waiting for news without missing any (`events`), entering and leaving a
//! job (`registry`), claiming chunks (`chunks`); `handle` joins them. No lock is held while a unit runs.

mod chunks;
mod events;
mod floats;
mod handle;
mod registry;
mod sync;

#[cfg(test)]
mod shuttled;
#[cfg(test)]
mod tests;

use std::sync::OnceLock;
use std::thread::available_parallelism;

pub use floats::standard_floats;
pub use handle::{Offer, Pool, Signal};

/// A source of units of work that idle workers may help with.
pub trait Job: Sync {
    /// Claims a unit and does it; false when there is none to claim at the moment. Must not unwind. Called from many
    /// threads at once.
    fn work(&self) -> bool;
}

impl Pool {
    /// The pool of the process, made on first use: as many threads as the system says can run at once, or as many of
    /// them as it gives.
    pub fn global() -> Pool {
        static GLOBAL: OnceLock<Pool> = OnceLock::new();
        GLOBAL.get_or_init(|| Pool::at_most(available_parallelism().map_or(1, usize::from))).clone()
    }
}
