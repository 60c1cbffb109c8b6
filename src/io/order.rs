//! Which nodes of a file are wanted, what their inputs refer to, and an order in which they can be built.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::functions::Library;
use super::graph_def::{GraphDef, NodeDef};
use crate::error::{Error, ErrorKind, Result, escape};
use crate::graph::check_limits_at;

/// What an input string refers to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Input {
    /// An output of a node of the file.
    Data { node: usize, slot: u32 },
    /// The end of a node of the file.
    Control(usize),
    /// An entry of the input map.
    Mapped(usize),
    /// The end of the node that an entry of the input map is an output of.
    MappedControl(usize),
}

/// The wanted nodes, each after all that it needs: depth first, in the file's order, so that a graph keeps the order in
/// which its program made it.
pub(super) struct Selection {
    /// Places in the file.
    pub(super) order: Vec<usize>,
    /// The inputs of each node of the file; empty for a node that is not wanted.
    pub(super) inputs: Vec<Vec<Input>>,
}

/// Chooses what `outputs` need, all if there are none, and orders it.
///
/// # Errors
/// `AlreadyExists` for a name that two nodes have; `NotFound` for outputs and inputs that are not there;
/// `Unsupported` with all ops that the engine does not have; `InvalidArgument` for a cycle, and for names in the map
/// that neither an input nor a node has. What is wrong with nodes that are not wanted does not matter.
pub(super) fn select(def: &GraphDef, outputs: &[String], mapped: &[&str]) -> Result<Selection> {
    let names = index(&def.nodes);
    let resolver = Resolver::new(&names, mapped);
    let (inputs, faulty) = resolver.all(&def.nodes)?;
    let roots = match outputs {
        [] => (0..def.nodes.len()).collect(),
        _ => outputs.iter().map(|name| root(&names, name)).collect::<Result<Vec<_>>>()?,
    };
    let reached = Reached::from(&roots, &inputs);
    check_unique(&def.nodes, |place| reached.has(place))?;
    resolver.check(&def.nodes, faulty.into_iter().filter(|place| reached.has(*place)))?;
    reached.check_supported(def, !outputs.is_empty())?;
    let order = topological(&def.nodes, &inputs, &reached)?;
    Ok(Selection { order, inputs })
}

/// The places of names; of nodes that share a name the first.
pub(super) fn index(nodes: &[NodeDef]) -> HashMap<&str, usize> {
    let mut names = HashMap::with_capacity(nodes.len());
    for (i, node) in nodes.iter().enumerate() {
        names.entry(node.name.as_str()).or_insert(i);
    }
    names
}

/// Refuses a name that two nodes have, where one of them is wanted.
pub(super) fn check_unique(nodes: &[NodeDef], is_wanted: impl Fn(usize) -> bool) -> Result<()> {
    let mut names = HashMap::with_capacity(nodes.len());
    for (i, node) in nodes.iter().enumerate() {
        let first = *names.entry(node.name.as_str()).or_insert(i);
        if first != i && (is_wanted(first) || is_wanted(i)) {
            let text = format!("node name '{}' is not unique: nodes {first} and {i} have it", escape(&node.name));
            return Err(Error::new(ErrorKind::AlreadyExists, text));
        }
    }
    Ok(())
}

/// `x` as `x:0`.
fn normal(name: &str) -> (&str, u32) {
    split(name).unwrap_or((name, 0))
}

/// Node and slot of a data input; `None` if what follows the colon is no number.
fn split(text: &str) -> Option<(&str, u32)> {
    match text.rsplit_once(':') {
        None => Some((text, 0)),
        Some((name, slot)) => slot.parse().ok().map(|slot| (name, slot)),
    }
}

fn root(names: &HashMap<&str, usize>, output: &str) -> Result<usize> {
    let name = normal(output.trim_start_matches('^')).0;
    let absent = || Error::new(ErrorKind::NotFound, format!("the output '{}' is not in the graph", escape(output)));
    names.get(name).copied().ok_or_else(absent)
}

struct Resolver<'a> {
    names: &'a HashMap<&'a str, usize>,
    /// The entries of the input map for data, and those for `^x`.
    mapped: HashMap<(&'a str, u32), usize>,
    mapped_control: HashMap<&'a str, usize>,
}

