//! `CheckNumerics`: ends the run at the first infinite or NaN element.

use std::sync::Arc;

use crate::error::{Error, ErrorKind, Result};
use crate::graph::{AttrValue, Attrs, Example, GradCx, InferCx, Op, OpKind, RunCx, Tensor};
use crate::value::IntoValue;
use crate::with_type;

/// Elements between two looks at the limits of the run.
const PART: usize = 1 << 16;

/// Passes floats on, and ends the run where one of them is infinite or NaN.
#[derive(Debug, Clone)]
pub struct CheckNumerics {
    /// What the error begins with.
    pub message: String,
}

/// The row of [`CheckNumerics`].
pub static CHECK_NUMERICS: OpKind = OpKind::new("CheckNumerics", "tensor: T -> output: T", parse, examples);

impl Tensor {
    /// The same tensor; a run ends with `CheckFailed` where an element is infinite or NaN. Floats only.
    ///
    /// # Errors
    /// `Unsupported` for another dtype.
    #[doc(alias = "tf.check_numerics")]
    #[track_caller]
    pub fn check_numerics(&self, message: &str) -> Result<Tensor> {
        self.graph().apply_one(CheckNumerics { message: message.to_owned() }, &[self])
    }

    /// As [`Tensor::check_numerics`], with the nodes of TF1's `verify_tensor_all_finite`: the tensor behind the check.
    ///
    /// # Errors
    /// As there.
    #[doc(alias = "tf.verify_tensor_all_finite")]
    #[track_caller]
    pub fn verify_all_finite(&self, message: &str) -> Result<Tensor> {
        self.graph().composite("VerifyFinite", |_| self.after(self.check_numerics(message)?))
    }
}

fn parse(attrs: &Attrs) -> Result<Arc<dyn Op>> {
    Ok(Arc::new(CheckNumerics { message: attrs.str("message")? }))
}

fn examples() -> Vec<Example> {
    let op = || CheckNumerics { message: "x".to_owned() };
    vec![Example::new(op(), [[1.0f32, -2.0].into_value()]), Example::new(op(), [[[0.0f64]].into_value()])]
}

impl Op for CheckNumerics {
    fn kind(&self) -> &'static OpKind {
        &CHECK_NUMERICS
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        if !cx.dtype(0).is_floating() {
            return Err(Error::unsupported(format!(
                "only floats are infinite or NaN, but the tensor is {}",
                cx.dtype(0)
            )));
        }
        cx.output_like(0);
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let found = match what_is_wrong(cx)? {
            (false, false) => {
                let value = cx.take(0);
                cx.output(0, value);
                return Ok(());
            }
            (true, false) => "inf",
            (false, true) => "nan",
            (true, true) => "inf and nan",
        };
        Err(Error::new(ErrorKind::CheckFailed, format!("{} : tensor had {found} values", self.message)))
    }

    fn grad(&self, cx: &GradCx<'_>) -> Result<Vec<Option<Tensor>>> {
        let kind = "Not a number (NaN) or infinity (Inf) values detected in gradient.";
        Ok(vec![Some(cx.dy()?.check_numerics(&format!("{kind} {}", self.message))?)])
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        vec![("message", AttrValue::Str(self.message.as_bytes().to_vec()))]
    }
}

/// Whether there is an infinite element, and whether there is NaN.
fn what_is_wrong(cx: &RunCx<'_>) -> Result<(bool, bool)> {
    let (value, mut pace) = (cx.input(0), cx.pace());
    with_type!(value.dtype(), T in floats => {
        let (mut is_infinite, mut is_nan) = (false, false);
        for part in value.slice::<T>()?.chunks(PART) {
            pace.spend(part.len())?;
            // A pass without early exit is vectorized, and bad elements are rare.
            if !part.iter().fold(true, |fine, x| fine & x.is_finite()) {
                is_infinite |= part.iter().any(|x| x.is_infinite());
                is_nan |= part.iter().any(|x| x.is_nan());
            }
        }
        Ok((is_infinite, is_nan))
    }, else => Err(Error::unsupported(format!("only floats are infinite or NaN, but the tensor is {}", value.dtype()))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::run_op;

    #[track_caller]
    fn refused(value: impl IntoValue, want: &str) {
        let error = run_op(CheckNumerics { message: "x".to_owned() }, &[value.into_value()]).unwrap_err();
        assert_eq!((error.kind(), error.message()), (ErrorKind::CheckFailed, want));
    }

    #[test]
    fn infinite_and_nan_are_told_apart() {
        refused([1.0f32, f32::INFINITY], "x : tensor had inf values");
        refused([f64::NAN], "x : tensor had nan values");
        refused([f32::NAN, -f32::INFINITY], "x : tensor had inf and nan values");
    }
}
