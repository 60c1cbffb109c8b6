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
        Passes { fuse: true, ..none },
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
