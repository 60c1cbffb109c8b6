//! The functions of a loop: its condition, and one turn. Both take the loop variables, then what stays the same.

use std::collections::{BTreeMap, BTreeSet};

use super::super::graph_def::{Function, LoopPart, NodeDef};
use super::edge::{Edge, Nodes, Part, as_identity, part};
use super::parts::{Loop, Side};
use super::{absent, unsupported};
use crate::error::{Error, Result};
use crate::graph::Effect;
use crate::ops;

/// The nodes of one of the two functions on their way.
pub(super) struct Turn<'a> {
    nodes: &'a Nodes,
    found: &'a Loop,
    /// [`Side::Head`] for the condition.
    side: Side,
    taken: BTreeSet<usize>,
    stack: Vec<usize>,
    done: BTreeMap<usize, NodeDef>,
    /// `Enter` nodes whose values are used.
    pub(super) constants: BTreeSet<usize>,
    /// Nodes of the condition that the turn waits for.
    pub(super) waited_for: BTreeSet<usize>,
}

/// Where an input leads to.
enum Source {
    /// An argument of the function.
    Argument(String),
    /// A node of it.
    Node(usize),
}

impl<'a> Turn<'a> {
    /// The nodes that `roots` need.
    ///
    /// # Errors
    /// `NotFound` for inputs that are not there; `Unsupported` for a turn that needs what the condition computes in a
    /// way that cannot be done twice.
    pub(super) fn new(nodes: &'a Nodes, found: &'a Loop, side: Side, roots: &BTreeSet<usize>) -> Result<Turn<'a>> {
        let (taken, done, stack) = (roots.clone(), BTreeMap::new(), roots.iter().copied().collect());
        let (constants, waited_for) = (BTreeSet::new(), BTreeSet::new());
        let mut turn = Turn { nodes, found, side, taken, stack, done, constants, waited_for };
        while let Some(place) = turn.stack.pop() {
            let Some(node) = nodes.get(place) else { continue };
            let node = turn.node(node)?;
            turn.done.insert(place, node);
        }
        Ok(turn)
    }

    fn node(&mut self, node: &NodeDef) -> Result<NodeDef> {
        let mut inputs = Vec::with_capacity(node.inputs.len());
        for text in &node.inputs {
            match text.starts_with('^') {
                true => inputs.extend(self.control(node, text)?),
                false => inputs.push(self.data(node, text)?),
            }
        }
        let mut node = NodeDef { inputs, ..node.clone() };
        if matches!(part(&node.op), Part::Next | Part::Cond) {
            as_identity(&mut node);
        }
        Ok(node)
    }

    /// A data input inside of the function.
    fn data(&mut self, node: &NodeDef, text: &str) -> Result<String> {
        let (source, text) = self.source(node, text)?;
        let place = match source {
            Source::Argument(name) => return Ok(name),
            Source::Node(place) => place,
        };
        if self.side == Side::Body && self.found.side(place) == Side::Head {
            self.check_twice(place)?;
        }
        self.take(place);
        Ok(text)
    }

    /// Follows an input to what it passes on.
    fn source(&mut self, node: &NodeDef, text: &str) -> Result<(Source, String)> {
        let mut text = text.to_owned();
        loop {
            let edge = Edge::of(&text);
            let place = self.nodes.place(edge.name).ok_or_else(|| absent(node, &text))?;
            let def = self.nodes.get(place).ok_or_else(|| absent(node, &text))?;
            match part(&def.op) {
                Part::Merge if self.found.variable_of(place).is_some() => {
                    if edge.slot() != 0 {
                        return Err(unsupported(node, "asks a loop whether a turn is the first"));
                    }
                    return Ok((Source::Argument(def.name.clone()), text));
                }
                Part::Enter => {
                    self.check_constant(place, def)?;
                    return Ok((Source::Argument(def.name.clone()), text));
                }
                Part::Switch if self.found.is_switch(place) && edge.slot() == 1 => {}
                Part::Cond if self.side == Side::Body => {}
                _ => return Ok((Source::Node(place), text)),
            }
            text = def.inputs.first().cloned().ok_or_else(|| absent(def, ""))?;
        }
    }

    fn check_constant(&mut self, place: usize, enter: &NodeDef) -> Result<()> {
        if !self.found.constants.contains(&place) {
            return Err(unsupported(enter, "has a value in the first turn only, but is used in every turn"));
        }
        self.constants.insert(place);
        Ok(())
    }

    /// A turn computes again what it needs of the condition: nothing may come of that.
    fn check_twice(&self, place: usize) -> Result<()> {
        let Some(node) = self.nodes.get(place) else { return Ok(()) };
        match ops::find(&node.op) {
            Ok(kind) if kind.effect != Effect::Pure => {
                Err(unsupported(node, "is part of a loop's condition, and a turn needs its output"))
            }
            _ => Ok(()),
        }
    }

    /// A control input inside of the function; none where what is waited for is there when the function begins.
    fn control(&mut self, node: &NodeDef, text: &str) -> Result<Option<String>> {
        let place = self.nodes.place(Edge::of(text).name).ok_or_else(|| absent(node, text))?;
        let Some(def) = self.nodes.get(place) else { return Ok(None) };
        let is_given = match part(&def.op) {
            Part::Enter => true,
            Part::Merge => self.found.variable_of(place).is_some(),
            Part::Switch => self.found.is_switch(place),
            Part::Cond => self.side == Side::Body,
            Part::Other => self.passes_argument_on(def),
            Part::Next | Part::Exit => false,
        };
        if is_given {
            return Ok(None);
        }
        if self.side == Side::Body && self.found.side(place) == Side::Head {
            self.waited_for.insert(place);
            return Ok(None);
        }
        self.take(place);
        Ok(Some(text.to_owned()))
    }

    /// Whether a node does nothing but name an argument. A reference that is passed on may be read there.
    fn passes_argument_on(&mut self, node: &NodeDef) -> bool {
        let [input] = node.inputs.as_slice() else { return false };
        if node.op != "Identity" || Edge::of(input).is_control {
            return false;
        }
        let is_argument = |place: usize, def: &NodeDef| match part(&def.op) {
            Part::Switch => def.op == "Switch" && self.found.is_switch(place),
            Part::Merge => def.op == "Merge" && self.found.variable_of(place).is_some(),
            Part::Enter => def.op == "Enter",
            _ => false,
        };
        self.nodes
            .place(Edge::of(input).name)
            .is_some_and(|place| self.nodes.get(place).is_some_and(|def| is_argument(place, def)))
    }

    fn take(&mut self, place: usize) {
        if self.taken.insert(place) {
            self.stack.push(place);
        }
    }

    /// The function, with an argument for each variable and constant and a result for each of `results`.
    pub(super) fn function(
        self,
        name: String,
        constants: &BTreeSet<usize>,
        results: &[usize],
        targets: &BTreeSet<usize>,
    ) -> Result<Function> {
        let nodes = self.nodes;
        let name_of = |place: &usize| {
            let gone = || Error::internal("a node of a loop is there until the loop is replaced");
            nodes.get(*place).map(|node| node.name.clone()).ok_or_else(gone)
        };
        let merges = self.found.variables.iter().map(|variable| &variable.merge);
        let arguments = merges.chain(constants).map(name_of).collect::<Result<Vec<_>>>()?;
        let mut returns = BTreeMap::new();
        let mut names = Vec::new();
        for (i, result) in results.iter().enumerate() {
            names.push(format!("result {i}"));
            returns.insert(format!("result {i}"), format!("{}:0", name_of(result)?));
        }
        for (i, constant) in constants.iter().enumerate().filter(|_| self.side == Side::Body) {
            names.push(format!("constant {i}"));
            returns.insert(format!("constant {i}"), name_of(constant)?);
        }
        let targets = targets.iter().map(|place| Ok((name_of(place)?, name_of(place)?)));
        Ok(Function {
            name,
            arguments,
            results: names,
            returns,
            control_returns: targets.collect::<Result<_>>()?,
            nodes: self.done.into_values().collect(),
            encoded: Default::default(),
            has_lists: false,
            of_loop: Some(if self.side == Side::Head { LoopPart::Condition } else { LoopPart::Turn }),
        })
    }
}
