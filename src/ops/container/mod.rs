//! Tensors that hold tensors: arrays and stacks, which are objects of a run.

mod array_grad;
mod array_object;
mod array_read;
mod array_write;
mod parts;
mod tensor_array;
#[cfg(test)]
mod tests;

pub use self::array_grad::TensorArrayGrad;
pub use self::array_read::{TensorArrayConcat, TensorArrayGather, TensorArrayRead};
pub use self::array_write::{TensorArrayScatter, TensorArraySplit, TensorArrayWrite};
pub use self::tensor_array::{TensorArrayClose, TensorArraySize, TensorArrayV3};
use crate::graph::OpKind;

/// The rows of this family.
pub(super) static OPS: &[&OpKind] = &[
    &tensor_array::TENSOR_ARRAY,
    &tensor_array::TENSOR_ARRAY_SIZE,
    &tensor_array::TENSOR_ARRAY_CLOSE,
    &array_read::TENSOR_ARRAY_READ,
    &array_read::TENSOR_ARRAY_GATHER,
    &array_read::TENSOR_ARRAY_PACK,
    &array_read::TENSOR_ARRAY_CONCAT,
    &array_write::TENSOR_ARRAY_WRITE,
    &array_write::TENSOR_ARRAY_SCATTER,
    &array_write::TENSOR_ARRAY_UNPACK,
    &array_write::TENSOR_ARRAY_SPLIT,
    &array_grad::TENSOR_ARRAY_GRAD,
    &array_grad::TENSOR_ARRAY_GRAD_WITH_SHAPE,
];
