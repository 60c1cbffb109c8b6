//! The number of threads changes the time of a run, and no bit of its results.

use sessile::exec::StepOrder;
use sessile::ops::nn::{Padding, Window};
use sessile::prelude::*;

/// Values that are all different, of both signs, and not exact in sums.
fn uneven(dims: &[usize]) -> sessile::Result<Value> {
    let n = dims.iter().product();
    let data = (0..n).map(|i: usize| ((i * 7919 % 1009) as f32 - 504.0) / 333.0).collect();
    Value::from_vec(dims, data)
}

/// What `build` makes of a tensor of these dims has the same bits on 1, 2, 3 and 8 threads, however steps are ordered,
/// in the first run and in later ones.
#[track_caller]
fn check(dims: &[usize], build: impl FnOnce(&Tensor) -> sessile::Result<Vec<Tensor>>) -> sessile::Result<()> {
    let g = Graph::new();
    let x = g.placeholder(DType::F32, Shape::unknown_of_rank(dims.len()))?;
    x.set_shape(dims)?;
    let fetches = build(&x)?;
    let value = uneven(dims)?;
    let mut first: Option<Vec<Value>> = None;
    for threads in [1, 2, 3, 8] {
        for step_order in [StepOrder::Auto, StepOrder::AsReady] {
            let sess = Session::with_config(&g, Config { threads: Some(threads), step_order, ..Config::default() })?;
            let prepared = sess.prepare(&fetches, &[&x])?;
            for run in 0..3 {
                let got = prepared.run(&value)?;
                let want = first.get_or_insert_with(|| got.clone());
                let is_same = got.iter().zip(&*want).all(|(got, want)| got.same_bits(want));
                assert!(is_same, "run {run} on {threads} threads, {step_order:?}");
            }
        }
    }
    Ok(())
}

#[test]
fn products_have_the_same_bits_on_any_number_of_threads() -> sessile::Result<()> {
    check(&[333, 200], |x| {
        let right = x.graph().constant(uneven(&[200, 150])?)?;
        let bias = x.graph().constant(uneven(&[150])?)?;
        Ok(vec![
            x.matmul(&right)?,
            x.tensordot(&right, [[1], [0]])?.bias_add(&bias)?.relu()?,
            x.matmul_t(true, x, false)?,
        ])
    })
}

#[test]
fn reductions_have_the_same_bits_on_any_number_of_threads() -> sessile::Result<()> {
    check(&[300, 40, 31], |x| {
        let flat = x.reshape([-1])?;
        Ok(vec![x.reduce_sum(())?, x.reduce_mean(0)?, x.reduce_max(1)?, x.reduce_sum([1, 2])?, flat.reduce_sum(0)?])
    })
}

#[test]
fn convolutions_have_the_same_bits_on_any_number_of_threads() -> sessile::Result<()> {
    check(&[3, 40, 40, 4], |x| {
        let filter = x.graph().constant(uneven(&[3, 3, 4, 8])?)?;
        let y = x.conv2d(&filter, Window::new(2, 1, Padding::Same))?;
        Ok(vec![y.relu()?, y.max_pool(2, Window::new(2, 2, Padding::Valid))?])
    })
}

#[test]
fn elementwise_programs_have_the_same_bits_on_any_number_of_threads() -> sessile::Result<()> {
    check(&[500, 301], |x| {
        let column = x.reduce_sum_keepdims(1)?;
        let y = ((x.tanh()? * x.sigmoid()?)? + (x.square()?.exp()? * 0.5f64)?)?;
        Ok(vec![y.reduce_sum(())?, (&y / &column)?, x.softmax()?, y])
    })
}

#[test]
fn branches_have_the_same_bits_on_any_number_of_threads() -> sessile::Result<()> {
    check(&[64, 48], |x| {
        let mut ends = Vec::new();
        for k in 0..12 {
            let mut y = (x * (k as f32 / 5.0))?;
            for _ in 0..12 {
                y = (y.tanh()? + x)?;
            }
            ends.push(y);
        }
        let all: Vec<&Tensor> = ends.iter().collect();
        Ok(vec![sessile::ops::math::add_n(&all)?])
    })
}
