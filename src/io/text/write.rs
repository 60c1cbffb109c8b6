//! From the wire to text.

use std::fmt::Write;

use prost::bytes::Bytes;

use super::MAX_DEPTH;
use super::schema::{Field, Kind, Message};
use crate::error::{Error, ErrorKind, Result};
use crate::io::wire::{self, Fields, WireType, damaged};

/// A message as text. Fields stand in the order of their numbers; fields that the table does not have are left out.
pub(super) fn write(message: &'static Message, bytes: &Bytes) -> Result<String> {
    // Two bytes can be a message at the deepest level, whose line is all indentation.
    let max_len = bytes.len().saturating_mul(64).saturating_add(1 << 20);
    let mut writer = Writer { out: String::new(), max_len };
    writer.message(message, bytes, 0)?;
    Ok(writer.out)
}

struct Writer {
    out: String,
    max_len: usize,
}

impl Writer {
    fn message(&mut self, message: &'static Message, bytes: &Bytes, depth: usize) -> Result<()> {
        if depth > MAX_DEPTH {
            return Err(Error::new(ErrorKind::DataLoss, format!("messages nest at most {MAX_DEPTH} deep")));
        }
        for (field, values) in grouped(message, bytes)? {
            match field.kind {
                Kind::Message(inner) => self.messages(field, inner, values, depth)?,
                _ if field.is_repeated => values.iter().try_for_each(|value| self.scalars(field, value, depth))?,
                _ => values.iter().rev().take(1).try_for_each(|value| self.scalars(field, value, depth))?,
            }
        }
        Ok(())
    }

    /// Several messages in a field that holds one are parts of it.
    fn messages(
        &mut self,
        field: &Field,
        inner: &'static Message,
        values: Vec<wire::Field>,
        depth: usize,
    ) -> Result<()> {
        let parts = values.into_iter().map(|value| value.bytes.ok_or_else(|| misfit(field, value.offset)));
        let mut parts = parts.collect::<Result<Vec<Bytes>>>()?;
        if !field.is_repeated && parts.len() > 1 {
            parts = vec![parts.concat().into()];
        }
        for part in parts {
            self.line(depth, format_args!("{} {{", field.name))?;
            self.message(inner, &part, depth + 1)?;
            self.line(depth, format_args!("}}"))?;
        }
        Ok(())
    }

    /// A scalar, or a packed list of them.
    fn scalars(&mut self, field: &Field, value: &wire::Field, depth: usize) -> Result<()> {
        let is_text = matches!(field.kind, Kind::Str | Kind::Bytes);
        match &value.bytes {
            Some(bytes) if is_text => {
                return self.line(depth, format_args!("{}: \"{}\"", field.name, Escaped(bytes)));
            }
            Some(packed) => {
                for element in wire::packed(packed, wire_type(field.kind), value.offset) {
                    self.scalar(field, element?, depth)?;
                }
            }
            None if !is_text && value.wire == wire_type(field.kind) => self.scalar(field, value.value, depth)?,
            None => return Err(misfit(field, value.offset)),
        }
        Ok(())
    }

    fn scalar(&mut self, field: &Field, bits: u64, depth: usize) -> Result<()> {
        let name = field.name;
        match field.kind {
            Kind::Int32 => self.line(depth, format_args!("{name}: {}", bits as i32)),
            Kind::Int64 => self.line(depth, format_args!("{name}: {}", bits as i64)),
            Kind::Uint32 => self.line(depth, format_args!("{name}: {}", bits as u32)),
            Kind::Uint64 => self.line(depth, format_args!("{name}: {bits}")),
            Kind::Bool => self.line(depth, format_args!("{name}: {}", bits != 0)),
            Kind::Float => self.line(depth, format_args!("{name}: {}", float(f32::from_bits(bits as u32)))),
            Kind::Double => self.line(depth, format_args!("{name}: {}", float(f64::from_bits(bits)))),
            Kind::Enum(names) => match names.numbers.iter().find(|(_, number)| *number == bits as i32) {
                Some((text, _)) => self.line(depth, format_args!("{name}: {text}")),
                None => self.line(depth, format_args!("{name}: {}", bits as i32)),
            },
            Kind::Str | Kind::Bytes | Kind::Message(_) => Ok(()),
        }
    }

    fn line(&mut self, depth: usize, text: std::fmt::Arguments<'_>) -> Result<()> {
        let written = writeln!(self.out, "{:1$}{text}", "", 2 * depth);
        if written.is_err() || self.out.len() > self.max_len {
            let text = format!("the text would have more than {} bytes", self.max_len);
            return Err(Error::new(ErrorKind::ResourceExhausted, text));
        }
        Ok(())
    }
}

/// The known fields in the order of their numbers, each with all its values; of a oneof only the last one.
fn grouped(message: &'static Message, bytes: &Bytes) -> Result<Vec<(&'static Field, Vec<wire::Field>)>> {
    let mut groups: Vec<(&'static Field, Vec<wire::Field>)> = Vec::new();
    for value in Fields::of(bytes) {
        let value = value?;
        let Some(field) = message.by_number(value.number) else { continue };
        if message.is_oneof {
            groups.clear();
        }
        match groups.iter_mut().rev().find(|(known, _)| known.number == field.number) {
            Some((_, values)) => values.push(value),
            None => groups.push((field, vec![value])),
        }
    }
    groups.sort_by_key(|(field, _)| field.number);
    Ok(groups)
}

pub(super) fn wire_type(kind: Kind) -> WireType {
    match kind {
        Kind::Float => WireType::Fixed32,
        Kind::Double => WireType::Fixed64,
        Kind::Str | Kind::Bytes | Kind::Message(_) => WireType::Bytes,
        _ => WireType::Varint,
    }
}

#[cold]
fn misfit(field: &Field, offset: usize) -> Error {
    damaged(offset, &format!("is not encoded as '{}' must be", field.name))
}

/// The shortest digits that give the number back.
fn float<T: std::fmt::Debug>(x: T) -> String {
    format!("{x:?}").replace("NaN", "nan")
}

/// Bytes inside of quotes: ASCII as it is, all else in octal.
struct Escaped<'a>(&'a [u8]);

impl std::fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for byte in self.0 {
            match byte {
                b'\n' => f.write_str("\\n")?,
                b'\r' => f.write_str("\\r")?,
                b'\t' => f.write_str("\\t")?,
                b'"' => f.write_str("\\\"")?,
                b'\'' => f.write_str("\\'")?,
                b'\\' => f.write_str("\\\\")?,
                0x20..0x7f => f.write_char(char::from(*byte))?,
                _ => write!(f, "\\{byte:03o}")?,
            }
        }
        Ok(())
    }
}
