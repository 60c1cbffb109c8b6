//! Singular values by rotations that make the columns of a matrix orthogonal, two at a time.

use super::field::Field;
use crate::cancel::Pace;
use crate::error::Result;
use crate::graph::Workspace;
use crate::value::ScratchVec;

/// Rounds over all pairs of columns; ten are enough for any matrix that was ever seen.
const MAX_ROUNDS: usize = 60;

/// Columns of one length, one behind the other.
pub(super) struct Columns<W> {
    all: ScratchVec<W>,
    rows: usize,
    count: usize,
}

impl<W: Field> Columns<W> {
    /// `count` columns of `rows` elements, of which `f` makes one.
    fn make(
        work: Workspace<'_>,
        [rows, count]: [usize; 2],
        pace: &mut Pace<'_>,
        f: impl Fn(usize, usize) -> W,
    ) -> Result<Columns<W>> {
        let mut all = work.list(rows.saturating_mul(count))?;
        for column in 0..count {
            pace.spend(rows)?;
            all.extend((0..rows).map(|row| f(row, column)))?;
        }
        Ok(Columns { all, rows, count })
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.count
    }

    /// Column `i`.
    pub(super) fn get(&self, i: usize) -> &[W] {
        &self.all[i * self.rows..][..self.rows]
    }

    /// Columns `p` and `q`, which comes later.
    fn pair(&mut self, p: usize, q: usize) -> (&mut [W], &mut [W]) {
        let rows = self.rows;
        let (head, tail) = self.all.split_at_mut(q * rows);
        (&mut head[p * rows..][..rows], &mut tail[..rows])
    }

    fn push(&mut self, column: impl Iterator<Item = W>) -> Result<()> {
        self.count += 1;
        self.all.extend(column)
    }
}

/// Singular values from large to small, and the columns asked for on both sides.
pub(super) struct Decomposed<W> {
    pub(super) s: ScratchVec<f64>,
    pub(super) u: Columns<W>,
    pub(super) v: Columns<W>,
}

/// Decomposes a matrix of `m` rows and `n` columns; `wanted` columns come out on the left and on the right.
pub(super) fn decompose<T: Field>(
    work: Workspace<'_>,
    a: &[T],
    [m, n]: [usize; 2],
    wanted: [usize; 2],
) -> Result<Decomposed<T::Wide>> {
    let wide = |x: T| T::Wide::of_parts(x.re(), x.im());
    let mut pace = work.pace();
    let (mut largest, mut is_finite) = (0.0, true);
    for row in a.chunks(n.max(1)) {
        pace.spend(n)?;
        largest = row.iter().map(|x| x.re().abs().max(x.im().abs())).fold(largest, f64::max);
        is_finite &= row.iter().all(|x| x.re().is_finite() && x.im().is_finite());
    }
    if !is_finite {
        return not_a_number(work, [m, n], wanted, &mut pace);
    }
    // The shorter side has the columns: those of the matrix, or those of its adjoint.
    let is_wide = n > m;
    let columns = match is_wide {
        false => Columns::make(work, [m, n], &mut pace, |i, j| wide(a[i * n + j]))?,
        true => Columns::make(work, [n, m], &mut pace, |j, i| wide(a[i * n + j].conj()))?,
    };
    let [long, short] = if is_wide { [wanted[1], wanted[0]] } else { wanted };
    let mut rotated = Rotated::of(work, columns, largest, short > 0, &mut pace)?;
    rotated.orthogonalize(&mut pace)?;
    let (s, u, v) = rotated.finish(work, largest, [long, short], &mut pace)?;
    Ok(if is_wide { Decomposed { s, u: v, v: u } } else { Decomposed { s, u, v } })
}

fn not_a_number<W: Field>(
    work: Workspace<'_>,
    [m, n]: [usize; 2],
    wanted: [usize; 2],
    pace: &mut Pace<'_>,
) -> Result<Decomposed<W>> {
    let mut columns = |rows, count| Columns::make(work, [rows, count], pace, |_, _| W::of_parts(f64::NAN, f64::NAN));
    let (u, v) = (columns(m, wanted[0])?, columns(n, wanted[1])?);
    Ok(Decomposed { s: work.scratch_of(m.min(n), f64::NAN)?, u, v })
}

/// Columns `a v` of a matrix `a`, and those of `v` where they are wanted.
struct Rotated<W> {
    av: Columns<W>,
    v: Option<Columns<W>>,
}

