//! Elements that are only moved: one kernel an element *size*, not one a dtype, one for strings, and one for variants.
//!
//! `with_cells!(dtype, E => ..)` binds `E` to the cell type of a dtype; [`cells`] and [`cells_mut`] see a value as such.
//! A cell cannot be made, only copied from another, so what a kernel writes is an element that there was before.

use crate::cancel::Pace;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::graph::RunCx;
use crate::value::Value;
use crate::value::variant::Variant;

/// Plain cells that one thread fills in some 50 us: 2 MiB of the largest, 256 KiB of the smallest.
const FILL: usize = 1 << 18;

/// A cell: `Copy` bytes of one size, a string, or a variant.
pub(in crate::ops) trait Cell: Clone + PartialEq + Send + Sync + 'static {
    /// Whether all cells cost the same to copy, and own nothing.
    const IS_PLAIN: bool;
    /// Cells that are copied in some 50 us, if they are small.
    const BATCH: usize;
    /// Units of work that it takes to copy these.
    fn work(cells: &[Self]) -> usize;
    /// Bytes that copies of these own beside the cells.
    fn contents(cells: &[Self]) -> usize;
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
            const IS_PLAIN: bool = true;
            const BATCH: usize = 1 << 16;

            fn work(cells: &[$name]) -> usize {
                cells.len()
            }

            fn contents(_: &[$name]) -> usize {
                0
            }

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
    const IS_PLAIN: bool = false;
    const BATCH: usize = 1 << 11;

    fn work(cells: &[Vec<u8>]) -> usize {
        cells.iter().map(|text| 32 + text.len() / 8).sum()
    }

    fn contents(cells: &[Vec<u8>]) -> usize {
        cells.iter().map(Vec::len).sum()
    }

    fn of(value: &Value) -> Result<&[Vec<u8>]> {
        value.strings().map_err(|_| not_movable(value.dtype()))
    }

    fn of_mut(value: &mut Value) -> Result<&mut [Vec<u8>]> {
        let dtype = value.dtype();
        value.strings_mut().map_err(|_| not_movable(dtype))
    }
}

impl Cell for Variant {
    const IS_PLAIN: bool = false;
    const BATCH: usize = 1 << 9;

    fn work(cells: &[Variant]) -> usize {
        cells.len() * 128
    }

    /// What variants own is shared by their copies.
    fn contents(_: &[Variant]) -> usize {
        0
    }

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

/// Copies cells of any number and size.
///
/// # Errors
/// `Cancelled`, `DeadlineExceeded`.
#[inline]
pub(in crate::ops) fn copy_cells<E: Cell>(pace: &mut Pace<'_>, from: &[E], to: &mut [E]) -> Result<()> {
    if E::IS_PLAIN && from.len() <= E::BATCH {
        pace.spend(from.len())?;
        to.clone_from_slice(from);
        return Ok(());
    }
    copy_in_batches(pace, from, to)
}

fn copy_in_batches<E: Cell>(pace: &mut Pace<'_>, from: &[E], to: &mut [E]) -> Result<()> {
    debug_assert_eq!(from.len(), to.len(), "as many cells are written as are read");
    for (from, to) in from.chunks(E::BATCH).zip(to.chunks_mut(E::BATCH)) {
        pace.spend(E::work(from))?;
        to.clone_from_slice(from);
    }
    Ok(())
}

/// Fills cells of any number with copies of one small cell.
///
/// # Errors
/// As for [`copy_cells`].
pub(in crate::ops) fn fill_slice<E: Cell>(pace: &mut Pace<'_>, out: &mut [E], with: &E) -> Result<()> {
    out.chunks_mut(E::BATCH).try_for_each(|part| {
        pace.spend(E::work(std::slice::from_ref(with)).saturating_mul(part.len()))?;
        part.fill(with.clone());
        Ok(())
    })
}

/// Fills a value's cells, on all threads, with copies of one.
///
/// # Errors
/// As for [`copy_cells`]; `ResourceExhausted` for strings whose copies are beyond the run's budget.
pub(in crate::ops) fn fill_cells<E: Cell>(cx: &RunCx<'_>, out: &mut [E], with: &E) -> Result<()> {
    let one = std::slice::from_ref(with);
    cx.check_room(E::contents(one).saturating_mul(out.len()))?;
    let (work, unit) = (cx.workspace(), E::work(one));
    cx.try_for_chunks_mut(out, if E::IS_PLAIN { FILL } else { E::BATCH }, &|_, part| {
        let mut pace = work.pace();
        // A millisecond's work each, for strings may be long.
        part.chunks_mut(((1 << 20) / unit).max(1)).try_for_each(|part| {
            pace.spend(unit.saturating_mul(part.len()))?;
            part.fill(with.clone());
            Ok(())
        })
    })
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
