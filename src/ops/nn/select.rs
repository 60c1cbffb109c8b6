//! Selecting from long lists of places, in steps between which a run may end.

use std::cmp::Ordering;

use crate::cancel::Pace;
use crate::error::Result;
use crate::graph::Workspace;
use crate::value::ScratchVec;

/// Which of two places comes first; two places are never equal.
pub(super) type Order<'a> = &'a dyn Fn(usize, usize) -> Ordering;

/// Places that the standard library selects from at once: in less than a millisecond.
pub(super) const SHORT: usize = 1 << 15;

/// Places that say where the rest of a list probably lies.
const SAMPLE: usize = 1 << 10;

/// The numbers below `n`.
pub(super) fn places(work: Workspace<'_>, n: usize, pace: &mut Pace<'_>) -> Result<ScratchVec<usize>> {
    let mut places = work.list(n)?;
    for from in (0..n).step_by(SHORT) {
        pace.spend(SHORT)?;
        places.extend(from..n.min(from + SHORT))?;
    }
    Ok(places)
}

/// Puts the place that is to be at `at` there, and those that come before it in front of it.
pub(super) fn select(places: &mut [usize], at: usize, order: Order<'_>, pace: &mut Pace<'_>) -> Result<()> {
    let (mut places, mut at) = (places, at);
    while places.len() > SHORT {
        let pivot = pivot(places, at, order);
        let n = partition(places, pivot, order, pace)?;
        (places, at) = if at < n { (&mut places[..n], at) } else { (&mut places[n..], at - n) };
    }
    pace.spend(16 * places.len())?;
    if at < places.len() {
        places.select_nth_unstable_by(at, |a, b| order(*a, *b));
    }
    Ok(())
}

/// A place near the one that is to be at `at`, but never the first in order, so that a list always becomes shorter.
fn pivot(places: &[usize], at: usize, order: Order<'_>) -> usize {
    let mut sample: [usize; SAMPLE] = std::array::from_fn(|i| places[places.len() / SAMPLE * i]);
    sample.sort_unstable_by(|a, b| order(*a, *b));
    sample[(at / places.len().div_ceil(SAMPLE)).clamp(1, SAMPLE - 1)]
}

/// Moves what comes before the pivot to the front; how many these are.
fn partition(places: &mut [usize], pivot: usize, order: Order<'_>, pace: &mut Pace<'_>) -> Result<usize> {
    let mut n = 0;
    for from in (0..places.len()).step_by(SHORT) {
        pace.spend(16 * SHORT)?;
        for i in from..places.len().min(from + SHORT) {
            if order(places[i], pivot) == Ordering::Less {
                places.swap(i, n);
                n += 1;
            }
        }
    }
    Ok(n)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers without an order, all of them different.
    fn mixed(n: usize) -> Vec<usize> {
        (0..n).map(|i| (i * 7919 + i * i % 31 * n) % 1_000_003).collect()
    }

    #[test]
    fn long_lists_are_selected_from_as_short_ones() {
        let work = Workspace::unlimited();
        for n in [0, 1, SHORT, SHORT + 1, 5 * SHORT + 77] {
            let keys = mixed(n);
            let order = |a: usize, b: usize| keys[a].cmp(&keys[b]).then(a.cmp(&b));
            let mut want: Vec<usize> = (0..n).collect();
            want.sort_by(|a, b| order(*a, *b));
            for at in [0, 1, n / 3, n / 2, n.saturating_sub(1)].into_iter().filter(|at| *at < n) {
                let mut got = places(work, n, &mut work.pace()).unwrap();
                select(&mut got, at, &order, &mut work.pace()).unwrap();
                assert_eq!(got[at], want[at], "{n} {at}");
                assert!(got[..at].iter().all(|place| order(*place, want[at]) == Ordering::Less), "{n} {at}");
            }
        }
    }
}
