//! How elementwise ops run: over an input's own memory where nobody else reads it, in rows where shapes differ, in
//! chunks on the pool where there is much to do. The ops give a function of elements, and nothing else.

use super::broadcast::Broadcast;
use crate::dtype::{DType, Plain};
use crate::error::{Error, Result};
use crate::graph::RunCx;
use crate::kernel::vector::{Map1, Map2};
use crate::shape::Dims;
use crate::value::{ScratchVec, Value};

/// Elements from which work is cut into chunks: about 30 us of additions. Below it a second thread comes too late.
const PARALLEL_FROM: usize = 64 << 10;
/// Elements of a chunk: fits the first-level caches together with its operands.
const CHUNK: usize = 16 << 10;
/// Elements that are copied and then overwritten while they are in the first-level cache.
const TILE: usize = 2 << 10;

/// Where the elements of an operand come from, for one row of the result.
#[derive(Clone, Copy)]
pub(super) enum Side<'a, T> {
    /// One element each.
    Row(&'a [T]),
    /// The same for all.
    One(T),
    /// The operand lies where the result goes.
    Out,
}

impl<'a, T: Plain> Side<'a, T> {
    fn part(self, start: usize, len: usize) -> Side<'a, T> {
        match self {
            Side::Row(row) => Side::Row(&row[start..start + len]),
            other => other,
        }
    }
}

/// Computes one row.
type RowFn<'a, T, U> = &'a (dyn Fn(&mut [U], Side<'_, T>, Side<'_, T>) + Sync);

/// `f` of the elements of input 0, in their dtype.
pub(super) fn map<T: Plain>(cx: &mut RunCx<'_>, f: impl Fn(T) -> T + Sync) -> Result<()> {
    map_slices(cx, &|elements: &mut [T]| {
        for x in elements {
            *x = f(*x);
        }
    })
}

/// As [`map`], by a function that overwrites a slice.
pub(super) fn map_slices<T: Plain>(cx: &mut RunCx<'_>, f: &(dyn Fn(&mut [T]) + Sync)) -> Result<()> {
    if let Some(mut out) = cx.take_if_unique(0) {
        for_parts(cx, out.make_mut::<T>()?, &|_, part| f(part))?;
        cx.output(0, out);
        return Ok(());
    }
    let mut out = cx.alloc(T::DTYPE, cx.input(0).dims())?;
    let x = cx.input(0).slice::<T>()?;
    for_parts(cx, out.make_mut::<T>()?, &|start, part| {
        let source = x[start..start + part.len()].chunks(TILE);
        for (tile, source) in part.chunks_mut(TILE).zip(source) {
            tile.copy_from_slice(source);
            f(tile);
        }
    })?;
    cx.output(0, out);
    Ok(())
}

/// As [`map`], by vector instructions.
pub(super) fn map_vector<T: Plain>(cx: &mut RunCx<'_>, f: Map1<T>) -> Result<()> {
    if let Some(mut out) = cx.take_if_unique(0) {
        for_parts(cx, out.make_mut::<T>()?, &|_, part| f.in_place(part))?;
        cx.output(0, out);
        return Ok(());
    }
    let mut out = cx.alloc(T::DTYPE, cx.input(0).dims())?;
    let x = cx.input(0).slice::<T>()?;
    for_parts(cx, out.make_mut::<T>()?, &|start, part| f.out(&x[start..start + part.len()], part))?;
    cx.output(0, out);
    Ok(())
}

/// `f` of the elements of input 0, in another dtype.
#[allow(clippy::needless_range_loop)]
pub(super) fn map_to<T: Plain, U: Plain>(cx: &mut RunCx<'_>, f: impl Fn(T) -> U + Sync) -> Result<()> {
    let mut out = cx.alloc(U::DTYPE, cx.input(0).dims())?;
    let x = cx.input(0).slice::<T>()?;
    for_parts(cx, out.make_mut::<U>()?, &|start, part| {
        let x = &x[start..start + part.len()];
        for i in 0..x.len() {
            part[i] = f(x[i]);
        }
    })?;
    cx.output(0, out);
    Ok(())
}

