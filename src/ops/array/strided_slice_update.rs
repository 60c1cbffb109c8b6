//! Assigning to a strided slice: of a tensor, `TensorStridedSliceUpdate`, and of a variable.

use std::sync::Arc;

use super::cells::{cells, cells_mut, with_cells};
use super::into_sizes::check_index;
use super::strided::{Layout, read_cells, row_major, write_cells};
use super::strided_slice::{Masks, layout, spec};
use crate::error::{Error, Result};
use crate::graph::{AttrValue, Attrs, Effect, Example, InferCx, Op, OpKind, Role, RunCx};
use crate::ops::state::{Spelling, pass_on, uninitialized};
use crate::shape::{Dims, Shape, broadcast_dims};
use crate::value::{IntoValue, Value};

/// A tensor with other elements where [`StridedSlice`](super::StridedSlice) would read: `input, begin, end, strides,
/// value`. The value broadcasts to what would be read. Any dtype.
#[derive(Debug, Clone)]
pub struct StridedSliceUpdate {
    /// What the entries are.
    pub masks: Masks,
}

/// The same in the place of a variable.
#[derive(Debug, Clone)]
pub struct StridedSliceAssign {
    /// How the variable is given; a reference is passed on as output, a handle is not.
    pub spelling: Spelling,
    /// What the entries are.
    pub masks: Masks,
}

/// The row of [`StridedSliceUpdate`].
pub static TENSOR_STRIDED_SLICE_UPDATE: OpKind = OpKind::new(
    "TensorStridedSliceUpdate",
    "input: T, begin: Index, end: Index, strides: Index, value: T -> output: T",
    |attrs: &Attrs| Ok(Arc::new(StridedSliceUpdate { masks: Masks::parse(attrs)? }) as Arc<dyn Op>),
    || examples(|masks| StridedSliceUpdate { masks }),
);

/// The row of [`StridedSliceAssign`] on a reference.
pub static STRIDED_SLICE_ASSIGN: OpKind = OpKind::new(
    "StridedSliceAssign",
    "ref: Ref(T), begin: Index, end: Index, strides: Index, value: T -> output_ref: Ref(T)",
    |attrs: &Attrs| {
        Ok(Arc::new(StridedSliceAssign { spelling: Spelling::Ref, masks: Masks::parse(attrs)? }) as Arc<dyn Op>)
    },
    || examples(|masks| StridedSliceAssign { spelling: Spelling::Ref, masks }),
)
.effect(Effect::Writes)
.not_differentiable("a variable that is changed in place has no gradient");

/// The row of [`StridedSliceAssign`] on a resource handle.
pub static RESOURCE_STRIDED_SLICE_ASSIGN: OpKind = OpKind::new(
    "ResourceStridedSliceAssign",
    "ref: Ref(T), begin: Index, end: Index, strides: Index, value: T ->",
    |attrs: &Attrs| {
        Ok(Arc::new(StridedSliceAssign { spelling: Spelling::Resource, masks: Masks::parse(attrs)? }) as Arc<dyn Op>)
    },
    || examples(|masks| StridedSliceAssign { spelling: Spelling::Resource, masks }),
)
.effect(Effect::Writes)
.not_differentiable("a variable that is changed in place has no gradient");

fn examples<O: Op>(op: impl Fn(Masks) -> O) -> Vec<Example> {
    let of = |masks, begin: [i32; 2], end: [i32; 2], value: Value| {
        let x = [[1.0f32, 2.0, 3.0], [4.0, 5.0, 6.0]].into_value();
        Example::new(op(masks), [x, begin.into_value(), end.into_value(), [1i32, 1].into_value(), value])
    };
    vec![
        of(Masks::default(), [0, 1], [2, 3], [[7.0f32, 8.0], [9.0, 0.0]].into_value()),
        of(Masks { shrink_axis: 1, ..Masks::default() }, [1, 0], [2, 2], 7.0f32.into_value()),
        of(Masks::default(), [0, 1], [0, 3], 7.0f32.into_value()),
    ]
}

/// The value, written over what the entries of inputs 1 to 3 name in `old`.
fn assign(cx: &RunCx<'_>, masks: Masks, old: Value, value: &Value) -> Result<Value> {
    let [begin, end, step] = spec(cx)?;
    let (to, picked) = layout(masks, old.dims(), [&begin, &end, &step])?;
    if picked.contains(&0) {
        return Ok(old);
    }
    let from = spread(value.dims(), &picked)?;
    let dtype = old.dtype();
    let (mut whole, mut old) = (cx.alloc(dtype, &picked)?, cx.unshared(old)?);
    with_cells!(dtype, E => {
        read_cells::<E>(cx, cells(value)?, &from, cells_mut(&mut whole)?)?;
        write_cells::<E>(cx, cells(&whole)?, cells_mut(&mut old)?, &to)?;
    });
    Ok(old)
}

