//! The architecture as a test: arrows between the modules of the crate point down only. What lies below `graph` is in
//! crates of its own (`crates/base`, `crates/kernels`), where Cargo sees to it.

use std::fs;
use std::path::{Path, PathBuf};

/// The floors, lowest first. A module may use its own floor and those below.
const FLOORS: &[&[&str]] = &[
    // Crates of their own, under the names by which the others know them.
    &["cancel", "dtype", "error", "kernel", "pool", "shape", "value"],
    &["graph"],
    &["ops"],
    &["grad", "optimize", "exec"],
    &["session", "layers", "init", "train", "guide"],
    &["io"],
    &["bin"],
];

fn floor(module: &str) -> Option<usize> {
    FLOORS.iter().position(|modules| modules.contains(&module))
}

pub(crate) fn sources(folder: &Path, into: &mut Vec<PathBuf>) {
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
        let is_of_tests = path.file_name().is_some_and(|name| name.to_string_lossy().ends_with("tests.rs"));
        if module == "lib" || is_of_tests {
            continue;
        }
        let mine = floor(module).unwrap_or_else(|| panic!("module '{module}' stands on no floor"));
        let text = fs::read_to_string(&path).expect("a source is text");
        // Unit tests at the foot of a file, as those in files of their own, may use whatever shows what they test.
        let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        for (number, line) in code.lines().enumerate() {
            for used in named(line).filter(|used| floor(used).is_some_and(|floor| floor > mine)) {
                upward.push(format!("{}:{}: {module} uses {used}", inside.display(), number + 1));
            }
        }
    }
    assert!(upward.is_empty(), "{}", upward.join("\n"));
}

/// Functions that return `Result` and are no builders: what ops, rules and layers are made of.
const NO_BUILDERS: &[&str] =
    &["handle_for", "make_handle", "parse", "check", "new", "activation", "output_dim", "output_shape"];

/// The builders of a source without an alias: public, found by the users' line, and fallible.
fn builders_without_alias(text: &str) -> Vec<String> {
    let lines: Vec<&str> = text.lines().collect();
    let mut missing = Vec::new();
    for (i, line) in lines.iter().enumerate() {
        let Some(rest) = line.trim_start().strip_prefix("pub fn ") else { continue };
        let name = &rest[..rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len())];
        let signature = lines[i..].iter().take_while(|line| !line.ends_with(';')).take(12).copied();
        let signature: String = signature.collect::<Vec<_>>().join(" ");
        let returns = signature.split('{').next().unwrap_or_default();
        let is_head = |line: &&&str| line.trim_start().starts_with("///") || line.trim_start().starts_with("#[");
        let head: String = lines[..i].iter().rev().take_while(is_head).copied().collect();
        // The name of a macro's builders is a variable; their aliases come with the rows.
        if !name.is_empty()
            && returns.contains("-> Result<")
            && !head.contains("doc(alias = ")
            && !NO_BUILDERS.contains(&name)
        {
            missing.push(name.to_owned());
        }
    }
    missing
}

/// Whoever knows TensorFlow's name of an op finds its builder in the documentation.
#[test]
fn every_builder_can_be_found_by_tensorflows_name() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/ops");
    let mut files = Vec::new();
    sources(&root, &mut files);
    let mut missing = Vec::new();
    for path in files {
        let text = fs::read_to_string(&path).expect("a source is text");
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        let inside = path.strip_prefix(&root).expect("sources are under src/ops").display().to_string();
        missing.extend(builders_without_alias(code).into_iter().map(|name| format!("{inside}: {name}")));
    }
    assert!(missing.is_empty(), "add #[doc(alias = \"tf....\")] to\n{}", missing.join("\n"));
}
