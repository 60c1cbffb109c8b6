//! `sessile convert`: graphs in other files.

use std::path::Path;

use sessile::io::{GraphDef, ImportOptions, graph_from_text, graph_to_text, is_text, load_graph_def};
use sessile::{Error, ErrorKind, Result};

use crate::args::Convert;
use crate::failure::{Failure, Outcome};
use crate::report::Report;

/// Converts to what the end of the new name says. Text and binary hold the same; a drawing needs a graph that can be imported.
pub fn convert(args: &Convert) -> Outcome<Report> {
    let def = GraphDef::read(&args.from).map_err(Failure::of_file)?;
    match extension(&args.to) {
        "dot" => {
            let (graph, _) = load_graph_def(&def, &ImportOptions::default()).map_err(Failure::of_file)?;
            write(&args.to, graph.dot().as_bytes())?;
        }
        "pbtxt" | "pb" | "meta" => write(&args.to, &converted(args)?)?,
        other => {
            let text = format!("a graph is written to .pb, .pbtxt or .dot, but '{other}' is none of them");
            return Err(Error::invalid(text).into());
        }
    }
    let (from, to) = (args.from.display().to_string(), args.to.display().to_string());
    let n = def.nodes.len();
    let json = serde_json::json!({"from": from, "to": to, "nodes": n, "functions": def.functions.len()});
    Ok(Report { text: format!("{from} -> {to}: {n} nodes\n"), json, is_bad: false })
}

fn extension(path: &Path) -> &str {
    path.extension().and_then(|extension| extension.to_str()).unwrap_or_default()
}

/// Field by field, so that also what the engine does not use stays.
fn converted(args: &Convert) -> Result<Vec<u8>> {
    let bytes = std::fs::read(&args.from).map_err(Error::from)?;
    let binary = match is_text(&args.from, &bytes) {
        true => {
            let text =
                String::from_utf8(bytes).map_err(|_| Error::new(ErrorKind::DataLoss, "the text is not UTF-8"))?;
            graph_from_text(&text)?
        }
        false => bytes,
    };
    if extension(&args.to) == "pbtxt" { Ok(graph_to_text(&binary)?.into_bytes()) } else { Ok(binary) }
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    std::fs::write(path, bytes).map_err(|error| Error::from(error).note(format!("the file is '{}'", path.display())))
}
