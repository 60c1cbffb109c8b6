//! `SoftmaxCrossEntropyWithLogits` and its sparse sister: a loss for each row, and its gradient by the logits.

use std::ops::Range;
use std::sync::Arc;

use num_traits::Float as _;

use super::softmax::{CHUNK, Exponentials, floating, parts};
use crate::cancel::Pace;
use crate::dtype::DType;
use crate::error::{Error, ErrorKind, Result};
use crate::graph::{Attrs, Example, GradCx, InferCx, Op, OpKind, RunCx, Tensor};
use crate::kernel::Number;
use crate::ops::IntoTensor;
use crate::ops::array::unbroadcast;
use crate::ops::math::add_n;
use crate::ops::math::reduce::{Float, sum_of};
use crate::shape::{Dim, Shape, broadcast_dims};
use crate::value::{IntoValue, ScratchVec, Value};
use crate::with_type;

/// `loss = -sum(labels * log(softmax(features)))` of each row, and `softmax(features) - labels`.
#[derive(Debug, Clone)]
pub struct SoftmaxCrossEntropyWithLogits;

/// As [`SoftmaxCrossEntropyWithLogits`], with the number of the one right class of each row as label.
#[derive(Debug, Clone)]
pub struct SparseSoftmaxCrossEntropyWithLogits;

/// The row of [`SoftmaxCrossEntropyWithLogits`].
pub static SOFTMAX_CROSS_ENTROPY_WITH_LOGITS: OpKind = OpKind::new(
    "SoftmaxCrossEntropyWithLogits",
    "features: T, labels: T -> loss: T, backprop: T",
    |_: &Attrs| Ok(Arc::new(SoftmaxCrossEntropyWithLogits)),
    dense_examples,
);

/// The row of [`SparseSoftmaxCrossEntropyWithLogits`].
pub static SPARSE_SOFTMAX_CROSS_ENTROPY_WITH_LOGITS: OpKind = OpKind::new(
    "SparseSoftmaxCrossEntropyWithLogits",
    "features: T, labels: Tlabels -> loss: T, backprop: T",
    |_: &Attrs| Ok(Arc::new(SparseSoftmaxCrossEntropyWithLogits)),
    sparse_examples,
);

impl Tensor {
    /// The op `SoftmaxCrossEntropyWithLogits` itself, on these features (logits): `(n, c) x (n, c) -> (n), (n, c)`.
    ///
    /// # Errors
    /// `ShapeMismatch` where the two do not broadcast to a matrix; `DTypeMismatch`.
    #[doc(alias = "tf.raw_ops.SoftmaxCrossEntropyWithLogits")]
    #[track_caller]
    pub fn softmax_cross_entropy_raw(&self, labels: impl IntoTensor) -> Result<(Tensor, Tensor)> {
        let labels = labels.tensor(Some(self))?;
        let made = self.graph().apply(SoftmaxCrossEntropyWithLogits, &[self, &labels])?;
        Ok((made.output(0)?, made.output(1)?))
    }

    /// The op `SparseSoftmaxCrossEntropyWithLogits` itself, on these features (logits):
    /// `(n, c) x (n) -> (n), (n, c)`.
    ///
    /// # Errors
    /// `ShapeMismatch` for features that are no matrix or labels that are no vector of as many rows; `DTypeMismatch`. In the run,
    /// `InvalidArgument` for a label that is no class.
    #[doc(alias = "tf.raw_ops.SparseSoftmaxCrossEntropyWithLogits")]
    #[track_caller]
    pub fn sparse_softmax_cross_entropy_raw(&self, labels: &Tensor) -> Result<(Tensor, Tensor)> {
        let made = self.graph().apply(SparseSoftmaxCrossEntropyWithLogits, &[self, labels])?;
        Ok((made.output(0)?, made.output(1)?))
    }
}

fn logits() -> Value {
    [[1.0f32, 2.0, 3.0], [-1.0, 0.0, 50.0]].into_value()
}

