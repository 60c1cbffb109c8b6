//! TF1's loops, which are cycles in a file's graph, as `While` nodes with functions.
//!
//! A frame is what lies behind `Enter` nodes of one name. Each loop variable goes round through `Merge`, `Switch`, the
//! body and `NextIteration`, and leaves through `Exit`:
//!
//! ```text
//! x -> Enter -> Merge -> Switch -> (true) body -> NextIteration -> Merge
//!                 |        ^  \--> (false) Exit -> y
//!                 +-> cond -> LoopCond
//! ```
//!
//! The innermost frames are replaced first, so that a loop in a loop is a `While` node in a function. `Enter` and `Exit`
//! become identities of their names, so that both can still be fed, fetched and waited for. What is neither in the
//! condition nor behind a variable is left out: nothing in TensorFlow could run it either.

mod edge;
mod find;
mod parts;
mod replace;
#[cfg(test)]
mod tests;
mod turn;

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use self::edge::{Nodes, is_frame_op};
use super::budget::Budget;
use super::functions::Library;
use super::graph_def::{Function, GraphDef, NodeDef};
use super::order::check_unique;
use crate::error::{Error, ErrorKind, Result, escape};
use crate::graph::MAX_NESTING;

/// Whether an op exists only in loops of TF1's kind, which become `While` nodes.
pub(super) fn is_replaced(op: &str) -> bool {
    is_frame_op(op)
}

/// The name of the node or argument that an input is of.
pub(super) fn source(input: &str) -> &str {
    edge::Edge::of(input).name
}

/// The graph without frames, as far as `outputs` need it; all of it where there are none. Functions that nothing calls
/// stay as they are.
///
/// # Errors
/// `InvalidArgument` for frames that nest too deep or contradict themselves; `Unsupported` for loops of a form that no
/// builder makes; `NotFound`, `AlreadyExists` for names in loops; `ResourceExhausted` for a copy beyond the budget.
pub(super) fn structured<'a>(def: &'a GraphDef, outputs: &[String], budget: &mut Budget) -> Result<Cow<'a, GraphDef>> {
    let has_frames = |nodes: &[NodeDef]| nodes.iter().any(|node| is_frame_op(&node.op));
    if !has_frames(&def.nodes) && !def.functions.iter().any(|function| has_frames(&function.nodes)) {
        return Ok(Cow::Borrowed(def));
    }
    // All of it is there twice.
    budget.charge(usize::try_from(def.budget.spent()).unwrap_or(usize::MAX))?;
    let mut names = Names::of(def);
    let mut functions = Vec::new();
    let nodes = without_frames(&def.nodes, outputs, &mut names, &mut functions)?;
    let called = Library::of(def).called_by(nodes.iter().chain(functions.iter().flat_map(|f: &Function| &f.nodes)));
    for function in &def.functions {
        let is_called = called.contains(function.name.as_str());
        let nodes = match is_called && has_frames(&function.nodes) {
            true => {
                let note = |error: Error| error.note(format!("in function '{}'", escape(&function.name)));
                without_frames(&function.nodes, &[], &mut names, &mut functions).map_err(note)?
            }
            false => function.nodes.clone(),
        };
        functions.push(function.with_nodes(nodes));
    }
    let (versions, gradients, budget) = (def.versions.clone(), def.gradients.clone(), def.budget.clone());
    Ok(Cow::Owned(GraphDef { nodes, functions, gradients, versions, budget }))
}

/// The nodes of a graph or function without frames; the functions of its loops are added to `functions`.
fn without_frames(
    nodes: &[NodeDef],
    outputs: &[String],
    names: &mut Names,
    functions: &mut Vec<Function>,
) -> Result<Vec<NodeDef>> {
    let defs = nodes;
    let mut nodes = Nodes::new(defs);
    let wanted = nodes.needed_for(outputs);
    check_unique(defs, |place| wanted.get(place) == Some(&true))?;
    let frames = find::frames(&nodes, &wanted)?;
    let mut members = frames.members(&wanted);
    for (number, frame) in frames.innermost_first() {
        let note = |error: Error| error.note(format!("in the loop '{}'", escape(&frame.name)));
        let mine = members.get_mut(number).map(std::mem::take).unwrap_or_default();
        let left = replace::frame(&mut nodes, frame, mine, names, functions).map_err(note)?;
        members.get_mut(frame.parent).into_iter().for_each(|members| members.extend(&left));
    }
    let odd =
        members.first().into_iter().flatten().filter_map(|place| nodes.get(*place)).find(|node| is_frame_op(&node.op));
    if let Some(node) = odd {
        let text = format!("'{}' ({}) is in no loop: no Enter leads to it", escape(&node.name), node.op);
        return Err(Error::invalid(text));
    }
    Ok(nodes.into_defs(&wanted))
}

/// Names that nodes and functions have.
struct Names {
    taken: HashSet<String>,
    /// The number to try next, for each stem.
    next: HashMap<String, usize>,
}

impl Names {
    fn of(def: &GraphDef) -> Names {
        let functions = def
            .functions
            .iter()
            .flat_map(|function| std::iter::once(&function.name).chain(function.nodes.iter().map(|node| &node.name)));
        let taken = def.nodes.iter().map(|node| &node.name).chain(functions).cloned().collect();
        Names { taken, next: HashMap::new() }
    }

    /// A new name for the loop of a frame: the frame's, if a node may have it.
    fn for_loop(&mut self, frame: &str) -> String {
        let is_legal = |c: char| c.is_ascii_alphanumeric() || "_./-".contains(c);
        let stem: String = frame.chars().map(|c| if is_legal(c) { c } else { '_' }).collect();
        let stem = if stem.starts_with(|c: char| c.is_ascii_alphanumeric()) { stem } else { format!("loop{stem}") };
        let mut name = stem.clone();
        let next = self.next.entry(stem.clone()).or_insert(0);
        while !self.taken.insert(name.clone()) {
            *next += 1;
            name = format!("{stem}_{next}");
        }
        name
    }
}

/// A form of loop that no builder makes.
fn unsupported(node: &NodeDef, what: &str) -> Error {
    Error::unsupported(format!("'{}' ({}) {what}", escape(&node.name), escape(&node.op)))
}

fn absent(node: &NodeDef, input: &str) -> Error {
    let text = format!("node '{}' has input '{}', which is not in the graph", escape(&node.name), escape(input));
    Error::new(ErrorKind::NotFound, text)
}

fn too_deep() -> Error {
    Error::invalid(format!("loops may nest {MAX_NESTING} deep, but here is one more"))
}
