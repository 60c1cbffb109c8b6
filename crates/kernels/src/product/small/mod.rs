//! The small kernel: register tiles straight from unpacked matrices, bias and activation in registers.
//!
//! An element is a chain of fused products in order of `k`, restarted every [`DEPTH`], so its bits do not depend on the
//! tile that it lies in. One row times a transposed right side is a set of dot products instead, in lanes over `k`. A
//! transposed right side is otherwise copied, panel by panel, to the stack.
//!
//! This file cuts a block into tiles; [`tile`] makes them, compiled for each instruction set into a table of functions.

mod lanes;
#[cfg(target_arch = "x86_64")]
mod pair;
mod tile;

use std::mem::MaybeUninit;

use super::grid::Block;
use super::{Activation, Bias, Product, Watch, epilogue};
use crate::number::Number;
use crate::simd::{Level, level};
pub(super) use tile::{Kernels, Pass, Piece};

/// Steps of `k` in one pass over the tiles: a panel of the right side stays in the first cache, and rounding errors
/// grow with the number of passes.
const DEPTH: usize = 256;

/// Bytes of the widest panel's row: two of the widest vectors.
const PANEL_BYTES: usize = 2 * 64;

/// Elements of a dot product that are added up before the limits of the run are looked at; a longer one is the sum of
/// such pieces.
const DOT: usize = 1 << 20;

/// The dtypes with vector kernels.
pub(super) trait Fast: Number {
    /// The kernels of an instruction set.
    fn kernels(level: Level) -> &'static Kernels<Self>;
}

/// Makes one block of the product, epilogue included.
///
/// # Safety
/// `c` points to `m * n` elements, `block` lies in them, and nobody else uses the block meanwhile.
pub(super) unsafe fn run<T: Fast>(product: &Product<'_, T>, block: &Block, c: *mut T, watch: &mut Watch<'_>) {
    // SAFETY: `level` found the instructions; the rest is the caller's promise.
    unsafe { run_at(level(), product, block, c, watch) }
}

/// [`run`] with the instructions of one level.
///
/// # Safety
/// As [`run`], and the CPU has the level's instructions.
pub(super) unsafe fn run_at<T: Fast>(
    level: Level,
    product: &Product<'_, T>,
    block: &Block,
    c: *mut T,
    watch: &mut Watch<'_>,
) {
    let kernels = T::kernels(level);
    // SAFETY: as promised by the caller.
    unsafe {
        match (product.m, product.tb) {
            (1, true) => dots(kernels, product, block, c, watch),
            (_, true) => transposed(kernels, product, block, c, watch),
            (_, false) => panels(kernels, product, block, c, std::ptr::null_mut(), watch),
        }
        epilogue::apply_rest(product, block, c);
    }
}

/// [`panels`] with room for a copy of a panel. Apart, because so much stack costs time to probe.
#[inline(never)]
unsafe fn transposed<T: Fast>(
    kernels: &Kernels<T>,
    product: &Product<'_, T>,
    block: &Block,
    c: *mut T,
    watch: &mut Watch<'_>,
) {
    let mut copy = MaybeUninit::<[u8; DEPTH * PANEL_BYTES + 64]>::uninit();
    let start = copy.as_mut_ptr().cast::<u8>();
    // SAFETY: at most 63 of the 64 spare bytes are skipped.
    unsafe { panels(kernels, product, block, c, start.add(start.align_offset(64)).cast(), watch) }
}

