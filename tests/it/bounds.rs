//! Kernels ask for memory in ways that can fail: what would end the process without memory is told apart by its text.

use std::fs;
use std::path::Path;

use crate::floors::sources;

/// Begins the comment that says why a list is short, on its line or just above: `// Bounded by the rank.`
const MARKER: &str = "// Bounded";

/// Functions that run while a graph is built, on what a user or a file has said in full.
const BUILDING: &[&str] = &["example", "parse", "infer", "attrs", "grad"];

/// Files whose kernels do not ask fallibly yet. It gets shorter, never longer.
const NOT_YET: &[&str] = &["src/ops/nn/strips.rs", "src/ops/text/as_string.rs"];

/// A form that takes memory without an answer where there is none.
fn infallible(code: &str) -> Option<&'static str> {
    let after = |form: &str| code.split_once(form).map(|(_, rest)| rest);
    if after("vec![").is_some_and(|rest| rest.split(']').next().is_some_and(|inner| inner.contains(';'))) {
        return Some("vec![..; n]");
    }
    if after("with_capacity(").is_some() {
        return Some("with_capacity");
    }
    // Lists of the run can fail, and lists of tensors resize by their own rules.
    if after(".resize(").is_some_and(|rest| rest.contains(',') && !rest.contains(")?")) {
        return Some("resize");
    }
    // Sizes that the source says are those of a few elements.
    let is_few = |rest: &str| {
        let dims = rest.split_once("&[").and_then(|(_, dims)| dims.split_once(']')).map(|(dims, _)| dims);
        dims.is_some_and(|dims| dims.chars().all(|c| c.is_ascii_digit() || c == ',' || c == ' '))
    };
    after("Value::zeros(").is_some_and(|rest| !is_few(rest)).then_some("Value::zeros")
}

/// The lines of a source that take memory so in a kernel, with what they do.
fn faults(text: &str) -> Vec<(usize, &'static str)> {
    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let (mut function, mut faults, mut before) = ("", Vec::new(), "");
    for (i, line) in code.lines().enumerate() {
        let statement = line.split("//").next().unwrap_or_default();
        if let Some((_, rest)) = statement.split_once("fn ") {
            function = rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default();
        }
        let is_building = BUILDING.iter().any(|start| function.starts_with(start)) || function.ends_with("example");
        let is_bounded = [before, line].iter().any(|line| line.contains(MARKER));
        if let Some(form) = infallible(statement).filter(|_| !is_building && !is_bounded) {
            faults.push((i + 1, form));
        }
        before = line;
    }
    faults
}

#[test]
fn kernels_take_no_memory_without_asking() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    ["src/ops", "crates/kernels/src"].iter().for_each(|folder| sources(&root.join(folder), &mut files));
    assert!(files.len() > 100, "the sources were found");
    let mut all = Vec::new();
    for path in files {
        let name = path.strip_prefix(root).expect("sources are under the root").to_string_lossy().replace('\\', "/");
        if name.ends_with("tests.rs") || name.ends_with("testing.rs") || NOT_YET.contains(&&*name) {
            continue;
        }
        let text = fs::read_to_string(&path).expect("a source is text");
        all.extend(faults(&text).into_iter().map(|(line, form)| format!("{name}:{line}: {form}")));
    }
    all.sort();
    let advice =
        "take it from the run (RunCx::scratch and its like), or say why it is short: `// Bounded by the rank.`";
    assert!(all.is_empty(), "{advice}\n{}", all.join("\n"));
}

#[test]
fn what_takes_memory_is_told_from_what_can_fail() {
    let count = |text: &str| faults(text).len();
    assert_eq!(count("fn run() {\n    let x = vec![0; n];\n}"), 1);
    assert_eq!(count("fn run() {\n    // Bounded by the rank.\n    let x = vec![0; n];\n}"), 0);
    assert_eq!(count("fn run() {\n    let x = vec![a, b];\n    x.resize(n, 0)?;\n}"), 0);
    assert_eq!(
        count("fn run() {\n    x.resize(n, 0);\n    Vec::with_capacity(n);\n    Value::zeros(dtype, dims)?;\n}"),
        3
    );
    assert_eq!(count("fn infer_sizes() {\n    vec![0; n];\n    Value::zeros(dtype, &[2, 0])?;\n}"), 0);
    assert_eq!(count("fn run() {}\n#[cfg(test)]\nmod tests {\n    vec![0; n];\n}"), 0);
}
