//! Reading a tensor through an order of its own along each axis: mirrored borders and rolling.

use std::ops::Range;

use smallvec::{SmallVec, smallvec};

use super::cells::{Cell, cells, cells_mut, copy_cells, with_cells};
use super::strided::row_major;
use crate::error::{Error, Result};
use crate::graph::RunCx;
use crate::shape::{Dims, element_count};
use crate::value::Value;

/// Which elements of an axis stand one after the other: some runs of neighbours, forth or back.
#[derive(Debug, Clone)]
pub(super) struct AxisMap(SmallVec<[Run; 3]>);

/// Neighbours along an axis.
#[derive(Debug, Clone, Copy)]
pub(super) struct Run {
    /// The first one in the order of the run.
    pub(super) first: usize,
    pub(super) len: usize,
    /// Whether the next one is the one before.
    pub(super) is_back: bool,
}

impl AxisMap {
    /// All elements, each `by` places further on; the last ones come first. `by` is at most `dim`.
    pub(super) fn rolled(dim: usize, by: usize) -> AxisMap {
        let run = |first, len| Run { first, len, is_back: false };
        AxisMap(smallvec![run(dim - by, by), run(0, dim - by)])
    }

    /// All elements between as many that are mirrored, without the outermost `skip`. There are enough of them.
    pub(super) fn mirrored(dim: usize, [before, after]: [usize; 2], skip: usize) -> AxisMap {
        let run = |first: usize, len, is_back| Run { first, len, is_back };
        let (front, back) = ((before + skip).saturating_sub(1), dim.saturating_sub(1 + skip));
        AxisMap(smallvec![run(front, before, true), run(0, dim, false), run(back, after, true)])
    }

    /// How many elements stand there.
    pub(super) fn len(&self) -> usize {
        self.0.iter().map(|run| run.len).sum()
    }

    /// The runs that stand at so many places from `start` on, and how far behind `start` each begins.
    fn within(&self, start: usize, n: usize) -> impl Iterator<Item = (usize, Run)> {
        let mut begin = 0;
        self.0.iter().filter_map(move |run| {
            let (from, to) = (begin.max(start), (begin + run.len).min(start + n));
            let skipped = from.saturating_sub(begin);
            begin += run.len;
            let first = if run.is_back { run.first.wrapping_sub(skipped) } else { run.first + skipped };
            (from < to).then(|| (from - start, Run { first, len: to - from, is_back: run.is_back }))
        })
    }

    /// The element at place `i`, which is one of the axis.
    fn at(&self, i: usize) -> usize {
        self.within(i, 1).next().map_or(0, |(_, run)| run.first)
    }

    fn fits(&self, dim: usize) -> bool {
        let within = |run: &Run| {
            if run.is_back { run.first < dim && run.len <= run.first + 1 } else { run.first + run.len <= dim }
        };
        self.0.iter().all(|run| run.len == 0 || within(run))
    }
}

/// Element `i, j, ..` of the result is element `maps[0][i], maps[1][j], ..` of input `i`.
pub(super) fn read_mapped(cx: &RunCx<'_>, i: usize, maps: &[AxisMap]) -> Result<Value> {
    let value = cx.input(i);
    if maps.is_empty() {
        return Ok(value.clone());
    }
    let dims: Dims = maps.iter().map(AxisMap::len).collect();
    element_count(&dims)?;
    check(maps, value.dims())?;
    let mut out = cx.alloc(value.dtype(), &dims)?;
    with_cells!(value.dtype(), E => read_cells::<E>(cx, cells(value)?, value.dims(), maps, cells_mut(&mut out)?)?);
    Ok(out)
}

/// The maps of each axis stay within its size.
pub(super) fn check(maps: &[AxisMap], dims: &[usize]) -> Result<()> {
    let fits = maps.len() == dims.len() && maps.iter().zip(dims).all(|(map, dim)| map.fits(*dim));
    if fits { Ok(()) } else { Err(Error::internal("an axis map leaves its value")) }
}

fn read_cells<E: Cell>(cx: &RunCx<'_>, from: &[E], dims: &[usize], maps: &[AxisMap], out: &mut [E]) -> Result<()> {
    let work = cx.workspace();
    cx.try_for_chunks_mut(out, E::BATCH, &|chunk, part| {
        let (start, mut pace) = (chunk * E::BATCH, work.pace());
        for_runs(maps, dims, start..start + part.len(), &mut |to, run| {
            let to = &mut part[to..to + run.len];
            if !run.is_back {
                return copy_cells(&mut pace, &from[run.first..run.first + run.len], to);
            }
            let from = &from[run.first + 1 - run.len..run.first + 1];
            pace.spend(E::work(from))?;
            to.iter_mut().zip(from.iter().rev()).for_each(|(cell, x)| cell.clone_from(x));
            Ok(())
        })
    })
}

/// Calls `f(place, run)` for the runs of elements that stand at some places of the result, of which there is at least
/// one axis: a run's first element is counted in the value's elements, its place from the first of the places.
pub(super) fn for_runs(
    maps: &[AxisMap],
    dims: &[usize],
    places: Range<usize>,
    f: &mut dyn FnMut(usize, Run) -> Result<()>,
) -> Result<()> {
    let (Some((last, outer)), strides) = (maps.split_last(), row_major(dims)) else { return Ok(()) };
    let (width, mut at) = (last.len(), places.start);
    while at < places.end {
        let (mut row, column) = (at / width, at % width);
        let mut base = 0;
        for (map, stride) in outer.iter().zip(&strides).rev() {
            base += map.at(row % map.len()) * *stride as usize;
            row /= map.len();
        }
        let n = (width - column).min(places.end - at);
        for (skipped, run) in last.within(column, n) {
            f(at - places.start + skipped, Run { first: base + run.first, ..run })?;
        }
        at += n;
    }
    Ok(())
}
