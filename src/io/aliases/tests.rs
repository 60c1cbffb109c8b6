//! Uses of aliases behind writes. The numbers are those of TensorFlow 1.15.5, and follow by hand.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use crate::feeds;
use crate::io::{ExportOptions, GraphDef, ImportOptions, export_graph_def, load_graph_def};
use crate::prelude::*;

/// A graph of float32 scalars: `name Op input input ^control`, a line each; `name Const 2` and `name VariableV2`.
fn def(lines: &str) -> GraphDef {
    let nodes = lines.lines().map(str::trim).filter(|line| !line.is_empty()).map(node);
    GraphDef::parse_text(&nodes.collect::<String>()).unwrap()
}

fn node(line: &str) -> String {
    let mut words = line.split_whitespace();
    let (name, op) = (words.next().unwrap(), words.next().unwrap());
    let attr = |name: &str, value: &str| format!("attr {{ key: '{name}' value {{ {value} }} }}");
    let float = "type: DT_FLOAT";
    let (attrs, inputs): (String, Vec<&str>) = match op {
        "Const" => {
            let number = words.next().unwrap();
            let value = format!("tensor {{ dtype: DT_FLOAT tensor_shape {{}} float_val: {number} }}");
            (attr("dtype", float) + &attr("value", &value), words.collect())
        }
        "VariableV2" => (attr("dtype", float) + &attr("shape", "shape {}"), words.collect()),
        "NoOp" => (String::new(), words.collect()),
        _ => (attr("T", float), words.collect()),
    };
    let inputs: String = inputs.iter().map(|input| format!("input: '{input}' ")).collect();
    format!("node {{ name: '{name}' op: '{op}' {inputs}{attrs} }}\n")
}

const VARIABLE: &str = "
    two Const 2
    three Const 3
    v VariableV2
    init Assign v three
    r Identity v
";

fn load(lines: &str) -> Graph {
    load_graph_def(&def(&format!("{VARIABLE}{lines}")), &ImportOptions::default()).unwrap().0
}

/// A session in which `v` is 3.
fn started(g: &Graph) -> Session {
    let sess = Session::new(g).unwrap();
    sess.run("init").unwrap();
    sess
}

#[track_caller]
fn gives(g: &Graph, fetch: &str, want: f32) {
    assert_eq!(started(g).run(fetch).unwrap().scalar::<f32>().unwrap(), want, "{fetch}");
}

/// How often the reads in the graph come.
fn n_reads(g: &Graph) -> usize {
    g.nodes().filter(|node| node.op().kind().name == "ReadVariableOp").count()
}

#[test]
fn a_use_behind_a_write_sees_what_was_written() {
    let g = load(
        "
        w AssignAdd v two
        by_control Mul r two ^w
        gate NoOp ^w
        far Const 1 ^gate
        by_data Mul r far
        before Mul r two
    ",
    );
    gives(&g, "by_control:0", 10.0);
    gives(&g, "by_data:0", 5.0);
    gives(&g, "before:0", 6.0);
}

#[test]
fn a_use_that_nothing_orders_keeps_the_place_of_the_alias() {
    let g = load(
        "
        w AssignAdd v two
        free Mul r two
    ",
    );
    assert_eq!(n_reads(&g), 1);
    let sess = started(&g);
    let (free, _) = sess.run(("free:0", "w:0")).unwrap();
    assert_eq!(free.scalar::<f32>().unwrap(), 6.0);
}

#[test]
fn users_behind_the_same_write_share_a_read() {
    let g = load(
        "
        w AssignAdd v two
        a Mul r two ^w
        b Mul r r ^w
        x Assign v b
        c Mul r two ^x
    ",
    );
    assert_eq!(n_reads(&g), 3);
    gives(&g, "a:0", 10.0);
    gives(&g, "c:0", 50.0);
}

#[test]
fn an_alias_of_an_alias_shows_the_same() {
    let g = load(
        "
        i Identity r
        s StopGradient i
        w AssignAdd v two
        a Mul s two ^w
        j Identity s ^w
        x AssignAdd v two ^a ^j
        b Mul j two ^x
    ",
    );
    gives(&g, "a:0", 10.0);
    gives(&g, "b:0", 14.0);
}

#[test]
fn writes_of_other_variables_are_none_of_this_one() {
    let g = load(
        "
        u VariableV2
        v2 Assign u two
        w AssignAdd u two ^v2
        a Mul r two ^w
    ",
    );
    assert_eq!(n_reads(&g), 1);
    gives(&g, "a:0", 6.0);
}

