//! Passes change what runs, never what comes out.

use sessile::optimize::Passes;
use sessile::prelude::*;

/// A linear congruential generator: the programs below are the same in every run of the tests.
struct Dice(u32);

impl Dice {
    fn roll(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (self.0 >> 8) as usize % n
    }
}

/// One set of passes each, and all together.
fn variants() -> Vec<Passes> {
    let none = Passes::none();
    vec![
        Passes { fold: true, ..none },
        Passes { merge: true, ..none },
        Passes { simplify: true, ..none },
        Passes { simplify: true, tensordot: true, ..none },
        Passes { fuse_products: true, ..none },
        Passes { fuse_elementwise: true, ..none },
        Passes::default(),
    ]
}

fn session(g: &Graph, passes: Passes) -> sessile::Result<Session> {
    Session::with_config(g, Config { passes, ..Config::default() })
}

/// `f` on some of the tensors so far; the first is a placeholder `(?, 3, 4)`.
fn grow(g: &Graph, dice: &mut Dice, all: &[Tensor]) -> sessile::Result<Tensor> {
    let x = &all[dice.roll(all.len())];
    let y = &all[dice.roll(all.len())];
    let w = || {
        let n = x.shape().dim(x.rank()? - 1).known().unwrap_or(1);
        g.constant(Value::from_vec(&[n, 5], (0..n * 5).map(|i| i as f32 / 7.0 - 1.0).collect())?)
    };
    match dice.roll(11) {
        0 => x.relu(),
        1 => x.tanh(),
        2 => x + y,
        3 => x * 0.5f64,
        4 => x.identity(),
        5 => x.tensordot(w()?, [[x.rank()? - 1], [0]]),
        6 => x.reshape([-1]),
        7 => x.tensordot(w()?, [[x.rank()? - 1], [0]])?.bias_add(g.constant([1.0f32, -2.0, 3.0, 0.5, 0.0])?)?.relu(),
        8 => x.transpose((0..x.rank()?).rev().collect::<Vec<usize>>()),
        9 => x.expand_dims(0),
        _ => x.reduce_sum(x.rank()? - 1),
    }
}

/// Random programs, with each tensor fetched alone, together with the last, and fed.
#[test]
fn each_pass_gives_the_same_bits() -> sessile::Result<()> {
    for seed in 0..40 {
        let g = Graph::new();
        let mut dice = Dice(seed);
        let mut all = vec![g.placeholder(DType::F32, shape![?, 3, 4])?];
        while all.len() < 9 {
            // What does not fit is refused while the graph is built; the next roll may.
            if let Ok(next) = grow(&g, &mut dice, &all)
                && next.shape().rank().is_some_and(|rank| (1..6).contains(&rank))
            {
                all.push(next);
            }
        }
        for n in [0, 1, 2] {
            let x = Value::from_vec(&[n, 3, 4], (0..n * 12).map(|i| (i as f32 - 11.0) / 5.0).collect())?;
            agree(&g, &all, &x, seed)?;
        }
    }
    Ok(())
}

fn agree(g: &Graph, all: &[Tensor], x: &Value, seed: u32) -> sessile::Result<()> {
    let (reference, last) = (session(g, Passes::none())?, &all[all.len() - 1]);
    // Additions of unlike shapes can fail in the run; then they must fail with passes, too.
    let want: Vec<_> = all.iter().map(|tensor| reference.run_with(tensor, feeds! { all[0] => x })).collect();
    for passes in variants() {
        let sess = session(g, passes)?;
        for (tensor, alone) in all.iter().zip(&want) {
            let got = sess.run_with(tensor, feeds! { all[0] => x });
            same(&got, alone, tensor, passes, seed);
            let Ok(value) = alone else { continue };
            if let Ok((first, second)) = sess.run_with((tensor, last), feeds! { all[0] => x }) {
                assert!(first.same_bits(value), "seed {seed}: {tensor} beside the last");
                same(&Ok(second), want.last().expect("there is a first tensor"), last, passes, seed);
            }
            let fed = feeds! { all[0] => x, tensor => value };
            let is_fed_twice = tensor == &all[0];
            if !is_fed_twice {
                let want = reference.run_with(last, fed.clone());
                same(&sess.run_with(last, fed), &want, last, passes, seed);
            }
        }
    }
    Ok(())
}

