//! Graphs go out as they came in: over all recorded graphs, and over every row of the table of ops.
//!
//! With `SESSILE_EXPORT=DIR` the exported graphs are kept there, and `tests/golden/check_export.py DIR` asks TensorFlow
//! to read them.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use sessile::graph::{AttrValue, Effect, Example, Referent};
use sessile::io::{ExportOptions, GraphDef, ImportOptions, export_graph_def, load_graph_def};
use sessile::ops::OPS;
use sessile::ops::handles::handle_for;
use sessile::ops::state::{Spelling, VariableV2};
use sessile::prelude::*;
use sessile::{ErrorKind, Result};

/// Keeps a graph for `check_export.py`.
fn keep(name: &str, bytes: &[u8]) {
    let Some(folder) = std::env::var_os("SESSILE_EXPORT") else { return };
    let path = PathBuf::from(folder).join(format!("{name}.pb"));
    std::fs::create_dir_all(path.parent().expect("the path has a folder")).expect("the folder can be made");
    std::fs::write(path, bytes).expect("the graph can be written");
}

/// Attributes, devices and everything that a dump shows.
fn describe(g: &Graph) -> String {
    let attrs = |attrs: Vec<(&'static str, AttrValue)>| without_numbers(&format!("{attrs:?}").replace('?', ""));
    let line = |node: &sessile::graph::Node| format!("{:?} {}\n", node.device(), attrs(node.op().attrs()));
    g.dump() + &g.nodes().map(line).collect::<String>()
}

/// Bodies are told apart by numbers, which a graph from a file has of its own.
fn without_numbers(text: &str) -> String {
    let mut parts = text.split("Body ");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + "Body " + part.trim_start_matches(|c: char| c.is_ascii_digit()))
}

fn has_bodies(g: &Graph) -> bool {
    g.nodes().any(|node| node.op().kind().effect == Effect::Calls)
}

/// Parameters of bodies become arguments of functions, whose names have small letters, digits and `_` only.
fn as_arguments(text: &str) -> String {
    text.to_lowercase().replace(['/', '.', '-'], "_")
}

/// Exports and imports again: the graph is the same, and so are the bytes of a second export.
#[track_caller]
fn round_trip(name: &str, g: &Graph) -> Vec<u8> {
    let export = |g: &Graph| -> Result<Vec<u8>> { export_graph_def(g, &ExportOptions::default())?.to_bytes() };
    let bytes = export(g).unwrap_or_else(|error| panic!("{name}: {error}"));
    let def = GraphDef::parse(&bytes).expect("an exported graph can be parsed");
    let back = load_graph_def(&def, &ImportOptions::default());
    let (back, _) = back.unwrap_or_else(|error| panic!("{name}: {error}"));
    let alike = |g: &Graph| if has_bodies(g) { as_arguments(&describe(g)) } else { describe(g) };
    assert_eq!(alike(&back), alike(g), "{name}");
    assert!(export(&back).expect("a graph that was exported can be again") == bytes, "{name} gives other bytes");
    bytes
}

fn recorded_graphs(zip: &Path) -> Vec<(String, Vec<u8>)> {
    let mut zip = zip::ZipArchive::new(File::open(zip).expect("a zip can be opened")).expect("a zip can be read");
    let mut graphs = Vec::new();
    for i in 0..zip.len() {
        let mut file = zip.by_index(i).expect("an entry can be read");
        let Some(name) = file.name().strip_suffix("/graph.pb").map(str::to_owned) else { continue };
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).expect("an entry can be read");
        graphs.push((name, bytes));
    }
    graphs
}

