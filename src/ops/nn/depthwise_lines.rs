//! The loops of depthwise convolutions: lines of windows, channels last.
//!
//! Windows side by side are made together, a vector of channels at a time, with their sums in registers. At stride 1
//! neighbours share cells, so each cell of the image is loaded once a line instead of once a window. An element is the
//! same chain of sums on every way: tiles decide about time, never about bits.

use super::window::Geometry;
use crate::cancel::Pace;
use crate::dispatched;
use crate::error::Result;
use crate::kernel::Number;

/// Windows that are made together: with [`LANES`] channels of float32 each, their sums, the cells and a line of the
/// filter fit in the sixteen registers of AVX2; eight windows are no faster on AVX-512.
const WINDOWS: usize = 4;

/// Channels that are made together: the float32 of an AVX-512 register.
const LANES: usize = 16;

dispatched! {
    /// Lines `from..` of the batch: the windows side by side in an image.
    pub(super) fn lines<T: Number>(
        g: &Geometry,
        x: &[T],
        filter: &[T],
        from: usize,
        out: &mut [T],
        pace: &mut Pace<'_>,
    ) -> Result<()> = lines_body;
}

#[inline(always)]
fn lines_body<T: Number, const FMA: bool>(
    g: &Geometry,
    x: &[T],
    filter: &[T],
    from: usize,
    out: &mut [T],
    pace: &mut Pace<'_>,
) -> Result<()> {
    let image = g.image_len();
    for (i, out) in out.chunks_exact_mut(g.output[2] * g.channels).enumerate() {
        let (n, row) = ((from + i) / g.output[1], (from + i) % g.output[1]);
        let line = Line { g, x: &x[n * image..(n + 1) * image], filter, row };
        let done = line.blocks::<FMA, LANES>(0, out, pace)?;
        let done = line.blocks::<FMA, 8>(done, out, pace)?;
        let done = line.blocks::<FMA, 4>(done, out, pace)?;
        line.blocks::<FMA, 1>(done, out, pace)?;
    }
    Ok(())
}

/// Windows side by side, and what they are multiplied with.
struct Line<'a, T> {
    g: &'a Geometry,
    x: &'a [T],
    filter: &'a [T],
    row: usize,
}

impl<T: Number> Line<'_, T> {
    /// As many blocks of `N` channels as fit, from a channel on; the last one may begin in the one before it where more
    /// than half of it is new. Returns the first channel that is left.
    #[inline(always)]
    fn blocks<const FMA: bool, const N: usize>(
        &self,
        from: usize,
        out: &mut [T],
        pace: &mut Pace<'_>,
    ) -> Result<usize> {
        let channels = self.g.channels;
        let mut done = from;
        while channels >= N && (channels - done) * 2 > N {
            let channel = done.min(channels - N);
            match (self.g.filter[2], self.g.stride[2], self.g.dilation[2]) {
                (3, 1, 1) => self.block::<FMA, N, 3>(channel, out, pace)?,
                (5, 1, 1) => self.block::<FMA, N, 5>(channel, out, pace)?,
                _ => self.block::<FMA, N, 0>(channel, out, pace)?,
            }
            done = channel + N;
        }
        Ok(done)
    }

    /// `N` channels of all windows: several at a time where no window reaches into the padding. `K` is the width of
    /// windows that share their cells; 0 stands for all others.
    #[inline(always)]
    fn block<const FMA: bool, const N: usize, const K: usize>(
        &self,
        channel: usize,
        out: &mut [T],
        pace: &mut Pace<'_>,
    ) -> Result<()> {
        let (inner, cost) = (self.g.inner(2), self.g.filter_len() * WINDOWS * N.div_ceil(LANES));
        let mut column = 0;
        while column < self.g.output[2] {
            pace.spend(cost)?;
            let is_inner = inner.contains(&column) && column + WINDOWS <= inner.end;
            column += match is_inner {
                true if K > 0 => self.shared::<FMA, WINDOWS, N, K>(channel, column, out),
                true => self.tile::<FMA, WINDOWS, N>(channel, column, out),
                false => self.tile::<FMA, 1, N>(channel, column, out),
            };
        }
        Ok(())
    }

    /// `R` windows of `N` channels; their taps are those of the first window.
    #[inline(always)]
    fn tile<const FMA: bool, const R: usize, const N: usize>(
        &self,
        channel: usize,
        column: usize,
        out: &mut [T],
    ) -> usize {
        let (g, channels) = (self.g, self.g.channels);
        let taps = g.taps(2, column);
        let step = g.stride[2] * channels;
        let mut sums = [[T::Acc::ZERO; N]; R];
        for y in g.taps(1, self.row) {
            let line = g.at(1, self.row, y) * g.input[2];
            for tap in taps.clone() {
                let filter = &self.filter[(y * g.filter[2] + tap) * channels + channel..][..N];
                let x = &self.x[(line + g.at(2, column, tap)) * channels + channel..][..(R - 1) * step + N];
                let filter = cells::<T, N>(filter, 0);
                for (r, sums) in sums.iter_mut().enumerate() {
                    add_products::<T, FMA, N>(sums, &cells(x, r * step), &filter);
                }
            }
        }
        self.write(column, channel, &sums, out)
    }

    /// As [`Line::tile`] for windows of `K` cells at stride 1 that all lie in the image.
    #[inline(always)]
    fn shared<const FMA: bool, const R: usize, const N: usize, const K: usize>(
        &self,
        channel: usize,
        column: usize,
        out: &mut [T],
    ) -> usize {
        let (g, channels) = (self.g, self.g.channels);
        let mut sums = [[T::Acc::ZERO; N]; R];
        for y in g.taps(1, self.row) {
            let line = g.at(1, self.row, y) * g.input[2] + g.at(2, column, 0);
            let x = &self.x[line * channels + channel..][..(R + K - 2) * channels + N];
            let filter = &self.filter[y * K * channels + channel..][..(K - 1) * channels + N];
            let filter: [[T; N]; K] = std::array::from_fn(|tap| cells(filter, tap * channels));
            for cell in 0..R + K - 1 {
                let x = cells(x, cell * channels);
                // Window `r` has this cell under its tap `cell - r`.
                for (tap, filter) in filter.iter().enumerate().filter(|(tap, _)| (*tap..tap + R).contains(&cell)) {
                    add_products::<T, FMA, N>(&mut sums[cell - tap], &x, filter);
                }
            }
        }
        self.write(column, channel, &sums, out)
    }

    /// Writes the sums of `R` windows, and answers how many they are.
    #[inline(always)]
    fn write<const R: usize, const N: usize>(
        &self,
        column: usize,
        channel: usize,
        sums: &[[T::Acc; N]; R],
        out: &mut [T],
    ) -> usize {
        let channels = self.g.channels;
        for (out, sums) in out[column * channels..].chunks_mut(channels).zip(sums) {
            out[channel..channel + N].iter_mut().zip(sums).for_each(|(out, sum)| *out = T::narrow(*sum));
        }
        R
    }
}