#[track_caller]
fn same(got: &sessile::Result<Value>, want: &sessile::Result<Value>, of: &Tensor, passes: Passes, seed: u32) {
    match (got, want) {
        (Ok(got), Ok(want)) => assert!(got.same_bits(want), "seed {seed}: {of} with {passes:?}:\n{got}\n{want}"),
        (Err(_), Err(_)) => {}
        (Ok(_), Err(error)) | (Err(error), Ok(_)) => panic!("seed {seed}: {of} with {passes:?}: {error}"),
    }
}

fn n_steps(fetch: &Tensor, feeds: &[&dyn sessile::session::FeedKey]) -> sessile::Result<usize> {
    let g = fetch.graph();
    let sess = Session::new(g)?;
    Ok(sess.prepare(fetch, feeds)?.n_steps())
}

#[test]
fn a_dense_layer_is_one_step() -> sessile::Result<()> {
    for relu in [false, true] {
        let g = Graph::new();
        let a = g.placeholder(DType::F32, shape![?, 3, 4])?;
        let c = g.variable(g.random_normal([4, 10])?)?;
        let d = g.variable(g.random_normal([10])?)?;
        let f = a.tensordot(&c, [[2], [0]])?.bias_add(&d)?;
        let f = if relu { f.relu()? } else { f };
        assert_eq!(n_steps(&f, &[&a])?, 1);
    }
    Ok(())
}

#[test]
fn a_claim_that_does_not_hold_is_refused_where_it_enters() -> sessile::Result<()> {
    let g = Graph::new();
    let x = g.placeholder(DType::F32, shape![?])?;
    let y = x.relu()?;
    y.set_shape(shape![3])?;
    let z = y.reshape([3])?;
    let sess = Session::new(&g)?;
    assert_eq!(sess.run_with(&z, feeds! { x => [1.0f32, -1.0, 2.0] })?.to_string(), "[1. 0. 2.]");
    assert!(sess.run_with(&z, feeds! { x => [1.0f32, -1.0] }).is_err());
    Ok(())
}

/// A function of elements of some of the tensors so far: of all shapes `(n, 3)`, a scalar, and rows `(3)` and `(1, 3)`.
fn function(dice: &mut Dice, all: &[Tensor], [scalar, row, wide_row]: [&Tensor; 3]) -> sessile::Result<Tensor> {
    let x = &all[all.len() - 1 - dice.roll(all.len().min(2))];
    let y = &all[dice.roll(all.len())];
    match dice.roll(20) {
        0 => x.tanh(),
        1 => x.sigmoid(),
        2 => x.exp(),
        3 => x + y,
        4 => x * y,
        5 => y - x,
        6 => scalar * x,
        7 => x - scalar,
        8 => x.maximum(0.25f64),
        9 => x.square()?.sqrt(),
        10 => x.abs()?.log1p(),
        11 => x.softplus(),
        12 => x.squared_difference(y),
        13 => x.sin(),
        14 => x.relu()? * 0.5f64,
        15 => x * row,
        16 => wide_row - x,
        17 => x.bias_add(row),
        18 => x.relu()? + ((-x)?.relu()? * wide_row)?,
        _ => x / (y.square()? + 1.0f64)?,
    }
}

