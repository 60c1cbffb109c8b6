//! `MirrorPadGrad`: what the elements of a mirrored border add to those that they mirror.

use std::sync::Arc;

use super::axis_maps::{AxisMap, for_runs};
use super::into_sizes::check_index;
use super::pad::{Mirror, check, pads};
use crate::error::{Error, Result};
use crate::graph::{AttrValue, Attrs, Example, InferCx, Op, OpKind, RunCx};
use crate::kernel::Number;
use crate::shape::{Dim, Dims, Shape};
use crate::value::{IntoValue, Value};
use crate::with_type;

/// Elements between two looks at the limits of the run.
const PART: usize = 1 << 16;

/// The adjoint of [`MirrorPad`](super::MirrorPad): a tensor without its border, whose elements are added to those that
/// they mirror. Numbers.
#[derive(Debug, Clone)]
pub struct MirrorPadGrad {
    /// How the border mirrors.
    pub mode: Mirror,
}

/// The row of [`MirrorPadGrad`].
pub static MIRROR_PAD_GRAD: OpKind = OpKind::new(
    "MirrorPadGrad",
    "input: T, paddings: Tpaddings -> output: T",
    |attrs: &Attrs| Ok(Arc::new(MirrorPadGrad { mode: Mirror::parse(attrs)? }) as Arc<dyn Op>),
    || {
        let value = || [[1.0f32, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0], [9.0, 8.0, 7.0, 6.0]].into_value();
        let of = |mode, pads: Value| Example::new(MirrorPadGrad { mode }, [value(), pads]);
        vec![
            of(Mirror::Reflect, [[1i32, 0], [1, 1]].into_value()),
            of(Mirror::Symmetric, [[0i64, 1], [2, 0]].into_value()),
        ]
    },
);

/// The size without its border, which must be there to be mirrored.
fn inner(mode: Mirror, dim: usize, pad: &[i64]) -> Result<usize> {
    let border = usize::try_from(pad[0].saturating_add(pad[1])).unwrap_or(usize::MAX);
    let size = dim.checked_sub(border);
    let size = size.ok_or_else(|| Error::invalid(format!("a border of {border} is larger than the size {dim}")))?;
    mode.check(size, pad)?;
    Ok(size)
}

impl Op for MirrorPadGrad {
    fn kind(&self) -> &'static OpKind {
        &MIRROR_PAD_GRAD
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        check_index("paddings", cx.dtype(1))?;
        let pairs = cx.shape(1).with_rank(2)?.with_dim(1, &Dim::from(2))?;
        let input = match pairs.dim(0).known() {
            Some(rank) => cx.shape(0).with_rank(rank)?,
            None => cx.shape(0).clone(),
        };
        let shape = match (input.dims(), cx.ints(1)) {
            (Some(dims), Some(pads)) => {
                check(&pads, dims.len())?;
                let one = |(dim, pad): (&Dim, &[i64])| match dim.known() {
                    Some(dim) => inner(self.mode, dim, pad).map(Dim::from),
                    None => Ok(dim - &Dim::constant(pad[0].saturating_add(pad[1]))),
                };
                dims.iter().zip(pads.chunks(2)).map(one).collect::<Result<Vec<Dim>>>()?.into()
            }
            (Some(dims), None) => Shape::unknown_of_rank(dims.len()),
            (None, _) => Shape::unknown(),
        };
        cx.output(cx.dtype(0), shape);
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let dy = cx.input(0);
        let pads = pads(cx, dy.rank())?;
        let axes = || dy.dims().iter().zip(pads.chunks(2));
        let dims = axes().map(|(dim, pad)| inner(self.mode, *dim, pad)).collect::<Result<Dims>>()?;
        let mut out = cx.alloc_zeros(dy.dtype(), &dims)?;
        if !out.is_empty() {
            let maps: Vec<_> = dims.iter().zip(pads.chunks(2)).map(|(dim, pad)| self.mode.map(*dim, pad)).collect();
            with_type!(dy.dtype(), T in numbers => fold::<T>(cx, dy.slice()?, &dims, &maps, out.make_mut()?)?, else => {
                return Err(Error::unsupported(format!("a border of {} cannot be added", dy.dtype())));
            });
        }
        cx.output(0, out);
        Ok(())
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        vec![("mode", self.mode.attr())]
    }
}

/// Adds element `i, j, ..` to element `maps[0][i], maps[1][j], ..`.
fn fold<T: Number>(cx: &RunCx<'_>, from: &[T], dims: &[usize], maps: &[AxisMap], out: &mut [T]) -> Result<()> {
    let (Some(_), mut pace) = (maps.first(), cx.pace()) else {
        out.iter_mut().zip(from).for_each(|(cell, x)| *cell = cell.plus(*x));
        return Ok(());
    };
    for start in (0..from.len()).step_by(PART) {
        let end = from.len().min(start + PART);
        for_runs(maps, dims, start..end, &mut |at, run| {
            pace.spend(16 + run.len)?;
            let from = &from[start + at..start + at + run.len];
            if run.is_back {
                let out = &mut out[run.first + 1 - run.len..run.first + 1];
                out.iter_mut().rev().zip(from).for_each(|(cell, x)| *cell = cell.plus(*x));
            } else {
                let out = &mut out[run.first..run.first + run.len];
                out.iter_mut().zip(from).for_each(|(cell, x)| *cell = cell.plus(*x));
            }
            Ok(())
        })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{infer_err, infer_ok, run_op};

    /// By hand: each element of the border stands for the one that it mirrors.
    #[test]
    fn borders_are_added_to_what_they_mirror() {
        let run = |mode, dy: Value, pads: Value| run_op(MirrorPadGrad { mode }, &[dy, pads]).unwrap().remove(0);
        let dy = || [1, 10, 100, 1000, 10000].into_value();
        assert_eq!(run(Mirror::Reflect, dy(), [[1, 1]].into_value()).slice::<i32>().unwrap(), [10, 10101, 1000]);
        assert_eq!(run(Mirror::Symmetric, dy(), [[2, 0]].into_value()).slice::<i32>().unwrap(), [110, 1001, 10000]);
        let got = run(Mirror::Symmetric, [[1, 2], [3, 4]].into_value(), [[0, 1], [1, 0]].into_value());
        assert_eq!((got.dims(), got.slice::<i32>().unwrap()), (&[1, 1][..], &[10][..]));
    }

    #[test]
    fn the_border_goes() {
        let op = MirrorPadGrad { mode: Mirror::Reflect };
        infer_ok(&op, "(?,3);int32(2,2)", "(?,?)");
        infer_ok(&op, "<unknown>;int32(2,2)", "(?,?)");
        infer_err(&op, "(3);int32(2,2)", "shape must be rank 2 but is rank 1");
        let inputs = [[1, 2, 3].into_value(), [[2i32, 2]].into_value()];
        assert!(run_op(op, &inputs).unwrap_err().message().contains("larger than the size 3"));
    }
}
