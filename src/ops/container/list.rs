//! What the ops on lists of tensors share: finding the list, and shapes that come as tensors.

use std::sync::Arc;

use super::parts::{show, show_shape};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::graph::{Elements, InferCx, Ints, RunCx};
use crate::shape::{Dim, Dims, MAX_RANK, Shape};
use crate::value::Value;
use crate::value::variant::{TensorList, Variant};

/// A list in examples: four elements of float32 `(2,)`, of which the second is not set.
pub(super) fn list_value() -> Value {
    let item = |x: f32| Value::from_vec(&[2], vec![x, x + 0.5]).ok();
    let items = [item(1.0), None, item(2.0), item(3.0)];
    let made = TensorList::new(DType::F32, Shape::from([2]), 0).map(|mut list| {
        items.into_iter().for_each(|item| list.items.push(item));
        Value::of_variant(Variant::List(list))
    });
    made.expect("a short list fits into memory")
}

/// The list that a value is.
pub(super) fn list_of(value: &Value) -> Result<&TensorList> {
    match value.as_variants()? {
        [Variant::List(list)] if value.rank() == 0 => Ok(list),
        [other] if value.rank() == 0 => {
            Err(Error::invalid(format!("the input must be a list of tensors, but is {}", other.what())))
        }
        _ => Err(Error::invalid(format!("the input list must be a scalar, but has shape {}", show(value.dims())))),
    }
}

/// The list that is input `i`.
pub(super) fn list<'a>(cx: &'a RunCx<'_>, i: usize) -> Result<&'a TensorList> {
    list_of(cx.input(i))
}

/// Input `i`, a list, after a change: in place where nobody else holds it.
pub(super) fn change_list(
    cx: &mut RunCx<'_>,
    i: usize,
    change: impl FnOnce(&RunCx<'_>, &mut TensorList) -> Result<()>,
) -> Result<Value> {
    let mut value = cx.take(i);
    list_of(&value)?;
    match &mut value.variants_mut()?[0] {
        Variant::List(list) => change(cx, list)?,
        _ => return Err(Error::internal("a list stays one")),
    }
    Ok(value)
}

/// Puts a new list out.
pub(super) fn put_list(cx: &mut RunCx<'_>, list: TensorList) {
    cx.output(0, Value::of_variant(Variant::List(list)));
}

/// Adds an output that is a list of which this is known.
pub(super) fn output_list(cx: &mut InferCx<'_>, dtype: DType, shape: Shape) {
    cx.output(DType::Variant, Shape::scalar()).elements = Some(Arc::new(Elements { dtype, shape, keys: None }));
}

/// Adds an output that is the list of input `i`, changed.
pub(super) fn output_same_list(cx: &mut InferCx<'_>, i: usize) {
    let elements = cx.fact(i).elements.clone();
    cx.output(DType::Variant, Shape::scalar()).elements = elements;
}

/// What is known of the shapes of the elements of input `i`, a list whose elements the op takes for this dtype.
///
/// # Errors
/// `InvalidArgument` for another dtype.
pub(super) fn elements(cx: &InferCx<'_>, i: usize, dtype: DType) -> Result<Shape> {
    cx.shape(i).with_rank(0)?;
    match cx.fact(i).elements.as_deref() {
        None => Ok(Shape::unknown()),
        Some(known) if known.dtype == dtype => Ok(known.shape.renew_anonymous()),
        Some(known) => Err(Error::invalid(wrong_dtype(known.dtype, dtype))),
    }
}

/// Input `i` as the shape of elements.
pub(super) fn shape_input(cx: &InferCx<'_>, i: usize) -> Result<Shape> {
    cx.shape(i).with_rank_at_most(1)?;
    cx.shape_from(i)
}

/// What both say, or what the list says where they contradict each other, which is for the run to refuse.
pub(super) fn both(list: &Shape, asked: &Shape) -> Shape {
    list.merge(asked).unwrap_or_else(|_| list.clone())
}

/// Refuses another dtype than that of the list.
pub(super) fn check_dtype(list: &TensorList, dtype: DType) -> Result<()> {
    if list.dtype == dtype { Ok(()) } else { Err(Error::invalid(wrong_dtype(list.dtype, dtype))) }
}

fn wrong_dtype(list: DType, op: DType) -> String {
    format!("the list has elements of {list}, but the op takes it for one of {op}")
}

/// Refuses an element whose shape does not fit the list.
pub(super) fn check_shape(list: &TensorList, value: &Value) -> Result<()> {
    if list.shape.is_compatible_with(value.dims()) {
        return Ok(());
    }
    let (have, want) = (show(value.dims()), show_shape(&list.shape));
    Err(Error::invalid(format!("an element must have the list's shape {want}, but has {have}")))
}

/// A shape that comes as a tensor: -1 for an unknown dim, the scalar -1 for an unknown rank.
pub(super) fn shape_of(value: &Value) -> Result<Shape> {
    let ints = Ints::of(value)?;
    match (value.rank(), ints.only()) {
        (0, Some(-1)) => Ok(Shape::unknown()),
        (0, _) => Err(Error::invalid("the only scalar that is a shape is -1, the unknown one")),
        (1, _) if ints.len() > MAX_RANK => {
            let n = ints.len();
            Err(Error::invalid(format!("a shape must have at most {MAX_RANK} dimensions, but has {n}")))
        }
        (1, _) => ints.iter().map(to_dim).collect::<Result<Vec<_>>>().map(Shape::from),
        (rank, _) => Err(Error::invalid(format!("a shape must be a vector, but has rank {rank}"))),
    }
}

fn to_dim(n: i64) -> Result<Dim> {
    match usize::try_from(n) {
        Ok(n) => Ok(Dim::from(n)),
        Err(_) if n == -1 => Ok(Dim::unknown()),
        Err(_) => Err(Error::invalid(format!("a dimension must be -1 or more, but is {n}"))),
    }
}

/// What the list, the op and these elements say together of the shape of each element.
///
/// # Errors
/// `InvalidArgument` where they contradict each other.
pub(super) fn merged_shape<'a>(
    list: &TensorList,
    asked: &Value,
    items: impl IntoIterator<Item = &'a Value>,
) -> Result<Shape> {
    let merge = |a: &Shape, b: &Shape| a.merge(b).map_err(|error| Error::invalid(error.message()));
    let mut shape = merge(&list.shape, &shape_of(asked)?)?;
    if !shape.is_fully_known() {
        for item in items {
            shape = merge(&shape, &Shape::from(item.dims()))?;
        }
    }
    Ok(shape)
}

/// An element, if it has the shape that was asked for.
///
/// # Errors
/// `InvalidArgument`.
pub(super) fn fitting(item: Value, asked: &Value) -> Result<Value> {
    let asked = shape_of(asked)?;
    if asked.is_compatible_with(item.dims()) {
        return Ok(item);
    }
    let (asked, have) = (show_shape(&asked), Shape::from(item.dims()));
    Err(Error::invalid(format!("the element's shape must be {asked}, but is {}", show_shape(&have))))
}

/// Zeros in the place of an element that is not set.
pub(super) fn zeros(cx: &RunCx<'_>, list: &TensorList, shape: &Shape) -> Result<Value> {
    cx.alloc_zeros(list.dtype, &known_dims(shape, "an element is not set")?)
}

/// The dims of a shape that must be known, because of this.
pub(super) fn known_dims(shape: &Shape, why: &str) -> Result<Dims> {
    shape.known_dims().map(|dims| dims.iter().copied().collect()).ok_or_else(|| {
        Error::invalid(format!("{why}, and the element shape {} is not fully defined", show_shape(shape)))
    })
}
