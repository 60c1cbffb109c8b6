//! Many elements of a list as one tensor: stacked, gathered, or end to end.

use std::sync::Arc;

use super::array_write::indices;
use super::list::{both, check_dtype, elements, known_dims, list, list_value, merged_shape, shape_input, shape_of};
use super::parts::{join, place, show_shape};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::graph::{AttrValue, Attrs, Example, InferCx, Op, OpKind, RunCx};
use crate::shape::{Dim, Dims, Shape, element_count};
use crate::value::variant::TensorList;
use crate::value::{IntoValue, Value};

/// All elements of a list as the rows of a tensor: `n` elements `(..)` give `(n, ..)`; those that are not set are zeros.
///
/// Source: TensorFlow's `TensorListStack`.
#[derive(Debug, Clone)]
pub struct TensorListStack {
    /// The dtype of the elements.
    pub element_dtype: DType,
    /// How many elements there must be; -1 for any number.
    pub num_elements: i64,
}

/// The row of [`TensorListStack`].
pub static TENSOR_LIST_STACK: OpKind = OpKind::new(
    "TensorListStack",
    "input_handle: variant, element_shape: int32 -> tensor: element_dtype",
    |attrs| {
        let num_elements = attrs.int_or("num_elements", -1)?;
        Ok(Arc::new(TensorListStack { element_dtype: attrs.dtype("element_dtype")?, num_elements }))
    },
    || {
        let of = |num_elements| TensorListStack { element_dtype: DType::F32, num_elements };
        [-1, 4].map(|n| Example::new(of(n), [list_value(), [-1].into_value()])).into()
    },
);

/// Elements of a list as the rows of a tensor: `(n)` indices give `(n, ..)`; those that are not set are zeros.
///
/// Source: TensorFlow's `TensorListGather`.
#[derive(Debug, Clone)]
pub struct TensorListGather {
    /// The dtype of the elements.
    pub element_dtype: DType,
}

/// The row of [`TensorListGather`].
pub static TENSOR_LIST_GATHER: OpKind = OpKind::new(
    "TensorListGather",
    "input_handle: variant, indices: int32, element_shape: int32 -> values: element_dtype",
    |attrs| Ok(Arc::new(TensorListGather { element_dtype: attrs.dtype("element_dtype")? })),
    || {
        let inputs = [list_value(), [3, 1, 3].into_value(), [2].into_value()];
        vec![Example::new(TensorListGather { element_dtype: DType::F32 }, inputs)]
    },
);

/// All elements of a list end to end along their first axis, and how long each is along it. One that is not set is zeros,
/// as long as all that are set, or as `leading_dims` says.
///
/// Source: TensorFlow's `TensorListConcatV2` and `TensorListConcat`.
#[derive(Debug, Clone)]
pub struct TensorListConcat {
    /// The dtype of the elements.
    pub element_dtype: DType,
    /// The shape of elements, where it is no input (`TensorListConcat`).
    pub element_shape: Option<Shape>,
}

/// The row of [`TensorListConcat`] with a shape and lengths as inputs.
pub static TENSOR_LIST_CONCAT_V2: OpKind = OpKind::new(
    "TensorListConcatV2",
    "input_handle: variant, element_shape: shape_type, leading_dims: int64 -> tensor: element_dtype, lengths: int64",
    |attrs| Ok(Arc::new(TensorListConcat { element_dtype: attrs.dtype("element_dtype")?, element_shape: None })),
    || {
        let op = TensorListConcat { element_dtype: DType::F32, element_shape: None };
        let none = || Vec::<i64>::new().into_value();
        vec![Example::new(op, [list_value(), [-1].into_value(), none()])]
    },
);

/// The row of [`TensorListConcat`] with a shape as an attribute.
pub static TENSOR_LIST_CONCAT: OpKind = OpKind::new(
    "TensorListConcat",
    "input_handle: variant -> tensor: element_dtype, lengths: int64",
    parse_concat,
    || {
        let op = TensorListConcat { element_dtype: DType::F32, element_shape: Some(Shape::from([2])) };
        vec![Example::new(op, [list_value()])]
    },
);

