//! `StridedSlice` and `StridedSliceGrad`: NumPy's basic indexing, `x[1, ..., ::2, newaxis]`, and its adjoint.

use std::sync::Arc;

use super::cells::{cells, cells_mut, with_cells};
use super::into_sizes::{check_index, check_short_index, dims_of};
use super::strided::{Layout, read, row_major, write_cells};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::graph::{AttrValue, Attrs, Example, GradCx, InferCx, Op, OpKind, RunCx, Tensor};
use crate::shape::{Dim, Dims, Shape};
use crate::value::{IntoValue, ScratchVec};

/// What the bits of the masks say of entry `i`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Masks {
    /// The range starts where the axis does.
    pub begin: i64,
    /// The range ends where the axis does.
    pub end: i64,
    /// The entry stands for as many whole axes as are left.
    pub ellipsis: i64,
    /// The entry is a new axis of size 1.
    pub new_axis: i64,
    /// The entry is one index, and its axis goes.
    pub shrink_axis: i64,
}

/// Elements picked by ranges with steps.
#[derive(Debug, Clone)]
pub struct StridedSlice {
    /// What the entries are.
    pub masks: Masks,
}

/// Zeros, but for the places that [`StridedSlice`] would read.
#[derive(Debug, Clone)]
pub struct StridedSliceGrad {
    /// What the entries are.
    pub masks: Masks,
}

/// The row of [`StridedSlice`].
pub static STRIDED_SLICE: OpKind = OpKind::new(
    "StridedSlice",
    "input: T, begin: Index, end: Index, strides: Index -> output: T",
    |attrs: &Attrs| Ok(Arc::new(StridedSlice { masks: Masks::parse(attrs)? }) as Arc<dyn Op>),
    examples,
);

/// The row of [`StridedSliceGrad`].
pub static STRIDED_SLICE_GRAD: OpKind = OpKind::new(
    "StridedSliceGrad",
    "shape: Index, begin: Index, end: Index, strides: Index, dy: T -> output: T",
    |attrs: &Attrs| Ok(Arc::new(StridedSliceGrad { masks: Masks::parse(attrs)? }) as Arc<dyn Op>),
    || {
        let entries = [[4i32].into_value(), [0i32].into_value(), [4i32].into_value(), [2i32].into_value()];
        let op = StridedSliceGrad { masks: Masks::default() };
        vec![Example::new(op, entries.into_iter().chain([[1.0f32, 2.0].into_value()]))]
    },
);

fn examples() -> Vec<Example> {
    let value = || [[1.0f32, 2.0, 3.0], [4.0, 5.0, 6.0]].into_value();
    let of = |masks, begin: [i32; 2], end: [i32; 2], strides: [i32; 2]| {
        Example::new(StridedSlice { masks }, [value(), begin.into_value(), end.into_value(), strides.into_value()])
    };
    let sizes = [[3i32, 4, 5].into_value(), [1i32].into_value(), [2i32].into_value(), [1i32].into_value()];
    vec![
        of(Masks::default(), [0, 0], [2, -1], [1, 1]),
        of(Masks { begin: 3, end: 3, ..Masks::default() }, [0, 0], [0, 0], [-1, 2]),
        of(Masks { shrink_axis: 1, end: 2, ..Masks::default() }, [-1, 1], [0, 0], [1, 1]),
        of(Masks { ellipsis: 1, new_axis: 2, ..Masks::default() }, [0, 0], [0, 0], [1, 1]),
        Example::new(
            StridedSlice { masks: Masks::default() },
            [value(), [1i16].into_value(), [2i16].into_value(), [1i16].into_value()],
        ),
        Example::new(StridedSlice { masks: Masks { shrink_axis: 1, ..Masks::default() } }, sizes),
    ]
}

impl Masks {
    pub(super) fn parse(attrs: &Attrs) -> Result<Masks> {
        Ok(Masks {
            begin: attrs.int_or("begin_mask", 0)?,
            end: attrs.int_or("end_mask", 0)?,
            ellipsis: attrs.int_or("ellipsis_mask", 0)?,
            new_axis: attrs.int_or("new_axis_mask", 0)?,
            shrink_axis: attrs.int_or("shrink_axis_mask", 0)?,
        })
    }

