//! Memory that a kernel needs beside its outputs: asked for fallibly, and counted against the budget of the run.

use std::ops::{Deref, DerefMut};

use super::buffer::Buffer;
use super::meter::{Meter, Ticket};
use super::{Value, check_len};
use crate::dtype::Plain;
use crate::error::{Error, ErrorKind, Result};

/// A list of a kernel. It grows as a `Vec` does, but where memory ends, or the budget of the run, it answers with an
/// error where a `Vec` would end the process. Its bytes count while it lives.
///
/// Reading and writing elements is what slices can; what adds elements can fail.
#[derive(Debug, Default)]
pub struct ScratchVec<T> {
    items: Vec<T>,
    room: Room,
}

/// A number of bytes that a kernel holds in a form of its own, such as a map, counted against the budget of the run
/// until this is dropped.
#[derive(Debug, Default)]
pub struct Room {
    /// Absent where the run has no budget.
    ticket: Option<Ticket>,
}

impl Room {
    /// No bytes so far.
    pub fn new(meter: Option<&Meter>) -> Result<Room> {
        Ok(Room { ticket: meter.map(|meter| meter.take(0)).transpose()? })
    }

    /// Counts room for `n` more items.
    ///
    /// # Errors
    /// `ResourceExhausted` beyond the budget, or beyond what any machine has.
    pub fn add<T>(&mut self, n: usize) -> Result<()> {
        self.add_items(n, size_of::<T>())
    }

    /// Counts room for `n` more items of a size.
    fn add_items(&mut self, n: usize, size: usize) -> Result<()> {
        let bytes = n.checked_mul(size).filter(|bytes| isize::try_from(*bytes).is_ok());
        let bytes = bytes.ok_or_else(|| out_of_memory(n, size))?;
        self.ticket.as_mut().map_or(Ok(()), |ticket| ticket.grow(bytes))
    }
}

impl<T> ScratchVec<T> {
    /// An empty list.
    pub fn new(meter: Option<&Meter>) -> Result<ScratchVec<T>> {
        Ok(ScratchVec { items: Vec::new(), room: Room::new(meter)? })
    }

    /// Makes room for exactly `n` more items.
    ///
    /// # Errors
    /// `ResourceExhausted` without memory, or beyond the budget.
    pub fn reserve(&mut self, n: usize) -> Result<()> {
        let spare = self.items.capacity() - self.items.len();
        if n > spare {
            self.room.add_items(n - spare, size_of::<T>())?;
            if self.items.try_reserve_exact(n).is_err() {
                return Err(out_of_memory(n, size_of::<T>()));
            }
        }
        Ok(())
    }

    /// Adds an item at the end.
    ///
    /// # Errors
    /// As for [`ScratchVec::reserve`].
    #[inline]
    pub fn push(&mut self, item: T) -> Result<()> {
        if self.items.len() == self.items.capacity() {
            self.reserve(self.items.len().max(4))?;
        }
        self.items.push(item);
        Ok(())
    }

    /// Adds all items of an iterator.
    ///
    /// # Errors
    /// As for [`ScratchVec::reserve`].
    pub fn extend(&mut self, items: impl IntoIterator<Item = T>) -> Result<()> {
        let items = items.into_iter();
        self.reserve(items.size_hint().0)?;
        for item in items {
            self.push(item)?;
        }
        Ok(())
    }

    /// Cuts the list, or fills it up with copies of `item`.
    ///
    /// # Errors
    /// As for [`ScratchVec::reserve`].
    pub fn resize(&mut self, len: usize, item: T) -> Result<()>
    where
        T: Clone,
    {
        self.reserve(len.saturating_sub(self.items.len()))?;
        self.items.resize(len, item);
        Ok(())
    }

    /// Adds copies of all items of a slice.
    ///
    /// # Errors
    /// As for [`ScratchVec::reserve`].
    pub fn extend_from_slice(&mut self, items: &[T]) -> Result<()>
    where
        T: Clone,
    {
        self.reserve(items.len())?;
        self.items.extend_from_slice(items);
        Ok(())
    }

    /// Takes the last item away.
    pub fn pop(&mut self) -> Option<T> {
        self.items.pop()
    }

    /// Cuts the list; what it has room for stays counted.
    pub fn truncate(&mut self, len: usize) {
        self.items.truncate(len);
    }

    /// Empties the list; what it has room for stays counted.
    pub fn clear(&mut self) {
        self.items.clear();
    }

    /// The items, and what counts their bytes.
    pub fn into_parts(self) -> (Vec<T>, Room) {
        (self.items, self.room)
    }
}

impl<T: Plain> ScratchVec<T> {
    /// A tensor of the items, which stay where they are and count as before.
    ///
    /// # Errors
    /// `ShapeMismatch` if `dims` do not hold as many elements.
    pub fn into_value(self, dims: &[usize]) -> Result<Value> {
        let len = check_len(dims, self.items.len())?;
        let buffer = Buffer::adopt(self.items).counted(self.room.ticket);
        Ok(Value::plain(T::DTYPE, dims, len, buffer))
    }
}

impl<T> Deref for ScratchVec<T> {
    type Target = [T];

    #[inline]
    fn deref(&self) -> &[T] {
        &self.items
    }
}

impl<T> DerefMut for ScratchVec<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.items
    }
}

impl<T> IntoIterator for ScratchVec<T> {
    type Item = T;
    type IntoIter = std::vec::IntoIter<T>;

    fn into_iter(self) -> Self::IntoIter {
        self.items.into_iter()
    }
}

#[cold]
fn out_of_memory(n: usize, size: usize) -> Error {
    let text = format!("out of memory: an op needs {n} more items of {size} bytes beside its outputs");
    Error::new(ErrorKind::ResourceExhausted, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_counts_while_it_lives() {
        let meter = Meter::new(1000);
        let mut list = ScratchVec::<u32>::new(Some(&meter)).unwrap();
        list.resize(100, 7).unwrap();
        assert_eq!((meter.live(), list.len(), list[99]), (400, 100, 7));
        list.push(8).unwrap();
        assert_eq!(meter.live(), 800, "it doubles");
        let text = list.extend([0; 200]).unwrap_err().to_string();
        assert_eq!(text, "the memory budget is 1000 bytes, but 800 are in use and 404 more are needed");
        let value = list.into_value(&[101]).unwrap();
        assert_eq!((meter.live(), value.slice::<u32>().unwrap()[100]), (800, 8));
        drop(value);
        assert_eq!(meter.live(), 0);
    }

    #[test]
    fn what_no_machine_has_is_an_error() {
        for n in [usize::MAX, 1 << 60, 1 << 45] {
            let mut list = ScratchVec::<u64>::new(None).unwrap();
            assert_eq!(list.resize(n, 0).unwrap_err().kind(), ErrorKind::ResourceExhausted);
            assert_eq!(list.reserve(n).unwrap_err().kind(), ErrorKind::ResourceExhausted);
        }
        assert!(Room::new(None).unwrap().add::<u64>(1 << 61).is_err());
    }
}
