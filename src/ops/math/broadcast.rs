//! Walking two operands of different shapes at once, as NumPy broadcasts: the shared axes are merged, so that a scalar,
//! a row or a column costs one row of work at a time, whatever the rank.

use smallvec::SmallVec;

use crate::error::Result;
use crate::shape::{Dims, broadcast_dims};

/// An axis of the result: its size, and how far one step along it goes in each operand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Axis {
    n: usize,
    a: usize,
    b: usize,
}

/// The shape of the result, and where each of its rows lies in the operands.
#[derive(Debug)]
pub(super) struct Broadcast {
    /// The dims of the result.
    pub dims: Dims,
    /// Neighbouring axes along which both operands go alike are one. Never empty; outermost first.
    axes: SmallVec<[Axis; 6]>,
}

/// One row of the result: where it begins in each operand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Start {
    pub a: usize,
    pub b: usize,
}

impl Broadcast {
    /// Of operands with these dims.
    ///
    /// # Errors
    /// `ShapeMismatch` where two sizes differ and neither is 1.
    pub fn new(a: &[usize], b: &[usize]) -> Result<Broadcast> {
        let dims = broadcast_dims(a, b)?;
        let mut axes: SmallVec<[Axis; 6]> = SmallVec::new();
        let (mut step_a, mut step_b) = (1, 1);
        for (back, &n) in dims.iter().rev().enumerate().filter(|(_, n)| **n != 1) {
            let (own_a, own_b) = (size_from_back(a, back), size_from_back(b, back));
            let axis = Axis { n, a: if own_a == 1 { 0 } else { step_a }, b: if own_b == 1 { 0 } else { step_b } };
            (step_a, step_b) = (step_a * own_a, step_b * own_b);
            match axes.last_mut() {
                Some(inner) if axis.a == inner.a * inner.n && axis.b == inner.b * inner.n => inner.n *= n,
                _ => axes.push(axis),
            }
        }
        if axes.is_empty() {
            axes.push(Axis { n: 1, a: 1, b: 1 });
        }
        axes.reverse();
        Ok(Broadcast { dims, axes })
    }

    fn inner(&self) -> Axis {
        *self.axes.last().expect("a broadcast has an axis")
    }

    /// Elements of a row.
    pub fn row_len(&self) -> usize {
        self.inner().n
    }

    /// Whether the first operand has one element for a whole row.
    pub fn a_is_one(&self) -> bool {
        self.inner().a == 0
    }

    /// Whether the second operand has one element for a whole row.
    pub fn b_is_one(&self) -> bool {
        self.inner().b == 0
    }

    /// The rows from `first` on, without end: the caller stops at the end of the result. None where it has no elements.
    pub fn rows(&self, first: usize) -> impl Iterator<Item = Start> + '_ {
        let n = if self.dims.contains(&0) { 0 } else { usize::MAX };
        let outer = &self.axes[..if n == 0 { 0 } else { self.axes.len() - 1 }];
        let mut index: SmallVec<[usize; 6]> = SmallVec::from_elem(0, outer.len());
        let mut start = Start { a: 0, b: 0 };
        let mut rest = first;
        for (at, axis) in index.iter_mut().zip(outer).rev() {
            *at = rest % axis.n;
            rest /= axis.n;
            start.a += *at * axis.a;
            start.b += *at * axis.b;
        }
        std::iter::repeat_with(move || {
            let row = start;
            for (at, axis) in index.iter_mut().zip(outer).rev() {
                *at += 1;
                start.a += axis.a;
                start.b += axis.b;
                if *at < axis.n {
                    break;
                }
                *at = 0;
                start.a -= axis.a * axis.n;
                start.b -= axis.b * axis.n;
            }
            row
        })
        .take(n)
    }
}

fn size_from_back(dims: &[usize], back: usize) -> usize {
    dims.len().checked_sub(back + 1).map_or(1, |axis| dims[axis])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// For each element of the result, the places in the operands.
    #[track_caller]
    fn check(a: &[usize], b: &[usize], row_len: usize, want: &[(usize, usize)]) {
        let plan = Broadcast::new(a, b).unwrap();
        assert_eq!(plan.row_len(), row_len, "{a:?} {b:?}");
        let n: usize = plan.dims.iter().product();
        let step = |is_one: bool, i: usize| if is_one { 0 } else { i };
        let places = |first: usize| -> Vec<(usize, usize)> {
            let rows = plan.rows(first).take(n / row_len - first);
            let (a_is_one, b_is_one) = (plan.a_is_one(), plan.b_is_one());
            let each = |row: Start| (0..row_len).map(move |i| (row.a + step(a_is_one, i), row.b + step(b_is_one, i)));
            rows.flat_map(each).collect()
        };
        assert_eq!(places(0), want, "{a:?} {b:?}");
        for first in 0..n / row_len {
            assert_eq!(places(first), want[first * row_len..], "{a:?} {b:?} from row {first}");
        }
    }

    #[test]
    fn axes_that_go_alike_are_merged() {
        check(&[2, 3], &[2, 3], 6, &[(0, 0), (1, 1), (2, 2), (3, 3), (4, 4), (5, 5)]);
        check(&[2, 1, 2], &[1], 4, &[(0, 0), (1, 0), (2, 0), (3, 0)]);
        check(&[], &[1, 3], 3, &[(0, 0), (0, 1), (0, 2)]);
        check(&[1], &[1, 1], 1, &[(0, 0)]);
    }

    #[test]
    fn rows_and_columns_repeat() {
        check(&[2, 2], &[2], 2, &[(0, 0), (1, 1), (2, 0), (3, 1)]);
        check(&[2, 1], &[2, 2], 2, &[(0, 0), (0, 1), (1, 2), (1, 3)]);
        check(&[2, 1], &[1, 2], 2, &[(0, 0), (0, 1), (1, 0), (1, 1)]);
        check(&[2, 1, 2], &[2, 1], 2, &[(0, 0), (1, 0), (0, 1), (1, 1), (2, 0), (3, 0), (2, 1), (3, 1)]);
    }

    #[test]
    fn a_result_without_elements_has_no_rows() {
        for (a, b) in [(&[2][..], &[0, 1][..]), (&[0, 3], &[3]), (&[2, 0], &[1]), (&[0, 2, 1], &[2, 3])] {
            assert_eq!(Broadcast::new(a, b).unwrap().rows(0).next(), None, "{a:?} {b:?}");
        }
    }

    #[test]
    fn sizes_that_do_not_fit_are_refused() {
        let text = Broadcast::new(&[2, 3], &[4]).unwrap_err().message().to_owned();
        assert_eq!(text, "incompatible shapes: [2,3] vs. [4]");
    }
}
