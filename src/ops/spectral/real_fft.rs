//! `RFFT`, `RFFT2D`, `RFFT3D` and their inverses: the Fourier transform of real numbers, whose other half is a mirror.

use std::sync::Arc;

use num_complex::Complex;

use super::fft::transform_axis;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::graph::{AttrValue, Attrs, Example, InferCx, Op, OpKind, RunCx, to_ints};
use crate::shape::Dim;
use crate::value::Value;

/// The transform of the last axes of real numbers, cut to given lengths: `(.., n), (1) -> (.., n / 2 + 1)`, or back.
#[derive(Debug, Clone, Copy)]
pub struct RealFft {
    /// How many axes, 1 to 3.
    pub rank: usize,
    /// Whether it goes back to real numbers.
    pub inverse: bool,
}

macro_rules! rows {
    ($($row:ident $name:literal $rank:literal $inverse:literal $signature:literal;)*) => { $(
        #[doc = concat!("The row of `", $name, "`.")]
        pub static $row: OpKind = OpKind::new(
            $name,
            $signature,
            |attrs| parse(attrs, RealFft { rank: $rank, inverse: $inverse }),
            || examples(RealFft { rank: $rank, inverse: $inverse }),
        );
    )* };
}
rows! {
    RFFT "RFFT" 1 false "input: float32, fft_length: int32 -> output: complex64";
    RFFT_2D "RFFT2D" 2 false "input: float32, fft_length: int32 -> output: complex64";
    RFFT_3D "RFFT3D" 3 false "input: float32, fft_length: int32 -> output: complex64";
    IRFFT "IRFFT" 1 true "input: complex64, fft_length: int32 -> output: float32";
    IRFFT_2D "IRFFT2D" 2 true "input: complex64, fft_length: int32 -> output: float32";
    IRFFT_3D "IRFFT3D" 3 true "input: complex64, fft_length: int32 -> output: float32";
}

fn parse(attrs: &Attrs, op: RealFft) -> Result<Arc<dyn Op>> {
    // TensorFlow 1 has no such attributes; 2 writes them, also of wider numbers.
    for (name, want) in [("Treal", DType::F32), ("Tcomplex", DType::C64)] {
        let dtype = attrs.dtype_or(name, want)?;
        if dtype != want {
            return Err(Error::unsupported(format!("{name} must be {want}, but is {dtype}")));
        }
    }
    Ok(Arc::new(op))
}

fn examples(op: RealFft) -> Vec<Example> {
    let dims = [2, 4, 4, 5];
    let numbers = (0..160).map(|i| (i as f32 * 1.3).sin());
    let value = match op.inverse {
        true => Value::from_vec(&dims, numbers.map(|x| Complex::new(x, 1.0 - x)).collect()),
        false => Value::from_vec(&dims, numbers.collect()),
    };
    let of = |lengths: &[i32]| {
        let lengths = Value::from_slice(&[op.rank], &lengths[3 - op.rank..]).expect("three lengths or fewer");
        Example::new(op, [value.clone().expect("160 numbers"), lengths])
    };
    vec![of(&[4, 2, 5]), of(&[3, 4, 4])]
}

impl Op for RealFft {
    fn kind(&self) -> &'static OpKind {
        match (self.rank, self.inverse) {
            (1, false) => &RFFT,
            (2, false) => &RFFT_2D,
            (_, false) => &RFFT_3D,
            (1, true) => &IRFFT,
            (2, true) => &IRFFT_2D,
            (_, true) => &IRFFT_3D,
        }
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        let mut shape = cx.shape(0).with_rank_at_least(self.rank)?;
        cx.shape(1).with_rank(1)?.dim(0).merge(&self.rank.into())?;
        let lengths = cx.sizes(1);
        if let Some(rank) = shape.rank() {
            for i in 0..self.rank {
                let length = lengths.as_ref().and_then(|lengths| lengths.get(i)).map_or_else(Dim::unknown, Dim::clone);
                let is_half = !self.inverse && i + 1 == self.rank;
                let dim = match length.as_i64() {
                    Some(n) if n < 0 => return Err(negative(i, n)),
                    Some(n) => Dim::constant(if is_half { half(n as usize) as i64 } else { n }),
                    None if is_half => Dim::unknown(),
                    None => length,
                };
                shape = shape.replace_dim(rank - self.rank + i, dim)?;
            }
        }
        cx.output(if self.inverse { DType::F32 } else { DType::C64 }, shape);
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let lengths = self.lengths(cx)?;
        let out = if self.inverse { self.backward(cx, &lengths)? } else { self.forward(cx, &lengths)? };
        cx.output(0, out);
        Ok(())
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        Vec::new()
    }
}

