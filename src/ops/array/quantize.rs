//! `QuantizeV2`: floats of a range as small integers that stand for them.

use std::sync::Arc;

use num_traits::Bounded;

use crate::dtype::{DType, Plain};
use crate::error::{Error, Result, escape};
use crate::graph::{AttrValue, Attrs, Example, InferCx, Op, OpKind, RunCx, Tensor};
use crate::ops::IntoTensor;
use crate::shape::Shape;
use crate::value::{IntoValue, Value};

/// How a range of floats is laid over the integers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum QuantizeMode {
    /// The lowest float is the lowest integer, the highest float the highest integer.
    #[default]
    MinCombined,
    /// The lowest float is the lowest integer, and 0 an integer.
    MinFirst,
    /// 0 is 0, and floats are multiplied.
    Scaled,
}

/// Which integer is nearest to a half.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RoundMode {
    /// The one farther from 0.
    #[default]
    HalfAwayFromZero,
    /// The even one.
    HalfToEven,
}

/// Floats as quantized elements, with the range that these stand for.
///
/// Source: TensorFlow's `QuantizeV2`, without an axis.
#[derive(Debug, Clone)]
pub struct QuantizeV2 {
    /// The quantized dtype.
    pub dtype: DType,
    /// How the range is laid over the integers.
    pub mode: QuantizeMode,
    /// Which integer is nearest to a half; only `Scaled` may choose.
    pub round_mode: RoundMode,
    /// Whether `Scaled` leaves the lowest integer out, so that the range is symmetric.
    pub narrow_range: bool,
    /// How far apart the ends of the range are at least, relative to the larger one.
    pub ensure_minimum_range: f32,
}

/// The row of [`QuantizeV2`].
pub static QUANTIZE_V2: OpKind = OpKind::new(
    "QuantizeV2",
    "input: float32, min_range: float32, max_range: float32 -> output: T, output_min: float32, output_max: float32",
    parse,
    examples,
)
.not_differentiable("integers do not change smoothly");

/// How far apart the ends of a range are at least where nothing else is said, relative to the larger one.
const LEAST_RANGE: f32 = 0.01;

/// Elements a chunk: some 200 us of computing.
const PART: usize = 1 << 15;

pub(super) const MODES: [(&str, QuantizeMode); 3] = [
    ("MIN_COMBINED", QuantizeMode::MinCombined),
    ("MIN_FIRST", QuantizeMode::MinFirst),
    ("SCALED", QuantizeMode::Scaled),
];
const ROUND_MODES: [(&str, RoundMode); 2] =
    [("HALF_AWAY_FROM_ZERO", RoundMode::HalfAwayFromZero), ("HALF_TO_EVEN", RoundMode::HalfToEven)];

impl QuantizeV2 {
    /// TensorFlow's defaults.
    pub fn new(dtype: DType) -> QuantizeV2 {
        QuantizeV2 {
            dtype,
            mode: QuantizeMode::default(),
            round_mode: RoundMode::default(),
            narrow_range: false,
            ensure_minimum_range: LEAST_RANGE,
        }
    }
}

impl Tensor {
    /// Floats as elements of a quantized dtype, and the range that these stand for: `(..), (), () -> (..), (), ()`.
    ///
    /// # Errors
    /// `ShapeMismatch` unless the ends of the range are scalars; `Unsupported` for a dtype of more than 16 bits.
    ///
    /// Source: TensorFlow's `QuantizeV2`.
    ///
    /// ```
    /// # use sessile::prelude::*;
    /// # fn main() -> sessile::Result<()> {
    /// let g = Graph::new();
    /// let x = g.placeholder(DType::F32, shape![?, 3])?;
    /// let [x, _, _] = x.quantize(0.0, 6.0, DType::QU8)?;
    /// assert_eq!((x.dtype(), x.shape().to_string()), (DType::QU8, "(?, 3)".to_owned()));
    /// # Ok(()) }
    /// ```
    #[doc(alias = "tf.quantization.quantize")]
    #[track_caller]
    pub fn quantize(&self, min: impl IntoTensor, max: impl IntoTensor, dtype: DType) -> Result<[Tensor; 3]> {
        let g = self.graph();
        g.composite("QuantizeV2", |scope| {
            let min = g.named("min_range", || min.tensor(Some(self)))?;
            let max = g.named("max_range", || max.tensor(Some(self)))?;
            let node = g.named(scope, || g.apply(QuantizeV2::new(dtype), &[self, &min, &max]))?;
            Ok([node.output(0)?, node.output(1)?, node.output(2)?])
        })
    }
}

pub(super) fn choice<T: Copy>(attrs: &Attrs, name: &str, all: &[(&str, T)]) -> Result<T> {
    let text = attrs.str_or(name, all[0].0)?;
    let known = all.iter().find(|(name, _)| *name == text).map(|(_, value)| *value);
    known.ok_or_else(|| {
        let names: Vec<&str> = all.iter().map(|(name, _)| *name).collect();
        Error::invalid(format!("{name} must be one of {}, but is '{}'", names.join(", "), escape(&text)))
    })
}

