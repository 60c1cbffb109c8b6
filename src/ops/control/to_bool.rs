//! `ToBool`: what a condition takes a tensor for.

use std::sync::Arc;

use super::bodies::is_true;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::graph::{Attrs, Example, InferCx, Op, OpKind, RunCx};
use crate::shape::Shape;
use crate::value::{IntoValue, Value};

/// Whether a scalar is a number other than 0 or a text that is not empty, or whether a tensor has elements.
#[derive(Debug, Clone)]
pub struct ToBool;

/// The row of [`ToBool`].
pub static TO_BOOL: OpKind = OpKind::new(
    "ToBool",
    "input: T -> output: bool",
    |_: &Attrs| Ok(Arc::new(ToBool) as Arc<dyn Op>),
    || {
        let example = |value: Value| Example::new(ToBool, [value]);
        vec![
            example(0.5f32.into_value()),
            example("".into_value()),
            example(Vec::<i32>::new().into_value()),
            example([[0i64]].into_value()),
        ]
    },
)
.not_differentiable("true and false have no neighbours");

impl Op for ToBool {
    fn kind(&self) -> &'static OpKind {
        &TO_BOOL
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        if matches!(cx.dtype(0), DType::Resource | DType::Variant) {
            return Err(Error::dtype(format!("a condition must be a number, bool or string, but is {}", cx.dtype(0))));
        }
        cx.output(DType::Bool, Shape::scalar());
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let truth = is_true(cx.input(0))?;
        cx.output(0, truth.into_value());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::run_op;

    #[track_caller]
    fn check(value: impl IntoValue, want: bool) {
        assert_eq!(run_op(ToBool, &[value.into_value()]).unwrap()[0].scalar::<bool>().unwrap(), want);
    }

    /// As TensorFlow 2.15.1 answers.
    #[test]
    fn numbers_texts_and_tensors_are_conditions() {
        check(0, false);
        check(-0.5f32, true);
        check("", false);
        check("a", true);
        check(Vec::<f32>::new(), false);
        check([false], true);
    }
}
