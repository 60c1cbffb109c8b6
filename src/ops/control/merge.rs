//! `Merge`: joins the branches of a `Switch`.

use std::sync::Arc;

use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::graph::{Attrs, Example, Fact, Flow, Graph, InferCx, Op, OpKind, Role, RunCx, Tensor};
use crate::shape::Shape;
use crate::value::{IntoValue, Value};

/// The first input that has a value, and which it is: `T.., T.., .. -> T.., () int32`. Dims that differ are unknown.
#[derive(Debug, Clone)]
pub struct Merge {
    /// Whether the inputs are TF1's references to variables (`RefMerge`).
    pub is_ref: bool,
}

/// The row of [`Merge`].
pub static MERGE: OpKind = OpKind::new("Merge", "inputs: N*T -> output: T, value_index: int32", parse, examples)
    .flow(Flow::Merge)
    .takes_handles();

/// The row of [`Merge`] for references.
pub static REF_MERGE: OpKind =
    OpKind::new("RefMerge", "inputs: N*Ref(T) -> output: Ref(T), value_index: int32", parse_ref, ref_examples)
        .flow(Flow::Merge);

impl Graph {
    /// The branch that was taken, and its place in the list: the counterpart of [`Graph::switch`].
    ///
    /// # Errors
    /// `DTypeMismatch`; `InvalidArgument` for no inputs.
    ///
    /// ```
    /// # use sessile::prelude::*;
    /// # fn main() -> sessile::Result<()> {
    /// let g = Graph::new();
    /// let [no, yes] = g.switch(&g.constant(3)?, &g.constant(true)?)?;
    /// let (out, _) = g.merge(&[no, (yes + 1)?])?;
    /// assert_eq!(Session::new(&g)?.run(&out)?.to_string(), "4");
    /// # Ok(()) }
    /// ```
    #[doc(alias = "tf.merge")]
    #[track_caller]
    pub fn merge(&self, branches: &[Tensor]) -> Result<(Tensor, Tensor)> {
        let is_ref = branches.iter().all(|branch| branch.fact().role == Role::Ref);
        let operation = self.apply(Merge { is_ref }, &branches.iter().collect::<Vec<_>>())?;
        Ok((operation.output(0)?, operation.output(1)?))
    }
}

fn parse(_: &Attrs) -> Result<Arc<dyn Op>> {
    Ok(Arc::new(Merge { is_ref: false }))
}

fn parse_ref(_: &Attrs) -> Result<Arc<dyn Op>> {
    Ok(Arc::new(Merge { is_ref: true }))
}

fn inputs() -> [Value; 2] {
    [[1.0f32, 2.0].into_value(), [3.0f32, 4.0].into_value()]
}

fn examples() -> Vec<Example> {
    vec![Example::new(Merge { is_ref: false }, inputs())]
}

fn ref_examples() -> Vec<Example> {
    vec![Example::new(Merge { is_ref: true }, inputs())]
}

impl Op for Merge {
    fn kind(&self) -> &'static OpKind {
        if self.is_ref { &REF_MERGE } else { &MERGE }
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        if cx.n_inputs() == 0 {
            return Err(Error::invalid("a merge must have at least 1 input, but has none"));
        }
        let first = cx.fact(0);
        let shape = (1..cx.n_inputs()).fold(first.shape.clone(), |shape, i| shape.join(cx.shape(i)));
        let elements = (1..cx.n_inputs()).try_fold(first.clone(), |all, i| {
            let elements = Some(all.join_elements(cx.fact(i))?);
            Some(Fact { elements, ..all })
        });
        let output = cx.output(first.dtype, shape);
        output.role = first.role;
        output.elements = elements.and_then(|all| all.elements);
        cx.output(DType::I32, Shape::scalar());
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let live = (0..cx.n_inputs()).find(|i| cx.has_input(*i));
        let live = live.ok_or_else(|| Error::internal("a merge runs only where an input has a value"))?;
        let value = cx.take(live);
        cx.output(0, value);
        cx.output(1, Value::scalar_of(live as i32));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{infer_err, infer_ok};

    #[test]
    fn shapes_hold_for_every_branch() {
        let op = Merge { is_ref: false };
        infer_ok(&op, "(2,3);(2,3)", "(2,3);()");
        infer_ok(&op, "(2,3);(4,3)", "(?,3);()");
        infer_ok(&op, "(2,3);(4)", "<unknown>;()");
        infer_err(&op, "(2);int32(2)", "one dtype");
        infer_err(&op, "", "at least 1");
    }
}
