//! The text of a graph, imported, and each of its tensors and operations run within a budget. Texts take changes better
//! than bytes do: one number more or less, and the graph can still be read.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sessile_fuzz::{Limits, run_text};

fuzz_target!(|text: &str| {
    run_text(text, text.bytes().fold(0, u8::wrapping_add), Limits::Budgets);
});
