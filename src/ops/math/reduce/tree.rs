//! The order in which a reduction combines elements: a tree that the shape alone fixes.
//!
//! A reduction is a series of passes over `(outer, k, inner)`, each of which removes the middle axis. Elements of a
//! row (`inner` is 1) are combined in 16 lanes, columns side by side; blocks of them pairwise, so that rounding errors
//! grow with the logarithm of the length. What is longer than a piece is cut into pieces that may run on any
//! thread, and the results of the pieces are reduced again.

use crate::dispatched;
use crate::error::Result;
use crate::graph::RunCx;
use crate::ops::parts::{SERIAL, fill_parts};
use crate::value::ScratchVec;

/// How two elements become one: associative but for rounding.
pub(super) trait Fold: Send + Sync + 'static {
    /// What comes in.
    type In: Copy + Send + Sync;
    /// What it is combined as.
    type Acc: Copy + Send + Sync;
    /// The fold of what this one has made of pieces.
    type Next: Fold<In = Self::Acc, Acc = Self::Acc>;
    /// The result of no elements.
    const START: Self::Acc;
    /// An element as it enters.
    fn load(x: Self::In) -> Self::Acc;
    /// The two as one.
    fn join(a: Self::Acc, b: Self::Acc) -> Self::Acc;
}

/// Accumulators of a row: the registers of AVX-512 twice, for the latency of the addition.
const LANES: usize = 32;

/// Elements of a row that are combined before the tree begins: 32 a lane.
pub(super) const ROW_LEAF: usize = 32 * LANES;

/// Rows of a block of columns that are combined one after the other before the tree begins.
const COLUMN_LEAF: usize = 32;

/// Columns that are combined side by side: they fit the registers and the stack.
const TILE: usize = 64;

/// An axis group: neighbouring axes that are all reduced or all kept, as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Group {
    pub size: usize,
    pub is_reduced: bool,
}

/// The groups of a shape. Axes of size 1 belong to neither.
pub(super) fn groups(dims: &[usize], is_reduced: impl Fn(usize) -> bool) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for (axis, &size) in dims.iter().enumerate().filter(|(_, size)| **size != 1) {
        match groups.last_mut() {
            Some(last) if last.is_reduced == is_reduced(axis) => last.size *= size,
            _ => groups.push(Group { size, is_reduced: is_reduced(axis) }),
        }
    }
    groups
}

/// What is reduced.
pub(super) enum Elements<'a, T> {
    /// Elements in memory.
    Given(&'a [T]),
    /// Elements that `make(start, tile)` makes, at most [`ROW_LEAF`] at a time: they are combined while they are in
    /// cache.
    Made {
        /// How many there are.
        len: usize,
        /// Fills a tile with the elements from `start` on.
        make: &'a (dyn Fn(usize, &mut [T]) + Sync),
        /// Any element: what tiles hold before.
        blank: T,
    },
}

/// Reduces the groups that are to be reduced, from the last to the first.
pub(super) fn reduce<F: Fold>(
    cx: &RunCx<'_>,
    elements: &Elements<'_, F::In>,
    mut groups: Vec<Group>,
) -> Result<ScratchVec<F::Acc>> {
    let ends_in_rows = groups.last().is_some_and(|group| group.is_reduced);
    let mut acc = match *elements {
        Elements::Given(x) if groups.iter().all(|group| !group.is_reduced) => {
            return cx.collect(x.iter().map(|x| F::load(*x)));
        }
        Elements::Given(x) => pass::<F>(cx, x, &mut groups)?,
        Elements::Made { make, blank, .. } if ends_in_rows => pass_made::<F>(cx, make, blank, &mut groups)?,
        Elements::Made { len, make, blank } => {
            let mut x = cx.scratch_of(len, blank)?;
            fill_parts(cx, &mut x, SERIAL, &|start, part| {
                part.chunks_mut(ROW_LEAF).enumerate().for_each(|(i, tile)| make(start + i * ROW_LEAF, tile));
            })?;
            return reduce::<F>(cx, &Elements::Given(&x), groups);
        }
    };
    while groups.iter().any(|group| group.is_reduced) {
        acc = pass::<F::Next>(cx, &acc, &mut groups)?;
    }
    Ok(acc)
}

