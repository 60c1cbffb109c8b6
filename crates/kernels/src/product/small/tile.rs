//! Register tiles and dot products, for each instruction set.

use super::lanes::{Lanes, MOST_LANES, Portable, Spread};
#[cfg(target_arch = "x86_64")]
use super::pair::Pair;
use super::{Activation, Bias, Fast};
use crate::number::Number;
use crate::simd::Level;

/// Steps of `k` whose elements are neighbours in the left side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::product) struct Piece {
    /// Elements from the row's first one.
    pub at: usize,
    pub steps: usize,
}

/// What all tiles of one panel and one pass share.
pub(in crate::product) struct Pass<'a, T> {
    /// Elements of the left side from a row to the next, and from a column to the next in a piece.
    pub a_row: usize,
    pub a_column: usize,
    /// The panel of the right side, and elements from a row to the next.
    pub right: *const T,
    pub right_row: usize,
    /// The panel that comes after this one, where panels are packed.
    pub next: *const T,
    /// Where the steps of `k` lie in each row.
    pub pieces: &'a [Piece],
    /// Elements from a row of the product to the next.
    pub n: usize,
    /// Columns in the panel's last vector.
    pub tail: usize,
    /// Whether nothing has been written yet.
    pub first: bool,
    /// From the panel's first column on.
    pub bias: Bias<'a, T>,
    pub activation: Activation,
}

/// Makes the tile of the left side's rows from `a` on, at `c`.
type Tile<T> = unsafe fn(pass: &Pass<'_, T>, a: *const T, c: *mut T);

/// Writes dot products of `a` with rows of `b`, all of length `k`, to `c`; rows are `stride` elements apart.
type Dot<T> = unsafe fn(a: *const T, b: *const T, stride: usize, k: usize, c: *mut T);

/// The tiles of panels that have up to so many columns.
pub(in crate::product) struct Panel<T: 'static> {
    pub columns: usize,
    /// Lanes of the last vector.
    lanes: usize,
    /// By rows less one.
    pub tiles: &'static [Tile<T>],
}

impl<T> Panel<T> {
    /// Columns in the last vector of a panel of `width` columns.
    pub fn tail(&self, width: usize) -> usize {
        self.lanes + width - self.columns
    }
}

/// The functions of one dtype and instruction set.
pub(in crate::product) struct Kernels<T: 'static> {
    /// Elements in a vector.
    pub lanes: usize,
    /// Rows of the largest tile: as many as leave registers for two vectors of the right side.
    pub rows: usize,
    /// By the logarithm of the panel's vectors, then by rows less one.
    pub(super) tiles: [&'static [Tile<T>]; 4],
    /// The tiles that fetch packed panels and the product ahead, narrow ones first.
    packed: &'static [Panel<T>],
    /// The tiles of panels that hold 2, 4, .. steps of `k` in a vector, by rows less one.
    groups: &'static [&'static [Tile<T>]],
    /// One dot product.
    pub(super) dot: Dot<T>,
    /// Four, with neighbouring rows.
    pub(super) dots: Dot<T>,
}

impl<T> Kernels<T> {
    /// Columns of the widest tile of several rows.
    pub fn panel(&self) -> usize {
        2 * self.lanes
    }

    /// The tiles of a packed panel of this width.
    #[inline]
    pub fn packed(&self, width: usize) -> &'static Panel<T> {
        self.packed.iter().find(|panel| width <= panel.columns).expect("no panel is wider than the widest")
    }

    /// Steps of `k` that a vector holds where the product has so few columns: all lanes are in use.
    pub fn group(&self, n: usize) -> usize {
        (self.lanes / n.next_power_of_two()).max(1)
    }

    /// The tiles of that many steps in a vector.
    pub fn grouped(&self, group: usize) -> &'static [Tile<T>] {
        self.groups[group.ilog2() as usize - 1]
    }
}

