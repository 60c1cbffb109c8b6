//! What a kernel works with beside inputs and outputs: memory that counts, and a pace that ends it in time.

use super::ints::Ints;
use super::run::{Env, RunCx};
use crate::cancel::{Limits, Pace};
use crate::error::Result;
use crate::kernel::sort::{self, Compare};
use crate::kernel::threads::Threads;
use crate::value::{Meter, Room, ScratchVec, Value};

/// Scratch memory and pace of one run, for kernels and for their chunks on other threads.
///
/// No kernel may size memory by a dim, an attribute or a number of an input in any other way: a tensor without elements
/// may have vast dims, and a `Vec` that finds no memory ends the process.
#[derive(Clone, Copy)]
pub struct Workspace<'a> {
    meter: Option<&'a Meter>,
    limits: &'a Limits,
}

impl<'a> Workspace<'a> {
    pub(crate) fn new(meter: Option<&'a Meter>, limits: &'a Limits) -> Workspace<'a> {
        Workspace { meter, limits }
    }

    /// Without a budget, and without limits.
    #[cfg(test)]
    pub(crate) fn unlimited() -> Workspace<'static> {
        static UNLIMITED: Limits = Limits::NONE;
        Workspace::new(None, &UNLIMITED)
    }

    /// A list of `n` items that are 0, false or empty.
    ///
    /// # Errors
    /// `ResourceExhausted` without memory, or beyond the run's budget.
    pub fn scratch<T: Default + Clone>(&self, n: usize) -> Result<ScratchVec<T>> {
        self.scratch_of(n, T::default())
    }

    /// A list of `n` copies of `item`.
    ///
    /// # Errors
    /// As for [`Workspace::scratch`].
    pub fn scratch_of<T: Clone>(&self, n: usize, item: T) -> Result<ScratchVec<T>> {
        let mut list = ScratchVec::new(self.meter)?;
        list.resize(n, item)?;
        Ok(list)
    }

    /// An empty list with room for `n` items.
    ///
    /// # Errors
    /// As for [`Workspace::scratch`].
    pub fn list<T>(&self, n: usize) -> Result<ScratchVec<T>> {
        let mut list = ScratchVec::new(self.meter)?;
        list.reserve(n)?;
        Ok(list)
    }

    /// The items of an iterator.
    ///
    /// # Errors
    /// As for [`Workspace::scratch`].
    pub fn collect<T>(&self, items: impl IntoIterator<Item = T>) -> Result<ScratchVec<T>> {
        let mut list = ScratchVec::new(self.meter)?;
        list.extend(items)?;
        Ok(list)
    }

    /// Counts room for `n` items in a map or another form that grows by itself; what is in use of it must not be more.
    ///
    /// # Errors
    /// As for [`Workspace::scratch`].
    pub fn room<T>(&self, n: usize) -> Result<Room> {
        let mut room = Room::new(self.meter)?;
        room.add::<T>(n)?;
        Ok(room)
    }

    /// An error if so many bytes are beyond what is left of the run's budget; they are not counted.
    ///
    /// # Errors
    /// `ResourceExhausted`.
    pub fn check_room(&self, bytes: usize) -> Result<()> {
        self.meter.map_or(Ok(()), |meter| meter.check_room(bytes))
    }

    /// Counts the work of one thread, and looks at the limits of the run about once in a millisecond.
    pub fn pace(&self) -> Pace<'a> {
        Pace::new(self.limits)
    }

    /// Sorts `items`, and leaves equal ones in their order. A comparison takes `cost` units of [`Pace`] beside its
    /// call: 0 for numbers, the length for rows. `compare` must be a total order.
    ///
    /// # Errors
    /// As for [`Workspace::scratch`]; `Cancelled`, `DeadlineExceeded`.
    pub fn sort<T: Copy + Default>(&self, items: &mut [T], cost: usize, compare: &mut Compare<'_, T>) -> Result<()> {
        let mut spare = self.scratch(sort::spare_len(items.len()))?;
        sort::sort(items, &mut spare, cost, compare, &mut self.pace())
    }
}

