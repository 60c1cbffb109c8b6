//! What a warm run asks of the allocator: nothing inside of the plan, and two blocks for each value that it hands out;
//! and how much memory graphs take.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use sessile::prelude::*;

/// The system's allocator, which counts the blocks that a thread asks for.
struct Counting;

thread_local! {
    static BLOCKS: Cell<usize> = const { Cell::new(0) };
    /// Bytes that are in use, and the most that ever were.
    static BYTES: Cell<(isize, isize)> = const { Cell::new((0, 0)) };
}

// SAFETY: all calls go on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: as promised by the caller.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: as promised by the caller.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size as isize - layout.size() as isize);
        // SAFETY: as promised by the caller.
        unsafe { System.realloc(block, layout, size) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        resize(-(layout.size() as isize));
        // SAFETY: as promised by the caller.
        unsafe { System.dealloc(block, layout) }
    }
}

/// A thread that ends has no counter any more.
fn count(more: isize) {
    let _ = BLOCKS.try_with(|blocks| blocks.set(blocks.get() + 1));
    resize(more);
}

fn resize(more: isize) {
    let _ = BYTES.try_with(|bytes| {
        let (used, peak) = bytes.get();
        bytes.set((used + more, peak.max(used + more)));
    });
}

/// Bytes that a call uses at most beside those in use before.
fn peak(run: impl FnOnce() -> sessile::Result<()>) -> sessile::Result<isize> {
    let before = BYTES.get().0;
    BYTES.set((before, before));
    run()?;
    Ok(BYTES.get().1 - before)
}

#[test]
fn a_loop_of_a_hundred_thousand_turns_needs_no_more_memory_than_one_of_ten() -> sessile::Result<()> {
    let g = Graph::new();
    let n = g.placeholder(DType::I32, shape![])?;
    let start = (g.constant(0)?, g.constant(vec![1.0f32; 1000])?);
    let (_, x) = g.while_loop(start, |(i, _)| i.less(&n), |(i, x)| Ok((&i + 1, (&x * 0.5)? + 1.0)))?;
    let sess = Session::new(&g)?;
    let of = |turns: i32| peak(|| sess.run_with(&x, feeds! { n => turns }).map(drop));
    let (_, few, many) = (of(10)?, of(10)?, of(100_000)?);
    assert!(many <= few + 4096, "{few} bytes for 10 turns, but {many} for 100000");
    Ok(())
}

/// Bytes a node that a graph keeps, and that a plan of all of it and its first run keep.
fn bytes_a_node(n: usize, build: impl Fn(&Graph) -> sessile::Result<Tensor>) -> sessile::Result<(isize, isize)> {
    let start = BYTES.get().0;
    let g = Graph::new();
    let y = build(&g)?;
    let built = BYTES.get().0;
    let config = Config { threads: Some(1), passes: sessile::optimize::Passes::none(), ..Config::default() };
    let sess = Session::with_config(&g, config)?;
    sess.run(&y)?;
    let n = n as isize;
    Ok(((built - start) / n, (BYTES.get().0 - built) / n))
}

#[test]
fn a_node_takes_less_than_a_kilobyte() -> sessile::Result<()> {
    const F32: DType = DType::F32;
    const N: usize = 20_000;
    let dense = |g: &Graph| {
        let (mut h, w) = (g.ones(F32, [2, 8])?, g.ones(F32, [8, 8])?);
        for _ in 0..N / 2 {
            h = h.matmul(&w)?.relu()?;
        }
        Ok(h)
    };
    let scoped = |g: &Graph| {
        let mut h = g.ones(F32, [2, 8])?;
        for layer in 0..N / 100 {
            h = g.name_scope(&format!("layer_{layer}"), |_| (0..50).try_fold(h, |h, _| h.tanh()? * 0.5))?;
        }
        Ok(h)
    };
    for (graph, plan) in [bytes_a_node(N, dense)?, bytes_a_node(N, scoped)?] {
        assert!(graph < 1000, "a node takes {graph} bytes");
        assert!(plan < 1000, "a node of a plan takes {plan} bytes");
    }
    Ok(())
}

/// Builds a program of so many nodes behind a tensor.
type Build = fn(&Tensor, usize) -> sessile::Result<Tensor>;

/// Programs of about `n` nodes.
const PROGRAMS: [(&str, Build); 5] = [
    ("functions", |x, n| (0..n).try_fold(x.clone(), |y, i| if i % 3 == 0 { &y + x } else { y.tanh() })),
    ("products", |x, n| {
        let (w, b) = (x.graph().ones(DType::F32, [8, 8])?, x.graph().ones(DType::F32, [8])?);
        (0..n / 3).try_fold(x.clone(), |y, _| y.matmul(&w)?.bias_add(&b)?.relu())
    }),
    ("reductions", |x, n| (0..n / 3).try_fold(x.clone(), |y, _| y.reduce_sum([0])?.exp()? * x)),
    ("constants", |x, n| {
        let small = x.graph().constant([1.0f32; 8])?;
        let sums = (0..n / 4).map(|i| (&small * i as f32)?.exp()? + x).collect::<sessile::Result<Vec<_>>>()?;
        sums.into_iter().try_fold(x.clone(), |y, sum| y.maximum(&sum))
    }),
    ("loops", |x, n| {
        let g = x.graph();
        let body = |y: Tensor| (0..n).try_fold(y, |y, _| y.softmax());
        Ok(g.while_loop((g.constant(0)?, x.clone()), |(i, _)| i.less(3), |(i, y)| Ok((&i + 1, body(y)?)))?.1)
    }),
];

