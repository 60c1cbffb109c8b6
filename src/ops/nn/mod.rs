//! Ops of neural networks.

mod bias_add;
mod bias_add_grad;
mod cross_entropy;
mod l2_loss;
mod softmax;

pub use self::bias_add::{BiasAdd, DataFormat};
pub use self::bias_add_grad::BiasAddGrad;
pub use self::cross_entropy::{SoftmaxCrossEntropyWithLogits, SparseSoftmaxCrossEntropyWithLogits};
pub use self::l2_loss::L2Loss;
pub use self::softmax::{LogSoftmax, Softmax};
use crate::graph::OpKind;

/// The rows of this family.
pub(super) static OPS: &[&OpKind] = &[
    &bias_add::BIAS_ADD,
    &bias_add_grad::BIAS_ADD_GRAD,
    &cross_entropy::SOFTMAX_CROSS_ENTROPY_WITH_LOGITS,
    &cross_entropy::SPARSE_SOFTMAX_CROSS_ENTROPY_WITH_LOGITS,
    &l2_loss::L2_LOSS,
    &softmax::LOG_SOFTMAX,
    &softmax::SOFTMAX,
];
