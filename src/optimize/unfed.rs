//! Which placeholders a request must feed.
//!
//! TensorFlow asks for a placeholder when it runs it: not where it waits for a branch of a `Switch` that was not taken, nor
//! where it was built in a branch or a loop that does not run. All others are asked for at once, before anything runs.

use std::collections::BTreeSet;

use super::Request;
use super::needs::Needs;
use crate::error::{Error, ErrorKind, Result, escape};
use crate::graph::feed::BuiltInBodies;
use crate::graph::{Effect, Flow, Graph, Node, NodeId, OutputId};
use crate::ops::control::While;

/// Whether a node does no more with its input `i` than to pass it to bodies.
pub(super) fn takes_in(node: &Node, i: usize) -> bool {
    let kind = node.op().kind();
    // Arguments are the last list of inputs, behind what chooses.
    let is_argument = kind.effect == Effect::Calls && i + 1 >= kind.args().inputs.len();
    is_argument && node.op_as::<While>().is_none_or(|op| op.body.passes_on(i))
}

/// Names every placeholder that runs in any case and is not fed.
///
/// # Errors
/// `MissingFeed`.
pub(super) fn check_all_fed(source: &Graph, request: &Request, needs: &Needs) -> Result<()> {
    let nodes = needs.nodes().map(|id| source.node(id));
    let placeholders: Vec<&Node> = nodes.filter(|node| node.op().kind().effect == Effect::Fed).collect();
    if placeholders.is_empty() {
        return Ok(());
    }
    let (may_die, built_inside) = (may_die(source, request, needs), source.registry::<BuiltInBodies>());
    let is_missing = |node: &&Node| !may_die.contains(&node.id()) && !built_inside.has(node.id());
    let mut errors = placeholders.into_iter().filter(is_missing).map(|node| {
        let fact = &node.outputs()[0];
        let shape = if fact.shape.rank().is_some() { format!(" and shape {}", fact.shape) } else { String::new() };
        let name = escape(node.name());
        let text = format!("you must feed a value for placeholder tensor '{name}' with dtype {}{shape}", fact.dtype);
        Error::new(ErrorKind::MissingFeed, text).at(|| node.site(Vec::new()))
    });
    match errors.next() {
        None => Ok(()),
        Some(first) => Err(first.with_also(errors)),
    }
}

/// The needed nodes that are skipped where a branch of a `Switch` is not taken.
fn may_die(source: &Graph, request: &Request, needs: &Needs) -> BTreeSet<NodeId> {
    let mut dying = BTreeSet::new();
    for node in needs.nodes().map(|id| source.node(id)) {
        let is_behind = |id: &OutputId| {
            let is_switch = source.node(id.node).op().kind().flow == Flow::Switch;
            (is_switch || dying.contains(&id.node)) && request.feeds.binary_search(id).is_err()
        };
        let waits = || node.control_inputs().iter().any(|id| dying.contains(id));
        let dies = match node.op().kind().flow {
            Flow::Trigger => false,
            Flow::Merge => node.inputs().iter().all(is_behind),
            Flow::Plain | Flow::Switch => node.inputs().iter().any(is_behind) || waits(),
        };
        if dies {
            dying.insert(node.id());
        }
    }
    dying
}
