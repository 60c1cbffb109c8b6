//! Which arguments the functions of a loop write.

use std::collections::{BTreeSet, HashSet};

use super::super::frames::source;
use super::super::functions::Library;
use super::super::graph_def::{Function, NodeDef};
use super::super::order::index;
use crate::graph::{Effect, OpKind};
use crate::ops;

impl Library<'_> {
    /// The numbers of the inputs of a TF1 loop that its turns or its condition write, as references.
    pub(super) fn written(&self, node: &NodeDef) -> BTreeSet<usize> {
        let written = self.called(node).into_iter().map(|function| self.written_by(function));
        written.flatten().collect()
    }

    fn written_by(&self, function: &Function) -> BTreeSet<usize> {
        let places = index(&function.nodes);
        let mut stack: Vec<&str> = Vec::new();
        for node in &function.nodes {
            if self.is_loop(node) {
                stack.extend(self.written(node).iter().filter_map(|i| node.inputs.get(*i)).map(String::as_str));
            } else if let Some(kind) = writes(node) {
                stack.extend(references(node, kind));
            }
        }
        let (mut written, mut seen) = (BTreeSet::new(), HashSet::new());
        while let Some(text) = stack.pop() {
            let name = source(text);
            if !seen.insert(name) {
                continue;
            }
            written.extend(function.arguments.iter().position(|argument| argument == name));
            let Some(node) = places.get(name).and_then(|place| function.nodes.get(*place)) else { continue };
            match ops::find(&node.op) {
                Ok(kind) if kind.effect == Effect::Calls => stack.extend(node.inputs.iter().map(String::as_str)),
                Ok(kind) => stack.extend(references(node, kind)),
                Err(_) => {}
            }
        }
        written
    }
}

fn writes(node: &NodeDef) -> Option<&'static OpKind> {
    ops::find(&node.op).ok().filter(|kind| kind.effect == Effect::Writes)
}

/// The inputs that are references.
fn references<'n>(node: &'n NodeDef, kind: &'static OpKind) -> impl Iterator<Item = &'n str> {
    let inputs = node.inputs.iter().take_while(|text| !text.starts_with('^')).enumerate();
    inputs.filter(|(i, _)| kind.args().input(*i).is_some_and(|arg| arg.is_variable)).map(|(_, text)| text.as_str())
}
