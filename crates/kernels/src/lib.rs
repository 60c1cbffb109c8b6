//! Numbers on slices: products, vector math, special functions, random numbers.
//!
//! Ops decide, kernels compute: nothing here knows of a graph, a shape or a value; what may end a run early comes in with
//! its [`threads`]. Every function takes slices and plain sizes, trusts its caller to have checked them (it panics on a
//! length that does not fit), and gives the same bits wherever a caller cuts its slices and however many threads there
//! are. Where an op walks over many rows, as in reductions and scatters, it sees bytes: [`fold`] and [`change`] have the
//! loops of each dtype behind pointers, and [`widen`] those that make rare dtypes wide ones. SIMD is chosen once, at run
//! time, by [`simd::level`].

pub mod change;
pub mod element;
pub mod fold;
pub mod number;
pub mod order;
pub mod philox;
pub mod product;
pub mod simd;
pub mod sort;
pub mod special;
pub mod threads;
pub mod vector;
pub mod widen;

use sessile_base::{DType, Plain, cancel, error, pool, value};

pub use number::Number;
pub use order::Ordered;
