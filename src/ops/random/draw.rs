//! `RandomUniform`, `RandomStandardNormal` and `TruncatedNormal`: floats of a given shape.

use std::sync::Arc;

use super::seeds::Seeds;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::graph::{AttrValue, Attrs, Effect, Example, InferCx, Op, OpKind, RunCx, to_ints};
use crate::kernel::philox::{
    Drawn, NORMAL_SKIP, RESERVED_PER_OUTPUT, Stream, fill_normal, fill_truncated_normal, fill_uniform,
    truncated_normal_skip,
};
use crate::ops::parts::fill_parts;
use crate::shape::{Dims, element_count};
use crate::value::{IntoValue, Value};
use crate::with_type;

/// What is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Draw {
    /// Uniform in `[0, 1)`.
    Uniform,
    /// Normal, mean 0 and deviation 1.
    Normal,
    /// Normal; numbers beyond two deviations are drawn again.
    TruncatedNormal,
}

/// Random floats of the shape that the input holds.
#[derive(Debug, Clone)]
pub struct RandomFloats {
    /// Their distribution.
    pub draw: Draw,
    /// Their dtype.
    pub dtype: DType,
    /// Their stream.
    pub seeds: Seeds,
}

macro_rules! rows {
    ($($row:ident $draw:ident $name:literal;)*) => { $(
        #[doc = concat!("The row of `", $name, "`.")]
        pub static $row: OpKind =
            OpKind::new($name, "shape: T -> output: dtype", |attrs| parse(attrs, Draw::$draw), || examples(Draw::$draw))
                .effect(Effect::Random)
                .not_differentiable("random numbers are not functions of their shape");
    )* };
}
rows! {
    RANDOM_UNIFORM Uniform "RandomUniform";
    RANDOM_STANDARD_NORMAL Normal "RandomStandardNormal";
    TRUNCATED_NORMAL TruncatedNormal "TruncatedNormal";
}

fn parse(attrs: &Attrs, draw: Draw) -> Result<Arc<dyn Op>> {
    Ok(Arc::new(RandomFloats { draw, dtype: attrs.dtype("dtype")?, seeds: Seeds::parse(attrs)? }))
}

fn examples(draw: Draw) -> Vec<Example> {
    let op = |dtype| RandomFloats { draw, dtype, seeds: Seeds { seed: 1, seed2: 2 } };
    vec![Example::new(op(DType::F32), [[2i32, 3].into_value()]), Example::new(op(DType::F64), [[0i64, 3].into_value()])]
}

impl Op for RandomFloats {
    fn kind(&self) -> &'static OpKind {
        match self.draw {
            Draw::Uniform => &RANDOM_UNIFORM,
            Draw::Normal => &RANDOM_STANDARD_NORMAL,
            Draw::TruncatedNormal => &TRUNCATED_NORMAL,
        }
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        if !self.dtype.is_floating() {
            return Err(Error::dtype(format!("random numbers must be floats, but {} was asked for", self.dtype)));
        }
        infer_shape(cx, self.dtype)
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let dims = drawn_dims(cx.input(0))?;
        let mut output = cx.alloc(self.dtype, &dims)?;
        let stream = self.seeds.reserve(cx, reserved(&dims)?)?;
        with_type!(self.dtype, T in floats => fill::<T>(cx, self.draw, stream, output.make_mut::<T>()?)?, else => {
            return Err(Error::unsupported(format!("random numbers of {} cannot be drawn", self.dtype)));
        });
        cx.output(0, output);
        Ok(())
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        let mut attrs = self.seeds.attrs();
        attrs.push(("dtype", AttrValue::Type(self.dtype)));
        attrs
    }
}

/// Elements per piece: a few ns each, so about 50 us; a multiple of every group.
const STEP: usize = 1 << 13;

pub(super) fn fill<T: Drawn>(cx: &RunCx<'_>, draw: Draw, stream: Stream, out: &mut [T]) -> Result<()> {
    let (step, skip) = match draw {
        Draw::Uniform => (4 * STEP, NORMAL_SKIP),
        Draw::Normal => (STEP, NORMAL_SKIP),
        Draw::TruncatedNormal => (STEP, truncated_normal_skip::<T>()),
    };
    fill_parts(cx, out, step, &|first, part| {
        let counter = stream.counter.wrapping_add((first / T::GROUP) as u128 * skip);
        match draw {
            Draw::Uniform => fill_uniform(stream.key, counter, part),
            Draw::Normal => fill_normal(stream.key, counter, part),
            Draw::TruncatedNormal => fill_truncated_normal(stream.key, counter, part),
        }
    })
}

/// The output has the shape that input 0 holds.
pub(super) fn infer_shape(cx: &mut InferCx<'_>, dtype: DType) -> Result<()> {
    if !matches!(cx.dtype(0), DType::I32 | DType::I64) {
        return Err(Error::dtype(format!("shape must be int32 or int64, but is {}", cx.dtype(0))));
    }
    cx.shape(0).with_rank(1)?;
    let shape = cx.shape_from(0)?;
    cx.output(dtype, shape);
    Ok(())
}

/// The dims that a shape tensor holds.
pub(super) fn drawn_dims(shape: &Value) -> Result<Dims> {
    if shape.rank() != 1 {
        return Err(Error::shape(format!("a shape must be a vector, but has rank {}", shape.rank())));
    }
    let sizes = to_ints(shape).ok_or_else(|| Error::internal("a shape is int32 or int64"))?;
    let size = |size: i64| {
        usize::try_from(size).map_err(|_| Error::invalid(format!("dimensions must be >= 0, but one is {size}")))
    };
    let dims = sizes.into_iter().map(size).collect::<Result<Dims>>()?;
    element_count(&dims)?;
    Ok(dims)
}

/// Counters that a run takes for an output of these dims.
pub(super) fn reserved(dims: &[usize]) -> Result<u128> {
    Ok(element_count(dims)? as u128 * RESERVED_PER_OUTPUT)
}