/// `f` of the pairs of elements of inputs 0 and 1, in their dtype.
#[inline]
pub(super) fn map2<T: Plain>(cx: &mut RunCx<'_>, f: impl Fn(T, T) -> T + Sync) -> Result<()> {
    zip_in_place(cx, &|out, a, b| row_in_place(out, a, b, &f))
}

/// As [`map2`], by vector instructions; `f` is given the operands in the other order if they are `swapped`.
#[inline]
pub(super) fn map2_vector<T: Plain>(cx: &mut RunCx<'_>, f: Map2<T>, swapped: bool) -> Result<()> {
    zip_in_place(cx, &|out, a, b| if swapped { vector_row(&f, out, b, a) } else { vector_row(&f, out, a, b) })
}

/// `f` of the pairs of elements of inputs 0 and 1, in another dtype.
pub(super) fn map2_to<T: Plain, U: Plain>(cx: &mut RunCx<'_>, f: impl Fn(T, T) -> U + Sync) -> Result<()> {
    let plan = Fit::of(cx.input(0), cx.input(1))?;
    zip_fresh(cx, &plan, &|out, a, b| row(out, a, b, &f))
}

/// As [`map2_to`] for strings, which `f` only looks at.
pub(super) fn map2_strings<R>(cx: &RunCx<'_>, mut f: impl FnMut(&[u8], &[u8]) -> R) -> Result<(Dims, ScratchVec<R>)> {
    /// Strings between two looks at the pace.
    const PART: usize = 1 << 12;
    let (a, b) = (cx.input(0), cx.input(1));
    let plan = Broadcast::new(a.dims(), b.dims())?;
    let (a, b) = (a.strings()?, b.strings()?);
    let (n, len) = (crate::shape::element_count(&plan.dims)?, plan.row_len());
    let [a_step, b_step] = [plan.a_is_one(), plan.b_is_one()].map(|is_one| usize::from(!is_one));
    let (mut out, mut pace) = (cx.list(n)?, cx.pace());
    for start in plan.rows(0).take(n / len.max(1)) {
        for from in (0..len).step_by(PART) {
            let part = from..len.min(from + PART);
            pace.spend(16 * part.len())?;
            out.extend(part.map(|i| f(&a[start.a + i * a_step], &b[start.b + i * b_step])))?;
        }
    }
    Ok((plan.dims, out))
}

/// How the operands make up the result. It lives on the stack for one step.
#[allow(clippy::large_enum_variant)]
enum Fit {
    /// Each operand has the result's shape, or is one element for all.
    Flat { a_fits: bool, b_fits: bool },
    /// Rows or columns repeat.
    Rows { plan: Broadcast, a_fits: bool, b_fits: bool },
}

impl Fit {
    #[inline]
    fn of(a: &Value, b: &Value) -> Result<Fit> {
        let a_fits = b.len() == 1 && b.rank() <= a.rank();
        let b_fits = a.len() == 1 && a.rank() <= b.rank();
        if a_fits || b_fits || a.dims() == b.dims() {
            let neither = !a_fits && !b_fits;
            return Ok(Fit::Flat { a_fits: a_fits || neither, b_fits: b_fits || neither });
        }
        let plan = Broadcast::new(a.dims(), b.dims())?;
        let (a_fits, b_fits) = (a.dims() == &*plan.dims, b.dims() == &*plan.dims);
        Ok(Fit::Rows { plan, a_fits, b_fits })
    }

    fn a_fits(&self) -> bool {
        let (Fit::Flat { a_fits, .. } | Fit::Rows { a_fits, .. }) = self;
        *a_fits
    }

    fn b_fits(&self) -> bool {
        let (Fit::Flat { b_fits, .. } | Fit::Rows { b_fits, .. }) = self;
        *b_fits
    }
}

