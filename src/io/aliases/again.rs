//! What an import makes for the uses of aliases.

use std::collections::HashMap;
use std::sync::Arc;

use smallvec::{SmallVec, smallvec};

use super::super::budget::Budget;
use super::super::functions::NODE_COST;
use super::{Aliases, Use};
use crate::error::Result;
use crate::graph::{Graph, Naming, Node, NodeId, Op, OutputId, Role};
use crate::ops::array::RefIdentity;
use crate::ops::control::{Merge, Switch};
use crate::ops::state::alias::{Later, ReadAlias, Shares, Stored, Viewed, chain, read_again, shares, shown_again};

impl Aliases {
    /// Puts what the node at this place of the file uses in place of aliases among its inputs.
    pub(in crate::io) fn put(
        &mut self,
        graph: &Graph,
        budget: &mut Budget,
        place: usize,
        inputs: &mut [OutputId],
    ) -> Result<()> {
        if self.uses.is_empty() {
            return Ok(());
        }
        for (i, input) in inputs.iter_mut().enumerate() {
            *input = match self.uses.get(&(place, i)) {
                None => continue,
                Some(Use::Behind(write)) => self.behind(graph, budget, *input, *write)?,
                Some(Use::Reference) => reference(graph, budget, *input)?.unwrap_or(*input),
            };
        }
        Ok(())
    }

    /// What an alias shows behind a write. Users behind the same write share it: what lies between them and the write
    /// is not ordered with any of them.
    fn behind(&mut self, graph: &Graph, budget: &mut Budget, alias: OutputId, write: usize) -> Result<OutputId> {
        for id in chain(graph, alias, |id| self.made.contains_key(&(*id, write))) {
            let node = graph.node(id.node);
            let shown = |input: &OutputId| self.made.get(&(*input, write)).copied().unwrap_or(*input);
            let again = match node.inputs() {
                [alias, _] if node.op_as::<Later>().is_some() => {
                    let shown = shown(alias);
                    self.made.insert((id, write), shown);
                    continue;
                }
                [reference, ..] if node.op_as::<ReadAlias>().is_some() => read(graph, budget, node, *reference)?,
                inputs => again(graph, budget, id, inputs.iter().map(shown).collect())?,
            };
            let later = push(graph, budget, node, Arc::new(Later), smallvec![id, again], &[])?;
            self.made.insert((id, write), first(later));
        }
        Ok(self.made.get(&(alias, write)).copied().unwrap_or(alias))
    }
}

/// Reads a variable again; only where its alias could be read, too.
fn read(graph: &Graph, budget: &mut Budget, alias: &Node, reference: OutputId) -> Result<OutputId> {
    let (op, takes_alias) = read_again(graph, alias);
    let inputs = std::iter::once(reference).chain(takes_alias.then(|| first(alias.id()))).collect();
    push(graph, budget, alias, op, inputs, &[alias.id()]).map(first)
}

/// Shows an alias again. What is only named again, because it must not happen twice, waits for what it stands for.
fn again(graph: &Graph, budget: &mut Budget, alias: OutputId, mut inputs: SmallVec<[OutputId; 2]>) -> Result<OutputId> {
    let node = graph.node(alias.node);
    let op = shown_again(node);
    if op.kind().name == node.op().kind().name {
        let again = push(graph, budget, node, op, inputs, node.control_inputs())?;
        return Ok(OutputId { node: again, slot: alias.slot });
    }
    inputs.truncate(1);
    push(graph, budget, node, op, inputs, &[alias.node]).map(first)
}

/// Lets a turn give back a reference where it was given one: that of an alias, or one to a variable of the run's own that
/// holds the value.
pub(in crate::io) fn as_given(
    graph: &Graph,
    budget: &mut Budget,
    params: &[NodeId],
    results: &mut [OutputId],
) -> Result<()> {
    for (param, result) in params.iter().zip(results) {
        if graph.fact(first(*param)).role != Role::Ref || graph.fact(*result).role != Role::Value {
            continue;
        }
        *result = match reference(graph, budget, *result)? {
            Some(reference) => reference,
            None => first(push(graph, budget, graph.node(result.node), Arc::new(Stored), smallvec![*result], &[])?),
        };
    }
    Ok(())
}

