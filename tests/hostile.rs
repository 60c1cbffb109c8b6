//! Damaged graphs, at length: a graph of 32 KiB cut off at every byte, and with every single bit flipped. Nothing may
//! panic, and no damage may make the reader take more memory than its budget.
//!
//! A binary of its own, because it counts what is allocated. In debug builds every 61st byte and every 489th bit have
//! their turn, in release builds all.
#![cfg(feature = "tensorflow")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::ops::Range;
use std::thread;

use sessile::io::{
    ExportOptions, GraphDef, ImportOptions, export_graph_def, graph_from_text, graph_to_text, load_graph_def,
};
use sessile::ops::nn::{Padding, Window};
use sessile::prelude::*;

thread_local! {
    /// Bytes that this thread has taken and not given back, and the most that they were. Imports start no threads.
    static LIVE: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
}

fn count(bytes: isize) {
    LIVE.set(LIVE.get() + bytes);
    PEAK.set(PEAK.get().max(LIVE.get()));
}

struct Counting;

// SAFETY: everything is handed on to the system's allocator; only numbers are kept.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: the caller's promise is handed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        // SAFETY: the caller's promise is handed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// How many bytes more were alive at once at most.
fn peak_of(work: impl FnOnce()) -> usize {
    let before = LIVE.get();
    PEAK.set(before);
    work();
    (PEAK.get() - before) as usize
}

/// Every `step`th number of a range, shared out among as many threads as the machine has.
fn in_parallel(all: Range<usize>, step: usize, work: impl Fn(usize) + Sync) {
    let n_threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for first in 0..n_threads {
            let (all, work) = (all.clone(), &work);
            scope.spawn(move || all.step_by(step).skip(first).step_by(n_threads).for_each(work));
        }
    });
}

/// What the reader promises, parsing and importing together.
fn allowed(len: usize) -> usize {
    16 * len + (64 << 20)
}

/// A graph with many kinds of attributes, a little over 32 KiB.
fn graph() -> Vec<u8> {
    let build = || -> sessile::Result<Graph> {
        let g = Graph::new();
        let mut x = g.placeholder(DType::F32, shape![?, 8, 8, 3])?;
        while export(&g).len() < 32 << 10 {
            let filter = g.constant(Value::from_vec(&[3, 3, 3, 3], (0..81).map(|i| i as f32 * 0.01).collect())?)?;
            x = x.conv2d(&filter, Window::new(2, 1, Padding::Same))?.relu()?;
            let parts = x.split(3, 3)?;
            x = concat(&[&parts[2], &parts[0], &parts[1]], 3)?;
            let shape = g.constant(vec![-1i32, 8, 8, 3])?;
            x = g.device("/device:CPU:0", || g.control_dependencies(&[parts[0].operation()], || x.reshape(&shape)))?;
        }
        Ok(g)
    };
    export(&build().expect("the graph can be built"))
}

fn export(g: &Graph) -> Vec<u8> {
    let def = export_graph_def(g, &ExportOptions::default()).expect("the graph can be exported");
    def.to_bytes().expect("the graph is small")
}

fn import(bytes: &[u8]) -> sessile::Result<()> {
    let def = GraphDef::parse(bytes)?;
    load_graph_def(&def, &ImportOptions::default()).map(drop)
}

#[track_caller]
fn stays_in_budget(bytes: &[u8], what: impl Fn() -> String) {
    let peak = peak_of(|| drop(import(bytes)));
    assert!(peak <= allowed(bytes.len()), "{}: {peak} bytes", what());
}

#[test]
fn a_graph_that_is_cut_off_anywhere_is_refused_or_read() {
    let bytes = graph();
    import(&bytes).expect("the whole graph can be imported");
    let step = if cfg!(debug_assertions) { 61 } else { 1 };
    in_parallel(0..bytes.len(), step, |len| stays_in_budget(&bytes[..len], || format!("{len} bytes")));
}

#[test]
fn a_graph_with_any_bit_flipped_is_refused_or_read() {
    let bytes = graph();
    let step = if cfg!(debug_assertions) { 8 * 61 + 1 } else { 1 };
    in_parallel(0..bytes.len() * 8, step, |bit| {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        stays_in_budget(&flipped, || format!("bit {bit}"));
    });
}

#[test]
fn a_text_that_is_cut_off_or_changed_anywhere_is_refused_or_read() {
    let text = graph_to_text(&graph()).expect("the graph has a text");
    let step = if cfg!(debug_assertions) { 997 } else { 13 };
    in_parallel(0..text.len(), step, |at| {
        assert!(text.is_ascii(), "the writer escapes the rest");
        drop(graph_from_text(&text[..at]));
        for c in ['{', '}', '"', '\\', '9', '\u{e9}', '['] {
            let changed = format!("{}{c}{}", &text[..at], &text[at + 1..]);
            let peak = peak_of(|| drop(graph_from_text(&changed)));
            assert!(peak <= 16 * text.len(), "{peak} bytes for '{c}' at {at}");
        }
    });
}

