//! Bias and activation over a block that its thread has just made.

use half::{bf16, f16};

use super::grid::Block;
use super::{Activation, Bias, Epilogue, Product};
use crate::number::{Number, same_slice_mut};
use crate::vector::{Unary, map_in_place_f32, map_in_place_f64};
use crate::{DType, dispatched};

impl<T: Number> Epilogue<'_, T> {
    /// Applies the bias and the activation to rows of `n` elements.
    pub fn apply(&self, rows: &mut [T], n: usize) {
        let n = if self.bias.is_some() { n } else { rows.len() };
        if n == 0 {
            return;
        }
        if self.bias.is_some() || matches!(self.activation, Activation::Relu | Activation::Relu6) {
            add_rows(rows, n, self.bias(), self.activation);
        }
        if matches!(self.activation, Activation::Tanh | Activation::Sigmoid) {
            transcendental(rows, self.activation);
        }
    }
}

/// Applies what no register tile does: the transcendental activations.
///
/// # Safety
/// `c` points to `m * n` elements, `block` lies in them, and nobody else uses the block meanwhile.
#[inline(always)]
pub(super) unsafe fn apply_rest<T: Number>(product: &Product<'_, T>, block: &Block, c: *mut T) {
    if matches!(product.activation, Activation::Tanh | Activation::Sigmoid) {
        // SAFETY: as promised by the caller.
        unsafe { each_row(product, block, c, |row| transcendental(row, product.activation)) }
    }
}

/// Applies the bias and all activations.
///
/// # Safety
/// As [`apply_rest`].
pub(super) unsafe fn apply<T: Number>(product: &Product<'_, T>, block: &Block, c: *mut T) {
    // SAFETY: as promised by the caller.
    unsafe {
        apply_simple(product, block, c);
        apply_rest(product, block, c);
    }
}

/// Applies the bias and the activations that are comparisons.
///
/// # Safety
/// As [`apply_rest`].
pub(super) unsafe fn apply_simple<T: Number>(product: &Product<'_, T>, block: &Block, c: *mut T) {
    if !matches!((product.bias, product.activation), (Bias::None, Activation::None)) {
        let bias = product.bias.from(block.columns.start);
        // SAFETY: as promised by the caller.
        unsafe { each_row(product, block, c, |row| add_row(row, bias, product.activation)) }
    }
}

unsafe fn each_row<T: Number>(product: &Product<'_, T>, block: &Block, c: *mut T, f: impl Fn(&mut [T])) {
    for row in block.rows.clone() {
        let start = row * product.n + block.columns.start;
        // SAFETY: as promised by the caller.
        f(unsafe { std::slice::from_raw_parts_mut(c.add(start), block.columns.len()) });
    }
}

dispatched! {
    fn add_row<T: Number>(row: &mut [T], bias: Bias<'_, T>, activation: Activation) = add_row_body;
    fn add_rows<T: Number>(rows: &mut [T], n: usize, bias: Bias<'_, T>, activation: Activation) = add_rows_body;
}

#[inline(always)]
fn add_rows_body<T: Number, const FMA: bool>(rows: &mut [T], n: usize, bias: Bias<'_, T>, activation: Activation) {
    rows.chunks_exact_mut(n).for_each(|row| add_row_body::<T, FMA>(row, bias, activation));
}

/// Adds the bias, if there is one, and applies the activations that are comparisons.
#[inline(always)]
fn add_row_body<T: Number, const FMA: bool>(row: &mut [T], bias: Bias<'_, T>, activation: Activation) {
    match activation {
        Activation::Relu => add_then(row, bias, T::relu),
        Activation::Relu6 => add_then(row, bias, T::relu6),
        _ => add_then(row, bias, |x| x),
    }
}

#[inline(always)]
fn add_then<T: Number>(row: &mut [T], bias: Bias<'_, T>, then: impl Fn(T) -> T) {
    match bias {
        Bias::None => row.iter_mut().for_each(|x| *x = then(*x)),
        Bias::Row(bias) => row.iter_mut().zip(bias).for_each(|(x, &bias)| *x = then(x.plus(bias))),
        Bias::Same(bias) => row.iter_mut().for_each(|x| *x = then(x.plus(bias))),
    }
}

fn transcendental<T: Number>(row: &mut [T], activation: Activation) {
    let f = if activation == Activation::Tanh { Unary::Tanh } else { Unary::Sigmoid };
    match T::DTYPE {
        DType::F32 => map_in_place_f32(f, same_slice_mut(row)),
        DType::F64 => map_in_place_f64(f, same_slice_mut(row)),
        DType::F16 => through_f32::<f16>(same_slice_mut(row), f),
        DType::BF16 => through_f32::<bf16>(same_slice_mut(row), f),
        _ => {}
    }
}

/// The halves: widened, computed, rounded.
fn through_f32<T: Number<Acc = f32>>(row: &mut [T], f: Unary) {
    let mut wide = [0.0; 256];
    for part in row.chunks_mut(wide.len()) {
        let wide = &mut wide[..part.len()];
        wide.iter_mut().zip(&*part).for_each(|(wide, x)| *wide = x.widen());
        map_in_place_f32(f, wide);
        part.iter_mut().zip(wide).for_each(|(x, wide)| *x = T::narrow(*wide));
    }
}
