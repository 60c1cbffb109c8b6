//! `RefSelect`: one of several references to variables.

use std::sync::Arc;

use crate::error::{Error, Result};
use crate::graph::{Attrs, Example, InferCx, Op, OpKind, Role, RunCx};
use crate::value::IntoValue;

/// The reference at the place that `index` says: `() int32, N refs -> ref`. Dims that differ are unknown.
///
/// Source: TensorFlow's `RefSelect`.
#[derive(Debug, Clone)]
pub struct RefSelect;

/// The row of [`RefSelect`].
pub static REF_SELECT: OpKind =
    OpKind::new("RefSelect", "index: int32, inputs: N*Ref(T) -> output: Ref(T)", parse, examples)
        .not_differentiable("a reference that is chosen by a value has no gradient");

fn parse(_: &Attrs) -> Result<Arc<dyn Op>> {
    Ok(Arc::new(RefSelect))
}

fn examples() -> Vec<Example> {
    let (one, other) = ([[1.0f32, 2.0]].into_value(), [[3.0f32, 4.0]].into_value());
    vec![Example::new(RefSelect, [1.into_value(), one, other])]
}

impl Op for RefSelect {
    fn kind(&self) -> &'static OpKind {
        &REF_SELECT
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        cx.shape(0).with_rank(0)?;
        if cx.n_inputs() < 2 {
            return Err(Error::invalid("there must be at least 1 reference to select, but there is none"));
        }
        let shape = (2..cx.n_inputs()).fold(cx.shape(1).clone(), |shape, i| shape.join(cx.shape(i)));
        cx.output_variable(cx.dtype(1), shape, Role::Ref);
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        select(cx)
    }
}

/// [`RefSelect`] where values have taken the place of variables, as in a frozen graph: TensorFlow has no op for it.
#[derive(Debug, Clone)]
pub struct SelectValue;

static SELECT_VALUE: OpKind = OpKind::custom("SelectValue", "index: int32, inputs: N*T -> output: T")
    .not_differentiable("what is chosen by a value has no gradient");

impl Op for SelectValue {
    fn kind(&self) -> &'static OpKind {
        &SELECT_VALUE
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        RefSelect.infer(cx)?;
        cx.last_output().role = Role::Value;
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        select(cx)
    }
}

fn select(cx: &mut RunCx<'_>) -> Result<()> {
    let (index, n) = (cx.input(0).scalar::<i32>()?, cx.n_inputs() - 1);
    let chosen = usize::try_from(index).ok().filter(|index| *index < n);
    let chosen = chosen.ok_or_else(|| Error::invalid(format!("index must be in [0, {n}), but is {index}")))?;
    let selected = cx.take(chosen + 1);
    cx.output(0, selected);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dtype::DType;
    use crate::error::ErrorKind;
    use crate::graph::Graph;
    use crate::ops::state::{Assign, Spelling};
    use crate::session::Session;
    use crate::{feeds, shape};

    #[test]
    fn a_write_goes_to_the_selected_variable() -> Result<()> {
        let g = Graph::new();
        let (v, u) = (g.variable(1.0f32)?, g.variable(2.0f32)?);
        let index = g.placeholder(DType::I32, shape![])?;
        let one = g.apply_one(RefSelect, &[&index, &v.handle(), &u.handle()])?;
        let write =
            g.apply_one(Assign { spelling: Spelling::Ref, validate_shape: true }, &[&one, &g.constant(5.0f32)?])?;
        let sess = Session::new(&g)?;
        sess.run(&g.global_variables_initializer()?)?;
        sess.run_with(&write.operation(), feeds! { &index => 1 })?;
        let values = sess.run((&v, &u))?;
        assert_eq!((values.0.scalar::<f32>()?, values.1.scalar::<f32>()?), (1.0, 5.0));
        let error = sess.run_with(&write.operation(), feeds! { &index => 2 }).unwrap_err();
        assert_eq!((error.kind(), error.message()), (ErrorKind::InvalidArgument, "index must be in [0, 2), but is 2"));
        Ok(())
    }
}
