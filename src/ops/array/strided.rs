//! The one kernel behind transposing, slicing, reversing, tiling and broadcasting: read elements at strides, write them
//! in order.

use smallvec::SmallVec;

use super::cells::{Cell, cells, cells_mut, copy_cells, with_cells};
use crate::cancel::Pace;
use crate::error::{Error, Result};
use crate::graph::RunCx;
use crate::shape::Dims;
use crate::value::Value;

/// Side of the blocks in which two axes are exchanged: its rows and columns stay in the first cache.
const BLOCK: usize = 16;

/// Which elements to read, in which order: element `i, j, ..` is at `start + i * strides[0] + j * strides[1] + ..`.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    /// Where element `0, 0, ..` is.
    pub start: isize,
    /// How often each axis steps.
    pub dims: Dims,
    /// How far one step of each axis goes.
    pub strides: SmallVec<[isize; 6]>,
}

/// How far one step of each axis goes in a row-major value.
pub(super) fn row_major(dims: &[usize]) -> SmallVec<[isize; 6]> {
    let mut strides: SmallVec<[isize; 6]> = SmallVec::from_elem(0, dims.len());
    let mut step = 1isize;
    for (stride, &dim) in strides.iter_mut().zip(dims).rev() {
        *stride = step;
        step = step.wrapping_mul(dim as isize);
    }
    strides
}

/// A new value of the layout's dims, read from input `i`.
pub(super) fn read(cx: &RunCx<'_>, i: usize, dims: &[usize], layout: &Layout) -> Result<Value> {
    let value = cx.input(i);
    let mut out = cx.alloc(value.dtype(), dims)?;
    with_cells!(value.dtype(), E => read_cells::<E>(cx, cells(value)?, layout, cells_mut(&mut out)?)?);
    Ok(out)
}

/// Fills `out` in row-major order.
pub(super) fn read_cells<E: Cell>(cx: &RunCx<'_>, from: &[E], layout: &Layout, out: &mut [E]) -> Result<()> {
    if out.is_empty() {
        return Ok(());
    }
    layout.check(from.len())?;
    let layout = layout.simplified();
    let Some(&outer) = layout.dims.first() else {
        out[0] = from[layout.start as usize].clone();
        return Ok(());
    };
    let (inner, work) = (out.len() / outer, cx.workspace());
    let step = E::BATCH.div_ceil(inner).next_multiple_of(BLOCK) * inner;
    if out.len() <= step {
        return fill(&mut work.pace(), from, &layout, out);
    }
    cx.try_for_chunks_mut(out, step, &|chunk, part| {
        let mut mine = layout.clone();
        mine.start += (chunk * (step / inner)) as isize * layout.strides[0];
        mine.dims[0] = part.len() / inner;
        fill(&mut work.pace(), from, &mine, part)
    })
}

impl Layout {
    /// All of a value, in order.
    pub(super) fn all(dims: &[usize]) -> Layout {
        Layout { start: 0, dims: Dims::from_slice(dims), strides: row_major(dims) }
    }

    /// Every element must be there; a kernel that gets this wrong is a bug.
    fn check(&self, len: usize) -> Result<()> {
        let (mut low, mut high) = (self.start, self.start);
        for (&dim, &stride) in self.dims.iter().zip(&self.strides) {
            let reach = (dim as isize - 1).wrapping_mul(stride);
            *if reach < 0 { &mut low } else { &mut high } += reach;
        }
        if low >= 0 && (high as usize) < len { Ok(()) } else { Err(Error::internal("a layout leaves its value")) }
    }

    /// Without axes of one step, and with axes merged that continue each other.
    fn simplified(&self) -> Layout {
        let mut out = Layout { start: self.start, dims: Dims::new(), strides: SmallVec::new() };
        for (&dim, &stride) in self.dims.iter().zip(&self.strides).filter(|(dim, _)| **dim != 1) {
            match (out.dims.last_mut(), out.strides.last_mut()) {
                (Some(last), Some(outer)) if *outer == stride * dim as isize => {
                    *last *= dim;
                    *outer = stride;
                }
                _ => {
                    out.dims.push(dim);
                    out.strides.push(stride);
                }
            }
        }
        out
    }

    /// Calls `f` with the place in the source and in the output of every row: a row is the last axes, from `axis` on.
    fn for_rows(&self, axis: usize, row_len: usize, mut f: impl FnMut(isize, usize) -> Result<()>) -> Result<()> {
        let mut index: Dims = SmallVec::from_elem(0, axis);
        let (mut at, mut to) = (self.start, 0);
        loop {
            f(at, to)?;
            to += row_len;
            let mut up = axis;
            loop {
                if up == 0 {
                    return Ok(());
                }
                up -= 1;
                index[up] += 1;
                at += self.strides[up];
                if index[up] < self.dims[up] {
                    break;
                }
                at -= self.strides[up] * self.dims[up] as isize;
                index[up] = 0;
            }
        }
    }
}

