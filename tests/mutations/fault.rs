//! What was found.

use std::collections::BTreeMap;
use std::fmt;

/// What is wrong with a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// The process died.
    Abort,
    /// It does not end.
    Hang,
    /// Something panicked, whoever caught it.
    Panic,
    /// The answer speaks of the inside of the engine.
    Text,
    /// More memory than the budget and what may stand beside it.
    Memory,
    /// It ended long after its deadline.
    Late,
}

impl Kind {
    const ALL: [Kind; 6] = [Kind::Abort, Kind::Hang, Kind::Panic, Kind::Text, Kind::Memory, Kind::Late];

    pub fn named(name: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.to_string() == name)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Abort => "abort",
            Kind::Hang => "hang",
            Kind::Panic => "panic",
            Kind::Text => "text",
            Kind::Memory => "memory",
            Kind::Late => "late",
        })
    }
}

/// One case that is wrong.
pub struct Fault {
    pub case: usize,
    pub kind: Kind,
    pub op: String,
    /// The example and its mutations.
    pub what: String,
    /// What happened.
    pub text: String,
}

/// How many faults an op has of a kind, and the first.
pub fn by_kind(faults: &[Fault]) -> BTreeMap<(&str, Kind), (usize, &Fault)> {
    let mut kinds = BTreeMap::new();
    for fault in faults {
        kinds.entry((fault.op.as_str(), fault.kind)).or_insert((0, fault)).0 += 1;
    }
    kinds
}

/// Prints the table; the file that `SESSILE_MUTATIONS_REPORT` names gets every fault.
pub fn report(faults: &[Fault]) {
    for ((op, kind), (count, first)) in by_kind(faults) {
        println!("{op} {kind} x{count}: case {}, {}\n    {}", first.case, first.what, first.text);
    }
    if let Some(path) = std::env::var_os("SESSILE_MUTATIONS_REPORT") {
        let line = |fault: &Fault| {
            let Fault { case, kind, what, text, .. } = fault;
            format!("{kind}\t{case}\t{what}\t{text}\n")
        };
        std::fs::write(path, faults.iter().map(line).collect::<String>()).expect("the report's place can be written");
    }
}