impl<'a> Resolver<'a> {
    fn new(names: &'a HashMap<&'a str, usize>, map: &[&'a str]) -> Resolver<'a> {
        let (mut mapped, mut mapped_control) = (HashMap::new(), HashMap::new());
        for (i, name) in map.iter().enumerate() {
            match name.strip_prefix('^') {
                Some(node) => drop(mapped_control.insert(node, i)),
                None => drop(mapped.insert(normal(name), i)),
            }
        }
        Resolver { names, mapped, mapped_control }
    }

    /// The inputs of all nodes, as far as they can be told, and the nodes of which something is wrong.
    fn all(&self, nodes: &[NodeDef]) -> Result<(Vec<Vec<Input>>, Vec<usize>)> {
        let mut used = HashSet::new();
        let (mut all, mut faulty) = (Vec::with_capacity(nodes.len()), Vec::new());
        for (i, node) in nodes.iter().enumerate() {
            check_limits_at(i)?;
            let mut is_faulty = false;
            let inputs = self.node(node, |_| is_faulty = true);
            used.extend(inputs.iter().filter_map(|input| match input {
                Input::Mapped(i) | Input::MappedControl(i) => Some(*i),
                Input::Data { .. } | Input::Control(_) => None,
            }));
            faulty.extend(is_faulty.then_some(i));
            all.push(inputs);
        }
        // Like TensorFlow: a node that is there, but is no input, may stand in the map.
        let is_lost = |name: &str, i: &usize| !used.contains(i) && !self.names.contains_key(name);
        let data = self.mapped.iter().filter(|((name, _), i)| is_lost(name, i));
        let data = data.map(|((name, slot), i)| (*i, format!("{}:{slot}", escape(name))));
        let control = self.mapped_control.iter().filter(|(name, i)| is_lost(name, i));
        let control = control.map(|(name, i)| (*i, format!("^{}", escape(name))));
        let mut lost: Vec<(usize, String)> = data.chain(control).collect();
        lost.sort_unstable();
        let unused = |(_, name): (usize, String)| {
            Error::invalid(format!("the input map names '{name}', which is neither an input nor a node"))
        };
        all_at_once(lost.into_iter().map(unused))?;
        Ok((all, faulty))
    }

    /// What is wrong with these nodes.
    fn check(&self, nodes: &[NodeDef], faulty: impl Iterator<Item = usize>) -> Result<()> {
        let mut errors = Vec::new();
        for node in faulty.filter_map(|place| nodes.get(place)).take(MAX_REPORTED) {
            self.node(node, |error| errors.push(error()));
        }
        errors.truncate(MAX_REPORTED);
        all_at_once(errors.into_iter())
    }

    fn node(&self, node: &NodeDef, mut fault: impl FnMut(&dyn Fn() -> Error)) -> Vec<Input> {
        let mut inputs = Vec::with_capacity(node.inputs.len());
        for text in &node.inputs {
            let is_late = matches!(inputs.last(), Some(Input::Control(_) | Input::MappedControl(_)));
            match self.input(text) {
                Some(Input::Data { .. } | Input::Mapped(_)) if is_late => fault(&|| {
                    let (text, name) = (escape(text), escape(&node.name));
                    Error::invalid(format!("data input '{text}' of node '{name}' stands after a control input"))
                }),
                Some(input) => inputs.push(input),
                None => fault(&|| {
                    let (text, name) = (escape(text), escape(&node.name));
                    let text = format!("node '{name}' has input '{text}', which is not in the graph");
                    Error::new(ErrorKind::NotFound, text)
                }),
            }
        }
        inputs
    }

    fn input(&self, text: &str) -> Option<Input> {
        if let Some(name) = text.strip_prefix('^') {
            let mapped = self.mapped_control.get(name).map(|i| Input::MappedControl(*i));
            return mapped.or_else(|| self.names.get(name).map(|node| Input::Control(*node)));
        }
        let (name, slot) = split(text)?;
        if let Some(i) = self.mapped.get(&(name, slot)) {
            return Some(Input::Mapped(*i));
        }
        self.names.get(name).map(|node| Input::Data { node: *node, slot })
    }
}

fn all_at_once(mut errors: impl Iterator<Item = Error>) -> Result<()> {
    errors.next().map_or(Ok(()), |first| Err(first.with_also(errors)))
}

/// Faults that are told at once; a file can have millions.
const MAX_REPORTED: usize = 8;

/// What the roots need, and for each node one that needs it.
pub(super) struct Reached {
    is_reached: Vec<bool>,
    needed_by: HashMap<usize, usize>,
}

impl Reached {
    pub(super) fn from(roots: &[usize], inputs: &[Vec<Input>]) -> Reached {
        let mut is_reached = vec![false; inputs.len()];
        let mut needed_by = HashMap::new();
        let mut stack = Vec::new();
        let mut visit = |node: usize, by: Option<usize>, stack: &mut Vec<usize>| {
            if let Some(flag @ false) = is_reached.get_mut(node) {
                *flag = true;
                needed_by.extend(by.map(|by| (node, by)));
                stack.push(node);
            }
        };
        for root in roots {
            visit(*root, None, &mut stack);
        }
        while let Some(node) = stack.pop() {
            for input in inputs.get(node).into_iter().flatten() {
                if let Input::Data { node: up, .. } | Input::Control(up) = input {
                    visit(*up, Some(node), &mut stack);
                }
            }
        }
        Reached { is_reached, needed_by }
    }

    pub(super) fn has(&self, node: usize) -> bool {
        self.is_reached.get(node).copied().unwrap_or(false)
    }

    /// Names all ops at once that the engine does not have.
    fn check_supported(&self, def: &GraphDef, is_pruned: bool) -> Result<()> {
        let library = Library::of(def);
        let mut seen = HashSet::new();
        let mut missing: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
        for (i, node) in def.nodes.iter().enumerate().filter(|(i, _)| self.has(*i)) {
            for op in library.missing_ops(node, &mut seen) {
                missing.entry(op).or_insert((0, i)).0 += 1;
            }
        }
        if missing.is_empty() {
            return Ok(());
        }
        const MAX_LISTED: usize = 1000;
        let listed = missing.iter().take(MAX_LISTED).map(|(op, (n, _))| format!("{} ({n})", escape(op)));
        let list = listed.collect::<Vec<_>>().join(", ");
        let error = Error::unsupported(format!("{} ops of the graph are not supported: {list}", missing.len()));
        Err(missing.iter().take(MAX_REPORTED).fold(error, |error, (op, (_, first))| {
            let path = if is_pruned { self.path(def, *first) } else { name_of(def, *first) };
            error.note(format!("{} is in {path}", escape(op)))
        }))
    }

    /// `'x', needed by 'y', needed by 'out'`; long paths are cut in the middle.
    fn path(&self, def: &GraphDef, first: usize) -> String {
        const MAX: usize = 6;
        let up = std::iter::successors(Some(first), |at| self.needed_by.get(at).copied());
        let names: Vec<String> = up.map(|at| name_of(def, at)).collect();
        match names.len() {
            n if n <= MAX => names.join(", needed by "),
            n => {
                let head = names.iter().take(MAX - 1).cloned().collect::<Vec<_>>().join(", needed by ");
                format!(
                    "{head}, needed by {} more, the last is {}",
                    n - MAX + 1,
                    names.last().cloned().unwrap_or_default()
                )
            }
        }
    }
}

fn name_of(def: &GraphDef, node: usize) -> String {
    format!("'{}'", def.nodes.get(node).map(|node| escape(&node.name)).unwrap_or_default())
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mark {
    New,
    Open,
    Done,
}

/// Depth-first postorder, without recursion.
pub(super) fn topological(nodes: &[NodeDef], inputs: &[Vec<Input>], reached: &Reached) -> Result<Vec<usize>> {
    let mut marks = vec![Mark::New; nodes.len()];
    let mut order = Vec::with_capacity(nodes.len());
    let mut stack: Vec<(usize, usize)> = Vec::new();
    for start in (0..nodes.len()).filter(|node| reached.has(*node)) {
        if marks.get(start) == Some(&Mark::New) {
            stack.push((start, 0));
        }
        while let Some((at, next)) = stack.pop() {
            let Some(mark) = marks.get_mut(at) else { continue };
            *mark = Mark::Open;
            let input = inputs.get(at).and_then(|inputs| inputs.get(next));
            let up = match input {
                None => {
                    *mark = Mark::Done;
                    order.push(at);
                    continue;
                }
                Some(Input::Mapped(_) | Input::MappedControl(_)) => None,
                Some(Input::Data { node, .. } | Input::Control(node)) => Some(*node),
            };
            stack.push((at, next + 1));
            match up.and_then(|up| marks.get(up).map(|mark| (up, *mark))) {
                Some((up, Mark::New)) => stack.push((up, 0)),
                Some((up, Mark::Open)) => return Err(cycle(nodes, &stack, up)),
                _ => {}
            }
        }
    }
    Ok(order)
}

/// Names the nodes of the cycle that ends at the top of the stack.
#[cold]
fn cycle(nodes: &[NodeDef], stack: &[(usize, usize)], back_to: usize) -> Error {
    const MAX: usize = 20;
    let on_cycle: Vec<usize> = stack.iter().map(|(at, _)| *at).skip_while(|at| *at != back_to).collect();
    // A node needs what is above it on the stack: data flows the other way.
    let names = on_cycle.iter().rev().take(MAX).filter_map(|at| nodes.get(*at)).map(|node| escape(&node.name));
    let mut text = names.collect::<Vec<_>>().join(" -> ");
    if on_cycle.len() > MAX {
        text.push_str(&format!(" -> {} more", on_cycle.len() - MAX));
    }
    let first = on_cycle.last().and_then(|at| nodes.get(*at)).map(|node| escape(&node.name)).unwrap_or_default();
    Error::invalid(format!("the graph has a cycle: {text} -> {first}"))
}
