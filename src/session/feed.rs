//! What goes into a run: the feed dictionary.

use crate::error::{Error, ErrorKind, Result, escape};
use crate::graph::{Fact, Graph, Tensor};
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

/// Values of several feeds, in the order in which [`Session::prepare`](super::Session::prepare) was told of them.
pub trait FeedValues {
    /// The values.
    fn into_values(self) -> smallvec::SmallVec<[Value; 4]>;
}

impl<T: IntoValue> FeedValues for T {
    fn into_values(self) -> smallvec::SmallVec<[Value; 4]> {
        smallvec::smallvec![self.into_value()]
    }
}

macro_rules! tuples {
    ($($($T:ident $i:tt)*;)*) => { $(
        impl<$($T: IntoValue),*> FeedValues for ($($T,)*) {
            fn into_values(self) -> smallvec::SmallVec<[Value; 4]> {
                smallvec::smallvec![$(self.$i.into_value()),*]
            }
        }
    )* };
}
tuples! {
    ;
    A 0;
    A 0 B 1;
    A 0 B 1 C 2;
    A 0 B 1 C 2 D 3;
    A 0 B 1 C 2 D 3 E 4;
    A 0 B 1 C 2 D 3 E 4 F 5;
    A 0 B 1 C 2 D 3 E 4 F 5 G 6;
    A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7;
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

/// Makes the value what its tensor takes: a weak scalar gets the dtype, anything else must have it.
pub(super) fn check_feed(fact: &Fact, value: &mut Value, name: impl Fn() -> String) -> Result<()> {
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
    let error = Error::new(ErrorKind::BadFeed, text);
    Err(match fact.dtype {
        crate::DType::F32 => error.note("write 1.0f32, or array.mapv(|x| x as f32)"),
        other => error.note(format!("convert the value to {other} first: feeds are never converted silently")),
    })
}