#[test]
fn recorded_graphs_survive_a_round_trip() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let zips =
        std::fs::read_dir(folder).expect("the golden cases are there").map(|entry| entry.expect("an entry").path());
    let (mut n, mut n_bodies, mut refused) = (0, 0, Vec::new());
    for path in zips.filter(|path| path.extension().is_some_and(|extension| extension == "zip")) {
        let family = path.file_stem().expect("a zip has a name").to_string_lossy().into_owned();
        for (name, bytes) in recorded_graphs(&path) {
            // Some recorded graphs are refused, as TensorFlow refuses them in the run.
            let Ok(def) = GraphDef::parse(&bytes) else { continue };
            let Ok((g, _)) = load_graph_def(&def, &ImportOptions::default()) else { continue };
            // Bodies in files have no references to variables of TF1, and the oldest arrays other handles.
            let export = export_graph_def(&g, &ExportOptions::default());
            if export.is_err_and(|error| error.kind() == ErrorKind::Unsupported) {
                // A loop of TF1 may write a variable, a body in a file may not.
                let writes_in_loop = def.nodes.iter().any(|node| node.op == "RefEnter");
                refused.extend((!writes_in_loop).then_some(name));
                continue;
            }
            n_bodies += usize::from(has_bodies(&g));
            keep(&format!("cases/{family}/{name}"), &round_trip(&name, &g));
            n += 1;
        }
    }
    let is_old = |name: &String| name.ends_with("array_pack");
    assert!(refused.iter().all(is_old), "these cannot be written: {refused:?}");
    assert!(n > 300 && n_bodies > 0, "only {n} graphs were compared, {n_bodies} of them with bodies");
}

/// The example's node, its inputs as placeholders and variables.
fn build(example: &Example, spelling: Spelling) -> Result<Graph> {
    let g = Graph::new();
    let mut inputs = Vec::new();
    for (i, value) in example.inputs.iter().enumerate() {
        let handle = example.op.kind().args().input(i).filter(|arg| arg.is_variable);
        inputs.push(match handle {
            Some(arg) if matches!(arg.referent, Referent::Variable | Referent::Unknown) => {
                g.apply_one(VariableV2::new(spelling, value.dtype(), Shape::from(value.dims())), &[])?
            }
            Some(arg) => handle_for(&g, arg, value, &example.inputs)?.0,
            // Files hold no lists of tensors.
            None if value.dtype() == DType::Variant => g.placeholder(DType::Variant, value.dims())?,
            None => g.constant(value)?,
        });
    }
    let _ = g.named("op", || g.apply_named("op", example.op.clone(), &inputs.iter().collect::<Vec<_>>()))?;
    Ok(g)
}

#[test]
fn every_op_of_the_table_survives_a_round_trip() {
    let mut refused = BTreeSet::new();
    for row in OPS.iter().flat_map(|family| family.iter()) {
        let takes_handle = row.signature.contains("resource: Ref") || row.name.starts_with("Resource");
        let takes_handle = takes_handle || row.name == "VariableShape" || row.signature.contains(": object");
        let spelling = if takes_handle { Spelling::Resource } else { Spelling::Ref };
        for (i, example) in (row.examples)().into_iter().enumerate() {
            let g = build(&example, spelling).unwrap_or_else(|error| panic!("{}: {error}", row.name));
            match export_graph_def(&g, &ExportOptions::default()) {
                Ok(_) => keep(&format!("ops/{}_{i}", row.name), &round_trip(row.name, &g)),
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::Unsupported, "{}: {error}", row.name);
                    refused.insert(row.name);
                }
            }
        }
    }
    let is_inner = |row: &&str| {
        row.starts_with('_')
            || row.ends_with("ArrayPack")
            || row.ends_with("ArrayUnpack")
            || OPS.iter().flat_map(|f| f.iter()).any(|k| k.name == *row && k.effect == Effect::Fed)
    };
    assert!(refused.iter().all(is_inner), "not exported: {refused:?}");
}

/// Exports a graph, with what it computes here as a constant beside it; TensorFlow must compute the same.
#[track_caller]
fn same_elsewhere(name: &str, build: impl FnOnce(&Graph) -> Result<Tensor>) {
    let g = Graph::new();
    let fetch = build(&g).unwrap_or_else(|error| panic!("{name}: {error}"));
    let _ = g.named("result", || fetch.identity()).expect("the identity");
    let init = g.named("init", || g.global_variables_initializer()).expect("an initializer");
    let compute = |g: &Graph| -> Result<Value> {
        let sess = Session::new(g)?;
        sess.run(&g.operation_by_name(init.name())?)?;
        sess.run("result:0")
    };
    let want = compute(&g).unwrap_or_else(|error| panic!("{name}: {error}"));
    let _ = g.named("want", || g.constant(&want)).expect("a constant");
    let bytes = export_graph_def(&g, &ExportOptions::default()).and_then(|def| def.to_bytes());
    let bytes = bytes.unwrap_or_else(|error| panic!("{name}: {error}"));
    keep(&format!("control/{name}"), &bytes);
    let def = GraphDef::parse(&bytes).expect("an exported graph can be parsed");
    let (back, _) = load_graph_def(&def, &ImportOptions::default()).unwrap_or_else(|error| panic!("{name}: {error}"));
    let got = compute(&back).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert!(got.same_bits(&want), "{name}: {got} from the file, but {want}");
}

