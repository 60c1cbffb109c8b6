//! `sessile compare`: recorded inputs, recorded outputs.

use std::path::{Path, PathBuf};

use serde_json::json;
use sessile::io::{Arrays, read_npz};
use sessile::{Error, ErrorKind, Result, Value};

use crate::args::{Compare, Job};
use crate::failure::Outcome;
use crate::load;
use crate::report::{Report, floats, table};

/// What is used where neither the command line nor meta.json says more.
const TOLERANCE: f64 = 1e-5;

/// How an output compares.
struct Row {
    name: String,
    form: String,
    /// The largest difference, relative to the output's largest magnitude.
    difference: f64,
    problem: Option<String>,
}

/// Feeds all `in:` arrays at once, fetches all that `out:` arrays name.
pub fn compare(args: &Compare) -> Outcome<Report> {
    let (graph, cases) = files(args)?;
    let tolerance = args.tolerance.map_or_else(|| recorded_tolerance(&args.graph), Ok)?;
    let arrays = read_npz(&cases)?;
    let rows = rows(&graph, &cases, &arrays, tolerance)?;
    let is_bad = rows.iter().any(|row| row.problem.is_some());
    let verdict = |row: &Row| row.problem.clone().unwrap_or_else(|| "equal".to_owned());
    let cells =
        rows.iter().map(|row| [row.name.clone(), row.form.clone(), verdict(row), format!("{:.2e}", row.difference)]);
    let n_bad = rows.iter().filter(|row| row.problem.is_some()).count();
    let mut text = table(["output", "dtype and shape", "verdict", "difference"], 3, cells);
    text.push_str(&format!("{} outputs, {n_bad} differ (tolerance {tolerance:e})\n", rows.len()));
    let outputs: Vec<_> = rows
        .iter()
        .map(|row| json!({"name": row.name, "difference": row.difference, "problem": row.problem}))
        .collect();
    let json = json!({"outputs": outputs, "tolerance": tolerance, "equal": !is_bad});
    Ok(Report { text, json, is_bad })
}

fn files(args: &Compare) -> Result<(PathBuf, PathBuf)> {
    if args.graph.is_dir() {
        let cases = args.cases.clone().unwrap_or_else(|| args.graph.join("cases.npz"));
        return Ok((args.graph.join("frozen.pb"), cases));
    }
    let absent = || Error::invalid("a graph that is no folder needs --cases FILE.npz");
    Ok((args.graph.clone(), args.cases.clone().ok_or_else(absent)?))
}

fn recorded_tolerance(folder: &Path) -> Result<f64> {
    let Ok(text) = std::fs::read_to_string(folder.join("meta.json")) else { return Ok(TOLERANCE) };
    let bad = |error| Error::new(ErrorKind::DataLoss, format!("meta.json is damaged: {error}"));
    let meta: serde_json::Value = serde_json::from_str(&text).map_err(bad)?;
    Ok(meta["tolerance"].as_f64().unwrap_or(TOLERANCE))
}

fn rows(graph: &Path, cases: &Path, arrays: &Arrays, tolerance: f64) -> Outcome<Vec<Row>> {
    let outputs: Vec<(&str, &Value)> =
        arrays.iter().filter_map(|(key, value)| Some((key.strip_prefix("out:")?, value))).collect();
    if outputs.is_empty() {
        return Err(Error::new(ErrorKind::NotFound, "the cases have no array whose name begins with 'out:'").into());
    }
    let input = |key: &String| {
        let name = key.strip_prefix("in:")?;
        Some((name.to_owned(), format!("{}:{key}", cases.display())))
    };
    let job = Job {
        graph: graph.to_owned(),
        feeds: arrays.keys().filter_map(input).collect(),
        fetches: outputs.iter().map(|(name, _)| (*name).to_owned()).collect(),
        init: Vec::new(),
        random: false,
        seed: 1,
        size: 1,
        threads: None,
    };
    let got = load::load(&job)?.run()?;
    Ok(outputs.iter().zip(&got).map(|((name, want), got)| row(name, got, want, tolerance)).collect())
}

fn row(name: &str, got: &Value, want: &Value, tolerance: f64) -> Row {
    let form = |value: &Value| format!("{} {}", value.dtype(), sessile::Shape::from(value.dims()));
    let row = |difference, problem| Row { name: name.to_owned(), form: form(got), difference, problem };
    if form(got) != form(want) {
        return row(f64::INFINITY, Some(format!("must be {}", form(want))));
    }
    let (Ok(got_floats), Ok(want_floats)) = (floats(got), floats(want)) else {
        let problem = (!got.same_bits(want)).then(|| "elements differ".to_owned());
        return row(if problem.is_some() { f64::INFINITY } else { 0.0 }, problem);
    };
    let largest = want_floats.iter().map(|x| x.abs()).filter(|x| x.is_finite()).fold(0.0, f64::max);
    // Numbers that are not normal are as good as zero, and lie at most this far apart.
    let apart = 2.0 * want.dtype().smallest_normal();
    let differences = got_floats.iter().zip(&want_floats).map(|(got, want)| difference(*got, *want, largest, apart));
    let (at, worst) = differences.enumerate().fold((0, 0.0), |best, here| if here.1 > best.1 { here } else { best });
    let problem =
        (worst > tolerance).then(|| format!("element {at} is {}, but must be {}", got_floats[at], want_floats[at]));
    row(worst, problem)
}

fn difference(got: f64, want: f64, largest: f64, apart: f64) -> f64 {
    match got == want || (got.is_nan() && want.is_nan()) || (got - want).abs() < apart {
        true => 0.0,
        false => match (got - want).abs() / largest {
            relative if relative.is_nan() => f64::INFINITY,
            relative => relative,
        },
    }
}
