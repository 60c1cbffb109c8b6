//! `ScatterNdUpdate`, `ScatterNdAdd`, `ScatterNdSub`: change slices of a variable in place.

use std::sync::Arc;

use super::assign::pass_on;
use super::handle::Spelling;
use super::read::uninitialized;
use super::scatter::{ScatterRule, apply, check_index};
use super::variable::Variable;
use crate::error::{Error, ErrorKind, Result};
use crate::graph::{Attrs, Effect, Example, InferCx, Ints, Op, OpKind, Operation, Role, RunCx, Workspace};
use crate::ops::IntoTensor;
use crate::shape::{Shape, element_count};
use crate::value::{IntoValue, ScratchVec, Value};

/// Changes the slices that the last axis of `indices` names: `(d..), (n.., k), (n.., d[k..]) -> (d..)`.
#[derive(Debug, Clone)]
pub struct ScatterNdUpdate {
    /// How the variable is given; a reference is passed on as output, a handle is not.
    pub spelling: Spelling,
    /// `Update`, `Add` or `Sub`.
    pub rule: ScatterRule,
}

macro_rules! rows {
    ($($row:ident $rule:ident $spelling:ident $name:literal $signature:literal;)*) => {
        $(
            #[doc = concat!("The row of `", $name, "`.")]
            pub static $row: OpKind = OpKind::new(
                $name,
                $signature,
                |attrs| parse(attrs, ScatterNdUpdate { spelling: Spelling::$spelling, rule: ScatterRule::$rule }),
                || examples(ScatterNdUpdate { spelling: Spelling::$spelling, rule: ScatterRule::$rule }),
            )
            .effect(Effect::Writes)
            .not_differentiable("a variable that is changed in place has no gradient");
        )*

        /// The rows of this file.
        pub(in crate::ops) static OPS: &[&OpKind] = &[$(&$row),*];

        fn kind_of(op: &ScatterNdUpdate) -> &'static OpKind {
            match (op.spelling, op.rule) {
                $( (Spelling::$spelling, ScatterRule::$rule) => &$row, )*
                _ => &SCATTER_ND_UPDATE,
            }
        }
    };
}
rows! {
    SCATTER_ND_UPDATE Update Ref "ScatterNdUpdate" "ref: Ref(T), indices: Tindices, updates: T -> output_ref: Ref(T)";
    SCATTER_ND_ADD Add Ref "ScatterNdAdd" "ref: Ref(T), indices: Tindices, updates: T -> output_ref: Ref(T)";
    SCATTER_ND_SUB Sub Ref "ScatterNdSub" "ref: Ref(T), indices: Tindices, updates: T -> output_ref: Ref(T)";
    RESOURCE_SCATTER_ND_UPDATE Update Resource "ResourceScatterNdUpdate" "ref: Ref(T), indices: Tindices, updates: T ->";
    RESOURCE_SCATTER_ND_ADD Add Resource "ResourceScatterNdAdd" "ref: Ref(T), indices: Tindices, updates: T ->";
    RESOURCE_SCATTER_ND_SUB Sub Resource "ResourceScatterNdSub" "ref: Ref(T), indices: Tindices, updates: T ->";
}

impl Variable {
    /// Replaces the slices that the last axis of `indices` names: `(d..), (n.., k), (n.., d[k..])`. Nothing happens
    /// before a session runs it.
    ///
    /// # Errors
    /// `ShapeMismatch`, `DTypeMismatch`; a run fails with `IndexOutOfRange`.
    ///
    /// Source: TensorFlow's `ScatterNdUpdate`.
    #[doc(alias = "tf.scatter_nd_update")]
    #[track_caller]
    pub fn scatter_nd_update(&self, indices: impl IntoTensor, updates: impl IntoTensor) -> Result<Operation> {
        scatter(self, ScatterRule::Update, &indices, &updates)
    }

    /// Adds to the slices that `indices` name; otherwise as [`Variable::scatter_nd_update`].
    #[doc(alias = "tf.scatter_nd_add")]
    #[track_caller]
    pub fn scatter_nd_add(&self, indices: impl IntoTensor, updates: impl IntoTensor) -> Result<Operation> {
        scatter(self, ScatterRule::Add, &indices, &updates)
    }

    /// Subtracts from the slices that `indices` name; otherwise as [`Variable::scatter_nd_update`].
    #[doc(alias = "tf.scatter_nd_sub")]
    #[track_caller]
    pub fn scatter_nd_sub(&self, indices: impl IntoTensor, updates: impl IntoTensor) -> Result<Operation> {
        scatter(self, ScatterRule::Sub, &indices, &updates)
    }
}

#[track_caller]
fn scatter(var: &Variable, rule: ScatterRule, indices: &dyn IntoTensor, updates: &dyn IntoTensor) -> Result<Operation> {
    let (g, handle) = (var.graph(), var.handle());
    let op = ScatterNdUpdate { spelling: Spelling::Ref, rule };
    g.composite(op.kind().name, |scope| {
        let indices = g.named("indices", || indices.tensor(None))?;
        let updates = g.named("updates", || updates.tensor(Some(&handle)))?;
        g.named(scope, || g.apply(op, &[&handle, &indices, &updates]))
    })
}

