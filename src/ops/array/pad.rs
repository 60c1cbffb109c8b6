//! `Pad`, `PadV2` and `MirrorPad`: a border around a tensor.

use std::sync::Arc;

use super::axis_maps::{AxisMap, read_mapped};
use super::cells::{cells, cells_mut, fill_cells, with_cells};
use super::into_sizes::check_index;
use super::strided::{Layout, row_major, write_cells};
use crate::dtype::DType;
use crate::error::{Error, Result, escape};
use crate::graph::{AttrValue, Attrs, Example, GradCx, InferCx, Op, OpKind, RunCx, Tensor};
use crate::index;
use crate::ops::IntoTensor;
use crate::shape::{Dim, Dims, Shape, element_count};
use crate::value::{IntoValue, ScratchVec, Value};

/// A border of zeros, or empty strings, around a tensor.
#[derive(Debug, Clone)]
pub struct Pad;

/// A border of one value around a tensor.
#[derive(Debug, Clone)]
pub struct PadV2;

/// A border that mirrors what is inside.
#[derive(Debug, Clone)]
pub struct MirrorPad {
    /// How the border mirrors.
    pub mode: Mirror,
}

/// How a mirrored border begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mirror {
    /// The outermost elements are not repeated: `[1, 2, 3]` by 2 is `[3, 2, 1, 2, 3, 2, 1]`.
    Reflect,
    /// They are: `[1, 2, 3]` by 2 is `[2, 1, 1, 2, 3, 3, 2]`.
    Symmetric,
}

/// The row of [`Pad`].
pub static PAD: OpKind = OpKind::new(
    "Pad",
    "input: T, paddings: Tpaddings -> output: T",
    |_: &Attrs| Ok(Arc::new(Pad) as Arc<dyn Op>),
    || {
        vec![
            Example::new(Pad, [[[1.0f32, 2.0]].into_value(), [[1i32, 0], [0, 2]].into_value()]),
            Example::new(Pad, [["a", "b"].into_value(), [[1i64, 1]].into_value()]),
        ]
    },
);

/// The row of [`PadV2`].
pub static PAD_V2: OpKind = OpKind::new(
    "PadV2",
    "input: T, paddings: Tpaddings, constant_values: T -> output: T",
    |_: &Attrs| Ok(Arc::new(PadV2) as Arc<dyn Op>),
    || {
        let pads = || [[1i32, 0], [0, 2]].into_value();
        vec![
            Example::new(PadV2, [[[1.0f32, 2.0]].into_value(), pads(), 5.0f32.into_value()]),
            Example::new(PadV2, [[[true]].into_value(), pads(), true.into_value()]),
        ]
    },
);

/// The row of [`MirrorPad`].
pub static MIRROR_PAD: OpKind = OpKind::new(
    "MirrorPad",
    "input: T, paddings: Tpaddings -> output: T",
    |attrs: &Attrs| Ok(Arc::new(MirrorPad { mode: Mirror::parse(attrs)? }) as Arc<dyn Op>),
    || {
        let value = || [[1.0f32, 2.0, 3.0], [4.0, 5.0, 6.0]].into_value();
        let of = |mode, pads: Value| Example::new(MirrorPad { mode }, [value(), pads]);
        vec![
            of(Mirror::Reflect, [[1i32, 1], [2, 0]].into_value()),
            of(Mirror::Symmetric, [[2i64, 0], [0, 3]].into_value()),
        ]
    },
);

impl Tensor {
    /// A border of zeros: `paddings[i]` elements before and after axis `i`; `(2, 3)` by `[[1, 0], [0, 2]]` is `(3, 5)`.
    ///
    /// # Errors
    /// `ShapeMismatch` if there is not one pair an axis; `InvalidArgument` for negative numbers.
    ///
    /// Source: TensorFlow's `Pad`.
    ///
    /// ```
    /// # use sessile::prelude::*;
    /// # fn main() -> sessile::Result<()> {
    /// let g = Graph::new();
    /// let x = g.placeholder(DType::F32, shape![?, 3])?;
    /// assert_eq!(x.pad(&[[0, 0], [1, 1]])?.shape().to_string(), "(?, 5)");
    /// # Ok(()) }
    /// ```
    #[doc(alias = "tf.pad")]
    #[track_caller]
    pub fn pad(&self, paddings: &[[i32; 2]]) -> Result<Tensor> {
        self.pad_by("Pad", Pad, paddings)
    }

    /// As [`Tensor::pad`], with a border of one value.
    ///
    /// # Errors
    /// As for [`Tensor::pad`]; `DTypeMismatch` for a value of another dtype.
    #[doc(alias = "tf.pad")]
    #[track_caller]
    pub fn pad_with(&self, paddings: &[[i32; 2]], value: impl IntoTensor) -> Result<Tensor> {
        let g = self.graph();
        g.composite("PadV2", |scope| {
            let paddings = g.named("paddings", || g.constant(paddings))?;
            let value = g.named("constant_values", || value.tensor(Some(self)))?;
            g.named(scope, || g.apply_one(PadV2, &[self, &paddings, &value]))
        })
    }

