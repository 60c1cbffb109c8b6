//! What is made of one square matrix: `Cholesky`, `MatrixInverse`, `MatrixDeterminant`, `LogMatrixDeterminant`.

use std::sync::Arc;

use super::field::{Field, check_field, split_matrix, square_dims, with_field};
use super::lu::{Lu, adjoint};
use crate::cancel::Pace;
use crate::error::{Error, Result};
use crate::graph::{AttrValue, Attrs, Example, InferCx, Op, OpKind, RunCx, Tensor, Workspace};
use crate::kernel::Number;
use crate::shape::{Dim, Shape};
use crate::value::{IntoValue, Value};

/// The lower triangle `L` with `L L^H = a` of Hermitian positive definite matrices, of which the lower triangle counts:
/// `(.., n, n) -> (.., n, n)`.
#[derive(Debug, Clone)]
pub struct Cholesky;

/// The inverse of each matrix, or of its conjugate transpose: `(.., n, n) -> (.., n, n)`.
#[derive(Debug, Clone)]
pub struct MatrixInverse {
    /// Of the conjugate transpose.
    pub adjoint: bool,
}

/// The determinant of each matrix: `(.., n, n) -> (..)`; 1 of no rows.
#[derive(Debug, Clone)]
pub struct MatrixDeterminant;

/// The sign of the determinant of each matrix, and the logarithm of its absolute value: `(.., n, n) -> (..), (..)`. A
/// singular one has 0 and minus infinity.
#[derive(Debug, Clone)]
pub struct LogMatrixDeterminant;

/// The row of [`Cholesky`].
pub static CHOLESKY: OpKind = OpKind::new(
    "Cholesky",
    "input: T -> output: T",
    |_: &Attrs| Ok(Arc::new(Cholesky)),
    || {
        vec![
            Example::new(Cholesky, [[[4.0f32, 2.0], [2.0, 5.0]].into_value()]),
            Example::new(Cholesky, [[[[4.0f64]], [[9.0]]].into_value()]),
            Example::new(Cholesky, [empty()]),
        ]
    },
);

/// The row of [`MatrixInverse`].
pub static MATRIX_INVERSE: OpKind = OpKind::new(
    "MatrixInverse",
    "input: T -> output: T",
    |attrs| Ok(Arc::new(MatrixInverse { adjoint: attrs.bool_or("adjoint", false)? })),
    || {
        let of = |adjoint, x: Value| Example::new(MatrixInverse { adjoint }, [x]);
        vec![of(false, [[4.0f32, 2.0], [1.0, 5.0]].into_value()), of(true, [[[0.0f64, 2.0], [4.0, 0.0]]].into_value())]
    },
);

/// The row of [`MatrixDeterminant`].
pub static MATRIX_DETERMINANT: OpKind = OpKind::new(
    "MatrixDeterminant",
    "input: T -> output: T",
    |_: &Attrs| Ok(Arc::new(MatrixDeterminant)),
    || {
        vec![
            Example::new(MatrixDeterminant, [[[4.0f32, 2.0], [2.0, 5.0]].into_value()]),
            Example::new(MatrixDeterminant, [empty()]),
        ]
    },
);

/// The row of [`LogMatrixDeterminant`].
pub static LOG_MATRIX_DETERMINANT: OpKind = OpKind::new(
    "LogMatrixDeterminant",
    "input: T -> sign: T, log_abs_determinant: T",
    |_: &Attrs| Ok(Arc::new(LogMatrixDeterminant)),
    || {
        vec![
            Example::new(LogMatrixDeterminant, [[[4.0f32, 2.0], [2.0, 5.0]].into_value()]),
            Example::new(LogMatrixDeterminant, [empty()]),
        ]
    },
);

fn empty() -> Value {
    Value::from_vec(&[2, 0, 0], Vec::<f64>::new()).expect("dims with a zero hold no elements")
}

