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
mod survey;
#[cfg(test)]
mod tests;
mod unfed;

pub use self::specialize::{PlanGraph, Request};
use crate::error::Result;
use crate::graph::{Graph, check_limits};

/// The plan graph of a request: pruned, then rewritten by the passes that are on.
///
/// # Errors
/// `MissingFeed`, naming every placeholder that is needed and not fed; what shape rules refuse; `Cancelled` and
/// `DeadlineExceeded` where the limits end under which this thread builds.
pub fn plan_graph(source: &Graph, request: &Request, passes: &Passes) -> Result<PlanGraph> {
    let mut plan = specialize::specialize(source, request)?;
    if passes.simplify {
        plan = rebuild::rebuild(plan, |cx, node| simplify::simplify(cx, node, passes.tensordot))?;
    }
    if passes.fold {
        let mut folder = fold::Folder::default();
        plan = rebuild::rebuild(plan, |cx, node| folder.fold(cx, node))?;
    }
    if passes.merge {
        let mut merger = merge::Merger::default();
        plan = rebuild::rebuild(plan, |cx, node| merger.merge(cx, node))?;
    }
    if passes.fuse_products {
        plan = rebuild::rebuild(plan, fuse_product::fuse)?;
    }
    if passes.fuse_elementwise {
        plan = fuse_elementwise::fuse(plan)?;
    }
    if (Passes { tensordot: false, ..*passes }) != Passes::none() {
        plan = rebuild::prune(plan)?;
    }
    // What was left unknown for want of time must not be taken for unknown later.
    check_limits()?;
    Ok(plan)
}

/// Which rewrites plans go through. With all of them off a plan is the user's graph, pruned to the request.
///
/// ```
/// # use sessile::prelude::*;
/// # use sessile::optimize::Passes;
/// # fn main() -> sessile::Result<()> {
/// let g = Graph::new();
/// let y = g.constant([1.0f32, 2.0])?.square()?;
/// let passes = Passes { fold: false, ..Passes::default() };
/// let sess = Session::with_config(&g, Config { passes, ..Config::default() })?;
/// assert_eq!(sess.prepare(&y, &[])?.n_steps(), 1);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Passes {
    /// Computes what depends on constants alone.
    pub fold: bool,
    /// Merges equal nodes.
    pub merge: bool,
    /// Leaves out identities, transposes and reshapes that do nothing.
    pub simplify: bool,
    /// Makes one product of the reshapes and the product of a `tensordot`; a part of `simplify`, without effect where
    /// that is off.
    pub tensordot: bool,
    /// Joins products with bias and activation.
    pub fuse_products: bool,
    /// Joins chains of elementwise ops.
    pub fuse_elementwise: bool,
}

impl Default for Passes {
    fn default() -> Passes {
        Passes { fold: true, merge: true, simplify: true, tensordot: true, fuse_products: true, fuse_elementwise: true }
    }
}

impl Passes {
    /// No rewrites.
    pub fn none() -> Passes {
        Passes {
            fold: false,
            merge: false,
            simplify: false,
            tensordot: false,
            fuse_products: false,
            fuse_elementwise: false,
        }
    }
}
