use half::{bf16, f16};
use num_complex::Complex;

use super::*;
use crate::pool::Pool;
use crate::simd;

/// Reproducible numbers in [-1, 1].
fn numbers<T>(n: usize, seed: u64, make: impl Fn(f64) -> T) -> Vec<T> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
    };
    (0..n).map(|_| make(next())).collect()
}

/// The textbook product, in the arithmetic of `sum`.
fn naive<T: Number, S: Copy>(p: &Product<'_, T>, zero: S, add: impl Fn(S, T, T) -> S) -> Vec<S> {
    let ((ar, ac), (br, bc)) = (p.a_strides(), p.b_strides());
    let element =
        |i: usize, j: usize| (0..p.k).fold(zero, |sum, q| add(sum, p.a[i * ar + q * ac], p.b[q * br + j * bc]));
    (0..p.m * p.n).map(|at| element(at / p.n, at % p.n)).collect()
}

fn activate(x: f64, activation: Activation) -> f64 {
    match activation {
        Activation::None => x,
        Activation::Relu => x.max(0.0),
        Activation::Relu6 => x.clamp(0.0, 6.0),
        Activation::Tanh => x.tanh(),
        Activation::Sigmoid => 1.0 / (1.0 + (-x).exp()),
    }
}

/// Compares a product with the textbook's in float64, under several epilogues. `tolerance` is for one product of
/// numbers up to 1; the errors of a sum grow with the square root of its length.
#[track_caller]
fn check<T: Number>(threads: Threads<'_>, p: &Product<'_, T>, bias: &[T], to: impl Fn(T) -> f64, tolerance: f64) {
    let sums = naive(p, 0.0, |sum, a, b| sum + to(a) * to(b));
    let allowed = tolerance * (p.k as f64 + 1.0).sqrt();
    for (bias, activation) in [
        (None, Activation::None),
        (Some(bias), Activation::Relu),
        (None, Activation::Relu6),
        (Some(bias), Activation::Tanh),
        (Some(bias), Activation::Sigmoid),
    ] {
        let mut c = vec![T::ONE; p.m * p.n];
        matmul(threads, p.m, p.k, p.n, p.a, p.ta, p.b, p.tb, &mut c, &Epilogue { bias, activation }).unwrap();
        for (at, (got, sum)) in c.iter().zip(&sums).enumerate() {
            let want = activate(sum + bias.map_or(0.0, |bias| to(bias[at % p.n])), activation);
            let (m, k, n) = (p.m, p.k, p.n);
            assert!((to(*got) - want).abs() <= allowed, "{m}x{k}x{n} {} {}: {got:?} is not {want}", p.ta, p.tb);
        }
    }
}

const SIZES: [(usize, usize, usize); 18] = [
    (1, 1, 1),
    (6, 4, 10),
    (2, 3, 1),
    (3, 0, 4),
    (0, 3, 4),
    (3, 4, 0),
    (1, 7, 5),
    (1, 70, 150),
    (7, 100, 1),
    (9, 17, 16),
    (19, 5, 33),
    (31, 33, 31),
    (1, 600, 9),
    (60, 3, 2),
    (13, 520, 15),
    (33, 40, 50),
    (65, 69, 70),
    (20, 300, 17),
];

#[track_caller]
fn check_sizes<T: Number>(make: impl Fn(f64) -> T + Copy, to: impl Fn(T) -> f64 + Copy, tolerance: f64) {
    let pool = Pool::new(2).unwrap();
    for (i, (m, k, n)) in SIZES.into_iter().enumerate() {
        let (a, b) = (numbers(m * k, i as u64 + 1, make), numbers(k * n, i as u64 + 100, make));
        let bias = numbers(n, 7, make);
        for flags in 0..4 {
            let (ta, tb) = (flags & 1 > 0, flags & 2 > 0);
            let p = Product { m, k, n, a: &a, ta, b: &b, tb, bias: Bias::None, activation: Activation::None };
            check(Threads::unlimited(&pool), &p, &bias, to, tolerance);
        }
    }
}

#[test]
fn float_products_agree_with_the_textbook() {
    check_sizes(|x| x as f32, f64::from, 3e-6);
    check_sizes(|x| x, |x| x, 6e-15);
}

