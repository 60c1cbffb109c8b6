//! The text of a graph, imported, and each of its tensors and operations run within a budget. Texts take changes better
//! than bytes do: one number more or less, and the graph can still be read.
#![no_main]

use std::sync::Arc;
use std::time::{Duration, Instant};

use libfuzzer_sys::fuzz_target;
use sessile::io::{GraphDef, ImportOptions, load_graph_def};
use sessile::prelude::*;
use sessile::session::Fetch;
use sessile::{ErrorKind, Result, RunOptions};

/// What all runs of one graph may take together.
const TIME: Duration = Duration::from_millis(500);
/// Placeholders of more elements stay without a feed.
const MAX_FED: usize = 1 << 12;

fuzz_target!(|text: &str| {
    let Ok(def) = GraphDef::parse_text(text) else { return };
    let Ok((graph, _)) = load_graph_def(&def, &ImportOptions::default()) else { return };
    let config = Config { threads: Some(1), print: Some(Arc::new(|_: &str| {})), ..Config::default() };
    let session = Session::with_config(&graph, config).expect("one thread is there");
    let end = Instant::now() + TIME;
    let choice = text.bytes().fold(0, u8::wrapping_add);
    for node in graph.nodes() {
        let operation = graph.operation(node.id());
        run(&session, &operation, choice, end);
        operation.outputs().iter().for_each(|output| run(&session, output, choice, end));
    }
});

fn run<F: Fetch>(session: &Session, fetch: F, choice: u8, end: Instant) {
    let left = end.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return;
    }
    let options = RunOptions {
        timeout: Some(left),
        memory_budget: Some(16 << 20),
        step_budget: Some(2_000),
        ..RunOptions::default()
    };
    if let Err(error) = session.run_with_options(fetch, feeds(session.graph(), choice), &options) {
        assert!(!matches!(error.kind(), ErrorKind::Panicked | ErrorKind::Internal), "{error}");
    }
}

/// Something small for each placeholder.
fn feeds(graph: &Graph, choice: u8) -> Feeds {
    let placeholders = graph.nodes().filter(|node| node.op().kind().name == "Placeholder");
    placeholders.fold(Feeds::new(), |feeds, node| {
        let Ok(tensor) = graph.operation(node.id()).output(0) else { return feeds };
        match value(&tensor, choice) {
            Some(Ok(value)) => feeds.with(&tensor, value),
            _ => feeds,
        }
    })
}

fn value(tensor: &Tensor, choice: u8) -> Option<Result<Value>> {
    let unknown = usize::from(choice % 4);
    let shape = tensor.shape();
    let dims: Vec<usize> = match shape.dims() {
        Some(dims) => dims.iter().map(|dim| dim.known().unwrap_or(unknown)).collect(),
        None => vec![2; unknown],
    };
    let n = dims.iter().try_fold(1usize, |n, dim| n.checked_mul(*dim)).filter(|n| *n <= MAX_FED)?;
    let turned = |i: usize| (i + usize::from(choice)) % 5;
    Some(match tensor.dtype() {
        DType::F32 => Value::from_vec(&dims, (0..n).map(|i| [0.0, 1.5, -2.0, f32::NAN, 3e38][turned(i)]).collect()),
        DType::F64 => Value::from_vec(&dims, (0..n).map(|i| [0.0, 1.5, -2.0, f64::NAN, 3e38][turned(i)]).collect()),
        DType::I32 => Value::from_vec(&dims, (0..n).map(|i| [0, 1, 2, -1, i32::MIN][turned(i)]).collect()),
        DType::I64 => Value::from_vec(&dims, (0..n).map(|i| [0, 1, 2, -1, i64::MIN][turned(i)]).collect()),
        DType::Bool => Value::from_vec(&dims, (0..n).map(|i| turned(i) % 2 == 0).collect()),
        dtype => Value::zeros(dtype, &dims),
    })
}
