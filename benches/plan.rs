//! The cost of the first run of a graph: microseconds and peak bytes a node for a plan with all passes and with none.
//!
//! `cargo bench --bench plan -- [NODES] [WORKLOAD ...]`.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use sessile::optimize::Passes;
use sessile::prelude::*;

/// The system's allocator, with the bytes in use and the most that ever were.
struct Counting;

static USED: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

// SAFETY: all calls go on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let used = USED.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        PEAK.fetch_max(used, Ordering::Relaxed);
        // SAFETY: as promised by the caller.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        USED.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: as promised by the caller.
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// Builds about `n` nodes; answers what is fetched.
type Build = fn(&Graph, &Tensor, usize) -> sessile::Result<Tensor>;

const WORKLOADS: &[(&str, Build)] = &[
    ("identity", |_, x, n| (0..n).try_fold(x.clone(), |y, _| y.identity())),
    ("tanh", |_, x, n| (0..n).try_fold(x.clone(), |y, _| y.tanh())),
    ("add", |g, x, n| {
        let one = g.ones(DType::F32, [8])?;
        (0..n).try_fold(x.clone(), |y, _| &y + &one)
    }),
    ("scaled", |_, x, n| (0..n / 3).try_fold(x.clone(), |y, _| y.tanh()? * 0.5)),
    ("reduced", |_, x, n| (0..n / 3).try_fold(x.clone(), |y, _| y.reshape([-1, 8])?.softmax())),
    ("dense", dense),
    ("wide", |_, x, n| {
        let ends =
            (0..n / 100).map(|_| (0..99).try_fold(x.clone(), |y, i| if i % 2 == 0 { y.tanh() } else { y.sin() }));
        let ends = ends.collect::<sessile::Result<Vec<_>>>()?;
        sessile::ops::math::add_n(&ends.iter().collect::<Vec<_>>())
    }),
    ("folded", |g, x, n| {
        let c = (0..n / 2).try_fold(g.constant([1.0f32; 8])?, |c, _| (&c * 0.5)?.tanh())?;
        x + c
    }),
];

fn dense(g: &Graph, x: &Tensor, n: usize) -> sessile::Result<Tensor> {
    let (w, b) = (g.ones(DType::F32, [8, 8])?, g.ones(DType::F32, [8])?);
    (0..n / 3).try_fold(x.clone(), |h, _| h.matmul(&w)?.bias_add(&b)?.relu())
}

fn main() -> sessile::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let n = args.iter().find_map(|arg| arg.parse().ok()).unwrap_or(1_000_000);
    let wanted: Vec<&String> = args.iter().filter(|arg| arg.parse::<usize>().is_err()).collect();
    for (name, build) in WORKLOADS.iter().filter(|(name, _)| wanted.is_empty() || wanted.iter().any(|w| w == name)) {
        for (kind, passes) in [("all passes", Passes::default()), ("no passes", Passes::none())] {
            let g = Graph::new();
            let x = g.placeholder(DType::F32, shape![?, 8])?;
            let y = build(&g, &x, n)?;
            let before = USED.load(Ordering::Relaxed);
            PEAK.store(before, Ordering::Relaxed);
            let began = Instant::now();
            let sess = Session::with_config(&g, Config { passes, threads: Some(1), ..Config::default() })?;
            let prepared = sess.prepare(&y, &[&x])?;
            let seconds = began.elapsed().as_secs_f64();
            let (peak, kept) = (PEAK.load(Ordering::Relaxed) - before, USED.load(Ordering::Relaxed) - before);
            let nodes = g.len() as f64;
            println!(
                "{name:10} {kind:10}  {nodes} nodes  {:6.2} us/node  peak {:6.0} B/node  kept {:5.0} B/node  {} steps",
                seconds * 1e6 / nodes,
                peak as f64 / nodes,
                kept as f64 / nodes,
                prepared.n_steps(),
            );
        }
    }
    Ok(())
}
