//! The nodes of TF1 programs, against what TensorFlow 1.15.5 makes of them (`tests/golden/names.txt`).
//!
//! A function here has the name of its program in `tests/golden/names.py`. Aliases of one row count as one type, a read
//! of a variable counts as the `Identity` that TF1 makes, and reads that TF1 does not make are left out.

#![allow(unused_must_use, reason = "programs are built, not run")]

use std::collections::BTreeSet;

use sessile::graph::Node;
use sessile::init::{constant, he_normal, ones, zeros};
use sessile::layers::{Dense, dense};
use sessile::ops::{self, math};
use sessile::prelude::*;

type Program = fn(&Graph) -> sessile::Result<()>;

const GOLDEN: &str = include_str!("../golden/names.txt");

const F32: DType = DType::F32;

/// Programs that have a counterpart below.
const PROGRAMS: &[(&str, Program)] = &[
    ("repeated_ops", repeated_ops),
    ("collisions", collisions),
    ("name_scopes", name_scopes),
    ("name_scope_takes_the_name_of_an_op", name_scope_takes_the_name_of_an_op),
    ("variable_scopes", variable_scopes),
    ("variable_scope_default_names", variable_scope_default_names),
    ("variables_and_name_scopes", variables_and_name_scopes),
    ("get_variable_again", get_variable_again),
    ("initializers_of_a_program", initializers_of_a_program),
    ("dense_rank2", |g| dense_twice(g, shape![?, 6])),
    ("dense_rank3", |g| dense_once(g, shape![?, 3, 6])),
    ("dense_rank3_static", |g| dense_once(g, shape![2, 3, 6])),
    ("dense_rank4", dense_rank4),
    ("dense_activations", dense_activations),
    ("dense_reused", dense_reused),
    ("dense_in_scopes", dense_in_scopes),
    ("dense_with_initializers", dense_with_initializers),
    ("operators_of_bools", operators_of_bools),
    ("shapes_static", shapes_static),
    ("softmax_unknown_rank", softmax_unknown_rank),
    ("binary_with_numbers", binary_with_numbers),
    ("reductions", reductions),
    ("reductions_of_unknown_rank", reductions_of_unknown_rank),
    ("tensordot_static", |g| tensordot(g, shape![2, 3, 4], shape![4, 10], [[2], [0]])),
    ("tensordot_static_number", |g| tensordot(g, shape![2, 3, 4], shape![4, 10], 1)),
    ("tensordot_partly_known", |g| tensordot(g, shape![?, 3, 4], shape![4, 10], [[2], [0]])),
    ("tensordot_both_partly_known", |g| tensordot(g, shape![?, 3, 4], shape![4, ?], [[-1], [0]])),
    ("tensordot_twice", tensordot_twice),
    ("softmax_cross_entropy", |g| softmax_cross_entropy(g, shape![2, 3])),
    ("softmax_cross_entropy_unknown_batch", |g| softmax_cross_entropy(g, shape![?, 3])),
];

/// Why a program has none yet.
const PENDING: &[(&str, &[&str])] = &[
    (
        "a counterpart is not written",
        &[
            "initialized_value",
            "identity_matrices",
            "uninitialized_variables",
            "softmax_axes",
            "dropout",
            "special_functions",
            "log_sum_exp",
            "norms",
            "normalizations",
            "complex_products",
            "tensordot_unknown_rank_right",
            "tensordot_axes_of_a_run",
            "cross_entropies_of_unknown_shapes",
            "softmax_cross_entropy_axes",
            "softmax_cross_entropy_unknown_rank",
            "softmax_cross_entropy_of_halves",
            "sparse_softmax_cross_entropy_rank1",
            "sparse_softmax_cross_entropy_unknown_batch",
            "mean_squared_error",
            "multinomial",
            "assertions",
            "print_v2",
            "name_scope_leaves_and_reenters",
            "scatter_updates",
            "operators_with_numbers",
            "operators_with_tensors",
            "operators_of_ints",
            "slicing",
            "shapes_dynamic",
            "activations",
            "comparisons",
            "random_numbers",
        ],
    ),
    (
        "it mixes builders that exist with ones that do not, or are spelled otherwise in Rust",
        &[
            "variable_scope_object",
            "ref_variables",
            "get_variables",
            "groups",
            "flatten",
            "operators_with_lists",
            "sources",
            "copies",
            "rearranging",
            "joining_and_splitting",
            "picking",
            "casting",
            "unary",
            "binary",
            "composed_reductions",
            "products",
            "cross_entropies",
            "losses",
            "checks",
        ],
    ),
    ("variables are of one kind here", &["resource_variables", "resource_scatter_updates"]),
    ("softmax takes the last axis only", &["softmax_other_axis"]),
    ("tensordot refuses tensors of unknown rank", &["tensordot_unknown_rank", "tensordot_unknown_rank_number"]),
    ("the form that holds labels fixed has no builder", &["softmax_cross_entropy_old"]),
    ("logits are a matrix", &["sparse_softmax_cross_entropy_rank3"]),
    ("training and saving are compared elsewhere", &["training", "training_adam", "saver"]),
];

