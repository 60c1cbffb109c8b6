//! What goes into a run: the feed dictionary.

use smallvec::SmallVec;

use crate::dtype::DType;
use crate::error::{Error, ErrorKind, Result, escape};
use crate::exec::Plan;
use crate::graph::{Fact, Graph, OutputId, Tensor};
use crate::shape::Shape;
use crate::value::{IntoValue, Value};

use super::fetch::check_graph;

/// Names the tensor that a feed goes to: the tensor itself, or its name such as `x:0`.
pub trait FeedKey {
    /// The key, owned.
    fn key(&self) -> Key;
}

/// An owned key of a feed.
#[derive(Debug, Clone)]
pub enum Key {
    /// A tensor.
    Tensor(Tensor),
    /// The name of a tensor.
    Name(String),
}

impl FeedKey for Tensor {
    fn key(&self) -> Key {
        Key::Tensor(self.clone())
    }
}

impl FeedKey for str {
    fn key(&self) -> Key {
        Key::Name(self.to_owned())
    }
}

impl FeedKey for String {
    fn key(&self) -> Key {
        Key::Name(self.clone())
    }
}

impl<T: FeedKey + ?Sized> FeedKey for &T {
    fn key(&self) -> Key {
        (**self).key()
    }
}

impl Key {
    pub(super) fn resolve(&self, graph: &Graph) -> Result<Tensor> {
        let tensor = match self {
            Key::Tensor(tensor) => tensor.clone(),
            Key::Name(name) => graph.tensor_by_name(name).map_err(|error| {
                let text = format!("feed '{}' cannot be interpreted as a tensor: {}", escape(name), error.message());
                Error::new(ErrorKind::BadFeed, text).with_notes_of(&error)
            })?,
        };
        check_graph(graph, tensor.graph(), || tensor.name())?;
        if tensor.fact().is_variable() {
            let text = format!("'{}' is a reference to a variable and may not be fed", escape(&tensor.name()));
            return Err(Error::new(ErrorKind::BadFeed, text));
        }
        Ok(tensor)
    }
}

/// The feed dictionary of one run; see [`feeds!`](crate::feeds).
#[derive(Debug, Clone, Default)]
#[must_use = "feeds do nothing until a run gets them"]
pub struct Feeds(pub(super) Vec<(Key, Value)>);

impl Feeds {
    /// No feeds.
    pub fn new() -> Feeds {
        Feeds::default()
    }

    /// Adds a feed. An array that is given by value is adopted, not copied.
    pub fn with(mut self, key: impl FeedKey, value: impl IntoValue) -> Feeds {
        self.0.push((key.key(), value.into_value()));
        self
    }
}

/// The feed dictionary: `feeds! { x => &batch, "y:0" => 3.0 }`. Keys are borrowed, so loops may use them again.
#[macro_export]
macro_rules! feeds {
    ($($key:expr => $value:expr),* $(,)?) => { $crate::session::Feeds::new()$(.with(&$key, $value))* };
}

/// The tensors that feeds go to, by id.
///
/// # Errors
/// All keys that name no tensor, or none that may be fed.
pub(super) fn resolve_all(graph: &Graph, feeds: Feeds) -> Result<SmallVec<[(OutputId, Value); 4]>> {
    let mut bound = SmallVec::with_capacity(feeds.0.len());
    let mut feeds = feeds.0.into_iter();
    while let Some((key, value)) = feeds.next() {
        match key.resolve(graph) {
            Ok(tensor) => bound.push((tensor.id(), value)),
            Err(first) => return Err(first.with_also(feeds.filter_map(|(key, _)| key.resolve(graph).err()))),
        }
    }
    Ok(bound)
}

/// Makes the values, which are in the plan's order, what their tensors take.
///
/// # Errors
/// `BadFeed` for all values that do not fit.
pub(super) fn check_feeds(plan: &Plan, values: &mut [Value]) -> Result<()> {
    let check = |i: usize, value: &mut Value| check_feed(plan.feed_fact(i), value, || plan.feed_name(i));
    let mut feeds = values.iter_mut().enumerate();
    while let Some((i, value)) = feeds.next() {
        if let Err(first) = check(i, value) {
            return Err(first.with_also(feeds.filter_map(|(i, value)| check(i, value).err())));
        }
    }
    Ok(())
}