#[test]
fn half_products_are_rounded_float32() {
    check_sizes(|x| f16::from_f64(x * 0.1), f16::to_f64, 2e-3);
    check_sizes(|x| bf16::from_f64(x * 0.1), bf16::to_f64, 1e-2);
}

#[test]
fn integers_wrap_and_complex_numbers_multiply() {
    let pool = Pool::new(2).unwrap();
    for (m, k, n) in SIZES {
        let (a, b) = (numbers(m * k, 1, |x| (x * 2e9) as i32), numbers(k * n, 2, |x| (x * 2e9) as i32));
        for flags in 0..4 {
            let (ta, tb) = (flags & 1 > 0, flags & 2 > 0);
            let p = Product { m, k, n, a: &a, ta, b: &b, tb, bias: Bias::None, activation: Activation::None };
            let mut c = vec![1; m * n];
            matmul(Threads::unlimited(&pool), m, k, n, &a, ta, &b, tb, &mut c, &Epilogue::NONE).unwrap();
            assert_eq!(c, naive(&p, 0, |sum: i32, a, b| sum.wrapping_add(a.wrapping_mul(b))));
        }
    }
    let i = Complex::new(0.0_f32, 1.0);
    let mut c = [Complex::new(9.0, 9.0)];
    matmul(
        Threads::unlimited(&pool),
        1,
        2,
        1,
        &[i, i],
        false,
        &[i, Complex::new(2.0, 0.0)],
        false,
        &mut c,
        &Epilogue::NONE,
    )
    .unwrap();
    assert_eq!(c, [Complex::new(-1.0, 2.0)]);
}

#[test]
fn k_of_zero_gives_the_bias() {
    let pool = Pool::new(1).unwrap();
    let mut c = [f32::NAN; 6];
    let epilogue = Epilogue { bias: Some(&[1.0, -2.0, 3.0]), activation: Activation::Relu };
    matmul(Threads::unlimited(&pool), 2, 0, 3, &[], false, &[], false, &mut c, &epilogue).unwrap();
    assert_eq!(c, [1.0, 0.0, 3.0, 1.0, 0.0, 3.0]);
    let mut wide = vec![f32::NAN; 40 * 40];
    matmul(Threads::unlimited(&pool), 40, 0, 40, &[], true, &[], true, &mut wide, &Epilogue::NONE).unwrap();
    assert!(wide.iter().all(|&x| x == 0.0));
}

#[test]
fn nan_and_infinity_pass_through() {
    let pool = Pool::new(1).unwrap();
    for (m, n) in [(1, 1), (3, 5), (50, 50)] {
        let mut a = vec![1.0_f32; m * 40];
        a[39] = f32::NAN;
        let (b, mut c) = (vec![1.0; 40 * n], vec![0.0; m * n]);
        let epilogue = Epilogue { bias: None, activation: Activation::Relu };
        matmul(Threads::unlimited(&pool), m, 40, n, &a, false, &b, false, &mut c, &epilogue).unwrap();
        assert!(c[..n].iter().all(|x| x.is_nan()) && c[n..].iter().all(|&x| x == 40.0));
    }
}

#[test]
fn any_pool_gives_the_same_bits() {
    let pools = [1, 2, 3, 8].map(|threads| Pool::new(threads).unwrap());
    let sizes = [(300, 40, 200), (1, 2100, 1030), (1030, 2100, 1), (5000, 40, 12), (40, 60, 1000), (70, 1030, 40)];
    for (m, k, n) in sizes {
        for flags in 0..4 {
            let (a, b) = (numbers(m * k, 3, |x| x as f32), numbers(k * n, 4, |x| x as f32));
            let bias = numbers(n, 5, |x| x as f32);
            let products = pools.each_ref().map(|pool| {
                let mut c = vec![0.0; m * n];
                let epilogue = Epilogue { bias: Some(&bias), activation: Activation::Relu };
                matmul(Threads::unlimited(pool), m, k, n, &a, flags & 1 > 0, &b, flags & 2 > 0, &mut c, &epilogue)
                    .unwrap();
                c
            });
            assert!(Grid::of(m, k, n).count() > 1 || n == 1 || m == 70);
            products.iter().for_each(|c| assert!(*c == products[0], "{m}x{k}x{n}"));
        }
    }
}

