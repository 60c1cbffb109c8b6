//! [`sort`]: a stable sort that looks at the limits of its run.

use std::cmp::Ordering;

use crate::cancel::Pace;
use crate::error::Result;

/// Which of two items comes first. It must be a total order; a closure may keep what it compares by.
pub type Compare<'a, T> = dyn FnMut(&T, &T) -> Ordering + 'a;

/// Items that the standard library sorts in one go: what it allocates for itself stays small.
const RUN: usize = 1 << 12;

/// Units of work between two looks at the pace, at most: about a quarter of a millisecond.
const BLOCK_WORK: usize = 1 << 18;

/// Units that a comparison takes at least: the call, and a branch that nobody can foresee.
const COMPARISON: usize = 4;

/// How many items a sort of `n` needs as spare room.
pub fn spare_len(n: usize) -> usize {
    if n > 1 { n } else { 0 }
}

/// Sorts `items`, and leaves equal ones in their order. `spare` is room for [`spare_len`] items; what it holds means
/// nothing. A comparison takes `cost` units of [`Pace`] beside its call: 0 for numbers, the length for rows.
///
/// # Errors
/// Those of the pace; the items are then in no order, but all there is to do with them is to drop them.
pub fn sort<T: Copy>(
    items: &mut [T],
    spare: &mut [T],
    cost: usize,
    compare: &mut Compare<'_, T>,
    pace: &mut Pace<'_>,
) -> Result<()> {
    let cost = cost.saturating_add(COMPARISON);
    let mut run = run_len(cost);
    for items in items.chunks_mut(run) {
        pace.spend(cost.saturating_mul(items.len() * (1 + items.len().ilog2() as usize)))?;
        items.sort_by(&mut *compare);
    }
    let mut is_in_spare = false;
    while run < items.len() {
        let (from, to) = if is_in_spare { (&*spare, &mut *items) } else { (&*items, &mut *spare) };
        for (from, to) in from.chunks(2 * run).zip(to.chunks_mut(2 * run)) {
            let (left, right) = from.split_at(run.min(from.len()));
            merge(left, right, to, cost, compare, pace)?;
        }
        is_in_spare = !is_in_spare;
        run *= 2;
    }
    if is_in_spare {
        items.copy_from_slice(&spare[..items.len()]);
    }
    Ok(())
}

/// How many items may be sorted without a look at the pace.
fn run_len(cost: usize) -> usize {
    let fits = |run: &usize| cost.saturating_mul(run * (1 + run.ilog2() as usize)) <= BLOCK_WORK;
    let runs = std::iter::successors(Some(RUN), |run| Some(run / 2));
    runs.take_while(|run| *run > 1).find(fits).unwrap_or(1)
}

/// Two sorted lists as one; of equal items those of the left come first.
fn merge<T: Copy>(
    left: &[T],
    right: &[T],
    out: &mut [T],
    cost: usize,
    compare: &mut Compare<'_, T>,
    pace: &mut Pace<'_>,
) -> Result<()> {
    let (mut i, mut j) = (0, 0);
    for out in out.chunks_mut((BLOCK_WORK / cost).clamp(1, RUN)) {
        pace.spend(out.len().saturating_mul(cost))?;
        for cell in out {
            let is_left = match (left.get(i), right.get(j)) {
                (Some(left), Some(right)) => compare(right, left) != Ordering::Less,
                (left, _) => left.is_some(),
            };
            *cell = if is_left { left[i] } else { right[j] };
            (i, j) = if is_left { (i + 1, j) } else { (i, j + 1) };
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cancel::{CancelToken, Limits};

    /// Numbers that look random.
    fn numbers(n: usize) -> Vec<u64> {
        let next = |x: &u64| Some(x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407));
        std::iter::successors(Some(1), next).map(|x: u64| x >> 33).take(n).collect()
    }

    #[test]
    fn equal_items_keep_their_order_at_any_length_and_cost() {
        let limits = Limits::default();
        for n in [0, 1, 2, 3, RUN, RUN + 1, 3 * RUN - 1, 4 * RUN, 9 * RUN + 5] {
            for cost in [0, 1000, usize::MAX] {
                let keys = numbers(n);
                let key = |i: &usize| keys[*i] % 100;
                let (mut order, mut spare): (Vec<usize>, Vec<usize>) = ((0..n).collect(), vec![0; spare_len(n)]);
                let mut wanted = order.clone();
                wanted.sort_by_key(key);
                let mut pace = Pace::new(&limits);
                sort(&mut order, &mut spare, cost, &mut |a, b| key(a).cmp(&key(b)), &mut pace).unwrap();
                assert!(order == wanted, "{n} items at cost {cost}");
            }
        }
    }

    #[test]
    fn a_cancelled_sort_ends_after_few_comparisons() {
        for (cost, most) in [(0, 1 << 20), (1 << 20, 4)] {
            let token = CancelToken::new();
            token.cancel();
            let limits = Limits::new(vec![token], None);
            let (mut items, mut spare, mut compared) = (numbers(1 << 20), vec![0; 1 << 20], 0);
            let compare: &mut Compare<'_, u64> = &mut |a, b| {
                compared += 1;
                a.cmp(b)
            };
            assert!(sort(&mut items, &mut spare, cost, compare, &mut Pace::new(&limits)).is_err());
            assert!(compared <= most, "{compared} comparisons at cost {cost}");
        }
    }
}
