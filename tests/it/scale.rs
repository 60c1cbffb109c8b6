//! Sizes that users reach.

use std::time::{Duration, Instant};

use sessile::optimize::Passes;
use sessile::prelude::*;
use sessile::{CancelToken, ErrorKind, RunOptions};

/// Builds, dumps, plans, runs and drops a chain in a thread with a stack of 512 KiB: nothing recurses on its length.
#[test]
fn a_million_nodes_work_on_a_small_stack() {
    let chain = || -> sessile::Result<()> {
        let g = Graph::new();
        let x = g.placeholder(DType::F32, shape![?])?;
        let mut y = x.clone();
        for _ in 0..1_000_000 {
            y = y.identity()?;
        }
        assert_eq!(y.shape().to_string(), "(?,)");
        assert_eq!(g.dump().lines().count(), 1_000_001);
        for passes in [Passes::none(), Passes::default()] {
            let sess = Session::with_config(&g, Config { passes, ..Config::default() })?;
            assert_eq!(sess.run_with(&y, feeds! { x => [1.0f32, 2.0] })?.to_string(), "[1. 2.]");
        }
        let constant = g.constant([3i32])?;
        let mut y = constant.clone();
        for _ in 0..100_000 {
            y = y.identity()?;
        }
        assert_eq!(Session::new(&g)?.run(&y)?.to_string(), "[3]");
        Ok(())
    };
    let thread = std::thread::Builder::new().stack_size(512 << 10).spawn(chain).expect("a thread starts");
    thread.join().expect("the stack is large enough").expect("the chain runs");
}

/// The first run of a graph that is large: its plan takes longer than the run may. Nothing half made is kept.
#[test]
fn making_a_plan_ends_with_the_limits_of_its_run() -> sessile::Result<()> {
    let g = Graph::new();
    let x = g.placeholder(DType::F32, shape![2])?;
    let mut y = x.clone();
    for n in 0..100_000 {
        y = if n % 2 == 0 { y.negative()? } else { (&y * 1.0)? };
    }
    let sess = Session::new(&g)?;
    let late = RunOptions { timeout: Some(Duration::from_millis(5)), ..RunOptions::default() };
    let began = Instant::now();
    let error = sess.run_with_options(&y, feeds! { &x => [1.0f32, 2.0] }, &late).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DeadlineExceeded);
    assert!(began.elapsed() < Duration::from_secs(1), "the run ended {:?} after its beginning", began.elapsed());
    let cancel = CancelToken::new();
    cancel.cancel();
    let cancelled = RunOptions { cancel: Some(cancel), ..RunOptions::default() };
    let error = sess.run_with_options(&y, feeds! { &x => [1.0f32, 2.0] }, &cancelled).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled);
    assert_eq!((sess.n_plans(), sess.plan_memory()), (0, 0));
    assert_eq!(sess.run_with(&y, feeds! { &x => [1.0f32, 2.0] })?.to_string(), "[1. 2.]");
    Ok(())
}
