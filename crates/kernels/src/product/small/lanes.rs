//! A vector register as the small kernel sees it, for each instruction set.
//!
//! In debug builds none of this is inlined, which is slow but right.

/// A register of [`Lanes::LANES`] numbers.
///
/// # Safety
/// Callers run on a CPU that has the instructions of the implementing type; pointers are good for what is read or
/// written: [`Lanes::LANES`] elements, or the mask's.
pub(super) unsafe trait Lanes: Copy {
    /// The element.
    type T: Copy + std::ops::Add<Output = Self::T>;
    /// Which lanes a partial load or store touches.
    type Mask: Copy;
    /// Elements in a register.
    const LANES: usize;

    unsafe fn mask(n: usize) -> Self::Mask;
    unsafe fn zero() -> Self;
    /// Where `relu6` stops.
    unsafe fn six() -> Self;
    unsafe fn splat(x: Self::T) -> Self;
    unsafe fn load(at: *const Self::T) -> Self;
    /// Lanes outside the mask are zero and their memory is not touched.
    unsafe fn load_part(at: *const Self::T, mask: Self::Mask) -> Self;
    unsafe fn store(self, at: *mut Self::T);
    unsafe fn store_part(self, at: *mut Self::T, mask: Self::Mask);
    unsafe fn plus(self, other: Self) -> Self;
    /// `self + a * b`, rounded once where the CPU can.
    unsafe fn plus_product(self, a: Self, b: Self) -> Self;
    /// `other > self ? other : self`: a NaN in `self` stays.
    unsafe fn at_least(self, other: Self) -> Self;
    /// `other < self ? other : self`: a NaN in `self` stays.
    unsafe fn at_most(self, other: Self) -> Self;
    /// Asks for a cache line early; any address will do.
    unsafe fn fetch_ahead(at: *const Self::T);
    /// The sum of all lanes in a fixed order.
    unsafe fn sum(self) -> Self::T;
}

/// Elements of the widest register.
pub(super) const MOST_LANES: usize = 16;

/// A register that can hold the same few elements again and again.
///
/// # Safety
/// As [`Lanes`].
pub(super) unsafe trait Spread: Lanes {
    /// `G` elements from `at`, repeated over all lanes; `G` is a power of two up to [`Lanes::LANES`].
    unsafe fn spread<const G: usize>(at: *const Self::T) -> Self;
}

