//! Products of the dtypes that are neither float32 nor float64: plain loops, and float32 for the halves.

use half::{bf16, f16};

use super::grid::{self, Block};
use super::{Bias, Out, Product, epilogue};
use crate::kernel::number::{Number, same_slice_mut};
use crate::kernel::threads::Threads;
use crate::{DType, dispatched};

/// The product of any dtype.
pub(super) fn run<T: Number>(threads: Option<Threads<'_>>, product: &Product<'_, T>, c: &mut [T]) {
    match T::DTYPE {
        DType::F16 => halves::<f16>(threads, &product.same(), same_slice_mut(c)),
        DType::BF16 => halves::<bf16>(threads, &product.same(), same_slice_mut(c)),
        _ => rows(threads, product, c),
    }
}

/// Multiplies in float32, rounds, and applies the epilogue in the half's own arithmetic.
fn halves<T: Number<Acc = f32>>(threads: Option<Threads<'_>>, product: &Product<'_, T>, c: &mut [T]) {
    let widen = |x: &[T]| x.iter().map(|x| x.widen()).collect::<Vec<f32>>();
    let (a, b) = (widen(product.a), widen(product.b));
    let mut wide = vec![0.0; c.len()];
    let Product { m, k, n, ta, tb, activation, .. } = *product;
    let in_f32 = Product { m, k, n, a: &a, ta, b: &b, tb, bias: Bias::None, activation: super::Activation::None };
    super::blocks(threads, &in_f32, &mut wide);
    c.iter_mut().zip(&wide).for_each(|(c, &wide)| *c = T::narrow(wide));
    let whole = Block { rows: 0..m, columns: 0..n };
    // SAFETY: `c` is the whole product, borrowed here alone.
    unsafe { epilogue::apply(&Product { activation, ..*product }, &whole, c.as_mut_ptr()) };
}

/// Rows in chunks: each row of `c` gathers rows of the right side.
fn rows<T: Number>(threads: Option<Threads<'_>>, product: &Product<'_, T>, c: &mut [T]) {
    let Product { m, k, n, .. } = *product;
    if m * n == 0 {
        return;
    }
    let row_step = (grid::SERIAL / (k * n).max(1)).max(1);
    let c = Out::new(c);
    let run = |chunk: usize| {
        let rows = chunk * row_step..m.min((chunk + 1) * row_step);
        for row in rows.clone() {
            // SAFETY: each row belongs to one chunk and lies in `c`.
            make_row(product, row, unsafe { c.part(row * n, n) });
        }
        // SAFETY: as above.
        unsafe { epilogue::apply(product, &Block { rows, columns: 0..n }, c.pointer()) };
    };
    match threads {
        Some(threads) => threads.run(m.div_ceil(row_step), &run),
        None => (0..m.div_ceil(row_step)).for_each(run),
    }
}

dispatched! { fn make_row<T: Number>(product: &Product<'_, T>, row: usize, c: &mut [T]) = make_row_body; }

#[inline(always)]
fn make_row_body<T: Number, const FMA: bool>(product: &Product<'_, T>, row: usize, c: &mut [T]) {
    let (a_row, a_column) = product.a_strides();
    let left = |p: usize| product.a[row * a_row + p * a_column];
    c.fill(T::ZERO);
    if product.tb {
        for (c, right) in c.iter_mut().zip(product.b.chunks_exact(product.k.max(1))) {
            *c = right.iter().enumerate().fold(T::ZERO, |sum, (p, &right)| sum.plus(left(p).times(right)));
        }
        return;
    }
    for (p, right) in product.b.chunks_exact(product.n).enumerate() {
        let left = left(p);
        c.iter_mut().zip(right).for_each(|(c, &right)| *c = c.plus(left.times(right)));
    }
}