/// How a value is read that broadcasts to these dims; it may have more axes of size 1 in front.
fn spread(value: &[usize], to: &[usize]) -> Result<Layout> {
    let extra = value.len().saturating_sub(to.len());
    let own = &value[extra..];
    let fits = broadcast_dims(own, to).is_ok_and(|both| both[..] == *to);
    if !fits || value[..extra].iter().any(|dim| *dim != 1) {
        let (value, to) = (Shape::from(value), Shape::from(to));
        let what = format!("cannot broadcast input shape {} into final shape {}", value.brackets(), to.brackets());
        return Err(Error::shape(what));
    }
    let mut layout = Layout { start: 0, dims: Dims::from_slice(to), strides: Default::default() };
    // Bounded by the rank.
    layout.strides.resize(to.len() - own.len(), 0);
    layout.strides.extend(own.iter().zip(row_major(own)).map(|(dim, stride)| if *dim == 1 { 0 } else { stride }));
    Ok(layout)
}

fn check_entries(cx: &InferCx<'_>) -> Result<()> {
    check_index("begin, end and strides", cx.dtype(1))?;
    (1..4).try_for_each(|i| cx.shape(i).with_rank(1).map(drop))
}

impl Op for StridedSliceUpdate {
    fn kind(&self) -> &'static OpKind {
        &TENSOR_STRIDED_SLICE_UPDATE
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        check_entries(cx)?;
        cx.output_like(0);
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let old = cx.take(0);
        let out = assign(cx, self.masks, old, cx.input(4))?;
        cx.output(0, out);
        Ok(())
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        self.masks.attrs()
    }
}

impl Op for StridedSliceAssign {
    fn kind(&self) -> &'static OpKind {
        if self.spelling == Spelling::Ref { &STRIDED_SLICE_ASSIGN } else { &RESOURCE_STRIDED_SLICE_ASSIGN }
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        check_entries(cx)?;
        if self.spelling == Spelling::Ref {
            cx.output_variable(cx.dtype(0), cx.shape(0), Role::Ref);
        }
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let var = cx.variable(0)?;
        cx.state()?.update(&var, &mut |old| {
            let old = old.ok_or_else(|| uninitialized(&var))?;
            assign(cx, self.masks, old, cx.input(4))
        })?;
        pass_on(cx);
        Ok(())
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        self.masks.attrs()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{infer_err, infer_ok, run_op};

    #[track_caller]
    fn check(masks: Masks, [begin, end, step]: [[i32; 2]; 3], value: impl IntoValue, want: &[i32]) {
        let x = [[1, 2, 3], [4, 5, 6]].into_value();
        let inputs = [x, begin.into_value(), end.into_value(), step.into_value(), value.into_value()];
        let got = run_op(StridedSliceUpdate { masks }, &inputs).unwrap();
        assert_eq!(got[0].slice::<i32>().unwrap(), want);
    }

    /// As NumPy assigns.
    #[test]
    fn slices_are_written_over() {
        let all = Masks::default();
        check(all, [[0, 1], [2, 3], [1, 1]], [[7, 8], [9, 0]], &[1, 7, 8, 4, 9, 0]);
        check(all, [[0, 2], [2, -4], [1, -2]], [7, 8], &[8, 2, 7, 8, 5, 7]);
        check(all, [[0, 0], [1, 3], [1, 1]], Value::scalar_of(0), &[0, 0, 0, 4, 5, 6]);
        check(all, [[0, 0], [0, 3], [1, 1]], Value::scalar_of(0), &[1, 2, 3, 4, 5, 6]);
        check(Masks { shrink_axis: 1, ..all }, [[1, 0], [0, 2], [1, 1]], [7, 8], &[1, 2, 3, 7, 8, 6]);
        check(Masks { new_axis: 1, ..all }, [[0, 1], [0, 2], [1, 1]], [[[7, 8, 9]]], &[1, 2, 3, 7, 8, 9]);
        check(all, [[0, 0], [1, 2], [1, 1]], [[[7, 8]]], &[7, 8, 3, 4, 5, 6]);
    }

    #[test]
    fn what_does_not_broadcast_is_refused() {
        let entry = || [0i32].into_value();
        let inputs =
            [[1, 2, 3].into_value(), entry(), [2i32].into_value(), [1i32].into_value(), [1, 2, 3].into_value()];
        let error = run_op(StridedSliceUpdate { masks: Masks::default() }, &inputs).unwrap_err();
        assert_eq!(error.message(), "cannot broadcast input shape [3] into final shape [2]");
        let op = StridedSliceUpdate { masks: Masks::default() };
        infer_ok(&op, "(?,3);int32(1);int32(1);int32(1);(3)", "(?,3)");
        infer_err(&op, "(?,3);int32();int32(1);int32(1);(3)", "shape must be rank 1 but is rank 0");
    }
}