    /// As [`Tensor::pad`], with a border that mirrors what is inside.
    ///
    /// # Errors
    /// As for [`Tensor::pad`]; `InvalidArgument` for borders longer than what they mirror.
    #[doc(alias = "tf.pad")]
    #[track_caller]
    pub fn mirror_pad(&self, paddings: &[[i32; 2]], mode: Mirror) -> Result<Tensor> {
        self.pad_by("MirrorPad", MirrorPad { mode }, paddings)
    }

    #[track_caller]
    fn pad_by(&self, name: &str, op: impl Op, paddings: &[[i32; 2]]) -> Result<Tensor> {
        let g = self.graph();
        g.composite(name, |scope| {
            let paddings = g.named("paddings", || g.constant(paddings))?;
            g.named(scope, || g.apply_one(op, &[self, &paddings]))
        })
    }
}

/// The paddings, which are input 1: two for each axis.
pub(super) fn pads(cx: &RunCx<'_>, rank: usize) -> Result<ScratchVec<i64>> {
    if cx.input(1).len() != rank * 2 {
        return Err(wrong_number(cx.input(1).len(), rank));
    }
    let pads = cx.ints(cx.input(1))?;
    check(&pads, rank)?;
    Ok(pads)
}

#[cold]
fn wrong_number(n: usize, rank: usize) -> Error {
    Error::shape(format!("paddings must have {rank} pairs, but has {n} numbers"))
}

pub(super) fn check(pads: &[i64], rank: usize) -> Result<()> {
    if pads.len() != rank * 2 {
        return Err(wrong_number(pads.len(), rank));
    }
    match pads.iter().find(|n| **n < 0) {
        Some(n) => Err(Error::invalid(format!("paddings must be non-negative, but one is {n}"))),
        None => Ok(()),
    }
}

fn infer(cx: &mut InferCx<'_>, mirror: Option<Mirror>) -> Result<()> {
    check_index("paddings", cx.dtype(1))?;
    let pairs = cx.shape(1).with_rank(2)?.with_dim(1, &Dim::from(2))?;
    let shape = match (cx.shape(0).dims(), cx.ints(1)) {
        (Some(dims), Some(pads)) => {
            check(&pads, dims.len())?;
            if let (Some(mode), Some(dims)) = (mirror, cx.shape(0).known_dims()) {
                dims.iter().zip(pads.chunks(2)).try_for_each(|(dim, pad)| mode.check(*dim, pad))?;
            }
            let one = |(dim, pad): (&Dim, &[i64])| dim + &Dim::constant(pad[0].saturating_add(pad[1]));
            dims.iter().zip(pads.chunks(2)).map(one).collect::<Vec<Dim>>().into()
        }
        (Some(dims), None) => {
            pairs.with_dim(0, &Dim::from(dims.len()))?;
            Shape::unknown_of_rank(dims.len())
        }
        _ => pairs.dim(0).known().map_or_else(Shape::unknown, Shape::unknown_of_rank),
    };
    cx.output(cx.dtype(0), shape);
    Ok(())
}

fn run(cx: &mut RunCx<'_>, with: &Value) -> Result<()> {
    let value = cx.input(0);
    let pads = pads(cx, value.rank())?;
    if with.rank() != 0 {
        return Err(Error::shape(format!("constant_values must be a scalar, but has rank {}", with.rank())));
    }
    let wide = |(dim, pad): (&usize, &[i64])| dim.saturating_add(pad[0] as usize).saturating_add(pad[1] as usize);
    let dims: Dims = value.dims().iter().zip(pads.chunks(2)).map(wide).collect();
    element_count(&dims)?;
    let mut out = cx.alloc(value.dtype(), &dims)?;
    let strides = row_major(&dims);
    let offset = |(stride, pad): (&isize, &[i64])| stride.wrapping_mul(pad[0] as isize);
    let start = strides.iter().zip(pads.chunks(2)).map(offset).sum();
    let layout = Layout { start, dims: Dims::from_slice(value.dims()), strides };
    with_cells!(value.dtype(), E => {
        let to = cells_mut::<E>(&mut out)?;
        fill_cells(cx, to, &cells::<E>(with)?[0])?;
        write_cells::<E>(cx, cells(value)?, to, &layout)?;
    });
    cx.output(0, out);
    Ok(())
}

impl Mirror {
    pub(super) fn parse(attrs: &Attrs) -> Result<Mirror> {
        match attrs.str("mode")?.as_str() {
            "REFLECT" => Ok(Mirror::Reflect),
            "SYMMETRIC" => Ok(Mirror::Symmetric),
            other => Err(Error::invalid(format!("mode must be REFLECT or SYMMETRIC, but is {}", escape(other)))),
        }
    }

