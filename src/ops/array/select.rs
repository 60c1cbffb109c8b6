//! `Select` and `SelectV2`: elements of one tensor or the other, as a condition says.

use std::sync::Arc;

use super::broadcast_args::unbroadcast;
use super::cells::{Cell, cells, cells_mut, copy_cells, with_cells};
use super::strided::{Layout, read, row_major};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::graph::{Attrs, Example, GradCx, InferCx, Op, OpKind, RunCx, Tensor};
use crate::ops::IntoTensor;
use crate::shape::{Shape, broadcast_dims};
use crate::value::{IntoValue, Value};

/// Elements of one tensor or the other; a condition that is a vector picks whole rows.
#[derive(Debug, Clone)]
pub struct Select;

/// Elements of one tensor or the other; all three broadcast.
#[derive(Debug, Clone)]
pub struct SelectV2;

/// The row of [`Select`].
pub static SELECT: OpKind = OpKind::new(
    "Select",
    "condition: bool, t: T, e: T -> output: T",
    |_: &Attrs| Ok(Arc::new(Select) as Arc<dyn Op>),
    || {
        let (a, b) = (|| [[1.0f32, 2.0], [3.0, 4.0]].into_value(), || [[5.0f32, 6.0], [7.0, 8.0]].into_value());
        vec![
            Example::new(Select, [[[true, false], [false, true]].into_value(), a(), b()]),
            Example::new(Select, [[false, true].into_value(), a(), b()]),
            Example::new(Select, [true.into_value(), a(), b()]),
            Example::new(Select, [false.into_value(), [1i32, 2].into_value(), [3i32, 4].into_value()]),
            Example::new(Select, [[true].into_value(), ["a"].into_value(), ["b"].into_value()]),
        ]
    },
);

/// The row of [`SelectV2`].
pub static SELECT_V2: OpKind = OpKind::new(
    "SelectV2",
    "condition: bool, t: T, e: T -> output: T",
    |_: &Attrs| Ok(Arc::new(SelectV2) as Arc<dyn Op>),
    || {
        let columns = || [[5.0f32], [7.0]].into_value();
        vec![
            Example::new(SelectV2, [[true, false].into_value(), 1.0f32.into_value(), columns()]),
            Example::new(SelectV2, [true.into_value(), 1i64.into_value(), [3i64, 4].into_value()]),
        ]
    },
);

impl Tensor {
    /// The elements of `then` where this bool tensor is true, else those of `otherwise`: `(), s, s -> s`,
    /// `(n), (n, ..), (n, ..) -> (n, ..)`, `s, s, s -> s`.
    ///
    /// # Errors
    /// `DTypeMismatch` for another condition than bool and for unequal dtypes; `ShapeMismatch` for other shapes.
    ///
    /// Source: TensorFlow's `Select`.
    ///
    /// ```
    /// # use sessile::prelude::*;
    /// # fn main() -> sessile::Result<()> {
    /// let g = Graph::new();
    /// let x = g.placeholder(DType::F32, shape![?, 3])?;
    /// let is_used = g.placeholder(DType::Bool, shape![?])?;
    /// assert_eq!(is_used.select(&x, x.zeros_like())?.shape().to_string(), "(?, 3)");
    /// # Ok(()) }
    /// ```
    #[doc(alias = "tf.where")]
    #[track_caller]
    pub fn select(&self, then: impl IntoTensor, otherwise: impl IntoTensor) -> Result<Tensor> {
        self.select_by("Select", Select, &then, &otherwise)
    }

    /// As [`Tensor::select`], with all three broadcast against each other.
    ///
    /// # Errors
    /// As for [`Tensor::select`].
    #[doc(alias = "tf.where_v2")]
    #[track_caller]
    pub fn select_v2(&self, then: impl IntoTensor, otherwise: impl IntoTensor) -> Result<Tensor> {
        self.select_by("SelectV2", SelectV2, &then, &otherwise)
    }

