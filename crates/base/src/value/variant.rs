//! What elements of dtype variant are: lists of tensors, optional tensors, numbers.
//!
//! They are values as all others: immutable once shared, and changed in place by their only owner. Lists may hold lists,
//! in chains of any length, which are freed link by link.

use std::mem::take;
use std::sync::Arc;

use super::pages::Pages;
use super::{Data, Value};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::shape::Shape;

/// One element of dtype variant.
#[derive(Debug, Clone, Default)]
pub enum Variant {
    /// Nothing.
    #[default]
    Empty,
    /// A list of tensors.
    List(TensorList),
    /// Tensors, or none.
    Optional(Option<Vec<Value>>),
    /// A number, as files can hold it in a constant.
    Number(Value),
}

/// A list of tensors of one dtype, some of which may not be set. Clones share what neither has changed.
#[derive(Debug, Clone)]
pub struct TensorList {
    /// The dtype of the elements.
    pub dtype: DType,
    /// What their shapes fit.
    pub shape: Shape,
    /// How many there may be, at most.
    pub max_len: Option<usize>,
    /// The elements.
    pub items: Pages<Option<Value>>,
}

impl TensorList {
    /// A list of `len` elements that are not set.
    ///
    /// # Errors
    /// `Unsupported` for handles: what they refer to could hold the list.
    pub fn new(dtype: DType, shape: Shape, len: usize) -> Result<TensorList> {
        if dtype == DType::Resource {
            return Err(Error::unsupported("a list cannot hold handles"));
        }
        Ok(TensorList { dtype, shape, max_len: None, items: Pages::new(len) })
    }

    /// The most bytes that setting the elements of these places can cost, beside the elements.
    pub fn cost(places: impl IntoIterator<Item = usize>) -> usize {
        Pages::<Option<Value>>::cost(places)
    }

    /// Element `i`, if it is there and set.
    pub fn get(&self, i: usize) -> Option<&Value> {
        self.items.get(i)?.as_ref()
    }

    /// The elements that are set, with their places.
    pub fn set_items(&self) -> impl Iterator<Item = (usize, &Value)> {
        self.items.touched().filter_map(|(i, item)| Some((i, item.as_ref()?)))
    }
}

/// Numbers by their bits, nothing is equal to nothing, lists are equal to none.
impl PartialEq for Variant {
    fn eq(&self, other: &Variant) -> bool {
        match (self, other) {
            (Variant::Empty, Variant::Empty) => true,
            (Variant::Number(a), Variant::Number(b)) => a.same_bits(b),
            _ => false,
        }
    }
}

impl Variant {
    /// The word for what this is, in messages.
    pub fn what(&self) -> &'static str {
        match self {
            Variant::Empty => "nothing",
            Variant::List(_) => "a list",
            Variant::Optional(_) => "an optional",
            Variant::Number(_) => "a number",
        }
    }

    fn may_nest(&self) -> bool {
        match self {
            Variant::List(list) => list.dtype == DType::Variant,
            Variant::Optional(Some(values)) => values.iter().any(|value| value.dtype == DType::Variant),
            _ => false,
        }
    }

    /// Moves the variants of what this alone holds to `open`.
    fn unnest(self, open: &mut Vec<Variant>) {
        let mut release = |value: Value| {
            if let Data::Variants(data) = value.data
                && let Some(mut inner) = Arc::into_inner(data)
            {
                open.append(&mut inner.0);
            }
        };
        match self {
            Variant::List(list) => list.items.into_own().flatten().for_each(release),
            Variant::Optional(values) => values.into_iter().flatten().for_each(&mut release),
            Variant::Empty | Variant::Number(_) => {}
        }
    }
}

/// The elements of a tensor of dtype variant.
#[derive(Debug, Clone)]
pub(super) struct Variants(pub(super) Vec<Variant>);

impl Drop for Variants {
    fn drop(&mut self) {
        if !self.0.iter().any(Variant::may_nest) {
            return;
        }
        let mut open = take(&mut self.0);
        while let Some(variant) = open.pop() {
            variant.unnest(&mut open);
        }
    }
}

/// Tensors of dtype variant.
impl Value {
    /// One variant, as a tensor of rank 0.
    #[doc(hidden)]
    pub fn of_variant(variant: Variant) -> Value {
        Value::variants(&[], 1, vec![variant])
    }

    /// The elements of a tensor of dtype variant.
    ///
    /// # Errors
    /// DTypeMismatch for another dtype.
    #[doc(hidden)]
    pub fn as_variants(&self) -> Result<&[Variant]> {
        match &self.data {
            Data::Variants(data) => Ok(&data.0),
            _ => Err(super::wrong_dtype(self.dtype, DType::Variant)),
        }
    }

    /// The elements of a tensor of dtype variant, to write; copies them first if another value shares them.
    ///
    /// # Errors
    /// DTypeMismatch for another dtype.
    #[doc(hidden)]
    pub fn variants_mut(&mut self) -> Result<&mut [Variant]> {
        let have = self.dtype;
        match &mut self.data {
            Data::Variants(data) => Ok(&mut Arc::make_mut(data).0),
            _ => Err(super::wrong_dtype(have, DType::Variant)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(item: Option<Value>) -> Value {
        let mut list = TensorList::new(DType::Variant, Shape::scalar(), 0).unwrap();
        item.into_iter().for_each(|item| list.items.push(Some(item)));
        Value::of_variant(Variant::List(list))
    }

    #[test]
    fn a_chain_of_lists_is_freed_in_a_small_stack() {
        let chain = (0..100_000).fold(list(None), |inner, i| match i % 2 {
            0 => list(Some(inner)),
            _ => Value::of_variant(Variant::Optional(Some(vec![inner]))),
        });
        let thread = std::thread::Builder::new().stack_size(128 << 10).spawn(move || drop(chain)).unwrap();
        assert!(thread.join().is_ok());
    }

    #[test]
    fn a_shared_list_is_copied_when_it_is_written() {
        let mut a = list(Some(Value::scalar_of(1i32)));
        let b = a.clone();
        let Variant::List(items) = &mut a.variants_mut().unwrap()[0] else { panic!("a list") };
        items.items.pop();
        let len = |value: &Value| match &value.as_variants().unwrap()[0] {
            Variant::List(list) => list.items.len(),
            other => panic!("{other:?}"),
        };
        assert_eq!((len(&a), len(&b)), (0, 1));
    }
}
