//! The two loops of a fold, over a row and over columns, compiled for each instruction set.

#![expect(clippy::needless_range_loop, reason = "an adaptor is compiled once for each of many loops, a range once")]

use super::combine::Combine;
use crate::simd::{Level, level};

/// Accumulators of a row: the registers of AVX-512 twice, for the latency of the addition.
pub(super) const LANES: usize = 32;

/// The loops of a fold. Elements are counted, not bytes; pointers are aligned as elements are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Loops {
    /// Makes `n` elements of as many rows of `k` that follow each other.
    pub rows: unsafe fn(x: *const u8, k: usize, out: *mut u8, n: usize),
    /// Combines `rows` rows of `width` elements, which begin `stride` elements apart, with what is in `out`, or with
    /// each other alone.
    pub columns: Columns,
}

/// See [`Loops::columns`].
pub(super) type Columns =
    unsafe fn(x: *const u8, stride: usize, rows: usize, out: *mut u8, width: usize, goes_on: bool);

impl Loops {
    /// Those of `F` for this CPU.
    pub fn of<F: Combine>() -> Loops {
        #[cfg(target_arch = "x86_64")]
        if const { F::IS_VECTOR } {
            match level() {
                Level::Avx512 => return Loops { rows: avx512::rows::<F>, columns: avx512::columns::<F> },
                Level::Avx2 => return Loops { rows: avx2::rows::<F>, columns: avx2::columns::<F> },
                Level::Baseline => {}
            }
        }
        Loops { rows: baseline::rows::<F>, columns: baseline::columns::<F> }
    }
}

macro_rules! isa {
    ($name:ident $(, $features:literal)?) => {
        mod $name {
            use super::*;

            $(#[target_feature(enable = $features)])?
            pub(super) unsafe fn rows<F: Combine>(x: *const u8, k: usize, out: *mut u8, n: usize) {
                // SAFETY: the caller has `k * n` elements and room for `n`.
                unsafe { rows_body::<F>(slice(x, k * n), k, slice_mut(out, n)) }
            }

            $(#[target_feature(enable = $features)])?
            pub(super) unsafe fn columns<F: Combine>(x: *const u8, stride: usize, rows: usize, out: *mut u8, width: usize, goes_on: bool) {
                let len = rows.checked_sub(1).map_or(0, |before| before * stride + width);
                // SAFETY: the caller has that many elements, and `width` in `out`.
                unsafe { columns_body::<F>(slice(x, len), stride, rows, slice_mut(out, width), goes_on) }
            }
        }
    };
}
isa!(baseline);
#[cfg(target_arch = "x86_64")]
isa!(avx2, "avx2,fma");
#[cfg(target_arch = "x86_64")]
isa!(avx512, "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma");

#[inline(always)]
unsafe fn slice<'a, T>(x: *const u8, n: usize) -> &'a [T] {
    // SAFETY: promised by the caller.
    unsafe { std::slice::from_raw_parts(x.cast(), n) }
}

#[inline(always)]
unsafe fn slice_mut<'a, T>(x: *mut u8, n: usize) -> &'a mut [T] {
    // SAFETY: promised by the caller.
    unsafe { std::slice::from_raw_parts_mut(x.cast(), n) }
}

#[inline(always)]
fn rows_body<F: Combine>(x: &[F::T], k: usize, out: &mut [F::T]) {
    for i in 0..out.len() {
        let x = &x[i * k..(i + 1) * k];
        out[i] = if k < LANES || F::IS_EXACT { short_row::<F>(x) } else { row::<F>(x) };
    }
}

#[inline(always)]
fn short_row<F: Combine>(x: &[F::T]) -> F::T {
    let mut acc = F::START;
    for i in 0..x.len() {
        acc = F::join(acc, F::load(x[i]));
    }
    acc
}

/// Element `i` goes to lane `i % LANES`; then the upper half of the lanes joins the lower, down to one.
#[inline(always)]
fn row<F: Combine>(x: &[F::T]) -> F::T {
    let mut lanes = [F::START; LANES];
    let (blocks, rest) = x.as_chunks::<LANES>();
    for block in blocks {
        add_block::<F>(&mut lanes, block);
    }
    if !rest.is_empty() {
        // What the fold starts with changes nothing. A loop over some of the lanes would keep all of them out of registers.
        let mut block = [F::START; LANES];
        block[..rest.len()].copy_from_slice(rest);
        add_block::<F>(&mut lanes, &block);
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
fn add_block<F: Combine>(lanes: &mut [F::T; LANES], block: &[F::T; LANES]) {
    for i in 0..LANES {
        lanes[i] = F::join(lanes[i], F::load(block[i]));
    }
}

#[inline(always)]
fn columns_body<F: Combine>(x: &[F::T], stride: usize, rows: usize, out: &mut [F::T], goes_on: bool) {
    let width = out.len();
    if !goes_on {
        out.fill(F::START);
    }
    for row in 0..rows {
        let x = &x[row * stride..row * stride + width];
        for i in 0..width {
            out[i] = F::join(out[i], F::load(x[i]));
        }
    }
}
