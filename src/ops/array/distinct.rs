//! `ListDiff`, `Unique`, `UniqueV2` and their forms with counts: which elements are equal.

use std::collections::HashMap;
use std::sync::Arc;

use super::cells::{Cell, cells, cells_mut, with_cells};
use super::into_sizes::{check_index, ints_of};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::graph::{AttrValue, Attrs, Example, InferCx, Op, OpKind, RunCx, Tensor};
use crate::shape::{Dim, Dims, Shape, normalize_axis};
use crate::value::{IntoValue, Value};
use crate::with_type;

/// The elements of one vector that another does not have, and their places.
#[derive(Debug, Clone)]
pub struct ListDiff {
    /// The dtype of the places.
    pub out_idx: DType,
}

/// The distinct elements, or slices along an axis, in the order of their first appearance, and which of them each is.
#[derive(Debug, Clone)]
pub struct Unique {
    /// The dtype of the numbers.
    pub out_idx: DType,
    /// Whether there is an input that names the axis.
    pub has_axis: bool,
    /// Whether there is an output that counts.
    pub has_counts: bool,
}

fn out_idx(attrs: &Attrs) -> Result<DType> {
    let dtype = attrs.dtype_or("out_idx", DType::I32)?;
    check_index("out_idx", dtype)?;
    Ok(dtype)
}

/// The row of [`ListDiff`].
pub static LIST_DIFF: OpKind = OpKind::new(
    "ListDiff",
    "x: T, y: T -> out: T, idx: out_idx",
    |attrs: &Attrs| Ok(Arc::new(ListDiff { out_idx: out_idx(attrs)? }) as Arc<dyn Op>),
    || {
        let of = |out_idx, x: Value, y: Value| Example::new(ListDiff { out_idx }, [x, y]);
        vec![
            of(DType::I32, [1i32, 2, 3, 4].into_value(), [3i32, 1].into_value()),
            of(DType::I64, ["a", "b"].into_value(), ["b"].into_value()),
        ]
    },
)
.not_differentiable("which elements are equal does not change smoothly");

macro_rules! unique_rows {
    ($($row:ident $name:literal $signature:literal $has_axis:literal $has_counts:literal;)*) => {
        $(
            #[doc = concat!("The row of `", $name, "`.")]
            pub static $row: OpKind = OpKind::new(
                $name,
                $signature,
                |attrs| {
                    let out_idx = out_idx(attrs)?;
                    Ok(Arc::new(Unique { out_idx, has_axis: $has_axis, has_counts: $has_counts }) as Arc<dyn Op>)
                },
                || unique_examples($has_axis, $has_counts),
            )
            .not_differentiable("which elements are equal does not change smoothly");
        )*

        fn kind_of(op: &Unique) -> &'static OpKind {
            $( if (op.has_axis, op.has_counts) == ($has_axis, $has_counts) { return &$row; } )*
            &UNIQUE
        }
    };
}
unique_rows! {
    UNIQUE "Unique" "x: T -> y: T, idx: out_idx" false false;
    UNIQUE_V2 "UniqueV2" "x: T, axis: Taxis -> y: T, idx: out_idx" true false;
    UNIQUE_WITH_COUNTS "UniqueWithCounts" "x: T -> y: T, idx: out_idx, count: out_idx" false true;
    UNIQUE_WITH_COUNTS_V2 "UniqueWithCountsV2" "x: T, axis: Taxis -> y: T, idx: out_idx, count: out_idx" true true;
}

fn unique_examples(has_axis: bool, has_counts: bool) -> Vec<Example> {
    let op = |out_idx| Unique { out_idx, has_axis, has_counts };
    if has_axis {
        let rows = [[1i32, 2], [3, 4], [1, 2]].into_value();
        return vec![
            Example::new(op(DType::I32), [rows, [0i64].into_value()]),
            Example::new(op(DType::I64), [[1.0f32, 1.0].into_value(), Vec::<i32>::new().into_value()]),
        ];
    }
    vec![
        Example::new(op(DType::I32), [[4i32, 2, 4, 4].into_value()]),
        Example::new(op(DType::I64), [["a", "a"].into_value()]),
    ]
}