impl Tensor {
    /// The Cholesky decomposition of Hermitian positive definite matrices: `(.., n, n) -> (.., n, n)`, lower triangles.
    /// float32, float64 and complex numbers, as in the following.
    ///
    /// # Errors
    /// `ShapeMismatch` for what is not square. The triangle of a matrix that is not positive definite is NaN, as in
    /// TensorFlow 2; TensorFlow 1.15 refuses it in the run.
    ///
    /// Source: TensorFlow's `Cholesky`.
    #[doc(alias = "tf.linalg.cholesky")]
    #[track_caller]
    pub fn cholesky(&self) -> Result<Tensor> {
        self.graph().apply_one(Cholesky, &[self])
    }

    /// The inverse of each matrix: `(.., n, n) -> (.., n, n)`.
    ///
    /// # Errors
    /// `ShapeMismatch` for what is not square. A run refuses singular matrices.
    ///
    /// Source: TensorFlow's `MatrixInverse`.
    #[doc(alias = "tf.linalg.inv")]
    #[doc(alias = "tf.matrix_inverse")]
    #[track_caller]
    pub fn matrix_inverse(&self) -> Result<Tensor> {
        self.graph().apply_one(MatrixInverse { adjoint: false }, &[self])
    }

    /// The determinant of each matrix: `(.., n, n) -> (..)`.
    ///
    /// # Errors
    /// `ShapeMismatch` for what is not square.
    ///
    /// Source: TensorFlow's `MatrixDeterminant`.
    #[doc(alias = "tf.linalg.det")]
    #[track_caller]
    pub fn matrix_determinant(&self) -> Result<Tensor> {
        self.graph().apply_one(MatrixDeterminant, &[self])
    }

    /// The sign of the determinant of each matrix, and the logarithm of its absolute value: `(.., n, n) -> (..), (..)`.
    ///
    /// # Errors
    /// `ShapeMismatch` for what is not square.
    ///
    /// Source: TensorFlow's `LogMatrixDeterminant`.
    #[doc(alias = "tf.linalg.slogdet")]
    #[track_caller]
    pub fn slogdet(&self) -> Result<(Tensor, Tensor)> {
        let made = self.graph().apply(LogMatrixDeterminant, &[self])?;
        Ok((made.output(0)?, made.output(1)?))
    }
}

/// Batch dims and the size of square matrices, as far as known.
pub(super) fn infer_square(cx: &InferCx<'_>, i: usize) -> Result<Option<(Shape, Dim)>> {
    check_field(cx.dtype(i))?;
    let Some((batch, [m, n])) = split_matrix(cx, i)? else { return Ok(None) };
    Ok(Some((batch, m.merge(&n)?)))
}

fn unchanged(cx: &mut InferCx<'_>) -> Result<()> {
    let shape = match infer_square(cx, 0)? {
        Some((batch, n)) => batch.concat(&Shape::new([n.clone(), n]))?,
        None => Shape::unknown(),
    };
    cx.output(cx.dtype(0), shape);
    Ok(())
}

/// Makes one matrix of each.
fn each(cx: &mut RunCx<'_>, f: Mapping) -> Result<()> {
    let x = cx.input(0);
    let n = square_dims(x.dims())?;
    let mut out = cx.alloc(x.dtype(), x.dims())?;
    with_field!(x.dtype(), T => {
        let (x, out) = (x.slice::<T>()?, out.make_mut::<T>()?);
        for (x, out) in x.chunks_exact((n * n).max(1)).zip(out.chunks_exact_mut((n * n).max(1))) {
            match f {
                Mapping::Cholesky => cholesky(x, n, out, &mut cx.pace())?,
                Mapping::Inverse { adjoint } => inverse(cx.workspace(), x, n, adjoint, out)?,
            }
            cx.check()?;
        }
    });
    cx.output(0, out);
    Ok(())
}

/// What [`each`] makes.
#[derive(Clone, Copy)]
enum Mapping {
    Cholesky,
    Inverse { adjoint: bool },
}

