//! `Cast`: elements of another dtype.

use std::sync::Arc;

use half::{bf16, f16};
use num_complex::Complex;

use crate::dtype::{DType, Plain};
use crate::error::{Error, Result};
use crate::graph::{AttrValue, Attrs, Example, GradCx, Graph, InferCx, Op, OpKind, RunCx, Tensor};
use crate::shape::Dim;
use crate::value::{IntoValue, Value};
use crate::with_type;

/// Elements a chunk: about 30 us of work, so that waking a thread pays.
const CHUNK: usize = 1 << 16;

/// Elements of another dtype.
#[derive(Debug, Clone)]
pub struct Cast {
    /// The dtype of the output.
    pub dtype: DType,
    /// Whether float32 and float64 lose the low bits instead of being rounded when they become bfloat16.
    pub truncate: bool,
}

/// The row of [`Cast`].
pub static CAST: OpKind = OpKind::new("Cast", "x: SrcT -> y: DstT", parse, examples);

impl Tensor {
    /// The elements as another dtype, `(..) -> (..)`; the tensor itself where it has that dtype already.
    ///
    /// Integers wrap, floats lose their fraction, and floats that fit no int32 or int64 become the smallest one, as in
    /// TensorFlow on x86. Anything but 0 is `true`; complex numbers lose their imaginary part.
    ///
    /// # Errors
    /// `Unsupported` from and to strings and handles.
    ///
    /// Source: TensorFlow's `Cast`.
    ///
    /// ```
    /// # use sessile::prelude::*;
    /// # fn main() -> sessile::Result<()> {
    /// let g = Graph::new();
    /// let x = g.placeholder(DType::F32, shape![?, 3])?.cast(DType::I32)?;
    /// assert_eq!(x.to_string(), r#"Tensor("Cast:0", shape=(?, 3), dtype=int32)"#);
    /// # Ok(()) }
    /// ```
    #[doc(alias = "tf.cast")]
    #[doc(alias = "tf.to_float")]
    #[track_caller]
    pub fn cast(&self, dtype: DType) -> Result<Tensor> {
        match dtype == self.dtype() {
            true => Ok(self.clone()),
            false => self.graph().apply_one(Cast { dtype, truncate: false }, &[self]),
        }
    }
}

impl Graph {
    /// A constant of a given dtype, which the elements are converted to as [`Tensor::cast`] does.
    ///
    /// # Errors
    /// `Unsupported` from and to strings.
    #[doc(alias = "tf.constant")]
    #[track_caller]
    pub fn constant_as(&self, dtype: DType, value: impl IntoValue) -> Result<Tensor> {
        self.constant(cast_value(&value.into_value(), dtype)?)
    }
}

/// The elements as another dtype; the value itself, which is then not weak, where it has that dtype.
pub(crate) fn cast_value(value: &Value, dtype: DType) -> Result<Value> {
    if value.dtype() == dtype {
        return value.clone().reshaped(value.dims());
    }
    check_dtypes(value.dtype(), dtype)?;
    let mut out = Value::for_overwrite(dtype.stored(), value.dims())?;
    convert(&value.stored(), &mut out, false, None)?;
    out.quantized_as(dtype)
}

fn parse(attrs: &Attrs) -> Result<Arc<dyn Op>> {
    Ok(Arc::new(Cast { dtype: attrs.dtype("DstT")?, truncate: attrs.bool_or("Truncate", false)? }))
}

fn examples() -> Vec<Example> {
    let to = |dtype| Cast { dtype, truncate: false };
    vec![
        Example::new(to(DType::I32), [[[1.5f32, -2.5, f32::NAN]].into_value()]),
        Example::new(to(DType::I64), [[3i32, -1].into_value()]),
        Example::new(to(DType::Bool), [[0u8, 7].into_value()]),
        Example::new(Cast { dtype: DType::BF16, truncate: true }, [[1.01f32].into_value()]),
        Example::new(to(DType::F32), [Value::zeros(DType::Bool, &[0, 2]).unwrap_or(true.into_value())]),
    ]
}

