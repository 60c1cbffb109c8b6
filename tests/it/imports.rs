//! Graphs of files that programs wrote: names that are taken, inputs that are mapped, frozen variables, handles, and
//! nodes that nobody needs. The answers are those of TensorFlow 1.15.5 where it has one.

use sessile::io::{Element, GraphDef, ImportOptions, Imported, import_graph_def, load_graph_def};
use sessile::prelude::*;
use sessile::{ErrorKind, Result};

/// A node in a file's text; attributes as `T: DT_FLOAT` or `dtype: ..`.
fn node(name: &str, op: &str, inputs: &[&str], attrs: &[(&str, &str)]) -> String {
    let inputs: String = inputs.iter().map(|input| format!("input: '{input}' ")).collect();
    let attrs: String =
        attrs.iter().map(|(key, value)| format!("attr {{ key: '{key}' value {{ {value} }} }} ")).collect();
    format!("node {{ name: '{name}' op: '{op}' {inputs}{attrs} }}\n")
}

const FLOAT: (&str, &str) = ("T", "type: DT_FLOAT");
const DTYPE: (&str, &str) = ("dtype", "type: DT_FLOAT");
const BOOL: (&str, &str) = ("dtype", "type: DT_BOOL");
const RESOURCE: (&str, &str) = ("T", "type: DT_RESOURCE");
const ANY_SHAPE: (&str, &str) = ("shape", "shape { unknown_rank: true }");

fn placeholder(name: &str) -> String {
    node(name, "Placeholder", &[], &[DTYPE, ANY_SHAPE])
}

fn constant(name: &str, value: f32) -> String {
    let value = format!("tensor {{ dtype: DT_FLOAT tensor_shape {{ }} float_val: {value} }}");
    node(name, "Const", &[], &[DTYPE, ("value", &value)])
}

fn def(nodes: &[String]) -> GraphDef {
    GraphDef::parse_text(&nodes.concat()).unwrap()
}

fn load(nodes: &[String]) -> Result<Graph> {
    Ok(load_graph_def(&def(nodes), &ImportOptions::default())?.0)
}

fn load_for(nodes: &[String], output: &str) -> Result<Graph> {
    let options = ImportOptions { outputs: vec![output.to_owned()], ..ImportOptions::default() };
    Ok(load_graph_def(&def(nodes), &options)?.0)
}

fn into(graph: &Graph, nodes: &[String], prefix: &str) -> Result<Imported> {
    import_graph_def(graph, &def(nodes), &ImportOptions { prefix: prefix.to_owned(), ..ImportOptions::default() })
}

#[track_caller]
fn fails(result: Result<Value>, kind: ErrorKind, text: &str) {
    let error = result.unwrap_err();
    assert_eq!(error.kind(), kind, "{error}");
    assert!(error.to_string().contains(text), "{error}");
}

#[track_caller]
fn names_are(graph: &Graph, first: usize, want: &[&str]) {
    let names: Vec<&str> = graph.nodes().skip(first).map(|node| node.name()).collect();
    assert_eq!(names, want);
}

/// The names that TensorFlow 1.15.5 gives when it imports one graph again and again.
#[test]
fn names_that_are_taken_get_numbers() -> Result<()> {
    let file = [placeholder("x"), node("s/z", "AddV2", &["x", "x"], &[FLOAT])];
    let g = Graph::new();
    into(&g, &file, "")?;
    for prefix in ["", "import", "import", "a", "a/", "a/"] {
        into(&g, &file, prefix)?;
    }
    let want = ["x_1", "s/z_1", "import/x", "import/s/z", "import_1/x", "import_1/s/z", "a/x", "a/s/z"];
    names_are(&g, 2, &[&want[..], &["a/x_1", "a/s/z_1", "a/x_2", "a/s/z_2"]].concat());
    let z = g.tensor_by_name("a/s/z_2:0")?;
    assert_eq!(z.node().inputs()[0], g.tensor_by_name("a/x_2:0")?.id());
    Ok(())
}

