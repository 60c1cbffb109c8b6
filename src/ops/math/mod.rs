//! Arithmetic, comparisons, reductions and products.

use crate::graph::OpKind;

/// The rows of this family.
pub(super) static OPS: &[&OpKind] = &[];
