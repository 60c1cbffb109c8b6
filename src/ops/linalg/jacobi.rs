//! Singular values by rotations that make the columns of a matrix orthogonal, two at a time.

use super::field::Field;
use crate::error::Result;

/// Rounds over all pairs of columns; ten are enough for any matrix that was ever seen.
const MAX_ROUNDS: usize = 60;

/// Singular values from large to small, and the columns asked for on both sides.
pub(super) struct Decomposed<W> {
    pub(super) s: Vec<f64>,
    pub(super) u: Vec<Vec<W>>,
    pub(super) v: Vec<Vec<W>>,
}

/// Decomposes a matrix of `m` rows and `n` columns; `wanted` columns come out on the left and on the right. `check` is
/// asked now and then whether to go on.
pub(super) fn decompose<T: Field>(
    a: &[T],
    [m, n]: [usize; 2],
    wanted: [usize; 2],
    check: &dyn Fn() -> Result<()>,
) -> Result<Decomposed<T::Wide>> {
    let wide = |x: T| T::Wide::of_parts(x.re(), x.im());
    let largest = a.iter().map(|x| x.re().abs().max(x.im().abs())).fold(0.0, f64::max);
    if !a.iter().all(|x| x.re().is_finite() && x.im().is_finite()) {
        return Ok(not_a_number([m, n], wanted));
    }
    // The shorter side has the columns: those of the matrix, or those of its adjoint.
    let is_wide = n > m;
    let columns: Vec<Vec<T::Wide>> = match is_wide {
        false => (0..n).map(|j| (0..m).map(|i| wide(a[i * n + j])).collect()).collect(),
        true => (0..m).map(|i| (0..n).map(|j| wide(a[i * n + j].conj())).collect()).collect(),
    };
    let [long, short] = if is_wide { [wanted[1], wanted[0]] } else { wanted };
    let mut rotated = Rotated::of(columns, largest, short > 0);
    rotated.orthogonalize(check)?;
    let (s, u, v) = rotated.finish(largest, [long, short]);
    Ok(if is_wide { Decomposed { s, u: v, v: u } } else { Decomposed { s, u, v } })
}

fn not_a_number<W: Field>([m, n]: [usize; 2], wanted: [usize; 2]) -> Decomposed<W> {
    let columns = |len: usize, count: usize| vec![vec![W::of_parts(f64::NAN, f64::NAN); len]; count];
    Decomposed { s: vec![f64::NAN; m.min(n)], u: columns(m, wanted[0]), v: columns(n, wanted[1]) }
}

/// Columns `a v` of a matrix `a`, and those of `v` where they are wanted.
struct Rotated<W> {
    av: Vec<Vec<W>>,
    v: Vec<Vec<W>>,
}

impl<W: Field> Rotated<W> {
    /// The matrix, scaled so that squares stay in range, and the unit matrix.
    fn of(mut columns: Vec<Vec<W>>, largest: f64, wants_v: bool) -> Rotated<W> {
        let by = W::of(if largest > 0.0 { largest } else { 1.0 });
        columns.iter_mut().flatten().for_each(|x| *x = x.over(by));
        let n = columns.len();
        let unit = |j: usize| (0..n).map(|i| if i == j { W::ONE } else { W::ZERO }).collect();
        Rotated { av: columns, v: if wants_v { (0..n).map(unit).collect() } else { Vec::new() } }
    }

    fn orthogonalize(&mut self, check: &dyn Fn() -> Result<()>) -> Result<()> {
        for _ in 0..MAX_ROUNDS {
            let mut rotates = false;
            for q in 1..self.av.len() {
                check()?;
                for p in 0..q {
                    rotates |= self.rotate(p, q);
                }
            }
            if !rotates {
                break;
            }
        }
        Ok(())
    }

