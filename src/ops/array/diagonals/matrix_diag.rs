//! `MatrixDiag`, `MatrixDiagV2`, `MatrixDiagV3`: matrices of given diagonals.
#![allow(clippy::clone_on_copy)] // strings are cells too, and they are no copies

use std::sync::Arc;

use super::{Align, Band, Places, Version, check_padding};
use crate::error::{Error, Result};
use crate::graph::{AttrValue, Attrs, Example, InferCx, Ints, Op, OpKind, RunCx, Tensor};
use crate::ops::array::cells::{Cell, cells, cells_mut, fill_cells, with_cells};
use crate::shape::{Dim, Dims, Shape, element_count};
use crate::value::{IntoValue, Value};

/// Matrices of given diagonals: `(b.., n)` becomes `(b.., n, n)` with the main diagonal. Versions 2 and 3 take the
/// diagonals `k`, the matrices' size and what else is in them: `(b.., d, n), k, rows, columns, padding`.
#[derive(Debug, Clone)]
pub struct MatrixDiag {
    /// Which of TensorFlow's ops.
    pub version: Version,
}

const SIGNATURE: &str = "diagonal: T, k: int32, num_rows: int32, num_cols: int32, padding_value: T -> output: T";

/// The row of version 1.
pub static MATRIX_DIAG: OpKind = OpKind::new(
    "MatrixDiag",
    "diagonal: T -> output: T",
    |_| Ok(Arc::new(MatrixDiag { version: Version::V1 })),
    || {
        vec![
            Example::new(MatrixDiag { version: Version::V1 }, [[[1.0f32, 2.0], [3.0, 4.0]].into_value()]),
            Example::new(MatrixDiag { version: Version::V1 }, [Vec::<i64>::new().into_value()]),
        ]
    },
)
.aliases(&["BatchMatrixDiag"]);

/// The row of version 2.
pub static MATRIX_DIAG_V2: OpKind = OpKind::new(
    "MatrixDiagV2",
    SIGNATURE,
    |_| Ok(Arc::new(MatrixDiag { version: Version::V2 })),
    || examples(Version::V2),
);

/// The row of version 3.
pub static MATRIX_DIAG_V3: OpKind = OpKind::new(
    "MatrixDiagV3",
    SIGNATURE,
    |attrs: &Attrs| Ok(Arc::new(MatrixDiag { version: Version::V3(Align::parse(attrs)?) })),
    || examples(Version::V3(Align::default())),
);

fn examples(version: Version) -> Vec<Example> {
    let of = |diagonal: Value, k: Value, [rows, cols]: [i32; 2]| {
        let padding = Value::zeros(diagonal.dtype(), &[]).expect("a scalar fits");
        Example::new(MatrixDiag { version }, [diagonal, k, rows.into_value(), cols.into_value(), padding])
    };
    vec![
        of([[1.0f32, 2.0], [3.0, 4.0]].into_value(), 1i32.into_value(), [-1, -1]),
        of([[1i32, 2], [3, 4]].into_value(), [-1i32, 0].into_value(), [3, -1]),
        of([1i64, 2].into_value(), [0i32].into_value(), [2, 4]),
    ]
}

impl Tensor {
    /// Matrices with this as their main diagonal: `(b.., n)` becomes `(b.., n, n)`. Any dtype.
    ///
    /// # Errors
    /// `ShapeMismatch` for a scalar.
    ///
    /// Source: TensorFlow's `MatrixDiag`.
    ///
    /// ```
    /// # use sessile::prelude::*;
    /// # fn main() -> sessile::Result<()> {
    /// let g = Graph::new();
    /// let x = g.placeholder(DType::F32, shape![?, 3])?;
    /// assert_eq!(x.matrix_diag()?.shape().to_string(), "(?, 3, 3)");
    /// # Ok(()) }
    /// ```
    #[doc(alias = "tf.matrix_diag")]
    #[doc(alias = "tf.linalg.diag")]
    #[track_caller]
    pub fn matrix_diag(&self) -> Result<Tensor> {
        self.graph().apply_named("diag", Arc::new(MatrixDiag { version: Version::V1 }), &[self])?.output(0)
    }
}

