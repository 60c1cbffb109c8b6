//! Large blocks: the `gemm` kernels on one thread, then bias and activation over the block.
//!
//! The crates of single dtypes are used, not `gemm` itself: its complex kernels double the time of a clean build.

use gemm_common::Parallelism;

use super::grid::{self, Block};
use super::{Product, Watch, epilogue};
use crate::number::Number;

/// A dtype that has a packed kernel.
pub(super) trait Packed: Number {
    /// The kernel for this CPU: sizes, then destination, left and right side with their strides, factors, conjugations.
    fn kernel() -> Kernel<Self>;
}

/// `dst = beta * left * right` for column-major operands of any strides.
type Kernel<T> = unsafe fn(
    usize,
    usize,
    usize,
    *mut T,
    isize,
    isize,
    bool,
    *const T,
    isize,
    isize,
    *const T,
    isize,
    isize,
    T,
    T,
    bool,
    bool,
    bool,
    Parallelism,
);

impl Packed for f32 {
    fn kernel() -> Kernel<f32> {
        gemm_f32::gemm::f32::get_gemm_fn()
    }
}

impl Packed for f64 {
    fn kernel() -> Kernel<f64> {
        gemm_f64::gemm::f64::get_gemm_fn()
    }
}

/// Makes one block of the product.
///
/// # Safety
/// `c` points to `m * n` elements, `block` lies in them, and nobody else uses the block meanwhile.
pub(super) unsafe fn run<T: Packed>(product: &Product<'_, T>, block: &Block, c: *mut T, watch: &mut Watch<'_>) {
    let (a_row, a_column) = product.a_strides();
    let (b_row, b_column) = product.b_strides();
    let (rows, columns) = (block.rows.len(), block.columns.len());
    let depth = grid::depth(rows * columns, product.k);
    for p in (0..product.k.max(1)).step_by(depth) {
        let steps = depth.min(product.k - p);
        if !watch.goes_on(grid::cost(rows, steps, columns)) {
            return;
        }
        // SAFETY: `Product::check` compared the operands' lengths with the sizes, and the caller promises the rest.
        unsafe {
            // The kernels prefer columns that are contiguous: the transposed block is `right^T * left^T`.
            T::kernel()(
                columns,
                rows,
                steps,
                c.add(block.rows.start * product.n + block.columns.start),
                product.n as isize,
                1,
                p > 0,
                product.b.as_ptr().add(block.columns.start * b_column + p * b_row),
                b_row as isize,
                b_column as isize,
                product.a.as_ptr().add(block.rows.start * a_row + p * a_column),
                a_row as isize,
                a_column as isize,
                if p > 0 { T::ONE } else { T::ZERO },
                T::ONE,
                false,
                false,
                false,
                Parallelism::None,
            );
        }
    }
    // SAFETY: as promised by the caller.
    unsafe { epilogue::apply(product, block, c) }
}