/// Reduces the last group that is to be reduced, to one element or to one a piece, and leaves what is to be done.
fn pass<F: Fold>(cx: &RunCx<'_>, x: &[F::In], groups: &mut Vec<Group>) -> Result<ScratchVec<F::Acc>> {
    let cut = Cut::of(groups);
    let mut out = cx.scratch_of(cut.n_outputs, F::START)?;
    fill_parts(cx, &mut out, cut.step(), &|start, out| fill::<F>(&cut, x, start, out))?;
    Ok(out)
}

/// As [`pass`], over elements that are made; the last group is to be reduced.
fn pass_made<F: Fold>(
    cx: &RunCx<'_>,
    make: &(dyn Fn(usize, &mut [F::In]) + Sync),
    blank: F::In,
    groups: &mut Vec<Group>,
) -> Result<ScratchVec<F::Acc>> {
    let cut = Cut::of(groups);
    let mut out = cx.scratch_of(cut.n_outputs, F::START)?;
    fill_parts(cx, &mut out, cut.step(), &|start, out| {
        let tile = &mut Tile([blank; ROW_LEAF]).0;
        match cut.k {
            1..=ROW_LEAF => short_rows::<F>(cut.k, make, tile, start, out),
            _ => out.iter_mut().enumerate().for_each(|(i, out)| {
                let (at, len) = cut.range_of(start + i);
                *out = tree::<F>(at, len, &mut |at, len| {
                    let tile = &mut tile[..len];
                    make(at, tile);
                    row_leaf::<F>(tile)
                });
            }),
        }
    })?;
    Ok(out)
}

/// Elements on the stack that begin at a multiple of 64 bytes: vectors then never straddle lines.
#[repr(align(64))]
struct Tile<T>([T; ROW_LEAF]);

/// Rows of `k` elements of which a tile holds some.
fn short_rows<F: Fold>(
    k: usize,
    make: &(dyn Fn(usize, &mut [F::In]) + Sync),
    tile: &mut [F::In; ROW_LEAF],
    start: usize,
    out: &mut [F::Acc],
) {
    let rows = ROW_LEAF / k;
    for (i, out) in out.chunks_mut(rows).enumerate() {
        let tile = &mut tile[..out.len() * k];
        make((start + i * rows) * k, tile);
        out.iter_mut().zip(tile.chunks(k)).for_each(|(out, row)| *out = row_leaf::<F>(row));
    }
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
        let piece = if inner == 1 { SERIAL } else { (SERIAL / inner.clamp(1, TILE)).max(COLUMN_LEAF) };
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
        (SERIAL / self.k.clamp(1, self.piece)).max(1).next_multiple_of(self.inner.clamp(1, TILE))
    }

    /// Where the elements begin that reduce to outputs of row `row`, and how many rows of them there are.
    fn range_of(&self, row: usize) -> (usize, usize) {
        let (outer, start) = (row / self.pieces, row % self.pieces * self.piece);
        ((outer * self.k + start) * self.inner, self.piece.min(self.k.saturating_sub(start)))
    }
}

/// Makes the outputs from `start` on.
fn fill<F: Fold>(cut: &Cut, x: &[F::In], start: usize, out: &mut [F::Acc]) {
    if cut.inner == 1 {
        for (i, out) in out.iter_mut().enumerate() {
            let (at, len) = cut.range_of(start + i);
            *out = row::<F>(&x[at..at + len]);
        }
        return;
    }
    let mut done = 0;
    while done < out.len() {
        let (row, column) = ((start + done) / cut.inner, (start + done) % cut.inner);
        let width = TILE.min(cut.inner - column).min(out.len() - done);
        let (at, rows) = cut.range_of(row);
        if rows > 0 {
            let x = &x[at + column..at + rows * cut.inner];
            columns::<F>(x, cut.inner, rows, &mut out[done..done + width]);
        }
        done += width;
    }
}

