//! Means, variances and normalizations that TensorFlow composes of other ops: the nodes are those of TF1.

use crate::dtype::DType;
use crate::error::Result;
use crate::graph::Tensor;
use crate::ops::array::GatherV2;
use crate::ops::math::axes::{AxisList, ReduceAxes};
use crate::ops::math::operators::{minus, negative, plus, times};
use crate::ops::math::{add, multiply, subtract};
use crate::value::Value;

/// What [`Tensor::sufficient_statistics`] answers: what means and variances are made of, over several tensors if need be.
#[derive(Debug, Clone)]
pub struct Statistics {
    /// How many elements went into each sum, a scalar of the tensor's dtype.
    pub counts: Tensor,
    /// The sum of the elements minus the shift.
    pub mean_ss: Tensor,
    /// The sum of the squares of the elements minus the shift.
    pub variance_ss: Tensor,
}

impl Tensor {
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
    pub fn l2_normalize(&self, axes: impl Into<ReduceAxes>, epsilon: f64) -> Result<Tensor> {
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

    /// Mean and variance along axes where elements count by weights, which broadcast to this tensor and are converted
    /// to its dtype. float16 is computed in float32.
    ///
    /// # Errors
    /// As for [`Tensor::moments`]; `ShapeMismatch` for weights that do not broadcast.
    ///
    /// Source: TensorFlow's `tf.nn.weighted_moments`.
    #[doc(alias = "tf.nn.weighted_moments")]
    #[track_caller]
    pub fn weighted_moments(&self, axes: impl AxisList, weights: &Tensor) -> Result<(Tensor, Tensor)> {
        weighted_moments(self, &axes.axes(), weights, false)
    }

    /// As [`Tensor::weighted_moments`], with the axes kept as axes of size 1.
    #[doc(alias = "tf.nn.weighted_moments")]
    #[track_caller]
    pub fn weighted_moments_keepdims(&self, axes: impl AxisList, weights: &Tensor) -> Result<(Tensor, Tensor)> {
        weighted_moments(self, &axes.axes(), weights, true)
    }

    /// Count, sum and sum of squares along axes, of the elements minus a shift that broadcasts: a shift near the mean
    /// loses fewer digits. [`Tensor::normalize_moments`] makes mean and variance of them.
    ///
    /// # Errors
    /// As for [`Tensor::moments`]; `ShapeMismatch` for a shift that does not broadcast.
    ///
    /// Source: TensorFlow's `tf.nn.sufficient_statistics`.
    #[doc(alias = "tf.nn.sufficient_statistics")]
    #[track_caller]
    pub fn sufficient_statistics(&self, axes: impl AxisList, shift: Option<&Tensor>) -> Result<Statistics> {
        sufficient_statistics(self, axes.axes(), shift, false)
    }

    /// As [`Tensor::sufficient_statistics`], with the axes kept as axes of size 1.
    #[doc(alias = "tf.nn.sufficient_statistics")]
    #[track_caller]
    pub fn sufficient_statistics_keepdims(&self, axes: impl AxisList, shift: Option<&Tensor>) -> Result<Statistics> {
        sufficient_statistics(self, axes.axes(), shift, true)
    }

    /// Mean and variance from these counts, the sums of elements and of squares, and the shift of both: see
    /// [`Tensor::sufficient_statistics`].
    ///
    /// # Errors
    /// `ShapeMismatch` where they do not broadcast; `DTypeMismatch`.
    ///
    /// Source: TensorFlow's `tf.nn.normalize_moments`.
    #[doc(alias = "tf.nn.normalize_moments")]
    #[track_caller]
    pub fn normalize_moments(
        &self,
        mean_ss: &Tensor,
        variance_ss: &Tensor,
        shift: Option<&Tensor>,
    ) -> Result<(Tensor, Tensor)> {
        let g = self.graph();
        g.composite("normalize", |_| {
            let divisor = g.named("divisor", || self.reciprocal())?;
            let name = if shift.is_some() { "shifted_mean" } else { "mean" };
            let shifted = g.named(name, || multiply(mean_ss, &divisor))?;
            let mean = match shift {
                Some(shift) => g.named("mean", || add(&shifted, shift))?,
                None => shifted.clone(),
            };
            let of_squares = multiply(variance_ss, &divisor)?;
            let square = shifted.square()?;
            Ok((mean, g.named("variance", || subtract(&of_squares, &square))?))
        })
    }

    /// `(x - mean) * scale / sqrt(variance + epsilon) + offset`, with operands that broadcast to this tensor.
    ///
    /// # Errors
    /// `ShapeMismatch` where they do not broadcast; `DTypeMismatch`.
    ///
    /// Source: TensorFlow's `tf.nn.batch_normalization`; Ioffe and Szegedy (2015).
    ///
    /// ```
    /// # use sessile::prelude::*;
    /// # fn main() -> sessile::Result<()> {
    /// let g = Graph::new();
    /// let x = g.placeholder(DType::F32, shape![?, 3])?;
    /// let (mean, variance) = x.moments([0])?;
    /// assert_eq!(x.batch_normalization(&mean, &variance, None, None, 1e-3)?.shape().to_string(), "(?, 3)");
    /// # Ok(()) }
    /// ```
    #[doc(alias = "tf.nn.batch_normalization")]
    #[track_caller]
    pub fn batch_normalization(
        &self,
        mean: &Tensor,
        variance: &Tensor,
        offset: Option<&Tensor>,
        scale: Option<&Tensor>,
        epsilon: f64,
    ) -> Result<Tensor> {
        self.graph().composite("batchnorm", |_| {
            let inverse = plus(variance, &epsilon)?.rsqrt()?;
            let inverse = match scale {
                Some(scale) => times(&inverse, scale)?,
                None => inverse,
            };
            let scaled = times(self, &inverse.cast(self.dtype())?)?;
            let offset = match offset {
                Some(offset) => minus(offset, &times(mean, &inverse)?)?,
                None => times(&negative(mean)?, &inverse)?,
            };
            plus(&scaled, &offset.cast(self.dtype())?)
        })
    }
}

#[track_caller]
fn moments(x: &Tensor, axes: &[i64], keep_dims: bool) -> Result<(Tensor, Tensor)> {
    let g = x.graph();
    g.composite("moments", |_| {
        let precise = as_precise(x)?;
        let mean = g.named("mean", || precise.reduce_mean_keepdims(axes))?;
        let squares = precise.squared_difference(mean.stop_gradient()?)?;
        let variance = g.named("variance", || squares.reduce_mean_keepdims(axes))?;
        finished(x, mean, variance, axes, keep_dims)
    })
}

#[track_caller]
fn weighted_moments(x: &Tensor, axes: &[i64], weights: &Tensor, keep_dims: bool) -> Result<(Tensor, Tensor)> {
    let g = x.graph();
    g.composite("weighted_moments", |_| {
        let precise = as_precise(x)?;
        let weights =
            if weights.dtype() == precise.dtype() { weights.clone() } else { weights.cast(precise.dtype())? };
        let weighted = times(&weights, &precise)?;
        let sum = g.named("weighted_input_sum", || weighted.reduce_sum_keepdims(axes))?;
        let all_weights = plus(&weights, &precise.zeros_like()?)?;
        let n = g.named("sum_of_weights", || all_weights.reduce_sum_keepdims(axes))?;
        let divisor = g.named("inv_weight_sum", || n.reciprocal())?;
        let mean = multiply(&sum, &divisor)?;
        let squares = times(&weights, &precise.squared_difference(&mean)?)?;
        let squares = g.named("weighted_distsq", || squares.reduce_sum_keepdims(axes))?;
        let variance = multiply(&squares, &divisor)?;
        finished(x, mean, variance, axes, keep_dims)
    })
}

fn as_precise(x: &Tensor) -> Result<Tensor> {
    if x.dtype() == DType::F16 { x.cast(DType::F32) } else { Ok(x.clone()) }
}

/// Without the axes, and in the dtype that was given.
fn finished(x: &Tensor, mean: Tensor, variance: Tensor, axes: &[i64], keep_dims: bool) -> Result<(Tensor, Tensor)> {
    let squeeze = |x: Tensor| if keep_dims { Ok(x) } else { x.squeeze_axes(axes) };
    let (mean, variance) = (squeeze(mean)?, squeeze(variance)?);
    if mean.dtype() == x.dtype() {
        return Ok((mean, variance));
    }
    Ok((mean.cast(x.dtype())?, variance.cast(x.dtype())?))
}

#[track_caller]
fn sufficient_statistics(
    x: &Tensor,
    mut axes: Vec<i64>,
    shift: Option<&Tensor>,
    keep_dims: bool,
) -> Result<Statistics> {
    axes.sort_unstable();
    axes.dedup();
    let g = x.graph();
    g.composite("sufficient_statistics", |_| {
        let counts = count(x, &axes)?;
        let (shifted, squares) = match shift {
            Some(shift) => (subtract(x, shift)?, x.squared_difference(shift)?),
            None => (x.clone(), x.square()?),
        };
        let sum = |x: &Tensor| if keep_dims { x.reduce_sum_keepdims(&axes[..]) } else { x.reduce_sum(&axes[..]) };
        let mean_ss = g.named("mean_ss", || sum(&shifted))?;
        Ok(Statistics { counts, mean_ss, variance_ss: g.named("var_ss", || sum(&squares))? })
    })
}

/// The product of the sizes of the axes: a constant where it is known.
fn count(x: &Tensor, axes: &[i64]) -> Result<Tensor> {
    let (g, shape) = (x.graph(), x.shape());
    let known = shape.rank().and_then(|rank| {
        let size = |axis: &i64| shape.dim(crate::shape::normalize_axis(*axis, rank).ok()?).known();
        axes.iter().map(size).product::<Option<usize>>()
    });
    if let Some(known) = known {
        return g.constant_as(x.dtype(), i64::try_from(known).unwrap_or(i64::MAX));
    }
    let sizes = x.shape_tensor()?.cast(x.dtype())?;
    let sizes = g.composite("GatherV2", |scope| {
        let axes: Vec<i32> = axes.iter().filter_map(|axis| i32::try_from(*axis).ok()).collect();
        let axes = g.named("indices", || g.constant(Value::from_vec(&[axes.len()], axes)?))?;
        let first = g.named("axis", || g.constant(0))?;
        g.named(scope, || g.apply_one(GatherV2 { batch_dims: 0 }, &[&sizes, &axes, &first]))
    })?;
    g.named("count", || sizes.reduce_prod(()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Graph;
    use crate::session::Session;
    use crate::shape;
    use crate::shape::Shape;

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
    fn normalizations_have_the_nodes_of_tensorflow() {
        let made = "Tensor(\"l2_normalize:0\", shape=(2, ?), dtype=float32)";
        let nodes = "Square Sum/reduction_indices Sum Maximum/y Maximum Rsqrt ";
        check(DType::F32, shape![2, ?], |x| x.l2_normalize(1, 1e-12), made, nodes);
        let made = "Tensor(\"moments/Squeeze_1:0\", shape=(?,), dtype=float32)";
        let nodes = "mean/reduction_indices mean StopGradient SquaredDifference variance/reduction_indices variance Squeeze Squeeze_1";
        check(DType::F32, shape![2, ?], |x| Ok(x.moments([0])?.1), made, nodes);
    }

    fn run<const N: usize>(tensors: [&Tensor; N]) -> Vec<Vec<f32>> {
        let sess = Session::new(tensors[0].graph()).unwrap();
        let floats = |value: &Value| value.slice::<f32>().unwrap().to_vec();
        tensors.map(|tensor| floats(&sess.run(tensor).unwrap())).to_vec()
    }

    /// By hand: the columns are (1, 3) and (2, 6); weights count the second row three times.
    #[test]
    fn moments_are_those_of_the_definitions() {
        let g = Graph::new();
        let x = g.constant([[1.0f32, 2.0], [3.0, 6.0]]).unwrap();
        let (mean, variance) = x.moments([0]).unwrap();
        assert_eq!(run([&mean, &variance]), [[2.0, 4.0], [1.0, 4.0]]);
        let weights = g.constant([[1i32], [3]]).unwrap();
        let (mean, variance) = x.weighted_moments([0], &weights).unwrap();
        assert_eq!(run([&mean, &variance]), [[2.5, 5.0], [0.75, 3.0]]);
        let shift = g.constant([1.0f32, 5.0]).unwrap();
        let sums = x.sufficient_statistics([0], Some(&shift)).unwrap();
        assert_eq!(run([&sums.mean_ss, &sums.variance_ss]), [[2.0, -2.0], [4.0, 10.0]]);
        let (mean, variance) = sums.counts.normalize_moments(&sums.mean_ss, &sums.variance_ss, Some(&shift)).unwrap();
        assert_eq!(run([&mean, &variance]), [[2.0, 4.0], [1.0, 4.0]]);
    }

    /// By hand.
    #[test]
    fn batches_are_normalized_by_what_is_given() {
        let g = Graph::new();
        let x = g.constant([[1.0f32, 2.0], [3.0, 6.0]]).unwrap();
        let of = |numbers: [f32; 2]| g.constant(numbers).unwrap();
        let (mean, variance, offset, scale) = (of([2.0, 4.0]), of([0.75, 3.75]), of([10.0, 20.0]), of([2.0, 3.0]));
        let plain = x.batch_normalization(&mean, &variance, None, None, 0.25).unwrap();
        let full = x.batch_normalization(&mean, &variance, Some(&offset), Some(&scale), 0.25).unwrap();
        assert_eq!(run([&plain, &full]), [[-1.0, -1.0, 1.0, 1.0], [8.0, 17.0, 12.0, 23.0]]);
    }
}
