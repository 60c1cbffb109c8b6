//! Values print as NumPy 1.26 prints arrays with its default options; the tests are in `goldens.rs`.

use std::fmt;

use num_complex::Complex;

use super::digits::{Float, Trim, general, signed_exponent};
use super::{Data, Value, show_dims};
use crate::dtype::DType;
use crate::with_type;

/// Columns of a line.
const LINE_WIDTH: usize = 75;
/// Digits after the point.
const PRECISION: usize = 8;
/// Elements from which on the middle of long axes is left out.
const THRESHOLD: usize = 1000;
/// Elements shown at each end of a shortened axis.
const EDGE: usize = 3;
/// NumPy has no arrays of a higher rank; the brackets are written by recursion.
const MAX_RANK: usize = 64;
/// Short axes are never cut, so a high rank can show any number of elements; this is where reading has an end.
const MAX_SHOWN: usize = 1 << 20;
/// Elements that `Debug` shows.
const DEBUG_SHOWN: usize = 6;

/// As NumPy's `print`: `[[1.  2. ]\n [3.  4.5]]`. bfloat16 prints as TensorFlow's NumPy type does, quantized
/// elements as the integers that they are held as, strings as Python's bytes, handles by their dtype.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.rank() == 0 {
            return f.write_str(&self.alone(0));
        }
        if self.is_empty() {
            return f.write_str("[]");
        }
        let shorten = self.len > THRESHOLD;
        let axes: Vec<Axis> = self.dims.iter().map(|&dim| Axis { dim, cut: shorten && dim > 2 * EDGE }).collect();
        let shown = axes.iter().try_fold(1usize, |n, axis| n.checked_mul(axis.shown().count()));
        if self.rank() > MAX_RANK || shown.is_none_or(|n| n > MAX_SHOWN) {
            return fmt::Debug::fmt(self, f);
        }
        let mut page = Page { out: String::new(), words: self.words(&shown_indices(&axes)).into_iter() };
        page.nest(&axes, 1, LINE_WIDTH);
        f.write_str(&page.out)
    }
}

/// Dtype, shape and the first elements, on one line.
impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let first: Vec<usize> = (0..self.len.min(DEBUG_SHOWN)).collect();
        let words: Vec<String> = first.into_iter().map(|index| self.alone(index)).collect();
        let more = if self.len > DEBUG_SHOWN { " ..." } else { "" };
        write!(f, "{} {} [{}{more}]", self.dtype, show_dims(&self.dims), words.join(" "))
    }
}

struct Axis {
    dim: usize,
    cut: bool,
}

impl Axis {
    /// The indices that are printed.
    fn shown(&self) -> impl Iterator<Item = usize> + Clone {
        let head = if self.cut { EDGE } else { self.dim };
        let tail = if self.cut { self.dim - EDGE } else { self.dim };
        (0..head).chain(tail..self.dim)
    }
}

/// Row-major indices of the printed elements.
fn shown_indices(axes: &[Axis]) -> Vec<usize> {
    axes.iter().fold(vec![0], |rows, axis| {
        rows.iter().flat_map(|row| axis.shown().map(move |index| row * axis.dim + index)).collect()
    })
}

/// The text, and the words still to be placed on it.
struct Page {
    out: String,
    words: std::vec::IntoIter<String>,
}

impl Page {
    /// Prints what the axes hold, in brackets, when `indent` columns of the line are taken.
    fn nest(&mut self, axes: &[Axis], indent: usize, width: usize) {
        self.out.push('[');
        match axes {
            [axis] => self.row(axis, indent, width),
            [axis, inner @ ..] => self.stack(axis, inner, indent, width),
            [] => {}
        }
        self.out.push(']');
    }

    /// The last axis: words, wrapped.
    fn row(&mut self, axis: &Axis, indent: usize, width: usize) {
        let mut column = indent;
        for item in 0..axis.shown().count() {
            if axis.cut && item == EDGE {
                self.place("...", &mut column, item, indent, width);
            }
            let word = self.words.next().expect("there is a word for every shown element");
            self.place(&word, &mut column, item, indent, width);
        }
    }

    fn place(&mut self, word: &str, column: &mut usize, item: usize, indent: usize, width: usize) {
        if item > 0 {
            self.out.push(' ');
            *column += 1;
        }
        // One column is kept for the bracket.
        if *column + word.len() > width - 1 && *column > indent {
            self.out.truncate(self.out.trim_end().len());
            self.out.push('\n');
            self.out.extend(std::iter::repeat_n(' ', indent));
            *column = indent;
        }
        self.out.push_str(word);
        *column += word.len();
    }

