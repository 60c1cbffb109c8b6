//! `StringNGrams`: runs of tokens, joined.

use std::sync::Arc;

use super::{NO_GRADIENT, bytes_or, string_of};
use crate::cancel::Pace;
use crate::dtype::DType;
use crate::error::{Error, ErrorKind, Result};
use crate::graph::{AttrValue, Attrs, Example, InferCx, Ints, Op, OpKind, RunCx, Workspace};
use crate::ops::array::cast::cast_for;
use crate::shape::{Dim, Shape};
use crate::value::{IntoValue, Room, ScratchVec, Value};

/// The n-grams of ragged rows of tokens, which `data_splits` says the borders of: `(n), (r) -> (k), (r)`.
#[derive(Debug, Clone)]
pub struct StringNGrams {
    /// What stands between tokens.
    pub separator: Vec<u8>,
    /// How many tokens an n-gram has: for each number all n-grams of a row, then those of the next number.
    pub ngram_widths: Vec<i64>,
    /// What stands in front of a row.
    pub left_pad: Vec<u8>,
    /// What stands behind a row.
    pub right_pad: Vec<u8>,
    /// How often, at most one time less than an n-gram has tokens; as often as that where it is negative.
    pub pad_width: i64,
    /// Whether a row that is too short for any n-gram is one itself.
    pub preserve_short_sequences: bool,
}

/// The row of [`StringNGrams`].
pub static STRING_N_GRAMS: OpKind = OpKind::new(
    "StringNGrams",
    "data: string, data_splits: Tsplits -> ngrams: string, ngrams_splits: Tsplits",
    parse,
    examples,
)
.not_differentiable(NO_GRADIENT);

fn parse(attrs: &Attrs) -> Result<Arc<dyn Op>> {
    let ngram_widths = attrs.ints("ngram_widths")?;
    if let Some(width) = ngram_widths.iter().find(|width| **width < 1) {
        return Err(Error::invalid(format!("ngram_widths must be 1 or more, but one is {width}")));
    }
    Ok(Arc::new(StringNGrams {
        separator: bytes_or(attrs, "separator", "")?,
        ngram_widths,
        left_pad: bytes_or(attrs, "left_pad", "")?,
        right_pad: bytes_or(attrs, "right_pad", "")?,
        pad_width: attrs.int("pad_width")?,
        preserve_short_sequences: attrs.bool_or("preserve_short_sequences", false)?,
    }))
}

fn examples() -> Vec<Example> {
    let of = |ngram_widths: &[i64], pad_width, preserve_short_sequences, splits: Value| {
        let op = StringNGrams {
            separator: b"|".to_vec(),
            ngram_widths: ngram_widths.to_vec(),
            left_pad: b"<".to_vec(),
            right_pad: b">".to_vec(),
            pad_width,
            preserve_short_sequences,
        };
        Example::new(op, [["a", "b", "c", "d"].into_value(), splits])
    };
    vec![
        of(&[2, 1], 0, false, [0i64, 3, 3, 4].into_value()),
        of(&[3], -1, false, [0i32, 1, 4].into_value()),
        of(&[5], 0, true, [0i64, 4].into_value()),
        of(&[2], 1, false, Value::zeros(DType::I64, &[0]).expect("no elements")),
    ]
}

