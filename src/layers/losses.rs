//! Losses of a program: a number for each batch, weighted, averaged and collected as TF1's `tf.losses` are. The nodes are
//! those of TF1, but for the check of weights whose shape is known in the run alone: here it is one `Assert`.
//!
//! ```
//! # use sessile::prelude::*;
//! use sessile::layers::losses::{self, Loss};
//! # fn main() -> sessile::Result<()> {
//! let g = Graph::new();
//! let (x, y) = (g.placeholder(DType::F32, shape![?, 3])?, g.placeholder(DType::F32, shape![?, 3])?);
//! let error = losses::mean_squared_error(&y, &x)?;
//! let half = Loss::new().weights(0.5).absolute_difference(&y, &x)?;
//! assert_eq!(losses::total_loss(&g)?.shape().to_string(), "()");
//! # Ok(()) }
//! ```

use std::panic::Location;

use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::graph::{Graph, Operation, Tensor};
use crate::ops::math::axes::Axis;
use crate::ops::math::operators::{minus, negative, plus, times};
use crate::ops::math::{add, add_n, multiply, subtract};
use crate::ops::nn::Factor;
use crate::value::IntoValue;

/// The collection that losses are added to.
pub const LOSSES: &str = "losses";

/// What becomes of the losses of the elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LossReduction {
    /// They stay: one loss for each element.
    Elements,
    /// Their sum.
    Sum,
    /// Their sum over the sum of the weights.
    Mean,
    /// Their sum over their number.
    SumOverBatchSize,
    /// Their sum over the number of those whose weight is not 0.
    #[default]
    SumByNonzeroWeights,
}

/// How a loss is weighted and averaged.
#[derive(Debug, Clone)]
#[must_use = "a loss does nothing until it is built"]
pub struct Loss {
    weights: Factor,
    reduction: LossReduction,
}

impl Default for Loss {
    fn default() -> Loss {
        Loss { weights: Factor::Number(1.0), reduction: LossReduction::default() }
    }
}

impl Loss {
    /// Elements of equal weight, on average.
    pub fn new() -> Loss {
        Loss::default()
    }

    /// A number, or a tensor that is a scalar or broadcasts to the losses of the elements.
    pub fn weights(self, weights: impl Into<Factor>) -> Loss {
        Loss { weights: weights.into(), ..self }
    }

    /// What becomes of the losses of the elements.
    pub fn reduction(self, reduction: LossReduction) -> Loss {
        Loss { reduction, ..self }
    }
}

/// The losses of a graph, in the order in which they were made.
#[doc(alias = "tf.losses.get_losses")]
pub fn collected(g: &Graph) -> Vec<Tensor> {
    g.collection(LOSSES)
}

/// The sum of the losses of a graph.
///
/// # Errors
/// `InvalidArgument` where there are none; `ShapeMismatch` for losses of different shapes.
#[doc(alias = "tf.losses.get_total_loss")]
#[track_caller]
pub fn total_loss(g: &Graph) -> Result<Tensor> {
    let all = collected(g);
    g.at_line(Location::caller(), || g.named("total_loss", || add_n(&all.iter().collect::<Vec<_>>())))
}

/// A method with options and a function without them.
macro_rules! losses {
    ($($name:ident ($($arg:ident: $t:ty),*) $alias:literal, $what:literal, $dtypes:literal, $build:expr;)*) => {
        impl Loss { $(
            #[doc = concat!("As [`", stringify!($name), "`], weighted and averaged in this way.")]
            ///
            /// # Errors
            /// As there; `ShapeMismatch` for weights that do not broadcast to the losses.
            #[doc(alias = $alias)]
            #[track_caller]
            pub fn $name(&self, labels: &Tensor, predictions: &Tensor $(, $arg: $t)*) -> Result<Tensor> {
                // A closure would record its own line.
                labels.graph().at_line(Location::caller(), || ($build)(self, labels, predictions $(, $arg)*))
            }
        )* }
        $(
            #[doc = concat!($what, ", averaged over all elements, a scalar.")]
            ///
            #[doc = $dtypes]
            ///
            /// # Errors
            /// `ShapeMismatch` where the two do not fit; `DTypeMismatch`.
            ///
            #[doc = concat!("Source: TensorFlow's `", $alias, "`.")]
            #[doc(alias = $alias)]
            #[track_caller]
            pub fn $name(labels: &Tensor, predictions: &Tensor $(, $arg: $t)*) -> Result<Tensor> {
                Loss::new().$name(labels, predictions $(, $arg)*)
            }
        )*
    };
}

