//! `SparseToDense`: a tensor of one value but for some places.

use std::sync::Arc;

use super::cells::{Cell, cells, cells_mut, copy_cells, fill_cells, with_cells};
use super::into_sizes::{IntoSizes, check_index, dims_of};
use crate::error::{Error, Result};
use crate::graph::{AttrValue, Attrs, Example, InferCx, Ints, Op, OpKind, RunCx, Tensor};
use crate::ops::IntoTensor;
use crate::value::{IntoValue, ScratchVec, Value};

/// A tensor of one value but for the places that the rows of indices name: `(n, k), (k), (n), () -> shape`. One index of
/// a vector may be a scalar, several a vector; one value for all places a scalar.
#[derive(Debug, Clone)]
pub struct SparseToDense {
    /// Refuses places that are not in ascending order, or named twice.
    pub validate_indices: bool,
}

/// The row of [`SparseToDense`].
pub static SPARSE_TO_DENSE: OpKind = OpKind::new(
    "SparseToDense",
    "sparse_indices: Tindices, output_shape: Tindices, sparse_values: T, default_value: T -> dense: T",
    |attrs: &Attrs| {
        Ok(Arc::new(SparseToDense { validate_indices: attrs.bool_or("validate_indices", true)? }) as Arc<dyn Op>)
    },
    || {
        let of = |inputs: [Value; 4]| Example::new(SparseToDense { validate_indices: true }, inputs);
        vec![
            of([
                [[0i32, 1], [1, 0]].into_value(),
                [2i32, 3].into_value(),
                [4.0f32, 5.0].into_value(),
                (-1.0f32).into_value(),
            ]),
            of([[1i64, 3].into_value(), [5i64].into_value(), "x".into_value(), "".into_value()]),
            of([2i32.into_value(), [3i32].into_value(), 4i64.into_value(), 0i64.into_value()]),
        ]
    },
);

impl Tensor {
    /// A tensor of this shape that is `default` but for the places that the rows of these indices name, in ascending
    /// order, which have the elements of `values`.
    ///
    /// # Errors
    /// `DTypeMismatch` for unequal dtypes; `InvalidArgument` in the run for indices outside, twice or out of order.
    ///
    /// Source: TensorFlow's `SparseToDense`.
    #[doc(alias = "tf.sparse_to_dense")]
    #[track_caller]
    pub fn sparse_to_dense(
        &self,
        shape: impl IntoSizes,
        values: impl IntoTensor,
        default: impl IntoTensor,
    ) -> Result<Tensor> {
        let g = self.graph();
        let values = values.tensor(None)?;
        g.composite("SparseToDense", |scope| {
            let shape = shape.sizes(g, "output_shape")?;
            let default = g.named("default_value", || default.tensor(Some(&values)))?;
            let op = SparseToDense { validate_indices: true };
            g.named(scope, || g.apply_one(op, &[self, &shape, &values, &default]))
        })
    }
}

impl Op for SparseToDense {
    fn kind(&self) -> &'static OpKind {
        &SPARSE_TO_DENSE
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        check_index("sparse_indices", cx.dtype(0))?;
        cx.shape(0).with_rank_at_most(2)?;
        cx.shape(1).with_rank(1)?;
        cx.shape(2).with_rank_at_most(1)?;
        cx.shape(3).with_rank(0)?;
        let shape = cx.shape_from(1)?;
        cx.output(cx.dtype(2), shape);
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let (indices, values, default) = (cx.input(0), cx.input(2), cx.input(3));
        let dims = dims_of(cx.input(1))?;
        if cx.input(1).rank() != 1 || default.rank() != 0 {
            let (a, b) = (cx.input(1).rank(), default.rank());
            return Err(Error::shape(format!(
                "output_shape must be a vector and default_value a scalar: ranks {a}, {b}"
            )));
        }
        let n = indices.dims().first().copied().unwrap_or(1);
        check_forms(indices.dims(), values.dims(), dims.len(), n)?;
        let places = self.places(cx, Ints::of(indices)?, n, &dims)?;
        let mut out = cx.alloc(values.dtype(), &dims)?;
        with_cells!(values.dtype(), E => {
            fill_cells(cx, cells_mut::<E>(&mut out)?, &cells::<E>(default)?[0])?;
            put::<E>(cx, cells(values)?, &places, cells_mut(&mut out)?)?;
        });
        cx.output(0, out);
        Ok(())
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        vec![("validate_indices", AttrValue::Bool(self.validate_indices))]
    }
}