    pub(super) fn attrs(self) -> Vec<(&'static str, AttrValue)> {
        vec![
            ("begin_mask", AttrValue::Int(self.begin)),
            ("end_mask", AttrValue::Int(self.end)),
            ("ellipsis_mask", AttrValue::Int(self.ellipsis)),
            ("new_axis_mask", AttrValue::Int(self.new_axis)),
            ("shrink_axis_mask", AttrValue::Int(self.shrink_axis)),
        ]
    }
}

fn bit(mask: i64, i: usize) -> bool {
    i < 64 && mask >> i & 1 == 1
}

/// One entry of the index, brought to the axis that it is for.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Entry {
    /// One whole axis.
    Whole,
    /// A new axis.
    New,
    /// Entry `i` of begin, end and strides.
    At(usize),
}

/// The entries in the order of the output's axes, one for each axis of the input and each new one.
fn entries(masks: Masks, n: usize, rank: usize) -> Result<Vec<Entry>> {
    let too_many = || {
        let text = format!("index out of range using input dim {rank}; input has only {rank} dims");
        Error::shape(text)
    };
    // Masks have 64 bits, so what is beyond them needs an axis each.
    if n > rank + 64 {
        return Err(too_many());
    }
    let ellipses = (0..n).filter(|i| bit(masks.ellipsis, *i)).count();
    if ellipses > 1 {
        return Err(Error::invalid("multiple ellipses in slice spec not allowed"));
    }
    let is_new = |i: &usize| bit(masks.new_axis, *i) && !bit(masks.ellipsis, *i);
    let used = n - ellipses - (0..n).filter(is_new).count();
    if used > rank {
        return Err(too_many());
    }
    // Bounded by the rank and the specification.
    let mut all = Vec::with_capacity(n + rank);
    for i in 0..n {
        match () {
            () if bit(masks.ellipsis, i) => all.extend((used..rank).map(|_| Entry::Whole)),
            () if is_new(&i) => all.push(Entry::New),
            () => all.push(Entry::At(i)),
        }
    }
    if ellipses == 0 {
        all.extend((used..rank).map(|_| Entry::Whole));
    }
    Ok(all)
}

/// One axis of the input: where reading starts, how far a step goes, how many steps there are.
struct Pick {
    begin: i64,
    step: i64,
    size: usize,
}

/// Entry `i` on an axis of known size.
fn pick(masks: Masks, i: usize, axis: usize, dim: usize, (begin, end, step): (i64, i64, i64)) -> Result<Pick> {
    let n = i64::try_from(dim).unwrap_or(i64::MAX);
    check_step(masks, i, step)?;
    let from_front = |x: i64| if x < 0 { x.saturating_add(n) } else { x };
    if bit(masks.shrink_axis, i) {
        let at = from_front(begin);
        if !(0..n).contains(&at) {
            return Err(Error::invalid(format!("slice index {begin} of dimension {axis} out of bounds")));
        }
        return Ok(Pick { begin: at, step: 1, size: 1 });
    }
    let (low, high) = if step > 0 { (0, n) } else { (-1, n - 1) };
    let begin = match bit(masks.begin, i) {
        true => {
            if step > 0 {
                low
            } else {
                high
            }
        }
        false => from_front(begin).clamp(low, high.max(low)),
    };
    let end = match bit(masks.end, i) {
        true => {
            if step > 0 {
                high
            } else {
                low
            }
        }
        false => from_front(end).clamp(low, high.max(low)),
    };
    let way = if step > 0 { end - begin } else { begin - end };
    let size = if way <= 0 { 0 } else { (way as u64).div_ceil(step.unsigned_abs()) as usize };
    Ok(Pick { begin, step, size })
}

fn check_step(masks: Masks, i: usize, step: i64) -> Result<()> {
    if step == 0 {
        return Err(Error::invalid(format!("strides[{i}] must be non-zero")));
    }
    if bit(masks.shrink_axis, i) && step < 0 {
        return Err(Error::invalid("only stride 1 allowed on non-range indexing"));
    }
    Ok(())
}

