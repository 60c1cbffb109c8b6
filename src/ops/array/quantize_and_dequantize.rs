//! `QuantizeAndDequantize`: floats as they are after a quantization and back.

use std::sync::Arc;

use num_traits::Float;

use crate::dtype::{DType, Plain};
use crate::error::{Error, Result, escape};
use crate::graph::{AttrValue, Attrs, Example, InferCx, Op, OpKind, RunCx};
use crate::kernel::Ordered;
use crate::shape::normalize_axis;
use crate::value::{IntoValue, ScratchVec, Value};

/// Elements a chunk: some 200 us of computing.
const PART: usize = 1 << 15;

/// Which of TensorFlow's four ops it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QuantizeVersion {
    /// The range is an attribute.
    V1,
    /// The range comes as tensors.
    V2,
    /// The number of bits does, too.
    V3,
    /// As `V2`, with another gradient.
    V4,
}

/// Floats rounded to those that so many bits can stand for; 0 stays 0.
///
/// Source: TensorFlow's `QuantizeAndDequantize`, `..V2`, `..V3` and `..V4`.
#[derive(Debug, Clone)]
pub struct QuantizeAndDequantize {
    /// Which op it is.
    pub version: QuantizeVersion,
    /// Whether the integers between have signs.
    pub signed_input: bool,
    /// How many bits these have; of `V3` an input says it.
    pub num_bits: i64,
    /// Whether the range is given, and what is outside of it is cut; else it is that of the input.
    pub range_given: bool,
    /// The range that `V1` is given.
    pub range: (f32, f32),
    /// Whether halves are rounded up instead of to the even integer.
    pub half_up: bool,
    /// Whether the lowest integer is left out, so that the range is symmetric.
    pub narrow_range: bool,
    /// The axis whose slices have ranges of their own; -1 for none.
    pub axis: i64,
}