/// Rows and columns of the matrices, from the longest diagonal and what is asked for; -1 asks for the smallest.
fn sizes(band: Band, width: usize, asked: [i64; 2]) -> Result<[usize; 2]> {
    let least = [width as i64 - band.upper.min(0), width as i64 + band.lower.max(0)];
    let got = match asked {
        [-1, -1] => [least[0].max(least[1]); 2],
        [rows, cols] => [if rows == -1 { least[0] } else { rows }, if cols == -1 { least[1] } else { cols }],
    };
    for ((name, got), least) in [("rows", got[0]), ("columns", got[1])].into_iter().zip(least) {
        if got < least {
            return Err(Error::invalid(format!("the number of {name} is too small: {got} < {least}")));
        }
    }
    if got[0] != least[0] && got[1] != least[1] {
        return Err(Error::invalid(format!(
            "the number of rows or columns is not consistent with the specified d_lower, d_upper, and diagonal: rows \
             {}, columns {}",
            got[0], got[1]
        )));
    }
    Ok(got.map(|n| n as usize))
}

impl Op for MatrixDiag {
    fn kind(&self) -> &'static OpKind {
        self.version.pick([&MATRIX_DIAG, &MATRIX_DIAG_V2, &MATRIX_DIAG_V3])
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        let diagonal = cx.shape(0).with_rank_at_least(1)?;
        let shape = match (self.version, diagonal.rank()) {
            (_, None) => Shape::unknown(),
            (Version::V1, Some(rank)) => diagonal.concat(&diagonal.slice(rank - 1..)?)?,
            (_, Some(rank)) => banded(cx, &diagonal, rank)?,
        };
        cx.output(cx.dtype(0), shape);
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let diagonal = cx.input(0);
        let (band, asked) = match self.version {
            Version::V1 => (Band::MAIN, [-1, -1]),
            _ => (Band::of_value(cx.input(1))?, [scalar(cx.input(2))?, scalar(cx.input(3))?]),
        };
        let zero = Value::zeros(diagonal.dtype(), &[])?;
        let padding = if self.version == Version::V1 { &zero } else { cx.input(4) };
        check_padding(padding)?;
        let (batch, width) = split(diagonal.dims(), band)?;
        let [rows, cols] = sizes(band, width, asked)?;
        let dims: Dims = batch.iter().copied().chain([rows, cols]).collect();
        element_count(&dims)?;
        let places = Places { band, align: self.version.align(), rows, cols, width };
        let mut out = cx.alloc(diagonal.dtype(), &dims)?;
        with_cells!(diagonal.dtype(), E => {
            let (padding, to) = (&cells::<E>(padding)?[0], cells_mut::<E>(&mut out)?);
            fill_cells(cx, to, padding)?;
            put(cx, cells::<E>(diagonal)?, places, to)?;
        });
        cx.output(0, out);
        Ok(())
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        self.version.attrs()
    }
}

/// The shape of versions 2 and 3, as far as their inputs are constants.
fn banded(cx: &InferCx<'_>, diagonal: &Shape, rank: usize) -> Result<Shape> {
    (2..5).try_for_each(|i| cx.shape(i).with_rank(0).map(drop))?;
    let Some(band) = Band::known(cx, 1)? else { return Ok(Shape::unknown()) };
    let n_own = if band.is_one() { 1 } else { 2 };
    let batch = diagonal.with_rank_at_least(n_own)?.slice(..rank - n_own)?;
    if !band.is_one() {
        diagonal.with_dim(rank - 2, &Dim::constant(band.len()))?;
    }
    let asked = |i| cx.ints(i).map(|n| n[0]);
    let width = diagonal.dim(rank - 1);
    let own = match (asked(2), asked(3), width.known()) {
        (Some(rows), Some(cols), Some(width)) => sizes(band, width, [rows, cols])?.map(Dim::from),
        (rows, cols, _) => {
            let least = [&width - &Dim::constant(band.upper.min(0)), &width + &Dim::constant(band.lower.max(0))];
            match (rows, cols) {
                (Some(-1), Some(-1)) => [least[0].max(&least[1]), least[0].max(&least[1])],
                (Some(-1), Some(cols)) => [least[0].clone(), Dim::constant(cols)],
                (Some(rows), Some(-1)) => [Dim::constant(rows), least[1].clone()],
                // -1 beside a size that is not known may stand for a square or not.
                _ => [rows, cols].map(|n| n.filter(|n| *n != -1).map_or_else(Dim::unknown, Dim::constant)),
            }
        }
    };
    batch.concat(&Shape::from(own.to_vec()))
}

