//! Values in one line, as TensorFlow's `Assert` and `Print` write them.

use std::fmt::Write;

use crate::cancel::Pace;
use crate::dtype::DType;
use crate::error::{Error, ErrorKind, Result};
use crate::graph::Workspace;
use crate::value::{Room, Value};
use crate::with_type;

/// The first `limit` elements, or all where `limit` is negative: `0 1 2...`, `[0 1][2...]...`.
pub(super) fn summarize(work: Workspace<'_>, value: &Value, limit: i64) -> Result<String> {
    let limit = usize::try_from(limit).map_or(value.len(), |limit| limit.min(value.len()));
    let mut summary = Summary::new(work, value, limit)?;
    match value.dims() {
        [] if limit > 0 => summary.element()?,
        [] => {}
        dims => summary.axis(dims, true)?,
    }
    if limit < value.len() {
        summary.push("...")?;
    }
    Ok(summary.text)
}

/// How many elements are shown at each end of each axis.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ends(Option<usize>);

impl Ends {
    /// All elements where the number is negative.
    pub(super) fn of(number: i64) -> Ends {
        Ends(usize::try_from(number).ok())
    }
}

/// The elements at the ends of each axis, as `StringFormat` writes them: `[0 1 2 ... 7 8 9]`, rows on lines of their own.
pub(super) fn summarize_ends(work: Workspace<'_>, value: &Value, ends: Ends) -> Result<String> {
    let ends = ends.0.map_or(value.len(), |ends| ends.min(value.len()));
    let mut summary = Summary::new(work, value, value.len())?;
    summary.ends(value.dims(), 0, 0, ends)?;
    Ok(summary.text)
}

struct Summary<'a> {
    value: &'a Value,
    limit: usize,
    next: usize,
    text: String,
    /// Counts the text, which is as long as there are elements.
    room: Room,
    pace: Pace<'a>,
}

impl<'a> Summary<'a> {
    fn new(work: Workspace<'a>, value: &'a Value, limit: usize) -> Result<Summary<'a>> {
        Ok(Summary { value, limit, next: 0, text: String::new(), room: work.room::<u8>(0)?, pace: work.pace() })
    }

    fn push(&mut self, text: &str) -> Result<()> {
        self.pace.spend(8 + text.len())?;
        self.room.add::<u8>(text.len())?;
        self.text.try_reserve(text.len()).map_err(|_| too_long())?;
        self.text.push_str(text);
        Ok(())
    }

    /// The elements below the first of these axes, up to the limit. There is at least one axis.
    fn axis(&mut self, dims: &[usize], is_outermost: bool) -> Result<()> {
        let (n, inner) = (dims[0], &dims[1..]);
        for i in 0..n {
            if self.next >= self.limit {
                if inner.is_empty() && !is_outermost {
                    self.push("...")?;
                }
                return Ok(());
            }
            if inner.is_empty() {
                if i > 0 {
                    self.push(" ")?;
                }
                self.element()?;
            } else {
                self.push("[")?;
                self.axis(inner, false)?;
                self.push("]")?;
            }
        }
        Ok(())
    }

    /// The ends of axis `axis` of `dims`, whose elements start at `first`.
    fn ends(&mut self, dims: &[usize], axis: usize, first: usize, ends: usize) -> Result<()> {
        let Some(n) = dims.get(axis) else {
            self.next = first;
            return match self.value.dtype() {
                DType::String => {
                    self.push("\"")?;
                    self.element()?;
                    self.push("\"")
                }
                _ => self.element(),
            };
        };
        let step: usize = dims[axis + 1..].iter().product();
        self.push("[")?;
        for i in 0..ends.min(*n) {
            if i > 0 {
                self.space(dims, axis)?;
            }
            self.ends(dims, axis + 1, first + i * step, ends)?;
        }
        if *n > ends.saturating_mul(2) {
            self.space(dims, axis)?;
            self.push("...")?;
        }
        for i in ends.max(n.saturating_sub(ends))..*n {
            self.space(dims, axis)?;
            self.ends(dims, axis + 1, first + i * step, ends)?;
        }
        self.push("]")
    }

    /// What stands between two parts along an axis: blanks on the last one, else lines.
    fn space(&mut self, dims: &[usize], axis: usize) -> Result<()> {
        let n_lines = dims.len() - axis - 1;
        (0..n_lines).try_for_each(|_| self.push("\n"))?;
        (0..if n_lines == 0 { 1 } else { axis + 1 }).try_for_each(|_| self.push(" "))
    }

    fn element(&mut self) -> Result<()> {
        let i = self.next;
        self.next += 1;
        let value = self.value;
        let text = match value.dtype() {
            DType::F32 => {
                value.slice().ok().map(|x: &[f32]| shortest(f64::from(x[i]), 6, 9, |t| t.parse() == Ok(x[i])))
            }
            DType::F64 => value.slice().ok().map(|x: &[f64]| shortest(x[i], 15, 17, |t| t.parse() == Ok(x[i]))),
            DType::Bool => value.slice().ok().map(|x: &[bool]| u8::from(x[i]).to_string()),
            DType::String => value.strings().ok().map(|texts| escaped(&texts[i])),
            DType::F16 | DType::BF16 => with_type!(value.dtype(), T in floats => {
                value.slice::<T>().ok().map(|x| {
                    let number: f64 = num_traits::ToPrimitive::to_f64(&x[i]).unwrap_or(f64::NAN);
                    shortest(number, 6, 9, |text| text.parse() == Ok(number as f32))
                })
            }, else => None),
            dtype => with_type!(dtype, T in ints => value.slice::<T>().ok().map(|x| x[i].to_string()), else => None),
        };
        self.push(text.as_deref().unwrap_or("?"))
    }
}

