//! The part of a memory budget that is known before anything runs.

use std::collections::HashMap;

use super::plan::Plan;
use crate::error::Result;
use crate::graph::{Effect, Fact, Flow};
use crate::shape::{Dim, Symbol, byte_len};
use crate::value::{Meter, Value};

/// An error at the first step at which more than the budget is sure to be in use. What only the run can tell (sizes,
/// branches, memory that is passed on from an input) counts as nothing here, and is counted by the run.
///
/// # Errors
/// `ResourceExhausted`, naming the step.
pub(super) fn check(plan: &Plan, feeds: &[Value], meter: &Meter) -> Result<()> {
    let sizes = Sizes::of(plan, feeds);
    let mut held: HashMap<u32, usize> = HashMap::new();
    let mut live = 0usize;
    for step in 0..plan.steps.len() {
        let made = sizes.made(plan, step);
        let bytes = made.iter().fold(0usize, |sum, (_, bytes)| sum.saturating_add(*bytes));
        let taken: usize = taken_cells(plan, step).filter_map(|cell| held.get(&cell)).sum();
        meter
            .check_beside(live - taken, bytes)
            .map_err(|error| error.at(|| plan.site(plan.steps.rest(step).node, Vec::new())))?;
        held.extend(made);
        live = live.saturating_add(bytes);
        live -= plan.steps.frees(step).iter().filter_map(|cell| held.remove(cell)).sum::<usize>();
    }
    Ok(())
}

/// The inputs that a step may give back before it makes its outputs, each once.
fn taken_cells(plan: &Plan, step: usize) -> impl Iterator<Item = u32> {
    let (inputs, mask) = (plan.steps.io(step).inputs, plan.steps.take_in_order(step));
    let is_taken = move |i: usize| i < 32 && mask >> i & 1 == 1;
    (0..inputs.len()).filter(move |i| is_taken(*i) && !inputs[..*i].contains(&inputs[*i])).map(|i| inputs[i])
}

/// The sizes of dims in this run, as far as the feeds give them.
struct Sizes(HashMap<Symbol, i64>);

impl Sizes {
    fn of(plan: &Plan, feeds: &[Value]) -> Sizes {
        let mut sizes = HashMap::new();
        for ((_, fact), value) in plan.feeds.iter().zip(feeds) {
            let dims = fact.shape.dims().unwrap_or_default().iter().zip(value.dims());
            sizes.extend(dims.filter_map(|(dim, size)| Some((dim.as_symbol()?, *size as i64))));
        }
        Sizes(sizes)
    }

    /// The bytes of a value, where they follow from the feeds.
    fn bytes(&self, fact: &Fact) -> Option<usize> {
        fact.dtype.size()?;
        let size = |dim: &Dim| usize::try_from(dim.eval(&|symbol| self.0.get(symbol).copied())?).ok();
        let dims: Vec<usize> = fact.shape.dims()?.iter().map(size).collect::<Option<_>>()?;
        byte_len(&dims, fact.dtype).ok()
    }

    /// The outputs for which a step is sure to need new memory: none of its inputs is as large.
    fn made(&self, plan: &Plan, step: usize) -> Vec<(u32, usize)> {
        let rest = plan.steps.rest(step);
        let node = plan.graph.node(rest.node);
        let kind = node.op().kind();
        let computes = matches!(kind.effect, Effect::Pure | Effect::Random) && kind.flow == Flow::Plain;
        if rest.may_die || !computes || node.inputs().is_empty() {
            return Vec::new();
        }
        let inputs: Option<Vec<usize>> = node.inputs().iter().map(|id| self.bytes(&plan.graph.fact(*id))).collect();
        let Some(largest) = inputs.and_then(|inputs| inputs.into_iter().max()) else { return Vec::new() };
        let first = plan.steps.io(step).first_output;
        let outputs = (first..).zip(node.outputs());
        let known = outputs.filter_map(|(cell, fact)| Some((cell, self.bytes(fact)?)));
        known.filter(|(_, bytes)| *bytes > largest).collect()
    }
}