/// `R` rows by `N` vectors, all in registers. With `AHEAD` it asks early for the product's memory, which it writes at
/// the end, and for the next panel.
#[inline(always)]
unsafe fn tile<V: Lanes, const R: usize, const N: usize, const AHEAD: bool>(
    pass: &Pass<'_, V::T>,
    a: *const V::T,
    c: *mut V::T,
) {
    // SAFETY: the rows of `a` and `c` and the panel's columns are in bounds; the mask covers the last vector.
    unsafe {
        let mask = V::mask(pass.tail);
        let mut sums = [[V::zero(); N]; R];
        for i in 0..if AHEAD { R * N } else { 0 } {
            V::fetch_ahead(c.wrapping_add(i / N * pass.n + i % N * V::LANES));
        }
        let (mut right, mut next) = (pass.right, pass.next);
        for piece in pass.pieces {
            let a = a.add(piece.at);
            for p in 0..piece.steps {
                for i in 0..if AHEAD { N } else { 0 } {
                    V::fetch_ahead(next.wrapping_add(i * V::LANES));
                }
                let vectors = load::<V, N>(right, mask);
                for (row, sums) in sums.iter_mut().enumerate() {
                    let left = V::splat(a.add(row * pass.a_row + p * pass.a_column).read());
                    for (sum, &right) in sums.iter_mut().zip(&vectors) {
                        *sum = sum.plus_product(left, right);
                    }
                }
                right = right.wrapping_add(pass.right_row);
                next = next.wrapping_add(pass.right_row);
            }
        }
        finish::<V, R, N>(pass, &mut sums, mask, c);
    }
}

