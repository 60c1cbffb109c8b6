//! Rows that are changed by other rows, in place: what scatters, segments and updates of variables are made of.
//!
//! Who finds the places where rows lie sees bytes; [`Change`] has the loop of a formula and a dtype behind a pointer. Rare
//! dtypes are changed in a wider one, a tile at a time, and rounded after each change.

#![expect(clippy::needless_range_loop, reason = "an adaptor is compiled once for each of many loops, a range once")]

use std::ops::Div;

use num_complex::Complex;

use crate::number::check_bytes;
use crate::widen::Widen;
use crate::{DType, Number, Ordered};

/// What becomes of a cell and an update.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Formula {
    /// The update, of any plain dtype.
    Replace,
    /// Their sum; of bools whether one is true.
    Add,
    Sub,
    Mul,
    /// Their quotient; of integers rounded towards zero.
    Div,
    /// The larger one: the cell where one of them is NaN.
    Larger,
    /// As `Larger` in the smaller direction.
    Smaller,
    /// The larger one: the update where one of them is NaN.
    LargerUpdate,
    /// As `LargerUpdate` in the smaller direction.
    SmallerUpdate,
}

/// `cells[i] = f(cells[i], x[i * step])` for `n` elements, of which `cells` and `x` are aligned and do not overlap.
type Row = unsafe fn(cells: *mut u8, x: *const u8, step: usize, n: usize);

/// A formula for one dtype.
#[derive(Debug, Clone, Copy)]
pub struct Change {
    size: usize,
    align: usize,
    widen: Option<Widen>,
    row: Row,
}

/// Elements of a rare dtype that are changed at once.
const TILE: usize = 128;

/// Room for a tile of a wider dtype.
#[repr(C, align(64))]
struct Tile([u8; TILE * 8]);

impl Change {
    /// `None` where the formula has no meaning for the dtype.
    pub fn of(formula: Formula, dtype: DType) -> Option<Change> {
        let size = dtype.size().filter(|_| dtype == dtype.stored())?;
        let align = if dtype.is_complex() { size / 2 } else { size };
        if let Some(row) = row_of_bytes(formula, dtype, size) {
            return Some(Change { size, align, widen: None, row });
        }
        let wraps = matches!(formula, Formula::Add | Formula::Sub | Formula::Mul);
        // Sums and products of unsigned integers are those of signed ones, bit by bit.
        let (widen, computed) = match (dtype, Widen::of(dtype)) {
            (DType::U32, _) if wraps => (None, DType::I32),
            (DType::U64, _) if wraps => (None, DType::I64),
            (_, Some(widen)) => (Some(widen), widen.wide),
            _ => (None, dtype),
        };
        Some(Change { size, align, widen, row: row_of(formula, computed)? })
    }

    /// Bytes of an element.
    pub fn size(&self) -> usize {
        self.size
    }

    /// Changes each cell by an update, or all by one.
    ///
    /// # Panics
    /// If the updates are neither one nor as many as the cells; if an integer is divided by zero.
    pub fn run(&self, cells: &mut [u8], updates: &[u8]) {
        check_bytes(cells, self.size, self.align);
        check_bytes(updates, self.size, self.align);
        let n = cells.len() / self.size;
        assert!(
            updates.len() == cells.len() || updates.len() == self.size,
            "there is one update for all, or one for each"
        );
        let step = usize::from(updates.len() == cells.len());
        match &self.widen {
            Some(widen) => self.run_wide(widen, cells, updates, step),
            // SAFETY: both are aligned, of `n` elements, or of one that is read again and again; they are borrowed apart.
            // What is written are numbers, or bytes of elements of the dtype.
            None => unsafe { (self.row)(cells.as_mut_ptr(), updates.as_ptr(), step, n) },
        }
    }

    fn run_wide(&self, widen: &Widen, cells: &mut [u8], updates: &[u8], step: usize) {
        let wide = widen.wide.size().expect("numbers have a size");
        let (mut wide_cells, mut wide_updates) = (Tile([0; TILE * 8]), Tile([0; TILE * 8]));
        for (i, cells) in cells.chunks_mut(TILE * self.size).enumerate() {
            let n = cells.len() / self.size;
            let (wide_cells, n_updates) = (&mut wide_cells.0[..n * wide], if step == 0 { 1 } else { n });
            let wide_updates = &mut wide_updates.0[..n_updates * wide];
            widen.load(cells, wide_cells);
            widen.load(&updates[i * step * TILE * self.size..][..n_updates * self.size], wide_updates);
            // SAFETY: tiles are aligned, and hold `n` elements, or one.
            unsafe { (self.row)(wide_cells.as_mut_ptr(), wide_updates.as_ptr(), step, n) };
            widen.store(wide_cells, cells);
        }
    }
}