/// Where a pivot is not positive, the whole triangle is NaN.
fn cholesky<T: Field>(a: &[T], n: usize, l: &mut [T], pace: &mut Pace<'_>) -> Result<()> {
    l.fill(T::ZERO);
    for i in 0..n {
        for j in 0..=i {
            pace.spend(j + 8)?;
            let (row, other) = (&l[i * n..i * n + j], &l[j * n..j * n + j]);
            let rest = row.iter().zip(other).fold(a[i * n + j], |rest, (x, y)| rest.minus_product(*x, y.conj()));
            l[i * n + j] = match i == j {
                false => rest.over(l[j * n + j]),
                true if rest.re() > 0.0 => T::of(rest.re().sqrt()),
                true => {
                    (0..n).for_each(|i| l[i * n..=i * n + i].fill(T::of(f64::NAN)));
                    return Ok(());
                }
            };
        }
    }
    Ok(())
}

fn inverse<T: Field>(work: Workspace<'_>, a: &[T], n: usize, is_adjoint: bool, out: &mut [T]) -> Result<()> {
    let lu = if is_adjoint { Lu::of(work, &adjoint(work, a, n)?, n)? } else { Lu::of(work, a, n)? };
    if lu.is_singular() {
        return Err(Error::invalid("input is not invertible"));
    }
    let mut identity = work.scratch_of(n * n, T::ZERO)?;
    identity.iter_mut().step_by(n + 1).for_each(|x| *x = T::ONE);
    lu.solve(&identity, n, out, &mut work.pace())
}

impl Op for Cholesky {
    fn kind(&self) -> &'static OpKind {
        &CHOLESKY
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        unchanged(cx)
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        each(cx, Mapping::Cholesky)
    }
}

impl Op for MatrixInverse {
    fn kind(&self) -> &'static OpKind {
        &MATRIX_INVERSE
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        unchanged(cx)
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        each(cx, Mapping::Inverse { adjoint: self.adjoint })
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        vec![("adjoint", AttrValue::Bool(self.adjoint))]
    }
}

impl Op for MatrixDeterminant {
    fn kind(&self) -> &'static OpKind {
        &MATRIX_DETERMINANT
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        let batch = infer_square(cx, 0)?.map_or_else(Shape::unknown, |(batch, _)| batch);
        cx.output(cx.dtype(0), batch);
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let x = cx.input(0);
        let n = square_dims(x.dims())?;
        let mut out = cx.alloc(x.dtype(), &x.dims()[..x.rank() - 2])?;
        with_field!(x.dtype(), T => {
            let (x, mut pace) = (x.slice::<T>()?, cx.pace());
            for (i, out) in out.make_mut::<T>()?.iter_mut().enumerate() {
                pace.spend(8)?;
                let lu = Lu::of(cx.workspace(), &x[i * n * n..(i + 1) * n * n], n)?;
                *out = lu.diagonal().fold(lu.sign(), |product, x| product.times(x));
            }
        });
        cx.output(0, out);
        Ok(())
    }
}

impl Op for LogMatrixDeterminant {
    fn kind(&self) -> &'static OpKind {
        &LOG_MATRIX_DETERMINANT
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        let batch = infer_square(cx, 0)?.map_or_else(Shape::unknown, |(batch, _)| batch);
        cx.output(cx.dtype(0), &batch);
        cx.output(cx.dtype(0), batch);
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let x = cx.input(0);
        let n = square_dims(x.dims())?;
        let batch = &x.dims()[..x.rank() - 2];
        let (mut signs, mut logs) = (cx.alloc(x.dtype(), batch)?, cx.alloc(x.dtype(), batch)?);
        with_field!(x.dtype(), T => {
            let (x, mut pace) = (x.slice::<T>()?, cx.pace());
            let (signs, logs) = (signs.make_mut::<T>()?, logs.make_mut::<T>()?);
            for (i, (sign, log)) in signs.iter_mut().zip(logs).enumerate() {
                pace.spend(8)?;
                let lu = Lu::of(cx.workspace(), &x[i * n * n..(i + 1) * n * n], n)?;
                (*sign, *log) = sign_and_log(&lu);
            }
        });
        cx.output(0, signs);
        cx.output(1, logs);
        Ok(())
    }
}

