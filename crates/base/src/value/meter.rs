//! A memory budget: counts the bytes of values that are alive, and refuses more than were granted.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::Value;
use super::buffer::Buffer;
use crate::dtype::DType;
use crate::error::{Error, ErrorKind, Result};
use crate::shape::{byte_len, element_count};

/// Bytes that a string takes beside its contents.
const STRING_BYTES: usize = size_of::<Vec<u8>>();

/// Counts values while they live. Clones share the count.
///
/// Counted is the length of the elements, not what the allocator adds, so the peak follows from shapes alone.
#[derive(Debug, Clone)]
pub struct Meter(Arc<Counts>);

#[derive(Debug)]
struct Counts {
    budget: usize,
    live: AtomicUsize,
    peak: AtomicUsize,
}

/// Bytes in use; dropping it gives them back.
#[derive(Debug)]
pub(super) struct Ticket {
    counts: Arc<Counts>,
    bytes: usize,
}

impl Meter {
    /// A budget of so many bytes.
    pub fn new(budget: usize) -> Meter {
        Meter(Arc::new(Counts { budget, live: AtomicUsize::new(0), peak: AtomicUsize::new(0) }))
    }

    /// Bytes in use.
    pub fn live(&self) -> usize {
        self.0.live.load(Ordering::Relaxed)
    }

    /// The most bytes that were in use at once.
    pub fn peak(&self) -> usize {
        self.0.peak.load(Ordering::Relaxed)
    }

    /// A value of zeros that counts while its memory lives. The memory is neither recycled nor moved out of values.
    /// Strings are checked against what is left, but not counted: they grow later.
    ///
    /// # Errors
    /// ResourceExhausted, with the budget and what was asked for; InvalidArgument for dims whose product overflows;
    /// DTypeMismatch for handles.
    pub fn alloc(&self, dtype: DType, dims: &[usize]) -> Result<Value> {
        let len = element_count(dims)?;
        if dtype.size().is_none() {
            self.take(len.saturating_mul(STRING_BYTES))?;
            return Value::zeros(dtype, dims);
        }
        let bytes = byte_len(dims, dtype)?;
        Ok(Value::plain(dtype, dims, len, Buffer::zeroed_on(self.take(bytes)?, bytes)?))
    }

    /// An error if so many bytes more are beyond the budget. They are not counted: this is for what a step holds beside
    /// values, in proportion to them.
    ///
    /// # Errors
    /// ResourceExhausted, with the budget and what was asked for.
    pub fn check_room(&self, bytes: usize) -> Result<()> {
        self.take(bytes).map(drop)
    }

    /// An error if so many bytes beside `live` others are beyond the budget, whatever is in use now.
    ///
    /// # Errors
    /// ResourceExhausted, with the budget and what was asked for.
    pub fn check_beside(&self, live: usize, bytes: usize) -> Result<()> {
        match live.checked_add(bytes).is_some_and(|sum| sum <= self.0.budget) {
            true => Ok(()),
            false => Err(exceeded(self.0.budget, live, bytes)),
        }
    }

    pub(super) fn take(&self, bytes: usize) -> Result<Ticket> {
        self.0.take(bytes)?;
        Ok(Ticket { counts: self.0.clone(), bytes })
    }
}

impl Counts {
    fn take(&self, bytes: usize) -> Result<()> {
        let Counts { budget, live, peak } = self;
        let grow = |live: usize| live.checked_add(bytes).filter(|live| live <= budget);
        match live.fetch_update(Ordering::Relaxed, Ordering::Relaxed, grow) {
            Ok(before) => peak.fetch_max(before + bytes, Ordering::Relaxed),
            Err(live) => return Err(exceeded(*budget, live, bytes)),
        };
        Ok(())
    }
}

impl Ticket {
    /// Counts more bytes.
    pub(super) fn grow(&mut self, bytes: usize) -> Result<()> {
        self.counts.take(bytes)?;
        self.bytes += bytes;
        Ok(())
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.counts.live.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cold]
fn exceeded(budget: usize, live: usize, bytes: usize) -> Error {
    let text = format!("the memory budget is {budget} bytes, but {live} are in use and {bytes} more are needed");
    Error::new(ErrorKind::ResourceExhausted, text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Recycler;

    #[test]
    fn bytes_count_while_any_clone_lives() {
        let meter = Meter::new(100);
        let x = meter.alloc(DType::F32, &[20]).unwrap();
        let y = x.clone();
        drop(x);
        assert_eq!((meter.live(), meter.peak()), (80, 80));
        let text = meter.alloc(DType::U8, &[3, 7]).err().unwrap().to_string();
        assert_eq!(text, "the memory budget is 100 bytes, but 80 are in use and 21 more are needed");
        drop(y);
        assert!(meter.alloc(DType::U8, &[100]).is_ok());
        assert_eq!((meter.live(), meter.peak()), (0, 100));
    }

    #[test]
    fn counted_memory_is_not_passed_on() {
        let (meter, mut recycler) = (Meter::new(1 << 10), Recycler::default());
        let x = meter.alloc(DType::C128, &[8]).unwrap();
        assert!(x.clone().array::<num_complex::Complex64>().is_ok());
        recycler.give(x);
        assert_eq!((meter.live(), recycler.free_bytes()), (0, 0));
        recycler.give(meter.alloc(DType::U8, &[100]).unwrap());
        assert_eq!((meter.live(), recycler.free_bytes()), (0, 0));
    }

    #[test]
    fn hostile_dims_are_errors_and_count_nothing() {
        let meter = Meter::new(usize::MAX);
        for dtype in [DType::F32, DType::String, DType::Resource] {
            for dims in [&[usize::MAX][..], &[1 << 62], &[1 << 40, 1 << 40]] {
                assert!(meter.alloc(dtype, dims).is_err());
            }
        }
        assert_eq!(meter.live(), 0);
        assert!(Meter::new(100).alloc(DType::String, &[1 << 20]).is_err());
    }
}
