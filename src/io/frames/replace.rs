//! A frame's loops become `While` nodes.

use std::collections::{BTreeMap, BTreeSet};

use prost::Message;

use super::super::graph_def::{Function, NodeDef};
use super::super::proto::{AttrKind, AttrProto, FuncProto};
use super::edge::{Edge, Nodes, Part, as_identity, is_frame_op, part};
use super::find::Frame;
use super::parts::{Loop, Side, components, loop_of};
use super::turn::Turn;
use super::{Names, absent, unsupported};
use crate::error::{Error, Result};
use crate::ops::control::LOWERED;

/// Replaces what is in a frame, and answers what is left of it: that belongs to the frame around it.
pub(super) fn frame(
    nodes: &mut Nodes,
    known: &Frame,
    mut members: Vec<usize>,
    names: &mut Names,
    functions: &mut Vec<Function>,
) -> Result<Vec<usize>> {
    members.sort_unstable();
    let mut left = Vec::new();
    for (members, enters) in components(nodes, known, &members) {
        match loop_of(nodes, &members, &enters)? {
            None => left.extend(flatten(nodes, members)),
            Some(found) => {
                let replacement = replacement(nodes, &found, &members, names.for_loop(&known.name))?;
                functions.extend(replacement.functions);
                members.iter().for_each(|place| drop(nodes.remove(*place)));
                for (place, node) in replacement.nodes {
                    nodes.put(place, node);
                    left.push(place);
                }
            }
        }
    }
    known.enters.iter().filter_map(|enter| nodes.get_mut(*enter).map(as_identity)).for_each(drop);
    Ok(left)
}

/// Without a loop, what goes in comes out, and what is sent round stays away from the merges.
fn flatten(nodes: &mut Nodes, members: Vec<usize>) -> Vec<usize> {
    let is_next = |nodes: &Nodes, text: &str| {
        let node = nodes.place(Edge::of(text).name).and_then(|place| nodes.get(place));
        node.is_some_and(|node| part(&node.op) == Part::Next)
    };
    for place in &members {
        let Some(merge) = nodes.get(*place).filter(|node| part(&node.op) == Part::Merge) else { continue };
        let inputs: Vec<String> = merge.inputs.iter().filter(|text| !is_next(nodes, text)).cloned().collect();
        if inputs.len() < merge.inputs.len() {
            nodes.get_mut(*place).into_iter().for_each(|merge| {
                merge.inputs = inputs.clone();
                as_identity(merge);
            });
        }
    }
    for place in &members {
        if let Some(node) = nodes.get_mut(*place).filter(|node| is_frame_op(&node.op) && part(&node.op) != Part::Enter)
        {
            as_identity(node);
        }
    }
    members
}

/// What stands for a loop.
struct Replacement {
    functions: [Function; 2],
    nodes: Vec<(usize, NodeDef)>,
}

fn replacement(nodes: &Nodes, found: &Loop, members: &[usize], name: String) -> Result<Replacement> {
    let nexts: Vec<usize> = found.variables.iter().map(|variable| variable.next).collect();
    let body = Turn::new(nodes, found, Side::Body, &nexts.iter().copied().collect())?;
    let mut targets = body.waited_for.clone();
    targets.extend(waited_for_by_loop(nodes, found));
    let roots = targets.iter().copied().chain([found.cond]).collect();
    let cond = Turn::new(nodes, found, Side::Head, &roots)?;
    let constants: BTreeSet<usize> = body.constants.union(&cond.constants).copied().collect();
    // No node can have a name with a space.
    let cond = cond.function(format!("{name} condition"), &constants, &[found.cond], &targets)?;
    let body = body.function(format!("{name} turn"), &constants, &nexts, &BTreeSet::new())?;
    let mut outside = Outside { nodes, found, name: &name, taken: BTreeSet::new(), stack: Vec::new() };
    let mut left = outside.all(members)?;
    left.push((found.cond, while_node(nodes, found, &constants, &name, [&cond, &body])));
    Ok(Replacement { functions: [cond, body], nodes: left })
}

