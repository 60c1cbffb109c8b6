//! The larger and the smaller of two numbers: the one place that says what becomes of NaN.
//!
//! Every op that looks for an extreme is a fold with [`Ordered::larger`] or [`Ordered::smaller`], in which a NaN stays
//! as the first operand and counts for nothing as the second. Which of four folds it is follows TensorFlow 1.15.5, whose
//! answer depends on no number's place in memory:
//!
//! | fold | starts with | of `NaN` alone | of `-inf` alone | ops |
//! |---|---|---|---|---|
//! | `found.larger(x)` | [`Ordered::LEAST`] | -inf | -inf | reductions, sorted segments of rows, 3-D pools, sparse maxima |
//! | `found.larger(x)` | [`Ordered::LOWEST`] | lowest | lowest | 2-D pools, dilation, `ArgMax` |
//! | `found.larger(x)` | the first number | NaN | -inf | `Maximum`, scatters, pools with places, pools of channels |
//! | `x.larger(found)` | [`Ordered::LOWEST`] | NaN | lowest | unsorted segments |

use half::{bf16, f16};

use super::Number;

/// Real numbers.
pub trait Ordered: Number + PartialOrd {
    /// Below or equal to all numbers: minus infinity, or the lowest integer.
    const LEAST: Self;
    /// Above or equal to all numbers: infinity, or the highest integer.
    const GREATEST: Self;
    /// The lowest finite number.
    const LOWEST: Self;
    /// The highest finite number.
    const HIGHEST: Self;
    /// The other one if it is larger, else this one.
    #[inline(always)]
    fn larger(self, other: Self) -> Self {
        if self < other { other } else { self }
    }
    /// The other one if it is smaller, else this one.
    #[inline(always)]
    fn smaller(self, other: Self) -> Self {
        if other < self { other } else { self }
    }
}

macro_rules! ordered {
    ($($t:ident $least:ident $greatest:ident;)*) => { $(
        impl Ordered for $t {
            const LEAST: $t = $t::$least;
            const GREATEST: $t = $t::$greatest;
            const LOWEST: $t = $t::MIN;
            const HIGHEST: $t = $t::MAX;
        }
    )* };
}
ordered! {
    i8 MIN MAX;
    i16 MIN MAX;
    i32 MIN MAX;
    i64 MIN MAX;
    u8 MIN MAX;
    u16 MIN MAX;
    u32 MIN MAX;
    u64 MIN MAX;
    f16 NEG_INFINITY INFINITY;
    bf16 NEG_INFINITY INFINITY;
    f32 NEG_INFINITY INFINITY;
    f64 NEG_INFINITY INFINITY;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extremes_keep_a_nan_that_comes_first() {
        assert!(f32::NAN.larger(1.0).is_nan() && f64::NAN.smaller(1.0).is_nan() && f16::NAN.larger(f16::ONE).is_nan());
        assert_eq!((1f32.larger(f32::NAN), 1f32.smaller(f32::NAN)), (1.0, 1.0));
    }

    #[test]
    fn ends_are_finite_or_not() {
        assert!(f32::LEAST < f32::LOWEST && f16::HIGHEST < f16::GREATEST && bf16::LOWEST.is_finite());
        assert_eq!((u8::LEAST, i8::LOWEST, i8::GREATEST), (0, -128, 127));
    }
}
