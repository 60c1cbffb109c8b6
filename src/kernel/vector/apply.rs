//! Loops over slices for a formula, compiled for each instruction set.
//!
//! A loop reads a block of [`BLOCK`] elements, computes, and writes it, so the result may lie over an operand. What is
//! left goes through the same formula: a block filled up with ones where the formula is long, else one by one.

use crate::kernel::Number;
use crate::kernel::simd::{BASELINE_FMA, Level, level};

/// Elements that are computed at once: two registers of float32 with AVX-512.
pub(super) const BLOCK: usize = 32;

/// A function of one number.
pub(super) trait Function1<T>: 'static {
    /// Whether a block costs little more than an element: a long formula that the compiler vectorizes.
    const IN_BLOCKS: bool = false;
    fn at<const FMA: bool>(x: T) -> T;
    /// Repairs results that the formula does not cover, after a block of them was computed.
    #[inline(always)]
    fn repair(_: &[T; BLOCK], _: &mut [T; BLOCK]) {}
}

/// A function of two numbers.
pub(super) trait Function2<T>: 'static {
    /// As [`Function1::IN_BLOCKS`].
    const IN_BLOCKS: bool = false;
    fn at<const FMA: bool>(x: T, y: T) -> T;
}

/// Functions of one number over a slice.
#[derive(Debug, Clone, Copy)]
pub struct Map1<T> {
    /// `out[i] = f(x[i])`. Panics if the lengths differ.
    pub out: fn(x: &[T], out: &mut [T]),
    /// `x[i] = f(x[i])`.
    pub in_place: fn(x: &mut [T]),
}

/// Functions of two numbers over slices. All panic if lengths differ.
#[derive(Debug, Clone, Copy)]
pub struct Map2<T> {
    /// `out[i] = f(x[i], y[i])`.
    pub out: fn(x: &[T], y: &[T], out: &mut [T]),
    /// `out[i] = f(x[i], y)`.
    pub scalar_right: fn(x: &[T], y: T, out: &mut [T]),
    /// `out[i] = f(x, y[i])`.
    pub scalar_left: fn(x: T, y: &[T], out: &mut [T]),
    /// `x[i] = f(x[i], y[i])`.
    pub over_left: fn(x: &mut [T], y: &[T]),
    /// `y[i] = f(x[i], y[i])`.
    pub over_right: fn(x: &[T], y: &mut [T]),
    /// `x[i] = f(x[i], y)`.
    pub over_left_scalar: fn(x: &mut [T], y: T),
    /// `y[i] = f(x, y[i])`.
    pub over_right_scalar: fn(x: T, y: &mut [T]),
}

impl<T: Number> Map1<T> {
    /// The loops of `F` for this CPU.
    pub(super) fn of<F: Function1<T>>() -> Map1<T> {
        match level() {
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 => Map1::on::<F, Avx512>(),
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 => Map1::on::<F, Avx2>(),
            _ => Map1::on::<F, Baseline>(),
        }
    }

    fn on<F: Function1<T>, I: Isa>() -> Map1<T> {
        Map1 { out: out1::<T, F, I>, in_place: in_place1::<T, F, I> }
    }
}

impl<T: Number> Map2<T> {
    /// The loops of `F` for this CPU.
    pub(super) fn of<F: Function2<T>>() -> Map2<T> {
        match level() {
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 => Map2::on::<F, Avx512>(),
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 => Map2::on::<F, Avx2>(),
            _ => Map2::on::<F, Baseline>(),
        }
    }

