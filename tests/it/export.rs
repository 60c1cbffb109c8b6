//! Graphs go out as they came in: over all recorded graphs, and over every row of the table of ops.
//!
//! With `SESSILE_EXPORT=DIR` the exported graphs are kept there, and `tests/golden/check_export.py DIR` asks TensorFlow
//! to read them.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use sessile::graph::{AttrValue, Effect, Example};
use sessile::io::{ExportOptions, GraphDef, ImportOptions, export_graph_def, load_graph_def};
use sessile::ops::OPS;
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
    let attrs = |attrs: Vec<(&'static str, AttrValue)>| format!("{attrs:?}").replace('?', "");
    let line = |node: &sessile::graph::Node| format!("{:?} {}\n", node.device(), attrs(node.op().attrs()));
    g.dump() + &g.nodes().map(line).collect::<String>()
}

/// Exports and imports again: the graph is the same, and so are the bytes of a second export.
#[track_caller]
fn round_trip(name: &str, g: &Graph) -> Vec<u8> {
    let export = |g: &Graph| -> Result<Vec<u8>> { export_graph_def(g, &ExportOptions::default())?.to_bytes() };
    let bytes = export(g).unwrap_or_else(|error| panic!("{name}: {error}"));
    let def = GraphDef::parse(&bytes).expect("an exported graph can be parsed");
    let back = load_graph_def(&def, &ImportOptions::default());
    let (back, _) = back.unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(describe(&back), describe(g), "{name}");
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
    let mut n = 0;
    for path in zips.filter(|path| path.extension().is_some_and(|extension| extension == "zip")) {
        let family = path.file_stem().expect("a zip has a name").to_string_lossy().into_owned();
        for (name, bytes) in recorded_graphs(&path) {
            // Some recorded graphs are refused, as TensorFlow refuses them in the run.
            let Ok((g, _)) = GraphDef::parse(&bytes).and_then(|def| load_graph_def(&def, &ImportOptions::default()))
            else {
                continue;
            };
            // Loops hold bodies: the export writes no function library.
            if g.nodes().any(|node| node.op().kind().effect == Effect::Calls) {
                continue;
            }
            keep(&format!("cases/{family}/{name}"), &round_trip(&name, &g));
            n += 1;
        }
    }
    assert!(n > 300, "only {n} graphs were compared");
}

/// The example's node, its inputs as placeholders and variables.
fn build(example: &Example, spelling: Spelling) -> Result<Graph> {
    let g = Graph::new();
    let mut inputs = Vec::new();
    for (i, value) in example.inputs.iter().enumerate() {
        let is_variable = example.op.kind().args().input(i).is_some_and(|arg| arg.is_variable);
        inputs.push(match is_variable {
            true => g.apply_one(VariableV2::new(spelling, value.dtype(), Shape::from(value.dims())), &[])?,
            // Files hold no lists of tensors.
            false if value.dtype() == DType::Variant => g.placeholder(DType::Variant, value.dims())?,
            false => g.constant(value)?,
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
    // Bodies are refused: the export writes no function library.
    let is_unwritten = |effect: Effect| matches!(effect, Effect::Fed | Effect::Calls);
    let is_inner = |row: &&str| {
        row.starts_with('_') || OPS.iter().flat_map(|f| f.iter()).any(|k| k.name == *row && is_unwritten(k.effect))
    };
    assert!(refused.iter().all(is_inner), "not exported: {refused:?}");
}
