//! Layers: ops together with the variables they use, named and shared by variable scope as TF1's are.

mod dense;
mod flatten;
pub mod losses;

pub use self::dense::{Dense, dense};
pub use self::flatten::flatten;
