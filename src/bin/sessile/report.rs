//! What a command answers: a text for people and JSON for programs.

use comfy_table::{Cell, CellAlignment, Table, presets};
use num_complex::Complex;
use serde_json::{Value as Json, json};
use sessile::{DType, Error, Plain, Result, Shape, Value};

/// What a command answers.
pub struct Report {
    pub text: String,
    pub json: Json,
    /// Answers differ: the command did its work, and the exit code says so.
    pub is_bad: bool,
}

/// Rows under a header, the columns after the first `n_left` to the right.
pub fn table<const N: usize>(header: [&str; N], n_left: usize, rows: impl IntoIterator<Item = [String; N]>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    let aligned = |(i, text): (usize, String)| {
        let side = if i < n_left { CellAlignment::Left } else { CellAlignment::Right };
        Cell::new(text).set_alignment(side)
    };
    table.set_header(header.into_iter().map(str::to_owned).enumerate().map(aligned));
    for row in rows {
        table.add_row(row.into_iter().enumerate().map(aligned));
    }
    let text = table.to_string();
    text.lines().map(|line| format!("  {}\n", line.trim_end())).collect()
}

/// 1536 as `1.5 KiB`.
pub fn bytes(n: f64) -> String {
    scaled(n, 1024.0, &["B", "KiB", "MiB", "GiB", "TiB"])
}

/// 1500000 as `1.5 M`.
pub fn count(n: f64) -> String {
    scaled(n, 1000.0, &["", "k", "M", "G", "T"]).trim_end().to_owned()
}

fn scaled(mut n: f64, step: f64, units: &[&str]) -> String {
    let mut unit = 0;
    while n >= step && unit + 1 < units.len() {
        n /= step;
        unit += 1;
    }
    let digits = if unit == 0 || n >= 100.0 { 0 } else { 1 };
    format!("{n:.digits$} {}", units[unit])
}

/// A shape as TensorFlow's JSON forms have it: a number or a text for each dim, null for an unknown rank.
pub fn shape_json(shape: &Shape) -> Json {
    let dim = |dim: &sessile::Dim| dim.known().map_or_else(|| json!(dim.to_string()), |size| json!(size));
    shape.dims().map_or(Json::Null, |dims| dims.iter().map(dim).collect())
}

/// Dtype, shape and all elements, the elements flat; a complex number is the pair of its parts. What JSON has no number
/// for is a text: `inf`, `-inf` and `NaN`.
pub fn value_json(name: &str, value: &Value) -> Json {
    json!({"name": name, "dtype": value.dtype().name(), "shape": value.dims(), "values": elements(value)})
}

fn elements(value: &Value) -> Json {
    let value = &value.stored();
    fn all<T: Plain>(value: &Value, convert: impl Fn(T) -> Json) -> Json {
        value.slice::<T>().unwrap_or_default().iter().map(|x| convert(*x)).collect()
    }
    fn float(x: f64) -> Json {
        if x.is_finite() { json!(x) } else { json!(x.to_string()) }
    }
    match value.dtype() {
        DType::F32 => all::<f32>(value, |x| float(f64::from(x))),
        DType::F64 => all::<f64>(value, float),
        DType::I8 => all::<i8>(value, |x| json!(x)),
        DType::I16 => all::<i16>(value, |x| json!(x)),
        DType::I32 => all::<i32>(value, |x| json!(x)),
        DType::I64 => all::<i64>(value, |x| json!(x)),
        DType::U8 => all::<u8>(value, |x| json!(x)),
        DType::U16 => all::<u16>(value, |x| json!(x)),
        DType::U32 => all::<u32>(value, |x| json!(x)),
        DType::U64 => all::<u64>(value, |x| json!(x)),
        DType::Bool => all::<bool>(value, |x| json!(x)),
        DType::String => {
            let texts = value.strings().unwrap_or_default();
            texts.iter().map(|text| json!(String::from_utf8_lossy(text))).collect()
        }
        DType::F16 => all::<half::f16>(value, |x| float(x.to_f64())),
        DType::BF16 => all::<half::bf16>(value, |x| float(x.to_f64())),
        DType::C64 => all::<Complex<f32>>(value, |x| json!([float(f64::from(x.re)), float(f64::from(x.im))])),
        DType::C128 => all::<Complex<f64>>(value, |x| json!([float(x.re), float(x.im)])),
        // Objects have no elements to show: as they print.
        _ => json!([value.to_string()]),
    }
}

/// Elements as float64, for comparisons; complex numbers count by their parts.
pub fn floats(value: &Value) -> Result<Vec<f64>> {
    fn all<T: Plain>(value: &Value, convert: impl Fn(T) -> f64) -> Result<Vec<f64>> {
        Ok(value.slice::<T>()?.iter().map(|x| convert(*x)).collect())
    }
    match value.dtype() {
        DType::F32 => all::<f32>(value, f64::from),
        DType::F64 => all::<f64>(value, |x| x),
        DType::F16 => all::<half::f16>(value, half::f16::to_f64),
        DType::BF16 => all::<half::bf16>(value, half::bf16::to_f64),
        DType::C64 => {
            let parts = value.slice::<Complex<f32>>()?.iter();
            Ok(parts.flat_map(|x| [f64::from(x.re), f64::from(x.im)]).collect())
        }
        DType::C128 => Ok(value.slice::<Complex<f64>>()?.iter().flat_map(|x| [x.re, x.im]).collect()),
        other => Err(Error::dtype(format!("{other} is no float dtype"))),
    }
}
