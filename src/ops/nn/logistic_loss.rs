//! Cross entropies of independent classes, from logits. The nodes are those of TF1.

use super::factor::Factor;
use crate::error::{Error, Result};
use crate::graph::Tensor;
use crate::ops::IntoTensor;
use crate::ops::math::add;
use crate::ops::math::operators::{minus, plus, times};

impl Tensor {
    /// The cross entropy of these logits and the probabilities of independent classes, element by element:
    /// `max(x, 0) - x * label + log(1 + exp(-|x|))`. Floating-point numbers of one shape, which is the result's.
    ///
    /// # Errors
    /// `ShapeMismatch` for labels of another shape; `DTypeMismatch`.
    ///
    /// Source: TensorFlow's `tf.nn.sigmoid_cross_entropy_with_logits`.
    ///
    /// ```
    /// # use sessile::prelude::*;
    /// # fn main() -> sessile::Result<()> {
    /// let g = Graph::new();
    /// let x = g.placeholder(DType::F32, shape![?, 3])?;
    /// assert_eq!(x.sigmoid_cross_entropy_with_logits(&x)?.shape().to_string(), "(?, 3)");
    /// # Ok(()) }
    /// ```
    #[doc(alias = "tf.nn.sigmoid_cross_entropy_with_logits")]
    #[track_caller]
    pub fn sigmoid_cross_entropy_with_logits(&self, labels: impl IntoTensor) -> Result<Tensor> {
        let labels = labels.tensor(Some(self))?;
        let g = self.graph();
        g.composite("logistic_loss", |scope| {
            check_shapes(self, &labels)?;
            let zeros = self.zeros_like()?;
            let is_positive = self.greater_equal(&zeros)?;
            let positive = is_positive.select(self, &zeros)?;
            let minus_abs = is_positive.select(&self.negative()?, self)?;
            let difference = minus(&positive, &times(self, &labels)?)?;
            let rest = minus_abs.exp()?.log1p()?;
            g.named(scope, || add(&difference, &rest))
        })
    }

    /// As [`Tensor::sigmoid_cross_entropy_with_logits`], with `label * -log(sigmoid(x))` weighted by `pos_weight`: more
    /// than 1 finds more of the classes, less than 1 claims fewer wrongly.
    ///
    /// # Errors
    /// As there.
    ///
    /// Source: TensorFlow's `tf.nn.weighted_cross_entropy_with_logits`.
    #[doc(alias = "tf.nn.weighted_cross_entropy_with_logits")]
    #[track_caller]
    pub fn weighted_cross_entropy_with_logits(
        &self,
        labels: impl IntoTensor,
        pos_weight: impl Into<Factor>,
    ) -> Result<Tensor> {
        let (labels, pos_weight) = (labels.tensor(Some(self))?, pos_weight.into());
        let g = self.graph();
        g.composite("logistic_loss", |scope| {
            check_shapes(self, &labels)?;
            let extra = match pos_weight {
                Factor::Number(weight) => times(&(weight - 1.0), &labels)?,
                Factor::Tensor(weight) => times(&minus(&weight, &1.0)?, &labels)?,
            };
            let weight = plus(&1.0, &extra)?;
            let linear = times(&minus(&1.0, &labels)?, self)?;
            let soft = self.abs()?.negative()?.exp()?.log1p()?;
            let soft = plus(&soft, &self.negative()?.relu()?)?;
            let weighted = times(&weight, &soft)?;
            g.named(scope, || add(&linear, &weighted))
        })
    }
}

fn check_shapes(logits: &Tensor, labels: &Tensor) -> Result<()> {
    let (logits, labels) = (logits.shape(), labels.shape());
    match logits.merge(&labels) {
        Ok(_) => Ok(()),
        Err(_) => {
            Err(Error::shape(format!("logits and labels must have the same shape, but have {logits} and {labels}")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dtype::DType;
    use crate::graph::Graph;
    use crate::session::Session;
    use crate::shape;

    #[track_caller]
    fn check(loss: Result<Tensor>, want: &[f32]) {
        let loss = loss.unwrap();
        let got = Session::new(loss.graph()).unwrap().run(&loss).unwrap();
        for (got, want) in got.slice::<f32>().unwrap().iter().zip(want) {
            assert!((got - want).abs() < 1e-6 * want.abs().max(1.0), "{got} is not {want}");
        }
    }

    /// From TensorFlow 1.15.5.
    #[test]
    fn losses_are_those_of_tensorflow() {
        let g = Graph::new();
        let x = g.constant([-100.0f32, -1.0, 0.0, 0.5, 100.0]).unwrap();
        let p = g.constant([0.0f32, 1.0, 0.5, 0.25, 0.0]).unwrap();
        check(x.sigmoid_cross_entropy_with_logits(&p), &SIGMOID);
        check(x.weighted_cross_entropy_with_logits(&p, 2.0), &WEIGHTED);
        check(x.weighted_cross_entropy_with_logits(&p, g.constant(2.0f32).unwrap()), &WEIGHTED);
    }

    const SIGMOID: [f32; 5] = [0.0, 1.313_261_7, std::f32::consts::LN_2, 0.849_077, 100.0];
    const WEIGHTED: [f32; 5] = [0.0, 2.626_523_4, 1.039_720_8, 0.967_596_2, 100.0];

    #[test]
    fn labels_of_another_shape_are_refused() {
        let g = Graph::new();
        let of = |shape| g.placeholder(DType::F32, shape).unwrap();
        let error = of(shape![2, 3]).sigmoid_cross_entropy_with_logits(of(shape![3])).unwrap_err();
        assert!(error.message().contains("must have the same shape, but have (2, 3) and (3,)"), "{error}");
    }
}