    fn on<F: Function2<T>, I: Isa>() -> Map2<T> {
        Map2 {
            out: |x, y, out| {
                assert!(x.len() == out.len() && y.len() == out.len(), "lengths are equal");
                // SAFETY: three slices of one length; `level` found the instructions of `I`, here and below.
                unsafe { I::map2::<T, F, false, false>(x.as_ptr(), y.as_ptr(), out.as_mut_ptr(), out.len()) }
            },
            scalar_right: |x, y, out| {
                assert_eq!(x.len(), out.len(), "lengths are equal");
                // SAFETY: two slices of one length and one number.
                unsafe { I::map2::<T, F, false, true>(x.as_ptr(), &y, out.as_mut_ptr(), out.len()) }
            },
            scalar_left: |x, y, out| {
                assert_eq!(y.len(), out.len(), "lengths are equal");
                // SAFETY: one number and two slices of one length.
                unsafe { I::map2::<T, F, true, false>(&x, y.as_ptr(), out.as_mut_ptr(), out.len()) }
            },
            over_left: |x, y| {
                assert_eq!(x.len(), y.len(), "lengths are equal");
                let out = x.as_mut_ptr();
                // SAFETY: two slices of one length; the result may lie over an operand.
                unsafe { I::map2::<T, F, false, false>(out, y.as_ptr(), out, y.len()) }
            },
            over_right: |x, y| {
                assert_eq!(x.len(), y.len(), "lengths are equal");
                let out = y.as_mut_ptr();
                // SAFETY: as above.
                unsafe { I::map2::<T, F, false, false>(x.as_ptr(), out, out, x.len()) }
            },
            over_left_scalar: |x, y| {
                let out = x.as_mut_ptr();
                // SAFETY: as above, with one number.
                unsafe { I::map2::<T, F, false, true>(out, &y, out, x.len()) }
            },
            over_right_scalar: |x, y| {
                let out = y.as_mut_ptr();
                // SAFETY: as above, with one number.
                unsafe { I::map2::<T, F, true, false>(&x, out, out, y.len()) }
            },
        }
    }
}

fn out1<T: Number, F: Function1<T>, I: Isa>(x: &[T], out: &mut [T]) {
    assert_eq!(x.len(), out.len(), "lengths are equal");
    // SAFETY: two slices of one length; `level` found the instructions of `I`.
    unsafe { I::map1::<T, F>(x.as_ptr(), out.as_mut_ptr(), out.len()) }
}

fn in_place1<T: Number, F: Function1<T>, I: Isa>(x: &mut [T]) {
    let out = x.as_mut_ptr();
    // SAFETY: the result may lie over the operand; `level` found the instructions of `I`.
    unsafe { I::map1::<T, F>(out, out, x.len()) }
}

/// An instruction set: the two loops, compiled with it.
pub(super) trait Isa: 'static {
    /// # Safety
    /// The CPU has the instructions; `x` and `out` are good for `n` elements, and are equal or do not overlap.
    unsafe fn map1<T: Number, F: Function1<T>>(x: *const T, out: *mut T, n: usize);
    /// # Safety
    /// As [`Isa::map1`]; an operand with `XS` or `YS` is one number, used for all elements.
    unsafe fn map2<T: Number, F: Function2<T>, const XS: bool, const YS: bool>(
        x: *const T,
        y: *const T,
        out: *mut T,
        n: usize,
    );
}

