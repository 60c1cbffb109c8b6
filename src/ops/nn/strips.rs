//! Windows of a convolution where they lie: in the image, or in a copy of a few of its lines between zeros.

use std::ops::Range;

use super::window::Geometry;
use crate::error::Result;
use crate::graph::Workspace;
use crate::kernel::Number;
use crate::kernel::product::Windows;
use crate::shape::element_count;
use crate::value::Room;

/// Multiplications of a chunk: tens of microseconds, so that threads finish together.
const CHUNK: usize = 1 << 22;

/// Bytes of a chunk's part of the image and of the product: they stay in the second-level cache.
const CHUNK_BYTES: usize = 1 << 18;

/// Windows of a chunk at least: a few tiles, which share what they read of the filter.
const LEAST_WINDOWS: usize = 32;

/// Windows from which packing the filter pays.
const FEW_WINDOWS: usize = 16;

/// How the windows of one convolution are read.
pub(super) struct Strips<'a> {
    g: &'a Geometry,
    /// Windows of a chunk.
    pub chunk: usize,
    /// Cells and lines of a strip, and planes: none where windows are read from the image itself.
    size: Option<[usize; 3]>,
    /// Elements of a strip.
    pub len: usize,
    pub windows: Windows,
    _room: Room,
}

impl<'a> Strips<'a> {
    /// For filters that make `n` channels, of elements of so many bytes. `None` where copies of the windows are better:
    /// of so few that the filter is the larger part, and of such that leave out most of what lies between their cells.
    pub fn new(work: Workspace<'_>, g: &'a Geometry, n: usize, bytes: usize) -> Result<Option<Strips<'a>>> {
        let count = g.batch.saturating_mul(g.output_len());
        if count < FEW_WINDOWS || count.saturating_mul(4) < n {
            return Ok(None);
        }
        let chunk = chunk(g, n, bytes);
        let [_, rows, columns] = g.output;
        let size = (0..3).any(|axis| g.inner(axis) != (0..g.output[axis])).then(|| {
            let lines = if chunk.is_multiple_of(columns) { chunk / columns } else { chunk / columns + 2 };
            [reach(g, 2, columns), reach(g, 1, lines.min(rows)), g.filter[0]]
        });
        let len = size.map_or(0, |size| size.iter().fold(g.channels, |n, size| n.saturating_mul(*size)));
        let most = g.image_len().saturating_mul(8).max(CHUNK);
        if len > most {
            return Ok(None);
        }
        let (windows, room) = windows(work, g, size)?;
        Ok(Some(Strips { g, chunk, size, len, windows, _room: room }))
    }

    /// Calls `f` for the parts of some windows that lie in one plane each, with what they are read from and their numbers
    /// in it.
    pub(in crate::ops) fn each<T: Number>(
        &self,
        work: Workspace<'_>,
        x: &[T],
        windows: Range<usize>,
        mut f: impl FnMut(&[T], Range<usize>) -> Result<()>,
    ) -> Result<()> {
        let (g, [_, rows, columns]) = (self.g, self.g.output);
        // The list never holds more than there is room for.
        let (mut strip, _room) = work.list(self.len)?.into_parts();
        let mut first = windows.start;
        while first < windows.end {
            let (plane, at) = (first / (rows * columns), first % (rows * columns));
            let end = (at + windows.end - first).min(rows * columns);
            let (n, z) = (plane / g.output[0], plane % g.output[0]);
            let image = &x[n * g.image_len()..(n + 1) * g.image_len()];
            match self.size {
                None => f(&image[z * g.stride[0] * g.input[1] * g.input[2] * g.channels..], at..end)?,
                Some(size) => {
                    let line = at / columns;
                    fill(g, image, size, [z, line], end.div_ceil(columns) - line, &mut strip);
                    f(&strip, at - line * columns..end - line * columns)?;
                }
            }
            first += end - at;
        }
        Ok(())
    }
}

/// Windows of a chunk: whole lines where it has one.
fn chunk(g: &Geometry, n: usize, bytes: usize) -> usize {
    let cost = g.filter_len().saturating_mul(g.channels).saturating_mul(n);
    let moved = (g.stride[1] * g.stride[2]).saturating_mul(g.channels).saturating_add(n).saturating_mul(bytes);
    let windows = (CHUNK / cost.max(1)).min(CHUNK_BYTES / moved.max(1)).max(LEAST_WINDOWS);
    let columns = g.output[2];
    if windows >= columns { windows - windows % columns } else { windows }
}

/// Cells that `n` windows in direction `axis` reach over.
fn reach(g: &Geometry, axis: usize, n: usize) -> usize {
    let span = (g.filter[axis] - 1).saturating_mul(g.dilation[axis]).saturating_add(1);
    (n - 1).saturating_mul(g.stride[axis]).saturating_add(span)
}

