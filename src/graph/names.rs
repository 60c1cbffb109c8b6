//! Unique names, as TensorFlow makes them: the check ignores case, the name keeps it.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt::Write;
use std::sync::Arc;

use super::NodeId;
use crate::error::{Error, ErrorKind, Result, escape};

/// The names of one graph, bodies of its control flow included.
#[derive(Default)]
pub(crate) struct Names {
    /// Lower-case name: how often it was asked for, and the root node that has it. Names are ASCII.
    used: HashMap<Box<str>, Use>,
    /// The lower-case form of the name at hand.
    folded: String,
}

#[derive(Clone, Copy, Default)]
struct Use {
    asked: u32,
    node: Option<NodeId>,
}

impl Names {
    /// A name that nobody has: `name`, else `name_1`, `name_2`, ...; marks it as used, by a node or by nobody.
    pub(crate) fn unique(&mut self, name: &str, node: Option<NodeId>) -> Arc<str> {
        self.folded.clear();
        self.folded.push_str(name);
        self.folded.make_ascii_lowercase();
        let Some(base) = self.used.get_mut(self.folded.as_str()) else {
            self.used.insert(self.folded.as_str().into(), Use { asked: 1, node });
            return name.into();
        };
        let mut number = base.asked;
        base.asked += 1;
        loop {
            self.folded.truncate(name.len());
            write!(self.folded, "_{number}").expect("writing to a string does not fail");
            if let Entry::Vacant(place) = self.used.entry(self.folded.as_str().into()) {
                place.insert(Use { asked: 1, node });
                return self.numbered(name);
            }
            number += 1;
        }
    }

    /// The name with the number that its lower-case form has got.
    fn numbered(&mut self, name: &str) -> Arc<str> {
        self.folded.replace_range(..name.len(), name);
        self.folded.as_str().into()
    }

    /// The name that [`Names::unique`] would give, without taking it.
    pub(crate) fn peek(&self, name: &str) -> String {
        let key = name.to_ascii_lowercase();
        let Some(entry) = self.used.get(key.as_str()) else { return name.to_owned() };
        let free = (entry.asked..).find(|n| !self.used.contains_key(format!("{key}_{n}").as_str()));
        format!("{name}_{}", free.expect("fewer names than numbers"))
    }

    /// Takes a name as it stands: the last op of a composite has the name of its scope.
    pub(crate) fn verbatim(&mut self, name: &str, node: Option<NodeId>) -> Result<Arc<str>> {
        let entry = self.used.entry(name.to_ascii_lowercase().into()).or_default();
        entry.asked = entry.asked.max(1);
        if entry.node.is_some() {
            return Err(Error::new(ErrorKind::AlreadyExists, format!("the name '{}' is taken", escape(name))));
        }
        entry.node = node;
        Ok(name.into())
    }

    /// Who has a name, but for the case of its letters.
    pub(crate) fn find(&self, name: &str) -> Option<NodeId> {
        self.used.get(name.to_ascii_lowercase().as_str())?.node
    }
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
