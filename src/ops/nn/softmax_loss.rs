//! `softmax_cross_entropy_with_logits`: the loss of each row by probabilities. The nodes are those of TF1.

use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::graph::{Graph, Tensor};
use crate::ops::IntoTensor;
use crate::ops::array::{concat_lists, range_of};
use crate::ops::math::subtract;
use crate::shape::{Shape, normalize_axis};
use crate::sizes;

impl Tensor {
    /// The cross entropy of these logits and labels that are probabilities of the classes: `(.., c) x (.., c) -> (..)`,
    /// along the last axis. Floating-point numbers; float16 and bfloat16 are computed in float32. Labels are converted
    /// to the dtype of the logits, and gradients flow to them too.
    ///
    /// # Errors
    /// `ShapeMismatch` where the two do not fit; `DTypeMismatch`.
    ///
    /// Source: TensorFlow's `tf.nn.softmax_cross_entropy_with_logits_v2`.
    ///
    /// ```
    /// # use sessile::prelude::*;
    /// # fn main() -> sessile::Result<()> {
    /// let g = Graph::new();
    /// let x = g.placeholder(DType::F32, shape![?, 3])?;
    /// assert_eq!(x.softmax_cross_entropy_with_logits_v2(&x)?.shape().to_string(), "(?,)");
    /// # Ok(()) }
    /// ```
    #[doc(alias = "tf.nn.softmax_cross_entropy_with_logits_v2")]
    #[track_caller]
    pub fn softmax_cross_entropy_with_logits_v2(&self, labels: impl IntoTensor) -> Result<Tensor> {
        cross_entropy(self, &labels, -1)
    }

    /// As [`Tensor::softmax_cross_entropy_with_logits_v2`], with the classes along another axis.
    ///
    /// # Errors
    /// As there; `InvalidArgument` for an axis that is not there; `Unsupported` for an axis from the back other than -1
    /// where the rank is unknown.
    #[doc(alias = "tf.nn.softmax_cross_entropy_with_logits_v2")]
    #[track_caller]
    pub fn softmax_cross_entropy_with_logits_v2_along(&self, labels: impl IntoTensor, axis: i64) -> Result<Tensor> {
        cross_entropy(self, &labels, axis)
    }

    /// As [`Tensor::softmax_cross_entropy_with_logits_v2`], without gradients for the labels.
    ///
    /// Source: TensorFlow's `tf.nn.softmax_cross_entropy_with_logits`.
    #[doc(alias = "tf.nn.softmax_cross_entropy_with_logits")]
    #[track_caller]
    pub fn softmax_cross_entropy_with_logits(&self, labels: impl IntoTensor) -> Result<Tensor> {
        with_fixed_labels(self, &labels, -1)
    }

    /// As [`Tensor::softmax_cross_entropy_with_logits_v2_along`], without gradients for the labels.
    #[doc(alias = "tf.nn.softmax_cross_entropy_with_logits")]
    #[track_caller]
    pub fn softmax_cross_entropy_with_logits_along(&self, labels: impl IntoTensor, axis: i64) -> Result<Tensor> {
        with_fixed_labels(self, &labels, axis)
    }
}

#[track_caller]
fn with_fixed_labels(logits: &Tensor, labels: &dyn IntoTensor, axis: i64) -> Result<Tensor> {
    let labels = labels.tensor(Some(logits))?;
    let g = logits.graph();
    g.composite("softmax_cross_entropy_with_logits_sg", |scope| {
        let labels = g.named("labels_stop_gradient", || labels.stop_gradient())?;
        g.named(scope, || cross_entropy(logits, &labels, axis))
    })
}

#[track_caller]
fn cross_entropy(logits: &Tensor, labels: &dyn IntoTensor, axis: i64) -> Result<Tensor> {
    let labels = labels.tensor(Some(logits))?;
    let (g, shape, axis) = (logits.graph(), logits.shape(), class_axis(logits, axis)?);
    g.composite("softmax_cross_entropy_with_logits", |scope| {
        let is_half = matches!(logits.dtype(), DType::F16 | DType::BF16);
        let precise = if is_half { logits.cast(DType::F32)? } else { logits.clone() };
        let labels = labels.cast(precise.dtype())?;
        let rank = precise.rank_tensor()?;
        let (precise, labels) = match axis {
            None => (precise, labels),
            Some(axis) => (move_to_end(&precise, axis, &rank)?, move_to_end(&labels, axis, &rank)?),
        };
        let sizes = precise.shape_tensor()?;
        let (rows, labels) = (as_matrix(&precise)?, as_matrix(&labels)?);
        let (loss, _) = g.named(scope, || rows.softmax_cross_entropy_raw(&labels))?;
        let outer = sizes.slice([0], sizes![subtract(&rank, 1)?])?;
        let loss = loss.reshape(&outer)?;
        loss.set_shape(without(&shape, axis))?;
        if is_half { loss.cast(logits.dtype()) } else { Ok(loss) }
    })
}

