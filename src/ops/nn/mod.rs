//! Ops of neural networks.

mod bias_add;

pub use self::bias_add::{BiasAdd, DataFormat};
use crate::graph::OpKind;

/// The rows of this family.
pub(super) static OPS: &[&OpKind] = &[&bias_add::BIAS_ADD];
