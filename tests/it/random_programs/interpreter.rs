//! The oracle of random programs: node by node in the order in which they were built, each op written down as a
//! formula for one element of its output. Numbers are whole and small, so `f64` holds every one of them exactly.

use std::collections::{BTreeSet, HashMap};

use sessile::graph::{AttrValue, Node, NodeId, OutputId};
use sessile::ops::array::Const;
use sessile::prelude::*;

use super::array::{Array, broadcast, join};

/// Why there are no values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Stop {
    /// The program is at fault, and the engine must say so, too.
    Fails,
    /// A number grew past what float32 holds exactly: this program shows nothing.
    Grew,
}

/// The variables, which live from run to run.
#[derive(Default, Clone)]
pub struct Interpreter {
    variables: HashMap<NodeId, Array>,
}

impl Interpreter {
    /// One run; a run that fails changes no variable.
    pub fn run(
        &mut self,
        g: &Graph,
        feeds: &HashMap<OutputId, Array>,
        fetches: &[Tensor],
        targets: &[Operation],
    ) -> Result<Vec<Array>, Stop> {
        let (mut values, mut variables) = (feeds.clone(), self.variables.clone());
        for id in needed(g, feeds, fetches, targets) {
            let node = g.node(id);
            let inputs = node.inputs().iter().map(|id| look(g, &values, &variables, *id)).collect::<Vec<_>>();
            if node.op().kind().name.starts_with("Assign") {
                let new = assigned(node, &inputs)?;
                variables.insert(home(g, node.inputs()[0]), new);
                continue;
            }
            for (slot, value) in evaluate(node, &inputs)?.into_iter().enumerate() {
                values.entry(OutputId { node: id, slot: slot as u32 }).or_insert(value);
            }
        }
        let fetched = fetches.iter().map(|tensor| look(g, &values, &variables, tensor.id())).collect();
        self.variables = variables;
        Ok(fetched)
    }
}

/// What fetches and targets depend on, in the order in which it was built.
fn needed(g: &Graph, feeds: &HashMap<OutputId, Array>, fetches: &[Tensor], targets: &[Operation]) -> BTreeSet<NodeId> {
    let unfed = |id: &&OutputId| !feeds.contains_key(id);
    let fetched: Vec<OutputId> = fetches.iter().map(Tensor::id).collect();
    let mut stack: Vec<NodeId> = fetched.iter().filter(unfed).map(|id| id.node).collect();
    stack.extend(targets.iter().map(Operation::id));
    let mut needed = BTreeSet::new();
    while let Some(id) = stack.pop() {
        if needed.insert(id) {
            stack.extend(g.node(id).inputs().iter().filter(unfed).map(|input| input.node));
            stack.extend(g.node(id).control_inputs());
        }
    }
    needed
}

/// The variable that a reference leads to.
fn home(g: &Graph, mut id: OutputId) -> NodeId {
    while let Some(before) = g.node(id.node).inputs().first() {
        id = *before;
    }
    id.node
}

/// A value; of a variable the one that it has now. The handle of a variable without a value is never read.
fn look(g: &Graph, values: &HashMap<OutputId, Array>, variables: &HashMap<NodeId, Array>, id: OutputId) -> Array {
    match g.fact(id).is_variable() {
        true => variables.get(&home(g, id)).cloned().unwrap_or_default(),
        false => values[&id].clone(),
    }
}

fn assigned(node: &Node, inputs: &[Array]) -> Result<Array, Stop> {
    let (old, new) = (&inputs[0], &inputs[1]);
    match node.op().kind().name {
        // What has no value yet takes any.
        "Assign" if old.data.is_empty() => Ok(new.clone()),
        _ if old.dims != new.dims => Err(Stop::Fails),
        "Assign" => Ok(new.clone()),
        "AssignAdd" => exact(broadcast(old, new, |a, b| a + b)?),
        _ => exact(broadcast(old, new, |a, b| a - b)?),
    }
}

/// Numbers up to 2^24, between which float32 has no gaps.
fn exact(array: Array) -> Result<Array, Stop> {
    match array.data.iter().all(|x| x.abs() <= 16_777_216.0) {
        true => Ok(array),
        false => Err(Stop::Grew),
    }
}

fn flag(node: &Node, name: &str) -> bool {
    node.op().attrs().iter().any(|(key, value)| *key == name && matches!(value, AttrValue::Bool(true)))
}

fn number(node: &Node, name: &str) -> i64 {
    let of = |(key, value): (&str, AttrValue)| match value {
        AttrValue::Int(n) if key == name => Some(n),
        _ => None,
    };
    node.op().attrs().into_iter().find_map(of).expect("the op has this attribute")
}