/// What is known of the size of an axis after entry `i`.
fn infer_pick(masks: Masks, i: usize, axis: usize, dim: &Dim, entry: [Option<Dim>; 3]) -> Result<Dim> {
    let [begin, end, step] = entry.map(|entry| entry.and_then(|entry| entry.as_i64()));
    if let Some(step) = step {
        check_step(masks, i, step)?;
    }
    let (begin, end) = (begin.or(bit(masks.begin, i).then_some(0)), end.or(bit(masks.end, i).then_some(0)));
    match (dim.known(), begin, end, step) {
        (Some(dim), Some(begin), Some(end), Some(step)) => {
            Ok(Dim::from(pick(masks, i, axis, dim, (begin, end, step))?.size))
        }
        _ if bit(masks.shrink_axis, i) => Ok(Dim::from(1)),
        (None, Some(begin), Some(end), Some(step)) => Ok(symbolic(masks, i, dim, begin, end, step)),
        _ => Ok(Dim::unknown()),
    }
}

/// The size of a range on an axis whose size is a symbol.
fn symbolic(masks: Masks, i: usize, dim: &Dim, begin: i64, end: i64, step: i64) -> Dim {
    let place = |at: i64| match at {
        at if at >= 0 => dim.min(&Dim::constant(at)),
        at => (dim + &Dim::constant(at)).max(&Dim::from(0)),
    };
    let whole = (bit(masks.begin, i) || (begin == 0 && step > 0)) && bit(masks.end, i);
    match step {
        1 if whole => dim.clone(),
        1 => {
            let begin = if bit(masks.begin, i) { Dim::from(0) } else { place(begin) };
            let end = if bit(masks.end, i) { dim.clone() } else { place(end) };
            (end - begin).max(&Dim::from(0))
        }
        _ if whole => dim.ceil_div(&Dim::constant(step.saturating_abs())),
        _ => Dim::unknown(),
    }
}

impl StridedSlice {
    fn infer_shape(&self, cx: &InferCx<'_>) -> Result<Shape> {
        let n = (1..4).try_fold(Shape::unknown(), |all, i| all.merge(&cx.shape(i).with_rank(1)?))?.dim(0).known();
        let (Some(dims), Some(n)) = (cx.shape(0).dims(), n) else { return Ok(Shape::unknown()) };
        let known = [cx.sizes(1), cx.sizes(2), cx.sizes(3)];
        let mut out = Vec::new();
        let mut axis = 0;
        for entry in entries(self.masks, n, dims.len())? {
            if entry == Entry::New {
                out.push(Dim::from(1));
                continue;
            }
            let size = match entry {
                Entry::At(i) => {
                    let values = [0, 1, 2].map(|k: usize| known[k].as_ref().map(|sizes| sizes[i].clone()));
                    let size = infer_pick(self.masks, i, axis, &dims[axis], values)?;
                    (!bit(self.masks.shrink_axis, i)).then_some(size)
                }
                _ => Some(dims[axis].clone()),
            };
            out.extend(size);
            axis += 1;
        }
        Ok(out.into())
    }

    /// The elements of a followed vector that one entry picks.
    fn picked(&self, cx: &InferCx<'_>) -> Option<Vec<Dim>> {
        let sizes = cx.sizes(0).filter(|_| cx.shape(0).rank() == Some(1))?;
        let (begin, end, step) = (cx.ints(1), cx.ints(2)?, cx.ints(3)?);
        let begin = begin?;
        if begin.len() != 1 || self.masks.new_axis & 1 == 1 || self.masks.ellipsis & 1 == 1 {
            return None;
        }
        let pick = pick(self.masks, 0, 0, sizes.len(), (begin[0], *end.first()?, *step.first()?)).ok()?;
        Some((0..pick.size as i64).map(|k| sizes[(pick.begin + k * pick.step) as usize].clone()).collect())
    }
}

