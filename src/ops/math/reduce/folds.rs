//! What reductions combine, by dtype.

use std::marker::PhantomData;

use num_complex::Complex;

use super::tree::Fold;
use crate::kernel::{Number, Ordered};

/// An accumulator that can be divided by a count and has a root.
pub(in crate::ops) trait Measure: Number {
    /// `self / n`, towards zero for integers. As TensorFlow has it: an integer or complex mean of nothing is zero, and
    /// the count of integers wraps as their sum does.
    fn over(self, n: usize) -> Self;
    /// `|self|²`.
    fn square(self) -> Self;
    /// The root, towards zero for integers.
    fn root(self) -> Self;
}

/// float32 and float64: what the floating-point dtypes are computed in.
pub(in crate::ops) trait Wide: Number<Acc = Self> + Ordered + Measure + num_traits::Float {}

impl Wide for f32 {}
impl Wide for f64 {}

/// The floating-point dtypes.
pub(in crate::ops) trait Float: Number<Acc: Wide> + PartialOrd {}

impl<T: Number<Acc: Wide> + PartialOrd> Float for T {}

macro_rules! float_accumulators {
    ($($t:ident),*) => { $(
        impl Measure for $t {
            fn over(self, n: usize) -> $t {
                self / n as $t
            }
            #[inline(always)]
            fn square(self) -> $t {
                self * self
            }
            fn root(self) -> $t {
                self.sqrt()
            }
        }
        impl Measure for Complex<$t> {
            fn over(self, n: usize) -> Self {
                if n == 0 { Self::ZERO } else { self / n as $t }
            }
            #[inline(always)]
            fn square(self) -> Self {
                Complex::new(self.norm_sqr(), 0.0)
            }
            fn root(self) -> Self {
                Complex::new(self.re.sqrt(), 0.0)
            }
        }
    )* };
}
float_accumulators!(f32, f64);

macro_rules! integer_accumulators {
    ($($t:ident),*) => { $(
        impl Measure for $t {
            fn over(self, n: usize) -> $t {
                if n as $t == 0 { 0 } else { self.wrapping_div(n as $t) }
            }
            #[inline(always)]
            fn square(self) -> $t {
                self.wrapping_mul(self)
            }
            fn root(self) -> $t {
                (self as f64).sqrt() as $t
            }
        }
    )* };
}
integer_accumulators!(i8, i16, i32, i64, u8, u16, u32, u64);

/// Declares a fold over a number dtype: which fold goes on with its results, what it starts with, how an element enters,
/// how two become one.
macro_rules! folds {
    ($($(#[$doc:meta])* $name:ident then $next:ident where $bound:ident: $start:expr, $load:expr, $join:expr;)*) => { $(
        $(#[$doc])*
        pub(super) struct $name<T>(PhantomData<fn() -> T>);
        impl<T: Number<Acc: $bound>> Fold for $name<T> {
            type In = T;
            type Acc = T::Acc;
            type Next = $next<T::Acc>;
            const START: T::Acc = $start;
            #[inline(always)]
            fn load(x: T) -> T::Acc {
                $load(x.widen())
            }
            #[inline(always)]
            fn join(a: T::Acc, b: T::Acc) -> T::Acc {
                $join(a, b)
            }
        }
    )* };
}

folds! {
    /// `a + b`.
    Sum then Sum where Number: T::Acc::ZERO, std::convert::identity, T::Acc::plus;
    /// `a * b`.
    Product then Product where Number: T::Acc::ONE, std::convert::identity, T::Acc::times;
    /// `|a|² + |b|²`.
    Squares then Sum where Measure: T::Acc::ZERO, T::Acc::square, T::Acc::plus;
    /// The larger one; NaN counts for nothing.
    Largest then Largest where Ordered: T::Acc::LEAST, std::convert::identity, T::Acc::larger;
    /// The smaller one; NaN counts for nothing.
    Smallest then Smallest where Ordered: T::Acc::GREATEST, std::convert::identity, T::Acc::smaller;
}

/// Whether all are true.
pub(super) struct All;

impl Fold for All {
    type In = bool;
    type Acc = bool;
    type Next = All;
    const START: bool = true;
    #[inline(always)]
    fn load(x: bool) -> bool {
        x
    }
    #[inline(always)]
    fn join(a: bool, b: bool) -> bool {
        a & b
    }
}

/// Whether one is true.
pub(super) struct Any;

impl Fold for Any {
    type In = bool;
    type Acc = bool;
    type Next = Any;
    const START: bool = false;
    #[inline(always)]
    fn load(x: bool) -> bool {
        x
    }
    #[inline(always)]
    fn join(a: bool, b: bool) -> bool {
        a | b
    }
}
