//! The text of a graph and, behind a zero byte, a script of three bytes a line that exchanges its parts: inputs of nodes,
//! attributes, constants, numbers. What comes out is mostly a graph that can be read and that nobody would write.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sessile_fuzz::{Limited, Limits, run_text};

#[global_allocator]
static ALLOCATOR: Limited = Limited;

const NUMBERS: [&str; 8] = ["0", "-1", "1", "2147483647", "-2147483648", "1099511627776", "4294967296", "7"];

fuzz_target!(|bytes: &[u8]| {
    let at = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    let (text, script) = bytes.split_at(at);
    let Ok(text) = std::str::from_utf8(text) else { return };
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    for step in script.get(1..).unwrap_or_default().chunks_exact(3) {
        change(&mut lines, step[0], step[1].into(), step[2].into());
    }
    let choice = script.iter().fold(0, |sum: u8, byte| sum.wrapping_add(*byte));
    let limits = if choice % 2 == 0 { Limits::Budgets } else { Limits::Machine };
    run_text(&lines.join("\n"), choice, limits);
});

fn change(lines: &mut Vec<String>, how: u8, a: usize, b: usize) {
    match how % 6 {
        0 => swap_lines(lines, "input: ", a, b),
        1 => swap_lines(lines, "op: ", a, b),
        2 => swap_values(lines, a, b),
        3 => set_number(lines, a, NUMBERS[b % NUMBERS.len()]),
        4 => {
            if let Some(at) = pick(lines, a, |line| line.trim_start().starts_with("input: ")) {
                lines.remove(at);
            }
        }
        _ => {
            if let Some(at) = pick(lines, a, |line| line.trim_start().starts_with("input: ")) {
                lines.insert(at, lines[at].clone());
            }
        }
    }
}

/// The place of one of the lines that are wanted.
fn pick(lines: &[String], which: usize, is_wanted: impl Fn(&str) -> bool) -> Option<usize> {
    let places: Vec<usize> = (0..lines.len()).filter(|i| is_wanted(&lines[*i])).collect();
    places.get(which.checked_rem(places.len())?).copied()
}

fn swap_lines(lines: &mut [String], start: &str, a: usize, b: usize) {
    let is_wanted = |line: &str| line.trim_start().starts_with(start);
    if let (Some(a), Some(b)) = (pick(lines, a, is_wanted), pick(lines, b, is_wanted)) {
        lines.swap(a, b);
    }
}

/// Exchanges what two attributes hold.
fn swap_values(lines: &mut Vec<String>, a: usize, b: usize) {
    let is_value = |line: &str| line.trim() == "value {";
    let (Some(a), Some(b)) = (pick(lines, a, is_value), pick(lines, b, is_value)) else { return };
    let (a, b) = (a.min(b), a.max(b));
    let (end_a, end_b) = (end_of(lines, a), end_of(lines, b));
    if a == b || end_a > b {
        return;
    }
    let between = lines[end_a..b].to_vec();
    let parts = [&lines[b..end_b], &between, &lines[a..end_a]].concat();
    lines.splice(a..end_b, parts);
}

/// Behind the block that begins in a line.
fn end_of(lines: &[String], start: usize) -> usize {
    let indent = |line: &str| line.len() - line.trim_start().len();
    let depth = indent(&lines[start]);
    let end = (start + 1..lines.len()).find(|i| lines[*i].trim() == "}" && indent(&lines[*i]) == depth);
    end.map_or(lines.len(), |end| end + 1)
}

/// Sets one of the numbers.
fn set_number(lines: &mut [String], which: usize, number: &str) {
    let is_number = |line: &str| line.split_once(": ").is_some_and(|(_, value)| value.parse::<i64>().is_ok());
    let Some(at) = pick(lines, which, is_number) else { return };
    if let Some((name, _)) = lines[at].clone().split_once(": ") {
        lines[at] = format!("{name}: {number}");
    }
}
