//! Ops on sparse tensors, which are three tensors: indices, values and dense shape.

mod coo;
mod dense;
mod edit_distance;
mod fill_empty_rows;
mod groups;
mod matmul;
mod pairs;
mod parts;
mod reduce;
mod reshape;
mod sets;
mod softmax;

pub use self::dense::{CwiseOp, SparseDenseCwise, SparseTensorDenseAdd};
pub use self::edit_distance::EditDistance;
pub use self::fill_empty_rows::{SparseFillEmptyRows, SparseFillEmptyRowsGrad};
pub use self::matmul::SparseTensorDenseMatMul;
pub use self::pairs::{SparseAdd, SparseAddGrad, SparseSparseExtreme};
pub use self::parts::{SparseConcat, SparseReorder, SparseSlice, SparseSplit};
pub use self::reduce::SparseReduce;
pub use self::reshape::SparseReshape;
pub use self::sets::{SetForm, SetOperation, SetSize, SetsOperation};
pub use self::softmax::SparseSoftmax;
use crate::graph::OpKind;

/// The rows of this family.
pub(super) static OPS: &[&OpKind] = &[
    &dense::SPARSE_TENSOR_DENSE_ADD,
    &dense::SPARSE_DENSE_CWISE_ADD,
    &dense::SPARSE_DENSE_CWISE_MUL,
    &dense::SPARSE_DENSE_CWISE_DIV,
    &edit_distance::EDIT_DISTANCE,
    &fill_empty_rows::SPARSE_FILL_EMPTY_ROWS,
    &fill_empty_rows::SPARSE_FILL_EMPTY_ROWS_GRAD,
    &matmul::SPARSE_TENSOR_DENSE_MAT_MUL,
    &pairs::SPARSE_ADD,
    &pairs::SPARSE_ADD_GRAD,
    &pairs::SPARSE_SPARSE_MAXIMUM,
    &pairs::SPARSE_SPARSE_MINIMUM,
    &parts::SPARSE_REORDER,
    &parts::SPARSE_CONCAT,
    &parts::SPARSE_SLICE,
    &parts::SPARSE_SPLIT,
    &reduce::SPARSE_REDUCE_MAX,
    &reduce::SPARSE_REDUCE_SUM,
    &reshape::SPARSE_RESHAPE,
    &sets::DENSE_TO_DENSE_SET_OPERATION,
    &sets::DENSE_TO_SPARSE_SET_OPERATION,
    &sets::SPARSE_TO_SPARSE_SET_OPERATION,
    &sets::SET_SIZE,
    &softmax::SPARSE_SOFTMAX,
];
