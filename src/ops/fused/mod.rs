//! Ops that passes make: several ops of the user as one kernel. Nobody builds them, and files do not name them.

mod conv;
mod elementwise;
mod product;
mod program;

pub use self::conv::FusedConv;
pub use self::elementwise::{End, Fused, Repeats};
pub use self::product::{FusedMatMul, activation_of};
pub use self::program::{Instruction, MAX_INPUTS, MAX_STEPS, Program, Source};
use crate::graph::{Node, OpKind};
use crate::kernel::vector::Binary;
use crate::ops::math::{self, vector};
use crate::ops::nn::{BiasAdd, DataFormat};

/// The rows of this family; their names start with `_`.
pub(super) static OPS: &[&OpKind] = &[&conv::FUSED_CONV, &elementwise::FUSED, &product::FUSED_MAT_MUL];

/// The function of elements that a node computes, of its own inputs; one of them may be a row or a scalar.
pub fn instruction_of(node: &Node) -> Option<Instruction> {
    if node.op_as::<BiasAdd>().is_some_and(|op| op.data_format == DataFormat::Nhwc) {
        return Some(Instruction::Two(Binary::Add, Source::Input(0), Source::Input(1)));
    }
    let pair = match (node.op_as::<math::Unary>(), node.op_as::<math::Binary>(), node.op_as::<math::UnaryGrad>()) {
        (Some(op), ..) => return vector::unary(op.f).map(|f| Instruction::One(f, Source::Input(0))),
        (_, Some(op), _) => vector::binary(op.f)?,
        (.., Some(op)) => vector::slope(op.f),
        _ => return None,
    };
    let (a, b) = if pair.swapped { (1, 0) } else { (0, 1) };
    Some(Instruction::Two(pair.f, Source::Input(a), Source::Input(b)))
}
