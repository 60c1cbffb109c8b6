//! Constant folding: what depends on constants alone is computed once, within a budget.
//!
//! A node whose kernel fails stays: the run reports the error if it gets there.

use std::collections::HashSet;
use std::sync::Arc;

use super::rebuild::{Outputs, Rebuild};
use crate::dtype::DType;
use crate::error::Result;
use crate::graph::{Effect, Fact, Node, NodeId, Op, OutputId, check_limits};
use crate::ops::array::{Const, EnsureShape, Rank};
use crate::value::Value;

/// What folding remembers of the nodes before.
#[derive(Default)]
pub(super) struct Folder {
    /// Nodes that must run though their values are known: whether they can be computed is the point.
    asked: HashSet<NodeId>,
}

impl Folder {
    /// The rule: replaces a node whose one output turns out to be constant.
    pub(super) fn fold(&mut self, cx: &mut Rebuild<'_>, node: &Node) -> Result<Option<Outputs>> {
        if asks_for_value(cx, node) || node.inputs().iter().any(|id| self.asked.contains(&id.node)) {
            self.asked.insert(node.id());
            return Ok(None);
        }
        fold(cx, node)
    }
}

fn fold(cx: &mut Rebuild<'_>, node: &Node) -> Result<Option<Outputs>> {
    if node.op_as::<Const>().is_some() || node.outputs().len() != 1 {
        return Ok(None);
    }
    if node.op_as::<EnsureShape>().is_some_and(EnsureShape::claims_names) {
        return Ok(None);
    }
    if let Some(value) = sizes_value(&node.outputs()[0]) {
        return cx.push(node, constant(value), Default::default()).map(Some);
    }
    let inputs = cx.inputs(node);
    if inputs.is_empty() || !inputs.iter().all(|id| is_free(cx.graph().node(id.node))) {
        return Ok(None);
    }
    let value = match cx.knows_inputs(node) {
        true => cx.old_graph().constant_value(OutputId { node: node.id(), slot: 0 }),
        // The old graph may not know what was folded before this node.
        false => {
            let facts = cx.outputs_of(node)?;
            cx.graph().values_on(node, &inputs, &facts)?.and_then(|values| values.first().cloned())
        }
    };
    // Where there was no time to find the value out, it is not unknown.
    check_limits()?;
    value.map(|value| cx.push(node, constant(value), Default::default())).transpose()
}

/// The rank of a variable is what TF1's `assert_variables_initialized` asks for: that it can be read is the point.
fn asks_for_value(cx: &Rebuild<'_>, node: &Node) -> bool {
    let is_read = |id: &OutputId| cx.graph().node(cx.output(*id).node).op().kind().effect == Effect::Reads;
    node.op_as::<Rank>().is_some() && node.inputs().iter().any(is_read)
}

/// A constant that waits for nobody: folding what waits would let it run too early.
fn is_free(node: &Node) -> bool {
    node.op_as::<Const>().is_some() && node.control_inputs().is_empty()
}

fn constant(value: Value) -> Arc<dyn Op> {
    Arc::new(Const { value })
}

/// The value of an integer tensor whose elements are all known from shapes.
fn sizes_value(fact: &Fact) -> Option<Value> {
    let ints: Vec<i64> = fact.sizes.as_ref()?.iter().map(|size| size.as_i64()).collect::<Option<_>>()?;
    let dims: &[usize] = if fact.shape.rank() == Some(0) { &[] } else { &[ints.len()] };
    match fact.dtype {
        DType::I32 => {
            Value::from_vec(dims, ints.iter().map(|n| i32::try_from(*n).ok()).collect::<Option<Vec<_>>>()?).ok()
        }
        DType::I64 => Value::from_vec(dims, ints).ok(),
        _ => None,
    }
}
