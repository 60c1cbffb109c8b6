//! `ReverseSequence`: the first elements of each sequence in the opposite order.

use std::sync::Arc;

use super::cells::{Cell, cells, cells_mut, copy_cells, with_cells};
use super::into_sizes::check_index;
use crate::error::{Error, Result};
use crate::graph::{AttrValue, Attrs, Example, InferCx, Ints, Op, OpKind, RunCx, Tensor};
use crate::ops::IntoTensor;
use crate::shape::{Shape, normalize_axis};
use crate::value::{IntoValue, ScratchVec, Value};

/// The first `lengths[b]` elements along one axis in the opposite order, for each `b` of another; the rest stays.
#[derive(Debug, Clone)]
pub struct ReverseSequence {
    /// The axis of the sequences.
    pub seq_dim: i64,
    /// The axis of which each element has a length of its own.
    pub batch_dim: i64,
}

/// The row of [`ReverseSequence`].
pub static REVERSE_SEQUENCE: OpKind =
    OpKind::new("ReverseSequence", "input: T, seq_lengths: Tlen -> output: T", parse, examples);

fn parse(attrs: &Attrs) -> Result<Arc<dyn Op>> {
    Ok(Arc::new(ReverseSequence { seq_dim: attrs.int("seq_dim")?, batch_dim: attrs.int_or("batch_dim", 0)? }))
}

fn examples() -> Vec<Example> {
    let of = |seq_dim, batch_dim, x: Value, lengths: Value| {
        Example::new(ReverseSequence { seq_dim, batch_dim }, [x, lengths])
    };
    vec![
        of(1, 0, [[1.0f32, 2.0, 3.0], [4.0, 5.0, 6.0]].into_value(), [2i64, 3].into_value()),
        of(0, 2, [[["a", "b"]], [["c", "d"]]].into_value(), [0i32, 2].into_value()),
    ]
}

impl Tensor {
    /// The first `lengths[b]` elements along the axis `seq_axis` in the opposite order, for each `b` along `batch_axis`;
    /// the rest stays. Any dtype; lengths are int32 or int64.
    ///
    /// # Errors
    /// `InvalidArgument` for axes that are not there or equal, and in the run for lengths out of range.
    ///
    /// Source: TensorFlow's `ReverseSequence`.
    #[doc(alias = "tf.reverse_sequence")]
    #[track_caller]
    pub fn reverse_sequence(&self, lengths: impl IntoTensor, seq_axis: i64, batch_axis: i64) -> Result<Tensor> {
        let lengths = lengths.tensor(None)?;
        self.graph().apply_one(ReverseSequence { seq_dim: seq_axis, batch_dim: batch_axis }, &[self, &lengths])
    }
}

impl ReverseSequence {
    fn axes(&self, rank: usize) -> Result<[usize; 2]> {
        let axes = [normalize_axis(self.seq_dim, rank)?, normalize_axis(self.batch_dim, rank)?];
        if axes[0] == axes[1] {
            return Err(Error::invalid(format!("batch_dim == seq_dim == {}", axes[0])));
        }
        Ok(axes)
    }
}

impl Op for ReverseSequence {
    fn kind(&self) -> &'static OpKind {
        &REVERSE_SEQUENCE
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        check_index("seq_lengths", cx.dtype(1))?;
        let lengths = cx.shape(1).with_rank(1)?;
        let shape = match cx.shape(0).rank() {
            Some(rank) => {
                let [_, batch] = self.axes(rank)?;
                cx.shape(0).replace_dim(batch, cx.shape(0).dim(batch).merge(&lengths.dim(0))?)?
            }
            None => Shape::unknown(),
        };
        cx.output(cx.dtype(0), shape);
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let x = cx.input(0);
        if cx.input(1).rank() != 1 {
            return Err(Error::shape(format!("seq_lens input must be 1-dim, not {}", cx.input(1).rank())));
        }
        let [seq, batch] = self.axes(x.rank())?;
        let lengths = checked(cx, x.dims()[seq], x.dims()[batch])?;
        let mut out = cx.alloc(x.dtype(), x.dims())?;
        with_cells!(x.dtype(), E => reverse::<E>(cx, cells(x)?, [seq, batch], &lengths, cells_mut(&mut out)?)?);
        cx.output(0, out);
        Ok(())
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        vec![("seq_dim", AttrValue::Int(self.seq_dim)), ("batch_dim", AttrValue::Int(self.batch_dim))]
    }
}

