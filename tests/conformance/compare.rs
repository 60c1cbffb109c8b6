//! Whether a value is what TensorFlow answered.
//!
//! NaN and infinities must be in the same places, and dtype and shape the same. Finite floats may be off by a part of the
//! element and of the tensor's largest magnitude, and what lies below the smallest normal number of the dtype is as good
//! as zero: TensorFlow flushes such numbers, or does not, with the kernel and the thread.

use half::{bf16, f16};
use num_complex::Complex;
use sessile::{DType, Plain, Value};

/// How far floats may be off: relative to the element, and relative to the tensor's largest magnitude.
#[derive(Clone, Copy)]
pub struct Tolerance {
    pub relative: f64,
    pub of_largest: f64,
}

impl Tolerance {
    /// That of recorded cases.
    pub fn of(dtype: DType) -> Tolerance {
        match dtype {
            DType::F64 | DType::C128 => Tolerance { relative: 1e-9, of_largest: 1e-9 },
            DType::F16 | DType::BF16 => Tolerance { relative: 1e-2, of_largest: 1e-2 },
            _ => Tolerance { relative: 1e-4, of_largest: 1e-5 },
        }
    }
}

/// Compares dtype and shape.
pub fn same_form(got: &Value, want: &Value) -> Result<(), String> {
    // `.npy` holds quantized elements as integers.
    let got = &got.stored();
    if got.dtype() != want.dtype() || got.dims() != want.dims() {
        return Err(format!(
            "is {} {:?}, but TensorFlow gave {} {:?}",
            got.dtype(),
            got.dims(),
            want.dtype(),
            want.dims()
        ));
    }
    Ok(())
}

/// Compares dtype, shape and elements.
pub fn same_value(got: &Value, want: &Value, tolerance: Tolerance) -> Result<(), String> {
    same_form(got, want)?;
    let got = &got.stored();
    match want.dtype() {
        DType::F32 => close::<f32>(got, want, tolerance, |x| [f64::from(x), 0.0]),
        DType::F64 => close::<f64>(got, want, tolerance, |x| [x, 0.0]),
        DType::F16 => close::<f16>(got, want, tolerance, |x| [x.to_f64(), 0.0]),
        DType::BF16 => close::<bf16>(got, want, tolerance, |x| [x.to_f64(), 0.0]),
        DType::C64 => close::<Complex<f32>>(got, want, tolerance, |x| [f64::from(x.re), f64::from(x.im)]),
        DType::C128 => close::<Complex<f64>>(got, want, tolerance, |x| [x.re, x.im]),
        DType::String if same_strings(got, want) => Ok(()),
        _ if got.same_bits(want) => Ok(()),
        _ => Err(format!("is {}, but TensorFlow gave {}", short(got), short(want))),
    }
}

/// NumPy, which the cases were recorded through, drops zeros at the end of strings.
fn same_strings(got: &Value, want: &Value) -> bool {
    let trimmed = |text: &[u8]| text.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    match (got.strings(), want.strings()) {
        (Ok(got), Ok(want)) => got.iter().zip(want).all(|(got, want)| got[..trimmed(got)] == want[..trimmed(want)]),
        _ => false,
    }
}

fn close<T: Plain>(got: &Value, want: &Value, tolerance: Tolerance, parts: fn(T) -> [f64; 2]) -> Result<(), String> {
    let (got, want) = (got.slice::<T>(), want.slice::<T>());
    let (Ok(got), Ok(want)) = (got, want) else { return Err("elements cannot be read".into()) };
    let magnitude = |x: &T| {
        let [re, im] = parts(*x);
        re.hypot(im)
    };
    let largest = want.iter().map(magnitude).filter(|x| x.is_finite()).fold(0.0, f64::max);
    // Two numbers that are no normal ones lie at most this far apart.
    let apart = 2.0 * T::DTYPE.smallest_normal();
    for (i, (got, want)) in got.iter().zip(want).enumerate() {
        let own = Some(magnitude(want)).filter(|x| x.is_finite()).unwrap_or(0.0);
        let slack = tolerance.relative * own + tolerance.of_largest * largest + apart;
        let differs = parts(*got).into_iter().zip(parts(*want)).any(|(got, want)| !is_close(got, want, slack));
        if differs {
            return Err(format!("element {i} is {got:?}, but TensorFlow gave {want:?} (largest {largest:e})"));
        }
    }
    Ok(())
}

fn is_close(got: f64, want: f64, slack: f64) -> bool {
    got == want || (got.is_nan() && want.is_nan()) || (got - want).abs() <= slack
}

fn short(value: &Value) -> String {
    value.to_string().replace('\n', " ").chars().take(120).collect()
}
