//! `Slice`: a box of a tensor, by where it begins and how large it is.

use std::sync::Arc;

use super::into_sizes::{IntoSizes, check_index};
use super::pack::stack;
use super::pad::Pad;
use super::strided::{Layout, read, row_major};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::graph::{Attrs, Example, GradCx, InferCx, Ints, Op, OpKind, RunCx, Tensor};
use crate::shape::{Dim, Dims, Shape};
use crate::value::{IntoValue, Value};

/// A box of a tensor.
#[derive(Debug, Clone)]
pub struct Slice;

/// The row of [`Slice`].
pub static SLICE: OpKind = OpKind::new(
    "Slice",
    "input: T, begin: Index, size: Index -> output: T",
    |_: &Attrs| Ok(Arc::new(Slice) as Arc<dyn Op>),
    || {
        let value = || [[1.0f32, 2.0, 3.0], [4.0, 5.0, 6.0]].into_value();
        vec![
            Example::new(Slice, [value(), [0i32, 1].into_value(), [2i32, 1].into_value()]),
            Example::new(Slice, [value(), [1i64, 0].into_value(), [-1i64, 0].into_value()]),
            Example::new(Slice, [[1i32, 2, 3].into_value(), [1i32].into_value(), [-1i32].into_value()]),
        ]
    },
);

impl Tensor {
    /// The box that begins at `begin` and has the sizes `size`; -1 takes all that is left of an axis.
    ///
    /// # Errors
    /// `InvalidArgument` if the box leaves the tensor; `ShapeMismatch` if `begin` or `size` has not one entry an axis.
    ///
    /// ```
    /// # use sessile::prelude::*;
    /// # fn main() -> sessile::Result<()> {
    /// let g = Graph::new();
    /// let x = g.placeholder(DType::F32, shape![?, 6])?;
    /// assert_eq!(x.slice([0, 1], [-1, 2])?.shape().to_string(), "(?, 2)");
    /// # Ok(()) }
    /// ```
    #[doc(alias = "tf.slice")]
    #[track_caller]
    pub fn slice(&self, begin: impl IntoSizes, size: impl IntoSizes) -> Result<Tensor> {
        let g = self.graph();
        g.composite("Slice", |scope| {
            let begin = begin.sizes(g, "begin")?;
            let size = size.sizes(g, "size")?;
            g.named(scope, || g.apply_one(Slice, &[self, &begin, &size]))
        })
    }
}

impl Op for Slice {
    fn kind(&self) -> &'static OpKind {
        &SLICE
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        check_index("begin and size", cx.dtype(1))?;
        let entries = cx.shape(1).with_rank(1)?.merge(&cx.shape(2).with_rank(1)?)?;
        let input = match (cx.shape(0).rank(), entries.dim(0).known()) {
            (None, Some(rank)) => cx.shape(0).with_rank(rank)?,
            (Some(rank), _) => {
                entries.with_dim(0, &Dim::from(rank))?;
                cx.shape(0).clone()
            }
            _ => Shape::unknown(),
        };
        let (begin, size) = (cx.sizes(1), cx.sizes(2));
        let shape = match input.dims() {
            None => Shape::unknown(),
            Some(dims) => {
                let at = |sizes: &Option<Arc<[Dim]>>, axis: usize| sizes.as_ref().map(|sizes| sizes[axis].clone());
                let one = |(axis, dim): (usize, &Dim)| sliced(axis, dim, at(&begin, axis), at(&size, axis));
                dims.iter().enumerate().map(one).collect::<Result<Vec<Dim>>>()?.into()
            }
        };
        let kept = match (cx.sizes(0), cx.ints(1).as_deref(), cx.ints(2).as_deref()) {
            (Some(sizes), Some(&[begin]), Some(&[size])) if input.rank() == Some(1) => {
                let (begin, size) = bounds(0, sizes.len(), begin, size)?;
                Some(sizes[begin..begin + size].into())
            }
            _ => None,
        };
        cx.output(cx.dtype(0), shape).sizes = kept;
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let value = cx.input(0);
        for input in [cx.input(1), cx.input(2)] {
            if input.rank() != 1 {
                return Err(Error::shape(format!("begin and size must be vectors, but one has rank {}", input.rank())));
            }
        }
        let (begin, size) = (Ints::of(cx.input(1))?, Ints::of(cx.input(2))?);
        if begin.len() != value.rank() || size.len() != value.rank() {
            let what = format!(
                "expected begin and size arguments to be 1-d tensors of size {}, but got {} and {} elements",
                value.rank(),
                begin.len(),
                size.len()
            );
            return Err(Error::shape(what));
        }
        let out = read_box(cx, value, begin, size)?;
        cx.output(0, out);
        Ok(())
    }

    fn grad(&self, cx: &GradCx<'_>) -> Result<Vec<Option<Tensor>>> {
        let (x, begin) = (cx.input(0), cx.input(1).cast(DType::I32)?);
        let end = (x.shape_tensor()? - (&begin + cx.output(0)?.shape_tensor()?)?)?;
        let paddings = stack(&[&begin, &end], 1)?;
        Ok(vec![Some(cx.graph().apply_one(Pad, &[cx.dy()?, &paddings])?), None, None])
    }
}

