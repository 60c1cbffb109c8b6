//! How soon a cancelled run ends: from `cancel` to the return of the run, for kernels of all kinds.
//!
//! `cargo bench --bench cancel -- [SAMPLES] [WORKLOAD ...]`. Each run is cancelled at another
//! point of its work. Runs that end by themselves before that are counted, and are no part of the figures.

use std::thread;
use std::time::{Duration, Instant};

use sessile::ops::nn::{Padding, Window};
use sessile::prelude::*;
use sessile::{CancelToken, ErrorKind, RunOptions, gradients};

/// Builds something that takes long; its elements depend on the placeholder, so nothing is computed beforehand.
type Build = fn(&Graph, &Tensor) -> sessile::Result<Tensor>;

/// Gradients of pooling with windows of 64 x 64.
fn pool_grad(x: &Tensor, pool: fn(&Tensor, usize, Window) -> sessile::Result<Tensor>) -> sessile::Result<Tensor> {
    let images = x.broadcast_to([4, 512, 512, 4])?;
    let y = pool(&images, 64, Window::new(2, 1, Padding::Valid))?;
    let slope = gradients(&[&y], &[&images])?.remove(0);
    Ok(slope.expect("pooling has a gradient"))
}

const WORKLOADS: &[(&str, Build)] = &[
    ("matmul", |_, x| x.broadcast_to([5000, 5000])?.matmul(x.broadcast_to([5000, 5000])?)),
    ("conv2d", |_, x| {
        let (images, filter) = (x.broadcast_to([32, 128, 128, 64])?, x.broadcast_to([5, 5, 64, 64])?);
        images.conv2d(filter, Window::new(2, 1, Padding::Same))
    }),
    ("max_pool_grad", |_, x| pool_grad(x, Tensor::max_pool)),
    ("avg_pool_grad", |_, x| pool_grad(x, Tensor::avg_pool)),
    ("unique", |g, x| (g.range(0, 20_000_000, 1)? + x.cast(DType::I32)?)?.unique().map(|(y, _)| y)),
    ("cholesky", |g, x| (g.eye(DType::F32, 3000, 3000)? * (x + 2.0)?)?.cholesky()),
    ("sort", |g, x| (g.range(0, 16_000_000, 1)?.cast(DType::F32)? * x)?.top_k(4_000_000).map(|(y, _)| y)),
    ("while", |g, x| {
        let one = x.clone();
        g.while_loop(
            (g.constant(0i64)?, x.clone()),
            |(i, _)| i.less(100_000_000i64),
            |(i, y)| Ok(((i + 1i64)?, (y * &one)?)),
        )
        .map(|(_, y)| y)
    }),
    ("map_fn", |g, x| {
        let rows = x.broadcast_to([100_000, 64])?;
        g.map_fn(&rows, |row| row.reshape([64, 1])?.matmul(row.reshape([1, 64])?)?.tanh()?.reduce_sum(()))
    }),
];

fn main() -> sessile::Result<()> {
    let mut arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let samples = arguments.first().and_then(|n| n.parse().ok()).unwrap_or(100);
    arguments.retain(|argument| argument.parse::<usize>().is_err());
    println!("{:>14}  {:>8} {:>8} {:>8}  ms from cancel to the end", "", "median", "p99", "most");
    for (name, build) in WORKLOADS {
        if !arguments.is_empty() && !arguments.iter().any(|argument| argument == name) {
            continue;
        }
        let late = (0..samples).map(|i| lateness(*build, i)).collect::<sessile::Result<Vec<Option<Duration>>>>()?;
        let mut late: Vec<Duration> = late.into_iter().flatten().collect();
        late.sort_unstable();
        // The least figure that so many of a hundred runs do not exceed.
        let ms = |part: usize| {
            late.get((late.len() * part).div_ceil(100).max(1) - 1).map_or(f64::NAN, |d| d.as_secs_f64() * 1e3)
        };
        println!("{name:>14}  {:8.2} {:8.2} {:8.2}  {} of {samples} cancelled", ms(50), ms(99), ms(100), late.len());
    }
    Ok(())
}

/// Cancels one run a while after it began: later with each sample. `None` where it had ended by then.
fn lateness(build: Build, sample: u32) -> sessile::Result<Option<Duration>> {
    let g = Graph::new();
    let x = g.placeholder(DType::F32, shape![])?;
    let y = build(&g, &x)?;
    let sess = Session::new(&g)?;
    let token = CancelToken::new();
    let options = RunOptions { cancel: Some(token.clone()), ..RunOptions::default() };
    let canceller = thread::spawn(move || {
        thread::sleep(Duration::from_millis(20 + u64::from(sample) * 7 % 300));
        let at = Instant::now();
        token.cancel();
        at
    });
    let result = sess.run_with_options(&y, feeds! { x => 1.0f32 }, &options);
    let end = Instant::now();
    let at = canceller.join().expect("the thread only sleeps");
    match result {
        Err(error) if error.kind() == ErrorKind::Cancelled => Ok(Some(end.duration_since(at))),
        Err(error) => Err(error),
        Ok(_) => Ok(None),
    }
}
