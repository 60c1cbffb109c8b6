//! What a run would do, and why: each node with what needs it, and the steps that the passes leave.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::{FeedKey, Fetch, Session, Wanted};
use crate::error::{Result, escape};
use crate::graph::{Callee, Graph, NodeId};
use crate::optimize::Request;

impl Session {
    /// Says which nodes a run would need and why, and which kernels it would call after the passes.
    ///
    /// ```
    /// # use sessile::prelude::*;
    /// # fn main() -> sessile::Result<()> {
    /// let g = Graph::new();
    /// let x = g.placeholder(DType::F32, shape![?, 3])?;
    /// let y = x.bias_add(g.constant([1.0f32, 2.0, 3.0])?)?;
    /// let sess = Session::new(&g)?;
    /// let text = sess.explain(&y, &[&x])?;
    /// assert!(text.contains("Const = Const() -> float32 (3,)  <- input 1 of 'BiasAdd'"));
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// Those of [`Session::prepare`].
    pub fn explain<F: Fetch>(&self, fetches: F, feeds: &[&dyn FeedKey]) -> Result<String> {
        let graph = self.graph();
        let mut wanted = Wanted::of(graph);
        fetches.declare(&mut wanted)?;
        let mut ids = feeds.iter().map(|key| Ok(key.key().resolve(graph)?.id())).collect::<Result<Vec<_>>>()?;
        ids.sort_unstable();
        let request = Request { feeds: ids, fetches: wanted.fetches, targets: wanted.targets, ..Request::default() };
        let plan = self.plan(request.clone(), &self.0.limits)?;
        let mut text = String::new();
        let reasons = reasons(graph, &request);
        writeln!(text, "{} of {} nodes are needed:", reasons.len(), graph.len()).expect(INFALLIBLE);
        for (id, reason) in reasons {
            writeln!(text, "  {}  <- {reason}", graph.operation(id)).expect(INFALLIBLE);
        }
        writeln!(text, "{} steps run:", plan.n_steps()).expect(INFALLIBLE);
        plan.explain("  ", &mut text);
        Ok(text)
    }
}

const INFALLIBLE: &str = "writing to a string does not fail";

/// For each needed node the first thing that needs it.
pub(super) fn reasons(graph: &Graph, request: &Request) -> BTreeMap<NodeId, String> {
    let mut reasons = BTreeMap::new();
    let mut stack: Vec<(NodeId, String)> = Vec::new();
    let is_fed = |id| request.feeds.binary_search(id).is_ok();
    stack.extend(request.targets.iter().map(|id| (*id, "run as a target".to_owned())));
    stack.extend(request.fetches.iter().filter(|id| !is_fed(id)).map(|id| (id.node, "fetched".to_owned())));
    while let Some((id, reason)) = stack.pop() {
        if reasons.contains_key(&id) {
            continue;
        }
        let node = graph.node(id);
        for (i, input) in node.inputs().iter().enumerate().filter(|(_, input)| !is_fed(input)) {
            stack.push((input.node, format!("input {i} of '{}'", escape(node.name()))));
        }
        for input in node.control_inputs() {
            stack.push((*input, format!("control input of '{}'", escape(node.name()))));
        }
        reasons.insert(id, reason);
    }
    reasons
}