#[test]
fn branches_and_loops_become_functions() {
    let x = |g: &Graph| g.constant([[1.0f32, 2.0], [3.0, 4.0], [5.0, 6.0]]);
    same_elsewhere("cond", |g| {
        let x = x(g)?;
        let p = x.reduce_sum(())?.greater(3.0)?;
        let (a, b) = g.cond(&p, || Ok((&x * 2.0, &x - 1.0)), || Ok((Ok(x.clone()), x.square())))?;
        &a + &b
    });
    same_elsewhere("case", |g| {
        let x = x(g)?;
        let (one, two) = (x.reduce_max(())?.less(1.0)?, x.reduce_max(())?.less(7.0)?);
        g.case(&[(&one, &|| Ok(x.clone())), (&two, &|| &x * 2.0)], Some(&|| x.square()))
    });
    same_elsewhere("switch_case", |g| {
        let (x, i) = (x(g)?, g.constant(1)?);
        g.switch_case(&i, &[&|| Ok(x.clone()), &|| x.square(), &|| -&x], None)
    });
    same_elsewhere("nested", |g| {
        let x = x(g)?;
        let turn = |(i, y): (Tensor, Tensor)| {
            let even = (&i % 2)?.equal(0)?;
            let next = g.cond(even, || &y * 0.5, || g.while_loop(&y, |z| z.reduce_sum(())?.less(50.0), |z| &z + &x))?;
            Ok((&i + 1, next))
        };
        Ok(g.while_loop((g.constant(0)?, &x), |(i, _)| i.less(7), turn)?.1)
    });
    same_elsewhere("growing", |g| {
        let options = WhileOptions {
            shape_invariants: vec![shape![?, 2]],
            maximum_iterations: Some(3.into()),
            ..WhileOptions::default()
        };
        g.while_loop_with(x(g)?, |_| g.constant(true), |y| concat(&[&y, &y], 0), &options)
    });
    same_elsewhere("variable", |g| {
        let v = g.named("v", || g.variable(array![[1.0f32, 2.0]]))?;
        let (x, n) = (x(g)?, g.constant(3)?);
        Ok(g.while_loop((g.constant(0)?, &x), |(i, _)| i.less(&n), |(i, y)| Ok((&i + 1, &y + &v)))?.1)
    });
    same_elsewhere("rows", |g| {
        let x = x(g)?;
        let mapped = g.map_fn(&x, |row| g.scan(&row, |a, cell| &a * 2.0 + &cell))?;
        let folded = g.foldr(&mapped, |a, row| &a - &row)?;
        mapped + folded + g.scan_reversed(&x, |a, row| &a + &row)?
    });
    same_elsewhere("assert", |g| {
        let x = x(g)?;
        g.cond(
            g.constant(true)?,
            || {
                let check = x.reduce_min(())?.assert_greater(0.0, "must be positive")?;
                g.control_dependencies(&[check], || x.log())
            },
            || Ok(x.clone()),
        )
    });
}

#[test]
fn a_variable_that_a_body_writes_cannot_be_exported() -> Result<()> {
    let g = Graph::new();
    let (v, p) = (g.named("v", || g.variable(1.0))?, g.constant(true)?);
    let _ = g.cond(&p, || v.assign(2.0), || g.no_op())?;
    let error = export_graph_def(&g, &ExportOptions::default()).unwrap_err();
    let text = "'cond/Assign' changes or looks at a variable of TF1 from inside of a body, which files cannot hold";
    assert_eq!((error.kind(), error.message()), (ErrorKind::Unsupported, text));
    Ok(())
}