/// A number is taken neither from the graph nor from the file, and a scope of the graph counts as a name.
#[test]
fn numbers_of_names_are_new_in_graph_and_file() -> Result<()> {
    let g = load(&[placeholder("x"), placeholder("y/z")])?;
    into(&g, &[placeholder("x"), placeholder("x_1"), placeholder("y")], "")?;
    names_are(&g, 2, &["x_2", "x_1", "y_1"]);
    Ok(())
}

#[test]
fn reads_of_variables_follow_the_new_names() -> Result<()> {
    let variable = [
        node("v", "VariableV2", &[], &[DTYPE, ("shape", "shape { }")]),
        constant("one", 1.0),
        node("init", "Assign", &["v", "one"], &[FLOAT]),
        node("sum", "AddV2", &["v", "one"], &[FLOAT]),
    ];
    let g = load(&variable)?;
    into(&g, &variable, "")?;
    let sess = Session::new(&g)?;
    sess.run(&g.operation_by_name("init_1")?)?;
    assert_eq!(sess.run("sum_1:0")?.scalar::<f32>()?, 2.0);
    fails(sess.run("sum:0"), ErrorKind::Uninitialized, "v");
    Ok(())
}

#[test]
fn control_inputs_are_mapped() -> Result<()> {
    let file = [
        constant("x", 1.0),
        node("y", "Const", &["^x"], &[DTYPE, ("value", "tensor { dtype: DT_FLOAT tensor_shape { } }")]),
        node("z", "Identity", &["x"], &[FLOAT]),
    ];
    let g = Graph::new();
    let k = g.named("k", || g.constant(7.0f32))?;
    let options = |map: &[&str]| ImportOptions {
        prefix: "import".to_owned(),
        input_map: map.iter().map(|name| ((*name).to_owned(), k.clone())).collect(),
        return_elements: vec!["y".to_owned(), "z".to_owned()],
        ..ImportOptions::default()
    };
    let Imported { returned, .. } = import_graph_def(&g, &def(&file), &options(&["^x"]))?;
    let [Element::Operation(y), Element::Operation(z)] = &returned[..] else { panic!("two operations") };
    assert_eq!(y.node().control_inputs(), [k.id().node]);
    assert_eq!(z.node().inputs()[0], g.tensor_by_name("import/x:0")?.id(), "data inputs stay");

    // A node that the file lacks may be waited for where it is mapped; what is nowhere in the file is a mistake.
    import_graph_def(&g, &def(&[file[1].clone(), constant("z", 1.0)]), &options(&["^x"]))?;
    import_graph_def(&g, &def(&file), &options(&["^z", "z:0"]))?;
    for wrong in ["^nope", "nope:0"] {
        let error = import_graph_def(&g, &def(&file), &options(&[wrong])).unwrap_err();
        assert!(error.to_string().contains(&format!("'{wrong}'")), "{error}");
    }
    Ok(())
}

/// `d = {0: x - 1, 1: x}[p]` through references of what was a variable before the graph was frozen.
fn frozen() -> Vec<String> {
    vec![
        node("p", "Placeholder", &[], &[BOOL, ("shape", "shape { }")]),
        constant("v", 4.0),
        constant("one", 1.0),
        node("switch", "RefSwitch", &["v", "p"], &[FLOAT]),
        node("same", "RefIdentity", &["switch:1"], &[FLOAT]),
        node("less", "Sub", &["switch", "one"], &[FLOAT]),
        node("both", "RefMerge", &["switch", "same"], &[FLOAT, ("N", "i: 2")]),
        node("chosen", "RefSelect", &["i", "v", "one"], &[FLOAT, ("N", "i: 2")]),
        node("i", "Placeholder", &[], &[("dtype", "type: DT_INT32"), ("shape", "shape { }")]),
        node("merged", "Merge", &["less", "same"], &[FLOAT, ("N", "i: 2")]),
    ]
}

