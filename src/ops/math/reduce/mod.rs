//! The reductions: `Sum`, `Mean`, `Prod`, `Max`, `Min`, `EuclideanNorm`, `All` and `Any`.
//!
//! Numbers are combined in a tree that the shape alone fixes ([`tree`]), so the bits do not depend on the threads.
//! float16 and bfloat16 accumulate in float32 and round once.

mod build;
mod folds;
mod grad;
#[cfg(test)]
mod tests;
mod tree;

use std::sync::Arc;

use self::folds::Finish;
pub(in crate::ops) use self::folds::{Float, Wide};
use self::tree::{Elements, Group, Make, groups};
use crate::cancel::Pace;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::graph::{AttrValue, Attrs, Example, GradCx, InferCx, Op, OpKind, RunCx, Tensor};
use crate::kernel::fold::{self as kernel, Fold, How};
use crate::kernel::number::of_bytes_mut;
use crate::ops::parts::SERIAL;
use crate::shape::{Dim, Shape, element_count};
use crate::value::{IntoValue, Value};

/// What a reduction makes of the elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reduction {
    /// Their sum; 0 of none.
    Sum,
    /// Their sum over their number; NaN of none, 0 for integers.
    Mean,
    /// Their product; 1 of none.
    Prod,
    /// The largest; the lowest number of none. NaN counts for nothing beside other elements.
    Max,
    /// The smallest; the highest number of none. NaN counts for nothing beside other elements.
    Min,
    /// The root of the sum of their squares.
    EuclideanNorm,
    /// Whether all are true.
    All,
    /// Whether one is true.
    Any,
}

/// Removes axes by combining the elements along them: `(.., k, ..), axes -> (.., ..)`.
#[derive(Debug, Clone)]
pub struct Reduce {
    /// How they are combined.
    pub how: Reduction,
    /// The axes stay, with size 1.
    pub keep_dims: bool,
}

macro_rules! rows {
    ($($row:ident $how:ident $in:literal;)*) => {
        $(
            #[doc = concat!("The row of [`Reduction::", stringify!($how), "`].")]
            pub static $row: OpKind = OpKind::new(
                stringify!($how),
                concat!("input: ", $in, ", reduction_indices: Tidx -> output: ", $in),
                |attrs| parse(Reduction::$how, attrs),
                || examples(Reduction::$how),
            );
        )*

        impl Reduction {
            /// The row of the op.
            pub fn kind(self) -> &'static OpKind {
                match self { $(Reduction::$how => &$row),* }
            }
        }
    };
}

rows! {
    SUM Sum "T";
    MEAN Mean "T";
    PROD Prod "T";
    MAX Max "T";
    MIN Min "T";
    EUCLIDEAN_NORM EuclideanNorm "T";
    ALL All "bool";
    ANY Any "bool";
}

fn parse(how: Reduction, attrs: &Attrs) -> Result<Arc<dyn Op>> {
    Ok(Arc::new(Reduce { how, keep_dims: attrs.bool_or("keep_dims", false)? }))
}

fn examples(how: Reduction) -> Vec<Example> {
    let op = |keep_dims| Reduce { how, keep_dims };
    if matches!(how, Reduction::All | Reduction::Any) {
        let x = || [[true, false, true], [true, true, true]].into_value();
        return vec![
            Example::new(op(false), [x(), 1.into_value()]),
            Example::new(op(true), [x(), [0i64, -1].into_value()]),
        ];
    }
    let x = || [[1.0f32, -2.0, 3.0], [4.0, 5.0, 6.0]].into_value();
    vec![
        Example::new(op(false), [x(), 1.into_value()]),
        Example::new(op(true), [x(), [0i64, -1].into_value()]),
        Example::new(op(false), [[[1i32, 2], [3, 4]].into_value(), [-2i32].into_value()]),
        Example::new(op(false), [[2i32, 3, 4].into_value(), 0.into_value()]),
        Example::new(op(true), [x(), Vec::<i32>::new().into_value()]),
        Example::new(op(false), [no_rows(), 0.into_value()]),
    ]
}

fn no_rows() -> Value {
    Value::from_vec(&[0, 3], Vec::<f32>::new()).expect("dims with a zero hold no elements")
}

impl Op for Reduce {
    fn kind(&self) -> &'static OpKind {
        self.how.kind()
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        if !matches!(cx.dtype(1), DType::I32 | DType::I64) {
            return Err(Error::dtype(format!("reduction indices must be int32 or int64, but are {}", cx.dtype(1))));
        }
        supports(self.how, cx.dtype(0))?;
        cx.shape(1).with_rank_at_most(1)?;
        let shape = self.output_shape(cx)?;
        let sizes = self.output_sizes(cx, &shape);
        cx.output(cx.dtype(0), shape).sizes = sizes;
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let axes = crate::graph::to_ints(cx.input(1)).ok_or_else(|| Error::internal("axes are integers"))?;
        let input = cx.input(0);
        let is_reduced = reduced(&axes, input.rank())?;
        check_distinct(&axes, input.rank())?;
        let dims = self.output_dims(input.dims(), &is_reduced);
        let groups = groups(input.dims(), &|axis| is_reduced[axis]);
        let output = if self.changes(&groups) {
            self.run_groups(cx, input.dtype(), Elements::Given(input.bytes()?), groups, &dims)?
        } else {
            cx.take(0).reshaped(&dims)?
        };
        cx.output(0, output);
        Ok(())
    }

    fn grad(&self, cx: &GradCx<'_>) -> Result<Vec<Option<Tensor>>> {
        grad::grad(self, cx)
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        vec![("keep_dims", AttrValue::Bool(self.keep_dims))]
    }
}

