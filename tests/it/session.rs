//! Sessions: feeds, fetches, errors before and in a run.

use std::sync::{Arc, Mutex};

use sessile::exec::RunMetadata;
use sessile::prelude::*;
use sessile::{ErrorKind, RunOptions};

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
fn plans_leave_when_they_take_too_much_memory() -> sessile::Result<()> {
    let g = Graph::new();
    let plan_memory = 64 << 10;
    let sess = Session::with_config(&g, Config { plan_memory, ..Config::default() })?;
    let often = g.constant([-1])?;
    for n in 0..200 {
        sess.run(g.constant([n])?)?;
        sess.run(&often)?;
        assert!(sess.plan_memory() <= plan_memory, "{} bytes", sess.plan_memory());
    }
    let n_kept = sess.n_plans();
    assert!((4..150).contains(&n_kept), "{n_kept} plans are kept");
    // What was used last is still there, and its plan is found.
    sess.run(&often)?;
    assert_eq!(sess.n_plans(), n_kept);
    // A plan larger than all that may be kept is kept alone.
    let large = (0..1000).try_fold(g.placeholder(DType::F32, shape![])?, |y, _| y.floor())?;
    let x = g.tensor_by_name("Placeholder:0")?;
    sess.run_with(&large, feeds! { &x => 1.0f32 })?;
    assert_eq!(sess.n_plans(), 1);
    Ok(())
}

