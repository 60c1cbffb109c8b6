//! Folds: sums, products, extremes and their kin of rows and of columns, in an order that the lengths alone fix.
//!
//! Elements of a row are combined in [`LANES`](loops::LANES) lanes, columns side by side; blocks of them pairwise, so that
//! rounding errors grow with the logarithm of the length. What walks over a tensor sees bytes: [`Fold`] has the loops of
//! a formula and a dtype behind pointers. Rare dtypes are folded in a wider one, a tile at a time.

mod combine;
mod loops;
#[cfg(test)]
mod tests;

use num_complex::Complex;

use self::combine::{All, Any, Combine, Largest, Product, Smallest, Squares, Sum};
use self::loops::{Columns, LANES, Loops};
use crate::number::{bytes_of, bytes_of_mut};
use crate::widen::Widen;
use crate::{DType, Number, Ordered};
use sessile_base::dtype::Element;

/// Elements of a row that are combined before the tree begins: 32 a lane.
pub const ROW_LEAF: usize = 32 * LANES;

/// Rows of a block of columns that are combined one after the other before the tree begins.
pub const COLUMN_LEAF: usize = 32;

/// Columns that are combined side by side: they fit the registers and the stack.
pub const COLUMNS: usize = 64;

/// The largest accumulator, in bytes.
const MAX_SIZE: usize = 16;

/// What becomes of elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    Sum,
    Product,
    /// The sum of the squares of magnitudes.
    Squares,
    /// NaN counts for nothing.
    Largest,
    /// NaN counts for nothing.
    Smallest,
    All,
    Any,
}

/// Room for some elements on the stack. It begins at a multiple of 64 bytes: vectors then never straddle lines.
#[repr(C, align(64))]
pub struct Tile<const BYTES: usize>(pub [u8; BYTES]);

/// A fold of one dtype.
#[derive(Debug, Clone, Copy)]
pub struct Fold {
    how: How,
    acc: DType,
    /// The logarithms of the sizes of elements and of results in bytes: sizes are asked for each row.
    size_log: u32,
    acc_log: u32,
    /// Where results may begin: at multiples of this.
    align: usize,
    /// How elements become accumulators, where they are not of the accumulator's dtype.
    widen: Option<Widen>,
    loops: Loops,
    /// The loop over columns of [`Fold::next`]: it combines results.
    join: Columns,
    start: [u8; MAX_SIZE],
}

/// A formula's loops and where it starts.
struct Formula {
    loops: Loops,
    join: Columns,
    start: [u8; MAX_SIZE],
}

impl Fold {
    /// `None` where it has no meaning for the dtype.
    pub fn of(how: How, dtype: DType) -> Option<Fold> {
        let is_order = matches!(how, How::Largest | How::Smallest);
        // Sums and products of unsigned integers are those of signed ones, bit by bit.
        let (widen, acc, computed) = match (dtype, Widen::of(dtype)) {
            (DType::U32, _) if !is_order => (None, dtype, DType::I32),
            (DType::U64, _) if !is_order => (None, dtype, DType::I64),
            (_, Some(widen)) => (Some(widen), widen.wide, widen.wide),
            _ => (None, dtype, dtype),
        };
        let Formula { loops, join, start } = formula(how, computed)?;
        let [size, acc_size] = [dtype.size()?, acc.size()?];
        let align = if acc.is_complex() { acc_size / 2 } else { acc_size };
        Some(Fold { how, acc, size_log: size.ilog2(), acc_log: acc_size.ilog2(), align, widen, loops, join, start })
    }

    /// The dtype of results: the elements', or the wider one that stands in for it.
    pub fn acc(&self) -> DType {
        self.acc
    }

    /// The fold of what this one has made of pieces.
    pub fn next(&self) -> Fold {
        let how = if self.how == How::Squares { How::Sum } else { self.how };
        Fold::of(how, self.acc).expect("accumulators can be folded")
    }

    /// Bytes of an element.
    pub fn size(&self) -> usize {
        1 << self.size_log
    }

    fn n_results(&self, out: &[u8]) -> usize {
        out.len() >> self.acc_log
    }

    /// Bytes of a result.
    pub fn acc_size(&self) -> usize {
        1 << self.acc_log
    }

