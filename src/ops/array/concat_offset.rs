//! `ConcatOffset`: where the parts of a joined tensor begin.

use std::sync::Arc;

use super::into_sizes::{check_index, int_vector};
use crate::error::{Error, Result};
use crate::graph::{Attrs, Example, InferCx, Ints, Op, OpKind, RunCx};
use crate::shape::{Dim, MAX_RANK, normalize_axis};
use crate::value::{IntoValue, Value};

/// Where each part of a joined tensor begins, for the gradient of joining: an axis, and the sizes of each part as a
/// vector, give one vector a part, which is 0 but for the axis.
#[derive(Debug, Clone)]
pub struct ConcatOffset;

/// The row of [`ConcatOffset`].
pub static CONCAT_OFFSET: OpKind = OpKind::new(
    "ConcatOffset",
    "concat_dim: int32, shape: N*shape_type >= 2 -> offset: N*shape_type >= 2",
    |_: &Attrs| Ok(Arc::new(ConcatOffset) as Arc<dyn Op>),
    || {
        let of =
            |axis: i32, parts: Vec<Value>| Example::new(ConcatOffset, [axis.into_value()].into_iter().chain(parts));
        vec![
            of(1, vec![[2i32, 2].into_value(), [2i32, 3].into_value(), [2i32, 1].into_value()]),
            of(-1, vec![[7i64].into_value(), [0i64].into_value()]),
        ]
    },
)
.not_differentiable("places are no smooth function of sizes");

fn offsets(axis: i64, parts: &[Vec<i64>]) -> Result<Vec<Vec<i64>>> {
    let first = &parts[0];
    let axis = normalize_axis(axis, first.len())?;
    let mut at = 0i64;
    let offset = |(i, part): (usize, &Vec<i64>)| {
        check_part(axis, first, i, part)?;
        // Bounded by a shape that is an input.
        let mut offset = vec![0; first.len()];
        offset[axis] = at;
        at = at.saturating_add(part[axis]);
        Ok(offset)
    };
    parts.iter().enumerate().map(offset).collect()
}

fn check_part(axis: usize, first: &[i64], i: usize, part: &[i64]) -> Result<()> {
    if part.len() != first.len() {
        let (a, b) = (first.len(), part.len());
        return Err(Error::shape(format!("input {i} should contain {a} elements, but got {b}")));
    }
    match (0..first.len()).find(|other| *other != axis && first[*other] != part[*other]) {
        Some(other) => {
            let (a, b) = (first[other], part[other]);
            Err(Error::shape(format!("all dimensions except {axis} must match, but input {i} has {b} and input 0 {a}")))
        }
        None => Ok(()),
    }
}

impl Op for ConcatOffset {
    fn kind(&self) -> &'static OpKind {
        &CONCAT_OFFSET
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        let n = cx.n_inputs();
        if n < 2 {
            return Err(Error::invalid("the offsets of at least one part must be asked for"));
        }
        check_index("shape", cx.dtype(1))?;
        cx.shape(0).with_rank(0)?;
        (1..n).try_for_each(|i| cx.shape(i).with_rank(1).map(drop))?;
        let mut at = Dim::from(0);
        for i in 1..n {
            match (cx.ints(0).as_deref(), cx.sizes(i)) {
                (Some(&[axis]), Some(sizes)) => {
                    let axis = normalize_axis(axis, sizes.len())?;
                    let mut offset = vec![Dim::from(0); sizes.len()];
                    offset[axis] = at.clone();
                    at = at + &sizes[axis];
                    cx.output_sizes(cx.dtype(1), &offset, false);
                }
                _ => {
                    // What follows a part that is not known begins where nobody knows.
                    at = Dim::unknown();
                    let shape = cx.shape(i).with_rank(1)?;
                    cx.output(cx.dtype(1), shape);
                }
            }
        }
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let (n, dtype) = (cx.n_inputs(), cx.input(1).dtype());
        let (Some(axis), 0) = (Ints::of(cx.input(0))?.only(), cx.input(0).rank()) else {
            return Err(Error::shape(format!("concat_dim must be a scalar, but has rank {}", cx.input(0).rank())));
        };
        if let Some(i) = (1..n).find(|i| cx.input(*i).rank() != 1) {
            let rank = cx.input(i).rank();
            return Err(Error::shape(format!("input {} should be a vector, but has rank {rank}", i - 1)));
        }
        if let Some(i) = (1..n).find(|i| cx.input(*i).len() > MAX_RANK) {
            let (n, most) = (cx.input(i).len(), MAX_RANK);
            return Err(Error::shape(format!("input {} must have at most {most} sizes, but has {n}", i - 1)));
        }
        let parts = (1..n).map(|i| Ok(cx.ints(cx.input(i))?.into_parts().0)).collect::<Result<Vec<_>>>()?;
        for (i, offset) in offsets(axis, &parts)?.iter().enumerate() {
            let offset = int_vector(cx, dtype, offset)?;
            cx.output(i, offset);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{infer_err, infer_ok, run_op};

    #[test]
    fn parts_begin_where_the_ones_before_end() {
        let parts = [[2i32, 3, 5], [2, 7, 5], [2, 0, 5]].map(IntoValue::into_value);
        let out = run_op(ConcatOffset, &[&[1i32.into_value()], &parts[..]].concat()).unwrap();
        let out: Vec<_> = out.iter().map(|value| value.slice::<i32>().unwrap()).collect();
        assert_eq!(out, [[0, 0, 0], [0, 3, 0], [0, 10, 0]]);
    }

    #[test]
    fn parts_that_do_not_fit_are_refused() {
        let text = |axis: i32, a: [i32; 2], b: Value| {
            let g = crate::Graph::new();
            let inputs = [axis.into_value(), a.into_value(), b];
            let tensors: Vec<_> =
                inputs.iter().map(|value| g.placeholder(value.dtype(), value.dims()).unwrap()).collect();
            let node = g.apply(ConcatOffset, &tensors.iter().collect::<Vec<_>>()).unwrap();
            crate::graph::run_alone(node.node(), &inputs).unwrap_err().to_string()
        };
        assert!(text(0, [2, 3], [2i32, 4].into_value()).contains("all dimensions except 0 must match"));
        assert!(text(0, [2, 3], [2i32].into_value()).contains("input 1 should contain 2 elements, but got 1"));
        assert!(text(2, [2, 3], [2i32, 3].into_value()).contains("axis must be in [-2, 2), but is 2"));
        infer_err(&ConcatOffset, "int32(1);int32(2);int32(2)", "shape must be rank 0 but is rank 1");
        infer_ok(&ConcatOffset, "int32();int32(2);int32(?)", "(2);(?)");
    }
}
