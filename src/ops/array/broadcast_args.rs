//! `BroadcastArgs` and `BroadcastGradientArgs`: what broadcasting makes of two shapes that are given as sizes.

use std::sync::Arc;

use super::into_sizes::{check_index, int_vector};
use crate::error::{Error, Result};
use crate::graph::{Attrs, Example, GradCx, Graph, InferCx, Op, OpKind, RunCx, Tensor};
use crate::shape::{Dim, MAX_RANK, Shape};
use crate::value::{IntoValue, ScratchVec, Value};

/// The sizes of an elementwise result of operands of these sizes: `(n), (m) -> (max(n, m))`.
#[derive(Debug, Clone)]
pub struct BroadcastArgs;

/// The axes of an elementwise result along which each operand was repeated: those that its gradient sums over.
#[derive(Debug, Clone)]
pub struct BroadcastGradientArgs;

/// The row of [`BroadcastArgs`].
pub static BROADCAST_ARGS: OpKind = OpKind::new(
    "BroadcastArgs",
    "s0: T, s1: T -> r0: T",
    |_: &Attrs| Ok(Arc::new(BroadcastArgs) as Arc<dyn Op>),
    || examples(BroadcastArgs),
)
.not_differentiable("sizes are no smooth function of sizes");

/// The row of [`BroadcastGradientArgs`].
pub static BROADCAST_GRADIENT_ARGS: OpKind = OpKind::new(
    "BroadcastGradientArgs",
    "s0: T, s1: T -> r0: T, r1: T",
    |_: &Attrs| Ok(Arc::new(BroadcastGradientArgs) as Arc<dyn Op>),
    || examples(BroadcastGradientArgs),
)
.not_differentiable("axes are no smooth function of sizes");

fn examples(op: impl Op + Clone) -> Vec<Example> {
    let of = |a: Value, b: Value| Example::new(op.clone(), [a, b]);
    vec![
        of([2i32, 3, 1].into_value(), [5i32].into_value()),
        of([2i64, 1, 1].into_value(), [1i64, 4, 1].into_value()),
        of([2i32, 3].into_value(), [2i32, 3].into_value()),
        of(Vec::<i32>::new().into_value(), [0i32, 1].into_value()),
    ]
}

impl Graph {
    /// The sizes of an elementwise result of operands whose sizes are these int32 or int64 vectors.
    ///
    /// # Errors
    /// `ShapeMismatch` for what is no vector; in the run for sizes that do not broadcast.
    ///
    /// Source: TensorFlow's `BroadcastArgs`.
    #[doc(alias = "tf.broadcast_dynamic_shape")]
    #[track_caller]
    pub fn broadcast_dynamic_shape(&self, a: &Tensor, b: &Tensor) -> Result<Tensor> {
        self.apply_one(BroadcastArgs, &[a, b])
    }
}

/// The gradient of what was broadcast to the shape of `grad`: summed over the axes along which it was, in its own shape.
pub(in crate::ops) fn unbroadcast(grad: &Tensor, x: &Tensor) -> Result<Tensor> {
    if grad.shape().known_dims().is_some_and(|dims| x.shape().known_dims() == Some(dims)) {
        return Ok(grad.clone());
    }
    let (from, to) = (grad.shape_tensor()?, x.shape_tensor()?);
    let axes = x.graph().apply(BroadcastGradientArgs, &[&from, &to])?;
    grad.reduce_sum(axes.output(1)?)?.reshape(to)
}

/// The gradients of two operands of one result, which may have been broadcast to its shape.
pub(in crate::ops) fn unbroadcast_both(cx: &GradCx<'_>, grads: [Option<Tensor>; 2]) -> Result<Vec<Option<Tensor>>> {
    let inputs = [cx.input(0), cx.input(1)];
    let [first, second] = inputs.each_ref().map(|x| x.shape().known_dims());
    if first.is_some() && first == second {
        return Ok(grads.into());
    }
    let shapes = [inputs[0].shape_tensor()?, inputs[1].shape_tensor()?];
    let axes = cx.graph().apply(BroadcastGradientArgs, &[&shapes[0], &shapes[1]])?;
    let own = |(i, grad): (usize, Option<Tensor>)| match grad {
        Some(grad) => grad.reduce_sum(axes.output(i)?)?.reshape(&shapes[i]).map(Some),
        None => Ok(None),
    };
    grads.into_iter().enumerate().map(own).collect()
}

/// For each axis of the result, from the back, the sizes of both operands; 1 where one has no such axis.
fn pairs<T: Clone>(a: &[T], b: &[T], one: &T) -> impl Iterator<Item = (T, T)> {
    let from_back = |x: &[T], back: usize| x.len().checked_sub(back + 1).map_or_else(|| one.clone(), |i| x[i].clone());
    let (rank, a, b) = (a.len().max(b.len()), a.to_vec(), b.to_vec());
    let pairs: Vec<_> = (0..rank).rev().map(|back| (from_back(&a, back), from_back(&b, back))).collect();
    pairs.into_iter()
}

fn broadcast(a: &[i64], b: &[i64]) -> Result<Vec<i64>> {
    let size = |(x, y)| match (x, y) {
        (x, y) if x == y || y == 1 => Ok(x),
        (1, y) => Ok(y),
        _ => Err(Error::shape(format!("incompatible shapes: {a:?} vs. {b:?}"))),
    };
    pairs(a, b, &1).map(size).collect()
}

