//! Windows as rows of a matrix, for gradients and for convolutions of few windows or of dtypes without tiles, and the way
//! back. Other convolutions leave their windows where they lie: `strips`.

use std::ops::Range;

use super::window::Geometry;
use crate::cancel::Pace;
use crate::error::Result;
use crate::graph::Workspace;
use crate::kernel::Number;

/// Bytes of the block of windows that is multiplied at a time: it shares the second-level cache with the filter.
const BLOCK_BYTES: usize = 1 << 20;

/// Windows of a block whose rows have `width` elements.
pub(super) fn rows_per_block<T>(width: usize) -> usize {
    (BLOCK_BYTES / (width * size_of::<T>()).max(1)).max(64)
}

/// Writes windows `from..` of the batch as rows; cells in the padding become zeros.
pub(super) fn gather<T: Number>(work: Workspace<'_>, g: &Geometry, x: &[T], from: usize, rows: &mut [T]) -> Result<()> {
    let (width, image) = (g.filter_len() * g.channels, g.image_len());
    if rows.is_empty() {
        return Ok(());
    }
    // Where windows lie is counted on, and their taps are kept: divisions would cost more than the copies.
    let columns = work.collect((0..g.output[2]).map(|column| g.taps(2, column)))?;
    let mut pace = work.pace();
    let (mut n, mut place) = (from / g.output_len(), g.place(from % g.output_len()));
    let mut outer = [g.taps(0, place[0]), g.taps(1, place[1])];
    for row in rows.chunks_exact_mut(width) {
        pace.spend(width)?;
        gather_row(g, &x[n * image..(n + 1) * image], place, &outer, &columns[place[2]], row);
        place[2] += 1;
        if place[2] == g.output[2] {
            n += usize::from(next_line(g, &mut place));
            outer = [g.taps(0, place[0]), g.taps(1, place[1])];
        }
    }
    Ok(())
}

/// Goes to the next line of windows; whether it is the first one of the next image.
fn next_line(g: &Geometry, place: &mut [usize; 3]) -> bool {
    *place = match [place[0], place[1] + 1] {
        [plane, line] if line == g.output[1] => [plane + 1, 0, 0],
        [plane, line] => [plane, line, 0],
    };
    let ends = place[0] == g.output[0];
    place[0] = if ends { 0 } else { place[0] };
    ends
}

fn gather_row<T: Number>(
    g: &Geometry,
    image: &[T],
    window: [usize; 3],
    [depths, lines]: &[Range<usize>; 2],
    columns: &Range<usize>,
    row: &mut [T],
) {
    if depths.len() * lines.len() * columns.len() < g.filter_len() {
        row.fill(T::ZERO);
    }
    // Neighbours in the window are neighbours in the image: a line of the window is one copy.
    let (step, len) = if g.dilation[2] == 1 { (columns.len().max(1), columns.len()) } else { (1, 1) };
    for z in depths.clone() {
        for y in lines.clone() {
            let line = (g.at(0, window[0], z) * g.input[1] + g.at(1, window[1], y)) * g.input[2];
            let taps = (z * g.filter[1] + y) * g.filter[2];
            for x in columns.clone().step_by(step) {
                let from = (line + g.at(2, window[2], x)) * g.channels;
                let to = (taps + x) * g.channels;
                if len * g.channels == 1 {
                    // Without the call that a copy of any length is.
                    row[to] = image[from];
                } else {
                    row[to..to + len * g.channels].copy_from_slice(&image[from..from + len * g.channels]);
                }
            }
        }
    }
}

/// Adds rows, which are windows `from..` of one image, to the cells of the image they lie on.
pub(super) fn scatter<T: Number>(
    g: &Geometry,
    rows: &[T],
    from: usize,
    image: &mut [T],
    pace: &mut Pace<'_>,
) -> Result<()> {
    let width = g.filter_len() * g.channels;
    for (i, row) in rows.chunks_exact(width).enumerate() {
        g.for_taps(g.place(from + i), g.channels, pace, |tap, cell| {
            let row = &row[tap * g.channels..(tap + 1) * g.channels];
            let cells = &mut image[cell * g.channels..(cell + 1) * g.channels];
            cells.iter_mut().zip(row).for_each(|(cell, x)| *cell = cell.plus(*x));
        })?;
    }
    Ok(())
}
