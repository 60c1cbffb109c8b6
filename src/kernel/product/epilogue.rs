//! Bias and activation over a block that its thread has just made.

use half::{bf16, f16};

use super::grid::Block;
use super::{Activation, Bias, Product};
use crate::kernel::number::{Number, same_slice_mut};
use crate::{DType, dispatched};

/// Applies the product's epilogue to a block; without `all`, only the activations that no register tile has.
///
/// # Safety
/// `c` points to `m * n` elements, `block` lies in them, and nobody else uses the block meanwhile.
pub(super) unsafe fn apply<T: Number>(product: &Product<'_, T>, block: &Block, c: *mut T, all: bool) {
    let simple = matches!(product.activation, Activation::None | Activation::Relu | Activation::Relu6);
    let nothing = matches!((product.bias, product.activation), (Bias::None, Activation::None));
    if nothing || (simple && !all) {
        return;
    }
    for row in block.rows.clone() {
        let start = row * product.n + block.columns.start;
        // SAFETY: as promised by the caller.
        let row = unsafe { std::slice::from_raw_parts_mut(c.add(start), block.columns.len()) };
        if all {
            match product.bias {
                Bias::None => add_row(row, &[], product.activation),
                Bias::Row(bias) => add_row(row, &bias[block.columns.clone()], product.activation),
                Bias::Same(bias) => {
                    row.iter_mut().for_each(|x| *x = x.plus(bias));
                    add_row(row, &[], product.activation);
                }
            }
        }
        if !simple {
            transcendental(row, product.activation);
        }
    }
}

dispatched! { fn add_row<T: Number>(row: &mut [T], bias: &[T], activation: Activation) = add_row_body; }

/// Adds the bias, if there is one, and applies the activations that are comparisons.
#[inline(always)]
fn add_row_body<T: Number, const FMA: bool>(row: &mut [T], bias: &[T], activation: Activation) {
    match activation {
        Activation::Relu => add_then(row, bias, T::relu),
        Activation::Relu6 => add_then(row, bias, T::relu6),
        _ => add_then(row, bias, |x| x),
    }
}

#[inline(always)]
fn add_then<T: Number>(row: &mut [T], bias: &[T], then: impl Fn(T) -> T) {
    if bias.is_empty() {
        row.iter_mut().for_each(|x| *x = then(*x));
    } else {
        row.iter_mut().zip(bias).for_each(|(x, &bias)| *x = then(x.plus(bias)));
    }
}

fn transcendental<T: Number>(row: &mut [T], activation: Activation) {
    match T::DTYPE {
        DType::F32 => in_f32(same_slice_mut(row), activation),
        DType::F64 => in_f64(same_slice_mut(row), activation),
        DType::F16 => through_f32::<f16>(same_slice_mut(row), activation),
        DType::BF16 => through_f32::<bf16>(same_slice_mut(row), activation),
        _ => {}
    }
}

fn in_f32(row: &mut [f32], activation: Activation) {
    match activation {
        Activation::Tanh => row.iter_mut().for_each(|x| *x = x.tanh()),
        _ => row.iter_mut().for_each(|x| *x = 1.0 / (1.0 + (-*x).exp())),
    }
}

fn in_f64(row: &mut [f64], activation: Activation) {
    match activation {
        Activation::Tanh => row.iter_mut().for_each(|x| *x = x.tanh()),
        _ => row.iter_mut().for_each(|x| *x = 1.0 / (1.0 + (-*x).exp())),
    }
}

/// The halves: widened, computed, rounded.
fn through_f32<T: Number<Acc = f32>>(row: &mut [T], activation: Activation) {
    let mut wide = [0.0; 256];
    for part in row.chunks_mut(wide.len()) {
        let wide = &mut wide[..part.len()];
        wide.iter_mut().zip(&*part).for_each(|(wide, x)| *wide = x.widen());
        in_f32(wide, activation);
        part.iter_mut().zip(wide).for_each(|(x, wide)| *x = T::narrow(*wide));
    }
}