/// Over the memory of an operand if possible.
fn zip_in_place<T: Plain>(cx: &mut RunCx<'_>, row: RowFn<'_, T, T>) -> Result<()> {
    if zip_few_over_first(cx, row) {
        return Ok(());
    }
    let fit = Fit::of(cx.input(0), cx.input(1))?;
    if fit.a_fits()
        && let Some(mut out) = cx.take_if_unique(0)
    {
        zip(cx, &fit, out.make_mut()?, None, Some(cx.input(1).slice()?), row)?;
        cx.output(0, out);
    } else if fit.b_fits()
        && let Some(mut out) = cx.take_if_unique(1)
    {
        zip(cx, &fit, out.make_mut()?, Some(cx.input(0).slice()?), None, row)?;
        cx.output(0, out);
    } else {
        zip_fresh(cx, &fit, row)?;
    }
    Ok(())
}

/// The commonest case, with nothing in its way: few elements over the memory of the first operand. False where it is
/// another case.
fn zip_few_over_first<T: Plain>(cx: &mut RunCx<'_>, row: RowFn<'_, T, T>) -> bool {
    let (a, b) = (cx.input(0), cx.input(1));
    let is_same = a.has_dims_of(b);
    let fits = is_same || (b.len() == 1 && b.rank() <= a.rank());
    if !fits || a.len() >= PARALLEL_FROM || a.dtype() != T::DTYPE || b.dtype() != T::DTYPE {
        return false;
    }
    let Some((a, b)) = cx.overwrite(0, 1) else { return false };
    // The dtypes were just checked, and nobody shares what may be overwritten.
    let (Some(out), Ok(b)) = (a.slice_mut::<T>(), b.slice::<T>()) else { return false };
    match b {
        [one] if !is_same => row(out, Side::Out, Side::One(*one)),
        _ => row(out, Side::Out, Side::Row(b)),
    }
    true
}

/// Elements up to which choosing a loop costs more than running it.
const FEW: usize = 32;

/// A loop that overwrites its first operand; the second one is as long, or one number.
pub(super) type Few = fn(&mut [f32], &[f32]);

/// Runs a loop over the memory of input 0 where it has few elements and nothing is in the way; says whether it did.
#[inline]
pub(super) fn zip_few(cx: &mut RunCx<'_>, f: Few) -> bool {
    let (a, b) = (cx.input(0), cx.input(1));
    let fits = a.has_dims_of(b) || (b.len() == 1 && b.rank() <= a.rank());
    if !fits || a.len() > FEW || a.dtype() != DType::F32 || b.dtype() != DType::F32 {
        return false;
    }
    let Some((a, b)) = cx.overwrite(0, 1) else { return false };
    // The dtypes were just checked, and nobody shares what may be overwritten.
    let (Some(out), Ok(b)) = (a.slice_mut(), b.slice()) else { return false };
    f(out, b);
    true
}

/// The body of a [`Few`].
#[inline(always)]
pub(super) fn few(out: &mut [f32], b: &[f32], f: impl Fn(f32, f32) -> f32) {
    match b {
        [b] => out.iter_mut().for_each(|a| *a = f(*a, *b)),
        _ => out.iter_mut().zip(b).for_each(|(a, b)| *a = f(*a, *b)),
    }
}

fn zip_fresh<T: Plain, U: Plain>(cx: &mut RunCx<'_>, fit: &Fit, row: RowFn<'_, T, U>) -> Result<()> {
    let (a, b) = (cx.input(0), cx.input(1));
    let dims = match fit {
        Fit::Flat { a_fits: true, .. } => a.dims(),
        Fit::Flat { .. } => b.dims(),
        Fit::Rows { plan, .. } => &plan.dims,
    };
    let mut out = cx.alloc(U::DTYPE, dims)?;
    zip(cx, fit, out.make_mut()?, Some(a.slice()?), Some(b.slice()?), row)?;
    cx.output(0, out);
    Ok(())
}

