//! `StringJoin`: strings of several tensors, one behind the other.

use std::sync::Arc;

use super::{NO_GRADIENT, bytes_or, joined, make_strings};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::graph::{AttrValue, Attrs, Example, InferCx, Op, OpKind, RunCx};
use crate::shape::Shape;
use crate::value::{IntoValue, Value};

/// The strings at each place of all inputs, joined; a scalar stands at every place: `(..), (), (..) -> (..)`.
#[derive(Debug, Clone)]
pub struct StringJoin {
    /// What stands between them.
    pub separator: Vec<u8>,
}

/// The row of [`StringJoin`].
pub static STRING_JOIN: OpKind =
    OpKind::new("StringJoin", "inputs: N*string -> output: string", parse, examples).not_differentiable(NO_GRADIENT);

fn parse(attrs: &Attrs) -> Result<Arc<dyn Op>> {
    Ok(Arc::new(StringJoin { separator: bytes_or(attrs, "separator", "")? }))
}

fn examples() -> Vec<Example> {
    let of = |separator: &str, inputs: Vec<Value>| Example::new(StringJoin { separator: separator.into() }, inputs);
    let none = || Value::zeros(DType::String, &[2, 0]).expect("no elements");
    vec![
        of(", ", vec![["a", "b"].into_value(), "-".into_value(), ["c", "d"].into_value()]),
        of("", vec!["a".into_value(), "b".into_value()]),
        of("", vec![none(), "b".into_value()]),
    ]
}

impl Op for StringJoin {
    fn kind(&self) -> &'static OpKind {
        &STRING_JOIN
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        let mut shapes = (0..cx.n_inputs()).map(|i| cx.shape(i)).filter(|shape| shape.rank() != Some(0)).peekable();
        let shape = match shapes.peek() {
            None => Shape::scalar(),
            // An unknown rank may be that of a scalar: it says nothing of the others.
            Some(_) => shapes
                .filter(|shape| shape.rank().is_some())
                .try_fold(Shape::unknown(), |all, shape| all.merge(shape))?,
        };
        cx.output(DType::String, shape);
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let inputs: Vec<&Value> = (0..cx.n_inputs()).map(|i| cx.input(i)).collect();
        let dims = inputs.iter().map(|value| value.dims()).find(|dims| !dims.is_empty()).unwrap_or_default();
        if let Some(other) = inputs.iter().find(|value| value.rank() > 0 && value.dims() != dims) {
            let have = other.dims();
            return Err(Error::shape(format!("strings to join must have one shape, but have {dims:?} and {have:?}")));
        }
        let columns = inputs.iter().map(|value| value.strings()).collect::<Result<Vec<_>>>()?;
        let work = cx.workspace();
        let value = make_strings(cx, dims, &|i, pace| {
            let row = columns.iter().map(|column| &column[if column.len() == 1 { 0 } else { i }][..]);
            joined(work, pace, row, &self.separator)
        })?;
        cx.output(0, value);
        Ok(())
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        vec![("separator", AttrValue::Str(self.separator.clone()))]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{infer_err, infer_ok};

    #[test]
    fn scalars_fit_every_shape() {
        let op = StringJoin { separator: Vec::new() };
        infer_ok(&op, "string(?,3);string();string(2,?)", "(2,3)");
        infer_ok(&op, "string();string()", "()");
        infer_ok(&op, "string<unknown>;string(2)", "(2)");
        infer_ok(&op, "string<unknown>;string()", "<unknown>");
        infer_err(&op, "string(2);string(3)", "are 2 and 3");
    }
}