#[test]
fn references_to_constants_are_values() -> Result<()> {
    let sess = Session::new(&load(&frozen())?)?;
    for (p, want) in [(false, 3.0), (true, 4.0)] {
        let [merged, both] = ["merged:0", "both:0"].map(|name| sess.run_with(name, feeds! { "p:0" => p }));
        assert_eq!((merged?.scalar::<f32>()?, both?.scalar::<f32>()?), (want, 4.0));
    }
    assert_eq!(sess.run_with("chosen:0", feeds! { "i:0" => 1 })?.scalar::<f32>()?, 1.0);
    Ok(())
}

/// A frozen graph may keep the update of a moving average in the branch for training.
#[test]
fn a_write_to_a_constant_fails_only_where_it_runs() -> Result<()> {
    let mut nodes = frozen();
    nodes.push(node("update", "AssignSub", &["same", "one"], &[FLOAT]));
    nodes.push(node("done", "Identity", &["same", "^update"], &[FLOAT]));
    nodes.push(node("out", "Merge", &["less", "done"], &[FLOAT, ("N", "i: 2")]));
    let sess = Session::new(&load(&nodes)?)?;
    assert_eq!(sess.run_with("out:0", feeds! { "p:0" => false })?.scalar::<f32>()?, 3.0);
    let error = sess.run_with("out:0", feeds! { "p:0" => true });
    fails(error, ErrorKind::InvalidArgument, "AssignSub needs a variable, but its input is a value");
    Ok(())
}

#[test]
fn a_handle_passes_through() -> Result<()> {
    let handle = |name: &str, shared: &str| {
        let shared = format!("s: '{shared}'");
        node(name, "VarHandleOp", &[], &[DTYPE, ANY_SHAPE, ("shared_name", &shared)])
    };
    let dtypes = ("T", "list { type: [DT_FLOAT, DT_RESOURCE, DT_RESOURCE] }");
    let g = load(&[
        node("p", "Placeholder", &[], &[BOOL, ("shape", "shape { }")]),
        constant("one", 1.0),
        constant("two", 2.0),
        handle("v", "v"),
        handle("w", "w"),
        node("init_v", "AssignVariableOp", &["v", "one"], &[DTYPE]),
        node("init_w", "AssignVariableOp", &["w", "two"], &[DTYPE]),
        node("n", "IdentityN", &["one", "v", "w"], &[dtypes]),
        node("shape", "VariableShape", &["n:2"], &[("out_type", "type: DT_INT32")]),
        node("add", "AssignAddVariableOp", &["n:2", "two"], &[DTYPE]),
        node("read", "ReadVariableOp", &["n:1"], &[DTYPE]),
        node("after", "ReadVariableOp", &["w", "^add"], &[DTYPE]),
        node("sv", "Switch", &["v", "p"], &[RESOURCE]),
        node("sw", "Switch", &["n:2", "p"], &[RESOURCE]),
        node("m", "Merge", &["sv", "sw:1"], &[RESOURCE, ("N", "i: 2")]),
        node("chosen", "ReadVariableOp", &["m"], &[DTYPE]),
    ])?;
    let sess = Session::new(&g)?;
    for name in ["init_v", "init_w"] {
        sess.run(&g.operation_by_name(name)?)?;
    }
    assert_eq!(sess.run("shape:0")?.dims(), [0]);
    assert_eq!(sess.run("read:0")?.scalar::<f32>()?, 1.0);
    assert_eq!(sess.run("after:0")?.scalar::<f32>()?, 4.0, "the sum went to the second variable");
    for (p, want) in [(false, 1.0), (true, 4.0)] {
        assert_eq!(sess.run_with("chosen:0", feeds! { "p:0" => p })?.scalar::<f32>()?, want);
    }
    Ok(())
}