/// Where the elements are in a tensor of these dims, and the dims of the output.
pub(super) fn layout(masks: Masks, dims: &[usize], [begin, end, step]: [&[i64]; 3]) -> Result<(Layout, Dims)> {
    if begin.len() != end.len() || begin.len() != step.len() {
        let (a, b, c) = (begin.len(), end.len(), step.len());
        return Err(Error::shape(format!("begin, end and strides must have equal sizes, but have {a}, {b} and {c}")));
    }
    let strides = row_major(dims);
    let mut layout = Layout { start: 0, dims: Dims::new(), strides: Default::default() };
    let mut out = Dims::new();
    let mut axis = 0;
    for entry in entries(masks, begin.len(), dims.len())? {
        let pick = match entry {
            Entry::New => {
                out.push(1);
                continue;
            }
            Entry::Whole => Pick { begin: 0, step: 1, size: dims[axis] },
            Entry::At(i) => pick(masks, i, axis, dims[axis], (begin[i], end[i], step[i]))?,
        };
        layout.start = layout.start.wrapping_add(strides[axis].wrapping_mul(pick.begin as isize));
        layout.dims.push(pick.size);
        // A step past the end is never taken.
        layout.strides.push(strides[axis].wrapping_mul(pick.step as isize));
        if !matches!(entry, Entry::At(i) if bit(masks.shrink_axis, i)) {
            out.push(pick.size);
        }
        axis += 1;
    }
    Ok((layout, out))
}

/// Inputs 1 to 3: begin, end and strides.
pub(super) fn spec(cx: &RunCx<'_>) -> Result<[ScratchVec<i64>; 3]> {
    Ok([cx.ints(cx.input(1))?, cx.ints(cx.input(2))?, cx.ints(cx.input(3))?])
}

impl Op for StridedSlice {
    fn kind(&self) -> &'static OpKind {
        &STRIDED_SLICE
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        check_short_index("begin, end and strides", cx.dtype(1))?;
        let shape = self.infer_shape(cx)?;
        let sizes = self.picked(cx);
        cx.output(cx.dtype(0), shape).sizes = sizes.map(Into::into);
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let [begin, end, step] = spec(cx)?;
        let (layout, dims) = layout(self.masks, cx.input(0).dims(), [&begin, &end, &step])?;
        // All of it, in order: no copy.
        let whole = layout.start == 0 && layout.dims[..] == *cx.input(0).dims();
        let out = if whole && layout.strides == row_major(cx.input(0).dims()) {
            cx.take(0).reshaped(&dims)?
        } else {
            read(cx, 0, &dims, &layout)?
        };
        cx.output(0, out);
        Ok(())
    }

    fn grad(&self, cx: &GradCx<'_>) -> Result<Vec<Option<Tensor>>> {
        let dtype = if cx.input(1).dtype() == DType::I64 { DType::I64 } else { DType::I32 };
        let [shape, begin, end, strides] = [cx.input(0).shape_tensor()?, cx.input(1), cx.input(2), cx.input(3)];
        let [shape, begin, end, strides] = [shape, begin, end, strides].map(|entry| entry.cast(dtype));
        let dx = StridedSliceGrad { masks: self.masks };
        let inputs = [&shape?, &begin?, &end?, &strides?, cx.dy()?];
        Ok(vec![Some(cx.graph().apply_one(dx, &inputs)?), None, None, None])
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        self.masks.attrs()
    }
}

impl Op for StridedSliceGrad {
    fn kind(&self) -> &'static OpKind {
        &STRIDED_SLICE_GRAD
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        check_index("shape, begin, end and strides", cx.dtype(0))?;
        let shape = cx.shape_from(0)?;
        cx.output(cx.dtype(4), shape);
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let dims = dims_of(cx.input(0))?;
        let [begin, end, step] = spec(cx)?;
        let (layout, picked) = layout(self.masks, &dims, [&begin, &end, &step])?;
        let dy = cx.input(4);
        if dy.dims() != &picked[..] {
            let (a, b) = (Shape::from(&picked[..]), Shape::from(dy.dims()));
            let what = format!("shape of dy was {} instead of {}", b.brackets(), a.brackets());
            return Err(Error::shape(what));
        }
        let mut out = cx.alloc_zeros(dy.dtype(), &dims)?;
        with_cells!(dy.dtype(), E => write_cells::<E>(cx, cells(dy)?, cells_mut(&mut out)?, &layout)?);
        cx.output(0, out);
        Ok(())
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        self.masks.attrs()
    }
}
