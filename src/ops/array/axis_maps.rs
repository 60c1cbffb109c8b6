//! Reading a tensor through one list of indices an axis: mirrored borders and rolling.

use super::cells::{Cell, cells, cells_mut, with_cells};
use crate::error::{Error, Result};
use crate::graph::RunCx;
use crate::shape::{Dims, element_count};
use crate::value::Value;

/// Element `i, j, ..` of the result is element `maps[0][i], maps[1][j], ..` of input `i`.
pub(super) fn read_mapped(cx: &RunCx<'_>, i: usize, maps: &[Vec<usize>]) -> Result<Value> {
    let value = cx.input(i);
    let dims: Dims = maps.iter().map(Vec::len).collect();
    element_count(&dims)?;
    let fits = |(map, dim): (&Vec<usize>, &usize)| map.iter().all(|at| at < dim);
    if maps.len() != value.rank() || !maps.iter().zip(value.dims()).all(fits) {
        return Err(Error::internal("an axis map leaves its value"));
    }
    let mut out = cx.alloc(value.dtype(), &dims)?;
    with_cells!(value.dtype(), E => read_cells::<E>(cells(value)?, value.dims(), maps, cells_mut(&mut out)?));
    Ok(out)
}

fn read_cells<E: Cell>(from: &[E], dims: &[usize], maps: &[Vec<usize>], out: &mut [E]) {
    let (Some((map, maps)), Some((_, dims))) = (maps.split_first(), dims.split_first()) else {
        out.clone_from_slice(from);
        return;
    };
    if out.is_empty() {
        return;
    }
    let (inner, part) = (dims.iter().product::<usize>(), out.len() / map.len());
    for (out, &at) in out.chunks_exact_mut(part).zip(map) {
        read_cells(&from[at * inner..(at + 1) * inner], dims, maps, out);
    }
}
