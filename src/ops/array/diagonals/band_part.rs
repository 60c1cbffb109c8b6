//! `MatrixBandPart`: matrices without what lies far from their main diagonal.
#![allow(clippy::clone_on_copy)] // strings are cells too, and they are no copies

use std::sync::Arc;

use crate::error::{Error, Result};
use crate::graph::{Attrs, Example, InferCx, Ints, Op, OpKind, RunCx, Tensor};
use crate::ops::array::cells::{Cell, cells, cells_mut, with_cells};
use crate::ops::array::into_sizes::check_index;
use crate::value::{IntoValue, Value};

/// Zeros outside of a band around the main diagonal: `lower` diagonals below and `upper` above it stay, all where
/// negative. `(b.., n, m), lower, upper -> (b.., n, m)`.
#[derive(Debug, Clone)]
pub struct MatrixBandPart;

/// The row of [`MatrixBandPart`].
pub static MATRIX_BAND_PART: OpKind = OpKind::new(
    "MatrixBandPart",
    "input: T, num_lower: Tindex, num_upper: Tindex -> band: T",
    |_: &Attrs| Ok(Arc::new(MatrixBandPart) as Arc<dyn Op>),
    || {
        let x = || [[1.0f32, 2.0, 3.0], [4.0, 5.0, 6.0]].into_value();
        vec![
            Example::new(MatrixBandPart, [x(), 0i64.into_value(), 1i64.into_value()]),
            Example::new(MatrixBandPart, [x(), (-1i32).into_value(), 0i32.into_value()]),
            Example::new(MatrixBandPart, [[[[true]], [[true]]].into_value(), 0i64.into_value(), 0i64.into_value()]),
        ]
    },
)
.aliases(&["BatchMatrixBandPart"]);

impl Tensor {
    /// Matrices with zeros outside of a band: `lower` diagonals below the main one and `upper` above it stay, all of
    /// them for -1. `(b.., n, m)` of any dtype.
    ///
    /// # Errors
    /// `ShapeMismatch` for what is no matrix; `InvalidArgument` for more diagonals than there are.
    ///
    /// Source: TensorFlow's `MatrixBandPart`.
    #[doc(alias = "tf.matrix_band_part")]
    #[doc(alias = "tf.linalg.band_part")]
    #[track_caller]
    pub fn matrix_band_part(&self, lower: i64, upper: i64) -> Result<Tensor> {
        let g = self.graph();
        g.composite("MatrixBandPart", |scope| {
            let lower = g.named("num_lower", || g.constant(Value::scalar_of(lower)))?;
            let upper = g.named("num_upper", || g.constant(Value::scalar_of(upper)))?;
            g.named(scope, || g.apply_one(MatrixBandPart, &[self, &lower, &upper]))
        })
    }
}

/// How many diagonals stay below and above, at most as many as there are.
fn reach(name: &str, asked: &Value, size: usize) -> Result<usize> {
    let Some(n) = Ints::of(asked)?.only() else {
        return Err(Error::shape(format!("{name} must be scalar, but has shape {:?}", asked.dims())));
    };
    if n > size as i64 {
        return Err(Error::invalid(format!("{name} must be negative or less or equal to {size}, got: {n}")));
    }
    Ok(usize::try_from(n).unwrap_or(size))
}

impl Op for MatrixBandPart {
    fn kind(&self) -> &'static OpKind {
        &MATRIX_BAND_PART
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        check_index("num_lower", cx.dtype(1))?;
        (1..3).try_for_each(|i| cx.shape(i).with_rank(0).map(drop))?;
        let shape = cx.shape(0).with_rank_at_least(2)?;
        cx.output(cx.dtype(0), shape);
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let &[.., rows, cols] = cx.input(0).dims() else {
            return Err(Error::shape(format!(
                "input must be at least 2-dim, received shape: {:?}",
                cx.input(0).dims()
            )));
        };
        let (lower, upper) = (reach("num_lower", cx.input(1), rows)?, reach("num_upper", cx.input(2), cols)?);
        let dtype = cx.input(0).dtype();
        let zero = Value::zeros(dtype, &[])?;
        let mut out = cx.take_unique(0)?;
        with_cells!(dtype, E => clear::<E>(cx, cells_mut(&mut out)?, [rows, cols], [lower, upper], &cells(&zero)?[0])?);
        cx.output(0, out);
        Ok(())
    }
}

fn clear<E: Cell>(
    cx: &RunCx<'_>,
    out: &mut [E],
    [rows, cols]: [usize; 2],
    [lower, upper]: [usize; 2],
    zero: &E,
) -> Result<()> {
    if rows == 0 || cols == 0 {
        return Ok(());
    }
    let mut pace = cx.pace();
    for (i, row) in out.chunks_exact_mut(cols).enumerate() {
        pace.spend(cols)?;
        let row_idx = i % rows;
        let from = row_idx.saturating_sub(lower).min(cols);
        let to = (row_idx + upper + 1).clamp(from, cols);
        row[..from].fill(zero.clone());
        row[to..].fill(zero.clone());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{infer_err, run_op};

    fn band(lower: i64, upper: i64) -> Result<String> {
        let x = [[1, 2, 3], [4, 5, 6], [7, 8, 9]].into_value();
        run_op(MatrixBandPart, &[x, lower.into_value(), upper.into_value()])
            .map(|out| out[0].to_string().replace('\n', ""))
    }

    #[test]
    fn bands_stay() {
        assert_eq!(band(0, 0).unwrap(), "[[1 0 0] [0 5 0] [0 0 9]]");
        assert_eq!(band(1, -1).unwrap(), "[[1 2 3] [4 5 6] [0 8 9]]");
        assert_eq!(band(-1, 0).unwrap(), "[[1 0 0] [4 5 0] [7 8 9]]");
        assert_eq!(band(3, 3).unwrap(), "[[1 2 3] [4 5 6] [7 8 9]]");
        let text = band(4, 0).unwrap_err().to_string();
        assert!(text.contains("num_lower must be negative or less or equal to 3, got: 4"), "{text}");
        infer_err(&MatrixBandPart, "(3);int64();int64()", "shape must be at least rank 2 but is rank 1");
    }
}