/// Adds the upper half of the lanes onto the lower, down to one.
macro_rules! sum_lanes {
    ($register:expr, $t:ty, $n:expr) => {{
        let mut lanes = [0.0 as $t; $n];
        $register.store(lanes.as_mut_ptr());
        let mut n = $n;
        while n > 1 {
            n /= 2;
            for i in 0..n {
                lanes[i] += lanes[i + n];
            }
        }
        lanes[0]
    }};
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    use super::{Lanes, Spread};

    macro_rules! avx512 {
        ($v:ident, $t:ty, $mask:ty, $n:expr, $set1:ident, $load:ident, $maskload:ident, $store:ident, $maskstore:ident,
         $add:ident, $fma:ident, $max:ident, $min:ident) => {
            // SAFETY: plain wrappers of AVX-512F instructions, whose masked forms do not touch masked-off memory.
            unsafe impl Lanes for $v {
                type T = $t;
                type Mask = $mask;
                const LANES: usize = $n;
                avx512!(@body $set1, $load, $store, $add, $fma, $max, $min, $t, $n);
                #[inline(always)]
                unsafe fn mask(n: usize) -> $mask {
                    ((1_u32 << n) - 1) as $mask
                }
                #[inline(always)]
                unsafe fn load_part(at: *const $t, mask: $mask) -> Self {
                    unsafe { $maskload(mask, at) }
                }
                #[inline(always)]
                unsafe fn store_part(self, at: *mut $t, mask: $mask) {
                    unsafe { $maskstore(at, mask, self) }
                }
            }
        };
        (@body $set1:ident, $load:ident, $store:ident, $add:ident, $fma:ident, $max:ident, $min:ident, $t:ty, $n:expr) => {
            #[inline(always)]
            unsafe fn zero() -> Self {
                unsafe { Self::splat(0.0) }
            }
            #[inline(always)]
            unsafe fn six() -> Self {
                unsafe { Self::splat(6.0) }
            }
            #[inline(always)]
            unsafe fn splat(x: $t) -> Self {
                unsafe { $set1(x) }
            }
            #[inline(always)]
            unsafe fn load(at: *const $t) -> Self {
                unsafe { $load(at) }
            }
            #[inline(always)]
            unsafe fn store(self, at: *mut $t) {
                unsafe { $store(at, self) }
            }
            #[inline(always)]
            unsafe fn plus(self, other: Self) -> Self {
                unsafe { $add(self, other) }
            }
            #[inline(always)]
            unsafe fn plus_product(self, a: Self, b: Self) -> Self {
                unsafe { $fma(a, b, self) }
            }
            #[inline(always)]
            unsafe fn at_least(self, other: Self) -> Self {
                unsafe { $max(other, self) }
            }
            #[inline(always)]
            unsafe fn at_most(self, other: Self) -> Self {
                unsafe { $min(other, self) }
            }
            #[inline(always)]
            unsafe fn fetch_ahead(at: *const $t) {
                unsafe { _mm_prefetch::<_MM_HINT_T0>(at.cast()) }
            }
            #[inline(always)]
            unsafe fn sum(self) -> $t {
                unsafe { sum_lanes!(self, $t, $n) }
            }
        };
    }
    avx512!(
        __m512,
        f32,
        __mmask16,
        16,
        _mm512_set1_ps,
        _mm512_loadu_ps,
        _mm512_maskz_loadu_ps,
        _mm512_storeu_ps,
        _mm512_mask_storeu_ps,
        _mm512_add_ps,
        _mm512_fmadd_ps,
        _mm512_max_ps,
        _mm512_min_ps
    );
    avx512!(
        __m512d,
        f64,
        __mmask8,
        8,
        _mm512_set1_pd,
        _mm512_loadu_pd,
        _mm512_maskz_loadu_pd,
        _mm512_storeu_pd,
        _mm512_mask_storeu_pd,
        _mm512_add_pd,
        _mm512_fmadd_pd,
        _mm512_max_pd,
        _mm512_min_pd
    );

    macro_rules! avx2 {
        ($v:ident, $t:ty, $int:ty, $n:expr, $set1:ident, $load:ident, $maskload:ident, $store:ident, $maskstore:ident,
         $add:ident, $fma:ident, $max:ident, $min:ident) => {
            // SAFETY: plain wrappers of AVX2 and FMA instructions; masked moves do not touch masked-off memory.
            unsafe impl Lanes for $v {
                type T = $t;
                type Mask = __m256i;
                const LANES: usize = $n;
                avx512!(@body $set1, $load, $store, $add, $fma, $max, $min, $t, $n);
                #[inline(always)]
                unsafe fn mask(n: usize) -> __m256i {
                    const ONES_THEN_ZEROS: [$int; 2 * $n] = {
                        let mut table = [0; 2 * $n];
                        let mut i = 0;
                        while i < $n {
                            table[i] = -1;
                            i += 1;
                        }
                        table
                    };
                    unsafe { _mm256_loadu_si256(ONES_THEN_ZEROS[$n - n..].as_ptr().cast()) }
                }
                #[inline(always)]
                unsafe fn load_part(at: *const $t, mask: __m256i) -> Self {
                    unsafe { $maskload(at, mask) }
                }
                #[inline(always)]
                unsafe fn store_part(self, at: *mut $t, mask: __m256i) {
                    unsafe { $maskstore(at, mask, self) }
                }
            }
        };
    }
    avx2!(
        __m256,
        f32,
        i32,
        8,
        _mm256_set1_ps,
        _mm256_loadu_ps,
        _mm256_maskload_ps,
        _mm256_storeu_ps,
        _mm256_maskstore_ps,
        _mm256_add_ps,
        _mm256_fmadd_ps,
        _mm256_max_ps,
        _mm256_min_ps
    );
    avx2!(
        __m256d,
        f64,
        i64,
        4,
        _mm256_set1_pd,
        _mm256_loadu_pd,
        _mm256_maskload_pd,
        _mm256_storeu_pd,
        _mm256_maskstore_pd,
        _mm256_add_pd,
        _mm256_fmadd_pd,
        _mm256_max_pd,
        _mm256_min_pd
    );

    macro_rules! spread {
        ($v:ty, $t:ty, $load:ident, $($g:literal => |$at:ident| $spread:expr),*) => {
            // SAFETY: plain wrappers; `G` elements are read, or as many as the register has.
            unsafe impl Spread for $v {
                #[inline(always)]
                unsafe fn spread<const G: usize>(at: *const $t) -> Self {
                    unsafe {
                        match G {
                            $($g => { let $at = at; $spread })*
                            _ => $load(at),
                        }
                    }
                }
            }
        };
    }
    spread!(__m512, f32, _mm512_loadu_ps,
        1 => |at| _mm512_set1_ps(*at),
        2 => |at| _mm512_castpd_ps(_mm512_set1_pd(at.cast::<f64>().read_unaligned())),
        4 => |at| _mm512_broadcast_f32x4(_mm_loadu_ps(at)),
        8 => |at| _mm512_broadcast_f32x8(_mm256_loadu_ps(at)));
    spread!(__m512d, f64, _mm512_loadu_pd,
        1 => |at| _mm512_set1_pd(*at),
        2 => |at| _mm512_broadcast_f64x2(_mm_loadu_pd(at)),
        4 => |at| _mm512_broadcast_f64x4(_mm256_loadu_pd(at)));
    spread!(__m256, f32, _mm256_loadu_ps,
        1 => |at| _mm256_set1_ps(*at),
        2 => |at| _mm256_castpd_ps(_mm256_set1_pd(at.cast::<f64>().read_unaligned())),
        4 => |at| _mm256_broadcast_ps(&_mm_loadu_ps(at)));
    spread!(__m256d, f64, _mm256_loadu_pd,
        1 => |at| _mm256_set1_pd(*at),
        2 => |at| _mm256_broadcast_pd(&_mm_loadu_pd(at)));
}

