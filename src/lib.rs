//! A pure-Rust engine for TF1-style define-then-run programs.

pub mod dtype;
pub mod error;
pub mod kernel;
pub mod pool;
pub mod shape;

pub use dtype::{DType, Element, Plain};
pub use error::{Code, Error, ErrorKind, Result, Site};
pub use shape::{Dim, Dims, Shape};
