//! Words that no error shows to a user: they speak of the inside of the engine.

use crate::error::{Error, ErrorKind};

/// In lower case; each is looked for as a whole word.
const WORDS: &[&str] = &["slot", "slots", "unwrap", "panicked", "invariant", "callee", "todo", "unreachable"];

/// Texts that are not for users either, and that hold no such word.
const TEXTS: &[&str] = &[
    "is known",
    "are known",
    "is no reference to a variable",
    "there is no state",
    "runs only in a plan",
    "it never runs",
    "is filled in by the plan",
    "left an output empty",
];

/// Whether an error is no answer to what a user did, but a fault of the engine, or speaks as one.
pub fn is_fault(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Panicked | ErrorKind::Internal) || of_the_inside(&error.to_string()).is_some()
}

/// The first of them in a text.
pub fn of_the_inside(text: &str) -> Option<&'static str> {
    let text = text.to_lowercase();
    let is_word = |word: &&&str| text.split(|c: char| !c.is_alphanumeric()).any(|part| part == **word);
    WORDS.iter().find(is_word).or_else(|| TEXTS.iter().find(|part| text.contains(**part))).copied()
}