impl<W: Field> Rotated<W> {
    /// The matrix, scaled so that squares stay in range, and the unit matrix.
    fn of(
        work: Workspace<'_>,
        mut columns: Columns<W>,
        largest: f64,
        wants_v: bool,
        pace: &mut Pace<'_>,
    ) -> Result<Rotated<W>> {
        let by = W::of(if largest > 0.0 { largest } else { 1.0 });
        let n = columns.len();
        for column in columns.all.chunks_mut(columns.rows.max(1)) {
            pace.spend(column.len())?;
            column.iter_mut().for_each(|x| *x = x.over(by));
        }
        let unit = |i: usize, j: usize| if i == j { W::ONE } else { W::ZERO };
        let v = if wants_v { Some(Columns::make(work, [n, n], pace, unit)?) } else { None };
        Ok(Rotated { av: columns, v })
    }

    fn orthogonalize(&mut self, pace: &mut Pace<'_>) -> Result<()> {
        for _ in 0..MAX_ROUNDS {
            let mut rotates = false;
            for q in 1..self.av.len() {
                for p in 0..q {
                    pace.spend(8 * self.av.rows + 64)?;
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
        let (column_p, column_q) = (self.av.get(p), self.av.get(q));
        let (square_p, square_q) = (dot(column_p, column_p).re(), dot(column_q, column_q).re());
        let between = dot(column_p, column_q);
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
        turn_columns(self.av.pair(p, q), turn);
        if let Some(v) = &mut self.v {
            turn_columns(v.pair(p, q), turn);
        }
        true
    }

    /// Lengths of the columns as singular values, from large to small; so many columns of `u` and of `v`.
    #[allow(clippy::type_complexity)] // Values and both sides, as the caller names them.
    fn finish(
        self,
        work: Workspace<'_>,
        largest: f64,
        [long, short]: [usize; 2],
        pace: &mut Pace<'_>,
    ) -> Result<(ScratchVec<f64>, Columns<W>, Columns<W>)> {
        let rows = self.av.rows;
        let lengths = work.collect((0..self.av.len()).map(|i| dot(self.av.get(i), self.av.get(i)).re().sqrt()))?;
        let mut order = work.collect(0..lengths.len())?;
        order.sort_by(|a, b| lengths[*b].total_cmp(&lengths[*a]));
        let mut u = Columns::make(work, [rows, 0], pace, |_, _| W::ZERO)?;
        for i in order.iter().take(long) {
            pace.spend(rows)?;
            // Below, a column is noise, and others stand in for it.
            if lengths[*i] > f64::EPSILON * lengths[order[0]] {
                let length = W::of(lengths[*i]);
                u.push(self.av.get(*i).iter().map(|x| x.over(length)))?;
            }
        }
        complete(work, &mut u, long, pace)?;
        let mut v = Columns::make(work, [self.v.as_ref().map_or(0, |v| v.rows), 0], pace, |_, _| W::ZERO)?;
        for (i, own) in order.iter().take(short).zip(self.v.iter().cycle()) {
            pace.spend(own.rows)?;
            v.push(own.get(*i).iter().copied())?;
        }
        let values = work.collect(order.iter().map(|i| lengths[*i] * largest))?;
        Ok((values, u, v))
    }
}

/// `sum conj(a) b`.
fn dot<W: Field>(a: &[W], b: &[W]) -> W {
    a.iter().zip(b).fold(W::ZERO, |sum, (a, b)| sum.plus(a.conj().times(*b)))
}

/// Columns `p` and `q` become `cosine p - sine phase q` and `sine p + cosine phase q`.
fn turn_columns<W: Field>((p, q): (&mut [W], &mut [W]), [cosine, sine, phase]: [W; 3]) {
    for (x, y) in p.iter_mut().zip(q) {
        let turned = phase.times(*y);
        (*x, *y) = (cosine.times(*x).minus(sine.times(turned)), sine.times(*x).plus(cosine.times(turned)));
    }
}

/// Adds orthonormal columns until there are `count`: what is left of unit vectors.
fn complete<W: Field>(work: Workspace<'_>, columns: &mut Columns<W>, count: usize, pace: &mut Pace<'_>) -> Result<()> {
    let rows = columns.rows;
    let mut unit = work.scratch_of(rows, W::ZERO)?;
    for place in 0..rows {
        if columns.len() >= count {
            break;
        }
        unit.fill(W::ZERO);
        unit[place] = W::ONE;
        // Twice is enough: what the first time leaves by rounding is gone after the second.
        for i in (0..columns.len()).chain(0..columns.len()) {
            pace.spend(4 * rows)?;
            let column = columns.get(i);
            let along = dot(column, &unit);
            unit.iter_mut().zip(column).for_each(|(x, c)| *x = x.minus(along.times(*c)));
        }
        let left = dot(&unit, &unit).re();
        // The squares of what is left of all unit vectors sum up to the number of columns that are missing.
        if left > 0.5 / rows as f64 {
            let length = W::of(left.sqrt());
            columns.push(unit.iter().map(|x| x.over(length)))?;
        }
    }
    Ok(())
}
