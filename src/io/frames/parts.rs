//! The parts of a loop: what goes round, what stays the same, and which nodes run before and after the question whether
//! there is another turn.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::edge::{Nodes, Part, Sets, is_constant, part};
use super::find::Frame;
use super::unsupported;
use crate::error::{Error, Result, escape};

/// A loop variable: what enters, the merge of that with what comes round, and what sends it round.
#[derive(Debug, Clone, Copy)]
pub(super) struct Variable {
    pub(super) enter: usize,
    pub(super) merge: usize,
    pub(super) next: usize,
}

/// Where a node of a loop runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// In every turn and once more, before it is known whether there is another turn.
    Head,
    /// In every turn.
    Body,
    /// Once, after the last turn.
    Tail,
}

/// One loop.
pub(super) struct Loop {
    /// The `LoopCond`.
    pub(super) cond: usize,
    /// In the order of the file's merges.
    pub(super) variables: Vec<Variable>,
    /// The variable of each merge.
    merges: HashMap<usize, usize>,
    /// `Enter` nodes of what is the same in every turn.
    pub(super) constants: BTreeSet<usize>,
    /// The switches by which variables stay or leave.
    switches: BTreeSet<usize>,
    sides: HashMap<usize, Side>,
}

impl Loop {
    pub(super) fn variable_of(&self, merge: usize) -> Option<usize> {
        self.merges.get(&merge).copied()
    }

    pub(super) fn is_switch(&self, place: usize) -> bool {
        self.switches.contains(&place)
    }

    pub(super) fn switches(&self) -> impl Iterator<Item = usize> {
        self.switches.iter().copied()
    }

    pub(super) fn side(&self, place: usize) -> Side {
        self.sides.get(&place).copied().unwrap_or(Side::Head)
    }
}

/// The nodes of a frame that edges connect: two loops of one frame share nothing.
pub(super) fn components(nodes: &Nodes, frame: &Frame, members: &[usize]) -> Vec<(Vec<usize>, Vec<usize>)> {
    let mut sets = Sets::of(members.iter().chain(&frame.enters).copied());
    for place in members {
        for (_, input) in nodes.edges(*place) {
            input.into_iter().for_each(|input| sets.join(*place, input));
        }
    }
    let mut parts: BTreeMap<usize, (Vec<usize>, Vec<usize>)> = BTreeMap::new();
    for place in members {
        sets.root(*place).into_iter().for_each(|root| parts.entry(root).or_default().0.push(*place));
    }
    for place in &frame.enters {
        sets.root(*place).into_iter().for_each(|root| parts.entry(root).or_default().1.push(*place));
    }
    parts.into_values().collect()
}

/// The loop of connected nodes; `None` where nothing goes round, or nothing that gets anywhere.
///
/// # Errors
/// `InvalidArgument` for a loop without a condition, and for merges of anything but one `Enter` and one
/// `NextIteration`; `Unsupported` for several conditions, and for nodes on both sides of a switch.
pub(super) fn loop_of(nodes: &Nodes, members: &[usize], enters: &[usize]) -> Result<Option<Loop>> {
    let is = |place: &usize, what: Part| nodes.get(*place).is_some_and(|node| part(&node.op) == what);
    let mut variables = Vec::new();
    for merge in members.iter().filter(|place| is(place, Part::Merge)) {
        variables.extend(variable(nodes, *merge, enters)?);
    }
    let Some(first) = variables.first() else { return Ok(None) };
    if ends_at_once(nodes, members, enters, &variables) {
        return Ok(None);
    }
    let cond = condition(nodes, members, first)?;
    let merges = variables.iter().enumerate().map(|(i, variable)| (variable.merge, i)).collect();
    let entered: BTreeSet<usize> = variables.iter().map(|variable| variable.enter).collect();
    let constants = enters.iter().copied().filter(|enter| !entered.contains(enter)).collect();
    let is_by_cond = |place: &&usize| is(place, Part::Switch) && data(nodes, **place, 1) == Some(cond);
    let switches = members.iter().filter(is_by_cond).copied().collect();
    let sides = HashMap::new();
    let mut found = Loop { cond, variables, merges, constants, switches, sides };
    found.sides = sides_of(nodes, members, &found)?;
    check(nodes, &found)?;
    Ok(Some(found))
}

/// The node of data input `i`.
fn data(nodes: &Nodes, place: usize, i: usize) -> Option<usize> {
    nodes.edges(place).filter(|(edge, _)| !edge.is_control).nth(i)?.1
}

