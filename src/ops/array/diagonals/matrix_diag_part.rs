//! `MatrixDiagPart`, `MatrixDiagPartV2`, `MatrixDiagPartV3`: the diagonals of matrices.
#![allow(clippy::clone_on_copy)] // strings are cells too, and they are no copies

use std::sync::Arc;

use super::{Align, Band, Places, Version, check_padding};
use crate::error::{Error, Result};
use crate::graph::{AttrValue, Attrs, Example, InferCx, Op, OpKind, RunCx, Tensor};
use crate::ops::array::cells::{Cell, cells, cells_mut, fill_cells, with_cells};
use crate::shape::{Dim, Dims, Shape};
use crate::value::{IntoValue, Value};

/// The diagonals of matrices: `(b.., n, m)` becomes `(b.., min(n, m))` with the main diagonal. Versions 2 and 3 take the
/// diagonals `k` and what fills short ones up: `(b.., n, m), k, padding` becomes `(b.., d, l)`, or `(b.., l)` for one.
#[derive(Debug, Clone)]
pub struct MatrixDiagPart {
    /// Which of TensorFlow's ops.
    pub version: Version,
}

const SIGNATURE: &str = "input: T, k: int32, padding_value: T -> diagonal: T";

/// The row of version 1.
pub static MATRIX_DIAG_PART: OpKind = OpKind::new(
    "MatrixDiagPart",
    "input: T -> diagonal: T",
    |_| Ok(Arc::new(MatrixDiagPart { version: Version::V1 })),
    || {
        let op = MatrixDiagPart { version: Version::V1 };
        vec![
            Example::new(op.clone(), [[[1.0f32, 2.0, 3.0], [4.0, 5.0, 6.0]].into_value()]),
            Example::new(op, [[[[1i64], [2]]].into_value()]),
        ]
    },
)
.aliases(&["BatchMatrixDiagPart"]);

/// The row of version 2.
pub static MATRIX_DIAG_PART_V2: OpKind = OpKind::new(
    "MatrixDiagPartV2",
    SIGNATURE,
    |_| Ok(Arc::new(MatrixDiagPart { version: Version::V2 })),
    || examples(Version::V2),
);

/// The row of version 3.
pub static MATRIX_DIAG_PART_V3: OpKind = OpKind::new(
    "MatrixDiagPartV3",
    SIGNATURE,
    |attrs: &Attrs| Ok(Arc::new(MatrixDiagPart { version: Version::V3(Align::parse(attrs)?) })),
    || examples(Version::V3(Align::default())),
);

fn examples(version: Version) -> Vec<Example> {
    let x = || [[1.0f32, 2.0, 3.0], [4.0, 5.0, 6.0]].into_value();
    let of = |k: Value| Example::new(MatrixDiagPart { version }, [x(), k, 9.0f32.into_value()]);
    vec![of((-1i32).into_value()), of([-1i32, 2].into_value()), of([1i32].into_value())]
}

impl Tensor {
    /// The main diagonals of matrices: `(b.., n, m)` becomes `(b.., min(n, m))`. Any dtype.
    ///
    /// # Errors
    /// `ShapeMismatch` for what is no matrix.
    ///
    /// Source: TensorFlow's `MatrixDiagPart`.
    ///
    /// ```
    /// # use sessile::prelude::*;
    /// # fn main() -> sessile::Result<()> {
    /// let g = Graph::new();
    /// let x = g.placeholder(DType::F32, shape![?, 3, 4])?;
    /// assert_eq!(x.matrix_diag_part()?.shape().to_string(), "(?, 3)");
    /// # Ok(()) }
    /// ```
    #[doc(alias = "tf.matrix_diag_part")]
    #[doc(alias = "tf.linalg.diag_part")]
    #[track_caller]
    pub fn matrix_diag_part(&self) -> Result<Tensor> {
        self.graph().apply_named("diag_part", Arc::new(MatrixDiagPart { version: Version::V1 }), &[self])?.output(0)
    }
}

