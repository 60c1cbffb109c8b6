//! What the targets share: a graph is run node by node, within limits.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use sessile::io::{GraphDef, ImportOptions, load_graph_def};
use sessile::prelude::*;
use sessile::session::Fetch;
use sessile::{ErrorKind, Result, RunOptions};

/// What all runs of one graph may take together.
const TIME: Duration = Duration::from_millis(500);
/// Placeholders of more elements stay without a feed.
const MAX_FED: usize = 1 << 12;
/// Bytes of all blocks together. What is asked for beyond it is not there.
const MOST: usize = 1 << 30;

/// How runs are limited beside their time.
#[derive(Debug, Clone, Copy)]
pub enum Limits {
    /// Budgets of memory and steps.
    Budgets,
    /// The memory that there is.
    Machine,
}

/// Imports a text and runs each of its tensors and operations, fed with small values.
pub fn run_text(text: &str, choice: u8, limits: Limits) {
    let Ok(def) = GraphDef::parse_text(text) else { return };
    let Some((graph, _)) = checked(load_graph_def(&def, &ImportOptions::default())) else { return };
    let config = Config { threads: Some(1), print: Some(Arc::new(|_: &str| {})), ..Config::default() };
    let session = Session::with_config(&graph, config).expect("one thread is there");
    let end = Instant::now() + TIME;
    for node in graph.nodes() {
        let operation = graph.operation(node.id());
        run(&session, &operation, choice, end, limits);
        operation.outputs().iter().for_each(|output| run(&session, output, choice, end, limits));
    }
}

fn run<F: Fetch>(session: &Session, fetch: F, choice: u8, end: Instant, limits: Limits) {
    let left = end.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return;
    }
    let timeout = Some(left);
    let options = match limits {
        Limits::Budgets => {
            let (memory_budget, step_budget) = (Some(16 << 20), Some(2_000));
            RunOptions { timeout, memory_budget, step_budget, ..RunOptions::default() }
        }
        Limits::Machine => RunOptions { timeout, ..RunOptions::default() },
    };
    checked(session.run_with_options(fetch, feeds(session.graph(), choice), &options));
}

/// What there is, and no error that is a fault of the engine.
fn checked<T>(result: Result<T>) -> Option<T> {
    if let Err(error) = &result {
        assert!(!matches!(error.kind(), ErrorKind::Panicked | ErrorKind::Internal), "{error}");
    }
    result.ok()
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

/// An allocator that has [`MOST`] bytes: a block that no machine has is refused on every machine.
pub struct Limited;

static LIVE: AtomicUsize = AtomicUsize::new(0);

fn counted(size: usize, alloc: impl FnOnce() -> *mut u8) -> *mut u8 {
    let live = LIVE.fetch_add(size, Ordering::Relaxed);
    let at = if live.saturating_add(size) > MOST { std::ptr::null_mut() } else { alloc() };
    if at.is_null() {
        LIVE.fetch_sub(size, Ordering::Relaxed);
    }
    at
}

// SAFETY: the system's allocator does the work; a null pointer is its own way of saying that there is no memory.
unsafe impl GlobalAlloc for Limited {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promises are those of the system's allocator.
        counted(layout.size(), || unsafe { System.alloc(layout) })
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        counted(layout.size(), || unsafe { System.alloc_zeroed(layout) })
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.dealloc(at, layout) }
    }
}