impl Tensor {
    /// The elements of this vector that `other` does not have, and their places, int32.
    ///
    /// # Errors
    /// `ShapeMismatch` for what is no vector; `DTypeMismatch` for unequal dtypes.
    #[doc(alias = "tf.setdiff1d")]
    #[track_caller]
    pub fn setdiff1d(&self, other: &Tensor) -> Result<(Tensor, Tensor)> {
        let node = self.graph().apply(ListDiff { out_idx: DType::I32 }, &[self, other])?;
        Ok((node.output(0)?, node.output(1)?))
    }

    /// The distinct elements of this vector in the order of their first appearance, and which of them each is, int32.
    ///
    /// # Errors
    /// `ShapeMismatch` for what is no vector.
    #[doc(alias = "tf.unique")]
    #[track_caller]
    pub fn unique(&self) -> Result<(Tensor, Tensor)> {
        let op = Unique { out_idx: DType::I32, has_axis: false, has_counts: false };
        let node = self.graph().apply(op, &[self])?;
        Ok((node.output(0)?, node.output(1)?))
    }

    /// As [`Tensor::unique`], and how often each is there.
    ///
    /// # Errors
    /// As for [`Tensor::unique`].
    #[doc(alias = "tf.unique_with_counts")]
    #[track_caller]
    pub fn unique_with_counts(&self) -> Result<(Tensor, Tensor, Tensor)> {
        let op = Unique { out_idx: DType::I32, has_axis: false, has_counts: true };
        let node = self.graph().apply(op, &[self])?;
        Ok((node.output(0)?, node.output(1)?, node.output(2)?))
    }
}

fn check_dtype(dtype: DType) -> Result<()> {
    if dtype.size().is_some() && !dtype.is_complex() || dtype == DType::String {
        return Ok(());
    }
    Err(Error::unsupported(format!("equal elements are found among real numbers, bool and strings, not in {dtype}")))
}

/// A number for each element, equal where elements are; numbers are given in the order of first appearance.
fn numbers(values: &[&Value]) -> Result<Vec<usize>> {
    let mut keys = Vec::new();
    for value in values {
        match value.dtype().size() {
            None => keys.extend(value.strings()?.iter().cloned()),
            Some(size) => with_type!(value.dtype(), T in plain => {
                for (x, bytes) in value.slice::<T>()?.iter().zip(value.bytes()?.chunks_exact(size)) {
                    keys.push(key(*x, bytes, keys.len()));
                }
            }, else => ()),
        }
    }
    Ok(enumerate(keys))
}

/// Equal for equal elements: both zeros are, and no nan is equal to another.
fn key<T: PartialEq + Default + Copy>(x: T, bytes: &[u8], place: usize) -> Vec<u8> {
    #[allow(clippy::eq_op)]
    if x != x {
        return [bytes, &place.to_le_bytes()].concat();
    }
    if x == T::default() { vec![0; bytes.len()] } else { bytes.to_vec() }
}

fn enumerate<K: std::hash::Hash + Eq>(keys: Vec<K>) -> Vec<usize> {
    let mut seen = HashMap::new();
    let number = |key| {
        let next = seen.len();
        *seen.entry(key).or_insert(next)
    };
    keys.into_iter().map(number).collect()
}

/// An index vector.
fn index_value(cx: &RunCx<'_>, dtype: DType, numbers: &[usize]) -> Result<Value> {
    let mut out = cx.alloc(dtype, &[numbers.len()])?;
    with_type!(dtype, T in index => {
        out.make_mut::<T>()?.iter_mut().zip(numbers).for_each(|(cell, n)| *cell = *n as T);
    }, else => ());
    Ok(out)
}

