//! Values of constant tensors, computed while the graph is built: shape rules ask for them.
//!
//! Lazy, iterative, remembered on the node. Pure ops only, within a budget; an error means "unknown", and the run
//! reports it if the node is reached. Nothing is remembered where building had to stop on the way.

use std::cell::RefCell;
use std::sync::OnceLock;
use std::sync::atomic::Ordering;

use smallvec::SmallVec;

use super::Graph;
use super::limits::{check_limits, limits};
use super::node::{Fact, Node, NodeId, OutputId};
use super::op::{Effect, Op};
use super::run::{Env, NO_HOME, RunCx, StepIo};
use super::slots::Slots;
use crate::cancel::Limits;
use crate::error::{Error, Result, guarded};
use crate::pool::Pool;
use crate::shape::element_count;
use crate::value::{Meter, Recycler, Value};

/// Largest constant that is computed for a shape rule: shapes, axes and paddings are far smaller.
const MAX_BYTES: usize = 64 << 10;

/// What a kernel may take on its way there, where the size of its output cannot be told before.
const MAX_FOLD_BYTES: usize = 1 << 20;

/// Units of work that a kernel may take: some 16 ms. A measure that does not depend on the clock, so that a graph has the
/// same shapes each time that it is built.
const MAX_WORK: u64 = 1 << 24;

impl Graph {
    /// The value of a tensor that depends on constants alone and is small; `None` if it is not, or if building has to
    /// stop.
    pub fn constant_value(&self, id: OutputId) -> Option<Value> {
        let node = self.node(id.node);
        if node.constant.get().is_none() {
            self.evaluate(id.node).ok()?;
        }
        node.constant.get()?.as_ref().map(|values| values[id.slot as usize].clone())
    }

    /// Finds out the values of a node, and of those that it depends on.
    ///
    /// # Errors
    /// Those of [`check_limits`].
    fn evaluate(&self, id: NodeId) -> Result<()> {
        let mut stack: Vec<(NodeId, usize)> = vec![(id, 0)];
        while let Some((at, next)) = stack.pop() {
            let node = self.node(at);
            if node.constant.get().is_some() {
                continue;
            }
            if !may_fold(node.op(), node.outputs()) {
                let _ = node.constant.set(None);
                continue;
            }
            match node.inputs().get(next) {
                Some(input) => match self.node(input.node).constant.get() {
                    Some(None) => drop(node.constant.set(None)),
                    Some(Some(_)) => stack.push((at, next + 1)),
                    None => stack.extend([(at, next), (input.node, 0)]),
                },
                None => drop(node.constant.set(self.compute(node, node.inputs())?)),
            }
        }
        Ok(())
    }

    /// The values of a node of another graph on constant inputs of this one, of which its outputs' facts follow; `None`
    /// where they cannot be had or are not small.
    ///
    /// # Errors
    /// Those of [`check_limits`].
    pub(crate) fn values_on(&self, node: &Node, inputs: &[OutputId], facts: &[Fact]) -> Result<Option<Box<[Value]>>> {
        if may_fold(node.op(), facts) { self.compute(node, inputs) } else { Ok(None) }
    }

    fn compute(&self, node: &Node, inputs: &[OutputId]) -> Result<Option<Box<[Value]>>> {
        check_limits()?;
        let inputs: Option<SmallVec<[Value; 3]>> = inputs.iter().map(|input| self.constant_value(*input)).collect();
        let meter = Meter::new(MAX_FOLD_BYTES);
        let values = inputs.as_ref().and_then(|inputs| run_on(node, inputs, Some(&meter), &fold_limits()).ok());
        let Some(values) = values else {
            // What failed because building has to stop is not unknown.
            check_limits()?;
            return Ok(None);
        };
        let len = values.iter().map(Value::byte_len).sum::<usize>();
        if len > MAX_BYTES {
            return Ok(None);
        }
        self.0.folded.fetch_add(if node.inputs().is_empty() { 0 } else { len }, Ordering::Relaxed);
        Ok(Some(values))
    }

