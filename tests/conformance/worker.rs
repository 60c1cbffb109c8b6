//! The child process: replays the cases of one file and prints a line for each.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use super::case::Cases;
use super::outcome::Outcome;
use super::{model, program};

/// Replays a file or folder from the case of this number on. The first line lists the names of all cases.
pub fn replay(unit: &Path, start: usize) -> ExitCode {
    if unit.is_dir() {
        say(&serde_json::json!([folder_name(unit)]).to_string());
        if start == 0 {
            say(&guarded(&folder_name(unit), || folder(unit)).to_json());
        }
        return ExitCode::SUCCESS;
    }
    let mut cases = match Cases::open(unit) {
        Ok(cases) => cases,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    let names = cases.names();
    say(&serde_json::json!(names).to_string());
    for name in names.iter().skip(start) {
        say(&guarded(name, || cases.replay(name)).to_json());
    }
    ExitCode::SUCCESS
}

fn folder(unit: &Path) -> Result<Outcome, String> {
    if unit.join("traj.npz").is_file() { program::replay(unit) } else { model::replay(unit) }
}

fn folder_name(unit: &Path) -> String {
    unit.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// A case that cannot even be read failed, and so did one that panics.
fn guarded(name: &str, replay: impl FnOnce() -> Result<Outcome, String>) -> Outcome {
    match std::panic::catch_unwind(std::panic::AssertUnwindSafe(replay)) {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(reason)) => Outcome::failed(name, reason),
        Err(payload) => {
            let text = payload.downcast_ref::<String>().cloned();
            let text = text.or_else(|| payload.downcast_ref::<&str>().map(|text| (*text).to_owned()));
            Outcome::failed(name, format!("panicked: {}", text.unwrap_or_default()))
        }
    }
}

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{}", line.replace('\n', " "));
    let _ = out.flush();
}
