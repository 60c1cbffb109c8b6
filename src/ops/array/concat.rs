//! `ConcatV2`, and `Concat`, its form with the axis first: tensors one after the other along an axis.

use std::sync::Arc;

use super::cells::{cells_mut, with_cells};
use super::concat_offset::ConcatOffset;
use super::into_sizes::{IntoSizes, check_index};
use super::pack::join;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::graph::{Attrs, Example, GradCx, Graph, InferCx, Ints, Op, OpKind, RunCx, Tensor};
use crate::shape::MAX_RANK;
use crate::shape::{Dim, Dims, Shape, element_count, normalize_axis};
use crate::value::{IntoValue, Value};

/// Tensors one after the other along an axis.
#[derive(Debug, Clone)]
pub struct Concat {
    /// Whether the axis is the first input, as in TensorFlow's older op, and not the last.
    pub axis_first: bool,
}

/// The row of [`Concat`] with the axis last.
pub static CONCAT_V2: OpKind = OpKind::new(
    "ConcatV2",
    "values: N*T >= 2, axis: Tidx -> output: T",
    |_: &Attrs| Ok(Arc::new(Concat { axis_first: false }) as Arc<dyn Op>),
    || {
        let op = || Concat { axis_first: false };
        let empty = || Value::zeros(DType::F32, &[0, 3]).unwrap_or(1.0f32.into_value());
        vec![
            Example::new(op(), [[[1.0f32, 2.0]].into_value(), [[3.0f32, 4.0]].into_value(), 0i32.into_value()]),
            Example::new(op(), [[["a"]].into_value(), [["b"]].into_value(), (-1i64).into_value()]),
            Example::new(op(), [empty(), [[1.0f32, 2.0, 3.0]].into_value(), 0i32.into_value()]),
            Example::new(op(), [[1i32, 2].into_value(), [3i32].into_value(), 0i32.into_value()]),
        ]
    },
);

/// The row of [`Concat`] with the axis first.
pub static CONCAT: OpKind = OpKind::new(
    "Concat",
    "concat_dim: int32, values: N*T >= 2 -> output: T",
    |_: &Attrs| Ok(Arc::new(Concat { axis_first: true }) as Arc<dyn Op>),
    || {
        let parts = [1i32.into_value(), [[1i64], [2]].into_value(), [[3i64, 5], [4, 6]].into_value()];
        vec![Example::new(Concat { axis_first: true }, parts)]
    },
);

/// Tensors one after the other along an axis; -1 is the last: `(2, 3)` and `(2, 4)` along axis 1 are `(2, 7)`.
///
/// # Errors
/// `InvalidArgument` without tensors or for an axis out of range; `ShapeMismatch` if sizes of other axes differ.
///
/// Source: TensorFlow's `ConcatV2`.
///
/// ```
/// # use sessile::{ops::array::concat, prelude::*};
/// # fn main() -> sessile::Result<()> {
/// let g = Graph::new();
/// let x = g.placeholder(DType::F32, shape![?, 3])?;
/// assert_eq!(concat(&[&x, &x], 1)?.shape().to_string(), "(?, 6)");
/// # Ok(()) }
/// ```
#[doc(alias = "tf.concat")]
#[track_caller]
pub fn concat(values: &[&Tensor], axis: i32) -> Result<Tensor> {
    let first = values.first().ok_or_else(|| Error::invalid("concat needs at least one tensor"))?;
    let g = first.graph();
    g.composite("concat", |scope| {
        if let [only] = values {
            // As TF1 does; the constant only checks that the axis is one.
            let _ = g.named("concat_dim", || g.constant(axis))?;
            return g.named("concat", || only.identity());
        }
        let axis = g.named("axis", || g.constant(axis))?;
        let inputs: Vec<&Tensor> = values.iter().copied().chain([&axis]).collect();
        g.named(scope, || g.apply_one(Concat { axis_first: false }, &inputs))
    })
}

/// As [`concat`], along an axis that is a tensor.
pub(super) fn concat_along(values: &[Tensor], axis: &Tensor) -> Result<Tensor> {
    if let [only] = values {
        return only.identity();
    }
    let inputs: Vec<&Tensor> = values.iter().chain([axis]).collect();
    axis.graph().apply_one(Concat { axis_first: false }, &inputs)
}

