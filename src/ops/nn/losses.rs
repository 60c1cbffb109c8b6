//! Losses and normalizations that TensorFlow composes of other ops: the nodes are those of TF1.

use crate::dtype::DType;
use crate::error::Result;
use crate::graph::{Graph, Tensor};
use crate::ops::IntoTensor;
use crate::ops::array::Concat;
use crate::ops::math::axes::AxisList;
use crate::ops::math::{multiply, subtract};
use crate::shape::Shape;
use crate::sizes;

impl Tensor {
    /// The cross entropy of these logits and labels that are probabilities of the classes: `(.., c) x (.., c) -> (..)`,
    /// along the last axis. Floating-point numbers; float16 is computed in float32. Gradients flow to the labels too.
    ///
    /// # Errors
    /// `ShapeMismatch` where the two do not fit; `DTypeMismatch`.
    ///
    /// Source: TensorFlow's `tf.nn.softmax_cross_entropy_with_logits_v2`.
    #[doc(alias = "tf.nn.softmax_cross_entropy_with_logits_v2")]
    #[track_caller]
    pub fn softmax_cross_entropy_with_logits_v2(&self, labels: impl IntoTensor) -> Result<Tensor> {
        let labels = labels.tensor(Some(self))?;
        let g = self.graph();
        g.composite("softmax_cross_entropy_with_logits", |scope| {
            let is_half = self.dtype() == DType::F16;
            let cast = |x: &Tensor| if is_half { x.cast(DType::F32) } else { Ok(x.clone()) };
            let (logits, labels) = (cast(self)?, cast(&labels)?);
            let (rank, shape) = (logits.rank_tensor()?, logits.shape_tensor()?);
            let rows = as_matrix(&logits)?;
            let labels = as_matrix(&labels)?;
            let (loss, _) = g.named(scope, || rows.softmax_cross_entropy_raw(&labels))?;
            let outer = shape.slice([0], sizes![subtract(&rank, 1)?])?;
            let loss = loss.reshape(&outer)?;
            if let Some(dims) = self.shape().dims().filter(|dims| !dims.is_empty()) {
                loss.set_shape(Shape::from(dims[..dims.len() - 1].to_vec()))?;
            }
            if is_half { loss.cast(DType::F16) } else { Ok(loss) }
        })
    }

    /// This tensor over the root of its sum of squares along axes: `x / sqrt(max(sum(x²), epsilon))`. The shape stays.
    /// TensorFlow's default for `epsilon` is 1e-12.
    ///
    /// # Errors
    /// `InvalidArgument` for an axis that is not there; `DTypeMismatch`.
    ///
    /// Source: TensorFlow's `tf.nn.l2_normalize`.
    #[doc(alias = "tf.nn.l2_normalize")]
    #[doc(alias = "tf.math.l2_normalize")]
    #[track_caller]
    pub fn l2_normalize(&self, axes: impl Into<crate::ops::math::axes::ReduceAxes>, epsilon: f64) -> Result<Tensor> {
        let (g, axes) = (self.graph(), axes.into());
        g.composite("l2_normalize", |scope| {
            let sum = self.square()?.reduce_sum_keepdims(axes)?;
            let inverse = sum.maximum(epsilon)?.rsqrt()?;
            g.named(scope, || multiply(self, &inverse))
        })
    }

    /// Mean and variance along axes: `(a, b)` over `[0]` gives twice `(b)`. float16 is computed in float32.
    ///
    /// # Errors
    /// `InvalidArgument` for an axis that is not there; `DTypeMismatch`.
    ///
    /// Source: TensorFlow's `tf.nn.moments`.
    #[doc(alias = "tf.nn.moments")]
    #[track_caller]
    pub fn moments(&self, axes: impl AxisList) -> Result<(Tensor, Tensor)> {
        moments(self, &axes.axes(), false)
    }

    /// As [`Tensor::moments`], with the axes kept as axes of size 1.
    #[doc(alias = "tf.nn.moments")]
    #[track_caller]
    pub fn moments_keepdims(&self, axes: impl AxisList) -> Result<(Tensor, Tensor)> {
        moments(self, &axes.axes(), true)
    }
}

