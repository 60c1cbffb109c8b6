//! `MatrixSetDiag`, `MatrixSetDiagV2`, `MatrixSetDiagV3`: matrices with other diagonals.

use std::sync::Arc;

use super::matrix_diag::put;
use super::{Align, Band, Places, Version};
use crate::error::{Error, Result};
use crate::graph::{AttrValue, Attrs, Example, InferCx, Op, OpKind, RunCx, Tensor};
use crate::ops::IntoTensor;
use crate::ops::array::cells::{cells, cells_mut, with_cells};
use crate::shape::{Dim, Shape};
use crate::value::{IntoValue, Value};

/// Matrices with other diagonals: `(b.., n, m), (b.., min(n, m)) -> (b.., n, m)` with the main diagonal. Versions 2 and
/// 3 take the diagonals `k` as third input.
#[derive(Debug, Clone)]
pub struct MatrixSetDiag {
    /// Which of TensorFlow's ops.
    pub version: Version,
}

const SIGNATURE: &str = "input: T, diagonal: T, k: int32 -> output: T";

/// The row of version 1.
pub static MATRIX_SET_DIAG: OpKind = OpKind::new(
    "MatrixSetDiag",
    "input: T, diagonal: T -> output: T",
    |_| Ok(Arc::new(MatrixSetDiag { version: Version::V1 })),
    || {
        let op = MatrixSetDiag { version: Version::V1 };
        vec![
            Example::new(op.clone(), [x(), [8.0f32, 9.0].into_value()]),
            Example::new(op, [[[[1i64], [2]]].into_value(), [[5i64]].into_value()]),
        ]
    },
)
.aliases(&["BatchMatrixSetDiag"]);

/// The row of version 2.
pub static MATRIX_SET_DIAG_V2: OpKind = OpKind::new(
    "MatrixSetDiagV2",
    SIGNATURE,
    |_| Ok(Arc::new(MatrixSetDiag { version: Version::V2 })),
    || examples(Version::V2),
);

/// The row of version 3.
pub static MATRIX_SET_DIAG_V3: OpKind = OpKind::new(
    "MatrixSetDiagV3",
    SIGNATURE,
    |attrs: &Attrs| Ok(Arc::new(MatrixSetDiag { version: Version::V3(Align::parse(attrs)?) })),
    || examples(Version::V3(Align::default())),
);

fn x() -> Value {
    [[1.0f32, 2.0, 3.0], [4.0, 5.0, 6.0]].into_value()
}

fn examples(version: Version) -> Vec<Example> {
    let of = |diagonal: Value, k: Value| Example::new(MatrixSetDiag { version }, [x(), diagonal, k]);
    vec![
        of([7.0f32, 8.0].into_value(), 1i32.into_value()),
        of([[7.0f32, 8.0], [9.0, 0.0]].into_value(), [0i32, 1].into_value()),
        of([7.0f32].into_value(), [-1i32].into_value()),
    ]
}

impl Tensor {
    /// Matrices with another main diagonal: `(b.., n, m), (b.., min(n, m)) -> (b.., n, m)`. Any dtype.
    ///
    /// # Errors
    /// `ShapeMismatch` where the diagonal does not fit.
    ///
    /// Source: TensorFlow's `MatrixSetDiag`.
    #[doc(alias = "tf.matrix_set_diag")]
    #[doc(alias = "tf.linalg.set_diag")]
    #[track_caller]
    pub fn matrix_set_diag(&self, diagonal: impl IntoTensor) -> Result<Tensor> {
        let diagonal = diagonal.tensor(Some(self))?;
        self.graph()
            .apply_named("set_diag", Arc::new(MatrixSetDiag { version: Version::V1 }), &[self, &diagonal])?
            .output(0)
    }
}

