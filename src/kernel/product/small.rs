//! The small kernel: register tiles straight from unpacked matrices, bias and activation in registers.
//!
//! An element is a chain of fused products in order of `k`, restarted every [`DEPTH`], so its bits do not depend on the
//! tile that it lies in. One row times a transposed right side is a set of dot products instead, in lanes over `k`. A
//! transposed right side is otherwise copied, panel by panel, to the stack.

use std::mem::MaybeUninit;

use super::grid::Block;
use super::lanes::{Lanes, Portable};
use super::{Activation, Bias, Product, epilogue};
use crate::kernel::number::Number;
use crate::kernel::simd::{Level, level};

/// Steps of `k` in one pass over the tiles: a panel of the right side stays in the first cache, and rounding errors
/// grow with the number of passes.
const DEPTH: usize = 256;

/// Vectors of columns in a tile of several rows.
const TILE_VECTORS: usize = 2;

/// Vectors of columns in a tile of one row: whole cache lines of the right side, eight chains of sums.
const ROW_VECTORS: usize = 8;

/// The widest tile of several rows, in bytes.
const PANEL_BYTES: usize = TILE_VECTORS * 64;

/// The dtypes with vector kernels.
pub(super) trait Fast: Number {
    #[cfg(target_arch = "x86_64")]
    type Avx512: Lanes<T = Self>;
    #[cfg(target_arch = "x86_64")]
    type Avx2: Lanes<T = Self>;
    type Baseline: Lanes<T = Self>;
    /// Where `relu6` stops.
    const SIX: Self;
}

impl Fast for f32 {
    #[cfg(target_arch = "x86_64")]
    type Avx512 = std::arch::x86_64::__m512;
    #[cfg(target_arch = "x86_64")]
    type Avx2 = std::arch::x86_64::__m256;
    type Baseline = Portable<f32, 4>;
    const SIX: f32 = 6.0;
}

impl Fast for f64 {
    #[cfg(target_arch = "x86_64")]
    type Avx512 = std::arch::x86_64::__m512d;
    #[cfg(target_arch = "x86_64")]
    type Avx2 = std::arch::x86_64::__m256d;
    type Baseline = Portable<f64, 2>;
    const SIX: f64 = 6.0;
}

/// Makes one block of the product, epilogue included.
///
/// # Safety
/// `c` points to `m * n` elements, `block` lies in them, and nobody else uses the block meanwhile.
pub(super) unsafe fn run<T: Fast>(product: &Product<'_, T>, block: &Block, c: *mut T) {
    // SAFETY: `level` found the instructions; the rest is the caller's promise.
    unsafe { run_at(level(), product, block, c) }
}