/// The dtypes of a reduction.
fn supports(how: Reduction, dtype: DType) -> Result<()> {
    let has_order = dtype.is_floating() || dtype.is_integer();
    let fits = match how {
        Reduction::All | Reduction::Any => dtype == DType::Bool,
        Reduction::Max | Reduction::Min => has_order,
        _ => has_order || dtype.is_complex(),
    };
    if fits { Ok(()) } else { Err(Error::unsupported(format!("{how:?} has no meaning for {dtype}"))) }
}

/// Refuses an axis that comes twice. Only in the run, as TensorFlow 2: a graph may hold such a node.
fn check_distinct(axes: &[i64], rank: usize) -> Result<()> {
    crate::shape::normalize_axes(axes, rank)
        .map(drop)
        .map_err(|error| Error::invalid(format!("invalid reduction arguments: {}", error.message())))
}

/// Which axes go.
pub(in crate::ops) fn reduced(axes: &[i64], rank: usize) -> Result<Vec<bool>> {
    // Bounded by the rank.
    let mut is_reduced = vec![false; rank];
    for &axis in axes {
        let index = crate::shape::normalize_axis(axis, rank).map_err(|_| {
            Error::invalid(format!("invalid reduction dimension {axis} for input with {rank} dimensions"))
        })?;
        is_reduced[index] = true;
    }
    Ok(is_reduced)
}

impl Reduce {
    fn output_shape(&self, cx: &InferCx<'_>) -> Result<Shape> {
        let Some(dims) = cx.shape(0).dims() else {
            let is_full = !self.keep_dims && is_all_axes(cx);
            return Ok(if is_full { Shape::scalar() } else { Shape::unknown() });
        };
        match cx.ints(1) {
            Some(axes) => self.reduced_shape(cx.shape(0), &axes),
            None if self.keep_dims => Ok(Shape::unknown_of_rank(dims.len())),
            None => Ok(Shape::unknown()),
        }
    }

    /// What is left of a shape when these axes are reduced.
    pub(in crate::ops) fn reduced_shape(&self, shape: &Shape, axes: &[i64]) -> Result<Shape> {
        let Some(dims) = shape.dims() else { return Ok(Shape::unknown()) };
        let is_reduced = reduced(axes, dims.len())?;
        let one = |(dim, reduced): (&Dim, bool)| match reduced {
            true => self.keep_dims.then(|| Dim::constant(1)),
            false => Some(dim.clone()),
        };
        Ok(dims.iter().zip(is_reduced).filter_map(one).collect::<Vec<_>>().into())
    }

    /// A reduction of known sizes is a known size.
    fn output_sizes(&self, cx: &InferCx<'_>, shape: &Shape) -> Option<Arc<[Dim]>> {
        let sizes = cx.sizes(0)?;
        let is_full = cx.shape(0).rank() == Some(1) && cx.ints(1).is_some_and(|axes| !axes.is_empty());
        if !is_full || shape.rank()? != usize::from(self.keep_dims) {
            return None;
        }
        let sizes = sizes.iter().cloned();
        let size = match self.how {
            Reduction::Sum => sizes.fold(Dim::constant(0), |a, b| a + b),
            Reduction::Prod => sizes.fold(Dim::constant(1), |a, b| a * b),
            Reduction::Max => sizes.reduce(|a, b| a.max(&b))?,
            Reduction::Min => sizes.reduce(|a, b| a.min(&b))?,
            _ => return None,
        };
        Some([size].into())
    }

    pub(in crate::ops) fn output_dims(&self, dims: &[usize], is_reduced: &[bool]) -> Vec<usize> {
        let one = |(dim, reduced): (&usize, &bool)| match reduced {
            true => self.keep_dims.then_some(1),
            false => Some(*dim),
        };
        dims.iter().zip(is_reduced).filter_map(one).collect()
    }

    /// The fold of elements of a dtype, and what is done to its results where each is of `n` elements.
    fn fold(&self, dtype: DType, n: usize) -> Result<(How, Fold, Finish)> {
        let (how, finish) = match self.how {
            Reduction::Sum => (How::Sum, Finish::Nothing),
            Reduction::Mean => (How::Sum, Finish::Over(n)),
            Reduction::Prod => (How::Product, Finish::Nothing),
            Reduction::Max => (How::Largest, Finish::Nothing),
            Reduction::Min => (How::Smallest, Finish::Nothing),
            Reduction::EuclideanNorm => (How::Squares, Finish::Root),
            Reduction::All => (How::All, Finish::Nothing),
            Reduction::Any => (How::Any, Finish::Nothing),
        };
        supports(self.how, dtype)?;
        Ok((how, fold(how, dtype)?, finish))
    }