fn read_box(cx: &RunCx<'_>, value: &Value, begin: Ints<'_>, size: Ints<'_>) -> Result<Value> {
    let strides = row_major(value.dims());
    let mut layout = Layout { start: 0, dims: Dims::new(), strides };
    for (axis, &dim) in value.dims().iter().enumerate() {
        let (begin, size) = bounds(axis, dim, begin.get(axis), size.get(axis))?;
        layout.start += begin as isize * layout.strides[axis];
        layout.dims.push(size);
    }
    if layout.dims[..] == *value.dims() {
        return Ok(value.clone());
    }
    read(cx, 0, &layout.dims, &layout)
}

/// The size of an axis of the box, as far as known.
fn sliced(axis: usize, dim: &Dim, begin: Option<Dim>, size: Option<Dim>) -> Result<Dim> {
    let (begin, size) = match (begin, size) {
        (Some(begin), Some(size)) => (begin, size),
        (None, Some(size)) if size.is_never_negative() => return Ok(size),
        _ => return Ok(Dim::unknown()),
    };
    match (dim.known(), begin.as_i64(), size.as_i64()) {
        (Some(dim), Some(begin), Some(size)) => bounds(axis, dim, begin, size).map(|(_, size)| Dim::from(size)),
        (_, Some(begin), Some(_)) if begin < 0 => {
            Err(Error::invalid(format!("expected begin[{axis}] >= 0, but got {begin}")))
        }
        (_, Some(0), Some(-1)) => Ok(dim.clone()),
        (_, Some(begin), Some(-1)) => Ok((dim - &Dim::constant(begin)).max(&Dim::from(0))),
        (_, _, Some(size)) if size < -1 => Err(Error::invalid(format!("expected size[{axis}] >= -1, but got {size}"))),
        _ if size.is_never_negative() => Ok(size),
        _ => Ok(Dim::unknown()),
    }
}

/// Where the box begins and ends on one axis.
fn bounds(axis: usize, dim: usize, begin: i64, size: i64) -> Result<(usize, usize)> {
    let wrong_begin = || Error::invalid(format!("expected begin[{axis}] in [0, {dim}], but got {begin}"));
    let at = usize::try_from(begin).ok().filter(|at| *at <= dim).ok_or_else(wrong_begin)?;
    let left = dim - at;
    let wrong_size = || Error::invalid(format!("expected size[{axis}] in [0, {left}], but got {size}"));
    let size =
        if size == -1 { Ok(left) } else { usize::try_from(size).ok().filter(|n| *n <= left).ok_or_else(wrong_size) };
    Ok((at, size?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{infer_err, infer_ok, run_op};
    use crate::{DType, Graph, shape};

    #[test]
    fn a_box_is_cut_out() {
        let value = [[1, 2, 3], [4, 5, 6]].into_value();
        let got = run_op(Slice, &[value, [1, 1].into_value(), [-1, 2].into_value()]).unwrap().remove(0);
        assert_eq!((got.dims(), got.slice::<i32>().unwrap()), (&[1, 2][..], &[5, 6][..]));
    }

    #[test]
    fn boxes_outside_are_refused() {
        infer_ok(&Slice, "(2,3);int32(2);int32(2)", "(?,?)");
        infer_ok(&Slice, "<unknown>;int32(2);int32(?)", "(?,?)");
        infer_err(&Slice, "(2,3);int32(3);int32(2)", "must be equal");
        let g = Graph::new();
        let x = g.placeholder(DType::F32, shape!["b", 3]).unwrap();
        assert_eq!(x.slice([1, 0], [-1, 2]).unwrap().shape().dim(1), Dim::from(2));
        assert!(x.slice([0, 2], [1, 2]).unwrap_err().message().contains("expected size[1] in [0, 1], but got 2"));
        assert!(x.slice([0, -1], [1, 2]).is_err() && x.slice([0, 0], [1, -2]).is_err());
    }
}
