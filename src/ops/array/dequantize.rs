//! `Dequantize`: the floats that small integers stand for.

use std::sync::Arc;

use super::cast::cast_for;
use super::quantize::{MODES, QuantizeMode, choice};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::graph::{AttrValue, Attrs, Example, InferCx, Op, OpKind, RunCx};
use crate::value::{IntoValue, Value};

/// The floats of a range that quantized elements stand for: the inverse of [`super::QuantizeV2`].
///
/// Source: TensorFlow's `Dequantize`, without an axis.
#[derive(Debug, Clone)]
pub struct Dequantize {
    /// How the range is laid over the integers.
    pub mode: QuantizeMode,
    /// Whether `Scaled` leaves the lowest integer out.
    pub narrow_range: bool,
}

/// The row of [`Dequantize`].
pub static DEQUANTIZE: OpKind =
    OpKind::new("Dequantize", "input: T, min_range: float32, max_range: float32 -> output: float32", parse, examples);

fn parse(attrs: &Attrs) -> Result<Arc<dyn Op>> {
    if attrs.int_or("axis", -1)? != -1 {
        return Err(Error::unsupported("ranges of their own for each slice of an axis are not supported"));
    }
    let dtype = attrs.dtype_or("dtype", DType::F32)?;
    if dtype != DType::F32 {
        return Err(Error::unsupported(format!("the output must be float32, but is {dtype}")));
    }
    Ok(Arc::new(Dequantize {
        mode: choice(attrs, "mode", &MODES)?,
        narrow_range: attrs.bool_or("narrow_range", false)?,
    }))
}

fn examples() -> Vec<Example> {
    let of = |mode, ints: Value, dtype: DType| {
        let ints = ints.quantized_as(dtype).expect("the integers are those of the dtype");
        let ends = [Value::scalar_of(-0.5f32), Value::scalar_of(6.0f32)];
        let [low, high] = ends;
        Example::new(Dequantize { mode, narrow_range: false }, [ints, low, high])
    };
    vec![
        of(QuantizeMode::MinCombined, [[0u8, 7, 255]].into_value(), DType::QU8),
        of(QuantizeMode::MinFirst, [-128i8, 0, 127].into_value(), DType::QI8),
        of(QuantizeMode::Scaled, Vec::<i16>::new().into_value(), DType::QI16),
    ]
}

impl Op for Dequantize {
    fn kind(&self) -> &'static OpKind {
        &DEQUANTIZE
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        let dtype = cx.dtype(0);
        if dtype == dtype.stored() {
            return Err(Error::unsupported(format!("the input must be quantized, but is {dtype}")));
        }
        cx.shape(1).with_rank(0)?;
        cx.shape(2).with_rank(0)?;
        cx.output(DType::F32, cx.shape(0));
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let (min, max) = (cx.input(1).scalar::<f32>()?, cx.input(2).scalar::<f32>()?);
        let dtype = cx.input(0).dtype();
        let mut out = cast_for(cx, cx.input(0), DType::F32)?;
        let f = self.function(dtype, min, max);
        cx.for_chunks_mut(out.make_mut::<f32>()?, 1 << 16, &|_, part| part.iter_mut().for_each(|x| *x = f(*x)))?;
        cx.output(0, out);
        Ok(())
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        let mode = MODES.iter().find(|(_, mode)| *mode == self.mode).map_or("", |(name, _)| name);
        let mut attrs = vec![("mode", AttrValue::Str(mode.into()))];
        // TensorFlow 1.15 does not know the attribute.
        attrs.extend(self.narrow_range.then_some(("narrow_range", AttrValue::Bool(true))));
        attrs
    }
}

/// The lowest and the highest integer of a quantized dtype.
fn limits(dtype: DType) -> (f32, f32) {
    match dtype {
        DType::QI8 => (i8::MIN.into(), i8::MAX.into()),
        DType::QU8 => (u8::MIN.into(), u8::MAX.into()),
        DType::QI16 => (i16::MIN.into(), i16::MAX.into()),
        DType::QU16 => (u16::MIN.into(), u16::MAX.into()),
        _ => (i32::MIN as f32, i32::MAX as f32),
    }
}

impl Dequantize {
    /// What an integer stands for, in the arithmetic of TensorFlow's kernel.
    fn function(&self, dtype: DType, min: f32, max: f32) -> Box<dyn Fn(f32) -> f32 + Sync> {
        let (lowest, highest) = limits(dtype);
        match self.mode {
            QuantizeMode::MinCombined => {
                let half = if lowest < 0.0 { (highest - lowest + 1.0) / 2.0 } else { 0.0 };
                let scale = (max - min) / (highest - lowest);
                Box::new(move |int| (int + half) * scale + min)
            }
            QuantizeMode::MinFirst => {
                let steps = f64::from(highest) - f64::from(lowest) + 1.0;
                let scale = (f64::from(max - min) * (steps / (steps - 1.0)) / steps) as f32;
                let zero = if max == min { min } else { (min / scale).round() * scale };
                Box::new(move |int| zero + (int - lowest) * scale)
            }
            QuantizeMode::Scaled => {
                let lowest = if self.narrow_range { lowest + 1.0 } else { lowest };
                let scale = if lowest == 0.0 { max / highest } else { (min / lowest).max(max / highest) };
                Box::new(move |int| int * scale)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::array::QuantizeV2;
    use crate::ops::testing::{infer_err, infer_ok, run_op};

    #[test]
    fn floats_come_back_within_a_step() {
        let x = [-0.5f32, 0.0, 0.25, 2.5, 6.0];
        for mode in [QuantizeMode::MinCombined, QuantizeMode::MinFirst, QuantizeMode::Scaled] {
            for dtype in [DType::QI8, DType::QU8, DType::QI16, DType::QU16] {
                let there = QuantizeV2 { mode, ..QuantizeV2::new(dtype) };
                let ends = [Value::scalar_of(-0.5f32), Value::scalar_of(6.0f32)];
                let quantized = run_op(there, &[&[x.into_value()][..], &ends].concat()).unwrap();
                let back = run_op(Dequantize { mode, narrow_range: false }, &quantized).unwrap();
                let low = if mode == QuantizeMode::Scaled && limits(dtype).0 == 0.0 { 0.0 } else { -0.5 };
                for (x, y) in x.iter().zip(back[0].slice::<f32>().unwrap()) {
                    assert!((x.max(low) - y).abs() < 0.03, "{mode:?} {dtype}: {x} became {y}");
                }
            }
        }
    }

    #[test]
    fn shapes_follow_the_input() {
        let op = Dequantize { mode: QuantizeMode::Scaled, narrow_range: true };
        infer_ok(&op, "qint8(?,3);();()", "(?,3)");
        infer_err(&op, "qint8(?,3);(1);()", "shape must be rank 0 but is rank 1");
        infer_err(&op, "int8(3);();()", "must be quantized, but is int8");
    }
}
