//! The child process: runs its cases one after another, and says which it is at.

use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use sessile::ops::words;

use super::case::{BUDGET, TIMEOUT};
use super::fault::Kind;
use super::memory::peak_of;
use super::series::Series;

/// What a case may hold beside the budget of its run, in bytes.
const BESIDE: usize = 64 << 20;

/// How long after its deadline a run may end: the machine may be busy.
const LATE: Duration = Duration::from_secs(1);

/// When a case counts as one that does not end.
const HANG: Duration = Duration::from_secs(10);

/// What panicked since the last look, whoever caught it.
static PANICS: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// When the present case began, in milliseconds since the start of the process.
static BEGAN: AtomicU64 = AtomicU64::new(0);

/// Runs every `step`th case from `from` to `to`. Lines are `C number`, and `F number kind text` for each fault.
pub fn run(series: &Series, from: usize, step: usize, to: usize) -> ExitCode {
    std::panic::set_hook(Box::new(|info| {
        let text = info.to_string().replace('\n', " ");
        PANICS.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).push(text);
    }));
    let start = Instant::now();
    std::thread::spawn(move || watch(start));
    for n in (from..to).step_by(step) {
        BEGAN.store(start.elapsed().as_millis() as u64, Ordering::Relaxed);
        say(&format!("C {n}"));
        for (kind, text) in faults(series, n) {
            say(&format!("F {n} {kind} {}", text.replace('\n', " | ")));
        }
    }
    say("done");
    ExitCode::SUCCESS
}

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    // The parent went away: nobody is left to tell.
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// Ends the process when a case does not end.
fn watch(start: Instant) {
    loop {
        std::thread::sleep(Duration::from_millis(200));
        let began = Duration::from_millis(BEGAN.load(Ordering::Relaxed));
        if start.elapsed().saturating_sub(began) > HANG {
            eprintln!("hang: no end after {} s", HANG.as_secs());
            std::process::exit(3);
        }
    }
}

fn faults(series: &Series, n: usize) -> Vec<(Kind, String)> {
    let case = series.case(n);
    let began = Instant::now();
    let (result, peak) = peak_of(|| catch_unwind(AssertUnwindSafe(|| case.run())));
    let took = began.elapsed();
    let panics = std::mem::take(&mut *PANICS.lock().unwrap_or_else(|poisoned| poisoned.into_inner()));
    let mut faults: Vec<(Kind, String)> = panics.into_iter().map(|text| (Kind::Panic, text)).collect();
    if let Ok(Err(error)) = &result
        && faults.is_empty()
        && words::is_fault(error)
    {
        faults.push((Kind::Text, error.to_string()));
    }
    if peak > BUDGET + BESIDE {
        faults.push((Kind::Memory, format!("{} MiB", peak >> 20)));
    }
    if took > TIMEOUT + LATE {
        faults.push((Kind::Late, format!("{} ms", took.as_millis())));
    }
    faults
}
