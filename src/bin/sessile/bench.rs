//! `sessile bench`: how long a run takes, and why.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::json;
use sessile::session::RunOptions;
use sessile::{Error, Feeds, Result};

use crate::args::Bench;
use crate::failure::Outcome;
use crate::load::{Loaded, load};
use crate::report::{Report, bytes, table};

/// Traced runs that the profile is the mean of: enough to even out, few enough to cost nothing.
const PROFILED_RUNS: usize = 10;
/// Rows of the profile's text; JSON has all.
const MAX_ROWS: usize = 20;

/// All steps of one op in one run, on average.
#[derive(Default)]
struct OpTotal {
    steps: f64,
    time: Duration,
    bytes: f64,
}

/// Measures runs, then profiles a few.
pub fn bench(args: &Bench, is_json: bool) -> Outcome<Report> {
    if args.runs == 0 {
        return Err(Error::invalid("--runs must be 1 or more, but is 0").into());
    }
    let loaded = load(&args.job)?;
    let mut times = measure(&loaded, args, is_json)?;
    times.sort_unstable();
    let (profile, trace) = profile(&loaded)?;
    if let Some(path) = &args.trace {
        std::fs::write(path, trace).map_err(Error::from)?;
    }
    Ok(report(args, &times, &profile))
}

fn measure(loaded: &Loaded, args: &Bench, is_json: bool) -> Result<Vec<Duration>> {
    let bar = ProgressBar::with_draw_target(Some(args.runs as u64), ProgressDrawTarget::stderr());
    if is_json {
        bar.set_draw_target(ProgressDrawTarget::hidden());
    }
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} runs, {eta} left") {
        bar.set_style(style);
    }
    for _ in 0..args.warmup {
        loaded.run()?;
    }
    let mut times = Vec::with_capacity(args.runs);
    for _ in 0..args.runs {
        let began = Instant::now();
        loaded.run()?;
        times.push(began.elapsed());
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(times)
}

/// Time by op, and the trace of the last run.
fn profile(loaded: &Loaded) -> Result<(BTreeMap<&'static str, OpTotal>, String)> {
    let options = RunOptions { trace: true, ..RunOptions::default() };
    let (mut totals, mut trace) = (BTreeMap::<&str, OpTotal>::new(), String::new());
    for _ in 0..PROFILED_RUNS {
        let feeds = loaded.feeds.iter().fold(Feeds::new(), |feeds, (key, value)| feeds.with(key, value.clone()));
        let wanted = (loaded.fetches.as_slice(), loaded.targets.as_slice());
        let (_, metadata) = loaded.session.run_with_options(wanted, feeds, &options)?;
        for step in &metadata.steps {
            let total = totals.entry(step.op).or_default();
            total.steps += 1.0 / PROFILED_RUNS as f64;
            total.time += step.duration / PROFILED_RUNS as u32;
            total.bytes += step.output_bytes as f64 / PROFILED_RUNS as f64;
        }
        trace = metadata.chrome_trace();
    }
    Ok((totals, trace))
}

/// The value below which so many percent of the sorted times lie.
fn percentile(times: &[Duration], percent: usize) -> Duration {
    let rank = (percent * times.len()).div_ceil(100).clamp(1, times.len());
    times[rank - 1]
}

fn micros(time: Duration) -> f64 {
    time.as_nanos() as f64 / 1e3
}

fn show(time: Duration) -> String {
    match micros(time) {
        us if us < 1e3 => format!("{us:.1} us"),
        us if us < 1e6 => format!("{:.2} ms", us / 1e3),
        us => format!("{:.2} s", us / 1e6),
    }
}

fn report(args: &Bench, times: &[Duration], profile: &BTreeMap<&str, OpTotal>) -> Report {
    let mean = times.iter().sum::<Duration>() / times.len() as u32;
    let figures = [
        ("min", times[0]),
        ("p50", percentile(times, 50)),
        ("p90", percentile(times, 90)),
        ("p99", percentile(times, 99)),
        ("max", times[times.len() - 1]),
        ("mean", mean),
    ];
    let all: Duration = profile.values().map(|total| total.time).sum();
    let share = |total: &OpTotal| total.time.as_secs_f64() / all.as_secs_f64().max(f64::MIN_POSITIVE);
    let mut by_time: Vec<_> = profile.iter().collect();
    by_time.sort_by_key(|(op, total)| (std::cmp::Reverse(total.time), **op));
    let line: Vec<String> = figures.iter().map(|(name, time)| format!("{name} {}", show(*time))).collect();
    let rows = by_time.iter().take(MAX_ROWS).map(|(op, total)| {
        let percent = format!("{:.1} %", 100.0 * share(total));
        [(**op).to_owned(), format!("{:.0}", total.steps), show(total.time), percent, bytes(total.bytes)]
    });
    let text = format!(
        "{} runs after {} to warm up: {}\n\n{}",
        args.runs,
        args.warmup,
        line.join(", "),
        table(["op", "steps", "time", "share", "outputs"], 1, rows)
    );
    let latency: serde_json::Map<_, _> =
        figures.iter().map(|(name, time)| ((*name).to_owned(), json!(micros(*time)))).collect();
    let ops: Vec<_> = by_time
        .iter()
        .map(|(op, total)| {
            json!({"op": op, "steps": total.steps, "time_us": micros(total.time), "share": share(total), "bytes": total.bytes})
        })
        .collect();
    Report { text, json: json!({"runs": args.runs, "latency_us": latency, "ops": ops}), is_bad: false }
}
