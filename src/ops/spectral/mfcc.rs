//! `Mfcc`: a spectrogram as few numbers a window, as ears would tell sounds apart.

use std::f64::consts::PI;
use std::sync::Arc;

use crate::cancel::Pace;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::graph::{AttrValue, Attrs, Example, InferCx, Op, OpKind, RunCx};
use crate::shape::{Dim, Shape};
use crate::value::{IntoValue, ScratchVec, Value};

/// Squared magnitudes `(channels, windows, frequencies)` and samples a second give coefficients `(channels, windows, n)`:
/// the cosine transform of the logarithms of what filters of the mel scale let through. float32.
#[derive(Debug, Clone)]
pub struct Mfcc {
    /// The highest frequency that counts, in Hz.
    pub upper_frequency_limit: f32,
    /// The lowest frequency that counts, in Hz.
    pub lower_frequency_limit: f32,
    /// How many filters there are.
    pub filterbank_channel_count: i64,
    /// How many coefficients come out; no more than there are filters.
    pub dct_coefficient_count: i64,
}

/// The row of [`Mfcc`].
pub static MFCC: OpKind = OpKind::new(
    "Mfcc",
    "spectrogram: float32, sample_rate: int32 -> output: float32",
    |attrs: &Attrs| {
        Ok(Arc::new(Mfcc {
            upper_frequency_limit: attrs.float_or("upper_frequency_limit", 4000.0)?,
            lower_frequency_limit: attrs.float_or("lower_frequency_limit", 20.0)?,
            filterbank_channel_count: attrs.int_or("filterbank_channel_count", 40)?,
            dct_coefficient_count: attrs.int_or("dct_coefficient_count", 13)?,
        }))
    },
    || {
        let op = Mfcc {
            upper_frequency_limit: 4000.0,
            lower_frequency_limit: 20.0,
            filterbank_channel_count: 6,
            dct_coefficient_count: 4,
        };
        let numbers = (0..51).map(|i| (i as f32 * 0.7).sin().powi(2)).collect();
        let spectrogram = Value::from_vec(&[1, 3, 17], numbers).expect("51 numbers");
        vec![Example::new(op, [spectrogram, 16000i32.into_value()])]
    },
);

/// The most filters, which is more than there are frequencies to hear.
const MAX_FILTERS: i64 = 1 << 14;

impl Op for Mfcc {
    fn kind(&self) -> &'static OpKind {
        &MFCC
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        let shape = cx.shape(0).with_rank(3)?;
        cx.shape(1).with_rank(0)?;
        self.check()?;
        cx.output(DType::F32, Shape::new([shape.dim(0), shape.dim(1), Dim::constant(self.dct_coefficient_count)]));
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let &[channels, windows, frequencies] = cx.input(0).dims() else {
            return Err(Error::shape(format!(
                "spectrogram must be 3-dimensional, but has shape {:?}",
                cx.input(0).dims()
            )));
        };
        let rate = cx.input(1).scalar::<i32>()?;
        if rate < 1 || frequencies < 2 {
            return Err(Error::invalid(format!(
                "there must be a sample rate above 0 and 2 frequencies or more, but they are {rate} and {frequencies}"
            )));
        }
        let (each, last) = self.last_frequency(f64::from(rate), frequencies)?;
        let (n, n_filters) = (self.dct_coefficient_count as usize, self.filterbank_channel_count as usize);
        let mut out = cx.alloc(DType::F32, &[channels, windows, n])?;
        if out.is_empty() {
            cx.output(0, out);
            return Ok(());
        }
        let (work, filters, cosines) = (cx.workspace(), Filters::new(cx, self, each, last)?, self.cosines(cx)?);
        let spectrogram = cx.input(0).slice::<f32>()?;
        cx.try_for_chunks_mut(out.make_mut::<f32>()?, n, &|i, out| {
            let (mut logs, mut pace) = (work.scratch::<f64>(n_filters)?, work.pace());
            filters.logs(&spectrogram[i * frequencies..][..frequencies], &mut logs, &mut pace)?;
            for (out, cosines) in out.iter_mut().zip(cosines.chunks_exact(n_filters)) {
                pace.spend(n_filters)?;
                *out = cosines.iter().zip(&*logs).map(|(cosine, log)| cosine * log).sum::<f64>() as f32;
            }
            Ok(())
        })?;
        cx.output(0, out);
        Ok(())
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        vec![
            ("upper_frequency_limit", AttrValue::Float(self.upper_frequency_limit)),
            ("lower_frequency_limit", AttrValue::Float(self.lower_frequency_limit)),
            ("filterbank_channel_count", AttrValue::Int(self.filterbank_channel_count)),
            ("dct_coefficient_count", AttrValue::Int(self.dct_coefficient_count)),
        ]
    }
}

impl Mfcc {
    fn check(&self) -> Result<()> {
        let (filters, n) = (self.filterbank_channel_count, self.dct_coefficient_count);
        if !(1..=MAX_FILTERS).contains(&filters) || !(1..=filters).contains(&n) {
            return Err(Error::invalid(format!(
                "there must be 1 to {MAX_FILTERS} filters and no more coefficients than filters, but there are {filters} and {n}"
            )));
        }
        let (low, high) = (self.lower_frequency_limit, self.upper_frequency_limit);
        if !(low >= 0.0 && high > low && high.is_finite()) {
            return Err(Error::invalid(format!(
                "frequencies must be 0 or more and grow from the lower to the upper limit, but are {low} and {high}"
            )));
        }
        Ok(())
    }