/// Chains of elementwise functions, alone and before a reduction, over sizes around those of tiles and chunks.
#[test]
fn fused_chains_give_the_same_bits_on_any_number_of_threads() -> sessile::Result<()> {
    let axes: [&[i32]; 4] = [&[0, 1], &[0], &[1], &[]];
    for seed in 0..30 {
        let mut dice = Dice(seed * 77);
        let dtype = if seed % 3 == 0 { DType::F64 } else { DType::F32 };
        let g = Graph::new();
        let x = g.placeholder(dtype, shape!["n", 3])?;
        let scalar = g.placeholder(dtype, shape![])?;
        let row = g.placeholder(dtype, shape![3])?;
        let wide_row = row.expand_dims(0)?;
        let mut all = vec![x.clone(), g.placeholder(dtype, shape!["n", 3])?];
        while all.len() < 9 {
            all.push(function(&mut dice, &all, [&scalar, &row, &wide_row])?);
        }
        let last = &all[all.len() - 1];
        let fetches = match seed % 4 {
            0 => vec![last.clone(), all[3].clone()],
            1 => vec![last.reduce_sum(axes[dice.roll(4)])?],
            2 => vec![last.reduce_mean_keepdims(axes[dice.roll(4)])?],
            _ => vec![last.reduce_max(axes[dice.roll(4)])?, all[4].clone()],
        };
        for n in [0, 1, 5, 341, 342, 5500, 45_001] {
            let numbers = |shift: usize| (0..n * 3).map(move |i| ((i * 37 + shift) % 1001) as f64 / 250.0 - 2.0);
            let value = |shift: usize| -> sessile::Result<Value> {
                match dtype {
                    DType::F64 => Value::from_vec(&[n, 3], numbers(shift).collect()),
                    _ => Value::from_vec(&[n, 3], numbers(shift).map(|x| x as f32).collect()),
                }
            };
            let factor = Value::from_vec(&[], vec![0.75f32])?;
            let factor = if dtype == DType::F64 { Value::from_vec(&[], vec![0.75f64])? } else { factor };
            let biases = Value::from_vec(&[3], vec![-0.5f32, 1.25, 2.0])?;
            let wide_biases = Value::from_vec(&[3], vec![-0.5f64, 1.25, 2.0])?;
            let biases = if dtype == DType::F64 { wide_biases } else { biases };
            let feeds = feeds! { x => value(1)?, all[1] => value(500)?, scalar => factor, row => biases };
            let run = |fuse: bool, threads: usize| {
                let passes = Passes { fuse_products: fuse, fuse_elementwise: fuse, ..Passes::none() };
                let config = Config { passes, threads: Some(threads), ..Config::default() };
                Session::with_config(&g, config)?.run_with(&fetches[..], feeds.clone())
            };
            let want = run(false, 1)?;
            for (fuse, threads) in [(true, 1), (true, 2), (false, 3)] {
                let got = run(fuse, threads)?;
                let same = got.iter().zip(&want).all(|(got, want)| got.same_bits(want));
                assert!(same, "seed {seed}, n {n}, fuse {fuse}, {threads} threads:\n{got:?}\n{want:?}");
            }
        }
    }
    Ok(())
}

/// Both kinds of convolution, in both formats, with channels that fill vectors and that do not, strides, dilations.
#[test]
fn a_convolution_with_bias_and_activation_is_one_step_with_the_same_bits() -> sessile::Result<()> {
    use sessile::ops::nn::{DataFormat, Padding, Window};
    let forms = [(DataFormat::Nhwc, Padding::Same, 1), (DataFormat::Nchw, Padding::Valid, 2)];
    for (format, padding, stride) in forms {
        for channels in [3, 24, 40] {
            let g = Graph::new();
            let dims: &[usize] = if format == DataFormat::Nhwc { &[2, 9, 11, channels] } else { &[2, channels, 9, 11] };
            let numbers = |dims: &[usize], seed: usize| {
                let n: usize = dims.iter().product();
                Value::from_vec(dims, (0..n).map(|i| ((i * 37 + seed) % 101) as f32 / 50.0 - 1.0).collect())
            };
            let x = g.placeholder(DType::F32, dims)?;
            let mut window = Window::new(2, stride, padding.clone());
            window.data_format = format;
            if format == DataFormat::Nchw {
                window.strides.rotate_right(1);
            }
            let rows = window.axis(0);
            window.dilations[rows] = 3 - stride as i64;
            let bias = g.constant(numbers(&[channels], 5)?)?;
            let full = x.conv2d(g.constant(numbers(&[3, 3, channels, channels], 7)?)?, window.clone())?;
            let each = x.depthwise_conv2d_native(g.constant(numbers(&[3, 5, channels, 1], 9)?)?, window)?;
            for conv in [full, each] {
                let y = match format {
                    DataFormat::Nhwc => conv.bias_add(&bias)?,
                    DataFormat::Nchw => conv.bias_add_nchw(&bias)?,
                };
                let y = y.relu6()?;
                assert_eq!(n_steps(&y, &[&x])?, 1);
                let run = |passes| session(&g, passes)?.run_with(&y, feeds! { &x => numbers(dims, 3)? });
                let (plain, fused) = (run(Passes::none())?, run(Passes::default())?);
                assert_eq!(plain.slice::<f32>()?, fused.slice::<f32>()?, "{format:?} {channels}");
            }
        }
    }
    Ok(())
}
