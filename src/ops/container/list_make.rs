//! Making lists of tensors: empty, reserved, from the rows of a tensor, from runs of rows.

use std::sync::Arc;

use super::array_write::{indices, lengths};
use super::list::{
    change_list, check_dtype, check_shape, elements, list_value, output_list, output_same_list, put_list, shape_input,
    shape_of,
};
use super::parts::{Rows, cut, show, show_shape};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::graph::{AttrValue, Example, InferCx, Op, OpKind, RunCx};
use crate::shape::Shape;
use crate::value::variant::TensorList;
use crate::value::{IntoValue, Value};

/// An empty list of elements of a dtype, whose shapes fit the first input. The second is how many there may be at most;
/// -1 for no limit.
///
/// Source: TensorFlow's `EmptyTensorList`.
#[derive(Debug, Clone)]
pub struct EmptyTensorList {
    /// The dtype of the elements.
    pub element_dtype: DType,
}

/// The row of [`EmptyTensorList`].
pub static EMPTY_TENSOR_LIST: OpKind = OpKind::new(
    "EmptyTensorList",
    "element_shape: shape_type, max_num_elements: int32 -> handle: variant",
    |attrs| Ok(Arc::new(EmptyTensorList { element_dtype: attrs.dtype("element_dtype")? })),
    || {
        let inputs = [[2, -1].into_value(), 5.into_value()];
        vec![Example::new(EmptyTensorList { element_dtype: DType::F32 }, inputs)]
    },
);

/// A list of so many elements that are not set.
///
/// Source: TensorFlow's `TensorListReserve`.
#[derive(Debug, Clone)]
pub struct TensorListReserve {
    /// The dtype of the elements.
    pub element_dtype: DType,
}

/// The row of [`TensorListReserve`].
pub static TENSOR_LIST_RESERVE: OpKind = OpKind::new(
    "TensorListReserve",
    "element_shape: shape_type, num_elements: int32 -> handle: variant",
    |attrs| Ok(Arc::new(TensorListReserve { element_dtype: attrs.dtype("element_dtype")? })),
    || {
        let inputs = [(-1i64).into_value(), 5.into_value()];
        vec![Example::new(TensorListReserve { element_dtype: DType::I64 }, inputs)]
    },
);

/// The rows of a tensor as a list.
///
/// Source: TensorFlow's `TensorListFromTensor`.
#[derive(Debug, Clone)]
pub struct TensorListFromTensor;

/// The row of [`TensorListFromTensor`].
pub static TENSOR_LIST_FROM_TENSOR: OpKind = OpKind::new(
    "TensorListFromTensor",
    "tensor: element_dtype, element_shape: shape_type -> output_handle: variant",
    |_| Ok(Arc::new(TensorListFromTensor)),
    || {
        let inputs = [[[1.0f32, 2.0], [3.0, 4.0]].into_value(), [2].into_value()];
        vec![Example::new(TensorListFromTensor, inputs)]
    },
);

/// A list in which row `i` of a tensor is element `indices[i]`, and the rest is not set: of a new list of as many
/// elements as the indices ask for or an input says, or of a list that there is already.
///
/// Source: TensorFlow's `TensorListScatter`, `TensorListScatterV2` and `TensorListScatterIntoExistingList`.
#[derive(Debug, Clone)]
pub struct TensorListScatter {
    /// Which of the three it is.
    pub into: ScatterInto,
}

/// Where a scatter to a list goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScatterInto {
    /// A new list, as long as the indices ask for.
    New,
    /// A new list, as long as an input says.
    Sized,
    /// A list that there is.
    Existing,
}

/// The row of [`TensorListScatter`] to a new list.
pub static TENSOR_LIST_SCATTER: OpKind = OpKind::new(
    "TensorListScatter",
    "tensor: element_dtype, indices: int32, element_shape: shape_type -> output_handle: variant",
    |_| Ok(Arc::new(TensorListScatter { into: ScatterInto::New })),
    || scatter_examples(ScatterInto::New),
);

/// The row of [`TensorListScatter`] to a list of a given length.
pub static TENSOR_LIST_SCATTER_V2: OpKind = OpKind::new(
    "TensorListScatterV2",
    "tensor: element_dtype, indices: int32, element_shape: shape_type, num_elements: int32 -> output_handle: variant",
    |_| Ok(Arc::new(TensorListScatter { into: ScatterInto::Sized })),
    || scatter_examples(ScatterInto::Sized),
);

