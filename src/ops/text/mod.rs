//! Strings: joined, cut, searched, hashed, and read as numbers or written from them. Strings are bytes; those that are
//! text are UTF-8.

mod as_string;
mod bucket;
mod convert;
mod decode_raw;
mod fingerprint;
mod join;
#[cfg(test)]
mod limit_tests;
mod ngrams;
mod pattern;
mod reduce_join;
mod regex;
mod segment_join;
mod sharded;
mod split;
mod substr;
mod to_number;

use std::sync::atomic::{AtomicUsize, Ordering};

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
use crate::cancel::Pace;
use crate::dtype::DType;
use crate::error::{Error, ErrorKind, Result, escape};
use crate::graph::{AttrValue, Attrs, OpKind, RunCx, Workspace};
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

/// Strings a chunk, which take about 50 us if they are short.
const STEP: usize = 1 << 9;

/// Bytes of contents that a chunk makes before it looks at the budget again.
const LOOK: usize = 1 << 16;

/// Units of work of a string, beside a unit a byte.
const STRING_WORK: usize = 64;

/// Makes an element of each string, on all threads.
fn each<R: Send>(
    cx: &RunCx<'_>,
    strings: &[Vec<u8>],
    out: &mut [R],
    f: impl Fn(&[u8]) -> Result<R> + Sync,
) -> Result<()> {
    let work = cx.workspace();
    cx.try_for_chunks_mut(out, STEP, &|chunk, part| {
        let mut pace = work.pace();
        for (cell, text) in part.iter_mut().zip(&strings[chunk * STEP..]) {
            pace.spend(STRING_WORK + text.len())?;
            *cell = f(text)?;
        }
        Ok(())
    })
}

/// How string number `i` is made. Counts its work beyond that of writing what comes out.
type Make<'a> = &'a (dyn Fn(usize, &mut Pace<'_>) -> Result<Vec<u8>> + Sync);

/// A string tensor, whose strings are made on all threads, and whose contents stay within the run's budget.
fn make_strings(cx: &RunCx<'_>, dims: &[usize], make: Make<'_>) -> Result<Value> {
    let mut out = cx.alloc(DType::String, dims)?;
    let (work, all) = (cx.workspace(), AtomicUsize::new(0));
    cx.try_for_chunks_mut(out.strings_mut()?, STEP, &|chunk, part| {
        let (mut pace, mut own) = (work.pace(), 0);
        for (i, cell) in part.iter_mut().enumerate() {
            *cell = make(chunk * STEP + i, &mut pace)?;
            own += cell.len();
            pace.spend(STRING_WORK + cell.len())?;
            if own >= LOOK {
                work.check_room(all.fetch_add(own, Ordering::Relaxed).saturating_add(own))?;
                own = 0;
            }
        }
        work.check_room(all.fetch_add(own, Ordering::Relaxed).saturating_add(own))
    })?;
    Ok(out)
}

/// An empty string with room for so many bytes.
///
/// # Errors
/// `ResourceExhausted` without memory, or beyond the run's budget.
fn string_of(work: Workspace<'_>, len: usize) -> Result<Vec<u8>> {
    let mut text = Vec::new();
    lengthen(work, &mut text, len)?;
    Ok(text)
}

/// Room for so many more bytes in a string.
///
/// # Errors
/// As for [`string_of`].
fn lengthen(work: Workspace<'_>, text: &mut Vec<u8>, more: usize) -> Result<()> {
    if more > text.capacity() - text.len() {
        work.check_room(text.len().saturating_add(more))?;
        text.try_reserve(more).map_err(|_| too_long(more))?;
    }
    Ok(())
}

#[cold]
fn too_long(more: usize) -> Error {
    Error::new(ErrorKind::ResourceExhausted, format!("out of memory: a string needs {more} more bytes"))
}

/// Strings joined.
fn joined<'a>(
    work: Workspace<'_>,
    pace: &mut Pace<'_>,
    parts: impl Iterator<Item = &'a [u8]> + Clone,
    separator: &[u8],
) -> Result<Vec<u8>> {
    let mut len = 0usize;
    for (i, part) in parts.clone().enumerate() {
        pace.spend(8)?;
        len = len.saturating_add(part.len()).saturating_add(if i > 0 { separator.len() } else { 0 });
    }
    let mut text = string_of(work, len)?;
    for (i, part) in parts.enumerate() {
        pace.spend(8 + part.len() / 8)?;
        text.extend_from_slice(if i > 0 { separator } else { &[] });
        text.extend_from_slice(part);
    }
    Ok(text)
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

/// Where element `i` is, counted along axes of some length and stride, the last of them the fastest.
fn offset(axes: &[(usize, usize)], mut i: usize) -> usize {
    let mut at = 0;
    for (len, stride) in axes.iter().rev() {
        at += i % len * stride;
        i /= len;
    }
    at
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
