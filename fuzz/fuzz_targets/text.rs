//! Characters as the text of a graph: what can be parsed has one text, which means the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sessile::ErrorKind;
use sessile::io::{GraphDef, graph_from_text, graph_to_text};

fuzz_target!(|text: &str| {
    let Ok(bytes) = graph_from_text(text) else { return };
    let _ = GraphDef::parse(&bytes);
    let text = match graph_to_text(&bytes) {
        Ok(text) => text,
        Err(error) => return assert_eq!(error.kind(), ErrorKind::ResourceExhausted, "{error}"),
    };
    let again = graph_from_text(&text).expect("what was written can be parsed");
    assert_eq!(graph_to_text(&again).expect("it was written before"), text);
    assert_eq!(again.len(), bytes.len());
});
