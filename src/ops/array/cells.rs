//! Elements that are only moved: one kernel an element *size*, not one a dtype, one for strings, and one for variants.
//!
//! `with_cells!(dtype, E => ..)` binds `E` to the cell type of a dtype; [`cells`] and [`cells_mut`] see a value as such.
//! A cell cannot be made, only copied from another, so what a kernel writes is an element that there was before.

use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::value::Value;
use crate::value::variant::Variant;

/// A cell: `Copy` bytes of one size, a string, or a variant.
pub(in crate::ops) trait Cell: Clone + PartialEq + Send + Sync + 'static {
    /// A value's elements as cells.
    fn of(value: &Value) -> Result<&[Self]>;
    /// A value's elements as cells, to be written with cells of the same dtype.
    fn of_mut(value: &mut Value) -> Result<&mut [Self]>;
}

/// Plain bytes. Private, so that nobody makes a bool of 2.
macro_rules! plain_cells {
    ($($name:ident $bytes:ty;)*) => { $(
        #[derive(Clone, Copy, PartialEq)]
        #[repr(transparent)]
        pub(in crate::ops) struct $name($bytes);

        impl Cell for $name {
            fn of(value: &Value) -> Result<&[$name]> {
                check::<$name>(value.dtype())?;
                let start = value.bytes()?.as_ptr().cast();
                // SAFETY: the value holds `len` plain elements of this size, aligned at least as a cell is.
                Ok(unsafe { std::slice::from_raw_parts(start, value.len()) })
            }

            fn of_mut(value: &mut Value) -> Result<&mut [$name]> {
                check::<$name>(value.dtype())?;
                let len = value.len();
                let start = value.make_mut_plain().map_err(|_| not_movable(value.dtype()))?.cast();
                // SAFETY: as for `of`, and the memory is this value's alone; whatever is written was read from a value of
                // the same dtype.
                Ok(unsafe { std::slice::from_raw_parts_mut(start, len) })
            }
        }
    )* };
}
// Halves of 8 and 16 bytes, as complex numbers have: their memory is aligned no better.
plain_cells! { Cell1 u8; Cell2 u16; Cell4 u32; Cell8 [u32; 2]; Cell16 [u64; 2]; }

impl Cell for Vec<u8> {
    fn of(value: &Value) -> Result<&[Vec<u8>]> {
        value.strings().map_err(|_| not_movable(value.dtype()))
    }

    fn of_mut(value: &mut Value) -> Result<&mut [Vec<u8>]> {
        let dtype = value.dtype();
        value.strings_mut().map_err(|_| not_movable(dtype))
    }
}

impl Cell for Variant {
    fn of(value: &Value) -> Result<&[Variant]> {
        value.as_variants().map_err(|_| not_movable(value.dtype()))
    }

    fn of_mut(value: &mut Value) -> Result<&mut [Variant]> {
        let dtype = value.dtype();
        value.variants_mut().map_err(|_| not_movable(dtype))
    }
}

fn check<E>(dtype: DType) -> Result<()> {
    if dtype.size() == Some(size_of::<E>()) { Ok(()) } else { Err(not_movable(dtype)) }
}

#[cold]
fn not_movable(dtype: DType) -> Error {
    Error::unsupported(format!("the op does not take elements of {dtype}"))
}

/// A value's elements as cells.
pub(in crate::ops) fn cells<E: Cell>(value: &Value) -> Result<&[E]> {
    E::of(value)
}

/// A value's elements as cells, to be written with cells of the same dtype.
pub(in crate::ops) fn cells_mut<E: Cell>(value: &mut Value) -> Result<&mut [E]> {
    E::of_mut(value)
}

/// Runs the body with `$E` bound to the cell type of a dtype; handles have strings' type, which refuses them.
macro_rules! with_cells {
    ($dtype:expr, $E:ident => $body:expr) => {{
        use $crate::ops::array::cells as kinds;
        match $dtype.size() {
            Some(1) => {
                type $E = kinds::Cell1;
                $body
            }
            Some(2) => {
                type $E = kinds::Cell2;
                $body
            }
            Some(4) => {
                type $E = kinds::Cell4;
                $body
            }
            Some(8) => {
                type $E = kinds::Cell8;
                $body
            }
            Some(_) => {
                type $E = kinds::Cell16;
                $body
            }
            None if $dtype == $crate::DType::Variant => {
                type $E = $crate::value::variant::Variant;
                $body
            }
            None => {
                type $E = Vec<u8>;
                $body
            }
        }
    }};
}
pub(in crate::ops) use with_cells;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[allow(clippy::clone_on_copy)] // strings are cells too, and they are no copies
    fn every_dtype_but_handles_has_cells() {
        for dtype in DType::ALL {
            let Ok(mut value) = Value::zeros(dtype, &[2, 3]) else { continue };
            let n = with_cells!(dtype, E => {
                let first = cells::<E>(&value).unwrap()[0].clone();
                let all = cells_mut::<E>(&mut value).unwrap();
                all[5] = first;
                all.len()
            });
            assert_eq!(n, 6, "{dtype}");
        }
        let handle = Value::from_object(DType::Resource, std::sync::Arc::new(1));
        assert!(with_cells!(DType::Resource, E => cells::<E>(&handle).is_err()));
    }
}
