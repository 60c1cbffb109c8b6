//! How many turns a loop makes, where its counter says so.

use sessile::Dim;
use sessile::graph::{Body, Graph, Node, NodeId, OutputId};
use sessile::ops::control::For;

use crate::amount::Amount;
use crate::scope::Scope;

/// How many turns a node's loop makes: known where it counts a number by constant steps up to a constant or a size.
/// `inner` is the scope of the condition.
pub fn turns(outer: &Scope<'_>, inner: &Scope<'_>, node: &Node, cond: &Body, body: &Body) -> Option<Amount> {
    let result = *cond.results().first()?;
    let counter = Counter { outer, inner, node, cond, body };
    counter.while_true(result).map(|turns| outer.named(turns))
}

/// How many turns a `For` makes.
pub fn turns_of_range(outer: &Scope<'_>, node: &Node) -> Option<Amount> {
    node.op_as::<For>()?;
    let part = |i: usize| node.inputs().get(i).and_then(|id| outer.integer(*id));
    let (start, limit, step) = (part(0)?, part(1)?, part(2)?.as_i64()?);
    let turns = if step > 0 { steps(&start, &limit, step) } else { steps(&limit, &start, step.checked_neg()?) };
    turns.map(|turns| outer.named(turns))
}

/// Numbers from `start` by `step` below `limit`.
fn steps(start: &Dim, limit: &Dim, step: i64) -> Option<Dim> {
    let step = usize::try_from(step).ok().filter(|step| *step > 0)?;
    Some((limit - start).max(&Dim::from(0)).ceil_div(&Dim::from(step)))
}

struct Counter<'a> {
    outer: &'a Scope<'a>,
    inner: &'a Scope<'a>,
    node: &'a Node,
    cond: &'a Body,
    body: &'a Body,
}

impl Counter<'_> {
    /// For how many turns a part of the condition holds.
    fn while_true(&self, id: OutputId) -> Option<Dim> {
        let node = self.cond.graph().node(source(self.cond.graph(), id).node);
        let [a, b] = *node.inputs() else { return None };
        match node.op().kind().name {
            "LogicalAnd" => Some(self.while_true(a)?.min(&self.while_true(b)?)),
            "Less" => self.below(a, b, 0),
            "LessEqual" => self.below(a, b, 1),
            "Greater" => self.below(b, a, 0),
            "GreaterEqual" => self.below(b, a, 1),
            _ => None,
        }
    }

    fn below(&self, variable: OutputId, limit: OutputId, more: usize) -> Option<Dim> {
        let at = param(self.cond, variable)?;
        let limit = self.inner.integer(source(self.cond.graph(), limit))?;
        let start = self.outer.integer(*self.node.inputs().get(at)?)?;
        steps(&start, &(limit + more), self.step(at)?)
    }

    /// What a turn adds to a variable.
    fn step(&self, at: usize) -> Option<i64> {
        let graph = self.body.graph();
        let node = graph.node(source(graph, *self.body.results().get(at)?).node);
        let [a, b] = *node.inputs() else { return None };
        let by = match (node.op().kind().name, param(self.body, a), param(self.body, b)) {
            ("Add" | "AddV2", Some(i), _) if i == at => b,
            ("Add" | "AddV2", _, Some(i)) if i == at => a,
            _ => return None,
        };
        let value = graph.constant_value(by)?;
        value.scalar::<i32>().map(i64::from).or_else(|_| value.scalar::<i64>()).ok()
    }
}

/// Where a tensor comes from, through nodes that pass it on.
fn source(graph: &Graph, mut id: OutputId) -> OutputId {
    loop {
        let node = graph.node(id.node);
        match node.inputs() {
            [input] if matches!(node.op().kind().name, "Identity" | "LoopCond" | "StopGradient") => id = *input,
            _ => return id,
        }
    }
}

/// Which parameter a tensor is.
fn param(body: &Body, id: OutputId) -> Option<usize> {
    let at: NodeId = source(body.graph(), id).node;
    body.params().iter().position(|param| *param == at)
}
