//! Loops over slices for a formula, compiled for each instruction set.
//!
//! A loop reads a block of [`BLOCK`] elements, computes, and writes it, so the result may lie over an operand. What is
//! left goes through the same formula: a block filled up with ones where the formula is long, else one by one.

use crate::Number;
use crate::simd::{BASELINE_FMA, Level, level};

/// Elements that are computed at once: two registers of float32 with AVX-512.
pub(super) const BLOCK: usize = 32;

/// A function of one number.
pub(super) trait Function1<T>: 'static {
    /// Whether a block costs little more than an element: a long formula that the compiler vectorizes.
    const IN_BLOCKS: bool = false;
    /// Whether vector instructions help: a formula that calls a function for each element is compiled once.
    const IS_VECTOR: bool = true;
    fn at<const FMA: bool>(x: T) -> T;
    /// Repairs results that the formula does not cover, after a block of them was computed.
    #[inline(always)]
    fn repair(_: &[T; BLOCK], _: &mut [T; BLOCK]) {}
}

/// A function of two numbers.
pub(super) trait Function2<T>: 'static {
    /// As [`Function1::IN_BLOCKS`].
    const IN_BLOCKS: bool = false;
    /// As [`Function1::IS_VECTOR`].
    const IS_VECTOR: bool = true;
    fn at<const FMA: bool>(x: T, y: T) -> T;
}

/// The loop of a function of one number: `out[i] = f(x[i])` for `n` elements; `out` may lie over `x`.
type Loop1<T> = unsafe fn(x: *const T, out: *mut T, n: usize);

/// The loop of a function of two numbers, for `n` elements. An operand is a row, or one number for all elements. `out` may
/// lie over a row.
type Loop2<T> = unsafe fn(x: Operand<T>, y: Operand<T>, out: *mut T, n: usize);

/// Where a loop reads an operand.
#[derive(Clone, Copy)]
pub(super) enum Operand<T> {
    Row(*const T),
    One(T),
}

/// A function of one number over slices.
#[derive(Debug, Clone, Copy)]
pub struct Map1<T> {
    row: Loop1<T>,
}

/// A function of two numbers over slices.
#[derive(Debug, Clone, Copy)]
pub struct Map2<T> {
    row: Loop2<T>,
}

impl<T: Number> Map1<T> {
    /// The loop of `F` for this CPU.
    pub(super) fn of<F: Function1<T>>() -> Map1<T> {
        #[cfg(target_arch = "x86_64")]
        if const { F::IS_VECTOR } {
            match level() {
                Level::Avx512 => return Map1 { row: Avx512::map1::<T, F> },
                Level::Avx2 => return Map1 { row: Avx2::map1::<T, F> },
                Level::Baseline => {}
            }
        }
        Map1 { row: Baseline::map1::<T, F> }
    }
}

impl<T: Copy> Map1<T> {
    /// `out[i] = f(x[i])`.
    ///
    /// # Panics
    /// If the lengths differ.
    pub fn out(&self, x: &[T], out: &mut [T]) {
        assert_eq!(x.len(), out.len(), "lengths are equal");
        // SAFETY: two slices of one length; `level` found the instructions of the loop, here and below.
        unsafe { (self.row)(x.as_ptr(), out.as_mut_ptr(), out.len()) }
    }

    /// `x[i] = f(x[i])`.
    pub fn in_place(&self, x: &mut [T]) {
        let out = x.as_mut_ptr();
        // SAFETY: the result may lie over the operand.
        unsafe { (self.row)(out, out, x.len()) }
    }
}

impl<T: Number> Map2<T> {
    /// The loop of `F` for this CPU.
    pub(super) fn of<F: Function2<T>>() -> Map2<T> {
        #[cfg(target_arch = "x86_64")]
        if const { F::IS_VECTOR } {
            match level() {
                Level::Avx512 => return Map2 { row: Avx512::map2::<T, F> },
                Level::Avx2 => return Map2 { row: Avx2::map2::<T, F> },
                Level::Baseline => {}
            }
        }
        Map2 { row: Baseline::map2::<T, F> }
    }
}

/// All panic if lengths differ.
impl<T: Copy> Map2<T> {
    /// `out[i] = f(x[i], y[i])`.
    pub fn out(&self, x: &[T], y: &[T], out: &mut [T]) {
        assert!(x.len() == out.len() && y.len() == out.len(), "lengths are equal");
        // SAFETY: three slices of one length; `level` found the instructions of the loop, here and below.
        unsafe { (self.row)(Operand::Row(x.as_ptr()), Operand::Row(y.as_ptr()), out.as_mut_ptr(), out.len()) }
    }

    /// `out[i] = f(x[i], y)`.
    pub fn scalar_right(&self, x: &[T], y: T, out: &mut [T]) {
        assert_eq!(x.len(), out.len(), "lengths are equal");
        // SAFETY: two slices of one length and one number.
        unsafe { (self.row)(Operand::Row(x.as_ptr()), Operand::One(y), out.as_mut_ptr(), out.len()) }
    }

