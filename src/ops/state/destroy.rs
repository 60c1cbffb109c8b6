//! `DestroyResourceOp`: takes a variable's value away.

use std::sync::Arc;

use crate::error::{Error, ErrorKind, Result, escape};
use crate::graph::{AttrValue, Attrs, Effect, Example, InferCx, Op, OpKind, RunCx, VarHandle};
use crate::value::IntoValue;

/// Takes a variable's value away: it is as if it had never been initialized.
///
/// Source: TensorFlow's `DestroyResourceOp`.
#[derive(Debug, Clone)]
pub struct DestroyResource {
    /// Whether a variable without a value is no error.
    pub ignore_lookup_error: bool,
}

/// The row of [`DestroyResource`].
pub static DESTROY_RESOURCE: OpKind = OpKind::new("DestroyResourceOp", "resource: object ->", parse, examples)
    .effect(Effect::Writes)
    .not_differentiable("it gives nothing");

fn parse(attrs: &Attrs) -> Result<Arc<dyn Op>> {
    Ok(Arc::new(DestroyResource { ignore_lookup_error: attrs.bool_or("ignore_lookup_error", true)? }))
}

fn examples() -> Vec<Example> {
    let of = |ignore_lookup_error| Example::new(DestroyResource { ignore_lookup_error }, [[1.0f32].into_value()]);
    vec![of(true), of(false)]
}

impl Op for DestroyResource {
    fn kind(&self) -> &'static OpKind {
        &DESTROY_RESOURCE
    }

    fn infer(&self, _: &mut InferCx<'_>) -> Result<()> {
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let var = cx.input(0).object::<VarHandle>();
        let var = var.ok_or_else(|| {
            Error::unsupported(
                "the handle must be that of a variable or of a table, but is that of an object of the run",
            )
        })?;
        let old = cx.state()?.clear(&var)?;
        if old.is_none() && !self.ignore_lookup_error {
            let text = format!("the variable '{}' has no value to destroy", escape(&var.name));
            return Err(Error::new(ErrorKind::NotFound, text));
        }
        Ok(())
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        vec![("ignore_lookup_error", AttrValue::Bool(self.ignore_lookup_error))]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Graph;
    use crate::session::Session;

    #[test]
    fn a_destroyed_variable_is_uninitialized() -> Result<()> {
        let g = Graph::new();
        let v = g.variable([1.0f32, 2.0])?;
        let destroy = |ignore_lookup_error| g.apply(DestroyResource { ignore_lookup_error }, &[&v.handle()]);
        let (gently, strictly) = (destroy(true)?, destroy(false)?);
        let sess = Session::new(&g)?;
        sess.run(v.initializer())?;
        sess.run(&strictly)?;
        assert_eq!(sess.run(&v).unwrap_err().kind(), ErrorKind::Uninitialized);
        sess.run(&gently)?;
        assert_eq!(sess.run(&strictly).unwrap_err().kind(), ErrorKind::NotFound);
        sess.run(v.initializer())?;
        assert_eq!(sess.run(&v)?.slice::<f32>()?, [1.0, 2.0]);
        Ok(())
    }
}
