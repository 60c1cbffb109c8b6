//! NumPy's `.npy`, and `.npz` with the feature `npz`.
//!
//! Strings of NumPy have a fixed width and are filled up with zeros, so zeros at the end of a string are lost.

use std::collections::BTreeMap;
use std::path::Path;

use super::file::{named, read_regular, write_whole};
use crate::dtype::DType;
use crate::error::{Error, ErrorKind, Result, escape};
use crate::shape::{byte_len, element_count};
use crate::value::Value;

/// Arrays by name, as an `.npz` holds them.
pub type Arrays = BTreeMap<String, Value>;

/// Reads an `.npy` file.
///
/// # Errors
/// `Io`, `InvalidArgument` for what is not a regular file, and those of [`parse_npy`].
pub fn read_npy(path: impl AsRef<Path>) -> Result<Value> {
    let path = path.as_ref();
    read_regular(path).and_then(|bytes| parse_npy(&bytes)).map_err(|error| named(error, path))
}

/// Writes an `.npy` file; an old one is replaced in one step.
///
/// # Errors
/// `Io`, and those of [`npy_to_bytes`].
pub fn write_npy(path: impl AsRef<Path>, value: &Value) -> Result<()> {
    write_whole(path.as_ref(), &npy_to_bytes(value)?)
}

/// The array of an `.npy` file's bytes, in row-major order.
///
/// # Errors
/// `DataLoss` for a damaged file; `Unsupported` for a dtype that the engine does not hold.
pub fn parse_npy(bytes: &[u8]) -> Result<Value> {
    let rest = bytes.strip_prefix(b"\x93NUMPY").ok_or_else(|| damaged("it does not begin as an .npy file does"))?;
    let (len, start) = match rest {
        [1, _, a, b, ..] => (usize::from(u16::from_le_bytes([*a, *b])), 4),
        [2 | 3, _, a, b, c, d, ..] => (u32::from_le_bytes([*a, *b, *c, *d]) as usize, 6),
        _ => return Err(damaged("its version is not 1, 2 or 3")),
    };
    let body = rest.get(start..).unwrap_or_default();
    let (header, data) = body.split_at_checked(len).ok_or_else(|| damaged("its header is cut off"))?;
    let header = std::str::from_utf8(header).map_err(|_| damaged("its header is not UTF-8"))?;
    let dims = dims(field(header, "shape")?)?;
    let quoted = field(header, "descr")?.strip_prefix('\'').ok_or_else(|| damaged("its dtype is not simple"))?;
    let descr = quoted.split('\'').next().unwrap_or_default();
    match field(header, "fortran_order")?.starts_with("True") {
        false => elements(descr, &dims, data),
        true => {
            let reversed: Vec<usize> = dims.iter().rev().copied().collect();
            transpose(&elements(descr, &reversed, data)?, &dims)
        }
    }
}

fn elements(descr: &str, dims: &[usize], data: &[u8]) -> Result<Value> {
    let width = |text: &str| text.parse::<usize>().map_err(|_| damaged("its string width is no number"));
    if let Some(text) = descr.strip_prefix("|S") {
        return strings(dims, data, width(text)?, |text| Ok(text.to_vec()));
    }
    if let Some(text) = descr.strip_prefix("<U") {
        let bytes = width(text)?.checked_mul(4).ok_or_else(|| damaged("its strings are too wide"))?;
        return strings(dims, data, bytes, utf32);
    }
    let dtype = dtype(descr)?;
    let want = byte_len(dims, dtype)?;
    if data.len() != want {
        return Err(damaged(format!("it must have {want} bytes of elements, but has {}", data.len())));
    }
    Value::from_bytes(dtype, dims, data)
}

/// The text after a key of the header.
fn field<'a>(header: &'a str, name: &str) -> Result<&'a str> {
    let (_, rest) =
        header.split_once(&format!("'{name}':")).ok_or_else(|| damaged(format!("its header has no '{name}'")))?;
    Ok(rest.trim_start())
}

fn dims(text: &str) -> Result<Vec<usize>> {
    let bad = || damaged(format!("its shape is '{}'", escape(text.get(..40).unwrap_or(text))));
    let inner = text.strip_prefix('(').and_then(|text| text.split_once(')')).ok_or_else(bad)?.0;
    let parts = inner.split(',').map(str::trim).filter(|part| !part.is_empty());
    parts.map(|part| part.parse().map_err(|_| bad())).collect()
}

