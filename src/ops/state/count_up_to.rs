//! `CountUpTo`: a counter that ends.

use std::sync::Arc;

use super::read::uninitialized;
use super::variable::Variable;
use crate::error::{Error, ErrorKind, Result};
use crate::graph::{AttrValue, Attrs, Effect, Example, InferCx, Op, OpKind, RunCx, Tensor, to_ints};
use crate::value::{IntoValue, Value};

/// Adds one to a scalar variable and answers what it was, until it reaches the limit.
#[derive(Debug, Clone)]
pub struct CountUpTo {
    /// Where counting ends.
    pub limit: i64,
}

/// The row of [`CountUpTo`].
pub static COUNT_UP_TO: OpKind = OpKind::new("CountUpTo", "ref: Ref(T) -> output: T", parse, examples)
    .aliases(&["ResourceCountUpTo"])
    .effect(Effect::Writes)
    .not_differentiable("a counter has no gradient");

impl Variable {
    /// What the counter is, which is one more afterwards; int32 or int64, `() -> ()`.
    ///
    /// # Errors
    /// `ShapeMismatch`, `DTypeMismatch`; a run fails with `EndOfSequence` once the limit is reached.
    #[doc(alias = "tf.count_up_to")]
    #[track_caller]
    pub fn count_up_to(&self, limit: i64) -> Result<Tensor> {
        self.graph().apply_one(CountUpTo { limit }, &[&self.handle()])
    }
}

fn parse(attrs: &Attrs) -> Result<Arc<dyn Op>> {
    Ok(Arc::new(CountUpTo { limit: attrs.int("limit")? }))
}

fn examples() -> Vec<Example> {
    vec![
        Example::new(CountUpTo { limit: 5 }, [3i32.into_value()]),
        Example::new(CountUpTo { limit: 5 }, [3i64.into_value()]),
    ]
}

impl Op for CountUpTo {
    fn kind(&self) -> &'static OpKind {
        &COUNT_UP_TO
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        super::scatter::check_index(cx.dtype(0))?;
        let shape = cx.shape(0).with_rank(0)?;
        cx.output(cx.dtype(0), shape);
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let var = cx.variable(0)?;
        let mut before = None;
        cx.state()?.update(&var, &mut |old| {
            let old = old.ok_or_else(|| uninitialized(&var))?;
            let count = to_ints(&old).and_then(|ints| ints.first().copied());
            let count = count.ok_or_else(|| Error::shape("a counter must be a scalar, but is empty"))?;
            if count >= self.limit {
                return Err(Error::new(ErrorKind::EndOfSequence, format!("reached limit of {}", self.limit)));
            }
            let next = match old.slice::<i32>() {
                Ok(_) => Value::scalar_of((count + 1) as i32),
                Err(_) => Value::scalar_of(count + 1),
            };
            before = Some(old);
            Ok(next)
        })?;
        cx.output(0, before.ok_or_else(|| Error::internal("an update is applied once"))?);
        Ok(())
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        vec![("limit", AttrValue::Int(self.limit))]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Graph;
    use crate::session::Session;

    #[test]
    fn a_counter_ends_at_its_limit() -> Result<()> {
        let g = Graph::new();
        let v = g.variable(0)?;
        let count = v.count_up_to(2)?;
        let sess = Session::new(&g)?;
        sess.run(v.initializer())?;
        assert_eq!([sess.run(&count)?.scalar::<i32>()?, sess.run(&count)?.scalar::<i32>()?], [0, 1]);
        let error = sess.run(&count).unwrap_err();
        assert_eq!((error.kind(), error.message()), (ErrorKind::EndOfSequence, "reached limit of 2"));
        Ok(())
    }
}