/// How windows lie in a strip of this size, or in the image.
fn windows(work: Workspace<'_>, g: &Geometry, size: Option<[usize; 3]>) -> Result<(Windows, Room)> {
    let (cells, lines, plane) = match size {
        Some([cells, lines, _]) => (cells, lines, 1),
        None => (g.input[2], g.input[1], g.dilation[0]),
    };
    // Neighbours in the window are neighbours in the image.
    let (taps, piece) = if g.dilation[2] == 1 { (1, g.filter[2]) } else { (g.filter[2], 1) };
    let mut pieces = work.list(element_count(&[g.filter[0], g.filter[1], taps])?)?;
    for z in 0..g.filter[0] {
        for y in 0..g.filter[1] {
            let line = (z * plane * lines + y * g.dilation[1]) * cells;
            pieces.extend((0..taps).map(|x| (line + x * g.dilation[2]) * g.channels))?;
        }
    }
    let (pieces, room) = pieces.into_parts();
    let windows = Windows {
        pieces,
        piece: piece * g.channels,
        columns: g.output[2],
        step: g.stride[2] * g.channels,
        line: g.stride[1] * cells * g.channels,
    };
    Ok((windows, room))
}

/// Copies the cells of `count` lines of windows, with the zeros around the image.
fn fill<T: Number>(
    g: &Geometry,
    image: &[T],
    [cells, lines, planes]: [usize; 3],
    [z, line]: [usize; 2],
    count: usize,
    strip: &mut Vec<T>,
) {
    let before = g.pad[2].min(cells);
    let inside = g.input[2].min(cells - before);
    let needed = reach(g, 1, count);
    strip.clear();
    for plane in 0..planes {
        let z = inside_image(g, 0, z * g.stride[0] + plane * g.dilation[0]);
        for y in 0..needed {
            if let (Some(z), Some(y)) = (z, inside_image(g, 1, line * g.stride[1] + y)) {
                let from = (z * g.input[1] + y) * g.input[2] * g.channels;
                strip.resize(strip.len() + before * g.channels, T::ZERO);
                strip.extend_from_slice(&image[from..from + inside * g.channels]);
                strip.resize(strip.len() + (cells - before - inside) * g.channels, T::ZERO);
            } else {
                strip.resize(strip.len() + cells * g.channels, T::ZERO);
            }
        }
        strip.resize((plane + 1) * lines * cells * g.channels, T::ZERO);
    }
}

/// The cell of the image under a cell of the padded image.
fn inside_image(g: &Geometry, axis: usize, padded: usize) -> Option<usize> {
    padded.checked_sub(g.pad[axis]).filter(|cell| *cell < g.input[axis])
}

#[cfg(test)]
mod tests {
    use super::super::conv::Conv;
    use super::super::window::{Padding, Window};
    use super::*;
    use crate::dtype::Plain;
    use crate::kernel::product::{Activation, Epilogue, Filter};
    use crate::kernel::threads::Threads;
    use crate::ops::testing::run_op;
    use crate::pool::Pool;
    use crate::value::Value;