/// The ways of large products, on shapes that this machine may send another way.
#[test]
fn large_ways_agree_with_the_textbook() {
    let pool = Pool::new(2).unwrap();
    for (m, k, n) in [(3, 5, 7), (45, 600, 70), (64, 40, 1100), (70, 1030, 33)] {
        let (a, b) = (numbers(m * k, 3, |x| x), numbers(k * n, 4, |x| x));
        let bias = numbers(n, 5, |x| x);
        for flags in 0..4 {
            let (ta, tb) = (flags & 1 > 0, flags & 2 > 0);
            let p = Product { m, k, n, a: &a, ta, b: &b, tb, bias: Bias::Row(&bias), activation: Activation::Relu };
            let mut by_gemm = vec![f64::NAN; m * n];
            // SAFETY: the block is all of `by_gemm`.
            unsafe { large::run(&p, &Block { rows: 0..m, columns: 0..n }, by_gemm.as_mut_ptr(), &mut Watch(None)) };
            let mut by_tiles = vec![f64::NAN; m * n];
            packed::run(Some(Threads::unlimited(&pool)), &p, &mut by_tiles);
            for (at, want) in naive(&p, 0.0, |sum, a, b| sum + a * b).into_iter().enumerate() {
                let want = (want + bias[at % n]).max(0.0);
                assert!((by_gemm[at] - want).abs() < 1e-11, "gemm {m}x{k}x{n} {ta} {tb}");
                assert!((by_tiles[at] - want).abs() < 1e-11, "tiles {m}x{k}x{n} {ta} {tb}");
            }
        }
    }
}

#[test]
fn packed_products_cut_anywhere_give_the_same_bits() {
    let (m, k, n) = (61, 600, 50);
    let (a, b) = (numbers(m * k, 3, |x| x as f32), numbers(k * n, 4, |x| x as f32));
    let of = |rows: std::ops::Range<usize>| {
        let a = &a[rows.start * k..rows.end * k];
        let (bias, activation) = (Bias::None, Activation::None);
        let p = Product { m: rows.len(), k, n, a, ta: false, b: &b, tb: false, bias, activation };
        let mut c = vec![0.0; rows.len() * n];
        packed::run(None, &p, &mut c);
        c
    };
    let whole = of(0..m);
    for step in [1, 3, 8, 17, 60] {
        let parts: Vec<f32> = (0..m).step_by(step).flat_map(|row| of(row..m.min(row + step))).collect();
        assert!(parts == whole, "{step} rows");
    }
}

#[test]
fn small_kernels_of_all_levels_agree() {
    for level in [Level::Baseline, Level::Avx2, Level::Avx512].into_iter().filter(|&l| l <= simd::level()) {
        for (m, k, n) in SIZES {
            let (a, b) = (numbers(m * k, 3, |x| x), numbers(k * n, 4, |x| x));
            let bias = numbers(n, 5, |x| x);
            for flags in 0..4 {
                let (ta, tb) = (flags & 1 > 0, flags & 2 > 0);
                let p =
                    Product { m, k, n, a: &a, ta, b: &b, tb, bias: Bias::Row(&bias), activation: Activation::Relu6 };
                let mut c = vec![0.0; m * n];
                // SAFETY: the block is all of `c`, and the CPU has this level.
                unsafe {
                    small::run_at(level, &p, &Block { rows: 0..m, columns: 0..n }, c.as_mut_ptr(), &mut Watch(None))
                };
                for (at, want) in naive(&p, 0.0, |sum, a, b| sum + a * b).into_iter().enumerate() {
                    let want = (want + bias[at % n]).clamp(0.0, 6.0);
                    assert!((c[at] - want).abs() < 1e-12, "{level:?} {m}x{k}x{n} {ta} {tb}");
                }
            }
        }
    }
}