impl Op for MatrixDiagPart {
    fn kind(&self) -> &'static OpKind {
        self.version.pick([&MATRIX_DIAG_PART, &MATRIX_DIAG_PART_V2, &MATRIX_DIAG_PART_V3])
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        let input = cx.shape(0).with_rank_at_least(2)?;
        let band = match self.version {
            Version::V1 => Some(Band::MAIN),
            _ => {
                cx.shape(2).with_rank(0)?;
                Band::known(cx, 1)?
            }
        };
        let shape = match (band, input.rank()) {
            (Some(band), Some(rank)) => {
                let (rows, cols) = (input.dim(rank - 2), input.dim(rank - 1));
                if let (Some(rows), Some(cols)) = (rows.known(), cols.known()) {
                    band.check(rows, cols)?;
                }
                let n = if band.is_one() { None } else { Some(Dim::constant(band.len())) };
                let own: Vec<Dim> = n.into_iter().chain([band.longest_dim(&rows, &cols)]).collect();
                input.slice(..rank - 2)?.concat(&Shape::from(own))?
            }
            _ => Shape::unknown(),
        };
        cx.output(cx.dtype(0), shape);
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let input = cx.input(0);
        let band = if self.version == Version::V1 { Band::MAIN } else { Band::of_value(cx.input(1))? };
        let &[ref batch @ .., rows, cols] = input.dims() else {
            return Err(Error::shape(format!("input must be at least 2-dim, received shape: {:?}", input.dims())));
        };
        band.check(rows, cols)?;
        let zero = Value::zeros(input.dtype(), &[])?;
        let padding = if self.version == Version::V1 { &zero } else { cx.input(2) };
        check_padding(padding)?;
        let width = band.longest(rows, cols);
        let n = if band.is_one() { None } else { Some(band.len() as usize) };
        let dims: Dims = batch.iter().copied().chain(n).chain([width]).collect();
        let places = Places { band, align: self.version.align(), rows, cols, width };
        let mut out = cx.alloc(input.dtype(), &dims)?;
        with_cells!(input.dtype(), E => {
            let (padding, to) = (&cells::<E>(padding)?[0], cells_mut::<E>(&mut out)?);
            fill_cells(cx, to, padding)?;
            take(cx, cells::<E>(input)?, places, to)?;
        });
        cx.output(0, out);
        Ok(())
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        self.version.attrs()
    }
}

/// Reads the rows of diagonals, which are filled already, from matrices.
fn take<E: Cell>(cx: &RunCx<'_>, from: &[E], places: Places, out: &mut [E]) -> Result<()> {
    if from.is_empty() || out.is_empty() {
        return Ok(());
    }
    let (matrix, rows) = (places.rows * places.cols, places.band.len() as usize * places.width);
    let mut pace = cx.pace();
    for (from, out) in from.chunks_exact(matrix).zip(out.chunks_exact_mut(rows)) {
        for run in places.runs() {
            pace.spend(run.len + 1)?;
            let cells = from.get(run.in_matrix..).into_iter().flatten().step_by(places.cols + 1);
            out[run.in_rows..][..run.len].iter_mut().zip(cells).for_each(|(x, cell)| *x = cell.clone());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{infer_err, infer_ok, run_op};

    #[track_caller]
    fn check(align: Align, k: Value, want: &str) {
        let x = [[1, 2, 3, 4], [5, 6, 7, 8], [9, 8, 7, 6]].into_value();
        let out = run_op(MatrixDiagPart { version: Version::V3(align) }, &[x, k, 0.into_value()]).unwrap();
        assert_eq!(out[0].to_string().replace('\n', ""), want);
    }

    /// The example of TensorFlow's documentation, run with 2.15.1.
    #[test]
    fn diagonals_are_rows() {
        let right_left = Align::default();
        check(Align { sub_left: true, ..right_left }, 1.into_value(), "[2 7 6]");
        check(Align { sub_left: true, ..right_left }, [0, 2].into_value(), "[[0 3 8] [2 7 6] [1 6 7]]");
        check(Align::LEFT, [-1, 2].into_value(), "[[3 8 0] [2 7 6] [1 6 7] [5 8 0]]");
        check(right_left, [-1, 1].into_value(), "[[2 7 6] [1 6 7] [0 5 8]]");
    }

    #[test]
    fn diagonals_out_of_bounds_are_refused() {
        let op = MatrixDiagPart { version: Version::V2 };
        let x = || [[1, 2], [3, 4]].into_value();
        assert!(run_op(op.clone(), &[x(), 2.into_value(), 0.into_value()]).is_err());
        infer_ok(&op, "(?,2,3);int32();()", "<unknown>");
        infer_ok(&MatrixDiagPart { version: Version::V1 }, "(?,2,3)", "(?,2)");
        infer_err(&MatrixDiagPart { version: Version::V1 }, "(3)", "shape must be at least rank 2 but is rank 1");
    }
}
