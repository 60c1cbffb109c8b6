//! Diagonals of matrices: making matrices of them, taking and replacing them, in the three versions of TensorFlow's
//! ops. What they share is here: which diagonals are meant, and where their elements lie.
//!
//! Diagonal 0 is the main one, positive numbers lie above it. Several diagonals `k = (lower, upper)` are the rows of a
//! matrix, from `upper` down; rows of shorter diagonals are filled up at the end that the alignment names.

mod band_part;
mod matrix_diag;
mod matrix_diag_part;
mod matrix_set_diag;
mod tensor_diag;

pub use self::band_part::MatrixBandPart;
pub use self::matrix_diag::MatrixDiag;
pub use self::matrix_diag_part::MatrixDiagPart;
pub use self::matrix_set_diag::MatrixSetDiag;
pub use self::tensor_diag::{Diag, DiagPart};
use smallvec::SmallVec;

use crate::error::{Error, Result, escape};
use crate::graph::{AttrValue, Attrs, InferCx, Ints, OpKind};
use crate::shape::Dim;
use crate::value::Value;

/// The rows of this folder.
pub(in crate::ops) static OPS: &[&OpKind] = &[
    &band_part::MATRIX_BAND_PART,
    &matrix_diag::MATRIX_DIAG,
    &matrix_diag::MATRIX_DIAG_V2,
    &matrix_diag::MATRIX_DIAG_V3,
    &matrix_diag_part::MATRIX_DIAG_PART,
    &matrix_diag_part::MATRIX_DIAG_PART_V2,
    &matrix_diag_part::MATRIX_DIAG_PART_V3,
    &matrix_set_diag::MATRIX_SET_DIAG,
    &matrix_set_diag::MATRIX_SET_DIAG_V2,
    &matrix_set_diag::MATRIX_SET_DIAG_V3,
    &tensor_diag::DIAG,
    &tensor_diag::DIAG_PART,
];

/// Which of TensorFlow's three ops it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// The main diagonal.
    V1,
    /// Any diagonals; short ones begin on the left.
    V2,
    /// Any diagonals, aligned as asked for.
    V3(Align),
}

/// Where the elements of short diagonals lie in their rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Align {
    /// Those above the main diagonal lie on the left.
    pub super_left: bool,
    /// Those below the main diagonal lie on the left.
    pub sub_left: bool,
}

impl Align {
    const LEFT: Align = Align { super_left: true, sub_left: true };

    fn parse(attrs: &Attrs) -> Result<Align> {
        let text = attrs.str_or("align", "RIGHT_LEFT")?;
        let side = |side: &str| match side {
            "LEFT" => Some(true),
            "RIGHT" => Some(false),
            _ => None,
        };
        let sides = text.split_once('_').and_then(|(above, below)| Some((side(above)?, side(below)?)));
        match sides {
            Some((super_left, sub_left)) => Ok(Align { super_left, sub_left }),
            None => Err(Error::invalid(format!("align must be like LEFT_RIGHT, but is {}", escape(&text)))),
        }
    }

    fn attr(self) -> AttrValue {
        let side = |left| if left { "LEFT" } else { "RIGHT" };
        AttrValue::Str(format!("{}_{}", side(self.super_left), side(self.sub_left)).into_bytes())
    }
}

impl Version {
    fn align(self) -> Align {
        if let Version::V3(align) = self { align } else { Align::LEFT }
    }

    /// The attributes for files.
    fn attrs(self) -> Vec<(&'static str, AttrValue)> {
        if let Version::V3(align) = self { vec![("align", align.attr())] } else { Vec::new() }
    }

    /// One of three: rows of an op, one a version.
    fn pick<T>(self, of: [T; 3]) -> T {
        let [v1, v2, v3] = of;
        match self {
            Version::V1 => v1,
            Version::V2 => v2,
            Version::V3(_) => v3,
        }
    }
}

/// Diagonals `lower..=upper`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Band {
    lower: i64,
    upper: i64,
}

impl Band {
    const MAIN: Band = Band { lower: 0, upper: 0 };

    /// Of the input `k`: one number, or the two ends.
    fn of(k: &[i64]) -> Result<Band> {
        let band = match *k {
            [k] => Band { lower: k, upper: k },
            [lower, upper] => Band { lower, upper },
            _ => return Err(wrong_number(k.len())),
        };
        if band.lower > band.upper {
            let Band { lower, upper } = band;
            return Err(Error::invalid(format!(
                "lower_diag_index must not be larger than upper_diag_index: {lower} > {upper}"
            )));
        }
        Ok(band)
    }