    #[track_caller]
    fn select_by(&self, name: &str, op: impl Op, then: &dyn IntoTensor, other: &dyn IntoTensor) -> Result<Tensor> {
        let g = self.graph();
        if !then.is_bare() && !other.is_bare() {
            return g.apply_named(name, Arc::new(op), &[self, &then.tensor(None)?, &other.tensor(None)?])?.output(0);
        }
        g.composite(name, |scope| {
            // A bare number takes the dtype of the other side; two of them have their own.
            let like = [then, other].into_iter().find(|side| !side.is_bare());
            let like = like.map(|side| side.tensor(None)).transpose()?;
            let like = like.map_or_else(|| Err(Error::invalid("one of both sides must be a tensor")), Ok)?;
            let t = g.named("t", || then.tensor(Some(&like)))?;
            let e = g.named("e", || other.tensor(Some(&like)))?;
            g.named(scope, || g.apply_one(op, &[self, &t, &e]))
        })
    }
}

impl Op for Select {
    fn kind(&self) -> &'static OpKind {
        &SELECT
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        let data = cx.shape(1).merge(cx.shape(2))?;
        let shape = match (cx.shape(0).rank(), data.rank()) {
            (Some(1), Some(0)) => data.merge(cx.shape(0))?,
            (Some(1), Some(_)) => data.with_dim(0, &cx.shape(0).dim(0))?,
            (Some(rank), _) if rank > 1 => data.merge(cx.shape(0))?,
            _ => data,
        };
        infer(cx, shape)
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let (condition, t, e) = (cx.input(0), cx.input(1), cx.input(2));
        let fits = condition.rank() == 0
            || condition.dims() == t.dims()
            || (condition.rank() == 1 && t.dims().first() == Some(&condition.len()));
        if t.dims() != e.dims() || !fits {
            let [condition, t, e] = [condition, t, e].map(|value| Shape::from(value.dims()));
            return Err(Error::shape(format!(
                "shapes must agree: condition {}, then {}, else {}",
                condition.brackets(),
                t.brackets(),
                e.brackets()
            )));
        }
        if condition.rank() == 0 {
            let pick = if condition.scalar::<bool>()? { 1 } else { 2 };
            let value = cx.take(pick);
            cx.output(0, value);
            return Ok(());
        }
        let (t, e, condition) = (t.clone(), e.clone(), condition.clone());
        let out = pick(cx, &condition, &t, &e)?;
        cx.output(0, out);
        Ok(())
    }

    fn grad(&self, cx: &GradCx<'_>) -> Result<Vec<Option<Tensor>>> {
        let (condition, dy) = (cx.input(0), cx.dy()?);
        let zeros = dy.zeros_like()?;
        Ok(vec![None, Some(condition.select(dy, &zeros)?), Some(condition.select(&zeros, dy)?)])
    }
}

impl Op for SelectV2 {
    fn kind(&self) -> &'static OpKind {
        &SELECT_V2
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        let shape = cx.shape(1).broadcast(cx.shape(2))?.broadcast(cx.shape(0))?;
        infer(cx, shape)
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let dims = broadcast_dims(cx.input(1).dims(), cx.input(2).dims())?;
        let dims = broadcast_dims(&dims, cx.input(0).dims())?;
        let [condition, t, e] = [stretched(cx, 0, &dims)?, stretched(cx, 1, &dims)?, stretched(cx, 2, &dims)?];
        let out = pick(cx, &condition, &t, &e)?;
        cx.output(0, out);
        Ok(())
    }

    fn grad(&self, cx: &GradCx<'_>) -> Result<Vec<Option<Tensor>>> {
        let (condition, dy) = (cx.input(0), cx.dy()?);
        let zeros = dy.zeros_like()?;
        let both = [(1, condition.select_v2(dy, &zeros)?), (2, condition.select_v2(&zeros, dy)?)];
        let own = both.map(|(i, grad)| unbroadcast(&grad, &cx.input(i)).map(Some));
        let [then, otherwise] = own;
        Ok(vec![None, then?, otherwise?])
    }
}