/// The axes that each operand's gradient sums over. An axis of size 1 in both is among them, but for equal shapes.
fn reduced(a: &[i64], b: &[i64]) -> Result<[Vec<i64>; 2]> {
    broadcast(a, b)?;
    let mut axes = [Vec::new(), Vec::new()];
    if a == b {
        return Ok(axes);
    }
    for (axis, (x, y)) in pairs(a, b, &1).enumerate() {
        if x == 1 {
            axes[0].push(axis as i64);
        }
        if y == 1 {
            axes[1].push(axis as i64);
        }
    }
    Ok(axes)
}

fn check_vectors(cx: &InferCx<'_>) -> Result<()> {
    check_index("sizes", cx.dtype(0))?;
    (0..2).try_for_each(|i| cx.shape(i).with_rank(1).map(drop))
}

/// What both inputs hold: the sizes of a shape each.
fn shapes(cx: &RunCx<'_>) -> Result<[ScratchVec<i64>; 2]> {
    let [a, b] = [cx.input(0), cx.input(1)];
    for input in [a, b] {
        if input.rank() != 1 {
            return Err(Error::shape(format!("sizes must be a vector, but have rank {}", input.rank())));
        }
        if input.len() > MAX_RANK {
            return Err(Error::shape(format!("a shape must have at most {MAX_RANK} sizes, but has {}", input.len())));
        }
    }
    Ok([cx.ints(a)?, cx.ints(b)?])
}

impl Op for BroadcastArgs {
    fn kind(&self) -> &'static OpKind {
        &BROADCAST_ARGS
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        check_vectors(cx)?;
        if let (Some(a), Some(b)) = (cx.sizes(0), cx.sizes(1)) {
            let sizes = pairs(&a, &b, &Dim::from(1)).map(|(x, y)| x.broadcast(&y)).collect::<Result<Vec<_>>>()?;
            cx.output_sizes(cx.dtype(0), &sizes, false);
            return Ok(());
        }
        let rank = match (cx.shape(0).dim(0).known(), cx.shape(1).dim(0).known()) {
            (Some(a), Some(b)) => Dim::from(a.max(b)),
            _ => Dim::unknown(),
        };
        cx.output(cx.dtype(0), Shape::from(vec![rank]));
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let [a, b] = shapes(cx)?;
        let sizes = broadcast(&a, &b)?;
        let out = int_vector(cx, cx.input(0).dtype(), &sizes)?;
        cx.output(0, out);
        Ok(())
    }
}

impl Op for BroadcastGradientArgs {
    fn kind(&self) -> &'static OpKind {
        &BROADCAST_GRADIENT_ARGS
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        check_vectors(cx)?;
        let sizes = |i| cx.sizes(i).and_then(|sizes| sizes.iter().map(Dim::as_i64).collect::<Option<Vec<i64>>>());
        let dtype = cx.dtype(0);
        if let (Some(a), Some(b)) = (sizes(0), sizes(1)) {
            for axes in reduced(&a, &b)? {
                let axes: Vec<Dim> = axes.into_iter().map(Dim::constant).collect();
                cx.output_sizes(dtype, &axes, false);
            }
            return Ok(());
        }
        for _ in 0..2 {
            cx.output(dtype, Shape::unknown_of_rank(1));
        }
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let ([a, b], dtype) = (shapes(cx)?, cx.input(0).dtype());
        let axes = reduced(&a, &b)?;
        for (i, axes) in axes.iter().enumerate() {
            let axes = int_vector(cx, dtype, axes)?;
            cx.output(i, axes);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{infer_err, infer_ok, run_op};

    #[track_caller]
    fn check(a: &[i32], b: &[i32], want: [&[i32]; 3]) {
        let inputs = [a.to_vec().into_value(), b.to_vec().into_value()];
        let got = [run_op(BroadcastArgs, &inputs).unwrap(), run_op(BroadcastGradientArgs, &inputs).unwrap()].concat();
        let got: Vec<_> = got.iter().map(|value| value.slice::<i32>().unwrap()).collect();
        assert_eq!(got, want);
    }

    /// By TensorFlow 1.15.5.
    #[test]
    fn axes_of_size_one_are_summed_over() {
        check(&[2, 3, 5], &[1], [&[2, 3, 5], &[], &[0, 1, 2]]);
        check(&[3, 1], &[2, 1, 4], [&[2, 3, 4], &[0, 2], &[1]]);
        check(&[2, 1, 3], &[2, 1, 3], [&[2, 1, 3], &[], &[]]);
        check(&[2, 1, 3], &[2, 1, 1], [&[2, 1, 3], &[1], &[1, 2]]);
        check(&[0, 1], &[], [&[0, 1], &[1], &[0, 1]]);
    }

    #[test]
    fn sizes_that_do_not_broadcast_are_refused() {
        let inputs = [[2i32, 3].into_value(), [4i32].into_value()];
        assert!(run_op(BroadcastArgs, &inputs).is_err() && run_op(BroadcastGradientArgs, &inputs).is_err());
        infer_err(&BroadcastArgs, "int32(2,2);int32(2)", "shape must be rank 1 but is rank 2");
        infer_ok(&BroadcastArgs, "int32(2);int32(3)", "(3)");
        infer_ok(&BroadcastGradientArgs, "int64(?);int64(3)", "(?);(?)");
    }
}
