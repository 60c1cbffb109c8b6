//! `DecodeWav`: samples of sound from a file's bytes.

use std::sync::Arc;

use crate::dtype::DType;
use crate::error::{Error, Result, escape};
use crate::graph::{AttrValue, Attrs, Example, InferCx, Op, OpKind, RunCx};
use crate::shape::{Dim, Shape};
use crate::value::{IntoValue, Value};

/// The samples `(samples, channels)` of a WAV file of 16-bit numbers, from -1 to 1, and how many there are in a second.
#[derive(Debug, Clone)]
pub struct DecodeWav {
    /// How many channels come out; -1 for those of the file. Channels that it has not are copies of its last one.
    pub desired_channels: i64,
    /// How many samples come out; -1 for those of the file. Samples that it has not are 0.
    pub desired_samples: i64,
}

/// The row of [`DecodeWav`].
pub static DECODE_WAV: OpKind = OpKind::new(
    "DecodeWav",
    "contents: string -> audio: float32, sample_rate: int32",
    |attrs: &Attrs| {
        let desired_channels = attrs.int_or("desired_channels", -1)?;
        Ok(Arc::new(DecodeWav { desired_channels, desired_samples: attrs.int_or("desired_samples", -1)? }))
    },
    || {
        let of = |desired_channels, desired_samples, samples: &[i16]| {
            Example::new(DecodeWav { desired_channels, desired_samples }, [bytes_value(wav(2, samples))])
        };
        vec![of(-1, -1, &[1, -2, 30, -40]), of(1, 3, &[1, -2, 30, -40]), of(-1, -1, &[])]
    },
)
.not_differentiable("bytes of files have no gradient");

fn bytes_value(bytes: Vec<u8>) -> Value {
    Value::from_strings(&[], vec![bytes]).expect("a scalar has one element")
}

/// A small file of these samples.
fn wav(channels: u16, samples: &[i16]) -> Vec<u8> {
    let (rate, each) = (8000u32, 2 * channels);
    let data: Vec<u8> = samples.iter().flat_map(|x| x.to_le_bytes()).collect();
    let mut file = [&b"RIFF"[..], &(36 + data.len() as u32).to_le_bytes(), b"WAVEfmt ", &16u32.to_le_bytes()].concat();
    file.extend([1, channels].iter().flat_map(|x: &u16| x.to_le_bytes()));
    file.extend([rate, rate * u32::from(each)].iter().flat_map(|x| x.to_le_bytes()));
    file.extend([each, 16].iter().flat_map(|x| x.to_le_bytes()));
    [&file, &b"data"[..], &(data.len() as u32).to_le_bytes(), &data].concat()
}

impl Op for DecodeWav {
    fn kind(&self) -> &'static OpKind {
        &DECODE_WAV
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        cx.shape(0).with_rank(0)?;
        let dim = |name: &str, n: i64| match n {
            -1 => Ok(Dim::unknown()),
            0.. => Ok(Dim::constant(n)),
            _ => Err(Error::invalid(format!("{name} must be non-negative, but is {n}"))),
        };
        let samples = dim("desired_samples", self.desired_samples)?;
        cx.output(DType::F32, Shape::new([samples, dim("desired_channels", self.desired_channels)?]));
        cx.output(DType::I32, Shape::scalar());
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let contents = match cx.input(0).strings()? {
            [contents] if cx.input(0).rank() == 0 => contents,
            _ => {
                return Err(Error::shape(format!(
                    "contents must be a scalar, but have shape {:?}",
                    cx.input(0).dims()
                )));
            }
        };
        let sound = Sound::read(&mut Reader { rest: contents })?;
        let wanted = |n: i64, own: usize| usize::try_from(n).unwrap_or(own);
        let n = sound.data.len() / (2 * sound.channels);
        let dims = [wanted(self.desired_samples, n), wanted(self.desired_channels, sound.channels)];
        let mut audio = cx.alloc_zeros(DType::F32, &dims)?;
        let (frames, mut pace) = (sound.data.chunks_exact(2 * sound.channels), cx.pace());
        for (to, frame) in audio.make_mut::<f32>()?.chunks_exact_mut(dims[1].max(1)).zip(frames) {
            pace.spend(4 * dims[1])?;
            for (channel, to) in to.iter_mut().enumerate() {
                let at = 2 * channel.min(sound.channels - 1);
                *to = f32::from(i16::from_le_bytes([frame[at], frame[at + 1]])) / 32768.0;
            }
        }
        let rate = i32::try_from(sound.rate)
            .map_err(|_| Error::invalid(format!("the sample rate must fit into 31 bits, but is {}", sound.rate)))?;
        cx.output(0, audio);
        cx.output(1, rate.into_value());
        Ok(())
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        vec![
            ("desired_channels", AttrValue::Int(self.desired_channels)),
            ("desired_samples", AttrValue::Int(self.desired_samples)),
        ]
    }
}