    /// Combines rows of `k` elements that follow each other, at most [`ROW_LEAF`] each, to one result each.
    pub fn rows(&self, x: &[u8], k: usize, out: &mut [u8]) {
        let Some(widen) = &self.widen else { return self.wide_rows(x, k, out) };
        let (size, acc_size) = (self.size(), self.acc_size());
        let (mut tile, rows) = (Tile([0; ROW_LEAF * 8]), ROW_LEAF / k.max(1));
        for (i, out) in out.chunks_mut(rows * acc_size).enumerate() {
            let n = out.len() / acc_size * k;
            let tile = &mut tile.0[..n * acc_size];
            widen.load(&x[i * rows * k * size..][..n * size], tile);
            self.wide_rows(tile, k, out);
        }
    }

    /// As [`Fold::rows`], for elements of the accumulator's dtype.
    pub fn wide_rows(&self, x: &[u8], k: usize, out: &mut [u8]) {
        let n = self.n_results(out);
        self.check(x, k * n);
        self.check(out, n);
        // SAFETY: both have as many elements as the loop goes over, and are aligned; all bytes are elements of a number,
        // and bools are seen as bytes of which 0 and 1 come.
        unsafe { (self.loops.rows)(x.as_ptr(), k, out.as_mut_ptr(), n) }
    }

    /// Combines the elements of one row of any length, in a tree, to one result.
    pub fn row(&self, x: &[u8], out: &mut [u8]) {
        let size = self.size();
        self.tree(0, x.len() / size, out, &mut |at, len, out| self.rows(&x[at * size..(at + len) * size], len, out));
    }

    /// The tree over `len` elements from `at` on, of what `leaf(at, len, out)` makes of its leaves.
    pub fn tree(&self, at: usize, len: usize, out: &mut [u8], leaf: &mut dyn FnMut(usize, usize, &mut [u8])) {
        if len <= ROW_LEAF {
            return leaf(at, len, out);
        }
        let left = left_of(len);
        self.tree(at, left, out, leaf);
        let right = &mut Tile([0; MAX_SIZE]).0[..out.len()];
        self.tree(at + left, len - left, right, leaf);
        self.add(self.join, right, (0, 1), out, true);
    }

    /// Combines `rows` rows of as many elements as `out` has, at most [`COLUMNS`], that begin `stride` elements apart.
    pub fn columns(&self, x: &[u8], stride: usize, rows: usize, out: &mut [u8]) {
        match self.widen {
            None => self.column_tree(x, stride, rows, out, &mut []),
            Some(_) => self.column_tree(x, stride, rows, out, &mut Tile([0; ROW_LEAF * 8]).0),
        }
    }

    /// The tree over rows; `tile` is room for wide elements.
    fn column_tree(&self, x: &[u8], stride: usize, rows: usize, out: &mut [u8], tile: &mut [u8]) {
        if rows <= COLUMN_LEAF {
            return self.column_leaf(x, stride, rows, out, tile);
        }
        // Room for the results is filled with zeros, which takes time, so it is no larger than they are.
        match out.len() {
            0..=64 => self.column_halves::<64>(x, stride, rows, out, tile),
            65..=256 => self.column_halves::<256>(x, stride, rows, out, tile),
            _ => self.column_halves::<{ COLUMNS * MAX_SIZE }>(x, stride, rows, out, tile),
        }
    }

    fn column_halves<const BYTES: usize>(&self, x: &[u8], stride: usize, rows: usize, out: &mut [u8], tile: &mut [u8]) {
        let left = (rows / 2).next_multiple_of(COLUMN_LEAF);
        self.column_tree(x, stride, left, out, tile);
        let right = &mut Tile([0; BYTES]).0[..out.len()];
        self.column_tree(&x[left * stride * self.size()..], stride, rows - left, right, tile);
        self.add(self.join, right, (0, 1), out, true);
    }

    fn column_leaf(&self, x: &[u8], stride: usize, rows: usize, out: &mut [u8], tile: &mut [u8]) {
        let Some(widen) = &self.widen else { return self.add(self.loops.columns, x, (stride, rows), out, false) };
        let (size, width) = (self.size(), self.n_results(out));
        if rows == 0 {
            return self.fill(out);
        }
        // As many rows as the tile has room for, with what lies between them.
        let at_once = (ROW_LEAF / stride.max(1)).max(1);
        let mut done = 0;
        while done < rows {
            let n_rows = at_once.min(rows - done);
            let n = (n_rows - 1) * stride + width;
            let tile = &mut tile[..n << self.acc_log];
            widen.load(&x[done * stride * size..][..n * size], tile);
            self.add(self.loops.columns, tile, (stride, n_rows), out, done > 0);
            done += n_rows;
        }
    }

    /// What no elements make.
    pub fn fill(&self, out: &mut [u8]) {
        for out in out.chunks_exact_mut(self.acc_size()) {
            out.copy_from_slice(&self.start[..out.len()]);
        }
    }

