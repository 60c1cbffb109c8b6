//! `DecodeRaw`: the bytes of strings as numbers.

use std::sync::Arc;

use super::NO_GRADIENT;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::graph::{AttrValue, Attrs, Example, InferCx, Op, OpKind, RunCx};
use crate::shape::{Dim, Shape};
use crate::value::{IntoValue, Value};

/// Bytes that are copied at once: a multiple of all sizes.
const PART: usize = 1 << 16;

/// The numbers whose bytes stand in strings of one length: `(..) -> (.., n)`.
#[derive(Debug, Clone)]
pub struct DecodeRaw {
    /// The dtype of the numbers.
    pub out_type: DType,
    /// Whether the lowest byte comes first.
    pub little_endian: bool,
}

/// The row of [`DecodeRaw`].
pub static DECODE_RAW: OpKind =
    OpKind::new("DecodeRaw", "bytes: string -> output: out_type", parse, examples).not_differentiable(NO_GRADIENT);

fn parse(attrs: &Attrs) -> Result<Arc<dyn Op>> {
    let (out_type, little_endian) = (attrs.dtype("out_type")?, attrs.bool_or("little_endian", true)?);
    if out_type.size().is_none() {
        return Err(Error::invalid(format!("out_type must have elements of a fixed size, but is {out_type}")));
    }
    Ok(Arc::new(DecodeRaw { out_type, little_endian }))
}

fn examples() -> Vec<Example> {
    let of = |out_type, little_endian, value: Value| Example::new(DecodeRaw { out_type, little_endian }, [value]);
    let none = Value::zeros(DType::String, &[2, 0]).expect("no elements");
    vec![
        of(DType::I16, true, ["abcd", "efgh"].into_value()),
        of(DType::C64, false, "abcdabcd".into_value()),
        of(DType::F32, true, none),
    ]
}

impl Op for DecodeRaw {
    fn kind(&self) -> &'static OpKind {
        &DECODE_RAW
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        let shape = cx.shape(0).concat(&Shape::new([Dim::unknown()]))?;
        cx.output(self.out_type, shape);
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let input = cx.input(0);
        let strings = input.strings()?;
        let len = strings.first().map_or(0, Vec::len);
        if let Some(i) = strings.iter().position(|text| text.len() != len) {
            let other = strings[i].len();
            let text = format!("strings must all have one length, but have {len} and, at {i}, {other} bytes");
            return Err(Error::invalid(text));
        }
        let dtype = self.out_type;
        let size = dtype.size().ok_or_else(|| Error::internal("the dtype was checked"))?;
        if !len.is_multiple_of(size) {
            return Err(Error::invalid(format!(
                "strings must have a multiple of the {size} bytes of {dtype}, but have {len}"
            )));
        }
        let mut value = cx.alloc(dtype, &[input.dims(), &[len / size]].concat())?;
        let (mut pace, mut buffer) = (cx.pace(), cx.list(PART.min(len))?);
        let part_size = if dtype.is_complex() { size / 2 } else { size };
        for (i, text) in strings.iter().enumerate() {
            for (j, part) in text.chunks(PART).enumerate() {
                pace.spend(8 + part.len())?;
                buffer.clear();
                buffer.extend_from_slice(part)?;
                if self.little_endian != cfg!(target_endian = "little") {
                    buffer.chunks_exact_mut(part_size).for_each(<[u8]>::reverse);
                }
                value.put_bytes(i * len + j * PART, &buffer)?;
            }
        }
        cx.output(0, value);
        Ok(())
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        vec![("out_type", AttrValue::Type(self.out_type)), ("little_endian", AttrValue::Bool(self.little_endian))]
    }
}