    fn of_value(k: &Value) -> Result<Band> {
        if k.rank() > 1 {
            return Err(Error::shape(format!("diag_index must be a scalar or vector, but has rank {}", k.rank())));
        }
        let k = Ints::of(k)?;
        match k.len() {
            1 | 2 => Band::of(&k.iter().collect::<SmallVec<[i64; 2]>>()),
            n => Err(wrong_number(n)),
        }
    }

    /// Of input `i`, where it is constant.
    fn known(cx: &InferCx<'_>, i: usize) -> Result<Option<Band>> {
        cx.shape(i).with_rank_at_most(1)?;
        cx.ints(i).map(|k| Band::of(&k)).transpose()
    }

    fn is_one(self) -> bool {
        self.lower == self.upper
    }

    fn len(self) -> i64 {
        self.upper.saturating_sub(self.lower).saturating_add(1)
    }

    /// Refuses diagonals that a matrix of this size does not have.
    fn check(self, rows: usize, cols: usize) -> Result<()> {
        let (rows, cols) = (rows as i64, cols as i64);
        for (name, k) in [("lower_diag_index", self.lower), ("upper_diag_index", self.upper)] {
            if k != 0 && !(-rows < k && k < cols) {
                return Err(Error::invalid(format!(
                    "{name} is out of bound: {k} It must be between {} and {cols}",
                    -rows
                )));
            }
        }
        Ok(())
    }

    /// Elements of the longest diagonal of a matrix.
    fn longest(self, rows: usize, cols: usize) -> usize {
        let (rows, cols) = (rows as i64 + self.upper.min(0), cols as i64 - self.lower.max(0));
        rows.min(cols).max(0) as usize
    }

    /// As [`Band::longest`], of dims.
    fn longest_dim(self, rows: &Dim, cols: &Dim) -> Dim {
        let (rows, cols) = (rows + &Dim::constant(self.upper.min(0)), cols - &Dim::constant(self.lower.max(0)));
        rows.min(&cols)
    }
}

#[cold]
fn wrong_number(n: usize) -> Error {
    Error::invalid(format!("diag_index must be one or two integers, but has {n}"))
}

/// Where the diagonals lie in matrices of one size, and in the rows that hold them.
#[derive(Debug, Clone, Copy)]
struct Places {
    band: Band,
    align: Align,
    rows: usize,
    cols: usize,
    /// Elements of a row of diagonals.
    width: usize,
}

/// One run of elements: where it begins in a matrix, where in the rows of diagonals, and how long it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Run {
    in_matrix: usize,
    in_rows: usize,
    len: usize,
}

impl Places {
    /// The diagonals, from the upper one down. The next element of a run is `cols + 1` further in the matrix.
    fn runs(self) -> impl Iterator<Item = Run> {
        (0..self.band.len() as usize).map(move |m| {
            let k = self.band.upper - m as i64;
            let (down, right) = ((-k).max(0) as usize, k.max(0) as usize);
            let len = self.rows.saturating_sub(down).min(self.cols.saturating_sub(right));
            let is_left = (k >= 0 && self.align.super_left) || (k <= 0 && self.align.sub_left);
            let skip = if is_left { 0 } else { self.width - len.min(self.width) };
            Run { in_matrix: down * self.cols + right, in_rows: m * self.width + skip, len }
        })
    }
}

/// A value of one element that fills what no diagonal covers.
fn check_padding(padding: &Value) -> Result<()> {
    if padding.rank() == 0 {
        return Ok(());
    }
    Err(Error::shape(format!("padding_value must be a scalar, but has rank {}", padding.rank())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_diagonals_lie_where_the_alignment_says() {
        let band = Band { lower: -1, upper: 1 };
        let runs = |align| {
            Places { band, align, rows: 2, cols: 3, width: 2 }.runs().map(|run| (run.in_matrix, run.in_rows, run.len))
        };
        assert_eq!(runs(Align::LEFT).collect::<Vec<_>>(), [(1, 0, 2), (0, 2, 2), (3, 4, 1)]);
        let right = Align { super_left: true, sub_left: false };
        assert_eq!(runs(right).collect::<Vec<_>>(), [(1, 0, 2), (0, 2, 2), (3, 5, 1)]);
    }

    #[test]
    fn diagonals_that_are_not_there_are_refused() {
        assert!(Band::of(&[1, 0]).is_err() && Band::of(&[]).is_err() && Band::of(&[1, 2, 3]).is_err());
        let band = Band { lower: -2, upper: 1 };
        assert!(band.check(2, 3).is_err() && band.check(3, 1).is_err() && band.check(3, 2).is_ok());
        assert!(Band::MAIN.check(0, 0).is_ok());
    }
}
