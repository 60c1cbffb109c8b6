//! How much memory a plan takes, for the cache of plans.

use super::plan::{Plan, Preload};
use super::step::Steps;
use crate::graph::{Fact, Graph};
use crate::ops::array::Const;
use crate::ops::fused::Fused;
use crate::value::Value;

/// What an allocation costs beside its bytes.
const BLOCK: usize = 16;

impl Plan {
    /// Bytes that the plan takes beyond the graph that it was made from, with the plans of its bodies. What its runs leave
    /// behind for the next ones is not counted.
    pub fn memory(&self) -> usize {
        self.memory
    }

    /// As [`Plan::memory`], without ops and bodies.
    pub(super) fn own_memory(&self) -> usize {
        size_of::<Plan>()
            + self.graph.memory()
            + self.steps.memory()
            + list::<(u32, Fact)>(self.feeds.len())
            + list::<(u32, bool)>(self.fetches.len())
            + list::<(u32, Value)>(self.constants.len())
            + list::<Preload>(self.preloads.len())
            + list::<u32>(self.readers.len() + self.roots.len())
    }
}

/// Bytes of the ops that passes have made: nobody but the plan's graph has them yet.
pub(super) fn memory_of_ops(graph: &Graph) -> usize {
    let own = graph.nodes().filter(|node| std::sync::Arc::strong_count(node.op_arc()) == 1);
    own.map(|node| {
        let inside = match (node.op_as::<Const>(), node.op_as::<Fused>()) {
            (Some(constant), _) => constant.value.byte_len() + 2 * BLOCK,
            (_, Some(fused)) => fused.memory(),
            _ => 0,
        };
        size_of_val(node.op()) + BLOCK + inside
    })
    .sum()
}

impl Steps {
    fn memory(&self) -> usize {
        let rest = self.all().iter().map(|step| {
            let spilled = if step.successors.spilled() { step.successors.capacity() } else { 0 }
                + if step.may_skip.spilled() { step.may_skip.capacity() } else { 0 };
            size_of::<u32>() * spilled + list::<[usize; 2]>(step.home.bodies.len())
        });
        self.tables() + rest.sum::<usize>()
    }
}

/// Bytes of a list of so many items.
fn list<T>(n: usize) -> usize {
    if n == 0 { 0 } else { BLOCK + n * size_of::<T>() }
}
