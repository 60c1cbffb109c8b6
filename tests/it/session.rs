//! Sessions: feeds, fetches, errors before and in a run.

use sessile::ErrorKind;
use sessile::prelude::*;

#[test]
fn feeding_and_fetching_by_tensor_name_and_tuple() -> sessile::Result<()> {
    let g = Graph::new();
    let x = g.named("x", || g.placeholder(DType::F32, shape![?, 3]))?;
    let y = x.bias_add(g.constant([1.0f32, 2.0, 3.0])?)?;
    let sess = Session::new(&g)?;
    let batch = array![[1.0f32, 1.0, 1.0], [2.0, 2.0, 2.0]];
    let (a, b) = sess.run_with((&y, "x:0"), feeds! { x => &batch })?;
    assert_eq!(a.view::<f32>()?, array![[2.0f32, 3.0, 4.0], [3.0, 4.0, 5.0]].into_dyn());
    assert_eq!(b.view::<f32>()?, batch.clone().into_dyn());
    let prepared = sess.prepare(&y, &[&x])?;
    assert_eq!(prepared.run(&batch)?.view::<f32>()?, a.view::<f32>()?);
    Ok(())
}

#[test]
fn all_missing_feeds_are_named() -> sessile::Result<()> {
    let g = Graph::new();
    let x = g.named("x", || g.placeholder(DType::F32, shape![2, 3]))?;
    let b = g.named("b", || g.placeholder(DType::F32, shape![3]))?;
    let error = Session::new(&g)?.run(x.bias_add(&b)?).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::MissingFeed);
    assert_eq!(error.message(), "you must feed a value for placeholder tensor 'x' with dtype float32 and shape (2, 3)");
    assert_eq!(error.also().len(), 1);
    Ok(())
}
