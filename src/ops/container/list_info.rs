//! Whole lists of tensors: their length, their elements' shape, cut or made longer, joined, added.

use std::sync::Arc;

use super::list::{change_list, check_dtype, list, list_value, output_same_list};
use super::list_make::length;
use super::parts::{add_to, show_shape};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::graph::{AttrValue, Elements, Example, InferCx, Op, OpKind, RunCx};
use crate::shape::{Dim, Shape};
use crate::value::variant::{TensorList, Variant};
use crate::value::{IntoValue, Value};

/// How many elements a list has.
///
/// Source: TensorFlow's `TensorListLength`.
#[derive(Debug, Clone)]
pub struct TensorListLength;

/// The row of [`TensorListLength`].
pub static TENSOR_LIST_LENGTH: OpKind = OpKind::new(
    "TensorListLength",
    "input_handle: variant -> length: int32",
    |_| Ok(Arc::new(TensorListLength)),
    || vec![Example::new(TensorListLength, [list_value()])],
)
.not_differentiable("a length is a number of elements");

/// What the shapes of a list's elements fit: -1 for an unknown dim, the scalar -1 for an unknown rank.
///
/// Source: TensorFlow's `TensorListElementShape`.
#[derive(Debug, Clone)]
pub struct TensorListElementShape {
    /// `int32` or `int64`.
    pub shape_type: DType,
}

/// The row of [`TensorListElementShape`].
pub static TENSOR_LIST_ELEMENT_SHAPE: OpKind = OpKind::new(
    "TensorListElementShape",
    "input_handle: variant -> element_shape: shape_type",
    |attrs| Ok(Arc::new(TensorListElementShape { shape_type: attrs.dtype("shape_type")? })),
    || {
        [DType::I32, DType::I64]
            .map(|shape_type| Example::new(TensorListElementShape { shape_type }, [list_value()]))
            .into()
    },
)
.not_differentiable("a shape has integers");

/// The list with so many elements: the last ones go, or new ones that are not set come.
///
/// Source: TensorFlow's `TensorListResize`.
#[derive(Debug, Clone)]
pub struct TensorListResize;

/// The row of [`TensorListResize`].
pub static TENSOR_LIST_RESIZE: OpKind = OpKind::new(
    "TensorListResize",
    "input_handle: variant, size: int32 -> output_handle: variant",
    |_| Ok(Arc::new(TensorListResize)),
    || [2, 7].map(|n: i32| Example::new(TensorListResize, [list_value(), n.into_value()])).into(),
);

/// The elements of one list and then those of another; of tensors of lists, one by one.
///
/// Source: TensorFlow's `TensorListConcatLists`.
#[derive(Debug, Clone)]
pub struct TensorListConcatLists {
    /// The dtype of the elements.
    pub element_dtype: DType,
}

/// The row of [`TensorListConcatLists`].
pub static TENSOR_LIST_CONCAT_LISTS: OpKind = OpKind::new(
    "TensorListConcatLists",
    "input_a: variant, input_b: variant -> output: variant",
    |attrs| Ok(Arc::new(TensorListConcatLists { element_dtype: attrs.dtype("element_dtype")? })),
    || vec![Example::new(TensorListConcatLists { element_dtype: DType::F32 }, [list_value(), list_value()])],
);

impl Op for TensorListLength {
    fn kind(&self) -> &'static OpKind {
        &TENSOR_LIST_LENGTH
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        cx.output(DType::I32, Shape::scalar());
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let n = list(cx, 0)?.items.len();
        let n = i32::try_from(n).map_err(|_| Error::invalid(format!("the length {n} does not fit int32")))?;
        cx.output(0, Value::scalar_of(n));
        Ok(())
    }
}

