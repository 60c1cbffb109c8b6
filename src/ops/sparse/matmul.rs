//! `SparseTensorDenseMatMul`: a sparse matrix times a dense one.

use std::sync::Arc;

use num_complex::Complex;

use super::coo::{PICK_WORK, infer_coo, not_a_number};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::graph::{AttrValue, Attrs, Example, GradCx, InferCx, Op, OpKind, RunCx, Tensor};
use crate::kernel::Number;
use crate::shape::Shape;
use crate::value::{IntoValue, ScratchVec, Value};
use crate::with_type;

/// `(m, k) x (k, n) -> (m, n)`, where the left side is sparse. Floats, int32, complex numbers.
#[derive(Debug, Clone, Copy, Default)]
pub struct SparseTensorDenseMatMul {
    /// Whether the left side is transposed and conjugated.
    pub adjoint_a: bool,
    /// Whether the right side is transposed and conjugated.
    pub adjoint_b: bool,
}

/// The row of [`SparseTensorDenseMatMul`].
pub static SPARSE_TENSOR_DENSE_MAT_MUL: OpKind = OpKind::new(
    "SparseTensorDenseMatMul",
    "a_indices: Tindices, a_values: T, a_shape: int64, b: T -> product: T",
    |attrs: &Attrs| {
        let adjoint_a = attrs.bool_or("adjoint_a", false)?;
        Ok(Arc::new(SparseTensorDenseMatMul { adjoint_a, adjoint_b: attrs.bool_or("adjoint_b", false)? }))
    },
    || {
        let sparse = || [[[0i64, 1], [2, 0]].into_value(), [0.5f32, -1.0].into_value(), [3i64, 2].into_value()];
        let of = |adjoint_a, adjoint_b, b: Value| {
            Example::new(SparseTensorDenseMatMul { adjoint_a, adjoint_b }, sparse().into_iter().chain([b]))
        };
        vec![
            of(false, false, [[1.0f32, 2.0], [3.0, 4.0]].into_value()),
            of(false, true, [[1.0f32, 2.0]].into_value()),
            of(true, false, [[1.0f32], [2.0], [3.0]].into_value()),
            of(true, true, [[1.0f32, 2.0, 3.0]].into_value()),
        ]
    },
);

impl Op for SparseTensorDenseMatMul {
    fn kind(&self) -> &'static OpKind {
        &SPARSE_TENSOR_DENSE_MAT_MUL
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        if !matches!(cx.dtype(0), DType::I32 | DType::I64) {
            return Err(Error::dtype(format!("indices must be int32 or int64, but are {}", cx.dtype(0))));
        }
        let [_, rank] = infer_coo(cx, [0, 1, 2])?;
        rank.merge(&2.into())?;
        let (a, b) = (cx.shape_from(2)?.with_rank(2)?, cx.shape(3).with_rank(2)?);
        let (left, inner_a) = if self.adjoint_a { (1, 0) } else { (0, 1) };
        let (inner_b, right) = if self.adjoint_b { (1, 0) } else { (0, 1) };
        a.dim(inner_a).merge(&b.dim(inner_b))?;
        cx.output(cx.dtype(1), Shape::new([a.dim(left), b.dim(right)]));
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let entries = self.entries(cx)?;
        let mut out = cx.alloc_zeros(cx.input(1).dtype(), &[entries.rows, entries.columns])?;
        with_type!(out.dtype(), T in products => self.multiply::<T>(cx, &entries, out.make_mut::<T>()?)?, else => {
            return Err(not_a_number(out.dtype()));
        });
        cx.output(0, out);
        Ok(())
    }

    fn grad(&self, cx: &GradCx<'_>) -> Result<Vec<Option<Tensor>>> {
        if cx.input(1).dtype().is_complex() {
            return Err(Error::unsupported("the gradient of sparse products of complex numbers is not available"));
        }
        let (dy, indices) = (cx.dy()?, cx.input(0));
        let back = SparseTensorDenseMatMul { adjoint_a: !self.adjoint_a, adjoint_b: false };
        let mut of_b = cx.graph().apply_one(back, &[&indices, &cx.input(1), &cx.input(2), dy])?;
        let mut b = cx.input(3);
        if self.adjoint_b {
            (of_b, b) = (of_b.transpose([1, 0])?, b.transpose([1, 0])?);
        }
        let axes = indices.unstack(1)?;
        let (left, inner) = if self.adjoint_a { (&axes[1], &axes[0]) } else { (&axes[0], &axes[1]) };
        let of_values = (dy.gather(left)? * b.gather(inner)?)?.reduce_sum(1)?;
        Ok(vec![None, Some(of_values), None, Some(of_b)])
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        vec![("adjoint_a", AttrValue::Bool(self.adjoint_a)), ("adjoint_b", AttrValue::Bool(self.adjoint_b))]
    }
}

/// Where the numbers of the left side stand in it, after it was transposed, and the sizes of the product.
struct Entries {
    places: ScratchVec<[usize; 2]>,
    rows: usize,
    inner: usize,
    columns: usize,
}

