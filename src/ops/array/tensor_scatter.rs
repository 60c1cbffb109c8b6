//! `TensorScatterUpdate` and its kin: a tensor with some of its slices changed.

use std::sync::Arc;

use super::gather_nd::{depth_of, places, slices};
use super::into_sizes::check_index;
use crate::error::{Error, Result};
use crate::graph::{Attrs, Example, InferCx, Op, OpKind, RunCx, Tensor};
use crate::ops::IntoTensor;
use crate::ops::state::{ScatterRule, apply_scatter};
use crate::shape::Shape;
use crate::value::{IntoValue, Value};

/// A tensor with the slices changed that the last axis of indices names: `(d..), (n.., k), (n.., d[k..]) -> (d..)`.
/// Slices that are named again are changed again, in order.
#[derive(Debug, Clone)]
pub struct TensorScatter {
    /// What becomes of the old elements: `Update`, `Add`, `Sub`, `Min` or `Max`.
    pub rule: ScatterRule,
}

macro_rules! rows {
    ($($row:ident $rule:ident $name:literal [$($alias:literal),*] $signature:literal;)*) => {
        $(
            #[doc = concat!("The row of `", $name, "`.")]
            pub static $row: OpKind = OpKind::new(
                $name,
                $signature,
                |_: &Attrs| Ok(Arc::new(TensorScatter { rule: ScatterRule::$rule }) as Arc<dyn Op>),
                || examples(ScatterRule::$rule),
            )
            .aliases(&[$($alias),*]);
        )*

        /// The rows of this file.
        pub(in crate::ops) static OPS: &[&OpKind] = &[$(&$row),*];

        fn kind_of(rule: ScatterRule) -> &'static OpKind {
            match rule {
                $( ScatterRule::$rule => &$row, )*
                _ => &TENSOR_SCATTER_UPDATE,
            }
        }
    };
}
rows! {
    TENSOR_SCATTER_UPDATE Update "TensorScatterUpdate" [] "tensor: T, indices: Tindices, updates: T -> output: T";
    TENSOR_SCATTER_ADD Add "TensorScatterAdd" ["ScatterNdNonAliasingAdd"]
        "tensor: T, indices: Tindices, updates: T -> output: T";
    TENSOR_SCATTER_SUB Sub "TensorScatterSub" [] "tensor: T, indices: Tindices, updates: T -> output: T";
    TENSOR_SCATTER_MIN Min "TensorScatterMin" [] "tensor: T, indices: Tindices, updates: T -> output: T";
    TENSOR_SCATTER_MAX Max "TensorScatterMax" [] "tensor: T, indices: Tindices, updates: T -> output: T";
}

fn examples(rule: ScatterRule) -> Vec<Example> {
    let of = |x: Value, indices: Value, updates: Value| Example::new(TensorScatter { rule }, [x, indices, updates]);
    let x = || [[1.0f32, 2.0], [3.0, 4.0], [5.0, 6.0]].into_value();
    vec![
        of(x(), [[2i32], [0]].into_value(), [[2.0f32, 3.0], [4.0, 5.0]].into_value()),
        of(x(), [[1i64, 1], [1, 1]].into_value(), [7.0f32, 8.0].into_value()),
        of([1i32, 2].into_value(), [[0i32]].into_value(), [5i32].into_value()),
    ]
}

macro_rules! methods {
    ($($(#[$doc:meta])* $method:ident $rule:ident;)*) => {
        /// Changes of slices. See [`TensorScatter`].
        impl Tensor { $(
            $(#[$doc])*
            #[doc = concat!("\n\n# Errors\n`ShapeMismatch` for updates of another shape; `InvalidArgument` in the run ",
                "for indices outside.\n\nSource: TensorFlow's `TensorScatter", stringify!($rule), "`.")]
            #[track_caller]
            pub fn $method(&self, indices: impl IntoTensor, updates: impl IntoTensor) -> Result<Tensor> {
                let (indices, updates) = (indices.tensor(None)?, updates.tensor(Some(self))?);
                self.graph().apply_one(TensorScatter { rule: ScatterRule::$rule }, &[self, &indices, &updates])
            }
        )* }
    };
}
methods! {
    /// This tensor with other slices: `(d..), (n.., k), (n.., d[k..]) -> (d..)`. Any dtype.
    #[doc(alias = "tf.tensor_scatter_update")] #[doc(alias = "tf.tensor_scatter_nd_update")]
    tensor_scatter_update Update;
    /// This tensor with updates added to slices.
    #[doc(alias = "tf.tensor_scatter_add")] #[doc(alias = "tf.tensor_scatter_nd_add")]
    tensor_scatter_add Add;
    /// This tensor with updates subtracted from slices.
    #[doc(alias = "tf.tensor_scatter_sub")] #[doc(alias = "tf.tensor_scatter_nd_sub")]
    tensor_scatter_sub Sub;
}

impl Op for TensorScatter {
    fn kind(&self) -> &'static OpKind {
        kind_of(self.rule)
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        check_index("indices", cx.dtype(1))?;
        let (x, updates) = (cx.shape(0).with_rank_at_least(1)?, cx.shape(2));
        if cx.shape(1).rank().is_some() {
            updates.merge(&slices(&x, cx.shape(1))?)?;
        }
        cx.output(cx.dtype(0), x);
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let (dims, indices) = (cx.input(0).dims(), cx.input(1));
        depth_of(dims, indices)?;
        let (depth, batch) = indices.dims().split_last().expect("indices that have a depth have an axis");
        let want = [batch, &dims[*depth..]].concat();
        if cx.input(2).dims() != want {
            let [have, want] = [cx.input(2).dims(), &want[..]].map(Shape::from);
            return Err(Error::shape(format!("updates must have shape {want}, but have {have}")));
        }
        let (places, len) = places(cx, dims, indices)?;
        let x = cx.take(0);
        let out = apply_scatter(cx, self.rule, x, &places, len, cx.input(2))?;
        cx.output(0, out);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{infer_err, infer_ok, run_op};

    #[track_caller]
    fn check(rule: ScatterRule, want: [i32; 4]) {
        let inputs = [[1, 2, 3, 4].into_value(), [[1], [3], [1]].into_value(), [9, 1, 1].into_value()];
        assert_eq!(run_op(TensorScatter { rule }, &inputs).unwrap()[0].slice::<i32>().unwrap(), want);
    }

    #[test]
    fn slices_change_in_order() {
        check(ScatterRule::Update, [1, 1, 3, 1]);
        check(ScatterRule::Add, [1, 12, 3, 5]);
        check(ScatterRule::Sub, [1, -8, 3, 3]);
        check(ScatterRule::Min, [1, 1, 3, 1]);
        check(ScatterRule::Max, [1, 9, 3, 4]);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let op = TensorScatter { rule: ScatterRule::Update };
        infer_ok(&op, "(?,3);int32(2,1);(2,3)", "(?,3)");
        infer_err(&op, "(4,3);int32(2,1);(2,2)", "must be equal, but are 2 and 3");
        infer_err(&op, "(4);int32(2,2);(2)", "indices.shape[-1] must be <= params.rank, but saw 2 and 1");
        let text = run_op(op, &[[1, 2].into_value(), [[2]].into_value(), [5].into_value()]).unwrap_err().to_string();
        assert!(text.contains("indices[0] = [2] does not index into param shape [2]"), "{text}");
    }
}