    /// `out[i] = f(x, y[i])`.
    pub fn scalar_left(&self, x: T, y: &[T], out: &mut [T]) {
        assert_eq!(y.len(), out.len(), "lengths are equal");
        // SAFETY: one number and two slices of one length.
        unsafe { (self.row)(Operand::One(x), Operand::Row(y.as_ptr()), out.as_mut_ptr(), out.len()) }
    }

    /// `x[i] = f(x[i], y[i])`.
    pub fn over_left(&self, x: &mut [T], y: &[T]) {
        assert_eq!(x.len(), y.len(), "lengths are equal");
        let out = x.as_mut_ptr();
        // SAFETY: two slices of one length; the result may lie over an operand.
        unsafe { (self.row)(Operand::Row(out), Operand::Row(y.as_ptr()), out, y.len()) }
    }

    /// `y[i] = f(x[i], y[i])`.
    pub fn over_right(&self, x: &[T], y: &mut [T]) {
        assert_eq!(x.len(), y.len(), "lengths are equal");
        let out = y.as_mut_ptr();
        // SAFETY: as above.
        unsafe { (self.row)(Operand::Row(x.as_ptr()), Operand::Row(out), out, x.len()) }
    }

    /// `x[i] = f(x[i], y)`.
    pub fn over_left_scalar(&self, x: &mut [T], y: T) {
        let out = x.as_mut_ptr();
        // SAFETY: as above, with one number.
        unsafe { (self.row)(Operand::Row(out), Operand::One(y), out, x.len()) }
    }

    /// `y[i] = f(x, y[i])`.
    pub fn over_right_scalar(&self, x: T, y: &mut [T]) {
        let out = y.as_mut_ptr();
        // SAFETY: as above, with one number.
        unsafe { (self.row)(Operand::One(x), Operand::Row(out), out, y.len()) }
    }
}

/// An instruction set: the two loops, compiled with it.
pub(super) trait Isa: 'static {
    /// # Safety
    /// The CPU has the instructions; `x` and `out` are good for `n` elements, and are equal or do not overlap.
    unsafe fn map1<T: Number, F: Function1<T>>(x: *const T, out: *mut T, n: usize);
    /// # Safety
    /// As [`Isa::map1`], for rows.
    unsafe fn map2<T: Number, F: Function2<T>>(x: Operand<T>, y: Operand<T>, out: *mut T, n: usize);
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
            unsafe fn map2<T: Number, F: Function2<T>>(x: Operand<T>, y: Operand<T>, out: *mut T, n: usize) {
                // SAFETY: as promised by the caller.
                unsafe { loop2::<T, F, { $fma }>(x, y, out, n) }
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
unsafe fn loop2<T: Number, F: Function2<T>, const FMA: bool>(x: Operand<T>, y: Operand<T>, out: *mut T, n: usize) {
    // SAFETY: as promised by the caller; blocks of one number are not read past their end, because their step is 0.
    unsafe {
        // A block of one number stays in registers where the function is short: reading it again for each block would take
        // a third more time in the first cache (benches/vector.rs).
        match (x, y) {
            (Operand::Row(x), Operand::One(y)) if const { F::IS_VECTOR && !F::IN_BLOCKS } => {
                let y = [y; BLOCK];
                rows2::<T, F, FMA>((x, 1), (y.as_ptr(), 0), out, n);
            }
            (Operand::One(x), Operand::Row(y)) if const { F::IS_VECTOR && !F::IN_BLOCKS } => {
                let x = [x; BLOCK];
                rows2::<T, F, FMA>((x.as_ptr(), 0), (y, 1), out, n);
            }
            _ => {
                let (mut x_block, mut y_block) = ([T::ONE; BLOCK], [T::ONE; BLOCK]);
                rows2::<T, F, FMA>(x.begin(&mut x_block), y.begin(&mut y_block), out, n);
            }
        }
    }
}

/// The loop over operands that begin somewhere and go on by a step of 1, or stay, by a step of 0.
#[inline(always)]
unsafe fn rows2<T: Number, F: Function2<T>, const FMA: bool>(
    (x, x_step): (*const T, usize),
    (y, y_step): (*const T, usize),
    out: *mut T,
    n: usize,
) {
    let mut i = 0;
    // SAFETY: `i + BLOCK <= n`, or the tail's length is given.
    unsafe {
        while i + BLOCK <= n {
            block_by_block();
            let (x, y) = (load(x.add(i * x_step), BLOCK), load(y.add(i * y_step), BLOCK));
            store(out.add(i), BLOCK, &block2::<T, F, FMA>(&x, &y));
            i += BLOCK;
        }
        if const { !F::IN_BLOCKS } {
            (i..n).for_each(|i| out.add(i).write(F::at::<FMA>(x.add(i * x_step).read(), y.add(i * y_step).read())));
        } else if i < n {
            let (x, y) = (load(x.add(i * x_step), n - i), load(y.add(i * y_step), n - i));
            store(out.add(i), n - i, &block2::<T, F, FMA>(&x, &y));
        }
    }
}

impl<T: Copy> Operand<T> {
    /// Where the operand begins, and its step.
    #[inline(always)]
    fn begin(self, block: &mut [T; BLOCK]) -> (*const T, usize) {
        match self {
            Operand::Row(row) => (row, 1),
            Operand::One(number) => {
                *block = [number; BLOCK];
                (block.as_ptr(), 0)
            }
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
