//! Fourier transforms, and what sound is taken apart with.

mod decode_wav;
mod fft;
mod mfcc;
mod real_fft;
mod spectrogram;

pub use self::decode_wav::DecodeWav;
pub use self::fft::Fft;
pub use self::mfcc::Mfcc;
pub use self::real_fft::RealFft;
pub use self::spectrogram::AudioSpectrogram;
use crate::graph::OpKind;

/// The rows of this family.
pub(super) static OPS: &[&OpKind] = &[
    &decode_wav::DECODE_WAV,
    &fft::FFT,
    &fft::FFT_2D,
    &fft::FFT_3D,
    &fft::IFFT,
    &fft::IFFT_2D,
    &fft::IFFT_3D,
    &mfcc::MFCC,
    &real_fft::IRFFT,
    &real_fft::IRFFT_2D,
    &real_fft::IRFFT_3D,
    &real_fft::RFFT,
    &real_fft::RFFT_2D,
    &real_fft::RFFT_3D,
    &spectrogram::AUDIO_SPECTROGRAM,
];
