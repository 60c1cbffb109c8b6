//! Ops that make, move and select elements, and ops on shapes.

pub(crate) mod cast;
mod constant;
mod identity;
mod placeholder;

pub use self::cast::Cast;
pub use self::constant::Const;
pub use self::identity::Identity;
pub use self::placeholder::Placeholder;
use crate::graph::OpKind;

/// The rows of this family.
pub(super) static OPS: &[&OpKind] = &[&cast::CAST, &constant::CONST, &identity::IDENTITY, &placeholder::PLACEHOLDER];
