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

fn two_feeds() -> sessile::Result<(Session, Tensor, Tensor)> {
    let g = Graph::new();
    let x = g.named("x", || g.placeholder(DType::F32, shape!["batch", 3]))?;
    let y = g.named("y", || g.placeholder(DType::F32, shape!["batch"]))?;
    Ok((Session::new(&g)?, x, y))
}

#[track_caller]
fn refused(result: sessile::Result<impl Sized>, kind: ErrorKind, words: &str) {
    let error = result.map(drop).unwrap_err();
    assert_eq!(error.kind(), kind, "{error}");
    assert!(error.to_string().contains(words), "{error}");
}

#[test]
fn feeds_are_checked_before_anything_runs() -> sessile::Result<()> {
    let (sess, x, y) = two_feeds()?;
    let bad = ErrorKind::BadFeed;
    let run = |feeds| sess.run_with((&x, &y), feeds);
    refused(
        run(feeds! { x => [[1.0f32; 2]; 4], y => [1.0f32] }),
        bad,
        "cannot feed value of shape (4, 2) for tensor 'x:0'",
    );
    refused(run(feeds! { x => [1.0f32; 3], y => [1.0f32] }), bad, "which has shape (batch, 3)");
    refused(
        run(feeds! { x => [[1.0f64; 3]; 4], y => [1.0f32; 4] }),
        bad,
        "feed of 'x:0' is float64, but the tensor is float32",
    );
    refused(run(feeds! { x => [[1.0f64; 3]; 4], y => [1.0f32; 4] }), bad, "write 1.0f32");
    refused(run(feeds! { x => [[1.0f32; 3]; 4], x => [[1.0f32; 3]; 4] }), bad, "tensor 'x:0' is fed twice");
    refused(run(feeds! { "z:0" => 1.0f32 }), bad, "feed 'z:0' cannot be interpreted as a tensor");
    refused(
        run(feeds! { x => [[1.0f32; 3]; 4], y => [1.0f32; 5] }),
        bad,
        "is 4 in the feed of 'x:0' and 5 in that of 'y:0'",
    );
    refused(sess.run("z:0"), ErrorKind::BadFetch, "fetch 'z:0' cannot be interpreted as a tensor");
    refused(sess.prepare((), &[&x])?.run(()), bad, "prepared for 1 feeds, but got 0");
    Ok(())
}

#[test]
fn bare_numbers_take_the_dtype_of_what_they_are_fed_to() -> sessile::Result<()> {
    let g = Graph::new();
    let x = g.placeholder(DType::F32, shape![])?;
    let n = g.placeholder(DType::I64, shape![])?;
    let sess = Session::new(&g)?;
    assert_eq!(sess.run_with(&x, feeds! { x => 3 })?.scalar::<f32>()?, 3.0);
    assert_eq!(sess.run_with(&x, feeds! { x => 2.5 })?.scalar::<f32>()?, 2.5);
    assert_eq!(sess.run_with(&n, feeds! { n => 3 })?.scalar::<i64>()?, 3);
    refused(sess.run_with(&n, feeds! { n => 2.7 }), ErrorKind::BadFeed, "cannot feed tensor");
    Ok(())
}

#[test]
fn any_tensor_may_be_fed_and_a_fed_constant_is_forgotten() -> sessile::Result<()> {
    let g = Graph::new();
    let bias = g.constant([1.0f32, 2.0])?;
    let y = g.constant([[0.0f32, 0.0]])?.bias_add(&bias)?;
    let sess = Session::new(&g)?;
    assert_eq!(sess.run(&y)?.to_string(), "[[1. 2.]]");
    assert_eq!(sess.run_with(&y, feeds! { bias => [5.0f32, 6.0] })?.to_string(), "[[5. 6.]]");
    assert_eq!(sess.run_with((&y, &bias), feeds! { y => [[9.0f32, 9.0]] })?.0.to_string(), "[[9. 9.]]");
    Ok(())
}

#[test]
fn a_graph_may_grow_after_its_session_was_made() -> sessile::Result<()> {
    let g = Graph::new();
    let sess = Session::new(&g)?;
    let x = g.constant([1.0f32])?;
    assert_eq!(sess.run(&x)?.to_string(), "[1.]");
    let y = x.identity()?;
    assert_eq!(sess.run([&x, &y])?.len(), 2);
    assert_eq!(sess.n_plans(), 2);
    Ok(())
}

#[test]
fn a_fed_array_comes_back_without_a_copy() -> sessile::Result<()> {
    let g = Graph::new();
    let x = g.placeholder(DType::F32, shape![?])?;
    let y = x.identity()?;
    let data = vec![1.0f32; 1000];
    let address = data.as_ptr();
    let fetched = Session::new(&g)?.run_with(&y, feeds! { x => data })?.array::<f32>()?;
    assert_eq!(fetched.as_ptr(), address);
    Ok(())
}

#[test]
fn plans_leave_when_there_are_too_many() -> sessile::Result<()> {
    let g = Graph::new();
    let sess = Session::with_config(&g, Config { max_plans: 4, ..Config::default() })?;
    for n in 0..20 {
        sess.run(g.constant([n])?)?;
        assert!(sess.n_plans() <= 4);
    }
    Ok(())
}

#[test]
fn impossible_configurations_are_refused() {
    let g = Graph::new();
    let threads = |n| Session::with_config(&g, Config { threads: Some(n), ..Config::default() });
    refused(threads(0), ErrorKind::InvalidArgument, "");
    refused(threads(1 << 40), ErrorKind::InvalidArgument, "");
    let gpu_options = sessile::GpuOptions { per_process_gpu_memory_fraction: 7.0, ..Default::default() };
    refused(Session::with_config(&g, Config { gpu_options, ..Config::default() }), ErrorKind::InvalidArgument, "is 7");
}
