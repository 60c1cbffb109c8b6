//! Statistics that TensorFlow composes of reductions: the nodes are those of TF1.

use super::axes::ReduceAxes;
use super::functions::{add, subtract};
use super::operators::minus;
use crate::dtype::DType;
use crate::error::Result;
use crate::graph::Tensor;
use crate::value::Value;

/// Two builders a statistic: one that removes the axes, one that keeps them with size 1.
macro_rules! builders {
    ($($function:ident $name:ident $keep:ident $alias:literal, $what:literal, $errors:literal;)*) => {
        impl Tensor { $(
            #[doc = concat!($what, " along axes: `(a, b, c)` over axis 1 gives `(a, c)`; `()` takes all axes.")]
            ///
            /// Unknown sizes and ranks are as in [`Tensor::reduce_sum`].
            ///
            /// # Errors
            #[doc = concat!("`InvalidArgument` for an axis that is not there; ", $errors, ".")]
            ///
            #[doc = concat!("Source: TensorFlow's `", $alias, "`.")]
            #[doc(alias = $alias)]
            #[track_caller]
            pub fn $name(&self, axes: impl Into<ReduceAxes>) -> Result<Tensor> {
                $function(self, axes.into(), false)
            }

            #[doc = concat!("As [`Tensor::", stringify!($name), "`], with the axes kept as axes of size 1.")]
            #[doc(alias = $alias)]
            #[track_caller]
            pub fn $keep(&self, axes: impl Into<ReduceAxes>) -> Result<Tensor> {
                $function(self, axes.into(), true)
            }
        )* }
    };
}

builders! {
    count_nonzero count_nonzero count_nonzero_keepdims "tf.count_nonzero",
        "How many elements differ from zero (from false, from the empty string), as int64,",
        "`Unsupported` for dtypes that have no zero";
    variance reduce_variance reduce_variance_keepdims "tf.math.reduce_variance",
        "The mean of the squared deviations from the mean", "`Unsupported` for what is no number";
    log_sum_exp reduce_logsumexp reduce_logsumexp_keepdims "tf.reduce_logsumexp",
        "`log(sum(exp(x)))`, without overflow for large elements,", "`Unsupported` for integers";
    std reduce_std reduce_std_keepdims "tf.math.reduce_std",
        "The standard deviation, the root of [`Tensor::reduce_variance`],", "`Unsupported` for integers";
}

#[track_caller]
fn reduced(
    x: &Tensor,
    axes: ReduceAxes,
    keep_dims: bool,
    (go, stay): (impl Fn(&Tensor, ReduceAxes) -> Result<Tensor>, impl Fn(&Tensor, ReduceAxes) -> Result<Tensor>),
) -> Result<Tensor> {
    if keep_dims { stay(x, axes) } else { go(x, axes) }
}

#[track_caller]
fn count_nonzero(x: &Tensor, axes: ReduceAxes, keep_dims: bool) -> Result<Tensor> {
    let g = x.graph();
    g.composite("count_nonzero", |_| {
        let zero = g.named("zeros", || g.constant(Value::zeros(x.dtype(), &[])?))?;
        let counts = x.not_equal(&zero)?.cast(DType::I64)?;
        reduced(&counts, axes, keep_dims, (Tensor::reduce_sum, Tensor::reduce_sum_keepdims))
    })
}

#[track_caller]
fn variance(x: &Tensor, axes: ReduceAxes, keep_dims: bool) -> Result<Tensor> {
    x.graph().composite("reduce_variance", |_| {
        let mean = x.reduce_mean_keepdims(axes.clone())?;
        let squares = minus(x, &mean)?.square()?;
        reduced(&squares, axes, keep_dims, (Tensor::reduce_mean, Tensor::reduce_mean_keepdims))
    })
}

#[track_caller]
fn std(x: &Tensor, axes: ReduceAxes, keep_dims: bool) -> Result<Tensor> {
    x.graph().composite("reduce_std", |_| variance(x, axes, keep_dims)?.sqrt())
}

/// The largest element comes out of the sum, so that no exponential overflows.
#[track_caller]
fn log_sum_exp(x: &Tensor, axes: ReduceAxes, keep_dims: bool) -> Result<Tensor> {
    x.graph().composite("ReduceLogSumExp", |_| {
        let max = x.reduce_max_keepdims(axes.clone())?;
        let max = max.is_finite()?.select(&max, max.zeros_like()?)?.stop_gradient()?;
        let exp = subtract(x, &max)?.exp()?;
        let log = reduced(&exp, axes, keep_dims, (Tensor::reduce_sum, Tensor::reduce_sum_keepdims))?.log()?;
        let max = if keep_dims { max } else { max.reshape(log.shape_tensor()?)? };
        add(&log, &max)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Graph;
    use crate::shape;

    #[track_caller]
    fn check(build: impl Fn(&Tensor) -> Result<Tensor>, made: &str, nodes: &str) {
        let g = Graph::new();
        let x = g.placeholder(DType::F32, shape![2, 3]).unwrap();
        let y = build(&x).unwrap();
        assert_eq!(format!("{} {}", y.name(), y.shape()), made);
        let names: Vec<_> = g.nodes().skip(1).map(|node| node.name().split_once('/').unwrap().1).collect();
        assert_eq!(names.join(" "), nodes);
    }

    /// From TensorFlow 1.15.5.
    #[test]
    fn nodes_are_those_of_tensorflow() {
        check(|x| x.count_nonzero(()), "count_nonzero/Sum:0 ()", "zeros NotEqual Cast Const Sum");
        let nodes = "zeros NotEqual Cast Sum/reduction_indices Sum";
        check(|x| x.count_nonzero_keepdims(1), "count_nonzero/Sum:0 (2, 1)", nodes);
        let nodes = "Const Mean sub Square Const_1 Mean_1";
        check(|x| x.reduce_variance(()), "reduce_variance/Mean_1:0 ()", nodes);
        let nodes = "reduce_variance/Mean/reduction_indices reduce_variance/Mean reduce_variance/sub \
                     reduce_variance/Square reduce_variance/Mean_1/reduction_indices reduce_variance/Mean_1 Sqrt";
        check(|x| x.reduce_std(0), "reduce_std/Sqrt:0 (3,)", nodes);
    }

    /// From TensorFlow 1.15.5.
    #[test]
    fn sums_of_exponentials_do_not_overflow() {
        let g = Graph::new();
        let inf = f32::INFINITY;
        let x = g.constant([[1.0f32, 2.0, 3.0], [1000.0, 1000.0, 0.0], [-inf, -inf, -inf], [inf, 0.0, 1.0]]).unwrap();
        let sums = x.reduce_logsumexp(1).unwrap();
        let got = crate::session::Session::new(&g).unwrap().run(&sums).unwrap();
        assert_eq!(got.slice::<f32>().unwrap(), [3.407_606, 1_000.693_2, -inf, inf]);
        assert_eq!(x.reduce_logsumexp_keepdims(()).unwrap().shape(), shape![1, 1]);
    }

    #[test]
    fn strings_that_are_not_empty_count() {
        let g = Graph::new();
        let x = g.placeholder(DType::String, shape![2, ?]).unwrap();
        assert_eq!(x.count_nonzero(1).unwrap().shape(), shape![2]);
    }
}
