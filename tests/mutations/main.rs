//! Mutated examples of the op table: nothing that a file, a feed or an attribute says may panic, abort, hang, pass a
//! memory budget over, or be answered with a text about the inside of the engine.
//!
//! `cargo test --all-features --test mutations` tries the mutations that found most: a dim of 0 beside a vast one, and
//! extreme attributes. `SESSILE_MUTATIONS=1000000` tries so many: all single mutations first, then random combinations
//! of them. Words on the command line choose ops. `SESSILE_MUTATIONS_REPORT=FILE` gets each fault with all that is needed to
//! see it again; `SESSILE_MUTATIONS_CASE=N` shows one case.
//!
//! Cases run in child processes, so that one that takes its process down is found and named.

mod case;
mod fault;
mod memory;
mod mutation;
mod parent;
mod random;
mod series;
mod worker;

use std::process::ExitCode;

use series::Series;

#[global_allocator]
static ALLOCATOR: memory::Limited = memory::Limited;

fn main() -> ExitCode {
    let mut args: Vec<String> = std::env::args().skip(1).collect();
    let is_worker = args.first().is_some_and(|arg| arg == "--worker");
    let range = is_worker.then(|| args.drain(..4).collect::<Vec<_>>());
    args.retain(|arg| !arg.starts_with('-'));
    let count = number("SESSILE_MUTATIONS");
    let series = Series::of(&args, count);
    if let Some(range) = range {
        let number = |i: usize| range[i].parse().expect("the parent gives numbers");
        return worker::run(&series, number(1), number(2), number(3));
    }
    if let Some(case) = number("SESSILE_MUTATIONS_CASE") {
        println!("{}", series.case(case).describe());
        return worker::run(&series, case, 1, case + 1);
    }
    let n = series.len();
    println!("{n} cases of {} examples", series.n_examples());
    let faults = parent::run(&series, &args);
    fault::report(&faults);
    println!("{n} cases, {} faults of {} kinds", faults.len(), fault::by_kind(&faults).len());
    if faults.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn number(name: &str) -> Option<usize> {
    std::env::var(name).ok().map(|text| text.parse().expect("a number of cases"))
}
