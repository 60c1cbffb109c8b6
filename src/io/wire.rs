//! Protobuf's wire format, one field at a time: what lets a large message be decoded in pieces.

use prost::bytes::{Buf, Bytes};

use crate::error::{Error, ErrorKind, Result};

/// One field of a message.
pub(super) struct Field {
    /// Its number.
    pub(super) number: u32,
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
        let bytes = match key & 7 {
            0 => self.varint(offset).map(|_| None)?,
            1 => self.take(8, offset).map(|_| None)?,
            2 => {
                let len = self.varint(offset)?;
                Some(self.take(len, offset)?)
            }
            5 => self.take(4, offset).map(|_| None)?,
            other => return Err(damaged(offset, &format!("has wire type {other}"))),
        };
        Ok(Field { number, bytes, offset })
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

#[cold]
pub(super) fn damaged(offset: usize, what: &str) -> Error {
    Error::new(ErrorKind::DataLoss, format!("the field at byte {offset} {what}"))
}