/// `None` is the operand that lies where the result goes.
#[inline]
fn zip<T: Plain, U: Plain>(
    cx: &RunCx<'_>,
    fit: &Fit,
    out: &mut [U],
    a: Option<&[T]>,
    b: Option<&[T]>,
    row: RowFn<'_, T, U>,
) -> Result<()> {
    if out.is_empty() {
        return Ok(());
    }
    match fit {
        Fit::Flat { a_fits, b_fits } => {
            let (a, b) = (flat(a, *a_fits), flat(b, *b_fits));
            for_parts(cx, out, &|start, part| {
                let len = part.len();
                row(part, a.part(start, len), b.part(start, len));
            })
        }
        Fit::Rows { plan, .. } => zip_rows(cx, plan, out, a, b, row),
    }
}

fn flat<T: Plain>(operand: Option<&[T]>, fits: bool) -> Side<'_, T> {
    match operand {
        None => Side::Out,
        Some(row) if fits => Side::Row(row),
        Some(one) => Side::One(one[0]),
    }
}

fn zip_rows<T: Plain, U: Plain>(
    cx: &RunCx<'_>,
    plan: &Broadcast,
    out: &mut [U],
    a: Option<&[T]>,
    b: Option<&[T]>,
    row: RowFn<'_, T, U>,
) -> Result<()> {
    let len = plan.row_len();
    let side = |operand: Option<_>, start: usize, is_one: bool, from: usize, n: usize| match operand {
        None => Side::Out,
        Some(operand) => {
            let operand: &[T] = operand;
            if is_one { Side::One(operand[start]) } else { Side::Row(&operand[start + from..][..n]) }
        }
    };
    let rows = |first: usize, part: &mut [U]| {
        for (start, out) in plan.rows(first).zip(part.chunks_exact_mut(len)) {
            row(out, side(a, start.a, plan.a_is_one(), 0, len), side(b, start.b, plan.b_is_one(), 0, len));
        }
    };
    if out.len() < PARALLEL_FROM {
        rows(0, out);
        return Ok(());
    }
    if len > CHUNK {
        return cx.for_chunks_mut(out, CHUNK, &|chunk, mut part| {
            let (first, mut from) = (chunk * CHUNK / len, chunk * CHUNK % len);
            for start in plan.rows(first) {
                let n = part.len().min(len - from);
                let (out, rest) = part.split_at_mut(n);
                row(out, side(a, start.a, plan.a_is_one(), from, n), side(b, start.b, plan.b_is_one(), from, n));
                (part, from) = (rest, 0);
                if part.is_empty() {
                    return;
                }
            }
        });
    }
    let rows_a_chunk = CHUNK / len;
    cx.for_chunks_mut(out, rows_a_chunk * len, &|chunk, part| rows(chunk * rows_a_chunk, part))
}

/// Calls `f(start, part)` for the parts of a slice, on the pool if there are many elements.
#[inline]
pub(super) fn for_parts<U: Plain>(cx: &RunCx<'_>, out: &mut [U], f: &(dyn Fn(usize, &mut [U]) + Sync)) -> Result<()> {
    if out.len() < PARALLEL_FROM {
        f(0, out);
        return Ok(());
    }
    cx.for_chunks_mut(out, CHUNK, &|chunk, part| f(chunk * CHUNK, part))
}

/// Whether a dtype gets a loop for each way its operands can lie. The others share one loop: it is slower, and there
/// are ten of them for every op. Asked in `const` blocks, so that loops that are never run are not compiled.
const fn has_own_loops(dtype: DType) -> bool {
    matches!(dtype, DType::F32 | DType::F64 | DType::I32 | DType::I64)
}

