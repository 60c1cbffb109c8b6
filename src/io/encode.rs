//! Attributes and tensors as TensorFlow's messages: the way back of `attr` and `tensor_proto`.

use std::collections::BTreeMap;

use half::{bf16, f16};
use num_complex::Complex;
use prost::Message;
use prost::bytes::Bytes;

use super::proto::{AttrKind, AttrProto, DimProto, FuncProto, ListProto, ShapeProto, TensorProto, VariantProto};
use crate::dtype::{DType, Plain};
use crate::error::{Error, Result};
use crate::graph::AttrValue;
use crate::shape::Shape;
use crate::value::Value;
use crate::value::variant::Variant;

/// An attribute's message.
///
/// # Errors
/// `Unsupported` for tensors that files cannot hold, and for bodies.
pub(super) fn encode_attr(value: &AttrValue) -> Result<AttrProto> {
    Ok(AttrProto { value: Some(encode_kind(value)?) })
}

fn encode_kind(value: &AttrValue) -> Result<AttrKind> {
    let list = |list: ListProto| AttrKind::List(list.encode_to_vec().into());
    Ok(match value {
        AttrValue::Int(value) => AttrKind::I(*value),
        AttrValue::Float(value) => AttrKind::F(*value),
        AttrValue::Bool(value) => AttrKind::B(*value),
        AttrValue::Str(bytes) => AttrKind::S(bytes.clone().into()),
        AttrValue::Type(dtype) => AttrKind::Type(dtype.tf_number()),
        AttrValue::Shape(shape) => AttrKind::Shape(encode_shape(shape)),
        AttrValue::Tensor(value) => AttrKind::Tensor(encode_tensor(value)?),
        AttrValue::Func(name, attrs) => AttrKind::Func(encode_func(name, attrs)?),
        AttrValue::Ints(i) => list(ListProto { i: i.clone(), ..ListProto::default() }),
        AttrValue::Floats(f) => list(ListProto { f: f.clone(), ..ListProto::default() }),
        AttrValue::Bools(b) => list(ListProto { b: b.clone(), ..ListProto::default() }),
        AttrValue::Strs(s) => {
            list(ListProto { s: s.iter().cloned().map(Bytes::from).collect(), ..ListProto::default() })
        }
        AttrValue::Types(dtypes) => {
            list(ListProto { r#type: dtypes.iter().map(|dtype| dtype.tf_number()).collect(), ..ListProto::default() })
        }
        AttrValue::Shapes(shapes) => {
            list(ListProto { shape: shapes.iter().map(encode_shape).collect(), ..ListProto::default() })
        }
        AttrValue::Funcs(funcs) => {
            let func = funcs.iter().map(|(name, attrs)| encode_func(name, attrs)).collect::<Result<_>>()?;
            list(ListProto { func, ..ListProto::default() })
        }
        AttrValue::Body(_) | AttrValue::Bodies(_) => {
            return Err(Error::unsupported("the bodies of control flow nodes cannot be written to files"));
        }
        AttrValue::Empty => list(ListProto::default()),
    })
}

/// A list of shapes, as `_output_shapes` is.
pub(super) fn encode_shapes(shapes: impl Iterator<Item = Shape>) -> AttrProto {
    let list = ListProto { shape: shapes.map(|shape| encode_shape(&shape)).collect(), ..ListProto::default() };
    AttrProto { value: Some(AttrKind::List(list.encode_to_vec().into())) }
}

/// A shape's message; files know of a dim its size or nothing.
pub(super) fn encode_shape(shape: &Shape) -> Bytes {
    let proto = match shape.dims() {
        None => ShapeProto { dim: Vec::new(), unknown_rank: true },
        Some(dims) => {
            let size = |known: Option<usize>| known.and_then(|size| i64::try_from(size).ok()).unwrap_or(-1);
            let dim = dims.iter().map(|dim| DimProto { size: size(dim.known()) }).collect();
            ShapeProto { dim, unknown_rank: false }
        }
    };
    proto.encode_to_vec().into()
}

fn encode_func(name: &str, attrs: &BTreeMap<String, AttrValue>) -> Result<Bytes> {
    let attr = attrs.iter().map(|(name, value)| Ok((name.clone(), encode_attr(value)?))).collect::<Result<_>>()?;
    Ok(FuncProto { name: name.to_owned(), attr }.encode_to_vec().into())
}

/// A tensor's message: one listed element where all are equal, else raw bytes; strings are listed.
///
/// # Errors
/// `Unsupported` for handles, which mean nothing outside of their session.
pub(super) fn encode_tensor(value: &Value) -> Result<Bytes> {
    let dims = Shape::from(value.dims());
    let mut proto = TensorProto {
        dtype: value.dtype().tf_number(),
        tensor_shape: Some(encode_shape(&dims)),
        ..TensorProto::default()
    };
    match value.dtype() {
        DType::String => list_strings(value.strings()?, &mut proto),
        DType::Variant => proto.variant_val = value.as_variants()?.iter().map(encode_variant).collect::<Result<_>>()?,
        DType::Resource => {
            return Err(Error::unsupported(format!("a constant of dtype {} cannot be written", value.dtype())));
        }
        _ if value.is_empty() => {}
        _ if is_splat(value)? => list_one(value, &mut proto)?,
        _ => proto.tensor_content = Bytes::copy_from_slice(value.bytes()?),
    }
    Ok(proto.encode_to_vec().into())
}

/// A serialized `TensorProto`: the inverse of [`parse_tensor`](super::parse_tensor).
///
/// # Errors
/// `Unsupported` for handles, which mean nothing outside of their session.
pub fn tensor_to_bytes(value: &Value) -> Result<Vec<u8>> {
    encode_tensor(value).map(Vec::from)
}

fn list_strings(strings: &[Vec<u8>], proto: &mut TensorProto) {
    let is_splat = strings.first().is_some_and(|first| strings.iter().all(|text| text == first));
    let listed = if is_splat { 1 } else { strings.len() };
    proto.string_val = strings.iter().take(listed).cloned().map(Bytes::from).collect();
}

fn encode_variant(variant: &Variant) -> Result<VariantProto> {
    let value = match variant {
        Variant::Number(value) => value,
        Variant::Empty => return Ok(VariantProto::default()),
        _ => {
            let what = variant.what();
            return Err(Error::unsupported(format!("a constant of dtype variant that holds {what} cannot be written")));
        }
    };
    let type_name = match value.dtype() {
        DType::I32 => "int",
        DType::F32 => "float",
        _ => "bool",
    };
    let metadata = Bytes::copy_from_slice(value.bytes()?);
    Ok(VariantProto { type_name: Bytes::from_static(type_name.as_bytes()), metadata, tensors: Vec::new() })
}

/// Whether all elements have the bits of the first.
fn is_splat(value: &Value) -> Result<bool> {
    let bytes = value.bytes()?;
    let size = value.dtype().size().unwrap_or(1);
    let first = bytes.get(..size).unwrap_or_default();
    Ok(bytes.chunks_exact(size).all(|element| element == first))
}

/// Lists the first element in the field of its dtype.
fn list_one(value: &Value, proto: &mut TensorProto) -> Result<()> {
    let value = &value.stored();
    match value.dtype() {
        DType::F32 => proto.float_val = first::<f32>(value)?,
        DType::F64 => proto.double_val = first::<f64>(value)?,
        DType::I32 => proto.int_val = first::<i32>(value)?,
        DType::I16 => proto.int_val = first_as::<i16, _>(value, i32::from)?,
        DType::I8 => proto.int_val = first_as::<i8, _>(value, i32::from)?,
        DType::U16 => proto.int_val = first_as::<u16, _>(value, i32::from)?,
        DType::U8 => proto.int_val = first_as::<u8, _>(value, i32::from)?,
        DType::I64 => proto.int64_val = first::<i64>(value)?,
        DType::U32 => proto.uint32_val = first::<u32>(value)?,
        DType::U64 => proto.uint64_val = first::<u64>(value)?,
        DType::Bool => proto.bool_val = first::<bool>(value)?,
        DType::F16 => proto.half_val = first_as::<f16, _>(value, |x| i32::from(x.to_bits()))?,
        DType::BF16 => proto.half_val = first_as::<bf16, _>(value, |x| i32::from(x.to_bits()))?,
        DType::C64 => proto.scomplex_val = first::<Complex<f32>>(value)?.iter().flat_map(|x| [x.re, x.im]).collect(),
        DType::C128 => proto.dcomplex_val = first::<Complex<f64>>(value)?.iter().flat_map(|x| [x.re, x.im]).collect(),
        _ => {}
    }
    Ok(())
}

fn first<T: Plain>(value: &Value) -> Result<Vec<T>> {
    first_as::<T, T>(value, |x| x)
}

fn first_as<T: Plain, U>(value: &Value, convert: impl Fn(T) -> U) -> Result<Vec<U>> {
    Ok(value.slice::<T>()?.first().map(|x| convert(*x)).into_iter().collect())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::io::parse_tensor;
    use crate::value::IntoValue;

    #[track_caller]
    fn check(value: Value, max_len: usize) {
        let bytes = tensor_to_bytes(&value).unwrap();
        assert!(bytes.len() <= max_len, "{} bytes for {value}", bytes.len());
        assert!(parse_tensor(&bytes).unwrap().same_bits(&value), "{value}");
    }

    #[test]
    fn every_dtype_comes_back_bit_by_bit() {
        for dtype in DType::ALL {
            match dtype {
                DType::Resource | DType::Variant => {}
                DType::String => {
                    check(Value::from_strings(&[2], vec![b"a\0".to_vec(), Vec::new()]).unwrap(), 20);
                    check(Value::from_strings(&[3], vec![b"same".to_vec(); 3]).unwrap(), 20);
                    check(Value::from_strings(&[0, 2], Vec::new()).unwrap(), 20);
                }
                _ => {
                    let size = dtype.size().unwrap();
                    let bytes: Vec<u8> =
                        (0..4 * size).map(|i| if dtype == DType::Bool { i % 2 } else { i } as u8).collect();
                    check(Value::from_bytes(dtype, &[2, 2], &bytes).unwrap(), 100);
                    check(Value::from_bytes(dtype, &[], bytes.get(..size).unwrap()).unwrap(), 40);
                    check(Value::zeros(dtype, &[1000, 3]).unwrap(), 40);
                    check(Value::zeros(dtype, &[0, 7]).unwrap(), 20);
                }
            }
        }
    }

    #[test]
    fn a_splat_of_a_nan_keeps_its_bits() {
        check(vec![f32::from_bits(0x7fc0_1234); 100].into_value(), 30);
        check(vec![0.0f32, -0.0].into_value(), 30);
    }

    #[test]
    fn numbers_may_be_variants() {
        let numbers = [Value::scalar_of(7i32), Value::scalar_of(0.5f32), Value::scalar_of(true)].map(Variant::Number);
        check(Value::from_variants(&[3], numbers.into()).unwrap(), 60);
    }

    #[test]
    fn handles_are_refused() {
        let handle = Value::from_object(DType::Resource, std::sync::Arc::new(1));
        assert_eq!(encode_tensor(&handle).unwrap_err().kind(), crate::ErrorKind::Unsupported);
    }
}
