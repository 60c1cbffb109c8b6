//! `Where`: the places of elements that are not zero.
#![allow(dropping_copy_types)]

use std::sync::Arc;

use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::graph::{Attrs, Example, InferCx, Op, OpKind, RunCx, Tensor};
use crate::shape::{Dim, Shape};
use crate::value::IntoValue;
use crate::with_type;

/// Elements between two looks at the limits of the run.
const PART: usize = 1 << 16;

/// The places of elements that are true, or not zero.
#[derive(Debug, Clone)]
pub struct Where;

/// The row of [`Where`].
pub static WHERE: OpKind = OpKind::new(
    "Where",
    "input: T -> index: int64",
    |_: &Attrs| Ok(Arc::new(Where) as Arc<dyn Op>),
    || {
        vec![
            Example::new(Where, [[[true, false], [true, true]].into_value()]),
            Example::new(Where, [[0.0f32, 2.0, f32::NAN].into_value()]),
            Example::new(Where, [5i32.into_value()]),
        ]
    },
)
.not_differentiable("places do not change smoothly");

impl Tensor {
    /// The places of the elements that are true, or not zero, in row-major order: `(d1, .., dk) -> (?, k)`, int64.
    ///
    /// # Errors
    /// `Unsupported` for strings.
    ///
    /// Source: TensorFlow's `Where`.
    #[doc(alias = "tf.where")]
    #[doc(alias = "tf.nonzero")]
    #[track_caller]
    pub fn where_(&self) -> Result<Tensor> {
        self.graph().apply_one(Where, &[self])
    }
}

impl Op for Where {
    fn kind(&self) -> &'static OpKind {
        &WHERE
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        let dtype = cx.dtype(0);
        with_type!(dtype, T in plain => drop(T::default()), else => {
            return Err(Error::unsupported(format!("where is for numbers and bool, not for {dtype}")));
        });
        let rank = cx.shape(0).rank().map_or_else(Dim::unknown, Dim::from);
        cx.output(DType::I64, Shape::from([Dim::unknown(), rank]));
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let value = cx.input(0);
        let (mut places, mut pace) = (cx.list::<usize>(0)?, cx.pace());
        with_type!(value.dtype(), T in plain => {
            for (part_idx, part) in value.slice::<T>()?.chunks(PART).enumerate() {
                pace.spend(2 * part.len())?;
                let is_set = |(i, x): (usize, &T)| (*x != T::default()).then_some(part_idx * PART + i);
                places.extend(part.iter().enumerate().filter_map(is_set))?;
            }
        }, else => return Err(Error::unsupported("where is for numbers and bool")));
        let rank = value.rank();
        let mut out = cx.alloc(DType::I64, &[places.len(), rank])?;
        if rank > 0 {
            for (row, place) in out.make_mut::<i64>()?.chunks_exact_mut(rank).zip(places) {
                pace.spend(8 * rank)?;
                let mut rest = place;
                for (cell, dim) in row.iter_mut().zip(value.dims()).rev() {
                    *cell = (rest % dim) as i64;
                    rest /= dim;
                }
            }
        }
        cx.output(0, out);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{infer_ok, run_op};

    #[test]
    fn places_are_in_row_major_order() {
        let got = run_op(Where, &[[[0, 2], [3, 0]].into_value()]).unwrap().remove(0);
        assert_eq!((got.dims(), got.slice::<i64>().unwrap()), (&[2, 2][..], &[0, 1, 1, 0][..]));
        let got = run_op(Where, &[[-0.0f32, f32::NAN].into_value()]).unwrap().remove(0);
        assert_eq!(got.slice::<i64>().unwrap(), [1]);
        infer_ok(&Where, "bool(2,?)", "(?,2)");
        infer_ok(&Where, "<unknown>", "(?,?)");
    }
}
