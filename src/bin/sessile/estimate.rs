//! Memory and work of a run, over the names of dims and for given sizes.

use std::collections::BTreeMap;

use sessile::graph::{Effect, Fact, Graph, Node, OutputId};
use sessile::shape::Symbol;
use sessile::{DType, Dim};

use crate::flops::flops;

/// What a run needs. Sizes that nobody gave are 1 in the numbers.
pub struct Estimate {
    /// Bytes of constants and variables.
    pub parameters: f64,
    /// Bytes of all that a run computes, had nothing been freed.
    pub activations: Total,
    /// Arithmetic operations.
    pub flops: Total,
    /// Bytes that are alive at once at most, in the order of the graph, each tensor freed after its last use.
    pub peak: f64,
    /// Tensors of unknown rank, which are left out.
    pub n_unknown: usize,
    /// Arithmetic operations by op.
    pub by_op: BTreeMap<&'static str, f64>,
}

/// A sum over the names of dims.
pub struct Total {
    /// As an expression; `None` where it has too many terms to be read.
    pub symbolic: Option<Dim>,
    /// With the sizes put in.
    pub number: f64,
}

/// Sizes of named dims.
pub type Sizes = BTreeMap<String, i64>;

/// Estimates a run of the whole graph.
pub fn estimate(graph: &Graph, sizes: &Sizes) -> Estimate {
    let mut estimate = Estimate {
        parameters: 0.0,
        activations: Total::new(),
        flops: Total::new(),
        peak: 0.0,
        n_unknown: 0,
        by_op: BTreeMap::new(),
    };
    for node in graph.nodes() {
        estimate.node(graph, node, sizes);
    }
    estimate.peak = peak(graph, sizes);
    estimate
}

impl Estimate {
    fn node(&mut self, graph: &Graph, node: &Node, sizes: &Sizes) {
        for (slot, fact) in facts(graph, node) {
            match bytes(&fact) {
                None => self.n_unknown += 1,
                Some(_) if fact.is_variable() && !matches!(node.op().kind().effect, Effect::Variable) => {}
                Some(bytes) if is_parameter(node) => self.parameters += number(&bytes, sizes),
                Some(_) if slot == 0 && node.op().kind().shares_input => {}
                Some(bytes) => self.activations.add(bytes, sizes),
            }
        }
        if let Some(flops) = flops(graph, node) {
            *self.by_op.entry(node.op().kind().name).or_default() += number(&flops, sizes);
            self.flops.add(flops, sizes);
        }
    }
}

impl Total {
    fn new() -> Total {
        Total { symbolic: Some(Dim::from(0)), number: 0.0 }
    }

    fn add(&mut self, dim: Dim, sizes: &Sizes) {
        self.number += number(&dim, sizes);
        let sum = self.symbolic.take().map(|sum| sum + dim);
        self.symbolic = sum.filter(|sum| !sum.has_anonymous());
    }
}

fn is_parameter(node: &Node) -> bool {
    node.op().kind().name == "Const" || node.op().kind().effect == Effect::Variable
}

fn facts(graph: &Graph, node: &Node) -> impl Iterator<Item = (u32, Fact)> {
    let id = node.id();
    (0..node.outputs().len() as u32).map(move |slot| (slot, graph.fact(OutputId { node: id, slot })))
}

/// Bytes of a tensor; of a variable's reference, those of its value. A text counts as its place in the tensor.
fn bytes(fact: &Fact) -> Option<Dim> {
    let size = fact.dtype.size().unwrap_or(size_of::<Vec<u8>>());
    let size = if fact.dtype == DType::Resource { 0 } else { size };
    Some(Dim::from(size) * fact.shape.num_elements()?)
}

fn number(dim: &Dim, sizes: &Sizes) -> f64 {
    let bind = |symbol: &Symbol| Some(symbol.name().and_then(|name| sizes.get(name).copied()).unwrap_or(1));
    dim.eval(&bind).unwrap_or(0) as f64
}

/// Walks the graph as a single thread would run it.
fn peak(graph: &Graph, sizes: &Sizes) -> f64 {
    let mut last_use: Vec<usize> = (0..graph.len()).collect();
    for node in graph.nodes() {
        for input in node.inputs() {
            last_use[input.node.index()] = node.id().index();
        }
    }
    let mut freed_after: BTreeMap<usize, f64> = BTreeMap::new();
    let (mut alive, mut peak) = (0.0f64, 0.0f64);
    for node in graph.nodes().filter(|node| !is_parameter(node)) {
        let here: f64 = facts(graph, node)
            .filter(|(slot, fact)| !(fact.is_variable() || *slot == 0 && node.op().kind().shares_input))
            .filter_map(|(_, fact)| bytes(&fact))
            .map(|bytes| number(&bytes, sizes))
            .sum();
        alive += here;
        peak = peak.max(alive);
        *freed_after.entry(last_use[node.id().index()]).or_default() += here;
        alive -= freed_after.remove(&node.id().index()).unwrap_or(0.0);
    }
    peak
}
