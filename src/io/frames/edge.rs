//! The nodes of a graph on their way to one without frames, and what their inputs name.

use std::collections::{BTreeMap, HashMap};

use super::super::graph_def::NodeDef;
use super::super::proto::AttrKind;

/// What a node is to a loop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Enter,
    Merge,
    Switch,
    Cond,
    Next,
    Exit,
    Other,
}

/// What a node of an op is to a loop; references have ops of their own.
pub(super) fn part(op: &str) -> Part {
    match op {
        "Enter" | "RefEnter" => Part::Enter,
        "Merge" | "RefMerge" => Part::Merge,
        "Switch" | "RefSwitch" => Part::Switch,
        "LoopCond" => Part::Cond,
        "NextIteration" | "RefNextIteration" => Part::Next,
        "Exit" | "RefExit" => Part::Exit,
        _ => Part::Other,
    }
}

/// Whether an op exists only in loops.
pub(super) fn is_frame_op(op: &str) -> bool {
    matches!(part(op), Part::Enter | Part::Cond | Part::Next | Part::Exit)
}

/// An input: `node`, `node:1`, in functions also `node:output:0`; or `^node`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Edge<'t> {
    pub(super) name: &'t str,
    pub(super) is_control: bool,
    /// What follows the name.
    port: &'t str,
}

impl<'t> Edge<'t> {
    pub(super) fn of(text: &'t str) -> Edge<'t> {
        if let Some(name) = text.strip_prefix('^') {
            return Edge { name, is_control: true, port: "" };
        }
        let (name, port) = text.split_once(':').unwrap_or((text, ""));
        Edge { name, is_control: false, port }
    }

    /// The output of a `Switch` or `Merge` that is meant; the first of any other op of loops.
    pub(super) fn slot(&self) -> usize {
        match self.port.split(':').next() {
            Some("1" | "output_true" | "value_index") => 1,
            _ => 0,
        }
    }
}

/// The nodes of a graph or function. One that has gone into a function leaves its place empty.
pub(super) struct Nodes {
    defs: Vec<Option<NodeDef>>,
    places: HashMap<String, usize>,
}

impl Nodes {
    pub(super) fn new(defs: &[NodeDef]) -> Nodes {
        let places = defs.iter().enumerate().map(|(place, node)| (node.name.clone(), place)).collect();
        Nodes { defs: defs.iter().cloned().map(Some).collect(), places }
    }

    pub(super) fn len(&self) -> usize {
        self.defs.len()
    }

    pub(super) fn get(&self, place: usize) -> Option<&NodeDef> {
        self.defs.get(place)?.as_ref()
    }

    pub(super) fn get_mut(&mut self, place: usize) -> Option<&mut NodeDef> {
        self.defs.get_mut(place)?.as_mut()
    }

    /// The place of a name. Arguments of functions have none.
    pub(super) fn place(&self, name: &str) -> Option<usize> {
        self.places.get(name).copied()
    }

    pub(super) fn remove(&mut self, place: usize) -> Option<NodeDef> {
        self.defs.get_mut(place)?.take()
    }

    /// Puts a node where another was.
    pub(super) fn put(&mut self, place: usize, node: NodeDef) {
        self.places.insert(node.name.clone(), place);
        self.defs.get_mut(place).into_iter().for_each(|def| *def = Some(node.clone()));
    }

    /// What the first part of the inputs of a node is connected with, and the place of each.
    pub(super) fn edges(&self, place: usize) -> impl Iterator<Item = (Edge<'_>, Option<usize>)> {
        let inputs = self.get(place).map(|node| node.inputs.as_slice()).unwrap_or_default();
        inputs.iter().map(|text| Edge::of(text)).map(|edge| (edge, self.place(edge.name)))
    }

    /// Whether each node is needed for the outputs; all are where there are none.
    pub(super) fn needed_for(&self, outputs: &[String]) -> Vec<bool> {
        let mut needed = vec![outputs.is_empty(); self.len()];
        let roots = outputs.iter().filter_map(|output| self.place(Edge::of(output).name));
        let mut stack: Vec<usize> = roots.collect();
        while let Some(place) = stack.pop() {
            if needed.get_mut(place).is_some_and(|needed| !std::mem::replace(needed, true)) {
                stack.extend(self.edges(place).filter_map(|(_, place)| place));
            }
        }
        needed
    }

    /// The wanted nodes that are left: others may name what is gone.
    pub(super) fn into_defs(self, wanted: &[bool]) -> Vec<NodeDef> {
        self.defs.into_iter().zip(wanted).filter(|(_, wanted)| **wanted).filter_map(|(def, _)| def).collect()
    }
}

/// A node that passes its input on, in place of one that did so in a loop.
pub(super) fn as_identity(node: &mut NodeDef) {
    node.op = if node.op.starts_with("Ref") { "RefIdentity" } else { "Identity" }.to_owned();
    node.attrs.retain(|name| name == "T" || name.starts_with('_'));
}

/// The name of the frame that an `Enter` leads to.
pub(super) fn frame_name(node: &NodeDef) -> Option<&[u8]> {
    match node.attrs.get("frame_name").and_then(|attr| attr.value.as_ref()) {
        Some(AttrKind::S(bytes)) => Some(bytes),
        _ => None,
    }
}

/// Whether an `Enter` gives its value to every turn.
pub(super) fn is_constant(node: &NodeDef) -> bool {
    matches!(node.attrs.get("is_constant").and_then(|attr| attr.value.as_ref()), Some(AttrKind::B(true)))
}

/// Sets of places that edges join.
pub(super) struct Sets {
    up: BTreeMap<usize, usize>,
}

impl Sets {
    pub(super) fn of(places: impl Iterator<Item = usize>) -> Sets {
        Sets { up: places.map(|place| (place, place)).collect() }
    }

    /// The place that stands for the set of another; `None` for one that is in no set.
    pub(super) fn root(&mut self, place: usize) -> Option<usize> {
        let mut root = *self.up.get(&place)?;
        while let Some(up) = self.up.get(&root).filter(|up| **up != root) {
            root = *up;
        }
        let mut at = place;
        while let Some(up) = self.up.get_mut(&at).filter(|up| **up != root) {
            at = std::mem::replace(up, root);
        }
        Some(root)
    }

    pub(super) fn join(&mut self, a: usize, b: usize) {
        if let (Some(a), Some(b)) = (self.root(a), self.root(b)) {
            // The smaller place stands for both: sets come in the file's order.
            self.up.insert(a.max(b), a.min(b));
        }
    }
}