/// As [`cast_value`], for kernels: on the threads of the run, in memory that counts.
///
/// # Errors
/// As for [`cast_value`]; `Cancelled`, `DeadlineExceeded`.
pub(in crate::ops) fn cast_for(cx: &RunCx<'_>, value: &Value, dtype: DType) -> Result<Value> {
    if value.dtype() == dtype {
        return Ok(value.clone());
    }
    check_dtypes(value.dtype(), dtype)?;
    let mut out = cx.alloc(dtype.stored(), value.dims())?;
    convert(&value.stored(), &mut out, false, Some(cx))?;
    out.quantized_as(dtype)
}

impl Op for Cast {
    fn kind(&self) -> &'static OpKind {
        &CAST
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        check_dtypes(cx.dtype(0), self.dtype)?;
        let sizes = cx.sizes(0).filter(|_| matches!(self.dtype, DType::I32 | DType::I64));
        let wrapped = |size: &Dim| match size.as_i64() {
            Some(n) if self.dtype == DType::I32 => Dim::constant(i64::from(n as i32)),
            _ => size.clone(),
        };
        cx.output(self.dtype, cx.shape(0)).sizes = sizes.map(|sizes| sizes.iter().map(wrapped).collect());
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        if cx.input(0).dtype() == self.dtype {
            let value = cx.take(0);
            cx.output(0, value);
            return Ok(());
        }
        check_dtypes(cx.input(0).dtype(), self.dtype)?;
        let mut out = cx.alloc(self.dtype.stored(), cx.input(0).dims())?;
        convert(&cx.input(0).stored(), &mut out, self.truncate, Some(cx))?;
        cx.output(0, out.quantized_as(self.dtype)?);
        Ok(())
    }

    fn grad(&self, cx: &GradCx<'_>) -> Result<Vec<Option<Tensor>>> {
        // Through integers nothing flows: their numbers make steps.
        let from = cx.input(0).dtype();
        let is_smooth = |dtype: DType| dtype.is_floating() || dtype.is_complex();
        match is_smooth(from) && is_smooth(self.dtype) {
            true => Ok(vec![Some(cx.dy()?.cast(from)?)]),
            false => Ok(vec![None]),
        }
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        vec![("Truncate", AttrValue::Bool(self.truncate))]
    }
}

fn check_dtypes(from: DType, to: DType) -> Result<()> {
    if from == to || (from.size().is_some() && to.size().is_some()) {
        return Ok(());
    }
    Err(Error::unsupported(format!("cast {from} to {to} is not supported")))
}

/// Fills `out` from a value of as many elements, on the pool where there is one.
fn convert(value: &Value, out: &mut Value, truncate: bool, cx: Option<&RunCx<'_>>) -> Result<()> {
    if truncate && out.dtype() == DType::BF16 && matches!(value.dtype(), DType::F32 | DType::F64) {
        let single = match (value.dtype(), cx) {
            (DType::F64, Some(cx)) => cast_for(cx, value, DType::F32)?,
            (DType::F64, None) => cast_value(value, DType::F32)?,
            _ => value.clone(),
        };
        let high = |x: &f32| bf16::from_bits((x.to_bits() >> 16) as u16);
        let from = single.slice::<f32>()?;
        return in_parts(out.make_mut::<bf16>()?, cx, &|start, part| {
            part.iter_mut().zip(&from[start..]).for_each(|(out, x)| *out = high(x));
        });
    }
    let unsupported = || check_dtypes(value.dtype(), DType::String);
    with_type!(value.dtype(), S in plain => {
        with_type!(out.dtype(), D in plain => each::<S, D>(value.slice()?, out.make_mut()?, cx), else => unsupported())
    }, else => unsupported())
}

