//! `TensorProto`: every encoding of a constant.
//!
//! Elements come as raw bytes, or as a list by dtype. A list may be shorter than the tensor: the last element then
//! fills the rest, and an empty list means zeros. All is checked before the tensor is allocated.

use half::{bf16, f16};
use num_complex::Complex;
use prost::Message;
use prost::bytes::Bytes;

use super::attr::{damaged, decode_dtype, shape_proto};
use super::budget::Budget;
use super::proto::{TensorProto, VariantProto};
use super::wire::Fields;
use crate::dtype::{DType, Plain};
use crate::error::{Error, ErrorKind, Result, escape};
use crate::shape::{Dims, byte_len, element_count};
use crate::value::Value;
use crate::value::variant::Variant;

/// Decodes a serialized `TensorProto`.
///
/// # Errors
/// `DataLoss` for damaged bytes; `InvalidArgument` for a tensor that contradicts itself; `Unsupported` for a dtype that
/// the engine does not hold; `ResourceExhausted` for a splat that is out of proportion to the message.
pub fn parse_tensor(bytes: &[u8]) -> Result<Value> {
    decode_tensor(&Bytes::copy_from_slice(bytes), &mut Budget::of_file(bytes.len()))
}

/// As [`parse_tensor`], under the budget of the whole file.
pub(super) fn decode_tensor(bytes: &Bytes, budget: &mut Budget) -> Result<Value> {
    let scratch = list_bytes(bytes)?.saturating_mul(16);
    budget.charge(scratch)?;
    let proto = TensorProto::decode(bytes.clone()).map_err(|error| damaged(&error))?;
    if proto.dtype > 100 {
        return Err(Error::invalid(format!("a tensor cannot have the reference dtype {}", proto.dtype)));
    }
    let dtype = decode_dtype(proto.dtype)?;
    let dims = decode_dims(&proto, budget)?;
    let count = element_count(&dims)?;
    let boxed = if dtype == DType::Variant { size_of::<Variant>() } else { size_of::<Vec<u8>>() };
    budget.charge(count.saturating_mul(dtype.size().unwrap_or(boxed)))?;
    let repeats = count.saturating_sub(proto.string_val.len());
    budget.charge(proto.string_val.last().map_or(0, |last| last.len().saturating_mul(repeats)))?;
    let value = if proto.tensor_content.is_empty() {
        from_lists(proto, dtype, &dims, count)
    } else {
        from_content(&proto, dtype, &dims, count)
    };
    budget.release(scratch);
    value
}

/// How many bytes of the message are in lists, which take more room in memory.
fn list_bytes(bytes: &Bytes) -> Result<usize> {
    let mut total = 0usize;
    for field in Fields::of(bytes) {
        let field = field?;
        if field.number != 4 {
            total = total.saturating_add(10 + field.bytes.map_or(0, |bytes| bytes.len()));
        }
    }
    Ok(total)
}

fn decode_dims(proto: &TensorProto, budget: &mut Budget) -> Result<Dims> {
    let bytes = proto.tensor_shape.as_ref().ok_or_else(|| Error::invalid("the tensor has no shape"))?;
    let shape = shape_proto(bytes, budget)?;
    if shape.unknown_rank {
        return Err(Error::invalid("the shape of a constant must be known, but its rank is not"));
    }
    let size = |dim: &super::proto::DimProto| {
        let negative = |_| Error::invalid(format!("a dimension of a constant must be 0 or more, but is {}", dim.size));
        usize::try_from(dim.size).map_err(negative)
    };
    shape.dim.iter().map(size).collect()
}

