//! Folders of models: a frozen graph, inputs, and TensorFlow's outputs.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde_json::Value as Json;
use sessile::Session;
use sessile::io::{GraphDef, ImportOptions, load_graph_def, parse_npy};
use sessile::{ErrorKind, Value};
use zip::ZipArchive;

use super::case::tensor;
use super::compare::{Tolerance, same_value};
use super::outcome::Outcome;

/// Runs the frozen graph of a folder on the recorded inputs.
pub fn replay(dir: &Path) -> Result<Outcome, String> {
    let name = dir.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let frozen = dir.join("frozen.pb");
    if !frozen.is_file() {
        return Ok(Outcome::unsupported(&name, "has no frozen graph", vec!["(SavedModel)".into()]));
    }
    let arrays = arrays(&dir.join("cases.npz"))?;
    let tolerance = tolerance(dir)?;
    let def = GraphDef::read(&frozen).map_err(|error| error.to_string())?;
    let outputs: Vec<&str> = arrays.keys().filter_map(|key| key.strip_prefix("out:")).collect();
    let options =
        ImportOptions { outputs: outputs.iter().map(|output| (*output).to_owned()).collect(), ..Default::default() };
    let graph = match load_graph_def(&def, &options) {
        Ok((graph, _)) => graph,
        Err(error) if error.kind() == ErrorKind::Unsupported => {
            let ops = def.unsupported_ops().into_iter().collect();
            return Ok(Outcome::unsupported(&name, error.message(), ops));
        }
        Err(error) => return Err(format!("import: {error}")),
    };
    let mut feeds = Vec::new();
    for (key, value) in &arrays {
        if let Some(input) = key.strip_prefix("in:") {
            feeds.push((tensor(&graph, input).map_err(|error| error.to_string())?, value.clone()));
        }
    }
    let fetches = outputs.iter().map(|output| tensor(&graph, output)).collect::<Result<Vec<_>, _>>();
    let fetches = fetches.map_err(|error| error.to_string())?;
    let session = Session::new(&graph).map_err(|error| error.to_string())?;
    let got = session.run_values(&feeds, &fetches, &[]).map_err(|error| error.to_string())?;
    for (output, got) in outputs.iter().zip(&got) {
        let want = &arrays[&format!("out:{output}")];
        same_value(got, want, tolerance).map_err(|reason| format!("{output} {reason}"))?;
    }
    Ok(Outcome::new(&name))
}

/// The arrays of an `.npz`, by name.
pub fn arrays(path: &Path) -> Result<BTreeMap<String, Value>, String> {
    let named = |error: String| format!("{}: {error}", path.display());
    let file = File::open(path).map_err(|error| named(error.to_string()))?;
    let mut zip = ZipArchive::new(file).map_err(|error| named(error.to_string()))?;
    let mut arrays = BTreeMap::new();
    for i in 0..zip.len() {
        let mut file = zip.by_index(i).map_err(|error| named(error.to_string()))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(|error| named(error.to_string()))?;
        let name = file.name().trim_end_matches(".npy").to_owned();
        arrays.insert(name, parse_npy(&bytes).map_err(|error| named(error.to_string()))?);
    }
    Ok(arrays)
}

/// The folder's own tolerance, relative to an output's largest magnitude.
pub fn tolerance(dir: &Path) -> Result<Tolerance, String> {
    let of_largest = meta(dir)?["tolerance"].as_f64().ok_or("meta.json has no tolerance")?;
    Ok(Tolerance { relative: 0.0, of_largest })
}

pub fn meta(dir: &Path) -> Result<Json, String> {
    let text = std::fs::read_to_string(dir.join("meta.json")).map_err(|error| error.to_string())?;
    serde_json::from_str(&text).map_err(|error| error.to_string())
}
