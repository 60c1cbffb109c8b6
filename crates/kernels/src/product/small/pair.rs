//! Two registers as one: a wide one and a half.

use super::lanes::Lanes;

/// Two registers side by side.
#[derive(Clone, Copy)]
pub(super) struct Pair<A, B>(A, B);

// SAFETY: each half does what it promises; the mask is for the second half, the first one is whole.
unsafe impl<A: Lanes, B: Lanes<T = A::T>> Lanes for Pair<A, B> {
    type T = A::T;
    type Mask = B::Mask;
    const LANES: usize = A::LANES + B::LANES;

    /// `n` is more than the first half has.
    #[inline(always)]
    unsafe fn mask(n: usize) -> B::Mask {
        unsafe { B::mask(n - A::LANES) }
    }
    #[inline(always)]
    unsafe fn zero() -> Self {
        unsafe { Pair(A::zero(), B::zero()) }
    }
    #[inline(always)]
    unsafe fn six() -> Self {
        unsafe { Pair(A::six(), B::six()) }
    }
    #[inline(always)]
    unsafe fn splat(x: A::T) -> Self {
        unsafe { Pair(A::splat(x), B::splat(x)) }
    }
    #[inline(always)]
    unsafe fn load(at: *const A::T) -> Self {
        unsafe { Pair(A::load(at), B::load(at.add(A::LANES))) }
    }
    #[inline(always)]
    unsafe fn load_part(at: *const A::T, mask: B::Mask) -> Self {
        unsafe { Pair(A::load(at), B::load_part(at.add(A::LANES), mask)) }
    }
    #[inline(always)]
    unsafe fn store(self, at: *mut A::T) {
        unsafe {
            self.0.store(at);
            self.1.store(at.add(A::LANES));
        }
    }
    #[inline(always)]
    unsafe fn store_part(self, at: *mut A::T, mask: B::Mask) {
        unsafe {
            self.0.store(at);
            self.1.store_part(at.add(A::LANES), mask);
        }
    }
    #[inline(always)]
    unsafe fn plus(self, other: Self) -> Self {
        unsafe { Pair(self.0.plus(other.0), self.1.plus(other.1)) }
    }
    #[inline(always)]
    unsafe fn plus_product(self, a: Self, b: Self) -> Self {
        unsafe { Pair(self.0.plus_product(a.0, b.0), self.1.plus_product(a.1, b.1)) }
    }
    #[inline(always)]
    unsafe fn at_least(self, other: Self) -> Self {
        unsafe { Pair(self.0.at_least(other.0), self.1.at_least(other.1)) }
    }
    #[inline(always)]
    unsafe fn at_most(self, other: Self) -> Self {
        unsafe { Pair(self.0.at_most(other.0), self.1.at_most(other.1)) }
    }
    #[inline(always)]
    unsafe fn fetch_ahead(at: *const A::T) {
        unsafe {
            A::fetch_ahead(at);
            B::fetch_ahead(at.wrapping_add(A::LANES));
        }
    }
    #[inline(always)]
    unsafe fn sum(self) -> A::T {
        unsafe { self.0.sum() + self.1.sum() }
    }
}
