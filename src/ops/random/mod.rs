//! Ops that draw random numbers, with TensorFlow's streams.

use crate::graph::OpKind;

/// The rows of this family.
pub(super) static OPS: &[&OpKind] = &[];
