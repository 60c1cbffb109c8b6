//! Tensors that hold tensors: arrays and stacks, which are objects of a run, and lists and optionals, which are values.

mod array_builder;
mod array_grad;
mod array_object;
mod array_read;
mod array_write;
mod list;
mod list_info;
mod list_items;
mod list_make;
mod list_read;
#[cfg(test)]
mod list_tests;
mod optional;
mod parts;
mod stack;
mod tensor_array;
#[cfg(test)]
mod tests;

pub use self::array_builder::{TensorArray, TensorArrayOptions};
pub use self::array_grad::TensorArrayGrad;
pub use self::array_read::{TensorArrayConcat, TensorArrayGather, TensorArrayRead};
pub use self::array_write::{TensorArrayScatter, TensorArraySplit, TensorArrayWrite};
pub use self::list_info::{TensorListConcatLists, TensorListElementShape, TensorListLength, TensorListResize};
pub(in crate::ops) use self::list_info::{add, zeros_like};
pub use self::list_items::{
    TensorListGetItem, TensorListPopBack, TensorListPushBack, TensorListPushBackBatch, TensorListSetItem,
};
pub use self::list_make::{
    EmptyTensorList, ScatterInto, TensorListFromTensor, TensorListReserve, TensorListScatter, TensorListSplit,
};
pub use self::list_read::{TensorListConcat, TensorListGather, TensorListStack};
pub use self::optional::{OptionalFromValue, OptionalGetValue, OptionalHasValue, OptionalNone};
pub use self::stack::{StackClose, StackPop, StackPush, StackV2};
pub use self::tensor_array::{TensorArrayClose, TensorArraySize, TensorArrayV3};
use crate::graph::OpKind;

/// The rows of objects of a run.
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
    &stack::STACK_V2,
    &stack::STACK_PUSH,
    &stack::STACK_POP,
    &stack::STACK_CLOSE,
];

/// The rows of values that hold tensors.
pub(super) static VARIANTS: &[&OpKind] = &[
    &list_make::EMPTY_TENSOR_LIST,
    &list_make::TENSOR_LIST_RESERVE,
    &list_make::TENSOR_LIST_FROM_TENSOR,
    &list_make::TENSOR_LIST_SCATTER,
    &list_make::TENSOR_LIST_SCATTER_V2,
    &list_make::TENSOR_LIST_SCATTER_INTO,
    &list_make::TENSOR_LIST_SPLIT,
    &list_items::TENSOR_LIST_PUSH_BACK,
    &list_items::TENSOR_LIST_PUSH_BACK_BATCH,
    &list_items::TENSOR_LIST_POP_BACK,
    &list_items::TENSOR_LIST_GET_ITEM,
    &list_items::TENSOR_LIST_SET_ITEM,
    &list_read::TENSOR_LIST_STACK,
    &list_read::TENSOR_LIST_GATHER,
    &list_read::TENSOR_LIST_CONCAT_V2,
    &list_read::TENSOR_LIST_CONCAT,
    &list_info::TENSOR_LIST_LENGTH,
    &list_info::TENSOR_LIST_ELEMENT_SHAPE,
    &list_info::TENSOR_LIST_RESIZE,
    &list_info::TENSOR_LIST_CONCAT_LISTS,
    &optional::OPTIONAL_FROM_VALUE,
    &optional::OPTIONAL_GET_VALUE,
    &optional::OPTIONAL_HAS_VALUE,
    &optional::OPTIONAL_NONE,
];
