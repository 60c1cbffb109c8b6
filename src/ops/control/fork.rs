//! The two sides of TF1's conditionals, for builders that make raw switches as TF1 does.

use crate::error::Result;
use crate::graph::{Graph, Tensor};

/// A fork by a bool scalar: the nodes that TF1 makes for it.
pub(in crate::ops) struct Fork {
    /// The condition, for further switches.
    pub(in crate::ops) pred: Tensor,
    /// Has a value where the condition holds.
    pub(in crate::ops) yes: Tensor,
    /// Has a value where it does not.
    pub(in crate::ops) no: Tensor,
}

impl Fork {
    /// `Switch`, `switch_t`, `switch_f` and `pred_id`.
    #[track_caller]
    pub(in crate::ops) fn of(g: &Graph, pred: &Tensor) -> Result<Fork> {
        let [no, yes] = g.switch(pred, pred)?;
        let yes = g.named("switch_t", || yes.identity())?;
        let no = g.named("switch_f", || no.identity())?;
        let pred = g.named("pred_id", || pred.identity())?;
        Ok(Fork { pred, yes, no })
    }

    /// The tensor where the condition holds.
    #[track_caller]
    pub(in crate::ops) fn if_so(&self, g: &Graph, tensor: &Tensor, name: &str) -> Result<Tensor> {
        let [_, yes] = g.named(name, || g.switch(tensor, &self.pred))?;
        Ok(yes)
    }

    /// The tensor where the condition does not hold.
    #[track_caller]
    pub(in crate::ops) fn if_not(&self, g: &Graph, tensor: &Tensor, name: &str) -> Result<Tensor> {
        let [no, _] = g.named(name, || g.switch(tensor, &self.pred))?;
        Ok(no)
    }
}
