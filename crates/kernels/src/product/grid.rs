//! Where a product is cut: by its shape alone.

use std::ops::Range;

/// Which kernel makes the blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// Our own kernel on unpacked operands.
    Small,
    /// The `gemm` crates.
    Large,
}

/// Multiplications up to which packing costs more than it gains: `128^3`, see benches/product.rs. One thread does them
/// alone, in about 50 us, below which waking a worker does not pay.
const UNPACKED: usize = 2 * SERIAL;

/// Columns up to which our own kernel wins whatever the other sizes are.
const NARROW: usize = 16;

/// Multiplications of a chunk of small tiles or products.
pub(super) const SERIAL: usize = 1 << 20;

/// Multiplications of a large block: about a millisecond, so that a cancelled run stops soon.
const LARGE_BLOCK: usize = 1 << 26;

/// Elements of a large block at most: where `k` is small, writing them is the work.
const LARGE_CELLS: usize = 1 << 21;

/// Rows (or columns) below which a large block packs more than it multiplies.
const LEAST_ROWS: usize = 256;

/// Multiplications of a product, saturating: only a measure of time. Where `k` is 0, elements are written all the same.
pub(super) fn cost(m: usize, k: usize, n: usize) -> usize {
    m.saturating_mul(k.max(1)).saturating_mul(n).max(1)
}

/// Steps of `k` that a large block of so many elements takes between two looks at the limits of the run: all of them,
/// or a part that takes as long as other blocks do.
pub(super) fn depth(cells: usize, k: usize) -> usize {
    match cost(cells, k, 1) <= 2 * LARGE_BLOCK {
        true => k.max(1),
        false => (LARGE_BLOCK / cells).clamp(LEAST_ROWS, k),
    }
}

/// Rows and columns of one block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Block {
    pub rows: Range<usize>,
    pub columns: Range<usize>,
}

/// The blocks of one product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Grid {
    pub way: Way,
    m: usize,
    n: usize,
    row_step: usize,
    column_step: usize,
}

impl Grid {
    pub fn of(m: usize, k: usize, n: usize) -> Grid {
        let cost = cost(m, k, n);
        let small = cost <= UNPACKED || n <= NARROW || m == 1 || k == 0;
        let whole = Grid { way: Way::Large, m, n, row_step: m.max(1), column_step: n.max(1) };
        match small {
            true if cost <= UNPACKED => Grid { way: Way::Small, ..whole },
            true if m == 1 => Grid { way: Way::Small, column_step: step(SERIAL / k.max(1), 128, n), ..whole },
            true => Grid { way: Way::Small, row_step: step(SERIAL / (k * n).max(n), 8, m), ..whole },
            false => whole.cut_large(k),
        }
    }

    /// Cuts the longer side first, and both only where one alone gives too large blocks.
    fn cut_large(self, k: usize) -> Grid {
        let target = (cost(self.m, k, self.n) / 4).clamp(SERIAL, LARGE_BLOCK);
        let target = target.min(LARGE_CELLS.saturating_mul(k));
        if self.m >= self.n || self.m >= 4 * LEAST_ROWS {
            let row_step = step(target / (k * self.n).max(1), LEAST_ROWS, self.m);
            let column_step = step(target / (k * row_step).max(1), LEAST_ROWS, self.n);
            return Grid { row_step, column_step, ..self };
        }
        let column_step = step(target / (k * self.m).max(1), 64, self.n);
        Grid { column_step, ..self }
    }

    /// Whether there is one block.
    pub fn is_whole(&self) -> bool {
        self.row_step >= self.m && self.column_step >= self.n
    }

    fn columns(&self) -> usize {
        self.n.div_ceil(self.column_step)
    }

    pub fn count(&self) -> usize {
        self.m.div_ceil(self.row_step) * self.columns()
    }

    pub fn block(&self, i: usize) -> Block {
        let row = i / self.columns() * self.row_step;
        let column = i % self.columns() * self.column_step;
        Block { rows: row..self.m.min(row + self.row_step), columns: column..self.n.min(column + self.column_step) }
    }
}

/// A multiple of `unit` near `wanted`, such that the parts of `whole` are about equal.
fn step(wanted: usize, unit: usize, whole: usize) -> usize {
    let parts = whole.div_ceil(wanted.max(unit)).max(1);
    whole.div_ceil(parts).next_multiple_of(unit).min(whole.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(m: usize, k: usize, n: usize) {
        let grid = Grid::of(m, k, n);
        let mut seen = vec![0; m * n];
        for i in 0..grid.count() {
            let block = grid.block(i);
            for row in block.rows {
                block.columns.clone().for_each(|column| seen[row * n + column] += 1);
            }
        }
        assert!(seen.iter().all(|&times| times == 1), "{grid:?}");
    }

    #[test]
    fn blocks_cover_the_product_once() {
        let sizes = [0, 1, 7, 16, 17, 300, 1025];
        for m in sizes {
            for n in sizes {
                for k in [0, 1, 33, 5000] {
                    check(m, k, n);
                }
            }
        }
    }

    #[test]
    fn shape_alone_chooses_the_way() {
        assert_eq!(Grid::of(6, 4, 10).way, Way::Small);
        assert_eq!(Grid::of(1, 4096, 4096).way, Way::Small);
        assert_eq!(Grid::of(1 << 20, 64, 10).way, Way::Small);
        assert_eq!(Grid::of(128, 128, 128).way, Way::Small);
        assert_eq!(Grid::of(129, 128, 128).way, Way::Large);
        assert_eq!(Grid::of(6, 4, 10).count(), 1);
        assert!(Grid::of(8192, 512, 512).count() >= 8);
    }
}