/// Slices of an axis, by number: `outer` blocks of `n` slices of `inner` elements.
fn take_slices<E: Cell>(from: &[E], n: usize, inner: usize, picks: &[usize], out: &mut [E]) {
    let (block, picked) = (n * inner, picks.len() * inner);
    if block == 0 || picked == 0 {
        return;
    }
    for (from, out) in from.chunks_exact(block).zip(out.chunks_exact_mut(picked)) {
        for (out, pick) in out.chunks_exact_mut(inner).zip(picks) {
            out.clone_from_slice(&from[pick * inner..(pick + 1) * inner]);
        }
    }
}

/// A value of some slices along an axis.
fn picked(cx: &RunCx<'_>, value: &Value, axis: usize, picks: &[usize]) -> Result<Value> {
    let mut dims = Dims::from_slice(value.dims());
    let (n, inner) = (dims[axis], dims[axis + 1..].iter().product());
    dims[axis] = picks.len();
    let mut out = cx.alloc(value.dtype(), &dims)?;
    with_cells!(value.dtype(), E => take_slices::<E>(cells(value)?, n, inner, picks, cells_mut(&mut out)?));
    Ok(out)
}

impl Op for ListDiff {
    fn kind(&self) -> &'static OpKind {
        &LIST_DIFF
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        check_dtype(cx.dtype(0))?;
        (0..2).try_for_each(|i| cx.shape(i).with_rank(1).map(drop))?;
        let n = Dim::unknown();
        cx.output(cx.dtype(0), Shape::from([n.clone()]));
        cx.output(self.out_idx, Shape::from([n]));
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let (x, y) = (cx.input(0), cx.input(1));
        if x.rank() != 1 || y.rank() != 1 {
            return Err(Error::shape(format!("x and y must be vectors, but have ranks {} and {}", x.rank(), y.rank())));
        }
        check_numbers(cx, x.len() + y.len())?;
        let numbers = numbers(&[y, x])?;
        let (in_y, in_x) = numbers.split_at(y.len());
        let mut is_in_y = vec![false; numbers.len()];
        in_y.iter().for_each(|number| is_in_y[*number] = true);
        let places: Vec<usize> = (0..x.len()).filter(|i| !is_in_y[in_x[*i]]).collect();
        let (out, places) = (picked(cx, x, 0, &places)?, index_value(cx, self.out_idx, &places)?);
        cx.output(0, out);
        cx.output(1, places);
        Ok(())
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        vec![("out_idx", AttrValue::Type(self.out_idx))]
    }
}

impl Op for Unique {
    fn kind(&self) -> &'static OpKind {
        kind_of(self)
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        check_dtype(cx.dtype(0))?;
        let (y, idx) = if self.has_axis {
            check_index("axis", cx.dtype(1))?;
            cx.shape(1).with_rank(1)?;
            along(cx)?
        } else {
            let x = cx.shape(0).with_rank(1)?;
            (Shape::from([Dim::unknown()]), Shape::from([x.dim(0)]))
        };
        cx.output(cx.dtype(0), y);
        cx.output(self.out_idx, idx);
        if self.has_counts {
            cx.output(self.out_idx, Shape::from([Dim::unknown()]));
        }
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let x = cx.input(0);
        let axis = match if self.has_axis { ints_of(cx.input(1))? } else { Vec::new() }.as_slice() {
            [] if x.rank() == 1 => 0,
            [axis] => normalize_axis(*axis, x.rank())?,
            axes => {
                let (n, rank) = (axes.len(), x.rank());
                return Err(Error::shape(format!(
                    "unique takes a vector, or one axis, but got rank {rank} and {n} axes"
                )));
            }
        };
        check_numbers(cx, x.len())?;
        let numbers = slice_numbers(x, axis)?;
        let mut firsts: Vec<usize> = Vec::new();
        let mut counts: Vec<usize> = Vec::new();
        for (i, &number) in numbers.iter().enumerate() {
            if number == firsts.len() {
                firsts.push(i);
                counts.push(0);
            }
            counts[number] += 1;
        }
        let (y, idx) = (picked(cx, x, axis, &firsts)?, index_value(cx, self.out_idx, &numbers)?);
        let counts = index_value(cx, self.out_idx, &counts)?;
        cx.output(0, y);
        cx.output(1, idx);
        if self.has_counts {
            cx.output(2, counts);
        }
        Ok(())
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        vec![("out_idx", AttrValue::Type(self.out_idx))]
    }
}

