//! Large products on AVX-512: our own tiles over a packed right side, bias and activation in registers.
//!
//! The right side is copied in slabs of [`DEPTH`] by [`COLUMNS`] into panels as wide as a tile, once for all threads;
//! then the rows are made in chunks, each tile's rows of the left side staying in the first cache while the panels
//! stream by from the second. An element is a chain of fused products, restarted for each slab: its bits do not depend
//! on chunks or tiles. Measured against one `gemm` call a block: benches/product.rs.

use std::cell::Cell;
use std::mem::MaybeUninit;
use std::ops::Range;

use super::grid::Block;
use super::small::{Fast, Kernels, Pass, Piece};
use super::{Activation, Bias, Out, Product, epilogue};
use crate::number::Number;
use crate::simd::level;
use crate::threads::Threads;

/// Steps of `k` in a slab, at most: eight rows of the left side by so many fill half of a first cache.
const DEPTH: usize = 512;

/// Columns in a slab, at most: with `DEPTH`, two megabytes of float32.
const COLUMNS: usize = 1024;

/// Multiplications in a chunk: a third of a millisecond, so that threads finish together.
const CHUNK: usize = 1 << 24;

/// Steps of `k` below which writing the product is the work of a chunk.
const LEAST_DEPTH: usize = 16;

/// Elements that a thread packs before another one pays.
pub(super) const PACKED_AT_ONCE: usize = 1 << 17;

/// Makes the whole product.
pub(super) fn run<T: Fast>(threads: Option<Threads<'_>>, product: &Product<'_, T>, c: &mut [T]) {
    let kernels = T::kernels(level());
    let depth = even_part(product.k, DEPTH, 1);
    let columns = even_part(product.n, COLUMNS, kernels.panel());
    let c = Out::new(c);
    with_scratch(depth * columns.next_multiple_of(kernels.panel()), |scratch: *mut T| {
        for column in (0..product.n).step_by(columns) {
            for p in (0..product.k).step_by(depth) {
                if threads.is_some_and(|threads| threads.check().is_err()) {
                    return;
                }
                let steps = p..product.k.min(p + depth);
                let slab = Slab {
                    product,
                    kernels,
                    pieces: &[Piece { at: 0, steps: steps.len() }],
                    steps,
                    group: 1,
                    columns: column..product.n.min(column + columns),
                    panels: Out(scratch),
                };
                slab.run(threads, &c);
            }
        }
    });
}

/// The parts of `k` that are made one after the other.
pub(super) fn slabs(k: usize) -> impl Iterator<Item = Range<usize>> {
    let depth = even_part(k, DEPTH, 1);
    (0..k).step_by(depth.max(1)).map(move |p| p..k.min(p + depth))
}

/// A size near `whole / parts` for the fewest parts of at most `most`.
pub(super) fn even_part(whole: usize, most: usize, unit: usize) -> usize {
    whole.div_ceil(whole.div_ceil(most.max(1)).max(1)).next_multiple_of(unit)
}

/// A part of the right side, and where its panels are.
pub(super) struct Slab<'a, T: 'static> {
    pub product: &'a Product<'a, T>,
    pub kernels: &'static Kernels<T>,
    pub steps: Range<usize>,
    /// Where these steps lie in a row of the left side.
    pub pieces: &'a [Piece],
    /// Steps that a vector of a panel holds: more than one for few columns, and where rows of the left side are rows.
    pub group: usize,
    pub columns: Range<usize>,
    /// Room for [`Slab::len`] elements.
    pub panels: Out<T>,
}

