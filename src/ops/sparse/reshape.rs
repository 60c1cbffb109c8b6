//! `SparseReshape`: the same values at the indices of another shape.

use std::sync::Arc;

use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::graph::{Example, InferCx, Op, OpKind, RunCx};
use crate::shape::Shape;
use crate::value::IntoValue;

/// The indices of a sparse tensor in another shape with as many elements: `(n, r), (r), (s) -> (n, s), (s)`. One size may
/// be -1: it is what is left.
#[derive(Debug, Clone)]
pub struct SparseReshape;

/// The row of [`SparseReshape`].
pub static SPARSE_RESHAPE: OpKind = OpKind::new(
    "SparseReshape",
    "input_indices: int64, input_shape: int64, new_shape: int64 -> output_indices: int64, output_shape: int64",
    |_| Ok(Arc::new(SparseReshape)),
    || {
        let of = |new: Vec<i64>| {
            Example::new(
                SparseReshape,
                [[[0i64, 1, 2], [1, 0, 0]].into_value(), [2i64, 2, 3].into_value(), new.into_value()],
            )
        };
        vec![of(vec![3, -1]), of(vec![12]), of(vec![2, 2, 3])]
    },
);

impl Op for SparseReshape {
    fn kind(&self) -> &'static OpKind {
        &SPARSE_RESHAPE
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        let indices = cx.shape(0).with_rank(2)?;
        cx.shape(1).with_rank(1)?.merge(&Shape::new([indices.dim(1)]))?;
        let new = cx.shape(2).with_rank(1)?;
        cx.output(DType::I64, Shape::new([indices.dim(0), new.dim(0)]));
        cx.output(DType::I64, new);
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let (indices, shape, new) = (cx.input(0), cx.input(1), cx.input(2));
        let &[n, rank] = indices.dims() else {
            return Err(Error::shape(format!(
                "input indices should be a matrix but received shape {:?}",
                indices.dims()
            )));
        };
        if shape.dims() != [rank] || new.rank() != 1 {
            return Err(Error::shape(format!(
                "input shape must have {rank} elements and new_shape be a vector, but they have shapes {:?} and {:?}",
                shape.dims(),
                new.dims()
            )));
        }
        let (indices, old) = (indices.slice::<i64>()?, shape.slice::<i64>()?);
        let new = resolved(old, new.slice::<i64>()?)?;
        let mut out = cx.alloc(DType::I64, &[n, new.len()])?;
        let cells = out.make_mut::<i64>()?;
        let mut pace = cx.pace();
        for i in 0..n {
            // A division takes long.
            pace.spend(1 + rank + 8 * new.len())?;
            let row = &indices[i * rank..(i + 1) * rank];
            if row.iter().zip(old).any(|(at, size)| at < &0 || at >= size) {
                return Err(Error::invalid(format!(
                    "indices[{i}] = {row:?} is out of bounds: need 0 <= index < {old:?}"
                )));
            }
            let mut place = row.iter().zip(old).fold(0, |place, (at, size)| place * size + at);
            for (at, size) in cells[i * new.len()..(i + 1) * new.len()].iter_mut().zip(&new).rev() {
                (*at, place) = (place % size, place / size);
            }
        }
        cx.output(0, out);
        cx.output(1, new.into_value());
        Ok(())
    }
}

/// The new shape with its -1 solved, which has as many elements as the old one.
fn resolved(old: &[i64], new: &[i64]) -> Result<Vec<i64>> {
    let too_large =
        || Error::invalid(format!("shapes {old:?} and {new:?} must have a number of elements that int64 holds"));
    let holes = new.iter().filter(|size| **size == -1).count();
    let count = product(old).ok_or_else(too_large)?;
    if holes > 1 {
        return Err(Error::invalid("only one output dimension may be -1"));
    }
    if let Some(size) = new.iter().find(|size| **size < -1) {
        return Err(Error::invalid(format!("size must be non-negative, not {size}")));
    }
    let said: Vec<i64> = new.iter().copied().filter(|size| *size != -1).collect();
    let known = product(&said).ok_or_else(too_large)?;
    if holes == 0 && known != count {
        return Err(Error::invalid(format!(
            "input to reshape is a tensor with {count} dense values, but the requested shape has {known}"
        )));
    }
    if holes == 1 && (known == 0 || count % known != 0) {
        return Err(Error::invalid(format!(
            "input to reshape is a SparseTensor with {count} dense values, but the requested shape requires a multiple of \
             {known}"
        )));
    }
    Ok(new.iter().map(|size| if *size == -1 { count / known } else { *size }).collect())
}

/// The number of elements, if int64 holds it.
fn product(sizes: &[i64]) -> Option<i64> {
    sizes.iter().try_fold(1i64, |n, size| n.checked_mul(*size).filter(|n| *n >= 0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{infer_ok, run_op};

    #[test]
    fn indices_get_the_new_rank() {
        infer_ok(&SparseReshape, "int64(?,3);int64(3);int64(2)", "(?,2);(2)");
        infer_ok(&SparseReshape, "int64<unknown>;int64(?);int64(?)", "(?,?);(?)");
    }

    #[track_caller]
    fn check(new: &[i64], want: Result<(&[i64], &[i64]), &str>) {
        let inputs = [[[0i64, 1, 2], [1, 0, 0]].into_value(), [2i64, 2, 3].into_value(), new.to_vec().into_value()];
        match (run_op(SparseReshape, &inputs), want) {
            (Ok(got), Ok((indices, shape))) => {
                assert_eq!(got[0].slice::<i64>().unwrap(), indices);
                assert_eq!(got[1].slice::<i64>().unwrap(), shape);
            }
            (got, Err(want)) => assert!(got.unwrap_err().message().contains(want)),
            (got, _) => panic!("{got:?}"),
        }
    }

    /// By hand: places 5 and 6 of 12.
    #[test]
    fn places_stay() {
        check(&[3, -1], Ok((&[1, 1, 1, 2], &[3, 4])));
        check(&[12], Ok((&[5, 6], &[12])));
        check(&[5, -1], Err("requires a multiple of 5"));
        check(&[5], Err("the requested shape has 5"));
        check(&[-1, -1], Err("only one output dimension may be -1"));
    }
}
