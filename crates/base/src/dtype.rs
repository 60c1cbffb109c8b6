//! Element types, and the one place that turns a [`DType`] into a Rust type.

use std::fmt;

use half::{bf16, f16};
use num_complex::Complex;

/// What the elements of a tensor are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
#[repr(u8)]
pub enum DType {
    F32 = 1,
    F64 = 2,
    I32 = 3,
    U8 = 4,
    I16 = 5,
    I8 = 6,
    String = 7,
    C64 = 8,
    I64 = 9,
    Bool = 10,
    /// Quantized: stands for a float, by a range that is kept elsewhere. Held, moved and cast; no arithmetic.
    QI8 = 11,
    QU8 = 12,
    QI32 = 13,
    BF16 = 14,
    QI16 = 15,
    QU16 = 16,
    U16 = 17,
    C128 = 18,
    F16 = 19,
    /// A handle to state of the session or of the run.
    Resource = 20,
    /// A boxed value of another kind, such as a list of tensors.
    Variant = 21,
    U32 = 22,
    U64 = 23,
}

impl DType {
    /// Every dtype, in the order of TensorFlow's numbers.
    pub const ALL: [DType; 23] = [
        DType::F32,
        DType::F64,
        DType::I32,
        DType::U8,
        DType::I16,
        DType::I8,
        DType::String,
        DType::C64,
        DType::I64,
        DType::Bool,
        DType::QI8,
        DType::QU8,
        DType::QI32,
        DType::BF16,
        DType::QI16,
        DType::QU16,
        DType::U16,
        DType::C128,
        DType::F16,
        DType::Resource,
        DType::Variant,
        DType::U32,
        DType::U64,
    ];

    /// TensorFlow's name, as printed: `float32`.
    pub fn name(self) -> &'static str {
        match self {
            DType::F32 => "float32",
            DType::F64 => "float64",
            DType::I32 => "int32",
            DType::U8 => "uint8",
            DType::I16 => "int16",
            DType::I8 => "int8",
            DType::String => "string",
            DType::C64 => "complex64",
            DType::I64 => "int64",
            DType::Bool => "bool",
            DType::QI8 => "qint8",
            DType::QU8 => "quint8",
            DType::QI32 => "qint32",
            DType::BF16 => "bfloat16",
            DType::QI16 => "qint16",
            DType::QU16 => "quint16",
            DType::U16 => "uint16",
            DType::C128 => "complex128",
            DType::F16 => "float16",
            DType::Resource => "resource",
            DType::Variant => "variant",
            DType::U32 => "uint32",
            DType::U64 => "uint64",
        }
    }

    /// The number in TensorFlow's files.
    pub fn tf_number(self) -> i32 {
        self as i32
    }

    /// The dtype of a number in TensorFlow's files; a reference type (number + 100) gives its base.
    pub fn from_tf_number(number: i32) -> Option<DType> {
        let base = if number > 100 { number - 100 } else { number };
        DType::ALL.into_iter().find(|dtype| dtype.tf_number() == base)
    }

    /// Bytes of one element; `None` where elements have no fixed size.
    pub fn size(self) -> Option<usize> {
        match self.stored() {
            DType::I8 | DType::U8 | DType::Bool => Some(1),
            DType::I16 | DType::U16 | DType::F16 | DType::BF16 => Some(2),
            DType::F32 | DType::I32 | DType::U32 => Some(4),
            DType::F64 | DType::I64 | DType::U64 | DType::C64 => Some(8),
            DType::C128 => Some(16),
            _ => None,
        }
    }

    /// The integer dtype that elements of a quantized one are held as; any other dtype itself.
    pub fn stored(self) -> DType {
        match self {
            DType::QI8 => DType::I8,
            DType::QU8 => DType::U8,
            DType::QI16 => DType::I16,
            DType::QU16 => DType::U16,
            DType::QI32 => DType::I32,
            other => other,
        }
    }

    /// float16, bfloat16, float32 or float64.
    pub fn is_floating(self) -> bool {
        matches!(self, DType::F16 | DType::BF16 | DType::F32 | DType::F64)
    }

    /// Any signed or unsigned integer.
    pub fn is_integer(self) -> bool {
        matches!(
            self,
            DType::I8 | DType::I16 | DType::I32 | DType::I64 | DType::U8 | DType::U16 | DType::U32 | DType::U64
        )
    }

    /// complex64 or complex128.
    pub fn is_complex(self) -> bool {
        matches!(self, DType::C64 | DType::C128)
    }

    /// The smallest normal magnitude of floats and of the parts of complex numbers; 0 of other dtypes. What is smaller
    /// may be flushed to 0 by a machine that is told to, as TensorFlow's threads are.
    pub fn smallest_normal(self) -> f64 {
        match self {
            DType::F16 => half::f16::MIN_POSITIVE.to_f64(),
            DType::BF16 => half::bf16::MIN_POSITIVE.to_f64(),
            DType::F32 | DType::C64 => f32::MIN_POSITIVE.into(),
            DType::F64 | DType::C128 => f64::MIN_POSITIVE,
            _ => 0.0,
        }
    }
}