/// As [`concat`] along axis 0, of int32 vectors some of which are lists: those become constants or `Pack`s, as in TF1.
#[track_caller]
pub(in crate::ops) fn concat_lists(g: &Graph, parts: &[&dyn IntoSizes]) -> Result<Tensor> {
    g.composite("concat", |scope| {
        let named = |(i, part): (usize, &&dyn IntoSizes)| part.sizes(g, &format!("values_{i}"));
        let parts = parts.iter().enumerate().map(named).collect::<Result<Vec<_>>>()?;
        let axis = g.named("axis", || g.constant(0))?;
        let inputs: Vec<&Tensor> = parts.iter().chain([&axis]).collect();
        g.named(scope, || g.apply_one(Concat { axis_first: false }, &inputs))
    })
}

impl Concat {
    /// The inputs that are joined, and the input that is the axis.
    fn inputs(&self, n: usize) -> (std::ops::Range<usize>, usize) {
        if self.axis_first { (1..n, 0) } else { (0..n - 1, n - 1) }
    }
}

impl Op for Concat {
    fn kind(&self) -> &'static OpKind {
        if self.axis_first { &CONCAT } else { &CONCAT_V2 }
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        let (values, axis) = self.inputs(cx.n_inputs());
        if values.is_empty() {
            return Err(Error::invalid("concat needs at least one tensor"));
        }
        check_index("axis", cx.dtype(axis))?;
        let dtype = cx.dtype(values.start);
        let rank = values.clone().find_map(|i| cx.shape(i).rank());
        let shape = match (cx.ints(axis).as_deref(), rank) {
            (_, None) => Shape::unknown(),
            (_, Some(0)) => return Err(Error::shape("can't concatenate scalars (use stack instead)")),
            (Some(&[axis]), Some(rank)) => joined(cx, values.clone(), normalize_axis(axis, rank)?, rank)?,
            (_, Some(rank)) => {
                values.clone().try_for_each(|i| cx.shape(i).with_rank(rank).map(drop))?;
                Shape::unknown_of_rank(rank)
            }
        };
        let sizes = if rank == Some(1) { joined_sizes(cx, values, dtype) } else { None };
        cx.output(dtype, shape).sizes = sizes.map(Into::into);
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let (values, axis) = self.inputs(cx.n_inputs());
        let first = cx.input(values.start);
        let Some(axis) = Ints::of(cx.input(axis))?.only() else {
            return Err(Error::shape("the axis of concat must be a scalar"));
        };
        let axis = normalize_axis(axis, first.rank())?;
        let mut dims = Dims::from_slice(first.dims());
        dims[axis] = 0;
        for i in values.clone() {
            check_part(values.start, first, i, cx.input(i), axis)?;
            dims[axis] = dims[axis].saturating_add(cx.input(i).dims()[axis]);
        }
        element_count(&dims)?;
        let blocks: Vec<usize> = values.clone().map(|i| cx.input(i).dims()[axis..].iter().product()).collect();
        let mut out = cx.alloc(first.dtype(), &dims)?;
        with_cells!(first.dtype(), E => join::<E>(cx, values.start, &blocks, cells_mut(&mut out)?)?);
        cx.output(0, out);
        Ok(())
    }

    fn grad(&self, cx: &GradCx<'_>) -> Result<Vec<Option<Tensor>>> {
        let (parts, axis) = self.inputs(cx.n_inputs());
        let mut grads = vec![None; cx.n_inputs()];
        let rank = cx.input(parts.start).rank_tensor()?;
        let axis = (cx.input(axis).cast(DType::I32)? % rank)?;
        let sizes = parts.clone().map(|i| cx.input(i).shape_tensor()).collect::<Result<Vec<_>>>()?;
        let offsets = cx.graph().apply(ConcatOffset, &[&axis].into_iter().chain(&sizes).collect::<Vec<_>>())?.outputs();
        for ((i, offset), size) in parts.zip(offsets).zip(sizes) {
            grads[i] = Some(cx.dy()?.slice(offset, size)?);
        }
        Ok(grads)
    }
}

