//! The distinct elements of each set that a tensor holds along its last axis, dense or sparse.

use std::cmp::Ordering;

use super::coo::{Coo, PICK_WORK};
use crate::error::{Error, Result};
use crate::graph::RunCx;
use crate::value::{ScratchVec, Value};

/// Compares two elements, each told by its side, 0 or 1, and its number.
pub(super) type Compared<'a> = dyn Fn([usize; 2], [usize; 2]) -> Ordering + 'a;

pub(super) fn compared<'a, T: Ord>([a, b]: [Result<&'a [T]>; 2]) -> Result<Box<Compared<'a>>> {
    let sides = [a?, b?];
    Ok(Box::new(move |[x, i], [y, j]| sides[x][i].cmp(&sides[y][j])))
}

/// The distinct elements of each group of one side.
pub(super) struct Sets<'a> {
    groups: Groups<'a>,
    /// The numbers of the elements, in order of their groups and then of the elements.
    pub(super) order: ScratchVec<usize>,
    pub(super) shape: Vec<i64>,
}

/// Which group an element belongs to.
enum Groups<'a> {
    /// `width` elements in a row, and the index of each row.
    Dense {
        width: usize,
        indices: ScratchVec<i64>,
    },
    Sparse(Coo<'a>),
}

impl<'a> Sets<'a> {
    pub(super) fn dense(cx: &RunCx<'_>, value: &Value, side: usize, compared: &Compared<'_>) -> Result<Sets<'a>> {
        let dims = value.dims();
        let Some((width, outer)) = dims.split_last().filter(|(_, outer)| !outer.is_empty()) else {
            return Err(Error::shape(format!("shape must be at least rank 2 but is rank {}", dims.len())));
        };
        // Sets without elements have no part in the result, however many there are.
        let rows = value.len().checked_div(*width).unwrap_or(0);
        let (mut indices, mut pace) = (cx.scratch::<i64>(rows * outer.len())?, cx.pace());
        for (i, index) in indices.chunks_exact_mut(outer.len()).enumerate() {
            pace.spend(8 * outer.len())?;
            unravel(i, outer, index);
        }
        let shape = outer.iter().map(|n| *n as i64).collect();
        Sets::ordered(cx, Groups::Dense { width: *width, indices }, value.len(), shape, side, compared)
    }

    pub(super) fn sparse(
        cx: &RunCx<'_>,
        coo: Coo<'a>,
        validate: bool,
        side: usize,
        compared: &Compared<'_>,
    ) -> Result<Sets<'a>> {
        let Some((_, shape)) = coo.shape.split_last().filter(|(_, outer)| !outer.is_empty()) else {
            return Err(Error::shape(format!("shape must be at least rank 2 but is rank {}", coo.rank())));
        };
        let mut pace = cx.pace();
        coo.check_bounds(&mut pace)?;
        if validate {
            coo.check_order(false, &mut pace)?;
        }
        Sets::ordered(cx, Groups::Sparse(coo), coo.n, shape.to_vec(), side, compared)
    }

    fn ordered(
        cx: &RunCx<'_>,
        groups: Groups<'a>,
        n: usize,
        shape: Vec<i64>,
        side: usize,
        compared: &Compared<'_>,
    ) -> Result<Sets<'a>> {
        let of = |i: usize| groups.of(i, shape.len());
        let (mut order, mut pace) = (cx.collect(0..n)?, cx.pace());
        let compare = |i: usize, j: usize| of(i).cmp(of(j)).then_with(|| compared([side, i], [side, j]));
        cx.sort(&mut order, PICK_WORK + shape.len(), &mut |i, j| compare(*i, *j))?;
        let mut n_distinct = 0;
        for at in 0..n {
            pace.spend(PICK_WORK + shape.len())?;
            if n_distinct == 0 || compare(order[n_distinct - 1], order[at]).is_ne() {
                order[n_distinct] = order[at];
                n_distinct += 1;
            }
        }
        order.truncate(n_distinct);
        Ok(Sets { groups, order, shape })
    }

    /// The group of an element.
    pub(super) fn group(&self, element: usize) -> &[i64] {
        self.groups.of(element, self.shape.len())
    }
}

impl Groups<'_> {
    fn of(&self, element: usize, rank: usize) -> &[i64] {
        match self {
            Groups::Dense { width, indices } => &indices[element / width * rank..][..rank],
            Groups::Sparse(coo) => &coo.row(element)[..rank],
        }
    }
}

fn unravel(mut i: usize, dims: &[usize], index: &mut [i64]) {
    for (at, size) in index.iter_mut().zip(dims).rev() {
        *at = (i % size) as i64;
        i /= size;
    }
}