#[inline(always)]
fn add_products<T: Number, const FMA: bool, const N: usize>(sums: &mut [T::Acc; N], x: &[T; N], filter: &[T; N]) {
    for i in 0..N {
        sums[i] = x[i].widen().times_plus::<FMA>(filter[i].widen(), sums[i]);
    }
}

/// `N` elements from `at` on, which lie in the slice: the callers cut it to the last of them, so that there is one
/// check for all (a check each keeps the sums out of registers, at half the speed).
#[inline(always)]
fn cells<T: Copy, const N: usize>(slice: &[T], at: usize) -> [T; N] {
    debug_assert!(at + N <= slice.len(), "the slice ends with the last cells");
    // SAFETY: `tile` reads up to `(R - 1) * step + N` and `shared` up to `(R + K - 2) * channels + N`, the lengths that
    // they cut their slices to; an array of `T` needs the alignment of `T` alone.
    unsafe { slice.as_ptr().add(at).cast::<[T; N]>().read() }
}

#[cfg(test)]
mod tests {
    use super::super::window::{Padding, Window};
    use super::*;
    use crate::graph::Workspace;

    /// The sum of each window, cell by cell.
    fn by_definition(g: &Geometry, x: &[f64], filter: &[f64]) -> Vec<f64> {
        let mut out = Vec::new();
        for window in 0..g.output_len() {
            for channel in 0..g.channels {
                let mut sum = 0.0;
                let all = g.for_taps(g.place(window), 1, &mut Workspace::unlimited().pace(), |tap, cell| {
                    sum += x[cell * g.channels + channel] * filter[tap * g.channels + channel];
                });
                all.unwrap();
                out.push(sum);
            }
        }
        out
    }

    /// Small whole numbers: all ways of adding them are exact.
    #[test]
    fn tiles_of_every_kind_make_the_sums_of_their_windows() {
        for (width, stride, dilation, channels) in
            [(3, 1, 1, 24), (5, 1, 1, 19), (3, 2, 1, 16), (3, 1, 2, 37), (2, 1, 1, 5), (7, 1, 1, 3), (3, 1, 1, 30)]
        {
            for padding in [Padding::Same, Padding::Valid] {
                let mut window = Window::new(2, stride, padding.clone());
                window.dilations = vec![1, dilation, dilation, 1];
                let g = window.over(&[1, 15, 17, channels], &[3, width]).unwrap();
                let x: Vec<f64> = (0..g.input_len() * channels).map(|i| (i * 7 % 13) as f64 - 6.0).collect();
                let filter: Vec<f64> = (0..3 * width * channels).map(|i| (i * 5 % 9) as f64 - 4.0).collect();
                let mut out = vec![f64::NAN; g.output_len() * channels];
                lines(&g, &x, &filter, 0, &mut out, &mut Workspace::unlimited().pace()).unwrap();
                assert_eq!(out, by_definition(&g, &x, &filter), "{width} {stride} {dilation} {channels} {padding:?}");
            }
        }
    }
}
