//! `ReduceJoin`: strings joined along axes.

use std::sync::Arc;

use super::{NO_GRADIENT, bytes_or, joined, make_strings, offset, strides};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::graph::{AttrValue, Attrs, Example, InferCx, Op, OpKind, RunCx};
use crate::shape::{Dim, MAX_RANK, Shape, element_count, normalize_axes, normalize_axis};
use crate::value::{IntoValue, Value};

/// The strings along some axes joined, those of the first axis in the list next to each other: `(..), (k) -> (..)`.
#[derive(Debug, Clone)]
pub struct ReduceJoin {
    /// Whether the axes stay, with size 1.
    pub keep_dims: bool,
    /// What stands between the strings.
    pub separator: Vec<u8>,
}

/// The row of [`ReduceJoin`].
pub static REDUCE_JOIN: OpKind =
    OpKind::new("ReduceJoin", "inputs: string, reduction_indices: int32 -> output: string", parse, examples)
        .not_differentiable(NO_GRADIENT);

fn parse(attrs: &Attrs) -> Result<Arc<dyn Op>> {
    let (keep_dims, separator) = (attrs.bool_or("keep_dims", false)?, bytes_or(attrs, "separator", "")?);
    Ok(Arc::new(ReduceJoin { keep_dims, separator }))
}

fn examples() -> Vec<Example> {
    let of = |keep_dims, axes: Value| {
        let op = ReduceJoin { keep_dims, separator: b"-".to_vec() };
        Example::new(op, [[["a", "b", "c"], ["d", "e", "f"]].into_value(), axes])
    };
    let none = Value::zeros(DType::String, &[0, 2]).expect("no elements");
    let empty = Example::new(ReduceJoin { keep_dims: false, separator: Vec::new() }, [none, 0.into_value()]);
    vec![of(false, [1, 0].into_value()), of(true, [-1].into_value()), of(false, 0.into_value()), empty]
}

impl Op for ReduceJoin {
    fn kind(&self) -> &'static OpKind {
        &REDUCE_JOIN
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        cx.shape(1).with_rank_at_most(1)?;
        let shape = match (cx.shape(0).dims(), cx.ints(1)) {
            (Some(dims), Some(axes)) => {
                let axes = axes.iter().map(|axis| normalize_axis(*axis, dims.len())).collect::<Result<Vec<_>>>()?;
                Shape::from(self.reduced(dims, &axes, Dim::from(1)))
            }
            (Some(dims), None) if self.keep_dims => Shape::unknown_of_rank(dims.len()),
            _ => Shape::unknown(),
        };
        cx.output(DType::String, shape);
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let input = cx.input(0);
        if cx.input(1).len() > MAX_RANK {
            return Err(Error::invalid(format!("there can be at most {MAX_RANK} axes, but are {}", cx.input(1).len())));
        }
        let axes = cx.ints(cx.input(1))?;
        let (strings, dims, strides) = (input.strings()?, input.dims(), strides(input.dims()));
        let axes = normalize_axes(&axes, dims.len())?;
        let out_dims = self.reduced(dims, &axes, 1);
        element_count(&out_dims)?;
        let of = |axis: usize| (dims[axis], strides[axis]);
        let along: Vec<_> = axes.iter().rev().map(|axis| of(*axis)).collect();
        let kept: Vec<_> = (0..dims.len()).filter(|axis| !axes.contains(axis)).map(of).collect();
        // Where there is an output, this is 0 or at most the number of elements.
        let n = if strings.is_empty() { 0 } else { along.iter().map(|(len, _)| len).product() };
        let work = cx.workspace();
        let value = make_strings(cx, &out_dims, &|i, pace| {
            let start = offset(&kept, i);
            let row = (0..n).map(|j| &strings[start + offset(&along, j)][..]);
            joined(work, pace, row, &self.separator)
        })?;
        cx.output(0, value);
        Ok(())
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        vec![("keep_dims", AttrValue::Bool(self.keep_dims)), ("separator", AttrValue::Str(self.separator.clone()))]
    }
}

impl ReduceJoin {
    /// The dims of the result.
    fn reduced<D: Clone>(&self, dims: &[D], axes: &[usize], one: D) -> Vec<D> {
        let each = dims.iter().enumerate().filter_map(|(axis, dim)| match axes.contains(&axis) {
            false => Some(dim.clone()),
            true => self.keep_dims.then(|| one.clone()),
        });
        each.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{infer_ok, run_op};

    /// What TensorFlow 1.15.5 answers.
    #[test]
    fn the_first_axis_named_is_the_innermost() {
        let join = |axes: Value| {
            let op = ReduceJoin { keep_dims: false, separator: b"-".to_vec() };
            run_op(op, &[[["a", "b"], ["c", "d"]].into_value(), axes]).map(|mut out| out.remove(0))
        };
        assert!(join([0, 1].into_value()).unwrap().same_bits(&"a-c-b-d".into_value()));
        assert!(join([1, 0].into_value()).unwrap().same_bits(&"a-b-c-d".into_value()));
        assert!(join([1].into_value()).unwrap().same_bits(&["a-b", "c-d"].into_value()));
        let none = Value::zeros(DType::I32, &[0]).unwrap();
        assert!(join(none).unwrap().same_bits(&[["a", "b"], ["c", "d"]].into_value()));
        assert!(join([0, -2].into_value()).unwrap_err().message().contains("axes must be distinct"));
    }

    #[test]
    fn axes_that_are_not_known_may_be_any() {
        let op = |keep_dims| ReduceJoin { keep_dims, separator: Vec::new() };
        infer_ok(&op(false), "string(2,3);int32(?)", "<unknown>");
        infer_ok(&op(true), "string(2,3);int32(1)", "(?,?)");
    }
}