/// All axes but the last as one.
fn as_matrix(x: &Tensor) -> Result<Tensor> {
    let (rank, shape) = (x.rank_tensor()?, x.shape_tensor()?);
    let last = shape.slice(sizes![subtract(&rank, 1)?], [1])?;
    x.reshape(&rows_by(x.graph(), &last)?)
}

/// `[-1, last]`.
fn rows_by(g: &Graph, last: &Tensor) -> Result<Tensor> {
    g.composite("concat", |scope| {
        let rows = g.named("values_0", || g.constant([-1]))?;
        let axis = g.named("axis", || g.constant(0))?;
        g.named(scope, || g.apply_one(Concat { axis_first: false }, &[&rows, last, &axis]))
    })
}

#[track_caller]
fn moments(x: &Tensor, axes: &[i64], keep_dims: bool) -> Result<(Tensor, Tensor)> {
    let g = x.graph();
    g.composite("moments", |_| {
        let is_half = x.dtype() == DType::F16;
        let x = if is_half { x.cast(DType::F32)? } else { x.clone() };
        let mean = g.named("mean", || x.reduce_mean_keepdims(axes))?;
        let squares = x.squared_difference(mean.stop_gradient()?)?;
        let variance = g.named("variance", || squares.reduce_mean_keepdims(axes))?;
        let squeeze = |x: Tensor| if keep_dims { Ok(x) } else { x.squeeze_axes(axes) };
        let (mean, variance) = (squeeze(mean)?, squeeze(variance)?);
        if !is_half {
            return Ok((mean, variance));
        }
        Ok((mean.cast(DType::F16)?, variance.cast(DType::F16)?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shape;

    #[track_caller]
    fn check(dtype: DType, dims: Shape, build: impl Fn(&Tensor) -> Result<Tensor>, made: &str, nodes: &str) {
        let g = Graph::new();
        let x = g.placeholder(dtype, dims).unwrap();
        assert_eq!(build(&x).unwrap().to_string(), made);
        let names: Vec<_> =
            g.nodes().skip(1).map(|node| node.name().split_once('/').map_or("", |(_, name)| name)).collect();
        assert_eq!(names.join(" "), nodes);
    }

    /// From TensorFlow 1.15.5.
    #[test]
    fn cross_entropy_has_the_nodes_of_tensorflow() {
        let matrix = |n: &str, rank: &str| {
            format!(
                "Rank{rank} Shape{rank} Sub{n}/y Sub{n} Slice{n}/begin Slice{n}/size Slice{n} concat{n}/values_0 \
                 concat{n}/axis concat{n} Reshape{n}"
            )
        };
        let (logits, labels) = (matrix("", "_1"), matrix("_1", "_2"));
        let nodes = format!("Rank Shape {logits} {labels}  Sub_2/y Sub_2 Slice_2/begin Slice_2/size Slice_2 Reshape_2");
        let loss = |x: &Tensor| x.softmax_cross_entropy_with_logits_v2(x);
        let name = "softmax_cross_entropy_with_logits";
        let made = |shape: &str| format!("Tensor(\"{name}/Reshape_2:0\", shape={shape}, dtype=float32)");
        check(DType::F32, shape![2, 3], loss, &made("(2,)"), &nodes);
        check(DType::F32, shape![?, 4, 3], loss, &made("(?, 4)"), &nodes);
        let made = format!("Tensor(\"{name}/Cast_2:0\", shape=(2,), dtype=float16)");
        check(DType::F16, shape![2, 3], loss, &made, &format!("Cast Cast_1 {nodes} Cast_2"));
    }

    /// From TensorFlow 1.15.5.
    #[test]
    fn normalizations_have_the_nodes_of_tensorflow() {
        let made = "Tensor(\"l2_normalize:0\", shape=(2, ?), dtype=float32)";
        let nodes = "Square Sum/reduction_indices Sum Maximum/y Maximum Rsqrt ";
        check(DType::F32, shape![2, ?], |x| x.l2_normalize(1, 1e-12), made, nodes);
        let made = "Tensor(\"moments/Squeeze_1:0\", shape=(?,), dtype=float32)";
        let nodes = "mean/reduction_indices mean StopGradient SquaredDifference variance/reduction_indices variance Squeeze Squeeze_1";
        check(DType::F32, shape![2, ?], |x| Ok(x.moments([0])?.1), made, nodes);
    }
}
