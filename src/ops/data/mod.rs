//! Iterators over datasets, as far as graphs need them that are fed: there are no datasets, so an iterator has nothing to
//! give. What it would give can be fed in its place.

mod iterator;

pub use self::iterator::{Iterator, IteratorGetNext, IteratorToStringHandle};
use crate::graph::OpKind;

/// The rows of this family.
pub(super) static OPS: &[&OpKind] =
    &[&iterator::ITERATOR, &iterator::ITERATOR_GET_NEXT, &iterator::ITERATOR_TO_STRING_HANDLE];