/// A field that holds bytes.
fn wrap(number: u8, inner: &[u8]) -> Vec<u8> {
    let mut bytes = vec![number << 3 | 2];
    prost::encoding::encode_varint(inner.len() as u64, &mut bytes);
    bytes.extend_from_slice(inner);
    bytes
}

#[track_caller]
fn all_stay_in_budget(files: &[Vec<u8>]) {
    // What is made once for the process is no file's.
    drop(import(&graph()));
    for (i, bytes) in files.iter().enumerate() {
        stays_in_budget(bytes, || format!("file {i} of {} bytes", bytes.len()));
        let peak = peak_of(|| drop(graph_to_text(bytes)));
        assert!(peak <= allowed(bytes.len()) + 200 * bytes.len(), "text of file {i}: {peak} bytes");
    }
}

#[test]
fn small_messages_cannot_take_much_memory() {
    // A message of two bytes each, at every level that has lists: nodes, attributes, functions, dims, list elements.
    let many = |number: u8| [number << 3 | 2, 0].repeat(1 << 20);
    let attr = |value: Vec<u8>| wrap(1, &wrap(5, &[wrap(1, b"a"), wrap(2, &value)].concat()));
    all_stay_in_budget(&[
        many(1),
        wrap(1, &many(3)),
        wrap(1, &many(5)),
        wrap(2, &many(1)),
        wrap(2, &wrap(1, &many(3))),
        wrap(2, &wrap(1, &wrap(1, &many(2)))),
        attr(wrap(1, &many(2))),
        attr(wrap(1, &many(7))),
        attr(wrap(1, &many(9))),
        attr(wrap(7, &many(2))),
        attr(wrap(8, &many(8))),
        attr(wrap(8, &many(14))),
        attr(wrap(10, &many(2))),
        attr(wrap(1, &wrap(3, &[0; 1 << 20]))),
        attr(wrap(8, &wrap(5, &[0; 1 << 20]))),
    ]);
}

/// Graphs without a fault of their own, and as dense as can be. The nodes of a graph are not in the budget, as they are in
/// proportion to the file: with so many, all is still within it.
#[test]
fn small_nodes_cannot_take_much_memory() {
    const N: usize = 100_000;
    let node = |name: &str, op: &str, rest: &[u8]| {
        wrap(1, &[wrap(1, name.as_bytes()), wrap(2, op.as_bytes()), rest.to_vec()].concat())
    };
    let name = |i: usize| format!("{i:x}");
    let all = |node: &dyn Fn(usize) -> Vec<u8>| (0..N).flat_map(node).collect::<Vec<u8>>();
    let float = |key: &str| wrap(5, &[wrap(1, key.as_bytes()), wrap(2, &[6 << 3, 1])].concat());
    let placeholder = node("x", "Placeholder", &float("dtype"));
    let function = |i: usize| {
        let signature = [wrap(1, name(i).as_bytes()), wrap(2, &[wrap(1, b"x"), vec![3 << 3, 1]].concat())].concat();
        wrap(2, &wrap(1, &wrap(1, &signature)))
    };
    let in_frame = wrap(5, &[wrap(1, b"frame_name"), wrap(2, &wrap(2, b"f"))].concat());
    let enter = node("enter", "Enter", &[wrap(3, b"x"), float("T"), in_frame].concat());
    all_stay_in_budget(&[
        all(&|i| node(&name(i), "NoOp", &[])),
        all(&|i| node(&name(i), &name(i), &[])),
        all(&|i| node(&name(i), "NoOp", &wrap(3, b"?"))),
        [node("x", "NoOp", &wrap(3, b"?").repeat(N))].concat(),
        [node("x", "NoOp", &[]), node("y", "NoOp", &wrap(3, b"^x").repeat(N))].concat(),
        [placeholder.clone(), all(&|i| node(&name(i), "Identity", &wrap(3, b"x")))].concat(),
        [placeholder.clone(), all(&|i| node(&name(i), "Relu", &[wrap(3, b"x"), float("T")].concat()))].concat(),
        [placeholder.clone(), all(&|i| [function(i), node(&format!("{i:x}_"), &name(i), &wrap(3, b"x"))].concat())]
            .concat(),
        [placeholder, enter, all(&|i| node(&name(i), "Relu", &[wrap(3, b"x"), float("T")].concat()))].concat(),
    ]);
}
