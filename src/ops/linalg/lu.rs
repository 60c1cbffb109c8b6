//! Triangles: the decomposition of a square matrix into them with partial pivoting, and systems of them.

use super::field::Field;

/// `P a = L U` in place of `a`, with `L` of unit diagonal.
pub(super) struct Lu<T> {
    n: usize,
    /// `L` below the diagonal, `U` on it and above.
    lu: Vec<T>,
    /// Which row of `a` each row comes from.
    rows: Vec<usize>,
    /// Whether the number of swaps is odd.
    is_odd: bool,
}

impl<T: Field> Lu<T> {
    pub(super) fn of(a: &[T], n: usize) -> Lu<T> {
        let mut lu = Lu { n, lu: a.to_vec(), rows: (0..n).collect(), is_odd: false };
        for k in 0..n {
            lu.pivot(k);
            lu.eliminate(k);
        }
        lu
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

    fn eliminate(&mut self, k: usize) {
        let n = self.n;
        let (done, below) = self.lu.split_at_mut((k + 1) * n);
        let pivots = &done[k * n + k..];
        if pivots.is_empty() || pivots[0] == T::ZERO {
            return;
        }
        for row in below.chunks_exact_mut(n) {
            let factor = row[k].over(pivots[0]);
            row[k] = factor;
            row[k + 1..].iter_mut().zip(&pivots[1..]).for_each(|(x, p)| *x = x.minus_product(factor, *p));
        }
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
    pub(super) fn solve(&self, b: &[T], k: usize, x: &mut [T]) {
        for (row, from) in self.rows.iter().enumerate() {
            x[row * k..(row + 1) * k].copy_from_slice(&b[from * k..(from + 1) * k]);
        }
        solve_triangle(&self.lu, self.n, Triangle { is_lower: true, has_unit_diagonal: true }, k, x);
        solve_triangle(&self.lu, self.n, Triangle { is_lower: false, has_unit_diagonal: false }, k, x);
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
pub(super) fn solve_triangle<T: Field>(t: &[T], n: usize, triangle: Triangle, k: usize, x: &mut [T]) {
    if k == 0 {
        return;
    }
    for step in 0..n {
        let row = if triangle.is_lower { step } else { n - 1 - step };
        let others = if triangle.is_lower { 0..row } else { row + 1..n };
        for other in others {
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
}

/// The conjugate transpose of a square matrix.
pub(super) fn adjoint<T: Field>(a: &[T], n: usize) -> Vec<T> {
    (0..n * n).map(|i| a[i % n * n + i / n].conj()).collect()
}
