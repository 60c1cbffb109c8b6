//! NumPy's `.npy`: what the cases hold their arrays in.

use sessile::{DType, Value};

/// Reads an array.
pub fn parse(bytes: &[u8]) -> Result<Value, String> {
    let rest = bytes.strip_prefix(b"\x93NUMPY").ok_or("no .npy magic")?;
    let (len, start) = match rest {
        [1, _, a, b, ..] => (usize::from(u16::from_le_bytes([*a, *b])), 4),
        [2 | 3, _, a, b, c, d, ..] => (u32::from_le_bytes([*a, *b, *c, *d]) as usize, 6),
        _ => return Err("unknown .npy version".into()),
    };
    let header = rest.get(start..start + len).ok_or("the .npy header is cut off")?;
    let header = std::str::from_utf8(header).map_err(|error| error.to_string())?;
    let data = &rest[start + len..];
    if !field(header, "fortran_order")?.starts_with("False") {
        return Err("column-major arrays are not supported".into());
    }
    let dims = dims(field(header, "shape")?)?;
    let descr = field(header, "descr")?.trim_start_matches('\'');
    let descr = descr.split('\'').next().unwrap_or_default();
    match descr.strip_prefix("|S") {
        Some(width) => strings(&dims, data, width.parse().map_err(|_| "bad string width")?),
        None => Value::from_bytes(dtype(descr)?, &dims, data).map_err(|error| error.to_string()),
    }
}

/// The text after a key of the header.
fn field<'a>(header: &'a str, name: &str) -> Result<&'a str, String> {
    let (_, rest) = header.split_once(&format!("'{name}':")).ok_or(format!("the .npy header has no {name}"))?;
    Ok(rest.trim_start())
}

fn dims(text: &str) -> Result<Vec<usize>, String> {
    let inner = text.strip_prefix('(').and_then(|text| text.split(')').next()).ok_or("bad .npy shape")?;
    let parts = inner.split(',').map(str::trim).filter(|part| !part.is_empty());
    parts.map(|part| part.parse().map_err(|_| format!("bad .npy shape {text}"))).collect()
}

fn dtype(descr: &str) -> Result<DType, String> {
    Ok(match descr.trim_start_matches(['<', '|', '=']) {
        "b1" => DType::Bool,
        "i1" => DType::I8,
        "i2" => DType::I16,
        "i4" => DType::I32,
        "i8" => DType::I64,
        "u1" => DType::U8,
        "u2" => DType::U16,
        "u4" => DType::U32,
        "u8" => DType::U64,
        "f2" => DType::F16,
        "f4" => DType::F32,
        "f8" => DType::F64,
        "c8" => DType::C64,
        "c16" => DType::C128,
        _ => return Err(format!("unknown .npy dtype {descr}")),
    })
}

/// Strings of a fixed width, filled up with zeros.
fn strings(dims: &[usize], data: &[u8], width: usize) -> Result<Value, String> {
    let text = |bytes: &[u8]| {
        let end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        bytes[..end].to_vec()
    };
    let all = data.chunks_exact(width.max(1)).map(text).collect();
    Value::from_strings(dims, all).map_err(|error| error.to_string())
}
