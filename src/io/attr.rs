//! Attributes of files as attributes of ops.

use std::collections::BTreeMap;

use prost::Message;
use prost::bytes::Bytes;

use super::budget::Budget;
use super::proto::{AttrKind, AttrProto, FuncProto, ListProto, ShapeProto};
use super::tensor_proto::decode_tensor;
use super::wire::Fields;
use crate::dtype::DType;
use crate::error::{Error, ErrorKind, Result, escape};
use crate::graph::{AttrValue, MAX_NESTING};
use crate::shape::{Dim, Shape};

/// TensorFlow's largest rank.
const MAX_RANK: usize = 254;

/// Decodes an attribute's value.
pub(super) fn decode_attr(attr: &AttrProto, budget: &mut Budget) -> Result<AttrValue> {
    nested(attr, budget, 0)
}

fn nested(attr: &AttrProto, budget: &mut Budget, depth: usize) -> Result<AttrValue> {
    let value = attr.value.as_ref().ok_or_else(|| Error::invalid("the attribute has no value"))?;
    Ok(match value {
        AttrKind::S(bytes) => AttrValue::Str(bytes.to_vec()),
        AttrKind::I(value) => AttrValue::Int(*value),
        AttrKind::F(value) => AttrValue::Float(*value),
        AttrKind::B(value) => AttrValue::Bool(*value),
        AttrKind::Type(number) => AttrValue::Type(decode_dtype(*number)?),
        AttrKind::Shape(bytes) => AttrValue::Shape(decode_shape(bytes, budget)?),
        AttrKind::Tensor(bytes) => AttrValue::Tensor(decode_tensor(bytes, budget)?),
        AttrKind::Func(bytes) => decode_func(bytes, budget, depth).map(|(name, attrs)| AttrValue::Func(name, attrs))?,
        AttrKind::List(bytes) => decode_list(bytes, budget, depth)?,
        AttrKind::Placeholder(name) => {
            let text = format!("the attribute is the parameter '{}' of a function", escape(name));
            return Err(Error::invalid(text));
        }
    })
}

/// Memory that a copy of an attribute takes: tensors and bodies are shared.
pub(super) fn copy_cost(value: &AttrValue) -> usize {
    const ENTRY: usize = size_of::<(String, AttrValue)>();
    let of_func = |name: &String, attrs: &BTreeMap<String, AttrValue>| {
        name.len() + attrs.iter().map(|(name, value)| ENTRY + name.len() + copy_cost(value)).sum::<usize>()
    };
    match value {
        AttrValue::Str(bytes) => bytes.len(),
        AttrValue::Ints(list) => size_of_val(list.as_slice()),
        AttrValue::Floats(list) => size_of_val(list.as_slice()),
        AttrValue::Bools(list) => size_of_val(list.as_slice()),
        AttrValue::Types(list) => size_of_val(list.as_slice()),
        AttrValue::Shapes(list) => size_of_val(list.as_slice()),
        AttrValue::Bodies(list) => size_of_val(list.as_slice()),
        AttrValue::Strs(list) => list.iter().map(|bytes| ENTRY + bytes.len()).sum(),
        AttrValue::Func(name, attrs) => of_func(name, attrs),
        AttrValue::Funcs(list) => list.iter().map(|(name, attrs)| ENTRY + of_func(name, attrs)).sum(),
        _ => 0,
    }
}

/// The dtype of a number; a reference type gives its base.
pub(super) fn decode_dtype(number: i32) -> Result<DType> {
    DType::from_tf_number(number).ok_or_else(|| match number {
        24..=50 => Error::unsupported(format!("dtype number {number} is not supported")),
        _ => Error::invalid(format!("there is no dtype of number {number}")),
    })
}

