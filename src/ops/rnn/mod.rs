//! Cells of recurrent networks, whole: a step, or all steps of a sequence, is one node.

mod gru;
mod gru_grad;
mod lstm;
mod lstm_block;
mod lstm_grad;

pub use self::gru::GruBlockCell;
pub use self::gru_grad::GruBlockCellGrad;
pub use self::lstm::{LstmBlockCell, LstmCell};
pub use self::lstm_block::BlockLstm;
pub use self::lstm_grad::{BlockLstmGrad, LstmBlockCellGrad};
use crate::graph::OpKind;

/// The rows of this family.
pub(super) static OPS: &[&OpKind] = &[
    &gru::GRU_BLOCK_CELL,
    &gru_grad::GRU_BLOCK_CELL_GRAD,
    &lstm::LSTM_BLOCK_CELL,
    &lstm_block::BLOCK_LSTM,
    &lstm_block::BLOCK_LSTM_V2,
    &lstm_grad::BLOCK_LSTM_GRAD,
    &lstm_grad::BLOCK_LSTM_GRAD_V2,
    &lstm_grad::LSTM_BLOCK_CELL_GRAD,
];