/// The layout is simplified, and has an axis.
fn fill<E: Cell>(pace: &mut Pace<'_>, from: &[E], layout: &Layout, out: &mut [E]) -> Result<()> {
    let last = layout.dims.len() - 1;
    let (n, stride) = (layout.dims[last], layout.strides[last]);
    if stride != 1 && last > 0 && layout.strides[last - 1] == 1 {
        return exchange(pace, from, layout, out);
    }
    if stride != 1
        && stride != 0
        && let Some(axis) = layout.strides[..last].iter().position(|stride| *stride == 1)
    {
        return exchange_far(pace, from, layout, axis, out);
    }
    layout.for_rows(last, n, |at, to| {
        let row = &mut out[to..to + n];
        match stride {
            1 => copy_cells(pace, &from[at as usize..at as usize + n], row)?,
            0 => {
                let one = &from[at as usize];
                for part in row.chunks_mut(BLOCK.max(E::BATCH / 64)) {
                    pace.spend(E::work(std::slice::from_ref(one)).saturating_mul(part.len()))?;
                    part.fill(one.clone());
                }
            }
            _ => {
                let at = |i: usize| (at + i as isize * stride) as usize;
                for (part_idx, part) in row.chunks_mut(E::BATCH).enumerate() {
                    let first = part_idx * E::BATCH;
                    pace.spend(4 * part.len())?;
                    part.iter_mut().enumerate().for_each(|(i, cell)| *cell = from[at(first + i)].clone());
                }
            }
        }
        Ok(())
    })
}

/// The last two axes are exchanged: reads run along the last but one, writes along the last.
fn exchange<E: Cell>(pace: &mut Pace<'_>, from: &[E], layout: &Layout, out: &mut [E]) -> Result<()> {
    let axis = layout.dims.len() - 2;
    let (rows, columns, stride) = (layout.dims[axis], layout.dims[axis + 1], layout.strides[axis + 1]);
    layout.for_rows(axis, rows * columns, |at, to| {
        exchange_plane(pace, from, at, stride, &mut out[to..to + rows * columns], rows, columns, columns)
    })
}

/// `out[i * width + j] = from[at + i + j * stride]`, in blocks.
#[allow(clippy::too_many_arguments)] // a plane is where it is, and how large
fn exchange_plane<E: Cell>(
    pace: &mut Pace<'_>,
    from: &[E],
    at: isize,
    stride: isize,
    out: &mut [E],
    rows: usize,
    columns: usize,
    width: usize,
) -> Result<()> {
    for i0 in (0..rows).step_by(BLOCK) {
        let i1 = rows.min(i0 + BLOCK);
        for j0 in (0..columns).step_by(BLOCK) {
            pace.spend(BLOCK * BLOCK)?;
            let j1 = columns.min(j0 + BLOCK);
            for j in j0..j1 {
                let start = (at + j as isize * stride) as usize;
                for (i, cell) in (i0..i1).zip(&from[start + i0..start + i1]) {
                    out[i * width + j] = cell.clone();
                }
            }
        }
    }
    Ok(())
}

/// The axis that is contiguous in the source is further out in the output: blocks of it and the last axis.
fn exchange_far<E: Cell>(pace: &mut Pace<'_>, from: &[E], layout: &Layout, axis: usize, out: &mut [E]) -> Result<()> {
    let last = layout.dims.len() - 1;
    let widths = row_major(&layout.dims);
    let (rows, columns) = (layout.dims[axis], layout.dims[last]);
    let width = widths[axis] as usize;
    let others: SmallVec<[usize; 6]> = (0..last).filter(|other| *other != axis).collect();
    let planes: usize = others.iter().map(|other| layout.dims[*other]).product();
    for plane in 0..planes {
        let (mut rest, mut at, mut to) = (plane, layout.start, 0);
        for &other in others.iter().rev() {
            let index = rest % layout.dims[other];
            rest /= layout.dims[other];
            at += index as isize * layout.strides[other];
            to += index * widths[other] as usize;
        }
        exchange_plane(pace, from, at, layout.strides[last], &mut out[to..], rows, columns, width)?;
    }
    Ok(())
}

/// Writes `from`, in order, to the places of a layout within `out`.
pub(super) fn write_cells<E: Cell>(cx: &RunCx<'_>, from: &[E], out: &mut [E], layout: &Layout) -> Result<()> {
    if from.is_empty() {
        return Ok(());
    }
    layout.check(out.len())?;
    let layout = layout.simplified();
    let Some(last) = layout.dims.len().checked_sub(1) else {
        out[layout.start as usize] = from[0].clone();
        return Ok(());
    };
    let (n, stride, mut pace) = (layout.dims[last], layout.strides[last], cx.pace());
    layout.for_rows(last, n, |at, to| {
        let row = &from[to..to + n];
        if stride == 1 {
            return copy_cells(&mut pace, row, &mut out[at as usize..at as usize + n]);
        }
        let at = |i: usize| (at + i as isize * stride) as usize;
        for (part_idx, part) in row.chunks(E::BATCH).enumerate() {
            pace.spend(4 * E::work(part))?;
            part.iter().enumerate().for_each(|(i, cell)| out[at(part_idx * E::BATCH + i)] = cell.clone());
        }
        Ok(())
    })
}
