//! The reverse walk: from what is differentiated back to what it is differentiated by.
//!
//! It knows no single op. From the last node to the first, what flows into a node's outputs is summed, and the op's own
//! rule ([`Op::grad`](crate::graph::Op::grad)) says what flows on into its inputs. Rules build nodes of the graph, so a
//! gradient is a tensor like any other, with shapes, names and gradients of its own.

mod body;
#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashMap, HashSet};

pub(crate) use self::body::body_gradient;
use crate::dtype::DType;
use crate::error::{Error, ErrorKind, Result, Site, escape, guarded};
use crate::graph::{GradCx, Gradient, Graph, Node, NodeId, Operation, OutputId, Tensor};
use crate::ops::array::Fill;
use crate::ops::math::add_n;

/// The derivatives of the sum of all elements of `ys` by each of `xs`, in the shape of that one; `None` for one on which
/// no smooth function leads to `ys`.
///
/// Variables take part by their [handle](crate::Variable::handle). Nodes are made in a name scope `gradients`, those of
/// a node `n` in `n_grad`, as in TF1. Nothing flows through integers, through ops that are steps (`floor`, `argmax`),
/// and through [`Tensor::stop_gradient`]. An infinite slope stays infinite, also in a branch that `select` does not
/// take: there it is multiplied by zero, which is NaN, as in TF1.
///
/// # Errors
/// `Unsupported` where the way goes through an op whose gradient is not there yet, such as control flow; the error names
/// the node. `InvalidArgument` for `ys` or `xs` that are no floating-point or complex numbers, `GraphMismatch` for
/// tensors of several graphs or of bodies.
///
/// ```
/// # use sessile::{gradients, prelude::*};
/// # fn main() -> sessile::Result<()> {
/// let g = Graph::new();
/// let x = g.placeholder(DType::F64, shape![2])?;
/// let y = (x.square()? * &x)?.reduce_sum(())?;
/// let dx = gradients(&[&y], &[&x])?[0].clone().expect("y depends on x");
/// assert_eq!(dx.shape(), shape![2].into());
/// let dx = Session::new(&g)?.run_with(&dx, feeds! { x => array![1.0, -2.0] })?;
/// assert_eq!(dx.to_string(), "[ 3. 12.]");
/// # Ok(()) }
/// ```
#[doc(alias = "tf.gradients")]
#[track_caller]
pub fn gradients(ys: &[&Tensor], xs: &[&Tensor]) -> Result<Vec<Option<Tensor>>> {
    gradients_from(ys, xs, &vec![None; ys.len()])
}

/// As [`gradients`], where each of `ys` has what flows into it, of its own dtype and shape; ones where that is `None`.
///
/// # Errors
/// As for [`gradients`]; `InvalidArgument` for another number of them than of `ys`, `DTypeMismatch`.
#[doc(alias = "tf.gradients")]
#[track_caller]
pub fn gradients_from(ys: &[&Tensor], xs: &[&Tensor], grad_ys: &[Option<&Tensor>]) -> Result<Vec<Option<Tensor>>> {
    let Some(first) = ys.first().or(xs.first()) else { return Ok(Vec::new()) };
    let g = first.graph();
    check(g, ys, xs, grad_ys)?;
    g.composite("gradients", |_| {
        let mut walk = Walk { g, arrived: HashMap::new(), between: between(g, ys, xs) };
        for (i, (y, grad)) in ys.iter().zip(grad_ys).enumerate() {
            let grad = match grad {
                Some(grad) => (*grad).clone(),
                None => ones(y, i)?,
            };
            walk.arrived.entry(y.id()).or_default().push(grad);
        }
        let wanted: HashSet<OutputId> = xs.iter().map(|x| x.id()).collect();
        let mut found = walk.run(&wanted)?;
        // An x on which nothing depends may still be one of the ys.
        for x in xs {
            if let Some(grads) = walk.arrived.remove(&x.id()) {
                found.insert(x.id(), sum(&grads)?);
            }
        }
        Ok(xs.iter().map(|x| found.get(&x.id()).cloned()).collect())
    })
}

/// Whether derivatives by it have a meaning.
fn is_smooth(dtype: DType) -> bool {
    dtype.is_floating() || dtype.is_complex()
}

fn check(g: &Graph, ys: &[&Tensor], xs: &[&Tensor], grad_ys: &[Option<&Tensor>]) -> Result<()> {
    if grad_ys.len() != ys.len() {
        let (want, have) = (ys.len(), grad_ys.len());
        return Err(Error::invalid(format!("there must be {want} gradients of ys, but there are {have}")));
    }
    let given = grad_ys.iter().flatten();
    if let Some(other) = ys.iter().chain(xs).chain(given).find(|tensor| tensor.graph().id() != g.id()) {
        let text = format!("'{}' is of another graph, or of a body", escape(&other.name()));
        return Err(Error::new(ErrorKind::GraphMismatch, text));
    }
    if let Some(step) = ys.iter().chain(xs).find(|tensor| !is_smooth(tensor.dtype())) {
        let (name, dtype) = (escape(&step.name()), step.dtype());
        return Err(Error::invalid(format!(
            "gradients are of floating-point and complex numbers, but '{name}' is {dtype}"
        )));
    }
    for (y, grad) in ys.iter().zip(grad_ys) {
        let Some(grad) = grad else { continue };
        if grad.dtype() != y.dtype() {
            let (name, have, want) = (escape(&y.name()), grad.dtype(), y.dtype());
            return Err(Error::dtype(format!("the gradient of '{name}' must be {want}, but is {have}")));
        }
        grad.shape().merge(&y.shape())?;
    }
    Ok(())
}

