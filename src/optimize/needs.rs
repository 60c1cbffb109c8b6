//! What a request needs of a graph: nodes, and of a loop or a branch only a part.
//!
//! A variable of a loop is needed where its last value is, or where the condition, an effect of a turn, or the next value
//! of a needed variable depends on it. The others are left out with all that they alone need, as TF1 does with its loops,
//! whose variables are chains of nodes of their own. So it is with the results of branches that TensorFlow makes plain
//! nodes of; what these run for its effect is needed where somebody waits for the node itself.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::Request;
use crate::error::Result;
use crate::graph::feed::BuiltInBodies;
use crate::graph::{Body, Effect, Graph, Node, NodeId, Op, OutputId, check_limits_at};
use crate::ops::control::{Branch, While};
use crate::ops::state::alias::Later;

/// What a request needs.
pub(super) struct Needs {
    /// For each node whether fetches or targets depend on it, up to the feeds.
    pub(super) has: Vec<bool>,
    /// What is needed of loops and branches of which not all is.
    pub(super) parts: HashMap<NodeId, Part>,
}

/// A part of a node that holds bodies; places in ascending order.
pub(super) struct Part {
    /// The inputs that are needed.
    pub(super) inputs: Vec<usize>,
    /// The outputs that are needed.
    pub(super) outputs: Vec<usize>,
    /// Whether the bodies run what they run for its effect.
    with_targets: bool,
}

impl Needs {
    /// Walks up from fetches and targets.
    ///
    /// # Errors
    /// Those of the limits of building.
    pub(super) fn of(source: &Graph, request: &Request) -> Result<Needs> {
        let mut walk = Walk::new(source, &request.feeds);
        for id in &request.fetches {
            // TensorFlow fetches an output of a branch from a node that waits for all of them.
            let is_fed = request.feeds.binary_search(id).is_ok();
            let node = source.node(id.node);
            let is_whole = !request.of_body && !is_fed && branch(node).is_some() && !takes_own(source, node);
            if is_whole { walk.stack.push(Want::All(id.node)) } else { walk.want(*id) }
        }
        let target = |id: &NodeId| if request.of_body { Want::Wait(*id) } else { Want::All(*id) };
        walk.stack.extend(request.targets.iter().map(target));
        walk.run()?;
        let part = |(id, walk): (u32, Inner<'_>)| {
            let node = source.node(NodeId(id));
            let (part, is_whole) = match walk {
                Inner::Loop(walk) => walk.part(node),
                Inner::Branch(walk) => walk.part(node),
            };
            (!is_whole).then_some((node.id(), part))
        };
        Ok(Needs { has: walk.has, parts: walk.inner.into_iter().filter_map(part).collect() })
    }

    /// The nodes, in their order.
    pub(super) fn nodes(&self) -> impl Iterator<Item = NodeId> {
        self.has.iter().zip(0..).filter_map(|(has, id)| has.then_some(NodeId(id)))
    }
}

impl Part {
    /// The op of the part.
    ///
    /// # Errors
    /// `Internal` for variables or results that the whole does not have.
    pub(super) fn op(&self, whole: &Node) -> Result<Arc<dyn Op>> {
        if let Some(whole) = whole.op_as::<Branch>() {
            let params: Vec<usize> = self.inputs.iter().filter_map(|input| input.checked_sub(1)).collect();
            let bodies = whole.bodies.iter().map(|body| body.part(&params, &self.outputs, self.with_targets));
            return Ok(Arc::new(Branch { bodies: bodies.collect::<Result<_>>()?, ..whole.clone() }));
        }
        let Some(whole) = whole.op_as::<While>() else { return Ok(whole.op_arc().clone()) };
        let said = |i: &usize| whole.invariants.get(*i).cloned();
        Ok(Arc::new(While {
            cond: whole.cond.part(&self.inputs, &[0], true)?,
            body: whole.body.part(&self.inputs, &self.inputs, true)?,
            invariants: self.inputs.iter().filter_map(said).collect(),
            ..whole.clone()
        }))
    }
}

/// A branch of which a part may run.
fn branch(node: &Node) -> Option<&Branch> {
    node.op_as::<Branch>().filter(|branch| branch.lowered)
}

/// Whether a branch takes in a placeholder that a closure built, as a gradient of that branch does: a program of TF1's,
/// whose branches are plain nodes, asks for no other placeholder than those on the way to what is fetched.
fn takes_own(source: &Graph, node: &Node) -> bool {
    let own = source.registry::<BuiltInBodies>();
    node.inputs().iter().any(|input| own.has(input.node))
}

/// What is to be looked at.
enum Want {
    /// One output.
    Output(OutputId),
    /// A node, for what it does beside its outputs.
    Wait(NodeId),
    /// A node with all that it does.
    All(NodeId),
}