/// A register of the target's baseline: 16 bytes, in plain Rust that the compiler turns into vector instructions.
#[derive(Clone, Copy)]
pub(super) struct Portable<T, const N: usize>([T; N]);

macro_rules! portable {
    ($t:ty, $n:expr) => {
        // SAFETY: uses nothing beyond the baseline; partial loads and stores touch the first `mask` elements.
        unsafe impl Lanes for Portable<$t, $n> {
            type T = $t;
            type Mask = usize;
            const LANES: usize = $n;
            #[inline(always)]
            unsafe fn mask(n: usize) -> usize {
                n
            }
            #[inline(always)]
            unsafe fn zero() -> Self {
                unsafe { Self::splat(0.0) }
            }
            #[inline(always)]
            unsafe fn six() -> Self {
                unsafe { Self::splat(6.0) }
            }
            #[inline(always)]
            unsafe fn splat(x: $t) -> Self {
                Portable([x; $n])
            }
            #[inline(always)]
            unsafe fn load(at: *const $t) -> Self {
                Portable(unsafe { at.cast::<[$t; $n]>().read() })
            }
            #[inline(always)]
            unsafe fn load_part(at: *const $t, n: usize) -> Self {
                if n == $n {
                    return unsafe { Self::load(at) };
                }
                Portable(std::array::from_fn(|i| if i < n { unsafe { at.add(i).read() } } else { 0.0 }))
            }
            #[inline(always)]
            unsafe fn store(self, at: *mut $t) {
                unsafe { at.cast::<[$t; $n]>().write(self.0) }
            }
            #[inline(always)]
            unsafe fn store_part(self, at: *mut $t, n: usize) {
                for i in 0..n {
                    unsafe { at.add(i).write(self.0[i]) }
                }
            }
            #[inline(always)]
            unsafe fn plus(self, other: Self) -> Self {
                Portable(std::array::from_fn(|i| self.0[i] + other.0[i]))
            }
            #[inline(always)]
            unsafe fn plus_product(self, a: Self, b: Self) -> Self {
                Portable(std::array::from_fn(|i| {
                    if crate::simd::BASELINE_FMA {
                        a.0[i].mul_add(b.0[i], self.0[i])
                    } else {
                        a.0[i] * b.0[i] + self.0[i]
                    }
                }))
            }
            #[inline(always)]
            unsafe fn at_least(self, other: Self) -> Self {
                Portable(std::array::from_fn(|i| if other.0[i] > self.0[i] { other.0[i] } else { self.0[i] }))
            }
            #[inline(always)]
            unsafe fn at_most(self, other: Self) -> Self {
                Portable(std::array::from_fn(|i| if other.0[i] < self.0[i] { other.0[i] } else { self.0[i] }))
            }
            #[inline(always)]
            unsafe fn fetch_ahead(_: *const $t) {}
            #[inline(always)]
            unsafe fn sum(self) -> $t {
                unsafe { sum_lanes!(self, $t, $n) }
            }
        }
    };
}

// SAFETY: reads `G` elements.
unsafe impl<T: Copy, const N: usize> Spread for Portable<T, N>
where
    Portable<T, N>: Lanes<T = T>,
{
    #[inline(always)]
    unsafe fn spread<const G: usize>(at: *const T) -> Self {
        Portable(std::array::from_fn(|i| unsafe { at.add(i % G).read() }))
    }
}

portable!(f32, 4);
portable!(f64, 2);
