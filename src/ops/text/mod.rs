//! Strings: joined, cut, searched, hashed, and read as numbers or written from them. Strings are bytes; those that are
//! text are UTF-8.

mod as_string;
mod bucket;
mod convert;
mod decode_raw;
mod fingerprint;
mod join;
mod ngrams;
mod pattern;
mod reduce_join;
mod regex;
mod segment_join;
mod sharded;
mod split;
mod substr;
mod to_number;

pub use self::as_string::AsString;
pub use self::bucket::{Hash, StringToHashBucket};
pub use self::convert::{Conversion, StringConvert};
pub use self::decode_raw::DecodeRaw;
pub use self::join::StringJoin;
pub use self::ngrams::StringNGrams;
pub use self::pattern::Pattern;
pub use self::reduce_join::ReduceJoin;
pub use self::regex::{RegexFullMatch, RegexReplace, Replacement};
pub use self::segment_join::UnsortedSegmentJoin;
pub use self::sharded::{ShardedFilename, ShardedFilespec};
pub use self::split::{StringSplit, StringSplitV2};
pub use self::substr::{StringLength, Substr, Unit};
pub use self::to_number::StringToNumber;
use crate::error::{Error, Result, escape};
use crate::graph::{AttrValue, Attrs, OpKind, RunCx};
use crate::ops::parts::fill_parts;
use crate::value::Value;

/// The rows of this family.
pub(super) static OPS: &[&OpKind] = &[
    &as_string::AS_STRING,
    &bucket::STRING_TO_HASH_BUCKET,
    &bucket::STRING_TO_HASH_BUCKET_FAST,
    &bucket::STRING_TO_HASH_BUCKET_STRONG,
    &convert::STRING_LOWER,
    &convert::STRING_UPPER,
    &convert::STRING_STRIP,
    &convert::ENCODE_BASE64,
    &convert::DECODE_BASE64,
    &decode_raw::DECODE_RAW,
    &join::STRING_JOIN,
    &ngrams::STRING_N_GRAMS,
    &reduce_join::REDUCE_JOIN,
    &regex::REGEX_FULL_MATCH,
    &regex::STATIC_REGEX_FULL_MATCH,
    &regex::REGEX_REPLACE,
    &regex::STATIC_REGEX_REPLACE,
    &segment_join::UNSORTED_SEGMENT_JOIN,
    &sharded::SHARDED_FILENAME,
    &sharded::SHARDED_FILESPEC,
    &split::STRING_SPLIT,
    &split::STRING_SPLIT_V2,
    &substr::STRING_LENGTH,
    &substr::SUBSTR,
    &to_number::STRING_TO_NUMBER,
];

/// Why no op of this family has a gradient.
const NO_GRADIENT: &str = "strings have no gradient";

/// Strings that one thread does in about 50 us.
const STEP: usize = 1 << 9;

/// What `f` makes of each string.
fn each<R: Send>(cx: &RunCx<'_>, strings: &[Vec<u8>], f: impl Fn(&[u8]) -> R + Sync) -> Result<Vec<R>> {
    let mut out: Vec<Option<R>> = Vec::new();
    out.resize_with(strings.len(), || None);
    fill_parts(cx, &mut out, STEP, &|first, part| {
        part.iter_mut().zip(&strings[first..]).for_each(|(cell, text)| *cell = Some(f(text)));
    })?;
    Ok(out.into_iter().flatten().collect())
}

/// A string tensor, counted against the run's budget.
fn string_value(cx: &RunCx<'_>, dims: &[usize], strings: Vec<Vec<u8>>) -> Result<Value> {
    let bytes = strings.iter().map(|text| text.len() + size_of::<Vec<u8>>()).sum();
    cx.check_room(bytes)?;
    Value::from_strings(dims, strings)
}

/// The one string of input `i`.
fn scalar<'a>(cx: &'a RunCx<'_>, i: usize, name: &str) -> Result<&'a [u8]> {
    let value = cx.input(i);
    match value.strings()? {
        [text] if value.rank() == 0 => Ok(text),
        _ => Err(Error::invalid(format!("{name} must be a scalar, but has shape {:?}", value.dims()))),
    }
}

/// A string attribute, which need not be text.
fn bytes_or(attrs: &Attrs, name: &str, default: &str) -> Result<Vec<u8>> {
    match attrs.get(name) {
        None => Ok(default.as_bytes().to_vec()),
        Some(AttrValue::Str(bytes)) => Ok(bytes.clone()),
        Some(other) => {
            let kind = other.kind();
            Err(Error::invalid(format!("attribute '{name}' must be of kind string, but is {kind}")))
        }
    }
}

/// Bytes in an error's text.
fn show(bytes: &[u8]) -> String {
    escape(&String::from_utf8_lossy(bytes))
}

/// For each place of a result, in its order, where its element lies: an axis is its length and the distance from one
/// element to the next, which is 0 where one element serves all.
fn offsets(axes: impl Iterator<Item = (usize, usize)>) -> Vec<usize> {
    axes.fold(vec![0], |starts, (len, stride)| {
        starts.iter().flat_map(|start| (0..len).map(move |i| start + i * stride)).collect()
    })
}

/// The distance from one element to the next along each axis.
fn strides(dims: &[usize]) -> Vec<usize> {
    let mut strides: Vec<usize> = dims
        .iter()
        .rev()
        .scan(1usize, |next, dim| {
            let stride = *next;
            *next = next.saturating_mul(*dim);
            Some(stride)
        })
        .collect();
    strides.reverse();
    strides
}
