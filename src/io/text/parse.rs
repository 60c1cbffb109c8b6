//! From text to the wire.

use std::collections::BTreeMap;

use prost::encoding::{WireType, encode_key, encode_varint};

use super::MAX_DEPTH;
use super::lex::{Lexer, Place, Token};
use super::schema::{Field, Kind, Message};
use crate::error::{Error, Result, escape};
use crate::graph::edit_distance;

/// A text as the bytes of its message.
pub(super) fn parse(message: &'static Message, text: &str) -> Result<Vec<u8>> {
    let mut parser = Parser { words: Lexer::new(text)? };
    let mut bytes = Vec::new();
    parser.fields(message, None, 0, &mut bytes)?;
    Ok(bytes)
}

struct Parser<'a> {
    words: Lexer<'a>,
}

/// What a message has so far.
#[derive(Default)]
struct Seen {
    /// Bit `i`: field `i` is there.
    fields: u64,
    /// Numbers of repeated fields, which stand packed at the end.
    packed: BTreeMap<u32, Vec<u8>>,
}

impl Parser<'_> {
    /// Fields up to the closing mark, or to the end of the text.
    fn fields(
        &mut self,
        message: &'static Message,
        close: Option<char>,
        depth: usize,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        let mut seen = Seen::default();
        loop {
            let at = self.words.place();
            match (self.words.take()?, close) {
                (Token::End, None) => break,
                (Token::End, Some(_)) => return Err(at.error(format!("the text ends inside of {}", message.name))),
                (Token::Mark(mark), Some(close)) if mark == close => break,
                (Token::Name(name), _) => self.field(message, name, at, depth, &mut seen, out)?,
                (other, _) => {
                    return Err(at.error(format!("a field of {} must stand here, but {}", message.name, show(&other))));
                }
            }
            if !self.words.take_mark(',')? {
                self.words.take_mark(';')?;
            }
        }
        for (number, packed) in seen.packed {
            put_bytes(number, &packed, out);
        }
        Ok(())
    }

    fn field(
        &mut self,
        message: &'static Message,
        name: &str,
        at: Place,
        depth: usize,
        seen: &mut Seen,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        let (i, field) = message.by_name(name).ok_or_else(|| at.error(unknown(message, name)))?;
        check_once(message, i, field, seen.fields).map_err(|text| at.error(text))?;
        seen.fields |= 1 << i;
        let has_colon = self.words.take_mark(':')?;
        if !has_colon && !matches!(field.kind, Kind::Message(_)) {
            return Err(self.words.place().error(format!("a colon must follow the name '{name}'")));
        }
        let at = self.words.place();
        if !self.words.take_mark('[')? {
            return self.value(message, field, depth, seen, out);
        }
        if !field.is_repeated {
            return Err(at.error(format!("field '{name}' takes one value, not a list")));
        }
        while !self.words.take_mark(']')? {
            self.value(message, field, depth, seen, out)?;
            let at = self.words.place();
            if !self.words.take_mark(',')? && *self.words.peek() != Token::Mark(']') {
                return Err(at.error("the values of a list must be separated by commas"));
            }
        }
        Ok(())
    }

    fn value(
        &mut self,
        message: &Message,
        field: &'static Field,
        depth: usize,
        seen: &mut Seen,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        match field.kind {
            Kind::Message(inner) => {
                let bytes = self.message(field, inner, depth + 1)?;
                put_bytes(field.number, &bytes, out);
            }
            Kind::Str | Kind::Bytes => {
                let bytes = self.text(field)?;
                if !bytes.is_empty() || field.is_repeated || message.is_oneof {
                    put_bytes(field.number, &bytes, out);
                }
            }
            _ if field.is_repeated => self.scalar(field)?.put(seen.packed.entry(field.number).or_default()),
            _ => {
                let number = self.scalar(field)?;
                if !number.is_default() || message.is_oneof {
                    encode_key(field.number, number.wire_type(), out);
                    number.put(out);
                }
            }
        }
        Ok(())
    }

    fn message(&mut self, field: &Field, inner: &'static Message, depth: usize) -> Result<Vec<u8>> {
        let at = self.words.place();
        if depth > MAX_DEPTH {
            return Err(at.error(format!("messages nest at most {MAX_DEPTH} deep")));
        }
        let close = match self.words.take()? {
            Token::Mark('{') => '}',
            Token::Mark('<') => '>',
            other => return Err(wrong(at, field, "a message in braces", &other)),
        };
        let mut bytes = Vec::new();
        self.fields(inner, Some(close), depth, &mut bytes)?;
        Ok(bytes)
    }

    /// A string; neighbours are one.
    fn text(&mut self, field: &Field) -> Result<Vec<u8>> {
        let at = self.words.place();
        let mut all = match self.words.take()? {
            Token::Text(bytes) => bytes,
            other => return Err(wrong(at, field, "a string", &other)),
        };
        while let Token::Text(_) = self.words.peek() {
            if let Token::Text(more) = self.words.take()? {
                all.extend(more);
            }
        }
        if matches!(field.kind, Kind::Str) && std::str::from_utf8(&all).is_err() {
            return Err(at.error(format!("field '{}' must be UTF-8", field.name)));
        }
        Ok(all)
    }

    fn scalar(&mut self, field: &Field) -> Result<Number> {
        let at = self.words.place();
        let is_negative = self.words.take_mark('-')?;
        let word = self.words.take()?;
        let sign = if is_negative { "-" } else { "" };
        let number = match (field.kind, &word) {
            (Kind::Bool, Token::Name("true" | "True" | "t") | Token::Number("1")) if !is_negative => Number::Varint(1),
            (Kind::Bool, Token::Name("false" | "False" | "f") | Token::Number("0")) if !is_negative => {
                Number::Varint(0)
            }
            (Kind::Bool, other) => return Err(wrong(at, field, "true or false", other)),
            (Kind::Float | Kind::Double, Token::Name(text) | Token::Number(text)) => {
                float(field.kind, sign, text).ok_or_else(|| wrong(at, field, "a number", &word))?
            }
            (Kind::Enum(names), Token::Name(text)) if !is_negative => {
                let known = names.numbers.iter().find(|(name, _)| name == text);
                let absent = || at.error(format!("there is no {} '{}'", names.name, escape(text)));
                Number::Varint(known.map(|(_, number)| *number as u64).ok_or_else(absent)?)
            }
            (kind, Token::Number(text)) => integer(kind, is_negative, text).map_err(|text| at.error(text))?,
            (_, other) => return Err(wrong(at, field, "a number", other)),
        };
        Ok(number)
    }
}

