//! A pure-Rust engine for TF1-style define-then-run programs.

pub mod cancel;
pub mod dtype;
pub mod error;
pub mod exec;
pub mod graph;
pub mod guide;
#[cfg(feature = "tensorflow")]
pub mod io;
pub mod kernel;
pub mod layers;
pub mod ops;
pub mod optimize;
pub mod pool;
pub mod session;
pub mod shape;
pub mod value;

pub use cancel::CancelToken;
pub use dtype::{DType, Element, Plain};
pub use error::{Code, Error, ErrorKind, Result, Site};
pub use graph::{Graph, Operation, Tensor};
pub use ndarray;
pub use ops::init;
pub use ops::state::Variable;
pub use session::{Config, Feeds, GpuOptions, Prepared, RunOptions, Session};
pub use shape::{Dim, Dims, Shape};
pub use value::{IntoValue, Value};

/// What a program needs: `use sessile::prelude::*;`.
pub mod prelude {
    pub use crate::dtype::DType;
    pub use crate::graph::{Graph, Operation, Tensor};
    pub use crate::ops::IntoTensor;
    pub use crate::ops::array::{Index, IntoIndex, IntoSizes, concat, stack};
    pub use crate::ops::container::{TensorArray, TensorArrayOptions};
    pub use crate::ops::control::WhileOptions;
    pub use crate::ops::state::{Reuse, Variable, VariableOptions, VariableScope};
    pub use crate::session::{Config, Feeds, Prepared, Session};
    pub use crate::shape::{Dim, Shape};
    pub use crate::value::{IntoValue, Value};
    pub use crate::{feeds, index, init, layers, shape, sizes};
    pub use ndarray::array;
}
