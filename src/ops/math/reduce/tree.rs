//! The order in which a reduction combines elements: a tree that the shape alone fixes.
//!
//! A reduction is a series of passes over `(outer, k, inner)`, each of which removes the middle axis. Elements of a
//! row (`inner` is 1) are combined in lanes, columns side by side; blocks of them pairwise, so that rounding errors
//! grow with the logarithm of the length ([`Fold`]). What is longer than a piece is cut into pieces that may run on any
//! thread, and the results of the pieces are reduced again. Elements are bytes here: the fold knows what they are.

use crate::error::Result;
use crate::graph::RunCx;
use crate::kernel::fold::{COLUMN_LEAF, COLUMNS, Fold, ROW_LEAF, Tile};
use crate::ops::parts::{SERIAL, bytes_mut, fill_parts};
use crate::value::Value;

/// An axis group: neighbouring axes that are all reduced or all kept, as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Group {
    pub size: usize,
    pub is_reduced: bool,
}

/// The groups of a shape. Axes of size 1 belong to neither.
pub(super) fn groups(dims: &[usize], is_reduced: &dyn Fn(usize) -> bool) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for (axis, &size) in dims.iter().enumerate().filter(|(_, size)| **size != 1) {
        match groups.last_mut() {
            Some(last) if last.is_reduced == is_reduced(axis) => last.size *= size,
            _ => groups.push(Group { size, is_reduced: is_reduced(axis) }),
        }
    }
    groups
}

/// Fills a tile, of at most [`ROW_LEAF`] elements of the accumulator's dtype, with those from an element on.
pub(super) type Make<'a> = &'a (dyn Fn(usize, &mut [u8]) + Sync);

