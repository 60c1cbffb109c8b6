//! Reading from a `TensorArray`: one cell, many as a tensor of one more axis, or all of them end to end.

use std::sync::Arc;

use super::array_object::ArrayObject;
use super::array_write::{index, indices};
use super::parts::{join, show, show_shape};
use super::tensor_array::{array, flow_value, handle_value};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::graph::{AttrValue, Attrs, Effect, Example, InferCx, Op, OpKind, RunCx};
use crate::shape::{Dim, Dims, Shape};
use crate::value::{IntoValue, Value};

/// Reads one cell. A cell that was not written is an error, but in arrays whose elements have a known shape, where it
/// is zeros.
///
/// Source: TensorFlow's `TensorArrayReadV3`.
#[derive(Debug, Clone)]
pub struct TensorArrayRead {
    /// The dtype of the array's elements.
    pub dtype: DType,
}

/// The row of [`TensorArrayRead`].
pub static TENSOR_ARRAY_READ: OpKind = OpKind::new(
    "TensorArrayReadV3",
    "handle: array, index: int32, flow_in: float32 -> value: dtype",
    |attrs| Ok(Arc::new(TensorArrayRead { dtype: attrs.dtype("dtype")? })),
    || {
        let inputs = || [handle_value(), 1.into_value(), flow_value()];
        [DType::F32, DType::String].map(|dtype| Example::new(TensorArrayRead { dtype }, inputs())).into()
    },
)
.aliases(&["TensorArrayRead", "TensorArrayReadV2"])
.effect(Effect::Object);

/// Reads cells as the rows of a tensor: `(n)` indices of elements `(..)` give `(n, ..)`; all cells where there are no
/// indices.
///
/// Source: TensorFlow's `TensorArrayGatherV3` and `TensorArrayPack`.
#[derive(Debug, Clone)]
pub struct TensorArrayGather {
    /// The dtype of the array's elements.
    pub dtype: DType,
    /// What the elements' shape must fit; it is their shape where there are none.
    pub element_shape: Shape,
    /// Whether there are no indices (`TensorArrayPack`).
    pub is_pack: bool,
}

/// The row of [`TensorArrayGather`].
pub static TENSOR_ARRAY_GATHER: OpKind = OpKind::new(
    "TensorArrayGatherV3",
    "handle: array, indices: int32, flow_in: float32 -> value: dtype",
    |attrs| TensorArrayGather::parse(attrs, false),
    || gather_examples(false),
)
.aliases(&["TensorArrayGather", "TensorArrayGatherV2"])
.effect(Effect::Object);

/// The row of [`TensorArrayGather`] without indices.
pub static TENSOR_ARRAY_PACK: OpKind = OpKind::new(
    "TensorArrayPack",
    "handle: array, flow_in: float32 -> value: dtype",
    |attrs| TensorArrayGather::parse(attrs, true),
    || gather_examples(true),
)
.effect(Effect::Object);

/// Reads all cells, end to end along the first axis, and says how long each was.
///
/// Source: TensorFlow's `TensorArrayConcatV3`.
#[derive(Debug, Clone)]
pub struct TensorArrayConcat {
    /// The dtype of the array's elements.
    pub dtype: DType,
    /// What the elements' shape without the first axis must fit; it is that where there are none.
    pub element_shape_except0: Shape,
}

/// The row of [`TensorArrayConcat`].
pub static TENSOR_ARRAY_CONCAT: OpKind = OpKind::new(
    "TensorArrayConcatV3",
    "handle: array, flow_in: float32 -> value: dtype, lengths: int64",
    parse_concat,
    || {
        let concat = TensorArrayConcat { dtype: DType::F64, element_shape_except0: Shape::from([2, 3]) };
        vec![Example::new(concat, [handle_value(), flow_value()])]
    },
)
.aliases(&["TensorArrayConcat", "TensorArrayConcatV2"])
.effect(Effect::Object);

impl TensorArrayGather {
    fn parse(attrs: &Attrs, is_pack: bool) -> Result<Arc<dyn Op>> {
        let element_shape = attrs.shape_or("element_shape", Shape::unknown())?;
        Ok(Arc::new(TensorArrayGather { dtype: attrs.dtype("dtype")?, element_shape, is_pack }))
    }
}

fn gather_examples(is_pack: bool) -> Vec<Example> {
    let inputs = match is_pack {
        true => vec![handle_value(), flow_value()],
        false => vec![handle_value(), [0, 1].into_value(), flow_value()],
    };
    let of = |element_shape| TensorArrayGather { dtype: DType::F32, element_shape, is_pack };
    vec![Example::new(of(Shape::unknown()), inputs.clone()), Example::new(of(Shape::from([2, 3])), inputs)]
}

fn parse_concat(attrs: &Attrs) -> Result<Arc<dyn Op>> {
    let element_shape_except0 = attrs.shape_or("element_shape_except0", Shape::unknown())?;
    Ok(Arc::new(TensorArrayConcat { dtype: attrs.dtype("dtype")?, element_shape_except0 }))
}

/// What is known of the shape of an element: two of them may differ where the array leaves something open.
fn element_shape(cx: &InferCx<'_>) -> Shape {
    cx.shape(0).renew_anonymous()
}

impl Op for TensorArrayRead {
    fn kind(&self) -> &'static OpKind {
        &TENSOR_ARRAY_READ
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        cx.shape(1).with_rank(0)?;
        cx.shape(2).with_rank(0)?;
        let shape = element_shape(cx);
        cx.output(self.dtype, shape);
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let index = index(cx.input(1))?;
        let array = array(cx)?;
        array.check_read(self.dtype)?;
        let value = array
            .read(cx, std::iter::once(index))?
            .pop()
            .ok_or_else(|| Error::internal("a read gives one value an index"))?;
        cx.output(0, value);
        Ok(())
    }
}

