//! `sessile run`: one run.

use std::collections::HashMap;
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
    let mut files = args.out.as_deref().map(|folder| Files { folder, tensors: HashMap::new() });
    let (mut text, mut json) = (String::new(), Vec::new());
    for (name, value) in names.iter().zip(&values) {
        let head = format!("{} = {} {}", escape(name), value.dtype(), sessile::Shape::from(value.dims()));
        match &mut files {
            Some(files) => {
                let file = files.store(name, value)?;
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

/// The files of a run's answers.
struct Files<'a> {
    folder: &'a Path,
    /// The tensor of each file, by the file's name in small letters: many disks do not tell them from large ones.
    tensors: HashMap<String, String>,
}

impl Files<'_> {
    /// Writes a value under the tensor's name, without what means something in paths. Names that differ in such letters
    /// alone get numbers.
    fn store(&mut self, name: &str, value: &Value) -> Result<String> {
        std::fs::create_dir_all(self.folder).map_err(Error::from)?;
        let plain = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '.' | '-') { c } else { '_' };
        let plain: String = name.chars().map(plain).take(MAX_STEM).collect();
        let stem = plain.trim_start_matches('.');
        let mut file = format!("{stem}.npy");
        let mut n = 0;
        while self.tensors.entry(file.to_ascii_lowercase()).or_insert_with(|| name.to_owned()) != name {
            n += 1;
            file = format!("{stem}-{n}.npy");
        }
        let path = self.folder.join(file);
        write_npy(&path, value)?;
        Ok(path.display().to_string())
    }
}

/// Letters of a tensor's name in that of its file: disks take some 255, and a number and an ending follow.
const MAX_STEM: usize = 200;
