//! What a request needs of a graph: nodes, and of a loop only some of its variables.
//!
//! A variable of a loop is needed where its last value is, or where the condition, an effect of a turn, or the next value
//! of a needed variable depends on it. The others are left out with all that they alone need, as TF1 does with its loops,
//! whose variables are chains of nodes of their own.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::Request;
use crate::error::Result;
use crate::graph::{Body, Effect, Graph, NodeId, Op, OutputId};
use crate::ops::control::While;

/// What a request needs.
pub(super) struct Needs {
    /// Node ids in ascending order: what fetches and targets depend on, up to the feeds.
    pub(super) nodes: BTreeSet<u32>,
    /// The variables that are needed of loops of which not all are, in ascending order.
    pub(super) loops: HashMap<NodeId, Vec<usize>>,
}

impl Needs {
    /// Walks up from fetches and targets.
    pub(super) fn of(source: &Graph, request: &Request) -> Needs {
        let mut walk = Walk::new(source, &request.feeds);
        request.fetches.iter().for_each(|id| walk.want(*id));
        walk.stack.extend(request.targets.iter().map(|id| Want::All(*id)));
        walk.run();
        let is_partial = |(id, walk): (u32, LoopWalk<'_>)| {
            let is_whole = walk.vars.len() == source.node(NodeId(id)).inputs().len();
            (!is_whole).then(|| (NodeId(id), walk.vars.into_iter().collect()))
        };
        Needs { nodes: walk.nodes, loops: walk.loops.into_iter().filter_map(is_partial).collect() }
    }
}

/// The loop with some of its variables only.
///
/// # Errors
/// `Internal` for variables that the loop does not have.
pub(super) fn with_variables(whole: &While, kept: &[usize]) -> Result<Arc<dyn Op>> {
    let said = |i: &usize| whole.invariants.get(*i).cloned();
    Ok(Arc::new(While {
        cond: whole.cond.part(kept, &[0])?,
        body: whole.body.part(kept, kept)?,
        invariants: kept.iter().filter_map(said).collect(),
        stateless: whole.stateless,
    }))
}

/// What is to be looked at.
enum Want {
    /// One output.
    Output(OutputId),
    /// A node with all that it does.
    All(NodeId),
}

/// A walk from results to what they depend on.
struct Walk<'a> {
    source: &'a Graph,
    /// Where it stops; sorted.
    feeds: &'a [OutputId],
    nodes: BTreeSet<u32>,
    /// Nodes that were found since somebody asked.
    found: Vec<NodeId>,
    loops: BTreeMap<u32, LoopWalk<'a>>,
    stack: Vec<Want>,
}

impl<'a> Walk<'a> {
    fn new(source: &'a Graph, feeds: &'a [OutputId]) -> Walk<'a> {
        let (nodes, loops) = (BTreeSet::new(), BTreeMap::new());
        Walk { source, feeds, nodes, found: Vec::new(), loops, stack: Vec::new() }
    }

    fn want(&mut self, id: OutputId) {
        if self.feeds.binary_search(&id).is_err() {
            self.stack.push(Want::Output(id));
        }
    }

    fn run(&mut self) {
        while let Some(want) = self.stack.pop() {
            let (id, slots) = match want {
                Want::Output(id) => (id.node, id.slot as usize..id.slot as usize + 1),
                Want::All(id) => (id, 0..self.source.node(id).outputs().len()),
            };
            let source = self.source;
            let node = source.node(id);
            let is_new = self.nodes.insert(id.0);
            if is_new {
                self.found.push(id);
                let waits = node.control_inputs().iter().filter(|id| !is_fed_placeholder(source, self.feeds, **id));
                self.stack.extend(waits.map(|id| Want::All(*id)));
            }
            if let Some(op) = node.op_as::<While>() {
                let inner = self.loops.entry(id.0).or_insert_with(|| LoopWalk::new(op));
                slots.for_each(|slot| inner.need(slot));
                let added = std::mem::take(&mut inner.added);
                added.into_iter().filter_map(|i| node.inputs().get(i)).for_each(|input| self.want(*input));
            } else if is_new {
                node.inputs().iter().for_each(|input| self.want(*input));
            }
        }
    }
}

/// Feeding a placeholder satisfies what waits for it; feeding another tensor leaves its node to be waited for.
fn is_fed_placeholder(source: &Graph, feeds: &[OutputId], id: NodeId) -> bool {
    let is_fed = feeds.binary_search(&OutputId { node: id, slot: 0 }).is_ok();
    is_fed && source.node(id).op().kind().effect == Effect::Fed
}

/// Which variables of a loop are needed.
struct LoopWalk<'a> {
    body: Walk<'a>,
    results: &'a [OutputId],
    /// The variable behind a parameter of the body.
    var_of: HashMap<NodeId, usize>,
    vars: BTreeSet<usize>,
    /// Variables that were found since somebody asked.
    added: Vec<usize>,
}

