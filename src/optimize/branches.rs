//! Which branches of `Switch` nodes each node hangs on: what stands for a node must be skipped when the node is.

use std::collections::HashMap;

use smallvec::SmallVec;

use crate::graph::{Flow, Node, OutputId};

/// Branches beyond which a set is not written out; such sets count as unlike all others.
const MAX_BRANCHES: usize = 32;

/// A set of branches, all of which must be taken; 0 is the empty one. Equal numbers are equal sets.
pub(super) type Taken = u32;

/// The sets of the nodes of a plan graph under way.
#[derive(Default)]
pub(super) struct Branches {
    /// By node; nodes at the end without an entry hang on nothing.
    of_nodes: Vec<Taken>,
    /// What a `Switch` adds to its own set, by node and slot.
    of_outputs: HashMap<OutputId, Taken>,
    /// The single branches of each set, in order.
    sets: Vec<SmallVec<[u32; 2]>>,
    numbers: HashMap<SmallVec<[u32; 2]>, Taken>,
    /// The number of the first side of a condition, which all its switches share; the other side has the next one.
    conditions: HashMap<OutputId, u32>,
    /// Numbers given out; each branch has two, for both its sides.
    n_branches: u32,
}

impl Branches {
    /// Notes the node that was added last.
    pub(super) fn add(&mut self, node: &Node) {
        let flow = node.op().kind().flow;
        if self.sets.is_empty() && flow == Flow::Plain {
            return; // There was no `Switch` yet: nothing hangs on anything.
        }
        let set = match flow {
            Flow::Plain | Flow::Switch => self.behind(node.inputs().iter().copied(), node),
            Flow::Merge => self.merged(node),
            Flow::Trigger => 0,
        };
        self.of_nodes.resize(node.id().index(), 0);
        self.of_nodes.push(set);
        if flow == Flow::Switch {
            for slot in 0..node.outputs().len() as u32 {
                let side = self.side(node, slot);
                let set = self.union(set, side);
                self.of_outputs.insert(OutputId { node: node.id(), slot }, set);
            }
        }
    }

    /// The branches that an output hangs on.
    pub(super) fn of(&self, id: OutputId) -> Taken {
        let node = || self.of_nodes.get(id.node.index()).copied().unwrap_or(0);
        self.of_outputs.get(&id).copied().unwrap_or_else(node)
    }

    /// The branches that a node hangs on which has these inputs and no others, and waits as `node` does.
    pub(super) fn behind(&mut self, inputs: impl Iterator<Item = OutputId>, node: &Node) -> Taken {
        let waits = node.control_inputs().iter().filter_map(|id| self.of_nodes.get(id.index()).copied());
        let sets: SmallVec<[Taken; 8]> = inputs.map(|id| self.of(id)).chain(waits).collect();
        sets.into_iter().fold(0, |all, set| self.union(all, set))
    }

    /// What a merge hangs on: where it joins both sides of a condition on what these share, else on a branch of its own.
    fn merged(&mut self, node: &Node) -> Taken {
        let sets: SmallVec<[Taken; 2]> = node.inputs().iter().map(|id| self.of(*id)).collect();
        if sets.contains(&0) {
            return 0;
        }
        let [a, b] = sets[..] else { return self.fresh() };
        let (a, b) = (&self.sets[a as usize], &self.sets[b as usize]);
        let only = |set: &SmallVec<[u32; 2]>, other: &SmallVec<[u32; 2]>| {
            let mut rest = set.iter().copied().filter(|branch| !other.contains(branch));
            (rest.next(), rest.next())
        };
        match (only(a, b), only(b, a)) {
            ((Some(one), None), (Some(other), None)) if one ^ 1 == other => {
                let shared = a.iter().copied().filter(|branch| b.contains(branch)).collect();
                self.number(shared)
            }
            _ => self.fresh(),
        }
    }

    /// The branch of a side of a switch.
    fn side(&mut self, node: &Node, slot: u32) -> Taken {
        if slot > 1 {
            return self.fresh();
        }
        let condition = *node.inputs().last().expect("a switch has a condition");
        let next = self.n_branches;
        let first = *self.conditions.entry(condition).or_insert(next);
        self.n_branches += if first == next { 2 } else { 0 };
        self.number(SmallVec::from_slice(&[first + slot]))
    }

    fn union(&mut self, a: Taken, b: Taken) -> Taken {
        if a == b || b == 0 {
            return a;
        }
        if a == 0 {
            return b;
        }
        let mut branches = self.sets[a as usize].clone();
        branches.extend_from_slice(&self.sets[b as usize]);
        branches.sort_unstable();
        branches.dedup();
        if branches.len() > MAX_BRANCHES { self.fresh() } else { self.number(branches) }
    }

    /// A set like no other.
    fn fresh(&mut self) -> Taken {
        let branch = self.n_branches;
        self.n_branches += 2;
        self.number(SmallVec::from_slice(&[branch]))
    }

    fn number(&mut self, branches: SmallVec<[u32; 2]>) -> Taken {
        if branches.is_empty() {
            return 0;
        }
        if self.sets.is_empty() {
            self.sets.push(SmallVec::new());
        }
        let sets = &mut self.sets;
        *self.numbers.entry(branches).or_insert_with_key(|branches| {
            sets.push(branches.clone());
            sets.len() as Taken - 1
        })
    }
}