/// Forms of [`Workspace`] for kernels on the thread of their step.
impl<'a> RunCx<'a> {
    /// Scratch memory and pace, to take along to other threads.
    pub fn workspace(&self) -> Workspace<'a> {
        let Env { meter, limits, .. } = self.env();
        Workspace::new(meter, limits)
    }

    /// The threads for kernels. Cut work by its shape alone, never by the number of threads.
    pub fn threads(&self) -> Threads<'a> {
        let Env { pool, limits, meter, .. } = self.env();
        Threads::new(pool, limits).metered(meter)
    }

    /// See [`Workspace::scratch`].
    ///
    /// # Errors
    /// `ResourceExhausted` without memory, or beyond the run's budget.
    pub fn scratch<T: Default + Clone>(&self, n: usize) -> Result<ScratchVec<T>> {
        self.workspace().scratch(n)
    }

    /// See [`Workspace::scratch_of`].
    ///
    /// # Errors
    /// As for [`RunCx::scratch`].
    pub fn scratch_of<T: Clone>(&self, n: usize, item: T) -> Result<ScratchVec<T>> {
        self.workspace().scratch_of(n, item)
    }

    /// See [`Workspace::list`].
    ///
    /// # Errors
    /// As for [`RunCx::scratch`].
    pub fn list<T>(&self, n: usize) -> Result<ScratchVec<T>> {
        self.workspace().list(n)
    }

    /// See [`Workspace::collect`].
    ///
    /// # Errors
    /// As for [`RunCx::scratch`].
    pub fn collect<T>(&self, items: impl IntoIterator<Item = T>) -> Result<ScratchVec<T>> {
        self.workspace().collect(items)
    }

    /// The elements of an integer tensor. [`Ints`] reads them where they lie; this is for what wants a slice.
    ///
    /// # Errors
    /// `DTypeMismatch` for another dtype; as for [`RunCx::scratch`].
    pub(crate) fn ints(&self, value: &Value) -> Result<ScratchVec<i64>> {
        const PART: usize = 1 << 16;
        let (ints, mut pace) = (Ints::of(value)?, self.pace());
        let mut list = self.list(ints.len())?;
        for from in (0..ints.len()).step_by(PART) {
            let to = ints.len().min(from + PART);
            pace.spend(to - from)?;
            list.extend((from..to).map(|i| ints.get(i)))?;
        }
        Ok(list)
    }

    /// See [`Workspace::room`].
    ///
    /// # Errors
    /// As for [`RunCx::scratch`].
    pub fn room<T>(&self, n: usize) -> Result<Room> {
        self.workspace().room::<T>(n)
    }

    /// See [`Workspace::sort`].
    ///
    /// # Errors
    /// As for [`RunCx::scratch`]; `Cancelled`, `DeadlineExceeded`.
    pub fn sort<T: Copy + Default>(&self, items: &mut [T], cost: usize, compare: &mut Compare<'_, T>) -> Result<()> {
        self.workspace().sort(items, cost, compare)
    }

    /// See [`Workspace::pace`].
    pub fn pace(&self) -> Pace<'a> {
        self.workspace().pace()
    }

    /// Runs `f(0..chunks)` on the threads; stops early when the run has to.
    ///
    /// # Errors
    /// `Cancelled`, `DeadlineExceeded`.
    pub fn parallel_for(&self, chunks: usize, f: &(dyn Fn(usize) + Sync)) -> Result<()> {
        let threads = self.threads();
        threads.run(chunks, f);
        threads.check()
    }

    /// As [`RunCx::parallel_for`] with chunks that can fail: the error of the smallest failing chunk comes out.
    ///
    /// # Errors
    /// That of a chunk; `Cancelled`, `DeadlineExceeded`.
    pub fn try_parallel_for(&self, chunks: usize, f: &(dyn Fn(usize) -> Result<()> + Sync)) -> Result<()> {
        self.threads().try_run(chunks, f)
    }

    /// An error if the run has to stop; serial kernels ask through [`RunCx::pace`].
    ///
    /// # Errors
    /// `Cancelled`, `DeadlineExceeded`.
    pub fn check(&self) -> Result<()> {
        self.threads().check()
    }
}