fn dense_examples() -> Vec<Example> {
    let labels = [[0.0f32, 0.0, 1.0], [0.25, 0.25, 0.5]].into_value();
    let one_row = [[0.0f32, 1.0, 0.0]].into_value();
    let none = || Value::from_vec(&[0, 3], Vec::<f64>::new()).expect("dims with a zero hold no elements");
    vec![
        Example::new(SoftmaxCrossEntropyWithLogits, [logits(), labels]),
        Example::new(SoftmaxCrossEntropyWithLogits, [logits(), one_row]),
        Example::new(SoftmaxCrossEntropyWithLogits, [none(), none()]),
    ]
}

fn sparse_examples() -> Vec<Example> {
    vec![
        Example::new(SparseSoftmaxCrossEntropyWithLogits, [logits(), [2i32, 0].into_value()]),
        Example::new(SparseSoftmaxCrossEntropyWithLogits, [logits(), [1i64, 1].into_value()]),
    ]
}

/// What flows to the logits: from the losses by way of the second output, which is their gradient, and from that output
/// itself by the derivative of softmax.
fn of_logits(cx: &GradCx<'_>) -> Result<Option<Tensor>> {
    let first = cx.output_grad(0).map(|loss| loss.expand_dims(-1)? * cx.output(1)?).transpose()?;
    let second = match cx.output_grad(1) {
        Some(dy) => {
            let softmax = cx.input(0).softmax()?;
            let mean = (dy * &softmax)?.reduce_sum_keepdims(-1)?;
            Some(((dy - mean)? * softmax)?)
        }
        None => None,
    };
    total([first, second])
}

/// What flows on two ways, if it does on one.
fn total(ways: [Option<Tensor>; 2]) -> Result<Option<Tensor>> {
    let all: Vec<&Tensor> = ways.iter().flatten().collect();
    if all.is_empty() { Ok(None) } else { add_n(&all).map(Some) }
}

impl Op for SoftmaxCrossEntropyWithLogits {
    fn kind(&self) -> &'static OpKind {
        &SOFTMAX_CROSS_ENTROPY_WITH_LOGITS
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        floating(cx.dtype(0))?;
        let both = cx.shape(0).broadcast(cx.shape(1))?;
        let both = match both.rank() {
            None => matrix_of(cx.shape(0), cx.shape(1))?,
            Some(2) => both,
            Some(rank) => {
                return Err(Error::shape(format!("shape must be broadcasted with rank 2, but is rank {rank}")));
            }
        };
        cx.output(cx.dtype(0), both.slice(..1)?);
        cx.output(cx.dtype(0), both);
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let (features, labels) = (cx.input(0), cx.input(1));
        let dims = broadcast_dims(features.dims(), labels.dims()).ok().filter(|dims| dims.len() == 2);
        let dims = dims.ok_or_else(|| {
            let (features, labels) = (features.dims(), labels.dims());
            Error::shape(format!(
                "logits and labels must be broadcastable: logits_size={features:?} labels_size={labels:?}"
            ))
        })?;
        let mut loss = cx.alloc(features.dtype(), &dims[..1])?;
        let mut backprop = cx.alloc(features.dtype(), &dims)?;
        with_type!(features.dtype(), T in floats => dense::<T>(cx, &dims, &mut loss, &mut backprop)?, else => {
            return floating(features.dtype());
        });
        cx.output(0, loss);
        cx.output(1, backprop);
        Ok(())
    }

    fn grad(&self, cx: &GradCx<'_>) -> Result<Vec<Option<Tensor>>> {
        let (logits, labels) = (cx.input(0), cx.input(1));
        let by_loss = cx.output_grad(0).map(|loss| loss.expand_dims(-1)? * logits.log_softmax()?.negative()?);
        let by_backprop = cx.output_grad(1).map(Tensor::negative);
        let of_labels = total([by_loss.transpose()?, by_backprop.transpose()?])?;
        let both = [of_logits(cx)?, of_labels];
        let own = |(x, grad): (&Tensor, Option<Tensor>)| grad.map(|grad| unbroadcast(&grad, x)).transpose();
        [&logits, &labels].into_iter().zip(both).map(own).collect()
    }
}