/// An index and not `zip`, whose functions would be compiled for each pair of dtypes.
#[allow(clippy::needless_range_loop)]
fn each<S: Castable, D: Castable>(from: &[S], to: &mut [D], cx: Option<&RunCx<'_>>) -> Result<()> {
    let fill = |start: usize, part: &mut [D]| {
        let from = &from[start..start + part.len()];
        for i in 0..from.len() {
            part[i] = from[i].to();
        }
    };
    in_parts(to, cx, &fill)
}

/// Fills the parts of a slice, on the threads of a run if there is one: `f(index of the first element, part)`.
fn in_parts<D: Send>(to: &mut [D], cx: Option<&RunCx<'_>>, f: &(dyn Fn(usize, &mut [D]) + Sync)) -> Result<()> {
    match cx {
        Some(cx) => cx.for_chunks_mut(to, CHUNK, &|chunk, part| f(chunk * CHUNK, part)),
        None => {
            f(0, to);
            Ok(())
        }
    }
}

/// A dtype that is cast by way of the widest type of its kind, which every dtype can be made of.
trait Castable: Plain {
    fn to<D: Castable>(self) -> D;
    fn from_i64(x: i64) -> Self;
    fn from_u64(x: u64) -> Self;
    fn from_f32(x: f32) -> Self;
    fn from_f64(x: f64) -> Self;
    fn from_complex(re: f64, im: f64) -> Self {
        let _ = im;
        Self::from_f64(re)
    }
}

/// `cvttss2si` and `cvttsd2si` of x86: what does not fit is the smallest integer.
macro_rules! truncating {
    ($name:ident $float:ty => $int:ty, $low:expr, $high:expr) => {
        #[inline(always)]
        fn $name(x: $float) -> $int {
            // Comparisons with NaN are false.
            if x > $low && x < $high { x as $int } else { <$int>::MIN }
        }
    };
}
truncating!(f32_to_i32 f32 => i32, -2147483904.0, 2147483648.0);
truncating!(f64_to_i32 f64 => i32, -2147483649.0, 2147483648.0);
truncating!(f32_to_i64 f32 => i64, -9223373136366403584.0, 9223372036854775808.0);
truncating!(f64_to_i64 f64 => i64, -9223372036854777856.0, 9223372036854775808.0);

/// uint64 has no instruction of its own: numbers from 2^63 on are shifted down for the signed one.
#[inline(always)]
fn f64_to_u64(x: f64) -> u64 {
    const HALF: f64 = 9223372036854775808.0;
    if x >= HALF { (f64_to_i64(x - HALF) as u64) ^ (1 << 63) } else { f64_to_i64(x) as u64 }
}

macro_rules! integers {
    ($($t:ty: $via:ident $wide:ty, $f32:expr, $f64:expr;)*) => { $(
        impl Castable for $t {
            #[inline(always)]
            fn to<D: Castable>(self) -> D {
                D::$via(self as $wide)
            }
            #[inline(always)]
            fn from_i64(x: i64) -> $t {
                x as $t
            }
            #[inline(always)]
            fn from_u64(x: u64) -> $t {
                x as $t
            }
            #[inline(always)]
            fn from_f32(x: f32) -> $t {
                $f32(x) as $t
            }
            #[inline(always)]
            fn from_f64(x: f64) -> $t {
                $f64(x) as $t
            }
        }
    )* };
}
integers! {
    i8: from_i64 i64, f32_to_i32, f64_to_i32;
    i16: from_i64 i64, f32_to_i32, f64_to_i32;
    i32: from_i64 i64, f32_to_i32, f64_to_i32;
    i64: from_i64 i64, f32_to_i64, f64_to_i64;
    u8: from_i64 i64, f32_to_i32, f64_to_i32;
    u16: from_i64 i64, f32_to_i32, f64_to_i32;
    u32: from_i64 i64, f32_to_i64, f64_to_i64;
    u64: from_u64 u64, |x| f64_to_u64(f64::from(x)), f64_to_u64;
}