fn from_content(proto: &TensorProto, dtype: DType, dims: &[usize], count: usize) -> Result<Value> {
    let listed = list_len(proto);
    if listed > 0 {
        return Err(Error::invalid(format!(
            "the tensor has {} raw bytes and {listed} listed values, but only one of them may be there",
            proto.tensor_content.len()
        )));
    }
    if dtype == DType::String {
        return Value::from_strings(dims, split_strings(&proto.tensor_content, count)?);
    }
    let want = byte_len(dims, dtype)?;
    let got = proto.tensor_content.len();
    if want != got {
        return Err(Error::invalid(format!("the tensor must have {want} bytes of elements, but has {got}")));
    }
    Value::from_bytes(dtype, dims, &proto.tensor_content)
}

/// Strings as raw bytes: all lengths, then all texts.
fn split_strings(content: &Bytes, count: usize) -> Result<Vec<Vec<u8>>> {
    if count > content.len() {
        let text = format!("{count} strings need as many bytes, but {} are there", content.len());
        return Err(Error::new(ErrorKind::DataLoss, text));
    }
    let mut rest = content.clone();
    let mut lens = Vec::with_capacity(count);
    for _ in 0..count {
        lens.push(prost::encoding::decode_varint(&mut rest).map_err(|error| damaged(&error))?);
    }
    let text = |len: u64| match usize::try_from(len) {
        Ok(len) if len <= rest.len() => Ok(rest.split_to(len).to_vec()),
        _ => Err(Error::new(ErrorKind::DataLoss, format!("a string of {len} bytes is cut off"))),
    };
    let strings = lens.into_iter().map(text).collect::<Result<Vec<_>>>()?;
    match rest.len() {
        0 => Ok(strings),
        n => Err(Error::invalid(format!("{n} bytes are left over after {count} strings"))),
    }
}

fn list_len(proto: &TensorProto) -> usize {
    let p = proto;
    p.float_val.len()
        + p.double_val.len()
        + p.int_val.len()
        + p.string_val.len()
        + p.scomplex_val.len()
        + p.int64_val.len()
        + p.bool_val.len()
        + p.dcomplex_val.len()
        + p.half_val.len()
        + p.uint32_val.len()
        + p.uint64_val.len()
        + p.variant_val.len()
}

fn from_lists(proto: TensorProto, dtype: DType, dims: &[usize], count: usize) -> Result<Value> {
    let all = list_len(&proto);
    let mine = own_list_len(&proto, dtype);
    if all != mine {
        return Err(Error::invalid(format!(
            "a {dtype} tensor must hold {dtype} values, but {} others are there",
            all - mine
        )));
    }
    let fill = Fill { dims, count };
    let value = match dtype.stored() {
        DType::F32 => fill.plain(proto.float_val),
        DType::F64 => fill.plain(proto.double_val),
        DType::I32 => fill.plain(proto.int_val),
        DType::I16 => fill.plain(narrow(&proto.int_val, |n| i16::try_from(n).ok())?),
        DType::I8 => fill.plain(narrow(&proto.int_val, |n| i8::try_from(n).ok())?),
        DType::U16 => fill.plain(narrow(&proto.int_val, |n| u16::try_from(n).ok())?),
        DType::U8 => fill.plain(narrow(&proto.int_val, |n| u8::try_from(n).ok())?),
        DType::I64 => fill.plain(proto.int64_val),
        DType::U32 => fill.plain(proto.uint32_val),
        DType::U64 => fill.plain(proto.uint64_val),
        DType::Bool => fill.plain(proto.bool_val),
        DType::F16 => fill.plain(narrow(&proto.half_val, |n| u16::try_from(n).ok().map(f16::from_bits))?),
        DType::BF16 => fill.plain(narrow(&proto.half_val, |n| u16::try_from(n).ok().map(bf16::from_bits))?),
        DType::C64 => fill.plain(pairs(&proto.scomplex_val)?),
        DType::C128 => fill.plain(pairs(&proto.dcomplex_val)?),
        DType::String => fill.strings(&proto.string_val),
        DType::Variant => fill.variants(&proto.variant_val),
        _ => Err(Error::unsupported(format!("a constant of dtype {dtype} is not supported"))),
    };
    value?.quantized_as(dtype)
}

