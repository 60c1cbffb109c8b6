//! The architecture as a test: arrows between the modules of the crate point down only.

use std::fs;
use std::path::{Path, PathBuf};

/// The floors, lowest first. A module may use its own floor and those below.
const FLOORS: &[&[&str]] = &[
    &["cancel", "dtype", "error", "kernel", "pool", "shape", "value"],
    &["graph"],
    &["ops"],
    &["grad", "optimize", "exec"],
    &["session", "layers", "init", "train"],
    &["io"],
    &["bin"],
];

fn floor(module: &str) -> Option<usize> {
    FLOORS.iter().position(|modules| modules.contains(&module))
}

fn sources(folder: &Path, into: &mut Vec<PathBuf>) {
    let entries = fs::read_dir(folder).expect("the crate's sources can be listed");
    for path in entries.map(|entry| entry.expect("an entry can be read").path()) {
        match path.is_dir() {
            true => sources(&path, into),
            false if path.extension().is_some_and(|extension| extension == "rs") => into.push(path),
            false => {}
        }
    }
}

/// The modules that a line names by `crate::`; those of macros (`$crate`) are the caller's affair.
fn named(line: &str) -> impl Iterator<Item = &str> {
    let code = line.split("//").next().unwrap_or_default();
    code.match_indices("crate::").filter(|(at, _)| !code[..*at].ends_with('$')).map(|(at, path)| {
        let rest = &code[at + path.len()..];
        &rest[..rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len())]
    })
}

#[test]
fn no_module_uses_a_floor_above_its_own() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    assert!(files.len() > 20, "the sources were found");
    let mut upward = Vec::new();
    for path in files {
        let inside = path.strip_prefix(&root).expect("sources are under src");
        let module = inside.components().next().expect("a file has a name").as_os_str().to_string_lossy();
        let module = module.trim_end_matches(".rs");
        if module == "lib" {
            continue;
        }
        let mine = floor(module).unwrap_or_else(|| panic!("module '{module}' stands on no floor"));
        let text = fs::read_to_string(&path).expect("a source is text");
        // Unit tests at the foot of a file may use whatever shows what they test.
        let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        for (number, line) in code.lines().enumerate() {
            for used in named(line).filter(|used| floor(used).is_some_and(|floor| floor > mine)) {
                upward.push(format!("{}:{}: {module} uses {used}", inside.display(), number + 1));
            }
        }
    }
    assert!(upward.is_empty(), "{}", upward.join("\n"));
}
