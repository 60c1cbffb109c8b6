//! Variables and ops that reach outside of the graph.

pub(crate) mod alias;
mod assign;
mod count_up_to;
mod destroy;
mod frozen;
mod gather;
mod handle;
mod initial;
mod inspect;
mod known_handle;
mod read;
mod report;
mod scatter;
mod scatter_nd;
mod scope;
mod table;
mod temporary;
mod update;
mod variable;
#[cfg(test)]
mod variable_tests;

pub use self::assign::Assign;
pub(in crate::ops) use self::assign::pass_on;
pub use self::count_up_to::CountUpTo;
pub use self::destroy::DestroyResource;
pub use self::frozen::FrozenWrite;
pub use self::gather::{ResourceGather, ResourceGatherNd};
pub use self::handle::{Spelling, VariableV2};
pub use self::initial::Initial;
pub use self::inspect::{IsVariableInitialized, VariableShape};
pub use self::known_handle::KnownHandle;
pub use self::read::ReadVariable;
pub(in crate::ops) use self::read::uninitialized;
pub(in crate::ops) use self::scatter::apply as apply_scatter;
pub use self::scatter::{Scatter, ScatterRule};
pub use self::scatter_nd::ScatterNdUpdate;
pub use self::scope::{GetVariable, Initializer, Reuse, VariableScope};
pub use self::temporary::{DestroyTemporaryVariable, TemporaryVariable};
pub use self::update::AssignUpdate;
pub use self::variable::{GLOBAL_VARIABLES, LOCAL_VARIABLES, TRAINABLE_VARIABLES, Variable, VariableOptions};
use crate::graph::OpKind;

/// The rows of this family.
pub(super) static OPS: &[&OpKind] = &[
    &handle::VARIABLE,
    &handle::VARIABLE_V2,
    &handle::VAR_HANDLE,
    &read::READ_VARIABLE,
    &assign::ASSIGN,
    &assign::ASSIGN_VARIABLE,
    &update::ASSIGN_ADD,
    &update::ASSIGN_SUB,
    &update::ASSIGN_ADD_VARIABLE,
    &update::ASSIGN_SUB_VARIABLE,
    &inspect::IS_VARIABLE_INITIALIZED,
    &inspect::VAR_IS_INITIALIZED,
    &inspect::VARIABLE_SHAPE,
    &gather::RESOURCE_GATHER,
    &gather::RESOURCE_GATHER_ND,
    &count_up_to::COUNT_UP_TO,
    &destroy::DESTROY_RESOURCE,
    &temporary::TEMPORARY_VARIABLE,
    &temporary::DESTROY_TEMPORARY_VARIABLE,
];

/// The rows of sparse updates.
pub(super) static SCATTERS: &[&OpKind] = scatter::OPS;

/// The rows of sparse updates by several indices.
pub(super) static ND_SCATTERS: &[&OpKind] = scatter_nd::OPS;