/// A number as the wire has it.
enum Number {
    Varint(u64),
    Fixed32(u32),
    Fixed64(u64),
}

impl Number {
    fn is_default(&self) -> bool {
        matches!(self, Number::Varint(0) | Number::Fixed32(0) | Number::Fixed64(0))
    }

    fn wire_type(&self) -> WireType {
        match self {
            Number::Varint(_) => WireType::Varint,
            Number::Fixed32(_) => WireType::ThirtyTwoBit,
            Number::Fixed64(_) => WireType::SixtyFourBit,
        }
    }

    fn put(&self, out: &mut Vec<u8>) {
        match self {
            Number::Varint(value) => encode_varint(*value, out),
            Number::Fixed32(bits) => out.extend(bits.to_le_bytes()),
            Number::Fixed64(bits) => out.extend(bits.to_le_bytes()),
        }
    }
}

fn put_bytes(number: u32, bytes: &[u8], out: &mut Vec<u8>) {
    encode_key(number, WireType::LengthDelimited, out);
    encode_varint(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

/// Decimal, `0x` or octal.
fn integer(kind: Kind, is_negative: bool, text: &str) -> Result<Number, String> {
    let name = match kind {
        Kind::Int64 => "int64",
        Kind::Uint32 => "uint32",
        Kind::Uint64 => "uint64",
        _ => "int32",
    };
    let sign = if is_negative { "-" } else { "" };
    let refused = || format!("{sign}{} is no {name}", escape(text));
    let magnitude = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) => u64::from_str_radix(digits, 16),
        None if text.len() > 1 && text.starts_with('0') => u64::from_str_radix(text, 8),
        None => text.parse(),
    };
    let magnitude = i128::from(magnitude.map_err(|_| refused())?);
    let value = if is_negative { -magnitude } else { magnitude };
    let fits = match kind {
        Kind::Int64 => i64::try_from(value).is_ok(),
        Kind::Uint32 => u32::try_from(value).is_ok(),
        Kind::Uint64 => u64::try_from(value).is_ok(),
        _ => i32::try_from(value).is_ok(),
    };
    // A negative number stands on the wire as the 64 bits of its int64.
    if fits { Ok(Number::Varint(value as u64)) } else { Err(refused()) }
}

/// Decimal with an optional `f`, `inf`, `nan`.
fn float(kind: Kind, sign: &str, text: &str) -> Option<Number> {
    let is_word = matches!(text.to_ascii_lowercase().as_str(), "inf" | "infinity" | "nan");
    if !is_word && !text.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return None;
    }
    let digits = if is_word { text } else { text.trim_end_matches(['f', 'F']) };
    let text = format!("{sign}{digits}");
    match kind {
        Kind::Float => text.parse::<f32>().ok().map(|x| Number::Fixed32(x.to_bits())),
        _ => text.parse::<f64>().ok().map(|x| Number::Fixed64(x.to_bits())),
    }
}

fn check_once(message: &Message, i: usize, field: &Field, seen: u64) -> Result<(), String> {
    if message.is_oneof && seen != 0 {
        return Err(format!("an {} has one value, but '{}' is its second", message.name, field.name));
    }
    if !field.is_repeated && seen >> i & 1 == 1 {
        return Err(format!("field '{}' stands twice", field.name));
    }
    Ok(())
}

#[cold]
fn unknown(message: &Message, name: &str) -> String {
    let nearest = message.fields.iter().map(|field| (edit_distance(field.name, name), field.name)).min();
    let text = format!("a {} has no field '{}'", message.name, escape(name));
    match nearest {
        Some((distance, near)) if distance <= name.len() / 2 => format!("{text}; its nearest is '{near}'"),
        _ => text,
    }
}

#[cold]
fn wrong(at: Place, field: &Field, want: &str, got: &Token<'_>) -> Error {
    let got = match got {
        Token::Name(text) | Token::Number(text) => format!("is '{}'", escape(text)),
        Token::Text(_) => "is a string".to_owned(),
        Token::Mark(mark) => format!("is '{}'", mark.escape_default()),
        Token::End => "the text ends".to_owned(),
    };
    at.error(format!("field '{}' must be {want}, but {got}", field.name))
}

fn show(token: &Token<'_>) -> String {
    match token {
        Token::Name(text) | Token::Number(text) => format!("'{}' does", escape(text)),
        Token::Text(_) => "a string does".to_owned(),
        Token::Mark(mark) => format!("'{}' does", mark.escape_default()),
        Token::End => "the text ends".to_owned(),
    }
}
