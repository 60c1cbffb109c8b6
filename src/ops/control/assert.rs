//! `Assert`: ends the run where a condition is false.

use std::sync::Arc;

use super::fork::Fork;
use super::summarize::summarize;
use crate::dtype::DType;
use crate::error::{Error, ErrorKind, Result};
use crate::graph::{AttrValue, Attrs, Effect, Example, Graph, InferCx, Op, OpKind, Operation, RunCx, Tensor};
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

/// What an assertion shows: tensors, and texts.
pub trait AssertData {
    /// The tensor; a text becomes a constant of this name.
    ///
    /// # Errors
    /// Those of making a constant.
    fn shown(&self, g: &Graph, name: &str) -> Result<Tensor>;

    /// Whether this is a text.
    fn is_text(&self) -> bool {
        false
    }
}

impl AssertData for Tensor {
    fn shown(&self, _: &Graph, _: &str) -> Result<Tensor> {
        Ok(self.clone())
    }
}

impl AssertData for &str {
    #[track_caller]
    fn shown(&self, g: &Graph, name: &str) -> Result<Tensor> {
        g.named(name, || g.constant(*self))
    }

    fn is_text(&self) -> bool {
        true
    }
}

impl AssertData for String {
    #[track_caller]
    fn shown(&self, g: &Graph, name: &str) -> Result<Tensor> {
        self.as_str().shown(g, name)
    }

    fn is_text(&self) -> bool {
        true
    }
}

impl<T: AssertData> AssertData for &T {
    #[track_caller]
    fn shown(&self, g: &Graph, name: &str) -> Result<Tensor> {
        (**self).shown(g, name)
    }

    fn is_text(&self) -> bool {
        (**self).is_text()
    }
}

impl Tensor {
    /// Ends the run with `CheckFailed`, and the first elements of `data`, unless this scalar is true. The check is
    /// made only where something waits for it: see `control_dependencies` and [`Tensor::after`].
    ///
    /// # Errors
    /// `ShapeMismatch` unless the condition is a scalar; `DTypeMismatch` unless it is bool.
    ///
    /// ```
    /// # use sessile::prelude::*;
    /// # fn main() -> sessile::Result<()> {
    /// let g = Graph::new();
    /// let x = g.placeholder(DType::F32, shape![])?;
    /// let check = x.greater(0.0)?.assert(&[&"x must be positive, but is", &x])?;
    /// let root = g.control_dependencies(&[check], || x.sqrt())?;
    /// let error = Session::new(&g)?.run_with(&root, feeds! { x => -1.0f32 }).unwrap_err();
    /// assert_eq!(error.message(), "assertion failed: [x must be positive, but is] [-1]");
    /// # Ok(()) }
    /// ```
    #[doc(alias = "tf.Assert")]
    #[track_caller]
    pub fn assert(&self, data: &[&dyn AssertData]) -> Result<Operation> {
        self.assert_showing(data, 3)
    }

    /// As [`Tensor::assert`], showing this many elements of each tensor; -1 shows all.
    ///
    /// # Errors
    /// As there.
    #[doc(alias = "tf.Assert")]
    #[track_caller]
    pub fn assert_showing(&self, data: &[&dyn AssertData], summarize: i64) -> Result<Operation> {
        let g = self.graph().root();
        g.composite("Assert", |_| {
            let shown = data.iter().map(|data| data.shown(g, "Const")).collect::<Result<Vec<_>>>()?;
            // TF1 takes text and int32 to be at hand, and guards the check where other data would have to be fetched.
            if shown.iter().all(|tensor| matches!(tensor.dtype(), DType::String | DType::I32)) {
                return g.apply(Assert { summarize }, &with_first(self, &shown));
            }
            g.composite("AssertGuard", |_| guarded(g, self, data, summarize))
        })
    }
}

fn with_first<'a>(first: &'a Tensor, others: &'a [Tensor]) -> Vec<&'a Tensor> {
    std::iter::once(first).chain(others).collect()
}

/// The check on one side of a fork: where the condition holds nothing is done.
fn guarded(g: &Graph, condition: &Tensor, data: &[&dyn AssertData], summarize: i64) -> Result<Operation> {
    let fork = Fork::of(g, condition)?;
    let nothing = g.control_dependencies(&[fork.yes.operation()], || g.no_op())?;
    let passed = fork.yes.after(&nothing)?;
    let check = g.control_dependencies(&[fork.no.operation()], || {
        let shown = data.iter().enumerate().map(|(i, data)| data.shown(g, &format!("Assert/data_{i}")));
        let shown = shown.collect::<Result<Vec<_>>>()?;
        let on_this_side = |tensor: &Tensor| fork.if_not(g, tensor, "Assert/Switch");
        let mut switched = vec![on_this_side(condition)?];
        for (data, tensor) in data.iter().zip(shown) {
            // A text is made on this side.
            switched.push(if data.is_text() { tensor } else { on_this_side(&tensor)? });
        }
        g.apply(Assert { summarize }, &switched.iter().collect::<Vec<_>>())
    })?;
    let failed = fork.no.after(&check)?;
    Ok(g.merge(&[failed, passed])?.0.operation())
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
        let one = |i| Ok(format!("[{}]", summarize(cx.workspace(), cx.input(i), self.summarize)?));
        let data = (1..cx.n_inputs()).map(one).collect::<Result<Vec<_>>>()?;
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