/// Formulas that only see bytes.
fn row_of_bytes(formula: Formula, dtype: DType, size: usize) -> Option<Row> {
    Some(match (formula, size) {
        (Formula::Add, _) if dtype == DType::Bool => row::<u8, Or>,
        (Formula::Replace, 1) => row::<u8, Replace>,
        (Formula::Replace, 2) => row::<u16, Replace>,
        (Formula::Replace, 4) => row::<u32, Replace>,
        (Formula::Replace, 8) => row::<[u32; 2], Replace>,
        (Formula::Replace, 16) => row::<[u64; 2], Replace>,
        _ => return None,
    })
}

fn row_of(formula: Formula, dtype: DType) -> Option<Row> {
    macro_rules! rows {
        ($f:ident of $($d:ident $t:ty),*) => {
            match dtype { $( DType::$d => row::<$t, $f>, )* _ => return None }
        };
        ($f:ident of numbers) => {
            rows!($f of F32 f32, F64 f64, I32 i32, I64 i64, C64 Complex<f32>, C128 Complex<f64>)
        };
        ($f:ident of ordered) => {
            rows!($f of F32 f32, F64 f64, I32 i32, I64 i64, U64 u64)
        };
    }
    Some(match formula {
        Formula::Add => rows!(Add of numbers),
        Formula::Sub => rows!(Sub of numbers),
        Formula::Mul => rows!(Mul of numbers),
        Formula::Div if dtype.is_integer() => rows!(Divide of I32 i32, I64 i64, U64 u64),
        Formula::Div => rows!(Quotient of F32 f32, F64 f64, C64 Complex<f32>, C128 Complex<f64>),
        Formula::Larger => rows!(Larger of ordered),
        Formula::Smaller => rows!(Smaller of ordered),
        Formula::LargerUpdate => rows!(LargerUpdate of ordered),
        Formula::SmallerUpdate => rows!(SmallerUpdate of ordered),
        Formula::Replace => return None,
    })
}

trait Changes<T> {
    fn of(cell: T, x: T) -> T;
}

macro_rules! changes {
    ($($name:ident for $bound:ident: |$cell:ident, $x:ident| $f:expr;)*) => { $(
        struct $name;
        impl<T: $bound> Changes<T> for $name {
            #[inline(always)]
            fn of($cell: T, $x: T) -> T {
                $f
            }
        }
    )* };
}
changes! {
    Replace for Copy: |_cell, x| x;
    Or for Bits: |cell, x| cell | x;
    Add for Number: |cell, x| cell.plus(x);
    Sub for Number: |cell, x| cell.minus(x);
    Mul for Number: |cell, x| cell.times(x);
    Divide for Wraps: |cell, x| cell.over(x);
    Quotient for Divided: |cell, x| cell / x;
    Larger for Ordered: |cell, x| cell.larger(x);
    Smaller for Ordered: |cell, x| cell.smaller(x);
    LargerUpdate for Ordered: |cell, x| x.larger(cell);
    SmallerUpdate for Ordered: |cell, x| x.smaller(cell);
}

trait Bits: Sized + std::ops::BitOr<Output = Self> {}
impl Bits for u8 {}

trait Divided: Sized + Div<Output = Self> {}
impl<T: Number + Div<Output = T>> Divided for T {}

trait Wraps {
    fn over(self, other: Self) -> Self;
}

macro_rules! wraps {
    ($($t:ident)*) => { $(
        impl Wraps for $t {
            #[inline(always)]
            fn over(self, other: $t) -> $t {
                self.wrapping_div(other)
            }
        }
    )* };
}
wraps!(i32 i64 u64);

unsafe fn row<T: Copy, F: Changes<T>>(cells: *mut u8, x: *const u8, step: usize, n: usize) {
    // SAFETY: promised by the caller.
    let (cells, x) = unsafe {
        let x: &[T] = std::slice::from_raw_parts(x.cast(), if step == 0 { 1 } else { n });
        (std::slice::from_raw_parts_mut(cells.cast::<T>(), n), x)
    };
    if step == 0 {
        let x = x[0];
        for i in 0..n {
            cells[i] = F::of(cells[i], x);
        }
    } else {
        for i in 0..n {
            cells[i] = F::of(cells[i], x[i]);
        }
    }
}

