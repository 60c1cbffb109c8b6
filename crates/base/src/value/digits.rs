//! Floating-point numbers as decimal text: the shortest digits that read back as the same number, cut and trimmed as
//! NumPy does it.

use crate::dtype::DType;

/// More digits than any float64 has.
const ALL_DIGITS: usize = 1100;

/// A number and the type whose neighbours decide how many digits it needs. The value itself is exact.
#[derive(Clone, Copy)]
pub(super) struct Float {
    pub value: f64,
    /// float16, float32 or float64.
    pub dtype: DType,
}

/// What becomes of zeros at the end of the fraction.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Trim {
    /// `1.`
    KeepPoint,
    /// `1.0`
    KeepOneZero,
    /// `1`
    All,
}

impl Float {
    /// `-12.5`, with at most `precision` digits after the point.
    pub fn positional(self, precision: usize, trim: Trim) -> String {
        let (sign, digits, exponent) = self.shortest();
        if digits.len() as i32 - 1 - exponent > precision as i32 {
            return trimmed(format!("{:.precision$}", self.value), trim);
        }
        let text = if exponent < 0 {
            let zeros = "0".repeat((-exponent - 1) as usize);
            format!("{sign}0.{zeros}{digits}")
        } else {
            let point = exponent as usize + 1;
            let (whole, fraction) = digits.split_at(point.min(digits.len()));
            format!("{sign}{whole:0<point$}.{fraction}")
        };
        trimmed(text, trim)
    }

    /// `-1.25` and `-7` for -1.25e-07, with at most `precision` digits after the point.
    pub fn scientific(self, precision: usize, trim: Trim) -> (String, i32) {
        let (sign, digits, exponent) = self.shortest();
        if digits.len() - 1 > precision {
            let (mantissa, exponent) = self.exact(precision);
            return (trimmed(mantissa, trim), exponent);
        }
        let (first, rest) = digits.split_at(1);
        (trimmed(format!("{sign}{first}.{rest}"), trim), exponent)
    }

    /// As [`Float::positional`], with the true digits up to the point in place of zeros.
    pub fn whole(self, precision: usize) -> String {
        let text = self.positional(precision, Trim::KeepPoint);
        if text.ends_with("0.") { format!("{:.0}.", self.value) } else { text }
    }

    /// As [`Float::scientific`], with exactly `precision` digits: NumPy fills up with the digits that the number has
    /// in binary, not with zeros.
    pub fn filled(self, precision: usize) -> (String, i32) {
        let (mantissa, exponent) = self.scientific(precision, Trim::KeepPoint);
        let have = mantissa.len() - mantissa.find('.').expect("the point is kept") - 1;
        if have == precision { (mantissa, exponent) } else { self.exact(precision) }
    }

    /// Rounded to `precision` digits after the point; without a fraction, the point stays.
    fn exact(self, precision: usize) -> (String, i32) {
        let text = format!("{:.precision$e}", self.value);
        let (mantissa, exponent) = text.split_once('e').expect("`{:e}` prints an e");
        let point = if precision == 0 { "." } else { "" };
        (format!("{mantissa}{point}"), exponent.parse().expect("the exponent is a number"))
    }

    /// As Python prints one number: `0.1`, `1e-05`, `nan`. `trim` applies where there is no exponent.
    pub fn alone(self, trim: Trim) -> String {
        let size = self.value.abs();
        if !self.value.is_finite() {
            return if self.value.is_nan() { "nan" } else { ["inf", "-inf"][usize::from(self.value < 0.0)] }.into();
        }
        if size == 0.0 || (1e-4..1e16).contains(&size) {
            return self.positional(ALL_DIGITS, trim);
        }
        let (mantissa, exponent) = self.scientific(ALL_DIGITS, Trim::All);
        format!("{mantissa}e{}", signed_exponent(exponent, 2))
    }

    /// Sign, digits and the exponent of the first digit.
    fn shortest(self) -> (&'static str, String, i32) {
        let size = self.value.abs();
        let text = match self.dtype {
            DType::F16 => shortest_half(size),
            DType::F32 => format!("{:e}", size as f32),
            _ => format!("{size:e}"),
        };
        let (mantissa, exponent) = text.split_once('e').expect("`{:e}` prints an e");
        let fraction = mantissa.len().saturating_sub(2);
        // Of two shortest texts equally near, Rust takes the larger, NumPy the one with an even last digit.
        let even = format!("{size:.fraction$e}");
        let (mantissa, exponent) = match even.split_once('e') {
            Some(even_parts) if even != text && self.is_read_from(&even) => even_parts,
            _ => (mantissa, exponent),
        };
        let sign = if self.value.is_sign_negative() { "-" } else { "" };
        (sign, mantissa.replace('.', ""), exponent.parse().expect("the exponent is a number"))
    }

    fn is_read_from(self, text: &str) -> bool {
        match self.dtype {
            DType::F16 => reads_half(text, self.value.abs()),
            DType::F32 => text.parse() == Ok(self.value.abs() as f32),
            _ => text.parse() == Ok(self.value.abs()),
        }
    }
}

/// `+07`, with at least `width` digits.
pub(super) fn signed_exponent(exponent: i32, width: usize) -> String {
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{sign}{:0width$}", exponent.unsigned_abs())
}

/// As C's `%g`, which is how bfloat16 prints: six digits, no padding.
pub(super) fn general(value: f64) -> String {
    if !value.is_finite() {
        return Float { value, dtype: DType::F64 }.alone(Trim::All);
    }
    let text = format!("{value:.5e}");
    let (mantissa, exponent) = text.split_once('e').expect("`{:e}` prints an e");
    let exponent: i32 = exponent.parse().expect("the exponent is a number");
    if (-4..6).contains(&exponent) {
        return trimmed(format!("{value:.*}", (5 - exponent) as usize), Trim::All);
    }
    format!("{}e{}", trimmed(mantissa.to_owned(), Trim::All), signed_exponent(exponent, 2))
}

fn trimmed(mut text: String, trim: Trim) -> String {
    if !text.contains('.') {
        text.push('.');
    }
    text.truncate(text.trim_end_matches('0').len());
    match trim {
        Trim::KeepOneZero if text.ends_with('.') => text.push('0'),
        Trim::All if text.ends_with('.') => drop(text.pop()),
        _ => {}
    }
    text
}

/// Rust's shortest printing has no float16: the fewest digits that read back, rounded to nearest or, at a power of two,
/// where the neighbour above is farther away, up.
fn shortest_half(size: f64) -> String {
    let candidates = (0..5).flat_map(|digits| {
        let nearest = format!("{size:.digits$e}");
        let exponent = nearest.split_once('e').and_then(|(_, exponent)| exponent.parse().ok()).unwrap_or(0);
        let up = size + 0.5 * 10f64.powi(exponent - digits as i32);
        [nearest, format!("{up:.digits$e}")]
    });
    candidates.into_iter().find(|text| reads_half(text, size)).unwrap_or_else(|| format!("{size:e}"))
}

fn reads_half(text: &str, size: f64) -> bool {
    text.parse().is_ok_and(|read| half::f16::from_f64(read).to_f64() == size)
}
