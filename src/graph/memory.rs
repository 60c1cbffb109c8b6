//! How much memory a graph takes.

use std::sync::Arc;

use super::node::{Fact, Node};
use super::{Graph, Inner};
use crate::value::Value;

impl Graph {
    /// Bytes that go when the graph goes; what it shares with others is divided among them. Ops are not counted.
    pub(crate) fn memory(&self) -> usize {
        size_of::<Inner>() + self.0.nodes.memory() + self.nodes().map(Node::memory).sum::<usize>()
    }
}

impl Node {
    /// Bytes beside those of the struct.
    fn memory(&self) -> usize {
        let Node { inputs, control, outputs, constant, .. } = self;
        let lists = if inputs.spilled() { inputs.capacity() * size_of_val(&inputs[0]) } else { 0 }
            + if outputs.spilled() { outputs.capacity() * size_of::<Fact>() } else { 0 }
            + size_of_val(&**control);
        // What others share is theirs: the constant's op, or the graph that this is made of.
        let is_own = |value: &&Value| value.is_unique();
        let values = constant.get().and_then(Option::as_ref).map_or(0, |values| {
            size_of_val(&**values) + values.iter().filter(is_own).map(Value::byte_len).sum::<usize>()
        });
        lists + values + outputs.iter().map(Fact::memory).sum::<usize>()
    }
}

impl Fact {
    fn memory(&self) -> usize {
        let sizes = self.sizes.as_ref().map_or(0, |sizes| size_of_val(&**sizes) / Arc::strong_count(sizes));
        self.shape.memory() + sizes
    }
}
