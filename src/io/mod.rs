//! TensorFlow's files: graphs come in and go out by [`GraphDef`].
//!
//! ```no_run
//! use sessile::io::{GraphDef, ImportOptions, load_graph_def};
//!
//! # fn main() -> sessile::Result<()> {
//! let file = GraphDef::read("frozen.pb")?;
//! let (graph, _) = load_graph_def(&file, &ImportOptions::default())?;
//! println!("{graph}");
//! # Ok(()) }
//! ```
//!
//! Files are not trusted. Messages are decoded piece by piece under a [`Budget`], lengths are checked before anything
//! is allocated for them, and nothing in a file can make this module panic.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unreachable)]
#![deny(clippy::string_slice, clippy::unimplemented, clippy::todo)]

mod aliases;
mod attr;
mod attr_map;
mod budget;
mod encode;
mod export;
mod export_body;
mod file;
mod frames;
mod functions;
mod graph_def;
mod import;
mod nodes;
mod npy;
mod order;
mod proto;
mod tensor_proto;
#[cfg(test)]
mod tests;
mod text;
mod wire;

pub use self::budget::Budget;
pub use self::encode::tensor_to_bytes;
pub use self::export::{ExportOptions, export_graph_def};
pub use self::graph_def::{Function, GraphDef, NodeDef, Versions};
pub use self::import::{Element, ImportOptions, Imported, import_graph_def, load_graph_def};
pub use self::npy::{Arrays, npy_to_bytes, parse_npy, read_npy, write_npy};
#[cfg(feature = "npz")]
pub use self::npy::{read_npz, write_npz};
pub use self::tensor_proto::parse_tensor;
pub use self::text::{graph_from_text, graph_to_text, is_text};
