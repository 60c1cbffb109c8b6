//! Decompositions, determinants, inverses and systems of linear equations, matrix by matrix.

mod field;
mod lu;
mod qr;
mod solve;
mod square;

pub use self::qr::Qr;
pub use self::solve::{Solve, System};
pub use self::square::{Cholesky, LogMatrixDeterminant, MatrixDeterminant, MatrixInverse};
use crate::graph::OpKind;

/// The rows of this family.
pub(super) static OPS: &[&OpKind] = &[
    &qr::QR,
    &solve::MATRIX_SOLVE,
    &solve::MATRIX_TRIANGULAR_SOLVE,
    &square::CHOLESKY,
    &square::LOG_MATRIX_DETERMINANT,
    &square::MATRIX_DETERMINANT,
    &square::MATRIX_INVERSE,
];
