//! Memory and work of a run, over the names of dims and for given sizes. Bodies count as often as they run.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use sessile::graph::{Body, Effect, Fact, Graph, Node, OutputId};
use sessile::ops::control::{Branch, For, While};

use crate::amount::Amount;
use crate::flops::flops;
use crate::scope::{Scope, Sizes};
use crate::turns::{turns, turns_of_range};

/// What a run needs. Sizes that nobody gave are 1 in the numbers.
#[derive(Clone)]
pub struct Estimate {
    /// Bytes of constants and variables.
    pub parameters: f64,
    /// Bytes of all that a run computes, had nothing been freed.
    pub activations: Amount,
    /// Arithmetic operations.
    pub flops: Amount,
    /// Bytes that are alive at once at most, in the order of the graph, each tensor freed after its last use. In symbols
    /// it is what is alive where these sizes have most.
    pub peak: Amount,
    /// Tensors of unknown rank, which are left out.
    pub n_unknown: usize,
    /// Loops of which nobody said how many turns they make: one, in the numbers.
    pub open_loops: BTreeSet<String>,
    /// Arithmetic operations by op.
    pub by_op: BTreeMap<&'static str, f64>,
}

/// Estimates a run of the whole graph.
pub fn estimate(graph: &Graph, sizes: &Sizes) -> Estimate {
    let mut estimator = Estimator { taken: HashSet::new(), counted: HashSet::new() };
    let scope = Scope::root(graph, sizes, &mut estimator.taken);
    estimator.graph(&scope, None)
}

struct Estimator {
    /// Names of dims.
    taken: HashSet<String>,
    /// Constants and variables: bodies that are made for several callers share them.
    counted: HashSet<usize>,
}

impl Estimator {
    /// A run of a graph or body. Recurses on nesting, which is bounded.
    fn graph(&mut self, scope: &Scope<'_>, body: Option<&Body>) -> Estimate {
        let (mut estimate, mut peak) = (Estimate::new(), Peak::of(scope.graph, body));
        let params = body.map(Body::params).unwrap_or_default();
        for node in scope.graph.nodes().filter(|node| !params.contains(&node.id())) {
            let here = self.outputs(scope, node, &mut estimate);
            match flops(scope, node) {
                Some(flops) => estimate.work(node.op().kind().name, &flops),
                None => estimate.flops.and_more(),
            }
            let inner = self.bodies(scope, node);
            peak.push(node, here, inner.as_ref().map(|inner| inner.peak.clone()));
            inner.into_iter().for_each(|inner| estimate.add(&inner));
        }
        estimate.peak = peak.most();
        estimate
    }

    /// Bytes that a node makes.
    fn outputs(&mut self, scope: &Scope<'_>, node: &Node, estimate: &mut Estimate) -> Amount {
        let (kind, mut here) = (node.op().kind(), Amount::of(0));
        let is_parameter = kind.name == "Const" || kind.effect == Effect::Variable;
        for (slot, fact) in facts(scope.graph, node).filter(|(_, fact)| is_parameter || !fact.is_variable()) {
            match scope.bytes(&fact) {
                Some(bytes) if is_parameter && self.counted.insert(place(node)) => estimate.parameters += bytes.number,
                Some(_) if is_parameter || slot == 0 && kind.shares_input => {}
                Some(bytes) => here.add(&bytes),
                None => {
                    estimate.n_unknown += 1;
                    here.and_more();
                }
            }
        }
        estimate.activations.add(&here);
        here
    }

    /// What a node's bodies need, as often as they run; `None` for a node without.
    fn bodies(&mut self, scope: &Scope<'_>, node: &Node) -> Option<Estimate> {
        let bodies: Vec<Arc<Body>> = scope.graph.bodies(node).into_iter().map(|(_, body)| body).collect();
        if bodies.is_empty() {
            return None;
        }
        let mut parts = Vec::new();
        for body in &bodies {
            let inner = scope.enter(node, body, &mut self.taken);
            let turns = match bodies.as_slice() {
                [cond, body] if node.op_as::<While>().is_some() => turns(scope, &inner, node, cond, body),
                _ => turns_of_range(scope, node),
            };
            parts.push((self.graph(&inner, Some(body)), turns));
        }
        let turns = parts.first().and_then(|(_, turns)| turns.clone());
        let parts = parts.into_iter().map(|(part, _)| part);
        if node.op_as::<Branch>().is_some() {
            return parts.reduce(Estimate::or_more);
        }
        let is_loop = node.op_as::<While>().is_some() || node.op_as::<For>().is_some();
        Some(if is_loop { looped(scope, node, turns, parts.collect()) } else { summed(parts) })
    }
}

/// A loop's condition, if it has one, runs once more than its body.
fn looped(scope: &Scope<'_>, node: &Node, turns: Option<Amount>, parts: Vec<Estimate>) -> Estimate {
    let (turns, is_known) = match turns {
        Some(turns) => (turns, true),
        None => scope.asked(&format!("turns({})", node.name())),
    };
    let mut once_more = turns.clone();
    once_more.add(&Amount::of(1));
    let last = parts.len() - 1;
    let parts = parts.iter().enumerate().map(|(i, part)| part.times(if i == last { &turns } else { &once_more }));
    let mut all = summed(parts);
    if !is_known {
        all.open_loops.insert(node.name().to_owned());
    }
    all
}