    pub(super) fn attr(self) -> AttrValue {
        AttrValue::Str(if self == Mirror::Reflect { "REFLECT" } else { "SYMMETRIC" }.into())
    }

    /// How many of the outermost elements are left out.
    fn skip(self) -> i64 {
        i64::from(self == Mirror::Reflect)
    }

    pub(super) fn check(self, dim: usize, pad: &[i64]) -> Result<()> {
        let most = (dim as i64 - self.skip()).max(0);
        match pad.iter().find(|n| **n > most) {
            Some(n) => Err(Error::invalid(format!(
                "paddings must be no greater than {most} for a dimension of {dim}, but one is {n}"
            ))),
            None => Ok(()),
        }
    }

    /// Which element stands where along an axis.
    pub(super) fn map(self, dim: usize, pad: &[i64]) -> AxisMap {
        AxisMap::mirrored(dim, [pad[0] as usize, pad[1] as usize], self.skip() as usize)
    }
}

/// What flows to the tensor inside of a border.
fn inner(cx: &GradCx<'_>) -> Result<Tensor> {
    let before = cx.input(1).index(index![.., 0])?.cast(DType::I32)?;
    cx.dy()?.slice(before, cx.input(0).shape_tensor())
}

impl Op for Pad {
    fn kind(&self) -> &'static OpKind {
        &PAD
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        infer(cx, None)
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let zero = Value::zeros(cx.input(0).dtype(), &[])?;
        run(cx, &zero)
    }

    fn grad(&self, cx: &GradCx<'_>) -> Result<Vec<Option<Tensor>>> {
        Ok(vec![Some(inner(cx)?), None])
    }
}

impl Op for PadV2 {
    fn kind(&self) -> &'static OpKind {
        &PAD_V2
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        infer(cx, None)
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let with = cx.input(2).clone();
        run(cx, &with)
    }

    fn grad(&self, cx: &GradCx<'_>) -> Result<Vec<Option<Tensor>>> {
        // What flows to the border flows to its one value.
        let inside = inner(cx)?;
        let border = (cx.dy()?.reduce_sum(())? - inside.reduce_sum(())?)?;
        Ok(vec![Some(inside), None, Some(border)])
    }
}

impl Op for MirrorPad {
    fn kind(&self) -> &'static OpKind {
        &MIRROR_PAD
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        infer(cx, Some(self.mode))
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let value = cx.input(0);
        let pads = pads(cx, value.rank())?;
        let axes = || value.dims().iter().zip(pads.chunks(2));
        axes().try_for_each(|(dim, pad)| self.mode.check(*dim, pad))?;
        if value.is_empty() {
            // One axis may be as long as it likes; an empty one cannot be padded.
            let wide = |dim: usize, pad: &[i64]| dim.saturating_add(pad[0] as usize).saturating_add(pad[1] as usize);
            let dims: Dims = axes().map(|(dim, pad)| wide(*dim, pad)).collect();
            let out = cx.alloc(value.dtype(), &dims)?;
            cx.output(0, out);
            return Ok(());
        }
        let maps: Vec<_> = axes().map(|(dim, pad)| self.mode.map(*dim, pad)).collect();
        let out = read_mapped(cx, 0, &maps)?;
        cx.output(0, out);
        Ok(())
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        vec![("mode", self.mode.attr())]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::run_op;

    #[test]
    fn zeros_go_around() {
        let got = run_op(Pad, &[[[1, 2]].into_value(), [[1, 0], [0, 1]].into_value()]).unwrap().remove(0);
        assert_eq!((got.dims(), got.slice::<i32>().unwrap()), (&[2, 3][..], &[0, 0, 0, 1, 2, 0][..]));
        assert!(run_op(Pad, &[[1, 2].into_value(), [[-1, 0]].into_value()]).is_err());
        assert!(run_op(Pad, &[[1, 2].into_value(), [[i64::MAX, i64::MAX]].into_value()]).is_err());
    }

    #[test]
    fn borders_mirror() {
        let run = |mode, pad: [i32; 2]| run_op(MirrorPad { mode }, &[[1, 2, 3].into_value(), [pad].into_value()]);
        assert_eq!(run(Mirror::Reflect, [2, 1]).unwrap()[0].slice::<i32>().unwrap(), [3, 2, 1, 2, 3, 2]);
        assert_eq!(run(Mirror::Symmetric, [2, 3]).unwrap()[0].slice::<i32>().unwrap(), [2, 1, 1, 2, 3, 3, 2, 1]);
        assert!(run(Mirror::Reflect, [3, 0]).is_err() && run(Mirror::Symmetric, [4, 0]).is_err());
    }
}
