//! Arithmetic on sizes: where integers came from shapes, results are followed symbolically, so that shapes computed by
//! the program are known before it runs.

use std::sync::Arc;

use super::binary::BinaryOp;
use crate::dtype::DType;
use crate::graph::InferCx;
use crate::shape::Dim;

/// The elements of `f` of inputs 0 and 1, where both are sizes.
pub(super) fn binary(f: BinaryOp, cx: &InferCx<'_>) -> Option<Arc<[Dim]>> {
    let apply: fn(&Dim, &Dim) -> Dim = match f {
        BinaryOp::Add => |a, b| a + b,
        BinaryOp::Sub => |a, b| a - b,
        BinaryOp::Mul => |a, b| a * b,
        BinaryOp::FloorDiv => Dim::floor_div,
        BinaryOp::Maximum => Dim::max,
        BinaryOp::Minimum => Dim::min,
        _ => return None,
    };
    let dtype = cx.dtype(0);
    if !matches!(dtype, DType::I32 | DType::I64) {
        return None;
    }
    let (a, b) = (cx.sizes(0)?, cx.sizes(1)?);
    let n = if a.len() == 1 { b.len() } else { a.len() };
    if b.len() != 1 && b.len() != n {
        return None;
    }
    let pick = |sizes: &[Dim], i: usize| if sizes.len() == 1 { sizes[0].clone() } else { sizes[i].clone() };
    fits(dtype, (0..n).map(|i| apply(&pick(&a, i), &pick(&b, i))).collect())
}

/// The elements of input 0 with their signs changed, where they are sizes.
pub(super) fn negated(cx: &InferCx<'_>) -> Option<Arc<[Dim]>> {
    fits(cx.dtype(0), cx.sizes(0)?.iter().map(|size| &Dim::constant(0) - size).collect())
}

/// Numbers that wrap in the run are not followed.
fn fits(dtype: DType, sizes: Arc<[Dim]>) -> Option<Arc<[Dim]>> {
    let wraps = |size: &Dim| dtype == DType::I32 && size.as_i64().is_some_and(|size| i32::try_from(size).is_err());
    (!sizes.iter().any(wraps)).then_some(sizes)
}
