//! `MatrixSolve` and `MatrixTriangularSolve`: systems of linear equations.

use std::sync::Arc;

use super::field::{Field, matrix_dims, split_matrix, square_dims, with_field};
use super::lu::{Lu, Triangle, adjoint, solve_triangle};
use super::square::infer_square;
use crate::error::{Error, Result};
use crate::graph::{AttrValue, Attrs, Example, InferCx, Op, OpKind, RunCx, Tensor, Workspace};
use crate::shape::Shape;
use crate::value::IntoValue;

/// How the matrix of a [`Solve`] is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum System {
    /// All of it.
    Full,
    /// Its lower triangle.
    Lower,
    /// Its upper triangle.
    Upper,
}

/// The solution of `matrix x = rhs`: `(.., n, n), (.., n, k) -> (.., n, k)`.
#[derive(Debug, Clone)]
pub struct Solve {
    /// How the matrix is read.
    pub system: System,
    /// The conjugate transpose of what is read stands for the matrix.
    pub adjoint: bool,
}

/// The row of a full [`Solve`].
pub static MATRIX_SOLVE: OpKind = OpKind::new(
    "MatrixSolve",
    "matrix: T, rhs: T -> output: T",
    |attrs: &Attrs| Ok(Arc::new(Solve { system: System::Full, adjoint: attrs.bool_or("adjoint", false)? })),
    || examples([System::Full; 2]),
);

/// The row of a triangular [`Solve`].
pub static MATRIX_TRIANGULAR_SOLVE: OpKind = OpKind::new(
    "MatrixTriangularSolve",
    "matrix: T, rhs: T -> output: T",
    |attrs: &Attrs| {
        let system = if attrs.bool_or("lower", true)? { System::Lower } else { System::Upper };
        Ok(Arc::new(Solve { system, adjoint: attrs.bool_or("adjoint", false)? }))
    },
    || examples([System::Lower, System::Upper]),
);

fn examples(systems: [System; 2]) -> Vec<Example> {
    let example = |(system, adjoint)| {
        let matrix = [[4.0f32, 1.0], [2.0, 5.0]].into_value();
        Example::new(Solve { system, adjoint }, [matrix, [[1.0f32, 2.0, 3.0], [4.0, 5.0, 6.0]].into_value()])
    };
    systems.into_iter().zip([false, true]).map(example).collect()
}

impl Tensor {
    /// The solution of `self x = rhs`: `(.., n, n), (.., n, k) -> (.., n, k)`. float32, float64 and complex numbers.
    ///
    /// # Errors
    /// `ShapeMismatch` for other shapes. A run refuses singular matrices.
    ///
    /// Source: TensorFlow's `MatrixSolve`.
    #[doc(alias = "tf.linalg.solve")]
    #[doc(alias = "tf.matrix_solve")]
    #[track_caller]
    pub fn matrix_solve(&self, rhs: &Tensor) -> Result<Tensor> {
        self.graph().apply_one(Solve { system: System::Full, adjoint: false }, &[self, rhs])
    }

    /// As [`Tensor::matrix_solve`], of which only the lower or only the upper triangle of the matrix counts.
    ///
    /// # Errors
    /// As for [`Tensor::matrix_solve`].
    ///
    /// Source: TensorFlow's `MatrixTriangularSolve`.
    #[doc(alias = "tf.linalg.triangular_solve")]
    #[doc(alias = "tf.matrix_triangular_solve")]
    #[track_caller]
    pub fn matrix_triangular_solve(&self, rhs: &Tensor, is_lower: bool) -> Result<Tensor> {
        let system = if is_lower { System::Lower } else { System::Upper };
        self.graph().apply_one(Solve { system, adjoint: false }, &[self, rhs])
    }
}