/// The letters of each dtype, without the byte order.
const DTYPES: &[(&str, DType)] = &[
    ("b1", DType::Bool),
    ("i1", DType::I8),
    ("i2", DType::I16),
    ("i4", DType::I32),
    ("i8", DType::I64),
    ("u1", DType::U8),
    ("u2", DType::U16),
    ("u4", DType::U32),
    ("u8", DType::U64),
    ("f2", DType::F16),
    ("f4", DType::F32),
    ("f8", DType::F64),
    ("c8", DType::C64),
    ("c16", DType::C128),
];

fn dtype(descr: &str) -> Result<DType> {
    let letters = descr.trim_start_matches(['<', '|', '=']);
    let known = DTYPES.iter().find(|(name, _)| *name == letters).map(|(_, dtype)| *dtype);
    known.ok_or_else(|| Error::unsupported(format!("arrays of dtype '{}' are not supported", escape(descr))))
}

fn strings(dims: &[usize], data: &[u8], width: usize, text: impl Fn(&[u8]) -> Result<Vec<u8>>) -> Result<Value> {
    let count = element_count(dims)?;
    let want = count.checked_mul(width).ok_or_else(|| damaged("its strings are too wide"))?;
    // Strings of no bytes cost nothing in the file.
    if data.len() != want || (width == 0 && count > data.len().max(1 << 20)) {
        return Err(damaged(format!("it must have {want} bytes of strings, but has {}", data.len())));
    }
    let all = match width {
        0 => vec![Vec::new(); count],
        _ => data.chunks_exact(width).map(|bytes| text(trimmed(bytes))).collect::<Result<_>>()?,
    };
    Value::from_strings(dims, all)
}

fn trimmed(bytes: &[u8]) -> &[u8] {
    let len = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    bytes.get(..len).unwrap_or_default()
}

/// UTF-32 as UTF-8; zeros at the end may be missing.
fn utf32(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut text = String::new();
    for unit in bytes.chunks(4) {
        let code = unit.iter().rev().fold(0u32, |code, byte| code << 8 | u32::from(*byte));
        text.push(char::from_u32(code).ok_or_else(|| damaged("it has a string that is no UTF-32"))?);
    }
    Ok(text.into_bytes())
}

/// What is laid out with the first axis fastest, with the last axis fastest.
fn transpose(value: &Value, dims: &[usize]) -> Result<Value> {
    if value.dtype() == DType::String {
        let strings = value.strings()?;
        let all = column_major(dims).map(|at| strings.get(at).cloned().unwrap_or_default());
        return Value::from_strings(dims, all.collect());
    }
    let size = value.dtype().size().unwrap_or(1);
    let bytes = value.bytes()?;
    let all = column_major(dims).flat_map(|at| bytes.get(at * size..(at + 1) * size).unwrap_or_default());
    Value::from_bytes(value.dtype(), dims, &all.copied().collect::<Vec<u8>>())
}

/// For each element in row-major order its place in column-major order.
fn column_major(dims: &[usize]) -> impl Iterator<Item = usize> {
    let strides: Vec<usize> = dims
        .iter()
        .scan(1usize, |stride, dim| {
            let here = *stride;
            *stride = stride.saturating_mul(*dim);
            Some(here)
        })
        .collect();
    let count = dims.iter().product();
    (0..count).map(move |mut row_major| {
        let mut at = 0;
        for (dim, stride) in dims.iter().zip(&strides).rev() {
            at += row_major % dim * stride;
            row_major /= dim;
        }
        at
    })
}

