//! A pure-Rust engine for TF1-style define-then-run programs.

pub mod cancel;
pub mod dtype;
pub mod error;
pub mod graph;
pub mod kernel;
pub mod ops;
pub mod pool;
pub mod shape;
pub mod value;

pub use dtype::{DType, Element, Plain};
pub use error::{Code, Error, ErrorKind, Result, Site};
pub use graph::{Graph, Operation, Tensor};
pub use ndarray;
pub use shape::{Dim, Dims, Shape};
pub use value::{IntoValue, Value};

/// What a program needs: `use sessile::prelude::*;`.
pub mod prelude {
    pub use crate::dtype::DType;
    pub use crate::graph::{Graph, Operation, Tensor};
    pub use crate::ops::IntoTensor;
    pub use crate::shape;
    pub use crate::shape::{Dim, Shape};
    pub use crate::value::{IntoValue, Value};
    pub use ndarray::array;
}
