//! One element of a list of tensors: appended, taken off the end, read, set.

use std::sync::Arc;

use super::list::{
    both, change_list, check_dtype, check_shape, elements, fitting, list, list_value, merged_shape, output_same_list,
    shape_input, zeros,
};
use super::parts::{Rows, cut, show};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::graph::{AttrValue, Example, InferCx, Op, OpKind, RunCx};
use crate::value::variant::{TensorList, Variant};
use crate::value::{IntoValue, Value};

/// The list with one more element at its end.
///
/// Source: TensorFlow's `TensorListPushBack`.
#[derive(Debug, Clone)]
pub struct TensorListPushBack;

/// The row of [`TensorListPushBack`].
pub static TENSOR_LIST_PUSH_BACK: OpKind = OpKind::new(
    "TensorListPushBack",
    "input_handle: variant, tensor: element_dtype -> output_handle: variant",
    |_| Ok(Arc::new(TensorListPushBack)),
    || vec![Example::new(TensorListPushBack, [list_value(), [1.0f32, 2.0].into_value()])],
);

/// Lists with one more element each: the rows of a tensor.
///
/// Source: TensorFlow's `TensorListPushBackBatch`.
#[derive(Debug, Clone)]
pub struct TensorListPushBackBatch;

/// The row of [`TensorListPushBackBatch`].
pub static TENSOR_LIST_PUSH_BACK_BATCH: OpKind = OpKind::new(
    "TensorListPushBackBatch",
    "input_handles: variant, tensor: element_dtype -> output_handles: variant",
    |_| Ok(Arc::new(TensorListPushBackBatch)),
    || {
        let lists = list_value().reshaped(&[1]).expect("a list is one element");
        vec![Example::new(TensorListPushBackBatch, [lists, [[1.0f32, 2.0]].into_value()])]
    },
);

/// The list without its last element, and that; an element that is not set is zeros.
///
/// Source: TensorFlow's `TensorListPopBack`.
#[derive(Debug, Clone)]
pub struct TensorListPopBack {
    /// The dtype of the elements.
    pub element_dtype: DType,
}

/// The row of [`TensorListPopBack`].
pub static TENSOR_LIST_POP_BACK: OpKind = OpKind::new(
    "TensorListPopBack",
    "input_handle: variant, element_shape: int32 -> output_handle: variant, tensor: element_dtype",
    |attrs| Ok(Arc::new(TensorListPopBack { element_dtype: attrs.dtype("element_dtype")? })),
    || vec![Example::new(TensorListPopBack { element_dtype: DType::F32 }, [list_value(), [2].into_value()])],
);

/// One element of a list; one that is not set is zeros.
///
/// Source: TensorFlow's `TensorListGetItem`.
#[derive(Debug, Clone)]
pub struct TensorListGetItem {
    /// The dtype of the elements.
    pub element_dtype: DType,
}

/// The row of [`TensorListGetItem`].
pub static TENSOR_LIST_GET_ITEM: OpKind = OpKind::new(
    "TensorListGetItem",
    "input_handle: variant, index: int32, element_shape: int32 -> item: element_dtype",
    |attrs| Ok(Arc::new(TensorListGetItem { element_dtype: attrs.dtype("element_dtype")? })),
    || {
        let of = |index: i32| [list_value(), index.into_value(), [-1].into_value()];
        [0, 1].map(|index| Example::new(TensorListGetItem { element_dtype: DType::F32 }, of(index))).into()
    },
);

/// The list with another element in one place.
///
/// Source: TensorFlow's `TensorListSetItem`.
#[derive(Debug, Clone, Default)]
pub struct TensorListSetItem {
    /// Whether a place past the end makes the list longer. Only newer files say so.
    pub resize_if_index_out_of_bounds: bool,
}

/// The row of [`TensorListSetItem`].
pub static TENSOR_LIST_SET_ITEM: OpKind = OpKind::new(
    "TensorListSetItem",
    "input_handle: variant, index: int32, item: element_dtype -> output_handle: variant",
    |attrs| {
        let resize_if_index_out_of_bounds = attrs.bool_or("resize_if_index_out_of_bounds", false)?;
        Ok(Arc::new(TensorListSetItem { resize_if_index_out_of_bounds }))
    },
    || {
        let of = |index: i32| [list_value(), index.into_value(), [1.0f32, 2.0].into_value()];
        let resizes = TensorListSetItem { resize_if_index_out_of_bounds: true };
        vec![Example::new(TensorListSetItem::default(), of(1)), Example::new(resizes, of(6))]
    },
);

fn push(list: &mut TensorList, value: Value) -> Result<()> {
    check_dtype(list, value.dtype())?;
    check_shape(list, &value)?;
    let len = list.items.len();
    if list.max_len.is_some_and(|most| len >= most) {
        return Err(Error::invalid(format!("the list is full: it has {len} elements, and may have no more")));
    }
    list.items.push(Some(value));
    Ok(())
}

impl Op for TensorListPushBack {
    fn kind(&self) -> &'static OpKind {
        &TENSOR_LIST_PUSH_BACK
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        elements(cx, 0, cx.dtype(1))?;
        output_same_list(cx, 0);
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let value = cx.take(1);
        let list = change_list(cx, 0, |_, list| push(list, value))?;
        cx.output(0, list);
        Ok(())
    }
}