/// Ones of the shape of `ys[i]`.
fn ones(y: &Tensor, i: usize) -> Result<Tensor> {
    let g = y.graph();
    let shape = y.shape_tensor()?;
    let one = g.named(&format!("grad_ys_{i}"), || g.constant_as(y.dtype(), 1))?;
    g.apply_one(Fill, &[&shape, &one])
}

/// The nodes on the ways from `xs` to `ys`, those that make `xs` not among them unless they lie on one.
fn between(g: &Graph, ys: &[&Tensor], xs: &[&Tensor]) -> BTreeSet<NodeId> {
    let (mut needed, mut stack) = (BTreeSet::new(), ys.iter().map(|y| y.id().node).collect::<Vec<_>>());
    while let Some(id) = stack.pop() {
        if needed.insert(id) {
            stack.extend(g.node(id).inputs().iter().map(|input| input.node));
        }
    }
    let sources: HashSet<OutputId> = xs.iter().map(|x| x.id()).collect();
    let mut between = BTreeSet::new();
    // Inputs have smaller ids: by the time that a node is looked at, theirs is known.
    for id in needed {
        let depends = |input: &OutputId| sources.contains(input) || between.contains(&input.node);
        if g.node(id).inputs().iter().any(depends) {
            between.insert(id);
        }
    }
    between
}

struct Walk<'g> {
    g: &'g Graph,
    /// What has flowed into each output so far, in the order in which it came.
    arrived: HashMap<OutputId, Vec<Tensor>>,
    between: BTreeSet<NodeId>,
}

impl Walk<'_> {
    /// Goes from the last node to the first; answers what flowed into the wanted outputs of the nodes it passed.
    fn run(&mut self, wanted: &HashSet<OutputId>) -> Result<HashMap<OutputId, Tensor>> {
        let mut found = HashMap::new();
        while let Some(id) = self.between.pop_last() {
            let operation = self.g.operation(id);
            let grads = self.output_grads(&operation)?;
            for (slot, grad) in grads.iter().enumerate() {
                let output = OutputId { node: id, slot: slot as u32 };
                if let (Some(grad), true) = (grad, wanted.contains(&output)) {
                    found.insert(output, grad.clone());
                }
            }
            if grads.iter().any(Option::is_some) {
                self.pass_on(&operation, &grads)?;
            }
        }
        Ok(found)
    }

    /// The sums of what flowed into the outputs of a node.
    fn output_grads(&mut self, operation: &Operation) -> Result<Vec<Option<Tensor>>> {
        let slots = 0..operation.node().outputs().len() as u32;
        let grads = slots.map(|slot| self.arrived.remove(&OutputId { node: operation.id(), slot }));
        grads.map(|grads| grads.map(|grads| sum(&grads)).transpose()).collect()
    }

    /// Lets the op's rule say what flows into its inputs.
    fn pass_on(&mut self, operation: &Operation, grads: &[Option<Tensor>]) -> Result<()> {
        let node = operation.node();
        if matches!(node.op().kind().gradient, Gradient::Never(_)) {
            return Ok(());
        }
        let scope = format!("{}_grad", node.name());
        let rule = || guarded("the gradient rule", || node.op().grad(&GradCx::new(operation, grads, &body_gradient)));
        let flows = self.g.name_scope(&scope, |_| rule()).map_err(|error| error.at(|| site(self.g, node)))?;
        if flows.len() != node.inputs().len() {
            let (want, have) = (node.inputs().len(), flows.len());
            let text = format!("the gradient rule must answer for {want} inputs, but answers for {have}");
            return Err(Error::invalid(text).at(|| site(self.g, node)));
        }
        for (input, flow) in node.inputs().iter().zip(flows) {
            let Some(flow) = flow.filter(|_| is_smooth(self.g.fact(*input).dtype)) else { continue };
            self.check_flow(*input, &flow).map_err(|error| error.at(|| site(self.g, node)))?;
            self.arrived.entry(*input).or_default().push(flow);
        }
        Ok(())
    }

    /// A gradient has the dtype and the shape of what it is the gradient of.
    fn check_flow(&self, input: OutputId, flow: &Tensor) -> Result<()> {
        let fact = self.g.fact(input);
        if flow.dtype() != fact.dtype {
            let (have, want) = (flow.dtype(), fact.dtype);
            return Err(Error::dtype(format!("the gradient of an input of {want} must be of it, but is {have}")));
        }
        if flow.shape().is_fully_known() {
            return flow.shape().merge(&fact.shape).map(drop);
        }
        flow.set_shape(&fact.shape)
    }
}

/// The sum of what came on several ways.
fn sum(grads: &[Tensor]) -> Result<Tensor> {
    add_n(&grads.iter().collect::<Vec<_>>())
}

fn site(g: &Graph, node: &Node) -> Site {
    let inputs = node.inputs().iter().map(|id| g.fact(*id).to_string()).collect();
    Site { node: node.name().into(), op: node.op().kind().name.into(), inputs, location: node.location() }
}
