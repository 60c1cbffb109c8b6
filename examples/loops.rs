//! Loops and branches built from closures: Newton's method, a branch, a scan and a map.

use sessile::prelude::*;

fn main() -> sessile::Result<()> {
    let g = Graph::new();
    let x = g.named("x", || g.placeholder(DType::F64, shape![]))?;

    // The square root by Newton's method: `x` is used in the loop as it is.
    let start = (g.constant(0)?, x.identity()?);
    let (turns, root) = g.while_loop(
        start,
        |(i, r)| (&r * &r - &x)?.abs()?.greater(1e-9)?.logical_and(i.less(50)),
        |(i, r)| Ok((&i + 1, (&r + (&x / &r)?)? * 0.5)),
    )?;
    let text = g.cond(x.less(0.0), || g.constant("has no real root"), || g.constant("has a root"))?;

    let sess = Session::new(&g)?;
    let (root, turns, text) = sess.run_with((&root, &turns, &text), feeds! { x => 2.0 })?;
    print!("{g}");
    println!("sqrt(2) = {:.6} after {turns} turns: {text}", root.scalar::<f64>()?);

    // Running balances of a month, and the days on which they are below zero.
    let changes = g.constant([50.0f32, -80.0, 20.0, 30.0, -40.0])?;
    let balances = g.scan(&changes, |balance, change| balance + change)?;
    let is_below = g.map_fn(&balances, |balance| balance.less(0.0))?;
    let (balances, is_below) = sess.run((&balances, &is_below))?;
    println!("balances {balances}");
    println!("below zero {is_below}");
    Ok(())
}
