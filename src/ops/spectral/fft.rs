//! `FFT`, `FFT2D`, `FFT3D` and their inverses: the discrete Fourier transform over the last axes.
//!
//! One line is one call of the library that transforms it, which cannot be interrupted: between lines a run may end.

use std::sync::Arc;

use num_complex::Complex;
use rustfft::{FftDirection, FftNum, FftPlanner};

use crate::dtype::{DType, Plain};
use crate::error::{Error, Result};
use crate::graph::{Example, GradCx, InferCx, Op, OpKind, RunCx, Tensor};
use crate::value::{IntoValue, Value};

/// The transform of the last axes of complex numbers; the inverse divides by how many numbers it sums.
#[derive(Debug, Clone, Copy)]
pub struct Fft {
    /// How many axes, 1 to 3.
    pub rank: usize,
    /// Whether it goes back.
    pub inverse: bool,
}

macro_rules! rows {
    ($($row:ident $name:literal $rank:literal $inverse:literal;)*) => { $(
        #[doc = concat!("The row of `", $name, "`.")]
        pub static $row: OpKind = OpKind::new(
            $name,
            "input: Tcomplex -> output: Tcomplex",
            |_| Ok(Arc::new(Fft { rank: $rank, inverse: $inverse })),
            || examples(Fft { rank: $rank, inverse: $inverse }),
        );
    )* };
}
rows! {
    FFT "FFT" 1 false;
    FFT_2D "FFT2D" 2 false;
    FFT_3D "FFT3D" 3 false;
    IFFT "IFFT" 1 true;
    IFFT_2D "IFFT2D" 2 true;
    IFFT_3D "IFFT3D" 3 true;
}

fn examples(op: Fft) -> Vec<Example> {
    let number = |i: usize| Complex::new((i as f32).sin(), (i as f32 * 0.7).cos());
    let narrow = Value::from_vec(&[2, 3, 2, 3], (0..36).map(number).collect()).expect("36 numbers");
    let wide = [[[Complex::new(1.0f64, 2.0), Complex::new(0.5, -1.0)]]].into_value();
    vec![Example::new(op, [narrow]), Example::new(op, [wide])]
}

impl Op for Fft {
    fn kind(&self) -> &'static OpKind {
        match (self.rank, self.inverse) {
            (1, false) => &FFT,
            (2, false) => &FFT_2D,
            (_, false) => &FFT_3D,
            (1, true) => &IFFT,
            (2, true) => &IFFT_2D,
            (_, true) => &IFFT_3D,
        }
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        if !cx.dtype(0).is_complex() {
            return Err(Error::dtype(format!("a transform is of complex64 or complex128, but is of {}", cx.dtype(0))));
        }
        let shape = cx.shape(0).with_rank_at_least(self.rank)?;
        cx.output(cx.dtype(0), shape);
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let mut x = cx.take_unique(0)?;
        match x.dtype() {
            DType::C64 => self.transform::<f32>(cx, &mut x)?,
            _ => self.transform::<f64>(cx, &mut x)?,
        }
        cx.output(0, x);
        Ok(())
    }

    fn grad(&self, cx: &GradCx<'_>) -> Result<Vec<Option<Tensor>>> {
        let back = cx.graph().apply_one(Fft { inverse: !self.inverse, ..*self }, &[cx.dy()?])?;
        let sizes = cx.input(0).shape_tensor()?.index(-(self.rank as i64)..)?;
        let n = sizes.reduce_prod(())?.cast(back.dtype())?;
        Ok(vec![Some(if self.inverse { (back / n)? } else { (back * n)? })])
    }
}

