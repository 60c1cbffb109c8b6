//! Arithmetic, comparisons, reductions and products.

mod activation;
mod arg;
pub mod axes;
mod batch_matmul;
mod binary;
mod broadcast;
mod dtypes;
mod elementwise;
mod functions;
mod inexact;
mod infix;
mod matmul;
pub mod operators;
pub(super) mod reduce;
mod scalar;
mod sizes;
mod unary;

pub use self::arg::{ArgExtreme, Extreme};
pub use self::batch_matmul::{BatchMatMul, BatchMatMulV2};
pub(in crate::ops) use self::binary::OPS as BINARY_OPS;
pub use self::binary::{Binary, BinaryOp};
pub use self::functions::{add, divide, multiply, subtract};
pub use self::matmul::MatMul;
pub use self::reduce::{Reduce, Reduction};
pub(in crate::ops) use self::unary::OPS as UNARY_OPS;
pub use self::unary::{Unary, UnaryOp};
use crate::graph::OpKind;

/// The rows of this family.
pub(super) static OPS: &[&OpKind] = &[
    &arg::ARG_MAX,
    &arg::ARG_MIN,
    &batch_matmul::BATCH_MAT_MUL,
    &batch_matmul::BATCH_MAT_MUL_V2,
    &matmul::MAT_MUL,
    &reduce::ALL,
    &reduce::ANY,
    &reduce::EUCLIDEAN_NORM,
    &reduce::MAX,
    &reduce::MEAN,
    &reduce::MIN,
    &reduce::PROD,
    &reduce::SUM,
];
