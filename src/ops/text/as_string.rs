//! `AsString`: numbers as text, as C's `printf` writes them.

use std::sync::Arc;

use num_traits::ToPrimitive;

use super::{NO_GRADIENT, make_strings};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::graph::{AttrValue, Attrs, Example, InferCx, Op, OpKind, RunCx};
use crate::ops::control::general;
use crate::value::{IntoValue, Value};
use crate::with_type;

/// Numbers, bools or strings as text: `(..) -> (..)`.
#[derive(Debug, Clone)]
pub struct AsString {
    /// Digits after the point, or in all for the shortest form; 6 where it is negative. Only of floats.
    pub precision: i64,
    /// Whether floats have an exponent.
    pub scientific: bool,
    /// Whether floats have an exponent where that is shorter, and no zeros at the end.
    pub shortest: bool,
    /// How wide the text is, at least; as it comes where it is negative.
    pub width: i64,
    /// How it becomes so wide: by zeros, by spaces behind (`-`) or in front; `+` or a space stands for the sign of
    /// numbers that are not negative.
    pub fill: Option<char>,
}

/// The row of [`AsString`].
pub static AS_STRING: OpKind =
    OpKind::new("AsString", "input: T -> output: string", parse, examples).not_differentiable(NO_GRADIENT);

/// The most digits and the widest text: no number needs more, and a file could ask for any.
const MOST: i64 = 1 << 12;

fn parse(attrs: &Attrs) -> Result<Arc<dyn Op>> {
    let (precision, width) = (attrs.int_or("precision", -1)?, attrs.int_or("width", -1)?);
    if precision.max(width) > MOST {
        return Err(Error::invalid(format!(
            "precision and width must be at most {MOST}, but are {precision} and {width}"
        )));
    }
    let fill = attrs.str_or("fill", "")?;
    let fill = match fill.as_str() {
        "" => None,
        " " | "0" | "+" | "-" => fill.chars().next(),
        other => return Err(Error::invalid(format!("fill argument not supported: {other:?}"))),
    };
    let (scientific, shortest) = (attrs.bool_or("scientific", false)?, attrs.bool_or("shortest", false)?);
    if scientific && shortest {
        return Err(Error::invalid("cannot select both scientific and shortest notation"));
    }
    Ok(Arc::new(AsString { precision, scientific, shortest, width, fill }))
}

fn examples() -> Vec<Example> {
    let plain = AsString { precision: -1, scientific: false, shortest: false, width: -1, fill: None };
    let wide = AsString { precision: 2, scientific: true, width: 12, fill: Some('-'), ..plain.clone() };
    let short = AsString { shortest: true, width: 5, fill: Some('0'), ..plain.clone() };
    vec![
        Example::new(plain.clone(), [[[1i32, -2]].into_value()]),
        Example::new(plain, [[true, false].into_value()]),
        Example::new(wide, [[1.5f32, f32::NAN].into_value()]),
        Example::new(short, [Value::zeros(DType::F64, &[0, 2]).expect("no elements")]),
    ]
}

impl Op for AsString {
    fn kind(&self) -> &'static OpKind {
        &AS_STRING
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        let dtype = cx.dtype(0);
        let is_float = dtype.is_floating() || dtype.is_complex();
        if matches!(dtype, DType::Variant | DType::Resource) {
            return Err(Error::unsupported(format!("{dtype} cannot be written as text")));
        }
        if !is_float && (self.scientific || self.shortest || self.precision >= 0) {
            let text = format!("precision, scientific and shortest format are for floats, but the input is {dtype}");
            return Err(Error::invalid(text));
        }
        let shape = cx.shape(0);
        cx.output(DType::String, shape);
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let input = cx.input(0);
        let write = |f: &(dyn Fn(usize) -> Vec<u8> + Sync)| make_strings(cx, input.dims(), &|i, _| Ok(f(i)));
        let value = match input.dtype() {
            DType::String => {
                let texts = input.strings()?;
                write(&|i| self.padded(&texts[i]))
            }
            DType::Bool => {
                let bools = input.slice::<bool>()?;
                write(&|i| bools[i].to_string().into_bytes())
            }
            DType::C64 => {
                let numbers = input.slice::<num_complex::Complex<f32>>()?;
                write(&|i| self.pair([numbers[i].re.into(), numbers[i].im.into()]))
            }
            DType::C128 => {
                let numbers = input.slice::<num_complex::Complex<f64>>()?;
                write(&|i| self.pair([numbers[i].re, numbers[i].im]))
            }
            dtype if dtype.is_floating() => with_type!(dtype, T in floats => {
                let numbers = input.slice::<T>()?;
                write(&|i| self.float(ToPrimitive::to_f64(&numbers[i]).unwrap_or(f64::NAN)).into_bytes())
            }, else => string_less(dtype)),
            dtype => with_type!(dtype, T in ints => {
                let numbers = input.slice::<T>()?;
                write(&|i| self.int(numbers[i].into()).into_bytes())
            }, else => string_less(dtype)),
        }?;
        cx.output(0, value);
        Ok(())
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        let fill = self.fill.map(String::from).unwrap_or_default();
        vec![
            ("precision", AttrValue::Int(self.precision)),
            ("scientific", AttrValue::Bool(self.scientific)),
            ("shortest", AttrValue::Bool(self.shortest)),
            ("width", AttrValue::Int(self.width)),
            ("fill", AttrValue::Str(fill.into_bytes())),
        ]
    }
}