fn parse(attrs: &Attrs) -> Result<Arc<dyn Op>> {
    if attrs.int_or("axis", -1)? != -1 {
        return Err(Error::unsupported("ranges of their own for each slice of an axis are not supported"));
    }
    Ok(Arc::new(QuantizeV2 {
        dtype: attrs.dtype("T")?,
        mode: choice(attrs, "mode", &MODES)?,
        round_mode: choice(attrs, "round_mode", &ROUND_MODES)?,
        narrow_range: attrs.bool_or("narrow_range", false)?,
        ensure_minimum_range: attrs.float_or("ensure_minimum_range", LEAST_RANGE)?,
    }))
}

fn examples() -> Vec<Example> {
    let inputs = || [[[-1.0f32, 0.25, 7.0]].into_value(), Value::scalar_of(-0.5f32), Value::scalar_of(6.0f32)];
    let of = |dtype, mode| QuantizeV2 { mode, ..QuantizeV2::new(dtype) };
    let nothing = Value::zeros(DType::F32, &[0, 2]).unwrap_or(true.into_value());
    vec![
        Example::new(of(DType::QU8, QuantizeMode::MinCombined), inputs()),
        Example::new(of(DType::QI8, QuantizeMode::MinFirst), inputs()),
        Example::new(QuantizeV2 { narrow_range: true, ..of(DType::QI16, QuantizeMode::Scaled) }, inputs()),
        Example::new(
            of(DType::QI8, QuantizeMode::Scaled),
            [nothing, Value::scalar_of(0.0f32), Value::scalar_of(1.0f32)],
        ),
    ]
}

impl Op for QuantizeV2 {
    fn kind(&self) -> &'static OpKind {
        &QUANTIZE_V2
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        if self.dtype == self.dtype.stored() || self.dtype == DType::QI32 {
            let text = "the dtype must be qint8, quint8, qint16 or quint16, but is";
            return Err(Error::unsupported(format!("{text} {}", self.dtype)));
        }
        if self.round_mode == RoundMode::HalfToEven && self.mode != QuantizeMode::Scaled {
            return Err(Error::invalid("round mode 'HALF_TO_EVEN' must come with mode 'SCALED', but does not"));
        }
        cx.shape(1).with_rank(0)?;
        cx.shape(2).with_rank(0)?;
        cx.output(self.dtype, cx.shape(0));
        cx.output(DType::F32, Shape::scalar());
        cx.output(DType::F32, Shape::scalar());
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let range = self.range(cx.input(1).scalar::<f32>()?, cx.input(2).scalar::<f32>()?)?;
        let mut out = cx.alloc(self.dtype.stored(), cx.input(0).dims())?;
        let input = cx.input(0).slice::<f32>()?;
        let (min, max) = match self.dtype {
            DType::QI8 => self.fill::<i8>(cx, input, range, out.make_mut()?)?,
            DType::QU8 => self.fill::<u8>(cx, input, range, out.make_mut()?)?,
            DType::QI16 => self.fill::<i16>(cx, input, range, out.make_mut()?)?,
            _ => self.fill::<u16>(cx, input, range, out.make_mut()?)?,
        };
        cx.output(0, out.quantized_as(self.dtype)?);
        cx.output(1, Value::scalar_of(min));
        cx.output(2, Value::scalar_of(max));
        Ok(())
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        let mode = MODES.iter().find(|(_, mode)| *mode == self.mode).map_or("", |(name, _)| name);
        let round = if self.round_mode == RoundMode::HalfToEven { ROUND_MODES[1].0 } else { ROUND_MODES[0].0 };
        let mut attrs = vec![("mode", AttrValue::Str(mode.into())), ("round_mode", AttrValue::Str(round.into()))];
        // TensorFlow 1.15 does not know these, so only values that it does not have are written.
        attrs.extend(self.narrow_range.then_some(("narrow_range", AttrValue::Bool(true))));
        let least = self.ensure_minimum_range;
        attrs.extend((least != LEAST_RANGE).then_some(("ensure_minimum_range", AttrValue::Float(least))));
        attrs
    }
}

impl QuantizeV2 {
    /// The range, which holds 0 and is not too narrow to be divided by.
    fn range(&self, min: f32, max: f32) -> Result<(f32, f32)> {
        if max < min {
            return Err(Error::invalid(format!("max_range must be {min} or more, but is {max}")));
        }
        let least = 1f32.max(min.abs().max(max.abs())) * self.ensure_minimum_range;
        let low = min.min(0.0);
        Ok((low, max.max(low + least).max(0.0)))
    }