/// Making a plan never holds more than 1,200 bytes per node (1,128 where constants are computed), and the cache knows what it keeps of it.
#[test]
fn a_plan_takes_about_a_kilobyte_per_node_at_most_and_what_the_cache_says() -> sessile::Result<()> {
    const N: usize = 4000;
    for (name, build) in PROGRAMS {
        for passes in [sessile::optimize::Passes::none(), sessile::optimize::Passes::default()] {
            let g = Graph::new();
            let x = g.placeholder(DType::F32, shape![?, 8])?;
            let y = build(&x, N)?;
            let sess = Session::with_config(&g, Config { threads: Some(1), passes, ..Config::default() })?;
            sess.prepare(&x, &[&x])?;
            let (used, counted) = (BYTES.get().0, sess.plan_memory() as isize);
            let mut most = 0;
            let peak = peak(|| {
                let plan = sess.prepare(&y, &[&x])?;
                most = BYTES.get().0 - used;
                drop(plan);
                Ok(())
            })?;
            // Bodies are made for their arguments while a plan is made, and are part of the graph.
            if name != "loops" {
                assert!(peak < 1200 * N as isize, "{name}, {passes:?}: {} bytes a node", peak / N as isize);
            }
            let (kept, counted) = (BYTES.get().0 - used, sess.plan_memory() as isize - counted);
            assert!(kept <= most, "{name}: a plan is kept in the cache");
            assert!(counted < 2 * kept && kept < 2 * counted, "{name}, {passes:?}: {kept} bytes count as {counted}");
        }
    }
    Ok(())
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// Blocks that one call asks for on this thread, after some to warm up.
fn blocks(mut run: impl FnMut() -> sessile::Result<()>) -> sessile::Result<usize> {
    for _ in 0..3 {
        run()?;
    }
    let before = BLOCKS.get();
    run()?;
    Ok(BLOCKS.get() - before)
}

/// Runs a prepared program without and with a fetch of its result: no block, and two a result (the elements, and what
/// counts their owners).
#[track_caller]
fn check(y: &Tensor, x: &Tensor, fed: &Value, other: &Value) -> sessile::Result<()> {
    let g = y.graph();
    let sess = Session::with_config(g, Config { threads: Some(1), ..Config::default() })?;
    sess.run(g.global_variables_initializer()?)?;
    let inside = sess.prepare(y.operation(), &[x])?;
    assert_eq!(blocks(|| inside.run(fed))?, 0, "inside of the plan");
    let fetching = sess.prepare(y, &[x])?;
    assert_eq!(blocks(|| fetching.run(fed).map(drop))?, 2, "with a fetched result");
    // Another size of batch warms up once, too, and then neither of them allocates.
    assert_eq!(blocks(|| inside.run(fed).and_then(|()| inside.run(other)))?, 0, "with two sizes in turn");
    Ok(())
}

fn dense(x: &Tensor, units: usize) -> sessile::Result<Tensor> {
    let g = x.graph();
    let n = x.shape().dim(x.rank()? - 1).known().expect("the inner size is known");
    let (w, b) = (g.variable(g.random_normal([n, units])?)?, g.variable(g.random_normal([units])?)?);
    x.tensordot(&w, [[x.rank()? - 1], [0]])?.bias_add(&b)
}

fn ones(dims: &[usize]) -> sessile::Result<Value> {
    Value::full(dims, 1.0f32)
}

#[test]
fn a_warm_run_of_the_seed_program_allocates_its_result_only() -> sessile::Result<()> {
    let g = Graph::new();
    let x = g.placeholder(DType::F32, shape![?, 3, 4])?;
    check(&dense(&x, 10)?, &x, &ones(&[2, 3, 4])?, &ones(&[5, 3, 4])?)
}

#[test]
fn a_warm_run_of_a_small_network_allocates_its_result_only() -> sessile::Result<()> {
    let g = Graph::new();
    let x = g.placeholder(DType::F32, shape![?, 20])?;
    let hidden = dense(&x, 64)?.relu()?;
    let hidden = (dense(&hidden, 64)?.relu()? + &hidden)?;
    let y = (dense(&hidden, 10)?.tanh()? * 0.5f64)?;
    check(&y, &x, &ones(&[16, 20])?, &ones(&[64, 20])?)
}

#[test]
fn a_warm_run_of_a_deep_chain_allocates_its_result_only() -> sessile::Result<()> {
    let g = Graph::new();
    let x = g.placeholder(DType::F32, shape![?])?;
    let mut y = x.clone();
    for n in 0..50 {
        y = match n % 3 {
            0 => y.exp()?,
            1 => (&y * &x)?,
            _ => (&y - 1.0)?,
        };
    }
    check(&y, &x, &ones(&[100])?, &ones(&[7])?)
}
