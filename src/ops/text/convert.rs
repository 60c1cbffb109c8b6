//! Strings to strings, one by one: case, white space, base64.

use std::sync::Arc;

use base64::Engine as _;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::{NO_GRADIENT, make_strings};
use crate::dtype::DType;
use crate::error::{Error, Result, escape};
use crate::graph::{AttrValue, Attrs, Example, InferCx, Op, OpKind, RunCx};
use crate::value::{IntoValue, Value};

/// What becomes of a string.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conversion {
    /// Lower case, of ASCII letters or of all.
    Lower {
        /// Whether the strings are UTF-8.
        is_unicode: bool,
    },
    /// Upper case, of ASCII letters or of all.
    Upper {
        /// Whether the strings are UTF-8.
        is_unicode: bool,
    },
    /// Without white space at its ends.
    Strip,
    /// In base64, as web addresses have it.
    EncodeBase64 {
        /// Whether `=` fills the last four characters.
        pad: bool,
    },
    /// Out of base64, filled or not.
    DecodeBase64,
}

/// Each string by itself: `(..) -> (..)`.
#[derive(Debug, Clone)]
pub struct StringConvert {
    /// What becomes of it.
    pub how: Conversion,
}

/// Base64 without filling; the bits that the last character has too many do not matter.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_padding_mode(DecodePaddingMode::RequireNone)
        .with_decode_allow_trailing_bits(true),
);

macro_rules! rows {
    ($($(#[$doc:meta])* $row:ident $name:literal $parse:expr, $($how:expr),*;)*) => { $(
        $(#[$doc])*
        pub static $row: OpKind = OpKind::new(
            $name,
            "input: string -> output: string",
            |attrs| {
                let parse: fn(&Attrs) -> Result<Conversion> = $parse;
                Ok(Arc::new(StringConvert { how: parse(attrs)? }))
            },
            || [$($how),*].into_iter().flat_map(examples).collect(),
        )
        .not_differentiable(NO_GRADIENT);
    )* };
}
rows! {
    /// The row of lower case.
    STRING_LOWER "StringLower" |attrs| Ok(Conversion::Lower { is_unicode: is_unicode(attrs)? }),
        Conversion::Lower { is_unicode: false }, Conversion::Lower { is_unicode: true };
    /// The row of upper case.
    STRING_UPPER "StringUpper" |attrs| Ok(Conversion::Upper { is_unicode: is_unicode(attrs)? }),
        Conversion::Upper { is_unicode: false }, Conversion::Upper { is_unicode: true };
    /// The row of stripping.
    STRING_STRIP "StringStrip" |_| Ok(Conversion::Strip), Conversion::Strip;
    /// The row of encoding.
    ENCODE_BASE64 "EncodeBase64" |attrs| Ok(Conversion::EncodeBase64 { pad: attrs.bool_or("pad", false)? }),
        Conversion::EncodeBase64 { pad: false }, Conversion::EncodeBase64 { pad: true };
    /// The row of decoding.
    DECODE_BASE64 "DecodeBase64" |_| Ok(Conversion::DecodeBase64), Conversion::DecodeBase64;
}

fn is_unicode(attrs: &Attrs) -> Result<bool> {
    match attrs.str_or("encoding", "")?.to_ascii_lowercase().as_str() {
        "" => Ok(false),
        "utf-8" => Ok(true),
        other => Err(Error::invalid(format!("encoding must be utf-8 or empty, but is {}", escape(other)))),
    }
}

fn examples(how: Conversion) -> Vec<Example> {
    let of = |value: Value| Example::new(StringConvert { how }, [value]);
    let none = Value::zeros(DType::String, &[2, 0]).expect("no elements");
    vec![of([["YWJj", "YQ"], ["", "c8O8"]].into_value()), of("AbCd".into_value()), of(none)]
}

impl Conversion {
    fn of(self, text: &[u8]) -> Result<Vec<u8>> {
        Ok(match self {
            Conversion::Lower { is_unicode: false } => text.to_ascii_lowercase(),
            Conversion::Upper { is_unicode: false } => text.to_ascii_uppercase(),
            Conversion::Lower { is_unicode: true } => String::from_utf8_lossy(text).to_lowercase().into_bytes(),
            Conversion::Upper { is_unicode: true } => String::from_utf8_lossy(text).to_uppercase().into_bytes(),
            Conversion::Strip => strip(text).to_vec(),
            Conversion::EncodeBase64 { pad } => encode(text, pad),
            Conversion::DecodeBase64 => decode(text)?,
        })
    }
}

/// Whether C's `isspace` holds.
pub(super) fn is_space(byte: u8) -> bool {
    byte == b' ' || (b'\t'..=b'\r').contains(&byte)
}

/// A string without white space at its ends.
pub(super) fn strip(text: &[u8]) -> &[u8] {
    let from = text.iter().position(|byte| !is_space(*byte)).unwrap_or(text.len());
    let to = text.iter().rposition(|byte| !is_space(*byte)).map_or(from, |last| last + 1);
    &text[from..to]
}

fn encode(text: &[u8], pad: bool) -> Vec<u8> {
    let mut out = BASE64.encode(text).into_bytes();
    if pad {
        // Bounded by three more bytes.
        out.resize(out.len().next_multiple_of(4), b'=');
    }
    out
}

fn decode(text: &[u8]) -> Result<Vec<u8>> {
    let body = match text {
        _ if !text.len().is_multiple_of(4) => text,
        [body @ .., b'=', b'='] | [body @ .., b'='] => body,
        _ => text,
    };
    if body.len() % 4 == 1 {
        return Err(Error::invalid(format!("base64 text cannot have {} characters", body.len())));
    }
    BASE64.decode(body).map_err(|error| Error::invalid(format!("the text must be base64: {error}")))
}

impl Op for StringConvert {
    fn kind(&self) -> &'static OpKind {
        match self.how {
            Conversion::Lower { .. } => &STRING_LOWER,
            Conversion::Upper { .. } => &STRING_UPPER,
            Conversion::Strip => &STRING_STRIP,
            Conversion::EncodeBase64 { .. } => &ENCODE_BASE64,
            Conversion::DecodeBase64 => &DECODE_BASE64,
        }
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        let shape = cx.shape(0);
        cx.output(DType::String, shape);
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let input = cx.input(0);
        let strings = input.strings()?;
        let value = make_strings(cx, input.dims(), &|i, pace| {
            pace.spend(strings[i].len())?;
            self.how.of(&strings[i])
        })?;
        cx.output(0, value);
        Ok(())
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        match self.how {
            Conversion::Lower { is_unicode } | Conversion::Upper { is_unicode } => {
                let encoding = if is_unicode { "utf-8" } else { "" };
                vec![("encoding", AttrValue::Str(encoding.into()))]
            }
            Conversion::EncodeBase64 { pad } => vec![("pad", AttrValue::Bool(pad))],
            Conversion::Strip | Conversion::DecodeBase64 => Vec::new(),
        }
    }
}