#[cfg(test)]
mod tests {
    use half::{bf16, f16};

    use super::*;
    use crate::number::{bytes_of, bytes_of_mut};

    #[track_caller]
    fn check<T: Number>(formula: Formula, cells: &[T], updates: &[T], want: &[T]) {
        let mut got = cells.to_vec();
        Change::of(formula, T::DTYPE).unwrap().run(bytes_of_mut(&mut got), bytes_of(updates));
        assert_eq!(bytes_of(&got), bytes_of(want), "{formula:?} of {:?}", T::DTYPE);
    }

    /// Against the arithmetic of the dtype itself, over more than a tile.
    #[track_caller]
    fn follows_the_dtype<T: Number>(from: impl Fn(i64) -> T) {
        let (a, b): (Vec<T>, Vec<T>) = (0..300).map(|i| (from(i * 37 % 251), from(i * 91 % 127 + 1))).unzip();
        let by = |f: fn(T, T) -> T| a.iter().zip(&b).map(|(a, b)| f(*a, *b)).collect::<Vec<_>>();
        check(Formula::Add, &a, &b, &by(T::plus));
        check(Formula::Sub, &a, &b, &by(T::minus));
        check(Formula::Mul, &a, &b, &by(T::times));
        let all: Vec<T> = a.iter().map(|a| a.times(b[5])).collect();
        check(Formula::Mul, &a, &b[5..6], &all);
        check(Formula::Replace, &a, &b, &b);
    }

    #[test]
    fn each_dtype_is_changed_as_it_computes() {
        follows_the_dtype(|i| i as i8);
        follows_the_dtype(|i| i as u8);
        follows_the_dtype(|i| (i * 501) as i16);
        follows_the_dtype(|i| (i * 501) as u16);
        follows_the_dtype(|i| (i as i32).wrapping_mul(12_345_678));
        follows_the_dtype(|i| (i as u32).wrapping_mul(123_456_789));
        follows_the_dtype(|i| i.wrapping_mul(1 << 56));
        follows_the_dtype(|i| (i as u64).wrapping_mul(1 << 56));
        follows_the_dtype(|i| f16::from_f32(i as f32 / 7.0));
        follows_the_dtype(|i| bf16::from_f32(i as f32 / 7.0));
        follows_the_dtype(|i| i as f32 / 7.0);
        follows_the_dtype(|i| i as f64 / 7.0);
        follows_the_dtype(|i| Complex::new(i as f32, 1.0));
        follows_the_dtype(|i| Complex::new(i as f64, 1.0));
    }

    #[test]
    fn quotients_and_extremes() {
        check(Formula::Div, &[-128i8, 7, -7], &[-1, 2, 2], &[-128, 3, -3]);
        check(Formula::Div, &[u32::MAX, 7], &[2, 7], &[u32::MAX / 2, 1]);
        check(Formula::Div, &[u64::MAX], &[3], &[u64::MAX / 3]);
        check(Formula::Div, &[f16::from_f32(1.0)], &[f16::from_f32(3.0)], &[f16::from_f32(1.0) / f16::from_f32(3.0)]);
        check(Formula::Div, &[Complex::new(2f32, 4.0)], &[Complex::new(2.0, 0.0)], &[Complex::new(1.0, 2.0)]);
        check(Formula::Larger, &[u64::MAX, 1], &[1, 2], &[u64::MAX, 2]);
        check(Formula::Smaller, &[u32::MAX, 1], &[1, 2], &[1, 1]);
        check(Formula::Larger, &[f32::NAN, 1.0], &[1.0, f32::NAN], &[f32::NAN, 1.0]);
        check(Formula::LargerUpdate, &[f32::NAN, 1.0], &[1.0, f32::NAN], &[1.0, f32::NAN]);
        check(Formula::SmallerUpdate, &[3i16], &[-4], &[-4]);
    }

    #[test]
    fn formulas_without_meaning_are_none() {
        assert!(Change::of(Formula::Larger, DType::C64).is_none() && Change::of(Formula::Sub, DType::Bool).is_none());
        assert!(
            Change::of(Formula::Replace, DType::QI8).is_none() && Change::of(Formula::Replace, DType::String).is_none()
        );
        let mut cells = [1, 0, 0];
        Change::of(Formula::Add, DType::Bool).unwrap().run(&mut cells, &[0, 0, 1]);
        assert_eq!(cells, [1, 0, 1]);
    }
}
