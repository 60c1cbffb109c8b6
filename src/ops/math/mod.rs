//! Arithmetic, comparisons, reductions and products.

mod batch_matmul;
mod matmul;

pub use self::batch_matmul::{BatchMatMul, BatchMatMulV2};
pub use self::matmul::MatMul;
use crate::graph::OpKind;

/// The rows of this family.
pub(super) static OPS: &[&OpKind] = &[&batch_matmul::BATCH_MAT_MUL, &batch_matmul::BATCH_MAT_MUL_V2, &matmul::MAT_MUL];
