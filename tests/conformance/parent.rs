//! Watches over the child processes: one that dies or hangs fails its case, and another goes on behind it.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use super::outcome::Outcome;

/// What one case may take.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Replays one file or folder.
pub fn replay(unit: &Path) -> Vec<Outcome> {
    let mut outcomes: Vec<Outcome> = Vec::new();
    let mut names: Option<Vec<String>> = None;
    loop {
        let (mut child, lines) = start(unit, outcomes.len());
        let end = follow(&lines, &mut names, &mut outcomes);
        let reason = match end {
            End::Hang => format!("no answer after {} s", TIMEOUT.as_secs()),
            End::Closed => String::new(),
        };
        let _ = child.kill();
        let mut errors = String::new();
        if let Some(mut stderr) = child.stderr.take() {
            let _ = stderr.read_to_string(&mut errors);
        }
        let status = child.wait().map_or_else(|error| error.to_string(), |status| status.to_string());
        let Some(names) = &names else {
            return vec![Outcome::failed("(file)", format!("{reason}{status}: {}", tail(&errors)))];
        };
        let Some(name) = names.get(outcomes.len()) else { return outcomes };
        let reason = if reason.is_empty() { format!("the process died, {status}: {}", tail(&errors)) } else { reason };
        outcomes.push(Outcome::failed(name, reason));
        if outcomes.len() == names.len() {
            return outcomes;
        }
    }
}

enum End {
    Hang,
    Closed,
}

fn start(unit: &Path, from: usize) -> (Child, Receiver<String>) {
    let program = std::env::current_exe().expect("the test knows its own file");
    let mut command = Command::new(program);
    command.arg("--worker").arg(unit).arg(from.to_string()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("a process can be started");
    let stdout = child.stdout.take().expect("the output is piped");
    let (send, lines) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            if send.send(line).is_err() {
                break;
            }
        }
    });
    (child, lines)
}

fn follow(lines: &Receiver<String>, names: &mut Option<Vec<String>>, outcomes: &mut Vec<Outcome>) -> End {
    let mut is_first = true;
    loop {
        let line = match lines.recv_timeout(TIMEOUT) {
            Ok(line) => line,
            Err(RecvTimeoutError::Timeout) => return End::Hang,
            Err(RecvTimeoutError::Disconnected) => return End::Closed,
        };
        if std::mem::take(&mut is_first) {
            *names = serde_json::from_str(&line).ok();
        } else {
            outcomes.extend(Outcome::from_json(&line));
        }
    }
}

/// The last words of a process.
fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(3)..].join(" | ")
}