fn own_list_len(p: &TensorProto, dtype: DType) -> usize {
    match dtype.stored() {
        DType::F32 => p.float_val.len(),
        DType::F64 => p.double_val.len(),
        DType::I32 | DType::I16 | DType::I8 | DType::U16 | DType::U8 => p.int_val.len(),
        DType::I64 => p.int64_val.len(),
        DType::U32 => p.uint32_val.len(),
        DType::U64 => p.uint64_val.len(),
        DType::Bool => p.bool_val.len(),
        DType::F16 | DType::BF16 => p.half_val.len(),
        DType::C64 => p.scomplex_val.len(),
        DType::C128 => p.dcomplex_val.len(),
        DType::String => p.string_val.len(),
        DType::Variant => p.variant_val.len(),
        _ => 0,
    }
}

/// A tensor to fill from a list that may be shorter.
struct Fill<'a> {
    dims: &'a [usize],
    count: usize,
}

impl Fill<'_> {
    fn check(&self, listed: usize) -> Result<()> {
        if listed > self.count {
            return Err(Error::invalid(format!("the tensor must have {} values, but has {listed}", self.count)));
        }
        Ok(())
    }

    fn plain<T: Plain>(&self, mut values: Vec<T>) -> Result<Value> {
        self.check(values.len())?;
        let last = values.last().copied().unwrap_or_default();
        let more = values.try_reserve_exact(self.count - values.len());
        more.map_err(|_| Error::new(ErrorKind::ResourceExhausted, format!("no memory for {} elements", self.count)))?;
        values.resize(self.count, last);
        Value::from_vec(self.dims, values)
    }

    fn strings(&self, values: &[Bytes]) -> Result<Value> {
        // TensorFlow writes one value for zeros without elements.
        let values = if self.count == 0 { &[] } else { values };
        self.check(values.len())?;
        let last = values.last().cloned().unwrap_or_default();
        let missing = self.count - values.len();
        let all = values.iter().chain(std::iter::repeat_n(&last, missing));
        Value::from_strings(self.dims, all.map(|bytes| bytes.to_vec()).collect())
    }
}

impl Fill<'_> {
    fn variants(&self, values: &[VariantProto]) -> Result<Value> {
        self.check(values.len())?;
        let mut all = values.iter().map(decode_variant).collect::<Result<Vec<_>>>()?;
        let last = all.last().cloned().unwrap_or_default();
        let more = all.try_reserve_exact(self.count - all.len());
        more.map_err(|_| Error::new(ErrorKind::ResourceExhausted, format!("no memory for {} elements", self.count)))?;
        all.resize(self.count, last);
        Value::from_variants(self.dims, all)
    }
}

/// A number; lists and other classes mean nothing outside of the program that wrote them.
fn decode_variant(proto: &VariantProto) -> Result<Variant> {
    let dtype = match &proto.type_name[..] {
        b"" => return Ok(Variant::Empty),
        b"int" => DType::I32,
        b"float" => DType::F32,
        b"bool" => DType::Bool,
        name => {
            let name = escape(&String::from_utf8_lossy(name));
            return Err(Error::unsupported(format!(
                "a constant of dtype variant that holds '{name}' is not supported"
            )));
        }
    };
    Ok(Variant::Number(Value::from_bytes(dtype, &[], &proto.metadata)?))
}

fn narrow<T>(values: &[i32], convert: impl Fn(i32) -> Option<T>) -> Result<Vec<T>> {
    let one = |n: &i32| convert(*n).ok_or_else(|| Error::invalid(format!("the value {n} does not fit the dtype")));
    values.iter().map(one).collect()
}

fn pairs<T: Copy>(values: &[T]) -> Result<Vec<Complex<T>>> {
    let (pairs, rest) = values.as_chunks::<2>();
    if !rest.is_empty() {
        return Err(Error::invalid(format!("complex values come in pairs, but {} numbers are there", values.len())));
    }
    Ok(pairs.iter().map(|[re, im]| Complex::new(*re, *im)).collect())
}