impl Op for TensorListPushBackBatch {
    fn kind(&self) -> &'static OpKind {
        &TENSOR_LIST_PUSH_BACK_BATCH
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        let rows = cx.shape(1).with_rank_at_least(1)?.dim(0);
        let mut shape = cx.shape(0).clone();
        if shape.rank() == Some(1) {
            shape = shape.with_dim(0, &rows)?;
        }
        let known = cx.fact(0).elements.clone();
        if let Some(known) = known.as_ref().filter(|known| known.dtype != cx.dtype(1)) {
            let (list, op) = (known.dtype, cx.dtype(1));
            return Err(Error::invalid(format!("the lists have elements of {list}, but the op pushes {op}")));
        }
        cx.output(DType::Variant, shape).elements = known;
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let (mut lists, tensor) = (cx.take(0), cx.take(1));
        let (n, rows) = (lists.len(), tensor.dims().first().copied());
        if rows != Some(n) {
            let have = show(tensor.dims());
            return Err(Error::invalid(format!(
                "the tensor must have a row for each of {n} lists, but has shape {have}"
            )));
        }
        let rows = cut(cx, tensor, Rows::Each(n))?;
        for (list, row) in lists.variants_mut()?.iter_mut().zip(rows) {
            match list {
                Variant::List(list) => push(list, row)?,
                other => return Err(Error::invalid(format!("each input must be a list, but one is {}", other.what()))),
            }
        }
        cx.output(0, lists);
        Ok(())
    }
}

impl Op for TensorListPopBack {
    fn kind(&self) -> &'static OpKind {
        &TENSOR_LIST_POP_BACK
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        let shape = both(&elements(cx, 0, self.element_dtype)?, &shape_input(cx, 1)?);
        output_same_list(cx, 0);
        cx.output(self.element_dtype, shape);
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        check_dtype(list(cx, 0)?, self.element_dtype)?;
        let mut last = None;
        let asked = cx.input(1).clone();
        let list = change_list(cx, 0, |cx, list| {
            let item = list.items.pop().ok_or_else(|| Error::invalid("the list is empty: there is nothing to pop"))?;
            last = Some(match item {
                Some(item) => fitting(item, &asked)?,
                None => zeros(cx, list, &merged_shape(list, &asked, [])?)?,
            });
            Ok(())
        })?;
        cx.output(0, list);
        cx.output(1, last.ok_or_else(|| Error::internal("a pop gives an element"))?);
        Ok(())
    }
}

/// The place of an index within a list.
fn place(list: &TensorList, index: &Value) -> Result<usize> {
    let [index] = *index.slice::<i32>()? else {
        return Err(Error::invalid(format!("the index must be one number, but has shape {}", show(index.dims()))));
    };
    let n = list.items.len();
    let within = usize::try_from(index).ok().filter(|place| *place < n);
    within.ok_or_else(|| Error::invalid(format!("the index must be within a list of {n} elements, but is {index}")))
}

impl Op for TensorListGetItem {
    fn kind(&self) -> &'static OpKind {
        &TENSOR_LIST_GET_ITEM
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        let shape = both(&elements(cx, 0, self.element_dtype)?, &shape_input(cx, 2)?);
        cx.output(self.element_dtype, shape);
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let list = list(cx, 0)?;
        check_dtype(list, self.element_dtype)?;
        let item = list.get(place(list, cx.input(1))?);
        let item = match item {
            Some(item) => fitting(item.clone(), cx.input(2))?,
            None => zeros(cx, list, &merged_shape(list, cx.input(2), list.set_items().map(|(_, item)| item))?)?,
        };
        cx.output(0, item);
        Ok(())
    }
}

impl Op for TensorListSetItem {
    fn kind(&self) -> &'static OpKind {
        &TENSOR_LIST_SET_ITEM
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        // Another dtype is for the run to refuse, as in TensorFlow.
        let known = cx.fact(0).elements.clone().filter(|known| known.dtype == cx.dtype(2));
        if let Some(known) = known {
            known.shape.merge(cx.shape(2))?;
        }
        cx.shape(0).with_rank(0)?;
        output_same_list(cx, 0);
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let item = cx.take(2);
        let index = cx.input(1).clone();
        let list = change_list(cx, 0, |_, list| {
            check_dtype(list, item.dtype())?;
            let past_end = index.slice::<i32>()?.first().and_then(|index| usize::try_from(*index).ok());
            if let Some(past_end) = past_end.filter(|_| self.resize_if_index_out_of_bounds) {
                list.items.resize(list.items.len().max(past_end + 1));
            }
            let place = place(list, &index)?;
            check_shape(list, &item)?;
            *list.items.entry(place) = Some(item);
            Ok(())
        })?;
        cx.output(0, list);
        Ok(())
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        match self.resize_if_index_out_of_bounds {
            true => vec![("resize_if_index_out_of_bounds", AttrValue::Bool(true))],
            // TensorFlow 1.15 does not know it.
            false => Vec::new(),
        }
    }
}