    /// The weight of each filter in each coefficient.
    fn cosines(&self, cx: &RunCx<'_>) -> Result<ScratchVec<f64>> {
        let (n, rows) = (self.filterbank_channel_count as usize, self.dct_coefficient_count as usize);
        let norm = (2.0 / n as f64).sqrt();
        let weight = |i: usize, j: usize| norm * (i as f64 * PI / n as f64 * (j as f64 + 0.5)).cos();
        let (mut cosines, mut pace) = (cx.list(n * rows)?, cx.pace());
        for i in 0..rows {
            pace.spend(32 * n)?;
            cosines.extend((0..n).map(|j| weight(i, j)))?;
        }
        Ok(cosines)
    }

    /// How far apart the frequencies are, and the last one that counts.
    fn last_frequency(&self, rate: f64, frequencies: usize) -> Result<(f64, usize)> {
        let (high, each) = (f64::from(self.upper_frequency_limit), 0.5 * rate / (frequencies - 1) as f64);
        let last = (high / each) as usize;
        if last >= frequencies {
            return Err(Error::invalid(format!(
                "the spectrogram must reach up to {high} Hz, but has {frequencies} frequencies of {each} Hz"
            )));
        }
        Ok((each, last))
    }
}

/// Overlapping triangles that are equally wide on the mel scale.
struct Filters {
    /// For each frequency from `first` on which triangle it falls in, from -1 on, and its share of it; the rest of it is the
    /// next one's.
    bands: ScratchVec<(i64, f64)>,
    first: usize,
}

fn mel(hz: f64) -> f64 {
    1127.0 * (hz / 700.0).ln_1p()
}

impl Filters {
    fn new(cx: &RunCx<'_>, op: &Mfcc, each: f64, last: usize) -> Result<Filters> {
        let n = op.filterbank_channel_count as usize;
        let (low, high) = (f64::from(op.lower_frequency_limit), f64::from(op.upper_frequency_limit));
        let (mel_low, width) = (mel(low), (mel(high) - mel(low)) / (n + 1) as f64);
        let centers = cx.collect((0..=n).map(|i| mel_low + width * (i + 1) as f64))?;
        // The first frequency is none.
        let first = (1.5 + low / each) as usize;
        let (mut bands, mut pace, mut channel) = (cx.list(0)?, cx.pace(), 0);
        for i in first..=last {
            pace.spend(64)?;
            let at = mel(i as f64 * each);
            while channel < n && centers[channel] < at {
                channel += 1;
            }
            let below = if channel == 0 { mel_low } else { centers[channel - 1] };
            bands.push((channel as i64 - 1, (centers[channel] - at) / (centers[channel] - below)))?;
        }
        Ok(Filters { bands, first })
    }

    /// Adds up what the filters let through, and takes logarithms; there is no sound below 1e-12.
    fn logs(&self, window: &[f32], logs: &mut [f64], pace: &mut Pace<'_>) -> Result<()> {
        for ((band, share), x) in self.bands.iter().zip(&window[self.first.min(window.len())..]) {
            pace.spend(8)?;
            let x = f64::from(x.sqrt());
            if *band >= 0 {
                logs[*band as usize] += x * share;
            }
            if let Some(next) = logs.get_mut((band + 1) as usize) {
                *next += x - x * share;
            }
        }
        logs.iter_mut().for_each(|x| *x = if *x < 1e-12 { 1e-12f64 } else { *x }.ln());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{infer_err, infer_ok, run_op};

    fn op(filterbank_channel_count: i64, dct_coefficient_count: i64) -> Mfcc {
        let (upper_frequency_limit, lower_frequency_limit) = (4000.0, 20.0);
        Mfcc { upper_frequency_limit, lower_frequency_limit, filterbank_channel_count, dct_coefficient_count }
    }

    #[test]
    fn there_are_as_many_numbers_as_coefficients() {
        infer_ok(&op(6, 4), "(1,?,17);int32()", "(1,?,4)");
        infer_err(&op(6, 7), "(1,?,17);int32()", "no more coefficients than filters, but there are 6 and 7");
        infer_err(&op(6, 4), "(?,17);int32()", "shape must be rank 3 but is rank 2");
    }

    /// By hand: of silence the first coefficient is `sqrt(2 n) ln(1e-12)`, the others are 0.
    #[test]
    fn silence_is_the_floor() {
        let silence = Value::zeros(DType::F32, &[1, 1, 17]).unwrap();
        let got = run_op(op(8, 3), &[silence.clone(), 16000i32.into_value()]).unwrap();
        let got = got[0].slice::<f32>().unwrap();
        assert!((got[0] - 4.0 * (1e-12f32).ln()).abs() < 1e-4 && got[1].abs() < 1e-4 && got[2].abs() < 1e-4, "{got:?}");
        let error = run_op(op(8, 3), &[silence, 4000i32.into_value()]).unwrap_err();
        assert!(
            error.message().starts_with("the spectrogram must reach up to 4000 Hz, but has 17 frequencies of 125 Hz")
        );
    }

    #[test]
    fn no_sound_of_vast_windows_has_no_coefficients() {
        let op = Mfcc {
            upper_frequency_limit: 4000.0,
            lower_frequency_limit: 20.0,
            filterbank_channel_count: 6,
            dct_coefficient_count: 4,
        };
        for dims in [[0, 3, 1 << 40], [0, 1 << 40, 17]] {
            let none = Value::zeros(DType::F32, &dims).unwrap();
            let got = run_op(op.clone(), &[none, 16000i32.into_value()]).unwrap();
            assert_eq!(got[0].dims(), [0, dims[1], 4]);
        }
    }
}
