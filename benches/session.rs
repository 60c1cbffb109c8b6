//! The speed goals: times of whole runs, printed as one line a workload.
//!
//! `cargo bench --bench session -- [--threads N] [WORKLOAD ...]`. The same workloads under TensorFlow are timed by a
//! program that prints the same lines; compare ratios of the same minute, since machines drift.

use std::hint::black_box;
use std::time::{Duration, Instant};

use sessile::optimize::Passes;
use sessile::prelude::*;

type Workload = (&'static str, fn(usize) -> sessile::Result<Timed>);

/// What is timed: a closure, how much work one call does, and the unit.
struct Timed {
    run: Box<dyn FnMut() -> sessile::Result<()>>,
    work: f64,
    unit: &'static str,
}

const WORKLOADS: &[Workload] = &[
    ("seed", seed),
    ("seed_run_with", seed_run_with),
    ("dense3d", dense3d),
    ("matmul", matmul),
    ("chain", chain),
    ("wide", wide),
    ("elementwise", elementwise),
    ("build", build),
    ("start", start),
];

/// Makes this program run the seed program once and end.
const FIRST_RESULT: &str = "--first-result";

fn main() -> sessile::Result<()> {
    let mut threads = 1;
    let mut wanted = Vec::new();
    let mut args = std::env::args().skip(1).filter(|arg| arg != "--bench");
    while let Some(arg) = args.next() {
        match arg.as_str() {
            FIRST_RESULT => return first_result(),
            "--threads" => threads = args.next().and_then(|n| n.parse().ok()).unwrap_or(1),
            _ => wanted.push(arg),
        }
    }
    for (name, make) in WORKLOADS.iter().filter(|(name, _)| wanted.is_empty() || wanted.iter().any(|w| w == name)) {
        let mut timed = make(threads)?;
        let (median, min) = time(&mut timed.run)?;
        let rate = timed.work / median;
        println!(
            "{name:14} threads {threads}  median {}  min {}  {rate:.3e} {}/s",
            show(median),
            show(min),
            timed.unit
        );
    }
    Ok(())
}

/// Median and minimum seconds a call, over batches of about a millisecond for two seconds.
fn time(run: &mut dyn FnMut() -> sessile::Result<()>) -> sessile::Result<(f64, f64)> {
    for _ in 0..5 {
        run()?;
    }
    let began = Instant::now();
    run()?;
    let batch = (1e-3 / began.elapsed().as_secs_f64().max(1e-9)).ceil().max(1.0) as u32;
    let mut samples = Vec::new();
    let end = Instant::now() + Duration::from_secs(2);
    while samples.len() < 7 || Instant::now() < end {
        let began = Instant::now();
        for _ in 0..batch {
            run()?;
        }
        samples.push(began.elapsed().as_secs_f64() / f64::from(batch));
    }
    samples.sort_by(f64::total_cmp);
    Ok((samples[samples.len() / 2], samples[0]))
}

fn show(seconds: f64) -> String {
    match seconds {
        s if s < 1e-6 => format!("{:7.1} ns", s * 1e9),
        s if s < 1e-3 => format!("{:7.2} us", s * 1e6),
        s => format!("{:7.2} ms", s * 1e3),
    }
}

fn session(g: &Graph, threads: usize, passes: Passes) -> sessile::Result<Session> {
    Session::with_config(g, Config { threads: Some(threads), passes, ..Config::default() })
}

fn random(dims: &[usize]) -> sessile::Result<Value> {
    let n = dims.iter().product();
    let mut state = 1u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 24) as f32
    };
    Value::from_vec(dims, (0..n).map(|_| next()).collect())
}

fn dense(threads: usize, dims: [usize; 3], units: usize, relu: bool) -> sessile::Result<(Session, Tensor, Tensor)> {
    let g = Graph::new();
    let a = g.placeholder(DType::F32, shape![?, dims[1], dims[2]])?;
    let c = g.variable(g.random_normal([dims[2], units])?)?;
    let d = g.variable(g.random_normal([units])?)?;
    let mut f = a.tensordot(&c, [[2], [0]])?.bias_add(&d)?;
    if relu {
        f = f.relu()?;
    }
    let sess = session(&g, threads, Passes::default())?;
    sess.run(g.global_variables_initializer()?)?;
    Ok((sess, a, f))
}

fn seed(threads: usize) -> sessile::Result<Timed> {
    let (sess, a, f) = dense(threads, [2, 3, 4], 10, false)?;
    let prepared = sess.prepare(&f, &[&a])?;
    let x = random(&[2, 3, 4])?;
    let run = move || prepared.run(&x).map(|y| drop(black_box(y)));
    Ok(Timed { run: Box::new(run), work: 1.0, unit: "run" })
}

