//! Inferred shapes beside those that TensorFlow infers when it imports the same graph.

use sessile::graph::AttrValue;
use sessile::io::GraphDef;
use sessile::{Graph, Shape};

use super::outcome::Outcome;

/// Counts the outputs whose shapes contradict `_output_shapes`, say less, and say more.
pub fn compare(def: &GraphDef, graph: &Graph, outcome: &mut Outcome) {
    for node in &def.nodes {
        let want = match node.attr("_output_shapes") {
            Ok(Some(AttrValue::Shapes(shapes))) => shapes,
            _ => continue,
        };
        for (slot, want) in want.iter().enumerate() {
            let name = format!("{}:{slot}", node.name);
            let Ok(tensor) = graph.tensor_by_name(&name) else { continue };
            // What is known of a handle is the shape of what it refers to.
            if tensor.fact().is_handle() {
                continue;
            }
            let got = tensor.shape();
            let counter = match judge(&got, want) {
                Verdict::Conflict => &mut outcome.conflicts,
                Verdict::Less => &mut outcome.less,
                Verdict::More => {
                    outcome.more += 1;
                    continue;
                }
                Verdict::Same => continue,
            };
            *counter += 1;
            let what = format!("shape of {name} ({}) is {got}, but TensorFlow has {want}", node.op);
            if outcome.shape_notes.len() < 8 {
                outcome.shape_notes.push(what);
            }
        }
    }
}

enum Verdict {
    Conflict,
    Less,
    More,
    Same,
}

fn judge(got: &Shape, want: &Shape) -> Verdict {
    let (got, want) = match (got.dims(), want.dims()) {
        (None, None) => return Verdict::Same,
        (None, Some(_)) => return Verdict::Less,
        (Some(_), None) => return Verdict::More,
        (Some(got), Some(want)) => (got, want),
    };
    if got.len() != want.len() {
        return Verdict::Conflict;
    }
    let pairs = || got.iter().map(|dim| dim.known()).zip(want.iter().map(|dim| dim.known()));
    if pairs().any(|(got, want)| got.is_some() && want.is_some() && got != want) {
        return Verdict::Conflict;
    }
    match () {
        () if pairs().any(|(got, want)| got.is_none() && want.is_some()) => Verdict::Less,
        () if pairs().any(|(got, want)| got.is_some() && want.is_none()) => Verdict::More,
        () => Verdict::Same,
    }
}
