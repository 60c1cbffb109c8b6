//! The best `k` of a row in the order in which a binary heap leaves them: TensorFlow's answer where no order is asked for.
//!
//! The heap has the worst of the best on top and is built and changed by the steps of the C++ standard library's
//! `make_heap` and `pop_heap`, which fix what order is left.

use crate::error::Result;
use crate::graph::Workspace;
use crate::value::ScratchVec;

/// Whether a place is better than another.
type Better<'a> = &'a dyn Fn(i32, i32) -> bool;

/// The best `k` of `0..n`, `0 < k < n`, in heap order. `is_better` is a strict order.
pub(super) fn top_n(k: usize, n: usize, is_better: Better<'_>, work: Workspace<'_>) -> Result<ScratchVec<i32>> {
    let (mut pace, mut best) = (work.pace(), work.collect(0..=k as i32)?);
    for parent in (0..best.len() / 2).rev() {
        pace.spend(32)?;
        let value = best[parent];
        sift(&mut best, parent, value, is_better);
    }
    // The last cell is outside of the heap: it takes what is dropped.
    let dropped = best[k];
    drop_worst(&mut best, k, dropped, is_better);
    for next in k as i32 + 1..n as i32 {
        pace.spend(4)?;
        if is_better(next, best[0]) {
            pace.spend(64)?;
            drop_worst(&mut best, k, next, is_better);
        }
    }
    best.truncate(k);
    Ok(best)
}

/// Replaces the top of the heap of the first `k` cells.
fn drop_worst(best: &mut [i32], k: usize, value: i32, is_better: Better<'_>) {
    sift(&mut best[..k], 0, value, is_better);
}

/// Moves a hole from `top` to the bottom along the worse children, and `value` from there up to its place.
fn sift(heap: &mut [i32], top: usize, value: i32, is_better: Better<'_>) {
    let mut hole = top;
    while 2 * hole + 1 < heap.len() {
        let (left, right) = (2 * hole + 1, 2 * hole + 2);
        let child = if right < heap.len() && !is_better(heap[right], heap[left]) { right } else { left };
        heap[hole] = heap[child];
        hole = child;
    }
    while hole > top && is_better(heap[(hole - 1) / 2], value) {
        heap[hole] = heap[(hole - 1) / 2];
        hole = (hole - 1) / 2;
    }
    heap[hole] = value;
}
