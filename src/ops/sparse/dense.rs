//! Sparse tensors beside dense ones: `SparseTensorDenseAdd`, `SparseDenseCwiseMul`, `-Div`, `-Add`.

use std::sync::Arc;

use super::coo::{Coo, PICK_WORK, infer_coo, not_a_number, place};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::graph::{Example, InferCx, Op, OpKind, RunCx};
use crate::kernel::Number;
use crate::kernel::change::{Change, Formula};
use crate::ops::math::Arith;
use crate::ops::parts::number_bytes_mut;
use crate::ops::wide::widened;
use crate::shape::Shape;
use crate::value::{IntoValue, ScratchVec, Value};
use crate::with_type;

/// The sum of a sparse tensor and a dense one of the same shape. Numbers.
#[derive(Debug, Clone)]
pub struct SparseTensorDenseAdd;

/// What [`SparseDenseCwise`] makes of two numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CwiseOp {
    /// The sum.
    Add,
    /// The product.
    Mul,
    /// The quotient.
    Div,
}

/// Combines each value of a sparse tensor with the element of a dense one in its place; the dense one is broadcast to
/// the sparse one. The answer is the new values: `(n)`. Numbers.
#[derive(Debug, Clone)]
pub struct SparseDenseCwise {
    /// How.
    pub f: CwiseOp,
}

/// The row of [`SparseTensorDenseAdd`].
pub static SPARSE_TENSOR_DENSE_ADD: OpKind = OpKind::new(
    "SparseTensorDenseAdd",
    "a_indices: Tindices, a_values: T, a_shape: Tindices, b: T -> output: T",
    |_| Ok(Arc::new(SparseTensorDenseAdd)),
    || {
        let dense = [[1.0f32, 2.0], [3.0, 4.0]].into_value();
        let values = [0.5f32, -1.0].into_value();
        vec![
            Example::new(
                SparseTensorDenseAdd,
                [[[0i64, 1], [1, 0]].into_value(), values.clone(), [2i64, 2].into_value(), dense.clone()],
            ),
            Example::new(
                SparseTensorDenseAdd,
                [[[0i32, 1], [1, 0]].into_value(), values, [2i32, 2].into_value(), dense],
            ),
        ]
    },
);

macro_rules! cwise_rows {
    ($($row:ident $name:literal $f:ident;)*) => {
        $(
            #[doc = concat!("The row of `", $name, "`.")]
            pub static $row: OpKind = OpKind::new(
                $name,
                "sp_indices: int64, sp_values: T, sp_shape: int64, dense: T -> output: T",
                |_| Ok(Arc::new(SparseDenseCwise { f: CwiseOp::$f })),
                || cwise_examples(CwiseOp::$f),
            );
        )*

        impl CwiseOp {
            fn kind(self) -> &'static OpKind {
                match self { $( CwiseOp::$f => &$row, )* }
            }
        }
    };
}
cwise_rows! {
    SPARSE_DENSE_CWISE_ADD "SparseDenseCwiseAdd" Add;
    SPARSE_DENSE_CWISE_MUL "SparseDenseCwiseMul" Mul;
    SPARSE_DENSE_CWISE_DIV "SparseDenseCwiseDiv" Div;
}

fn cwise_examples(f: CwiseOp) -> Vec<Example> {
    let sparse = || [[[0i64, 1], [1, 0]].into_value(), [0.5f32, -1.0].into_value(), [2i64, 2].into_value()];
    let of = |dense: Value| Example::new(SparseDenseCwise { f }, sparse().into_iter().chain([dense]));
    vec![
        of([[1.0f32, 2.0], [3.0, 4.0]].into_value()),
        of([2.0f32, 3.0].into_value()),
        of([[1.0f32], [4.0]].into_value()),
        of(2.0f32.into_value()),
    ]
}

impl Op for SparseTensorDenseAdd {
    fn kind(&self) -> &'static OpKind {
        &SPARSE_TENSOR_DENSE_ADD
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        infer_coo(cx, [0, 1, 2])?;
        cx.output_like(3);
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let ints = |i: usize| cx.ints(cx.input(i))?.into_value(cx.input(i).dims());
        let (indices, shape) = (ints(0)?, ints(2)?);
        let mut out = cx.take_unique(3)?;
        let coo = Coo::new(&indices, cx.input(1), &shape)?;
        let dims = coo.dims()?;
        if out.dims() != dims {
            return Err(Error::invalid(format!(
                "dimensions of a and b must be equal: {:?} vs {:?}",
                coo.shape,
                out.dims()
            )));
        }
        let mut pace = cx.pace();
        coo.check_bounds(&mut pace)?;
        let dtype = out.dtype();
        let add = Change::of(Formula::Add, dtype).filter(|_| dtype != DType::Bool);
        let add = add.ok_or_else(|| not_a_number(dtype))?;
        let (size, cells) = (add.size(), number_bytes_mut(&mut out)?);
        for (row, x) in coo.rows().zip(cx.input(1).bytes()?.chunks_exact(size)) {
            pace.spend(PICK_WORK + row.len())?;
            add.run(&mut cells[place(row, &dims) * size..][..size], x);
        }
        cx.output(0, out);
        Ok(())
    }
}

