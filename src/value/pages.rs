//! A long row of items that takes memory only where it was touched, and whose copies share what neither has changed.

use std::sync::Arc;

use crate::error::{Error, ErrorKind, Result};

/// Items a page: few enough that changing one of a shared page is cheap, enough that pages themselves cost little.
const PAGE: usize = 128;

/// A row of items, all of which are `T::default()` at first. Clones are cheap: they share their pages until one of them
/// writes, which copies one page.
#[derive(Debug, Clone)]
pub(crate) struct Pages<T> {
    pages: Vec<Page<T>>,
    len: usize,
}

/// The items of a page up to the last that was touched; nothing where none was.
type Page<T> = Option<Arc<Vec<T>>>;

impl<T: Clone + Default> Pages<T> {
    /// A row of `len` items. Costs nothing, however long it is.
    pub(crate) fn new(len: usize) -> Pages<T> {
        Pages { pages: Vec::new(), len }
    }

    /// How many items there are.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Item `i`, if it is within the row and was touched.
    pub(crate) fn get(&self, i: usize) -> Option<&T> {
        if i >= self.len {
            return None;
        }
        self.pages.get(i / PAGE)?.as_ref()?.get(i % PAGE)
    }

    /// Item `i`, to change; the row must be longer than that.
    ///
    /// # Errors
    /// `ResourceExhausted` without memory for the way to the item.
    pub(crate) fn entry(&mut self, i: usize) -> Result<&mut T> {
        debug_assert!(i < self.len, "an item is within its row");
        let (page, place) = (i / PAGE, i % PAGE);
        if self.pages.len() <= page {
            self.pages.try_reserve(page + 1 - self.pages.len()).map_err(|_| too_long(i))?;
            self.pages.resize(page + 1, None);
        }
        let page = Arc::make_mut(self.pages[page].get_or_insert_default());
        if page.len() <= place {
            page.resize(place + 1, T::default());
        }
        Ok(&mut page[place])
    }

    /// Puts an item behind the last one.
    pub(crate) fn push(&mut self, item: T) -> Result<()> {
        self.len += 1;
        *self.entry(self.len - 1)? = item;
        Ok(())
    }

    /// Takes the last item away; `None` where there is none.
    pub(crate) fn pop(&mut self) -> Option<T> {
        self.len = self.len.checked_sub(1)?;
        let page = self.pages.get_mut(self.len / PAGE).and_then(Option::as_mut);
        let is_touched = page.as_ref().is_some_and(|page| page.len() > self.len % PAGE);
        Some(page.filter(|_| is_touched).and_then(|page| Arc::make_mut(page).pop()).unwrap_or_default())
    }

    /// Makes the row shorter or longer; what is new are defaults.
    pub(crate) fn resize(&mut self, len: usize) {
        if len < self.len {
            self.pages.truncate(len.div_ceil(PAGE));
            if let Some(Some(page)) = self.pages.get_mut(len / PAGE) {
                Arc::make_mut(page).truncate(len % PAGE);
            }
        }
        self.len = len;
    }

    /// The items that were touched, with their places.
    pub(crate) fn touched(&self) -> impl Iterator<Item = (usize, &T)> {
        let pages = self.pages.iter().enumerate().filter_map(|(i, page)| Some((i * PAGE, page.as_ref()?)));
        pages.flat_map(|(first, page)| page.iter().enumerate().map(move |(i, item)| (first + i, item)))
    }

    /// The items of the pages that nobody else holds: what is freed with this row.
    pub(crate) fn into_own(self) -> impl Iterator<Item = T> {
        self.pages.into_iter().flatten().filter_map(Arc::into_inner).flatten()
    }
}

#[cold]
fn too_long(i: usize) -> Error {
    Error::new(ErrorKind::ResourceExhausted, format!("no memory for an item at index {i}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_behaves_as_a_vector() {
        let mut row = Pages::<u32>::new(0);
        (0..1000).for_each(|n| row.push(n).unwrap());
        let kept = row.clone();
        assert_eq!((row.len(), row.get(999), row.get(1000)), (1000, Some(&999), None));
        (0..900).rev().for_each(|n| assert_eq!(row.pop(), Some(n + 100)));
        *row.entry(5).unwrap() = 7;
        row.resize(3);
        row.resize(200);
        row.push(9).unwrap();
        assert_eq!(row.touched().filter(|(_, n)| **n != 0).collect::<Vec<_>>(), [(1, &1), (2, &2), (200, &9)]);
        assert_eq!((row.pop(), row.pop(), row.len()), (Some(9), Some(0), 199));
        assert_eq!(kept.touched().map(|(_, n)| u64::from(*n)).sum::<u64>(), 499_500, "a clone does not see changes");
    }

    #[test]
    fn an_endless_row_costs_what_is_touched() {
        let mut row = Pages::<u8>::new(1 << 31);
        *row.entry((1 << 31) - 1).unwrap() = 1;
        assert_eq!((row.get(0), row.get((1 << 31) - 1)), (None, Some(&1)));
        assert_eq!((row.pop(), row.pop()), (Some(1), Some(0)));
        assert_eq!(Pages::<u8>::new(0).pop(), None);
    }
}
