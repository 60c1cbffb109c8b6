//! Triangles: the decomposition of a square matrix into them with partial pivoting, and systems of them.

use super::field::Field;
use crate::cancel::Pace;
use crate::error::Result;
use crate::graph::Workspace;
use crate::value::ScratchVec;

/// `P a = L U` in place of `a`, with `L` of unit diagonal.
pub(super) struct Lu<T> {
    n: usize,
    /// `L` below the diagonal, `U` on it and above.
    lu: ScratchVec<T>,
    /// Which row of `a` each row comes from.
    rows: ScratchVec<usize>,
    /// Whether the number of swaps is odd.
    is_odd: bool,
}

impl<T: Field> Lu<T> {
    pub(super) fn of(work: Workspace<'_>, a: &[T], n: usize) -> Result<Lu<T>> {
        let (mut copy, mut pace) = (work.list(a.len())?, work.pace());
        copy.extend_from_slice(a)?;
        let mut lu = Lu { n, lu: copy, rows: work.collect(0..n)?, is_odd: false };
        for k in 0..n {
            lu.pivot(k);
            lu.eliminate(k, &mut pace)?;
        }
        Ok(lu)
    }

    /// Brings the largest element of a column to the diagonal.
    fn pivot(&mut self, k: usize) {
        let size = |row: usize| self.lu[row * self.n + k].abs();
        let best = (k + 1..self.n).fold(k, |best, row| if size(row) > size(best) { row } else { best });
        if best != k {
            let (upper, lower) = self.lu.split_at_mut(best * self.n);
            upper[k * self.n..(k + 1) * self.n].swap_with_slice(&mut lower[..self.n]);
            self.rows.swap(k, best);
            self.is_odd = !self.is_odd;
        }
    }

    fn eliminate(&mut self, k: usize, pace: &mut Pace<'_>) -> Result<()> {
        let n = self.n;
        let (done, below) = self.lu.split_at_mut((k + 1) * n);
        let pivots = &done[k * n + k..];
        if pivots.is_empty() || pivots[0] == T::ZERO {
            return Ok(());
        }
        for row in below.chunks_exact_mut(n) {
            pace.spend(pivots.len())?;
            let factor = row[k].over(pivots[0]);
            row[k] = factor;
            row[k + 1..].iter_mut().zip(&pivots[1..]).for_each(|(x, p)| *x = x.minus_product(factor, *p));
        }
        Ok(())
    }

    /// The diagonal of `U`.
    pub(super) fn diagonal(&self) -> impl Iterator<Item = T> {
        (0..self.n).map(|i| self.lu[i * self.n + i])
    }

    /// 1, or -1 for an odd number of swaps.
    pub(super) fn sign(&self) -> T {
        T::of(if self.is_odd { -1.0 } else { 1.0 })
    }

    /// Whether a pivot is 0.
    pub(super) fn is_singular(&self) -> bool {
        self.diagonal().any(|pivot| pivot == T::ZERO)
    }

    /// The solution of `a x = b`, with `k` columns.
    pub(super) fn solve(&self, b: &[T], k: usize, x: &mut [T], pace: &mut Pace<'_>) -> Result<()> {
        for (row, from) in self.rows.iter().enumerate() {
            pace.spend(k)?;
            x[row * k..(row + 1) * k].copy_from_slice(&b[from * k..(from + 1) * k]);
        }
        solve_triangle(&self.lu, self.n, Triangle { is_lower: true, has_unit_diagonal: true }, k, x, pace)?;
        solve_triangle(&self.lu, self.n, Triangle { is_lower: false, has_unit_diagonal: false }, k, x, pace)
    }
}

/// Which half of a matrix counts.
#[derive(Clone, Copy)]
pub(super) struct Triangle {
    pub(super) is_lower: bool,
    /// The diagonal is not what the matrix has, but ones.
    pub(super) has_unit_diagonal: bool,
}

/// Solves `t x = b` in place of `b`, which has `k` columns.
pub(super) fn solve_triangle<T: Field>(
    t: &[T],
    n: usize,
    triangle: Triangle,
    k: usize,
    x: &mut [T],
    pace: &mut Pace<'_>,
) -> Result<()> {
    if k == 0 {
        return Ok(());
    }
    for step in 0..n {
        let row = if triangle.is_lower { step } else { n - 1 - step };
        let others = if triangle.is_lower { 0..row } else { row + 1..n };
        for other in others {
            pace.spend(k)?;
            let factor = t[row * n + other];
            let (low, high) = x.split_at_mut(row.max(other) * k);
            let (cells, solved) = match triangle.is_lower {
                true => (&mut high[..k], &low[other * k..][..k]),
                false => (&mut low[row * k..][..k], &high[..k]),
            };
            cells.iter_mut().zip(solved).for_each(|(x, y)| *x = x.minus_product(factor, *y));
        }
        if !triangle.has_unit_diagonal {
            let pivot = t[row * n + row];
            x[row * k..(row + 1) * k].iter_mut().for_each(|x| *x = x.over(pivot));
        }
    }
    Ok(())
}

/// The conjugate transpose of a square matrix.
pub(super) fn adjoint<T: Field>(work: Workspace<'_>, a: &[T], n: usize) -> Result<ScratchVec<T>> {
    let (mut turned, mut pace) = (work.list(a.len())?, work.pace());
    for column in 0..n {
        pace.spend(2 * n)?;
        turned.extend((0..n).map(|row| a[row * n + column].conj()))?;
    }
    Ok(turned)
}
