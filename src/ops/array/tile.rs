//! `Tile` and `BroadcastTo`: a tensor again and again.

use std::sync::Arc;

use super::broadcast_args::unbroadcast;
use super::into_sizes::{IntoSizes, check_index, dims_of};
use super::pack::stack;
use super::range::Range;
use super::strided::{Layout, read, row_major};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::graph::{Attrs, Example, GradCx, InferCx, Ints, Op, OpKind, RunCx, Tensor};
use crate::shape::{Dim, Dims, Shape, broadcast_dims, element_count};
use crate::value::{IntoValue, Value};

/// A tensor again and again along each axis.
#[derive(Debug, Clone)]
pub struct Tile;

/// A tensor stretched to a shape, by NumPy's rules.
#[derive(Debug, Clone)]
pub struct BroadcastTo;

/// The row of [`Tile`].
pub static TILE: OpKind = OpKind::new(
    "Tile",
    "input: T, multiples: Tmultiples -> output: T",
    |_: &Attrs| Ok(Arc::new(Tile) as Arc<dyn Op>),
    || {
        vec![
            Example::new(Tile, [[[1.0f32, 2.0]].into_value(), [2i32, 3].into_value()]),
            Example::new(Tile, [["a", "b"].into_value(), [0i64].into_value()]),
        ]
    },
);

/// The row of [`BroadcastTo`].
pub static BROADCAST_TO: OpKind = OpKind::new(
    "BroadcastTo",
    "input: T, shape: Tidx -> output: T",
    |_: &Attrs| Ok(Arc::new(BroadcastTo) as Arc<dyn Op>),
    || {
        vec![
            Example::new(BroadcastTo, [[[1.0f32], [2.0]].into_value(), [2i32, 3].into_value()]),
            Example::new(BroadcastTo, [[1i32].into_value(), [0i64].into_value()]),
            Example::new(BroadcastTo, [5i32.into_value(), [2i32, 2].into_value()]),
        ]
    },
);

impl Tensor {
    /// The tensor `multiples[i]` times along axis `i`: `(2, 3)` by `[2, 1]` is `(4, 3)`.
    ///
    /// # Errors
    /// `ShapeMismatch` if there is not one number an axis; `InvalidArgument` for negative ones and sizes that no value
    /// can have.
    #[doc(alias = "tf.tile")]
    #[track_caller]
    pub fn tile(&self, multiples: impl IntoSizes) -> Result<Tensor> {
        let g = self.graph();
        g.composite("Tile", |scope| {
            let multiples = multiples.sizes(g, "multiples")?;
            g.named(scope, || g.apply_one(Tile, &[self, &multiples]))
        })
    }

    /// The tensor stretched to a shape: axes of 1 are repeated, and axes put in front.
    ///
    /// # Errors
    /// `ShapeMismatch` if it does not broadcast to the shape.
    #[doc(alias = "tf.broadcast_to")]
    #[track_caller]
    pub fn broadcast_to(&self, shape: impl IntoSizes) -> Result<Tensor> {
        let g = self.graph();
        g.composite("BroadcastTo", |scope| {
            let shape = shape.sizes(g, "shape")?;
            g.named(scope, || g.apply_one(BroadcastTo, &[self, &shape]))
        })
    }
}

impl Op for Tile {
    fn kind(&self) -> &'static OpKind {
        &TILE
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        check_index("multiples", cx.dtype(1))?;
        let n = cx.shape(1).with_rank(1)?;
        let input = match (cx.shape(0).rank(), n.dim(0).known()) {
            (None, Some(rank)) => cx.shape(0).with_rank(rank)?,
            (Some(rank), _) => {
                n.with_dim(0, &Dim::from(rank))?;
                cx.shape(0).clone()
            }
            _ => Shape::unknown(),
        };
        let shape = match (input.dims(), cx.sizes(1)) {
            (Some(dims), Some(by)) => {
                if let Some(negative) = by.iter().filter_map(Dim::as_i64).find(|n| *n < 0) {
                    return Err(Error::invalid(format!("expected multiples >= 0, but got {negative}")));
                }
                let one = |(dim, by): (&Dim, &Dim)| if by.is_never_negative() { dim * by } else { Dim::unknown() };
                Shape::from(dims.iter().zip(by.iter()).map(one).collect::<Vec<Dim>>())
            }
            (Some(dims), None) => Shape::unknown_of_rank(dims.len()),
            _ => Shape::unknown(),
        };
        if let Some(dims) = shape.known_dims() {
            element_count(&dims)?;
        }
        cx.output(cx.dtype(0), shape);
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let by = dims_of_multiples(cx)?;
        let value = cx.input(0);
        let mut out = Dims::new();
        let mut layout = Layout { start: 0, dims: Dims::new(), strides: Default::default() };
        for ((&dim, &by), stride) in value.dims().iter().zip(&by).zip(row_major(value.dims())) {
            layout.dims.extend([by, dim]);
            layout.strides.extend([0, stride]);
            out.push(dim.saturating_mul(by));
        }
        let times = element_count(&out)?.checked_div(value.len()).unwrap_or(0);
        check_copies(cx, value, times)?;
        let out = read(cx, 0, &out, &layout)?;
        cx.output(0, out);
        Ok(())
    }

    fn grad(&self, cx: &GradCx<'_>) -> Result<Vec<Option<Tensor>>> {
        // Each axis becomes two: the copies, over which is summed, and the axis itself.
        let (x, times) = (cx.input(0), cx.input(1));
        let sizes = stack(&[&times.cast(DType::I32)?, &x.shape_tensor()?], 1)?.reshape([-1])?;
        let (last, step) = (sizes.size_tensor()?, cx.graph().constant(2)?);
        let copies = cx.graph().apply_one(Range, &[&cx.graph().constant(0)?, &last, &step])?;
        Ok(vec![Some(cx.dy()?.reshape(sizes)?.reduce_sum(copies)?), None])
    }
}