impl Op for TensorListElementShape {
    fn kind(&self) -> &'static OpKind {
        &TENSOR_LIST_ELEMENT_SHAPE
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        if !matches!(self.shape_type, DType::I32 | DType::I64) {
            return Err(Error::dtype(format!("shape_type must be int32 or int64, but is {}", self.shape_type)));
        }
        let known = cx.fact(0).elements.clone();
        match known.as_ref().and_then(|known| known.shape.dims()) {
            Some(dims) if dims.iter().all(|dim| dim.known().is_some()) => {
                cx.output_sizes(self.shape_type, dims, false);
            }
            // An unknown dim is -1 in the run where the list itself does not know it.
            Some(dims) => {
                cx.output(self.shape_type, [dims.len()]);
            }
            None => {
                cx.output(self.shape_type, Shape::unknown());
            }
        }
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let shape = &list(cx, 0)?.shape;
        let size = |dim: &Dim| dim.as_i64().unwrap_or(-1);
        let sizes: Vec<i64> = shape.dims().map_or_else(|| vec![-1], |dims| dims.iter().map(size).collect());
        let dims = if shape.rank().is_some() { &[sizes.len()][..] } else { &[] };
        let value = match self.shape_type {
            DType::I64 => Value::from_vec(dims, sizes)?,
            _ => Value::from_vec(dims, sizes.into_iter().map(|n| n as i32).collect())?,
        };
        cx.output(0, value);
        Ok(())
    }
}

impl Op for TensorListResize {
    fn kind(&self) -> &'static OpKind {
        &TENSOR_LIST_RESIZE
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        output_same_list(cx, 0);
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let n = length(cx.input(1), "size")?;
        let list = change_list(cx, 0, |_, list| {
            list.items.resize(n);
            Ok(())
        })?;
        cx.output(0, list);
        Ok(())
    }
}

impl Op for TensorListConcatLists {
    fn kind(&self) -> &'static OpKind {
        &TENSOR_LIST_CONCAT_LISTS
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        let shape = cx.shape(0).merge(cx.shape(1))?;
        let mut element = Shape::unknown();
        for i in 0..2 {
            let Some(known) = cx.fact(i).elements.as_deref() else { continue };
            if known.dtype != self.element_dtype {
                let (have, want) = (known.dtype, self.element_dtype);
                return Err(Error::invalid(format!("input {i} has elements of {have}, but the op takes {want}")));
            }
            element = element.merge(&known.shape)?;
        }
        cx.output(DType::Variant, shape).elements =
            Some(Arc::new(Elements { dtype: self.element_dtype, shape: element, keys: None }));
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let (mut a, b) = (cx.take(0), cx.take(1));
        if !a.has_dims_of(&b) {
            let (a, b) = (super::parts::show(a.dims()), super::parts::show(b.dims()));
            return Err(Error::invalid(format!("both inputs must have one shape, but have {a} and {b}")));
        }
        for (a, b) in a.variants_mut()?.iter_mut().zip(b.as_variants()?) {
            let (Variant::List(a), Variant::List(b)) = (a, b) else {
                return Err(Error::invalid("the inputs must be lists of tensors"));
            };
            check_dtype(a, self.element_dtype)?;
            check_dtype(b, self.element_dtype)?;
            concat(cx, a, b)?;
        }
        cx.output(0, a);
        Ok(())
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        vec![("element_dtype", AttrValue::Type(self.element_dtype))]
    }
}

fn concat(cx: &RunCx<'_>, a: &mut TensorList, b: &TensorList) -> Result<()> {
    if a.shape.dims().map(known) != b.shape.dims().map(known) {
        let (a, b) = (show_shape(&a.shape), show_shape(&b.shape));
        return Err(Error::invalid(format!(
            "both lists must say the same of their elements' shape, but say {a} and {b}"
        )));
    }
    let (first, mut pace) = (a.items.len(), cx.pace());
    cx.check_room(TensorList::cost(b.set_items().map(|(i, _)| first + i)))?;
    a.items.resize(first + b.items.len());
    for (i, item) in b.set_items() {
        pace.spend(64)?;
        *a.items.entry(first + i) = Some(item.clone());
    }
    Ok(())
}

fn known(dims: &[Dim]) -> Vec<Option<usize>> {
    dims.iter().map(Dim::known).collect()
}

/// Variants in variants, at most.
const MAX_NESTING: usize = 64;

/// Zeros of the dtypes and shapes that a tensor of variants holds.
///
/// # Errors
/// `Unsupported` past 64 lists in lists, here and in [`add`].
pub(in crate::ops) fn zeros_like(cx: &RunCx<'_>, value: &Value) -> Result<Value> {
    zeros_within(cx, value, MAX_NESTING)
}