/// The bytes of an `.npy` file.
///
/// # Errors
/// `Unsupported` for bfloat16, handles and variants, which NumPy does not have.
pub fn npy_to_bytes(value: &Value) -> Result<Vec<u8>> {
    let (descr, data) = match value.dtype() {
        DType::String => fixed_width(value.strings()?)?,
        dtype => {
            let known = DTYPES.iter().find(|(_, known)| *known == dtype).map(|(name, _)| *name);
            let absent =
                || Error::unsupported(format!("NumPy has no dtype for {dtype}")).note("cast it before the fetch");
            let letters = known.ok_or_else(absent)?;
            let order = if dtype.size() == Some(1) { '|' } else { '<' };
            (format!("{order}{letters}"), value.bytes()?.to_vec())
        }
    };
    let dims: String = value.dims().iter().map(|dim| format!("{dim}, ")).collect();
    let mut header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({}), }}", dims.trim_end());
    // Elements begin at a multiple of 64 bytes; the line ends the header.
    let used = 10 + header.len() + 1;
    header.extend(std::iter::repeat_n(' ', used.next_multiple_of(64) - used));
    header.push('\n');
    let len =
        u16::try_from(header.len()).map_err(|_| Error::invalid("the shape has too many dims for an .npy file"))?;
    let mut bytes = b"\x93NUMPY\x01\0".to_vec();
    bytes.extend(len.to_le_bytes());
    bytes.extend(header.into_bytes());
    bytes.extend(data);
    Ok(bytes)
}

fn fixed_width(strings: &[Vec<u8>]) -> Result<(String, Vec<u8>)> {
    let width = strings.iter().map(Vec::len).max().unwrap_or(0).max(1);
    let len = width.checked_mul(strings.len()).filter(|len| *len < 1 << 40);
    let len = len.ok_or_else(|| Error::new(ErrorKind::ResourceExhausted, "the strings are too long for one width"))?;
    let mut data = Vec::with_capacity(len);
    for text in strings {
        data.extend_from_slice(text);
        data.extend(std::iter::repeat_n(0, width - text.len()));
    }
    Ok((format!("|S{width}"), data))
}

#[cold]
fn damaged(what: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::DataLoss, format!("the array is damaged: {what}"))
}

#[cfg(feature = "npz")]
pub use self::npz::{read_npz, write_npz};

#[cfg(feature = "npz")]
mod npz {
    use std::io::{Cursor, Read, Write};

    use super::*;

    /// What all arrays of one file may take unpacked: a packed byte can stand for a thousand.
    const MAX_UNPACKED: u64 = 16 << 30;

    /// Reads an `.npz` file: a zip of `.npy` files.
    ///
    /// # Errors
    /// `Io`, `DataLoss`, and those of [`parse_npy`], with the name of the array.
    pub fn read_npz(path: impl AsRef<Path>) -> Result<Arrays> {
        let path = path.as_ref();
        read_regular(path).and_then(|bytes| parse(&bytes)).map_err(|error| named(error, path))
    }

