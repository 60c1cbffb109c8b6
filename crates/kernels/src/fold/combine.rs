//! What folds combine, by dtype: a formula a fold, which the loops are compiled for.

use num_complex::Complex;

use crate::{Number, Ordered};

/// How two elements become one: associative but for rounding.
pub(super) trait Combine: 'static {
    /// What comes in, and what it is combined as. Plain bytes, all of which are valid.
    type T: Copy + 'static;
    /// Whether the loops are compiled with vector instructions: for dtypes whose folds are hot.
    const IS_VECTOR: bool;
    /// Whether the order does not matter: the compiler then finds the best one by itself.
    const IS_EXACT: bool;
    /// The result of no elements.
    const START: Self::T;
    /// An element as it enters.
    #[inline(always)]
    fn load(x: Self::T) -> Self::T {
        x
    }
    /// The two as one.
    fn join(a: Self::T, b: Self::T) -> Self::T;
}

/// `|x|²`.
pub(super) trait Square: Number {
    fn square(self) -> Self;
}

macro_rules! squares {
    ($($t:ident)*) => { $(
        impl Square for $t {
            #[inline(always)]
            fn square(self) -> $t {
                self.times(self)
            }
        }
    )* };
}
squares!(f32 f64 i32 i64);

macro_rules! complex_squares {
    ($($t:ident)*) => { $(
        impl Square for Complex<$t> {
            #[inline(always)]
            fn square(self) -> Self {
                Complex::new(self.norm_sqr(), 0.0)
            }
        }
    )* };
}
complex_squares!(f32 f64);

macro_rules! folds {
    ($($(#[$doc:meta])* $name:ident<$T:ident: $bound:ident>, $is_vector:expr, $start:expr, $load:expr, $join:expr;)*) => { $(
        $(#[$doc])*
        pub(super) struct $name<$T>(std::marker::PhantomData<$T>);
        impl<$T: $bound> Combine for $name<$T> {
            type T = $T;
            const IS_VECTOR: bool = $is_vector;
            const IS_EXACT: bool = is_integer::<$T>();
            const START: $T = $start;
            #[inline(always)]
            fn load(x: $T) -> $T {
                $load(x)
            }
            #[inline(always)]
            fn join(a: $T, b: $T) -> $T {
                $join(a, b)
            }
        }
    )* };
}

/// Real numbers that are often folded.
const fn is_common<T: Number>() -> bool {
    use crate::DType::{F32, F64, I32, I64};
    matches!(T::DTYPE, F32 | F64 | I32 | I64)
}

const fn is_integer<T: Number>() -> bool {
    use crate::DType::{I32, I64, U64};
    matches!(T::DTYPE, I32 | I64 | U64)
}

const fn is_float<T: Number>() -> bool {
    use crate::DType::{F32, F64};
    matches!(T::DTYPE, F32 | F64)
}

folds! {
    /// `a + b`.
    Sum<T: Number>, is_common::<T>(), T::ZERO, std::convert::identity, T::plus;
    /// `a * b`.
    Product<T: Number>, is_float::<T>(), T::ONE, std::convert::identity, T::times;
    /// `|a|² + |b|²`.
    Squares<T: Square>, is_float::<T>(), T::ZERO, T::square, T::plus;
    /// The larger one; NaN counts for nothing.
    Largest<T: Ordered>, is_common::<T>(), T::LEAST, std::convert::identity, T::larger;
    /// The smaller one; NaN counts for nothing.
    Smallest<T: Ordered>, is_common::<T>(), T::GREATEST, std::convert::identity, T::smaller;
}

/// Whether all bytes are 1, of bytes that are 0 or 1.
pub(super) struct All;

impl Combine for All {
    type T = u8;
    const IS_VECTOR: bool = true;
    const IS_EXACT: bool = true;
    const START: u8 = 1;
    #[inline(always)]
    fn join(a: u8, b: u8) -> u8 {
        a & b
    }
}

/// Whether one byte is 1, of bytes that are 0 or 1.
pub(super) struct Any;

impl Combine for Any {
    type T = u8;
    const IS_VECTOR: bool = true;
    const IS_EXACT: bool = true;
    const START: u8 = 0;
    #[inline(always)]
    fn join(a: u8, b: u8) -> u8 {
        a | b
    }
}