/// The loop variable of a merge; `None` for a merge of branches.
fn variable(nodes: &Nodes, merge: usize, enters: &[usize]) -> Result<Option<Variable>> {
    let inputs = || nodes.edges(merge).filter(|(edge, _)| !edge.is_control).filter_map(|(_, input)| input);
    let is_next = |place: &usize| nodes.get(*place).is_some_and(|node| part(&node.op) == Part::Next);
    let is_enter = |place: &usize| enters.binary_search(place).is_ok();
    let (next, enter) = (inputs().find(is_next), inputs().find(is_enter));
    match (enter, next) {
        (_, None) if !inputs().all(|input| is_enter(&input)) => Ok(None),
        (Some(enter), Some(next)) if inputs().count() == 2 => Ok(Some(Variable { enter, merge, next })),
        _ => {
            let name = nodes.get(merge).map(|node| escape(&node.name)).unwrap_or_default();
            let text = format!("the merge '{name}' of a loop must have one Enter and one NextIteration as inputs");
            Err(Error::invalid(text))
        }
    }
}

/// Whether nothing comes behind the merges after the first turn: what enters and is not constant is there in that one
/// only, and switches that ask it never answer again.
fn ends_at_once(nodes: &Nodes, members: &[usize], enters: &[usize], variables: &[Variable]) -> bool {
    let merges: BTreeSet<usize> = variables.iter().map(|variable| variable.merge).collect();
    let is_once = |place: usize| {
        enters.binary_search(&place).is_ok() && nodes.get(place).is_some_and(|enter| !is_constant(enter))
    };
    let asks_once = |place: usize| {
        let is_switch = nodes.get(place).is_some_and(|node| part(&node.op) == Part::Switch);
        is_switch && data(nodes, place, 1).is_some_and(is_once)
    };
    members.iter().all(|place| {
        let mut by_merge = nodes.edges(*place).filter(|(_, input)| input.is_some_and(|input| merges.contains(&input)));
        by_merge.all(|(edge, _)| !edge.is_control && asks_once(*place))
    })
}

/// The one `LoopCond` among connected nodes.
fn condition(nodes: &Nodes, members: &[usize], first: &Variable) -> Result<usize> {
    let mut conds = members
        .iter()
        .filter_map(|place| Some((*place, nodes.get(*place)?)))
        .filter(|(_, n)| part(&n.op) == Part::Cond);
    match (conds.next(), conds.next()) {
        (Some((cond, _)), None) => Ok(cond),
        (Some((_, a)), Some((_, b))) => {
            let (a, b) = (escape(&a.name), escape(&b.name));
            Err(Error::unsupported(format!("a loop must have one condition, but '{a}' and '{b}' are two")))
        }
        (None, _) => {
            let name = nodes.get(first.merge).map(|node| escape(&node.name)).unwrap_or_default();
            Err(Error::invalid(format!("what goes round through '{name}' has no LoopCond that ends it")))
        }
    }
}

/// Where each node runs that depends on whether there is another turn.
fn sides_of(nodes: &Nodes, members: &[usize], found: &Loop) -> Result<HashMap<usize, Side>> {
    let mut users: HashMap<usize, Vec<(usize, usize, bool)>> = HashMap::new();
    for place in members {
        for (edge, input) in nodes.edges(*place) {
            let input = input.filter(|_| found.variable_of(*place).is_none());
            input.into_iter().for_each(|input| {
                users.entry(input).or_default().push((*place, edge.slot(), edge.is_control));
            });
        }
    }
    let users_of = |place: usize| users.get(&place).map(Vec::as_slice).unwrap_or_default();
    let mut sides = HashMap::new();
    let mut stack: Vec<(usize, Side)> = Vec::new();
    for switch in &found.switches {
        let by_data = users_of(*switch).iter().filter(|(.., is_control)| !is_control);
        stack.extend(by_data.map(|(user, slot, _)| (*user, if *slot == 1 { Side::Body } else { Side::Tail })));
    }
    while let Some((place, side)) = stack.pop() {
        match sides.insert(place, side) {
            Some(known) if known == side => {}
            Some(_) => {
                let both = |node| unsupported(node, "needs both what stays in a loop and what leaves it");
                return Err(nodes.get(place).map_or_else(|| Error::internal("a member of a loop is there"), both));
            }
            None => stack.extend(users_of(place).iter().map(|(user, ..)| (*user, side))),
        }
    }
    Ok(sides)
}

/// What must hold of a loop that ends by its condition.
fn check(nodes: &Nodes, found: &Loop) -> Result<()> {
    for next in found.variables.iter().filter_map(|variable| nodes.get(variable.next)) {
        if nodes.place(&next.name).is_some_and(|place| found.side(place) != Side::Body) {
            let text = format!("'{}' ({}) goes round whatever the condition says", escape(&next.name), next.op);
            return Err(Error::invalid(text));
        }
    }
    if found.side(found.cond) != Side::Head {
        let name = nodes.get(found.cond).map(|node| escape(&node.name)).unwrap_or_default();
        return Err(Error::invalid(format!("the condition '{name}' depends on itself")));
    }
    let mut enters = found.constants.iter().filter_map(|enter| nodes.get(*enter));
    match enters.find(|enter| !is_constant(enter)) {
        Some(enter) => Err(unsupported(enter, "has a value in the first turn only: it must be constant, or go round")),
        None => Ok(()),
    }
}