/// The other axes agree, the sizes of this one add up.
fn joined(cx: &InferCx<'_>, values: std::ops::Range<usize>, axis: usize, rank: usize) -> Result<Shape> {
    let mut all: Option<Shape> = None;
    let mut sum = Dim::from(0);
    for i in values {
        let part = cx.shape(i).with_rank(rank)?;
        sum = sum + part.dim(axis);
        // The own axis is 1 in all, so that it always agrees.
        let others = part.replace_dim(axis, Dim::from(1))?;
        all = Some(match all {
            None => others,
            Some(all) => all.merge(&others)?,
        });
    }
    all.unwrap_or_else(Shape::unknown).replace_dim(axis, sum)
}

/// The elements of joined vectors of sizes; unknown ones where a part is not followed.
fn joined_sizes(cx: &InferCx<'_>, values: std::ops::Range<usize>, dtype: DType) -> Option<Vec<Dim>> {
    if !matches!(dtype, DType::I32 | DType::I64) {
        return None;
    }
    let mut all = Vec::new();
    for i in values {
        match (cx.sizes(i), cx.shape(i).dim(0).known()) {
            (Some(sizes), _) => all.extend(sizes.iter().cloned()),
            (None, Some(n)) if n <= MAX_RANK => all.extend((0..n).map(|_| Dim::unknown_value())),
            _ => return None,
        }
        if all.len() > MAX_RANK {
            return None;
        }
    }
    Some(all)
}

fn check_part(at: usize, first: &Value, i: usize, part: &Value, axis: usize) -> Result<()> {
    let same = |(other, (a, b)): (usize, (&usize, &usize))| other == axis || a == b;
    if part.rank() == first.rank() && first.dims().iter().zip(part.dims()).enumerate().all(same) {
        return Ok(());
    }
    let (a, b) = (Shape::from(first.dims()), Shape::from(part.dims()));
    let (n, a, b) = (i - at, a.brackets(), b.brackets());
    Err(Error::shape(format!("dimensions of inputs should match: shape[0] = {a} vs. shape[{n}] = {b}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{infer_err, infer_ok, run_op};
    use crate::{Graph, shape};

    #[test]
    fn parts_follow_each_other() {
        let op = Concat { axis_first: false };
        let parts = [[[1, 2], [3, 4]].into_value(), [[5], [6]].into_value(), 1.into_value()];
        let got = run_op(op, &parts).unwrap().remove(0);
        assert_eq!((got.dims(), got.slice::<i32>().unwrap()), (&[2, 3][..], &[1, 2, 5, 3, 4, 6][..]));
    }

    #[test]
    fn an_unknown_axis_leaves_the_rank() {
        let op = Concat { axis_first: false };
        infer_ok(&op, "(?,3);(2,?);int32()", "(?,?)");
        infer_ok(&op, "<unknown>;<unknown>;int32()", "<unknown>");
        infer_err(&op, "(2,3);(2);int32()", "shape must be rank 2 but is rank 1");
        infer_err(&op, "();();int32()", "can't concatenate scalars (use stack instead)");
    }

    #[test]
    fn sizes_add_up() {
        let g = Graph::new();
        let x = g.placeholder(DType::F32, shape!["b", 3]).unwrap();
        let y = g.placeholder(DType::F32, shape!["c", 3]).unwrap();
        assert_eq!(concat(&[&x, &y], 0).unwrap().shape(), shape![Dim::named("b") + Dim::named("c"), 3]);
        assert_eq!(concat(&[&x], 0).unwrap().name(), "concat_1/concat:0");
        let z = g.placeholder(DType::F32, shape![2, 4]).unwrap();
        let text = concat(&[&x, &z], 0).unwrap_err().to_string();
        assert!(text.contains("dimension 1 in both shapes must be equal, but are 3 and 4"), "{text}");
        let sizes = concat(&[&x.shape_tensor().unwrap(), &g.constant([5]).unwrap()], 0).unwrap();
        assert_eq!(sizes.fact().sizes.unwrap().len(), 3);
    }
}
