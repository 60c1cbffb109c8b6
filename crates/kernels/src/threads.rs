//! [`Threads`]: the pool as kernels see it, which stops when the run has to.

use parking_lot::Mutex;

use crate::cancel::{Limits, Pace};
use crate::error::{Error, Result};
use crate::pool::Pool;
use crate::value::Meter;

/// What a chunk costs at least, in units of [`Pace`]: claiming it, and looking at the limits.
const CHUNK_WORK: usize = 1 << 10;

/// The threads of one run. Chunks that are not begun when the run has to stop are left out, so the results are then
/// incomplete: who made them must ask [`Threads::check`] before anybody uses them.
#[derive(Clone, Copy)]
pub struct Threads<'a> {
    pool: &'a Pool,
    limits: &'a Limits,
    meter: Option<&'a Meter>,
}

impl<'a> Threads<'a> {
    /// The threads of `pool`, for as long as `limits` allow.
    pub fn new(pool: &'a Pool, limits: &'a Limits) -> Threads<'a> {
        Threads { pool, limits, meter: None }
    }

    /// The same threads, for kernels whose scratch memory counts.
    pub fn metered(self, meter: Option<&'a Meter>) -> Threads<'a> {
        Threads { meter, ..self }
    }

    /// What counts the memory of the run, if it has a budget.
    pub fn meter(self) -> Option<&'a Meter> {
        self.meter
    }

    /// The threads of `pool`, whatever happens.
    pub fn unlimited(pool: &'a Pool) -> Threads<'a> {
        static UNLIMITED: Limits = Limits::NONE;
        Threads { pool, limits: &UNLIMITED, meter: None }
    }

    /// How many threads there are. Cut work by its shape alone, never by this number.
    pub fn count(&self) -> usize {
        self.pool.threads()
    }

    /// An error if the run has to stop.
    ///
    /// # Errors
    /// `Cancelled`, `DeadlineExceeded`.
    pub fn check(&self) -> Result<()> {
        self.limits.check()
    }

    /// Counts the work of one chunk, or of a serial kernel.
    pub fn pace(&self) -> Pace<'a> {
        Pace::new(self.limits)
    }

    /// Runs `f(0..chunks)`, each at most once, and returns when all have ended. Chunks are to take about a millisecond;
    /// longer ones count their work with [`Threads::pace`] and return early.
    pub fn run(&self, chunks: usize, f: &(dyn Fn(usize) + Sync)) {
        self.pool.parallel_while(chunks, &|chunk| {
            let goes_on = self.limits.spend(CHUNK_WORK).is_ok();
            if goes_on {
                f(chunk);
            }
            goes_on
        });
    }

    /// As [`Threads::run`] with chunks that can fail: the error of the smallest failing chunk comes out.
    ///
    /// # Errors
    /// That of a chunk; `Cancelled`, `DeadlineExceeded`.
    pub fn try_run(&self, chunks: usize, f: &(dyn Fn(usize) -> Result<()> + Sync)) -> Result<()> {
        let failed: Mutex<Option<(usize, Error)>> = Mutex::new(None);
        self.pool.parallel_while(chunks, &|chunk| {
            let result = self.limits.spend(CHUNK_WORK).and_then(|()| f(chunk));
            let goes_on = result.is_ok();
            if let Err(error) = result {
                // Chunks are claimed in order, so all smaller ones are done or will be.
                let mut failed = failed.lock();
                if failed.as_ref().is_none_or(|(first, _)| chunk < *first) {
                    *failed = Some((chunk, error));
                }
            }
            goes_on
        });
        match failed.into_inner() {
            Some((_, error)) => Err(error),
            None => self.check(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::cancel::CancelToken;
    use crate::error::ErrorKind;

    #[test]
    fn the_first_failing_chunk_is_reported_and_later_ones_are_left_out() {
        for n_threads in [1, 3] {
            let (pool, limits) = (Pool::new(n_threads).unwrap(), Limits::default());
            let error = Threads::new(&pool, &limits).try_run(usize::MAX, &|chunk| match chunk {
                0..5 => Ok(()),
                _ => Err(Error::invalid(format!("chunk {chunk}"))),
            });
            assert_eq!(error.unwrap_err().message(), "chunk 5");
        }
    }

    #[test]
    fn chunks_without_end_stop_when_the_run_is_cancelled() {
        for n_threads in [1, 3] {
            let (pool, token, ran) = (Pool::new(n_threads).unwrap(), CancelToken::new(), AtomicUsize::new(0));
            let limits = Limits::new(vec![token.clone()], None);
            let threads = Threads::new(&pool, &limits);
            threads.run(usize::MAX, &|_| {
                if ran.fetch_add(1, Ordering::Relaxed) == 100 {
                    token.cancel();
                }
            });
            assert_eq!(threads.check().unwrap_err().kind(), ErrorKind::Cancelled);
        }
    }
}