impl Op for StringNGrams {
    fn kind(&self) -> &'static OpKind {
        &STRING_N_GRAMS
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        if !matches!(cx.dtype(1), DType::I32 | DType::I64) {
            return Err(Error::dtype(format!("data_splits must be int32 or int64, but are {}", cx.dtype(1))));
        }
        cx.shape(0).with_rank(1)?;
        let splits = cx.shape(1).with_rank(1)?;
        cx.output(DType::String, Shape::new([Dim::unknown()]));
        cx.output(cx.dtype(1), splits);
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let data = cx.input(0).strings()?;
        let splits = Ints::of(cx.input(1))?;
        let mut made = Made { ngrams: cx.list(0)?, contents: cx.room::<u8>(0)?, pace: cx.pace(), work: cx.workspace() };
        check_splits(&mut made.pace, splits, data.len())?;
        let mut ends = cx.scratch::<i64>(splits.len())?;
        for row in 1..splits.len() {
            // Without any token there is nothing to pad, as TensorFlow has it.
            if !data.is_empty() {
                self.row(&data[splits.get(row - 1) as usize..splits.get(row) as usize], &mut made)?;
            }
            made.pace.spend(16)?;
            ends[row] = made.ngrams.len() as i64;
        }
        let ends = match cx.input(1).dtype() {
            DType::I32 if made.ngrams.len() > i32::MAX as usize => {
                return Err(Error::invalid("there are more n-grams than int32 counts"));
            }
            dtype => cast_for(cx, &ends.into_value(&[splits.len()])?, dtype)?,
        };
        let n = made.ngrams.len();
        let (ngrams, _counted) = made.ngrams.into_parts();
        let value = Value::from_strings(&[n], ngrams)?;
        cx.output(0, value);
        cx.output(1, ends);
        Ok(())
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        let text = |bytes: &[u8]| AttrValue::Str(bytes.to_vec());
        vec![
            ("separator", text(&self.separator)),
            ("ngram_widths", AttrValue::Ints(self.ngram_widths.clone())),
            ("left_pad", text(&self.left_pad)),
            ("right_pad", text(&self.right_pad)),
            ("pad_width", AttrValue::Int(self.pad_width)),
            ("preserve_short_sequences", AttrValue::Bool(self.preserve_short_sequences)),
        ]
    }
}

/// Borders of the rows among `n` tokens.
fn check_splits(pace: &mut Pace<'_>, splits: Ints<'_>, n: usize) -> Result<()> {
    let mut last = 0;
    for (i, split) in splits.iter().enumerate() {
        pace.spend(2)?;
        if split < last || (i == 0 && split != 0) {
            return Err(wrong_splits(n));
        }
        last = split;
    }
    if splits.len() > 0 && last != n as i64 { Err(wrong_splits(n)) } else { Ok(()) }
}

#[cold]
fn wrong_splits(n: usize) -> Error {
    Error::invalid(format!("data_splits must rise from 0 to {n}, the data's size"))
}

/// The n-grams so far, and what they cost.
struct Made<'r> {
    ngrams: ScratchVec<Vec<u8>>,
    contents: Room,
    pace: Pace<'r>,
    work: Workspace<'r>,
}

impl Made<'_> {
    fn push(&mut self, ngram: Vec<u8>) -> Result<()> {
        self.contents.add::<u8>(ngram.len())?;
        self.ngrams.push(ngram)
    }
}

impl StringNGrams {
    /// The n-grams of one row.
    fn row(&self, tokens: &[Vec<u8>], made: &mut Made<'_>) -> Result<()> {
        let before = made.ngrams.len();
        for width in &self.ngram_widths {
            let width = usize::try_from(*width).map_err(|_| too_long())?;
            // Padding alone is no n-gram.
            let pad = usize::try_from(self.pad_width).unwrap_or(usize::MAX).min(width - 1);
            let padded = pad.checked_mul(2).and_then(|pads| pads.checked_add(tokens.len())).ok_or_else(too_long)?;
            let windows = padded.checked_sub(width).map_or(0, |more| more + 1);
            // What has no end is refused at once; else the list grows as it does.
            if windows > made.ngrams.len() {
                made.ngrams.reserve(windows)?;
            }
            for start in 0..windows {
                let ngram = self.ngram(tokens, pad, start, width, made)?;
                made.push(ngram)?;
            }
        }
        if self.preserve_short_sequences && made.ngrams.len() == before && !tokens.is_empty() {
            let pad = usize::try_from(self.pad_width).unwrap_or(0);
            let width = pad.checked_mul(2).and_then(|pads| pads.checked_add(tokens.len())).ok_or_else(too_long)?;
            let ngram = self.ngram(tokens, pad, 0, width, made)?;
            made.push(ngram)?;
        }
        Ok(())
    }