impl<'a> LoopWalk<'a> {
    fn new(op: &'a While) -> LoopWalk<'a> {
        let (mut cond, body) = (start(&op.cond), start(&op.body));
        op.cond.results().iter().for_each(|id| cond.want(*id));
        cond.run();
        let (vars, added) = (BTreeSet::new(), Vec::new());
        let mut walk = LoopWalk { body, results: op.body.results(), var_of: params(&op.body), vars, added };
        let var_of = params(&op.cond);
        cond.found.iter().filter_map(|id| var_of.get(id)).for_each(|var| walk.need(*var));
        walk.follow();
        walk
    }

    /// Takes a variable in, and those that its next value depends on.
    fn need(&mut self, var: usize) {
        if self.vars.insert(var) {
            self.added.push(var);
            self.results.get(var).into_iter().for_each(|id| self.body.want(*id));
            self.follow();
        }
    }

    fn follow(&mut self) {
        loop {
            self.body.run();
            let found = std::mem::take(&mut self.body.found);
            let vars = found.iter().filter_map(|id| self.var_of.get(id)).copied();
            let new: Vec<usize> = vars.filter(|var| self.vars.insert(*var)).collect();
            if new.is_empty() {
                return;
            }
            for var in new {
                self.added.push(var);
                self.results.get(var).into_iter().for_each(|id| self.body.want(*id));
            }
        }
    }
}

/// A walk through a body, with what a call runs for its effects to be looked at.
fn start(body: &Body) -> Walk<'_> {
    let mut walk = Walk::new(body.graph(), &[]);
    walk.stack.extend(body.targets().iter().map(|id| Want::All(*id)));
    walk
}

fn params(body: &Body) -> HashMap<NodeId, usize> {
    body.params().iter().enumerate().map(|(i, id)| (*id, i)).collect()
}

#[cfg(test)]
mod tests {
    use crate::error::{ErrorKind, Result};
    use crate::graph::{Graph, Tensor};
    use crate::session::Session;

    /// A variable without a value: whoever reads it fails.
    fn unset(g: &Graph) -> Result<Tensor> {
        g.variable(1.0f32)?.read()
    }

    #[track_caller]
    fn runs(tensor: &Tensor, want: f32) {
        let got = Session::new(tensor.graph()).and_then(|sess| sess.run(tensor)).unwrap();
        assert_eq!(got.scalar::<f32>().unwrap(), want);
    }

    #[track_caller]
    fn reads_unset(tensor: &Tensor) {
        let error = Session::new(tensor.graph()).and_then(|sess| sess.run(tensor)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Uninitialized);
    }

    #[test]
    fn variables_that_nobody_needs_are_left_out() -> Result<()> {
        let g = Graph::new();
        let w = unset(&g)?;
        let start = (g.constant(0.0)?, g.constant(1.0)?, g.constant(1.0)?);
        let (i, x, y) = g.while_loop(start, |(i, ..)| i.less(3.0), |(i, x, y)| Ok((&i + 1.0, &x * 2.0, &y * &w)))?;
        runs(&i, 3.0);
        runs(&x, 8.0);
        reads_unset(&y);
        Ok(())
    }

    #[test]
    fn what_the_condition_or_a_needed_variable_depends_on_is_kept() -> Result<()> {
        let g = Graph::new();
        let w = unset(&g)?;
        let start = (g.constant(0.0)?, g.constant(1.0)?, g.constant(1.0)?);
        let turn = |(i, x, y): (Tensor, Tensor, Tensor)| Ok(((&i + 1.0)?, (&x + &y)?, (&y * 2.0)?));
        let (_, x, y) = g.while_loop(start.clone(), |(i, ..)| i.less(3.0), turn)?;
        runs(&x, 8.0);
        runs(&y, 8.0);
        let (_, x, _) = g.while_loop(start.clone(), |(i, ..)| i.less(&w), turn)?;
        reads_unset(&x);
        let chained = |(i, x, y): (Tensor, Tensor, Tensor)| Ok(((&i + 1.0)?, (&x + &y)?, (&y * &w)?));
        let (i, x, _) = g.while_loop(start, |(i, ..)| i.less(3.0), chained)?;
        runs(&i, 3.0);
        reads_unset(&x);
        Ok(())
    }

    #[test]
    fn loops_in_loops_are_looked_into() -> Result<()> {
        let g = Graph::new();
        let w = unset(&g)?;
        let start = (g.constant(0.0)?, g.constant(1.0)?, g.constant(1.0)?);
        let (_, x, y) = g.while_loop(
            start,
            |(i, ..)| i.less(2.0),
            |(i, x, y)| {
                let inner = (g.constant(0.0)?, x, y);
                let (_, x, y) =
                    g.while_loop(inner, |(j, ..)| j.less(2.0), |(j, x, y)| Ok((&j + 1.0, &x * 2.0, &y * &w)))?;
                Ok(((&i + 1.0)?, x, y))
            },
        )?;
        runs(&x, 16.0);
        reads_unset(&y);
        Ok(())
    }
}