macro_rules! floats {
    ($($t:ty: $via:ident, |$x:ident| $to:expr, |$f:ident| $from_f32:expr, |$d:ident| $from_f64:expr, $int:ty;)*) => { $(
        impl Castable for $t {
            #[inline(always)]
            fn to<D: Castable>(self) -> D {
                let $x = self;
                D::$via($to)
            }
            #[inline(always)]
            fn from_i64(x: i64) -> $t {
                Self::from_float(x as $int)
            }
            #[inline(always)]
            fn from_u64(x: u64) -> $t {
                Self::from_float(x as $int)
            }
            #[inline(always)]
            fn from_f32($f: f32) -> $t {
                $from_f32
            }
            #[inline(always)]
            fn from_f64($d: f64) -> $t {
                $from_f64
            }
        }
    )* };
}

/// From the float that integers are rounded to first.
trait FromFloat<F> {
    fn from_float(x: F) -> Self;
}

macro_rules! from_float {
    ($($t:ty, $f:ty, |$x:ident| $make:expr;)*) => { $(
        impl FromFloat<$f> for $t {
            #[inline(always)]
            fn from_float($x: $f) -> $t {
                $make
            }
        }
    )* };
}
from_float! {
    f32, f32, |x| x;
    f64, f64, |x| x;
    f16, f32, |x| f16::from_f32(x);
    bf16, f32, |x| bf16::from_f32(x);
    bool, f32, |x| x != 0.0;
}

floats! {
    f32: from_f32, |x| x, |f| f, |d| d as f32, f32;
    f64: from_f64, |x| x, |f| f64::from(f), |d| d, f64;
    // The halves are made of float32, also where a float64 is rounded twice by that, as in TensorFlow.
    f16: from_f32, |x| x.to_f32(), |f| f16::from_f32(f), |d| f16::from_f32(d as f32), f32;
    bf16: from_f32, |x| x.to_f32(), |f| bf16::from_f32(f), |d| bf16::from_f32(d as f32), f32;
    bool: from_i64, |x| i64::from(x), |f| f != 0.0, |d| d != 0.0, f32;
}