/// TensorFlow imports it, too, and has no value that could be fed from a program.
#[test]
fn a_placeholder_may_stand_for_a_handle() -> Result<()> {
    let nodes = [
        node("h", "Placeholder", &[], &[("dtype", "type: DT_RESOURCE"), ("shape", "shape { }")]),
        constant("one", 1.0),
        node("same", "Identity", &["h"], &[RESOURCE]),
        node("read", "ReadVariableOp", &["same"], &[DTYPE]),
        node("shape", "VariableShape", &["h"], &[("out_type", "type: DT_INT32")]),
        node("add", "AssignAddVariableOp", &["h", "one"], &[DTYPE]),
        node("rows", "ResourceGather", &["h", "index"], &[DTYPE, ("Tindices", "type: DT_INT32")]),
        node("index", "Placeholder", &[], &[("dtype", "type: DT_INT32"), ("shape", "shape { dim { size: 3 } }")]),
        node("twice", "Mul", &["one", "one"], &[FLOAT]),
    ];
    let g = load(&nodes)?;
    assert_eq!(g.tensor_by_name("read:0")?.dtype(), DType::F32);
    assert_eq!(g.tensor_by_name("rows:0")?.dtype(), DType::F32);
    let sess = Session::new(&g)?;
    assert_eq!(sess.run("twice:0")?.scalar::<f32>()?, 1.0);
    fails(sess.run("read:0"), ErrorKind::MissingFeed, "'h'");
    let again = sessile::io::export_graph_def(&g, &sessile::io::ExportOptions::default())?;
    assert_eq!(load_graph_def(&again, &ImportOptions::default())?.0.tensor_by_name("read:0")?.dtype(), DType::F32);
    Ok(())
}

/// Values of any shape go in, whatever went in before.
#[test]
fn a_variable_of_unknown_shape_changes_its_shape() -> Result<()> {
    let fill = |name: &str, dims: &str, n: usize| {
        let value = format!("tensor {{ dtype: DT_FLOAT tensor_shape {{ {dims} }} float_val: {n} }}");
        node(name, "Const", &[], &[DTYPE, ("value", &value)])
    };
    let g = load(&[
        node("v", "VarHandleOp", &[], &[DTYPE, ANY_SHAPE]),
        fill("two", "dim { size: 2 } dim { size: 3 }", 2),
        fill("one", "dim { size: 4 }", 1),
        node("init", "AssignVariableOp", &["v", "two"], &[DTYPE]),
        node("again", "AssignVariableOp", &["v", "one", "^init"], &[DTYPE]),
        node("read", "ReadVariableOp", &["v"], &[DTYPE]),
        node("last", "ReadVariableOp", &["v", "^again"], &[DTYPE]),
    ])?;
    assert_eq!(g.tensor_by_name("read:0")?.shape().to_string(), "<unknown>");
    let sess = Session::new(&g)?;
    for (write, dims) in [("init", &[2, 3][..]), ("again", &[4]), ("init", &[2, 3])] {
        sess.run(&g.operation_by_name(write)?)?;
        assert_eq!(sess.run("read:0")?.dims(), dims);
    }
    assert_eq!(sess.run("last:0")?.dims(), [4]);
    Ok(())
}

/// Unknown ops, inputs that are not there, names that come twice, cycles, bad attributes: beside what is asked for.
#[test]
fn what_nobody_needs_does_not_matter() -> Result<()> {
    let good = [placeholder("x"), node("y", "Neg", &["x"], &[FLOAT])];
    let bad = [
        node("a", "NoSuchOp", &["y"], &[]),
        node("b", "Neg", &["nowhere"], &[FLOAT]),
        node("c", "Neg", &["^y", "y"], &[FLOAT]),
        node("d", "Neg", &["d"], &[FLOAT]) + &node("d", "Neg", &["d"], &[FLOAT]),
        node("e", "Cast", &["y"], &[("SrcT", "type: DT_INT32"), ("DstT", "i: 3")]),
        node("f", "Exit", &["y"], &[FLOAT]),
        node("g", "Placeholder", &[], &[]),
        "library { function { signature { name: 'u' } node_def { name: 'x' op: 'Exit' input: 'q' } } }".to_owned(),
    ];
    for bad in &bad {
        let nodes = [bad.clone(), good[0].clone(), good[1].clone()];
        let sess = Session::new(&load_for(&nodes, "y")?)?;
        assert_eq!(sess.run_with("y:0", feeds! { "x:0" => 2.0f32 })?.scalar::<f32>()?, -2.0);
    }
    let all = load(&[bad[0].clone(), bad[0].replace("'a'", "'z'"), good[0].clone(), good[1].clone()]).map(drop);
    assert!(all.unwrap_err().to_string().contains("NoSuchOp (2)"), "all of it is asked for where nothing is named");
    Ok(())
}

