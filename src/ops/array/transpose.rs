//! `Transpose` and `ConjugateTranspose`: the axes in another order.

use std::sync::Arc;

use num_complex::Complex;
use num_traits::Float;

use super::into_sizes::{IntoSizes, by_name, check_index};
use super::strided::{Layout, read, row_major};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::graph::{Attrs, Example, GradCx, InferCx, Op, OpKind, RunCx, Tensor};
use crate::shape::{Dim, Dims, Shape};
use crate::value::{IntoValue, Value};

/// The axes in another order.
#[derive(Debug, Clone)]
pub struct Transpose;

/// The axes in another order, and complex numbers conjugated.
#[derive(Debug, Clone)]
pub struct ConjugateTranspose;

/// The row of [`Transpose`].
pub static TRANSPOSE: OpKind = OpKind::new(
    "Transpose",
    "x: T, perm: Tperm -> y: T",
    |_: &Attrs| Ok(Arc::new(Transpose) as Arc<dyn Op>),
    || {
        let cube = || [[[1.0f32, 2.0], [3.0, 4.0], [5.0, 6.0]]].into_value();
        vec![
            Example::new(Transpose, [cube(), [2i32, 0, 1].into_value()]),
            Example::new(Transpose, [[["a", "b"], ["c", "d"]].into_value(), [1i64, 0].into_value()]),
            Example::new(
                Transpose,
                [Value::zeros(DType::I8, &[0, 3]).unwrap_or(1.into_value()), [1i32, 0].into_value()],
            ),
        ]
    },
);

/// The row of [`ConjugateTranspose`].
pub static CONJUGATE_TRANSPOSE: OpKind = OpKind::new(
    "ConjugateTranspose",
    "x: T, perm: Tperm -> y: T",
    |_: &Attrs| Ok(Arc::new(ConjugateTranspose) as Arc<dyn Op>),
    || {
        let plane = [[Complex::new(1.0f32, 2.0), Complex::new(3.0, 4.0)]].into_value();
        vec![
            Example::new(ConjugateTranspose, [plane, [1i32, 0].into_value()]),
            Example::new(ConjugateTranspose, [[[1i64, 2]].into_value(), [1i32, 0].into_value()]),
        ]
    },
);

impl Tensor {
    /// The axes in another order: axis `i` of the result is axis `perm[i]` of this tensor, `(2, 3, 4) -> (4, 2, 3)` by
    /// `[2, 0, 1]`. Any dtype.
    ///
    /// # Errors
    /// `InvalidArgument` if `perm` is no permutation of the axes.
    ///
    /// Source: TensorFlow's `Transpose`.
    ///
    /// ```
    /// # use sessile::prelude::*;
    /// # fn main() -> sessile::Result<()> {
    /// let g = Graph::new();
    /// let x = g.placeholder(DType::F32, shape![?, 3, 4])?;
    /// assert_eq!(x.transpose([2, 0, 1])?.shape().to_string(), "(4, ?, 3)");
    /// # Ok(()) }
    /// ```
    #[doc(alias = "tf.transpose")]
    #[track_caller]
    pub fn transpose(&self, perm: impl IntoSizes) -> Result<Tensor> {
        self.transpose_by(perm, Transpose)
    }

    /// As [`Tensor::transpose`], with complex numbers conjugated.
    #[doc(alias = "tf.transpose")]
    #[track_caller]
    pub fn conjugate_transpose(&self, perm: impl IntoSizes) -> Result<Tensor> {
        // TensorFlow makes the plain op where there is nothing to conjugate.
        if self.dtype().is_complex() { self.transpose_by(perm, ConjugateTranspose) } else { self.transpose(perm) }
    }

