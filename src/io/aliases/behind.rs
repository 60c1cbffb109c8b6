//! Behind which writes the uses of aliases stand.
//!
//! For 64 writes at a time one walk along the order says of each node which of them it depends on. So the time is that of
//! the graph for each 64 writes of variables whose aliases are used after them, which in most graphs are none.

use std::collections::{HashMap, HashSet};

use super::super::budget::Budget;
use super::super::order::Input;
use super::{Ordered, Vars};
use crate::error::Result;

/// The use of an alias, and the last write that it is behind.
pub(super) struct Question {
    /// Where in the order the user stands.
    pub(super) at: usize,
    /// The number of its data input.
    pub(super) input: usize,
    /// The variables that the alias may show.
    pub(super) vars: Vars,
    /// Where in the order the alias was read.
    pub(super) since: usize,
    /// Where in the order the last write stands that the user depends on.
    pub(super) behind: Option<usize>,
}

/// Steps of the walks that one byte of the file's budget pays for.
const STEPS_A_BYTE: usize = 4;

/// Answers all questions, which come in order, as the writes do.
///
/// # Errors
/// `ResourceExhausted` where the walks take more steps than the file's budget allows.
pub(super) fn answer(
    ordered: Ordered<'_>,
    writes: &[(usize, Vars)],
    mut questions: Vec<Question>,
    budget: &mut Budget,
) -> Result<Vec<Question>> {
    let (Some(start), Some(end)) = (questions.iter().map(|q| q.since).min(), questions.last().map(|q| q.at)) else {
        return Ok(questions);
    };
    let asked = Asked::of(&questions);
    let is_asked = |(at, vars): &&(usize, Vars)| (start..end).contains(at) && asked.has(vars);
    let writes: Vec<&(usize, Vars)> = writes.iter().filter(is_asked).collect();
    let mut depends = vec![0; ordered.nodes.len()];
    for block in writes.chunks(64) {
        let first = block.first().map_or(end, |(at, _)| *at);
        budget.charge((end - first) / STEPS_A_BYTE)?;
        Block::of(block).walk(ordered, first..end + 1, &mut depends, &mut questions);
    }
    Ok(questions)
}

/// The variables that questions are about.
struct Asked {
    vars: HashSet<u32>,
    has_any: bool,
}

impl Asked {
    fn of(questions: &[Question]) -> Asked {
        let mut asked = Asked { vars: HashSet::new(), has_any: false };
        for question in questions {
            match &question.vars {
                Vars::Some(vars) => asked.vars.extend(vars.iter()),
                Vars::Any => asked.has_any = true,
            }
        }
        asked
    }

    fn has(&self, written: &Vars) -> bool {
        match written {
            Vars::Some(vars) => self.has_any || vars.iter().any(|var| self.vars.contains(var)),
            Vars::Any => true,
        }
    }
}

/// At most 64 writes, a bit each.
struct Block {
    /// Where in the order each stands.
    at: Vec<usize>,
    of_var: HashMap<u32, u64>,
    of_any: u64,
}

impl Block {
    fn of(writes: &[&(usize, Vars)]) -> Block {
        let mut block = Block { at: writes.iter().map(|(at, _)| *at).collect(), of_var: HashMap::new(), of_any: 0 };
        for (bit, (_, vars)) in writes.iter().enumerate() {
            match vars {
                Vars::Some(vars) => vars.iter().for_each(|var| *block.of_var.entry(*var).or_default() |= 1 << bit),
                Vars::Any => block.of_any |= 1 << bit,
            }
        }
        block
    }

    /// The writes of these variables.
    fn writes(&self, vars: &Vars) -> u64 {
        match vars {
            Vars::Some(vars) => {
                vars.iter().filter_map(|var| self.of_var.get(var)).fold(self.of_any, |all, bits| all | bits)
            }
            Vars::Any => u64::MAX,
        }
    }

    fn walk(
        &self,
        ordered: Ordered<'_>,
        span: std::ops::Range<usize>,
        depends: &mut [u64],
        questions: &mut [Question],
    ) {
        depends.fill(0);
        let mut asked = questions.iter_mut().skip_while(|question| question.at < span.start).peekable();
        let mut writes = self.at.iter().enumerate().peekable();
        for at in span.clone() {
            let Some(place) = ordered.order.get(at) else { return };
            let inputs = ordered.inputs.get(*place).into_iter().flatten();
            let above = inputs.fold(0, |all, input| match input {
                Input::Data { node, .. } | Input::Control(node) => all | depends.get(*node).copied().unwrap_or(0),
                Input::Mapped(_) | Input::MappedControl(_) => all,
            });
            while let Some(question) = asked.next_if(|question| question.at == at) {
                let bits = above & self.writes(&question.vars);
                let last = bits.checked_ilog2().and_then(|bit| self.at.get(bit as usize)).copied();
                // Blocks come in order: the last answer is the last write.
                question.behind = last.or(question.behind);
            }
            let own = writes.next_if(|(_, write)| **write == at).map_or(0, |(bit, _)| 1 << bit);
            if let Some(depends) = depends.get_mut(*place) {
                *depends = above | own;
            }
        }
    }
}