fn check_forms(indices: &[usize], values: &[usize], rank: usize, n: usize) -> Result<()> {
    let depth = indices.get(1).copied().unwrap_or(1);
    if indices.len() > 2 || depth != rank {
        return Err(Error::shape(format!("output_shape has incorrect number of elements: {rank} should be: {depth}")));
    }
    if values.len() > 1 || values.first().is_some_and(|len| *len != n) {
        return Err(Error::shape(format!("sparse_values has incorrect shape {values:?}, should be [] or [{n}]")));
    }
    Ok(())
}

impl SparseToDense {
    /// Which element each row of indices names.
    fn places(&self, cx: &RunCx<'_>, indices: Ints<'_>, n: usize, dims: &[usize]) -> Result<ScratchVec<usize>> {
        let rank = dims.len();
        // Any number of places in a scalar takes no indices.
        let (mut places, mut pace) = (cx.list(n.min(indices.len()))?, cx.pace());
        for i in 0..n {
            pace.spend(rank + 1)?;
            let refuse = |what| {
                let row: Vec<i64> = (i * rank..(i + 1) * rank).map(|at| indices.get(at)).collect();
                bad(i, &row, what)
            };
            let mut at = 0;
            for (axis, dim) in dims.iter().enumerate() {
                let index = usize::try_from(indices.get(i * rank + axis)).ok().filter(|index| index < dim);
                at = at * dim + index.ok_or_else(|| refuse("is out of bounds: need 0 <= index < size"))?;
            }
            // Places ascend just as their indices do.
            match places.last().filter(|_| self.validate_indices) {
                Some(last) if *last == at => return Err(refuse("is repeated")),
                Some(last) if *last > at => return Err(refuse("is out of order")),
                _ => places.push(at)?,
            }
        }
        Ok(places)
    }
}

#[cold]
fn bad(i: usize, row: &[i64], what: &str) -> Error {
    Error::invalid(format!("indices[{i}] = {row:?} {what}"))
}

fn put<E: Cell>(cx: &RunCx<'_>, values: &[E], places: &[usize], out: &mut [E]) -> Result<()> {
    let mut pace = cx.pace();
    for (i, place) in places.iter().enumerate() {
        let from = if values.len() == 1 { 0 } else { i };
        copy_cells(&mut pace, &values[from..from + 1], &mut out[*place..place + 1])?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{infer_err, run_op};

    fn dense(validate_indices: bool, indices: Value, dims: Value, values: Value) -> Result<String> {
        let inputs = [indices, dims, values, (-1).into_value()];
        run_op(SparseToDense { validate_indices }, &inputs).map(|out| out[0].to_string().replace('\n', ""))
    }

    /// By TensorFlow 2.15.1.
    #[test]
    fn values_lie_among_defaults() {
        let two = || [4, 5].into_value();
        assert_eq!(
            dense(true, [[0, 1], [1, 0]].into_value(), [2, 2].into_value(), two()).unwrap(),
            "[[-1  4] [ 5 -1]]"
        );
        assert_eq!(dense(false, [3, 1].into_value(), [5].into_value(), 4.into_value()).unwrap(), "[-1  4 -1  4 -1]");
        assert_eq!(dense(true, 2.into_value(), [3].into_value(), 4.into_value()).unwrap(), "[-1 -1  4]");
    }

    #[test]
    fn places_must_be_there_once_and_in_order() {
        let text = |indices: [i32; 2]| {
            dense(true, indices.into_value(), [5].into_value(), [1, 2].into_value()).unwrap_err().to_string()
        };
        assert!(text([1, 1]).contains("indices[1] = [1] is repeated"));
        assert!(text([3, 1]).contains("indices[1] = [1] is out of order"));
        assert!(text([1, 9]).contains("indices[1] = [9] is out of bounds"));
        let op = SparseToDense { validate_indices: true };
        infer_err(&op, "int32(2);int32(1);(2,2);()", "shape must be at most rank 1 but is rank 2");
    }
}
