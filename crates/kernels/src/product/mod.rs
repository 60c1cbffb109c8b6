//! Matrix products with bias and activation.
//!
//! By shape alone a product goes one of these ways. Small ones, and narrow ones, run in our own kernel straight from
//! the caller's matrices, without packing and without allocation (`small`). Large ones are cut into blocks, whose
//! borders depend on the shape and never on the number of threads; each block is one single-threaded call of the
//! `gemm` crates, and the thread that made it adds bias and activation while it is in its cache (`large`). On AVX-512,
//! large ones of many rows run in our own kernel, over a right side that all threads share (`packed`). Windows of an
//! image run in the same tiles, where they lie (`windows`). Dtypes other than float32 and float64 take plain loops
//! (`plain`). So the bits of a product are a function of its shape, its numbers and the CPU's type.

mod epilogue;
mod grid;
mod large;
mod packed;
mod plain;
mod small;
#[cfg(test)]
mod tests;
mod windows;

use crate::DType;
use crate::cancel::Pace;
use crate::error::Result;
use crate::number::{Number, same_slice, same_slice_mut};
use crate::simd::{Level, level};
use crate::threads::Threads;

use grid::{Block, Grid, Way};
pub use windows::{Filter, Windows};

/// What a product of a batch costs at least, in multiplications.
const LEAST_COST: usize = 64;

/// Rows from which packing the whole right side pays.
const PACKED_ROWS: usize = 64;

/// What is applied to a product before it is written for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Activation {
    /// Nothing.
    #[default]
    None,
    /// `max(x, 0)`.
    Relu,
    /// `min(max(x, 0), 6)`.
    Relu6,
    /// The hyperbolic tangent; integers and complex numbers stay as they are.
    Tanh,
    /// `1 / (1 + exp(-x))`; integers and complex numbers stay as they are.
    Sigmoid,
}

/// What follows a product: first the bias, then the activation.
#[derive(Debug, Clone, Copy)]
pub struct Epilogue<'a, T> {
    /// Added to each row; of length `n`.
    pub bias: Option<&'a [T]>,
    /// Applied to each element.
    pub activation: Activation,
}

impl<T> Epilogue<'_, T> {
    /// The product alone.
    pub const NONE: Self = Epilogue { bias: None, activation: Activation::None };
}

/// The bias as the kernels take it.
#[derive(Clone, Copy)]
enum Bias<'a, T> {
    None,
    /// One for each column.
    Row(&'a [T]),
    /// One for all columns: a bias of length 1 after a column was turned into a row.
    Same(T),
}

impl<'a, T: Copy> Bias<'a, T> {
    /// From a column on.
    #[inline(always)]
    fn from(self, column: usize) -> Bias<'a, T> {
        match self {
            Bias::Row(bias) => Bias::Row(&bias[column..]),
            other => other,
        }
    }
}

/// One product: sizes, operands, and what follows.
#[derive(Clone, Copy)]
struct Product<'a, T> {
    m: usize,
    k: usize,
    n: usize,
    a: &'a [T],
    ta: bool,
    b: &'a [T],
    tb: bool,
    bias: Bias<'a, T>,
    activation: Activation,
}

impl<'a, T: Number> Product<'a, T> {
    /// Distance in `a` between rows and between columns of `op(a)`.
    fn a_strides(&self) -> (usize, usize) {
        if self.ta { (1, self.m) } else { (self.k, 1) }
    }

    /// Distance in `b` between rows and between columns of `op(b)`.
    fn b_strides(&self) -> (usize, usize) {
        if self.tb { (1, self.k) } else { (self.n, 1) }
    }

    fn check(&self, c: usize) {
        assert_eq!(self.a.len(), self.m * self.k, "length of the left side");
        assert_eq!(self.b.len(), self.k * self.n, "length of the right side");
        assert_eq!(c, self.m * self.n, "length of the product");
        if let Bias::Row(bias) = self.bias {
            assert_eq!(bias.len(), self.n, "length of the bias");
        }
    }

