//! What reductions do to the results of a fold, by dtype.

use num_complex::Complex;

use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::graph::RunCx;
use crate::kernel::element::Start;
use crate::kernel::fold::How;
use crate::kernel::widen::Widen;
use crate::kernel::{Number, Ordered};
use crate::ops::parts::{fill_bytes, number_bytes_mut};
use crate::value::Value;
use crate::with_type;

/// A number that can be divided by a count and has a root.
trait Measure: Number {
    /// `self / n`, towards zero for integers. As TensorFlow has it: an integer or complex mean of nothing is zero, and
    /// the count of integers wraps as their sum does.
    fn over(self, n: usize) -> Self;
    /// The root, towards zero for integers.
    fn root(self) -> Self;
}

/// float32 and float64: what the floating-point dtypes are computed in.
pub(in crate::ops) trait Wide: Number<Acc = Self> + Ordered + num_traits::Float {}

impl Wide for f32 {}
impl Wide for f64 {}

/// The floating-point dtypes.
pub(in crate::ops) trait Float: Number<Acc: Wide> + PartialOrd {}

impl<T: Number<Acc: Wide> + PartialOrd> Float for T {}

macro_rules! floats {
    ($($t:ident),*) => { $(
        impl Measure for $t {
            fn over(self, n: usize) -> $t {
                self / n as $t
            }
            fn root(self) -> $t {
                self.sqrt()
            }
        }
        impl Measure for Complex<$t> {
            fn over(self, n: usize) -> Self {
                if n == 0 { Self::ZERO } else { self / n as $t }
            }
            fn root(self) -> Self {
                Complex::new(self.re.sqrt(), 0.0)
            }
        }
    )* };
}
floats!(f32, f64);

macro_rules! integers {
    ($($t:ident),*) => { $(
        impl Measure for $t {
            fn over(self, n: usize) -> $t {
                if n as $t == 0 { 0 } else { self.wrapping_div(n as $t) }
            }
            fn root(self) -> $t {
                (self as f64).sqrt() as $t
            }
        }
    )* };
}
integers!(i8, i16, i32, i64, u8, u16, u32, u64);

/// What is done to a fold's results.
#[derive(Debug, Clone, Copy)]
pub(super) enum Finish {
    Nothing,
    /// They are divided by a count.
    Over(usize),
    Root,
}

impl Finish {
    /// Does it to results of a fold, which become elements of `dtype`: halves are rounded after it, and integers wrap
    /// before.
    pub(super) fn run(self, cx: &RunCx<'_>, results: Value, dtype: DType) -> Result<Value> {
        if dtype.is_integer() {
            return self.change(narrowed(cx, results, dtype)?);
        }
        narrowed(cx, self.change(results)?, dtype)
    }

    fn change(self, mut results: Value) -> Result<Value> {
        if matches!(self, Finish::Nothing) {
            return Ok(results);
        }
        with_type!(results.dtype(), T in ints => self.each::<T>(results.make_mut()?), else => ());
        with_type!(results.dtype(), T in wide_floats => self.each::<T>(results.make_mut()?), else => ());
        match results.dtype() {
            DType::C64 => self.each::<Complex<f32>>(results.make_mut()?),
            DType::C128 => self.each::<Complex<f64>>(results.make_mut()?),
            _ => {}
        }
        Ok(results)
    }

    fn each<T: Measure>(self, results: &mut [T]) {
        match self {
            Finish::Nothing => {}
            Finish::Over(n) => results.iter_mut().for_each(|x| *x = x.over(n)),
            Finish::Root => results.iter_mut().for_each(|x| *x = x.root()),
        }
    }
}

/// Results as the rare dtype for which the accumulator stood in.
fn narrowed(cx: &RunCx<'_>, results: Value, dtype: DType) -> Result<Value> {
    let Some(widen) = Widen::of(dtype).filter(|_| results.dtype() != dtype) else { return Ok(results) };
    let mut out = cx.alloc(dtype, results.dims())?;
    widen.store(results.bytes()?, number_bytes_mut(&mut out)?);
    Ok(out)
}

/// Elements of `dtype` where there was nothing to find an extreme of: a wider dtype has others that are not of it.
pub(super) fn extremes_of_nothing(cx: &RunCx<'_>, how: How, dtype: DType, dims: &[usize]) -> Result<Value> {
    let start = if how == How::Largest { Start::Least } else { Start::Greatest };
    let start = start.of(dtype).ok_or_else(|| Error::internal("extremes are of real numbers"))?;
    let mut out = cx.alloc(dtype, dims)?;
    fill_bytes(number_bytes_mut(&mut out)?, &start);
    Ok(out)
}
