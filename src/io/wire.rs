//! Protobuf's wire format, one field at a time: what lets a large message be decoded in pieces.

use prost::bytes::{Buf, Bytes};

use crate::error::{Error, ErrorKind, Result};

/// How a field is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WireType {
    Varint,
    Fixed64,
    Bytes,
    Fixed32,
}

/// One field of a message.
#[derive(Debug)]
pub(super) struct Field {
    /// Its number.
    pub(super) number: u32,
    /// How it is written.
    pub(super) wire: WireType,
    /// A number's bits.
    pub(super) value: u64,
    /// The bytes of a string, message or packed list; `None` for a number.
    pub(super) bytes: Option<Bytes>,
    /// Where it begins in the message.
    pub(super) offset: usize,
}

/// The fields of a message, in order. Slices share the message's memory.
pub(super) struct Fields {
    rest: Bytes,
    len: usize,
}

impl Fields {
    pub(super) fn of(message: &Bytes) -> Fields {
        Fields { rest: message.clone(), len: message.len() }
    }

    fn field(&mut self, offset: usize) -> Result<Field> {
        let key = self.varint(offset)?;
        let number = u32::try_from(key >> 3).map_err(|_| damaged(offset, "has a field number that is too large"))?;
        if number == 0 {
            return Err(damaged(offset, "has field number 0"));
        }
        let (wire, value, bytes) = match key & 7 {
            0 => (WireType::Varint, self.varint(offset)?, None),
            1 => (WireType::Fixed64, self.number(8, offset)?, None),
            2 => {
                let len = self.varint(offset)?;
                (WireType::Bytes, 0, Some(self.take(len, offset)?))
            }
            5 => (WireType::Fixed32, self.number(4, offset)?, None),
            other => return Err(damaged(offset, &format!("has wire type {other}"))),
        };
        Ok(Field { number, wire, value, bytes, offset })
    }

    /// A little-endian number of so many bytes.
    fn number(&mut self, len: u64, offset: usize) -> Result<u64> {
        let bytes = self.take(len, offset)?;
        Ok(bytes.iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte)))
    }

    fn varint(&mut self, offset: usize) -> Result<u64> {
        prost::encoding::decode_varint(&mut self.rest).map_err(|_| damaged(offset, "holds a broken number"))
    }

    fn take(&mut self, len: u64, offset: usize) -> Result<Bytes> {
        let left = self.rest.remaining();
        match usize::try_from(len) {
            Ok(len) if len <= left => Ok(self.rest.split_to(len)),
            _ => Err(damaged(offset, &format!("says it has {len} bytes, but {left} are left"))),
        }
    }
}

impl Iterator for Fields {
    type Item = Result<Field>;

    fn next(&mut self) -> Option<Result<Field>> {
        if !self.rest.has_remaining() {
            return None;
        }
        let offset = self.len - self.rest.remaining();
        let field = self.field(offset);
        if field.is_err() {
            self.rest.clear();
        }
        Some(field)
    }
}

/// How many fields of this number a message has; what follows a damaged one does not count.
pub(super) fn count(message: &Bytes, number: u32) -> usize {
    Fields::of(message).map_while(Result::ok).filter(|field| field.number == number).count()
}

/// The numbers of a packed list, as bits.
pub(super) fn packed(bytes: &Bytes, wire: WireType, offset: usize) -> impl Iterator<Item = Result<u64>> + use<> {
    let mut fields = Fields::of(bytes);
    std::iter::from_fn(move || {
        if !fields.rest.has_remaining() {
            return None;
        }
        let number = match wire {
            WireType::Varint => fields.varint(offset),
            WireType::Fixed64 => fields.number(8, offset),
            WireType::Fixed32 => fields.number(4, offset),
            WireType::Bytes => Err(damaged(offset, "cannot be a packed list")),
        };
        if number.is_err() {
            fields.rest.clear();
        }
        Some(number)
    })
}

#[cold]
pub(super) fn damaged(offset: usize, what: &str) -> Error {
    Error::new(ErrorKind::DataLoss, format!("the field at byte {offset} {what}"))
}
