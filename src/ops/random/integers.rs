//! `RandomUniformInt`: integers between two limits.

use std::sync::Arc;

use super::draw::{drawn_dims, infer_shape, reserved};
use super::seeds::Seeds;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::graph::{AttrValue, Attrs, Effect, Example, InferCx, Op, OpKind, RunCx};
use crate::kernel::philox::{fill_uniform_i32, fill_uniform_i64};
use crate::ops::parts::fill_parts;
use crate::value::IntoValue;

/// Random integers in `[minval, maxval)` of the shape that the first input holds. Small numbers are very slightly
/// likelier where the range does not divide 2^32, as in TensorFlow.
#[derive(Debug, Clone)]
pub struct RandomUniformInt {
    /// Their stream.
    pub seeds: Seeds,
}

/// The row of [`RandomUniformInt`].
pub static RANDOM_UNIFORM_INT: OpKind =
    OpKind::new("RandomUniformInt", "shape: T, minval: Tout, maxval: Tout -> output: Tout", parse, examples)
        .effect(Effect::Random)
        .not_differentiable("random numbers are not functions of their shape");

/// Elements per piece: about 50 us; a multiple of every group.
const STEP: usize = 1 << 14;

fn parse(attrs: &Attrs) -> Result<Arc<dyn Op>> {
    Ok(Arc::new(RandomUniformInt { seeds: Seeds::parse(attrs)? }))
}

fn examples() -> Vec<Example> {
    let op = || RandomUniformInt { seeds: Seeds { seed: 1, seed2: 2 } };
    vec![
        Example::new(op(), [[2i32, 3].into_value(), 0i32.into_value(), 9i32.into_value()]),
        Example::new(op(), [[4i64].into_value(), (-5i64).into_value(), 5i64.into_value()]),
    ]
}

impl Op for RandomUniformInt {
    fn kind(&self) -> &'static OpKind {
        &RANDOM_UNIFORM_INT
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        let dtype = cx.dtype(1);
        if !matches!(dtype, DType::I32 | DType::I64) {
            return Err(Error::dtype(format!("random integers must be int32 or int64, but {dtype} was asked for")));
        }
        cx.shape(1).with_rank(0)?;
        cx.shape(2).with_rank(0)?;
        infer_shape(cx, dtype)
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let dims = drawn_dims(cx.input(0))?;
        let dtype = cx.input(1).dtype();
        let mut output = cx.alloc(dtype, &dims)?;
        if output.is_empty() {
            cx.output(0, output);
            return Ok(());
        }
        let limits = |i: usize| cx.input(i).scalar::<i64>().or_else(|_| cx.input(i).scalar::<i32>().map(i64::from));
        let (lo, hi) = (limits(1)?, limits(2)?);
        if lo >= hi {
            return Err(Error::invalid(format!("need minval < maxval, got {lo} >= {hi}")));
        }
        let stream = self.seeds.reserve(cx, reserved(&dims)?)?;
        let at = |first: usize, group: usize| stream.counter.wrapping_add((first / group) as u128);
        match dtype {
            DType::I32 => fill_parts(cx, output.make_mut::<i32>()?, STEP, &|first, part| {
                fill_uniform_i32(stream.key, at(first, 4), lo as i32, hi as i32, part);
            })?,
            _ => fill_parts(cx, output.make_mut::<i64>()?, STEP, &|first, part| {
                fill_uniform_i64(stream.key, at(first, 2), lo, hi, part);
            })?,
        }
        cx.output(0, output);
        Ok(())
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        self.seeds.attrs()
    }
}