/// A call runs what its results need, so nothing else of the function matters.
#[test]
fn what_no_result_of_a_function_needs_does_not_matter() -> Result<()> {
    let function = |extra: &str| {
        format!(
            "library {{ function {{ signature {{ name: 'f' input_arg {{ name: 'x' type: DT_FLOAT }} \
             output_arg {{ name: 'y' type: DT_FLOAT }} }} \
             node_def {{ name: 'n' op: 'Neg' input: 'x' attr {{ key: 'T' value {{ type: DT_FLOAT }} }} }} {extra} \
             ret {{ key: 'y' value: 'n:y:0' }} }} }}"
        )
    };
    let lists = [("Tin", "list { type: DT_FLOAT }"), ("Tout", "list { type: DT_FLOAT }"), ("f", "func { name: 'f' }")];
    for extra in ["node_def { name: 'u' op: 'NoSuchOp' input: 'x' }", "node_def { name: 'u' op: 'Neg' input: 'no' }"] {
        let nodes = [placeholder("x"), node("y", "PartitionedCall", &["x"], &lists), function(extra)];
        let sess = Session::new(&load(&nodes)?)?;
        assert_eq!(sess.run_with("y:0", feeds! { "x:0" => 2.0f32 })?.scalar::<f32>()?, -2.0);
    }
    Ok(())
}

/// What waits for a branch asks for its feed only where the branch is taken, as in TensorFlow.
#[test]
fn a_placeholder_behind_a_switch_is_asked_for_where_its_branch_is_taken() -> Result<()> {
    let g = load(&[
        node("p", "Placeholder", &[], &[BOOL, ("shape", "shape { }")]),
        node("switch", "Switch", &["p", "p"], &[("T", "type: DT_BOOL")]),
        node("yes", "Identity", &["switch:1"], &[("T", "type: DT_BOOL")]),
        node("no", "Identity", &["switch"], &[("T", "type: DT_BOOL")]),
        node("col", "Placeholder", &["^yes"], &[DTYPE, ANY_SHAPE]),
        node("row", "Placeholder", &["^no"], &[DTYPE, ANY_SHAPE]),
        node("m", "Merge", &["row", "col"], &[FLOAT, ("N", "i: 2")]),
        node("out", "Neg", &["m"], &[FLOAT]),
        placeholder("always"),
        node("sum", "AddV2", &["m", "always"], &[FLOAT]),
    ])?;
    let sess = Session::new(&g)?;
    let out = |feeds: Feeds| sess.run_with("out:0", feeds);
    assert_eq!(out(feeds! { "p:0" => false, "row:0" => 1.0f32 })?.scalar::<f32>()?, -1.0);
    assert_eq!(out(feeds! { "p:0" => true, "col:0" => 2.0f32 })?.scalar::<f32>()?, -2.0);
    fails(out(feeds! { "p:0" => true, "row:0" => 1.0f32 }), ErrorKind::MissingFeed, "'col'");
    fails(out(feeds! { "p:0" => false }), ErrorKind::MissingFeed, "'row'");
    fails(sess.run_with("sum:0", feeds! { "p:0" => false, "row:0" => 1.0f32 }), ErrorKind::MissingFeed, "'always'");
    fails(sess.run("col:0"), ErrorKind::MissingFeed, "'p'");
    Ok(())
}
