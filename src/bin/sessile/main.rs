//! The command line: looks at graphs of TensorFlow, runs them, compares and measures them, and converts their files.
//!
//! This is the only part of the crate that prints or exits. A command returns a [`Report`]; `main` prints it as text or,
//! with `--json`, as one JSON object, and turns the outcome into the exit code that `--help` documents.

mod amount;
mod args;
mod bench;
mod classes;
mod compare;
mod convert;
mod estimate;
mod failure;
mod flops;
mod inspect;
mod load;
mod report;
mod run;
mod scope;
mod turns;

use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use clap::Parser;

use self::args::{Args, Command};
use self::failure::{Failure, USAGE};
use self::report::Report;

fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => return refuse_words(&error),
    };
    let outcome = match &args.command {
        Command::Inspect(inspect) => inspect::inspect(inspect),
        Command::Run(run) => run::run(run),
        Command::Compare(compare) => compare::compare(compare),
        Command::Bench(bench) => bench::bench(bench, args.json),
        Command::Convert(convert) => convert::convert(convert),
    };
    match outcome {
        Ok(report) => finish(&report, args.json),
        Err(failure) => refuse(&failure, args.json),
    }
}

fn finish(report: &Report, is_json: bool) -> ExitCode {
    let text = if is_json { format!("{}\n", report.json) } else { report.text.clone() };
    // A reader that has seen enough, such as `head`, is no failure.
    let _ = std::io::stdout().lock().write_all(text.as_bytes());
    if report.is_bad { ExitCode::from(1) } else { ExitCode::SUCCESS }
}

/// A command line that clap does not take; also a question for help or the version.
fn refuse_words(error: &clap::Error) -> ExitCode {
    let is_json = std::env::args_os().take_while(|word| word != "--").any(|word| word == "--json");
    if !is_json || !error.use_stderr() {
        error.exit();
    }
    let message = error.to_string();
    let json = serde_json::json!({"error": {"kind": "Usage", "message": message.trim_end(), "node": null}});
    let _ = writeln!(std::io::stdout().lock(), "{json}");
    ExitCode::from(USAGE)
}

fn refuse(failure: &Failure, is_json: bool) -> ExitCode {
    let error = &failure.error;
    if is_json {
        let kind = format!("{:?}", error.kind());
        let json = serde_json::json!({"error": {"kind": kind, "message": error.to_string(), "node": error.node()}});
        let _ = writeln!(std::io::stdout().lock(), "{json}");
    } else {
        let (on, off) = if std::io::stderr().is_terminal() { ("\x1b[1;31m", "\x1b[0m") } else { ("", "") };
        let _ = writeln!(std::io::stderr().lock(), "{on}error:{off} {error}");
    }
    ExitCode::from(failure.code)
}