// The loops below count an index over slices that were cut to one length: chains of iterators would be compiled into five
// more functions for each formula and dtype, and become the same instructions.
#[inline(always)]
#[allow(clippy::needless_range_loop)]
fn row_in_place<T: Plain>(out: &mut [T], a: Side<'_, T>, b: Side<'_, T>, f: &impl Fn(T, T) -> T) {
    let n = out.len();
    match (a, b) {
        (Side::Out, Side::One(b)) if const { has_own_loops(T::DTYPE) } => {
            for a in out {
                *a = f(*a, b);
            }
        }
        (Side::One(a), Side::Out) if const { has_own_loops(T::DTYPE) } => {
            for b in out {
                *b = f(a, *b);
            }
        }
        (Side::Out, Side::Row(b)) if const { has_own_loops(T::DTYPE) } => {
            let b = &b[..n];
            for i in 0..n {
                out[i] = f(out[i], b[i]);
            }
        }
        (Side::Row(a), Side::Out) if const { has_own_loops(T::DTYPE) } => {
            let a = &a[..n];
            for i in 0..n {
                out[i] = f(a[i], out[i]);
            }
        }
        (Side::Out, _) | (_, Side::Out) => {
            for i in 0..n {
                out[i] = f(element(a, i, out[i]), element(b, i, out[i]));
            }
        }
        _ => row(out, a, b, f),
    }
}

fn vector_row<T: Plain>(f: &Map2<T>, out: &mut [T], a: Side<'_, T>, b: Side<'_, T>) {
    match (a, b) {
        (Side::Row(a), Side::Row(b)) => f.out(a, b, out),
        (Side::Row(a), Side::One(b)) => f.scalar_right(a, b, out),
        (Side::One(a), Side::Row(b)) => f.scalar_left(a, b, out),
        (Side::Out, Side::Row(b)) => f.over_left(out, b),
        (Side::Out, Side::One(b)) => f.over_left_scalar(out, b),
        (Side::Row(a), Side::Out) => f.over_right(a, out),
        (Side::One(a), Side::Out) => f.over_right_scalar(a, out),
        (Side::One(a), Side::One(b)) => {
            out.fill(a);
            f.over_left_scalar(out, b);
        }
        // Only one operand can lie where the result goes.
        (Side::Out, Side::Out) => {}
    }
}

/// A row of a result that shares no memory with the operands.
#[inline(always)]
#[allow(clippy::needless_range_loop)]
fn row<T: Plain, U: Plain>(out: &mut [U], a: Side<'_, T>, b: Side<'_, T>, f: &impl Fn(T, T) -> U) {
    let n = out.len();
    match (a, b) {
        (Side::Row(a), Side::Row(b)) if const { has_own_loops(T::DTYPE) } => {
            let (a, b) = (&a[..n], &b[..n]);
            for i in 0..n {
                out[i] = f(a[i], b[i]);
            }
        }
        (Side::Row(a), Side::One(b)) if const { has_own_loops(T::DTYPE) } => {
            let a = &a[..n];
            for i in 0..n {
                out[i] = f(a[i], b);
            }
        }
        (Side::One(a), Side::Row(b)) if const { has_own_loops(T::DTYPE) } => {
            let b = &b[..n];
            for i in 0..n {
                out[i] = f(a, b[i]);
            }
        }
        (Side::Row(first), _) | (_, Side::Row(first)) => {
            let first = &first[..n];
            for i in 0..n {
                out[i] = f(element(a, i, first[i]), element(b, i, first[i]));
            }
        }
        (Side::One(a), Side::One(b)) => out.fill(f(a, b)),
        // Results of another dtype lie apart from the operands, and `row_in_place` sends none here.
        (Side::Out, _) | (_, Side::Out) => {}
    }
}

#[inline(always)]
fn element<T: Plain>(side: Side<'_, T>, i: usize, out: T) -> T {
    match side {
        Side::Row(row) => row[i],
        Side::One(x) => x,
        Side::Out => out,
    }
}

/// For ops that take operands of one shape only.
pub(super) fn check_same_dims(a: &Value, b: &Value) -> Result<()> {
    if a.dims() != b.dims() {
        let (a, b) = (crate::Shape::from(a.dims()), crate::Shape::from(b.dims()));
        return Err(Error::shape(format!(
            "the inputs must have one shape, but have {} and {}",
            a.brackets(),
            b.brackets()
        )));
    }
    Ok(())
}