impl SparseTensorDenseMatMul {
    fn entries(&self, cx: &RunCx<'_>) -> Result<Entries> {
        let (indices, values, shape, b) = (cx.input(0), cx.input(1), cx.input(2), cx.input(3));
        let (n, &[b0, b1]) = (values.len(), b.dims()) else {
            return Err(Error::shape(format!("tensor 'b' is not a matrix, but has shape {:?}", b.dims())));
        };
        if indices.dims() != [n, 2] || values.rank() != 1 || shape.dims() != [2] {
            let (indices, values, shape) = (indices.dims(), values.dims(), shape.dims());
            return Err(Error::shape(format!(
                "a sparse matrix has indices (n, 2), values (n) and a shape (2), but they are {indices:?}, {values:?} and {shape:?}"
            )));
        }
        let sizes = super::coo::as_dims(shape.slice::<i64>()?)?;
        let (inner, columns) = if self.adjoint_b { (b1, b0) } else { (b0, b1) };
        let (rows, inner_a) = if self.adjoint_a { (sizes[1], sizes[0]) } else { (sizes[0], sizes[1]) };
        if inner != inner_a {
            return Err(Error::shape(format!(
                "cannot multiply A and B because inner dimension does not match: {inner_a} vs. {inner}"
            )));
        }
        let ints = cx.ints(indices)?;
        let place = |at: &[i64]| match (usize::try_from(at[0]), usize::try_from(at[1])) {
            (Ok(i), Ok(k)) if i < sizes[0] && k < sizes[1] => Ok(if self.adjoint_a { [k, i] } else { [i, k] }),
            _ => Err(Error::invalid(format!("index {at:?} is out of bounds of {sizes:?}"))),
        };
        let (mut places, mut pace) = (cx.list(n)?, cx.pace());
        // As in TensorFlow, a product without elements looks at no index.
        let used = if rows == 0 || columns == 0 { 0 } else { n };
        for at in ints.chunks_exact(2).take(used) {
            pace.spend(4)?;
            places.push(place(at)?)?;
        }
        Ok(Entries { places, rows, inner, columns })
    }

    /// Adds each number times a row of the right side to a row of the product.
    fn multiply<T: Number + Conjugate>(&self, cx: &RunCx<'_>, entries: &Entries, out: &mut [T]) -> Result<()> {
        let (values, b) = (cx.input(1).slice::<T>()?, cx.input(3).slice::<T>()?);
        let (n, inner) = (entries.columns, entries.inner);
        let mut pace = cx.pace();
        for (value, [row, k]) in values.iter().zip(&*entries.places) {
            pace.spend(PICK_WORK + n)?;
            let value = if self.adjoint_a { value.conjugate() } else { *value };
            let out = &mut out[row * n..][..n];
            match self.adjoint_b {
                true => {
                    // Nothing to step over where there are no columns.
                    let column = b.iter().skip(*k).step_by(inner);
                    out.iter_mut().zip(column).for_each(|(out, x)| *out = out.plus(value.times(x.conjugate())));
                }
                false => out.iter_mut().zip(&b[k * n..][..n]).for_each(|(out, x)| *out = out.plus(value.times(*x))),
            }
        }
        Ok(())
    }
}

/// The complex conjugate; of a real number itself.
trait Conjugate: Copy {
    fn conjugate(self) -> Self {
        self
    }
}

macro_rules! own_conjugates {
    ($($t:ty),*) => { $( impl Conjugate for $t {} )* };
}
own_conjugates!(f32, f64, half::f16, half::bf16, i32, i64);

macro_rules! conjugates {
    ($($t:ty),*) => { $( impl Conjugate for Complex<$t> {
        fn conjugate(self) -> Self {
            self.conj()
        }
    } )* };
}
conjugates!(f32, f64);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{infer_err, infer_ok, run_op};

    const PLAIN: SparseTensorDenseMatMul = SparseTensorDenseMatMul { adjoint_a: false, adjoint_b: false };

    #[test]
    fn columns_are_those_of_the_right_side() {
        infer_ok(&PLAIN, "int32(?,2);(?);int64(2);(?,3)", "(?,3)");
        infer_ok(&SparseTensorDenseMatMul { adjoint_b: true, ..PLAIN }, "int64(?,2);(?);int64(2);(4,3)", "(?,4)");
        infer_err(&PLAIN, "int64(?,3);(?);int64(2);(?,3)", "must be equal");
        infer_err(&PLAIN, "int64(?,2);(?);int64(2);(3)", "shape must be rank 2 but is rank 1");
    }

    /// By hand: an index that comes twice counts twice.
    #[test]
    fn rows_are_added_up() {
        let sparse = |last: i64| {
            let indices = [[0i64, 1], [0, 1], [1, last]].into_value();
            [
                indices,
                [2.0f32, 3.0, -1.0].into_value(),
                [2i64, 2].into_value(),
                [[1.0f32, 2.0], [3.0, 4.0]].into_value(),
            ]
        };
        assert_eq!(run_op(PLAIN, &sparse(0)).unwrap()[0].slice::<f32>().unwrap(), [15.0, 20.0, -1.0, -2.0]);
        let error = run_op(PLAIN, &sparse(2)).unwrap_err();
        assert_eq!(error.message(), "index [1, 2] is out of bounds of [2, 2]");
    }
}
