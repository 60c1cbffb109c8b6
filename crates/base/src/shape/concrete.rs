//! Dims that are numbers: the checked products, the one axis check, broadcasting at run time.
//!
//! Nothing else in the crate multiplies dims. ndarray panics on shapes such as `[0, 2^62, 2^62]`, which have no elements
//! but a stride past `isize`; so the product of the dims *that are not zero* must fit.

use std::fmt;

use smallvec::SmallVec;

use crate::{DType, Error, Result};

/// The dims of a value.
pub type Dims = SmallVec<[usize; 6]>;

/// The most dims that a shape in a graph asks for: TensorFlow's largest rank.
pub const MAX_RANK: usize = 254;

/// The number of elements of a value.
///
/// # Errors
/// `InvalidArgument` where the product of the dims that are not zero exceeds `isize::MAX`.
pub fn element_count(dims: &[usize]) -> Result<usize> {
    let nonzero = dims.iter().filter(|&&dim| dim != 0).try_fold(1usize, |count, &dim| count.checked_mul(dim));
    match nonzero.filter(|&count| isize::try_from(count).is_ok()) {
        Some(_) if dims.contains(&0) => Ok(0),
        Some(count) => Ok(count),
        None => Err(too_large("elements", dims)),
    }
}

/// The number of bytes of a value.
///
/// # Errors
/// `InvalidArgument` where the bytes, taken without the dims that are zero, exceed `isize::MAX`; `DTypeMismatch` where
/// elements have no fixed size (strings, handles).
pub fn byte_len(dims: &[usize], dtype: DType) -> Result<usize> {
    let size = dtype
        .size()
        .ok_or_else(|| Error::dtype(format!("dtype must have elements of a fixed size, but is {dtype}")))?;
    element_count(dims)?;
    let nonzero: usize = dims.iter().filter(|&&dim| dim != 0).product();
    match nonzero.checked_mul(size).filter(|&bytes| isize::try_from(bytes).is_ok()) {
        Some(_) if dims.contains(&0) => Ok(0),
        Some(bytes) => Ok(bytes),
        None => Err(too_large("bytes", dims)),
    }
}

#[cold]
fn too_large(unit: &str, dims: &[usize]) -> Error {
    Error::invalid(format!("shape {} must have at most {} {unit}", Brackets(dims), isize::MAX))
}

/// An axis as an index: negative ones count from the back.
///
/// # Errors
/// `InvalidArgument` where the axis is not in `[-rank, rank)`.
pub fn normalize_axis(axis: i64, rank: usize) -> Result<usize> {
    let n = i64::try_from(rank).unwrap_or(i64::MAX);
    let index = if axis < 0 { axis.checked_add(n) } else { Some(axis) };
    match index.filter(|index| (0..n).contains(index)) {
        Some(index) => Ok(index as usize),
        None => Err(Error::invalid(format!("axis must be in [{}, {n}), but is {axis}", -n))),
    }
}

/// Several axes as indices, in the order given.
///
/// # Errors
/// `InvalidArgument` where an axis is not in `[-rank, rank)` or comes twice.
pub fn normalize_axes(axes: &[i64], rank: usize) -> Result<SmallVec<[usize; 6]>> {
    let mut indices: SmallVec<[usize; 6]> = SmallVec::with_capacity(axes.len().min(rank));
    for &axis in axes {
        let index = normalize_axis(axis, rank)?;
        if let Some(first) = indices.iter().position(|&other| other == index) {
            let what = format!("axes must be distinct, but {} and {axis} are both axis {index}", axes[first]);
            return Err(Error::invalid(what));
        }
        indices.push(index);
    }
    Ok(indices)
}

/// The dims of an elementwise result, as NumPy broadcasts.
///
/// # Errors
/// `ShapeMismatch` where two dims differ and neither is 1.
pub fn broadcast_dims(a: &[usize], b: &[usize]) -> Result<Dims> {
    let (long, short) = if a.len() >= b.len() { (a, b) } else { (b, a) };
    let mut dims = Dims::from_slice(long);
    let offset = long.len() - short.len();
    for (dim, &other) in dims[offset..].iter_mut().zip(short) {
        *dim = match (*dim, other) {
            (x, y) if x == y || y == 1 => x,
            (1, y) => y,
            _ => return Err(Error::shape(format!("incompatible shapes: {} vs. {}", Brackets(a), Brackets(b)))),
        };
    }
    Ok(dims)
}

