//! `ReverseV2`, `InvertPermutation` and `Roll`: the same elements in another order.

use std::sync::Arc;

use super::axis_maps::{AxisMap, read_mapped};
use super::into_sizes::{IntoSizes, check_index};
use super::strided::{Layout, read};
use crate::error::{Error, Result};
use crate::graph::{Attrs, Example, InferCx, Ints, Op, OpKind, RunCx, Tensor};
use crate::shape::{Dims, normalize_axis};
use crate::value::IntoValue;
use crate::with_type;

/// Axes back to front.
#[derive(Debug, Clone)]
pub struct ReverseV2;

/// The permutation that undoes one.
#[derive(Debug, Clone)]
pub struct InvertPermutation;

/// Axes turned round: what leaves at the end comes in at the front.
#[derive(Debug, Clone)]
pub struct Roll;

/// The row of [`ReverseV2`].
pub static REVERSE_V2: OpKind = OpKind::new(
    "ReverseV2",
    "tensor: T, axis: Tidx -> output: T",
    |_: &Attrs| Ok(Arc::new(ReverseV2) as Arc<dyn Op>),
    || {
        let value = || [[1.0f32, 2.0, 3.0], [4.0, 5.0, 6.0]].into_value();
        vec![
            Example::new(ReverseV2, [value(), [1i32].into_value()]),
            Example::new(ReverseV2, [value(), [-1i64, 0].into_value()]),
            Example::new(ReverseV2, [["a", "b"].into_value(), [0i32].into_value()]),
            Example::new(ReverseV2, [value(), Vec::<i32>::new().into_value()]),
        ]
    },
);

/// The row of [`InvertPermutation`].
pub static INVERT_PERMUTATION: OpKind = OpKind::new(
    "InvertPermutation",
    "x: T -> y: T",
    |_: &Attrs| Ok(Arc::new(InvertPermutation) as Arc<dyn Op>),
    || {
        vec![
            Example::new(InvertPermutation, [[2i32, 0, 1].into_value()]),
            Example::new(InvertPermutation, [[0i64].into_value()]),
        ]
    },
)
.not_differentiable("a permutation does not change smoothly");

/// The row of [`Roll`].
pub static ROLL: OpKind = OpKind::new(
    "Roll",
    "input: T, shift: Tshift, axis: Taxis -> output: T",
    |_: &Attrs| Ok(Arc::new(Roll) as Arc<dyn Op>),
    || {
        let value = || [[1.0f32, 2.0, 3.0], [4.0, 5.0, 6.0]].into_value();
        vec![
            Example::new(Roll, [value(), 1i32.into_value(), 1i32.into_value()]),
            Example::new(Roll, [value(), [-1i64, 4].into_value(), [0i32, -1].into_value()]),
        ]
    },
);

impl Tensor {
    /// The axes back to front.
    ///
    /// # Errors
    /// `InvalidArgument` for an axis out of range or twice.
    #[doc(alias = "tf.reverse")]
    #[track_caller]
    pub fn reverse(&self, axes: impl IntoSizes) -> Result<Tensor> {
        let g = self.graph();
        g.composite("ReverseV2", |scope| {
            let axes = axes.sizes(g, "axis")?;
            g.named(scope, || g.apply_one(ReverseV2, &[self, &axes]))
        })
    }

    /// The permutation that undoes this one: `y[x[i]] = i`.
    ///
    /// # Errors
    /// `InvalidArgument` in the run for what is no permutation of `0..n`.
    #[doc(alias = "tf.invert_permutation")]
    #[track_caller]
    pub fn invert_permutation(&self) -> Result<Tensor> {
        self.graph().apply_one(InvertPermutation, &[self])
    }

    /// The axes turned round by `shift[i]` along axis `axes[i]`: `[1, 2, 3]` by 1 is `[3, 1, 2]`.
    ///
    /// # Errors
    /// `InvalidArgument` for an axis out of range; `ShapeMismatch` if there is not one shift an axis.
    #[doc(alias = "tf.roll")]
    #[track_caller]
    pub fn roll(&self, shift: impl IntoSizes, axes: impl IntoSizes) -> Result<Tensor> {
        let g = self.graph();
        g.composite("Roll", |scope| {
            let (shift, axes) = (shift.sizes(g, "shift")?, axes.sizes(g, "axis")?);
            g.named(scope, || g.apply_one(Roll, &[self, &shift, &axes]))
        })
    }
}

/// The axes, each once.
fn distinct_axes(axes: &[i64], rank: usize) -> Result<Vec<usize>> {
    let mut all = Vec::new();
    for &given in axes {
        let axis = normalize_axis(given, rank)?;
        if all.contains(&axis) {
            return Err(Error::invalid(format!("axis {axis} was specified more than once")));
        }
        all.push(axis);
    }
    Ok(all)
}