    /// Reduces elements of `dtype`, the groups of whose axes are given, to a value of these dims.
    fn run_groups(
        &self,
        cx: &RunCx<'_>,
        dtype: DType,
        elements: Elements<'_>,
        mut groups: Vec<Group>,
        dims: &[usize],
    ) -> Result<Value> {
        let n = groups.iter().filter(|group| group.is_reduced).map(|group| group.size).product();
        let (how, fold, finish) = self.fold(dtype, n)?;
        if n == 0 && matches!(how, How::Largest | How::Smallest) {
            return folds::extremes_of_nothing(cx, how, dtype, dims);
        }
        if groups.iter().all(|group| !group.is_reduced) {
            // Each element is squared by itself.
            groups.insert(0, Group { size: 1, is_reduced: true });
        }
        finish.run(cx, tree::reduce(cx, &fold, elements, groups)?, dtype)?.reshaped(dims)
    }

    /// Reduces elements of shape `dims` that `make(start, tile)` makes, a tile at a time: the bits of the op over the
    /// same elements in memory.
    pub(in crate::ops) fn run_made<T: Wide>(
        &self,
        cx: &RunCx<'_>,
        dims: &[usize],
        is_reduced: &[bool],
        make: &(dyn Fn(usize, &mut [T]) + Sync),
    ) -> Result<Value> {
        let make: Make<'_> = &|start, tile| make(start, of_bytes_mut(tile));
        let (groups, out_dims) = (groups(dims, &|axis| is_reduced[axis]), self.output_dims(dims, is_reduced));
        if self.changes(&groups) {
            return self.run_groups(cx, T::DTYPE, Elements::Made(make), groups, &out_dims);
        }
        let (_, fold, _) = self.fold(T::DTYPE, 1)?;
        tree::made(cx, &fold, make, element_count(dims)?)?.reshaped(&out_dims)
    }

    /// Whether elements are not all passed on as they are.
    fn changes(&self, groups: &[Group]) -> bool {
        self.how == Reduction::EuclideanNorm || groups.iter().any(|group| group.is_reduced)
    }
}

fn fold(how: How, dtype: DType) -> Result<Fold> {
    Fold::of(how, dtype).ok_or_else(|| Error::unsupported(format!("{how:?} has no meaning for {dtype}")))
}

/// The sum along the axes that `is_reduced` names, flat, for ops that keep the other axes.
pub(in crate::ops) fn sum_along(cx: &RunCx<'_>, x: &Value, is_reduced: &dyn Fn(usize) -> bool) -> Result<Value> {
    let groups = groups(x.dims(), is_reduced);
    let fold = fold(How::Sum, x.dtype())?;
    if groups.iter().all(|group| !group.is_reduced) {
        return x.clone().reshaped(&[x.len()]);
    }
    Finish::Nothing.run(cx, tree::reduce(cx, &fold, Elements::Given(x.bytes()?), groups)?, x.dtype())
}

/// The sum of the squares of all elements: of float64 as such, of smaller floats in float32.
pub(in crate::ops) fn sum_of_squares(cx: &RunCx<'_>, x: &Value) -> Result<Value> {
    let all = Group { size: x.len(), is_reduced: true };
    tree::reduce(cx, &fold(How::Squares, x.dtype())?, Elements::Given(x.bytes()?), vec![all])
}

/// The sum of a row, on this thread.
///
/// # Errors
/// Those of the run's limits.
pub(in crate::ops) fn sum_of<T: Wide>(row: &[T], pace: &mut Pace<'_>) -> Result<T> {
    if row.len() <= SERIAL {
        pace.spend(row.len())?;
        return Ok(kernel::sum(row));
    }
    let (left, right) = row.split_at(kernel::left_of(row.len()));
    Ok(sum_of(left, pace)?.plus(sum_of(right, pace)?))
}

/// The largest number of a row, on this thread; minus infinity of none.
///
/// # Errors
/// Those of the run's limits.
pub(in crate::ops) fn largest_of<T: Wide>(row: &[T], pace: &mut Pace<'_>) -> Result<T> {
    if row.len() <= SERIAL {
        pace.spend(row.len())?;
        return Ok(kernel::largest(row));
    }
    let (left, right) = row.split_at(kernel::left_of(row.len()));
    Ok(kernel::largest(&[largest_of(left, pace)?, largest_of(right, pace)?]))
}

/// Whether the axes are `Range(0, Rank(x), 1)` of the input: all of them, though nobody knows how many.
fn is_all_axes(cx: &InferCx<'_>) -> bool {
    let Some([start, limit, delta]) = cx.made_by(1, "Range") else { return false };
    let is = |id, want: i64| {
        cx.graph().constant_value(id).and_then(|value| crate::graph::to_ints(&value)) == Some(vec![want])
    };
    let node = cx.graph().node(limit.node);
    is(start, 0) && is(delta, 1) && node.op().kind().name == "Rank" && node.inputs() == [cx.input_id(0)]
}