/// The row of [`TensorListScatter`] to a list that there is.
pub static TENSOR_LIST_SCATTER_INTO: OpKind = OpKind::new(
    "TensorListScatterIntoExistingList",
    "input_handle: variant, tensor: element_dtype, indices: int32 -> output_handle: variant",
    |_| Ok(Arc::new(TensorListScatter { into: ScatterInto::Existing })),
    || scatter_examples(ScatterInto::Existing),
);

/// A tensor cut into runs of rows, as a list.
///
/// Source: TensorFlow's `TensorListSplit`.
#[derive(Debug, Clone)]
pub struct TensorListSplit;

/// The row of [`TensorListSplit`].
pub static TENSOR_LIST_SPLIT: OpKind = OpKind::new(
    "TensorListSplit",
    "tensor: element_dtype, element_shape: shape_type, lengths: int64 -> output_handle: variant",
    |_| Ok(Arc::new(TensorListSplit)),
    || {
        let inputs = [[1.0f32, 2.0, 3.0].into_value(), [-1].into_value(), [1i64, 2].into_value()];
        vec![Example::new(TensorListSplit, inputs)]
    },
);

fn scatter_examples(into: ScatterInto) -> Vec<Example> {
    let (rows, indices) = ([[1.0f32, 2.0], [3.0, 4.0]].into_value(), [3, 0].into_value());
    let inputs = match into {
        ScatterInto::New => vec![rows, indices, [2].into_value()],
        ScatterInto::Sized => vec![rows, indices, [2].into_value(), 6.into_value()],
        ScatterInto::Existing => vec![list_value(), rows, indices],
    };
    vec![Example::new(TensorListScatter { into }, inputs)]
}

fn dtype_attr(dtype: DType) -> Vec<(&'static str, AttrValue)> {
    vec![("element_dtype", AttrValue::Type(dtype))]
}

impl Op for EmptyTensorList {
    fn kind(&self) -> &'static OpKind {
        &EMPTY_TENSOR_LIST
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        let shape = shape_input(cx, 0)?;
        output_list(cx, self.element_dtype, shape);
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let most = cx.input(1);
        if most.rank() != 0 {
            let text = format!("max_num_elements must be a scalar, but has shape {}", show(most.dims()));
            return Err(Error::invalid(text));
        }
        let max_len = usize::try_from(most.scalar::<i32>()?).ok();
        let list = TensorList::new(self.element_dtype, shape_of(cx.input(0))?, 0)?;
        put_list(cx, TensorList { max_len, ..list });
        Ok(())
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        dtype_attr(self.element_dtype)
    }
}

impl Op for TensorListReserve {
    fn kind(&self) -> &'static OpKind {
        &TENSOR_LIST_RESERVE
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        let shape = shape_input(cx, 0)?;
        output_list(cx, self.element_dtype, shape);
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let n = length(cx.input(1), "num_elements")?;
        let list = TensorList::new(self.element_dtype, shape_of(cx.input(0))?, n)?;
        put_list(cx, list);
        Ok(())
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        dtype_attr(self.element_dtype)
    }
}

/// An input that says how long a list is; TensorFlow takes a vector of one number, too.
pub(super) fn length(value: &Value, what: &str) -> Result<usize> {
    let [n] = *value.slice::<i32>()? else {
        return Err(Error::invalid(format!("{what} must be one number, but has shape {}", show(value.dims()))));
    };
    usize::try_from(n).map_err(|_| Error::invalid(format!("{what} must be 0 or more, but is {n}")))
}

impl Op for TensorListFromTensor {
    fn kind(&self) -> &'static OpKind {
        &TENSOR_LIST_FROM_TENSOR
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        let row = cx.shape(0).with_rank_at_least(1)?.slice(1..)?;
        let shape = row.merge(&shape_input(cx, 1)?)?;
        output_list(cx, cx.dtype(0), if cx.shape(0).rank().is_none() { shape_input(cx, 1)? } else { shape });
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let shape = shape_of(cx.input(1))?;
        let tensor = cx.take(0);
        let rows = check_rows(&tensor, &shape)?;
        let mut list = TensorList::new(tensor.dtype(), shape, 0)?;
        for row in cut(cx, tensor, Rows::Each(rows))? {
            list.items.push(Some(row));
        }
        put_list(cx, list);
        Ok(())
    }
}

