//! Matrix products: GFLOP/s (or ns) by shape, on 1 and 2 threads. `cargo bench --bench product [words]` runs the rows
//! whose text contains one of the words.

use std::hint::black_box;
use std::time::Instant;

use sessile::kernel::product::{Activation, Epilogue, matmul};
use sessile::kernel::threads::Threads;
use sessile::pool::Pool;

/// Runs `f` often enough for a clock's tick, then returns the median and the best time of one run, in ns.
fn time(mut f: impl FnMut()) -> (f64, f64) {
    let started = Instant::now();
    let mut calls = 0_u64;
    while started.elapsed().as_millis() < 50 {
        f();
        calls += 1;
    }
    let per_sample = (calls / 100).max(1);
    let mut samples: Vec<f64> = (0..31)
        .map(|_| {
            let started = Instant::now();
            (0..per_sample).for_each(|_| f());
            started.elapsed().as_nanos() as f64 / per_sample as f64
        })
        .collect();
    samples.sort_by(f64::total_cmp);
    (samples[samples.len() / 2], samples[0])
}

/// `m, k, n`, transposes, and whether bias and relu follow.
const ROWS: [(usize, usize, usize, bool, bool, bool); 26] = [
    (6, 4, 10, false, false, false),
    (6, 4, 10, false, false, true),
    (1, 8, 8, false, false, true),
    (8, 8, 8, false, false, true),
    (16, 16, 16, false, false, true),
    (32, 32, 32, false, false, true),
    (32, 32, 32, true, false, true),
    (32, 32, 32, false, true, true),
    (48, 48, 48, false, false, true),
    (64, 64, 64, false, false, true),
    (128, 128, 128, false, false, true),
    (1000, 4, 10, false, false, true),
    (128, 512, 10, false, false, true),
    (128, 512, 10, false, true, true),
    (512, 128, 10, true, false, false),
    (1, 512, 512, false, false, true),
    (1, 512, 512, false, true, true),
    (512, 512, 1, false, false, true),
    (1, 4096, 4096, false, false, true),
    (2, 512, 512, false, false, true),
    (16, 512, 512, false, false, true),
    (128, 512, 512, false, false, true),
    (128, 784, 512, false, false, true),
    (784, 128, 512, true, false, false),
    (1024, 1024, 1024, false, false, false),
    (8192, 512, 512, false, false, true),
];

fn bench<T: sessile::kernel::Number>(pools: &[Pool], words: &[String], make: impl Fn(u32) -> T) {
    let numbers = |n: usize| (0..n as u32).map(|i| make(i.wrapping_mul(2654435761) >> 8)).collect::<Vec<T>>();
    for (m, k, n, ta, tb, dense) in ROWS {
        let name = format!("{} {m}x{k}x{n} {}{}", T::DTYPE, ["", "ta "][ta as usize], ["", "tb "][tb as usize]);
        if !words.is_empty() && !words.iter().any(|word| name.contains(word.as_str())) {
            continue;
        }
        let (a, b, bias) = (numbers(m * k), numbers(k * n), numbers(n));
        let mut c = vec![T::ZERO; m * n];
        let relu = Epilogue { bias: Some(&bias), activation: Activation::Relu };
        let epilogue = if dense { relu } else { Epilogue::NONE };
        print!("{name:<28}{:<10}", ["", "bias relu"][dense as usize]);
        for pool in pools {
            let (median, best) = time(|| {
                matmul(
                    Threads::unlimited(pool),
                    m,
                    k,
                    n,
                    black_box(&a),
                    ta,
                    black_box(&b),
                    tb,
                    black_box(&mut c),
                    &epilogue,
                )
                .expect("nothing ends the run");
            });
            let gflops = 2.0 * (m * k * n) as f64 / median;
            let (median, best) = (median / 1e3, best / 1e3);
            print!("  {} thr: {median:>10.3} us (best {best:>10.3}) {gflops:>6.1} GFLOP/s", pool.threads());
        }
        println!();
    }
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
    let pools = [1, 2].map(|threads| Pool::new(threads).expect("threads are available"));
    bench(&pools, &words, |x| x as f32 / (1 << 23) as f32 - 1.0);
    bench(&pools, &words, |x| f64::from(x) / f64::from(1 << 23) - 1.0);
}