    /// Combines rows of accumulators with each other, and with what is in `out` if it goes on from there.
    fn add(&self, columns: Columns, x: &[u8], (stride, rows): (usize, usize), out: &mut [u8], goes_on: bool) {
        let width = self.n_results(out);
        let len = rows.checked_sub(1).map_or(0, |before| before * stride + width);
        self.check(x, len);
        self.check(out, width);
        // SAFETY: as for rows: `rows` rows lie in `x`, and `width` elements in `out`.
        unsafe { columns(x.as_ptr(), stride, rows, out.as_mut_ptr(), width, goes_on) }
    }

    /// Refuses less than `n` accumulators, and such as do not begin where one may.
    fn check(&self, x: &[u8], n: usize) {
        assert!(x.as_ptr().addr() & (self.align - 1) == 0, "elements begin where they may");
        assert!(x.len() >> self.acc_log >= n, "there are as many elements as are combined");
    }
}

/// Where a row is cut in two.
pub fn left_of(len: usize) -> usize {
    (len / 2).next_multiple_of(ROW_LEAF)
}

/// The sum of a row of float32 or float64.
pub fn sum<T: Number>(row: &[T]) -> T {
    number_of::<Sum<T>>(How::Sum, row)
}

/// The largest number of a row of float32 or float64; minus infinity of none.
pub fn largest<T: Ordered>(row: &[T]) -> T {
    number_of::<Largest<T>>(How::Largest, row)
}

/// Folds short rows without a look at tables: they may have ten elements.
fn number_of<F: Combine<T: Number>>(how: How, row: &[F::T]) -> F::T {
    let mut out = [F::START];
    if row.len() > ROW_LEAF {
        let fold = Fold::of(how, <F::T as Element>::DTYPE).expect("numbers can be folded");
        fold.row(bytes_of(row), bytes_of_mut(&mut out));
    } else {
        // SAFETY: one row of as many elements as it has, and room for one.
        unsafe { (Loops::of::<F>().rows)(row.as_ptr().cast(), row.len(), out.as_mut_ptr().cast(), 1) }
    }
    out[0]
}

/// The loops of a formula for a dtype that folds are computed in.
fn formula(how: How, dtype: DType) -> Option<Formula> {
    macro_rules! for_numbers {
        ($fold:ident then $next:ident) => {
            match dtype {
                DType::F32 => of_number::<$fold<f32>, $next<f32>>(),
                DType::F64 => of_number::<$fold<f64>, $next<f64>>(),
                DType::I32 => of_number::<$fold<i32>, $next<i32>>(),
                DType::I64 => of_number::<$fold<i64>, $next<i64>>(),
                DType::C64 => of_number::<$fold<Complex<f32>>, $next<Complex<f32>>>(),
                DType::C128 => of_number::<$fold<Complex<f64>>, $next<Complex<f64>>>(),
                _ => return None,
            }
        };
    }
    macro_rules! for_ordered {
        ($fold:ident) => {
            match dtype {
                DType::F32 => of_number::<$fold<f32>, $fold<f32>>(),
                DType::F64 => of_number::<$fold<f64>, $fold<f64>>(),
                DType::I32 => of_number::<$fold<i32>, $fold<i32>>(),
                DType::I64 => of_number::<$fold<i64>, $fold<i64>>(),
                DType::U64 => of_number::<$fold<u64>, $fold<u64>>(),
                _ => return None,
            }
        };
    }
    Some(match how {
        How::Sum => for_numbers!(Sum then Sum),
        How::Product => for_numbers!(Product then Product),
        How::Squares => for_numbers!(Squares then Sum),
        How::Largest => for_ordered!(Largest),
        How::Smallest => for_ordered!(Smallest),
        How::All if dtype == DType::Bool => of_bytes::<All>(),
        How::Any if dtype == DType::Bool => of_bytes::<Any>(),
        How::All | How::Any => return None,
    })
}

fn of_number<F: Combine<T: Number>, Next: Combine<T = F::T>>() -> Formula {
    let mut start = [0; MAX_SIZE];
    start[..size_of::<F::T>()].copy_from_slice(bytes_of(&[F::START]));
    Formula { loops: Loops::of::<F>(), join: Loops::of::<Next>().columns, start }
}

fn of_bytes<F: Combine<T = u8>>() -> Formula {
    let loops = Loops::of::<F>();
    Formula { loops, join: loops.columns, start: [F::START; MAX_SIZE] }
}