fn infer(cx: &mut InferCx<'_>, shape: Shape) -> Result<()> {
    let known = cx.value(0).filter(|value| value.rank() == 0).and_then(|value| value.scalar::<bool>().ok());
    let sizes = known.and_then(|is_first| cx.sizes(if is_first { 1 } else { 2 }));
    let sizes = sizes.filter(|sizes| shape.num_elements().and_then(|n| n.known()) == Some(sizes.len()));
    cx.output(cx.dtype(1), shape).sizes = sizes;
    Ok(())
}

/// Input `i`, broadcast.
fn stretched(cx: &RunCx<'_>, i: usize, dims: &[usize]) -> Result<Value> {
    let value = cx.input(i);
    if value.dims() == dims {
        return Ok(value.clone());
    }
    let mut layout = Layout { start: 0, dims: dims.into(), strides: Default::default() };
    // Bounded by the rank.
    layout.strides.resize(dims.len() - value.rank(), 0);
    let own = row_major(value.dims());
    layout.strides.extend(value.dims().iter().zip(own).map(|(dim, stride)| if *dim == 1 { 0 } else { stride }));
    read(cx, i, dims, &layout)
}

/// Each element of the condition picks one element, or one row of them.
fn pick(cx: &RunCx<'_>, condition: &Value, t: &Value, e: &Value) -> Result<Value> {
    let mut out = cx.alloc(t.dtype(), t.dims())?;
    let condition = condition.slice::<bool>()?;
    if t.dtype() == DType::String {
        cx.check_room(t.byte_len().max(e.byte_len()))?;
    }
    with_cells!(t.dtype(), E => pick_cells::<E>(cx, condition, cells(t)?, cells(e)?, cells_mut(&mut out)?)?);
    Ok(out)
}

fn pick_cells<E: Cell>(cx: &RunCx<'_>, condition: &[bool], t: &[E], e: &[E], out: &mut [E]) -> Result<()> {
    if out.is_empty() {
        return Ok(());
    }
    let inner = out.len() / condition.len();
    let (rows, work) = (E::BATCH.div_ceil(inner), cx.workspace());
    cx.try_for_chunks_mut(out, rows * inner, &|chunk, part| {
        let mut pace = work.pace();
        let start = chunk * rows * inner;
        let (t, e) = (&t[start..start + part.len()], &e[start..start + part.len()]);
        let condition = &condition[chunk * rows..];
        if inner == 1 && E::IS_PLAIN {
            for (((out, t), e), is_first) in part.iter_mut().zip(t).zip(e).zip(condition) {
                *out = if *is_first { t.clone() } else { e.clone() };
            }
            return Ok(());
        }
        for (row, out) in part.chunks_exact_mut(inner).enumerate() {
            let from = if condition[row] { t } else { e };
            copy_cells(&mut pace, &from[row * inner..(row + 1) * inner], out)?;
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{infer_err, infer_ok, run_op};

    #[test]
    fn conditions_pick_elements_rows_or_all() {
        let (t, e) = ([[1, 2], [3, 4]].into_value(), [[5, 6], [7, 8]].into_value());
        let run = |condition: Value| run_op(Select, &[condition, t.clone(), e.clone()]).unwrap().remove(0);
        assert_eq!(run([true, false].into_value()).slice::<i32>().unwrap(), [1, 2, 7, 8]);
        assert_eq!(run([[true, false], [false, true]].into_value()).slice::<i32>().unwrap(), [1, 6, 7, 4]);
        assert_eq!(run(false.into_value()).slice::<i32>().unwrap(), [5, 6, 7, 8]);
        let got = run_op(SelectV2, &[[true, false].into_value(), 0.into_value(), e.clone()]).unwrap().remove(0);
        assert_eq!(got.slice::<i32>().unwrap(), [0, 6, 0, 8]);
    }

    #[test]
    fn shapes_agree() {
        infer_ok(&Select, "bool(?);(2,?);(?,3)", "(2,3)");
        infer_ok(&Select, "bool();<unknown>;(?,3)", "(?,3)");
        infer_err(&Select, "bool(3);(2,3);(2,3)", "dimension must be 3 but is 2");
        infer_ok(&SelectV2, "bool(2,1);(3);()", "(2,3)");
        infer_err(&SelectV2, "bool(2);(3);()", "dimensions must be equal");
    }
}
