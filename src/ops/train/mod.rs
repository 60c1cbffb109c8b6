//! Ops that change variables by gradients: one row an optimizer's rule.

mod apply;
mod rules;
mod step;

pub use self::apply::Apply;
pub use self::rules::Rule;
use crate::graph::OpKind;

/// The rows of this family.
pub(super) static OPS: &[&OpKind] = apply::ROWS;
