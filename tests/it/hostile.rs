//! Arguments that no program means: whatever is asked for, builders and runs answer with a value or an error.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use sessile::ops::array::Mirror;
use sessile::ops::nn::{DataFormat, Padding, Window};
use sessile::prelude::*;
use sessile::{ErrorKind, Result, RunOptions};

/// Numbers at which arithmetic breaks.
const WHOLE: [i64; 10] = [0, 1, 2, 3, -1, -2, 1 << 62, i64::MAX, i64::MIN, i64::MIN + 1];
const SMALL: [i32; 8] = [0, 1, 2, 3, -1, -2, i32::MAX, i32::MIN];

/// A linear congruential generator: the arguments are the same in every run of the tests.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % n
    }

    fn whole(&mut self) -> i64 {
        WHOLE[self.roll(WHOLE.len())]
    }

    fn small(&mut self) -> i32 {
        SMALL[self.roll(SMALL.len())]
    }

    fn list(&mut self) -> Vec<i64> {
        let n = self.roll(4);
        (0..n).map(|_| self.whole()).collect()
    }

    fn pairs(&mut self) -> Vec<[i32; 2]> {
        let n = self.roll(4);
        (0..n).map(|_| [self.small(), self.small()]).collect()
    }

    fn window(&mut self) -> Window {
        let spatial = self.roll(4);
        let padding = match self.roll(3) {
            0 => Padding::Same,
            1 => Padding::Valid,
            _ => Padding::Explicit(self.list()),
        };
        let mut window = Window::new(spatial, self.whole() as usize, padding);
        if self.roll(2) == 0 {
            (window.strides, window.dilations) = (self.list(), self.list());
        }
        window
    }
}

/// A tensor to begin with: scalars, empty ones, images, and a placeholder of unknown shape that is fed.
fn input(g: &Graph, dice: &mut Dice) -> Result<(Tensor, Value)> {
    let all: [&[usize]; 12] = [
        &[],
        &[0],
        &[3],
        &[2, 3],
        &[0, 3],
        &[2, 0, 3],
        &[1, 4, 4, 2],
        &[1, 2, 2, 2, 1],
        &[2, 2, 1, 1],
        &[1 << 40, 0],
        &[0, 1 << 40],
        &[1 << 40, 0, 3],
    ];
    let dims = all[dice.roll(all.len())];
    let n = dims.iter().product::<usize>();
    let value = match dice.roll(4) {
        0 => Value::from_vec(dims, (0..n).map(|i| [i32::MIN, -1, 0, 7][i % 4]).collect())?,
        1 => Value::from_vec(dims, (0..n).map(|i| [i64::MIN, -1, 0, 7][i % 4]).collect())?,
        2 => Value::from_vec(dims, (0..n).map(|i| i % 2 == 0).collect())?,
        _ => Value::from_vec(dims, (0..n).map(|i| [f32::NAN, -0.0, 1e20, f32::INFINITY, 0.5][i % 5]).collect())?,
    };
    let shape = match dice.roll(3) {
        0 => Shape::unknown(),
        1 => Shape::unknown_of_rank(dims.len()),
        _ => Shape::from(dims),
    };
    if dice.roll(3) == 0 {
        return Ok((g.constant(&value)?, value));
    }
    Ok((g.placeholder(value.dtype(), shape)?, value))
}