losses! {
    mean_squared_error() "tf.losses.mean_squared_error", "`(prediction - label)²`", "Numbers of any dtypes; the loss is float32.",
        |how: &Loss, labels, predictions| how.floats("mean_squared_error", labels, predictions, |labels, predictions| {
            predictions.squared_difference(labels)
        });
    absolute_difference() "tf.losses.absolute_difference", "`|prediction - label|`", "Numbers of any dtypes; the loss is float32.",
        |how: &Loss, labels, predictions| how.floats("absolute_difference", labels, predictions, |labels, predictions| {
            subtract(predictions, labels)?.abs()
        });
    huber_loss(delta: f64) "tf.losses.huber_loss",
        "Half the squared difference where it is at most `delta`, and beyond that linear in the difference",
        "Numbers of any dtypes; the loss is float32. TensorFlow's default for `delta` is 1.",
        |how: &Loss, labels, predictions, delta| how.floats("huber_loss", labels, predictions, |labels, predictions| {
            huber(labels, predictions, delta)
        });
    log_loss(epsilon: f64) "tf.losses.log_loss", "`-label * log(p + epsilon) - (1 - label) * log(1 - p + epsilon)`",
        "Numbers of any dtypes; the loss is float32. TensorFlow's default for `epsilon` is 1e-7.",
        |how: &Loss, labels, predictions, epsilon| how.floats("log_loss", labels, predictions, |labels, predictions| {
            log_of_each(labels, predictions, epsilon)
        });
    hinge_loss() "tf.losses.hinge_loss", "`max(0, 1 - (2 * label - 1) * logit)` of labels 0 and 1",
        "Numbers of any dtypes; the loss is float32.",
        |how: &Loss, labels, logits| how.floats("hinge_loss", labels, logits, |labels, logits| {
            let ones = labels.ones_like()?;
            let signs = subtract(times(&2.0, labels)?, &ones)?;
            subtract(&ones, multiply(&signs, logits)?)?.relu()
        });
    cosine_distance(axis: impl Axis) "tf.losses.cosine_distance", "`1 - label · prediction` of vectors of length 1 along an axis",
        "Numbers of any dtypes; the loss is float32.",
        |how: &Loss, labels, predictions, axis| how.floats("cosine_distance_loss", labels, predictions, |labels, predictions| {
            minus(&1.0, &multiply(predictions, labels)?.reduce_sum_keepdims([axis])?)
        });
    sigmoid_cross_entropy() "tf.losses.sigmoid_cross_entropy",
        "[`Tensor::sigmoid_cross_entropy_with_logits`] of these labels and logits",
        "Floating-point logits, which give the loss its dtype; labels are converted.",
        |how: &Loss, labels: &Tensor, logits: &Tensor| how.build("sigmoid_cross_entropy_loss", logits, || {
            let labels = labels.cast(logits.dtype())?;
            logits.graph().named("xentropy", || logits.sigmoid_cross_entropy_with_logits(&labels))
        });
    softmax_cross_entropy() "tf.losses.softmax_cross_entropy",
        "[`Tensor::softmax_cross_entropy_with_logits`] of these labels and logits",
        "Floating-point logits, which give the loss its dtype; labels are converted, and no gradient flows to them.",
        |how: &Loss, labels: &Tensor, logits: &Tensor| how.build("softmax_cross_entropy_loss", logits, || {
            let (g, labels) = (logits.graph(), labels.cast(logits.dtype())?);
            logits.shape().merge(&labels.shape())?;
            let labels = g.named("labels_stop_gradient", || labels.stop_gradient())?;
            g.named("xentropy", || logits.softmax_cross_entropy_with_logits_v2(&labels))
        });
    sparse_softmax_cross_entropy() "tf.losses.sparse_softmax_cross_entropy",
        "[`Tensor::sparse_softmax_cross_entropy_with_logits`] of these classes and logits",
        "Floating-point logits, which give the loss its dtype; int32 or int64 labels of one axis less.",
        |how: &Loss, labels: &Tensor, logits: &Tensor| how.build("sparse_softmax_cross_entropy_loss", logits, || {
            logits.graph().named("xentropy", || logits.sparse_softmax_cross_entropy_with_logits(labels))
        });
}