fn zeros_within(cx: &RunCx<'_>, value: &Value, depth: usize) -> Result<Value> {
    if value.dtype() != DType::Variant {
        return cx.alloc_zeros(value.dtype(), value.dims());
    }
    let (depth, mut pace) = (deeper(depth)?, cx.pace());
    let mut one = |variant: &Variant| match variant {
        Variant::Empty => Ok(Variant::Empty),
        Variant::Number(value) => zeros_within(cx, value, depth).map(Variant::Number),
        Variant::Optional(None) => Ok(Variant::Optional(None)),
        Variant::Optional(Some(values)) => {
            let zeros = values.iter().map(|value| zeros_within(cx, value, depth)).collect::<Result<_>>()?;
            Ok(Variant::Optional(Some(zeros)))
        }
        Variant::List(list) => {
            let mut zeros = TensorList::new(list.dtype, list.shape.clone(), list.items.len())?;
            zeros.max_len = list.max_len;
            for (i, item) in list.set_items() {
                pace.spend(64)?;
                *zeros.items.entry(i) = Some(zeros_within(cx, item, depth)?);
            }
            Ok(Variant::List(zeros))
        }
    };
    Value::from_variants(value.dims(), value.as_variants()?.iter().map(&mut one).collect::<Result<_>>()?)
}

/// Adds what tensors of variants hold, element by element; what is set in one list only stays as it is.
pub(in crate::ops) fn add(cx: &RunCx<'_>, sum: &mut Value, value: &Value) -> Result<()> {
    add_within(cx, sum, value, MAX_NESTING)
}

fn add_within(cx: &RunCx<'_>, sum: &mut Value, value: &Value, depth: usize) -> Result<()> {
    if sum.dtype() != value.dtype() || !sum.has_dims_of(value) {
        return Err(Error::invalid(format!("what is added must be alike, but is {sum:?} and {value:?}")));
    }
    if value.dtype() != DType::Variant {
        return add_to(cx, sum, value);
    }
    let depth = deeper(depth)?;
    for (sum, value) in sum.variants_mut()?.iter_mut().zip(value.as_variants()?) {
        match (sum, value) {
            (Variant::Empty, Variant::Empty) | (Variant::Optional(None), Variant::Optional(None)) => {}
            (Variant::Number(a), Variant::Number(b)) => add_within(cx, a, b, depth)?,
            (Variant::List(a), Variant::List(b)) => add_lists(cx, a, b, depth)?,
            (Variant::Optional(Some(a)), Variant::Optional(Some(b))) if a.len() == b.len() => {
                a.iter_mut().zip(b).try_for_each(|(a, b)| add_within(cx, a, b, depth))?;
            }
            (Variant::Optional(a), Variant::Optional(b)) => {
                let n = |values: &Option<Vec<Value>>| values.as_ref().map_or(0, Vec::len);
                let (a, b) = (n(a), n(b));
                return Err(Error::invalid(format!("optionals must hold equally many tensors, but hold {a} and {b}")));
            }
            (a, b) => return Err(Error::invalid(format!("{} and {} cannot be added", a.what(), b.what()))),
        }
    }
    Ok(())
}

fn add_lists(cx: &RunCx<'_>, a: &mut TensorList, b: &TensorList, depth: usize) -> Result<()> {
    check_dtype(a, b.dtype)?;
    a.shape = a.shape.merge(&b.shape).map_err(|_| {
        let (a, b) = (show_shape(&a.shape), show_shape(&b.shape));
        Error::invalid(format!("lists that are added must have compatible element shapes, but have {a} and {b}"))
    })?;
    if a.items.len() != b.items.len() {
        let (a, b) = (a.items.len(), b.items.len());
        return Err(Error::invalid(format!("the lists must have equally many elements, but have {a} and {b}")));
    }
    let mut pace = cx.pace();
    for (i, item) in b.set_items() {
        pace.spend(64)?;
        match a.items.entry(i) {
            Some(sum) => add_within(cx, sum, item, depth)?,
            empty => *empty = Some(item.clone()),
        }
    }
    Ok(())
}

fn deeper(depth: usize) -> Result<usize> {
    depth.checked_sub(1).ok_or_else(|| Error::unsupported(format!("variants must nest at most {MAX_NESTING} deep")))
}
