//! [`Slots`]: where the values of a run lie.

use std::cell::UnsafeCell;

use crate::value::Value;

/// The values of one run, one cell a tensor. The plan decides who may touch which cell when.
pub struct Slots(Box<[UnsafeCell<Option<Value>>]>);

// SAFETY: cells are reached through `get`, `put` and `RunCx` only, whose callers promise that no two threads touch one
// cell at a time; `Value` itself is Send and Sync.
unsafe impl Sync for Slots {}

impl Slots {
    /// Empty cells.
    pub fn new(n: usize) -> Slots {
        Slots((0..n).map(|_| UnsafeCell::new(None)).collect())
    }

    /// How many cells there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The cell, by exclusive access to all of them.
    pub fn get_mut(&mut self, i: usize) -> &mut Option<Value> {
        self.0[i].get_mut()
    }

    /// Reads a cell.
    ///
    /// # Safety
    /// Nobody writes or empties cell `i` while the reference lives.
    #[inline]
    pub unsafe fn get(&self, i: usize) -> Option<&Value> {
        // SAFETY: the caller keeps writers away.
        unsafe { (*self.0[i].get()).as_ref() }
    }

    /// Fills a cell; answers what it held.
    ///
    /// # Safety
    /// As for [`Slots::take`].
    #[inline]
    pub unsafe fn put(&self, i: usize, value: Value) -> Option<Value> {
        // SAFETY: the caller has the cell for itself.
        let cell = unsafe { &mut *self.0[i].get() };
        // Cells are empty but by mistake: nothing is moved out then.
        let old = if cell.is_some() { cell.take() } else { None };
        *cell = Some(value);
        old
    }

    /// Empties a cell.
    ///
    /// # Safety
    /// Nobody else reads or writes cell `i` during the call, and no reference into it is alive.
    #[inline]
    pub unsafe fn take(&self, i: usize) -> Option<Value> {
        // SAFETY: the caller has the cell for itself.
        let cell = unsafe { &mut *self.0[i].get() };
        // Most cells that are emptied have been taken before: nothing is moved then.
        if cell.is_none() { None } else { cell.take() }
    }

    /// Moves the value of cell `from` to cell `to`, and lends it.
    ///
    /// # Safety
    /// As for [`Slots::take`], of both cells, and until the reference is dropped; they are not one cell.
    #[inline]
    #[allow(clippy::mut_from_ref)]
    pub(super) unsafe fn shift(&self, from: usize, to: usize) -> Option<&mut Value> {
        // SAFETY: the caller has both cells for itself, and they differ.
        let (from, to) = unsafe { (&mut *self.0[from].get(), &mut *self.0[to].get()) };
        *to = None;
        // SAFETY: the value is moved, and where it was is overwritten without dropping it; `to` holds nothing to drop.
        // (`take` would pass it through the stack: a third of the time of a step.)
        unsafe {
            std::ptr::copy_nonoverlapping(from, to, 1);
            std::ptr::write(from, None);
        }
        to.as_mut()
    }
}