    /// Makes two columns orthogonal, if they are not.
    fn rotate(&mut self, p: usize, q: usize) -> bool {
        let (square_p, square_q) = (dot(&self.av[p], &self.av[p]).re(), dot(&self.av[q], &self.av[q]).re());
        let between = dot(&self.av[p], &self.av[q]);
        let size = between.abs();
        if size <= f64::EPSILON * (square_p * square_q).sqrt() || size < f64::MIN_POSITIVE {
            return false;
        }
        let zeta = (square_q - square_p) / (2.0 * size);
        let tangent = zeta.signum() / (zeta.abs() + zeta.hypot(1.0));
        let cosine = 1.0 / tangent.hypot(1.0);
        // With this phase the product of both columns is real.
        let phase = between.conj().over(W::of(size));
        let turn = [W::of(cosine), W::of(cosine * tangent), phase];
        turn_columns(&mut self.av, [p, q], turn);
        if !self.v.is_empty() {
            turn_columns(&mut self.v, [p, q], turn);
        }
        true
    }

    /// Lengths of the columns as singular values, from large to small; so many columns of `u` and of `v`.
    fn finish(mut self, largest: f64, [long, short]: [usize; 2]) -> (Vec<f64>, Vec<Vec<W>>, Vec<Vec<W>>) {
        let rows = self.av.first().map_or(long, Vec::len);
        let lengths: Vec<f64> = self.av.iter().map(|column| dot(column, column).re().sqrt()).collect();
        let mut order: Vec<usize> = (0..lengths.len()).collect();
        order.sort_by(|a, b| lengths[*b].total_cmp(&lengths[*a]));
        let mut u = Vec::new();
        for i in order.iter().take(long) {
            // Below, a column is noise, and others stand in for it.
            if lengths[*i] > f64::EPSILON * lengths[order[0]] {
                let column = std::mem::take(&mut self.av[*i]);
                u.push(column.into_iter().map(|x| x.over(W::of(lengths[*i]))).collect());
            }
        }
        complete(&mut u, rows, long);
        let v = order.iter().take(short).filter_map(|i| self.v.get_mut(*i).map(std::mem::take)).collect();
        (order.iter().map(|i| lengths[*i] * largest).collect(), u, v)
    }
}

/// `sum conj(a) b`.
fn dot<W: Field>(a: &[W], b: &[W]) -> W {
    a.iter().zip(b).fold(W::ZERO, |sum, (a, b)| sum.plus(a.conj().times(*b)))
}

/// Columns `p` and `q` become `cosine p - sine phase q` and `sine p + cosine phase q`.
fn turn_columns<W: Field>(columns: &mut [Vec<W>], [p, q]: [usize; 2], [cosine, sine, phase]: [W; 3]) {
    let (head, tail) = columns.split_at_mut(q);
    for (x, y) in head[p].iter_mut().zip(&mut tail[0]) {
        let turned = phase.times(*y);
        (*x, *y) = (cosine.times(*x).minus(sine.times(turned)), sine.times(*x).plus(cosine.times(turned)));
    }
}

/// Adds orthonormal columns of `rows` rows until there are `count`: what is left of unit vectors.
fn complete<W: Field>(columns: &mut Vec<Vec<W>>, rows: usize, count: usize) {
    for place in 0..rows {
        if columns.len() >= count {
            return;
        }
        let mut unit = vec![W::ZERO; rows];
        unit[place] = W::ONE;
        // Twice is enough: what the first time leaves by rounding is gone after the second.
        for _ in 0..2 {
            for column in columns.iter() {
                let along = dot(column, &unit);
                unit.iter_mut().zip(column).for_each(|(x, c)| *x = x.minus(along.times(*c)));
            }
        }
        let left = dot(&unit, &unit).re();
        // The squares of what is left of all unit vectors sum up to the number of columns that are missing.
        if left > 0.5 / rows as f64 {
            let length = W::of(left.sqrt());
            columns.push(unit.into_iter().map(|x| x.over(length)).collect());
        }
    }
}