/// What a file holds.
struct Sound<'a> {
    /// One at least.
    channels: usize,
    rate: u32,
    /// 16-bit numbers, those of all channels beside each other.
    data: &'a [u8],
}

impl<'a> Sound<'a> {
    fn read(file: &mut Reader<'a>) -> Result<Sound<'a>> {
        file.expect(b"RIFF")?;
        file.u32()?;
        file.expect(b"WAVE")?;
        file.expect(b"fmt ")?;
        let format_size = file.u32()?;
        if format_size != 16 && format_size != 18 {
            return Err(Error::invalid(format!(
                "bad format chunk size for WAV: expected 16 or 18, but got {format_size}"
            )));
        }
        let (format, channels, rate) = (file.u16()?, file.u16()?, file.u32()?);
        let (per_second, per_sample, bits) = (file.u32()?, file.u16()?, file.u16()?);
        file.take(format_size as usize - 16)?;
        let each = u32::from(channels) * 2;
        if format != 1 || channels == 0 || bits != 16 {
            return Err(Error::invalid(format!(
                "the file must hold 16-bit PCM of one channel or more, but holds {bits}-bit samples of format {format} and \
                 {channels} channels"
            )));
        }
        if u32::from(per_sample) != each || each.checked_mul(rate) != Some(per_second) {
            return Err(Error::invalid(format!(
                "bytes of a sample and of a second must be {each} and {rate} times that, but are {per_sample} and {per_second}"
            )));
        }
        while !file.rest.is_empty() {
            let name = file.take(4)?;
            let size = file.u32()? as usize;
            let data = file.take(size)?;
            if name == b"data" {
                return Ok(Sound { channels: channels.into(), rate, data });
            }
        }
        Err(Error::invalid("no data chunk found in WAV"))
    }
}

/// The bytes that are not read yet.
struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, n: usize) -> Result<&'a [u8]> {
        let Some((taken, rest)) = self.rest.split_at_checked(n) else {
            return Err(Error::invalid(format!(
                "data too short when trying to read {n} bytes, but there are {}",
                self.rest.len()
            )));
        };
        self.rest = rest;
        Ok(taken)
    }

    fn expect(&mut self, want: &[u8]) -> Result<()> {
        let found = self.take(want.len())?;
        let text = |bytes| escape(&String::from_utf8_lossy(bytes));
        match found == want {
            true => Ok(()),
            false => {
                Err(Error::invalid(format!("header mismatch: expected '{}', but found '{}'", text(want), text(found))))
            }
        }
    }

    fn u16(&mut self) -> Result<u16> {
        let bytes = self.take(2)?;
        Ok(u16::from_le_bytes([bytes[0], bytes[1]]))
    }

    fn u32(&mut self) -> Result<u32> {
        let bytes = self.take(4)?;
        Ok(u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{infer_err, infer_ok, run_op};

    fn op(desired_channels: i64, desired_samples: i64) -> DecodeWav {
        DecodeWav { desired_channels, desired_samples }
    }

    #[test]
    fn sizes_are_those_that_are_asked_for() {
        infer_ok(&op(-1, 5), "string()", "(5,?);()");
        infer_err(&op(-2, 5), "string()", "desired_channels must be non-negative, but is -2");
        infer_err(&op(1, 5), "string(1)", "shape must be rank 0 but is rank 1");
    }

    /// By hand.
    #[test]
    fn samples_are_shares_of_the_largest() {
        let run = |op, file| run_op(op, &[bytes_value(file)]);
        let got = run(op(-1, -1), wav(2, &[-32768, 16384, 0, 8192])).unwrap();
        assert_eq!((got[0].dims(), got[0].slice::<f32>().unwrap()), (&[2, 2][..], &[-1.0, 0.5, 0.0, 0.25][..]));
        assert_eq!(got[1].scalar::<i32>().unwrap(), 8000);
        let got = run(op(3, 2), wav(2, &[-32768, 16384])).unwrap();
        assert_eq!(got[0].slice::<f32>().unwrap(), [-1.0, 0.5, 0.5, 0.0, 0.0, 0.0]);
    }

    #[test]
    fn files_that_are_cut_or_of_other_kinds_are_refused() {
        let file = wav(1, &[1, 2, 3]);
        for n in 0..file.len() {
            assert!(run_op(op(-1, -1), &[bytes_value(file[..n].to_vec())]).is_err(), "{n}");
        }
        let mut eight = file.clone();
        eight[34] = 8;
        let error = run_op(op(-1, -1), &[bytes_value(eight)]).unwrap_err();
        assert!(error.message().contains("holds 8-bit samples of format 1"), "{error}");
    }
}