    /// All axes in the opposite order: `(2, 3, 4) -> (4, 3, 2)`.
    #[doc(alias = "tf.transpose")]
    #[track_caller]
    pub fn reverse_axes(&self) -> Result<Tensor> {
        let g = self.graph();
        match self.shape().rank() {
            Some(rank) => self.transpose((0..rank).rev().collect::<Vec<usize>>()),
            None => g.composite("transpose", |scope| {
                let rank = g.named("Rank", || self.rank_tensor())?;
                let one = g.named("sub/y", || g.constant(1))?;
                let last = g.named("sub", || by_name("Sub", &[&rank, &one]))?;
                let start = g.named("Range/start", || g.constant(0))?;
                let delta = g.named("Range/delta", || g.constant(1))?;
                let axes = g.named("Range", || by_name("Range", &[&start, &rank, &delta]))?;
                let perm = g.named("sub_1", || by_name("Sub", &[&last, &axes]))?;
                g.named(scope, || g.apply_one(Transpose, &[self, &perm]))
            }),
        }
    }

    #[track_caller]
    fn transpose_by(&self, perm: impl IntoSizes, op: impl Op) -> Result<Tensor> {
        let g = self.graph();
        g.composite("transpose", |scope| {
            let perm = perm.sizes(g, "perm")?;
            g.named(scope, || g.apply_one(op, &[self, &perm]))
        })
    }
}

fn infer(cx: &mut InferCx<'_>) -> Result<()> {
    check_index("perm", cx.dtype(1))?;
    let perm_shape = cx.shape(1).with_rank(1)?;
    let mut input = cx.shape(0).clone();
    if let (None, Some(rank)) = (input.rank(), perm_shape.dim(0).known()) {
        input = input.with_rank(rank)?;
    }
    let shape = match (input.dims(), cx.ints(1)) {
        (Some(dims), Some(perm)) => {
            let perm = permutation(&perm, dims.len())?;
            perm.iter().map(|axis| dims[*axis].clone()).collect::<Vec<Dim>>().into()
        }
        (Some([]) | Some([_]), None) => input.clone(),
        (Some(dims), None) => {
            perm_shape.with_dim(0, &Dim::from(dims.len()))?;
            Shape::unknown_of_rank(dims.len())
        }
        (None, _) => Shape::unknown(),
    };
    let sizes = cx.sizes(0);
    cx.output(cx.dtype(0), shape).sizes = sizes;
    Ok(())
}

/// The axes of a permutation of `rank` axes.
///
/// # Errors
/// `InvalidArgument` if it is none.
fn permutation(perm: &[i64], rank: usize) -> Result<Dims> {
    if perm.len() != rank {
        let what =
            format!("transpose expects a vector of size {rank}, but input(1) is a vector of size {}", perm.len());
        return Err(Error::shape(what));
    }
    // Bounded by the rank.
    let mut seen = vec![false; rank];
    let mut axes = Dims::new();
    for &axis in perm {
        let index = crate::shape::normalize_axis(axis, rank)
            .map_err(|_| Error::invalid(format!("perm dim {axis} is out of range of input rank {rank}")))?;
        if std::mem::replace(&mut seen[index], true) {
            return Err(Error::invalid(format!("perm must name each axis once, but {axis} comes again")));
        }
        axes.push(index);
    }
    Ok(axes)
}

/// Input 0 with its axes in the order of input 1.
fn run(cx: &mut RunCx<'_>) -> Result<Value> {
    let value = cx.input(0);
    let perm = permutation(&cx.ints(cx.input(1))?, value.rank())?;
    let dims: Dims = perm.iter().map(|axis| value.dims()[*axis]).collect();
    let moving: Dims = perm.iter().copied().filter(|axis| value.dims()[*axis] != 1).collect();
    if moving.is_sorted() {
        return cx.take(0).reshaped(&dims);
    }
    let strides = row_major(value.dims());
    let layout = Layout { start: 0, strides: perm.iter().map(|axis| strides[*axis]).collect(), dims };
    read(cx, 0, &layout.dims, &layout)
}

impl Op for Transpose {
    fn kind(&self) -> &'static OpKind {
        &TRANSPOSE
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        infer(cx)
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let out = run(cx)?;
        cx.output(0, out);
        Ok(())
    }

    fn grad(&self, cx: &GradCx<'_>) -> Result<Vec<Option<Tensor>>> {
        Ok(vec![Some(cx.dy()?.transpose(cx.input(1).invert_permutation())?), None])
    }
}