fn checked(cx: &RunCx<'_>, longest: usize, n: usize) -> Result<ScratchVec<usize>> {
    let (lengths, mut pace) = (Ints::of(cx.input(1))?, cx.pace());
    if lengths.len() != n {
        let len = lengths.len();
        return Err(Error::shape(format!("len(seq_lens) != input.dims(batch_dim), ({len} vs. {n})")));
    }
    let mut checked = cx.list(n)?;
    for (i, length) in lengths.iter().enumerate() {
        pace.spend(2)?;
        let fits = usize::try_from(length).ok().filter(|length| *length <= longest);
        let refuse = || Error::invalid(format!("seq_lens({i}) must be in [0, {longest}], but is {length}"));
        checked.push(fits.ok_or_else(refuse)?)?;
    }
    Ok(checked)
}

fn reverse<E: Cell>(
    cx: &RunCx<'_>,
    from: &[E],
    [seq, batch]: [usize; 2],
    lengths: &[usize],
    out: &mut [E],
) -> Result<()> {
    let dims = cx.input(0).dims();
    let last = seq.max(batch);
    let run: usize = dims[last + 1..].iter().product();
    if out.is_empty() {
        return Ok(());
    }
    // Steps of both axes, in runs of elements behind them.
    let step = |axis: usize| dims[axis + 1..=last].iter().product::<usize>();
    let (seq_step, batch_step) = (step(seq), step(batch));
    let (rows, work) = (E::BATCH.div_ceil(run), cx.workspace());
    cx.try_for_chunks_mut(out, rows * run, &|chunk, part| {
        let mut pace = work.pace();
        for (i, out) in part.chunks_exact_mut(run).enumerate() {
            let i = chunk * rows + i;
            let (at, length) = (i / seq_step % dims[seq], lengths[i / batch_step % dims[batch]]);
            let source = if at < length { i - at * seq_step + (length - 1 - at) * seq_step } else { i };
            copy_cells(&mut pace, &from[source * run..(source + 1) * run], out)?;
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{infer_err, infer_ok, run_op};

    #[test]
    fn the_front_of_each_sequence_turns() {
        let x = [[1, 2, 3], [4, 5, 6]].into_value();
        let out = run_op(ReverseSequence { seq_dim: 1, batch_dim: 0 }, &[x.clone(), [2i64, 3].into_value()]).unwrap();
        assert_eq!(out[0].slice::<i32>().unwrap(), [2, 1, 3, 6, 5, 4]);
        let out = run_op(ReverseSequence { seq_dim: 0, batch_dim: -1 }, &[x, [2i32, 0, 1].into_value()]).unwrap();
        assert_eq!(out[0].slice::<i32>().unwrap(), [4, 2, 3, 1, 5, 6]);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let op = ReverseSequence { seq_dim: 1, batch_dim: 0 };
        infer_ok(&op, "(?,3,?);int64(2)", "(2,3,?)");
        infer_err(&op, "(4,3);int64(2)", "must be equal, but are 4 and 2");
        infer_err(&op, "(4);int64(4)", "axis must be in [-1, 1), but is 1");
        infer_err(&ReverseSequence { seq_dim: 0, batch_dim: 0 }, "(4);int64(4)", "batch_dim == seq_dim == 0");
        let text = run_op(op, &[[[1, 2]].into_value(), [3i64].into_value()]).unwrap_err().to_string();
        assert!(text.contains("seq_lens(0) must be in [0, 2], but is 3"), "{text}");
    }
}