/// What is known of the result where one of the two has an unknown rank: sizes of the other that no size can repeat.
fn matrix_of(features: &Shape, labels: &Shape) -> Result<Shape> {
    let matrix = if features.rank().is_some() { features.with_rank(2)? } else { labels.with_rank(2)? };
    let one = Dim::from(1);
    let dims = [0, 1].map(|axis| matrix.dim(axis));
    Ok(Shape::new(dims.map(|dim| if dim.never_equals(&one) { dim } else { Dim::unknown() })))
}

impl Op for SparseSoftmaxCrossEntropyWithLogits {
    fn kind(&self) -> &'static OpKind {
        &SPARSE_SOFTMAX_CROSS_ENTROPY_WITH_LOGITS
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        floating(cx.dtype(0))?;
        if !matches!(cx.dtype(1), DType::I32 | DType::I64) {
            return Err(Error::dtype(format!("labels must be int32 or int64, but are {}", cx.dtype(1))));
        }
        let (features, labels) = (cx.shape(0).with_rank(2)?, cx.shape(1).with_rank(1)?);
        let rows: Dim = features.dim(0).merge(&labels.dim(0))?;
        cx.output(cx.dtype(0), Shape::new([rows.clone()]));
        cx.output(cx.dtype(0), features.replace_dim(0, rows)?);
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let (features, labels) = (cx.input(0), cx.input(1));
        let dims = sparse_dims(features.dims(), labels.dims())?;
        let labels = class_numbers(cx, labels, dims[1])?;
        let mut loss = cx.alloc(features.dtype(), &dims[..1])?;
        let mut backprop = cx.alloc(features.dtype(), &dims)?;
        with_type!(features.dtype(), T in floats => sparse::<T>(cx, &labels, &mut loss, &mut backprop)?, else => {
            return floating(features.dtype());
        });
        cx.output(0, loss);
        cx.output(1, backprop);
        Ok(())
    }

    fn grad(&self, cx: &GradCx<'_>) -> Result<Vec<Option<Tensor>>> {
        Ok(vec![of_logits(cx)?, None])
    }
}

fn sparse_dims(features: &[usize], labels: &[usize]) -> Result<[usize; 2]> {
    let &[rows, classes] = features else {
        return Err(Error::shape(format!("logits must be 2-D, but have shape {features:?}")));
    };
    let &[n_labels] = labels else {
        return Err(Error::shape(format!("labels must be 1-D, but have shape {labels:?}")));
    };
    if n_labels != rows {
        let text = "logits and labels must have the same first dimension, got logits shape";
        return Err(Error::shape(format!("{text} {features:?} and labels shape {labels:?}")));
    }
    if classes == 0 && rows > 0 {
        return Err(Error::shape(format!("must have at least one class, but got logits shape {features:?}")));
    }
    Ok([rows, classes])
}

/// The labels as indices.
fn class_numbers(cx: &RunCx<'_>, labels: &Value, classes: usize) -> Result<ScratchVec<usize>> {
    let (mut numbers, mut pace) = (cx.list(labels.len())?, cx.pace());
    let mut add = |label: i64| {
        pace.spend(4)?;
        let class = usize::try_from(label).ok().filter(|class| *class < classes).ok_or_else(|| {
            let range = format!("which is outside the valid range of [0, {classes})");
            Error::new(ErrorKind::InvalidArgument, format!("received a label value of {label} {range}"))
        })?;
        numbers.push(class)
    };
    match labels.dtype() {
        DType::I32 => labels.slice::<i32>()?.iter().try_for_each(|label| add((*label).into()))?,
        _ => labels.slice::<i64>()?.iter().try_for_each(|label| add(*label))?,
    }
    Ok(numbers)
}

