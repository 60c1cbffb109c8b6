//! Unique names, as TensorFlow makes them: the check ignores case, the name keeps it.

use std::collections::HashMap;
use std::fmt::Write;
use std::sync::Arc;

use super::NodeId;
use crate::error::{Error, ErrorKind, Result, escape};

/// The names of one graph, bodies of its control flow included.
#[derive(Default)]
pub(crate) struct Names {
    /// What is known of a lower-case name. Names are ASCII. A name that was made from another one by a number has no
    /// entry until it is asked for itself: a million equal ops are one entry.
    used: HashMap<Box<str>, Use>,
    /// The name at hand.
    buffer: String,
}

#[derive(Default)]
struct Use {
    /// How often the name was asked for; 0 where only names that were made from it are known.
    asked: u32,
    node: Option<NodeId>,
    series: Option<Box<Series>>,
}

/// The names that a name becomes by numbers.
#[derive(Default)]
struct Series {
    /// Who has the name with the number 1, 2, ...
    made: Vec<Holder>,
    /// Whether some name with a number was asked for as it stands.
    has_others: bool,
}

/// Who has a name.
#[derive(Clone, Copy, PartialEq)]
enum Holder {
    Free,
    Scope,
    Node(NodeId),
}

impl Series {
    fn holder(&self, number: u32) -> Holder {
        let place = (number as usize).checked_sub(1);
        place.and_then(|place| self.made.get(place)).copied().unwrap_or(Holder::Free)
    }

    fn first_free(&self, from: u32) -> u32 {
        (from..).find(|number| self.holder(*number) == Holder::Free).expect("fewer names than numbers")
    }

    fn make(&mut self, number: u32, node: Option<NodeId>) {
        if self.made.len() < number as usize {
            self.made.resize(number as usize, Holder::Free);
        }
        self.made[number as usize - 1] = node.map_or(Holder::Scope, Holder::Node);
    }
}

impl Names {
    /// A name that nobody has: `name`, else `name_1`, `name_2`, ...; marks it as used, by a node or by nobody.
    pub(crate) fn unique(&mut self, name: &str, node: Option<NodeId>) -> Arc<str> {
        let mut key = std::mem::take(&mut self.buffer);
        fold(name, &mut key);
        let number = self.next_number(&mut key, node);
        if let Some(number) = number {
            key.clear();
            key.push_str(name);
            write!(key, "_{number}").expect("writing to a string does not fail");
        }
        let unique = if number.is_some() { key.as_str().into() } else { name.into() };
        self.buffer = key;
        unique
    }

    /// The number that makes a name unique; none if nobody has it. Marks it as used.
    fn next_number(&mut self, key: &mut String, node: Option<NodeId>) -> Option<u32> {
        if !self.is_asked(key) && self.ask(key).is_none() {
            self.used.get_mut(key.as_str())?.node = node;
            return None;
        }
        let base = self.used.get_mut(key.as_str())?;
        let from = base.asked;
        base.asked += 1;
        let series = base.series.get_or_insert_default();
        let mut number = series.first_free(from);
        if series.has_others {
            number = self.free_number(key, from);
        }
        self.used.get_mut(key.as_str())?.series.get_or_insert_default().make(number, node);
        Some(number)
    }

    fn is_asked(&self, key: &str) -> bool {
        self.used.get(key).is_some_and(|entry| entry.asked > 0)
    }

    /// The first number, from one on, with which nobody has the name.
    fn free_number(&self, key: &mut String, from: u32) -> u32 {
        let len = key.len();
        let series = self.used.get(key.as_str()).and_then(|base| base.series.as_ref());
        let is_made = |number| series.is_some_and(|series| series.holder(number) != Holder::Free);
        let mut is_other = |number: &u32| {
            write!(key, "_{number}").expect("writing to a string does not fail");
            let is_other = self.is_asked(key);
            key.truncate(len);
            is_other
        };
        (from..).find(|number| !is_made(*number) && !is_other(number)).expect("fewer names than numbers")
    }

