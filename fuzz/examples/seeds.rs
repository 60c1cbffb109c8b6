//! Writes what the search begins with: the graphs of the project's own recorded cases, as bytes and as text, and a
//! dictionary of the words that graphs are made of.

use std::fs;
use std::io::Read;
use std::path::Path;

use sessile::io::graph_to_text;
use sessile::ops::OPS;
use zip::ZipArchive;

/// Larger graphs make the search slow.
const MAX_SEED: usize = 16 << 10;
const NUMBERS: [&str; 8] = ["0", "-1", "2147483647", "-2147483648", "1099511627776", "4611686018427387904", "nan", "inf"];

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

fn main() -> Result<()> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut n = 0;
    for entry in fs::read_dir(here.join("../tests/golden"))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "zip") {
            let family = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            for (case, bytes) in graphs(&path)? {
                n += usize::from(write(here, &format!("{family}-{case}"), &bytes)?);
            }
        }
    }
    n += usize::from(write(here, "digits_rnn", &fs::read(here.join("../examples/data/digits_rnn/frozen.pb"))?)?);
    fs::write(here.join("words.dict"), words())?;
    println!("{n} graphs");
    Ok(())
}

/// The graphs of an archive, with the names of their cases.
fn graphs(path: &Path) -> Result<Vec<(String, Vec<u8>)>> {
    let mut archive = ZipArchive::new(fs::File::open(path)?)?;
    let mut graphs = Vec::new();
    for i in 0..archive.len() {
        let mut file = archive.by_index(i)?;
        if let Some(case) = file.name().strip_suffix("/graph.pb").map(|case| case.replace('/', "-")) {
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes)?;
            graphs.push((case, bytes));
        }
    }
    Ok(graphs)
}

/// One seed for each target; false where it is too large.
fn write(here: &Path, name: &str, bytes: &[u8]) -> Result<bool> {
    let text = graph_to_text(bytes)?;
    if text.len() > MAX_SEED {
        return Ok(false);
    }
    let scripted = [text.as_bytes(), &[0, 0, 1, 2, 3, 4, 5]].concat();
    let seeds = [("graph_def", bytes), ("text", text.as_bytes()), ("run", text.as_bytes()), ("structure", &scripted)];
    for (target, seed) in seeds {
        let folder = here.join("corpus").join(target);
        fs::create_dir_all(&folder)?;
        fs::write(folder.join(name), seed)?;
    }
    Ok(true)
}

fn words() -> String {
    let ops = OPS.iter().flat_map(|family| family.iter().map(|kind| kind.name));
    ops.chain(NUMBERS).map(|word| format!("\"{word}\"\n")).collect()
}
