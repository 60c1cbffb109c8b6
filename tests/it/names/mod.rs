//! The nodes of TF1 programs, against what TensorFlow 1.15.5 makes of them (`tests/golden/names.txt`).
//!
//! A function of a file here has the name of its program in `tests/golden/names.py`. Aliases of one row count as one type, a read
//! of a variable counts as the `Identity` that TF1 makes, and reads that TF1 does not make are left out.

#![allow(unused_must_use, reason = "programs are built, not run")]

mod arrays;
mod control;
mod layers;
mod more;
mod networks;
mod operators;
mod scopes;

use std::collections::BTreeSet;

use sessile::graph::Node;
use sessile::ops;
use sessile::prelude::*;

type Program = fn(&Graph) -> sessile::Result<()>;

const GOLDEN: &str = include_str!("../../golden/names.txt");

const F32: DType = DType::F32;

/// Programs that have a counterpart.
fn programs() -> impl Iterator<Item = (&'static str, Program)> {
    let files = [scopes::PROGRAMS, layers::PROGRAMS, operators::PROGRAMS, arrays::PROGRAMS];
    files.into_iter().chain([networks::PROGRAMS, more::PROGRAMS]).flatten().copied()
}

/// Why a program has none.
const PENDING: &[(&str, &[&str])] = &[
    ("variables are of one kind here", &["resource_variables", "resource_scatter_updates"]),
    ("gradients are not there yet", &["training", "training_adam"]),
    ("checkpoints are not there yet", &["saver"]),
];

#[test]
fn programs_make_the_nodes_of_tensorflow() {
    let failures: Vec<String> =
        programs().filter_map(|(name, build)| check(name, build).err().map(|why| format!("{name}: {why}"))).collect();
    assert!(failures.is_empty(), "{} programs differ:\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn each_program_is_compared_or_listed_once() {
    let golden: BTreeSet<&str> = GOLDEN.lines().map(|line| fields(line)[0]).collect();
    let pending = PENDING.iter().flat_map(|(_, names)| names.iter().copied());
    let all: Vec<&str> = programs().map(|(name, _)| name).chain(control::names()).chain(pending).collect();
    let known: BTreeSet<&str> = all.iter().copied().collect();
    assert_eq!(all.len(), known.len(), "a program is listed twice");
    assert_eq!(known, golden);
}

#[test]
fn nodes_carry_the_line_of_the_program() {
    for (name, build) in programs() {
        let g = Graph::new();
        build(&g).unwrap();
        for node in g.nodes() {
            let file = node.location().map_or("none", |line| line.file());
            assert!(file.contains("names"), "{name}: {} is of {file}", node.name());
        }
    }
}

/// The first difference from the program's lines.
fn check(name: &str, build: Program) -> Result<(), String> {
    let g = Graph::new();
    build(&g).map_err(|error| error.to_string())?;
    let mut want: Vec<Vec<&str>> = GOLDEN.lines().map(fields).filter(|line| line[0] == name).collect();
    switches_first(&mut want);
    let nodes: Vec<&Node> = g.nodes().filter(|node| !is_extra_read(node)).collect();
    for (node, want) in nodes.iter().zip(&want) {
        same_node(&g, node, want)?;
    }
    match nodes.len() == want.len() {
        true => Ok(()),
        false => Err(format!("TensorFlow makes {} nodes, but here are {}", want.len(), nodes.len())),
    }
}

/// TF1 makes the switch of an input after the op that needs it; here an input is there before.
fn switches_first(lines: &mut [Vec<&str>]) {
    for i in 0..lines.len() {
        let of = lines[i][1].rsplit_once("/Switch").map(|(of, _)| of);
        if let Some(at) = lines[..i].iter().position(|line| Some(line[1]) == of) {
            lines[at..=i].rotate_right(1);
        }
    }
}

fn fields(line: &str) -> Vec<&str> {
    line.split(" |").map(str::trim).collect()
}

/// A read beside the variable's first one.
fn is_extra_read(node: &Node) -> bool {
    let number = node.name().rsplit_once("/read_").map(|(_, number)| number);
    node.op().kind().name == "ReadVariableOp" && number.is_some_and(|number| number.parse::<u32>().is_ok())
}

fn same_node(g: &Graph, node: &Node, want: &[&str]) -> Result<(), String> {
    let kind = match node.op().kind().name {
        "ReadVariableOp" => "Identity",
        kind => kind,
    };
    let wanted = ops::find(want[2]).map_or(want[2], |row| row.name);
    if (node.name(), kind) != (want[1], wanted) {
        return Err(format!("TensorFlow makes {} ({wanted}), but here is {} ({kind})", want[1], node.name()));
    }
    for ((slot, fact), want) in node.outputs().iter().enumerate().zip(want[4].split("; ")) {
        // With what `set_shape` said, as in TensorFlow.
        let tensor = g.tensor_by_name(&format!("{}:{slot}", node.name())).map_err(|error| error.to_string())?;
        let shape = tensor.shape().to_string();
        if !fact.is_variable() && !is_as_precise(&shape, want) {
            return Err(format!("{} has shape {want} in TensorFlow, but {shape} here", node.name()));
        }
    }
    Ok(())
}

/// Whether a shape says all that another one says.
fn is_as_precise(shape: &str, wanted: &str) -> bool {
    let (dims, wanted_dims): (Vec<&str>, Vec<&str>) = (shape.split(',').collect(), wanted.split(',').collect());
    let bare = |dim: &str| dim.trim_matches(['(', ')', ' ']).to_owned();
    let same_dim = |(dim, wanted): (&&str, &&str)| bare(wanted) == "?" || bare(dim) == bare(wanted);
    wanted == "<unknown>" || dims.len() == wanted_dims.len() && dims.iter().zip(&wanted_dims).all(same_dim)
}

fn x(g: &Graph, shape: Shape) -> sessile::Result<Tensor> {
    g.placeholder(F32, shape)
}

fn ints(g: &Graph, shape: Shape) -> sessile::Result<Tensor> {
    g.placeholder(DType::I32, shape)
}

fn bools(g: &Graph, shape: Shape) -> sessile::Result<Tensor> {
    g.placeholder(DType::Bool, shape)
}
