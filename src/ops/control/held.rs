//! Nodes that hold bodies which closures have built.

use std::collections::HashSet;
use std::panic::Location;
use std::sync::Arc;

use smallvec::SmallVec;

use super::nest::{Nest, OwnLeaf, leaves, pack};
use crate::error::Result;
use crate::graph::{AttrValue, Body, BodyPlan, Built, Effect, Graph, Node, Op, Operation, OutputId, Tensor};

/// Runs a closure that builds a body without parameters, and answers the structure that it gave back, too.
///
/// # Errors
/// Those of the closure; `GraphMismatch` where it gives back what is of another body.
pub(super) fn branch<N: Nest>(
    g: &Graph,
    place: String,
    line: Option<&'static Location<'static>>,
    build: impl FnOnce() -> Result<N>,
) -> Result<(N, Built)> {
    let plan = BodyPlan { place, shares_with: None, line };
    let around = g.target();
    let body = around.new_body(&plan)?;
    let nest = body.in_body(&plan, build)?;
    let mut built = Built { graph: body, params: Vec::new(), results: Vec::new(), targets: Vec::new() };
    for leaf in leaves(&nest) {
        match leaf {
            OwnLeaf::Tensor(tensor) => built.results.push(built.graph.capture(&tensor)?),
            OwnLeaf::Operation(operation) => built.targets.extend(built.graph.wait_for(&operation)?),
        }
    }
    around.mark_extra(-built.graph.own_tf_nodes());
    Ok((nest, built))
}

/// Adds the node that holds these bodies, under the name of its scope. It takes `inputs`, then what the bodies take from
/// outside; with `gives_back` each body gives that back, too, if it is the last.
///
/// # Errors
/// What the rule of the op refuses.
pub(super) fn hold(
    g: &Graph,
    scope: &str,
    inputs: &[&Tensor],
    built: &[&Built],
    gives_back: bool,
    op: impl FnOnce(Vec<Arc<Body>>) -> Arc<dyn Op>,
) -> Result<Operation> {
    let target = g.target();
    let mut ids = inputs.iter().map(|tensor| target.capture(tensor)).collect::<Result<SmallVec<[OutputId; 2]>>>()?;
    let mut seen = HashSet::new();
    let captures: Vec<OutputId> =
        built.iter().flat_map(|built| built.captures()).filter(|outer| seen.insert(*outer)).collect();
    let n = built.len();
    let close = |(i, built): (usize, &&Built)| built.close(&captures, gives_back && i + 1 == n);
    let bodies = built.iter().enumerate().map(close).collect::<Result<Vec<_>>>()?;
    let waits: Vec<_> = built.iter().flat_map(|built| built.graph.waits()).collect();
    ids.extend(captures);
    g.named(scope, || target.apply_held(op(bodies), ids, &waits))
}

/// The structure that a node puts out: an `Identity` of this name for each tensor, the node itself for each operation.
pub(super) fn put_out<N: Nest>(g: &Graph, like: &N, node: &Operation, name: &str) -> Result<N> {
    let n_tensors = leaves(like).iter().filter(|leaf| matches!(leaf, OwnLeaf::Tensor(_))).count();
    let outputs = exits(g, node, n_tensors, name)?;
    Ok(pack(like, &outputs, Some(node)))
}

/// An `Identity` of this name for each of the first outputs: what programs fetch by name.
pub(super) fn exits(g: &Graph, node: &Operation, n: usize, name: &str) -> Result<Vec<Tensor>> {
    (0..n).map(|slot| g.named(name, || node.output(slot)?.identity())).collect()
}

/// Whether TensorFlow would call a body stateful: it has nodes that do more than compute.
pub(super) fn is_stateful(bodies: &[Arc<Body>]) -> bool {
    bodies.iter().any(|body| body.graph().nodes().any(does_more))
}

fn does_more(node: &Node) -> bool {
    match node.op().kind().effect {
        Effect::Pure | Effect::Fed => false,
        Effect::Calls => node.op().attrs().into_iter().any(|(_, attr)| match attr {
            AttrValue::Body(body) => is_stateful(&[body]),
            AttrValue::Bodies(bodies) => is_stateful(&bodies),
            _ => false,
        }),
        _ => true,
    }
}
