//! Where the users of TF1's variables read them.
//!
//! `v/read = Identity(v)` shares the buffer of `v` in TensorFlow, so who uses it behind a write of `v` sees what was
//! written, though the node itself stands before the write. Here a read gives the value at its place. So an import finds
//! the users that data and control inputs put behind a write that their alias stands before, and reads again for them
//! (`again`). Where nothing orders the two, the alias keeps its place: the file's order decides.
//!
//! A loop that writes a variable takes its aliases as references, so that each turn reads them where it uses them.

mod again;
mod behind;
#[cfg(test)]
mod tests;
mod turns;

use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

pub(super) use self::again::as_given;
use self::behind::Question;
use super::budget::Budget;
use super::functions::Library;
use super::graph_def::NodeDef;
use super::order::Input;
use crate::error::Result;
use crate::graph::{Effect, OpKind, OutputId};
use crate::ops;
use crate::ops::state::alias::{Shares, shares};

/// A graph or function of a file, ordered.
#[derive(Clone, Copy)]
pub(super) struct Ordered<'a> {
    pub(super) nodes: &'a [NodeDef],
    /// The inputs of each node.
    pub(super) inputs: &'a [Vec<Input>],
    /// Places of nodes, each after all that it needs.
    pub(super) order: &'a [usize],
}

/// What the uses of aliases need.
#[derive(Default)]
pub(super) struct Aliases {
    /// By the place of a node and the number of its data input.
    uses: HashMap<(usize, usize), Use>,
    /// What was made for uses so far, by the alias and the place of the write that it is behind.
    made: HashMap<(OutputId, usize), OutputId>,
}

/// What the use of an alias needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Use {
    /// What the alias shows behind the write at this place.
    Behind(usize),
    /// The reference that the alias is of.
    Reference,
}

/// The variables that a reference or alias may be of.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Vars {
    Some(Rc<BTreeSet<u32>>),
    /// More than are told apart.
    Any,
}

/// More variables behind one reference than programs have; a longer list would be copied by each merge.
const MAX_VARS: usize = 16;

impl Vars {
    fn one(var: u32) -> Vars {
        Vars::Some(Rc::new(BTreeSet::from([var])))
    }

    fn join(&self, other: &Vars) -> Vars {
        match (self, other) {
            (Vars::Some(a), Vars::Some(b)) if a == b => self.clone(),
            (Vars::Some(a), Vars::Some(b)) if a.len() + b.len() <= MAX_VARS => Vars::Some(Rc::new(&**a | &**b)),
            _ => Vars::Any,
        }
    }
}

/// What is known of an output that has to do with variables.
#[derive(Debug, Clone)]
struct Shown {
    vars: Vars,
    /// Whether it is an alias, not a reference.
    is_alias: bool,
    /// Of an alias, where in the order it was read first.
    since: usize,
}

/// Finds out what the uses of aliases need; `references` says which of the inputs from outside are references.
///
/// # Errors
/// `ResourceExhausted` for more writes and uses than a file of this size is allowed to have compared.
pub(super) fn find(
    ordered: Ordered<'_>,
    library: &Library<'_>,
    references: &[bool],
    budget: &mut Budget,
) -> Result<Aliases> {
    let makes_variable =
        |place: &usize| ordered.nodes.get(*place).is_some_and(|node| MAKERS.contains(&node.op.as_str()));
    if !references.contains(&true) && !ordered.order.iter().any(makes_variable) {
        return Ok(Aliases::default());
    }
    let mut walk = Walk::new(ordered, library, references);
    for (at, place) in ordered.order.iter().enumerate() {
        walk.node(at, *place);
    }
    walk.answer(budget)
}

/// The ops that make TF1's references.
const MAKERS: &[&str] = &["VariableV2", "Variable", "TemporaryVariable"];

struct Walk<'a> {
    ordered: Ordered<'a>,
    library: &'a Library<'a>,
    /// Whether the inputs from outside are references, which may be of one variable.
    references: &'a [bool],
    /// The number of each variable, by its container and name.
    names: HashMap<(String, String), u32>,
    shown: HashMap<(usize, usize), Shown>,
    /// The nodes that are aliases, in order, with the inputs that they share.
    aliases: Vec<(usize, Vec<usize>)>,
    /// Where in the order which variables are written.
    writes: Vec<(usize, Vars)>,
    /// The last write of each variable, and of any that is not told apart.
    last: HashMap<u32, usize>,
    last_of_any: Option<usize>,
    last_of_all: Option<usize>,
    questions: Vec<Question>,
    uses: HashMap<(usize, usize), Use>,
}