/// Columns in panels, `k` in passes, rows in tiles.
#[inline(always)]
unsafe fn panels<T: Fast>(
    kernels: &Kernels<T>,
    product: &Product<'_, T>,
    block: &Block,
    c: *mut T,
    copy: *mut T,
    watch: &mut Watch<'_>,
) {
    let (a_row, a_column) = product.a_strides();
    // Few rows make wide tiles: about eight chains of sums are in flight.
    let most = match product.m {
        1 => 8,
        2..=4 => 4,
        _ => 2,
    };
    let mut column = block.columns.start;
    while column < block.columns.end {
        let left = block.columns.end - column;
        let log_vectors = left.div_ceil(kernels.lanes).min(most).ilog2() as usize;
        let width = (kernels.lanes << log_vectors).min(left);
        let mut p = 0;
        // One pass even when k = 0: it writes the zeros.
        loop {
            let depth = (product.k - p).min(DEPTH);
            let last = p + depth == product.k;
            if !watch.goes_on(block.rows.len() * width * depth) {
                return;
            }
            // SAFETY: `p` and `column` are inside the operands, whose lengths `Product::check` compared.
            unsafe {
                let (right, right_row) = if product.tb {
                    copy_panel(product, p, column, (depth, width), copy);
                    (copy.cast_const(), width)
                } else {
                    (product.b.as_ptr().add(p * product.n + column), product.n)
                };
                let pass = Pass {
                    a_row,
                    a_column,
                    right,
                    right_row,
                    next: std::ptr::null(),
                    pieces: &[Piece { at: 0, steps: depth }],
                    n: product.n,
                    tail: (width - 1) % kernels.lanes + 1,
                    first: p == 0,
                    bias: if last { product.bias.from(column) } else { Bias::None },
                    activation: if last { product.activation } else { Activation::None },
                };
                rows(kernels, &pass, product.a.as_ptr().add(p * a_column), block, c.add(column), log_vectors);
            }
            p += depth;
            if last {
                break;
            }
        }
        column += width;
    }
}

/// Copies a panel of a transposed right side, row by row of the product's `k`.
unsafe fn copy_panel<T: Fast>(
    product: &Product<'_, T>,
    p: usize,
    column: usize,
    (depth, width): (usize, usize),
    copy: *mut T,
) {
    for j in 0..width {
        // SAFETY: `depth <= DEPTH`, and `width` elements fill at most `PANEL_BYTES`, so the copy fits.
        unsafe {
            let from = product.b.as_ptr().add((column + j) * product.k + p);
            (0..depth).for_each(|i| copy.add(i * width + j).write(from.add(i).read()));
        }
    }
}

/// Tiles of up to `kernels.rows` rows.
#[inline(always)]
unsafe fn rows<T: Fast>(
    kernels: &Kernels<T>,
    pass: &Pass<'_, T>,
    a: *const T,
    block: &Block,
    c: *mut T,
    log_vectors: usize,
) {
    let mut row = block.rows.start;
    while row < block.rows.end {
        let count = (block.rows.end - row).min(kernels.rows);
        let tile = kernels.tiles[log_vectors][count - 1];
        // SAFETY: rows up to `row + count` lie in the block; only single rows are wider than two vectors.
        unsafe { tile(pass, a.add(row * pass.a_row), c.add(row * pass.n)) };
        row += count;
    }
}

/// One row times a transposed right side: dot products, four at a time, then bias and activation.
#[inline(never)]
unsafe fn dots<T: Fast>(
    kernels: &Kernels<T>,
    product: &Product<'_, T>,
    block: &Block,
    c: *mut T,
    watch: &mut Watch<'_>,
) {
    let (a, b, k) = (product.a.as_ptr(), product.b.as_ptr(), product.k);
    for p in (0..k.max(1)).step_by(DOT) {
        let (depth, mut column) = ((k - p).min(DOT), block.columns.start);
        while column < block.columns.end && watch.goes_on(4 * depth) {
            let (count, dot) = match block.columns.end - column {
                4.. => (4, kernels.dots),
                _ => (1, kernels.dot),
            };
            // SAFETY: the right side has `k` elements for each column of the block, and so many has `a`.
            unsafe {
                let (a, b, c) = (a.add(p), b.add(column * k + p), c.add(column));
                if p == 0 {
                    dot(a, b, k, depth, c);
                } else {
                    let mut more = [T::ZERO; 4];
                    dot(a, b, k, depth, more.as_mut_ptr());
                    (0..count).for_each(|i| c.add(i).write(c.add(i).read().plus(more[i])));
                }
            }
            column += count;
        }
    }
    // SAFETY: as promised by the caller.
    unsafe { epilogue::apply_simple(product, block, c) }
}
