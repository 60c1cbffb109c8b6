//! `Diag` and `DiagPart`: tensors of twice the rank whose diagonal is a tensor.

use std::sync::Arc;

use crate::error::{Error, Result};
use crate::graph::{Attrs, Example, InferCx, Op, OpKind, RunCx, Tensor};
use crate::ops::array::cells::{Cell, cells, cells_mut, with_cells};
use crate::shape::MAX_RANK;
use crate::shape::{Dims, Shape, element_count};
use crate::value::IntoValue;

/// Zeros with a tensor on the diagonal: `(d..) -> (d.., d..)`.
#[derive(Debug, Clone)]
pub struct Diag;

/// The diagonal of a tensor whose shape is twice another's: `(d.., d..) -> (d..)`.
#[derive(Debug, Clone)]
pub struct DiagPart;

/// The row of [`Diag`].
pub static DIAG: OpKind = OpKind::new(
    "Diag",
    "diagonal: T -> output: T",
    |_: &Attrs| Ok(Arc::new(Diag) as Arc<dyn Op>),
    || {
        vec![
            Example::new(Diag, [[1.0f32, 2.0].into_value()]),
            Example::new(Diag, [[[1i64, 2, 3], [4, 5, 6]].into_value()]),
        ]
    },
);

/// The row of [`DiagPart`].
pub static DIAG_PART: OpKind = OpKind::new(
    "DiagPart",
    "input: T -> diagonal: T",
    |_: &Attrs| Ok(Arc::new(DiagPart) as Arc<dyn Op>),
    || {
        vec![
            Example::new(DiagPart, [[[1.0f32, 2.0], [3.0, 4.0]].into_value()]),
            Example::new(DiagPart, [[[[[1i32, 2]], [[3, 4]]]].into_value()]),
        ]
    },
);

impl Tensor {
    /// Zeros with this on the diagonal: `(d..)` becomes `(d.., d..)`. Any dtype.
    ///
    /// # Errors
    /// `ShapeMismatch` for a scalar.
    ///
    /// Source: TensorFlow's `Diag`.
    #[doc(alias = "tf.diag")]
    #[doc(alias = "tf.linalg.tensor_diag")]
    #[track_caller]
    pub fn diag(&self) -> Result<Tensor> {
        self.graph().apply_one(Diag, &[self])
    }

    /// The diagonal of this tensor: `(d.., d..)` becomes `(d..)`. Any dtype.
    ///
    /// # Errors
    /// `ShapeMismatch` for a shape whose two halves differ.
    ///
    /// Source: TensorFlow's `DiagPart`.
    #[doc(alias = "tf.diag_part")]
    #[doc(alias = "tf.linalg.tensor_diag_part")]
    #[track_caller]
    pub fn diag_part(&self) -> Result<Tensor> {
        self.graph().apply_one(DiagPart, &[self])
    }
}

impl Op for Diag {
    fn kind(&self) -> &'static OpKind {
        &DIAG
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        let diagonal = cx.shape(0).with_rank_at_least(1)?.with_rank_at_most(MAX_RANK / 2)?;
        let shape = diagonal.concat(&diagonal)?;
        cx.output(cx.dtype(0), shape);
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let diagonal = cx.input(0);
        if diagonal.rank() == 0 {
            return Err(Error::shape("input must be at least rank 1, got 0"));
        }
        let dims: Dims = diagonal.dims().iter().chain(diagonal.dims()).copied().collect();
        element_count(&dims)?;
        let mut out = cx.alloc_zeros(diagonal.dtype(), &dims)?;
        with_cells!(diagonal.dtype(), E => {
            let to = cells_mut::<E>(&mut out)?.iter_mut().step_by(diagonal.len() + 1);
            move_each(cx, to.zip(cells::<E>(diagonal)?))?;
        });
        cx.output(0, out);
        Ok(())
    }
}

impl Op for DiagPart {
    fn kind(&self) -> &'static OpKind {
        &DIAG_PART
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        let input = cx.shape(0);
        let shape = match input.rank() {
            None => Shape::unknown(),
            Some(rank) => {
                let half = half(rank)?;
                input.slice(..half)?.merge(&input.slice(half..)?)?
            }
        };
        cx.output(cx.dtype(0), shape);
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let input = cx.input(0);
        let (front, back) = input.dims().split_at(half(input.rank())?);
        if front != back {
            let text = format!("invalid shape {:?}: dimensions {front:?} and {back:?} do not match", input.dims());
            return Err(Error::shape(text));
        }
        let mut out = cx.alloc(input.dtype(), front)?;
        with_cells!(input.dtype(), E => {
            let step = out.len() + 1;
            move_each(cx, cells_mut::<E>(&mut out)?.iter_mut().zip(cells::<E>(input)?.iter().step_by(step)))?;
        });
        cx.output(0, out);
        Ok(())
    }
}

fn half(rank: usize) -> Result<usize> {
    if rank == 0 || rank % 2 == 1 {
        return Err(Error::shape(format!("input must have even and non-zero rank, input rank is {rank}")));
    }
    Ok(rank / 2)
}

fn move_each<'a, E: Cell>(cx: &RunCx<'_>, pairs: impl Iterator<Item = (&'a mut E, &'a E)>) -> Result<()> {
    let mut pace = cx.pace();
    for (cell, x) in pairs {
        // Each lies in a line of memory of its own.
        pace.spend(10 * E::work(std::slice::from_ref(x)))?;
        cell.clone_from(x);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{infer_err, infer_ok, run_op};

    #[test]
    fn a_tensor_is_its_diagonals_diagonal() {
        let x = [[1, 2], [3, 4]].into_value();
        let matrix = run_op(Diag, std::slice::from_ref(&x)).unwrap().remove(0);
        assert_eq!((matrix.dims(), matrix.slice::<i32>().unwrap()[5]), (&[2, 2, 2, 2][..], 2));
        assert!(run_op(DiagPart, &[matrix]).unwrap()[0].same_bits(&x));
    }

    #[test]
    fn shapes_double_and_halve() {
        infer_ok(&Diag, "(2,?)", "(2,?,2,?)");
        infer_ok(&DiagPart, "(2,?,?,3)", "(2,3)");
        infer_err(&Diag, "()", "shape must be at least rank 1 but is rank 0");
        infer_err(&DiagPart, "(2,2,2)", "even and non-zero rank, input rank is 3");
        infer_err(&DiagPart, "(2,3)", "must be equal, but are 2 and 3");
    }
}
