//! The ambient context of building: name scope, pending name, control inputs, device, the body being built.
//!
//! One stack a thread, keyed by graph, entered only through closures and left on unwind, so that nothing leaks from
//! one thread, graph or function into another.

use std::cell::RefCell;
use std::panic::Location;
use std::sync::Arc;

use super::Graph;
use super::node::NodeId;

/// What the next node of a graph gets from its surroundings.
#[derive(Clone, Default)]
pub(crate) struct Context {
    /// The name scope without its last slash; empty at the root.
    pub(crate) scope: Arc<str>,
    /// The name for the next op or composite.
    pub(crate) pending: Option<Arc<str>>,
    /// Each new node waits for these.
    pub(crate) control: Arc<[NodeId]>,
    /// Device string for each new node.
    pub(crate) device: Option<Arc<str>>,
    /// The user's line that called the outermost composite.
    pub(crate) location: Option<&'static Location<'static>>,
    /// The sub-graph that new nodes go to.
    pub(crate) body: Option<Graph>,
    /// Keys and values of layers above: the variable scope lives here.
    pub(crate) extra: Option<Arc<dyn std::any::Any + Send + Sync>>,
}

thread_local! {
    static STACK: RefCell<Vec<(u64, Context)>> = const { RefCell::new(Vec::new()) };
    /// The context outside of all closures.
    static OUTSIDE: Context = Context::default();
}

/// Reads the present context of a graph.
pub(crate) fn read<R>(graph: u64, f: impl FnOnce(&Context) -> R) -> R {
    STACK.with_borrow(|stack| match stack.iter().rev().find(|(id, _)| *id == graph) {
        Some((_, context)) => f(context),
        None => OUTSIDE.with(f),
    })
}

/// Takes the pending name, which is used once.
pub(crate) fn take_pending(graph: u64) -> Option<Arc<str>> {
    STACK.with_borrow_mut(|stack| {
        let entry = stack.iter_mut().rev().find(|(id, _)| *id == graph);
        entry.and_then(|(_, context)| context.pending.take())
    })
}

/// Runs `build` in a changed copy of the present context.
pub(crate) fn enter<R>(graph: u64, change: impl FnOnce(&mut Context), build: impl FnOnce() -> R) -> R {
    let mut context = read(graph, Context::clone);
    change(&mut context);
    let _inside = push(graph, context);
    build()
}

/// Leaves a context when it is dropped, also when what is built in it unwinds.
struct Inside;

impl Drop for Inside {
    fn drop(&mut self) {
        STACK.with_borrow_mut(|stack| stack.pop());
    }
}

// Apart from `enter`, which is compiled for every closure that builds.
fn push(graph: u64, context: Context) -> Inside {
    STACK.with_borrow_mut(|stack| stack.push((graph, context)));
    Inside
}
