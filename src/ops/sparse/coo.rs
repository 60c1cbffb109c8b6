//! Sparse tensors as three tensors: indices `(n, rank)` and dense shape `(rank)`, both int64, and values `(n)`. What the
//! ops of this family check of them, and how they take them apart.

use crate::cancel::Pace;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::graph::{InferCx, RunCx};
use crate::ops::array::cells::{cells, cells_mut, with_cells};
use crate::shape::{Dim, element_count};
use crate::value::{ScratchVec, Value};

/// The indices and the shape of a sparse tensor. Numbers and ranks agree; nothing is said of the indices themselves.
#[derive(Debug, Clone, Copy)]
pub(super) struct Coo<'a> {
    pub(super) indices: &'a [i64],
    pub(super) shape: &'a [i64],
    pub(super) n: usize,
}

impl<'a> Coo<'a> {
    /// The sparse tensor whose indices, values and shape are these inputs.
    pub(super) fn of(cx: &'a RunCx<'_>, [indices, values, shape]: [usize; 3]) -> Result<Coo<'a>> {
        Coo::new(cx.input(indices), cx.input(values), cx.input(shape))
    }

    pub(super) fn new(indices: &'a Value, values: &Value, shape: &'a Value) -> Result<Coo<'a>> {
        let (dims, n) = (indices.dims(), values.dims());
        let &[rows, rank] = dims else {
            return Err(Error::shape(format!("input indices should be a matrix but received shape {dims:?}")));
        };
        if n.len() != 1 || n[0] != rows {
            return Err(Error::shape(format!(
                "number of values must match first dimension of indices: {n:?} vs {dims:?}"
            )));
        }
        if shape.dims() != [rank] {
            return Err(Error::shape(format!(
                "input shape should be a vector of length {rank}, but has shape {:?}",
                shape.dims()
            )));
        }
        Ok(Coo { indices: indices.slice::<i64>()?, shape: shape.slice::<i64>()?, n: rows })
    }

    pub(super) fn rank(&self) -> usize {
        self.shape.len()
    }

    /// The index of value `i`.
    pub(super) fn row(&self, i: usize) -> &'a [i64] {
        &self.indices[i * self.rank()..(i + 1) * self.rank()]
    }

    /// All indices, in order; also where they are empty.
    pub(super) fn rows(self) -> impl Iterator<Item = &'a [i64]> {
        (0..self.n).map(move |i| self.row(i))
    }

    /// Refuses indices outside of the shape.
    pub(super) fn check_bounds(&self, pace: &mut Pace<'_>) -> Result<()> {
        for (i, row) in self.rows().enumerate() {
            pace.spend(1 + self.rank())?;
            if row.iter().zip(self.shape).any(|(at, size)| at < &0 || at >= size) {
                return Err(Error::invalid(format!(
                    "indices[{i}] = {row:?} is out of bounds: need 0 <= index < {:?}",
                    self.shape
                )));
            }
        }
        Ok(())
    }

    /// Refuses indices that do not grow; equal ones are refused unless `may_repeat`.
    pub(super) fn check_order(&self, may_repeat: bool, pace: &mut Pace<'_>) -> Result<()> {
        for i in 1..self.n {
            pace.spend(1 + self.rank())?;
            let (before, row) = (self.row(i - 1), self.row(i));
            if before > row {
                return Err(Error::invalid(format!("indices[{i}] = {row:?} is out of order")));
            }
            if before == row && !may_repeat {
                return Err(Error::invalid(format!("indices[{i}] = {row:?} is repeated")));
            }
        }
        Ok(())
    }

    /// The dims of the dense tensor.
    pub(super) fn dims(&self) -> Result<Vec<usize>> {
        as_dims(self.shape)
    }
}

/// Sizes as dims that a value can have.
pub(super) fn as_dims(sizes: &[i64]) -> Result<Vec<usize>> {
    let dims: Option<Vec<usize>> = sizes.iter().map(|n| usize::try_from(*n).ok()).collect();
    let dims = dims.ok_or_else(|| Error::invalid(format!("sizes must be 0 or more, but are {sizes:?}")))?;
    element_count(&dims)?;
    Ok(dims)
}

/// The place of an index in a dense tensor of these dims.
pub(super) fn place(row: &[i64], dims: &[usize]) -> usize {
    row.iter().zip(dims).fold(0, |place, (at, size)| place * size + *at as usize)
}

/// What is known of a sparse tensor before the run: how many values it has, and its rank.
pub(super) fn infer_coo(cx: &InferCx<'_>, [indices, values, shape]: [usize; 3]) -> Result<[Dim; 2]> {
    let indices = cx.shape(indices).with_rank(2)?;
    let n = indices.dim(0).merge(&cx.shape(values).with_rank(1)?.dim(0))?;
    let rank = indices.dim(1).merge(&cx.shape(shape).with_rank(1)?.dim(0))?;
    Ok([n, rank])
}

/// Units of work to copy a value from anywhere: a miss of the cache, and memory for a string.
pub(super) const PICK_WORK: usize = 16;

/// Values by their numbers.
pub(super) fn picked(cx: &RunCx<'_>, values: &Value, picks: &[usize]) -> Result<Value> {
    let (mut out, mut pace) = (cx.alloc(values.dtype(), &[picks.len()])?, cx.pace());
    with_cells!(values.dtype(), E => {
        let from = cells::<E>(values)?;
        for (out, i) in cells_mut::<E>(&mut out)?.iter_mut().zip(picks) {
            pace.spend(PICK_WORK)?;
            out.clone_from(&from[*i]);
        }
    });
    Ok(out)
}

/// A matrix of indices with rows of this length.
pub(super) fn matrix(indices: ScratchVec<i64>, n: usize, rank: usize) -> Result<Value> {
    indices.into_value(&[n, rank])
}

/// Refuses what is no number.
pub(super) fn not_a_number(dtype: DType) -> Error {
    Error::unsupported(format!("the op is for numbers, not for {dtype}"))
}
