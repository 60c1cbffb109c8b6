//! `Assert`: ends the run where a condition is false.

use std::sync::Arc;

use super::summarize::summarize;
use crate::error::{Error, ErrorKind, Result};
use crate::graph::{AttrValue, Attrs, Effect, Example, InferCx, Op, OpKind, Operation, RunCx, Tensor};
use crate::value::IntoValue;

/// Ends the run where a condition is false, and says what the data is.
#[derive(Debug, Clone)]
pub struct Assert {
    /// How many elements of each tensor are shown.
    pub summarize: i64,
}

/// The row of [`Assert`].
pub static ASSERT: OpKind = OpKind::new("Assert", "condition: bool, data: [T] ->", parse, examples)
    .effect(Effect::Outside)
    .not_differentiable("it has no outputs");

impl Tensor {
    /// Ends the run with `CheckFailed`, and the first elements of `data`, unless this scalar is true. The check is
    /// made only where something waits for it: see `control_dependencies` and [`Tensor::after`].
    ///
    /// # Errors
    /// `ShapeMismatch` unless the condition is a scalar; `DTypeMismatch` unless it is bool.
    #[doc(alias = "tf.Assert")]
    #[track_caller]
    pub fn assert(&self, data: &[&Tensor]) -> Result<Operation> {
        let inputs: Vec<&Tensor> = std::iter::once(self).chain(data.iter().copied()).collect();
        self.graph().composite("Assert", |_| self.graph().apply(Assert { summarize: 3 }, &inputs))
    }
}

fn parse(attrs: &Attrs) -> Result<Arc<dyn Op>> {
    Ok(Arc::new(Assert { summarize: attrs.int_or("summarize", 3)? }))
}

fn examples() -> Vec<Example> {
    let inputs = [true.into_value(), "is wrong".into_value(), [1i32, 2].into_value()];
    vec![Example::new(Assert { summarize: 3 }, inputs)]
}

impl Op for Assert {
    fn kind(&self) -> &'static OpKind {
        &ASSERT
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        cx.shape(0).with_rank(0)?;
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        if cx.input(0).scalar::<bool>()? {
            return Ok(());
        }
        let data: Vec<_> =
            (1..cx.n_inputs()).map(|i| format!("[{}]", summarize(cx.input(i), self.summarize))).collect();
        Err(Error::new(ErrorKind::CheckFailed, format!("assertion failed: {}", data.join(" "))))
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        vec![("summarize", AttrValue::Int(self.summarize))]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dtype::DType;
    use crate::graph::Graph;
    use crate::session::Session;
    use crate::shape;

    #[test]
    fn a_false_condition_ends_the_run_and_shows_the_data() -> Result<()> {
        let g = Graph::new();
        let ok = g.placeholder(DType::Bool, shape![])?;
        let check = ok.assert(&[&g.constant("is wrong")?, &g.constant([0i32, 1, 2, 3])?])?;
        assert_eq!(check.name(), "Assert/Assert");
        let x = g.constant(5i32)?.after(&check)?;
        let sess = Session::new(&g)?;
        assert_eq!(sess.run_with(&x, crate::feeds! { &ok => true })?.scalar::<i32>()?, 5);
        let error = sess.run_with(&x, crate::feeds! { &ok => false }).unwrap_err();
        assert_eq!(
            (error.kind(), error.message()),
            (ErrorKind::CheckFailed, "assertion failed: [is wrong] [0 1 2...]")
        );
        assert!(g.constant([true, false])?.assert(&[]).is_err());
        Ok(())
    }
}