fn parse(attrs: &Attrs, op: ScatterNdUpdate) -> Result<Arc<dyn Op>> {
    attrs.bool_or("use_locking", true)?;
    Ok(Arc::new(op))
}

fn examples(op: ScatterNdUpdate) -> Vec<Example> {
    let var = || [[1.0f32, 2.0], [3.0, 4.0], [5.0, 6.0]].into_value();
    vec![
        Example::new(op.clone(), [var(), [[2i32], [0]].into_value(), [[2.0f32, 3.0], [4.0, 5.0]].into_value()]),
        Example::new(op, [var(), [[1i64, 1], [1, 1]].into_value(), [7.0f32, 8.0].into_value()]),
    ]
}

impl Op for ScatterNdUpdate {
    fn kind(&self) -> &'static OpKind {
        kind_of(self)
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        check_index(cx.dtype(1))?;
        let (var, indices, updates) = (cx.shape(0), cx.shape(1).with_rank_at_least(1)?, cx.shape(2));
        if let (Some(rank), Some(var_rank)) = (indices.rank(), var.rank())
            && let Some(depth) = indices.dim(rank - 1).known()
            // The run refuses more indices than axes: TensorFlow's rule does not look.
            && depth <= var_rank
        {
            updates.merge(&indices.slice(..rank - 1)?.concat(&var.slice(depth..)?)?)?;
        }
        if self.spelling == Spelling::Ref {
            cx.output_variable(cx.dtype(0), var, Role::Ref);
        }
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let var = cx.variable(0)?;
        let rule = self.rule;
        cx.state()?.update(&var, &mut |old| {
            let old = old.ok_or_else(|| uninitialized(&var))?;
            let (indices, updates) = (cx.input(1), cx.input(2));
            let (places, run_len) = slice_places(cx.workspace(), old.dims(), indices, updates.dims())?;
            apply(cx, rule, old, &places, run_len, updates)
        })?;
        pass_on(cx);
        Ok(())
    }
}

/// The first element of each slice that is named, and the slices' length.
fn slice_places(
    work: Workspace<'_>,
    var: &[usize],
    indices: &Value,
    updates: &[usize],
) -> Result<(ScratchVec<usize>, usize)> {
    let Some((depth, batch)) = indices.dims().split_last() else {
        return Err(Error::shape("indices must have rank 1 or more, but are a scalar"));
    };
    let depth = *depth;
    if depth > var.len() || *updates != [batch, &var[depth..]].concat() {
        let [updates, indices, var] = [updates, indices.dims(), var].map(Shape::from);
        return Err(Error::shape(format!(
            "must have updates.shape = indices.shape[:-1] + params.shape[indices.shape[-1]:], got updates.shape \
             {updates}, indices.shape {indices}, params.shape {var}"
        )));
    }
    let (run_len, n) = (element_count(&var[depth..])?, element_count(batch)?);
    if depth == 0 && run_len == 0 {
        // Any number of empty slices without an index: nothing is written.
        return Ok((work.list(0)?, 0));
    }
    let (numbers, mut pace) = (Ints::of(indices)?, work.pace());
    let mut places = work.list(n)?;
    for i in 0..n {
        pace.spend(2 + depth)?;
        let mut at = 0usize;
        for (axis, dim) in var[..depth].iter().enumerate() {
            match usize::try_from(numbers.get(i * depth + axis)).ok().filter(|number| number < dim) {
                Some(number) => at = at * dim + number,
                None => {
                    let index: Vec<i64> = (i * depth..(i + 1) * depth).map(|at| numbers.get(at)).collect();
                    return Err(out_of_range(i, &index, var));
                }
            }
        }
        places.push(at * run_len)?;
    }
    Ok((places, run_len))
}

#[cold]
fn out_of_range(i: usize, index: &[i64], var: &[usize]) -> Error {
    let text = format!("indices[{i}] = {index:?} does not index into shape {}", Shape::from(var));
    Error::new(ErrorKind::IndexOutOfRange, text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cancel::Limits;

    #[track_caller]
    fn check(var: &[usize], indices: impl IntoValue, updates: &[usize], want: Result<(Vec<usize>, usize), &str>) {
        let got = slice_places(Workspace::new(None, &Limits::default()), var, &indices.into_value(), updates);
        match (&got, &want) {
            (Err(error), Err(text)) => assert!(error.message().contains(text), "{error}"),
            _ => {
                let got = got.map(|(places, len)| (places.to_vec(), len)).map_err(|error| error.to_string());
                assert_eq!(got, want.map_err(str::to_owned));
            }
        }
    }

    #[test]
    fn slices_are_found_by_their_leading_indices() {
        check(&[3, 2], [[2i32], [0]], &[2, 2], Ok((vec![4, 0], 2)));
        check(&[3, 2], [[1i64, 1], [0, 1]], &[2], Ok((vec![3, 1], 1)));
        check(&[3, 2], [[3i32]], &[1, 2], Err("indices[0] = [3] does not index into shape (3, 2)"));
        check(&[3, 2], [[0i32, 2]], &[1], Err("indices[0] = [0, 2] does not index into shape (3, 2)"));
        check(&[3, 2], [[0i32]], &[1], Err("must have updates.shape = indices.shape[:-1]"));
        check(&[3, 2], [[0i32, 0, 0]], &[1], Err("must have updates.shape"));
    }
}