fn scalar(value: &Value) -> Result<i64> {
    let refuse =
        || Error::invalid(format!("num_rows and num_cols must be scalars, but one has {} elements", value.len()));
    Ints::of(value)?.only().ok_or_else(refuse)
}

/// The batch dims, and the elements of a row of diagonals.
fn split(dims: &[usize], band: Band) -> Result<(&[usize], usize)> {
    match (dims, band.is_one()) {
        ([batch @ .., width], true) => Ok((batch, *width)),
        ([batch @ .., n, width], false) if *n as i64 == band.len() => Ok((batch, *width)),
        ([.., n, _], false) => Err(Error::invalid(format!(
            "the number of diagonals provided in the input does not match the lower_diag_index and upper_diag_index \
             range: {n} and {}",
            band.len()
        ))),
        _ => Err(Error::shape(format!(
            "diagonal must be at least {}-dim, but is {dims:?}",
            2 - usize::from(band.is_one())
        ))),
    }
}

/// Writes the rows of diagonals into matrices, which are filled already.
pub(super) fn put<E: Cell>(cx: &RunCx<'_>, from: &[E], places: Places, out: &mut [E]) -> Result<()> {
    if from.is_empty() || out.is_empty() {
        return Ok(());
    }
    let (matrix, rows) = (places.rows * places.cols, places.band.len() as usize * places.width);
    let mut pace = cx.pace();
    for (out, from) in out.chunks_exact_mut(matrix).zip(from.chunks_exact(rows)) {
        for run in places.runs() {
            pace.spend(run.len + 1)?;
            let cells = out.get_mut(run.in_matrix..).into_iter().flatten().step_by(places.cols + 1);
            cells.zip(&from[run.in_rows..][..run.len]).for_each(|(cell, x)| *cell = x.clone());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{infer_err, infer_ok, run_op};

    #[track_caller]
    fn check(align: Align, diagonal: Value, k: Value, size: [i32; 2], want: &str) {
        let inputs = [diagonal, k, size[0].into_value(), size[1].into_value(), 9i32.into_value()];
        let out = run_op(MatrixDiag { version: Version::V3(align) }, &inputs).unwrap();
        assert_eq!(out[0].to_string().replace('\n', ""), want);
    }

    /// By TensorFlow 2.15.1.
    #[test]
    fn matrices_have_their_diagonals() {
        let right_left = Align { super_left: false, sub_left: true };
        check(right_left, [1, 2].into_value(), 0.into_value(), [-1, -1], "[[1 9] [9 2]]");
        check(right_left, [1, 2].into_value(), (-1).into_value(), [-1, -1], "[[9 9 9] [1 9 9] [9 2 9]]");
        check(right_left, [1, 2].into_value(), 0.into_value(), [2, 3], "[[1 9 9] [9 2 9]]");
        let two = || [[8, 1, 2], [3, 4, 5]].into_value();
        check(right_left, two(), [0, 1].into_value(), [-1, -1], "[[3 1 9] [9 4 2] [9 9 5]]");
        check(Align::LEFT, two(), [0, 1].into_value(), [-1, -1], "[[3 8 9] [9 4 1] [9 9 5]]");
    }

    #[test]
    fn shapes_follow_the_constants() {
        infer_ok(&MatrixDiag { version: Version::V1 }, "(?,3)", "(?,3,3)");
        infer_err(&MatrixDiag { version: Version::V1 }, "()", "shape must be at least rank 1 but is rank 0");
        let v2 = MatrixDiag { version: Version::V2 };
        infer_ok(&v2, "(?,3);int32();int32();int32();()", "<unknown>");
        let g = crate::Graph::new();
        let x = g.placeholder(crate::DType::F32, crate::shape!["b", 2, "n"]).unwrap();
        let ints = |n: Value| g.constant(n).unwrap();
        let (k, any, zero) = (ints([-1, 0].into_value()), ints((-1).into_value()), ints(0f32.into_value()));
        let y = g.apply_one(v2, &[&x, &k, &any, &any, &zero]).unwrap();
        assert_eq!(y.shape().to_string(), "(b, n, n)");
    }

    #[test]
    fn sizes_that_do_not_fit_are_refused() {
        let main = Band::MAIN;
        assert_eq!(sizes(main, 2, [-1, 5]).unwrap(), [2, 5]);
        assert!(sizes(main, 2, [1, -1]).unwrap_err().message().contains("the number of rows is too small"));
        assert!(sizes(main, 2, [3, 3]).unwrap_err().message().contains("not consistent"));
    }
}