fn huber(labels: &Tensor, predictions: &Tensor, delta: f64) -> Result<Tensor> {
    let g = labels.graph();
    let error = subtract(predictions, labels)?.abs()?;
    let quadratic = error.minimum(delta)?;
    let linear = subtract(&error, &quadratic)?;
    let half = g.constant(0.5f64.into_value().weak_cast(quadratic.dtype())?)?;
    let squares = multiply(&half, multiply(&quadratic, &quadratic)?)?;
    add(squares, multiply(delta, &linear)?)
}

fn log_of_each(labels: &Tensor, predictions: &Tensor, epsilon: f64) -> Result<Tensor> {
    let right = negative(&multiply(labels, plus(predictions, &epsilon)?.log()?)?)?;
    let others = minus(&1.0, labels)?;
    let wrong = multiply(&others, plus(&minus(&1.0, predictions)?, &epsilon)?.log()?)?;
    minus(&right, &wrong)
}

impl Loss {
    /// A loss of two tensors of one shape in float32.
    #[track_caller]
    fn floats(
        &self,
        name: &str,
        labels: &Tensor,
        predictions: &Tensor,
        each: impl FnOnce(&Tensor, &Tensor) -> Result<Tensor>,
    ) -> Result<Tensor> {
        self.build(name, predictions, || {
            let (predictions, labels) = (predictions.cast(DType::F32)?, labels.cast(DType::F32)?);
            predictions.shape().merge(&labels.shape())?;
            each(&labels, &predictions)
        })
    }

    #[track_caller]
    fn build(&self, name: &str, of: &Tensor, each: impl FnOnce() -> Result<Tensor>) -> Result<Tensor> {
        let g = of.graph();
        g.composite(name, |_| {
            let losses = each()?;
            let (weights, check) = self.checked_weights(g, &losses)?;
            let loss = g.control_dependencies(&[check], || self.reduced(g, &losses, weights))?;
            g.add_to_collection(LOSSES, &loss)?;
            Ok(loss)
        })
    }

    /// The weights if they are a tensor, and what fails where they do not broadcast to the losses.
    fn checked_weights(&self, g: &Graph, losses: &Tensor) -> Result<(Option<Tensor>, Operation)> {
        match &self.weights {
            Factor::Number(number) => {
                let weights = |scope: &str| g.named(scope, || g.constant(number_of(*number)?));
                Ok((None, assert_broadcastable(g, weights, losses)?))
            }
            Factor::Tensor(weights) => {
                let check = assert_broadcastable(g, |_| Ok(weights.clone()), losses)?;
                Ok((Some(weights.clone()), check))
            }
        }
    }

    fn reduced(&self, g: &Graph, losses: &Tensor, weights: Option<Tensor>) -> Result<Tensor> {
        let dtype = losses.dtype();
        let losses = losses.cast(DType::F32)?;
        let weights = match (&self.weights, weights) {
            (_, Some(weights)) => weights.cast(DType::F32)?,
            (Factor::Number(number), None) => {
                g.name_scope("Cast", |_| g.named("x", || g.constant(number_of(*number)?)))?
            }
            (Factor::Tensor(weights), None) => weights.cast(DType::F32)?,
        };
        let weighted = multiply(&losses, &weights)?;
        let loss = match self.reduction {
            LossReduction::Elements => return weighted.cast(dtype),
            LossReduction::Sum => weighted.reduce_sum(())?,
            LossReduction::Mean => {
                let sum = weighted.reduce_sum(())?;
                let total = times(&losses.ones_like()?, &weights)?.reduce_sum(())?;
                mean(&sum, &total)?
            }
            LossReduction::SumOverBatchSize => {
                let sum = weighted.reduce_sum(())?;
                let n =
                    g.composite("num_elements", |scope| g.named(scope, || losses.size_tensor())?.cast(DType::F32))?;
                mean(&sum, &n)?
            }
            LossReduction::SumByNonzeroWeights => {
                let sum = weighted.reduce_sum(())?;
                mean(&sum, &n_present(g, &losses, &weights)?)?
            }
        };
        loss.cast(dtype)
    }
}

/// A Python number as TF1 takes it: float32.
fn number_of(number: f64) -> Result<crate::value::Value> {
    number.into_value().weak_cast(DType::F32)
}

/// The sum over a number, and 0 where that is 0.
fn mean(sum: &Tensor, n: &Tensor) -> Result<Tensor> {
    let sum = sum.reduce_sum(())?;
    sum.graph().named("value", || sum.div_no_nan(n))
}

