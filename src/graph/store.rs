//! An append-only list whose elements never move, so that readers take no lock.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Elements of the first chunk; each further chunk is twice as large as the one before. Bodies are graphs of a few nodes.
const FIRST: usize = 8;
/// Enough chunks for all of `u32`.
const CHUNKS: usize = 30;

/// A list that grows in chunks. Writers are serialized by the caller; readers see every element whose index is below a
/// length that they have read.
pub(crate) struct Store<T> {
    chunks: [OnceLock<Box<[OnceLock<T>]>>; CHUNKS],
    len: AtomicUsize,
}

/// Chunk and position of an index: chunk `c` holds `FIRST << c` elements and starts at `FIRST * (2^c - 1)`.
fn locate(index: usize) -> (usize, usize) {
    let block = index / FIRST + 1;
    let chunk = block.ilog2() as usize;
    (chunk, index - FIRST * ((1 << chunk) - 1))
}

impl<T> Store<T> {
    pub(crate) fn new() -> Store<T> {
        Store { chunks: [const { OnceLock::new() }; CHUNKS], len: AtomicUsize::new(0) }
    }

    /// How many elements are there.
    pub(crate) fn len(&self) -> usize {
        self.len.load(Ordering::Acquire)
    }

    /// The element, if it is there.
    pub(crate) fn get(&self, index: usize) -> Option<&T> {
        let (chunk, position) = locate(index);
        self.chunks.get(chunk)?.get()?.get(position)?.get()
    }

    /// Bytes of the chunks.
    pub(crate) fn memory(&self) -> usize {
        self.chunks.iter().filter_map(OnceLock::get).map(|chunk| size_of_val(&**chunk)).sum()
    }

    /// Appends and answers the index, or gives the element back where the store is full or another writer was there.
    pub(crate) fn push(&self, value: T) -> Result<usize, T> {
        let index = self.len.load(Ordering::Relaxed);
        let (chunk, position) = locate(index);
        let Some(slot) = self.chunks.get(chunk) else { return Err(value) };
        let slots = slot.get_or_init(|| (0..FIRST << chunk).map(|_| OnceLock::new()).collect());
        slots[position].set(value)?;
        self.len.store(index + 1, Ordering::Release);
        Ok(index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_keep_their_place() {
        let store = Store::new();
        for n in 0..10_000usize {
            assert_eq!(store.push(n), Ok(n));
        }
        assert_eq!(store.len(), 10_000);
        assert!((0..10_000).all(|n| store.get(n) == Some(&n)));
        assert_eq!(store.get(10_000), None);
        assert_eq!(store.get(usize::MAX / 2), None);
    }

    #[test]
    fn chunk_borders_are_seamless() {
        assert_eq!(locate(0), (0, 0));
        assert_eq!(locate(7), (0, 7));
        assert_eq!(locate(8), (1, 0));
        assert_eq!(locate(23), (1, 15));
        assert_eq!(locate(24), (2, 0));
        assert!(locate(u32::MAX as usize).0 < CHUNKS);
    }
}