macro_rules! isa {
    ($name:ident, $fma:expr $(, $features:literal)?) => {
        pub(super) struct $name;
        impl Isa for $name {
            $(#[target_feature(enable = $features)])?
            unsafe fn map1<T: Number, F: Function1<T>>(x: *const T, out: *mut T, n: usize) {
                // SAFETY: as promised by the caller.
                unsafe { loop1::<T, F, { $fma }>(x, out, n) }
            }
            $(#[target_feature(enable = $features)])?
            unsafe fn map2<T: Number, F: Function2<T>, const XS: bool, const YS: bool>(
                x: *const T,
                y: *const T,
                out: *mut T,
                n: usize,
            ) {
                // SAFETY: as promised by the caller.
                unsafe { loop2::<T, F, { $fma }, XS, YS>(x, y, out, n) }
            }
        }
    };
}
isa!(Baseline, BASELINE_FMA);
#[cfg(target_arch = "x86_64")]
isa!(Avx2, true, "avx2,fma");
#[cfg(target_arch = "x86_64")]
isa!(Avx512, true, "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma");

#[inline(always)]
unsafe fn loop1<T: Number, F: Function1<T>, const FMA: bool>(x: *const T, out: *mut T, n: usize) {
    let mut i = 0;
    // SAFETY: `i + BLOCK <= n`, or the tail's length is given.
    unsafe {
        while i + BLOCK <= n {
            block_by_block();
            store(out.add(i), BLOCK, &block1::<T, F, FMA>(&load(x.add(i), BLOCK)));
            i += BLOCK;
        }
        if const { !F::IN_BLOCKS } {
            (i..n).for_each(|i| out.add(i).write(F::at::<FMA>(x.add(i).read())));
        } else if i < n {
            store(out.add(i), n - i, &block1::<T, F, FMA>(&load(x.add(i), n - i)));
        }
    }
}

#[inline(always)]
fn block1<T: Number, F: Function1<T>, const FMA: bool>(x: &[T; BLOCK]) -> [T; BLOCK] {
    let mut y = *x;
    for y in &mut y {
        *y = F::at::<FMA>(*y);
    }
    F::repair(x, &mut y);
    y
}

#[inline(always)]
unsafe fn loop2<T: Number, F: Function2<T>, const FMA: bool, const XS: bool, const YS: bool>(
    x: *const T,
    y: *const T,
    out: *mut T,
    n: usize,
) {
    let mut i = 0;
    // SAFETY: `i + BLOCK <= n`, or the tail's length is given.
    unsafe {
        let load_at = |from: *const T, splat: bool, i: usize, n: usize| {
            if splat { [from.read(); BLOCK] } else { load(from.add(i), n) }
        };
        while i + BLOCK <= n {
            block_by_block();
            let (x, y) = (load_at(x, XS, i, BLOCK), load_at(y, YS, i, BLOCK));
            store(out.add(i), BLOCK, &block2::<T, F, FMA>(&x, &y));
            i += BLOCK;
        }
        if const { !F::IN_BLOCKS } {
            let one_at = |from: *const T, splat: bool, i: usize| from.add(if splat { 0 } else { i }).read();
            (i..n).for_each(|i| out.add(i).write(F::at::<FMA>(one_at(x, XS, i), one_at(y, YS, i))));
        } else if i < n {
            let (x, y) = (load_at(x, XS, i, n - i), load_at(y, YS, i, n - i));
            store(out.add(i), n - i, &block2::<T, F, FMA>(&x, &y));
        }
    }
}

#[inline(always)]
fn block2<T: Number, F: Function2<T>, const FMA: bool>(x: &[T; BLOCK], y: &[T; BLOCK]) -> [T; BLOCK] {
    let mut out = *x;
    for (x, &y) in out.iter_mut().zip(y) {
        *x = F::at::<FMA>(*x, y);
    }
    out
}

/// Keeps the compiler from vectorizing over blocks instead of inside them: it would gather an element from each of 16
/// blocks, which is ten times slower. No instruction comes of it.
#[inline(always)]
fn block_by_block() {
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    // SAFETY: an empty instruction that touches nothing.
    unsafe {
        std::arch::asm!("", options(nomem, nostack, preserves_flags))
    }
}

/// The first `n` elements, then ones.
#[inline(always)]
unsafe fn load<T: Number>(from: *const T, n: usize) -> [T; BLOCK] {
    // SAFETY: the caller has `n` elements there; an array is aligned as its elements.
    unsafe {
        if n == BLOCK {
            return from.cast::<[T; BLOCK]>().read();
        }
        let mut block = [T::ONE; BLOCK];
        block.as_mut_ptr().copy_from_nonoverlapping(from, n);
        block
    }
}

#[inline(always)]
unsafe fn store<T: Number>(to: *mut T, n: usize, block: &[T; BLOCK]) {
    // SAFETY: the caller has room for `n <= BLOCK` elements there.
    unsafe {
        if n == BLOCK {
            to.cast::<[T; BLOCK]>().write(*block);
        } else {
            to.copy_from_nonoverlapping(block.as_ptr(), n);
        }
    }
}