/// The reference that an alias is of, if it is one in all cases.
fn reference(graph: &Graph, budget: &mut Budget, alias: OutputId) -> Result<Option<OutputId>> {
    let mut made: HashMap<OutputId, OutputId> = HashMap::new();
    for id in chain(graph, alias, |_| false) {
        let node = graph.node(id.node);
        if node.op_as::<Merge>().is_some() {
            store_values(graph, budget, node, &mut made)?;
        }
        let Some((op, inputs)) = passed_on(graph, node, id, &made) else { return Ok(None) };
        let slot = if node.op_as::<Switch>().is_some() { id.slot } else { 0 };
        let passed = push(graph, budget, node, op, inputs, node.control_inputs())?;
        let later = push(graph, budget, node, Arc::new(Later), smallvec![id, OutputId { node: passed, slot }], &[])?;
        made.insert(id, first(later));
    }
    Ok(made.get(&alias).copied())
}

/// Gives those inputs of a merge a reference that are aliases of nothing.
fn store_values(
    graph: &Graph,
    budget: &mut Budget,
    merge: &Node,
    made: &mut HashMap<OutputId, OutputId>,
) -> Result<()> {
    for input in merge.inputs() {
        if graph.fact(*input).role == Role::Value && !made.contains_key(input) {
            let stored = push(graph, budget, merge, Arc::new(Stored), smallvec![*input], &[])?;
            made.insert(*input, first(stored));
        }
    }
    Ok(())
}

/// An op that passes on a reference, and its inputs.
type PassedOn = (Arc<dyn Op>, SmallVec<[OutputId; 2]>);

/// The op that passes on the reference of an alias, and its inputs: references are among the inputs of the alias, or were
/// `made` for them.
fn passed_on(graph: &Graph, node: &Node, id: OutputId, made: &HashMap<OutputId, OutputId>) -> Option<PassedOn> {
    let known = |input: &OutputId| match graph.fact(*input).role {
        Role::Ref => Some(*input),
        _ => made.get(input).copied(),
    };
    let name = node.op().kind().name;
    let shares = shares(name).unwrap_or(Shares::First);
    let shared = node.inputs().get(shares.inputs(id.slot as usize, node.inputs().len()))?;
    let references: SmallVec<[OutputId; 2]> = shared.iter().map(known).collect::<Option<_>>()?;
    let rest = node.inputs().iter().skip(1).copied();
    Some(match name {
        "Switch" => (Arc::new(Switch { is_ref: true }), references.into_iter().chain(rest).collect()),
        "Merge" => (Arc::new(Merge { is_ref: true }), references),
        _ if FORMS.contains(&name) => (Arc::new(Viewed), references.into_iter().chain([id]).collect()),
        _ => (Arc::new(RefIdentity), references),
    })
}

/// Ops that show what they are given in another form.
const FORMS: &[&str] = &["Reshape", "ExpandDims", "Squeeze", "Bitcast"];

fn first(node: NodeId) -> OutputId {
    OutputId { node, slot: 0 }
}

/// Adds a node that files leave out, beside the one that it stands for.
fn push(
    graph: &Graph,
    budget: &mut Budget,
    beside: &Node,
    op: Arc<dyn Op>,
    inputs: SmallVec<[OutputId; 2]>,
    control: &[NodeId],
) -> Result<NodeId> {
    budget.charge(NODE_COST)?;
    let name: Arc<str> = format!("{}/_later{}", beside.name(), graph.len()).into();
    let node = graph.push(op, inputs, control, Naming::Kept(&name), None)?;
    graph.mark_extra(1);
    Ok(node.id())
}