impl fmt::Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

mod sealed {
    pub trait Sealed {}
}

/// The Rust types that are dtypes.
pub trait Element: sealed::Sealed + Clone + Default + Send + Sync + fmt::Debug + 'static {
    /// The dtype of this Rust type.
    const DTYPE: DType;
}

/// Elements that are plain bytes: every dtype except strings, handles and quantized ones, which are seen as the integers
/// that they are held as ([`DType::stored`]).
///
/// # Safety
/// Implementors are `Copy`, have no padding and no drop glue, and `size_of::<Self>()` is `DTYPE.size()`. All bit
/// patterns are valid except for `bool`, whose bytes every writer keeps at 0 or 1.
pub unsafe trait Plain: Element + Copy + PartialEq {}

macro_rules! elements {
    ($($t:ty => $d:ident),* $(,)?) => { $(
        impl sealed::Sealed for $t {}
        impl Element for $t { const DTYPE: DType = DType::$d; }
        // SAFETY: primitive numbers, `repr(transparent)` halves and `repr(C)` pairs of one type have no padding.
        unsafe impl Plain for $t {}
    )* };
}
elements! {
    f32 => F32, f64 => F64, f16 => F16, bf16 => BF16, i8 => I8, i16 => I16, i32 => I32, i64 => I64,
    u8 => U8, u16 => U16, u32 => U32, u64 => U64, bool => Bool, Complex<f32> => C64, Complex<f64> => C128,
}
/// Strings of TensorFlow are bytes; a Rust `String` goes in and comes out where they are UTF-8.
impl sealed::Sealed for String {}
impl Element for String {
    const DTYPE: DType = DType::String;
}

