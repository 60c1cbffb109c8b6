//! Large blocks: the `gemm` crate on one thread, then bias and activation over the block.

use gemm::Parallelism;

use super::grid::Block;
use super::{Product, epilogue};
use crate::kernel::number::Number;

/// Makes one block of the product.
///
/// # Safety
/// `c` points to `m * n` elements, `block` lies in them, and nobody else uses the block meanwhile.
pub(super) unsafe fn run<T: Number>(product: &Product<'_, T>, block: &Block, c: *mut T) {
    let (a_row, a_column) = product.a_strides();
    let (b_row, b_column) = product.b_strides();
    let (rows, columns) = (block.rows.len(), block.columns.len());
    // SAFETY: `Product::check` compared the operands' lengths with the sizes, and the caller promises the rest.
    unsafe {
        gemm::gemm(
            rows,
            columns,
            product.k,
            c.add(block.rows.start * product.n + block.columns.start),
            1,
            product.n as isize,
            false,
            product.a.as_ptr().add(block.rows.start * a_row),
            a_column as isize,
            a_row as isize,
            product.b.as_ptr().add(block.columns.start * b_column),
            b_column as isize,
            b_row as isize,
            T::ZERO,
            T::ONE,
            false,
            false,
            false,
            Parallelism::None,
        );
        epilogue::apply(product, block, c);
    }
}
