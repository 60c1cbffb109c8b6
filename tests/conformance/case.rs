//! Zips of cases: a graph, and what TensorFlow answered to each run of a session on it.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::time::Duration;

use serde_json::Value as Json;
use sessile::io::{GraphDef, ImportOptions, load_graph_def, parse_npy, parse_tensor};
use sessile::{Code, Config, Error, ErrorKind, Graph, Operation, Session, Tensor, Value};
use zip::ZipArchive;

use super::compare::{Tolerance, same_form, same_value};
use super::outcome::{Outcome, Status};
use super::shapes;

/// The cases of one zip.
pub struct Cases(ZipArchive<File>);

/// One run of a case.
struct Run {
    feeds: Vec<(String, Value)>,
    fetches: Vec<String>,
    targets: Vec<String>,
    error: Option<String>,
    is_random: bool,
    want: Vec<Value>,
}

impl Cases {
    pub fn open(path: &Path) -> Result<Cases, String> {
        let file = File::open(path).map_err(|error| error.to_string())?;
        ZipArchive::new(file).map(Cases).map_err(|error| error.to_string())
    }

    /// The cases, in the order of the zip.
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<String> =
            self.0.file_names().filter_map(|name| name.strip_suffix("/graph.pb")).map(str::to_owned).collect();
        names.sort();
        names
    }

    pub fn replay(&mut self, name: &str) -> Result<Outcome, String> {
        let bytes = self.bytes(&format!("{name}/graph.pb"))?;
        let runs = self.runs(name)?;
        Ok(replay_case(name, &bytes, &runs))
    }

    fn runs(&mut self, name: &str) -> Result<Vec<Run>, String> {
        let json = self.bytes(&format!("{name}/runs.json"))?;
        let runs: Vec<Json> = serde_json::from_slice(&json).map_err(|error| error.to_string())?;
        runs.iter().enumerate().map(|(k, run)| self.run(&format!("{name}/r{k}"), run)).collect()
    }

    fn run(&mut self, at: &str, run: &Json) -> Result<Run, String> {
        let texts = |name: &str| -> Vec<String> {
            run[name].as_array().into_iter().flatten().filter_map(|text| text.as_str().map(str::to_owned)).collect()
        };
        let (fetches, error) = (texts("fetches"), run["error"].as_str().map(str::to_owned));
        let mut feeds = Vec::new();
        for (i, feed) in texts("feeds").into_iter().enumerate() {
            feeds.push((feed, self.value(&format!("{at}/in{i}"))?));
        }
        let n_out = if error.is_none() { fetches.len() } else { 0 };
        let want = (0..n_out).map(|i| self.value(&format!("{at}/out{i}"))).collect::<Result<_, _>>()?;
        let is_random = run["random"].as_bool().unwrap_or(false);
        Ok(Run { feeds, fetches, targets: texts("targets"), error, is_random, want })
    }

    fn value(&mut self, stem: &str) -> Result<Value, String> {
        match self.bytes(&format!("{stem}.npy")) {
            Ok(bytes) => parse_npy(&bytes).map_err(|error| format!("{stem}: {error}")),
            Err(_) => parse_tensor(&self.bytes(&format!("{stem}.pb"))?).map_err(|error| format!("{stem}: {error}")),
        }
    }

    fn bytes(&mut self, name: &str) -> Result<Vec<u8>, String> {
        let mut file = self.0.by_name(name).map_err(|error| format!("{name}: {error}"))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(|error| format!("{name}: {error}"))?;
        Ok(bytes)
    }
}

fn replay_case(name: &str, bytes: &[u8], runs: &[Run]) -> Outcome {
    let def = match GraphDef::parse(bytes) {
        Ok(def) => def,
        Err(error) => return Outcome::failed(name, format!("graph: {error}")),
    };
    let graph = match load(name, &def) {
        Ok(graph) => graph,
        // TensorFlow found in the run what is refused here before it.
        Err((error, _)) if !runs.is_empty() && runs.iter().all(|run| is_expected(run, &error)) => {
            return Outcome::new(name);
        }
        Err((_, outcome)) => return *outcome,
    };
    let mut outcome = Outcome::new(name);
    shapes::compare(&def, &graph, &mut outcome);
    if let Err(reason) = replay_runs(&graph, runs) {
        outcome.status = Status::Failed;
        outcome.reason = reason;
    }
    if outcome.conflicts > 0 && outcome.status == Status::Passed {
        outcome.status = Status::Failed;
        outcome.reason = "inferred shapes contradict TensorFlow's".into();
    }
    outcome
}

