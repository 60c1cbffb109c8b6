//! Folders of programs: a training graph, its variables' first values, the loss of each step, their last values.

use std::collections::BTreeMap;
use std::path::Path;

use sessile::io::GraphDef;
use sessile::ndarray::Axis;
use sessile::{Error, IntoValue, Plain, Session, Tensor, Value};

use super::case::{load, operation, tensor};
use super::compare::{Tolerance, same_value};
use super::model::{arrays, meta, tolerance};
use super::outcome::Outcome;

/// Trains for as many steps as were recorded, and compares each loss, and what the variables are in the end.
pub fn replay(dir: &Path) -> Result<Outcome, String> {
    let name = dir.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let def = GraphDef::read(dir.join("graph.pb")).map_err(|error| error.to_string())?;
    let graph = match load(&name, &def) {
        Ok(graph) => graph,
        Err((_, outcome)) => return Ok(*outcome),
    };
    let session = Session::new(&graph).map_err(|error| error.to_string())?;
    initialize(&session, &arrays(&dir.join("init.npz"))?).map_err(|error| error.to_string())?;
    train(&session, dir)?;
    Ok(Outcome::new(&name))
}

/// Assigns the first values, by feeding them to the variables' own assignments.
fn initialize(session: &Session, values: &BTreeMap<String, Value>) -> Result<(), Error> {
    for (name, value) in values {
        let assign = operation(session.graph(), &format!("{name}/Assign"))?;
        let input = session.graph().tensor(assign.node().inputs()[1]);
        session.run_values(&[(input, value.clone())], &[], &[assign])?;
    }
    Ok(())
}

fn train(session: &Session, dir: &Path) -> Result<(), String> {
    let (meta, recorded) = (meta(dir)?, arrays(&dir.join("traj.npz"))?);
    let graph = session.graph();
    let text = |error: Error| error.to_string();
    let loss = tensor(graph, meta["loss"].as_str().ok_or("meta.json names no loss")?).map_err(text)?;
    let train_op = operation(graph, meta["train_op"].as_str().ok_or("meta.json names no train_op")?).map_err(text)?;
    let losses = recorded["loss"].clone();
    let slack = tolerance(dir)?.of_largest;
    let n_steps = losses.dims().first().copied().unwrap_or(0);
    for step in 0..n_steps {
        let feeds = feeds(graph, &recorded, step)?;
        let got = session.run_values(&feeds, std::slice::from_ref(&loss), &[]).map_err(text)?;
        let want = row(&losses, step)?;
        let relative = Tolerance { relative: slack, of_largest: 0.0 };
        same_value(&got[0], &want, relative).map_err(|reason| format!("loss of step {step} {reason}"))?;
        session.run_values(&feeds, &[], std::slice::from_ref(&train_op)).map_err(text)?;
    }
    compare_variables(session, &recorded, slack)
}

/// What the last step left in the variables: of long ones every so many elements were recorded.
fn compare_variables(session: &Session, recorded: &BTreeMap<String, Value>, slack: f64) -> Result<(), String> {
    // Single elements, momenta most of all, drift further apart than the loss: by 6e-4 in 40 steps of Adam.
    const DRIFT: f64 = 10.0;
    let text = |error: Error| error.to_string();
    let wanted = recorded.iter().filter_map(|(key, value)| Some((key.strip_prefix("final:")?, value)));
    for (name, want) in wanted {
        let variable = tensor(session.graph(), name).map_err(text)?;
        let got = session.run_values(&[], std::slice::from_ref(&variable), &[]).map_err(text)?;
        let got = thinned(&got[0]).map_err(text)?;
        let of_largest = Tolerance { relative: 0.0, of_largest: DRIFT * slack };
        same_value(&got, want, of_largest).map_err(|reason| format!("variable {name} after the last step {reason}"))?;
    }
    Ok(())
}

/// At most 4,096 elements at equal distances, as `flat[::ceil(n / 4096)]`.
fn thinned(value: &Value) -> Result<Value, Error> {
    const MOST: usize = 4096;
    let step = value.len().div_ceil(MOST).max(1);
    match value.dtype() {
        sessile::DType::F32 => pick::<f32>(value, step),
        sessile::DType::F64 => pick::<f64>(value, step),
        sessile::DType::I32 => pick::<i32>(value, step),
        _ => pick::<i64>(value, step),
    }
}

fn pick<T: Plain>(value: &Value, step: usize) -> Result<Value, Error> {
    let elements: Vec<T> = value.slice::<T>()?.iter().step_by(step).copied().collect();
    Value::from_vec(&[elements.len()], elements)
}

fn feeds(
    graph: &sessile::Graph,
    recorded: &BTreeMap<String, Value>,
    step: usize,
) -> Result<Vec<(Tensor, Value)>, String> {
    let mut feeds = Vec::new();
    for (key, value) in recorded {
        let (name, value) = match (key.strip_prefix("in:"), key.strip_prefix("fix:")) {
            (Some(name), _) => (name, row(value, step)?),
            (_, Some(name)) => (name, value.clone()),
            _ => continue,
        };
        feeds.push((tensor(graph, name).map_err(|error| error.to_string())?, value));
    }
    Ok(feeds)
}

/// Row `i` of an array.
fn row(value: &Value, i: usize) -> Result<Value, String> {
    let text = |error: Error| error.to_string();
    Ok(match value.dtype() {
        sessile::DType::F32 => value.view::<f32>().map_err(text)?.index_axis(Axis(0), i).to_owned().into_value(),
        sessile::DType::F64 => value.view::<f64>().map_err(text)?.index_axis(Axis(0), i).to_owned().into_value(),
        sessile::DType::I32 => value.view::<i32>().map_err(text)?.index_axis(Axis(0), i).to_owned().into_value(),
        sessile::DType::I64 => value.view::<i64>().map_err(text)?.index_axis(Axis(0), i).to_owned().into_value(),
        other => return Err(format!("a feed of dtype {other} is not cut into steps")),
    })
}
