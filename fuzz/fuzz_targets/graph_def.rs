//! Bytes as a graph: parsed and imported; what could be imported is shown, written, and read once more.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sessile::io::{ExportOptions, GraphDef, ImportOptions, export_graph_def, load_graph_def};

fuzz_target!(|bytes: &[u8]| {
    let Ok(def) = GraphDef::parse(bytes) else { return };
    let written = def.to_bytes().expect("a small graph can be written");
    let again = GraphDef::parse(&written).expect("what was written can be read");
    assert_eq!(written, again.to_bytes().expect("a small graph can be written"));
    let Ok((graph, _)) = load_graph_def(&def, &ImportOptions::default()) else { return };
    let _ = (graph.dump(), graph.dot());
    let Ok(exported) = export_graph_def(&graph, &ExportOptions::default()) else { return };
    let bytes = exported.to_bytes().expect("a small graph can be written");
    GraphDef::parse(&bytes).expect("what was exported can be read");
});
