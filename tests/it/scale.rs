//! Sizes that users reach.

use sessile::optimize::Passes;
use sessile::prelude::*;

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