/// What is reduced.
#[derive(Clone, Copy)]
pub(super) enum Elements<'a> {
    /// Elements in memory.
    Given(&'a [u8]),
    /// Elements that are combined while they are in cache.
    Made(Make<'a>),
}

/// Reduces the groups that are to be reduced, from the last to the first, of which there must be one. The results, of
/// the dtype that the fold accumulates in, have no shape yet.
pub(super) fn reduce(cx: &RunCx<'_>, fold: &Fold, elements: Elements<'_>, mut groups: Vec<Group>) -> Result<Value> {
    let ends_in_rows = groups.last().is_some_and(|group| group.is_reduced);
    let mut acc = match elements {
        Elements::Given(x) => pass(cx, fold, x, &mut groups)?,
        Elements::Made(make) if ends_in_rows => pass_made(cx, fold, make, &mut groups)?,
        Elements::Made(make) => {
            let x = made(cx, fold, make, groups.iter().map(|group| group.size).product())?;
            return reduce(cx, fold, Elements::Given(x.bytes()?), groups);
        }
    };
    while groups.iter().any(|group| group.is_reduced) {
        acc = pass(cx, &fold.next(), acc.bytes()?, &mut groups)?;
    }
    Ok(acc)
}

/// `n` elements that are made.
pub(super) fn made(cx: &RunCx<'_>, fold: &Fold, make: Make<'_>, n: usize) -> Result<Value> {
    fill_results(cx, fold, n, SERIAL, &|start, out| {
        for (i, tile) in out.chunks_mut(ROW_LEAF * fold.acc_size()).enumerate() {
            make(start + i * ROW_LEAF, tile);
        }
    })
}

/// Reduces the last group that is to be reduced, to one element or to one a piece, and leaves what is to be done.
fn pass(cx: &RunCx<'_>, fold: &Fold, x: &[u8], groups: &mut Vec<Group>) -> Result<Value> {
    let cut = Cut::of(groups);
    fill_results(cx, fold, cut.n_outputs, cut.step(), &|start, out| {
        if cut.inner == 1 { fill_rows(&cut, fold, x, start, out) } else { fill_columns(&cut, fold, x, start, out) }
    })
}

/// As [`pass`], over elements that are made; the last group is to be reduced.
fn pass_made(cx: &RunCx<'_>, fold: &Fold, make: Make<'_>, groups: &mut Vec<Group>) -> Result<Value> {
    let cut = Cut::of(groups);
    let size = fold.acc_size();
    fill_results(cx, fold, cut.n_outputs, cut.step(), &|start, out| {
        let tile = &mut Tile([0; ROW_LEAF * 8]).0;
        if (1..=ROW_LEAF).contains(&cut.k) {
            let rows = ROW_LEAF / cut.k;
            for (i, out) in out.chunks_mut(rows * size).enumerate() {
                let tile = &mut tile[..out.len() * cut.k];
                make((start + i * rows) * cut.k, tile);
                fold.wide_rows(tile, cut.k, out);
            }
            return;
        }
        for (i, out) in out.chunks_mut(size).enumerate() {
            let (at, len) = cut.range_of(start + i);
            fold.tree(at, len, out, &mut |at, len, out| {
                let tile = &mut tile[..len * size];
                make(at, tile);
                fold.wide_rows(tile, len, out);
            });
        }
    })
}

/// Makes `n` results, on the pool in parts of `step`: `f(index of the part's first one, part)`.
fn fill_results(
    cx: &RunCx<'_>,
    fold: &Fold,
    n: usize,
    step: usize,
    f: &(dyn Fn(usize, &mut [u8]) + Sync),
) -> Result<Value> {
    let mut out = cx.alloc(fold.acc(), &[n])?;
    let size = fold.acc_size();
    // SAFETY: folds make elements of their dtype of elements.
    let bytes = unsafe { bytes_mut(&mut out)? };
    fill_parts(cx, bytes, step.saturating_mul(size), &|start, part| f(start / size, part))?;
    Ok(out)
}

/// How a pass goes over `(outer, k, inner)`: `k` is cut into pieces, which become one element each.
struct Cut {
    k: usize,
    inner: usize,
    piece: usize,
    pieces: usize,
    n_outputs: usize,
}

impl Cut {
    /// Of the last group that is to be reduced; the groups become what is left to be done.
    fn of(groups: &mut Vec<Group>) -> Cut {
        let at = groups.iter().rposition(|group| group.is_reduced).expect("a group is left to be reduced");
        let size = |groups: &[Group]| groups.iter().map(|group| group.size).product::<usize>();
        let (outer, k, inner) = (size(&groups[..at]), groups[at].size, size(&groups[at + 1..]));
        let piece = if inner == 1 { SERIAL } else { (SERIAL / inner.clamp(1, COLUMNS)).max(COLUMN_LEAF) };
        let pieces = k.div_ceil(piece).max(1);
        if pieces == 1 {
            groups.remove(at);
        } else {
            groups[at].size = pieces;
        }
        Cut { k, inner, piece, pieces, n_outputs: outer * pieces * inner }
    }

    /// Outputs of a chunk: about `SERIAL` elements in, and whole tiles out.
    fn step(&self) -> usize {
        (SERIAL / self.k.clamp(1, self.piece)).max(1).next_multiple_of(self.inner.clamp(1, COLUMNS))
    }

    /// Where the elements begin that reduce to outputs of row `row`, and how many rows of them there are.
    fn range_of(&self, row: usize) -> (usize, usize) {
        let (outer, start) = (row / self.pieces, row % self.pieces * self.piece);
        ((outer * self.k + start) * self.inner, self.piece.min(self.k.saturating_sub(start)))
    }
}

/// Makes the outputs from `start` on, of one row each.
fn fill_rows(cut: &Cut, fold: &Fold, x: &[u8], start: usize, out: &mut [u8]) {
    let (size, acc_size) = (fold.size(), fold.acc_size());
    if cut.k <= ROW_LEAF {
        let row = cut.k * size;
        return fold.rows(&x[start * row..][..out.len() / acc_size * row], cut.k, out);
    }
    for (i, out) in out.chunks_mut(acc_size).enumerate() {
        let (at, len) = cut.range_of(start + i);
        fold.row(&x[at * size..(at + len) * size], out);
    }
}

/// Makes the outputs from `start` on, some columns at a time.
fn fill_columns(cut: &Cut, fold: &Fold, x: &[u8], start: usize, out: &mut [u8]) {
    let (size, acc_size) = (fold.size(), fold.acc_size());
    let n = out.len() / acc_size;
    let mut done = 0;
    while done < n {
        let (row, column) = ((start + done) / cut.inner, (start + done) % cut.inner);
        let width = COLUMNS.min(cut.inner - column).min(n - done);
        let (at, rows) = cut.range_of(row);
        let part = &mut out[done * acc_size..(done + width) * acc_size];
        if rows == 0 {
            fold.fill(part);
        } else {
            fold.columns(&x[(at + column) * size..(at + rows * cut.inner) * size], cut.inner, rows, part);
        }
        done += width;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_of_a_kind_are_one_group() {
        let group = |size, is_reduced| Group { size, is_reduced };
        let of = |dims: &[usize], axes: &[usize]| groups(dims, &|axis| axes.contains(&axis));
        assert_eq!(of(&[2, 3, 4], &[1, 2]), [group(2, false), group(12, true)]);
        assert_eq!(of(&[2, 1, 4], &[0, 2]), [group(8, true)]);
        assert_eq!(of(&[1, 1], &[0]), []);
        assert_eq!(of(&[2, 0, 4], &[1]), [group(2, false), group(0, true), group(4, false)]);
    }
}
