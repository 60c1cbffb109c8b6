//! Integer tensors as lists of int64, without a copy.

use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::value::Value;

/// The elements of a tensor of indices or sizes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Ints<'a> {
    /// One op takes them.
    U8(&'a [u8]),
    /// TensorFlow 2 takes short indices in a few ops.
    I16(&'a [i16]),
    I32(&'a [i32]),
    I64(&'a [i64]),
}

impl<'a> Ints<'a> {
    /// The elements of `value`.
    ///
    /// # Errors
    /// `DTypeMismatch` for another dtype.
    pub(crate) fn of(value: &'a Value) -> Result<Ints<'a>> {
        match value.dtype() {
            DType::I16 => value.slice().map(Ints::I16),
            DType::I32 => value.slice().map(Ints::I32),
            DType::I64 => value.slice().map(Ints::I64),
            dtype => Err(Error::dtype(format!("sizes must be int32 or int64, but are {dtype}"))),
        }
    }

    /// How many there are.
    pub(crate) fn len(self) -> usize {
        match self {
            Ints::U8(ints) => ints.len(),
            Ints::I16(ints) => ints.len(),
            Ints::I32(ints) => ints.len(),
            Ints::I64(ints) => ints.len(),
        }
    }

    /// Element `i`.
    #[inline]
    pub(crate) fn get(self, i: usize) -> i64 {
        match self {
            Ints::U8(ints) => ints[i].into(),
            Ints::I16(ints) => ints[i].into(),
            Ints::I32(ints) => ints[i].into(),
            Ints::I64(ints) => ints[i],
        }
    }

    /// The only element; `None` where there are more or none.
    pub(crate) fn only(self) -> Option<i64> {
        (self.len() == 1).then(|| self.get(0))
    }

    /// All elements.
    pub(crate) fn iter(self) -> impl ExactSizeIterator<Item = i64> + 'a {
        (0..self.len()).map(move |i| self.get(i))
    }
}