macro_rules! complexes {
    ($($t:ty, $via:ident;)*) => { $(
        impl Castable for Complex<$t> {
            #[inline(always)]
            fn to<D: Castable>(self) -> D {
                if D::DTYPE.is_complex() { D::from_complex(self.re.into(), self.im.into()) } else { D::$via(self.re) }
            }
            #[inline(always)]
            fn from_i64(x: i64) -> Self {
                Complex::new(x as $t, 0.0)
            }
            #[inline(always)]
            fn from_u64(x: u64) -> Self {
                Complex::new(x as $t, 0.0)
            }
            #[inline(always)]
            fn from_f32(x: f32) -> Self {
                Complex::new(x.into(), 0.0)
            }
            #[inline(always)]
            fn from_f64(x: f64) -> Self {
                Complex::new(x as $t, 0.0)
            }
            #[inline(always)]
            fn from_complex(re: f64, im: f64) -> Self {
                Complex::new(re as $t, im as $t)
            }
        }
    )* };
}
complexes! { f32, from_f32; f64, from_f64; }

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(value: impl IntoValue, dtype: DType, want: impl IntoValue) {
        let (got, want) = (cast_value(&value.into_value(), dtype).unwrap(), want.into_value());
        assert!(got.same_bits(&want), "{got:?} is not {want:?}");
    }

    /// The answers are those of TensorFlow 1.15.5 on x86, run.
    #[test]
    fn quantized_elements_are_cast_as_the_integers_they_are() {
        let quantized = |dtype| cast_value(&[1.5f32, -2.5, 300.0].into_value(), dtype).unwrap();
        let check = |dtype: DType, want: [f32; 3]| {
            assert_eq!(quantized(dtype).dtype(), dtype);
            assert_eq!(cast_value(&quantized(dtype), DType::F32).unwrap().slice::<f32>().unwrap(), want, "{dtype}");
        };
        // As TensorFlow 1.15.5 casts.
        check(DType::QI8, [1.0, -2.0, 44.0]);
        check(DType::QU8, [1.0, 254.0, 44.0]);
        check(DType::QI16, [1.0, -2.0, 300.0]);
        check(DType::QU16, [1.0, 65534.0, 300.0]);
        check(DType::QI32, [1.0, -2.0, 300.0]);
        assert_eq!(quantized(DType::QI16).to_string(), "[  1  -2 300]");
        assert_eq!(quantized(DType::QI8).stored().slice::<i8>().unwrap(), [1, -2, 44]);
    }

    #[test]
    fn floats_that_do_not_fit_become_what_x86_makes_of_them() {
        let x = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 3e9, -3e9, 1e20, 300.7, -1.5, 70000.0, 1e19];
        let low = i32::MIN;
        check(x, DType::I32, [low, low, low, low, low, low, 300, -1, 70000, low]);
        check(x, DType::I8, [0i8, 0, 0, 0, 0, 0, 44, -1, 112, 0]);
        check(x, DType::U8, [0u8, 0, 0, 0, 0, 0, 44, 255, 112, 0]);
        check(x, DType::U16, [0u16, 0, 0, 0, 0, 0, 300, 65535, 4464, 0]);
        check(x, DType::U32, [0u32, 0, 0, 3000000000, 1294967296, 0, 300, 4294967295, 70000, 0]);
        let low = i64::MIN;
        check(x, DType::I64, [low, low, low, 3000000000, -3000000000, low, 300, -1, 70000, low]);
        let half = 1u64 << 63;
        let big = [half, 0, half, 3000000000, 18446744070709551616, 0, 300, u64::MAX, 70000, 9999999980506447872];
        check(x, DType::U64, big);
    }

    #[test]
    fn numbers_bools_and_complex_go_all_ways() {
        check([0.0f32, -0.0, 1e-30, f32::NAN], DType::Bool, [false, false, true, true]);
        check([true, false], DType::F16, [f16::ONE, f16::ZERO]);
        check([300i32, -1], DType::U8, [44u8, 255]);
        check([(1i64 << 24) + 1], DType::F32, [16777216.0f32]);
        check([Complex::new(1.5f64, 2.0)], DType::I32, [1i32]);
        check([Complex::new(0.0f32, 2.0)], DType::Bool, [false]);
        check([Complex::new(0.1f64, 2.0)], DType::C64, [Complex::new(0.1f32, 2.0)]);
        check([2.5f32], DType::C128, [Complex::new(2.5f64, 0.0)]);
        check([u64::MAX], DType::F64, [18446744073709551615.0f64]);
        assert!(cast_value(&"a".into_value(), DType::F32).is_err());
    }

    #[test]
    fn truncation_drops_the_low_bits_of_bfloat16() {
        let x = f32::from_bits(0x3f80_ffff);
        let cast = |truncate| {
            crate::ops::testing::run_op(Cast { dtype: DType::BF16, truncate }, &[[x].into_value()]).unwrap().remove(0)
        };
        assert_eq!(cast(true).slice::<bf16>().unwrap()[0].to_bits(), 0x3f80);
        assert_eq!(cast(false).slice::<bf16>().unwrap()[0].to_bits(), 0x3f81);
    }

    /// As in TensorFlow 1.15.5 and 2.15.1.
    #[test]
    fn a_cast_to_the_same_dtype_is_no_node_and_takes_no_name() {
        let g = Graph::new();
        let x = g.constant([1.0f32]).unwrap();
        assert_eq!(x.cast(DType::F32).unwrap(), x);
        assert_eq!(x.cast(DType::I32).unwrap().name(), "Cast:0");
        assert_eq!(g.constant_as(DType::U8, 7).unwrap().dtype(), DType::U8);
        assert!(g.constant("a").unwrap().cast(DType::F32).is_err());
    }
}