/// The number of all variables that come from outside.
const OUTER: u32 = u32::MAX;

impl<'a> Walk<'a> {
    fn new(ordered: Ordered<'a>, library: &'a Library<'a>, references: &'a [bool]) -> Walk<'a> {
        Walk {
            ordered,
            library,
            references,
            names: HashMap::new(),
            shown: HashMap::new(),
            aliases: Vec::new(),
            writes: Vec::new(),
            last: HashMap::new(),
            last_of_any: None,
            last_of_all: None,
            questions: Vec::new(),
            uses: HashMap::new(),
        }
    }

    /// What each data input of a node shows, with its number.
    fn data(&self, place: usize) -> Vec<(usize, Shown)> {
        let inputs = self.ordered.inputs.get(place).map(Vec::as_slice).unwrap_or_default();
        let shown = |input: &Input| match input {
            Input::Data { node, slot } => self.shown.get(&(*node, *slot as usize)).cloned(),
            Input::Mapped(i) => self.references.get(*i).copied().unwrap_or(false).then(Shown::outer),
            Input::Control(_) | Input::MappedControl(_) => None,
        };
        inputs.iter().enumerate().filter_map(|(i, input)| Some((i, shown(input)?))).collect()
    }

    fn node(&mut self, at: usize, place: usize) {
        let Some(node) = self.ordered.nodes.get(place) else { return };
        if MAKERS.contains(&node.op.as_str()) {
            let reference = Shown { vars: Vars::one(self.variable(node)), is_alias: false, since: 0 };
            self.shown.insert((place, 0), reference);
            return;
        }
        let data = self.data(place);
        if data.is_empty() {
            return;
        }
        if self.library.is_loop(node) {
            return self.turns(at, place, node, &data);
        }
        data.iter().for_each(|(i, shown)| self.ask(at, *i, shown));
        if let Some(shares) = shares(&node.op) {
            return self.alias(at, place, shares, &data);
        }
        let Ok(kind) = ops::find(&node.op) else { return };
        self.reference(at, place, kind, &data);
    }

    /// The number of the variable of a node: its name is its own, or that of the node.
    fn variable(&mut self, node: &NodeDef) -> u32 {
        let text = |name: &str| match node.attr(name) {
            Ok(Some(crate::graph::AttrValue::Str(bytes))) => String::from_utf8_lossy(&bytes).into_owned(),
            _ => String::new(),
        };
        let own = [text("shared_name"), text("var_name"), node.name.clone()];
        let name = own.into_iter().find(|name| !name.is_empty()).unwrap_or_default();
        let next = self.names.len() as u32;
        *self.names.entry((text("container"), name)).or_insert(next)
    }

    /// A value that shares the buffers of some of its inputs.
    fn alias(&mut self, at: usize, place: usize, shares: Shares, data: &[(usize, Shown)]) {
        let n = self.ordered.inputs.get(place).map_or(0, |inputs| inputs.iter().filter(is_data).count());
        let slots = match shares {
            Shares::First => 2, // `Switch` has two outputs, the others one.
            Shares::Each => n,
            Shares::Any => 1,
        };
        for slot in 0..slots {
            let shared = shares.inputs(slot, n);
            let mut shown = data.iter().filter(|(i, _)| shared.contains(i)).map(|(_, shown)| shown);
            let since = |shown: &Shown| if shown.is_alias { shown.since } else { at };
            let Some(first) = shown.next() else { continue };
            let first = Shown { vars: first.vars.clone(), is_alias: true, since: since(first) };
            let all = shown.fold(first, |all, other| Shown {
                vars: all.vars.join(&other.vars),
                is_alias: true,
                since: all.since.min(since(other)),
            });
            self.shown.insert((place, slot), all);
        }
        self.aliases.push((place, data.iter().filter(|(_, shown)| shown.is_alias).map(|(i, _)| *i).collect()));
    }

    /// A node that takes references: it may write what they refer to, and pass one on.
    fn reference(&mut self, at: usize, place: usize, kind: &OpKind, data: &[(usize, Shown)]) {
        let args = kind.args();
        let mut taken =
            data.iter().filter(|(i, shown)| !shown.is_alias && args.input(*i).is_some_and(|arg| arg.is_variable));
        let Some((_, first)) = taken.next() else { return };
        let vars = taken.fold(first.vars.clone(), |vars, (_, shown)| vars.join(&shown.vars));
        if matches!(kind.effect, Effect::Writes | Effect::Temporary) {
            self.write(at, vars.clone());
        }
        for (slot, _) in args.outputs.iter().enumerate().filter(|(_, arg)| arg.is_variable) {
            self.shown.insert((place, slot), Shown { vars: vars.clone(), is_alias: false, since: 0 });
        }
    }

    fn write(&mut self, at: usize, vars: Vars) {
        match &vars {
            Vars::Some(vars) => self.last.extend(vars.iter().map(|var| (*var, at))),
            Vars::Any => self.last_of_any = Some(at),
        }
        self.last_of_all = Some(at);
        self.writes.push((at, vars));
    }

    /// Where one of the variables was last written.
    fn last_write(&self, vars: &Vars) -> Option<usize> {
        let known = match vars {
            Vars::Some(vars) => vars.iter().filter_map(|var| self.last.get(var)).max().copied(),
            Vars::Any => self.last_of_all,
        };
        known.max(self.last_of_any)
    }

    /// Notes the use of an alias that some write may stand before.
    fn ask(&mut self, at: usize, input: usize, shown: &Shown) {
        if shown.is_alias && self.last_write(&shown.vars).is_some_and(|last| last > shown.since) {
            let (vars, since) = (shown.vars.clone(), shown.since);
            self.questions.push(Question { at, input, vars, since, behind: None });
        }
    }

    /// A loop: aliases of what its turns write go in as references.
    fn turns(&mut self, at: usize, place: usize, node: &NodeDef, data: &[(usize, Shown)]) {
        let written = self.library.written(node);
        let taken =
            data.iter().filter(|(i, shown)| !shown.is_alias && written.contains(i)).map(|(_, shown)| &shown.vars);
        let written = taken.fold(None, |all: Option<Vars>, vars| Some(all.map_or(vars.clone(), |all| all.join(vars))));
        for (i, shown) in data {
            let meets = |written: &Vars| meets(written, &shown.vars);
            if shown.is_alias && written.as_ref().is_some_and(meets) {
                self.uses.insert((place, *i), Use::Reference);
            } else {
                self.ask(at, *i, shown);
                if shown.is_alias {
                    continue;
                }
            }
            self.shown.insert((place, *i), Shown { vars: shown.vars.clone(), is_alias: false, since: 0 });
        }
        written.into_iter().for_each(|vars| self.write(at, vars));
    }

    /// Which uses are behind a write that their alias stands before.
    fn answer(mut self, budget: &mut Budget) -> Result<Aliases> {
        let questions = std::mem::take(&mut self.questions);
        let answered = behind::answer(self.ordered, &self.writes, questions, budget)?;
        let order = self.ordered.order;
        let mut behind: HashMap<(usize, usize), usize> = HashMap::new();
        let mut by_place = answered.into_iter().peekable();
        // What an alias shows is as new as the write that it is read behind, so users ask in order.
        let mut since: HashMap<usize, usize> = HashMap::new();
        let mut aliases = self.aliases.iter().peekable();
        for (at, place) in order.iter().enumerate() {
            while let Some(question) = by_place.next_if(|question| question.at == at) {
                let source = self.source(*place, question.input);
                let known = source.and_then(|source| since.get(&source).copied()).unwrap_or(question.since);
                if let Some(write) = question.behind.filter(|write| *write > known) {
                    behind.insert((*place, question.input), write);
                }
            }
            let Some((_, inputs)) = aliases.next_if(|(alias, _)| alias == place) else { continue };
            let newest = |input: &usize| match behind.get(&(*place, *input)) {
                Some(write) => Some(*write),
                None => since.get(&self.source(*place, *input)?).copied(),
            };
            let all: Option<Vec<usize>> = inputs.iter().map(newest).collect();
            since.extend(all.and_then(|all| all.into_iter().min()).map(|newest| (*place, newest)));
        }
        let behind = behind.into_iter().filter_map(|(input, at)| Some((input, Use::Behind(*order.get(at)?))));
        self.uses.extend(behind);
        Ok(Aliases { uses: self.uses, made: HashMap::new() })
    }

    /// The node that a data input comes from.
    fn source(&self, place: usize, input: usize) -> Option<usize> {
        match self.ordered.inputs.get(place)?.get(input)? {
            Input::Data { node, .. } => Some(*node),
            Input::Mapped(_) | Input::Control(_) | Input::MappedControl(_) => None,
        }
    }
}

impl Shown {
    /// A reference from outside.
    fn outer() -> Shown {
        Shown { vars: Vars::one(OUTER), is_alias: false, since: 0 }
    }
}

fn is_data(input: &&Input) -> bool {
    !matches!(input, Input::Control(_))
}

fn meets(a: &Vars, b: &Vars) -> bool {
    match (a, b) {
        (Vars::Some(a), Vars::Some(b)) => !a.is_disjoint(b),
        _ => true,
    }
}