pub(super) fn row<F: Fold>(x: &[F::In]) -> F::Acc {
    tree::<F>(0, x.len(), &mut |at, len| row_leaf::<F>(&x[at..at + len]))
}

/// The tree over `len` elements from `at` on, of what `leaf(at, len)` makes of its leaves.
fn tree<F: Fold>(at: usize, len: usize, leaf: &mut impl FnMut(usize, usize) -> F::Acc) -> F::Acc {
    if len <= ROW_LEAF {
        return leaf(at, len);
    }
    let left = left_of(len);
    let first = tree::<F>(at, left, leaf);
    F::join(first, tree::<F>(at + left, len - left, leaf))
}

/// Where a row is cut in two.
pub(super) fn left_of(len: usize) -> usize {
    (len / 2).next_multiple_of(ROW_LEAF)
}

fn columns<F: Fold>(x: &[F::In], stride: usize, rows: usize, out: &mut [F::Acc]) {
    if rows <= COLUMN_LEAF {
        return columns_leaf::<F>(x, stride, rows, out);
    }
    let left = (rows / 2).next_multiple_of(COLUMN_LEAF);
    columns::<F>(x, stride, left, out);
    let right = &mut [F::START; TILE][..out.len()];
    columns::<F>(&x[left * stride..], stride, rows - left, right);
    out.iter_mut().zip(right).for_each(|(out, right)| *out = F::join(*out, *right));
}

dispatched! {
    fn row_leaf<F: Fold>(x: &[F::In]) -> F::Acc = row_leaf_body;
    fn columns_leaf<F: Fold>(x: &[F::In], stride: usize, rows: usize, out: &mut [F::Acc]) = columns_leaf_body;
}

#[inline(always)]
fn row_leaf_body<F: Fold, const FMA: bool>(x: &[F::In]) -> F::Acc {
    if x.len() < LANES {
        return x.iter().fold(F::START, |acc, x| F::join(acc, F::load(*x)));
    }
    let mut lanes = [F::START; LANES];
    let (blocks, rest) = x.as_chunks::<LANES>();
    for block in blocks {
        for (lane, x) in lanes.iter_mut().zip(block) {
            *lane = F::join(*lane, F::load(*x));
        }
    }
    for (lane, x) in lanes.iter_mut().zip(rest) {
        *lane = F::join(*lane, F::load(*x));
    }
    let mut n = LANES / 2;
    while n > 0 {
        for i in 0..n {
            lanes[i] = F::join(lanes[i], lanes[i + n]);
        }
        n /= 2;
    }
    lanes[0]
}

#[inline(always)]
fn columns_leaf_body<F: Fold, const FMA: bool>(x: &[F::In], stride: usize, rows: usize, out: &mut [F::Acc]) {
    out.fill(F::START);
    for row in 0..rows {
        let x = &x[row * stride..][..out.len()];
        for (out, x) in out.iter_mut().zip(x) {
            *out = F::join(*out, F::load(*x));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_of_a_kind_are_one_group() {
        let group = |size, is_reduced| Group { size, is_reduced };
        let of = |dims: &[usize], axes: &[usize]| groups(dims, |axis| axes.contains(&axis));
        assert_eq!(of(&[2, 3, 4], &[1, 2]), [group(2, false), group(12, true)]);
        assert_eq!(of(&[2, 1, 4], &[0, 2]), [group(8, true)]);
        assert_eq!(of(&[1, 1], &[0]), []);
        assert_eq!(of(&[2, 0, 4], &[1]), [group(2, false), group(0, true), group(4, false)]);
    }
}