/// How many losses have a weight other than 0.
fn n_present(g: &Graph, losses: &Tensor, weights: &Tensor) -> Result<Tensor> {
    g.composite("num_present", |scope| {
        let is_absent = weights.equal(0.0)?;
        let present = is_absent.select(&weights.zeros_like()?, &weights.ones_like()?)?;
        let present = broadcast_weights(g, &present, losses)?;
        g.named(scope, || present.reduce_sum(()))
    })
}

fn broadcast_weights(g: &Graph, weights: &Tensor, values: &Tensor) -> Result<Tensor> {
    g.composite("broadcast_weights", |scope| {
        let (own, of_values) = (weights.shape(), values.shape());
        if own.is_fully_known() && own == of_values {
            return Ok(weights.clone());
        }
        let check = assert_broadcastable(g, |_| Ok(weights.clone()), values)?;
        g.control_dependencies(&[check], || {
            let ones = values.ones_like()?;
            g.named(scope, || multiply(weights, &ones))
        })
    })
}

/// What fails, now or in the run, unless the weights are a scalar or each of their sizes is 1 or that of the values.
fn assert_broadcastable(g: &Graph, weights: impl FnOnce(&str) -> Result<Tensor>, values: &Tensor) -> Result<Operation> {
    g.composite("assert_broadcastable", |_| {
        let measured = |name: &str, make: &mut dyn FnMut(&str) -> Result<Tensor>| {
            g.name_scope(name, |scope| {
                let x = make(scope)?;
                let shape = g.named("shape", || x.shape_tensor())?;
                let _ = g.named("rank", || x.rank_tensor())?;
                Ok((x, shape))
            })
        };
        let mut weights = Some(weights);
        let (weights, own_sizes) = measured("weights", &mut |scope| {
            weights.take().ok_or_else(|| Error::internal("weights are made once"))?(scope)
        })?;
        let (_, sizes) = measured("values", &mut |_| Ok(values.clone()))?;
        match is_broadcastable(&weights, values)? {
            Some(Broadcast::Scalar) => g.named("static_scalar_check_success", || g.no_op()),
            Some(Broadcast::Dims) => g.named("static_dims_check_success", || g.no_op()),
            None => {
                let message = g.constant("weights can not be broadcast to values")?;
                let is_one = own_sizes.equal(1)?;
                let fits = is_one.logical_or(own_sizes.equal(&sizes)?)?.reduce_all(())?;
                fits.assert(&[&message, &own_sizes, &sizes])
            }
        }
    })
}

/// Why weights fit for sure.
enum Broadcast {
    Scalar,
    Dims,
}