/// One builder with arguments that the dice choose.
fn build(g: &Graph, x: &Tensor, y: &Tensor, dice: &mut Dice) -> Result<Tensor> {
    let first = |all: Vec<Tensor>| all.into_iter().next().ok_or_else(|| sessile::Error::invalid("no outputs"));
    match dice.roll(62) {
        0 => x.reshape(dice.list()),
        1 => x.tile(dice.list()),
        2 => x.broadcast_to(dice.list()),
        3 => g.fill(dice.list(), 1.0f32),
        4 => g.zeros(DType::F64, dice.list()),
        5 => x.transpose(dice.list()),
        6 => x.expand_dims(dice.small()),
        7 => x.squeeze_axes(&dice.list()),
        8 => concat(&[x, y], dice.small()),
        9 => stack(&[x, y], dice.whole()),
        10 => first(x.unstack(dice.whole())?),
        11 => first(x.split(dice.whole() as usize % 1000, dice.small())?),
        12 => first(x.split_sizes(&dice.list(), dice.small())?),
        13 => x.slice(dice.list(), dice.list()),
        14 => x.strided_slice(dice.list(), dice.list(), dice.list(), Default::default()),
        15 => x.index(index![dice.whole()..dice.whole(), dice.whole()]),
        16 => x.index(index![Index::from(dice.whole()..).by(dice.whole()), Index::NewAxis, Index::Ellipsis]),
        17 => x.gather(y),
        18 => x.gather_along(y, dice.small(), dice.whole()),
        19 => x.gather_nd(y),
        20 => x.scatter_nd(y, dice.list()),
        21 => x.one_hot(dice.whole()),
        22 => x.one_hot_with(dice.whole(), 1.0f32, 0.0f32, dice.whole()),
        23 => x.pad(&dice.pairs()),
        24 => x.mirror_pad(&dice.pairs(), if dice.roll(2) == 0 { Mirror::Reflect } else { Mirror::Symmetric }),
        25 => x.reverse(dice.list()),
        26 => x.invert_permutation(),
        27 => x.roll(dice.list(), dice.list()),
        28 => x.select(y, y),
        29 => x.where_(),
        30 => x.bitcast(if dice.roll(2) == 0 { DType::U8 } else { DType::C128 }),
        31 => x.cast(DType::I8),
        32 => Ok(x.unique()?.0),
        33 => Ok(x.setdiff1d(y)?.0),
        34 => x.argmax(dice.small()),
        35 => x.cumsum(dice.small(), Default::default()),
        36 => x.reduce_sum(dice.list()),
        37 => x.reduce_max(dice.list()),
        38 => x.reduce_mean(()),
        39 => x.tensordot(y, dice.small()),
        40 => x.tensordot(y, (dice.list(), dice.list())),
        41 => x.matmul(y),
        42 => x + y,
        43 => x / y,
        44 => x % y,
        45 => x.pow(y),
        46 => x.floor_div(y),
        47 => x.abs()?.cast(DType::I32),
        48 => x.conv2d(y, dice.window()),
        49 => x.conv3d(y, dice.window()),
        50 => x.depthwise_conv2d_native(y, dice.window()),
        51 => x.max_pool(dice.whole() as usize, dice.window()),
        52 => x.avg_pool(dice.whole() as usize, dice.window()),
        53 => x.softmax(),
        54 => Ok(x.top_k(dice.whole() as usize)?.0),
        55 => x.nth_element(dice.whole() as usize),
        56 => x.in_top_k(y, dice.small()),
        57 => x.bias_add(y),
        58 => Ok(x.moments(dice.list())?.0),
        59 => x.sparse_softmax_cross_entropy_with_logits(y),
        60 => x.clip_by_value(1, 0),
        _ => g.range(dice.small() % 4, dice.small() % 4, dice.small()),
    }
}

fn attempt(seed: u64) -> Result<Value> {
    let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let g = Graph::new();
    let ((x, a), (y, b)) = (input(&g, &mut dice)?, input(&g, &mut dice)?);
    let made = build(&g, &x, &y, &mut dice)?;
    let count = made.shape().num_elements().and_then(|n| n.as_i64());
    assert!(count.is_none_or(|n| n >= 0), "a size below zero: {made}");
    let sess = Session::with_config(&g, Config { threads: Some(1), ..Config::default() })?;
    // Some sizes are not impossible, only large.
    let options =
        RunOptions { memory_budget: Some(1 << 20), timeout: Some(Duration::from_secs(5)), ..RunOptions::default() };
    Ok(sess.run_with_options(&made, Feeds::new().with(&x, a).with(&y, b), &options)?.0)
}

const SEEDS: u64 = 12_000;

