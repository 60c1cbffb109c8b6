//! `UnsortedSegmentJoin`: strings that carry one number, joined.

use std::sync::Arc;

use super::{NO_GRADIENT, STRING_WORK, bytes_or};
use crate::dtype::DType;
use crate::error::{Error, ErrorKind, Result};
use crate::graph::{AttrValue, Attrs, Example, InferCx, Ints, Op, OpKind, RunCx};
use crate::ops::math::unsorted_shape;
use crate::value::{IntoValue, Value};

/// The strings of each segment, in their order; an empty segment gives empty strings: `(n, ..), (n) -> (segments, ..)`.
#[derive(Debug, Clone)]
pub struct UnsortedSegmentJoin {
    /// What stands between strings.
    pub separator: Vec<u8>,
}

/// The row of [`UnsortedSegmentJoin`].
pub static UNSORTED_SEGMENT_JOIN: OpKind = OpKind::new(
    "UnsortedSegmentJoin",
    "inputs: string, segment_ids: Tindices, num_segments: Tnumsegments -> output: string",
    parse,
    examples,
)
.not_differentiable(NO_GRADIENT);

fn parse(attrs: &Attrs) -> Result<Arc<dyn Op>> {
    Ok(Arc::new(UnsortedSegmentJoin { separator: bytes_or(attrs, "separator", "")? }))
}

fn examples() -> Vec<Example> {
    let of = |inputs: [Value; 3]| Example::new(UnsortedSegmentJoin { separator: b", ".to_vec() }, inputs);
    let matrix = || [["a", "b"], ["c", "d"]].into_value();
    let none = Value::zeros(DType::String, &[0, 3]).expect("no elements");
    let no_ids = Value::zeros(DType::I32, &[0]).expect("no elements");
    vec![
        of([matrix(), [1, 1].into_value(), 3i64.into_value()]),
        of([matrix(), [[1i64, 0], [0, 1]].into_value(), 2.into_value()]),
        of([none, no_ids, 2.into_value()]),
    ]
}

impl Op for UnsortedSegmentJoin {
    fn kind(&self) -> &'static OpKind {
        &UNSORTED_SEGMENT_JOIN
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        let shape = unsorted_shape(cx)?;
        cx.output(DType::String, shape);
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let (data, rows) = (cx.input(0), cx.input(1).rank());
        if rows == 0 || data.rank() < rows || data.dims()[..rows] != *cx.input(1).dims() {
            let ids = cx.input(1).dims();
            let text =
                format!("segment_ids must have the first dims of the input, {:?}, but have {ids:?}", data.dims());
            return Err(Error::shape(text));
        }
        let n = Ints::of(cx.input(2))?.only().and_then(|n| usize::try_from(n).ok());
        let n = n.ok_or_else(|| Error::invalid("num_segments must be 0 or more"))?;
        let mut out = cx.alloc_zeros(DType::String, &[&[n], &data.dims()[rows..]].concat())?;
        self.join(cx, data, Ints::of(cx.input(1))?, &mut out)?;
        cx.output(0, out);
        Ok(())
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        vec![("separator", AttrValue::Str(self.separator.clone()))]
    }
}

impl UnsortedSegmentJoin {
    fn join(&self, cx: &RunCx<'_>, data: &Value, ids: Ints<'_>, out: &mut Value) -> Result<()> {
        let segments = out.dims()[0];
        let inner = out.len().checked_div(segments).unwrap_or(0);
        let strings = data.strings()?;
        cx.check_room(data.byte_len().saturating_add(strings.len().saturating_mul(self.separator.len())))?;
        let out = out.strings_mut()?;
        let (mut is_begun, mut pace) = (cx.scratch::<bool>(segments)?, cx.pace());
        for (row, id) in ids.iter().enumerate() {
            let segment = usize::try_from(id).ok().filter(|id| *id < segments);
            let segment = segment.ok_or_else(|| outside(row, id, segments))?;
            let separator = if is_begun[segment] { &self.separator[..] } else { &[] };
            is_begun[segment] = true;
            pace.spend(8)?;
            for (cell, text) in out[segment * inner..][..inner].iter_mut().zip(&strings[row * inner..]) {
                pace.spend(STRING_WORK + (separator.len() + text.len()) / 8)?;
                cell.extend_from_slice(separator);
                cell.extend_from_slice(text);
            }
        }
        Ok(())
    }
}

#[cold]
fn outside(row: usize, id: i64, segments: usize) -> Error {
    Error::new(ErrorKind::IndexOutOfRange, format!("segment_ids[{row}] = {id} is not in [0, {segments})"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{infer_err, infer_ok, run_op};

    #[test]
    fn rows_of_one_segment_are_joined_in_order() {
        let op = || UnsortedSegmentJoin { separator: b":".to_vec() };
        let matrix = || [["a", "b"], ["c", "d"]].into_value();
        let out = run_op(op(), &[matrix(), [1, 1].into_value(), 3.into_value()]).unwrap().remove(0);
        assert!(out.same_bits(&[["", ""], ["a:c", "b:d"], ["", ""]].into_value()));
        let error = run_op(op(), &[matrix(), [0, 3].into_value(), 3.into_value()]).unwrap_err();
        assert_eq!(error.message(), "segment_ids[1] = 3 is not in [0, 3)");
        infer_ok(&op(), "string(?,4);int32(2);int32()", "(?,4)");
        infer_err(&op(), "string(3,4);int32(2);int32()", "are 2 and 3");
    }
}