fn summed(parts: impl Iterator<Item = Estimate>) -> Estimate {
    parts.fold(Estimate::new(), |mut sum, part| {
        sum.add(&part);
        sum.peak = sum.peak.or_more(part.peak);
        sum
    })
}

impl Estimate {
    fn new() -> Estimate {
        Estimate {
            parameters: 0.0,
            activations: Amount::of(0),
            flops: Amount::of(0),
            peak: Amount::of(0),
            n_unknown: 0,
            open_loops: BTreeSet::new(),
            by_op: BTreeMap::new(),
        }
    }

    /// Whether a number is the most that can be said: something is left out, or was taken as one turn.
    pub fn is_at_least(&self, amount: &Amount) -> bool {
        !amount.is_whole() || !self.open_loops.is_empty() && !amount.is_constant()
    }

    fn work(&mut self, op: &'static str, flops: &Amount) {
        *self.by_op.entry(op).or_default() += flops.number;
        self.flops.add(flops);
    }

    /// All but the peak.
    fn add(&mut self, other: &Estimate) {
        self.parameters += other.parameters;
        self.activations.add(&other.activations);
        self.flops.add(&other.flops);
        self.n_unknown += other.n_unknown;
        self.open_loops.extend(other.open_loops.iter().cloned());
        other.by_op.iter().for_each(|(op, flops)| *self.by_op.entry(op).or_default() += flops);
    }

    fn times(&self, turns: &Amount) -> Estimate {
        let by_op = self.by_op.iter().map(|(op, flops)| (*op, flops * turns.number)).collect();
        let (activations, flops) = (self.activations.times(turns), self.flops.times(turns));
        Estimate { activations, flops, by_op, ..self.clone() }
    }

    /// Of two branches the one that needs more of it.
    fn or_more(self, other: Estimate) -> Estimate {
        let by_op = if other.flops.number > self.flops.number { other.by_op } else { self.by_op };
        Estimate {
            parameters: self.parameters + other.parameters,
            activations: self.activations.or_more(other.activations),
            flops: self.flops.or_more(other.flops),
            peak: self.peak.or_more(other.peak),
            n_unknown: self.n_unknown + other.n_unknown,
            open_loops: self.open_loops.into_iter().chain(other.open_loops).collect(),
            by_op,
        }
    }
}

/// Copies of a node in bodies that are made for several callers share the op.
fn place(node: &Node) -> usize {
    Arc::as_ptr(node.op_arc()).cast::<()>().addr()
}

fn facts(graph: &Graph, node: &Node) -> impl Iterator<Item = (u32, Fact)> {
    let id = node.id();
    (0..node.outputs().len() as u32).map(move |slot| (slot, graph.fact(OutputId { node: id, slot })))
}

/// A walk through a graph as a single thread would run it.
struct Peak {
    last_use: Vec<usize>,
    /// From which node to which what a node made is alive.
    lives: Vec<(usize, usize, Amount)>,
    /// What the bodies of a node have alive at most while it runs.
    inner: BTreeMap<usize, Amount>,
}

impl Peak {
    fn of(graph: &Graph, body: Option<&Body>) -> Peak {
        let mut last_use: Vec<usize> = (0..graph.len()).collect();
        let results = body.map(Body::results).unwrap_or_default();
        results.iter().for_each(|result| last_use[result.node.index()] = graph.len());
        for node in graph.nodes().rev() {
            for (slot, input) in node.inputs().iter().enumerate() {
                // A buffer that is shared is alive as long as either tensor.
                let is_shared = slot == 0 && node.op().kind().shares_input;
                let until = if is_shared { last_use[node.id().index()] } else { node.id().index() };
                last_use[input.node.index()] = last_use[input.node.index()].max(until);
            }
        }
        Peak { last_use, lives: Vec::new(), inner: BTreeMap::new() }
    }

    fn push(&mut self, node: &Node, made: Amount, inner: Option<Amount>) {
        let at = node.id().index();
        self.lives.push((at, self.last_use[at], made));
        self.inner.extend(inner.map(|inner| (at, inner)));
    }

    fn most(&self) -> Amount {
        let (mut alive, mut most) = (0.0, (0.0, 0));
        let mut freed_after: BTreeMap<usize, f64> = BTreeMap::new();
        for (at, until, made) in &self.lives {
            alive += made.number;
            let here = alive + self.inner.get(at).map_or(0.0, |inner| inner.number);
            most = if here > most.0 { (here, *at) } else { most };
            *freed_after.entry(*until).or_default() += made.number;
            alive -= freed_after.remove(at).unwrap_or(0.0);
        }
        let at = most.1;
        let mut sum = self.inner.get(&at).cloned().unwrap_or_else(|| Amount::of(0));
        let alive = self.lives.iter().filter(|(from, until, _)| (*from..=*until).contains(&at));
        alive.for_each(|(_, _, made)| sum.add(made));
        sum
    }
}