/// Thousands of builder calls with arguments from the edges of the integers, each run as well: not one panics.
#[test]
fn hostile_arguments_are_answered_with_errors() {
    let mut panics = Vec::new();
    let mut n_values = 0;
    for seed in 0..SEEDS {
        match catch_unwind(AssertUnwindSafe(|| attempt(seed))) {
            Ok(Ok(_)) => n_values += 1,
            Ok(Err(error))
                if matches!(error.kind(), ErrorKind::Panicked | ErrorKind::Internal | ErrorKind::DeadlineExceeded) =>
            {
                panics.push(format!("{seed}: {error}"));
            }
            Ok(Err(_)) => {}
            Err(_) => panics.push(format!("{seed}: the builder panicked")),
        }
    }
    assert!(panics.is_empty(), "{} of {SEEDS}:\n{}", panics.len(), panics.join("\n"));
    assert!(n_values > 1000, "most arguments were hopeless: {n_values}");
}

#[test]
fn lists_of_no_tensors_are_refused() {
    assert!(concat(&[], 0).is_err());
    assert!(stack(&[], 0).is_err());
    assert!(sessile::ops::math::add_n(&[]).is_err());
    assert!(sessile::ops::array::identity_n(&[]).is_err());
    assert!(sessile::ops::array::shape_n(&[]).is_err());
}

#[test]
fn random_tensors_of_impossible_sizes_and_bounds_are_refused() -> Result<()> {
    use sessile::ops::random::{Normal, Uniform, UniformInt};
    let g = Graph::new();
    let sess = Session::new(&g)?;
    let bounds = |min, max| UniformInt { min, max, dtype: DType::I64, seed: None };
    let huge = shape![1 << 31, 1 << 31, 1 << 31];
    let tensors = [
        g.random_uniform(huge.clone()),
        g.random_normal(huge),
        g.random_uniform_int([2], bounds(3, 3)),
        g.random_uniform_int([2], bounds(i64::MAX, i64::MIN)),
    ];
    for tensor in tensors {
        assert!(tensor.and_then(|tensor| sess.run(&tensor)).is_err());
    }
    let odd = [
        g.random_uniform_with([2], Uniform { min: f64::NAN, max: f64::INFINITY, ..Default::default() }),
        g.random_normal_with([2], Normal { stddev: -1.0, ..Default::default() }),
        g.truncated_normal_with([0, 2], Normal { mean: f64::INFINITY, ..Default::default() }),
    ];
    for tensor in odd {
        let _ = tensor.and_then(|tensor| sess.run(&tensor)).map(|value| value.to_string());
    }
    Ok(())
}

#[test]
fn windows_that_do_not_move_or_fit_are_refused_while_building() -> Result<()> {
    let g = Graph::new();
    let x = g.placeholder(DType::F32, shape![1, 4, 4, 2])?;
    let filter = g.placeholder(DType::F32, shape![3, 3, 2, 5])?;
    let window = |strides: [i64; 4], dilations: [i64; 4]| Window {
        data_format: DataFormat::Nhwc,
        strides: strides.to_vec(),
        dilations: dilations.to_vec(),
        padding: Padding::Valid,
    };
    for bad in [[1, 0, 1, 1], [1, -1, 1, 1], [2, 1, 1, 1], [1, 1, 1, 2], [1, i64::MIN, 1, 1]] {
        assert!(x.conv2d(&filter, window(bad, [1; 4])).is_err(), "strides {bad:?}");
        assert!(x.conv2d(&filter, window([1; 4], bad)).is_err(), "dilations {bad:?}");
        assert!(x.max_pool(2, window(bad, [1; 4])).is_err(), "pool strides {bad:?}");
    }
    assert!(x.max_pool(0, Window::new(2, 1, Padding::Valid)).is_err());
    let wide = g.placeholder(DType::F32, shape![5, 5, 2, 1])?;
    assert_eq!(x.conv2d(&wide, Window::new(2, 1, Padding::Valid)).unwrap_err().kind(), ErrorKind::ShapeMismatch);
    Ok(())
}
