//! A graph or body with names for all of its dims: those of the user, of the caller's dims, or of the node and axis
//! where a dim is first seen.

use std::collections::{BTreeMap, HashMap, HashSet};

use sessile::graph::{Body, Fact, Graph, Node, OutputId};
use sessile::ops::control::While;
use sessile::shape::Symbol;
use sessile::{DType, Dim, Shape};

use crate::amount::Amount;

/// Sizes of named dims.
pub type Sizes = BTreeMap<String, i64>;

/// What estimates know of a graph.
pub struct Scope<'a> {
    pub graph: &'a Graph,
    sizes: &'a Sizes,
    /// What anonymous symbols are called, and their sizes.
    names: HashMap<Symbol, (Dim, i64)>,
}

impl<'a> Scope<'a> {
    /// The graph itself.
    pub fn root(graph: &'a Graph, sizes: &'a Sizes, taken: &mut HashSet<String>) -> Scope<'a> {
        let mut scope = Scope { graph, sizes, names: HashMap::new() };
        scope.name_all("", taken);
        scope
    }

    /// A body as `node` of this scope calls it.
    pub fn enter<'b>(&self, node: &Node, body: &'b Body, taken: &mut HashSet<String>) -> Scope<'b>
    where
        'a: 'b,
    {
        let mut scope = Scope { graph: body.graph(), sizes: self.sizes, names: HashMap::new() };
        for (param, outer) in body.params().iter().zip(self.arguments(node, body.params().len())) {
            let (inner, outer) = (body.graph().fact(OutputId { node: *param, slot: 0 }), self.graph.fact(outer));
            self.hand_over(inner.shape.dims(), outer.shape.dims(), &mut scope);
            self.hand_over(inner.sizes.as_deref(), outer.sizes.as_deref(), &mut scope);
        }
        scope.name_all(node.name(), taken);
        scope
    }

    /// What a node's bodies are called with: the last inputs. Of a loop what holds in every turn, which is said of its
    /// outputs.
    fn arguments(&self, node: &Node, n: usize) -> Vec<OutputId> {
        match node.op_as::<While>() {
            Some(_) => (0..node.outputs().len() as u32).map(|slot| OutputId { node: node.id(), slot }).collect(),
            None => node.inputs()[node.inputs().len().saturating_sub(n)..].to_vec(),
        }
    }

    /// The body's symbols get the names of the caller's dims.
    fn hand_over(&self, inner: Option<&[Dim]>, outer: Option<&[Dim]>, scope: &mut Scope<'_>) {
        let (Some(inner), Some(outer)) = (inner, outer) else { return };
        for (inner, outer) in inner.iter().zip(outer) {
            if let Some(symbol) = inner.as_symbol().filter(|symbol| symbol.name().is_none()) {
                let _ = scope.names.entry(symbol).or_insert_with(|| (self.renamed(outer), self.size(outer)));
            }
        }
    }

    /// Each further anonymous symbol is called after the node and axis where it comes first.
    fn name_all(&mut self, holder: &str, taken: &mut HashSet<String>) {
        for node in self.graph.nodes() {
            for slot in 0..node.outputs().len() as u32 {
                let fact = self.graph.fact(OutputId { node: node.id(), slot });
                for (axis, dim) in fact.shape.dims().unwrap_or_default().iter().enumerate() {
                    for symbol in dim.symbols().filter(|symbol| symbol.name().is_none()) {
                        if !self.names.contains_key(&symbol) {
                            let name = unused(holder, node.name(), slot, axis, taken);
                            let size = self.sizes.get(&name).copied().unwrap_or(1);
                            self.names.insert(symbol, (Dim::named(&name), size));
                        }
                    }
                }
            }
        }
    }

    fn renamed(&self, dim: &Dim) -> Dim {
        dim.substitute(&mut |symbol| self.names.get(symbol).map(|(dim, _)| dim.clone()))
    }

    fn size(&self, dim: &Dim) -> i64 {
        let bind = |symbol: &Symbol| match (self.names.get(symbol), symbol.name()) {
            (Some((_, size)), _) => Some(*size),
            (None, Some(name)) => Some(self.sizes.get(name).copied().unwrap_or(1)),
            (None, None) => Some(1),
        };
        dim.eval(&bind).unwrap_or(0)
    }

    /// A dim under its name.
    pub fn dim(&self, dim: &Dim) -> Amount {
        Amount::new(self.renamed(dim), self.size(dim) as f64)
    }

    /// A number that only the user knows; whether it was given.
    pub fn asked(&self, name: &str) -> (Amount, bool) {
        let given = self.sizes.get(name).copied();
        (Amount::new(Dim::named(name), given.unwrap_or(1) as f64), given.is_some())
    }

    /// The elements of a tensor of this shape.
    pub fn elements(&self, shape: &Shape) -> Option<Amount> {
        Some(shape.dims()?.iter().fold(Amount::of(1), |product, dim| product.times(&self.dim(dim))))
    }

    /// Bytes of a tensor; of a variable's reference, those of its value. A text counts as its place in the tensor.
    pub fn bytes(&self, fact: &Fact) -> Option<Amount> {
        if fact.dtype == DType::Resource {
            return Some(Amount::of(0));
        }
        let size = fact.dtype.size().unwrap_or(size_of::<Vec<u8>>());
        Some(self.elements(&fact.shape)?.times(&Amount::of(size)))
    }

    /// The integer scalar that a tensor is, if it is a constant or a size.
    pub fn integer(&self, id: OutputId) -> Option<Dim> {
        let value = self.graph.constant_value(id).and_then(|value| match value.dtype() {
            DType::I32 => value.scalar::<i32>().ok().map(i64::from),
            _ => value.scalar::<i64>().ok(),
        });
        match (value, self.graph.fact(id).sizes.as_deref()) {
            (Some(value), _) => Some(Dim::constant(value)),
            (None, Some([size])) => Some(self.renamed(size)),
            _ => None,
        }
    }

    /// An expression over names only.
    pub fn named(&self, dim: Dim) -> Amount {
        let number = self.size(&dim) as f64;
        Amount::new(dim, number)
    }
}

fn unused(holder: &str, node: &str, slot: u32, axis: usize, taken: &mut HashSet<String>) -> String {
    let place = if slot == 0 { format!("{node}.{axis}") } else { format!("{node}:{slot}.{axis}") };
    let mut name = if taken.contains(&place) && !holder.is_empty() { format!("{holder}/{place}") } else { place };
    while !taken.insert(name.clone()) {
        name.push('\'');
    }
    name
}