/// Nodes that the merges and switches of the loop wait for in each turn.
fn waited_for_by_loop(nodes: &Nodes, found: &Loop) -> BTreeSet<usize> {
    let mut waited_for = BTreeSet::new();
    let merges = found.variables.iter().map(|variable| variable.merge);
    for place in merges.chain(found.switches()) {
        for (_, input) in nodes.edges(place).filter(|(edge, _)| edge.is_control) {
            let plain = |place: &usize| nodes.get(*place).is_some_and(|node| part(&node.op) == Part::Other);
            waited_for.extend(input.filter(|place| plain(place) && found.side(*place) == Side::Head));
        }
    }
    waited_for
}

fn while_node(
    nodes: &Nodes,
    found: &Loop,
    constants: &BTreeSet<usize>,
    name: &str,
    [cond, body]: [&Function; 2],
) -> NodeDef {
    let entered = found.variables.iter().map(|variable| &variable.enter).chain(constants);
    let inputs = entered.filter_map(|enter| nodes.get(*enter)).map(|node| node.name.clone()).collect();
    let mut attrs = BTreeMap::from(
        [("cond", cond), ("body", body)].map(|(attr, function)| (attr.to_owned(), call_of(&function.name))),
    );
    attrs.insert(LOWERED.to_owned(), AttrProto { value: Some(AttrKind::B(true)) });
    NodeDef { name: name.to_owned(), op: "While".to_owned(), inputs, device: String::new(), attrs: attrs.into() }
}

fn call_of(function: &str) -> AttrProto {
    let func = FuncProto { name: function.to_owned(), attr: BTreeMap::new() };
    AttrProto { value: Some(AttrKind::Func(func.encode_to_vec().into())) }
}

/// What leaves a loop: its exits, and what lies before them.
struct Outside<'a> {
    nodes: &'a Nodes,
    found: &'a Loop,
    name: &'a str,
    taken: BTreeSet<usize>,
    stack: Vec<usize>,
}

impl Outside<'_> {
    fn all(&mut self, members: &[usize]) -> Result<Vec<(usize, NodeDef)>> {
        let is_exit = |place: &&usize| self.nodes.get(**place).is_some_and(|node| part(&node.op) == Part::Exit);
        self.stack = members.iter().filter(is_exit).copied().collect();
        self.taken = self.stack.iter().copied().collect();
        let mut all = Vec::new();
        while let Some(place) = self.stack.pop() {
            let Some(node) = self.nodes.get(place) else { continue };
            all.push((place, self.node(place, node)?));
        }
        Ok(all)
    }

    fn node(&mut self, place: usize, node: &NodeDef) -> Result<NodeDef> {
        if self.found.side(place) != Side::Tail {
            return Err(unsupported(node, "leaves a loop, but not when the condition fails"));
        }
        let mut inputs = node.inputs.iter().map(|text| self.input(node, text)).collect::<Result<Vec<_>>>()?;
        // A node that waited for several parts of the loop waits for the whole once.
        let mut seen = BTreeSet::new();
        inputs.retain(|text| !text.starts_with('^') || seen.insert(text.clone()));
        let mut node = NodeDef { inputs, ..node.clone() };
        if part(&node.op) == Part::Exit {
            as_identity(&mut node);
        }
        Ok(node)
    }

    /// An input as what is outside of the loop sees it.
    fn input(&mut self, node: &NodeDef, text: &str) -> Result<String> {
        let mut text = text.to_owned();
        loop {
            let edge = Edge::of(&text);
            let place = self.nodes.place(edge.name).ok_or_else(|| absent(node, &text))?;
            if self.found.side(place) == Side::Tail {
                if self.taken.insert(place) {
                    self.stack.push(place);
                }
                return Ok(text);
            }
            if edge.is_control {
                return Ok(format!("^{}", self.name));
            }
            let def = self.nodes.get(place).ok_or_else(|| absent(node, &text))?;
            if let Some(variable) = self.found.variable_of(place).filter(|_| edge.slot() == 0) {
                return Ok(format!("{}:{variable}", self.name));
            }
            match part(&def.op) {
                Part::Enter if self.found.constants.contains(&place) => return Ok(def.name.clone()),
                Part::Switch if self.found.is_switch(place) && edge.slot() == 0 => {}
                _ => return Err(unsupported(node, "leaves a loop with what is no loop variable")),
            }
            text = def.inputs.first().cloned().ok_or_else(|| Error::invalid("a switch must have inputs"))?;
        }
    }
}