    /// Quantizes, in the arithmetic of TensorFlow's kernel, and answers the range that the integers stand for.
    fn fill<T: Quantum>(
        &self,
        cx: &RunCx<'_>,
        input: &[f32],
        (min, max): (f32, f32),
        out: &mut [T],
    ) -> Result<(f32, f32)> {
        let mut each = |f: &(dyn Fn(f32) -> f32 + Sync)| {
            cx.for_chunks_mut(out, PART, &|chunk, part| {
                part.iter_mut().zip(&input[chunk * PART..]).for_each(|(out, x)| *out = T::of(f(*x)));
            })
        };
        let (lowest, highest) = (T::min_value().float(), T::max_value().float());
        let steps = highest - lowest;
        match self.mode {
            QuantizeMode::MinCombined => {
                let scale = steps / (max - min);
                let below = |x: f32| (x.min(max).max(min) - min) * scale;
                if lowest < 0.0 {
                    let half = (steps + 1.0) / 2.0;
                    each(&|x| (below(x) - half).round())?;
                } else {
                    each(&|x| below(x) + 0.5)?;
                }
                Ok((min, max))
            }
            QuantizeMode::MinFirst => {
                let steps = f64::from(steps) + 1.0;
                let scale = (steps / (f64::from(max - min) * (steps / (steps - 1.0)))) as f32;
                let zero = (min * scale).round();
                each(&|x| ((x * scale).round() - (zero - lowest)).max(lowest).min(highest))?;
                Ok((min, max))
            }
            QuantizeMode::Scaled => {
                let lowest = if self.narrow_range { lowest + 1.0 } else { lowest };
                let side = |int: f32, end: f32| if int * end > 0.0 { int / end } else { f32::MAX };
                let scale = side(lowest, min).min(side(highest, max));
                let (min, max) = (lowest / scale, highest / scale);
                match self.round_mode {
                    RoundMode::HalfToEven => each(&|x| (x.min(max).max(min) * scale).round_ties_even())?,
                    RoundMode::HalfAwayFromZero => each(&|x| (x.min(max).max(min) * scale).round())?,
                }
                Ok((min, max))
            }
        }
    }
}

/// The integers of quantized dtypes.
trait Quantum: Plain + Bounded {
    /// Without the fraction.
    fn of(x: f32) -> Self;
    fn float(self) -> f32;
}

macro_rules! quanta {
    ($($int:ty),*) => { $(
        impl Quantum for $int {
            fn of(x: f32) -> $int {
                x as $int
            }
            fn float(self) -> f32 {
                self.into()
            }
        }
    )* };
}
quanta! { i8, u8, i16, u16 }

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{infer_err, infer_ok, run_op};

    /// Integers, as TensorFlow 2.15.1 gives them for -1, 0, 0.25, 2.5 and 7 in the range from -0.5 to 6, and the range.
    #[track_caller]
    fn check(op: QuantizeV2, want: [i64; 5], range: (f32, f32)) {
        let input = [-1.0f32, 0.0, 0.25, 2.5, 7.0].into_value();
        let got = run_op(op.clone(), &[input, Value::scalar_of(-0.5f32), Value::scalar_of(6.0f32)]).unwrap();
        let ints = crate::ops::array::cast::cast_value(&got[0], DType::I64).unwrap();
        let ends = (got[1].scalar::<f32>().unwrap(), got[2].scalar::<f32>().unwrap());
        assert_eq!((ints.slice::<i64>().unwrap(), ends), (&want[..], range), "{op:?}");
    }

    #[test]
    fn shapes_follow_the_input() {
        infer_ok(&QuantizeV2::new(DType::QI8), "(?,3);();()", "(?,3);();()");
        infer_err(&QuantizeV2::new(DType::QI8), "(?,3);(1);()", "shape must be rank 0 but is rank 1");
        infer_err(&QuantizeV2::new(DType::I8), "();();()", "must be qint8, quint8, qint16 or quint16, but is int8");
        let even = QuantizeV2 { round_mode: RoundMode::HalfToEven, ..QuantizeV2::new(DType::QI8) };
        infer_err(&even, "();();()", "'HALF_TO_EVEN' must come with mode 'SCALED'");
    }

    #[test]
    fn modes_lay_the_range_over_the_integers() {
        let of = |mode, dtype| QuantizeV2 { mode, ..QuantizeV2::new(dtype) };
        let (combined, first, scaled) = (QuantizeMode::MinCombined, QuantizeMode::MinFirst, QuantizeMode::Scaled);
        check(of(combined, DType::QI8), [-128, -108, -99, -10, 127], (-0.5, 6.0));
        check(of(combined, DType::QU8), [0, 20, 29, 118, 255], (-0.5, 6.0));
        check(of(combined, DType::QU16), [0, 5041, 7562, 30247, 65535], (-0.5, 6.0));
        check(of(first, DType::QI8), [-128, -108, -98, -10, 127], (-0.5, 6.0));
        check(of(first, DType::QI16), [-32768, -27727, -25206, -2521, 32767], (-0.5, 6.0));
        check(of(scaled, DType::QI8), [-21, 0, 5, 53, 127], (-6.047244, 6.0));
        check(of(scaled, DType::QU8), [0, 0, 11, 106, 255], (0.0, 6.0));
        let narrow = QuantizeV2 { narrow_range: true, round_mode: RoundMode::HalfToEven, ..of(scaled, DType::QI8) };
        check(narrow, [-21, 0, 5, 53, 127], (-6.0, 6.0));
    }
}