    /// Another axis: its items below each other, with an empty line more for each axis inside.
    fn stack(&mut self, axis: &Axis, inner: &[Axis], indent: usize, width: usize) {
        for item in 0..axis.shown().count() {
            if item > 0 {
                self.next_line(inner.len(), indent);
            }
            if axis.cut && item == EDGE {
                self.out.push_str("...");
                self.next_line(inner.len(), indent);
            }
            self.nest(inner, indent + 1, width - 1);
        }
    }

    fn next_line(&mut self, lines: usize, indent: usize) {
        self.out.extend(std::iter::repeat_n('\n', lines));
        self.out.extend(std::iter::repeat_n(' ', indent));
    }
}

impl Value {
    /// The elements as words of one width (strings excepted).
    fn words(&self, indices: &[usize]) -> Vec<String> {
        let alone = || indices.iter().map(|&index| self.alone(index)).collect();
        match self.dtype {
            DType::F16 | DType::F32 | DType::F64 => {
                let data: Vec<Float> = indices.iter().map(|&index| self.parts(index).0).collect();
                let layout = FloatLayout::of(&data, false);
                data.iter().map(|&x| layout.word(x)).collect()
            }
            DType::C64 | DType::C128 => complex_words(indices.iter().map(|&index| self.parts(index)).unzip()),
            DType::Bool => aligned(alone(), " True".len()),
            dtype if dtype.stored().is_integer() => aligned(alone(), 0),
            _ => alone(),
        }
    }

    /// One element as Python prints a single one.
    fn alone(&self, index: usize) -> String {
        match (&self.data, self.dtype) {
            (Data::Strings(data), _) => python_bytes(&data[index]),
            (Data::Object(_) | Data::Variants(_), dtype) => format!("<{dtype}>"),
            (_, DType::Bool) => if self.element::<bool>(index) { "True" } else { "False" }.into(),
            (_, DType::BF16) => general(self.element::<half::bf16>(index).to_f64()),
            (_, DType::C64 | DType::C128) => complex_alone(self.parts(index)),
            (_, DType::F16 | DType::F32 | DType::F64) => self.parts(index).0.alone(Trim::KeepOneZero),
            (_, dtype) if dtype != dtype.stored() => self.stored().alone(index),
            (_, dtype) => with_type!(dtype, T in ints => self.element::<T>(index).to_string(), else => String::new()),
        }
    }

    /// Real and imaginary part of a float16, 32, 64 or complex element.
    fn parts(&self, index: usize) -> (Float, Float) {
        let dtype = match self.dtype {
            DType::C64 => DType::F32,
            DType::C128 => DType::F64,
            dtype => dtype,
        };
        let (re, im) = match self.dtype {
            DType::F16 => (self.element::<half::f16>(index).to_f64(), 0.0),
            DType::F32 => (self.element::<f32>(index).into(), 0.0),
            DType::F64 => (self.element::<f64>(index), 0.0),
            DType::C64 => {
                let Complex { re, im } = self.element::<Complex<f32>>(index);
                (re.into(), im.into())
            }
            _ => {
                let Complex { re, im } = self.element::<Complex<f64>>(index);
                (re, im)
            }
        };
        (Float { value: re, dtype }, Float { value: im, dtype })
    }

    fn element<T: crate::dtype::Plain>(&self, index: usize) -> T {
        self.slice::<T>().expect("the dtype was matched")[index]
    }
}

/// Pads on the left to the longest word, at least to `width`.
fn aligned(words: Vec<String>, width: usize) -> Vec<String> {
    let width = words.iter().map(String::len).max().unwrap_or(0).max(width);
    words.into_iter().map(|word| format!("{word:>width$}")).collect()
}

/// How the floats of one array are written: the same for all, so that points or exponents stand below each other.
struct FloatLayout {
    scientific: bool,
    /// Every number gets a sign.
    plus: bool,
    /// Columns before the point, the sign included.
    left: usize,
    /// Columns after it; with an exponent, all after the point.
    right: usize,
    /// Digits after the point and digits of the exponent, where there is one.
    digits: (usize, usize),
}