/// The small kernel gives each element the same bits in whatever block it is made.
#[test]
fn small_blocks_cut_anywhere_give_the_same_bits() {
    for (m, k, n) in [(19, 300, 45), (1, 300, 70)] {
        let (a, b) = (numbers(m * k, 3, |x| x as f32), numbers(k * n, 4, |x| x as f32));
        for tb in [false, true] {
            let (bias, activation) = (Bias::None, Activation::None);
            let p = Product { m, k, n, a: &a, ta: false, b: &b, tb, bias, activation };
            let mut whole = vec![0.0; m * n];
            // SAFETY: the block is all of `whole`.
            unsafe { small::run(&p, &Block { rows: 0..m, columns: 0..n }, whole.as_mut_ptr(), &mut Watch(None)) };
            for (row_step, column_step) in [(1, 1), (3, 7), (8, 16), (m, 33), (5, n)] {
                let mut c = vec![0.0; m * n];
                for row in (0..m).step_by(row_step) {
                    for column in (0..n).step_by(column_step) {
                        let rows = row..m.min(row + row_step);
                        let block = Block { rows, columns: column..n.min(column + column_step) };
                        // SAFETY: the block lies in `c`.
                        unsafe { small::run(&p, &block, c.as_mut_ptr(), &mut Watch(None)) };
                    }
                }
                assert!(c == whole, "{row_step} {column_step}");
            }
        }
    }
}

#[test]
fn batches_are_products_one_by_one() {
    let pool = Pool::new(3).unwrap();
    for (m, k, n) in [(2, 3, 4), (20, 30, 5), (130, 90, 100), (1, 5, 1), (2, 0, 3), (0, 1, 2)] {
        let (a, b) = (numbers(3 * m * k, 1, |x| x as f32), numbers(2 * k * n, 2, |x| x as f32));
        let bias = numbers(n, 3, |x| x as f32);
        let epilogue = Epilogue { bias: Some(&bias), activation: Activation::Relu };
        let a_offsets = [0, 1, 2, 0, 1, 2].map(|i| i * m * k);
        let b_offsets = [0, 0, 0, 1, 1, 1].map(|i| i * k * n);
        let mut got = vec![0.0; 6 * m * n];
        batch_matmul(
            Threads::unlimited(&pool),
            m,
            k,
            n,
            &a,
            false,
            &a_offsets,
            &b,
            true,
            &b_offsets,
            &mut got,
            &epilogue,
        )
        .unwrap();
        let mut want = vec![0.0; 6 * m * n];
        for i in 0..6 {
            let (a, b) = (&a[a_offsets[i]..][..m * k], &b[b_offsets[i]..][..k * n]);
            matmul(Threads::unlimited(&pool), m, k, n, a, false, b, true, &mut want[i * m * n..][..m * n], &epilogue)
                .unwrap();
        }
        assert!(got == want, "{m}x{k}x{n}");
    }
}

/// By hand: sums of small whole numbers, which are exact.
#[test]
fn long_dot_products_are_sums_of_pieces() {
    let pool = Pool::new(1).unwrap();
    let k = (1 << 20) + 77;
    let (a, b) = (numbers(k, 1, |x| (x * 2.0).round()), numbers(6 * k, 2, |x| (x * 2.0).round()));
    let p =
        Product { m: 1, k, n: 6, a: &a, ta: false, b: &b, tb: true, bias: Bias::None, activation: Activation::None };
    let mut c = vec![f64::NAN; 6];
    matmul(Threads::unlimited(&pool), 1, k, 6, &a, false, &b, true, &mut c, &Epilogue::NONE).unwrap();
    assert_eq!(c, naive(&p, 0.0, |sum, a, b| sum + a * b));
}

/// Each block is small enough, or cut along `k`, that a run can end soon.
#[test]
fn no_block_takes_long() {
    let sizes = [1, 17, 300, 5000, 1 << 20, 1 << 30];
    for [m, k, n] in (0..216).map(|i| [i / 36, i / 6 % 6, i % 6].map(|at: usize| sizes[at])) {
        let grid = Grid::of(m, k, n);
        if grid.way == Way::Large {
            let block = grid.block(0);
            let cells = block.rows.len() * block.columns.len();
            assert!(grid::cost(cells, grid::depth(cells, k), 1) <= 1 << 28, "{m} {k} {n}");
            assert!(cells <= 1 << 23, "{m} {k} {n}");
        }
    }
}

#[test]
fn a_row_of_a_plain_product_ends_with_its_run() {
    let (pool, limits) = (Pool::new(1).unwrap(), crate::cancel::Limits::default().with_work(1 << 20));
    let (a, b, mut c) = (vec![1i32; 3000], vec![1i32; 3000 * 3000], vec![0; 3000]);
    let threads = Threads::new(&pool, &limits);
    let error = matmul(threads, 1, 3000, 3000, &a, false, &b, false, &mut c, &Epilogue::NONE).unwrap_err();
    assert_eq!(error.message(), "the work is more than 1048576 units, which is its budget");
}
