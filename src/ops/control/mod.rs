//! Order of execution, checks, prints, and calls of a user's functions.

mod assert;
mod bodies;
mod branch;
mod call;
mod check_numerics;
mod checks;
mod closure;
mod cond;
mod control_trigger;
mod device_index;
mod for_loop;
mod fork;
mod group;
mod held;
mod loops;
mod map_fn;
mod merge;
mod nest;
mod no_op;
mod print;
mod ref_select;
mod rows;
mod samples;
mod scan;
mod string_format;
mod summarize;
mod switch;
mod to_bool;
mod while_loop;

pub use self::assert::{Assert, AssertData};
pub use self::branch::{Branch, Choose};
pub use self::call::{PartitionedCall, RemoteCall};
pub use self::check_numerics::CheckNumerics;
pub use self::closure::Closure;
pub use self::cond::BranchFn;
pub use self::control_trigger::ControlTrigger;
pub use self::device_index::DeviceIndex;
pub use self::for_loop::For;
pub(in crate::ops) use self::fork::Fork;
pub use self::group::Operations;
pub use self::loops::{Turns, WhileOptions};
pub use self::merge::Merge;
pub use self::nest::{IntoNest, Leaf, Nest};
pub use self::no_op::NoOp;
pub use self::print::Print;
pub use self::ref_select::{RefSelect, SelectValue};
pub use self::string_format::{PrintV2, StringFormat};
pub(in crate::ops) use self::summarize::general;
pub use self::switch::Switch;
pub use self::to_bool::ToBool;
pub use self::while_loop::While;
use crate::graph::OpKind;

/// The attribute by which TensorFlow makes plain nodes of a branch or a loop before a run: what nobody needs of it then
/// does not run. Alone among attributes that begin with `_` it changes what a run does.
pub(crate) const LOWERED: &str = "_lower_using_switch_merge";

/// The rows of this family.
pub(super) static OPS: &[&OpKind] = &[
    &no_op::NO_OP,
    &control_trigger::CONTROL_TRIGGER,
    &assert::ASSERT,
    &print::PRINT,
    &string_format::PRINT_V2,
    &string_format::STRING_FORMAT,
    &check_numerics::CHECK_NUMERICS,
    &device_index::DEVICE_INDEX,
    &to_bool::TO_BOOL,
    &switch::SWITCH,
    &switch::REF_SWITCH,
    &merge::MERGE,
    &merge::REF_MERGE,
    &ref_select::REF_SELECT,
    &branch::IF,
    &branch::STATELESS_IF,
    &branch::CASE,
    &branch::STATELESS_CASE,
    &call::PARTITIONED_CALL,
    &call::STATEFUL_PARTITIONED_CALL,
    &call::REMOTE_CALL,
    &for_loop::FOR,
    &while_loop::WHILE,
    &while_loop::STATELESS_WHILE,
];