fn is_broadcastable(weights: &Tensor, values: &Tensor) -> Result<Option<Broadcast>> {
    let (weights, values) = (weights.shape(), values.shape());
    if weights.rank() == Some(0) {
        return Ok(Some(Broadcast::Scalar));
    }
    let (Some(own), Some(dims)) = (weights.dims(), values.dims()) else { return Ok(None) };
    let refused =
        || Error::shape(format!("weights of shape {weights} can not be broadcast to values of shape {values}"));
    if own.len() != dims.len() {
        return Err(refused());
    }
    let mut is_known = true;
    for (own, dim) in own.iter().zip(dims) {
        match (own.known(), dim.known()) {
            (Some(1), _) => (),
            (Some(own), Some(dim)) if own == dim => (),
            (Some(_), Some(_)) => return Err(refused()),
            _ => is_known = false,
        }
    }
    Ok(is_known.then_some(Broadcast::Dims))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::Session;
    use crate::shape;

    /// From TensorFlow 1.15.5.
    #[test]
    fn nodes_are_those_of_tensorflow() -> Result<()> {
        let g = Graph::new();
        let (x, y) = (g.placeholder(DType::F32, shape![2])?, g.placeholder(DType::F32, shape![?])?);
        let check = "assert_broadcastable/weights assert_broadcastable/weights/shape assert_broadcastable/weights/rank \
                     assert_broadcastable/values/shape assert_broadcastable/values/rank \
                     assert_broadcastable/static_scalar_check_success";
        let nodes = |loss: Result<Tensor>, name: &str, want: &str| {
            assert_eq!(loss.unwrap().graph().id(), g.id());
            let prefix = format!("{name}/");
            let names: Vec<_> = g.nodes().filter_map(|node| node.name().strip_prefix(&prefix)).collect();
            assert_eq!(names.join(" "), want.replace("CHECK", check));
        };
        let of = |name: &str, how: LossReduction, build: &dyn Fn(Loss) -> Result<Tensor>| {
            g.named(name, || build(Loss::new().reduction(how)))
        };
        let b = of("b", LossReduction::Mean, &|how| how.weights(0.5).mean_squared_error(&x, &y));
        nodes(
            b,
            "b",
            "SquaredDifference CHECK Cast/x Mul Const Sum ones_like/Shape ones_like/Const ones_like mul_1 Const_1 Sum_1 Const_2 Sum_2 value",
        );
        let c = of("c", LossReduction::SumOverBatchSize, &|how| how.mean_squared_error(&x, &y));
        nodes(
            c,
            "c",
            "SquaredDifference CHECK Cast/x Mul Const Sum num_elements num_elements/Cast Const_1 Sum_1 value",
        );
        let e = of("e", LossReduction::Sum, &|how| how.huber_loss(&x, &x, 1.0));
        nodes(
            e,
            "e",
            "Sub Abs Minimum/y Minimum Sub_1 Const Mul Mul_1 Mul_2/x Mul_2 Add CHECK Cast/x Mul_3 Const_1 Sum",
        );
        let f = of("f", LossReduction::Sum, &|how| how.log_loss(&x, &x, 1e-7));
        nodes(
            f,
            "f",
            "add/y add Log Mul Neg sub/x sub sub_1/x sub_1 add_1/y add_1 Log_1 Mul_1 sub_2 CHECK Cast/x Mul_2 Const Sum",
        );
        let h = of("h", LossReduction::Sum, &|how| how.hinge_loss(&x, &x));
        nodes(
            h,
            "h",
            "ones_like/Shape ones_like/Const ones_like mul/x mul Sub Mul_1 Sub_1 Relu CHECK Cast/x Mul_2 Const Sum",
        );
        let i = of("i", LossReduction::Sum, &|how| how.cosine_distance(&x, &x, 0));
        nodes(i, "i", "Mul Sum/reduction_indices Sum sub/x sub CHECK Cast/x Mul_1 Const Sum_1");
        Ok(())
    }

    /// By hand: the squares are 1, 4 and 9.
    #[test]
    fn losses_are_weighted_averaged_and_collected() -> Result<()> {
        let g = Graph::new();
        let (x, y) = (g.constant([1.0f32, 2.0, 3.0])?, g.constant([0i32; 3])?);
        let weights = g.constant([1.0f32, 0.0, 2.0])?;
        let weighted = |how| Loss::new().weights(&weights).reduction(how).mean_squared_error(&y, &x);
        let all = [
            mean_squared_error(&y, &x)?,
            weighted(LossReduction::SumByNonzeroWeights)?,
            weighted(LossReduction::Mean)?,
            weighted(LossReduction::SumOverBatchSize)?,
            weighted(LossReduction::Sum)?,
        ];
        let elements = weighted(LossReduction::Elements)?;
        assert_eq!(collected(&g).len(), 6);
        let sess = Session::new(&g)?;
        let got = all.iter().map(|loss| sess.run(loss)?.scalar::<f32>()).collect::<Result<Vec<_>>>()?;
        assert_eq!(got, [14.0 / 3.0, 9.5, 19.0 / 3.0, 19.0 / 3.0, 19.0]);
        assert_eq!(sess.run(&elements)?.slice::<f32>()?, [1.0, 0.0, 18.0]);
        Ok(())
    }

    #[test]
    fn weights_that_do_not_broadcast_are_refused() -> Result<()> {
        let g = Graph::new();
        let x = g.placeholder(DType::F32, shape![2, 3])?;
        let of = |shape| Loss::new().weights(g.placeholder(DType::F32, shape)?).absolute_difference(&x, &x);
        let error = of(shape![2, 2]).unwrap_err();
        assert!(error.message().contains("weights of shape (2, 2) can not be broadcast to values of shape (2, 3)"));
        assert!(of(shape![3]).is_err());
        assert_eq!(of(shape![2, 1])?.shape(), shape![]);
        let open = g.placeholder(DType::F32, shape![?, 1])?;
        let zeros = x.zeros_like()?;
        let loss = Loss::new().weights(&open).absolute_difference(&x, &zeros)?;
        let sess = Session::new(&g)?;
        let ones = [[1.0f32; 3]; 2];
        let run = |weights: &[[f32; 1]]| sess.run_with(&loss, crate::feeds! { &x => ones, &open => weights });
        assert_eq!(run(&[[1.0], [2.0]])?.scalar::<f32>()?, 1.5);
        assert_eq!(run(&[[1.0], [2.0], [3.0]]).unwrap_err().kind(), crate::ErrorKind::CheckFailed);
        Ok(())
    }
}