impl Op for TensorArrayGather {
    fn kind(&self) -> &'static OpKind {
        if self.is_pack { &TENSOR_ARRAY_PACK } else { &TENSOR_ARRAY_GATHER }
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        let n = match self.is_pack {
            true => Dim::unknown(),
            false => cx.shape(1).with_rank(1)?.dim(0),
        };
        cx.shape(if self.is_pack { 1 } else { 2 }).with_rank(0)?;
        // What does not fit is for the run to refuse: the array may be empty.
        let known = element_shape(cx);
        let element = self.element_shape.merge(&known).unwrap_or_else(|_| self.element_shape.clone());
        cx.output(self.dtype, Shape::new([n]).concat(&element)?);
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let array = array(cx)?;
        array.check_read(self.dtype)?;
        array.refine(&self.element_shape)?;
        let (n, parts) = match self.is_pack {
            true => {
                let n = array.joined_len()?;
                (n, array.read(cx, (0..n).map(|i| i as i64))?)
            }
            false => {
                let indices = indices(cx.input(1))?;
                (indices.len(), array.read(cx, indices.iter())?)
            }
        };
        let mut dims = self.empty_dims(n)?;
        if let Some(first) = parts.first() {
            check_parts(&parts, &self.element_shape)?;
            dims.extend_from_slice(first.dims());
        }
        let out = join(cx, self.dtype, &dims, &parts)?;
        cx.output(0, out);
        Ok(())
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        vec![("element_shape", AttrValue::Shape(self.element_shape.clone()))]
    }
}

impl TensorArrayGather {
    /// `[n]`, and where that is 0 the dims of an element, too.
    fn empty_dims(&self, n: usize) -> Result<Dims> {
        let mut dims = Dims::from_slice(&[n]);
        if n == 0 {
            dims.extend(known(&self.element_shape, "element shape")?);
        }
        Ok(dims)
    }
}

/// The dims of elements that are not there.
fn known(shape: &Shape, what: &str) -> Result<Dims> {
    shape.known_dims().map(|dims| dims.iter().copied().collect()).ok_or_else(|| {
        let shape = show_shape(shape);
        Error::unsupported(format!("there are no elements, and the {what} {shape} is not fully defined"))
    })
}

fn check_parts(parts: &[Value], want: &Shape) -> Result<()> {
    let first = parts[0].dims();
    if !want.is_compatible_with(first) {
        let (want, first) = (show_shape(want), show(first));
        return Err(Error::invalid(format!("elements must have shape {want}, but the first has {first}")));
    }
    match parts.iter().position(|part| part.dims() != first) {
        None => Ok(()),
        Some(i) => {
            let (first, other) = (show(first), show(parts[i].dims()));
            Err(Error::invalid(format!(
                "elements must have one shape, but the first has {first} and number {i} {other}"
            )))
        }
    }
}

impl Op for TensorArrayConcat {
    fn kind(&self) -> &'static OpKind {
        &TENSOR_ARRAY_CONCAT
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        cx.shape(1).with_rank(0)?;
        let element = element_shape(cx);
        let rest = match element.rank() {
            Some(rank) if rank > 0 => element.slice(1..)?,
            _ => Shape::unknown(),
        };
        let except0 = &self.element_shape_except0;
        let rest = except0.merge(&rest).unwrap_or_else(|_| except0.clone());
        cx.output(self.dtype, Shape::new([Dim::unknown()]).concat(&rest)?);
        cx.output(DType::I64, Shape::unknown_of_rank(1));
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let array = array(cx)?;
        array.check_read(self.dtype)?;
        let (value, lengths) = self.concat(cx, &array)?;
        cx.output(0, value);
        cx.output(1, lengths);
        Ok(())
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        vec![("element_shape_except0", AttrValue::Shape(self.element_shape_except0.clone()))]
    }
}

impl TensorArrayConcat {
    fn concat(&self, cx: &RunCx<'_>, array: &ArrayObject) -> Result<(Value, Value)> {
        array.refine(&Shape::new([Dim::unknown()]).concat(&self.element_shape_except0)?)?;
        let n = array.joined_len()?;
        let parts = array.read(cx, (0..n).map(|i| i as i64))?;
        let rest = match parts.is_empty() {
            true => known(&self.element_shape_except0, "element shape without its first dim")?,
            false => check_rows(&parts, &self.element_shape_except0)?,
        };
        let lengths = cx.collect(parts.iter().map(|part| part.dims()[0] as i64))?;
        let total = lengths.iter().fold(0i64, |sum, len| sum.saturating_add(*len));
        let mut dims = Dims::from_slice(&[total as usize]);
        dims.extend(rest);
        Ok((join(cx, self.dtype, &dims, &parts)?, lengths.into_value(&[n])?))
    }
}

/// The dims of all elements without the first.
pub(super) fn check_rows(parts: &[Value], want: &Shape) -> Result<Dims> {
    if let Some(i) = parts.iter().position(|part| part.rank() == 0) {
        return Err(Error::invalid(format!("elements must be at least vectors, but number {i} is a scalar")));
    }
    let rest = &parts[0].dims()[1..];
    if !want.is_compatible_with(rest) {
        let (want, rest) = (show_shape(want), show(rest));
        return Err(Error::invalid(format!("elements must have shape {want} past the first dim, but have {rest}")));
    }
    match parts.iter().position(|part| part.dims()[1..] != *rest) {
        None => Ok(rest.iter().copied().collect()),
        Some(i) => {
            let (first, other) = (show(rest), show(&parts[i].dims()[1..]));
            let text = format!(
                "elements must have one shape past the first dim, but the first has {first} and number {i} {other}"
            );
            Err(Error::invalid(text))
        }
    }
}
