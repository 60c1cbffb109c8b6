//! Ops on sparse tensors, which are three tensors: indices, values and dense shape.

mod coo;
mod reshape;
mod sets;

pub use self::reshape::SparseReshape;
pub use self::sets::{SetForm, SetOperation, SetSize, SetsOperation};
use crate::graph::OpKind;

/// The rows of this family.
pub(super) static OPS: &[&OpKind] = &[
    &reshape::SPARSE_RESHAPE,
    &sets::DENSE_TO_DENSE_SET_OPERATION,
    &sets::DENSE_TO_SPARSE_SET_OPERATION,
    &sets::SPARSE_TO_SPARSE_SET_OPERATION,
    &sets::SET_SIZE,
];
