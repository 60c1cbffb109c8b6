//! Variables and ops that reach outside of the graph.

use crate::graph::OpKind;

/// The rows of this family.
pub(super) static OPS: &[&OpKind] = &[];