    fn work() -> Workspace<'static> {
        Workspace::unlimited()
    }

    /// Numbers without an order, below `n`.
    struct Numbers(u64);

    impl Numbers {
        fn below(&mut self, n: usize) -> usize {
            self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (self.0 >> 33) as usize % n
        }

        /// Small whole numbers: all ways of adding their products are exact.
        fn values<T>(&mut self, n: usize, make: &impl Fn(i32) -> T) -> Vec<T> {
            (0..n).map(|_| make(self.below(9) as i32 - 4)).collect()
        }
    }

    /// The sums of windows, cell by cell; the filter has the channels of one group.
    fn by_definition<T: Number>(g: &Geometry, x: &[T], filter: &[T], n: usize, groups: usize) -> Vec<T> {
        let (each, width, image) = (g.channels / groups, n / groups, g.input_len() * g.channels);
        let mut out = Vec::new();
        for window in 0..g.batch * g.output_len() {
            let x = &x[window / g.output_len() * image..][..image];
            for channel in 0..n {
                let (mut sum, first) = (T::ZERO, channel / width * each);
                g.for_taps(g.place(window % g.output_len()), 1, &mut work().pace(), |tap, cell| {
                    for i in 0..each {
                        let product = x[cell * g.channels + first + i].times(filter[(tap * each + i) * n + channel]);
                        sum = sum.plus(product);
                    }
                })
                .unwrap();
                out.push(sum);
            }
        }
        out
    }

    fn check_random<T: Number + Plain>(seed: u64, make: impl Fn(i32) -> T) {
        let mut r = Numbers(seed);
        for _ in 0..150 {
            let (spatial, groups) = (2 + r.below(4) / 3, 1 + r.below(5) / 4 * r.below(3));
            let (each, n) = (1 + r.below(70 / spatial), groups * (1 + r.below(40)));
            let mut dims = vec![1 + r.below(2)];
            dims.extend((0..spatial).map(|_| 1 + r.below(if spatial == 2 { 20 } else { 8 })));
            dims.push(each * groups);
            let sizes: Vec<usize> = (0..spatial).map(|_| 1 + r.below(4)).collect();
            let padding = match r.below(3) {
                0 => Padding::Valid,
                1 => Padding::Same,
                _ => Padding::Explicit(
                    (0..2 * (spatial + 2))
                        .map(|i| if i < 2 || i > 2 * spatial + 1 { 0 } else { r.below(3) as i64 })
                        .collect(),
                ),
            };
            let mut window = Window::new(spatial, 1, padding);
            for axis in 1..=spatial {
                (window.strides[axis], window.dilations[axis]) = (1 + r.below(3) as i64, 1 + r.below(3) as i64 / 2);
            }
            let Ok(g) = window.over(&dims, &sizes) else { continue };
            let x = r.values(dims.iter().product(), &make);
            let filter = r.values(g.filter_len() * each * n, &make);
            let want = by_definition(&g, &x, &filter, n, groups);
            let filter_dims = [&sizes[..], &[each, n]].concat();
            let inputs = [Value::from_vec(&dims, x).unwrap(), Value::from_vec(&filter_dims, filter).unwrap()];
            let got = run_op(Conv { window: window.clone() }, &inputs).unwrap();
            assert!(got[0].slice::<T>().unwrap() == want, "{dims:?} {filter_dims:?} {window:?}");
        }
    }

    #[test]
    fn windows_of_any_kind_make_their_sums() {
        check_random(1, |x| x as f32);
        check_random(2, f64::from);
    }

    /// Bias and activation, at chunk borders within lines and within planes.
    #[test]
    fn chunks_of_any_size_make_the_same() {
        let mut r = Numbers(3);
        let g = Window::new(2, 2, Padding::Same).over(&[2, 9, 11, 5], &[3, 4]).unwrap();
        let n = 19;
        let (x, filter) = (r.values(990, &|x| x as f32), r.values(g.filter_len() * 5 * n, &|x| x as f32));
        let bias = r.values(n, &|x| x as f32);
        let epilogue = Epilogue { bias: Some(&bias), activation: Activation::Relu };
        let mut want = by_definition(&g, &x, &filter, n, 1);
        want.iter_mut().enumerate().for_each(|(i, x)| *x = (*x + bias[i % n]).max(0.0));
        let strips = Strips::new(work(), &g, n, 4).unwrap().unwrap();
        let pool = Pool::new(1).unwrap();
        let packed = Filter::pack(Threads::unlimited(&pool), &strips.windows, &filter, &epilogue).unwrap().unwrap();
        for step in [1, 5, 6, 17, want.len() / n] {
            let mut got = Vec::new();
            for first in (0..want.len() / n).step_by(step) {
                let windows = first..(first + step).min(want.len() / n);
                let made = strips.each(work(), &x, windows, |image, windows| {
                    let mut part = vec![f32::NAN; windows.len() * n];
                    packed.multiply(image, windows, &mut part, &mut work().pace())?;
                    got.extend(part);
                    Ok(())
                });
                made.unwrap();
            }
            assert!(got == want, "{step} windows");
        }
    }

    #[test]
    fn cells_that_lie_far_apart_are_copied_one_by_one() {
        let mut window = Window::new(2, 1, Padding::Same);
        window.dilations = vec![1, 1 << 40, 1 << 40, 1];
        let g = window.over(&[1, 6, 6, 1], &[3, 3]).unwrap();
        assert!(Strips::new(work(), &g, 1, 4).unwrap().is_none());
        let image = Value::full(&[1, 6, 6, 1], 2.0f32).unwrap();
        let filter = Value::full(&[3, 3, 1, 1], 3.0f32).unwrap();
        let got = run_op(Conv { window }, &[image, filter]).unwrap();
        assert_eq!(got[0].slice::<f32>().unwrap(), [6.0; 36]);
    }

    /// Far apart as can be: the cell in the middle is the only one in the image.
    #[test]
    fn dilations_may_be_as_large_as_numbers_are() {
        for (size, far) in [(3, i64::MAX), (3, i64::MAX / 2), (1, i64::MAX)] {
            let mut window = Window::new(2, 1, Padding::Same);
            window.dilations = vec![1, far, far, 1];
            let image = Value::full(&[1, 4, 4, 1], 2.0f32).unwrap();
            let filter = Value::full(&[size, size, 1, 1], 3.0f32).unwrap();
            let got = run_op(Conv { window }, &[image, filter]).unwrap();
            assert_eq!(got[0].slice::<f32>().unwrap(), [6.0; 16], "{size} {far}");
        }
    }
}
