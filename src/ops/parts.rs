//! Filling a slice from many threads, in pieces whose borders the caller's sizes fix.

use crate::error::Result;
use crate::graph::RunCx;

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