    /// A single column is the transpose of a single row, and rows are what the kernels are good at.
    fn as_row(&self) -> Product<'a, T> {
        let bias = match self.bias {
            Bias::Row(bias) => Bias::Same(bias[0]),
            other => other,
        };
        Product { m: 1, n: self.m, a: self.b, ta: false, b: self.a, tb: !self.ta, bias, ..*self }
    }

    /// The same product, for a dtype that is `T`.
    fn same<U: Number>(&self) -> Product<'a, U> {
        let bias = match self.bias {
            Bias::None => Bias::None,
            Bias::Row(bias) => Bias::Row(same_slice(bias)),
            Bias::Same(bias) => Bias::Same(same_slice(&[bias])[0]),
        };
        let (a, b) = (same_slice(self.a), same_slice(self.b));
        Product { m: self.m, k: self.k, n: self.n, a, ta: self.ta, b, tb: self.tb, bias, activation: self.activation }
    }
}

impl<'a, T> Epilogue<'a, T> {
    fn bias(&self) -> Bias<'a, T> {
        self.bias.map_or(Bias::None, Bias::Row)
    }
}

/// Multiplications that our kernels make, with vectors, in the time of one unit of [`Pace`].
const VECTOR: usize = 16;

/// What ends a long block of a product in time, where the run has limits.
struct Watch<'a>(Option<Pace<'a>>);

impl<'a> Watch<'a> {
    fn of(threads: Option<Threads<'a>>) -> Watch<'a> {
        Watch(threads.map(|threads| threads.pace()))
    }

    /// Counts so many multiplications that are about to be made; whether they may be.
    #[inline]
    fn goes_on(&mut self, products: usize) -> bool {
        self.0.as_mut().is_none_or(|pace| pace.spend(products / VECTOR).is_ok())
    }
}

/// The product's memory, written block by block from many threads.
struct Out<T>(*mut T);

// SAFETY: the pointer is only written through, by blocks that do not overlap.
unsafe impl<T: Send> Sync for Out<T> {}

impl<T> Out<T> {
    fn new(c: &mut [T]) -> Out<T> {
        Out(c.as_mut_ptr())
    }

    fn pointer(&self) -> *mut T {
        self.0
    }