/// The walk through a node that holds bodies.
enum Inner<'a> {
    Loop(LoopWalk<'a>),
    Branch(BranchWalk<'a>),
}

impl<'a> Inner<'a> {
    /// None for other nodes.
    fn new(node: &'a Node) -> Result<Option<Inner<'a>>> {
        Ok(match node.op_as::<While>() {
            Some(op) => Some(Inner::Loop(LoopWalk::new(op)?)),
            None => branch(node).map(|op| Inner::Branch(BranchWalk::new(op))),
        })
    }

    /// Takes in what is wanted, and answers the inputs that it adds.
    fn want(&mut self, node: &Node, want: &Want) -> Result<Vec<usize>> {
        match self {
            Inner::Loop(walk) => {
                match want {
                    Want::Output(id) => walk.need(id.slot as usize)?,
                    Want::Wait(_) | Want::All(_) => {
                        (0..node.outputs().len()).try_for_each(|slot| walk.need(slot))?;
                    }
                }
                Ok(std::mem::take(&mut walk.added))
            }
            Inner::Branch(walk) => {
                match want {
                    Want::Output(id) => walk.need(id.slot as usize),
                    Want::Wait(_) => walk.wait(),
                    Want::All(_) => {
                        walk.wait();
                        (0..node.outputs().len()).for_each(|slot| walk.need(slot));
                    }
                }
                walk.follow()
            }
        }
    }
}

/// A walk from results to what they depend on.
struct Walk<'a> {
    source: &'a Graph,
    /// Where it stops; sorted.
    feeds: &'a [OutputId],
    /// For each node whether it was found.
    has: Vec<bool>,
    /// How many were found in all.
    n_found: usize,
    /// Nodes that were found since somebody asked.
    found: Vec<NodeId>,
    inner: BTreeMap<u32, Inner<'a>>,
    stack: Vec<Want>,
}

impl<'a> Walk<'a> {
    fn new(source: &'a Graph, feeds: &'a [OutputId]) -> Walk<'a> {
        let (has, inner) = (vec![false; source.len()], BTreeMap::new());
        Walk { source, feeds, has, n_found: 0, found: Vec::new(), inner, stack: Vec::new() }
    }

    fn want(&mut self, id: OutputId) {
        if self.feeds.binary_search(&id).is_err() {
            self.stack.push(Want::Output(id));
        }
    }

    fn run(&mut self) -> Result<()> {
        while let Some(want) = self.stack.pop() {
            let (Want::Output(OutputId { node: id, .. }) | Want::Wait(id) | Want::All(id)) = want;
            let source = self.source;
            let node = source.node(id);
            let is_new = !std::mem::replace(&mut self.has[id.index()], true);
            if is_new {
                self.n_found += 1;
                check_limits_at(self.n_found)?;
                self.found.push(id);
                let waits = node.control_inputs().iter().filter(|id| !is_fed_placeholder(source, self.feeds, **id));
                self.stack.extend(waits.map(|id| Want::Wait(*id)));
                self.inner.extend(Inner::new(node)?.map(|inner| (id.0, inner)));
            }
            if let Some(inner) = self.inner.get_mut(&id.0) {
                let added = inner.want(node, &want)?;
                added.into_iter().filter_map(|i| node.inputs().get(i)).for_each(|input| self.want(*input));
            } else if !is_new {
                continue;
            } else if let Some(chosen) = Later::chosen(node, |id| self.feeds.binary_search(id).is_ok()) {
                self.want(chosen);
            } else {
                node.inputs().iter().for_each(|input| self.want(*input));
            }
        }
        Ok(())
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
    fn new(op: &'a While) -> Result<LoopWalk<'a>> {
        let (mut cond, body) = (start(&op.cond), start(&op.body));
        op.cond.results().iter().for_each(|id| cond.want(*id));
        cond.run()?;
        let (vars, added) = (BTreeSet::new(), Vec::new());
        let mut walk = LoopWalk { body, results: op.body.results(), var_of: params(&op.body), vars, added };
        let var_of = params(&op.cond);
        cond.found.iter().filter_map(|id| var_of.get(id)).try_for_each(|var| walk.need(*var))?;
        walk.follow()?;
        Ok(walk)
    }

    /// The part that is needed, and whether it is the whole.
    fn part(self, node: &Node) -> (Part, bool) {
        let is_whole = self.vars.len() == node.inputs().len();
        let vars: Vec<usize> = self.vars.into_iter().collect();
        (Part { inputs: vars.clone(), outputs: vars, with_targets: true }, is_whole)
    }

    /// Takes a variable in, and those that its next value depends on.
    fn need(&mut self, var: usize) -> Result<()> {
        if self.vars.insert(var) {
            self.added.push(var);
            self.results.get(var).into_iter().for_each(|id| self.body.want(*id));
            self.follow()?;
        }
        Ok(())
    }

    fn follow(&mut self) -> Result<()> {
        loop {
            self.body.run()?;
            let found = std::mem::take(&mut self.body.found);
            let vars = found.iter().filter_map(|id| self.var_of.get(id)).copied();
            let new: Vec<usize> = vars.filter(|var| self.vars.insert(*var)).collect();
            if new.is_empty() {
                return Ok(());
            }
            for var in new {
                self.added.push(var);
                self.results.get(var).into_iter().for_each(|id| self.body.want(*id));
            }
        }
    }
}

/// What is needed of a branch.
struct BranchWalk<'a> {
    /// The bodies, and which argument is behind a parameter.
    bodies: Vec<(&'a Body, Walk<'a>, HashMap<NodeId, usize>)>,
    inputs: BTreeSet<usize>,
    outputs: BTreeSet<usize>,
    is_waited_for: bool,
}

impl<'a> BranchWalk<'a> {
    fn new(op: &'a Branch) -> BranchWalk<'a> {
        let bodies = op.bodies.iter().map(|body| (&**body, Walk::new(body.graph(), &[]), params(body))).collect();
        BranchWalk { bodies, inputs: BTreeSet::new(), outputs: BTreeSet::new(), is_waited_for: false }
    }

    /// The part that is needed, and whether it is the whole.
    fn part(self, node: &Node) -> (Part, bool) {
        let with_targets = self.is_waited_for;
        let does_all = with_targets || self.bodies.iter().all(|(body, ..)| body.targets().is_empty());
        let has_all = self.inputs.len() == node.inputs().len() && self.outputs.len() == node.outputs().len();
        let (inputs, outputs) = (self.inputs.into_iter().collect(), self.outputs.into_iter().collect());
        (Part { inputs, outputs, with_targets }, does_all && has_all)
    }

    fn need(&mut self, slot: usize) {
        if self.outputs.insert(slot) {
            for (body, walk, _) in &mut self.bodies {
                body.results().get(slot).into_iter().for_each(|id| walk.want(*id));
            }
        }
    }

    fn wait(&mut self) {
        if !std::mem::replace(&mut self.is_waited_for, true) {
            for (body, walk, _) in &mut self.bodies {
                walk.stack.extend(body.targets().iter().map(|id| Want::Wait(*id)));
            }
        }
    }

    /// The inputs that are needed since somebody asked; first of all that which chooses.
    fn follow(&mut self) -> Result<Vec<usize>> {
        let mut added = Vec::from_iter(self.inputs.insert(0).then_some(0));
        for (_, walk, params) in &mut self.bodies {
            walk.run()?;
            let inputs = std::mem::take(&mut walk.found).into_iter().filter_map(|id| Some(params.get(&id)? + 1));
            added.extend(inputs.filter(|input| self.inputs.insert(*input)));
        }
        Ok(added)
    }
}

/// A walk through a body, with what a call runs for its effects to be looked at.
fn start(body: &Body) -> Walk<'_> {
    let mut walk = Walk::new(body.graph(), &[]);
    walk.stack.extend(body.targets().iter().map(|id| Want::Wait(*id)));
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

    #[test]
    fn results_of_a_branch_that_nobody_needs_are_left_out() -> Result<()> {
        let g = Graph::new();
        let (w, x) = (unset(&g)?, g.constant(3.0)?);
        let p = g.constant(true)?.identity()?;
        let (y, z) = g.cond(&p, || Ok((&x * 2.0, &x * &w)), || Ok((&x + 1.0, &x + &w)))?;
        runs(&y, 6.0);
        reads_unset(&z);
        let inner = g.cond(&p, || Ok(g.cond(&p, || Ok((&x * 2.0, &x * &w)), || Ok((&x, &x)))?.0), || Ok(&x))?;
        runs(&inner, 6.0);
        Ok(())
    }

    #[test]
    fn what_a_branch_runs_beside_its_results_is_for_those_who_wait_for_it() -> Result<()> {
        let g = Graph::new();
        let (v, x) = (g.variable(1.0f32)?, g.constant(3.0)?);
        let (y, done) =
            g.cond(g.constant(true)?, || Ok((&x * 2.0, v.assign(5.0))), || Ok((Ok(x.clone()), v.assign(6.0))))?;
        let waits = g.control_dependencies(std::slice::from_ref(&done), || x.identity())?;
        let sess = Session::new(&g)?;
        sess.run(v.initializer())?;
        assert_eq!((sess.run(&y)?.scalar::<f32>()?, sess.run(&v)?.scalar::<f32>()?), (6.0, 1.0));
        assert_eq!((sess.run(&waits)?.scalar::<f32>()?, sess.run(&v)?.scalar::<f32>()?), (3.0, 5.0));
        sess.run(v.initializer())?;
        sess.run(&done)?;
        assert_eq!(sess.run(&v)?.scalar::<f32>()?, 5.0);
        Ok(())
    }
}
