//! A pure-Rust engine for TF1-style define-then-run programs: a static graph is built first, its shapes are there to be
//! read, and a [`Session`] then runs it.
//!
//! ```
//! use sessile::prelude::*;
//!
//! # fn main() -> sessile::Result<()> {
//! let g = Graph::new();
//! let x = g.placeholder(DType::F32, shape![?, 3, 6])?;
//! let y = layers::dense(&x, 10)?;
//! println!("{}", y.shape()); // (?, 3, 10)
//!
//! let sess = Session::new(&g)?;
//! sess.run(g.global_variables_initializer()?)?;
//! let value = sess.run_with(&y, feeds! { x => [[[1.0f32; 6]; 3]; 2] })?;
//! assert_eq!(value.dims(), [2, 3, 10]);
//! # Ok(()) }
//! ```
//!
//! Where to go on: [`guide::migration`] puts TF1 programs beside ours line by line, [`guide::forms`] shows what compiles,
//! [`guide::errors`] what errors mean, [`guide::threads`] what runs see of each other. Builders are methods of [`Tensor`]
//! and [`Graph`] and carry TensorFlow's names as search aliases; [`ops`] holds the rest, a file an op. A user's own op is
//! a struct with the trait [`graph::Op`].
//!
//! # Features
//! None is on by default.
//! - `tensorflow`: reads and writes TensorFlow's graphs, see [`io`](https://docs.rs/sessile/latest/sessile/io/index.html).
//! - `npz`: NumPy's archives, beside `tensorflow`.
//! - `cli`: the command line `sessile`.

pub mod exec;
pub mod grad;
pub mod graph;
pub mod guide;
#[cfg(feature = "tensorflow")]
pub mod io;
pub mod layers;
pub mod ops;
pub mod optimize;
pub mod session;

pub use grad::{gradients, gradients_from};
pub use graph::{Graph, Operation, Tensor};
pub use ndarray;
pub use ops::init;
pub use ops::state::Variable;
#[doc(hidden)]
pub use sessile_base::with_type;
#[doc(inline)]
pub use sessile_base::{
    CancelToken, Code, DType, Dim, Dims, Element, Error, ErrorKind, IntoValue, Plain, Result, Shape, Site, Value,
    cancel, dtype, error, pool, shape, value,
};
#[doc(hidden)]
pub use sessile_kernels as kernel;
pub(crate) use sessile_kernels::dispatched;
pub use session::{Config, Feeds, GpuOptions, Prepared, RunOptions, Session};

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

/// The code of the front page is compiled with the doctests.
#[cfg(all(doctest, feature = "tensorflow"))]
#[doc = include_str!("../README.md")]
struct Readme;