/// The whole graph; else the outcome that says why not.
pub fn load(name: &str, def: &GraphDef) -> Result<Graph, (Error, Box<Outcome>)> {
    load_graph_def(def, &ImportOptions::default()).map(|(graph, _)| graph).map_err(|error| {
        let ops: BTreeSet<String> = def.unsupported_ops();
        let outcome = match error.kind() {
            ErrorKind::Unsupported => {
                let reason = if ops.is_empty() { error.to_string() } else { String::new() };
                Outcome::unsupported(name, reason, ops.into_iter().collect())
            }
            _ => Outcome::failed(name, format!("import: {error}")),
        };
        (error, Box::new(outcome))
    })
}

fn replay_runs(graph: &Graph, runs: &[Run]) -> Result<(), String> {
    // What deadline a run had is not recorded, only that it ended at it.
    let times_out = runs.iter().any(|run| run.error.as_deref() == Some("DeadlineExceededError"));
    let operation_timeout = times_out.then(|| Duration::from_secs(1));
    let config = Config { operation_timeout, ..Config::default() };
    let session = Session::with_config(graph, config).map_err(|error| error.to_string())?;
    for (k, run) in runs.iter().enumerate() {
        replay_run(&session, run).map_err(|reason| format!("run {k}: {reason}"))?;
    }
    Ok(())
}

fn replay_run(session: &Session, run: &Run) -> Result<(), String> {
    let got = match (execute(session, run), &run.error) {
        (Ok(got), None) => got,
        (Ok(_), Some(want)) => return Err(format!("succeeds, but TensorFlow raised {want}")),
        (Err(error), Some(want)) if is_expected(run, &error) => {
            let _ = want;
            return Ok(());
        }
        (Err(error), Some(want)) => return Err(format!("fails, but not with {want}: {:?}, {error}", error.code())),
        (Err(error), None) => return Err(error.to_string()),
    };
    for ((name, got), want) in run.fetches.iter().zip(&got).zip(&run.want) {
        let same =
            if run.is_random { same_form(got, want) } else { same_value(got, want, Tolerance::of(want.dtype())) };
        same.map_err(|reason| format!("{name} {reason}"))?;
    }
    Ok(())
}

fn execute(session: &Session, run: &Run) -> Result<Vec<Value>, Error> {
    let graph = session.graph();
    let feed = |(name, value): &(String, Value)| Ok((tensor(graph, name)?, value.clone()));
    let feeds = run.feeds.iter().map(feed).collect::<Result<Vec<_>, Error>>()?;
    let fetches = run.fetches.iter().map(|name| tensor(graph, name)).collect::<Result<Vec<_>, _>>()?;
    let targets = run.targets.iter().map(|name| operation(graph, name)).collect::<Result<Vec<_>, _>>()?;
    session.run_values(&feeds, &fetches, &targets)
}

/// The tensor of `x:0` or `x`.
pub fn tensor(graph: &Graph, name: &str) -> Result<Tensor, Error> {
    if name.contains(':') { graph.tensor_by_name(name) } else { graph.tensor_by_name(&format!("{name}:0")) }
}

/// The operation of `x` or `x:0`.
pub fn operation(graph: &Graph, name: &str) -> Result<Operation, Error> {
    graph.operation_by_name(name.split(':').next().unwrap_or(name))
}

fn is_expected(run: &Run, error: &Error) -> bool {
    let want = match run.error.as_deref() {
        Some("InvalidArgumentError") => Code::InvalidArgument,
        Some("FailedPreconditionError") => Code::FailedPrecondition,
        Some("OutOfRangeError") => Code::OutOfRange,
        Some("NotFoundError") => Code::NotFound,
        Some("AlreadyExistsError") => Code::AlreadyExists,
        Some("UnimplementedError") => Code::Unimplemented,
        Some("CancelledError") => Code::Cancelled,
        Some("DeadlineExceededError") => Code::DeadlineExceeded,
        Some("ResourceExhaustedError") => Code::ResourceExhausted,
        Some("InternalError") => Code::Internal,
        _ => return false,
    };
    error.code() == want
}