/// Makes the loss of a row and its slopes from the exponentials of the row's logits, which it takes in.
type RowLoss<'a, T> = &'a (
        dyn Fn(usize, &mut Exponentials<'_, <T as Number>::Acc>, &mut [T], &mut Pace<'_>) -> Result<<T as Number>::Acc>
            + Sync
    );

/// Runs `f` on each row.
fn rows<T: Float>(
    cx: &RunCx<'_>,
    classes: usize,
    loss: &mut Value,
    backprop: &mut Value,
    f: RowLoss<'_, T>,
) -> Result<()> {
    let loss = loss.make_mut::<T>()?;
    if classes == 0 {
        loss.fill(T::ZERO);
        return Ok(());
    }
    let (work, step) = (cx.workspace(), (CHUNK / classes).max(1));
    let mut rows = cx.collect(loss.iter_mut().zip(backprop.make_mut::<T>()?.chunks_mut(classes)))?;
    cx.try_for_chunks_mut(&mut rows, step, &|chunk, rows| {
        let (mut buffer, mut pace) = (Exponentials::new(work), work.pace());
        for (i, (loss, backprop)) in rows.iter_mut().enumerate() {
            **loss = T::narrow(f(chunk * step + i, &mut buffer, backprop, &mut pace)?);
        }
        Ok(())
    })
}

fn dense<T: Float>(cx: &RunCx<'_>, dims: &[usize], loss: &mut Value, backprop: &mut Value) -> Result<()> {
    let (features, labels) = (Rows::<T>::of(cx.input(0))?, Rows::<T>::of(cx.input(1))?);
    rows::<T>(cx, dims[1], loss, backprop, &|row, buffer, backprop, pace| {
        buffer.of(dims[1], &mut |part, logits| logits.extend(features.row(row, part)), pace)?;
        let log = buffer.sum.ln();
        for part in parts(dims[1]) {
            pace.spend(4 * part.len())?;
            let exp = &mut buffer.exp[part.clone()];
            for ((out, exp), label) in backprop[part.clone()].iter_mut().zip(&*exp).zip(labels.row(row, part.clone())) {
                *out = T::narrow(*exp / buffer.sum - label);
            }
            // The terms of the loss take the place of the exponentials, which have done their work.
            for ((term, x), label) in exp.iter_mut().zip(&buffer.shifted[part.clone()]).zip(labels.row(row, part)) {
                *term = label * (log - *x);
            }
        }
        sum_of(&buffer.exp, pace)
    })
}

fn sparse<T: Float>(cx: &RunCx<'_>, labels: &[usize], loss: &mut Value, backprop: &mut Value) -> Result<()> {
    let classes = cx.input(0).dims()[1];
    let features = Rows::<T>::of(cx.input(0))?;
    rows::<T>(cx, classes, loss, backprop, &|row, buffer, backprop, pace| {
        buffer.of(classes, &mut |part, logits| logits.extend(features.row(row, part)), pace)?;
        let label = labels[row];
        for part in parts(classes) {
            pace.spend(4 * part.len())?;
            for (out, class) in backprop[part.clone()].iter_mut().zip(part) {
                let right = if class == label { <T::Acc as Number>::ONE } else { <T::Acc as Number>::ZERO };
                *out = T::narrow(buffer.exp[class] / buffer.sum - right);
            }
        }
        Ok(buffer.sum.ln() - buffer.shifted[label])
    })
}

/// The rows of an operand, broadcast.
struct Rows<'a, T> {
    x: &'a [T],
    row_step: usize,
    column_step: usize,
}