impl Op for MatrixSetDiag {
    fn kind(&self) -> &'static OpKind {
        self.version.pick([&MATRIX_SET_DIAG, &MATRIX_SET_DIAG_V2, &MATRIX_SET_DIAG_V3])
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        let input = cx.shape(0).with_rank_at_least(2)?;
        let diagonal = cx.shape(1).with_rank_at_least(1)?;
        let band = if self.version == Version::V1 { Some(Band::MAIN) } else { Band::known(cx, 2)? };
        let shape = match band {
            Some(band) => with_band(&input, &diagonal, band)?,
            None => input,
        };
        cx.output(cx.dtype(0), shape);
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let band = if self.version == Version::V1 { Band::MAIN } else { Band::of_value(cx.input(2))? };
        let places = self.places(cx.input(0).dims(), cx.input(1).dims(), band)?;
        let mut out = cx.take_unique(0)?;
        with_cells!(out.dtype(), E => put(cx, cells::<E>(cx.input(1))?, places, cells_mut::<E>(&mut out)?)?);
        cx.output(0, out);
        Ok(())
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        self.version.attrs()
    }
}

/// The shape of the matrices, which the diagonals know a part of.
fn with_band(input: &Shape, diagonal: &Shape, band: Band) -> Result<Shape> {
    let n_own = if band.is_one() { 1 } else { 2 };
    let Some(rank) = input.rank() else {
        let Some(rank) = diagonal.with_rank_at_least(n_own)?.rank() else { return Ok(Shape::unknown()) };
        return diagonal.slice(..rank - n_own)?.concat(&Shape::unknown_of_rank(2));
    };
    let (rows, cols) = (input.dim(rank - 2), input.dim(rank - 1));
    if let (Some(rows), Some(cols)) = (rows.known(), cols.known()) {
        band.check(rows, cols)?;
    }
    let n = if band.is_one() { None } else { Some(Dim::constant(band.len())) };
    let own: Vec<Dim> = n.into_iter().chain([band.longest_dim(&rows, &cols)]).collect();
    let want = input.slice(..rank - 2)?.concat(&Shape::from(own))?;
    let batch = want.merge(diagonal)?.slice(..rank - 2)?;
    batch.concat(&input.slice(rank - 2..)?)
}

impl MatrixSetDiag {
    fn places(&self, input: &[usize], diagonal: &[usize], band: Band) -> Result<Places> {
        let &[ref batch @ .., rows, cols] = input else {
            return Err(Error::shape(format!("input must be at least 2-dim, received shape: {input:?}")));
        };
        band.check(rows, cols)?;
        let width = band.longest(rows, cols);
        let n = if band.is_one() { None } else { Some(band.len() as usize) };
        let want: Vec<usize> = batch.iter().copied().chain(n).chain([width]).collect();
        if want != diagonal {
            return Err(Error::shape(format!(
                "the diagonal must have shape {want:?} for input of shape {input:?}, but has {diagonal:?}"
            )));
        }
        Ok(Places { band, align: self.version.align(), rows, cols, width })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{infer_err, infer_ok, run_op};

    #[track_caller]
    fn check(align: Align, diagonal: Value, k: Value, want: &str) {
        let x = Value::full(&[3, 4], 7i32).unwrap();
        let out = run_op(MatrixSetDiag { version: Version::V3(align) }, &[x, diagonal, k]).unwrap();
        assert_eq!(out[0].to_string().replace('\n', ""), want);
    }

    /// Examples of TensorFlow's documentation, run with 2.15.1.
    #[test]
    fn diagonals_are_replaced() {
        let right_left = Align { super_left: false, sub_left: true };
        check(right_left, [1, 2, 3].into_value(), 1.into_value(), "[[7 1 7 7] [7 7 2 7] [7 7 7 3]]");
        let four = || [[0, 9, 1], [6, 5, 8], [1, 2, 3], [4, 5, 0]].into_value();
        check(right_left, four(), [-1, 2].into_value(), "[[1 6 9 7] [4 2 5 1] [7 5 3 8]]");
        check(Align::LEFT, four(), [-1, 2].into_value(), "[[1 6 0 7] [4 2 5 9] [7 5 3 8]]");
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let v1 = MatrixSetDiag { version: Version::V1 };
        infer_ok(&v1, "(?,3,4);(2,3)", "(2,3,4)");
        infer_ok(&v1, "<unknown>;(2,3)", "(2,?,?)");
        infer_err(&v1, "(2,3);(3)", "must be equal, but are 2 and 3");
        infer_err(&v1, "(2);(2)", "shape must be at least rank 2 but is rank 1");
    }
}