/// Runs the body with `$T` bound to the Rust type of a dtype, for a named group of dtypes; any other dtype takes the
/// `else` branch. Dispatch happens once, outside the loop: `with_type!(x.dtype(), T in numbers => kernel::<T>(..), else => Err(..))`.
///
/// Groups: `floats` (float16 bfloat16 float32 float64), `signed` (floats and signed integers), `ints`, `reals` (floats and
/// integers), `inexact` (floats and complex), `numbers` (reals and complex), `plain` (all of fixed size, bool too),
/// `index` (int32 int64), `products` (floats, int32, int64 and complex: what TensorFlow multiplies matrices of). Groups
/// that end in `_but_wide` are without float32 and float64, for places behind a table of vector kernels that has these;
/// those that begin with `wide_` have only the widest dtypes (float32 float64 int32 int64 uint64, without the last in
/// `wide_signed`, with complex in `wide_numbers`), and `images` has uint8 beside them, for kernels that rare dtypes reach
/// in a wider one.
#[macro_export]
#[doc(hidden)]
macro_rules! with_type {
    (@arms $dtype:expr, $T:ident, $body:expr, $else:expr, $($d:ident $t:ty),*) => {
        match $dtype { $( $crate::DType::$d => { type $T = $t; $body } )* _ => $else }
    };
    ($dtype:expr, $T:ident in floats => $body:expr, else => $else:expr $(,)?) => {
        $crate::with_type!(@arms $dtype, $T, $body, $else, F32 f32, F64 f64, F16 half::f16, BF16 half::bf16)
    };
    ($dtype:expr, $T:ident in floats_but_wide => $body:expr, else => $else:expr $(,)?) => {
        $crate::with_type!(@arms $dtype, $T, $body, $else, F16 half::f16, BF16 half::bf16)
    };
    ($dtype:expr, $T:ident in reals_but_wide => $body:expr, else => $else:expr $(,)?) => {
        $crate::with_type!(@arms $dtype, $T, $body, $else, I32 i32, I64 i64, I8 i8, I16 i16, U8 u8, U16 u16,
            U32 u32, U64 u64, F16 half::f16, BF16 half::bf16)
    };
    ($dtype:expr, $T:ident in inexact_but_wide => $body:expr, else => $else:expr $(,)?) => {
        $crate::with_type!(@arms $dtype, $T, $body, $else, F16 half::f16, BF16 half::bf16,
            C64 num_complex::Complex<f32>, C128 num_complex::Complex<f64>)
    };
    ($dtype:expr, $T:ident in numbers_but_wide => $body:expr, else => $else:expr $(,)?) => {
        $crate::with_type!(@arms $dtype, $T, $body, $else, I32 i32, I64 i64, I8 i8, I16 i16, U8 u8, U16 u16,
            U32 u32, U64 u64, F16 half::f16, BF16 half::bf16, C64 num_complex::Complex<f32>, C128 num_complex::Complex<f64>)
    };
    ($dtype:expr, $T:ident in wide_floats => $body:expr, else => $else:expr $(,)?) => {
        $crate::with_type!(@arms $dtype, $T, $body, $else, F32 f32, F64 f64)
    };
    ($dtype:expr, $T:ident in wide_ints => $body:expr, else => $else:expr $(,)?) => {
        $crate::with_type!(@arms $dtype, $T, $body, $else, I32 i32, I64 i64, U64 u64)
    };
    ($dtype:expr, $T:ident in wide_signed => $body:expr, else => $else:expr $(,)?) => {
        $crate::with_type!(@arms $dtype, $T, $body, $else, F32 f32, F64 f64, I32 i32, I64 i64)
    };
    ($dtype:expr, $T:ident in wide_reals => $body:expr, else => $else:expr $(,)?) => {
        $crate::with_type!(@arms $dtype, $T, $body, $else, F32 f32, F64 f64, I32 i32, I64 i64, U64 u64)
    };
    ($dtype:expr, $T:ident in images => $body:expr, else => $else:expr $(,)?) => {
        $crate::with_type!(@arms $dtype, $T, $body, $else, U8 u8, F32 f32, F64 f64, I32 i32, I64 i64, U64 u64)
    };
    ($dtype:expr, $T:ident in wide_numbers => $body:expr, else => $else:expr $(,)?) => {
        $crate::with_type!(@arms $dtype, $T, $body, $else, F32 f32, F64 f64, I32 i32, I64 i64, U64 u64,
            C64 num_complex::Complex<f32>, C128 num_complex::Complex<f64>)
    };
    ($dtype:expr, $T:ident in products => $body:expr, else => $else:expr $(,)?) => {
        $crate::with_type!(@arms $dtype, $T, $body, $else, F32 f32, F64 f64, F16 half::f16, BF16 half::bf16, I32 i32, I64 i64,
            C64 num_complex::Complex<f32>, C128 num_complex::Complex<f64>)
    };
    ($dtype:expr, $T:ident in index => $body:expr, else => $else:expr $(,)?) => {
        $crate::with_type!(@arms $dtype, $T, $body, $else, I32 i32, I64 i64)
    };
    ($dtype:expr, $T:ident in ints => $body:expr, else => $else:expr $(,)?) => {
        $crate::with_type!(@arms $dtype, $T, $body, $else, I32 i32, I64 i64, I8 i8, I16 i16, U8 u8, U16 u16, U32 u32, U64 u64)
    };
    ($dtype:expr, $T:ident in signed => $body:expr, else => $else:expr $(,)?) => {
        $crate::with_type!(@arms $dtype, $T, $body, $else, F32 f32, F64 f64, I32 i32, I64 i64, I8 i8, I16 i16, F16 half::f16, BF16 half::bf16)
    };
    ($dtype:expr, $T:ident in reals => $body:expr, else => $else:expr $(,)?) => {
        $crate::with_type!(@arms $dtype, $T, $body, $else, F32 f32, F64 f64, I32 i32, I64 i64, I8 i8, I16 i16, U8 u8, U16 u16,
            U32 u32, U64 u64, F16 half::f16, BF16 half::bf16)
    };
    ($dtype:expr, $T:ident in inexact => $body:expr, else => $else:expr $(,)?) => {
        $crate::with_type!(@arms $dtype, $T, $body, $else, F32 f32, F64 f64, F16 half::f16, BF16 half::bf16,
            C64 num_complex::Complex<f32>, C128 num_complex::Complex<f64>)
    };
    ($dtype:expr, $T:ident in numbers => $body:expr, else => $else:expr $(,)?) => {
        $crate::with_type!(@arms $dtype, $T, $body, $else, F32 f32, F64 f64, I32 i32, I64 i64, I8 i8, I16 i16, U8 u8, U16 u16,
            U32 u32, U64 u64, F16 half::f16, BF16 half::bf16, C64 num_complex::Complex<f32>, C128 num_complex::Complex<f64>)
    };
    ($dtype:expr, $T:ident in plain => $body:expr, else => $else:expr $(,)?) => {
        $crate::with_type!(@arms $dtype, $T, $body, $else, F32 f32, F64 f64, I32 i32, I64 i64, I8 i8, I16 i16, U8 u8, U16 u16,
            U32 u32, U64 u64, F16 half::f16, BF16 half::bf16, C64 num_complex::Complex<f32>, C128 num_complex::Complex<f64>,
            Bool bool)
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_agree_with_the_rust_types() {
        for dtype in DType::ALL {
            let size = with_type!(dtype.stored(), T in plain => Some(size_of::<T>()), else => None);
            assert_eq!(size, dtype.size(), "{dtype}");
            assert_eq!(DType::from_tf_number(dtype.tf_number()), Some(dtype));
            assert_eq!(DType::from_tf_number(dtype.tf_number() + 100), Some(dtype));
        }
        assert_eq!(DType::from_tf_number(0), None);
        assert_eq!(DType::from_tf_number(999), None);
    }
}