fn negative(i: usize, n: i64) -> Error {
    Error::invalid(format!("fft_length[{i}] must be 0 or more, but is {n}"))
}

/// How many numbers of a transform are no mirror images.
fn half(n: usize) -> usize {
    if n == 0 { 0 } else { n / 2 + 1 }
}

impl RealFft {
    /// The lengths, for which there is enough in the input.
    fn lengths(&self, cx: &RunCx<'_>) -> Result<Vec<usize>> {
        let (dims, lengths) = (cx.input(0).dims(), cx.input(1));
        if dims.len() < self.rank {
            return Err(Error::shape(format!(
                "input must have rank of at least {}, but has {}",
                self.rank,
                dims.len()
            )));
        }
        let ints = if lengths.dims() == [self.rank] { to_ints(lengths) } else { None };
        let ints = ints.ok_or_else(|| Error::shape(format!("fft_length must have shape [{}]", self.rank)))?;
        let one = |(i, n): (usize, i64)| {
            let length = usize::try_from(n).map_err(|_| negative(i, n))?;
            let has = dims[dims.len() - self.rank + i];
            let needs = if self.inverse && i + 1 == self.rank { length / 2 + 1 } else { length };
            if has != 0 && has < needs {
                let at = dims.len() - self.rank + i;
                return Err(Error::invalid(format!(
                    "input dimension {at} must have length of at least {needs} but got: {has}"
                )));
            }
            Ok(length)
        };
        ints.into_iter().enumerate().map(one).collect()
    }

    /// The dims of the input with other sizes of the last axes.
    fn dims(&self, input: &Value, lengths: &[usize]) -> Vec<usize> {
        input.dims()[..input.rank() - self.rank].iter().chain(lengths).copied().collect()
    }

    fn forward(&self, cx: &RunCx<'_>, lengths: &[usize]) -> Result<Value> {
        let x = cx.input(0);
        let dims = self.dims(x, lengths);
        let mut cut = lengths.to_vec();
        cut[self.rank - 1] = half(cut[self.rank - 1]);
        let out_dims = self.dims(x, &cut);
        let mut out = cx.alloc_zeros(DType::C64, &out_dims)?;
        if x.is_empty() || out.is_empty() {
            return Ok(out);
        }
        let mut all = cx.alloc(DType::C64, &dims)?;
        let numbers = all.make_mut::<Complex<f32>>()?;
        copy_corner(cx, x.slice::<f32>()?, x.dims(), numbers, &dims, Complex::from)?;
        transform_axis(cx, numbers, &dims, dims.len() - 1, false)?;
        let kept = out.make_mut::<Complex<f32>>()?;
        copy_corner(cx, numbers, &dims, kept, &out_dims, |x| x)?;
        for axis in dims.len() - self.rank..dims.len() - 1 {
            transform_axis(cx, kept, &out_dims, axis, false)?;
        }
        cx.recycle(all);
        Ok(out)
    }