impl AsString {
    fn width(&self) -> usize {
        self.width.max(0) as usize
    }

    fn int(&self, number: i128) -> String {
        self.signed(number < 0, &number.unsigned_abs().to_string(), true)
    }

    fn pair(&self, [re, im]: [f64; 2]) -> Vec<u8> {
        format!("({},{})", self.float(re), self.float(im)).into_bytes()
    }

    fn float(&self, number: f64) -> String {
        let size = number.abs();
        let precision = if self.precision < 0 { 6 } else { self.precision as usize };
        let text = match size {
            _ if size.is_nan() => "nan".to_owned(),
            _ if size.is_infinite() => "inf".to_owned(),
            _ if self.shortest => general(size, precision.max(1)),
            _ if self.scientific => scientific(size, precision),
            _ => format!("{size:.precision$}"),
        };
        self.signed(number.is_sign_negative(), &text, size.is_finite())
    }

    /// A number of this size, with its sign, as wide as asked for. Zeros go between sign and digits.
    fn signed(&self, is_negative: bool, size: &str, has_digits: bool) -> String {
        let sign = match self.fill {
            _ if is_negative => "-",
            Some('+') => "+",
            Some(' ') => " ",
            _ => "",
        };
        let width = self.width();
        match self.fill {
            Some('0') if has_digits => {
                let digits = width.saturating_sub(sign.len());
                format!("{sign}{size:0>digits$}")
            }
            Some('-') => format!("{:<width$}", format!("{sign}{size}")),
            _ => format!("{:>width$}", format!("{sign}{size}")),
        }
    }

    fn padded(&self, text: &[u8]) -> Vec<u8> {
        let spaces = vec![b' '; self.width().saturating_sub(text.len())];
        if self.fill == Some('-') { [text, &spaces[..]].concat() } else { [&spaces[..], text].concat() }
    }
}

#[cold]
fn string_less(dtype: DType) -> Result<Value> {
    Err(Error::unsupported(format!("{dtype} is not written as text")))
}

/// As C's `%.{precision}e`.
fn scientific(size: f64, precision: usize) -> String {
    let text = format!("{size:.precision$e}");
    let (mantissa, exponent) = text.split_once('e').expect("the exponential form has an exponent");
    let (sign, exponent) = exponent.strip_prefix('-').map_or(('+', exponent), |digits| ('-', digits));
    format!("{mantissa}e{sign}{exponent:0>2}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn format(precision: i64, width: i64, fill: Option<char>) -> AsString {
        AsString { precision, scientific: false, shortest: false, width, fill }
    }

    /// What TensorFlow 1.15.5 writes.
    #[test]
    fn text_is_that_of_printf() {
        let plain = format(-1, -1, None);
        assert_eq!(
            [plain.float(-0.0), plain.float(1e20), plain.float(f64::NAN)],
            ["-0.000000", "100000000000000000000.000000", "nan"]
        );
        let short = AsString { shortest: true, ..format(-1, 12, Some('0')) };
        assert_eq!([short.float(-1234567.875), short.float(1.5)], ["-1.23457e+06", "0000000001.5"]);
        assert_eq!([short.float(1e-7), short.float(f64::NEG_INFINITY)], ["00000001e-07", "        -inf"]);
        let science = AsString { scientific: true, ..format(0, -1, None) };
        assert_eq!([science.float(1.5), science.float(1e-7), science.float(0.0)], ["2e+00", "1e-07", "0e+00"]);
        let wide = |fill: char| format(-1, 10, Some(fill));
        assert_eq!(
            [wide('0').int(-3), wide('-').int(-3), wide('+').int(3), wide(' ').int(3)],
            ["-000000003", "-3        ", "        +3", "         3"]
        );
        assert_eq!(wide(' ').float(1234567.0), " 1234567.000000");
        assert_eq!(format(0, -1, None).float(2.5), "2");
    }
}