    /// The `width` tokens from place `start` on, in a row with `pad` paddings at each end.
    fn ngram(
        &self,
        tokens: &[Vec<u8>],
        pad: usize,
        start: usize,
        width: usize,
        made: &mut Made<'_>,
    ) -> Result<Vec<u8>> {
        let end = start + width;
        let left = pad.saturating_sub(start).min(width);
        let right = end.saturating_sub(pad + tokens.len()).min(width);
        let tokens = &tokens[start.saturating_sub(pad).min(tokens.len())..end.saturating_sub(pad).min(tokens.len())];
        let (left_pad, right_pad) =
            ([&self.left_pad[..], &self.separator].concat(), [&self.right_pad[..], &self.separator].concat());
        let pads = left.checked_mul(left_pad.len()).zip(right.checked_mul(right_pad.len()));
        let own: usize = tokens.iter().map(|token| token.len() + self.separator.len()).sum();
        let len = pads.and_then(|(left, right)| left.checked_add(right)?.checked_add(own)).ok_or_else(too_long)?;
        let mut out = string_of(made.work, len)?;
        let pace = &mut made.pace;
        repeat(pace, &mut out, &left_pad, left)?;
        for token in tokens {
            pace.spend(16 + token.len() / 8)?;
            out.extend_from_slice(token);
            out.extend_from_slice(&self.separator);
        }
        repeat(pace, &mut out, &right_pad, right)?;
        out.truncate(len.saturating_sub(self.separator.len()));
        Ok(out)
    }
}

fn repeat(pace: &mut Pace<'_>, out: &mut Vec<u8>, part: &[u8], n: usize) -> Result<()> {
    for _ in 0..if part.is_empty() { 0 } else { n } {
        pace.spend(8 + part.len() / 8)?;
        out.extend_from_slice(part);
    }
    Ok(())
}

#[cold]
fn too_long() -> Error {
    Error::new(ErrorKind::ResourceExhausted, "there is no memory for n-grams of this length")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{infer_ok, run_op};

    fn ngrams(widths: &[i64], pad_width: i64, keep_short: bool, splits: &[i64]) -> Result<Vec<String>> {
        let op = StringNGrams {
            separator: b"|".to_vec(),
            ngram_widths: widths.to_vec(),
            left_pad: b"<".to_vec(),
            right_pad: b">".to_vec(),
            pad_width,
            preserve_short_sequences: keep_short,
        };
        let out = run_op(op, &[["a", "b", "c"].into_value(), splits.into_value()])?;
        Ok(out[0].strings()?.iter().map(|text| String::from_utf8_lossy(text).into_owned()).collect())
    }

    #[test]
    fn windows_slide_over_padded_rows() {
        assert_eq!(ngrams(&[2, 1], 0, false, &[0, 3, 3]).unwrap(), ["a|b", "b|c", "a", "b", "c"]);
        assert_eq!(ngrams(&[2], -1, false, &[0, 1, 3]).unwrap(), ["<|a", "a|>", "<|b", "b|c", "c|>"]);
        assert_eq!(ngrams(&[3], -1, false, &[0, 0, 3]).unwrap()[..2], ["<|<|>", "<|>|>"]);
        assert_eq!(ngrams(&[5], 0, true, &[0, 1, 3]).unwrap(), ["a", "b|c"]);
        infer_ok(&ngrams_op(), "string(?);int64(4)", "(?);(4)");
    }

    fn ngrams_op() -> StringNGrams {
        let none = Vec::new;
        StringNGrams {
            separator: none(),
            ngram_widths: vec![1],
            left_pad: none(),
            right_pad: none(),
            pad_width: 0,
            preserve_short_sequences: false,
        }
    }

    #[test]
    fn hostile_widths_and_splits_are_refused() {
        assert_eq!(ngrams(&[i64::MAX], -1, false, &[0, 3]).unwrap_err().kind(), ErrorKind::ResourceExhausted);
        assert_eq!(ngrams(&[1 << 62], 1 << 60, true, &[0, 3]).unwrap_err().kind(), ErrorKind::ResourceExhausted);
        for splits in [&[1, 3][..], &[0, 2], &[0, 4], &[0, 2, 1, 3], &[0, -1, 3]] {
            assert!(
                ngrams(&[1], 0, false, splits).unwrap_err().message().contains("data_splits must rise from 0 to 3")
            );
        }
    }
}
