//! Replays what real TensorFlow answered: `cargo test --release --features tensorflow --test conformance`.
//!
//! The project's own cases by default; with `SESSILE_CONFORMANCE=DIR` whatever lies under DIR at any depth: zips of
//! cases (tests/golden/README.md has the format), folders of models (`meta.json` and `cases.npz`) and of programs
//! (`traj.npz`). `SESSILE_CONFORMANCE_REPORT=FILE` gets every failure with its reason. The last line is
//! `N passed, N failed, N skipped`; the exit code is 0 only where nothing failed.
//!
//! `SESSILE_CONFORMANCE_ONLY=FILE` replays what FILE lists, a path under DIR in a line (`must_pass.txt` beside this
//! file): all of it must be there, and nothing of it may fail, be unsupported, or say less of shapes than TensorFlow does.
//!
//! Each file is replayed by a child process, so that no case takes the others down.

mod case;
mod compare;
mod memory;
mod model;
mod outcome;
mod parent;
mod program;
mod shapes;
mod worker;

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use outcome::{Outcome, Status};

#[global_allocator]
static ALLOCATOR: memory::Limited = memory::Limited;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let [flag, file, start] = args.as_slice()
        && flag == "--worker"
    {
        return worker::replay(Path::new(file), start.parse().expect("the parent gives a number"));
    }
    let root = std::env::var_os("SESSILE_CONFORMANCE").map_or_else(own_cases, PathBuf::from);
    let mut units = Vec::new();
    find_units(&root, &mut units);
    units.sort();
    // Words on the command line choose files, as they choose tests elsewhere.
    let words: Vec<&String> = args.iter().filter(|arg| !arg.starts_with('-')).collect();
    units.retain(|unit| words.is_empty() || words.iter().any(|word| unit.to_string_lossy().contains(word.as_str())));
    let listed = std::env::var_os("SESSILE_CONFORMANCE_ONLY").map(|file| listed(Path::new(&file)));
    if let Some(listed) = &listed {
        units.retain(|unit| listed.contains(&label(&root, unit)));
        let missing: Vec<_> =
            listed.iter().filter(|name| !units.iter().any(|unit| label(&root, unit) == **name)).collect();
        if !missing.is_empty() && words.is_empty() {
            eprintln!("must pass, but is not under {}: {missing:?}", root.display());
            return ExitCode::FAILURE;
        }
    }
    if units.is_empty() {
        eprintln!("nothing to replay under {}", root.display());
        return ExitCode::FAILURE;
    }
    let found = run(&root, &units);
    if found.is_fine(listed.is_some()) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The paths in a list; lines that start with `#` are for the reader.
fn listed(file: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(file).expect("the list can be read");
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(str::to_owned).collect()
}

fn own_cases() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

/// Zips, and the folders of models and programs.
fn find_units(dir: &Path, units: &mut Vec<PathBuf>) {
    if ["cases.npz", "traj.npz"].iter().any(|file| dir.join(file).is_file()) {
        units.push(dir.to_owned());
        return;
    }
    let Ok(entries) = std::fs::read_dir(dir) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        if path.is_dir() {
            find_units(&path, units);
        } else if path.extension().is_some_and(|extension| extension == "zip") {
            units.push(path);
        }
    }
}

/// What a replay found.
struct Found {
    failed: usize,
    unsupported: usize,
    /// Outputs whose inferred shapes say less than TensorFlow's.
    less: usize,
}

impl Found {
    fn is_fine(&self, must_pass: bool) -> bool {
        self.failed == 0 && !(must_pass && (self.unsupported > 0 || self.less > 0))
    }
}

fn run(root: &Path, units: &[PathBuf]) -> Found {
    let width = units.iter().map(|unit| label(root, unit).len()).max().unwrap_or(0);
    println!("{:width$} passed failed unsup.  shapes: conflict   less   more  unsupported ops", "");
    let (mut report, mut all) = (String::new(), Vec::new());
    for unit in units {
        let outcomes = parent::replay(unit);
        println!("{:width$} {}", label(root, unit), line(&outcomes));
        for outcome in outcomes.iter().filter(|outcome| !outcome.notes().is_empty()) {
            let _ = writeln!(report, "{} {}: {}", label(root, unit), outcome.case, outcome.notes());
        }
        all.extend(outcomes);
    }
    println!("{:width$} {}", "all", line(&all));
    if let Some(path) = std::env::var_os("SESSILE_CONFORMANCE_REPORT") {
        std::fs::write(path, report).expect("the report's place can be written");
    } else {
        eprint!("{report}");
    }
    let count = |status| all.iter().filter(|outcome| outcome.status == status).count();
    let (failed, unsupported) = (count(Status::Failed), count(Status::Unsupported));
    let less = all.iter().map(|outcome| outcome.less).sum();
    if less > 0 {
        println!("{less} shapes say less than TensorFlow's");
    }
    println!("{} passed, {failed} failed, {unsupported} skipped", count(Status::Passed));
    Found { failed, unsupported, less }
}

fn label(root: &Path, unit: &Path) -> String {
    unit.strip_prefix(root).unwrap_or(unit).to_string_lossy().into_owned()
}

fn line(outcomes: &[Outcome]) -> String {
    let count = |status| outcomes.iter().filter(|outcome| outcome.status == status).count();
    let sum = |of: fn(&Outcome) -> usize| outcomes.iter().map(of).sum::<usize>();
    let ops: std::collections::BTreeSet<&str> =
        outcomes.iter().flat_map(|outcome| outcome.ops.iter().map(String::as_str)).collect();
    format!(
        "{:6} {:6} {:6} {:17} {:6} {:6}  {}",
        count(Status::Passed),
        count(Status::Failed),
        count(Status::Unsupported),
        sum(|outcome| outcome.conflicts),
        sum(|outcome| outcome.less),
        sum(|outcome| outcome.more),
        ops.into_iter().collect::<Vec<_>>().join(" ")
    )
}
