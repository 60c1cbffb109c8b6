//! Decompositions, determinants, inverses and systems of linear equations, matrix by matrix.

mod field;
mod jacobi;
mod lu;
mod qr;
mod solve;
mod square;
mod svd;

pub use self::qr::Qr;
pub use self::solve::{Solve, System};
pub use self::square::{Cholesky, LogMatrixDeterminant, MatrixDeterminant, MatrixInverse};
pub use self::svd::Svd;
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
    &svd::SVD,
];