/// Makes the value what its tensor takes: a weak scalar gets the dtype, anything else must have it.
fn check_feed(fact: &Fact, value: &mut Value, name: impl Fn() -> String) -> Result<()> {
    if value.dtype() != fact.dtype {
        *value = convert(fact, value, &name)?;
    }
    if !fact.shape.is_compatible_with(value.dims()) {
        let got = Shape::from(value.dims());
        let text = format!(
            "cannot feed value of shape {got} for tensor '{}', which has shape {}",
            escape(&name()),
            fact.shape
        );
        return Err(Error::new(ErrorKind::BadFeed, text));
    }
    Ok(())
}

#[cold]
fn convert(fact: &Fact, value: &Value, name: &impl Fn() -> String) -> Result<Value> {
    if value.is_weak() {
        return value.weak_cast(fact.dtype).map_err(|error| {
            Error::new(ErrorKind::BadFeed, format!("cannot feed tensor '{}': {}", escape(&name()), error.message()))
        });
    }
    let text = format!("feed of '{}' is {}, but the tensor is {}", escape(&name()), value.dtype(), fact.dtype);
    Err(Error::new(ErrorKind::BadFeed, text).note(cure(value.dtype(), fact.dtype)))
}

/// What to type instead: feeds are never converted silently.
fn cure(from: DType, to: DType) -> String {
    let Some((literal, rust)) = in_rust(to) else {
        return format!("convert the value to {to} first: feeds are never converted silently");
    };
    match in_rust(from) {
        // Rust casts between numbers only, and truth to integers.
        Some((_, "String")) | None => format!("write {literal}"),
        _ if rust == "String" => format!("write {literal}"),
        Some((_, "bool")) if to.is_floating() => format!("write {literal}"),
        Some((one, _)) if rust == "bool" => format!("write true, or array.mapv(|x| x == {one})"),
        Some(_) => format!("write {literal}, or array.mapv(|x| x as {rust})"),
    }
}

/// A literal and the type of the dtypes that Rust has on its own.
fn in_rust(dtype: DType) -> Option<(&'static str, &'static str)> {
    Some(match dtype {
        DType::F32 => ("1.0f32", "f32"),
        DType::F64 => ("1.0f64", "f64"),
        DType::I8 => ("1i8", "i8"),
        DType::I16 => ("1i16", "i16"),
        DType::I32 => ("1i32", "i32"),
        DType::I64 => ("1i64", "i64"),
        DType::U8 => ("1u8", "u8"),
        DType::U16 => ("1u16", "u16"),
        DType::U32 => ("1u32", "u32"),
        DType::U64 => ("1u64", "u64"),
        DType::Bool => ("true", "bool"),
        DType::String => ("\"text\"", "String"),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cure_of_a_dtype_is_what_to_type() {
        assert_eq!(cure(DType::F64, DType::F32), "write 1.0f32, or array.mapv(|x| x as f32)");
        assert_eq!(cure(DType::I32, DType::I64), "write 1i64, or array.mapv(|x| x as i64)");
        assert_eq!(cure(DType::F32, DType::F64), "write 1.0f64, or array.mapv(|x| x as f64)");
        assert_eq!(cure(DType::Bool, DType::U8), "write 1u8, or array.mapv(|x| x as u8)");
        assert_eq!(cure(DType::Bool, DType::F32), "write 1.0f32");
        assert_eq!(cure(DType::I32, DType::Bool), "write true, or array.mapv(|x| x == 1i32)");
        assert_eq!(cure(DType::I32, DType::String), "write \"text\"");
        assert_eq!(cure(DType::String, DType::I32), "write 1i32");
        assert_eq!(
            cure(DType::F32, DType::F16),
            "convert the value to float16 first: feeds are never converted silently"
        );
        assert!(DType::ALL.iter().all(|to| !cure(DType::C64, *to).contains(" as ")));
    }
}