#[test]
fn a_thousand_plans_of_small_graphs_stay() -> sessile::Result<()> {
    let g = Graph::new();
    let x = g.placeholder(DType::F32, shape![?, 4])?;
    let sess = Session::new(&g)?;
    for n in 0..1000 {
        let y = x.matmul(&g.ones(DType::F32, [4, 4])?)?.relu()?;
        sess.prepare(&y, &[&x])?;
        assert_eq!(sess.n_plans(), n + 1);
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

/// One error names all feeds that do not fit, and one all keys that name nothing.
#[test]
fn all_bad_feeds_are_named() -> sessile::Result<()> {
    let (sess, x, y) = two_feeds()?;
    let error = sess.run_with((&x, &y), feeds! { x => [[1.0f64; 3]; 4], y => [[1.0f32]] }).unwrap_err();
    assert_eq!((error.kind(), error.also().len()), (ErrorKind::BadFeed, 1));
    let screen = error.to_string();
    assert!(
        screen.contains("feed of 'x:0' is float64") && screen.contains("shape (1, 1) for tensor 'y:0'"),
        "{screen}"
    );
    let error = sess.run_with(&x, feeds! { "p:0" => 1.0f32, x => [[1.0f32; 3]; 4], "q:0" => 1.0f32 }).unwrap_err();
    assert!(error.to_string().contains("'p:0'") && error.also()[0].message().contains("'q:0'"), "{error}");
    Ok(())
}

#[test]
fn what_is_missing_beyond_what_is_shown_is_counted() -> sessile::Result<()> {
    let g = Graph::new();
    let all = (0..20).map(|_| g.placeholder(DType::F32, shape![])).collect::<sessile::Result<Vec<_>>>()?;
    let error = Session::new(&g)?.run(&all).unwrap_err();
    assert_eq!((error.kind(), 1 + error.also().len() + error.n_more()), (ErrorKind::MissingFeed, 20));
    assert!(error.to_string().ends_with("and 11 more"), "{error}");
    Ok(())
}

#[test]
fn operations_run_by_their_names() -> sessile::Result<()> {
    let g = Graph::new();
    let v = g.variable([1i64])?;
    let read = v.value()?;
    let init = g.global_variables_initializer()?;
    let sess = Session::new(&g)?;
    assert_eq!(init.name(), "init");
    assert_eq!(sess.run("init")?.dims(), [0]);
    let add = v.assign_add(g.constant([1i64])?)?;
    assert_eq!(sess.run((add.name(), "init"))?.0.dims(), [0]);
    assert_eq!(sess.run(read.name())?.to_string(), "[2]");
    refused(sess.run("innit"), ErrorKind::BadFetch, "the nearest name is 'init'");
    refused(sess.run("Const"), ErrorKind::BadFetch, "refers to an operation, not a tensor");
    Ok(())
}

#[test]
fn prepared_runs_take_options_and_twelve_feeds() -> sessile::Result<()> {
    let g = Graph::new();
    let all = (0..12).map(|_| g.placeholder(DType::I32, shape![])).collect::<sessile::Result<Vec<_>>>()?;
    let total = all[1..].iter().try_fold(all[0].clone(), |sum, x| &sum + x)?;
    let keys: Vec<&dyn sessile::session::FeedKey> = all.iter().map(|x| x as &dyn sessile::session::FeedKey).collect();
    let sum = Session::new(&g)?.prepare(&total, &keys)?;
    let options = RunOptions { trace: true, ..RunOptions::default() };
    let (y, metadata) = sum.run_with_options((0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11), &options)?;
    assert_eq!((y.to_string(), metadata.steps.len()), ("66".into(), sum.n_steps()));
    let one_less = RunOptions { step_budget: Some(sum.n_steps() as u64 - 1), ..RunOptions::default() };
    let run = sum.run_with_options((0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11), &one_less);
    refused(run, ErrorKind::ResourceExhausted, "which is its budget");
    refused(sum.run_with_options((), &options), ErrorKind::BadFeed, "prepared for 12 feeds, but got 0");
    Ok(())
}

/// In one run a named dim has one size, in feeds and where a shape is claimed, and also inside of a sum or product.
#[test]
fn named_dims_have_one_size_in_a_run() -> sessile::Result<()> {
    let g = Graph::new();
    let (batch, twice) = (Dim::named("batch"), 2 * &Dim::named("batch"));
    let x = g.named("x", || g.placeholder(DType::F32, shape![&batch, 3]))?;
    let y = g.named("y", || g.placeholder(DType::F32, shape![&twice + 1]))?;
    let z = g.named("z", || g.placeholder(DType::F32, shape![&twice]))?;
    let sess = Session::new(&g)?;
    let bad = ErrorKind::BadFeed;
    let three = || Value::full(&[2, 3], 1.0f32);
    assert!(sess.run_with((&x, &y), feeds! { x => three()?, y => [1.0f32; 5] }).is_ok());
    let text =
        "dim '2*batch + 1' has one size in a run, and 'batch' is 2 in the feed of 'x:0', but it is 6 in that of 'y:0'";
    refused(sess.run_with((&x, &y), feeds! { x => three()?, y => [1.0f32; 6] }), bad, text);
    // Without a feed of the name itself its size is worked out.
    assert!(sess.run_with((&y, &z), feeds! { y => [1.0f32; 5], z => [1.0f32; 4] }).is_ok());
    refused(
        sess.run_with((&y, &z), feeds! { y => [1.0f32; 5], z => [1.0f32; 6] }),
        bad,
        "'batch' is 2 in the feed of 'y:0'",
    );
    refused(sess.run_with(&y, feeds! { y => [1.0f32; 4] }), bad, "is 4, which no size of 'batch' gives");
    refused(sess.run_with(&y, feeds! { y => [1.0f32; 0] }), bad, "is 0, which no size of 'batch' gives");
    Ok(())
}

#[test]
fn claims_of_named_dims_agree_with_the_feeds() -> sessile::Result<()> {
    let g = Graph::new();
    let x = g.named("x", || g.placeholder(DType::F32, shape!["batch"]))?;
    let y = g.named("y", || g.placeholder(DType::F32, shape![?]))?;
    let claimed = g.named("claimed", || y.exp())?;
    claimed.set_shape(shape!["batch"])?;
    let ensured = g.named("ensured", || y.ensure_shape(shape![2 * &Dim::named("batch")]))?;
    let constant = g.named("three", || g.constant([1.0f32; 3]))?;
    constant.set_shape(shape!["batch"])?;
    let in_body = g.cond(g.constant(true)?, || y.sqrt()?.ensure_shape(shape!["batch"]), || Ok(y.clone()))?;
    let sess = Session::new(&g)?;
    for (fetch, good) in [(&claimed, 3), (&ensured, 6), (&in_body, 3)] {
        let run = |n: usize| sess.run_with((fetch, &x), feeds! { x => [1.0f32; 3], y => Value::full(&[n], 1.0f32)? });
        assert_eq!(run(good)?.0.dims(), [good]);
        refused(run(4), ErrorKind::ShapeMismatch, "in the feed of 'x:0'");
    }
    let error = sess.run_with((&claimed, &x), feeds! { x => [1.0f32; 3], y => [1.0f32; 4] }).unwrap_err();
    assert_eq!(error.message(), "dim 'batch' has one size in a run, but is 3 in the feed of 'x:0' and 4 here");
    assert_eq!(error.node(), Some("claimed"));
    assert!(sess.run_with((&constant, &x), feeds! { x => [1.0f32; 3] }).is_ok());
    refused(
        sess.run_with((&constant, &x), feeds! { x => [1.0f32; 4] }),
        ErrorKind::ShapeMismatch,
        "is 4 in the feed of 'x:0' and 3 here",
    );
    Ok(())
}

/// A run that fails leaves the trace of what it did.
#[test]
fn a_failed_run_tells_what_it_did() -> sessile::Result<()> {
    let g = Graph::new();
    let x = g.placeholder(DType::F32, shape![?])?;
    let y = g.named("fails", || x.exp()?.check_numerics("y"))?.exp()?;
    let options = RunOptions { trace: true, ..RunOptions::default() };
    let sess = Session::new(&g)?;
    let mut metadata = RunMetadata::default();
    assert!(sess.run_with_metadata(&y, feeds! { x => [1e3f32] }, &options, &mut metadata).is_err());
    assert_eq!((metadata.steps.len(), metadata.steps[0].op), (1, "Exp"));
    assert!(sess.prepare(&y, &[&x])?.run_with_metadata([0.0f32], &options, &mut metadata).is_ok());
    assert_eq!(metadata.steps.len(), 3);
    // Nothing is left of an earlier run where planning fails.
    assert!(sess.run_with_metadata(&y, Feeds::new(), &options, &mut metadata).is_err());
    assert_eq!(metadata.steps.len(), 0);
    Ok(())
}

/// Lines for the user, as a test sees them.
fn lines_of(config: Config, g: &Graph, fetch: &Tensor) -> (sessile::Result<Value>, Vec<String>) {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let taken = lines.clone();
    let print = move |line: &str| taken.lock().expect("nobody panicked").push(line.to_owned());
    let config = Config { print: Some(Arc::new(print)), ..config };
    let result = Session::with_config(g, config).and_then(|sess| sess.run(fetch));
    let lines = std::mem::take(&mut *lines.lock().expect("nobody panicked"));
    (result, lines)
}

/// What is not needed is not placed; what runs on a device that is not there is said to run on the CPU.
#[test]
fn placement_is_logged_for_each_node_that_is_needed() -> sessile::Result<()> {
    let g = Graph::new();
    let x = g.named("x", || g.constant([1.0f32]))?;
    let y = g.device("/device:GPU:0", || g.named("y", || x.exp()))?;
    let _unneeded = g.named("unneeded", || x.sqrt())?;
    let config = Config { log_device_placement: true, ..Config::default() };
    let (result, lines) = lines_of(config, &g, &y);
    assert_eq!(result?.dims(), [1]);
    let cpu = "/job:localhost/replica:0/task:0/device:CPU:0";
    assert_eq!(lines, [format!("x: (Const): {cpu}"), format!("y: (Exp): {cpu}")]);
    Ok(())
}

#[test]
fn strict_placement_refuses_all_but_the_one_device() -> sessile::Result<()> {
    let strict = || Config { allow_soft_placement: false, ..Config::default() };
    for (device, is_there) in [
        ("/cpu:0", true),
        ("/device:CPU:0", true),
        ("/job:localhost/replica:0/task:0/device:CPU:0", true),
        ("/cpu:1", false),
        ("/device:TPU:0", false),
        ("/job:worker/task:3", false),
        ("/device:GPU:0", false),
    ] {
        let g = Graph::new();
        let x = g.constant([1.0f32])?;
        let y = g.device(device, || g.named("y", || x.exp()))?;
        let z = g.cond(g.constant(true)?, || g.device(device, || y.sqrt()), || Ok(y.clone()))?;
        let (result, _) = lines_of(strict(), &g, &y);
        match is_there {
            true => assert_eq!(result?.dims(), [1], "{device}"),
            false => {
                let text = format!(
                    "cannot assign a device for operation y: it was explicitly assigned to {device}, but available \
                     devices are [ /job:localhost/replica:0/task:0/device:CPU:0 ]"
                );
                refused(result, ErrorKind::InvalidArgument, &text);
                // The node of the body, too.
                let error = lines_of(strict(), &g, &z).0.unwrap_err();
                assert_eq!(1 + error.also().len(), 2, "{error}");
            }
        }
    }
    Ok(())
}
