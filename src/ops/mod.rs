//! The ops, one file an op or a family that shares its rule, and [`OPS`], the one table of all of them.
//!
//! A file has, top to bottom: the struct with its attributes, the row, the builder, the shape rule, the kernel, the
//! attributes for files, tests. Adding an op is one such file and one line in the table of its family.

pub mod array;
pub mod container;
pub mod control;
pub mod data;
pub mod fused;
#[cfg(any(test, feature = "examples"))]
pub mod handles;
pub mod image;
pub mod init;
mod into_tensor;
pub mod linalg;
pub mod lookup;
pub mod math;
pub mod nn;
pub(crate) mod parts;
pub mod quant;
pub mod random;
pub mod rnn;
pub mod sparse;
pub mod spectral;
pub mod state;
#[cfg(test)]
mod table_dtype_tests;
#[cfg(test)]
mod table_late_tests;
#[cfg(test)]
mod table_run_tests;
#[cfg(test)]
mod table_tests;
#[cfg(test)]
pub(crate) mod testing;
pub mod text;
pub mod train;
mod wide;
#[cfg(any(test, feature = "examples"))]
pub mod words;

use std::collections::HashMap;
use std::sync::LazyLock;

pub use self::into_tensor::IntoTensor;
use crate::error::{Error, ErrorKind, Result, escape};
use crate::graph::{OpKind, feed};

/// Every op that files can name, by family.
pub static OPS: &[&[&OpKind]] = &[
    &[&feed::FEED],
    array::OPS,
    array::DIAGONALS,
    array::tensor_scatter::OPS,
    container::OPS,
    container::VARIANTS,
    control::OPS,
    fused::OPS,
    image::OPS,
    linalg::OPS,
    data::OPS,
    lookup::OPS,
    math::OPS,
    math::BINARY_OPS,
    math::UNARY_OPS,
    math::UNARY_GRAD_OPS,
    nn::OPS,
    quant::OPS,
    random::OPS,
    random::STATELESS,
    rnn::OPS,
    sparse::OPS,
    spectral::OPS,
    state::OPS,
    state::SCATTERS,
    state::ND_SCATTERS,
    text::OPS,
    train::OPS,
];

/// The row of a name in files; aliases count.
///
/// # Errors
/// `NotFound` if there is no such op.
pub fn find(name: &str) -> Result<&'static OpKind> {
    static BY_NAME: LazyLock<HashMap<&str, &OpKind>> = LazyLock::new(|| {
        let rows = OPS.iter().flat_map(|family| family.iter());
        rows.flat_map(|row| std::iter::once(row.name).chain(row.aliases.iter().copied()).map(|name| (name, *row)))
            .collect()
    });
    let unknown = || Error::new(ErrorKind::NotFound, format!("there is no op '{}'", escape(name)));
    BY_NAME.get(name).copied().ok_or_else(unknown)
}
