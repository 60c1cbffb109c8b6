//! A long row of items that takes memory only where it was touched, and whose copies share what neither has changed.

use std::collections::BTreeMap;
use std::sync::Arc;

/// Items a page: few enough that changing one of a shared page is cheap, enough that pages themselves cost little.
const PAGE: usize = 64;

/// A row of items, all of which are `T::default()` at first. Clones are cheap: they share their pages until one of them
/// writes, which copies one page.
#[derive(Debug, Clone)]
pub struct Pages<T> {
    /// The items of each page that was touched, up to the last one that was.
    pages: BTreeMap<usize, Arc<Vec<T>>>,
    len: usize,
}

impl<T: Clone + Default> Pages<T> {
    /// A row of `len` items. Costs nothing, however long it is.
    pub fn new(len: usize) -> Pages<T> {
        Pages { pages: BTreeMap::new(), len }
    }

    /// How many items there are.
    #[allow(clippy::len_without_is_empty)]
    pub fn len(&self) -> usize {
        self.len
    }

    /// The most bytes that touching these items can cost.
    pub fn cost(places: impl IntoIterator<Item = usize>) -> usize {
        let (mut last, mut changes, mut most) = (None, 0, 0usize);
        for page in places.into_iter().map(|place| place / PAGE) {
            changes += usize::from(last.replace(page) != Some(page));
            most = most.max(page + 1);
        }
        // Exact for places that rise, and for those that have no gaps.
        changes.min(most).saturating_mul(PAGE * size_of::<T>())
    }

    /// Item `i`, if it is within the row and was touched.
    pub fn get(&self, i: usize) -> Option<&T> {
        if i >= self.len {
            return None;
        }
        self.pages.get(&(i / PAGE))?.get(i % PAGE)
    }

    /// Item `i`, to change; the row must be longer than that.
    pub fn entry(&mut self, i: usize) -> &mut T {
        debug_assert!(i < self.len, "an item is within its row");
        let page = Arc::make_mut(self.pages.entry(i / PAGE).or_default());
        if page.len() <= i % PAGE {
            page.resize(i % PAGE + 1, T::default());
        }
        &mut page[i % PAGE]
    }

    /// Puts an item behind the last one.
    pub fn push(&mut self, item: T) {
        self.len += 1;
        *self.entry(self.len - 1) = item;
    }

    /// Takes the last item away; `None` where there is none.
    pub fn pop(&mut self) -> Option<T> {
        self.len = self.len.checked_sub(1)?;
        let page = self.pages.get_mut(&(self.len / PAGE)).filter(|page| page.len() > self.len % PAGE);
        Some(page.and_then(|page| Arc::make_mut(page).pop()).unwrap_or_default())
    }

    /// Makes the row shorter or longer; what is new are defaults.
    pub fn resize(&mut self, len: usize) {
        if len < self.len {
            self.pages.split_off(&len.div_ceil(PAGE));
            if let Some(page) = self.pages.get_mut(&(len / PAGE)) {
                Arc::make_mut(page).truncate(len % PAGE);
            }
        }
        self.len = len;
    }

    /// The items that were touched, with their places.
    pub fn touched(&self) -> impl Iterator<Item = (usize, &T)> {
        self.pages.iter().flat_map(|(page, items)| (page * PAGE..).zip(items.iter()))
    }

    /// The items of the pages that nobody else holds: what is freed with this row.
    pub fn into_own(self) -> impl Iterator<Item = T> {
        self.pages.into_values().filter_map(Arc::into_inner).flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_behaves_as_a_vector() {
        let mut row = Pages::<u32>::new(0);
        (0..1000).for_each(|n| row.push(n));
        let kept = row.clone();
        assert_eq!((row.len(), row.get(999), row.get(1000)), (1000, Some(&999), None));
        (0..900).rev().for_each(|n| assert_eq!(row.pop(), Some(n + 100)));
        *row.entry(5) = 7;
        row.resize(3);
        row.resize(200);
        row.push(9);
        assert_eq!(row.touched().filter(|(_, n)| **n != 0).collect::<Vec<_>>(), [(1, &1), (2, &2), (200, &9)]);
        assert_eq!((row.pop(), row.pop(), row.len()), (Some(9), Some(0), 199));
        assert_eq!(kept.touched().map(|(_, n)| u64::from(*n)).sum::<u64>(), 499_500, "a clone does not see changes");
    }

    #[test]
    fn an_endless_row_costs_what_is_touched() {
        let mut row = Pages::<u8>::new(1 << 31);
        *row.entry((1 << 31) - 1) = 1;
        assert_eq!((row.get(0), row.get((1 << 31) - 1)), (None, Some(&1)));
        assert_eq!((row.pop(), row.pop()), (Some(1), Some(0)));
        assert_eq!(row.pages.len(), 1);
        assert_eq!(Pages::<u8>::new(0).pop(), None);
    }

    #[test]
    fn the_cost_of_items_is_that_of_their_pages() {
        assert_eq!(Pages::<u16>::cost([]), 0);
        assert_eq!(Pages::<u16>::cost([5, 6, 0, 63]), 128);
        assert_eq!(Pages::<u16>::cost([5, 1 << 40, 64]), 3 * 128);
    }
}
