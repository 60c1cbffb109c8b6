//! `LeakyRelu`: a rectifier that lets a part of what is below 0 through.

use std::sync::Arc;

use super::activation::lit;
use super::dtypes::{Dtypes, check_dtype, unsupported};
use super::elementwise::map;
use super::unary_grad::LeakyReluGrad;
use crate::error::Result;
use crate::graph::{AttrValue, Attrs, Example, GradCx, InferCx, Op, OpKind, RunCx, Tensor};
use crate::kernel::Number;
use crate::value::IntoValue;
use crate::with_type;

/// `x` where it is above 0, `alpha * x` elsewhere.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LeakyRelu {
    /// The slope for elements below 0.
    pub alpha: f32,
}

/// TensorFlow's default slope.
pub(super) const ALPHA: f32 = 0.2;

/// The row of [`LeakyRelu`].
pub static LEAKY_RELU: OpKind = OpKind::new("LeakyRelu", "features: T -> activations: T", parse, examples);

impl Tensor {
    /// `x` where it is above 0, `alpha * x` elsewhere (TensorFlow's default is 0.2); floats, shape and dtype stay.
    ///
    /// Source: Maas et al., "Rectifier nonlinearities improve neural network acoustic models".
    #[doc(alias = "tf.nn.leaky_relu")]
    #[track_caller]
    pub fn leaky_relu(&self, alpha: f32) -> Result<Tensor> {
        self.graph().apply_one(LeakyRelu { alpha }, &[self])
    }
}

fn parse(attrs: &Attrs) -> Result<Arc<dyn Op>> {
    Ok(Arc::new(LeakyRelu { alpha: attrs.float_or("alpha", ALPHA)? }))
}

fn examples() -> Vec<Example> {
    vec![
        Example::new(LeakyRelu { alpha: ALPHA }, [[1.0f32, -2.0].into_value()]),
        Example::new(LeakyRelu { alpha: 0.5 }, [[f64::NAN].into_value()]),
    ]
}

impl Op for LeakyRelu {
    fn kind(&self) -> &'static OpKind {
        &LEAKY_RELU
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        check_dtype(Dtypes::Floats, cx.dtype(0))?;
        cx.output_like(0);
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let (dtype, alpha) = (cx.input(0).dtype(), f64::from(self.alpha));
        with_type!(dtype, T in floats => {
            let alpha = T::narrow(lit(alpha));
            map(cx, |x: T| if x > T::ZERO { x } else { x.times(alpha) })
        }, else => Err(unsupported(dtype)))
    }

    fn grad(&self, cx: &GradCx<'_>) -> Result<Vec<Option<Tensor>>> {
        let dx = cx.graph().apply_one(LeakyReluGrad { alpha: self.alpha }, &[cx.dy()?, &cx.input(0)])?;
        Ok(vec![Some(dx)])
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        vec![("alpha", AttrValue::Float(self.alpha))]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::run_op;

    #[test]
    fn results_are_those_of_tensorflow() {
        let x = [-0.5f32, -0.0, f32::NAN, f32::NEG_INFINITY, 2.0].into_value();
        let out = run_op(LeakyRelu { alpha: ALPHA }, &[x]).unwrap();
        assert_eq!(out[0].to_string(), "[-0.1 -0.   nan -inf  2. ]");
    }
}
