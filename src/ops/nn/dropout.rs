//! `dropout`: some elements become zero, and the others make up for them. The nodes are those of TF1.

use super::factor::Factor;
use crate::error::{Error, Result};
use crate::graph::Tensor;
use crate::ops::math::operators::{minus, over, times};
use crate::ops::random::{DrawShape, Uniform};

impl Tensor {
    /// Sets elements to zero with probability `rate`, and scales the others by `1 / (1 - rate)`, so that the sum is
    /// expected to stay. Floating-point numbers; the shape stays. A rate of 0 answers this tensor itself.
    ///
    /// Each run draws anew; `seed` is the op's seed, see [`Graph::set_random_seed`](crate::Graph::set_random_seed).
    ///
    /// # Errors
    /// `InvalidArgument` for a rate outside of `[0, 1)`; `ShapeMismatch` for a rate that is no scalar;
    /// `DTypeMismatch`.
    ///
    /// Source: TensorFlow's `tf.nn.dropout`.
    ///
    /// ```
    /// # use sessile::prelude::*;
    /// # fn main() -> sessile::Result<()> {
    /// let g = Graph::new();
    /// let x = g.placeholder(DType::F32, shape![?, 3])?;
    /// assert_eq!(x.dropout(0.25, None)?.shape().to_string(), "(?, 3)");
    /// # Ok(()) }
    /// ```
    #[doc(alias = "tf.nn.dropout")]
    #[track_caller]
    pub fn dropout(&self, rate: impl Into<Factor>, seed: Option<i64>) -> Result<Tensor> {
        dropout(self, rate.into(), None, seed)
    }

    /// As [`Tensor::dropout`], with one draw for all elements along the axes where `noise_shape` has size 1.
    ///
    /// # Errors
    /// `ShapeMismatch` for a noise that does not broadcast to the tensor.
    #[doc(alias = "tf.nn.dropout")]
    #[track_caller]
    pub fn dropout_with_noise(
        &self,
        rate: impl Into<Factor>,
        noise_shape: impl Into<DrawShape>,
        seed: Option<i64>,
    ) -> Result<Tensor> {
        dropout(self, rate.into(), Some(noise_shape.into()), seed)
    }
}

#[track_caller]
fn dropout(x: &Tensor, rate: Factor, noise: Option<DrawShape>, seed: Option<i64>) -> Result<Tensor> {
    super::softmax::floating(x.dtype())?;
    let g = x.graph();
    match rate {
        Factor::Number(0.0) => return Ok(x.clone()),
        Factor::Number(rate) if !(0.0..1.0).contains(&rate) => {
            return Err(Error::invalid(format!("rate must be a scalar tensor or in the range [0, 1), but is {rate}")));
        }
        _ => (),
    }
    g.composite("dropout", |_| {
        let rate = match rate {
            Factor::Number(rate) => g.named("rate", || g.constant_as(x.dtype(), rate))?,
            Factor::Tensor(rate) => rate,
        };
        rate.shape().with_rank(0)?;
        let noise = match noise {
            Some(noise) => noise,
            None => x.shape_tensor()?.into(),
        };
        let uniform = Uniform { dtype: x.dtype(), seed, ..Uniform::default() };
        let drawn = g.random_uniform_with(noise, uniform)?;
        let scale = over(&1.0, &minus(&1.0, &rate)?)?;
        let stays = drawn.greater_equal(&rate)?;
        let dropped = times(&times(x, &scale)?, &stays.cast(x.dtype())?)?;
        dropped.set_shape(x.shape())?;
        Ok(dropped)
    })
}

#[cfg(test)]
mod tests {
    use crate::dtype::DType;
    use crate::graph::Graph;
    use crate::shape;

    /// From TensorFlow 1.15.5.
    #[test]
    fn nodes_are_those_of_tensorflow() {
        let g = Graph::new();
        let x = g.placeholder(DType::F32, shape![2, ?]).unwrap();
        let y = x.dropout(0.25, None).unwrap();
        assert_eq!(y.to_string(), r#"Tensor("dropout/mul_1:0", shape=(2, ?), dtype=float32)"#);
        let nodes = "rate Shape random_uniform/min random_uniform/max random_uniform/RandomUniform \
                     random_uniform/sub random_uniform/mul random_uniform sub/x sub truediv/x truediv GreaterEqual \
                     mul Cast mul_1";
        let names: Vec<_> = g.nodes().skip(1).map(|node| node.name().split_once('/').unwrap().1).collect();
        assert_eq!(names.join(" "), nodes);
        let noisy = g.named("foo", || x.dropout_with_noise(0.5, [2, 1], Some(3))).unwrap();
        assert_eq!((noisy.name(), noisy.shape().to_string()), ("foo/mul_1:0".into(), "(2, ?)".into()));
    }

    #[test]
    fn rates_outside_of_the_range_are_refused() {
        let g = Graph::new();
        let x = g.placeholder(DType::F32, shape![2, 3]).unwrap();
        assert_eq!(x.dropout(0.0, None).unwrap().name(), x.name());
        for rate in [1.0, -0.5, f64::NAN] {
            assert!(x.dropout(rate, None).unwrap_err().message().contains("in the range [0, 1)"), "{rate}");
        }
        let rates = g.placeholder(DType::F32, shape![3]).unwrap();
        assert!(x.dropout(&rates, None).unwrap_err().message().contains("rank 0"));
        let ints = g.placeholder(DType::I32, shape![2]).unwrap();
        assert!(ints.dropout(0.5, None).unwrap_err().message().contains("int32"));
    }
}
