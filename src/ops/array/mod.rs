//! Ops that make, move and select elements, and ops on shapes.

mod constant;
mod identity;
mod placeholder;

pub use self::constant::Const;
pub use self::identity::Identity;
pub use self::placeholder::Placeholder;
use crate::graph::OpKind;

/// The rows of this family.
pub(super) static OPS: &[&OpKind] = &[&constant::CONST, &identity::IDENTITY, &placeholder::PLACEHOLDER];
