//! Ops that passes make: several ops of the user as one kernel. Nobody builds them, and files do not name them.

mod product;

pub use self::product::{FusedMatMul, activation_of};
use crate::graph::OpKind;

/// The rows of this family; their names start with `_`.
pub(super) static OPS: &[&OpKind] = &[&product::FUSED_MAT_MUL];
