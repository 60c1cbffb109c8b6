"""Fourier transforms, and what sound is taken apart with."""
from recorder import *

R = tf.raw_ops


def wave(*shape, seen="same", dtype=tf.float32):
    return feed(np.round(np.sin(np.arange(int(np.prod(shape))) * 1.7).reshape(shape), 3), seen, dtype)


def turning(*shape, seen="same", dtype=tf.complex64):
    n = np.arange(int(np.prod(shape)))
    return feed((np.round(np.sin(n * 1.7), 3) + 1j * np.round(np.cos(n * .9), 3)).reshape(shape), seen, dtype)


def transforms():
    plain = [R.FFT, R.IFFT, R.FFT2D, R.IFFT2D, R.FFT3D, R.IFFT3D]
    shapes = [[2, 2, 3, 2], [1, 3, 5], [2, 0, 3]]
    case("complex", lambda: [op(input=turning(*s)) for op in plain for s in shapes] + [op(input=turning(16, dtype=tf.complex128)) for op in
            plain[:2]] + [R.FFT(input=turning(n)) for n in (1, 17)] + [R.IFFT2D(input=turning(2, 2, seen=s)) for s in ([None, 2], None)])
    lengths = {1: [[6], [5], [1]], 2: [[3, 5], [2, 4]], 3: [[1, 3, 5], [1, 2, 4]]}
    there, back = {1: R.RFFT, 2: R.RFFT2D, 3: R.RFFT3D}, {1: R.IRFFT, 2: R.IRFFT2D, 3: R.IRFFT3D}
    case("real", lambda: [op[k](input=x(1, 3, 6), fft_length=i32(n)) for op, x in ((there, wave), (back, turning)) for k in (1, 2, 3) for n in
            lengths[k]] + [R.IRFFT(input=turning(2, 5), fft_length=tf.constant([8])), R.RFFT2D(input=wave(1, 3, 6, seen=[None, 3, None]),
            fft_length=tf.constant([3, 5])), R.RFFT(input=wave(2, 6, seen=None), fft_length=tf.constant([5])), R.RFFT(input=wave(2, 6),
            fft_length=i32([4], [None])), tf.signal.rfft(wave(2, 6), [9]), tf.signal.irfft(turning(2, 3)), tf.signal.rfft2d(wave(3, 4)),
            R.RFFT(input=wave(0, 6), fft_length=i32([6]))])
    errors("errors", lambda: [R.RFFT(input=wave(2, 6, seen=None), fft_length=i32([7], None)), R.RFFT(input=wave(2, 6, seen=None), fft_length=i32(
            [-1], None)), R.IRFFT(input=turning(2, 4, seen=None), fft_length=i32([8], None)), R.RFFT2D(input=wave(6, seen=None), fft_length=i32(
            [1, 1], None)), R.FFT2D(input=turning(6, seen=None)), R.RFFT(input=wave(2, 6, seen=None), fft_length=i32([[6]], None))])


def wav(samples, channels=1, rate=8000, bits=16, extra=b"", size=16):
    data = np.asarray(samples, "<i2").tobytes()
    each = channels * bits // 8
    form = np.array([1, channels], "<u2").tobytes() + np.array([rate, rate * each], "<u4").tobytes() + np.array([each, bits], "<u2").tobytes()
    n = lambda x: np.array([x], "<u4").tobytes()
    return b"RIFF" + n(36 + len(data)) + b"WAVEfmt " + n(size) + form + bytes(size - 16) + extra + b"data" + n(len(data)) + data


def sound():
    op = lambda file, **how: list(R.DecodeWav(contents=tf.constant(file), **how))
    files = [wav([1, -2, 30000, -32768]), wav([1, -2, 30000, -32768], 2), wav([5, 7], extra=b"LIST" + bytes([2, 0, 0, 0, 1, 2]), size=18), wav([])]
    case("wav", lambda: sum([op(file) for file in files] + [op(files[1], desired_channels=c, desired_samples=n) for c, n in [(1, -1), (3, 1), (2, 4)]],
            []))
    errors("wav_errors", lambda: [op(file)[0] for file in (b"", files[0][:30], b"RIFX" + files[0][4:], wav([1, 2], bits=8), wav([1, 2], size=17))])
    noise = lambda n, c, s="same": feed(np.round(np.sin(np.arange(n * c) * 1.3).reshape(n, c), 2), s)
    # TensorFlow 1.15 carries the end of a channel over to the next one, 2 does not.
    case("spectrogram", lambda: [R.AudioSpectrogram(input=noise(20, c), window_size=w, stride=s, magnitude_squared=m) for c, w, s, m in [(1, 8, 6,
            True), (1, 6, 4, False), (1, 20, 1, False), (1, 21, 1, True)]] + [R.AudioSpectrogram(input=noise(20, 1, s), window_size=16,
            stride=4) for s in ([None, 1], [20, None], None)])
    spectrum = lambda s="same": feed(np.round(np.sin(np.arange(66.) * .7).reshape(1, 2, 33) ** 2, 2), s)
    case("mfcc", lambda: [R.Mfcc(spectrogram=spectrum(s), sample_rate=i32(16000), **how) for s, how in [("same", dict()), ("same", dict(
            upper_frequency_limit=7000, lower_frequency_limit=300, filterbank_channel_count=8, dct_coefficient_count=8)), ([None, 2, None],
            dict(dct_coefficient_count=1)), (None, dict(filterbank_channel_count=5, dct_coefficient_count=3))]])


CASES = {"transforms": transforms, "sound": sound}