    fn parse(bytes: &[u8]) -> Result<Arrays> {
        let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).map_err(|error| broken(&error))?;
        let (mut arrays, mut left) = (Arrays::new(), MAX_UNPACKED);
        for i in 0..archive.len() {
            let file = archive.by_index(i).map_err(|error| broken(&error))?;
            let name = file.name().strip_suffix(".npy").unwrap_or(file.name()).to_owned();
            let mut data = Vec::new();
            file.take(left).read_to_end(&mut data).map_err(|error| broken(&error))?;
            left -= data.len() as u64;
            let value = parse_npy(&data).map_err(|error| error.note(format!("in the array '{}'", escape(&name))))?;
            arrays.insert(name, value);
        }
        Ok(arrays)
    }

    /// Writes an `.npz` file; an old one is replaced in one step.
    ///
    /// # Errors
    /// `Io`, and those of [`npy_to_bytes`].
    pub fn write_npz(path: impl AsRef<Path>, arrays: &Arrays) -> Result<()> {
        let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
        // Without times in it, equal arrays give equal bytes.
        let options = zip::write::SimpleFileOptions::default().last_modified_time(zip::DateTime::default());
        for (name, value) in arrays {
            archive.start_file(format!("{name}.npy"), options).map_err(|error| broken(&error))?;
            archive.write_all(&npy_to_bytes(value)?)?;
        }
        let bytes = archive.finish().map_err(|error| broken(&error))?.into_inner();
        write_whole(path.as_ref(), &bytes)
    }

    #[cold]
    fn broken(error: &dyn std::fmt::Display) -> Error {
        Error::new(ErrorKind::DataLoss, format!("the .npz file is damaged: {error}"))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;
    use crate::value::IntoValue;

    fn file(descr: &str, order: &str, shape: &str, data: &[u8]) -> Vec<u8> {
        let header = format!("{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}\n");
        let len = header.len() as u16;
        [b"\x93NUMPY\x01\0", &len.to_le_bytes()[..], header.as_bytes(), data].concat()
    }

    #[test]
    fn every_dtype_comes_back() {
        for (_, dtype) in DTYPES {
            let value = Value::zeros(*dtype, &[2, 3]).unwrap();
            assert!(parse_npy(&npy_to_bytes(&value).unwrap()).unwrap().same_bits(&value), "{dtype}");
        }
        for value in [7.5f32.into_value(), [[1i64, 2]].into_value(), Value::zeros(DType::F32, &[0, 4]).unwrap()] {
            let bytes = npy_to_bytes(&value).unwrap();
            assert!(parse_npy(&bytes).unwrap().same_bits(&value));
            assert_eq!((bytes.len() - value.byte_len()) % 64, 0);
        }
        let texts = Value::from_strings(&[2], vec![b"ab".to_vec(), b"c".to_vec()]).unwrap();
        assert!(parse_npy(&npy_to_bytes(&texts).unwrap()).unwrap().same_bits(&texts));
    }

    #[test]
    fn column_major_arrays_are_turned() {
        let value = parse_npy(&file("'|u1'", "True", "(2, 3)", &[1, 4, 2, 5, 3, 6])).unwrap();
        assert_eq!(value.to_string(), "[[1 2 3]\n [4 5 6]]");
    }

    #[test]
    fn wide_strings_become_utf8() {
        let data: Vec<u8> = "aé".chars().flat_map(|c| (c as u32).to_le_bytes()).chain([0; 4]).collect();
        let value = parse_npy(&file("'<U3'", "False", "(1,)", &data)).unwrap();
        assert_eq!(value.strings().unwrap(), ["aé".as_bytes()]);
    }

    #[test]
    fn damaged_arrays_are_refused() {
        #[track_caller]
        fn check(bytes: &[u8], want: &str) {
            let error = parse_npy(bytes).unwrap_err();
            assert!(error.message().contains(want), "{error}");
        }
        check(b"", "does not begin");
        check(b"\x93NUMPY\x01\0\xff\xff", "cut off");
        check(b"\x93NUMPY\x09\0\0\0\0\0", "version");
        check(&file("'<f4'", "False", "(2, 3)", &[0; 23]), "24 bytes of elements, but has 23");
        check(&file("'<f4'", "False", "(99999999999, 99999999999, 99999999999)", &[]), "");
        check(&file("'<f4'", "False", "(-1,)", &[]), "shape");
        check(&file("'>f4'", "False", "(1,)", &[0; 4]), "not supported");
        check(&file("'|O'", "False", "(1,)", &[0; 4]), "not supported");
        check(&file("[('a', '<f4')]", "False", "(1,)", &[0; 4]), "not simple");
        check(&file("'|S0'", "False", "(99999999999,)", &[]), "");
        check(&file("'|S9999999999'", "False", "(9999999999,)", &[]), "too wide");
        let good = npy_to_bytes(&[1.0f32, 2.0].into_value()).unwrap();
        assert!((0..good.len()).all(|len| parse_npy(&good[..len]).is_err()));
        for bit in 0..good.len() * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            drop(parse_npy(&bad));
        }
    }

    #[cfg(feature = "npz")]
    #[test]
    fn archives_come_back_and_equal_ones_have_equal_bytes() {
        let folder = std::env::temp_dir().join(format!("sessile-npz-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let arrays = Arrays::from([("in:x:0".to_owned(), [1.0f32].into_value()), ("y".to_owned(), 2i32.into_value())]);
        for name in ["a.npz", "b.npz"] {
            write_npz(folder.join(name), &arrays).unwrap();
        }
        let back = read_npz(folder.join("a.npz")).unwrap();
        assert_eq!(back.keys().collect::<Vec<_>>(), ["in:x:0", "y"]);
        assert!(back["in:x:0"].same_bits(&arrays["in:x:0"]));
        assert_eq!(std::fs::read(folder.join("a.npz")).unwrap(), std::fs::read(folder.join("b.npz")).unwrap());
        std::fs::write(folder.join("a.npz"), b"PK\x03\x04").unwrap();
        assert_eq!(read_npz(folder.join("a.npz")).unwrap_err().kind(), ErrorKind::DataLoss);
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