fn conjugate<T: Float + Send>(cx: &RunCx<'_>, numbers: &mut [Complex<T>]) -> Result<()> {
    cx.for_chunks_mut(numbers, 1 << 16, &|_, part| part.iter_mut().for_each(|x| x.im = -x.im))
}

impl Op for ConjugateTranspose {
    fn kind(&self) -> &'static OpKind {
        &CONJUGATE_TRANSPOSE
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        infer(cx)
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let mut out = run(cx)?;
        match out.dtype() {
            DType::C64 => conjugate(cx, out.make_mut::<Complex<f32>>()?)?,
            DType::C128 => conjugate(cx, out.make_mut::<Complex<f64>>()?)?,
            _ => {}
        }
        cx.output(0, out);
        Ok(())
    }

    fn grad(&self, cx: &GradCx<'_>) -> Result<Vec<Option<Tensor>>> {
        Ok(vec![Some(cx.dy()?.conjugate_transpose(cx.input(1).invert_permutation())?), None])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{infer_err, infer_ok, run_op};
    use crate::{Graph, shape};

    /// Every order of the axes of a value, against the definition.
    #[track_caller]
    fn check(dims: &[usize]) {
        let n: usize = dims.iter().product();
        let data: Vec<i32> = (0..n as i32).collect();
        let value = Value::from_vec(dims, data).unwrap();
        for perm in permutations(dims.len()) {
            let axes: Vec<i32> = perm.iter().map(|axis| *axis as i32).collect();
            let got = run_op(Transpose, &[value.clone(), axes.into_value()]).unwrap().remove(0);
            let strides = row_major(dims);
            for (at, cell) in got.slice::<i32>().unwrap().iter().enumerate() {
                let (mut rest, mut from) = (at, 0);
                for &axis in perm.iter().rev() {
                    from += (rest % dims[axis]) as isize * strides[axis];
                    rest /= dims[axis];
                }
                assert_eq!(*cell as isize, from, "{dims:?} by {perm:?} at {at}");
            }
        }
    }

    fn permutations(n: usize) -> Vec<Vec<usize>> {
        if n == 0 {
            return vec![vec![]];
        }
        let insert = |rest: Vec<usize>| (0..n).map(move |at| [&rest[..at], &[n - 1], &rest[at..]].concat());
        permutations(n - 1).into_iter().flat_map(insert).collect()
    }

    #[test]
    fn axes_go_where_they_are_sent() {
        for dims in [
            &[][..],
            &[5],
            &[3, 4],
            &[1, 7],
            &[17, 35],
            &[2, 3, 4],
            &[5, 1, 6],
            &[3, 18, 33],
            &[2, 3, 4, 5],
            &[2, 1, 3, 2, 4],
        ] {
            check(dims);
        }
        check(&[130, 3, 190]);
        check(&[400, 500]);
    }

    #[test]
    fn complex_numbers_are_conjugated() {
        let x = [[Complex::new(1.0f32, 2.0), Complex::new(3.0, -4.0)]].into_value();
        let got = run_op(ConjugateTranspose, &[x, [1, 0].into_value()]).unwrap().remove(0);
        assert_eq!(got.dims(), [2, 1]);
        assert_eq!(got.slice::<Complex<f32>>().unwrap(), [Complex::new(1.0, -2.0), Complex::new(3.0, 4.0)]);
    }

    #[test]
    fn shapes_follow_the_permutation() {
        infer_ok(&Transpose, "(?,3);int32(2)", "(?,?)");
        infer_ok(&Transpose, "<unknown>;int32(2)", "(?,?)");
        infer_ok(&Transpose, "(?);int32(?)", "(?)");
        infer_err(&Transpose, "(2,3);int32(3)", "dimension must be 2 but is 3");
        infer_err(&Transpose, "(2,3);float32(2)", "perm must be int32 or int64, but is float32");
        let g = Graph::new();
        let x = g.placeholder(DType::F32, shape![2, "b"]).unwrap();
        assert_eq!(x.reverse_axes().unwrap().shape(), shape!["b", 2]);
        assert!(x.transpose([0, 0]).is_err() && x.transpose([0, 2]).is_err() && x.transpose([0]).is_err());
    }
}