#[test]
fn programs_make_the_nodes_of_tensorflow() {
    let failures: Vec<String> = PROGRAMS
        .iter()
        .filter_map(|(name, build)| check(name, *build).err().map(|why| format!("{name}: {why}")))
        .collect();
    assert!(failures.is_empty(), "{} programs differ:\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn each_program_is_compared_or_listed_once() {
    let golden: BTreeSet<&str> = GOLDEN.lines().map(|line| fields(line)[0]).collect();
    let pending = PENDING.iter().flat_map(|(_, names)| names.iter().copied());
    let all: Vec<&str> = PROGRAMS.iter().map(|(name, _)| *name).chain(pending).collect();
    let known: BTreeSet<&str> = all.iter().copied().collect();
    assert_eq!(all.len(), known.len(), "a program is listed twice");
    assert_eq!(known, golden);
}

#[test]
fn nodes_carry_the_line_of_the_program() {
    for (name, build) in PROGRAMS {
        let g = Graph::new();
        build(&g).unwrap();
        for node in g.nodes() {
            let file = node.location().map_or("none", |line| line.file());
            assert!(file.ends_with("names.rs"), "{name}: {} is of {file}", node.name());
        }
    }
}

/// The first difference from the program's lines.
fn check(name: &str, build: Program) -> Result<(), String> {
    let g = Graph::new();
    build(&g).map_err(|error| error.to_string())?;
    let want: Vec<Vec<&str>> = GOLDEN.lines().map(fields).filter(|line| line[0] == name).collect();
    let nodes: Vec<&Node> = g.nodes().filter(|node| !is_extra_read(node)).collect();
    for (node, want) in nodes.iter().zip(&want) {
        same_node(node, want)?;
    }
    match nodes.len() == want.len() {
        true => Ok(()),
        false => Err(format!("TensorFlow makes {} nodes, but here are {}", want.len(), nodes.len())),
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

fn same_node(node: &Node, want: &[&str]) -> Result<(), String> {
    let kind = match node.op().kind().name {
        "ReadVariableOp" => "Identity",
        kind => kind,
    };
    let wanted = ops::find(want[2]).map_or(want[2], |row| row.name);
    if (node.name(), kind) != (want[1], wanted) {
        return Err(format!("TensorFlow makes {} ({wanted}), but here is {} ({kind})", want[1], node.name()));
    }
    for (fact, want) in node.outputs().iter().zip(want[4].split("; ")) {
        let shape = fact.shape.to_string();
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

fn repeated_ops(g: &Graph) -> sessile::Result<()> {
    let a = g.constant([[1.0f32, 2.0]])?;
    a.matmul_t(false, &a, true)?;
    a.matmul_t(false, &a, true)?;
    g.named("product", || a.matmul_t(false, &a, true))?;
    g.named("product", || a.matmul_t(false, &a, true))?;
    a.identity()?;
    a.identity()?;
    Ok(())
}

fn collisions(g: &Graph) -> sessile::Result<()> {
    for name in ["a", "a", "A", "a_1", "x/y", "x/y", "x", "b_1", "b", "b"] {
        g.named(name, || g.constant(1.0f32))?;
    }
    Ok(())
}

fn name_scopes(g: &Graph) -> sessile::Result<()> {
    let one = || g.constant(1.0f32);
    g.name_scope("foo", |_| {
        one()?;
        one()?;
        g.name_scope("bar", |_| g.named("c", one))?;
        g.name_scope("bar", |_| g.named("c", one))
    })?;
    g.name_scope("foo", |_| one())?;
    g.name_scope("foo/", |_| one())?;
    one()?;
    g.name_scope("foo_1", |_| one())?;
    Ok(())
}

fn name_scope_takes_the_name_of_an_op(g: &Graph) -> sessile::Result<()> {
    let one = || g.constant(1.0f32);
    g.named("foo", one)?;
    g.name_scope("foo", |_| one())?;
    g.named("foo", one)?;
    Ok(())
}

fn zeros_of(g: &Graph, name: &str) -> sessile::Result<Variable> {
    let initializer: std::sync::Arc<dyn ops::state::Initializer> = std::sync::Arc::new(zeros());
    let how = ops::state::GetVariable { initializer: Some(initializer), ..Default::default() };
    g.get_variable_with(name, shape![2], how)
}

fn variable_scopes(g: &Graph) -> sessile::Result<()> {
    for _ in 0..2 {
        let scope = VariableScope::new("s").reuse(Reuse::Auto);
        g.variable_scope_with(scope, || math::add(zeros_of(g, "w")?, 1.0))?;
    }
    g.variable_scope("s", || {
        zeros_of(g, "other")?;
        g.variable_scope_with(VariableScope::new("inner").initializer(ones()), || {
            g.get_variable("w", shape![])?;
            g.constant(1.0f32)
        })
    })?;
    Ok(())
}

fn variable_scope_default_names(g: &Graph) -> sessile::Result<()> {
    for _ in 0..3 {
        g.variable_scope_with(VariableScope::unique("d"), || {
            zeros_of(g, "w")?;
            g.constant(1.0f32)
        })?;
    }
    Ok(())
}

fn variables_and_name_scopes(g: &Graph) -> sessile::Result<()> {
    g.variable_scope("outer", || {
        g.name_scope("ns", |_| {
            zeros_of(g, "k")?;
            g.variable([1.0f32, 2.0])?;
            g.constant(1.0f32)
        })
    })?;
    g.name_scope("plain", |_| {
        zeros_of(g, "k")?;
        g.named("v", || g.variable(1.0f32))
    })?;
    Ok(())
}

fn get_variable_again(g: &Graph) -> sessile::Result<()> {
    g.variable_scope("s", || zeros_of(g, "w"))?;
    let again = VariableScope::new("s").reuse(Reuse::Always);
    g.variable_scope_with(again, || math::multiply(g.get_variable("w", shape![2])?, 2.0))?;
    Ok(())
}

fn initializers_of_a_program(g: &Graph) -> sessile::Result<()> {
    g.variable(1.0f32)?;
    g.variable_with(2.0f32, VariableOptions::local())?;
    g.group((g.global_variables_initializer()?, g.local_variables_initializer()?))?;
    g.global_variables_initializer()?;
    Ok(())
}

fn dense_once(g: &Graph, shape: Shape) -> sessile::Result<()> {
    dense(&x(g, shape)?, 10)?;
    Ok(())
}

fn dense_twice(g: &Graph, shape: Shape) -> sessile::Result<()> {
    let x = x(g, shape)?;
    dense(&x, 10)?;
    dense(&x, 10)?;
    Ok(())
}

fn dense_rank4(g: &Graph) -> sessile::Result<()> {
    Dense::new(10).name("named").apply(&x(g, shape![?, 3, 2, 6])?)?;
    Ok(())
}

fn dense_activations(g: &Graph) -> sessile::Result<()> {
    let h = Dense::new(4).activation(Tensor::relu).apply(&x(g, shape![2, 6])?)?;
    let h = Dense::new(4).activation(Tensor::tanh).apply(&h)?;
    let h = Dense::new(4).activation(Tensor::sigmoid).bias(false).apply(&h)?;
    Dense::new(4).activation(Tensor::softmax).apply(&h)?;
    Ok(())
}

fn dense_reused(g: &Graph) -> sessile::Result<()> {
    let x = x(g, shape![2, 6])?;
    Dense::new(4).name("d").apply(&x)?;
    Dense::new(4).name("d").shared().apply(&x)?;
    Ok(())
}

fn dense_in_scopes(g: &Graph) -> sessile::Result<()> {
    let x = x(g, shape![2, 6])?;
    g.variable_scope("net", || {
        dense(&x, 4)?;
        dense(&x, 4)
    })?;
    g.name_scope("ns", |_| dense(&x, 4))?;
    Ok(())
}

fn dense_with_initializers(g: &Graph) -> sessile::Result<()> {
    let x = x(g, shape![2, 6])?;
    Dense::new(4).kernel_initializer(he_normal()).bias_initializer(constant(0.1)).apply(&x)?;
    Dense::new(4).kernel_initializer(zeros()).bias_initializer(ones()).apply(&x)?;
    Ok(())
}

fn operators_of_bools(g: &Graph) -> sessile::Result<()> {
    let (p, q) = (g.placeholder(DType::Bool, shape![2])?, g.placeholder(DType::Bool, shape![2])?);
    for built in [&p & &q, &p | &q, &p ^ &q, !&p] {
        built?;
    }
    Ok(())
}

fn shapes_static(g: &Graph) -> sessile::Result<()> {
    let x = x(g, shape![2, 3])?;
    x.shape_tensor()?;
    x.size_tensor()?;
    x.rank_tensor()?;
    ops::array::shape_n(&[&x, &x])?;
    Ok(())
}

fn softmax_unknown_rank(g: &Graph) -> sessile::Result<()> {
    x(g, Shape::unknown())?.softmax()?;
    x(g, shape![?, 2, 3])?.softmax()?;
    Ok(())
}

fn binary_with_numbers(g: &Graph) -> sessile::Result<()> {
    let x = x(g, shape![2])?;
    math::add(&x, 1.0)?;
    math::subtract(1.0, &x)?;
    x.maximum(0.0)?;
    x.pow(2.0)?;
    x.less(1.0)?;
    Ok(())
}

fn reductions(g: &Graph) -> sessile::Result<()> {
    let (x, p) = (x(g, shape![2, 3])?, g.placeholder(DType::Bool, shape![2, 3])?);
    x.reduce_sum(())?;
    x.reduce_sum(1)?;
    x.reduce_sum_keepdims([0, -1])?;
    x.reduce_mean(())?;
    x.reduce_prod(())?;
    x.reduce_max(())?;
    x.reduce_min(())?;
    p.reduce_all(())?;
    p.reduce_any(())?;
    x.argmax(0)?;
    x.argmin(1)?;
    x.cumsum(0, Default::default())?;
    x.cumprod(1, Default::default())?;
    x.l2_loss()?;
    Ok(())
}

fn reductions_of_unknown_rank(g: &Graph) -> sessile::Result<()> {
    let x = g.placeholder(F32, Shape::unknown())?;
    x.reduce_sum(())?;
    x.reduce_mean(0)?;
    g.placeholder(F32, shape![?, 2])?.reduce_max(())?;
    Ok(())
}

fn tensordot(g: &Graph, a: Shape, b: Shape, axes: impl Into<math::axes::Axes>) -> sessile::Result<()> {
    x(g, a)?.tensordot(&x(g, b)?, axes)?;
    Ok(())
}

fn tensordot_twice(g: &Graph) -> sessile::Result<()> {
    let (a, b) = (x(g, shape![2, 2])?, x(g, shape![2, 2])?);
    a.tensordot(&b, 1)?;
    g.named("named", || a.tensordot(&b, 1))?;
    a.tensordot(&b, 0)?;
    a.tensordot(&b, 2)?;
    Ok(())
}

fn softmax_cross_entropy(g: &Graph, shape: Shape) -> sessile::Result<()> {
    let (logits, labels) = (x(g, shape.clone())?, x(g, shape)?);
    logits.softmax_cross_entropy_with_logits_v2(&labels)?;
    Ok(())
}