impl<T: Number> Slab<'_, T> {
    /// Packs the slab, then makes its share of all rows.
    fn run(&self, threads: Option<Threads<'_>>, c: &Out<T>) {
        self.pack(threads);
        let rows = (CHUNK / (self.steps.len().max(LEAST_DEPTH) * self.columns.len())).next_multiple_of(8);
        each(threads, self.product.m, rows.max(32), |rows| {
            let block = Block { rows, columns: self.columns.clone() };
            // SAFETY: chunks of rows do not overlap and lie in `c`.
            unsafe { self.multiply(&block, c.pointer()) };
        });
    }

    /// Elements that a panel has for one step, or for one group of steps.
    fn width(&self) -> usize {
        if self.group > 1 { self.kernels.lanes } else { self.kernels.panel() }
    }

    /// Elements of a panel.
    fn panel_len(&self) -> usize {
        self.width() * self.pieces.iter().map(|piece| piece.steps.div_ceil(self.group)).sum::<usize>()
    }

    fn n_panels(&self) -> usize {
        self.columns.len().div_ceil(self.width())
    }

    /// Elements of all panels.
    pub fn len(&self) -> usize {
        self.n_panels() * self.panel_len()
    }

    fn panel(&self, panel: usize) -> *mut T {
        self.panels.pointer().wrapping_add(panel * self.panel_len())
    }

    /// Copies the right side into the panels.
    pub fn pack(&self, threads: Option<Threads<'_>>) {
        if self.group > 1 {
            // SAFETY: `panels` has room for the one panel that so few columns make, and nobody else writes to it.
            let to = unsafe { std::slice::from_raw_parts_mut(self.panel(0).cast::<MaybeUninit<T>>(), self.len()) };
            return self.pack_groups(to);
        }
        let at_once = (PACKED_AT_ONCE / self.panel_len().max(1)).max(1);
        each(threads, self.n_panels(), at_once, |panels| match self.product.tb {
            true => panels.for_each(|panel| self.pack_transposed(panel)),
            false => self.pack_rows(panels),
        });
    }

    /// The columns of a panel.
    fn columns_of(&self, panel: usize) -> Range<usize> {
        let first = self.columns.start + panel * self.width();
        first..self.columns.end.min(first + self.width())
    }

    /// Copies panels: their columns side by side for each step of `k`.
    fn pack_rows(&self, panels: Range<usize>) {
        let rows = self.product.b.chunks_exact(self.product.n).skip(self.steps.start).take(self.steps.len());
        // Panels are filled at once, row by row, which reads memory in its order.
        for (p, row) in rows.enumerate() {
            for panel in panels.clone() {
                let from = &row[self.columns_of(panel)];
                // SAFETY: the panel has room for all steps, and no other chunk writes to it.
                unsafe { self.panel(panel).add(p * self.width()).copy_from_nonoverlapping(from.as_ptr(), from.len()) };
            }
        }
    }

    /// As [`Slab::pack_rows`], of a transposed right side.
    fn pack_transposed(&self, panel: usize) {
        let (wide, columns) = (self.width(), self.columns_of(panel));
        // SAFETY: the panel has room for all steps, and no other chunk writes to it.
        let to = unsafe {
            std::slice::from_raw_parts_mut(self.panel(panel).cast::<MaybeUninit<T>>(), self.steps.len() * wide)
        };
        for (j, from) in self.product.b.chunks_exact(self.product.k).skip(columns.start).take(columns.len()).enumerate()
        {
            let from = &from[self.steps.clone()];
            to[j..].iter_mut().step_by(wide).zip(from).for_each(|(to, &from)| _ = to.write(from));
        }
    }

    /// Copies the columns group by group of steps: those of one column are neighbours. What is left over is zero.
    fn pack_groups(&self, to: &mut [MaybeUninit<T>]) {
        let (n, mut p) = (self.product.n, self.steps.start);
        let mut vectors = to.chunks_exact_mut(self.width());
        for piece in self.pieces {
            for first in (0..piece.steps).step_by(self.group) {
                let count = self.group.min(piece.steps - first);
                let rows = &self.product.b[p * n..(p + count) * n];
                for (lane, to) in vectors.next().into_iter().flatten().enumerate() {
                    let (column, step) = (lane / self.group, lane % self.group);
                    to.write(if column < n && step < count { rows[step * n + column] } else { T::ZERO });
                }
                p += count;
            }
        }
    }

    /// Makes the slab's share of some rows.
    ///
    /// # Safety
    /// `c` points to the product, and nobody else uses the block meanwhile.
    unsafe fn multiply(&self, block: &Block, c: *mut T) {
        let (product, count) = (self.product, block.rows.len());
        // SAFETY: as promised by the caller; rows and the slab's steps lie in the left side.
        unsafe {
            if product.ta {
                self.transposed(block, c)
            } else {
                let a = product.a.as_ptr().add(block.rows.start * product.k + self.steps.start);
                self.rows(a, (product.k, 1), count, c.add(block.rows.start * product.n));
            }
            if self.steps.end == product.k {
                epilogue::apply_rest(product, block, c);
            }
        }
    }

    /// [`Slab::rows`] of copies of a few rows of a transposed left side.
    #[inline(never)]
    unsafe fn transposed(&self, block: &Block, c: *mut T) {
        let mut copy = MaybeUninit::<[[T; 8]; DEPTH]>::uninit();
        let copy = copy.as_mut_ptr().cast::<T>();
        for row in block.rows.clone().step_by(self.kernels.rows) {
            let count = (block.rows.end - row).min(self.kernels.rows);
            // SAFETY: eight rows of a slab's depth fit in `copy`; the rest is promised by the caller.
            unsafe {
                self.copy_rows(row, count, copy);
                self.rows(copy, (1, count), count, c.add(row * self.product.n));
            }
        }
    }

    /// Tile after tile of rows of the left side, each along all panels.
    ///
    /// # Safety
    /// `a` points to the first of `count` rows, `c` to the rows of the product, which nobody else uses meanwhile; the
    /// panels are packed.
    pub unsafe fn rows(&self, a: *const T, (a_row, a_column): (usize, usize), count: usize, c: *mut T) {
        let mut pass = self.pass(a_row, a_column);
        let mut row = 0;
        while row < count {
            // Tiles of about equal heights: a low one at the end would leave the CPU waiting for sums.
            let left = count - row;
            let height = left.div_ceil(left.div_ceil(self.kernels.rows));
            // SAFETY: as promised by the caller.
            unsafe { self.along(&mut pass, height, a.add(row * a_row), c.add(row * self.product.n)) };
            row += height;
        }
    }

    /// The tiles of some rows, panel after panel.
    #[inline(always)]
    unsafe fn along<'p>(&'p self, pass: &mut Pass<'p, T>, height: usize, a: *const T, c: *mut T) {
        for (panel, column) in self.columns.clone().step_by(self.width()).enumerate() {
            let left = self.columns.end - column;
            let width = left.min(self.width());
            pass.right = self.panel(panel);
            pass.next = self.panel(if left <= self.width() { 0 } else { panel + 1 });
            pass.bias = if self.steps.end == self.product.k { self.product.bias.from(column) } else { Bias::None };
            let tiles = if self.group > 1 {
                pass.tail = width;
                self.kernels.grouped(self.group)
            } else {
                let panel = self.kernels.packed(width);
                pass.tail = panel.tail(width);
                panel.tiles
            };
            // SAFETY: the tile's rows and columns lie in the product.
            unsafe { tiles[height - 1](pass, a, c.add(column)) };
        }
    }

    /// What the tiles of the slab share; the panel comes later.
    fn pass(&self, a_row: usize, a_column: usize) -> Pass<'_, T> {
        let last = self.steps.end == self.product.k;
        Pass {
            a_row,
            a_column,
            right: std::ptr::null(),
            right_row: self.width(),
            next: std::ptr::null(),
            pieces: self.pieces,
            n: self.product.n,
            tail: 0,
            first: self.steps.start == 0,
            bias: Bias::None,
            activation: if last { self.product.activation } else { Activation::None },
        }
    }

    /// Copies rows of a transposed left side: `count` neighbours for each step of `k`.
    unsafe fn copy_rows(&self, row: usize, count: usize, copy: *mut T) {
        for (i, p) in self.steps.clone().enumerate() {
            let from = &self.product.a[p * self.product.m + row..][..count];
            // SAFETY: `i < DEPTH` and `count <= 8`.
            unsafe { copy.add(i * count).copy_from_nonoverlapping(from.as_ptr(), count) };
        }
    }
}

