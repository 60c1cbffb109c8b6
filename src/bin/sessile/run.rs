//! `sessile run`: one run.

use std::fmt::Write;
use std::path::Path;

use sessile::error::escape;
use sessile::io::write_npy;
use sessile::{Error, Result, Value};

use crate::args::Run;
use crate::failure::Outcome;
use crate::load::load;
use crate::report::{Report, value_json};

/// Runs a graph once; prints what it computes or writes it to a folder.
pub fn run(args: &Run) -> Outcome<Report> {
    let loaded = load(&args.job)?;
    let values = loaded.run()?;
    let names: Vec<String> = loaded.fetches.iter().map(|tensor| tensor.name()).collect();
    let (mut text, mut json) = (String::new(), Vec::new());
    for (name, value) in names.iter().zip(&values) {
        let head = format!("{} = {} {}", escape(name), value.dtype(), sessile::Shape::from(value.dims()));
        match &args.out {
            Some(folder) => {
                let file = store(folder, name, value)?;
                let _ = writeln!(text, "{head} -> {file}");
                json.push(serde_json::json!({"name": name, "dtype": value.dtype().name(), "shape": value.dims(), "file": file}));
            }
            None => {
                let _ = writeln!(text, "{head}\n{value}");
                json.push(value_json(name, value));
            }
        }
    }
    Ok(Report { text, json: serde_json::json!({"fetches": json}), is_bad: false })
}

/// Writes a value under the tensor's name, without what means something in paths.
fn store(folder: &Path, name: &str, value: &Value) -> Result<String> {
    std::fs::create_dir_all(folder).map_err(Error::from)?;
    let plain: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() || matches!(c, '.' | '-') { c } else { '_' }).collect();
    let path = folder.join(format!("{}.npy", plain.trim_start_matches('.')));
    write_npy(&path, value)?;
    Ok(path.display().to_string())
}
