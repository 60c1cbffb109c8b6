//! Attributes: what an op is configured with, as TensorFlow's files hold it.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::dtype::DType;
use crate::error::{Error, ErrorKind, Result, escape};
use crate::graph::Body;
use crate::shape::Shape;
use crate::value::Value;

/// One attribute's value.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum AttrValue {
    Int(i64),
    Float(f32),
    Bool(bool),
    Str(Vec<u8>),
    Type(DType),
    Shape(Shape),
    Tensor(Value),
    /// A function of the library, by name, with its own attributes.
    Func(String, BTreeMap<String, AttrValue>),
    Ints(Vec<i64>),
    Floats(Vec<f32>),
    Bools(Vec<bool>),
    Strs(Vec<Vec<u8>>),
    Types(Vec<DType>),
    Shapes(Vec<Shape>),
    Funcs(Vec<(String, BTreeMap<String, AttrValue>)>),
    /// A function that was built.
    Body(Arc<Body>),
    /// Several of them.
    Bodies(Vec<Arc<Body>>),
    /// A list with nothing in it: files do not say of which kind.
    Empty,
}

impl AttrValue {
    /// What kind of value this is, in the words of TensorFlow's op definitions.
    pub fn kind(&self) -> &'static str {
        match self {
            AttrValue::Int(_) => "int",
            AttrValue::Float(_) => "float",
            AttrValue::Bool(_) => "bool",
            AttrValue::Str(_) => "string",
            AttrValue::Type(_) => "type",
            AttrValue::Shape(_) => "shape",
            AttrValue::Tensor(_) => "tensor",
            AttrValue::Func(..) | AttrValue::Body(_) => "func",
            AttrValue::Ints(_) => "list(int)",
            AttrValue::Floats(_) => "list(float)",
            AttrValue::Bools(_) => "list(bool)",
            AttrValue::Strs(_) => "list(string)",
            AttrValue::Types(_) => "list(type)",
            AttrValue::Shapes(_) => "list(shape)",
            AttrValue::Funcs(_) | AttrValue::Bodies(_) => "list(func)",
            AttrValue::Empty => "empty list",
        }
    }

    /// Equality for tests and for merging equal nodes: tensors by dtype, dims and bits; a shape's anonymous dims are
    /// all alike.
    pub fn same(&self, other: &AttrValue) -> bool {
        match (self, other) {
            (AttrValue::Tensor(a), AttrValue::Tensor(b)) => a.same_bits(b),
            (AttrValue::Float(a), AttrValue::Float(b)) => a.to_bits() == b.to_bits(),
            _ => format!("{self:?}") == format!("{other:?}"),
        }
    }
}

/// The attributes of one node of a file, read by name. Remembers which were read, so that unknown ones are noticed.
#[derive(Debug, Default)]
pub struct Attrs {
    values: BTreeMap<String, AttrValue>,
    read: RefCell<BTreeSet<String>>,
}

impl FromIterator<(String, AttrValue)> for Attrs {
    fn from_iter<I: IntoIterator<Item = (String, AttrValue)>>(iter: I) -> Attrs {
        Attrs { values: iter.into_iter().collect(), read: RefCell::default() }
    }
}

/// Typed getters: `$get(name)` refuses an absent attribute, `$get_or(name, default)` does not.
macro_rules! getters {
    ($($get:ident $get_or:ident $variant:ident $t:ty, $what:literal;)*) => { $(
        #[doc = concat!("The ", $what, " attribute `name`; an error if it is absent or of another kind.")]
        pub fn $get(&self, name: &str) -> Result<$t> {
            match self.get(name) {
                Some(AttrValue::$variant(value)) => Ok(value.clone()),
                Some(other) => Err(wrong(name, $what, other)),
                None => Err(absent(name, $what)),
            }
        }
        #[doc = concat!("The ", $what, " attribute `name`, or the default where it is absent.")]
        pub fn $get_or(&self, name: &str, default: $t) -> Result<$t> {
            if self.values.contains_key(name) { self.$get(name) } else { Ok(default) }
        }
    )* };
}

/// Lists: an empty list of a file has no kind.
macro_rules! list_getters {
    ($($get:ident $get_or:ident $variant:ident $t:ty, $what:literal;)*) => { $(
        #[doc = concat!("The ", $what, " attribute `name`; an error if it is absent or of another kind.")]
        pub fn $get(&self, name: &str) -> Result<Vec<$t>> {
            match self.get(name) {
                Some(AttrValue::$variant(values)) => Ok(values.clone()),
                Some(AttrValue::Empty) => Ok(Vec::new()),
                Some(other) => Err(wrong(name, $what, other)),
                None => Err(absent(name, $what)),
            }
        }
        #[doc = concat!("The ", $what, " attribute `name`, or the default where it is absent.")]
        pub fn $get_or(&self, name: &str, default: &[$t]) -> Result<Vec<$t>> {
            if self.values.contains_key(name) { self.$get(name) } else { Ok(default.to_vec()) }
        }
    )* };
}

impl Attrs {
    /// The value as it stands.
    pub fn get(&self, name: &str) -> Option<&AttrValue> {
        self.read.borrow_mut().insert(name.to_owned());
        self.values.get(name)
    }

    getters! {
        int int_or Int i64, "int";
        float float_or Float f32, "float";
        bool bool_or Bool bool, "bool";
        dtype dtype_or Type DType, "type";
        shape shape_or Shape Shape, "shape";
        tensor tensor_or Tensor Value, "tensor";
        body body_or Body Arc<Body>, "func";
    }

    list_getters! {
        ints ints_or Ints i64, "list(int)";
        floats floats_or Floats f32, "list(float)";
        types types_or Types DType, "list(type)";
        shapes shapes_or Shapes Shape, "list(shape)";
        strs strs_or Strs Vec<u8>, "list(string)";
        bodies bodies_or Bodies Arc<Body>, "list(func)";
    }

    /// The string attribute `name` as text; an error if it is absent, of another kind or not UTF-8.
    pub fn str(&self, name: &str) -> Result<String> {
        match self.get(name) {
            Some(AttrValue::Str(bytes)) => String::from_utf8(bytes.clone())
                .map_err(|_| Error::invalid(format!("attribute '{}' must be UTF-8", escape(name)))),
            Some(other) => Err(wrong(name, "string", other)),
            None => Err(absent(name, "string")),
        }
    }

    /// The string attribute `name`, or the default where it is absent.
    pub fn str_or(&self, name: &str, default: &str) -> Result<String> {
        if self.values.contains_key(name) { self.str(name) } else { Ok(default.to_owned()) }
    }

    /// The names that nobody has read, but for those that start with `_`, which TensorFlow ignores too.
    pub fn unread(&self) -> Vec<&str> {
        let read = self.read.borrow();
        self.values.keys().map(String::as_str).filter(|name| !name.starts_with('_') && !read.contains(*name)).collect()
    }
}

#[cold]
fn wrong(name: &str, want: &str, got: &AttrValue) -> Error {
    Error::invalid(format!("attribute '{}' must be of kind {want}, but is {}", escape(name), got.kind()))
}

#[cold]
fn absent(name: &str, want: &str) -> Error {
    Error::new(ErrorKind::InvalidArgument, format!("attribute '{}' of kind {want} is missing", escape(name)))
}