    /// Sees to an entry for a name that had been asked for by nobody; answers who has it if it was made from another.
    fn ask(&mut self, key: &str) -> Option<Holder> {
        let base = numbered(key);
        let holder = base.map_or(Holder::Free, |(base, number)| self.made(base, number));
        if let Some((base, _)) = base {
            let base = self.used.entry(base.into()).or_default();
            base.series.get_or_insert_default().has_others = true;
        }
        let entry = self.used.entry(key.into()).or_default();
        entry.asked = 1;
        if let Holder::Node(node) = holder {
            entry.node = Some(node);
        }
        (holder != Holder::Free).then_some(holder)
    }

    /// Who has a name that was made by a number.
    fn made(&self, base: &str, number: u32) -> Holder {
        let series = self.used.get(base).and_then(|base| base.series.as_ref());
        series.map_or(Holder::Free, |series| series.holder(number))
    }

    /// The name that [`Names::unique`] would give, without taking it.
    pub(crate) fn peek(&self, name: &str) -> String {
        let mut key = name.to_ascii_lowercase();
        let asked = self.used.get(key.as_str()).map_or(0, |entry| entry.asked);
        let is_made = || numbered(&key).is_some_and(|(base, number)| self.made(base, number) != Holder::Free);
        match asked.max(u32::from(asked == 0 && is_made())) {
            0 => name.to_owned(),
            asked => format!("{name}_{}", self.free_number(&mut key, asked)),
        }
    }

    /// Takes a name as it stands: the last op of a composite has the name of its scope.
    pub(crate) fn verbatim(&mut self, name: &str, node: Option<NodeId>) -> Result<Arc<str>> {
        let key = name.to_ascii_lowercase();
        if !self.is_asked(&key) {
            self.ask(&key);
        }
        let entry = self.used.entry(key.into()).or_default();
        if entry.node.is_some() {
            return Err(Error::new(ErrorKind::AlreadyExists, format!("the name '{}' is taken", escape(name))));
        }
        entry.node = node;
        Ok(name.into())
    }

    /// Who has a name, but for the case of its letters.
    pub(crate) fn find(&self, name: &str) -> Option<NodeId> {
        let key = name.to_ascii_lowercase();
        if let Some(entry) = self.used.get(key.as_str()).filter(|entry| entry.asked > 0) {
            return entry.node;
        }
        let (base, number) = numbered(&key)?;
        if let Holder::Node(node) = self.made(base, number) { Some(node) } else { None }
    }
}

/// Writes the lower-case form of a name over what was there.
fn fold(name: &str, key: &mut String) {
    key.clear();
    key.push_str(name);
    key.make_ascii_lowercase();
}

/// `("x", 12)` of `x_12`: a name that could have been made from another one.
fn numbered(key: &str) -> Option<(&str, u32)> {
    let (base, digits) = key.rsplit_once('_')?;
    let is_number = !digits.starts_with(['0', '+']);
    Some((base, digits.parse().ok().filter(|_| is_number)?))
}

/// Refuses what TensorFlow refuses: `[A-Za-z0-9.][A-Za-z0-9_.\\/>-]*` is legal.
pub(crate) fn check_node_name(name: &str) -> Result<()> {
    check(name, |c| c.is_ascii_alphanumeric() || c == '.', "node name")
}

/// As for nodes, but inside another scope a name may also start with `_`, `-`, `\` or `/`.
pub(crate) fn check_scope_name(name: &str, is_root: bool) -> Result<()> {
    if is_root {
        check(name, |c| c.is_ascii_alphanumeric() || c == '.', "scope name")
    } else {
        check(name, is_inner, "scope name")
    }
}

/// A device string is empty or parts such as `/job:w`, `/task:0`, `/device:CPU:0`, `/cpu:0`.
pub(crate) fn check_device(device: &str) -> Result<()> {
    let is_part = |part: &str| {
        let (kind, rest) = part.split_once(':').unwrap_or((part, ""));
        let number = |text: &str| text == "*" || (!text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()));
        match kind {
            "job" => !rest.is_empty() && rest.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'),
            "replica" | "task" => number(rest),
            "device" => rest == "*" || rest.split_once(':').is_some_and(|(kind, n)| is_word(kind) && number(n)),
            "cpu" | "gpu" | "CPU" | "GPU" => number(rest),
            _ => false,
        }
    };
    if device.is_empty() || device.strip_prefix('/').is_some_and(|rest| rest.split('/').all(is_part)) {
        return Ok(());
    }
    Err(Error::invalid(format!("'{}' is not a device such as /device:CPU:0", escape(device))))
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn is_inner(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '\\' | '/' | '>' | '-')
}