#[cold]
fn too_long() -> Error {
    Error::new(ErrorKind::ResourceExhausted, "out of memory: there are too many elements to write them down")
}

/// As C's `%.{few}g` where that reads back as the number, else `%.{many}g`.
fn shortest(number: f64, few: usize, many: usize, reads_back: impl Fn(&str) -> bool) -> String {
    if number.is_nan() {
        return "nan".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    let text = general(number, few);
    if reads_back(&text) { text } else { general(number, many) }
}

/// As C's `%.{digits}g`.
pub(in crate::ops) fn general(number: f64, digits: usize) -> String {
    let text = format!("{number:.*e}", digits - 1);
    let (mantissa, exponent) = text.split_once('e').expect("the exponential form has an exponent");
    let exponent: i32 = exponent.parse().expect("an exponent is a number");
    if exponent < -4 || exponent >= digits as i32 {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{}e{sign}{:02}", without_zeros(mantissa), exponent.abs());
    }
    let decimals = (digits as i32 - 1 - exponent).max(0) as usize;
    without_zeros(&format!("{number:.decimals$}")).to_owned()
}

fn without_zeros(text: &str) -> &str {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text }
}

/// Bytes as C writes them in a string.
fn escaped(bytes: &[u8]) -> String {
    let mut text = String::new();
    for byte in bytes {
        match byte {
            b'\n' => text.push_str("\\n"),
            b'\r' => text.push_str("\\r"),
            b'\t' => text.push_str("\\t"),
            b'"' | b'\'' | b'\\' => text.extend(['\\', char::from(*byte)]),
            0x20..0x7f => text.push(char::from(*byte)),
            other => write!(text, "\\{other:03o}").expect("writing to a string does not fail"),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cancel::Limits;
    use crate::value::{IntoValue, Meter};

    static UNLIMITED: Limits = Limits::NONE;

    fn free() -> Workspace<'static> {
        Workspace::new(None, &UNLIMITED)
    }

    #[track_caller]
    fn check(value: impl IntoValue, limit: i64, want: &str) {
        assert_eq!(summarize(free(), &value.into_value(), limit).unwrap(), want);
    }

    /// By TensorFlow 1.15.5.
    #[test]
    fn ends_are_those_of_tensorflow() {
        #[track_caller]
        fn check(value: impl IntoValue, ends: i64, want: &str) {
            assert_eq!(summarize_ends(free(), &value.into_value(), Ends::of(ends)).unwrap(), want);
        }
        let counted = |n: i32| (0..n).collect::<Vec<_>>();
        let cube = |n: i32, dims: &[usize]| Value::from_vec(dims, counted(n)).unwrap();
        check(1.5f32, 3, "1.5");
        check([[1i32, 2], [3, 4]], 3, "[[1 2]\n [3 4]]");
        check(counted(10), 3, "[0 1 2 ... 7 8 9]");
        check(counted(10), -1, "[0 1 2 3 4 5 6 7 8 9]");
        check(counted(10), 0, "[ ...]");
        check(counted(6), 3, "[0 1 2 3 4 5]");
        check(cube(8, &[2, 2, 2]), 3, "[[[0 1]\n  [2 3]]\n\n [[4 5]\n  [6 7]]]");
        check(cube(9, &[3, 3]), 1, "[[0 ... 2]\n ...\n [6 ... 8]]");
        check(cube(0, &[0, 3]), 3, "[]");
        check(cube(0, &[2, 0]), 3, "[\n ...]");
        check([["a", "b"]], 3, "[[\"a\" \"b\"]]");
        check([true, false], 3, "[1 0]");
    }

    /// By TensorFlow 1.15.5.
    #[test]
    fn text_is_that_of_tensorflow() {
        let counted = |n: i32| (0..n).collect::<Vec<_>>();
        check("bad", 3, "bad");
        check(counted(10), 3, "0 1 2...");
        check([[1.5f32, 2.0], [3.0, 1e10]], -1, "[1.5 2][3 1e+10]");
        check([true, false], 3, "1 0");
        check([[0i32, 1, 2], [3, 4, 5]], 4, "[0 1 2][3...]...");
        check([[[0i32, 1], [2, 3]], [[4, 5], [6, 7]]], 3, "[[0 1][2...]]...");
        check([[[0i64; 2]; 2]; 2], 10, "[[0 0][0 0]][[0 0][0 0]]");
        check(Vec::<f32>::new(), 2, "");
        let floats = [f32::NAN, f32::INFINITY, -f32::INFINITY, 1e-7, 123456789.0, 1e20, 0.333_333_34, 0.1];
        check(floats, 9, "nan inf -inf 1e-07 123456792 1e+20 0.333333343 0.1");
        check(0.1f64, 1, "0.1");
        check("a\n", 1, "a\\n");
    }

    /// Rows without elements are left out, as TensorFlow 1.15.5 does, however many there are.
    #[test]
    fn vast_rows_of_nothing_are_left_out_at_once() {
        let (meter, limits) = (Meter::new(64), Limits::default().with_work(1 << 10));
        let rows = Value::zeros(DType::F32, &[1 << 40, 0]).unwrap();
        for ends in [-1, 1] {
            let text = summarize_ends(Workspace::new(Some(&meter), &limits), &rows, Ends::of(ends)).unwrap();
            assert_eq!(text, "[\n ...]");
        }
    }

    #[test]
    fn long_text_ends_with_the_run() {
        let (meter, limits) = (Meter::new(1 << 10), Limits::default().with_work(1 << 21));
        let numbers = Value::zeros(DType::I32, &[1 << 19]).unwrap();
        let text = |work| summarize_ends(work, &numbers, Ends::of(-1)).unwrap_err().to_string();
        assert!(text(Workspace::new(Some(&meter), &UNLIMITED)).starts_with("the memory budget is 1024 bytes"));
        assert!(text(Workspace::new(None, &limits)).starts_with("the work is more than"));
    }
}
