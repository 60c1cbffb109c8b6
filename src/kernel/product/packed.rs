//! Large products on AVX-512: our own tiles over a packed right side, bias and activation in registers.
//!
//! The right side is copied in slabs of [`DEPTH`] by [`COLUMNS`] into panels as wide as a tile, once for all threads;
//! then the rows are made in chunks, each tile's rows of the left side staying in the first cache while the panels
//! stream by from the second. An element is a chain of fused products, restarted for each slab: its bits do not depend
//! on chunks or tiles. Measured against one `gemm` call a block: benches/product.rs.

use std::cell::Cell;
use std::mem::MaybeUninit;
use std::ops::Range;

use super::grid::{self, Block};
use super::small::{Fast, Kernels, Pass};
use super::{Activation, Bias, Out, Product, epilogue};
use crate::kernel::simd::level;
use crate::pool::Pool;

/// Steps of `k` in a slab, at most: eight rows of the left side by so many fill half of a first cache.
const DEPTH: usize = 512;

/// Columns in a slab, at most: with `DEPTH`, two megabytes of float32.
const COLUMNS: usize = 1024;

/// Multiplications in a chunk: a third of a millisecond, so that threads finish together.
const CHUNK: usize = 1 << 24;

/// Makes the whole product.
pub(super) fn run<T: Fast>(pool: Option<&Pool>, product: &Product<'_, T>, c: &mut [T]) {
    let kernels = T::kernels(level());
    let depth = even_part(product.k, DEPTH, 1);
    let columns = even_part(product.n, COLUMNS, kernels.panel());
    let c = Out::new(c);
    with_scratch(depth * columns.next_multiple_of(kernels.panel()), |scratch: *mut T| {
        let scratch = Out(scratch);
        for column in (0..product.n).step_by(columns) {
            for p in (0..product.k).step_by(depth) {
                let slab = Slab {
                    product,
                    kernels,
                    steps: p..product.k.min(p + depth),
                    columns: column..product.n.min(column + columns),
                    panels: &scratch,
                };
                slab.run(pool, &c);
            }
        }
    });
}

/// A size near `whole / parts` for the fewest parts of at most `most`.
fn even_part(whole: usize, most: usize, unit: usize) -> usize {
    whole.div_ceil(whole.div_ceil(most).max(1)).next_multiple_of(unit)
}

/// A part of the right side, and where its panels are.
struct Slab<'a, T: 'static> {
    product: &'a Product<'a, T>,
    kernels: &'static Kernels<T>,
    steps: Range<usize>,
    columns: Range<usize>,
    panels: &'a Out<T>,
}

