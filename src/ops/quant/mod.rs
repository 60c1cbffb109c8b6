//! Ops that take floats to the few numbers of a quantized dtype.

mod fake_quant;
mod fake_quant_grad;

pub use self::fake_quant::{FakeQuant, QuantRange};
pub use self::fake_quant_grad::FakeQuantGrad;
use crate::graph::OpKind;

/// The rows of this family.
pub(super) static OPS: &[&OpKind] = &[
    &fake_quant::FAKE_QUANT_WITH_MIN_MAX_ARGS,
    &fake_quant::FAKE_QUANT_WITH_MIN_MAX_VARS,
    &fake_quant::FAKE_QUANT_WITH_MIN_MAX_VARS_PER_CHANNEL,
    &fake_quant_grad::FAKE_QUANT_WITH_MIN_MAX_ARGS_GRADIENT,
    &fake_quant_grad::FAKE_QUANT_WITH_MIN_MAX_VARS_GRADIENT,
    &fake_quant_grad::FAKE_QUANT_WITH_MIN_MAX_VARS_PER_CHANNEL_GRADIENT,
];
