//! The command line: looks at graphs of TensorFlow, runs them, compares and measures them, and converts their files.
//!
//! This is the only part of the crate that prints or exits. A command returns a [`Report`]; `main` prints it as text or,
//! with `--json`, as one JSON object, and turns the outcome into the exit code that `--help` documents.

mod args;
mod bench;
mod compare;
mod convert;
mod estimate;
mod flops;
mod inspect;
mod load;
mod report;
mod run;

use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use clap::Parser;
use sessile::{Error, ErrorKind};

use self::args::{Args, Command};
use self::report::Report;

fn main() -> ExitCode {
    let args = Args::parse();
    let outcome = match &args.command {
        Command::Inspect(inspect) => inspect::inspect(inspect),
        Command::Run(run) => run::run(run),
        Command::Compare(compare) => compare::compare(compare),
        Command::Bench(bench) => bench::bench(bench, args.json),
        Command::Convert(convert) => convert::convert(convert),
    };
    match outcome {
        Ok(report) => finish(&report, args.json),
        Err(error) => refuse(&error, args.json),
    }
}

fn finish(report: &Report, is_json: bool) -> ExitCode {
    let text = if is_json { format!("{}\n", report.json) } else { report.text.clone() };
    // A reader that has seen enough, such as `head`, is no failure.
    let _ = std::io::stdout().lock().write_all(text.as_bytes());
    if report.is_bad { ExitCode::from(1) } else { ExitCode::SUCCESS }
}

fn refuse(error: &Error, is_json: bool) -> ExitCode {
    if is_json {
        let kind = format!("{:?}", error.kind());
        let json = serde_json::json!({"error": {"kind": kind, "message": error.to_string(), "node": error.node()}});
        let _ = writeln!(std::io::stdout().lock(), "{json}");
    } else {
        let (on, off) = if std::io::stderr().is_terminal() { ("\x1b[1;31m", "\x1b[0m") } else { ("", "") };
        let _ = writeln!(std::io::stderr().lock(), "{on}error:{off} {error}");
    }
    ExitCode::from(exit_code(error))
}

fn exit_code(error: &Error) -> u8 {
    match error.kind() {
        ErrorKind::Io | ErrorKind::DataLoss => 3,
        ErrorKind::Unsupported => 4,
        _ => 1,
    }
}