impl<T: Fast> Slab<'_, T> {
    /// Packs the slab, then makes its share of all rows.
    fn run(&self, pool: Option<&Pool>, c: &Out<T>) {
        let n_panels = self.columns.len().div_ceil(self.kernels.panel());
        let packed_at_once = (grid::SERIAL / 8 / (self.steps.len() * self.kernels.panel())).max(1);
        each(pool, n_panels, packed_at_once, |panels| panels.for_each(|panel| self.pack(panel)));
        let rows = (CHUNK / (self.steps.len() * self.columns.len())).next_multiple_of(8);
        each(pool, self.product.m, rows.max(32), |rows| {
            let block = Block { rows, columns: self.columns.clone() };
            // SAFETY: chunks of rows do not overlap and lie in `c`.
            unsafe { self.multiply(&block, c.pointer()) };
        });
    }

    fn panel(&self, panel: usize) -> *mut T {
        // SAFETY: `run` made room for all panels of a slab.
        unsafe { self.panels.pointer().add(panel * self.kernels.panel() * self.steps.len()) }
    }

    /// Copies one panel: its columns side by side for each step of `k`.
    fn pack(&self, panel: usize) {
        let (wide, product, depth) = (self.kernels.panel(), self.product, self.steps.len());
        let first = self.columns.start + panel * wide;
        let width = wide.min(self.columns.end - first);
        // SAFETY: the panel has room for `depth * wide` elements, and no other chunk writes to it.
        let to = unsafe { std::slice::from_raw_parts_mut(self.panel(panel).cast::<MaybeUninit<T>>(), depth * wide) };
        if product.tb {
            for (j, from) in product.b.chunks_exact(product.k).skip(first).take(width).enumerate() {
                let from = &from[self.steps.clone()];
                to[j..].iter_mut().step_by(wide).zip(from).for_each(|(to, &from)| _ = to.write(from));
            }
            return;
        }
        let rows = product.b.chunks_exact(product.n).skip(self.steps.start);
        for (to, from) in to.chunks_exact_mut(wide).zip(rows) {
            to.iter_mut().zip(&from[first..first + width]).for_each(|(to, &from)| _ = to.write(from));
        }
    }

    /// Makes the slab's share of some rows.
    ///
    /// # Safety
    /// `c` points to the product, and nobody else uses the block meanwhile.
    unsafe fn multiply(&self, block: &Block, c: *mut T) {
        // SAFETY: as promised by the caller.
        unsafe {
            if self.product.ta {
                self.transposed(block, c)
            } else {
                self.rows(block, c, std::ptr::null_mut())
            }
            if self.steps.end == self.product.k {
                epilogue::apply_rest(self.product, block, c);
            }
        }
    }

    /// [`Slab::rows`] with room for a copy of a tile's rows.
    #[inline(never)]
    unsafe fn transposed(&self, block: &Block, c: *mut T) {
        let mut copy = MaybeUninit::<[[T; 8]; DEPTH]>::uninit();
        // SAFETY: as promised by the caller.
        unsafe { self.rows(block, c, copy.as_mut_ptr().cast()) }
    }

    /// Tile after tile of rows, each along all panels.
    unsafe fn rows(&self, block: &Block, c: *mut T, copy: *mut T) {
        let (product, kernels) = (self.product, self.kernels);
        for row in block.rows.clone().step_by(kernels.rows) {
            let count = (block.rows.end - row).min(kernels.rows);
            let (a_row, a_column) = if product.ta { (1, count) } else { (product.k, 1) };
            // SAFETY: `row` and the slab's steps lie in the left side; eight rows of a slab's depth fit in `copy`.
            let a = unsafe {
                if product.ta {
                    self.copy_rows(row, count, copy);
                    copy.cast_const()
                } else {
                    product.a.as_ptr().add(row * product.k + self.steps.start)
                }
            };
            let mut pass = self.pass(a_row, a_column);
            for (panel, column) in block.columns.clone().step_by(kernels.panel()).enumerate() {
                let left = block.columns.end - column;
                let last = left <= kernels.panel();
                pass.right = self.panel(panel);
                pass.next = self.panel(if last { 0 } else { panel + 1 });
                pass.tail = (left.min(kernels.panel()) - 1) % kernels.lanes + 1;
                pass.bias = if self.steps.end == product.k { product.bias.from(column) } else { Bias::None };
                let tile = kernels.packed[usize::from(left > kernels.lanes)][count - 1];
                // SAFETY: the tile's rows and columns lie in the block.
                unsafe { tile(&pass, a, c.add(row * product.n + column)) };
            }
        }
    }

    /// What the tiles of the slab share; the panel comes later.
    fn pass(&self, a_row: usize, a_column: usize) -> Pass<'_, T> {
        let last = self.steps.end == self.product.k;
        Pass {
            a_row,
            a_column,
            right: std::ptr::null(),
            right_row: self.kernels.panel(),
            next: std::ptr::null(),
            depth: self.steps.len(),
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

/// Runs `f` on parts of `0..whole`, `step` long, in the pool or here.
fn each(pool: Option<&Pool>, whole: usize, step: usize, f: impl Fn(Range<usize>) + Sync) {
    let part = |i: usize| f(i * step..whole.min((i + 1) * step));
    match pool {
        Some(pool) => pool.parallel_for(whole.div_ceil(step), &part),
        None => (0..whole.div_ceil(step)).for_each(part),
    }
}

/// A cache line of scratch.
#[repr(align(64))]
struct Line {
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
        scratch = Vec::with_capacity(lines);
    }
    let result = f(scratch.as_mut_ptr().cast());
    SCRATCH.set(scratch);
    result
}