/// More writes than are looked at in one walk, each behind the last.
#[test]
fn the_last_of_many_writes_counts() {
    let mut lines = String::from("w0 AssignAdd v two\n");
    for i in 1..200 {
        lines += &format!("m{i} Mul r two ^w{}\nw{i} AssignAdd v two ^m{i}\n", i - 1);
    }
    let g = load(&lines);
    gives(&g, "m1:0", 10.0);
    gives(&g, "m64:0", 2.0 * (3.0 + 64.0 * 2.0));
    gives(&g, "m199:0", 2.0 * (3.0 + 199.0 * 2.0));
}

#[test]
fn what_is_fed_for_an_alias_goes_to_all_its_users() {
    let g = load(
        "
        i Identity r
        w AssignAdd v two
        a Mul r two ^w
        b Mul i two ^w
    ",
    );
    let sess = started(&g);
    let (r, i) = (g.tensor_by_name("r:0").unwrap(), g.tensor_by_name("i:0").unwrap());
    let (a, b) = sess.run_with(("a:0", "b:0"), feeds! { &r => 100.0f32 }).unwrap();
    assert_eq!((a.scalar::<f32>().unwrap(), b.scalar::<f32>().unwrap()), (200.0, 200.0));
    let (a, b) = sess.run_with(("a:0", "b:0"), feeds! { &i => 100.0f32 }).unwrap();
    assert_eq!((a.scalar::<f32>().unwrap(), b.scalar::<f32>().unwrap()), (14.0, 200.0));
}

#[test]
fn a_fetched_alias_shows_what_the_run_leaves() {
    let g = load(
        "
        i Identity r
        w AssignAdd v two
    ",
    );
    let (r, i, w) = started(&g).run(("r:0", "i:0", "w:0")).unwrap();
    let all = [r, i, w].map(|value| value.scalar::<f32>().unwrap());
    assert_eq!(all, [5.0, 5.0, 5.0]);
}

#[test]
fn gradients_go_through_what_is_read_again_to_the_alias() {
    let g = load(
        "
        w AssignAdd v two
        a Mul r r ^w
    ",
    );
    let (a, r) = (g.tensor_by_name("a:0").unwrap(), g.tensor_by_name("r:0").unwrap());
    let slope = crate::gradients(&[&a], &[&r]).unwrap().remove(0).unwrap();
    // The slope 2 r is not behind the write, which so is no part of this run.
    assert_eq!(started(&g).run(&slope).unwrap().scalar::<f32>().unwrap(), 6.0);
}

#[test]
fn an_export_has_the_nodes_of_the_file() {
    let lines = format!(
        "{VARIABLE}
        s StopGradient r
        w AssignAdd v two
        a Mul s two ^w
    "
    );
    let file = def(&lines);
    let (g, _) = load_graph_def(&file, &ImportOptions::default()).unwrap();
    let back = export_graph_def(&g, &ExportOptions::default()).unwrap();
    let names = |def: &GraphDef| def.nodes.iter().map(|n| (n.name.clone(), n.op.clone(), n.inputs.clone())).collect();
    let (want, got): (Vec<_>, Vec<_>) = (names(&file), names(&back));
    assert_eq!(got, want);
}

/// As in TensorFlow, which writes into the buffer where the sizes agree.
#[test]
fn an_alias_keeps_the_shape_that_the_variable_had() {
    let lines = "
        node { name: 'v' op: 'VariableV2' attr { key: 'dtype' value { type: DT_FLOAT } }
               attr { key: 'shape' value { shape { unknown_rank: true } } } }
        node { name: 'r' op: 'Identity' input: 'v' attr { key: 'T' value { type: DT_FLOAT } } }
        node { name: 'x' op: 'Placeholder' attr { key: 'dtype' value { type: DT_FLOAT } } }
        node { name: 'w' op: 'Assign' input: 'v' input: 'x' attr { key: 'T' value { type: DT_FLOAT } }
               attr { key: 'validate_shape' value { b: false } } }
        node { name: 'a' op: 'Neg' input: 'r' input: '^w' attr { key: 'T' value { type: DT_FLOAT } } }
    ";
    let g = load_graph_def(&GraphDef::parse_text(lines).unwrap(), &ImportOptions::default()).unwrap().0;
    let sess = Session::new(&g).unwrap();
    let x = g.tensor_by_name("x:0").unwrap();
    let run = |fetch: &str, x_is: Value| sess.run_with(fetch, feeds! { &x => x_is }).unwrap().to_string();
    run("w:0", [1.0f32, 2.0].into_value());
    assert_eq!(run("a:0", [[7.0f32, 8.0]].into_value()), "[-7. -8.]");
    assert_eq!(run("a:0", [9.0f32].into_value()), "[[-7. -8.]]");
}
