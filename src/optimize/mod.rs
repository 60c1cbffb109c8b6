//! From the user's graph to the graph of one plan: pruned to what was asked for, with feeds as unknown values, and
//! rewritten by passes. The user's graph is never touched; new nodes remember where they came from.

mod branches;
mod fold;
mod fuse_elementwise;
mod fuse_product;
mod merge;
mod needs;
mod rebuild;
mod simplify;
mod specialize;
#[cfg(test)]
mod tests;

pub use self::specialize::{PlanGraph, Request};
use crate::error::Result;
use crate::graph::Graph;

/// The plan graph of a request: pruned, then rewritten by the passes that are on.
///
/// # Errors
/// `MissingFeed`, naming every placeholder that is needed and not fed; what shape rules refuse.
pub fn plan_graph(source: &Graph, request: &Request, passes: &Passes) -> Result<PlanGraph> {
    let mut plan = specialize::specialize(source, request)?;
    if passes.simplify {
        plan = rebuild::rebuild(plan, simplify::simplify)?;
    }
    if passes.fold {
        plan = rebuild::rebuild(plan, fold::fold)?;
    }
    if passes.merge {
        let mut merger = merge::Merger::default();
        plan = rebuild::rebuild(plan, |cx, node| merger.merge(cx, node))?;
    }
    if passes.fuse {
        plan = rebuild::rebuild(plan, fuse_product::fuse)?;
        plan = rebuild::rebuild(plan, fuse_elementwise::fuse)?;
    }
    Ok(plan)
}

/// Which rewrites plans go through. With all of them off a plan is the user's graph, pruned to the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Passes {
    /// Computes what depends on constants alone.
    pub fold: bool,
    /// Merges equal nodes.
    pub merge: bool,
    /// Leaves out identities, transposes and reshapes that do nothing.
    pub simplify: bool,
    /// Joins products with bias and activation, and chains of elementwise ops.
    pub fuse: bool,
}

impl Default for Passes {
    fn default() -> Passes {
        Passes { fold: true, merge: true, simplify: true, fuse: true }
    }
}

impl Passes {
    /// No rewrites.
    pub fn none() -> Passes {
        Passes { fold: false, merge: false, simplify: false, fuse: false }
    }
}