macro_rules! rows {
    ($($(#[$doc:meta])* $row:ident $name:literal $version:ident $signature:literal;)*) => { $(
        $(#[$doc])*
        pub static $row: OpKind = OpKind::new(
            $name,
            $signature,
            |attrs| parse(QuantizeVersion::$version, attrs),
            || examples(QuantizeVersion::$version),
        );
    )* };
}
rows! {
    /// The row of the first version.
    QUANTIZE_AND_DEQUANTIZE "QuantizeAndDequantize" V1 "input: T -> output: T";
    /// The row of the second version.
    QUANTIZE_AND_DEQUANTIZE_V2 "QuantizeAndDequantizeV2" V2 "input: T, input_min: T, input_max: T -> output: T";
    /// The row of the third version.
    QUANTIZE_AND_DEQUANTIZE_V3 "QuantizeAndDequantizeV3" V3
        "input: T, input_min: T, input_max: T, num_bits: int32 -> output: T";
    /// The row of the fourth version.
    QUANTIZE_AND_DEQUANTIZE_V4 "QuantizeAndDequantizeV4" V4 "input: T, input_min: T, input_max: T -> output: T";
}

impl QuantizeAndDequantize {
    /// TensorFlow's defaults.
    pub fn new(version: QuantizeVersion) -> QuantizeAndDequantize {
        QuantizeAndDequantize {
            version,
            signed_input: true,
            num_bits: 8,
            range_given: version == QuantizeVersion::V3,
            range: (0.0, 0.0),
            half_up: false,
            narrow_range: false,
            axis: -1,
        }
    }
}

fn parse(version: QuantizeVersion, attrs: &Attrs) -> Result<Arc<dyn Op>> {
    let mut op = QuantizeAndDequantize::new(version);
    op.signed_input = attrs.bool_or("signed_input", true)?;
    op.range_given = attrs.bool_or("range_given", op.range_given)?;
    if version != QuantizeVersion::V3 {
        op.num_bits = attrs.int_or("num_bits", 8)?;
    }
    if version == QuantizeVersion::V1 {
        op.range = (attrs.float_or("input_min", 0.0)?, attrs.float_or("input_max", 0.0)?);
        return Ok(Arc::new(op));
    }
    op.narrow_range = attrs.bool_or("narrow_range", false)?;
    op.axis = attrs.int_or("axis", -1)?;
    if version != QuantizeVersion::V3 {
        op.half_up = match attrs.str_or("round_mode", "HALF_TO_EVEN")?.as_str() {
            "HALF_TO_EVEN" => false,
            "HALF_UP" => true,
            other => {
                let text = format!("round_mode must be HALF_TO_EVEN or HALF_UP, but is {}", escape(other));
                return Err(Error::invalid(text));
            }
        };
    }
    Ok(Arc::new(op))
}

fn examples(version: QuantizeVersion) -> Vec<Example> {
    let op = QuantizeAndDequantize::new(version);
    let x = || [[-1.0f32, 0.25, 7.0], [0.5, 3.0, -0.1]].into_value();
    let of = |op: QuantizeAndDequantize, x: Value, ends: [Value; 2]| {
        let n = op.kind().args().inputs.len();
        let inputs = [x].into_iter().chain(ends).chain([6i32.into_value()]);
        Example::new(op, inputs.take(n).collect::<Vec<_>>())
    };
    let ends = || [Value::scalar_of(-0.5f32), Value::scalar_of(6.0f32)];
    let ranged = QuantizeAndDequantize { range_given: true, range: (0.0, 0.0), ..op.clone() };
    let mut all =
        vec![of(QuantizeAndDequantize { range_given: false, ..op.clone() }, x(), ends()), of(ranged, x(), ends())];
    if version != QuantizeVersion::V1 {
        let sliced = QuantizeAndDequantize { range_given: true, narrow_range: true, axis: 1, ..op };
        all.push(of(sliced, x(), [[-1.0f32, 0.0, 0.0].into_value(), [1.0f32, 2.0, 3.0].into_value()]));
    }
    all
}

impl Op for QuantizeAndDequantize {
    fn kind(&self) -> &'static OpKind {
        match self.version {
            QuantizeVersion::V1 => &QUANTIZE_AND_DEQUANTIZE,
            QuantizeVersion::V2 => &QUANTIZE_AND_DEQUANTIZE_V2,
            QuantizeVersion::V3 => &QUANTIZE_AND_DEQUANTIZE_V3,
            QuantizeVersion::V4 => &QUANTIZE_AND_DEQUANTIZE_V4,
        }
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        let dtype = cx.dtype(0);
        if !matches!(dtype, DType::F32 | DType::F64) {
            return Err(Error::unsupported(format!("the input must be float32 or float64, but is {dtype}")));
        }
        if self.version == QuantizeVersion::V3 {
            cx.shape(3).with_rank(0)?;
        } else {
            check_bits(self.num_bits, self.signed_input)?;
        }
        if self.version != QuantizeVersion::V1 {
            check_ends(cx, self.axis, [1, 2])?;
        }
        cx.output(dtype, cx.shape(0));
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let x = cx.take_unique(0)?;
        let out = match x.dtype() {
            DType::F64 => self.change::<f64>(cx, x)?,
            _ => self.change::<f32>(cx, x)?,
        };
        cx.output(0, out);
        Ok(())
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        let mut attrs = vec![
            ("signed_input", AttrValue::Bool(self.signed_input)),
            ("range_given", AttrValue::Bool(self.range_given)),
        ];
        if self.version != QuantizeVersion::V3 {
            attrs.push(("num_bits", AttrValue::Int(self.num_bits)));
        }
        if self.version == QuantizeVersion::V1 {
            attrs.push(("input_min", AttrValue::Float(self.range.0)));
            attrs.push(("input_max", AttrValue::Float(self.range.1)));
            return attrs;
        }
        attrs.push(("narrow_range", AttrValue::Bool(self.narrow_range)));
        // TensorFlow 1.15 does not know the attribute.
        attrs.extend((self.axis != -1).then_some(("axis", AttrValue::Int(self.axis))));
        if self.version != QuantizeVersion::V3 {
            let mode = if self.half_up { "HALF_UP" } else { "HALF_TO_EVEN" };
            attrs.push(("round_mode", AttrValue::Str(mode.into())));
        }
        attrs
    }
}

/// Refuses numbers of bits that the integers between cannot have.
fn check_bits(bits: i64, is_signed: bool) -> Result<()> {
    let most = if is_signed { 61 } else { 62 };
    if (1..=most).contains(&bits) {
        return Ok(());
    }
    Err(Error::invalid(format!("num_bits must be 1 to {most}, but is {bits}")))
}

/// The ends of the range are scalars, or one for each slice of an axis.
pub(super) fn check_ends(cx: &InferCx<'_>, axis: i64, ends: [usize; 2]) -> Result<()> {
    for i in ends {
        let end = cx.shape(i).with_rank(usize::from(axis != -1))?;
        if let (true, Some(rank)) = (axis != -1, cx.shape(0).rank()) {
            cx.shape(0).dim(normalize_axis(axis, rank)?).merge(&end.dim(0))?;
        }
    }
    Ok(())
}

/// How an axis divides a tensor: how many slices, and how many elements in turn belong to one.
pub(super) fn slices(dims: &[usize], axis: i64) -> Result<(usize, usize)> {
    if axis == -1 {
        return Ok((1, 1));
    }
    let axis = normalize_axis(axis, dims.len())?;
    Ok((dims[axis], dims[axis + 1..].iter().product::<usize>().max(1)))
}

/// The ends of the ranges of so many slices.
pub(super) fn ends<T: Plain>(value: &Value, n: usize) -> Result<&[T]> {
    let ends = value.slice::<T>()?;
    if ends.len() != n {
        return Err(Error::shape(format!("there must be {n} ends of ranges, but are {}", ends.len())));
    }
    Ok(ends)
}

/// What is done to the elements of a slice.
#[derive(Debug, Clone, Copy)]
struct Scale<T> {
    min: T,
    max: T,
    times: T,
    back: T,
}

impl QuantizeAndDequantize {
    fn change<T: Ordered + Float>(&self, cx: &RunCx<'_>, mut x: Value) -> Result<Value> {
        let (n, inner) = slices(x.dims(), self.axis)?;
        let bits = match self.version {
            QuantizeVersion::V3 => i64::from(cx.input(3).scalar::<i32>()?),
            _ => self.num_bits,
        };
        check_bits(bits, self.signed_input)?;
        let ranges = self.ranges::<T>(cx, &x, n, inner)?;
        let (mut scales, mut pace) = (cx.list(ranges.len())?, cx.pace());
        for range in ranges.iter() {
            pace.spend(16)?;
            scales.push(self.scale(bits, *range)?)?;
        }
        cx.for_chunks_mut(x.make_mut::<T>()?, PART, &|chunk, part| {
            for (i, x) in part.iter_mut().enumerate() {
                let Scale { min, max, times, back } = scales[(chunk * PART + i) / inner % n];
                let within = if self.range_given { x.smaller(max).larger(min) } else { *x };
                *x = self.round(within * times) * back;
            }
        })?;
        Ok(x)
    }

    fn round<T: Float>(&self, x: T) -> T {
        let half = T::one() / (T::one() + T::one());
        if self.half_up {
            return (x + half).floor();
        }
        let down = x.floor();
        let (rest, is_odd) = (x - down, down * half != (down * half).floor());
        if rest > half || (rest == half && is_odd) { down + T::one() } else { down }
    }

    /// The ranges of the slices.
    fn ranges<T: Ordered + Float>(
        &self,
        cx: &RunCx<'_>,
        x: &Value,
        n: usize,
        inner: usize,
    ) -> Result<ScratchVec<(T, T)>> {
        if !self.range_given {
            if x.is_empty() {
                return cx.list(0);
            }
            let mut ranges = cx.scratch_of(n, (T::GREATEST, T::LEAST))?;
            let mut pace = cx.pace();
            for (part_idx, part) in x.slice::<T>()?.chunks(PART).enumerate() {
                pace.spend(4 * part.len())?;
                for (i, x) in part.iter().enumerate() {
                    let (min, max) = &mut ranges[(part_idx * PART + i) / inner % n];
                    (*min, *max) = (min.smaller(*x), max.larger(*x));
                }
            }
            return Ok(ranges);
        }
        if self.version == QuantizeVersion::V1 {
            let end = |x: f32| T::from(x).unwrap_or_else(T::nan);
            return cx.collect([(end(self.range.0), end(self.range.1))]);
        }
        let (low, high) = (ends::<T>(cx.input(1), n)?, ends::<T>(cx.input(2), n)?);
        cx.collect(low.iter().copied().zip(high.iter().copied()))
    }

    /// The largest scale by which a range stays within the integers while 0 stays where it is, as TensorFlow finds it.
    fn scale<T: Float>(&self, bits: i64, (min, max): (T, T)) -> Result<Scale<T>> {
        if self.range_given && min > max {
            return Err(Error::invalid("invalid range: input_min must not be more than input_max, but is"));
        }
        let (lowest, highest) = match self.signed_input {
            true => (i64::from(self.narrow_range) - (1 << (bits - 1)), (1 << (bits - 1)) - 1),
            false => (0, (1i64 << bits) - 1),
        };
        let [lowest, highest] = [lowest, highest].map(|int| T::from(int).unwrap_or_else(T::nan));
        let side = |int: T, end: T| if int * end > T::zero() { int / end } else { T::max_value() };
        let (from_min, from_max) = (side(lowest, min), side(highest, max));
        Ok(if from_min < from_max {
            let back = min / lowest;
            Scale { min, max: highest * back, times: from_min, back }
        } else {
            let back = max / highest;
            Scale { min: lowest * back, max, times: from_max, back }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{infer_err, infer_ok, run_op};

    #[track_caller]
    fn check(op: QuantizeAndDequantize, inputs: &[Value], want: &[f32]) {
        let got = run_op(op, inputs).unwrap();
        let got = got[0].slice::<f32>().unwrap();
        assert!(got.iter().zip(want).all(|(a, b)| (a - b).abs() < 1e-6), "{got:?}");
    }

    /// By hand: steps of 1/7, and of 2/7 where the range is that of the input.
    #[test]
    fn floats_become_multiples_of_a_step() {
        let x = [-2.0f32, 0.1, 0.5, 2.0].into_value();
        let v2 =
            QuantizeAndDequantize { num_bits: 4, range_given: true, ..QuantizeAndDequantize::new(QuantizeVersion::V2) };
        let ends = [Value::scalar_of(-1.0f32), Value::scalar_of(1.0f32)];
        let inputs = [&[x.clone()][..], &ends].concat();
        check(v2.clone(), &inputs, &[-8.0 / 7.0, 1.0 / 7.0, 4.0 / 7.0, 1.0]);
        check(QuantizeAndDequantize { narrow_range: true, ..v2.clone() }, &inputs, &[-1.0, 1.0 / 7.0, 4.0 / 7.0, 1.0]);
        let free = QuantizeAndDequantize { range_given: false, ..v2.clone() };
        check(free, &inputs, &[-2.0, 0.0, 4.0 / 7.0, 2.0]);
        let upside = [[Value::scalar_of(1.0f32), Value::scalar_of(-1.0f32)].to_vec(), vec![]].concat();
        let error = run_op(v2, &[&[x][..], &upside].concat()).unwrap_err();
        assert!(error.message().starts_with("invalid range"), "{error}");
    }

    #[test]
    fn slices_have_ranges_of_their_own() {
        let op = QuantizeAndDequantize {
            num_bits: 2,
            range_given: true,
            narrow_range: true,
            axis: 0,
            ..QuantizeAndDequantize::new(QuantizeVersion::V4)
        };
        let x = [[0.4f32, 0.6], [1.4, 2.6]].into_value();
        check(op.clone(), &[x, [-1.0f32, -2.0].into_value(), [1.0f32, 2.0].into_value()], &[0.0, 1.0, 2.0, 2.0]);
        infer_ok(&op, "(?,3);(?);(2)", "(?,3)");
        infer_err(&op, "(2,3);(3);(2)", "must be equal, but are 2 and 3");
        let bits = QuantizeAndDequantize { num_bits: 63, ..op };
        infer_err(&bits, "(2,3);(2);(2)", "num_bits must be 1 to 61, but is 63");
    }
}