/// How many rows a tensor has, each of which must fit a shape.
fn check_rows(tensor: &Value, shape: &Shape) -> Result<usize> {
    let (rows, row) = tensor
        .dims()
        .split_first()
        .ok_or_else(|| Error::invalid("the tensor must be at least a vector, but has shape []"))?;
    if !shape.is_compatible_with(row) {
        let (row, shape) = (show(row), show_shape(shape));
        return Err(Error::invalid(format!("the tensor's rows must have shape {shape}, but have {row}")));
    }
    Ok(*rows)
}

impl TensorListScatter {
    /// Where the tensor is among the inputs; the indices follow.
    fn tensor(&self) -> usize {
        usize::from(self.into == ScatterInto::Existing)
    }

    /// How long the new list is.
    fn len(&self, cx: &RunCx<'_>, needed: usize) -> Result<usize> {
        if self.into == ScatterInto::New {
            return Ok(needed);
        }
        match cx.input(3).scalar::<i32>()? {
            -1 => Ok(needed),
            n => usize::try_from(n).ok().filter(|n| *n >= needed).ok_or_else(|| {
                let text = format!("num_elements must be -1 or at least the {needed} that are asked for, but is {n}");
                Error::invalid(text)
            }),
        }
    }
}

impl Op for TensorListScatter {
    fn kind(&self) -> &'static OpKind {
        match self.into {
            ScatterInto::New => &TENSOR_LIST_SCATTER,
            ScatterInto::Sized => &TENSOR_LIST_SCATTER_V2,
            ScatterInto::Existing => &TENSOR_LIST_SCATTER_INTO,
        }
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        let tensor = self.tensor();
        cx.shape(tensor + 1).with_rank(1)?;
        if self.into == ScatterInto::Existing {
            elements(cx, 0, cx.dtype(tensor))?;
            output_same_list(cx, 0);
        } else {
            let shape = shape_input(cx, 2)?;
            output_list(cx, cx.dtype(tensor), shape);
        }
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let at = self.tensor();
        let (indices, mut pace) = (indices(cx.input(at + 1))?, cx.pace());
        let (mut places, mut needed) = (cx.list(indices.len())?, 0);
        for index in indices.iter() {
            pace.spend(2)?;
            let refuse = |_| Error::invalid(format!("indices must be 0 or more, but one is {index}"));
            let place = usize::try_from(index).map_err(refuse)?;
            needed = needed.max(place + 1);
            places.push(place)?;
        }
        let tensor = cx.take(at);
        let shape = if at == 0 { shape_of(cx.input(2))? } else { Shape::unknown() };
        let rows = check_rows(&tensor, &shape)?;
        if rows != places.len() {
            let n = places.len();
            return Err(Error::invalid(format!("there must be a row for each of {n} indices, but there are {rows}")));
        }
        let dtype = tensor.dtype();
        cx.check_room(TensorList::cost(places.iter().copied()))?;
        let rows = cut(cx, tensor, Rows::Each(rows))?;
        let put = |list: &mut TensorList| {
            for (place, row) in places.iter().zip(rows) {
                check_shape(list, &row)?;
                *list.items.entry(*place) = Some(row);
            }
            Ok(())
        };
        if self.into == ScatterInto::Existing {
            let list = change_list(cx, 0, |_, list| {
                check_dtype(list, dtype)?;
                list.items.resize(list.items.len().max(needed));
                put(list)
            })?;
            cx.output(0, list);
            return Ok(());
        }
        let mut list = TensorList::new(dtype, shape, self.len(cx, needed)?)?;
        put(&mut list)?;
        put_list(cx, list);
        Ok(())
    }
}

impl Op for TensorListSplit {
    fn kind(&self) -> &'static OpKind {
        &TENSOR_LIST_SPLIT
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        cx.shape(0).with_rank_at_least(1)?;
        cx.shape(2).with_rank(1)?;
        let shape = shape_input(cx, 1)?;
        output_list(cx, cx.dtype(0), shape);
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let shape = shape_of(cx.input(1))?;
        let tensor = cx.take(0);
        let lens = lengths(cx, 2, &tensor)?;
        // TensorFlow compares what is behind the first dim only.
        let rest = match shape.dims() {
            Some([]) => return Err(Error::invalid("the element shape must be at least of rank 1, but is []")),
            Some([_, rest @ ..]) => Shape::from(rest.to_vec()),
            None => Shape::unknown(),
        };
        check_rows(&tensor, &rest)?;
        let mut list = TensorList::new(tensor.dtype(), shape, 0)?;
        for part in cut(cx, tensor, Rows::Lens(&lens))? {
            list.items.push(Some(part));
        }
        put_list(cx, list);
        Ok(())
    }
}