/// An error if the strings of `value`, so many times, are beyond the run's budget.
fn check_copies(cx: &RunCx<'_>, value: &Value, times: usize) -> Result<()> {
    let is_text = value.dtype() == DType::String;
    if is_text { cx.check_room(value.byte_len().saturating_mul(times)) } else { Ok(()) }
}

fn dims_of_multiples(cx: &RunCx<'_>) -> Result<Dims> {
    let by = Ints::of(cx.input(1))?;
    if by.len() != cx.input(0).rank() || cx.input(1).rank() != 1 {
        let (n, rank) = (by.len(), cx.input(0).rank());
        return Err(Error::shape(format!(
            "expected multiples argument to be a vector of length {rank} but got length {n}"
        )));
    }
    let one = |n: i64| usize::try_from(n).map_err(|_| Error::invalid(format!("expected multiples >= 0, but got {n}")));
    by.iter().map(one).collect()
}

impl Op for BroadcastTo {
    fn kind(&self) -> &'static OpKind {
        &BROADCAST_TO
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        check_index("shape", cx.dtype(1))?;
        cx.shape(1).with_rank(1)?;
        let mut shape = cx.shape_from(1)?;
        let input = cx.shape(0);
        if let (Some(have), Some(want)) = (input.dims(), shape.clone().dims()) {
            let offset = want.len().checked_sub(have.len());
            let offset = offset.ok_or_else(|| cannot(input, &shape))?;
            let clash = |(a, b): (&Dim, &Dim)| a.known().is_some_and(|a| a != 1) && a.conflicts(b);
            if have.iter().zip(&want[offset..]).any(clash) {
                return Err(cannot(input, &shape));
            }
            for (axis, dim) in have.iter().enumerate().filter(|(_, dim)| dim.known().is_some_and(|n| n != 1)) {
                shape = shape.replace_dim(offset + axis, dim.clone())?;
            }
        }
        let shape = sharpened(input, shape);
        if let Some(dims) = shape.known_dims() {
            element_count(&dims)?;
        }
        cx.output(cx.dtype(0), shape);
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let dims = dims_of(cx.input(1))?;
        let value = cx.input(0);
        let fits = broadcast_dims(value.dims(), &dims).is_ok_and(|both| both == dims);
        if !fits {
            return Err(cannot(&Shape::from(value.dims()), &Shape::from(&dims[..])));
        }
        if value.dims() == &dims[..] {
            let value = cx.take(0);
            cx.output(0, value);
            return Ok(());
        }
        let mut layout = Layout { start: 0, dims: dims.clone(), strides: Default::default() };
        // Bounded by the rank.
        layout.strides.resize(dims.len() - value.rank(), 0);
        let own = row_major(value.dims());
        layout.strides.extend(value.dims().iter().zip(own).map(|(dim, stride)| if *dim == 1 { 0 } else { stride }));
        check_copies(cx, value, element_count(&dims)?.checked_div(value.len()).unwrap_or(0))?;
        let out = read(cx, 0, &dims, &layout)?;
        cx.output(0, out);
        Ok(())
    }

    fn grad(&self, cx: &GradCx<'_>) -> Result<Vec<Option<Tensor>>> {
        Ok(vec![Some(unbroadcast(cx.dy()?, &cx.input(0))?), None])
    }
}

/// A target's unknown sizes are those of the input, where the input has more than one.
fn sharpened(input: &Shape, target: Shape) -> Shape {
    let (Some(have), Some(want)) = (input.dims(), target.dims()) else { return target };
    let offset = want.len() - have.len();
    let pick = |(i, want): (usize, &Dim)| {
        let own = i.checked_sub(offset).map(|i| &have[i]).filter(|dim| dim.known().is_some_and(|n| n != 1));
        own.filter(|_| want.known().is_none()).unwrap_or(want).clone()
    };
    Shape::from(want.iter().enumerate().map(pick).collect::<Vec<Dim>>())
}

#[cold]
fn cannot(have: &Shape, want: &Shape) -> Error {
    Error::shape(format!("incompatible shapes: {} vs. {}", have.brackets(), want.brackets()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{infer_err, infer_ok, run_op};

    #[test]
    fn tensors_are_repeated() {
        let got = run_op(Tile, &[[[1, 2], [3, 4]].into_value(), [2, 2].into_value()]).unwrap().remove(0);
        assert_eq!(got.slice::<i32>().unwrap(), [1, 2, 1, 2, 3, 4, 3, 4, 1, 2, 1, 2, 3, 4, 3, 4]);
        let got = run_op(BroadcastTo, &[[[1], [2]].into_value(), [2, 2, 3].into_value()]).unwrap().remove(0);
        assert_eq!(got.slice::<i32>().unwrap(), [1, 1, 1, 2, 2, 2, 1, 1, 1, 2, 2, 2]);
    }

    #[test]
    fn too_much_is_refused() {
        assert!(run_op(Tile, &[[1, 2].into_value(), [i64::MAX].into_value()]).is_err());
        assert!(run_op(Tile, &[[1, 2].into_value(), [-1].into_value()]).is_err());
        assert!(run_op(BroadcastTo, &[[1, 2, 3].into_value(), [2, 2].into_value()]).is_err());
        infer_ok(&Tile, "(2,?);int32(2)", "(?,?)");
        infer_ok(&BroadcastTo, "(3);int32(2)", "(?,3)");
        infer_ok(&BroadcastTo, "(1);int32(2)", "(?,?)");
        infer_err(&Tile, "(2,3);int32(3)", "dimension must be 2 but is 3");
    }
}
