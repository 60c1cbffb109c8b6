//! The ambient context of building: name scope, pending name, control inputs, device, the body being built.
//!
//! Each thread has one stack of contexts, keyed by graph. A context is left when its guard is dropped, also on unwind, so
//! nothing leaks from one thread, graph or function into another.

use std::cell::RefCell;
use std::marker::PhantomData;
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
    /// The context outside of all scopes.
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

/// Enters a changed copy of the present context, until the guard is dropped.
pub(crate) fn enter(graph: u64, change: impl FnOnce(&mut Context)) -> Entered {
    let mut context = read(graph, Context::clone);
    change(&mut context);
    let place = STACK.with_borrow_mut(|stack| {
        stack.push((graph, context));
        stack.len() - 1
    });
    Entered { place, on_this_thread: PhantomData }
}

/// Leaves a scope of building when it is dropped, also when what is built in it unwinds, and with it all scopes that
/// were entered after it.
#[must_use = "a scope ends when its guard is dropped: bind it to a name, `let _scope = ..`"]
#[derive(Debug)]
pub struct Entered {
    place: usize,
    /// The scopes of a thread are its own.
    on_this_thread: PhantomData<*const ()>,
}

impl Drop for Entered {
    fn drop(&mut self) {
        // What is taken out is dropped after the borrow: it may hold the last handle of a graph.
        drop(STACK.with_borrow_mut(|stack| stack.split_off(self.place.min(stack.len()))));
    }
}
