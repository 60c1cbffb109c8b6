//! Tables: values by key. A table is what a variable of the session holds, so a run sees it as it sees variables.

mod find;
mod handle;
mod table;
#[cfg(test)]
mod tests;
mod write;

pub use self::find::{LookupTableExport, LookupTableFind, LookupTableSize};
pub use self::handle::{HashTable, TableKind};
pub use self::write::{LookupTableRemove, LookupTableWrite, TableWrite};
use crate::graph::OpKind;

/// The rows of this family.
pub(super) static OPS: &[&OpKind] = &[
    &handle::HASH_TABLE,
    &handle::MUTABLE_HASH_TABLE,
    &handle::MUTABLE_HASH_TABLE_OF_TENSORS,
    &find::LOOKUP_TABLE_FIND,
    &find::LOOKUP_TABLE_SIZE,
    &find::LOOKUP_TABLE_EXPORT,
    &write::INITIALIZE_TABLE,
    &write::LOOKUP_TABLE_IMPORT,
    &write::LOOKUP_TABLE_INSERT,
    &write::LOOKUP_TABLE_REMOVE,
];

/// Why no op of this family has a gradient.
const NO_GRADIENT: &str = "what a table holds is not a function of tensors";