/// `R` rows by the few columns of a panel whose vectors hold `G` steps of `k` for each column, side by side: so few
/// columns would leave most lanes idle.
#[inline(always)]
unsafe fn grouped<V: Spread, const R: usize, const G: usize>(pass: &Pass<'_, V::T>, a: *const V::T, c: *mut V::T)
where
    V::T: Number,
{
    // SAFETY: the rows of `a` and `c` are in bounds; each group of steps has a whole vector in the panel.
    unsafe {
        let mut sums = [[V::zero()]; R];
        let mut right = pass.right;
        for piece in pass.pieces {
            let a = a.add(piece.at);
            let whole = piece.steps / G * G;
            for p in (0..whole).step_by(G) {
                let vector = V::load(right);
                for (row, [sum]) in sums.iter_mut().enumerate() {
                    *sum = sum.plus_product(V::spread::<G>(a.add(row * pass.a_row + p)), vector);
                }
                right = right.add(V::LANES);
            }
            if whole < piece.steps {
                let (vector, mask) = (V::load(right), V::mask(piece.steps - whole));
                for (row, [sum]) in sums.iter_mut().enumerate() {
                    let mut rest = [V::T::ZERO; MOST_LANES];
                    V::load_part(a.add(row * pass.a_row + whole), mask).store(rest.as_mut_ptr());
                    *sum = sum.plus_product(V::spread::<G>(rest.as_ptr()), vector);
                }
                right = right.add(V::LANES);
            }
        }
        sums.iter_mut().for_each(|[sum]| *sum = add_groups::<V, G>(*sum));
        finish::<V, R, 1>(pass, &mut sums, V::mask(pass.tail), c);
    }
}

/// The sums of `G` neighbouring lanes each, in the first lanes.
#[inline(always)]
unsafe fn add_groups<V: Lanes, const G: usize>(vector: V) -> V
where
    V::T: Number,
{
    let mut lanes = [V::T::ZERO; MOST_LANES];
    // SAFETY: `lanes` has room for the widest vector.
    unsafe { vector.store(lanes.as_mut_ptr()) };
    let (mut n, mut group) = (V::LANES, G);
    while group > 1 {
        (n, group) = (n / 2, group / 2);
        for i in 0..n {
            lanes[i] = lanes[2 * i].plus(lanes[2 * i + 1]);
        }
    }
    // SAFETY: as above.
    unsafe { V::load(lanes.as_ptr()) }
}

/// Adds the earlier passes, the bias, applies the activation, and writes the tile.
#[inline(always)]
unsafe fn finish<V: Lanes, const R: usize, const N: usize>(
    pass: &Pass<'_, V::T>,
    sums: &mut [[V; N]; R],
    mask: V::Mask,
    c: *mut V::T,
) {
    // SAFETY: as in `tile`.
    unsafe {
        if !pass.first {
            for (row, sums) in sums.iter_mut().enumerate() {
                add(sums, &load::<V, N>(c.add(row * pass.n), mask));
            }
        }
        match pass.bias {
            Bias::None => {}
            Bias::Row(bias) => {
                let bias = load::<V, N>(bias.as_ptr(), mask);
                sums.iter_mut().for_each(|sums| add(sums, &bias));
            }
            Bias::Same(bias) => sums.iter_mut().for_each(|sums| add(sums, &[V::splat(bias); N])),
        }
        if matches!(pass.activation, Activation::Relu | Activation::Relu6) {
            sums.iter_mut().flatten().for_each(|sum| *sum = sum.at_least(V::zero()));
        }
        if pass.activation == Activation::Relu6 {
            sums.iter_mut().flatten().for_each(|sum| *sum = sum.at_most(V::six()));
        }
        for (row, sums) in sums.iter().enumerate() {
            store(sums, c.add(row * pass.n), pass.tail, mask);
        }
    }
}

/// `N` vectors, the last one under the mask.
#[inline(always)]
unsafe fn load<V: Lanes, const N: usize>(from: *const V::T, mask: V::Mask) -> [V; N] {
    let mut vectors = [unsafe { V::zero() }; N];
    for (i, vector) in vectors.iter_mut().enumerate() {
        // SAFETY: only the last vector may reach past the panel, and its mask says how far it may go.
        *vector = unsafe {
            let from = from.add(i * V::LANES);
            if i + 1 < N { V::load(from) } else { V::load_part(from, mask) }
        };
    }
    vectors
}

#[inline(always)]
unsafe fn store<V: Lanes, const N: usize>(vectors: &[V; N], to: *mut V::T, tail: usize, mask: V::Mask) {
    for (i, vector) in vectors.iter().enumerate() {
        // SAFETY: as in `load`.
        unsafe {
            let to = to.add(i * V::LANES);
            if i + 1 < N || tail == V::LANES { vector.store(to) } else { vector.store_part(to, mask) }
        }
    }
}

#[inline(always)]
unsafe fn add<V: Lanes, const N: usize>(sums: &mut [V; N], more: &[V; N]) {
    for (sum, &more) in sums.iter_mut().zip(more) {
        // SAFETY: the caller runs on a CPU with `V`'s instructions.
        *sum = unsafe { sum.plus(more) };
    }
}

/// `G` dot products: two registers of lanes each, added up in a fixed order.
#[inline(always)]
unsafe fn dot<V: Lanes, const G: usize>(a: *const V::T, b: *const V::T, stride: usize, k: usize, c: *mut V::T)
where
    V::T: Number,
{
    // SAFETY: `a` and `G` rows of `b` have `k` elements each; masks end the last loads at `k`.
    unsafe {
        let mut sums = [[V::zero(); 2]; G];
        let whole = k / (2 * V::LANES) * (2 * V::LANES);
        for p in (0..whole).step_by(2 * V::LANES) {
            let left = [V::load(a.add(p)), V::load(a.add(p + V::LANES))];
            for (row, sums) in sums.iter_mut().enumerate() {
                let b = b.add(row * stride + p);
                sums[0] = sums[0].plus_product(left[0], V::load(b));
                sums[1] = sums[1].plus_product(left[1], V::load(b.add(V::LANES)));
            }
        }
        for (half, p) in (whole..k).step_by(V::LANES).enumerate() {
            let mask = V::mask((k - p).min(V::LANES));
            let left = V::load_part(a.add(p), mask);
            for (row, sums) in sums.iter_mut().enumerate() {
                let right = V::load_part(b.add(row * stride + p), mask);
                sums[half] = sums[half].plus_product(left, right);
            }
        }
        for (row, sums) in sums.iter().enumerate() {
            c.add(row).write(sums[0].plus(sums[1]).sum());
        }
    }
}

/// Compiles the table of one dtype and instruction set.
macro_rules! kernels {
    ($table:ident, $t:ty, $v:ty, $rows:tt, [$($narrow:ty)*], [$($wide:ty)*], [$($group:literal)*] $(, $features:literal)?) => {
        static $table: Kernels<$t> = {
            $(#[target_feature(enable = $features)])?
            unsafe fn tile_in<V: Lanes<T = $t>, const R: usize, const N: usize, const AHEAD: bool>(
                pass: &Pass<'_, $t>,
                a: *const $t,
                c: *mut $t,
            ) {
                // SAFETY: as promised by the caller.
                unsafe { tile::<V, R, N, AHEAD>(pass, a, c) }
            }
            $(#[target_feature(enable = $features)])?
            unsafe fn grouped_in<const R: usize, const G: usize>(pass: &Pass<'_, $t>, a: *const $t, c: *mut $t) {
                // SAFETY: as promised by the caller.
                unsafe { grouped::<$v, R, G>(pass, a, c) }
            }
            $(#[target_feature(enable = $features)])?
            unsafe fn dot_in<const G: usize>(a: *const $t, b: *const $t, stride: usize, k: usize, c: *mut $t) {
                // SAFETY: as promised by the caller.
                unsafe { dot::<$v, G>(a, b, stride, k, c) }
            }
            const ONE: &[Tile<$t>] = &kernels!(@rows $v, 1, false, $rows);
            const TWO: &[Tile<$t>] = &kernels!(@rows $v, 2, false, $rows);
            Kernels {
                lanes: <$v as Lanes>::LANES,
                rows: ONE.len(),
                tiles: [ONE, TWO, &kernels!(@rows $v, 4, false, [1 2 3 4]), &[tile_in::<$v, 1, 8, false>]],
                packed: &[
                    $(kernels!(@panel $narrow, 1, $rows),)*
                    kernels!(@panel $v, 1, $rows),
                    $(kernels!(@panel $wide, 1, $rows),)*
                    kernels!(@panel $v, 2, $rows),
                ],
                groups: &[$(&kernels!(@groups $group, $rows)),*],
                dot: dot_in::<1>,
                dots: dot_in::<4>,
            }
        };
    };
    (@panel $v:ty, $n:literal, $rows:tt) => {
        Panel { columns: $n * <$v as Lanes>::LANES, lanes: <$v as Lanes>::LANES, tiles: &kernels!(@rows $v, $n, true, $rows) }
    };
    (@rows $v:ty, $n:literal, $ahead:literal, [$($r:literal)*]) => { [$(tile_in::<$v, $r, $n, $ahead>),*] };
    (@groups $g:literal, [$($r:literal)*]) => { [$(grouped_in::<$r, $g>),*] };
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    use super::*;

    // Where a wide vector is two steps of a narrower unit, half a vector costs half as much.
    type ThreeHalves = Pair<__m512, __m256>;
    type ThreeHalvesF64 = Pair<__m512d, __m256d>;
    kernels!(F32_AVX512, f32, __m512, [1 2 3 4 5 6 7 8], [__m256], [ThreeHalves], [2 4 8 16], "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma");
    kernels!(F64_AVX512, f64, __m512d, [1 2 3 4 5 6 7 8], [__m256d], [ThreeHalvesF64], [2 4 8], "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma");
    kernels!(F32_AVX2, f32, __m256, [1 2 3 4 5 6], [], [], [2 4 8], "avx2,fma");
    kernels!(F64_AVX2, f64, __m256d, [1 2 3 4 5 6], [], [], [2 4], "avx2,fma");

    pub(super) fn f32(level: Level) -> &'static Kernels<f32> {
        match level {
            Level::Avx512 => &F32_AVX512,
            Level::Avx2 => &F32_AVX2,
            Level::Baseline => &F32_BASELINE,
        }
    }

    pub(super) fn f64(level: Level) -> &'static Kernels<f64> {
        match level {
            Level::Avx512 => &F64_AVX512,
            Level::Avx2 => &F64_AVX2,
            Level::Baseline => &F64_BASELINE,
        }
    }
}

kernels!(F32_BASELINE, f32, Portable<f32, 4>, [1 2 3 4], [], [], [2 4]);
kernels!(F64_BASELINE, f64, Portable<f64, 2>, [1 2 3 4], [], [], [2]);

impl Fast for f32 {
    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    fn kernels(level: Level) -> &'static Kernels<f32> {
        x86::f32(level)
    }
    #[cfg(not(target_arch = "x86_64"))]
    fn kernels(_: Level) -> &'static Kernels<f32> {
        &F32_BASELINE
    }
}

impl Fast for f64 {
    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    fn kernels(level: Level) -> &'static Kernels<f64> {
        x86::f64(level)
    }
    #[cfg(not(target_arch = "x86_64"))]
    fn kernels(_: Level) -> &'static Kernels<f64> {
        &F64_BASELINE
    }
}
