//! `AudioSpectrogram`: how strong each frequency is, window by window.

use std::f64::consts::PI;
use std::sync::Arc;

use num_complex::Complex;
use rustfft::FftPlanner;

use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::graph::{AttrValue, Attrs, Example, InferCx, Op, OpKind, RunCx};
use crate::shape::{Dim, Shape};
use crate::value::{ScratchVec, Value};

/// Samples `(n, channels)` give magnitudes `(channels, windows, frequencies)`. float32.
#[derive(Debug, Clone)]
pub struct AudioSpectrogram {
    /// Samples of a window, 2 or more; it is filled up with zeros to a power of two.
    pub window_size: i64,
    /// Samples from a window to the next, 1 or more.
    pub stride: i64,
    /// Whether magnitudes come out squared.
    pub magnitude_squared: bool,
}

/// The row of [`AudioSpectrogram`].
pub static AUDIO_SPECTROGRAM: OpKind = OpKind::new(
    "AudioSpectrogram",
    "input: float32 -> spectrogram: float32",
    |attrs: &Attrs| {
        let (window_size, stride) = (attrs.int("window_size")?, attrs.int("stride")?);
        let magnitude_squared = attrs.bool_or("magnitude_squared", false)?;
        Ok(Arc::new(AudioSpectrogram { window_size, stride, magnitude_squared }))
    },
    || {
        let of = |window_size, stride, magnitude_squared| {
            let sound = (0..24).map(|i| (i as f32 * 0.9).sin()).collect();
            let sound = Value::from_vec(&[12, 2], sound).expect("24 samples");
            Example::new(AudioSpectrogram { window_size, stride, magnitude_squared }, [sound])
        };
        vec![of(4, 3, false), of(6, 2, true)]
    },
);

/// The largest window: one of 16 million samples is minutes long.
const MAX_WINDOW: i64 = 1 << 24;

impl Op for AudioSpectrogram {
    fn kind(&self) -> &'static OpKind {
        &AUDIO_SPECTROGRAM
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        let shape = cx.shape(0).with_rank(2)?;
        if !(2..=MAX_WINDOW).contains(&self.window_size) || self.stride < 1 {
            return Err(Error::invalid(format!(
                "window_size must be 2 to {MAX_WINDOW} and stride 1 or more, but they are {} and {}",
                self.window_size, self.stride
            )));
        }
        let windows = shape.dim(0).known().map_or_else(Dim::unknown, |n| self.windows(n).into());
        cx.output(DType::F32, Shape::new([shape.dim(1), windows, self.frequencies().into()]));
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let &[n, channels] = cx.input(0).dims() else {
            return Err(Error::shape(format!("input must be 2-dimensional, but has shape {:?}", cx.input(0).dims())));
        };
        let (windows, frequencies) = (self.windows(n), self.frequencies());
        let mut out = cx.alloc(DType::F32, &[channels, windows, frequencies])?;
        if out.is_empty() {
            cx.output(0, out);
            return Ok(());
        }
        let (sound, hann) = (cx.input(0).slice::<f32>()?, hann(cx, self.window_size as usize)?);
        let length = 2 * (frequencies - 1);
        // The plan holds numbers of its own, which only the planner knows.
        let (_room, work) = (cx.room::<Complex<f64>>(2 * length)?, cx.workspace());
        let plan = FftPlanner::<f64>::new().plan_fft_forward(length);
        cx.try_for_chunks_mut(out.make_mut::<f32>()?, frequencies, &|i, out| {
            let (channel, start) = (i / windows, i % windows * self.stride as usize);
            let sound = sound[start * channels + channel..].iter().step_by(channels);
            let mut line = work.scratch::<Complex<f64>>(length)?;
            for (to, (x, weight)) in line.iter_mut().zip(sound.zip(&*hann)) {
                *to = Complex::from(f64::from(*x) * weight);
            }
            plan.process_with_scratch(&mut line, &mut work.scratch(plan.get_inplace_scratch_len())?);
            for (out, x) in out.iter_mut().zip(&*line) {
                let square = x.norm_sqr();
                *out = if self.magnitude_squared { square } else { square.sqrt() } as f32;
            }
            Ok(())
        })?;
        cx.output(0, out);
        Ok(())
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        vec![
            ("window_size", AttrValue::Int(self.window_size)),
            ("stride", AttrValue::Int(self.stride)),
            ("magnitude_squared", AttrValue::Bool(self.magnitude_squared)),
        ]
    }
}

impl AudioSpectrogram {
    fn windows(&self, n: usize) -> usize {
        n.checked_sub(self.window_size as usize).map_or(0, |rest| 1 + rest / self.stride as usize)
    }

    fn frequencies(&self) -> usize {
        1 + (self.window_size as usize).next_power_of_two() / 2
    }
}

/// Hann's window, one period of a cosine.
fn hann(cx: &RunCx<'_>, n: usize) -> Result<ScratchVec<f64>> {
    let (mut weights, mut pace) = (cx.list(n)?, cx.pace());
    for i in 0..n {
        pace.spend(32)?;
        weights.push(0.5 - 0.5 * (2.0 * PI * i as f64 / n as f64).cos())?;
    }
    Ok(weights)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{infer_err, infer_ok, run_op};
    use crate::value::IntoValue;

    fn op(window_size: i64, stride: i64, magnitude_squared: bool) -> AudioSpectrogram {
        AudioSpectrogram { window_size, stride, magnitude_squared }
    }

    #[test]
    fn windows_lie_in_the_sound() {
        infer_ok(&op(6, 2, false), "(12,2)", "(2,4,5)");
        infer_ok(&op(6, 2, false), "(5,?)", "(?,0,5)");
        infer_ok(&op(6, 2, false), "(?,1)", "(1,?,5)");
        infer_err(
            &op(1, 2, false),
            "(12,2)",
            "window_size must be 2 to 16777216 and stride 1 or more, but they are 1 and 2",
        );
    }

    /// By hand: ones under a window of 0, 1/2, 1, 1/2.
    #[test]
    fn a_steady_sound_is_its_window() {
        let sound = [[1.0f32]; 5].into_value();
        let got = run_op(op(4, 1, true), std::slice::from_ref(&sound)).unwrap();
        assert!(
            got[0]
                .slice::<f32>()
                .unwrap()
                .iter()
                .zip([4.0, 1.0, 0.0, 4.0, 1.0, 0.0])
                .all(|(a, b)| (a - b).abs() < 1e-6)
        );
        let got = run_op(op(4, 4, false), &[sound]).unwrap();
        assert!(got[0].slice::<f32>().unwrap().iter().zip([2.0, 1.0, 0.0]).all(|(a, b)| (a - b).abs() < 1e-6));
    }
}
