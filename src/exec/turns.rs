//! Turns: one holder at a time, in order of arrival. Unlike behind a lock, who waits for a turn may give up.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Condvar, Mutex, MutexGuard};

use crate::cancel::Limits;
use crate::error::Result;

/// How long a waiting run sleeps before it looks whether somebody has cancelled it: nobody notices 10 ms, and a hundred
/// waiting runs that wake so often take less than a tenth of a core.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Gives out turns.
#[derive(Default)]
pub(super) struct Turns(Mutex<Line>);

/// Who waits, the first to come first. Each sleeps on a bell of its own, so that a turn that ends wakes one of them.
#[derive(Default)]
struct Line {
    is_taken: bool,
    waiting: VecDeque<Arc<Condvar>>,
}

/// A turn; the next one begins when it is dropped.
pub(super) struct Turn<'a>(&'a Turns);

impl Turns {
    /// A turn, after those of all who came before.
    ///
    /// # Errors
    /// `Cancelled` and `DeadlineExceeded` by `limits` while it waits.
    pub(super) fn take(&self, limits: &Limits) -> Result<Turn<'_>> {
        let mut line = self.0.lock();
        if line.is_taken || !line.waiting.is_empty() {
            wait(line, limits)?;
        } else {
            line.is_taken = true;
        }
        Ok(Turn(self))
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut line = self.0.0.lock();
        line.is_taken = false;
        line.call_first();
    }
}

impl Line {
    fn call_first(&self) {
        if let Some(first) = self.waiting.front() {
            first.notify_one();
        }
    }

    fn is_turn_of(&self, bell: &Arc<Condvar>) -> bool {
        !self.is_taken && self.waiting.front().is_some_and(|first| Arc::ptr_eq(first, bell))
    }

    /// Who gives up may have been called already: the next one is called in its place.
    fn leave(&mut self, bell: &Arc<Condvar>) {
        self.waiting.retain(|other| !Arc::ptr_eq(other, bell));
        if !self.is_taken {
            self.call_first();
        }
    }
}

#[cold]
fn wait(mut line: MutexGuard<'_, Line>, limits: &Limits) -> Result<()> {
    let bell = Arc::new(Condvar::new());
    line.waiting.push_back(bell.clone());
    while !line.is_turn_of(&bell) {
        if let Err(error) = limits.check() {
            line.leave(&bell);
            return Err(error);
        }
        bell.wait_for(&mut line, limits.patience(LOOK_EVERY));
    }
    line.waiting.pop_front();
    line.is_taken = true;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::thread;
    use std::time::Instant;

    use super::*;
    use crate::cancel::CancelToken;
    use crate::error::ErrorKind;

    fn n_waiting(turns: &Turns) -> usize {
        turns.0.lock().waiting.len()
    }

    /// Starts threads one after the other, each in the line before the next starts.
    fn line_up<'scope, 'env>(
        scope: &'scope thread::Scope<'scope, 'env>,
        turns: &'env Turns,
        limits: &'env Limits,
        came: &'env Mutex<Vec<usize>>,
        n: usize,
    ) -> Vec<thread::ScopedJoinHandle<'scope, Result<()>>> {
        let start = |i: usize| {
            let before = n_waiting(turns);
            let handle = scope.spawn(move || {
                let turn = turns.take(limits)?;
                came.lock().push(i);
                drop(turn);
                Ok(())
            });
            while n_waiting(turns) == before {
                thread::yield_now();
            }
            handle
        };
        (0..n).map(start).collect()
    }

    #[test]
    fn turns_come_in_order_of_arrival() {
        let (turns, limits, came) = (Turns::default(), Limits::default(), Mutex::default());
        thread::scope(|scope| {
            let first = turns.take(&limits);
            let all = line_up(scope, &turns, &limits, &came, 8);
            drop(first);
            assert!(all.into_iter().all(|handle| handle.join().unwrap().is_ok()));
        });
        assert_eq!(came.into_inner(), (0..8).collect::<Vec<_>>());
        assert!(turns.take(&limits).is_ok());
    }

    #[test]
    fn who_waits_may_give_up_and_the_others_keep_their_order() {
        let (turns, limits, came) = (Turns::default(), Limits::default(), Mutex::default());
        let token = CancelToken::new();
        let (cancelled, nobody) = (Limits::new(vec![token.clone()], None), Mutex::default());
        thread::scope(|scope| {
            let first = turns.take(&limits);
            let quitter = line_up(scope, &turns, &cancelled, &nobody, 1).remove(0);
            let all = line_up(scope, &turns, &limits, &came, 4);
            token.cancel();
            assert_eq!(quitter.join().unwrap().unwrap_err().kind(), ErrorKind::Cancelled);
            drop(first);
            assert!(all.into_iter().all(|handle| handle.join().unwrap().is_ok()));
        });
        assert_eq!((came.into_inner(), nobody.into_inner()), ((0..4).collect(), Vec::new()));
    }

    #[test]
    fn a_deadline_ends_the_waiting() {
        let (turns, limits) = (Turns::default(), Limits::default());
        let _first = turns.take(&limits);
        let began = Instant::now();
        let hurried = Limits::new(Vec::new(), began.checked_add(Duration::from_millis(3)));
        assert_eq!(turns.take(&hurried).err().unwrap().kind(), ErrorKind::DeadlineExceeded);
        assert!(began.elapsed() >= Duration::from_millis(3));
        assert_eq!(n_waiting(&turns), 0);
    }

    /// Many threads that come, give up and go: no turn is lost, and no two are taken at once.
    #[test]
    fn no_turn_is_lost() {
        let (turns, held) = (Turns::default(), Mutex::new(()));
        let work = |i: usize| {
            for round in 0..200 {
                let patience = Duration::from_micros(((i * 7 + round) % 50) as u64);
                let limits = Limits::new(Vec::new(), Instant::now().checked_add(patience));
                if let Ok(_turn) = turns.take(&limits) {
                    drop(held.try_lock().expect("one holder at a time"));
                }
            }
        };
        thread::scope(|scope| (0..8).for_each(|i| drop(scope.spawn(move || work(i)))));
        assert!(turns.take(&Limits::default()).is_ok());
    }
}