/// The shapes of the slices and of their numbers, where an input names the axis.
fn along(cx: &InferCx<'_>) -> Result<(Shape, Shape)> {
    let x = cx.shape(0);
    match (x.rank(), cx.ints(1).as_deref()) {
        (Some(rank), Some(&[axis])) => {
            let axis = normalize_axis(axis, rank)?;
            Ok((x.replace_dim(axis, Dim::unknown())?, Shape::from([x.dim(axis)])))
        }
        (_, Some([])) => Ok((Shape::from([Dim::unknown()]), Shape::from([x.with_rank(1)?.dim(0)]))),
        (Some(rank), _) => Ok((Shape::unknown_of_rank(rank), Shape::unknown_of_rank(1))),
        _ => Ok((Shape::unknown(), Shape::unknown_of_rank(1))),
    }
}

/// An error if the keys of so many elements, and their numbers, are beyond the run's budget.
fn check_numbers(cx: &RunCx<'_>, n: usize) -> Result<()> {
    let bytes = size_of::<Vec<u8>>() + size_of::<u64>() + size_of::<usize>();
    cx.check_room(n.saturating_mul(bytes))
}

/// As [`numbers`], of the slices along an axis.
fn slice_numbers(x: &Value, axis: usize) -> Result<Vec<usize>> {
    let elements = numbers(&[x])?;
    if x.rank() == 1 {
        return Ok(elements);
    }
    let (n, inner) = (x.dims()[axis], x.dims()[axis + 1..].iter().product::<usize>());
    let mut keys: Vec<Vec<usize>> = vec![Vec::new(); n];
    if inner > 0 {
        for (i, part) in elements.chunks_exact(inner).enumerate() {
            keys[i % n].extend_from_slice(part);
        }
    }
    Ok(enumerate(keys))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{infer_ok, run_op};

    #[test]
    fn differences_keep_their_order() {
        let out = run_op(ListDiff { out_idx: DType::I64 }, &[[5, 1, 2, 5].into_value(), [1, 9].into_value()]).unwrap();
        assert_eq!(out[0].slice::<i32>().unwrap(), [5, 2, 5]);
        assert_eq!(out[1].slice::<i64>().unwrap(), [0, 2, 3]);
        infer_ok(&ListDiff { out_idx: DType::I32 }, "(?);(3)", "(?);(?)");
    }

    #[test]
    fn distinct_elements_are_in_order_of_appearance() {
        let op = Unique { out_idx: DType::I32, has_axis: false, has_counts: true };
        let out = run_op(op, &[[4, 2, 4, 4].into_value()]).unwrap();
        let out: Vec<_> = out.iter().map(|value| value.slice::<i32>().unwrap()).collect();
        assert_eq!(out, [&[4, 2][..], &[0, 1, 0, 0], &[3, 1]]);
        let op = Unique { out_idx: DType::I32, has_axis: true, has_counts: false };
        let out = run_op(op, &[[[1, 1, 2], [3, 3, 4]].into_value(), [1].into_value()]).unwrap();
        assert_eq!((out[0].dims(), out[0].slice::<i32>().unwrap()), (&[2, 2][..], &[1, 2, 3, 4][..]));
        let op = Unique { out_idx: DType::I32, has_axis: false, has_counts: false };
        let out = run_op(op, &[[0.0f32, -0.0, f32::NAN, f32::NAN].into_value()]).unwrap();
        assert_eq!(out[1].slice::<i32>().unwrap(), [0, 0, 1, 2]);
    }
}