impl Op for Solve {
    fn kind(&self) -> &'static OpKind {
        if self.system == System::Full { &MATRIX_SOLVE } else { &MATRIX_TRIANGULAR_SOLVE }
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        let (matrix, rhs) = (infer_square(cx, 0)?, split_matrix(cx, 1)?);
        let shape = match (matrix, rhs) {
            (Some((batch, n)), Some((other, [rows, columns]))) => {
                batch.merge(&other)?.concat(&Shape::new([n.merge(&rows)?, columns]))?
            }
            _ => Shape::unknown(),
        };
        cx.output(cx.dtype(0), shape);
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let (matrix, rhs) = (cx.input(0), cx.input(1));
        let (n, [rows, k]) = (square_dims(matrix.dims())?, matrix_dims(rhs.dims())?);
        if rows != n
            || matrix.rank() != rhs.rank()
            || matrix.dims()[..matrix.rank() - 2] != rhs.dims()[..rhs.rank() - 2]
        {
            let (matrix, rhs) = (matrix.dims(), rhs.dims());
            return Err(Error::shape(format!(
                "matrix and right-hand side must fit, but have shapes {matrix:?} and {rhs:?}"
            )));
        }
        let mut out = cx.alloc(rhs.dtype(), rhs.dims())?;
        with_field!(rhs.dtype(), T => {
            let systems = matrix.slice::<T>()?.chunks_exact((n * n).max(1)).zip(rhs.slice::<T>()?.chunks_exact((n * k).max(1)));
            for ((a, b), x) in systems.zip(out.make_mut::<T>()?.chunks_exact_mut((n * k).max(1))) {
                self.solve(cx.workspace(), [a, b], [n, k], x)?;
                cx.check()?;
            }
        });
        cx.output(0, out);
        Ok(())
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        let mut attrs = vec![("adjoint", AttrValue::Bool(self.adjoint))];
        if self.system != System::Full {
            attrs.push(("lower", AttrValue::Bool(self.system == System::Lower)));
        }
        attrs
    }
}

impl Solve {
    fn solve<T: Field>(&self, work: Workspace<'_>, [a, b]: [&[T]; 2], [n, k]: [usize; 2], x: &mut [T]) -> Result<()> {
        let mut pace = work.pace();
        let turned = if self.adjoint { Some(adjoint(work, a, n)?) } else { None };
        let a = turned.as_deref().unwrap_or(a);
        let singular = || Err(Error::invalid("input matrix is not invertible"));
        if self.system == System::Full {
            let lu = Lu::of(work, a, n)?;
            if lu.is_singular() {
                return singular();
            }
            return lu.solve(b, k, x, &mut pace);
        }
        if a.iter().step_by(n + 1).any(|pivot| *pivot == T::ZERO) {
            return singular();
        }
        // The adjoint of a lower triangle is an upper one.
        let is_lower = (self.system == System::Lower) != self.adjoint;
        x.copy_from_slice(b);
        solve_triangle(a, n, Triangle { is_lower, has_unit_diagonal: false }, k, x, &mut pace)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{infer_err, infer_ok, run_op};

    fn op(system: System, adjoint: bool) -> Solve {
        Solve { system, adjoint }
    }

    #[test]
    fn the_right_hand_side_gives_the_columns() {
        infer_ok(&op(System::Full, false), "(?,3,?);(5,?,2)", "(5,3,2)");
        infer_ok(&op(System::Lower, false), "<unknown>;(5,?,2)", "<unknown>");
        infer_err(&op(System::Full, false), "(3,3);(4,2)", "must be equal, but are 3 and 4");
    }

    #[track_caller]
    fn check(system: System, adjoint: bool, want: [f64; 2]) {
        let matrix = [[2.0f64, 1.0], [4.0, 4.0]].into_value();
        let got = run_op(op(system, adjoint), &[matrix, [[4.0f64], [12.0]].into_value()]).unwrap();
        assert_eq!(got[0].slice::<f64>().unwrap(), want);
    }

    /// By hand.
    #[test]
    fn equations_hold() {
        check(System::Full, false, [1.0, 2.0]);
        check(System::Full, true, [-8.0, 5.0]);
        check(System::Lower, false, [2.0, 1.0]);
        check(System::Lower, true, [-4.0, 3.0]);
        check(System::Upper, false, [0.5, 3.0]);
        check(System::Upper, true, [2.0, 2.5]);
    }

    #[test]
    fn singular_matrices_are_refused() {
        for system in [System::Full, System::Upper] {
            let inputs = [[[1.0f32, 2.0], [0.0, 0.0]].into_value(), [[1.0f32], [1.0]].into_value()];
            assert_eq!(run_op(op(system, false), &inputs).unwrap_err().message(), "input matrix is not invertible");
        }
    }
}
