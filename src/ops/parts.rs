//! Filling a slice from many threads, in pieces whose borders the caller's sizes fix.

use crate::error::{Error, Result};
use crate::graph::RunCx;
use crate::kernel::element::Bytes;
use crate::value::Value;

/// Simple elements that one thread does in about 50 us, below which waking another does not pay.
pub(crate) const SERIAL: usize = 1 << 16;

/// Cuts `out` into pieces of `step` elements and fills them: `f(index of the piece's first element, piece)`. Not every
/// piece is filled if the run has to stop; then this is an error.
pub(crate) fn fill_parts<T: Send>(
    cx: &RunCx<'_>,
    out: &mut [T],
    step: usize,
    f: &(dyn Fn(usize, &mut [T]) + Sync),
) -> Result<()> {
    let step = step.max(1);
    if out.len() <= step {
        f(0, out);
        return cx.check();
    }
    cx.for_chunks_mut(out, step, &|i, part| f(i * step, part))
}

/// The bytes of plain elements, to write; copies them first if another value shares them.
///
/// # Errors
/// Those of [`Value::make_mut_plain`].
///
/// # Safety
/// Whatever is written are elements of the value's dtype: numbers may be any bytes, bools are 0 or 1.
pub(crate) unsafe fn bytes_mut(value: &mut Value) -> Result<&mut [u8]> {
    let len = value.byte_len();
    let bytes = value.make_mut_plain()?;
    // SAFETY: so many bytes begin there, which are this value's alone while it is borrowed.
    Ok(unsafe { std::slice::from_raw_parts_mut(bytes, len) })
}

/// The bytes of numbers, to write.
///
/// # Errors
/// For another dtype; those of [`Value::make_mut_plain`].
pub(crate) fn number_bytes_mut(value: &mut Value) -> Result<&mut [u8]> {
    let dtype = value.dtype();
    if !(dtype.is_floating() || dtype.is_integer() || dtype.is_complex()) {
        return Err(Error::unsupported(format!("the op is for numbers, not for {dtype}")));
    }
    // SAFETY: any bytes are numbers.
    unsafe { bytes_mut(value) }
}

/// Fills elements with one.
pub(crate) fn fill_bytes(out: &mut [u8], with: &Bytes) {
    let with = with.get();
    if with.iter().all(|byte| *byte == 0) {
        return out.fill(0);
    }
    for out in out.chunks_exact_mut(with.len()) {
        out.copy_from_slice(with);
    }
}
