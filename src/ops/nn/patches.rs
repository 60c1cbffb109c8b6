//! Windows as rows of a matrix, so that convolutions are matrix products, and the way back for gradients.

use super::window::Geometry;
use crate::kernel::Number;

/// Bytes of the block of windows that is multiplied at a time: it shares the second-level cache with the filter.
const BLOCK_BYTES: usize = 1 << 20;

/// Windows of a block whose rows have `width` elements.
pub(super) fn rows_per_block<T>(width: usize) -> usize {
    (BLOCK_BYTES / (width * size_of::<T>()).max(1)).max(64)
}

/// Writes windows `from..` of the batch as rows; cells in the padding become zeros.
pub(super) fn gather<T: Number>(g: &Geometry, x: &[T], from: usize, rows: &mut [T]) {
    let width = g.filter_len() * g.channels;
    let image = g.input_len() * g.channels;
    for (i, row) in rows.chunks_exact_mut(width).enumerate() {
        let (n, window) = ((from + i) / g.output_len(), (from + i) % g.output_len());
        gather_row(g, &x[n * image..(n + 1) * image], g.place(window), row);
    }
}

fn gather_row<T: Number>(g: &Geometry, image: &[T], window: [usize; 3], row: &mut [T]) {
    let [depths, lines, columns] = std::array::from_fn(|axis| g.taps(axis, window[axis]));
    if g.n_taps(window) < g.filter_len() {
        row.fill(T::ZERO);
    }
    // Neighbours in the window are neighbours in the image: a line of the window is one copy.
    let (step, len) = if g.dilation[2] == 1 { (columns.len().max(1), columns.len()) } else { (1, 1) };
    for z in depths {
        for y in lines.clone() {
            let line = (g.at(0, window[0], z) * g.input[1] + g.at(1, window[1], y)) * g.input[2];
            let taps = (z * g.filter[1] + y) * g.filter[2];
            for x in columns.clone().step_by(step) {
                let from = (line + g.at(2, window[2], x)) * g.channels;
                let to = (taps + x) * g.channels;
                row[to..to + len * g.channels].copy_from_slice(&image[from..from + len * g.channels]);
            }
        }
    }
}

/// Adds rows, which are windows `from..` of one image, to the cells of the image they lie on.
pub(super) fn scatter<T: Number>(g: &Geometry, rows: &[T], from: usize, image: &mut [T]) {
    let width = g.filter_len() * g.channels;
    for (i, row) in rows.chunks_exact(width).enumerate() {
        g.for_taps(g.place(from + i), |tap, cell| {
            let row = &row[tap * g.channels..(tap + 1) * g.channels];
            let cells = &mut image[cell * g.channels..(cell + 1) * g.channels];
            cells.iter_mut().zip(row).for_each(|(cell, x)| *cell = cell.plus(*x));
        });
    }
}