fn parse_concat(attrs: &Attrs) -> Result<Arc<dyn Op>> {
    let element_shape = Some(attrs.shape_or("element_shape", Shape::unknown())?);
    Ok(Arc::new(TensorListConcat { element_dtype: attrs.dtype("element_dtype")?, element_shape }))
}

/// `n` elements as rows: zeros but for these, which are given by rising places.
fn rows<'a>(
    cx: &RunCx<'_>,
    list: &'a TensorList,
    n: usize,
    items: impl Iterator<Item = (usize, &'a Value)>,
    asked: &Value,
) -> Result<Value> {
    let (items, mut pace) = (cx.collect(items)?, cx.pace());
    let shape = merged_shape(list, asked, items.iter().map(|(_, item)| *item))?;
    let why = if n == 0 { "there are no elements" } else { "no element is set" };
    let element = known_dims(&shape, why)?;
    let len = element_count(&element)?;
    let mut dims = Dims::from_slice(&[n]);
    dims.extend_from_slice(&element);
    element_count(&dims)?;
    let mut parts = cx.list(items.len())?;
    for (place, item) in items {
        pace.spend(16)?;
        if *item.dims() != *element {
            let (item, shape) = (super::parts::show(item.dims()), show_shape(&shape));
            return Err(Error::invalid(format!("elements must have shape {shape}, but number {place} has {item}")));
        }
        parts.push((place * len, item))?;
    }
    let is_whole = parts.len() == n;
    if let (true, [(_, item)]) = (is_whole, &parts[..]) {
        return Value::clone(item).reshaped(&dims);
    }
    let mut out = if is_whole { cx.alloc(list.dtype, &dims)? } else { cx.alloc_zeros(list.dtype, &dims)? };
    place(cx, &parts, &mut out)?;
    Ok(out)
}

impl Op for TensorListStack {
    fn kind(&self) -> &'static OpKind {
        &TENSOR_LIST_STACK
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        let shape = elements(cx, 0, self.element_dtype)?.merge(&shape_input(cx, 1)?)?;
        let n = usize::try_from(self.num_elements).map_or_else(|_| Dim::unknown(), Dim::from);
        cx.output(self.element_dtype, Shape::new([n]).concat(&shape)?);
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let list = list(cx, 0)?;
        check_dtype(list, self.element_dtype)?;
        let n = list.items.len();
        if self.num_elements >= 0 && self.num_elements != n as i64 {
            let want = self.num_elements;
            return Err(Error::invalid(format!("the list must have {want} elements, but has {n}")));
        }
        let out = rows(cx, list, n, list.set_items(), cx.input(1))?;
        cx.output(0, out);
        Ok(())
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        vec![("num_elements", AttrValue::Int(self.num_elements))]
    }
}

impl Op for TensorListGather {
    fn kind(&self) -> &'static OpKind {
        &TENSOR_LIST_GATHER
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        let shape = both(&elements(cx, 0, self.element_dtype)?, &shape_input(cx, 2)?);
        let n = cx.shape(1).with_rank(1)?;
        cx.output(self.element_dtype, n.concat(&shape)?);
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let list = list(cx, 0)?;
        check_dtype(list, self.element_dtype)?;
        let n = list.items.len();
        let place = |index: i64| {
            let within = usize::try_from(index).ok().filter(|place| *place < n);
            within.ok_or_else(|| Error::invalid(format!("indices must be within {n} elements, but one is {index}")))
        };
        let (indices, mut pace) = (indices(cx.input(1))?, cx.pace());
        let mut places = cx.list(indices.len())?;
        for index in indices.iter() {
            pace.spend(16)?;
            places.push(place(index)?)?;
        }
        let items = places.iter().enumerate().filter_map(|(row, place)| Some((row, list.get(*place)?)));
        let out = rows(cx, list, places.len(), items, cx.input(2))?;
        cx.output(0, out);
        Ok(())
    }
}

impl TensorListConcat {
    /// What is known of elements: the list's own shape, and what the op says.
    fn shape(&self, cx: &RunCx<'_>, list: &TensorList) -> Result<Shape> {
        let asked = match &self.element_shape {
            Some(shape) => shape.clone(),
            None => shape_of(cx.input(1))?,
        };
        list.shape.merge(&asked).map_err(|error| Error::invalid(error.message()))
    }
}

