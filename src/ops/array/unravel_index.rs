//! `UnravelIndex`: which place in a shape the n-th element has.

use std::sync::Arc;

use super::into_sizes::check_index;
use crate::cancel::Pace;
use crate::error::{Error, Result};
use crate::graph::{Attrs, Example, InferCx, Ints, Op, OpKind, RunCx};
use crate::shape::{Dim, Shape};
use crate::value::IntoValue;
use crate::with_type;

/// A column of coordinates for each index into the elements of a shape: `(n), (rank) -> (rank, n)`, `(), (rank) ->
/// (rank)`.
#[derive(Debug, Clone)]
pub struct UnravelIndex;

/// The row of [`UnravelIndex`].
pub static UNRAVEL_INDEX: OpKind = OpKind::new(
    "UnravelIndex",
    "indices: Tidx, dims: Tidx -> output: Tidx",
    |_: &Attrs| Ok(Arc::new(UnravelIndex) as Arc<dyn Op>),
    || {
        vec![
            Example::new(UnravelIndex, [[7i32, 2, 0].into_value(), [3i32, 3].into_value()]),
            Example::new(UnravelIndex, [5i64.into_value(), [2i64, 3].into_value()]),
            Example::new(UnravelIndex, [Vec::<i32>::new().into_value(), [2i32, 3].into_value()]),
        ]
    },
)
.not_differentiable("an index is no smooth function of another");

impl Op for UnravelIndex {
    fn kind(&self) -> &'static OpKind {
        &UNRAVEL_INDEX
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        check_index("indices", cx.dtype(0))?;
        let rank = cx.shape(1).with_rank(1)?.dim(0);
        let shape = match cx.shape(0).rank() {
            Some(0) => Shape::from(vec![rank]),
            Some(_) => Shape::from(vec![rank, cx.shape(0).num_elements().unwrap_or_else(Dim::unknown)]),
            None => Shape::unknown(),
        };
        cx.output(cx.dtype(0), shape);
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let (indices, dims) = (cx.input(0), cx.input(1));
        if indices.rank() > 1 || dims.rank() != 1 {
            let what = "indices must be a scalar or a vector and dims a vector, but have ranks";
            return Err(Error::shape(format!("{what} {} and {}", indices.rank(), dims.rank())));
        }
        let (sizes, ints) = (cx.ints(dims)?, Ints::of(indices)?);
        let largest = if indices.dtype() == crate::DType::I32 { i64::from(i32::MAX) } else { i64::MAX };
        // As in TensorFlow, no index asks nothing of the sizes.
        let count = if ints.len() == 0 { 0 } else { checked_count(&sizes, largest)? };
        let mut pace = cx.pace();
        for index in ints.iter() {
            pace.spend(1)?;
            if index >= count {
                return Err(Error::invalid(format!("index {index} is out of bound as with dims {:?}", &sizes[..])));
            }
        }
        let dims = if indices.rank() == 0 { &[sizes.len()][..] } else { &[sizes.len(), ints.len()] };
        let mut out = cx.alloc(indices.dtype(), dims)?;
        with_type!(indices.dtype(), T in index => unravel(&mut pace, &sizes, count, ints, out.make_mut::<T>()?)?, else => ());
        cx.output(0, out);
        Ok(())
    }
}

/// Writes a row for each size: the place of each index along that axis.
fn unravel<T: num_traits::NumCast>(
    pace: &mut Pace<'_>,
    sizes: &[i64],
    count: i64,
    ints: Ints<'_>,
    out: &mut [T],
) -> Result<()> {
    let mut step = count;
    if ints.len() == 0 {
        return Ok(());
    }
    for (size, row) in sizes.iter().zip(out.chunks_exact_mut(ints.len())) {
        step /= size;
        for (cell, index) in row.iter_mut().zip(ints.iter()) {
            pace.spend(8)?;
            let place = index / step % size;
            *cell = num_traits::cast(place).expect("a place is less than an index");
        }
    }
    Ok(())
}

/// The number of elements, of sizes above 0.
fn checked_count(sizes: &[i64], largest: i64) -> Result<i64> {
    if let Some(size) = sizes.iter().find(|size| **size < 1) {
        return Err(Error::invalid(format!("input dims must be 1 or more, but one is {size}")));
    }
    let count = sizes.iter().try_fold(1i64, |count, size| count.checked_mul(*size)).filter(|count| *count <= largest);
    count.ok_or_else(|| Error::invalid(format!("input dims product is causing integer overflow: {sizes:?}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{infer_ok, run_op};
    use crate::value::Value;

    /// As NumPy answers.
    #[test]
    fn indices_become_places() {
        let run = |indices: Value, dims: Value| run_op(UnravelIndex, &[indices, dims]);
        let got = run([22, 41, 37].into_value(), [7, 6].into_value()).unwrap().remove(0);
        assert_eq!((got.dims(), got.slice::<i32>().unwrap()), (&[2, 3][..], &[3, 6, 6, 4, 5, 1][..]));
        let got = run(1621i64.into_value(), [6i64, 7, 8, 9].into_value()).unwrap().remove(0);
        assert_eq!(got.slice::<i64>().unwrap(), [3, 1, 4, 1]);
        let message = |dims: Value| run(9.into_value(), dims).unwrap_err().message().to_owned();
        assert_eq!(message([3, 3].into_value()), "index 9 is out of bound as with dims [3, 3]");
        assert_eq!(message([3, 0].into_value()), "input dims must be 1 or more, but one is 0");
        assert!(message([1 << 20, 1 << 20].into_value()).contains("integer overflow"));
    }

    #[test]
    fn an_index_is_a_column() {
        infer_ok(&UnravelIndex, "int32(?);int32(3)", "(3,?)");
        infer_ok(&UnravelIndex, "int32();int32(?)", "(?)");
        infer_ok(&UnravelIndex, "int32<unknown>;int32(3)", "<unknown>");
    }
}