/// [`run`] with the instructions of one level.
///
/// # Safety
/// As [`run`], and the CPU has the level's instructions.
pub(super) unsafe fn run_at<T: Fast>(level: Level, product: &Product<'_, T>, block: &Block, c: *mut T) {
    // SAFETY: as promised by the caller.
    unsafe {
        match level {
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 => avx512(product, block, c),
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 => avx2(product, block, c),
            _ => drive::<T::Baseline>(product, block, c),
        }
        epilogue::apply(product, block, c, false);
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")]
unsafe fn avx512<T: Fast>(product: &Product<'_, T>, block: &Block, c: *mut T) {
    unsafe { drive::<T::Avx512>(product, block, c) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn avx2<T: Fast>(product: &Product<'_, T>, block: &Block, c: *mut T) {
    unsafe { drive::<T::Avx2>(product, block, c) }
}

/// Runs the block in the registers of `V`.
#[inline(always)]
unsafe fn drive<V: Lanes>(product: &Product<'_, V::T>, block: &Block, c: *mut V::T)
where
    V::T: Fast,
{
    unsafe {
        if product.m == 1 && product.tb {
            dots::<V>(product, block, c);
        } else {
            panels::<V>(product, block, c);
        }
    }
}

/// Columns in panels, `k` in passes, rows in tiles.
#[inline(always)]
unsafe fn panels<V: Lanes>(product: &Product<'_, V::T>, block: &Block, c: *mut V::T)
where
    V::T: Fast,
{
    let mut copy = MaybeUninit::<[u8; DEPTH * PANEL_BYTES]>::uninit();
    let most = if product.m == 1 { ROW_VECTORS } else { TILE_VECTORS };
    let mut column = block.columns.start;
    while column < block.columns.end {
        let wanted = (block.columns.end - column).div_ceil(V::LANES).min(most);
        let vectors = 1 << wanted.ilog2();
        let width = (vectors * V::LANES).min(block.columns.end - column);
        let mut p = 0;
        // One pass even when k = 0: it writes the zeros.
        while p == 0 || p < product.k {
            let depth = (product.k - p).min(DEPTH);
            // SAFETY: `p` and `column` are inside the operands, whose lengths `Product::check` compared.
            unsafe {
                let right = right_panel::<V>(product, p, column, (depth, width), copy.as_mut_ptr().cast());
                let pass = Pass::<V>::new(product, (p, depth), (column, width), right);
                match vectors {
                    1 => rows::<V, 1>(&pass, block, c.add(column)),
                    2 => rows::<V, 2>(&pass, block, c.add(column)),
                    4 => pass.tile::<1, 4>(product.a.as_ptr().add(p * pass.a_column), c.add(column)),
                    _ => pass.tile::<1, 8>(product.a.as_ptr().add(p * pass.a_column), c.add(column)),
                }
            }
            p += DEPTH;
        }
        column += width;
    }
}

/// Where a panel of the right side begins and how far its rows are apart; a transposed one is copied.
#[inline(always)]
unsafe fn right_panel<V: Lanes>(
    product: &Product<'_, V::T>,
    p: usize,
    column: usize,
    (depth, width): (usize, usize),
    copy: *mut V::T,
) -> (*const V::T, usize) {
    let b = product.b.as_ptr();
    if !product.tb {
        return (unsafe { b.add(p * product.n + column) }, product.n);
    }
    for j in 0..width {
        // SAFETY: `depth <= DEPTH` and `width` elements fill at most `PANEL_BYTES`, so the copy fits.
        unsafe {
            let from = b.add((column + j) * product.k + p);
            (0..depth).for_each(|i| copy.add(i * width + j).write(from.add(i).read()));
        }
    }
    (copy, width)
}

/// Tiles of up to `V::ROWS` rows.
#[inline(always)]
unsafe fn rows<V: Lanes, const N: usize>(pass: &Pass<'_, V>, block: &Block, c: *mut V::T)
where
    V::T: Fast,
{
    let mut row = block.rows.start;
    while row < block.rows.end {
        let count = (block.rows.end - row).min(V::ROWS);
        // SAFETY: rows up to `row + count` lie in the block.
        unsafe {
            let a = pass.a.add(row * pass.a_row);
            let c = c.add(row * pass.n);
            match count {
                1 => pass.tile::<1, N>(a, c),
                2 => pass.tile::<2, N>(a, c),
                3 => pass.tile::<3, N>(a, c),
                4 => pass.tile::<4, N>(a, c),
                5 => pass.tile::<5, N>(a, c),
                6 => pass.tile::<6, N>(a, c),
                7 => pass.tile::<7, N>(a, c),
                _ => pass.tile::<8, N>(a, c),
            }
        }
        row += count;
    }
}

/// What all tiles of one panel and one pass share.
struct Pass<'a, V: Lanes> {
    a: *const V::T,
    a_row: usize,
    a_column: usize,
    right: *const V::T,
    right_row: usize,
    depth: usize,
    /// Elements from a row of the product to the next.
    n: usize,
    /// Of the panel's last vector.
    mask: V::Mask,
    partial: bool,
    first: bool,
    bias: Bias<'a, V::T>,
    activation: Activation,
}

impl<'a, V: Lanes> Pass<'a, V>
where
    V::T: Fast,
{
    #[inline(always)]
    unsafe fn new(
        product: &Product<'a, V::T>,
        (p, depth): (usize, usize),
        (column, width): (usize, usize),
        (right, right_row): (*const V::T, usize),
    ) -> Self {
        let (a_row, a_column) = product.a_strides();
        let last = p + depth == product.k;
        let in_last_vector = (width - 1) % V::LANES + 1;
        let bias = match product.bias {
            _ if !last => Bias::None,
            Bias::Row(bias) => Bias::Row(&bias[column..column + width]),
            other => other,
        };
        Pass {
            a: unsafe { product.a.as_ptr().add(p * a_column) },
            a_row,
            a_column,
            right,
            right_row,
            depth,
            n: product.n,
            mask: unsafe { V::mask(in_last_vector) },
            partial: in_last_vector < V::LANES,
            first: p == 0,
            bias,
            activation: if last { product.activation } else { Activation::None },
        }
    }

    /// `R` rows by `N` vectors, all in registers.
    #[inline(always)]
    unsafe fn tile<const R: usize, const N: usize>(&self, a: *const V::T, c: *mut V::T) {
        // SAFETY: the rows of `a` and `c` and the panel's columns are in bounds; the mask covers the last vector.
        unsafe {
            let mut sums = [[V::splat(V::T::ZERO); N]; R];
            for p in 0..self.depth {
                let right = self.load::<N>(self.right.add(p * self.right_row));
                for (row, sums) in sums.iter_mut().enumerate() {
                    let left = V::splat(a.add(row * self.a_row + p * self.a_column).read());
                    for (sum, &right) in sums.iter_mut().zip(&right) {
                        *sum = sum.plus_product(left, right);
                    }
                }
            }
            for (row, sums) in sums.iter().enumerate() {
                self.finish::<N>(sums, c.add(row * self.n));
            }
        }
    }

    #[inline(always)]
    unsafe fn load<const N: usize>(&self, from: *const V::T) -> [V; N] {
        let mut vectors = [unsafe { V::splat(V::T::ZERO) }; N];
        for (i, vector) in vectors.iter_mut().enumerate() {
            // SAFETY: only the last vector may reach past the panel, and its mask says how far it may go.
            *vector = unsafe {
                let from = from.add(i * V::LANES);
                if i + 1 < N { V::load(from) } else { V::load_part(from, self.mask) }
            };
        }
        vectors
    }

    /// Adds the earlier passes, the bias, applies the activation, and writes one row of the tile.
    #[inline(always)]
    unsafe fn finish<const N: usize>(&self, sums: &[V; N], c: *mut V::T) {
        unsafe {
            let mut sums = *sums;
            if !self.first {
                add(&mut sums, &self.load::<N>(c));
            }
            match self.bias {
                Bias::None => {}
                Bias::Row(bias) => add(&mut sums, &self.load::<N>(bias.as_ptr())),
                Bias::Same(bias) => add(&mut sums, &[V::splat(bias); N]),
            }
            if matches!(self.activation, Activation::Relu | Activation::Relu6) {
                sums = sums.map(|sum| sum.at_least(V::splat(V::T::ZERO)));
            }
            if self.activation == Activation::Relu6 {
                sums = sums.map(|sum| sum.at_most(V::splat(V::T::SIX)));
            }
            for (i, sum) in sums.iter().enumerate() {
                let to = c.add(i * V::LANES);
                if i + 1 < N || !self.partial { sum.store(to) } else { sum.store_part(to, self.mask) }
            }
        }
    }
}

#[inline(always)]
unsafe fn add<V: Lanes, const N: usize>(sums: &mut [V; N], more: &[V; N]) {
    for (sum, &more) in sums.iter_mut().zip(more) {
        *sum = unsafe { sum.plus(more) };
    }
}

/// One row times a transposed right side: dot products, four at a time.
#[inline(always)]
unsafe fn dots<V: Lanes>(product: &Product<'_, V::T>, block: &Block, c: *mut V::T)
where
    V::T: Fast,
{
    let mut column = block.columns.start;
    while column < block.columns.end {
        // SAFETY: `G` rows of the right side from `column` on exist; `c` is good up to the block's end.
        unsafe {
            if column + 4 <= block.columns.end {
                c.add(column).cast::<[V::T; 4]>().write(dot::<V, 4>(product, column));
                column += 4;
            } else {
                c.add(column).write(dot::<V, 1>(product, column)[0]);
                column += 1;
            }
        }
    }
}

/// `G` neighbouring dot products: two registers of lanes each, added up in a fixed order, then bias and activation.
#[inline(always)]
unsafe fn dot<V: Lanes, const G: usize>(product: &Product<'_, V::T>, column: usize) -> [V::T; G]
where
    V::T: Fast,
{
    let (a, k) = (product.a.as_ptr(), product.k);
    let b = unsafe { product.b.as_ptr().add(column * k) };
    let mut sums = [[unsafe { V::splat(V::T::ZERO) }; 2]; G];
    let whole = k / (2 * V::LANES) * (2 * V::LANES);
    // SAFETY: `a` and `G` rows of `b` have `k` elements each; masks end the last loads at `k`.
    unsafe {
        for p in (0..whole).step_by(2 * V::LANES) {
            let left = [V::load(a.add(p)), V::load(a.add(p + V::LANES))];
            for (row, sums) in sums.iter_mut().enumerate() {
                let b = b.add(row * k + p);
                sums[0] = sums[0].plus_product(left[0], V::load(b));
                sums[1] = sums[1].plus_product(left[1], V::load(b.add(V::LANES)));
            }
        }
        let mut p = whole;
        while p < k {
            let mask = V::mask((k - p).min(V::LANES));
            let left = V::load_part(a.add(p), mask);
            for (row, sums) in sums.iter_mut().enumerate() {
                let right = V::load_part(b.add(row * k + p), mask);
                sums[usize::from(p > whole)] = sums[usize::from(p > whole)].plus_product(left, right);
            }
            p += V::LANES;
        }
    }
    std::array::from_fn(|i| {
        let sum = unsafe { sums[i][0].plus(sums[i][1]).sum() };
        let sum = match product.bias {
            Bias::None => sum,
            Bias::Row(bias) => sum.plus(bias[column + i]),
            Bias::Same(bias) => sum.plus(bias),
        };
        match product.activation {
            Activation::Relu => sum.relu(),
            Activation::Relu6 => sum.relu6(),
            _ => sum,
        }
    })
}