impl Op for SparseDenseCwise {
    fn kind(&self) -> &'static OpKind {
        self.f.kind()
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        let [n, rank] = infer_coo(cx, [0, 1, 2])?;
        if let Some(rank) = rank.known() {
            cx.shape(3).with_rank_at_most(rank)?;
        }
        cx.output(cx.dtype(1), Shape::new([n]));
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        if let Some(done) = widened(self, cx, &[1, 3], &[0]) {
            return done;
        }
        let (coo, dense) = (Coo::of(cx, [0, 1, 2])?, cx.input(3));
        let places = places(cx, &coo, dense.dims())?;
        let values = cx.input(1);
        let mut out = cx.alloc(values.dtype(), values.dims())?;
        with_type!(values.dtype(), T in wide_numbers => {
            let (values, dense) = (values.slice::<T>()?, dense.slice::<T>()?);
            let mut pace = cx.pace();
            for ((out, x), place) in out.make_mut::<T>()?.iter_mut().zip(values).zip(&*places) {
                pace.spend(PICK_WORK)?;
                *out = self.f.of(*x, dense[*place])?;
            }
        }, else => return Err(not_a_number(values.dtype())));
        cx.output(0, out);
        Ok(())
    }
}

/// The place of each index in a dense tensor that is broadcast to the sparse one.
fn places(cx: &RunCx<'_>, coo: &Coo<'_>, dense: &[usize]) -> Result<ScratchVec<usize>> {
    let offset = coo.rank().checked_sub(dense.len());
    let fits = |offset: usize| {
        dense.iter().zip(&coo.shape[offset..]).all(|(dense, size)| *dense == 1 || i64::try_from(*dense) == Ok(*size))
    };
    let offset = offset.filter(|offset| fits(*offset)).ok_or_else(|| {
        let shape = coo.shape;
        Error::invalid(format!(
            "the dense side is broadcast to the sparse one; got incompatible shapes: {shape:?} vs. {dense:?}"
        ))
    })?;
    let (mut places, mut pace) = (cx.list(coo.n)?, cx.pace());
    coo.check_bounds(&mut pace)?;
    let place = |row: &[i64]| {
        let inner = row[offset..].iter().zip(dense);
        inner.fold(0, |place, (at, size)| place * size + if *size == 1 { 0 } else { *at as usize })
    };
    for row in coo.rows() {
        pace.spend(1 + row.len())?;
        places.push(place(row))?;
    }
    Ok(places)
}

impl CwiseOp {
    fn of<T: Number + Arith>(self, x: T, y: T) -> Result<T> {
        match self {
            CwiseOp::Add => Ok(x.plus(y)),
            CwiseOp::Mul => Ok(x.times(y)),
            CwiseOp::Div if T::DTYPE.is_integer() && y == T::ZERO => Err(Error::invalid("integer division by zero")),
            CwiseOp::Div => Ok(x.over(y)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{infer_ok, run_op};

    #[test]
    fn shapes_are_those_of_the_values_or_the_dense_side() {
        infer_ok(&SparseDenseCwise { f: CwiseOp::Mul }, "int64(?,2);(5);int64(2);(3)", "(5)");
        infer_ok(&SparseTensorDenseAdd, "int64(?,2);(5);int64(2);(3,?)", "(3,?)");
    }

    /// By hand: the dense row is the same for each row.
    #[test]
    fn the_dense_side_is_broadcast() {
        let run = |f, dense: Value| {
            let sparse = [[[0i64, 1], [1, 0]].into_value(), [6.0f32, -1.0].into_value(), [2i64, 2].into_value()];
            run_op(SparseDenseCwise { f }, &sparse.into_iter().chain([dense]).collect::<Vec<_>>())
        };
        let row = || [4.0f32, 3.0].into_value();
        assert_eq!(run(CwiseOp::Mul, row()).unwrap()[0].slice::<f32>().unwrap(), [18.0, -4.0]);
        assert_eq!(run(CwiseOp::Div, row()).unwrap()[0].slice::<f32>().unwrap(), [2.0, -0.25]);
        assert_eq!(run(CwiseOp::Add, [[1.0f32], [2.0]].into_value()).unwrap()[0].slice::<f32>().unwrap(), [7.0, 1.0]);
        assert!(run(CwiseOp::Add, [1.0f32; 3].into_value()).unwrap_err().message().contains("incompatible shapes"));
    }

    #[test]
    fn values_are_added_in_their_places() {
        let inputs = [
            [[0i64, 1], [1, 0], [1, 0]].into_value(),
            [0.5f32, -1.0, 3.0].into_value(),
            [2i64, 2].into_value(),
            [[1.0f32, 2.0], [3.0, 4.0]].into_value(),
        ];
        assert_eq!(run_op(SparseTensorDenseAdd, &inputs).unwrap()[0].slice::<f32>().unwrap(), [1.0, 2.5, 5.0, 4.0]);
    }
}
