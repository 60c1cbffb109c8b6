//! `ListDiff`, `Unique`, `UniqueV2` and their forms with counts: which elements are equal.

use std::sync::Arc;

use super::cells::{cells, cells_mut, with_cells};
use super::gather::Picking;
use super::into_sizes::check_index;
use super::numbering::{Elements, Numbering};
use crate::cancel::Pace;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::graph::{AttrValue, Attrs, Example, InferCx, Ints, Op, OpKind, RunCx, Tensor};
use crate::shape::{Dim, Dims, Shape, element_count, normalize_axis};
use crate::value::{IntoValue, ScratchVec, Value};
use crate::with_type;

/// Numbers a chunk: some 50 us of writing.
const PART: usize = 1 << 16;

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
    if dtype.is_floating() || dtype.is_integer() || matches!(dtype, DType::Bool | DType::String) {
        return Ok(());
    }
    Err(Error::unsupported(format!("equal elements are found among real numbers, bool and strings, not in {dtype}")))
}

/// The slices of a value along an axis.
struct Slices<'a> {
    elements: Elements<'a>,
    /// Elements before the axis, of the axis, and behind it.
    outer: usize,
    n: usize,
    inner: usize,
}

impl<'a> Slices<'a> {
    fn of(value: &'a Value, axis: usize) -> Result<Slices<'a>> {
        let dims = value.dims();
        let (outer, inner) = (element_count(&dims[..axis])?, element_count(&dims[axis + 1..])?);
        Ok(Slices { elements: Elements::of(value)?, outer, n: dims[axis], inner })
    }

    /// The places of the elements of slice `i`.
    fn places(&self, i: usize) -> impl Iterator<Item = usize> {
        let (n, inner) = (self.n, self.inner);
        // Any number of blocks of nothing have no elements.
        let outer = if inner == 0 { 0 } else { self.outer };
        (0..outer).flat_map(move |block| (0..inner).map(move |at| (block * n + i) * inner + at))
    }

    /// A hash of slice `i`; `None` if it equals none.
    fn hash(&self, table: &Numbering<'_, '_>, pace: &mut Pace<'_>, i: usize) -> Result<Option<u64>> {
        let mut all = 0u64;
        pace.spend(16)?;
        for at in self.places(i) {
            pace.spend(self.elements.work(at))?;
            match self.elements.hash(table, at) {
                Some(hash) => all = all.rotate_left(23).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ hash,
                None => return Ok(None),
            }
        }
        Ok(Some(all))
    }

    /// Whether slices `i` and `j` are equal.
    fn same(&self, pace: &mut Pace<'_>, i: usize, j: usize) -> Result<bool> {
        for (a, b) in self.places(i).zip(self.places(j)) {
            pace.spend(self.elements.work(a) / 8)?;
            if !self.elements.same(a, self.elements, b) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// A number for each slice, equal where slices are, in the order of first appearance; and the first slice of each number.
fn numbers(cx: &RunCx<'_>, slices: &Slices<'_>) -> Result<[ScratchVec<usize>; 2]> {
    let (mut table, mut pace) = (Numbering::new(cx, slices.n)?, cx.pace());
    let (mut numbers, mut firsts) = (cx.list(slices.n)?, cx.list::<usize>(0)?);
    for i in 0..slices.n {
        let hash = slices.hash(&table, &mut pace, i)?;
        let known = match hash {
            Some(hash) => table.find(hash, |number| slices.same(&mut pace, i, firsts[number]))?,
            None => None,
        };
        numbers.push(known.unwrap_or(firsts.len()))?;
        if known.is_none() {
            hash.map_or(Ok(()), |hash| table.insert(hash, firsts.len()))?;
            firsts.push(i)?;
        }
    }
    Ok([numbers, firsts])
}

/// An index vector.
fn index_value(cx: &RunCx<'_>, dtype: DType, numbers: &[usize]) -> Result<Value> {
    let mut out = cx.alloc(dtype, &[numbers.len()])?;
    with_type!(dtype, T in index => {
        cx.for_chunks_mut(out.make_mut::<T>()?, PART, &|chunk, part| {
            part.iter_mut().zip(&numbers[chunk * PART..]).for_each(|(cell, n)| *cell = *n as T);
        })?;
    }, else => ());
    Ok(out)
}

/// A value of some slices along an axis.
fn picked(cx: &RunCx<'_>, value: &Value, axis: usize, picks: &[usize]) -> Result<Value> {
    let mut dims = Dims::from_slice(value.dims());
    let picking = Picking {
        outer: element_count(&dims[..axis])?,
        size: dims[axis],
        picks: picks.len(),
        inner: element_count(&dims[axis + 1..])?,
    };
    dims[axis] = picks.len();
    let mut out = cx.alloc(value.dtype(), &dims)?;
    with_cells!(value.dtype(), E => picking.run::<E>(cx, cells(value)?, picks, cells_mut(&mut out)?)?);
    Ok(out)
}

/// The places of the elements of one vector that another does not have.
fn missing(cx: &RunCx<'_>, x: &Value, from: &Value) -> Result<ScratchVec<usize>> {
    let (x_elements, y_elements) = (Elements::of(x)?, Elements::of(from)?);
    let (mut table, mut pace) = (Numbering::new(cx, from.len())?, cx.pace());
    for i in 0..from.len() {
        pace.spend(y_elements.work(i))?;
        let Some(hash) = y_elements.hash(&table, i) else { continue };
        if table.find(hash, |j| Ok(y_elements.same(i, y_elements, j)))?.is_none() {
            table.insert(hash, i)?;
        }
    }
    let mut places = cx.list(0)?;
    for i in 0..x.len() {
        pace.spend(x_elements.work(i))?;
        let hash = x_elements.hash(&table, i);
        let known = hash.map(|hash| table.find(hash, |j| Ok(x_elements.same(i, y_elements, j)))).transpose()?;
        if known.flatten().is_none() {
            places.push(i)?;
        }
    }
    Ok(places)
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
        let places = missing(cx, x, y)?;
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
        let axes = if self.has_axis { Ints::of(cx.input(1))? } else { Ints::I64(&[]) };
        let axis = match (axes.len(), axes.only()) {
            (0, _) if x.rank() == 1 => 0,
            (_, Some(axis)) => normalize_axis(axis, x.rank())?,
            (n, _) => {
                let rank = x.rank();
                return Err(Error::shape(format!(
                    "unique takes a vector, or one axis, but got rank {rank} and {n} axes"
                )));
            }
        };
        let [numbers, firsts] = numbers(cx, &Slices::of(x, axis)?)?;
        let (y, idx) = (picked(cx, x, axis, &firsts)?, index_value(cx, self.out_idx, &numbers)?);
        if self.has_counts {
            let (mut counts, mut pace) = (cx.scratch(firsts.len())?, cx.pace());
            for number in numbers.iter() {
                pace.spend(2)?;
                counts[*number] += 1;
            }
            let counts = index_value(cx, self.out_idx, &counts)?;
            cx.output(2, counts);
        }
        cx.output(0, y);
        cx.output(1, idx);
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