impl FloatLayout {
    fn of(data: &[Float], plus: bool) -> FloatLayout {
        let finite: Vec<Float> = data.iter().copied().filter(|x| x.value.is_finite()).collect();
        let scientific = wants_exponent(&finite);
        let mut layout = FloatLayout { scientific, plus, left: 0, right: 0, digits: (0, 0) };
        for &x in &finite {
            let (mantissa, exponent) = layout.split(x, None);
            let (whole, fraction) = mantissa.split_once('.').expect("the point is kept");
            layout.left = layout.left.max(whole.len());
            layout.digits.0 = layout.digits.0.max(fraction.len());
            layout.digits.1 = layout.digits.1.max(exponent.len().saturating_sub(1));
        }
        layout.right = layout.digits.0 + if scientific { layout.digits.1 + 2 } else { 0 };
        if finite.len() < data.len() {
            let minus = plus || data.iter().any(|x| x.value == f64::NEG_INFINITY);
            let longest = "inf".len() + usize::from(minus);
            layout.left = layout.left.max(longest.saturating_sub(layout.right + 1));
        }
        layout
    }

    /// Sign and digits, and the exponent with its sign. `Some(digits)` fills the fraction up.
    fn split(&self, x: Float, fill: Option<usize>) -> (String, String) {
        let (mut mantissa, exponent) = match (self.scientific, fill) {
            (false, _) => (x.whole(PRECISION), None),
            (true, None) => with_exponent(x.scientific(PRECISION, Trim::KeepPoint)),
            (true, Some(digits)) => with_exponent(x.filled(digits)),
        };
        if self.plus && !mantissa.starts_with('-') {
            mantissa.insert(0, '+');
        }
        (mantissa, exponent.map_or_else(String::new, |exponent| signed_exponent(exponent, self.digits.1.max(2))))
    }

    fn word(&self, x: Float) -> String {
        if !x.value.is_finite() {
            let sign = if self.plus && x.value != f64::NEG_INFINITY { "+" } else { "" };
            let width = self.left + 1 + self.right;
            return format!("{:>width$}", format!("{sign}{}", x.alone(Trim::All)));
        }
        let (mantissa, exponent) = self.split(x, Some(self.digits.0));
        let (whole, fraction) = mantissa.split_once('.').expect("the point is kept");
        let (left, digits) = (self.left, self.digits.0);
        if self.scientific {
            format!("{whole:>left$}.{fraction}e{exponent}")
        } else {
            format!("{whole:>left$}.{fraction:<digits$}")
        }
    }
}

fn with_exponent((mantissa, exponent): (String, i32)) -> (String, Option<i32>) {
    (mantissa, Some(exponent))
}

/// Very large, very small, or too far apart to stand in one column.
fn wants_exponent(finite: &[Float]) -> bool {
    let sizes = || finite.iter().map(|x| x.value.abs()).filter(|&size| size != 0.0);
    let (Some(max), Some(min)) = (sizes().reduce(f64::max), sizes().reduce(f64::min)) else { return false };
    let ratio = match finite[0].dtype {
        // In the array's own type, where it can round.
        DType::F16 => half::f16::from_f64(max / min).to_f64(),
        DType::F32 => f64::from((max / min) as f32),
        _ => max / min,
    };
    max >= 1e8 || min < 1e-4 || ratio > 1000.0
}

fn complex_words((re, im): (Vec<Float>, Vec<Float>)) -> Vec<String> {
    let (re_layout, im_layout) = (FloatLayout::of(&re, false), FloatLayout::of(&im, true));
    let word = |(&re, &im): (&Float, &Float)| {
        let im = im_layout.word(im);
        let end = im.trim_end().len();
        format!("{}{}j{}", re_layout.word(re), &im[..end], &im[end..])
    };
    re.iter().zip(&im).map(word).collect()
}

/// `(1+2j)`; `2j` where the real part is 0.
fn complex_alone((re, im): (Float, Float)) -> String {
    let text = im.alone(Trim::All);
    if re.value == 0.0 && re.value.is_sign_positive() {
        return format!("{text}j");
    }
    let sign = if text.starts_with('-') { "" } else { "+" };
    format!("({}{sign}{text}j)", re.alone(Trim::All))
}

/// As Python prints bytes: `b'a\n\xff'`.
fn python_bytes(bytes: &[u8]) -> String {
    let quote = if bytes.contains(&b'\'') && !bytes.contains(&b'"') { '"' } else { '\'' };
    let mut out = format!("b{quote}");
    for &byte in bytes {
        match byte {
            b'\\' => out.push_str("\\\\"),
            b'\t' => out.push_str("\\t"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            0x20..0x7f if char::from(byte) == quote => out.extend(['\\', quote]),
            0x20..0x7f => out.push(byte.into()),
            _ => out.push_str(&format!("\\x{byte:02x}")),
        }
    }
    out.push(quote);
    out
}
