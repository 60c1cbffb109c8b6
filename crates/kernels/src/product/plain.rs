//! Products of dtypes without kernels of their own.

use std::ops::Range;

use half::{bf16, f16};

use super::grid::{self, Block};
use super::packed::{each, even_part};
use super::{Bias, Out, Product, Watch, epilogue};
use crate::error::Result;
use crate::number::{Number, same_slice_mut};
use crate::threads::Threads;
use crate::value::ScratchVec;
use crate::{DType, dispatched};

/// Columns of a block: a row of them stays in the first-level cache.
const COLUMNS: usize = 1 << 12;

/// Elements that one thread widens or rounds at once: in less than a millisecond.
const CELLS: usize = 1 << 17;

/// Halves are multiplied in float32, all else in its own arithmetic.
pub(super) fn run<T: Number>(threads: Option<Threads<'_>>, product: &Product<'_, T>, c: &mut [T]) -> Result<()> {
    match T::DTYPE {
        DType::F16 => halves::<f16>(threads, &product.same(), same_slice_mut(c)),
        DType::BF16 => halves::<bf16>(threads, &product.same(), same_slice_mut(c)),
        _ => {
            rows(threads, product, c);
            Ok(())
        }
    }
}

/// The product of the widened operands, rounded once; the epilogue works on what was rounded.
fn halves<T: Number<Acc = f32>>(threads: Option<Threads<'_>>, product: &Product<'_, T>, c: &mut [T]) -> Result<()> {
    let (a, b) = (widened(threads, product.a)?, widened(threads, product.b)?);
    let mut wide = list(threads, c.len())?;
    let Product { m, k, n, ta, tb, activation, .. } = *product;
    let in_f32 = Product { m, k, n, a: &a, ta, b: &b, tb, bias: Bias::None, activation: super::Activation::None };
    super::blocks(threads, &in_f32, &mut wide);
    let c = Out::new(c);
    each(threads, m, (CELLS / n.max(1)).max(1), |rows| {
        // SAFETY: each row is made by one chunk, and all lie in `c`.
        let part = unsafe { c.part(rows.start * n, rows.len() * n) };
        part.iter_mut().zip(&wide[rows.start * n..]).for_each(|(c, &wide)| *c = T::narrow(wide));
        // SAFETY: as above.
        unsafe { epilogue::apply(&Product { activation, ..*product }, &Block { rows, columns: 0..n }, c.pointer()) };
    });
    Ok(())
}

fn list(threads: Option<Threads<'_>>, n: usize) -> Result<ScratchVec<f32>> {
    let mut list = ScratchVec::new(threads.and_then(Threads::meter))?;
    list.resize(n, 0.0)?;
    Ok(list)
}

fn widened<T: Number<Acc = f32>>(threads: Option<Threads<'_>>, x: &[T]) -> Result<ScratchVec<f32>> {
    let mut wide = list(threads, x.len())?;
    let out = Out::new(&mut wide);
    each(threads, x.len(), CELLS, |part| {
        // SAFETY: the parts do not overlap, and all lie in `wide`.
        let to = unsafe { out.part(part.start, part.len()) };
        to.iter_mut().zip(&x[part]).for_each(|(wide, x)| *wide = x.widen());
    });
    Ok(wide)
}

/// Row by row, in the order of `k`, block by block of columns.
fn rows<T: Number>(threads: Option<Threads<'_>>, product: &Product<'_, T>, c: &mut [T]) {
    let Product { m, k, n, .. } = *product;
    if m == 0 || n == 0 {
        return;
    }
    let columns = even_part(n, COLUMNS, 1);
    let row_step = (grid::SERIAL / grid::cost(1, k, columns)).max(1);
    let blocks = n.div_ceil(columns);
    let c = Out::new(c);
    each(threads, m.div_ceil(row_step) * blocks, 1, |chunk| {
        let (row, column) = (chunk.start / blocks * row_step, chunk.start % blocks * columns);
        let block = Block { rows: row..m.min(row + row_step), columns: column..n.min(column + columns) };
        let mut watch = Watch::of(threads);
        for row in block.rows.clone() {
            // SAFETY: each block is made by one chunk, and all lie in `c`, whose length was checked.
            let c = unsafe { c.part(row * n + column, block.columns.len()) };
            make_row(product, row, &block.columns, c, &mut watch);
        }
        // SAFETY: as above.
        unsafe { epilogue::apply(product, &block, c.pointer()) };
    });
}

fn make_row<T: Number>(
    product: &Product<'_, T>,
    row: usize,
    columns: &Range<usize>,
    c: &mut [T],
    watch: &mut Watch<'_>,
) {
    c.fill(T::ZERO);
    let depth = (grid::SERIAL / columns.len()).max(1);
    for p in (0..product.k).step_by(depth) {
        let steps = p..product.k.min(p + depth);
        if !watch.goes_on(8 * columns.len() * steps.len()) {
            return;
        }
        add_steps(product, row, columns, steps, c);
    }
}

dispatched! {
    fn add_steps<T: Number>(
        product: &Product<'_, T>,
        row: usize,
        columns: &Range<usize>,
        steps: Range<usize>,
        c: &mut [T],
    ) = add_steps_body;
}

#[inline(always)]
fn add_steps_body<T: Number, const FMA: bool>(
    product: &Product<'_, T>,
    row: usize,
    columns: &Range<usize>,
    steps: Range<usize>,
    c: &mut [T],
) {
    let (a_row, a_column) = product.a_strides();
    let left = |p: usize| product.a[row * a_row + p * a_column];
    if product.tb {
        for (c, column) in c.iter_mut().zip(columns.clone()) {
            let right = &product.b[column * product.k..][steps.clone()];
            let products = right.iter().zip(steps.clone()).map(|(&right, p)| left(p).times(right));
            *c = products.fold(*c, |sum, product| sum.plus(product));
        }
        return;
    }
    for p in steps {
        let (left, right) = (left(p), &product.b[p * product.n..][columns.clone()]);
        c.iter_mut().zip(right).for_each(|(c, &right)| *c = c.plus(left.times(right)));
    }
}