/// The axis of the classes from the front; `None` for the last one by -1, which TF1 does not move.
fn class_axis(logits: &Tensor, axis: i64) -> Result<Option<usize>> {
    match logits.shape().rank() {
        Some(rank) => normalize_axis(axis, rank).map(|from_front| (axis != -1).then_some(from_front)),
        None if axis == -1 => Ok(None),
        None => usize::try_from(axis).map(Some).map_err(|_| {
            Error::unsupported(format!("logits of unknown rank take an axis of -1 or from the front, not {axis}"))
        }),
    }
}

fn without(shape: &Shape, axis: Option<usize>) -> Shape {
    let Some(dims) = shape.dims() else { return Shape::unknown() };
    let axis = axis.unwrap_or(dims.len().saturating_sub(1));
    dims.iter().enumerate().filter(|(i, _)| *i != axis).map(|(_, dim)| dim.clone()).collect::<Vec<_>>().into()
}

fn move_to_end(x: &Tensor, axis: usize, rank: &Tensor) -> Result<Tensor> {
    let g = x.graph();
    let (before, behind) = (range_of(g, 0, axis)?, range_of(g, axis + 1, rank)?);
    x.transpose(concat_lists(g, &[&before, &behind, &[axis]])?)
}

/// All axes but the last as one.
fn as_matrix(x: &Tensor) -> Result<Tensor> {
    let g: &Graph = x.graph();
    let (rank, shape) = (x.rank_tensor()?, x.shape_tensor()?);
    let last = shape.slice(sizes![subtract(&rank, 1)?], [1])?;
    x.reshape(&concat_lists(g, &[&[-1], &last])?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::Session;
    use crate::shape;

    #[track_caller]
    fn check(loss: Result<Tensor>, want: &[f32]) {
        let loss = loss.unwrap();
        let got = Session::new(loss.graph()).unwrap().run(&loss).unwrap();
        let got: Vec<f32> = match loss.dtype() {
            DType::F16 => got.slice::<half::f16>().unwrap().iter().map(|x| x.to_f32()).collect(),
            _ => got.slice::<f32>().unwrap().to_vec(),
        };
        assert_eq!(got.len(), want.len());
        for (got, want) in got.iter().zip(want) {
            assert!((got - want).abs() < 1e-3 * want.abs().max(1e-3), "{got} is not {want}");
        }
    }

    /// From TensorFlow 1.15.5.
    #[test]
    fn losses_along_each_axis_are_those_of_tensorflow() {
        let g = Graph::new();
        let x = g.constant([[1.0f32, 2.0, 3.0], [-1.0, 0.0, 4.0]]).unwrap();
        let p = g.constant([[0.25f32, 0.5, 0.25], [0.0, 1.0, 0.0]]).unwrap();
        check(x.softmax_cross_entropy_with_logits_v2(&p), &[1.407_606, 4.024_745]);
        check(x.softmax_cross_entropy_with_logits_v2_along(&p, 0), &[0.031_732, 2.190_392, 0.328_315]);
        check(x.softmax_cross_entropy_with_logits_along(&p, 1), &[1.407_606, 4.024_745]);
        check(x.softmax_cross_entropy_with_logits(p.cast(DType::F64)), &[1.407_606, 4.024_745]);
        let half = x.cast(DType::F16).unwrap();
        check(half.softmax_cross_entropy_with_logits_v2(&p), &[1.407_606, 4.024_745]);
    }

    #[test]
    fn shapes_lose_the_axis_of_the_classes() {
        let g = Graph::new();
        let of = |shape: Shape, axis| {
            let x = g.placeholder(DType::F32, shape).unwrap();
            x.softmax_cross_entropy_with_logits_v2_along(&x, axis)
        };
        let shape = |shape, axis| of(shape, axis).unwrap().shape().to_string();
        assert_eq!(shape(shape![2, ?, 4], 1), "(2, 4)");
        assert_eq!(shape(shape![2, ?, 4], -3), "(?, 4)");
        assert_eq!(shape(Shape::unknown(), -1), "<unknown>");
        assert!(of(shape![2, 3], 2).unwrap_err().message().contains("axis must be in [-2, 2), but is 2"));
        assert!(of(Shape::unknown(), -2).unwrap_err().message().contains("from the front, not -2"));
    }

    /// From TensorFlow 1.15.5; the other lists of nodes are compared in the tests of names.
    #[test]
    fn labels_that_stand_fixed_are_the_first_node() {
        let g = Graph::new();
        let x = g.placeholder(DType::F32, shape![2, 3]).unwrap();
        let loss = g.named("loss", || x.softmax_cross_entropy_with_logits(&x)).unwrap();
        assert_eq!(loss.name(), "loss/Reshape_2:0");
        assert_eq!(g.nodes().nth(1).unwrap().name(), "loss/labels_stop_gradient");
    }
}