    /// Bytes of constants that were computed for shape rules; each is kept with its node.
    #[cfg(feature = "tensorflow")]
    pub(crate) fn folded_bytes(&self) -> usize {
        self.0.folded.load(Ordering::Relaxed)
    }
}

/// Whether a node's outputs can be known now: a pure op with outputs of known and small size,
/// on which no claim was made.
fn may_fold(op: &dyn Op, outputs: &[Fact]) -> bool {
    let is_small = |fact: &Fact| {
        let dims = fact.shape.known_dims();
        let count = dims.and_then(|dims| element_count(&dims).ok());
        count.is_none_or(|count| count.saturating_mul(fact.dtype.size().unwrap_or(16)) <= MAX_BYTES)
    };
    // What a pure node waits for does not change its value.
    op.kind().effect == Effect::Pure && outputs.iter().all(is_small)
}

/// The pool of one thread: constants are small.
fn serial() -> Pool {
    static SERIAL: OnceLock<Pool> = OnceLock::new();
    SERIAL.get_or_init(|| Pool::new(1).expect("a pool of one thread starts none")).clone()
}

/// Runs one pure node on given inputs, on the caller's thread, without a memory budget.
///
/// # Errors
/// Those of the kernel; `Panicked` if it panics.
#[cfg(test)]
pub(crate) fn run_alone(node: &Node, inputs: &[Value]) -> Result<Box<[Value]>> {
    run_on(node, inputs, None, &fold_limits())
}

/// As [`run_alone`], within a memory budget and limits.
///
/// # Errors
/// As for [`run_alone`]; those of the budget and the limits.
#[cfg(test)]
pub(crate) fn run_within(node: &Node, inputs: &[Value], budget: usize, limits: &Limits) -> Result<Box<[Value]>> {
    run_on(node, inputs, Some(&Meter::new(budget)), limits)
}

fn fold_limits() -> Limits {
    limits().with_work(MAX_WORK)
}

/// Runs one pure node on given inputs, on the caller's thread.
///
/// # Errors
/// Those of the kernel; `Panicked` if it panics.
fn run_on(node: &Node, inputs: &[Value], meter: Option<&Meter>, limits: &Limits) -> Result<Box<[Value]>> {
    let n = inputs.len();
    let n_outputs = node.outputs().len();
    let mut slots = Slots::new(n + n_outputs);
    for (i, value) in inputs.iter().enumerate() {
        *slots.get_mut(i) = Some(value.clone());
    }
    let inputs: SmallVec<[u32; 3]> = (0..n as u32).collect();
    let (first_output, n_outputs) = (n as u32, n_outputs as u32);
    let io = StepIo { inputs: &inputs, first_output, n_outputs, is_fetched: false, home: &NO_HOME };
    let (recycler, pool) = (RefCell::new(Recycler::default()), serial());
    let env = Env { pool: &pool, state: None, limits, meter, watch: None, names: &[] };
    // SAFETY: the cells are this function's own.
    let mut cx = unsafe { RunCx::new(&slots, io, 0, &env, &recycler) };
    guarded("the kernel", || node.op().run(&mut cx))?;
    // A kernel that had to stop may have left its result incomplete.
    limits.check()?;
    let missing = || Error::internal("the kernel left an output empty");
    (n..slots.len()).map(|i| slots.get_mut(i).take().ok_or_else(missing)).collect()
}

#[cfg(test)]
mod tests {
    use crate::cancel::{CancelToken, Limits};
    use crate::error::ErrorKind;
    use crate::graph::{Graph, limit};

    #[test]
    fn what_there_is_no_time_for_is_not_remembered_as_unknown() {
        let g = Graph::new();
        let y = g.constant([1.0f32, 2.0]).unwrap().square().unwrap().exp().unwrap();
        let token = CancelToken::new();
        token.cancel();
        {
            let _limited = limit(&Limits::new(vec![token], None));
            assert!(g.constant_value(y.id()).is_none());
            let refused = (0..64).map(|_| g.constant(1.0f32)).find_map(|made| made.err());
            assert_eq!(refused.map(|error| error.kind()), Some(ErrorKind::Cancelled));
        }
        assert!(g.constant_value(y.id()).is_some());
    }
}
