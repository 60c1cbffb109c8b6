//! Every row on large inputs, with a deadline: who ends long after it does not look at the limits of its run.
//!
//! What a machine under load or a debug build takes says little, so the test asks for seconds only. In a release build,
//! `SESSILE_LATE=100 cargo test --release --lib rows_end_soon -- --nocapture` tries more and larger inputs, and fails with
//! a list of the rows that end more than 100 ms after their deadline.

use std::time::{Duration, Instant};

use super::array::Tile;
use super::table_run_tests::{Built, rows};
use super::testing::run_op;
use crate::dtype::DType;
use crate::error::ErrorKind;
use crate::graph::{Example, OpKind};
use crate::session::RunOptions;
use crate::value::{IntoValue, Value};

const DEADLINE: Duration = Duration::from_millis(50);

/// How the test goes about it.
struct Trial {
    /// Elements of the largest input; strings are a sixteenth of it.
    large: usize,
    /// How long after its deadline a run may end.
    margin: Duration,
    /// Whether all ways to enlarge the inputs are tried, or only the first that the op takes.
    is_thorough: bool,
}

impl Trial {
    fn of_environment() -> Trial {
        match std::env::var("SESSILE_LATE").ok().and_then(|ms| ms.parse().ok()) {
            Some(ms) => Trial { large: 1 << 23, margin: Duration::from_millis(ms), is_thorough: true },
            // Debug builds take minutes to make larger inputs.
            None if cfg!(debug_assertions) => {
                Trial { large: 1 << 16, margin: Duration::from_secs(10), is_thorough: false }
            }
            None => Trial { large: 1 << 20, margin: Duration::from_secs(10), is_thorough: false },
        }
    }

    /// The inputs again and again along an axis or all axes, all of them or some.
    fn enlarged(&self, example: &Example) -> Vec<Vec<Value>> {
        let most = example.inputs.iter().map(Value::len).max().unwrap_or(0).max(1);
        let rank = example.inputs.iter().map(Value::rank).max().unwrap_or(0).max(1);
        let is_text = example.inputs.iter().any(|value| value.dtype() == DType::String);
        let times = if is_text { self.large / 16 } else { self.large } / most;
        let root = (times as f64).powf(1.0 / rank as f64) as usize;
        let along: [&dyn Fn(usize) -> Vec<usize>; 3] = [
            &|rank| (0..rank).map(|axis| if axis == 0 { times } else { 1 }).collect(),
            &|rank| (0..rank).map(|axis| if axis + 1 == rank { times } else { 1 }).collect(),
            &|rank| vec![root.max(1); rank],
        ];
        let chosen: [fn(usize, &Value) -> bool; 3] =
            [|_, _| true, |i, _| i == 0, |_, value| value.dtype().is_floating() || value.dtype() == DType::String];
        let mut all = Vec::new();
        for along in along {
            for chosen in chosen {
                let inputs = example.inputs.iter().enumerate();
                let one = |(i, value): (usize, &Value)| match chosen(i, value) {
                    true => tiled(value, along(value.rank())),
                    false => value.clone(),
                };
                all.push(inputs.map(one).collect::<Vec<_>>());
            }
        }
        let is_large = |inputs: &Vec<Value>| inputs.iter().any(|value| value.len() > self.large / 64);
        all.into_iter().filter(is_large).collect()
    }

    /// How long after its deadline a run of the row ended, at most.
    fn lateness(&self, row: &OpKind) -> Option<Duration> {
        let mut worst = None;
        for example in (row.examples)() {
            for inputs in self.enlarged(&example) {
                let Some(mut late) = ended_late(&example, &inputs) else { continue };
                // The machine may have been busy with something else.
                for _ in 0..2 {
                    late = if late > self.margin { late.min(ended_late(&example, &inputs)?) } else { late };
                }
                worst = worst.max(Some(late));
                if !self.is_thorough {
                    return worst;
                }
            }
        }
        worst
    }
}

fn tiled(value: &Value, times: Vec<usize>) -> Value {
    let times: Vec<i32> = times.into_iter().map(|n| n as i32).collect();
    run_op(Tile, &[value.clone(), times.into_value()]).map_or_else(|_| value.clone(), |mut values| values.remove(0))
}

/// How long after its deadline a run ends; `None` where the op does not take the inputs, and says so in time.
fn ended_late(example: &Example, inputs: &[Value]) -> Option<Duration> {
    let built = Built::of(example, inputs).ok()?;
    let session = built.session(2).ok()?;
    let options = RunOptions { timeout: Some(DEADLINE), memory_budget: Some(256 << 20), ..RunOptions::default() };
    let began = Instant::now();
    let outputs = built.fetch(&session, &options);
    let late = began.elapsed().saturating_sub(DEADLINE);
    let is_taken = outputs.map_or_else(|error| error.kind() == ErrorKind::DeadlineExceeded, |_| true);
    (is_taken || late > Duration::ZERO).then_some(late)
}

#[test]
fn rows_end_soon_after_their_deadline() {
    let trial = Trial::of_environment();
    let (mut n_rows, mut n_large, mut late) = (0, 0, Vec::new());
    for row in rows() {
        n_rows += 1;
        let Some(lateness) = trial.lateness(row) else { continue };
        n_large += 1;
        if lateness > trial.margin {
            eprintln!("{}: {} ms late", row.name, lateness.as_millis());
            late.push(row.name);
        }
    }
    assert!(late.is_empty(), "rows that end {:?} after their deadline or later: {late:?}", trial.margin);
    assert!(2 * n_large > n_rows, "only {n_large} of {n_rows} rows took large inputs");
}