impl Fft {
    fn transform<T: FftNum>(&self, cx: &RunCx<'_>, x: &mut Value) -> Result<()>
    where
        Complex<T>: Plain,
    {
        let dims = x.dims().to_vec();
        if dims.len() < self.rank {
            return Err(Error::shape(format!(
                "input must have rank of at least {}, but has {}",
                self.rank,
                dims.len()
            )));
        }
        if !x.is_empty() {
            let numbers = x.make_mut::<Complex<T>>()?;
            for axis in dims.len() - self.rank..dims.len() {
                transform_axis(cx, numbers, &dims, axis, self.inverse)?;
            }
        }
        Ok(())
    }
}

/// Numbers per piece of work.
const CHUNK: usize = 1 << 13;

/// The transform along one axis; no axis is of size 0.
pub(super) fn transform_axis<T: FftNum>(
    cx: &RunCx<'_>,
    x: &mut [Complex<T>],
    dims: &[usize],
    axis: usize,
    inverse: bool,
) -> Result<()> {
    let (n, inner) = (dims[axis], dims[axis + 1..].iter().product::<usize>());
    // The plan holds numbers of its own, which only the planner knows.
    let _room = cx.room::<Complex<T>>(n.saturating_mul(6))?;
    let direction = if inverse { FftDirection::Inverse } else { FftDirection::Forward };
    let plan = FftPlanner::<T>::new().plan_fft(n, direction);
    let scale = if inverse { T::one() / T::from_usize(n).unwrap_or_else(T::one) } else { T::one() };
    let (slab, work) = (n * inner, cx.workspace());
    cx.try_for_chunks_mut(x, (CHUNK / slab).max(1) * slab, &|_, part| {
        let (zero, mut pace) = (Complex::new(T::zero(), T::zero()), work.pace());
        let (mut line, mut scratch) =
            (work.scratch_of(n, zero)?, work.scratch_of(plan.get_inplace_scratch_len(), zero)?);
        for slab in part.chunks_exact_mut(slab) {
            for i in 0..inner {
                pace.spend(n.saturating_mul(16))?;
                line.iter_mut().zip(slab[i..].iter().step_by(inner)).for_each(|(to, x)| *to = *x);
                plan.process_with_scratch(&mut line, &mut scratch);
                slab[i..].iter_mut().step_by(inner).zip(&*line).for_each(|(to, x)| *to = x.scale(scale));
            }
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Graph;
    use crate::ops::testing::{infer_err, infer_ok, run_op, run_within};

    #[test]
    fn shapes_stay() {
        infer_ok(&Fft { rank: 2, inverse: false }, "complex64(?,3,4)", "(?,3,4)");
        infer_err(&Fft { rank: 2, inverse: true }, "complex64(3)", "shape must be at least rank 2 but is rank 1");
        infer_err(&Fft { rank: 1, inverse: true }, "(3)", "complex64 or complex128");
    }

    /// By hand: the transform of one impulse, and back.
    #[test]
    fn an_impulse_becomes_a_wave() {
        let x = Value::from_vec(&[4], [0.0f32, 1.0, 0.0, 0.0].map(Complex::from).to_vec()).unwrap();
        let wave = run_op(Fft { rank: 1, inverse: false }, &[x]).unwrap();
        assert_eq!(wave[0].to_string(), "[ 1.+0.j  0.-1.j -1.+0.j  0.+1.j]");
        let back = run_op(Fft { rank: 1, inverse: true }, &wave).unwrap();
        assert_eq!(back[0].slice::<Complex<f32>>().unwrap()[1], Complex::from(1.0));
    }

    /// By hand: the first number of a transform is the sum, so its gradient is 1 everywhere; of the inverse it is the mean.
    #[test]
    fn gradients_go_the_other_way() {
        for (inverse, want) in [(false, 1.0), (true, 0.25)] {
            let g = Graph::new();
            let x = g.placeholder(DType::C128, crate::shape![4]).unwrap();
            let y = g.apply_one(Fft { rank: 1, inverse }, &[&x]).unwrap().index(0).unwrap();
            let grad = crate::gradients(&[&y], &[&x]).unwrap()[0].clone().unwrap();
            let fed = Value::from_vec(&[4], vec![Complex::new(0.5f64, 2.0); 4]).unwrap();
            let got = crate::Session::new(&g).unwrap().run_with(&grad, crate::feeds! { x => fed }).unwrap();
            assert!(got.slice::<Complex<f64>>().unwrap().iter().all(|x| (x - want).norm() < 1e-12), "{got}");
        }
    }

    #[test]
    fn many_lines_of_a_prime_end_with_their_run() {
        let x = Value::zeros(DType::C64, &[1009, 300]).unwrap();
        let error = run_within(Fft { rank: 2, inverse: false }, &[x], usize::MAX, 1 << 21).unwrap_err();
        assert!(error.message().starts_with("the work is more than"), "{error}");
    }
}
