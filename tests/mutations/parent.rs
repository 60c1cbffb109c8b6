//! Watches over the child processes: where one dies, its case is a fault, and another goes on behind it.

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};
use std::sync::Mutex;

use super::fault::{Fault, Kind};
use super::series::Series;

/// Deaths of one child after which the rest of its cases is left out: then nearly all is broken.
const MAX_DEATHS: usize = 2000;

/// Runs all cases, shared out among as many processes as the machine has threads.
pub fn run(series: &Series, words: &[String]) -> Vec<Fault> {
    let n_children = std::thread::available_parallelism().map_or(1, usize::from);
    let (found, len) = (Mutex::new(Vec::new()), series.len());
    std::thread::scope(|scope| {
        for first in 0..n_children {
            let found = &found;
            scope.spawn(move || share(first, n_children, len, words, found));
        }
    });
    let mut found = found.into_inner().expect("no thread panicked");
    found.sort();
    found.into_iter().map(|(case, kind, text)| fault(series, case, kind, text)).collect()
}

fn fault(series: &Series, case: usize, kind: Kind, text: String) -> Fault {
    let it = series.case(case);
    Fault { case, kind, op: it.subject.row.name.to_owned(), what: it.describe(), text }
}

/// The first line, and the first place in our sources that a backtrace names.
fn digest(errors: &str) -> String {
    let first = errors.lines().next().unwrap_or_default();
    let place = errors.lines().map(str::trim).find(|line| line.starts_with("at ") && !line.starts_with("at /rustc"));
    format!("{first} {}", place.unwrap_or_default())
}

type Found = (usize, Kind, String);

fn share(first: usize, step: usize, len: usize, words: &[String], found: &Mutex<Vec<Found>>) {
    let mut from = first;
    for _ in 0..MAX_DEATHS {
        let child = follow(from, step, len, words, found);
        let Some((case, kind, text)) = child else { return };
        found.lock().expect("no thread panicked").push((case, kind, text));
        from = case + step;
    }
    panic!("{MAX_DEATHS} processes died, the last at case {from}");
}

/// Follows one child to its end; the case at which it died.
fn follow(from: usize, step: usize, len: usize, words: &[String], found: &Mutex<Vec<Found>>) -> Option<Found> {
    let program = std::env::current_exe().expect("the test knows its own file");
    let mut command = Command::new(program);
    command.args(["--worker".to_owned(), from.to_string(), step.to_string(), len.to_string()]).args(words);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("a process can be started");
    let (mut at, mut is_done) = (from, false);
    let stdout = child.stdout.take().expect("the output is piped");
    for line in BufReader::new(stdout).lines().map_while(Result::ok) {
        let mut parts = line.splitn(4, ' ');
        match (parts.next(), parts.next().and_then(|n| n.parse().ok()), parts.next(), parts.next()) {
            (Some("C"), Some(n), ..) => at = n,
            (Some("F"), Some(n), Some(kind), Some(text)) => {
                let kind = Kind::named(kind).expect("the child names a kind");
                found.lock().expect("no thread panicked").push((n, kind, text.to_owned()));
            }
            _ => is_done |= line == "done",
        }
    }
    let mut errors = String::new();
    if let Some(mut stderr) = child.stderr.take() {
        let _ = stderr.read_to_string(&mut errors);
    }
    let status = child.wait().expect("the child was started");
    if is_done {
        return None;
    }
    let kind = if errors.contains("hang: ") { Kind::Hang } else { Kind::Abort };
    Some((at, kind, format!("{status}: {}", digest(&errors))))
}
