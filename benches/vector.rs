//! Vector functions: ns an element in a tile of 2048 (first cache) and over 4 M elements, one thread. `cargo bench --bench
//! vector [words]` runs the rows whose text contains one of the words.

use std::hint::black_box;
use std::time::Instant;

use sessile::kernel::philox::{PhiloxKey, fill_normal_f32, fill_truncated_normal_f32, fill_uniform_f32};
use sessile::kernel::vector::{Binary, Unary, reduce};

const SIZES: [usize; 2] = [2048, 1 << 22];

/// The median time of one run, in ns.
fn time(mut f: impl FnMut()) -> f64 {
    let started = Instant::now();
    let mut calls = 0_u64;
    while started.elapsed().as_millis() < 20 {
        f();
        calls += 1;
    }
    let per_sample = (calls / 50).max(1);
    let mut samples: Vec<f64> = (0..15)
        .map(|_| {
            let started = Instant::now();
            (0..per_sample).for_each(|_| f());
            started.elapsed().as_nanos() as f64 / per_sample as f64
        })
        .collect();
    samples.sort_by(f64::total_cmp);
    samples[samples.len() / 2]
}

struct Table {
    words: Vec<String>,
}

impl Table {
    fn row(&self, name: &str, mut run: impl FnMut(usize)) {
        if !self.words.is_empty() && !self.words.iter().any(|word| name.contains(word.as_str())) {
            return;
        }
        print!("{name:<28}");
        for n in SIZES {
            print!("  {n:>8}: {:>8.3} ns", time(|| run(n)) / n as f64);
        }
        println!();
    }
}

fn main() {
    let table = Table { words: std::env::args().skip(1).filter(|word| !word.starts_with("--")).collect() };
    let x: Vec<f32> = (0..SIZES[1] as u32).map(|i| (i.wrapping_mul(2654435761) >> 8) as f32 / 1e6 - 8.0).collect();
    let mut y = vec![0.0_f32; x.len()];
    let wide: Vec<f64> = x.iter().map(|&x| f64::from(x)).collect();
    let mut wide_out = vec![0.0_f64; x.len()];
    for f in Unary::ALL {
        let map = f.f32();
        table.row(&format!("float32 {f:?}"), |n| map.out(black_box(&x[..n]), black_box(&mut y[..n])));
    }
    for f in [Unary::Exp, Unary::Log, Unary::Tanh, Unary::Sigmoid, Unary::Relu, Unary::Sqrt] {
        let map = f.f64();
        table.row(&format!("float64 {f:?}"), |n| map.out(black_box(&wide[..n]), black_box(&mut wide_out[..n])));
    }
    for f in [Binary::Add, Binary::Mul, Binary::Div, Binary::Max, Binary::Pow, Binary::FloorMod, Binary::TanhGrad] {
        let map = f.f32();
        table.row(&format!("float32 {f:?}"), |n| map.out(black_box(&x[..n]), &x[..n], black_box(&mut y[..n])));
        table.row(&format!("float32 {f:?} in place"), |n| map.over_left(black_box(&mut y[..n]), black_box(&x[..n])));
        table.row(&format!("float32 {f:?} scalar"), |n| {
            map.scalar_right(black_box(&x[..n]), black_box(3.0), black_box(&mut y[..n]));
        });
    }
    table.row("float32 sum", |n| _ = black_box(reduce::sum_f32(black_box(&x[..n]))));
    table.row("float32 dot", |n| _ = black_box(reduce::dot_f32(black_box(&x[..n]), &x[..n])));
    table.row("float32 max", |n| _ = black_box(reduce::max_f32(black_box(&x[..n]))));
    let key = PhiloxKey([1, 2]);
    table.row("float32 uniform", |n| fill_uniform_f32(key, 0, black_box(&mut y[..n])));
    table.row("float32 normal", |n| fill_normal_f32(key, 0, black_box(&mut y[..n])));
    table.row("float32 truncated normal", |n| fill_truncated_normal_f32(key, 0, black_box(&mut y[..n])));
}
