//! How many arithmetic operations a node needs, over the sizes of its shapes.

use sessile::graph::{Fact, Node, OutputId};
use sessile::ops::math::Einsum;
use sessile::{Dim, Shape};

use crate::amount::Amount;
use crate::classes::{Class, class};
use crate::scope::Scope;

/// Multiplications and additions count one each; what only moves data counts nothing. `None` where ranks are unknown, and
/// for a user's op. What a node's bodies do is not its own work.
pub fn flops(scope: &Scope<'_>, node: &Node) -> Option<Amount> {
    let inputs: Vec<Fact> = node.inputs().iter().map(|id| scope.graph.fact(*id)).collect();
    let output = (!node.outputs().is_empty()).then(|| scope.graph.fact(OutputId { node: node.id(), slot: 0 }).shape);
    let at = At { scope, inputs, output };
    match class(node.op().kind().name)? {
        Class::Moves => Some(Amount::of(0)),
        Class::Elementwise => at.output.as_ref().map_or(Some(Amount::of(0)), |out| scope.elements(out)),
        Class::Folds(n) => Some(Amount::of(n).times(&scope.elements(at.input(0)?)?)),
        Class::Updates(n) => Some(Amount::of(n).times(&scope.elements(at.input(changes(node)?)?)?)),
        Class::Product => at.product(),
        Class::Einsum => at.einsum(node),
        Class::Window => at.per_output(at.output.as_ref()?, at.input(1)?, 1),
        Class::DepthwiseWindow => at.per_output(at.output.as_ref()?, at.input(1)?, 2),
        // A step back costs what the step forward did: its output is the last input.
        Class::BackToInput => at.per_output(at.input(2)?, at.input(1)?, 1),
        Class::BackToFilter => at.per_output(at.input(2)?, at.output.as_ref()?, 1),
        Class::DepthwiseBackToInput => at.per_output(at.input(2)?, at.input(1)?, 2),
        Class::DepthwiseBackToFilter => at.per_output(at.input(2)?, at.output.as_ref()?, 2),
        Class::Cubic => at.cubic(),
        Class::Cells => at.cells(node),
    }
}

/// A node's shapes.
struct At<'a> {
    scope: &'a Scope<'a>,
    inputs: Vec<Fact>,
    output: Option<Shape>,
}

impl At<'_> {
    fn input(&self, i: usize) -> Option<&Shape> {
        self.inputs.get(i).map(|fact| &fact.shape)
    }

    fn product(&self) -> Option<Amount> {
        let (left, out) = (self.input(0)?, self.output.as_ref()?);
        let work = self.scope.elements(out)?.times(&self.scope.dim(&contracted(left, out)?));
        Some(Amount::of(2).times(&work))
    }

    /// For each element of the output a product over the labels that it does not have.
    fn einsum(&self, node: &Node) -> Option<Amount> {
        let (inputs, out) = node.op_as::<Einsum>()?.equation.split_once("->")?;
        let mut work = Amount::of(self.inputs.len()).times(&self.scope.elements(self.output.as_ref()?)?);
        let mut seen: Vec<char> = out.chars().collect();
        for (i, term) in inputs.split(',').enumerate() {
            let shape = self.input(i)?;
            let (front, back) = term.split_once("...").unwrap_or((term, ""));
            let labels = |text: &str| text.chars().filter(|c| c.is_alphabetic()).collect::<Vec<_>>();
            let (front, back) = (labels(front), labels(back));
            let first = shape.rank()?.checked_sub(back.len())?;
            let places = (0..).zip(front).chain((first..).zip(back));
            for (axis, label) in places {
                if !seen.contains(&label) {
                    seen.push(label);
                    work = work.times(&self.scope.dim(shape.dims()?.get(axis)?));
                }
            }
        }
        Some(work)
    }

    /// A multiplication and an addition for each output and each element of the filter but for its last axes.
    fn per_output(&self, out: &Shape, filter: &Shape, n_last: usize) -> Option<Amount> {
        let window = filter.slice(..filter.rank()?.checked_sub(n_last)?).ok()?;
        Some(Amount::of(2).times(&self.scope.elements(out)?.times(&self.scope.elements(&window)?)))
    }

    /// A multiplication and an addition for each row of the output and each weight.
    fn cells(&self, node: &Node) -> Option<Amount> {
        let out = self.output.as_ref()?;
        let rows = self.scope.elements(&out.slice(..out.rank()?.checked_sub(1)?).ok()?)?;
        let args = node.op().kind().args().inputs.iter().zip(&self.inputs);
        let mut weights = Amount::of(0);
        for (_, fact) in args.filter(|(arg, _)| arg.name == "w" || arg.name.starts_with("w_")) {
            weights.add(&self.scope.elements(&fact.shape)?);
        }
        Some(Amount::of(2).times(&rows).times(&weights))
    }

    /// For each matrix as many operations as a product of it with itself, half of them.
    fn cubic(&self) -> Option<Amount> {
        let matrices = self.input(0)?;
        let columns = self.scope.dim(&matrices.dim(matrices.rank()?.checked_sub(1)?));
        Some(self.scope.elements(matrices)?.times(&columns))
    }
}

/// The input that a variable or tensor is changed by.
fn changes(node: &Node) -> Option<usize> {
    let args = &node.op().kind().args().inputs;
    args.iter().position(|arg| matches!(arg.name.as_str(), "grad" | "delta" | "updates" | "value"))
}

/// The axis that a product sums over: what the left side has beside the output's rows. Exact unless rows and columns
/// of a transposed left side are equal, and then it is right as well.
fn contracted(left: &Shape, out: &Shape) -> Option<Dim> {
    let (rank, out_rank) = (left.rank()?, out.rank()?);
    if rank < 2 || out_rank < 2 {
        return None;
    }
    let (rows, columns, out_rows) = (left.dim(rank - 2), left.dim(rank - 1), out.dim(out_rank - 2));
    Some(if columns == out_rows && rows != out_rows { rows } else { columns })
}
