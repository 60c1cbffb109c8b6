//! What every layer of the engine uses: dtypes, shapes, values, errors, limits of a run, and the thread pool.
//!
//! Users find all of it in the crate `sessile`; nothing here knows of a graph.

pub mod cancel;
pub mod dtype;
pub mod error;
pub mod pool;
pub mod shape;
pub mod value;

pub use cancel::CancelToken;
pub use dtype::{DType, Element, Plain};
pub use error::{Code, Error, ErrorKind, Result, Site};
pub use shape::{Dim, Dims, Shape};
pub use value::{IntoValue, Value};
