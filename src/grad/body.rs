//! The gradient of a body: what functions, branches and calls run for theirs.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use smallvec::SmallVec;

use super::{gradients_from, is_smooth};
use crate::error::{Error, Result};
use crate::graph::{Body, Effect, Fact, Graph, Naming, NodeId, OutputId, Role, Tensor};
use crate::ops::state::ReadVariable;

/// A body that takes the arguments of this one and a gradient for each of its results, and gives the gradients of the
/// arguments, zeros where none flows. What it needs of this body's own values it computes again.
///
/// # Errors
/// `Unsupported` for a body that draws random numbers or has effects, which must not happen twice, and what rules refuse.
pub(crate) fn body_gradient(forward: &Body) -> Result<Arc<Body>> {
    let forward = pruned(forward.graph(), forward.params(), forward.results())?;
    let g = forward.graph();
    if let Some(node) = g.nodes().find(|node| node.has_effects() || node.op().kind().effect == Effect::Random) {
        let text = format!("'{}' would run a second time for the gradient of what it is in", node.name());
        return Err(Error::unsupported(text));
    }
    let mut params = forward.params().to_vec();
    let arguments = params.iter().map(|id| g.operation(*id).output(0)).collect::<Result<Vec<_>>>()?;
    let results: Vec<Tensor> = forward.results().iter().map(|id| g.tensor(*id)).collect();
    let mut flows = Vec::new();
    for (i, result) in results.iter().enumerate() {
        let fact = Fact::new(result.dtype(), result.shape());
        let flow = g.feed_node(&fact, &format!("grad_{i}").as_str().into())?;
        params.push(flow.id().node);
        flows.push(flow);
    }
    let smooth = |tensor: &&Tensor| is_smooth(tensor.dtype());
    let (ys, grads): (Vec<&Tensor>, Vec<Option<&Tensor>>) =
        results.iter().zip(&flows).filter(|(y, _)| smooth(y)).map(|(y, flow)| (y, Some(flow))).unzip();
    let xs: Vec<&Tensor> = arguments.iter().filter(smooth).collect();
    let mut found = gradients_from(&ys, &xs, &grads)?.into_iter();
    let gradient = |x: &Tensor| {
        let gradient = smooth(&x).then(|| found.next().flatten()).flatten();
        let x = if x.fact().role == Role::Value { x.clone() } else { g.apply_one(ReadVariable, &[x])? };
        match gradient {
            // It has the argument's shape, also where the rules could not tell.
            Some(gradient) => Ok(gradient.reshape(x.shape_tensor())?.id()),
            None => Ok(x.zeros_like()?.id()),
        }
    };
    let results = arguments.iter().map(gradient).collect::<Result<Vec<_>>>()?;
    pruned(g, &params, &results)
}

/// A body of what the results need, for these parameters.
fn pruned(from: &Graph, params: &[NodeId], results: &[OutputId]) -> Result<Arc<Body>> {
    let (mut needed, mut stack) = (BTreeSet::new(), params.to_vec());
    stack.extend(results.iter().map(|id| id.node));
    while let Some(id) = stack.pop() {
        if needed.insert(id) {
            let node = from.node(id);
            stack.extend(node.inputs().iter().map(|input| input.node).chain(node.control_inputs().iter().copied()));
        }
    }
    let (g, mut taken, mut ids) = (Graph::new(), HashSet::new(), BTreeMap::new());
    let order = || Error::internal("inputs have smaller ids than what needs them");
    let place = |ids: &BTreeMap<NodeId, NodeId>, id: NodeId| ids.get(&id).copied().ok_or_else(order);
    for id in needed {
        let node = from.node(id);
        let output = |input: &OutputId| Ok(OutputId { node: place(&ids, input.node)?, slot: input.slot });
        let inputs = node.inputs().iter().map(output).collect::<Result<SmallVec<[OutputId; 2]>>>()?;
        let control = node.control_inputs().iter().map(|id| place(&ids, *id)).collect::<Result<Vec<_>>>()?;
        let name: Arc<str> = unique(node.name(), &mut taken).into();
        let copy = g.push(node.op_arc().clone(), inputs, &control, Naming::Kept(&name), node.location())?;
        for slot in 0..node.outputs().len() as u32 {
            if let Some(claim) = from.user_claim(OutputId { node: id, slot }) {
                g.refine(OutputId { node: copy.id(), slot }, &claim)?;
            }
        }
        ids.insert(id, copy.id());
    }
    let params = params.iter().map(|id| place(&ids, *id)).collect::<Result<Vec<_>>>()?;
    let output = |id: &OutputId| Ok(OutputId { node: place(&ids, id.node)?, slot: id.slot });
    let results = results.iter().map(output).collect::<Result<Vec<_>>>()?;
    Body::new(g, params, results, Vec::new())
}

/// The walk's nodes do not know the names of the function's own.
fn unique(name: &str, taken: &mut HashSet<String>) -> String {
    let numbered = (1..).map(|n| format!("{name}_{n}"));
    let free = std::iter::once(name.to_owned()).chain(numbered).find(|name| !taken.contains(name));
    let free = free.unwrap_or_default();
    taken.insert(free.clone());
    free
}