/// The dims of elements behind the first, and the first one if it is the same for all.
fn common_dims(list: &TensorList, shape: &Shape) -> Result<(Option<usize>, Dims)> {
    let mut rest = match shape.dims() {
        Some([]) => return Err(Error::invalid("elements must be at least vectors, but are scalars")),
        Some([_, rest @ ..]) => Shape::from(rest.to_vec()),
        None => Shape::unknown(),
    };
    let known = shape.dims().and_then(|dims| dims.first()).and_then(Dim::known);
    let (mut first, mut differs) = (known, false);
    for (i, item) in list.set_items() {
        let [dim, others @ ..] = item.dims() else {
            return Err(Error::invalid(format!("elements must be at least vectors, but number {i} is a scalar")));
        };
        rest = rest.merge(&Shape::from(others)).map_err(|error| Error::invalid(error.message()))?;
        if let Some(known) = known.filter(|known| known != dim) {
            let text = format!("elements must have {known} rows, as the element shape says, but number {i} has {dim}");
            return Err(Error::invalid(text));
        }
        differs |= first.is_some_and(|first| first != *dim);
        first = first.or(Some(*dim));
    }
    let why = if list.items.len() == 0 { "there are no elements" } else { "no element is set" };
    Ok((first.filter(|_| !differs), known_dims(&rest, why)?))
}

impl Op for TensorListConcat {
    fn kind(&self) -> &'static OpKind {
        if self.element_shape.is_some() { &TENSOR_LIST_CONCAT } else { &TENSOR_LIST_CONCAT_V2 }
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        let asked = match &self.element_shape {
            Some(shape) => shape.clone(),
            None => shape_input(cx, 1)?,
        };
        let shape = elements(cx, 0, self.element_dtype)?.merge(&asked)?;
        let out = match shape.dims() {
            Some(dims) => Shape::new([Dim::unknown()].iter().chain(dims.iter().skip(1)).cloned()),
            None => Shape::unknown(),
        };
        cx.output(self.element_dtype, out);
        cx.output(DType::I64, Shape::unknown_of_rank(1));
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let list = list(cx, 0)?;
        check_dtype(list, self.element_dtype)?;
        let shape = self.shape(cx, list)?;
        let (common, rest) = common_dims(list, &shape)?;
        let leading = if self.element_shape.is_some() { &[][..] } else { cx.input(2).slice::<i64>()? };
        let n = list.items.len();
        let (mut parts, mut lengths, mut pace) = (cx.list(0)?, cx.list(0)?, cx.pace());
        for i in 0..n {
            pace.spend(64)?;
            let part = match list.get(i) {
                Some(item) => item.clone(),
                None => unset(cx, list, i, common, leading, &rest)?,
            };
            lengths.push(part.dims()[0] as i64)?;
            parts.push(part)?;
        }
        let total = lengths.iter().fold(0i64, |sum, len| sum.saturating_add(*len));
        let mut dims = Dims::from_slice(&[usize::try_from(total).unwrap_or(usize::MAX)]);
        dims.extend(rest);
        let value = join(cx, list.dtype, &dims, &parts)?;
        cx.output(0, value);
        cx.output(1, lengths.into_value(&[n])?);
        Ok(())
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        self.element_shape.iter().map(|shape| ("element_shape", AttrValue::Shape(shape.clone()))).collect()
    }
}

/// Zeros in the place of element `i`, which is not set.
fn unset(
    cx: &RunCx<'_>,
    list: &TensorList,
    i: usize,
    common: Option<usize>,
    leading: &[i64],
    rest: &[usize],
) -> Result<Value> {
    let said = || leading.get(i).and_then(|len| usize::try_from(*len).ok());
    let len = said().or(common).ok_or_else(|| {
        let n = leading.len();
        Error::invalid(format!("element {i} is not set, and there are {n} leading dims that could say how long it is"))
    })?;
    let mut dims = Dims::from_slice(&[len]);
    dims.extend_from_slice(rest);
    cx.alloc_zeros(list.dtype, &dims)
}