/// A static shape; -1 is a dim that is not known.
pub(super) fn decode_shape(bytes: &Bytes, budget: &mut Budget) -> Result<Shape> {
    let shape = shape_proto(bytes, budget)?;
    if shape.unknown_rank {
        return match shape.dim.len() {
            0 => Ok(Shape::unknown()),
            n => Err(Error::invalid(format!("a shape of unknown rank must have no dims, but has {n}"))),
        };
    }
    let dim = |dim: &super::proto::DimProto| match usize::try_from(dim.size) {
        Ok(size) => Ok(Dim::from(size)),
        Err(_) if dim.size == -1 => Ok(Dim::unknown()),
        Err(_) => Err(Error::invalid(format!("a dimension must be -1 or more, but is {}", dim.size))),
    };
    shape.dim.iter().map(dim).collect::<Result<Vec<_>>>().map(Shape::from)
}

/// The shape's message, of a legal rank.
pub(super) fn shape_proto(bytes: &Bytes, budget: &mut Budget) -> Result<ShapeProto> {
    let rank = count_fields(bytes, budget, 2)?;
    if rank > MAX_RANK {
        return Err(Error::invalid(format!("a shape has at most {MAX_RANK} dims, but this has {rank}")));
    }
    ShapeProto::decode(bytes.clone()).map_err(|error| damaged(&error))
}

fn decode_func(bytes: &Bytes, budget: &mut Budget, depth: usize) -> Result<(String, BTreeMap<String, AttrValue>)> {
    if depth >= MAX_NESTING {
        return Err(Error::invalid(format!("functions in attributes nest at most {MAX_NESTING} deep")));
    }
    count_fields(bytes, budget, 2)?;
    let func = FuncProto::decode(bytes.clone()).map_err(|error| damaged(&error))?;
    let attrs = func.attr.iter().map(|(name, attr)| Ok((name.clone(), nested(attr, budget, depth + 1)?)));
    Ok((func.name.clone(), attrs.collect::<Result<_>>()?))
}

fn decode_list(bytes: &Bytes, budget: &mut Budget, depth: usize) -> Result<AttrValue> {
    // Packed lists take up to 8 bytes for each of the file, doubled while they grow.
    budget.charge(bytes.len().saturating_mul(16))?;
    let list = ListProto::decode(bytes.clone()).map_err(|error| damaged(&error))?;
    budget.release(bytes.len().saturating_mul(16));
    let ListProto { s, i, f, b, r#type, shape, tensor, func } = list;
    budget.charge(8 * (i.len() + f.len()) + 64 * (s.len() + shape.len() + func.len()))?;
    let kinds = [s.len(), i.len(), f.len(), b.len(), r#type.len(), shape.len(), tensor.len(), func.len()];
    if kinds.iter().filter(|len| **len > 0).count() > 1 {
        return Err(Error::invalid("a list must have elements of one kind"));
    }
    Ok(match () {
        () if !s.is_empty() => AttrValue::Strs(s.iter().map(|bytes| bytes.to_vec()).collect()),
        () if !i.is_empty() => AttrValue::Ints(i),
        () if !f.is_empty() => AttrValue::Floats(f),
        () if !b.is_empty() => AttrValue::Bools(b),
        () if !r#type.is_empty() => {
            AttrValue::Types(r#type.iter().map(|number| decode_dtype(*number)).collect::<Result<_>>()?)
        }
        () if !shape.is_empty() => {
            AttrValue::Shapes(shape.iter().map(|bytes| decode_shape(bytes, budget)).collect::<Result<_>>()?)
        }
        () if !func.is_empty() => {
            AttrValue::Funcs(func.iter().map(|bytes| decode_func(bytes, budget, depth)).collect::<Result<_>>()?)
        }
        () if !tensor.is_empty() => return Err(Error::unsupported("lists of tensors are not supported")),
        () => AttrValue::Empty,
    })
}

/// How many fields of this number a message has; all of its fields are charged as entries of a list or map.
fn count_fields(bytes: &Bytes, budget: &mut Budget, number: u32) -> Result<usize> {
    let mut n = 0;
    for field in Fields::of(bytes) {
        budget.charge(64)?;
        n += usize::from(field?.number == number);
    }
    Ok(n)
}

#[cold]
pub(super) fn damaged(error: &prost::DecodeError) -> Error {
    Error::new(ErrorKind::DataLoss, format!("the attribute is damaged: {error}"))
}
