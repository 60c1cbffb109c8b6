//! Order of execution: operations that only wait, and groups of operations.

mod group;
mod no_op;

pub use self::group::Operations;
pub use self::no_op::NoOp;
use crate::graph::OpKind;

/// The rows of this family.
pub(super) static OPS: &[&OpKind] = &[&no_op::NO_OP];