    /// # Safety
    /// The range lies in the slice given to `new`, and nobody else uses it meanwhile.
    #[allow(clippy::mut_from_ref)] // Disjointness is the caller's promise.
    unsafe fn part(&self, start: usize, len: usize) -> &mut [T] {
        // SAFETY: as promised by the caller.
        unsafe { std::slice::from_raw_parts_mut(self.0.add(start), len) }
    }
}

/// `c = activation(op(a) · op(b) + bias)`, row-major: `c` is `m x n`, `a` is `m x k` (`k x m` with `ta`), `b` is
/// `k x n` (`n x k` with `tb`). What `c` holds before is not read; `k = 0` gives zeros plus bias.
///
/// Fast for float32 and float64. Integers wrap; float16 and bfloat16 accumulate in float32, are rounded once, and then
/// take the epilogue in their own dtype, as separate ops would. Same bits for any number
/// of threads.
///
/// # Errors
/// `Cancelled`, `DeadlineExceeded`; `ResourceExhausted` where halves find no memory.
///
/// # Panics
/// If a length does not fit.
#[allow(clippy::too_many_arguments)] // The sizes and operands of every BLAS; callers name them in this order.
pub fn matmul<T: Number>(
    threads: Threads<'_>,
    m: usize,
    k: usize,
    n: usize,
    a: &[T],
    ta: bool,
    b: &[T],
    tb: bool,
    c: &mut [T],
    epilogue: &Epilogue<T>,
) -> Result<()> {
    let product = Product { m, k, n, a, ta, b, tb, bias: epilogue.bias(), activation: epilogue.activation };
    product.check(c.len());
    if !c.is_empty() {
        run(Some(threads), &product, c)?;
    }
    threads.check()
}

/// A product for each pair of offsets: `c[i] = op(a[a_offsets[i]..]) · op(b[b_offsets[i]..])` with the sizes and the
/// epilogue of [`matmul`]; `c` is `(batch, m, n)`. Equal offsets broadcast an operand.
///
/// Small products run whole, many on each thread; large ones are cut as in [`matmul`]. Same bits for any number
/// of threads.
///
/// # Errors
/// `Cancelled`, `DeadlineExceeded`; `ResourceExhausted` where halves find no memory.
///
/// # Panics
/// If a length does not fit, or an operand ends before an offset's matrix does.
#[allow(clippy::too_many_arguments)] // As `matmul`.
pub fn batch_matmul<T: Number>(
    threads: Threads<'_>,
    m: usize,
    k: usize,
    n: usize,
    a: &[T],
    ta: bool,
    a_offsets: &[usize],
    b: &[T],
    tb: bool,
    b_offsets: &[usize],
    c: &mut [T],
    epilogue: &Epilogue<T>,
) -> Result<()> {
    assert_eq!(a_offsets.len(), b_offsets.len(), "one offset a side for each product");
    assert_eq!(c.len(), a_offsets.len() * m * n, "length of the products");
    if c.is_empty() {
        return Ok(());
    }
    let batch = a_offsets.len();
    let product = |i: usize| {
        let a = &a[a_offsets[i]..a_offsets[i] + m * k];
        let b = &b[b_offsets[i]..b_offsets[i] + k * n];
        let product = Product { m, k, n, a, ta, b, tb, bias: epilogue.bias(), activation: epilogue.activation };
        product.check(m * n);
        product
    };
    let cost = grid::cost(m, k, n);
    if cost > grid::SERIAL {
        return c.chunks_exact_mut(m * n).enumerate().try_for_each(|(i, c)| {
            run(Some(threads), &product(i), c)?;
            threads.check()
        });
    }
    let step = grid::SERIAL / cost.max(LEAST_COST);
    let c = Out::new(c);
    threads.try_run(batch.div_ceil(step), &|chunk| {
        let mut products = chunk * step..batch.min((chunk + 1) * step);
        // SAFETY: each product is made by one chunk, and `i * m * n..` lies in `c` as asserted above.
        products.try_for_each(|i| run(None, &product(i), unsafe { c.part(i * m * n, m * n) }))
    })
}

/// The way of a dtype. `None` runs the same blocks on this thread alone.
fn run<T: Number>(threads: Option<Threads<'_>>, product: &Product<'_, T>, c: &mut [T]) -> Result<()> {
    match T::DTYPE {
        DType::F32 => blocks(threads, &product.same::<f32>(), same_slice_mut(c)),
        DType::F64 => blocks(threads, &product.same::<f64>(), same_slice_mut(c)),
        _ => return plain::run(threads, product, c),
    }
    Ok(())
}

/// A float product: a column as a row, small ones at once, others block by block.
fn blocks<T: small::Fast + large::Packed>(threads: Option<Threads<'_>>, product: &Product<'_, T>, c: &mut [T]) {
    // Nothing is copied or divided on the way of the smallest products: that would double their time.
    if product.n == 1 && product.m > 1 {
        return in_grid(threads, &product.as_row(), c);
    }
    in_grid(threads, product, c);
}

fn in_grid<T: small::Fast + large::Packed>(threads: Option<Threads<'_>>, product: &Product<'_, T>, c: &mut [T]) {
    let grid = Grid::of(product.m, product.k, product.n);
    if grid.way == Way::Large && product.m >= PACKED_ROWS && level() == Level::Avx512 {
        return packed::run(threads, product, c);
    }
    let c = Out::new(c);
    let run = |block: &Block| {
        let mut watch = Watch::of(threads);
        // SAFETY: blocks do not overlap, each is run once, and all lie in `c`, whose length was checked.
        unsafe {
            match grid.way {
                Way::Small => small::run(product, block, c.pointer(), &mut watch),
                Way::Large => large::run(product, block, c.pointer(), &mut watch),
            }
        }
    };
    match threads {
        _ if grid.is_whole() => run(&Block { rows: 0..product.m, columns: 0..product.n }),
        Some(threads) => threads.run(grid.count(), &|i| run(&grid.block(i))),
        None => (0..grid.count()).for_each(|i| run(&grid.block(i))),
    }
}
