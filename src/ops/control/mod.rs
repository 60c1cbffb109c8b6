//! Order of execution, checks, prints, and calls of a user's functions.

mod assert;
mod check_numerics;
mod closure;
mod group;
mod no_op;
mod print;
mod string_format;
mod summarize;

pub use self::assert::Assert;
pub use self::check_numerics::CheckNumerics;
pub use self::closure::Closure;
pub use self::group::Operations;
pub use self::no_op::NoOp;
pub use self::print::Print;
pub use self::string_format::{PrintV2, StringFormat};
use crate::graph::OpKind;

/// The rows of this family.
pub(super) static OPS: &[&OpKind] = &[
    &no_op::NO_OP,
    &assert::ASSERT,
    &print::PRINT,
    &string_format::PRINT_V2,
    &string_format::STRING_FORMAT,
    &check_numerics::CHECK_NUMERICS,
];