fn seed_run_with(threads: usize) -> sessile::Result<Timed> {
    let (sess, a, f) = dense(threads, [2, 3, 4], 10, false)?;
    let x = random(&[2, 3, 4])?;
    let run = move || sess.run_with(&f, feeds! { a => &x }).map(|y| drop(black_box(y)));
    Ok(Timed { run: Box::new(run), work: 1.0, unit: "run" })
}

fn dense3d(threads: usize) -> sessile::Result<Timed> {
    let (sess, a, f) = dense(threads, [64, 128, 512], 512, true)?;
    let prepared = sess.prepare(&f, &[&a])?;
    let x = random(&[64, 128, 512])?;
    let run = move || prepared.run(&x).map(|y| drop(black_box(y)));
    Ok(Timed { run: Box::new(run), work: 2.0 * 64.0 * 128.0 * 512.0 * 512.0, unit: "flop" })
}

fn matmul(threads: usize) -> sessile::Result<Timed> {
    let g = Graph::new();
    let a = g.variable(g.random_normal([1024, 1024])?)?;
    let b = g.variable(g.random_normal([1024, 1024])?)?;
    let product = a.value()?.matmul(&b)?.operation();
    let sess = session(&g, threads, Passes::default())?;
    sess.run(g.global_variables_initializer()?)?;
    let prepared = sess.prepare(&product, &[])?;
    Ok(Timed { run: Box::new(move || prepared.run(())), work: 2.0 * 1024f64.powi(3), unit: "flop" })
}

fn chain(threads: usize) -> sessile::Result<Timed> {
    const N: usize = 10_000;
    let g = Graph::new();
    let x = g.placeholder(DType::F32, shape![])?;
    let one = g.placeholder(DType::F32, shape![])?;
    let mut h = x.clone();
    for _ in 0..N {
        h = (&h + &one)?;
    }
    let prepared = session(&g, threads, Passes::none())?.prepare(&h, &[&x, &one])?;
    let run = move || prepared.run((1.0f32, 1.0f32)).map(|y| drop(black_box(y)));
    Ok(Timed { run: Box::new(run), work: N as f64, unit: "node" })
}

fn wide(threads: usize) -> sessile::Result<Timed> {
    let g = Graph::new();
    let x = g.placeholder(DType::F32, shape![16])?;
    let one = g.placeholder(DType::F32, shape![16])?;
    let mut ends = Vec::new();
    for k in 0..100 {
        let mut h = (&x + g.constant([k as f32; 16])?)?;
        for _ in 0..100 {
            h = (&h + &one)?;
        }
        ends.push(h);
    }
    let f = sessile::ops::math::add_n(&ends.iter().collect::<Vec<_>>())?;
    let prepared = session(&g, threads, Passes::none())?.prepare(&f, &[&x, &one])?;
    let run = move || prepared.run(([1.0f32; 16], [1.0f32; 16])).map(|y| drop(black_box(y)));
    Ok(Timed { run: Box::new(run), work: 10_000.0, unit: "node" })
}

fn elementwise(threads: usize) -> sessile::Result<Timed> {
    const N: usize = 4_000_000;
    let g = Graph::new();
    let x = g.placeholder(DType::F32, shape![?])?;
    let squares = (-(&x) * &x)?;
    let f = ((x.tanh()? * x.sigmoid()?)? + (squares.exp()? * 0.5)?)?.reduce_sum(())?;
    let prepared = session(&g, threads, Passes::default())?.prepare(&f, &[&x])?;
    let v = random(&[N])?;
    let run = move || prepared.run(&v).map(|y| drop(black_box(y)));
    Ok(Timed { run: Box::new(run), work: N as f64, unit: "element" })
}

fn build(_: usize) -> sessile::Result<Timed> {
    const N: usize = 20_000;
    let run = || {
        let g = Graph::new();
        let mut h = g.placeholder(DType::F32, shape![?, 8])?;
        let w = g.placeholder(DType::F32, shape![8, 8])?;
        for _ in 0..N / 2 {
            h = h.matmul(&w)?.relu()?;
        }
        let _ = black_box(h);
        Ok(())
    };
    Ok(Timed { run: Box::new(run), work: N as f64, unit: "node" })
}

fn first_result() -> sessile::Result<()> {
    let (sess, a, f) = dense(1, [2, 3, 4], 10, false)?;
    let y = sess.run_with(&f, feeds! { a => random(&[2, 3, 4])? })?;
    println!("{:?}", y.dims());
    Ok(())
}

/// A process from its start to its end, which runs the seed program once.
fn start(_: usize) -> sessile::Result<Timed> {
    let failed = |error: std::io::Error| sessile::Error::invalid(format!("the process cannot be started: {error}"));
    let program = std::env::current_exe().map_err(failed)?;
    let run = move || {
        let output = std::process::Command::new(&program).arg(FIRST_RESULT).output().map_err(failed)?;
        assert_eq!(output.stdout, b"[2, 3, 10]\n", "the process prints the dims of its result");
        Ok(())
    };
    Ok(Timed { run: Box::new(run), work: 1.0, unit: "process" })
}
