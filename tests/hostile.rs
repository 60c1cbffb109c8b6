//! Damaged graphs, at length: a graph of 32 KiB cut off at every byte, and with every single bit flipped. Nothing may
//! panic, and no damage may make the reader take more memory than its budget.
//!
//! A binary of its own, because it counts what is allocated. In debug builds every 61st bit is flipped, in release
//! builds every one.
#![cfg(feature = "tensorflow")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use sessile::io::{
    ExportOptions, GraphDef, ImportOptions, export_graph_def, graph_from_text, graph_to_text, load_graph_def,
};
use sessile::ops::nn::{Padding, Window};
use sessile::prelude::*;

static LIVE: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

struct Counting;

// SAFETY: everything is handed on to the system's allocator; only numbers are kept.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        PEAK.fetch_max(LIVE.fetch_add(layout.size(), Ordering::Relaxed) + layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promise is handed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promise is handed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// One graph at a time: the counters are the process's.
static TURN: std::sync::Mutex<()> = std::sync::Mutex::new(());

/// How many bytes more were alive at once at most.
fn peak_of(work: impl FnOnce()) -> usize {
    let before = LIVE.load(Ordering::Relaxed);
    PEAK.store(before, Ordering::Relaxed);
    work();
    PEAK.load(Ordering::Relaxed) - before
}

/// What the reader promises: 16 times the file and 64 MiB for what it decodes, once for messages and once for tensors.
fn allowed(len: usize) -> usize {
    2 * (16 * len + (64 << 20)) + (1 << 20)
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
    let _turn = TURN.lock();
    let bytes = graph();
    import(&bytes).expect("the whole graph can be imported");
    let step = if cfg!(debug_assertions) { 61 } else { 1 };
    for len in (0..bytes.len()).step_by(step) {
        stays_in_budget(&bytes[..len], || format!("{len} bytes"));
    }
}

#[test]
fn a_graph_with_any_bit_flipped_is_refused_or_read() {
    let _turn = TURN.lock();
    let mut bytes = graph();
    let step = if cfg!(debug_assertions) { 8 * 61 + 1 } else { 1 };
    for bit in (0..bytes.len() * 8).step_by(step) {
        bytes[bit / 8] ^= 1 << (bit % 8);
        stays_in_budget(&bytes, || format!("bit {bit}"));
        bytes[bit / 8] ^= 1 << (bit % 8);
    }
}

#[test]
fn a_text_that_is_cut_off_or_changed_anywhere_is_refused_or_read() {
    let _turn = TURN.lock();
    let text = graph_to_text(&graph()).expect("the graph has a text");
    let step = if cfg!(debug_assertions) { 997 } else { 13 };
    for at in (0..text.len()).step_by(step).filter(|at| text.is_char_boundary(*at)) {
        drop(graph_from_text(&text[..at]));
        for c in ['{', '}', '"', '\\', '9', '\u{e9}', '['] {
            let changed = format!("{}{c}{}", &text[..at], text.get(at + 1..).unwrap_or_default());
            let peak = peak_of(|| drop(graph_from_text(&changed)));
            assert!(peak <= 16 * text.len(), "{peak} bytes for '{c}' at {at}");
        }
    }
}

#[test]
fn small_files_cannot_take_much_memory() {
    let _turn = TURN.lock();
    // A message of two bytes each, at every level that has lists: nodes, attributes, functions, dims, list elements.
    let wrap = |number: u8, inner: &[u8]| {
        let mut bytes = vec![number << 3 | 2];
        prost::encoding::encode_varint(inner.len() as u64, &mut bytes);
        bytes.extend_from_slice(inner);
        bytes
    };
    let many = |number: u8| [number << 3 | 2, 0].repeat(1 << 20);
    let attr = |value: Vec<u8>| wrap(1, &wrap(5, &[wrap(1, b"a"), wrap(2, &value)].concat()));
    let files = [
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
    ];
    for (i, bytes) in files.iter().enumerate() {
        stays_in_budget(bytes, || format!("file {i}"));
        let peak = peak_of(|| drop(graph_to_text(bytes)));
        assert!(peak <= allowed(bytes.len()) + 200 * bytes.len(), "text of file {i}: {peak} bytes");
    }
}