/// The outputs of one node. Inputs are in the order of TensorFlow's op definitions.
fn evaluate(node: &Node, x: &[Array]) -> Result<Vec<Array>, Stop> {
    let truth = |is: bool| f64::from(u8::from(is));
    let each = |f: fn(f64) -> f64| Ok(x[0].map(f));
    let both = |f: fn(f64, f64) -> f64| broadcast(&x[0], &x[1], f);
    let compare = |f: fn(&f64, &f64) -> bool| broadcast(&x[0], &x[1], |a, b| truth(f(&a, &b)));
    let one = match node.op().kind().name {
        "Const" => Ok(Array::of(&node.op_as::<Const>().expect("a constant").value)),
        // Placeholders are fed; others may wait for them all the same.
        "VariableV2" | "NoOp" | "Placeholder" => return Ok(Vec::new()),
        "Identity" | "ReadVariableOp" | "StopGradient" | "Cast" | "Slow" => Ok(x[0].clone()),
        "AddV2" => both(|a, b| a + b),
        "AddN" if x.iter().any(|other| other.dims != x[0].dims) => Err(Stop::Fails),
        "AddN" => Ok(Array::new(&x[0].dims, |at| x.iter().map(|x| x.at(at)).sum())),
        "Sub" => both(|a, b| a - b),
        "Mul" => both(|a, b| a * b),
        "Maximum" => both(f64::max),
        "Minimum" => both(f64::min),
        // Of a modulus above 0.
        "FloorMod" => both(f64::rem_euclid),
        "BiasAdd" => both(|a, b| a + b),
        "Less" => compare(f64::lt),
        "GreaterEqual" => compare(f64::ge),
        "Equal" => compare(f64::eq),
        "Transpose" | "Slice" | "Tile" if x[1].data.len() != x[0].dims.len() => Err(Stop::Fails),
        "Select" if x[0].dims == x[1].dims && x[1].dims == x[2].dims => {
            Ok(Array::new(&x[0].dims, |at| x[if x[0].at(at) != 0.0 { 1 } else { 2 }].at(at)))
        }
        "Select" => Err(Stop::Fails),
        "Neg" => each(|a| -a),
        "Abs" => each(f64::abs),
        "Relu" => each(|a| a.max(0.0)),
        "Square" => each(|a| a * a),
        "Sign" => each(|a| if a == 0.0 { 0.0 } else { a.signum() }),
        "ZerosLike" => each(|_| 0.0),
        "Shape" => Ok(Array::vector(&x[0].dims)),
        "Rank" => Ok(Array { dims: Vec::new(), data: vec![x[0].dims.len() as f64] }),
        "Range" => Ok(Array::vector(&(0..x[1].sizes()[0]).collect::<Vec<_>>())),
        "Fill" => Ok(Array::new(&x[0].sizes(), |_| x[1].data[0])),
        "Sum" => x[0].reduce(&x[1].ints(), flag(node, "keep_dims"), |all| all.iter().sum()),
        "Max" => x[0].reduce(&x[1].ints(), flag(node, "keep_dims"), |all| all.iter().copied().fold(f64::MIN, f64::max)),
        "ArgMax" => x[0].arg_max(x[1].ints()[0]),
        "MatMul" | "BatchMatMulV2" => {
            let is = |names: [&str; 2]| names.iter().any(|name| flag(node, name));
            x[0].product(is(["transpose_a", "adj_x"]), &x[1], is(["transpose_b", "adj_y"]))
        }
        "Reshape" => x[0].reshape(&x[1].ints()),
        "ExpandDims" => x[0].expand(x[1].ints()[0]),
        "Transpose" => Ok(x[0].transpose(&x[1].sizes())),
        "ConcatV2" => join(&x[..x.len() - 1], x[x.len() - 1].ints()[0]),
        "Pack" => {
            let rows = x.iter().map(|x| x.expand(number(node, "axis"))).collect::<Result<Vec<_>, _>>()?;
            join(&rows, number(node, "axis"))
        }
        "Split" => return x[1].split(x[0].ints()[0], node.outputs().len()),
        "GatherV2" => x[0].gather(&x[1], x[2].ints()[0]),
        "Slice" => x[0].slice(&x[1].ints(), &x[2].ints()),
        "Tile" => {
            let dims: Vec<_> = x[0].dims.iter().zip(x[1].sizes()).map(|(n, times)| n * times).collect();
            Ok(Array::new(&dims, |at| x[0].at(&at.iter().zip(&x[0].dims).map(|(i, n)| i % n).collect::<Vec<_>>())))
        }
        other => panic!("the interpreter has no {other}"),
    };
    Ok(vec![exact(one?)?])
}
