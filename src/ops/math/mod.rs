//! Arithmetic, comparisons, reductions and products.

mod arg;
pub mod axes;
mod batch_matmul;
mod matmul;
pub(super) mod reduce;

pub use self::arg::{ArgExtreme, Extreme};
pub use self::batch_matmul::{BatchMatMul, BatchMatMulV2};
pub use self::matmul::MatMul;
pub use self::reduce::{Reduce, Reduction};
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