    fn backward(&self, cx: &RunCx<'_>, lengths: &[usize]) -> Result<Value> {
        let x = cx.input(0);
        let dims = self.dims(x, lengths);
        let mut out = cx.alloc_zeros(DType::F32, &dims)?;
        if x.is_empty() || out.is_empty() {
            return Ok(out);
        }
        let n = lengths[self.rank - 1];
        let mut cut = lengths.to_vec();
        cut[self.rank - 1] = half(n);
        let cut = self.dims(x, &cut);
        let (mut part, mut all) = (cx.alloc(DType::C64, &cut)?, cx.alloc(DType::C64, &dims)?);
        let (numbers, whole) = (part.make_mut::<Complex<f32>>()?, all.make_mut::<Complex<f32>>()?);
        copy_corner(cx, x.slice::<Complex<f32>>()?, x.dims(), numbers, &cut, |x| x)?;
        for axis in dims.len() - self.rank..dims.len() - 1 {
            transform_axis(cx, numbers, &cut, axis, true)?;
        }
        let mut pace = cx.pace();
        for (line, known) in whole.chunks_exact_mut(n).zip(numbers.chunks_exact(half(n))) {
            pace.spend(2 * n)?;
            line[..known.len()].copy_from_slice(known);
            (known.len()..n).for_each(|i| line[i] = known[n - i].conj());
        }
        transform_axis(cx, whole, &dims, dims.len() - 1, true)?;
        cx.for_chunks_mut(out.make_mut::<f32>()?, PART, &|chunk, part| {
            part.iter_mut().zip(&whole[chunk * PART..]).for_each(|(out, x)| *out = x.re);
        })?;
        cx.recycle(part);
        cx.recycle(all);
        Ok(out)
    }
}

/// Numbers that are copied between two looks at the limits of the run.
const PART: usize = 1 << 16;

/// Copies what lies in both, line by line, from the first place of each; `to` is no larger, and nothing is empty.
fn copy_corner<A: Copy, B>(
    cx: &RunCx<'_>,
    from: &[A],
    from_dims: &[usize],
    to: &mut [B],
    to_dims: &[usize],
    f: impl Fn(A) -> B,
) -> Result<()> {
    let (n, outer, mut pace) = (to_dims[to_dims.len() - 1], to_dims.len() - 1, cx.pace());
    for (i, line) in to.chunks_exact_mut(n).enumerate() {
        let (mut rest, mut place, mut stride) = (i, 0, from_dims[outer]);
        for axis in (0..outer).rev() {
            place += rest % to_dims[axis] * stride;
            rest /= to_dims[axis];
            stride *= from_dims[axis];
        }
        for (to, from) in line.chunks_mut(PART).zip(from[place..].chunks(PART)) {
            pace.spend(8 + to.len())?;
            to.iter_mut().zip(from).for_each(|(to, x)| *to = f(*x));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{infer_err, infer_ok, run_op};
    use crate::value::IntoValue;

    #[test]
    fn lengths_are_unknown_or_those_of_a_constant() {
        infer_ok(&RealFft { rank: 1, inverse: false }, "(2,8);int32(1)", "(2,?)");
        infer_ok(&RealFft { rank: 2, inverse: true }, "complex64(2,8,8);int32(2)", "(2,?,?)");
        infer_err(&RealFft { rank: 2, inverse: false }, "(2,8,8);int32(1)", "must be equal");
    }

    fn run(op: RealFft, x: Value, lengths: &[i32]) -> Result<Value> {
        Ok(run_op(op, &[x, Value::from_slice(&[lengths.len()], lengths)?])?.remove(0))
    }

    /// By hand: the sum, and the sum of alternating signs; there and back is where one started.
    #[test]
    fn half_of_the_numbers_say_all() {
        let x = [1.0f32, 2.0, 4.0, 8.0, 9.0].into_value();
        let there = run(RealFft { rank: 1, inverse: false }, x.clone(), &[4]).unwrap();
        let numbers = there.slice::<Complex<f32>>().unwrap();
        assert_eq!(numbers, [Complex::new(15.0, 0.0), Complex::new(-3.0, 6.0), Complex::new(-5.0, 0.0)]);
        let back = run(RealFft { rank: 1, inverse: true }, there, &[4]).unwrap();
        assert_eq!(back.slice::<f32>().unwrap(), [1.0, 2.0, 4.0, 8.0]);
        let error = run(RealFft { rank: 1, inverse: false }, x.clone(), &[6]).unwrap_err();
        assert_eq!(error.message(), "input dimension 0 must have length of at least 6 but got: 5");
        let error = run(RealFft { rank: 1, inverse: false }, x, &[-1]).unwrap_err();
        assert_eq!(error.message(), "fft_length[0] must be 0 or more, but is -1");
    }
}