/// Runs `f` on parts of `0..whole`, `step` long, on the threads or here.
pub(super) fn each(threads: Option<Threads<'_>>, whole: usize, step: usize, f: impl Fn(Range<usize>) + Sync) {
    let part = |i: usize| f(i * step..whole.min((i + 1) * step));
    match threads {
        Some(threads) => threads.run(whole.div_ceil(step), &part),
        None => (0..whole.div_ceil(step)).for_each(part),
    }
}

/// A cache line of scratch.
#[repr(align(64))]
pub(super) struct Line {
    _bytes: [u8; 64],
}

thread_local! {
    /// The panels of this thread's last product: at most one slab.
    static SCRATCH: Cell<Vec<Line>> = const { Cell::new(Vec::new()) };
}

/// Lends `f` uninitialized room for `n` elements, which this thread keeps for the next product.
fn with_scratch<T, R>(n: usize, f: impl FnOnce(*mut T) -> R) -> R {
    let lines = (n * size_of::<T>()).div_ceil(size_of::<Line>());
    let mut scratch = SCRATCH.take();
    if scratch.capacity() < lines {
        // Bounded by a slab of panels.
        scratch = Vec::with_capacity(lines);
    }
    let result = f(scratch.as_mut_ptr().cast());
    SCRATCH.set(scratch);
    result
}
