//! The numbers that matrices are decomposed over, and matrices of a batch.

use num_complex::Complex;

use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::graph::InferCx;
use crate::kernel::Number;
use crate::shape::{Dim, Shape};

/// float32, float64 and complex numbers of both.
pub(super) trait Field: Number {
    /// The same in double precision.
    type Wide: Field<Wide = Self::Wide>;
    /// From its parts, rounded; a real number has no imaginary one.
    fn of_parts(re: f64, im: f64) -> Self;
    /// A real number, rounded.
    fn of(re: f64) -> Self;
    /// The real part.
    fn re(self) -> f64;
    /// The imaginary part.
    fn im(self) -> f64;
    /// The complex conjugate; of a real number itself.
    fn conj(self) -> Self;
    /// The quotient.
    fn over(self, by: Self) -> Self;

    /// The square of the absolute value.
    fn norm_sqr(self) -> f64 {
        self.re() * self.re() + self.im() * self.im()
    }

    /// The absolute value.
    fn abs(self) -> f64 {
        if self.im() == 0.0 { self.re().abs() } else { self.re().hypot(self.im()) }
    }

    /// `self - a * b`.
    #[inline(always)]
    fn minus_product(self, a: Self, b: Self) -> Self {
        self.minus(a.times(b))
    }
}

macro_rules! fields {
    ($($real:ty),*) => { $(
        impl Field for $real {
            type Wide = f64;
            fn of_parts(re: f64, _: f64) -> Self {
                re as $real
            }
            fn of(re: f64) -> Self {
                re as $real
            }
            fn re(self) -> f64 {
                self.into()
            }
            fn im(self) -> f64 {
                0.0
            }
            fn conj(self) -> Self {
                self
            }
            fn over(self, by: Self) -> Self {
                self / by
            }
        }

        impl Field for Complex<$real> {
            type Wide = Complex<f64>;
            fn of_parts(re: f64, im: f64) -> Self {
                Complex::new(re as $real, im as $real)
            }
            fn of(re: f64) -> Self {
                Complex::new(re as $real, 0.0)
            }
            fn re(self) -> f64 {
                self.re.into()
            }
            fn im(self) -> f64 {
                self.im.into()
            }
            fn conj(self) -> Self {
                Complex::conj(&self)
            }
            fn over(self, by: Self) -> Self {
                self / by
            }
        }
    )* };
}
fields!(f32, f64);

/// Runs the body with `$T` bound to the type of a field's dtype; refuses others.
macro_rules! with_field {
    ($dtype:expr, $T:ident => $body:expr) => {
        match $dtype {
            $crate::DType::F32 => {
                type $T = f32;
                $body
            }
            $crate::DType::F64 => {
                type $T = f64;
                $body
            }
            $crate::DType::C64 => {
                type $T = num_complex::Complex<f32>;
                $body
            }
            $crate::DType::C128 => {
                type $T = num_complex::Complex<f64>;
                $body
            }
            dtype => return Err($crate::ops::linalg::field::not_a_field(dtype)),
        }
    };
}
pub(super) use with_field;

#[cold]
pub(super) fn not_a_field(dtype: DType) -> Error {
    Error::unsupported(format!("the op is for float32, float64 and complex numbers, not for {dtype}"))
}

/// Refuses other dtypes.
pub(super) fn check_field(dtype: DType) -> Result<()> {
    match dtype {
        DType::F32 | DType::F64 | DType::C64 | DType::C128 => Ok(()),
        other => Err(not_a_field(other)),
    }
}

/// Rows and columns of the matrices of a value.
pub(super) fn matrix_dims(dims: &[usize]) -> Result<[usize; 2]> {
    match dims {
        [.., m, n] => Ok([*m, *n]),
        _ => Err(Error::shape(format!("shape must be at least rank 2 but is rank {}", dims.len()))),
    }
}

/// Rows of square matrices.
pub(super) fn square_dims(dims: &[usize]) -> Result<usize> {
    match matrix_dims(dims)? {
        [m, n] if m == n => Ok(n),
        [m, n] => Err(Error::shape(format!("input matrices must be square, got {m} != {n}"))),
    }
}

/// Batch dims, rows and columns of input `i`, as far as known; `None` for an unknown rank.
pub(super) fn split_matrix(cx: &InferCx<'_>, i: usize) -> Result<Option<(Shape, [Dim; 2])>> {
    let shape = cx.shape(i).with_rank_at_least(2)?;
    let Some(rank) = shape.rank() else { return Ok(None) };
    Ok(Some((shape.slice(..rank - 2)?, [shape.dim(rank - 2), shape.dim(rank - 1)])))
}