fn check(name: &str, first: impl Fn(char) -> bool, what: &str) -> Result<()> {
    let mut chars = name.chars();
    if chars.next().is_some_and(first) && chars.all(is_inner) {
        return Ok(());
    }
    Err(Error::new(ErrorKind::InvalidName, format!("'{}' is not a valid {what}", escape(name))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn unique(asked: &[&str], given: &[&str]) {
        let mut names = Names::default();
        let got: Vec<_> = asked.iter().map(|name| names.unique(name, None)).collect();
        assert_eq!(got.iter().map(|name| &**name).collect::<Vec<_>>(), given);
    }

    #[test]
    fn suffixes_are_those_of_tensorflow() {
        unique(&["MatMul", "MatMul", "MatMul"], &["MatMul", "MatMul_1", "MatMul_2"]);
        unique(&["a", "a", "a", "A"], &["a", "a_1", "a_2", "A_3"]);
        unique(&["x/y", "x/y"], &["x/y", "x/y_1"]);
        unique(&["a_1", "a", "a"], &["a_1", "a", "a_2"]);
        unique(&["a", "a_1", "a", "a", "a_1"], &["a", "a_1", "a_2", "a_3", "a_1_1"]);
        unique(&["a", "a", "a_1", "A_1", "a_1_1"], &["a", "a_1", "a_1_1", "A_1_2", "a_1_1_1"]);
        unique(&["b_01", "b_0", "b", "b", "b_1", "b_0"], &["b_01", "b_0", "b", "b_1", "b_1_1", "b_0_1"]);
        unique(&["_1", "x_2", "x", "x", "x"], &["_1", "x_2", "x", "x_1", "x_3"]);
    }

    /// The rule in its plainest form: every name has an entry.
    fn plain(used: &mut HashMap<String, u32>, name: &str) -> String {
        let key = name.to_ascii_lowercase();
        let asked = used.get(&key).copied().unwrap_or(0);
        used.insert(key.clone(), asked + 1);
        let number = (asked..).find(|n| *n == 0 || !used.contains_key(&format!("{key}_{n}"))).unwrap();
        if number > 0 {
            used.insert(format!("{key}_{number}"), 1);
        }
        if number == 0 { name.to_owned() } else { format!("{name}_{number}") }
    }

    #[test]
    fn names_with_and_without_entries_agree() {
        let (mut names, mut used) = (Names::default(), HashMap::new());
        let mut state = 1u32;
        for id in 0..5000 {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let mut name = ["a", "B", "c/d", "A"][state as usize >> 30].to_owned();
            for part in 0..state >> 28 & 3 {
                write!(name, "_{}", state >> (7 * part) & 7).unwrap();
            }
            let want = plain(&mut used, &name);
            assert_eq!(names.peek(&name), want);
            assert_eq!(*names.unique(&name, Some(NodeId(id))), *want);
            assert_eq!(names.find(&want), Some(NodeId(id)), "{want}");
            assert!(names.verbatim(&want, Some(NodeId(id))).is_err());
        }
        assert_eq!((names.find("nope"), names.find("a_9999999")), (None, None));
    }

    #[test]
    fn a_scope_lends_its_name_to_one_node() {
        let mut names = Names::default();
        for want in ["s", "s_1", "s_1_1"] {
            let scope = names.unique(want.strip_suffix("_1").unwrap_or(want), None);
            assert_eq!((&*scope, names.find(&scope)), (want, None));
            assert!(names.verbatim(&scope, Some(NodeId(7))).is_ok());
            assert_eq!(names.find(&scope), Some(NodeId(7)));
            assert!(names.verbatim(&scope, Some(NodeId(8))).is_err());
        }
    }

    #[test]
    fn hostile_names_are_refused() {
        for name in ["", "^", ":0", "a:b:c", "a\0", "a\n", "_a", "bad name", "a^b"] {
            assert_eq!(check_node_name(name).unwrap_err().kind(), ErrorKind::InvalidName, "{name:?}");
        }
        for name in ["a", "0", ".x", "a/b-c\\d>e.f_g"] {
            assert!(check_node_name(name).is_ok(), "{name:?}");
        }
        assert!(check_scope_name("_inner", false).is_ok());
        assert!(check_scope_name("_outer", true).is_err());
    }
}
