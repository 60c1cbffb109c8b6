//! Vast shapes without elements, and ends by budgets of memory and work, over the family.

use super::*;
use crate::ops::testing::{ends_between_chunks, ends_early, run_op, run_within};
use crate::value::IntoValue;

const VAST: usize = 1 << 40;
/// Strings that take some milliseconds.
const MANY: usize = 1 << 15;

fn empty(dims: &[usize]) -> Value {
    Value::zeros(DType::String, dims).unwrap()
}

fn words() -> Value {
    Value::from_strings(&[MANY], vec![b"a b".to_vec(); MANY]).unwrap()
}

fn digits() -> Value {
    Value::from_strings(&[MANY], vec![b"1".to_vec(); MANY]).unwrap()
}

/// Each took memory for a dim, or went over it.
#[test]
fn vast_shapes_without_strings_end_at_once() {
    let join = ReduceJoin { keep_dims: false, separator: b",".to_vec() };
    let out = run_op(join.clone(), &[empty(&[VAST, 0]), [0].into_value()]).unwrap();
    assert_eq!(out[0].dims(), [0]);
    let rows = run_within(join.clone(), &[empty(&[VAST, 0]), [1].into_value()], 1 << 20, 1 << 20);
    assert_eq!(rows.unwrap_err().kind(), ErrorKind::ResourceExhausted, "each row is an empty string");
    let few = run_op(join, &[empty(&[2, 0]), [1].into_value()]).unwrap();
    assert_eq!(few[0].strings().unwrap(), [b"", b""]);
    let part = Substr { unit: Unit::Byte };
    let out = run_op(part, &[empty(&[VAST, 0]), 0.into_value(), 1.into_value()]).unwrap();
    assert_eq!(out[0].dims(), [VAST, 0]);
    let joined = run_op(StringJoin { separator: Vec::new() }, &[empty(&[0, VAST]), "x".into_value()]).unwrap();
    assert_eq!(joined[0].dims(), [0, VAST]);
}

#[test]
fn long_work_ends_with_the_run() {
    ends_early(&StringSplit { skip_empty: true }, &[words(), " ".into_value()], 1 << 20);
    ends_early(&StringSplitV2 { maxsplit: -1 }, &[words(), "".into_value()], 1 << 20);
    let ids = Value::zeros(DType::I32, &[MANY]).unwrap();
    ends_early(&UnsortedSegmentJoin { separator: b"-".to_vec() }, &[words(), ids, 1.into_value()], 1 << 16);
    let encode = StringConvert { how: Conversion::EncodeBase64 { pad: true } };
    ends_between_chunks(&encode, &[words()], 1 << 18);
    ends_between_chunks(&StringJoin { separator: vec![b'-'; 1 << 10] }, &[words(), words()], 1 << 20);
    let columns = words().reshaped(&[MANY, 1]).unwrap();
    let join = ReduceJoin { keep_dims: false, separator: Vec::new() };
    ends_between_chunks(&join, &[columns, [1].into_value()], 1 << 19);
    let part = Substr { unit: Unit::Utf8Char };
    ends_between_chunks(&part, &[words(), 0.into_value(), 2.into_value()], 1 << 19);
    ends_between_chunks(&StringToNumber { out_type: DType::F64 }, &[digits()], 1 << 17);
    ends_between_chunks(&StringToHashBucket { hash: Hash::Fast, num_buckets: 7 }, &[words()], 1 << 17);
    let wide = AsString { precision: -1, scientific: false, shortest: false, width: 1000, fill: None };
    ends_between_chunks(&wide, &[Value::zeros(DType::I32, &[MANY]).unwrap()], 2 << 20);
}

/// One of these took 7 s, and 129 MiB beside a budget.
#[test]
fn strings_that_grow_without_end_are_refused() {
    let grams = StringNGrams {
        separator: b" ".to_vec(),
        ngram_widths: vec![65_537],
        left_pad: b"LP".to_vec(),
        right_pad: b"RP".to_vec(),
        pad_width: -1,
        preserve_short_sequences: false,
    };
    ends_early(&grams, &[["a", "b"].into_value(), [0i64, 2].into_value()], 16 << 20);
    let text = Value::from_strings(&[1], vec![vec![b'x'; 1 << 14]]).unwrap();
    let rewrite = Value::from_strings(&[], vec![vec![b'y'; 1 << 14]]).unwrap();
    let replace = RegexReplace { by: None, replace_global: true };
    ends_early(&replace, &[text, "x".into_value(), rewrite], 16 << 20);
}