impl<'a, T: Number> Rows<'a, T> {
    fn of(value: &'a Value) -> Result<Rows<'a, T>> {
        let own = value.dims();
        let own_width = own.last().copied().unwrap_or(1);
        let is_one_row = own.len() < 2 || own[0] == 1;
        Ok(Rows {
            x: value.slice()?,
            row_step: if is_one_row { 0 } else { own_width },
            column_step: usize::from(own_width != 1),
        })
    }

    fn row(&self, row: usize, columns: Range<usize>) -> impl Iterator<Item = T::Acc> {
        columns.map(move |column| self.x[row * self.row_step + column * self.column_step].widen())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{ends_early, infer_err, infer_ok, run_op};

    #[test]
    fn dense_labels_broadcast() {
        let op = SoftmaxCrossEntropyWithLogits;
        infer_ok(&op, "(2,3);(?,?)", "(2);(2,3)");
        infer_ok(&op, "(2,3);(3)", "(2);(2,3)");
        infer_ok(&op, "<unknown>;(4,3)", "(4);(4,3)");
        infer_ok(&op, "<unknown>;<unknown>", "(?);(?,?)");
        // A size of 1 may be repeated.
        infer_ok(&op, "<unknown>;(4,1)", "(4);(4,?)");
        infer_err(&op, "(2,3);(4,3)", "dimensions must be equal, but are 2 and 4");
        infer_err(&op, "(2,2,3);(2,2,3)", "shape must be broadcasted with rank 2, but is rank 3");
    }

    #[test]
    fn sparse_labels_are_a_vector() {
        let op = SparseSoftmaxCrossEntropyWithLogits;
        infer_ok(&op, "(?,3);int32(2)", "(2);(2,3)");
        infer_ok(&op, "<unknown>;int64<unknown>", "(?);(?,?)");
        infer_err(&op, "(4,3);int32(2)", "dimensions must be equal, but are 4 and 2");
        infer_err(&op, "(4,3);int32(4,1)", "shape must be rank 1 but is rank 2");
    }

    #[track_caller]
    fn check(op: impl Op, inputs: [Value; 2], loss: &[f32], backprop: &[f32]) {
        let got = run_op(op, &inputs).unwrap();
        for (got, want) in got.iter().zip([loss, backprop]) {
            for (got, want) in got.slice::<f32>().unwrap().iter().zip(want) {
                assert!((got - want).abs() < 1e-6 || (got.is_nan() && want.is_nan()), "{got} is not {want}");
            }
        }
    }

    /// From TensorFlow 1.15.5.
    #[test]
    fn losses_and_gradients_are_those_of_tensorflow() {
        let backprop = [0.09003057, 0.24472848, -0.33475903, -1.0, 0.0, 1.0];
        let sparse = SparseSoftmaxCrossEntropyWithLogits;
        check(sparse, [logits(), [2i32, 0].into_value()], &[0.40760607, 51.0], &backprop);
        let dense = SoftmaxCrossEntropyWithLogits;
        let labels = [[0.0f32, 0.0, 1.0], [1.0, 0.0, 0.0]].into_value();
        check(dense.clone(), [logits(), labels], &[0.40760607, 51.0], &backprop);
        let infinite = [[f32::NEG_INFINITY, 0.0, 1.0]].into_value();
        check(dense, [infinite, [0.0f32, 1.0, 0.0].into_value()], &[f32::NAN], &[0.0, -0.7310586, 0.7310586]);
    }

    #[test]
    fn label_out_of_range_is_refused() {
        let error = run_op(SparseSoftmaxCrossEntropyWithLogits, &[logits(), [7i32, 0].into_value()]).unwrap_err();
        assert!(
            error.message().contains("received a label value of 7 which is outside the valid range of [0, 3)"),
            "{error}"
        );
    }

    #[test]
    fn one_long_row_ends_with_its_run() {
        let row = Value::zeros(DType::F32, &[1, 500_000]).unwrap();
        ends_early(&SoftmaxCrossEntropyWithLogits, &[row.clone(), row.clone()], 5_000_000);
        ends_early(&SparseSoftmaxCrossEntropyWithLogits, &[row, [1i32].into_value()], 5_000_000);
    }
}
