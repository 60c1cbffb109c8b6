//! Products of windows and a filter, without a matrix of windows.
//!
//! A window is read where it lies in the image: in pieces, which are lines of the window, each with neighbours side by
//! side. So the tiles of [`packed`](super::packed) take pieces of `k`, and windows of one line are rows that overlap.

use std::any::Any;
use std::mem::MaybeUninit;
use std::ops::Range;

use super::grid::{Block, cost};
use super::packed::{Line, PACKED_AT_ONCE, Slab, each, even_part, slabs};
use super::small::{Fast, Kernels, Piece};
use super::{Epilogue, Out, Product, VECTOR, epilogue};
use crate::DType;
use crate::cancel::Pace;
use crate::error::Result;
use crate::number::Number;
use crate::simd::level;
use crate::threads::Threads;
use crate::value::{Room, ScratchVec};

/// Bytes of the panels that all windows of a chunk meet before the next ones: a part of a second-level cache.
const PART_BYTES: usize = 1 << 18;

/// How windows lie in an image, in elements.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Windows {
    /// Where the pieces of a window start, from its first element on.
    pub pieces: Vec<usize>,
    /// The length of each piece.
    pub piece: usize,
    /// Windows in a line.
    pub columns: usize,
    /// From a window to the next.
    pub step: usize,
    /// From a line of windows to the next.
    pub line: usize,
}

impl Windows {
    /// Elements of a window.
    fn depth(&self) -> usize {
        self.pieces.len() * self.piece
    }

    /// The parts of the pieces that hold some steps of `k`.
    fn cut(&self, steps: &Range<usize>) -> Vec<Piece> {
        let part = |(i, at): (usize, &usize)| {
            let first = i * self.piece;
            let [start, end] = [steps.start, steps.end].map(|step| step.clamp(first, first + self.piece) - first);
            Piece { at: at + start, steps: end - start }
        };
        self.pieces.iter().enumerate().map(part).filter(|piece| piece.steps > 0).collect()
    }

    /// Elements of an image that these windows need, at most.
    fn reach(&self, windows: &Range<usize>) -> usize {
        let line = windows.end.div_ceil(self.columns).saturating_sub(1).saturating_mul(self.line);
        let window = self.columns.saturating_sub(1).saturating_mul(self.step);
        let piece = self.pieces.iter().max().map_or(0, |at| at.saturating_add(self.piece));
        line.saturating_add(window).saturating_add(piece)
    }
}

/// A filter in panels, for all threads to share.
pub struct Filter<'a, T: 'static> {
    windows: &'a Windows,
    product: Product<'a, T>,
    kernels: &'static Kernels<T>,
    parts: Vec<Part>,
    panels: Out<T>,
    /// What `panels` points to.
    memory: Vec<MaybeUninit<Line>>,
    _room: Room,
}

/// A part of `k` and of the columns, and where its panels start.
struct Part {
    steps: Range<usize>,
    columns: Range<usize>,
    pieces: Vec<Piece>,
    start: usize,
}

impl<'a, T: Number> Filter<'a, T> {
    /// Packs a filter, a matrix with a row for each element of a window. `None` for dtypes that have no tiles.
    ///
    /// # Panics
    /// If a length does not fit.
    pub fn pack(
        threads: Threads<'_>,
        windows: &'a Windows,
        filter: &'a [T],
        epilogue: &Epilogue<'a, T>,
    ) -> Result<Option<Filter<'a, T>>> {
        let Some(kernels) = kernels() else { return Ok(None) };
        let (k, bias) = (windows.depth(), epilogue.bias());
        let (n, activation) = (filter.len() / k, epilogue.activation);
        let product = Product { m: 0, k, n, a: &[], ta: false, b: filter, tb: false, bias, activation };
        product.check(0);
        let mut packed = Filter {
            windows,
            product,
            kernels,
            parts: Vec::new(),
            panels: Out(std::ptr::null_mut()),
            memory: Vec::new(),
            _room: Room::default(),
        };
        let mut len = 0;
        for steps in slabs(k) {
            let columns = even_part(n, PART_BYTES / (steps.len() * size_of::<T>()), kernels.panel());
            for first in (0..n).step_by(columns) {
                let (pieces, columns) = (windows.cut(&steps), first..n.min(first + columns));
                packed.parts.push(Part { pieces, steps: steps.clone(), columns, start: len });
                len += packed.slab(packed.parts.len() - 1).len();
            }
        }
        let mut memory = ScratchVec::new(threads.meter())?;
        memory.reserve((len * size_of::<T>()).div_ceil(size_of::<Line>()))?;
        (packed.memory, packed._room) = memory.into_parts();
        packed.panels = Out(packed.memory.as_mut_ptr().cast());
        let at_once = (PACKED_AT_ONCE * packed.parts.len() / len.max(1)).max(1);
        each(Some(threads), packed.parts.len(), at_once, |parts| parts.for_each(|part| packed.slab(part).pack(None)));
        Ok(Some(packed))
    }

    fn slab(&self, part: usize) -> Slab<'_, T> {
        let part = &self.parts[part];
        Slab {
            product: &self.product,
            kernels: self.kernels,
            steps: part.steps.clone(),
            pieces: &part.pieces,
            group: self.kernels.group(self.product.n),
            columns: part.columns.clone(),
            panels: Out(self.panels.pointer().wrapping_add(part.start)),
        }
    }

    /// Makes the products of some windows of an image, with what follows them.
    ///
    /// # Errors
    /// Those of the run's limits.
    ///
    /// # Panics
    /// If a window does not lie in the image, or a length does not fit.
    pub fn multiply(&self, image: &[T], windows: Range<usize>, c: &mut [T], pace: &mut Pace<'_>) -> Result<()> {
        let Windows { columns, step, line, .. } = *self.windows;
        assert_eq!(c.len(), windows.len() * self.product.n, "length of the product");
        assert!(self.windows.reach(&windows) <= image.len(), "windows must lie in the image");
        for part in 0..self.parts.len() {
            let slab = self.slab(part);
            let mut first = windows.start;
            while first < windows.end {
                let count = (columns - first % columns).min(windows.end - first);
                let a = image[first / columns * line + first % columns * step..].as_ptr();
                let c = c[(first - windows.start) * self.product.n..].as_mut_ptr();
                pace.spend(cost(count, slab.steps.len(), slab.columns.len()) / VECTOR)?;
                // SAFETY: the windows lie in the image and their rows in `c`, as asserted above.
                unsafe { slab.rows(a, (step, 1), count, c) };
                first += count;
            }
        }
        let whole = Block { rows: 0..windows.len(), columns: 0..self.product.n };
        // SAFETY: `c` is borrowed here alone.
        unsafe { epilogue::apply_rest(&self.product, &whole, c.as_mut_ptr()) };
        Ok(())
    }
}

/// The tiles of a dtype on this CPU.
fn kernels<T: Number>() -> Option<&'static Kernels<T>> {
    fn same<T: 'static, U: 'static>(table: &'static Kernels<U>) -> Option<&'static Kernels<T>> {
        (&table as &dyn Any).downcast_ref().copied()
    }
    match T::DTYPE {
        DType::F32 => same(f32::kernels(level())),
        DType::F64 => same(f64::kernels(level())),
        _ => None,
    }
}
