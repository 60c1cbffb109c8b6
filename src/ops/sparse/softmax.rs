//! `SparseSoftmax`.

use std::sync::Arc;

use num_traits::Float;

use super::coo::{Coo, infer_coo};
use crate::error::{Error, Result};
use crate::graph::{Example, InferCx, Op, OpKind, RunCx};
use crate::kernel::Number;
use crate::shape::Shape;
use crate::value::{IntoValue, Value};
use crate::with_type;

/// The softmax of the values of each row along the last axis, without those that are missing: `(n, r), (n), (r) -> (n)`.
/// Values of one row stand side by side. Floating-point numbers; ranks of 2 or more.
#[derive(Debug, Clone)]
pub struct SparseSoftmax;

/// The row of [`SparseSoftmax`].
pub static SPARSE_SOFTMAX: OpKind = OpKind::new(
    "SparseSoftmax",
    "sp_indices: int64, sp_values: T, sp_shape: int64 -> output: T",
    |_| Ok(Arc::new(SparseSoftmax)),
    || {
        let indices = || [[0i64, 0], [0, 2], [1, 1]].into_value();
        let shape = || [2i64, 3].into_value();
        vec![
            Example::new(SparseSoftmax, [indices(), [1.0f32, 2.0, 3.0].into_value(), shape()]),
            Example::new(SparseSoftmax, [indices(), [1.0f64, 2.0, 3.0].into_value(), shape()]),
        ]
    },
);

impl Op for SparseSoftmax {
    fn kind(&self) -> &'static OpKind {
        &SPARSE_SOFTMAX
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        let [n, rank] = infer_coo(cx, [0, 1, 2])?;
        if let Some(rank) = rank.known().filter(|rank| *rank < 2) {
            return Err(Error::invalid(format!("input should have rank >= 2, but got {rank}")));
        }
        cx.output(cx.dtype(1), Shape::new([n]));
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let (coo, values) = (Coo::of(cx, [0, 1, 2])?, cx.input(1));
        if coo.rank() < 2 {
            return Err(Error::invalid(format!("input should have rank >= 2, but got {}", coo.rank())));
        }
        coo.dims()?;
        let mut out = cx.alloc(values.dtype(), values.dims())?;
        with_type!(values.dtype(), T in floats => softmax::<T>(cx, &coo, values, &mut out)?, else => {
            return Err(Error::unsupported(format!("softmax is for floating-point numbers, not for {}", values.dtype())));
        });
        cx.output(0, out);
        Ok(())
    }
}

fn softmax<T: Number<Acc: Float>>(cx: &RunCx<'_>, coo: &Coo<'_>, values: &Value, out: &mut Value) -> Result<()> {
    let (values, out) = (values.slice::<T>()?, out.make_mut::<T>()?);
    let outer = |i: usize| &coo.row(i)[..coo.rank() - 1];
    let (mut from, mut pace, mut exps) = (0, cx.pace(), cx.list::<T::Acc>(0)?);
    while from < coo.n {
        let mut to = from;
        while to < coo.n && outer(to) == outer(from) {
            pace.spend(4 + coo.rank())?;
            to += 1;
        }
        let row = &values[from..to];
        let largest = row.iter().map(|x| x.widen()).fold(T::Acc::neg_infinity(), Float::max);
        exps.clear();
        for part in row.chunks(1 << 12) {
            pace.spend(16 * part.len())?;
            exps.extend(part.iter().map(|x| (x.widen() - largest).exp()))?;
        }
        let sum = exps.iter().fold(T::Acc::ZERO, |sum, x| sum.plus(*x));
        out[from..to].iter_mut().zip(&*exps).for_each(|(out, x)| *out = T::narrow(*x / sum));
        from = to;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{infer_err, infer_ok, run_op};

    #[test]
    fn values_are_as_many_as_before() {
        infer_ok(&SparseSoftmax, "int64(?,2);(5);int64(?)", "(5)");
        infer_err(&SparseSoftmax, "int64(?,1);(5);int64(1)", "rank >= 2, but got 1");
    }

    /// By hand: equal values share a row; one alone is 1.
    #[test]
    fn each_row_sums_to_one() {
        let inputs =
            [[[0i64, 0], [0, 2], [1, 1]].into_value(), [5.0f32, 5.0, -9.0].into_value(), [2i64, 3].into_value()];
        assert_eq!(run_op(SparseSoftmax, &inputs).unwrap()[0].slice::<f32>().unwrap(), [0.5, 0.5, 1.0]);
    }
}