fn sign_and_log<T: Field>(lu: &Lu<T>) -> (T, T) {
    if lu.is_singular() {
        return (T::ZERO, T::of(f64::NEG_INFINITY));
    }
    let (sign, log) = lu.diagonal().fold((lu.sign(), 0.0), |(sign, log), x| {
        let size = x.abs();
        (sign.times(x.over(T::of(size))), log + size.ln())
    });
    (sign, T::of(log))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{infer_err, infer_ok, run_op, run_within};
    use num_complex::Complex;

    #[test]
    fn matrices_are_square() {
        infer_ok(&Cholesky, "(?,3,?)", "(?,3,3)");
        infer_ok(&MatrixDeterminant, "(?,3,?)", "(?)");
        infer_ok(&LogMatrixDeterminant, "<unknown>", "<unknown>;<unknown>");
        infer_err(&MatrixInverse { adjoint: false }, "(3,4)", "dimensions must be equal, but are 3 and 4");
        infer_err(&Cholesky, "(3)", "at least rank 2 but is rank 1");
    }

    fn run(op: impl Op, x: impl IntoValue) -> Result<Vec<f64>> {
        Ok(run_op(op, &[x.into_value()])?.remove(0).slice::<f64>()?.to_vec())
    }

    /// As TensorFlow 1.15.5 answers: the upper triangle does not count.
    #[test]
    fn cholesky_reads_the_lower_triangle() {
        assert_eq!(run(Cholesky, [[4.0f64, 100.0], [2.0, 5.0]]).unwrap(), [2.0, 0.0, 1.0, 2.0]);
        // As TensorFlow 2.15.1.
        let got = run(Cholesky, [[1.0f64, 2.0], [2.0, 1.0]]).unwrap();
        assert!(got[1] == 0.0 && [got[0], got[2], got[3]].iter().all(|x| x.is_nan()), "{got:?}");
    }

    /// By hand.
    #[test]
    fn rows_are_swapped_where_a_pivot_is_missing() {
        let inverse = |adjoint| run(MatrixInverse { adjoint }, [[0.0f64, 2.0], [4.0, 0.0]]).unwrap();
        assert_eq!(inverse(false), [0.0, 0.25, 0.5, 0.0]);
        assert_eq!(inverse(true), [0.0, 0.5, 0.25, 0.0]);
        assert_eq!(run(MatrixDeterminant, [[0.0f64, 2.0], [4.0, 0.0]]).unwrap(), [-8.0]);
        let error = run(MatrixInverse { adjoint: false }, [[1.0f64, 2.0], [2.0, 4.0]]).unwrap_err();
        assert_eq!(error.message(), "input is not invertible");
    }

    /// As TensorFlow 1.15.5 answers.
    #[test]
    fn singular_matrices_have_no_sign() {
        let got =
            run_op(LogMatrixDeterminant, &[[[[1.0f64, 2.0], [2.0, 4.0]], [[1.0, 2.0], [2.0, -4.0]]].into_value()]);
        let got = got.unwrap();
        assert_eq!(got[0].slice::<f64>().unwrap(), [0.0, -1.0]);
        let logs = got[1].slice::<f64>().unwrap();
        assert!(logs[0] == f64::NEG_INFINITY && (logs[1] - 8f64.ln()).abs() < 1e-15);
        let i = Complex::new(0.0, 2.0f64);
        let got = run_op(LogMatrixDeterminant, &[Value::from_vec(&[1, 1], vec![i]).unwrap()]).unwrap();
        assert_eq!(got[0].slice::<Complex<f64>>().unwrap(), [Complex::new(0.0, 1.0)]);
    }

    #[test]
    fn one_large_matrix_ends_with_its_run() {
        let n = 300;
        let unit = (0..n * n).map(|i| f64::from(i % (n + 1) == 0)).collect();
        let x = Value::from_vec(&[n, n], unit).unwrap();
        let inverse = MatrixInverse { adjoint: false };
        let ends = [
            run_within(Cholesky, std::slice::from_ref(&x), usize::MAX, 1 << 21),
            run_within(inverse, std::slice::from_ref(&x), usize::MAX, 1 << 21),
            run_within(MatrixDeterminant, &[x], usize::MAX, 1 << 21),
        ];
        assert!(ends.into_iter().all(|made| made.unwrap_err().message().starts_with("the work is more than")));
    }
}