/// Dims as TensorFlow's error texts have them: `[2,3]`.
struct Brackets<'a>(&'a [usize]);

impl fmt::Display for Brackets<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[")?;
        for (n, dim) in self.0.iter().enumerate() {
            write!(f, "{}{dim}", if n == 0 { "" } else { "," })?;
        }
        f.write_str("]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn message<T: fmt::Debug>(result: Result<T>) -> String {
        result.expect_err("must fail").message().to_string()
    }

    #[test]
    fn counts_are_checked_without_the_zeros() {
        assert_eq!(element_count(&[]).unwrap(), 1);
        assert_eq!(element_count(&[2, 3]).unwrap(), 6);
        assert_eq!(element_count(&[0, 1 << 62]).unwrap(), 0);
        assert_eq!(element_count(&[isize::MAX as usize]).unwrap(), isize::MAX as usize);
        for dims in [&[1 << 32, 1 << 31][..], &[0, 1 << 62, 1 << 62], &[1 << 62, 1 << 62, 0], &[usize::MAX]] {
            assert!(element_count(dims).is_err(), "{dims:?}");
            assert!(byte_len(dims, DType::U8).is_err(), "{dims:?}");
        }
        let want = "shape [0,4611686018427387904,4] must have at most 9223372036854775807 elements";
        assert_eq!(message(element_count(&[0, 1 << 62, 4])), want);
    }

    #[test]
    fn byte_lengths_fit_a_pointer_offset() {
        assert_eq!(byte_len(&[2, 3], DType::C128).unwrap(), 96);
        assert_eq!(byte_len(&[0, 1 << 60], DType::F32).unwrap(), 0);
        assert!(byte_len(&[1 << 61], DType::F32).is_err());
        assert!(byte_len(&[0, 1 << 61], DType::F32).is_err());
        assert_eq!(message(byte_len(&[2], DType::String)), "dtype must have elements of a fixed size, but is string");
    }

    #[test]
    fn axes_count_from_both_ends() {
        for (axis, rank, want) in [(0, 3, 0), (2, 3, 2), (-1, 3, 2), (-3, 3, 0)] {
            assert_eq!(normalize_axis(axis, rank).unwrap(), want);
        }
        assert_eq!(message(normalize_axis(5, 3)), "axis must be in [-3, 3), but is 5");
        assert_eq!(message(normalize_axis(0, 0)), "axis must be in [0, 0), but is 0");
        for axis in [3, -4, i64::MIN, i64::MAX, 1 << 32] {
            assert!(normalize_axis(axis, 3).is_err(), "{axis}");
        }
    }

    #[test]
    fn an_axis_comes_once() {
        assert_eq!(normalize_axes(&[2, -3], 3).unwrap().as_slice(), [2, 0]);
        assert_eq!(message(normalize_axes(&[1, 0, -2], 3)), "axes must be distinct, but 1 and -2 are both axis 1");
    }

    #[test]
    fn values_broadcast_as_numpy_does() {
        let cases: [(&[usize], &[usize], &[usize]); 6] = [
            (&[], &[], &[]),
            (&[2, 3], &[], &[2, 3]),
            (&[3], &[2, 1], &[2, 3]),
            (&[4, 1, 3], &[2, 1], &[4, 2, 3]),
            (&[1], &[0], &[0]),
            (&[0, 1], &[1, 5], &[0, 5]),
        ];
        for (a, b, want) in cases {
            assert_eq!(broadcast_dims(a, b).unwrap().as_slice(), want);
            assert_eq!(broadcast_dims(b, a).unwrap().as_slice(), want);
        }
        assert_eq!(message(broadcast_dims(&[2, 3], &[4])), "incompatible shapes: [2,3] vs. [4]");
        assert_eq!(message(broadcast_dims(&[0], &[3])), "incompatible shapes: [0] vs. [3]");
    }
}
