//! Which dtypes an elementwise op takes.

use crate::dtype::DType;
use crate::error::{Error, Result};

/// A group of dtypes, as `with_type!` names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dtypes {
    /// float16, bfloat16, float32, float64.
    Floats,
    /// float32, float64.
    WideFloats,
    /// Signed and unsigned integers.
    Ints,
    /// Floats and integers.
    Reals,
    /// Floats and complex numbers.
    Inexact,
    /// Floats, integers, complex numbers.
    Numbers,
    /// Numbers, and strings.
    NumbersAndStrings,
    /// Numbers, bools and strings.
    All,
    /// bool.
    Bools,
    /// complex64 and complex128.
    Complex,
}

impl Dtypes {
    /// Whether the dtype is in the group.
    pub fn contains(self, dtype: DType) -> bool {
        let is_real = dtype.is_floating() || dtype.is_integer();
        match self {
            Dtypes::Floats => dtype.is_floating(),
            Dtypes::WideFloats => matches!(dtype, DType::F32 | DType::F64),
            Dtypes::Ints => dtype.is_integer(),
            Dtypes::Reals => is_real,
            Dtypes::Inexact => dtype.is_floating() || dtype.is_complex(),
            Dtypes::Numbers => is_real || dtype.is_complex(),
            Dtypes::NumbersAndStrings => is_real || dtype.is_complex() || dtype == DType::String,
            Dtypes::All => is_real || dtype.is_complex() || matches!(dtype, DType::String | DType::Bool),
            Dtypes::Bools => dtype == DType::Bool,
            Dtypes::Complex => dtype.is_complex(),
        }
    }
}

/// Refuses other dtypes before the run.
pub(super) fn check_dtype(group: Dtypes, dtype: DType) -> Result<()> {
    if group.contains(dtype) { Ok(()) } else { Err(unsupported(dtype)) }
}

#[cold]
pub(super) fn unsupported(dtype: DType) -> Error {
    Error::unsupported(format!("this op is not for {dtype}"))
}
