//! `ResourceGather` and `ResourceGatherNd`: slices of a variable, without reading all of it.

use std::sync::Arc;

use super::read::read;
use super::scatter::check_index;
use crate::error::{Error, Result};
use crate::graph::{AttrValue, Attrs, Effect, Example, InferCx, Op, OpKind, RunCx};
use crate::ops::array::{pick, pick_slices, picked_shape, slices};
use crate::value::{IntoValue, Value};

/// The slices that `indices` name along the first axis that is not shared: `(n, ..), i.. -> (i.., ..)`.
#[derive(Debug, Clone)]
pub struct ResourceGather {
    /// How many leading axes indices and variable share.
    pub batch_dims: i64,
}

/// The slices that the rows of `indices` name: `(d1, .., dm), (i.., k) -> (i.., d(k+1), .., dm)`.
#[derive(Debug, Clone)]
pub struct ResourceGatherNd;

/// The row of [`ResourceGather`].
pub static RESOURCE_GATHER: OpKind = OpKind::new(
    "ResourceGather",
    "resource: Ref(dtype), indices: Tindices -> output: dtype",
    |attrs: &Attrs| {
        attrs.bool_or("validate_indices", true)?;
        Ok(Arc::new(ResourceGather { batch_dims: attrs.int_or("batch_dims", 0)? }) as Arc<dyn Op>)
    },
    || {
        vec![
            Example::new(ResourceGather { batch_dims: 0 }, [var(), [[2i32], [0]].into_value()]),
            Example::new(ResourceGather { batch_dims: 1 }, [var(), [[1i64, 1], [0, 0], [0, 1]].into_value()]),
        ]
    },
)
.effect(Effect::Inspects);

/// The row of [`ResourceGatherNd`].
pub static RESOURCE_GATHER_ND: OpKind = OpKind::new(
    "ResourceGatherNd",
    "resource: Ref(dtype), indices: Tindices -> output: dtype",
    |_: &Attrs| Ok(Arc::new(ResourceGatherNd) as Arc<dyn Op>),
    || vec![Example::new(ResourceGatherNd, [var(), [[2i32, 1], [0, 0]].into_value()])],
)
.effect(Effect::Inspects);

fn var() -> Value {
    [[1.0f32, 2.0], [3.0, 4.0], [5.0, 6.0]].into_value()
}

impl Op for ResourceGather {
    fn kind(&self) -> &'static OpKind {
        &RESOURCE_GATHER
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        check_index(cx.dtype(1))?;
        let var = cx.shape(0).renew_anonymous().with_rank_at_least(1)?;
        if self.batch_dims < 0 {
            return Err(Error::invalid(format!("batch_dims is negative ({})", self.batch_dims)));
        }
        let shape = picked_shape(&var, cx.shape(1), Some(self.batch_dims), self.batch_dims)?;
        cx.output(cx.dtype(0), shape);
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let var = read(cx, 0)?;
        if var.rank() == 0 {
            return Err(Error::shape("the variable must have rank 1 or more, but is a scalar"));
        }
        let output = pick(cx, &var, cx.input(1), self.batch_dims, self.batch_dims)?;
        cx.output(0, output);
        Ok(())
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        vec![("batch_dims", AttrValue::Int(self.batch_dims))]
    }
}

impl Op for ResourceGatherNd {
    fn kind(&self) -> &'static OpKind {
        &RESOURCE_GATHER_ND
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        check_index(cx.dtype(1))?;
        let shape = slices(&cx.shape(0).renew_anonymous(), cx.shape(1))?;
        cx.output(cx.dtype(0), shape);
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let output = pick_slices(cx, &read(cx, 0)?, cx.input(1))?;
        cx.output(0, output);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Graph;
    use crate::session::Session;

    /// What an op answers for indices into [[1, 2], [3, 4], [5, 6]].
    fn gather(op: impl Op + Clone, indices: impl IntoValue) -> Result<Value> {
        let g = Graph::new();
        let v = g.variable([[1i32, 2], [3, 4], [5, 6]])?;
        let indices = g.constant(indices.into_value())?;
        let out = g.apply_one(op, &[&v.handle(), &indices])?;
        let sess = Session::new(&g)?;
        sess.run(v.initializer())?;
        sess.run(&out)
    }

    #[track_caller]
    fn check(op: impl Op + Clone, indices: impl IntoValue, dims: &[usize], want: &[i32]) {
        let got = gather(op, indices).unwrap();
        assert_eq!((got.dims(), got.slice::<i32>().unwrap()), (dims, want));
    }

    /// By TensorFlow 1.15.5.
    #[test]
    fn slices_of_a_variable_are_picked() {
        check(ResourceGather { batch_dims: 0 }, [2i32, 0], &[2, 2], &[5, 6, 1, 2]);
        check(ResourceGather { batch_dims: 1 }, [[1i32], [0], [1]], &[3, 1], &[2, 3, 6]);
        check(ResourceGatherNd, [[2i64, 1], [0, 0]], &[2], &[6, 1]);
        check(ResourceGatherNd, [[1i32]], &[1, 2], &[3, 4]);
    }

    #[test]
    fn what_is_outside_is_named() {
        let text = |result: Result<Value>| result.unwrap_err().message().to_owned();
        assert_eq!(text(gather(ResourceGather { batch_dims: 0 }, [0i32, 3])), "indices[1] = 3 is not in [0, 3)");
        assert_eq!(text(gather(ResourceGather { batch_dims: -1 }, [0i32])), "batch_dims is negative (-1)");
        let want = "indices[0] = [0, 2] does not index into param shape [3,2]";
        assert_eq!(text(gather(ResourceGatherNd, [[0i32, 2]])), want);
    }
}