impl Op for ReverseV2 {
    fn kind(&self) -> &'static OpKind {
        &REVERSE_V2
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        check_index("axis", cx.dtype(1))?;
        cx.shape(1).with_rank(1)?;
        if let (Some(rank), Some(axes)) = (cx.shape(0).rank(), cx.ints(1)) {
            distinct_axes(&axes, rank)?;
        }
        cx.output_like(0);
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let dims = cx.input(0).dims().to_vec();
        let axes = distinct_axes(&cx.ints(cx.input(1))?, dims.len())?;
        let mut layout = Layout::all(&dims);
        for axis in axes {
            layout.start += dims[axis].saturating_sub(1) as isize * layout.strides[axis];
            layout.strides[axis] = -layout.strides[axis];
        }
        let out = read(cx, 0, &dims, &layout)?;
        cx.output(0, out);
        Ok(())
    }
}

impl Op for InvertPermutation {
    fn kind(&self) -> &'static OpKind {
        &INVERT_PERMUTATION
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        check_index("x", cx.dtype(0))?;
        let shape = cx.shape(0).with_rank(1)?;
        cx.output(cx.dtype(0), shape);
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let (x, mut pace) = (Ints::of(cx.input(0))?, cx.pace());
        let mut y = cx.scratch_of(x.len(), -1)?;
        for (i, to) in x.iter().enumerate() {
            pace.spend(4)?;
            let cell = usize::try_from(to).ok().and_then(|to| y.get_mut(to));
            match cell.ok_or_else(|| Error::invalid(format!("{to} is not between 0 and {}", x.len())))? {
                cell if *cell == -1 => *cell = i as i64,
                _ => return Err(Error::invalid(format!("{to} is duplicated in the input"))),
            }
        }
        let mut out = cx.alloc(cx.input(0).dtype(), &[y.len()])?;
        with_type!(out.dtype(), T in index => {
            cx.for_chunks_mut(out.make_mut::<T>()?, 1 << 16, &|chunk, part| {
                part.iter_mut().zip(&y[chunk << 16..]).for_each(|(cell, n)| *cell = *n as T);
            })?;
        }, else => ());
        cx.output(0, out);
        Ok(())
    }
}

impl Op for Roll {
    fn kind(&self) -> &'static OpKind {
        &ROLL
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        check_index("shift", cx.dtype(1))?;
        check_index("axis", cx.dtype(2))?;
        cx.shape(0).with_rank_at_least(1)?;
        (1..3).try_for_each(|i| cx.shape(i).with_rank_at_most(1).map(drop))?;
        cx.shape(1).merge(cx.shape(2))?;
        // The run refuses axes that are not there: TensorFlow's rule does not look.
        cx.output_like(0);
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let (value, shifts, axes) = (cx.input(0), Ints::of(cx.input(1))?, Ints::of(cx.input(2))?);
        if shifts.len() != axes.len() {
            let (a, b) = (shifts.len(), axes.len());
            return Err(Error::shape(format!("shift and axis must have the same size, but have {a} and {b}")));
        }
        let (mut rolled, mut pace) = (Dims::from_elem(0, value.rank()), cx.pace());
        for (shift, axis) in shifts.iter().zip(axes.iter()) {
            pace.spend(16)?;
            let axis = normalize_axis(axis, value.rank())?;
            let dim = value.dims()[axis].max(1);
            rolled[axis] = (rolled[axis] + shift.rem_euclid(dim as i64) as usize) % dim;
        }
        if value.is_empty() {
            // One axis may be as long as it likes.
            let value = cx.take(0);
            cx.output(0, value);
            return Ok(());
        }
        let maps: Vec<_> = value.dims().iter().zip(rolled).map(|(dim, by)| AxisMap::rolled(*dim, by)).collect();
        let out = read_mapped(cx, 0, &maps)?;
        cx.output(0, out);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{infer_err, run_op};
    use crate::value::Value;

    #[track_caller]
    fn check(op: impl Op, inputs: &[Value], want: &[i32]) {
        assert_eq!(run_op(op, inputs).unwrap()[0].slice::<i32>().unwrap(), want);
    }

    #[test]
    fn elements_change_places() {
        let value = || [[1, 2, 3], [4, 5, 6]].into_value();
        check(ReverseV2, &[value(), [1].into_value()], &[3, 2, 1, 6, 5, 4]);
        check(ReverseV2, &[value(), [0, 1].into_value()], &[6, 5, 4, 3, 2, 1]);
        check(InvertPermutation, &[[2, 0, 1].into_value()], &[1, 2, 0]);
        check(Roll, &[value(), [1, 1].into_value(), [1, 0].into_value()], &[6, 4, 5, 3, 1, 2]);
        check(Roll, &[value(), (-7).into_value(), 1.into_value()], &[2, 3, 1, 5, 6, 4]);
        assert!(run_op(InvertPermutation, &[[2, 2, 1].into_value()]).is_err());
        assert!(run_op(ReverseV2, &[value(), [1, -1].into_value()]).is_err());
        infer_err(&ReverseV2, "(2);int32()", "shape must be rank 1 but is rank 0");
    }

    #[test]
    fn nothing_has_no_order() {
        let empty = Value::zeros(crate::DType::F32, &[0, 2]).unwrap();
        assert!(run_op(ReverseV2, &[empty.clone(), [0].into_value()]).unwrap()[0].is_empty());
        assert!(run_op(Roll, &[empty, 1.into_value(), 0.into_value()]).unwrap()[0].is_empty());
    }
}
