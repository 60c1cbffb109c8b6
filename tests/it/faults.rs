//! Mistakes of users, one test each: an error that says what is wrong, and nothing changed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sessile::exec::StepOrder;
use sessile::ops::nn::{Padding, Window};
use sessile::optimize::Passes;
use sessile::prelude::*;
use sessile::{CancelToken, ErrorKind, Result, RunOptions};

#[track_caller]
fn refused(result: Result<impl Sized>, kind: ErrorKind, words: &str) {
    let error = result.map(drop).unwrap_err();
    assert_eq!(error.kind(), kind, "{error}");
    assert!(error.to_string().contains(words), "{error}");
}

fn ready(g: &Graph) -> Result<Session> {
    let sess = Session::new(g)?;
    sess.run(g.global_variables_initializer()?)?;
    Ok(sess)
}

#[test]
fn nothing_of_another_graph_enters() -> Result<()> {
    let (g, h) = (Graph::new(), Graph::new());
    let (mine, foreign) = (g.constant([1.0f32])?, h.constant([1.0f32])?);
    let (v, sess) = (h.variable([1.0f32])?, Session::new(&g)?);
    let mismatch = ErrorKind::GraphMismatch;
    refused(&mine + &foreign, mismatch, "belongs to another graph");
    refused(concat(&[&mine, &foreign], 0), mismatch, "");
    refused(g.group((&mine, &foreign)), mismatch, "");
    refused(g.control_dependencies(&[foreign.operation()], || g.no_op()), mismatch, "");
    refused(g.variables_initializer(std::slice::from_ref(&v)), mismatch, "");
    refused(g.add_to_collection("mine", &foreign), mismatch, "");
    refused(sess.run(&v), mismatch, "");
    refused(sess.run(foreign.operation()), mismatch, "");
    refused(sess.run_with(&mine, feeds! { foreign => [1.0f32] }), mismatch, "");
    refused(sess.prepare(&mine, &[&foreign]), mismatch, "");
    assert!(g.collection("mine").is_empty());
    Ok(())
}

#[test]
fn a_tensor_outlives_the_handle_of_its_graph() -> Result<()> {
    let x = Graph::new().constant([1.0f32, 2.0])?;
    let y = (&x + 1)?;
    assert_eq!(Session::new(y.graph())?.run(&y)?.to_string(), "[2. 3.]");
    Ok(())
}

#[test]
fn products_of_dims_beyond_the_integers_are_refused() -> Result<()> {
    let g = Graph::new();
    let sess = Session::new(&g)?;
    let huge = 1usize << 62;
    for dims in [&[huge, 2][..], &[huge, huge, huge], &[usize::MAX], &[1 << 40, 1 << 40]] {
        assert!(Value::zeros(DType::F32, dims).is_err(), "{dims:?}");
        assert!(Value::full(dims, 1u8).is_err(), "{dims:?}");
        let _ = g.placeholder(DType::F32, Shape::from(dims)).and_then(|x| x.reshape([-1])).map(|x| x.shape());
        assert!(g.zeros(DType::F32, dims.to_vec()).and_then(|x| sess.run(&x)).is_err(), "{dims:?}");
    }
    // No elements, although two of the sizes would overflow: either is fine, a panic is not.
    if let Ok(empty) = Value::zeros(DType::F32, &[0, huge, huge]) {
        assert_eq!((empty.len(), empty.to_string().is_empty()), (0, false));
    }
    Ok(())
}

#[test]
fn values_are_as_long_as_their_dims_say() {
    refused(Value::from_vec(&[2, 3], vec![1.0f32; 5]), ErrorKind::ShapeMismatch, "5");
    refused(Value::from_bytes(DType::F32, &[2], &[0; 7]), ErrorKind::ShapeMismatch, "7");
    let value = Value::from_vec(&[2], vec![1.0f32, 2.0]).unwrap();
    assert_eq!(value.view::<f64>().unwrap_err().kind(), ErrorKind::DTypeMismatch);
    assert!(value.slice::<i32>().is_err() && value.strings().is_err() && value.scalar::<f32>().is_err());
    assert!(value.clone().array::<bool>().is_err() && value.reshaped(&[3]).is_err());
}

#[test]
fn sizes_that_meet_in_the_run_are_named_with_the_node() -> Result<()> {
    let g = Graph::new();
    let x = g.placeholder(DType::F32, Shape::unknown())?;
    let y = g.placeholder(DType::F32, Shape::unknown())?;
    let sess = Session::new(&g)?;
    let run = |tensor: Result<Tensor>| {
        let feeds = feeds! { x => [[1.0f32; 3]; 2], y => [[1.0f32; 5]; 4] };
        sess.run_with(g.named("it", || tensor)?, feeds)
    };
    for tensor in [&x + &y, x.matmul(&y), x.bias_add(&y), concat(&[&x, &y], 0), x.select(&y, &y), x.tensordot(&y, 1)] {
        let error = run(tensor.clone()).unwrap_err();
        assert!(tensor.is_err() || error.node().is_some(), "{error}");
    }
    let z = x.reshape([-1, 4])?;
    let error = sess.run_with(&z, feeds! { x => [[1.0f32; 3]; 2] }).unwrap_err();
    assert!(error.node() == Some("Reshape") && error.to_string().contains('6'), "{error}");
    Ok(())
}

#[test]
fn bombs_are_not_folded_and_are_refused_by_the_run() -> Result<()> {
    let g = Graph::new();
    let bomb = g.fill([1i64 << 40, 1 << 20], 1.0f32)?;
    let tiled = g.constant([1.0f32])?.tile([i64::MAX])?;
    let hot = g.constant([[1i32; 4]; 4])?.one_hot(i32::MAX)?.tile([1 << 20, 1, 1 << 8])?;
    let padded = g.constant([1.0f32])?.broadcast_to([1i64 << 62, 1])?;
    let sess = Session::new(&g)?;
    for tensor in [bomb, tiled, hot, padded] {
        let error = sess.run(&tensor).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::ResourceExhausted | ErrorKind::InvalidArgument), "{error}");
        assert!(error.node().is_some(), "{error}");
    }
    Ok(())
}

#[test]
fn the_same_tensor_may_be_fetched_twice_and_fetched_as_it_was_fed() -> Result<()> {
    let g = Graph::new();
    let x = g.placeholder(DType::F32, shape![?])?;
    let y = (&x * 2)?;
    let sess = Session::new(&g)?;
    let (a, (b, c)) = sess.run_with((&y, (&y, &x)), feeds! { x => [1.0f32] })?;
    assert_eq!((a.to_string(), b.to_string(), c.to_string()), ("[2.]".into(), "[2.]".into(), "[1.]".into()));
    let empty: Vec<Tensor> = Vec::new();
    assert!(sess.run(&empty)?.is_empty());
    Ok(())
}

#[test]
fn names_that_are_no_fetch_or_feed_are_refused_with_a_hint() -> Result<()> {
    let g = Graph::new();
    let _ = g.named("logits", || g.constant([1.0f32]))?;
    let sess = Session::new(&g)?;
    for name in ["logits", "logits:1", "logist:0", "^logits", "", ":", ":0", "logits:-1", "logits:99999999999999999999"]
    {
        refused(sess.run(name), ErrorKind::BadFetch, "cannot be interpreted as a tensor");
        refused(sess.run_with((), feeds! { name => 1.0f32 }), ErrorKind::BadFeed, "cannot be interpreted as a tensor");
    }
    refused(sess.run("logist:0"), ErrorKind::BadFetch, "the nearest name is 'logits'");
    refused(g.operation_by_name("logits")?.output(7), ErrorKind::InvalidArgument, "has 1 outputs, but output 7");
    Ok(())
}

#[test]
fn a_variables_reference_cannot_be_fed() -> Result<()> {
    let g = Graph::new();
    let v = g.named("v", || g.variable([1.0f32]))?;
    let sess = ready(&g)?;
    refused(sess.run_with(&v, feeds! { "v:0" => [2.0f32] }), ErrorKind::BadFeed, "reference to a variable");
    // Its reads may: that is what TF1's programs do.
    assert_eq!(sess.run_with(v.value()?, feeds! { v.value()? => [2.0f32] })?.to_string(), "[2.]");
    Ok(())
}

#[test]
fn an_assignment_that_does_not_fit_is_refused_and_leaves_the_variable() -> Result<()> {
    let g = Graph::new();
    let v = g.variable([1.0f32, 2.0])?;
    refused(v.assign(g.constant([1.0f32; 3])?), ErrorKind::ShapeMismatch, "3");
    refused(v.assign(g.constant([1i32, 2])?), ErrorKind::DTypeMismatch, "int32");
    refused(v.assign_add(g.constant([1.0f32; 3])?), ErrorKind::ShapeMismatch, "3");
    let x = g.placeholder(DType::F32, Shape::unknown())?;
    let changes = [v.assign(&x)?, v.assign_add(&x)?, v.assign_sub(&x)?];
    let read = v.value()?;
    let sess = ready(&g)?;
    for change in changes {
        let error = sess.run_with(&change, feeds! { x => [1.0f32; 3] }).unwrap_err();
        assert!(error.kind() == ErrorKind::ShapeMismatch && error.to_string().contains('3'), "{error}");
        assert_eq!(sess.run(&read)?.to_string(), "[1. 2.]");
    }
    Ok(())
}

#[test]
fn integers_divided_by_zero_name_the_node_and_wrapping_is_the_same_in_all_builds() -> Result<()> {
    let g = Graph::new();
    let x = g.placeholder(DType::I32, shape![?])?;
    let y = g.placeholder(DType::I32, shape![?])?;
    let sess = Session::new(&g)?;
    let run = |tensor: &Tensor, a: i32, b: i32| sess.run_with(tensor, feeds! { x => [a], y => [b] });
    let by_zero = [x.floor_div(&y)?, (&x % &y)?];
    for tensor in &by_zero {
        refused(run(tensor, 1, 0), ErrorKind::DivisionByZero, "division by zero");
        let _ = run(tensor, i32::MIN, -1)?;
    }
    refused(run(&x.pow(&y)?, 2, -1), ErrorKind::InvalidArgument, "negative");
    assert_eq!(run(&(&x + &y)?, i32::MAX, 1)?.to_string(), "[-2147483648]");
    assert_eq!(run(&x.abs()?, i32::MIN, 0)?.to_string(), "[-2147483648]");
    assert_eq!(run(&(-&x)?, i32::MIN, 0)?.to_string(), "[-2147483648]");
    Ok(())
}

#[test]
fn indices_outside_are_named_with_their_value() -> Result<()> {
    let g = Graph::new();
    let x = g.constant([1.0f32, 2.0, 3.0])?;
    let i = g.placeholder(DType::I32, shape![?])?;
    let sess = Session::new(&g)?;
    for bad in [3, -1, i32::MAX, i32::MIN] {
        let error = sess.run_with(x.gather(&i)?, feeds! { i => [0, bad] }).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::IndexOutOfRange, "{error}");
        assert!(error.to_string().contains(&bad.to_string()), "{error}");
    }
    Ok(())
}

#[test]
fn tensors_without_elements_have_answers() -> Result<()> {
    let g = Graph::new();
    let x = g.placeholder(DType::F32, shape![?, 3])?;
    let w = g.constant([[1.0f32; 2]; 3])?;
    let all = vec![
        x.matmul(&w)?,
        x.softmax()?,
        x.reduce_sum(0)?,
        x.reduce_mean(0)?,
        x.reduce_max(0)?,
        x.reduce_prod(())?,
        concat(&[&x, &x], 1)?,
        (&x + 1)?,
    ];
    let values = Session::new(&g)?.run_with(&all, feeds! { x => Value::zeros(DType::F32, &[0, 3])? })?;
    let texts: Vec<String> = values.iter().map(Value::to_string).collect();
    assert_eq!(texts, ["[]", "[]", "[0. 0. 0.]", "[nan nan nan]", "[-inf -inf -inf]", "1.0", "[]", "[]"]);
    Ok(())
}

#[test]
fn a_promise_that_a_closure_breaks_is_an_error_and_so_is_its_panic() -> Result<()> {
    struct Loud;
    impl Drop for Loud {
        fn drop(&mut self) {
            panic!("and again on the way out");
        }
    }
    let g = Graph::new();
    let x = g.constant([1.0f32])?;
    let promise = [(DType::F32, shape![1])];
    let one = |name: &str, f: fn(&[Value]) -> Result<Vec<Value>>| -> Result<Tensor> {
        Ok(g.closure(name, &[&x], &promise, f)?.remove(0))
    };
    let fine = one("fine", |inputs| Ok(inputs.to_vec()))?;
    let bad: [(Tensor, ErrorKind); 5] = [
        (one("none", |_| Ok(vec![]))?, ErrorKind::InvalidArgument),
        (one("dtype", |_| Ok(vec![Value::from_vec(&[1], vec![1i32])?]))?, ErrorKind::DTypeMismatch),
        (one("shape", |_| Ok(vec![Value::from_vec(&[2], vec![1.0f32; 2])?]))?, ErrorKind::ShapeMismatch),
        (one("panic", |_| panic!("out of cheese"))?, ErrorKind::Panicked),
        (one("loud", |_| std::panic::panic_any(Loud))?, ErrorKind::Panicked),
    ];
    for (threads, step_order) in [(1, StepOrder::AsBuilt), (3, StepOrder::AsReady)] {
        let sess = Session::with_config(&g, Config { threads: Some(threads), step_order, ..Config::default() })?;
        for (tensor, kind) in &bad {
            let error = sess.run((tensor, &fine)).unwrap_err();
            assert_eq!((error.kind(), error.node()), (*kind, Some(tensor.node().name())), "{error}");
            assert_eq!(sess.run(&fine)?.to_string(), "[1.]");
        }
    }
    Ok(())
}

#[test]
fn a_panic_while_a_variable_changes_leaves_the_old_value() -> Result<()> {
    let g = Graph::new();
    let v = g.variable([1.0f32])?;
    let boom = g.closure("boom", &[&v.value()?], &[(DType::F32, shape![1])], |_| panic!("half way"))?.remove(0);
    let read = v.value()?;
    let add = v.assign_add(g.constant([1.0f32])?)?;
    let both = g.group((&add, v.assign(&boom)?))?;
    let sess = ready(&g)?;
    assert_eq!(sess.run(&both).unwrap_err().kind(), ErrorKind::Panicked);
    assert_eq!(sess.run(&read)?.to_string(), "[1.]");
    sess.run(&add)?;
    assert_eq!(sess.run(v.read()?)?.to_string(), "[2.]");
    Ok(())
}

/// A closure that holds the session closes it, and one that holds the last handle drops it, from inside a run.
#[test]
fn a_session_may_be_closed_and_dropped_from_inside_its_run() -> Result<()> {
    for threads in [1, 3] {
        let g = Graph::new();
        let place: Arc<slot::Slot<Session>> = Arc::default();
        let held = place.clone();
        let x = g.constant([1.0f32])?;
        let closing = g.closure("closing", &[&x], &[(DType::F32, shape![1])], move |inputs| {
            if let Some(sess) = held.take() {
                sess.close();
                drop(sess);
            }
            Ok(inputs.to_vec())
        })?;
        let late = g.control_dependencies(&[closing[0].operation()], || x.identity())?;
        let config = Config { threads: Some(threads), step_order: StepOrder::AsReady, ..Config::default() };
        let sess = Session::with_config(&g, config)?;
        place.put(sess.clone());
        assert_eq!(sess.run((&closing[0], &late)).unwrap_err().kind(), ErrorKind::Cancelled);
        refused(sess.run(&x), ErrorKind::Closed, "closed session");
        refused(sess.prepare(&x, &[]), ErrorKind::Closed, "");
    }
    Ok(())
}

/// What each value takes, and what is alive at once, follows from the shapes: 4 kB, 4 kB, 4 MB.
#[test]
fn a_memory_budget_names_the_step_that_exceeds_it() -> Result<()> {
    let g = Graph::new();
    let x = g.placeholder(DType::F32, shape![?, 1])?;
    let product = x.matmul(x.transpose([1, 0])?)?;
    let total = product.reduce_sum(())?;
    let sess = Session::new(&g)?;
    let run = |budget: usize| {
        let options = RunOptions { memory_budget: Some(budget), ..RunOptions::default() };
        let feeds = feeds! { x => Value::full(&[1000, 1], 1.0f32)? };
        sess.run_with_options(&total, feeds, &options)?.0.scalar::<f32>()
    };
    assert_eq!(run(5 << 20)?, 1e6);
    let error: sessile::Error = run(1 << 20).unwrap_err();
    assert_eq!((error.kind(), error.node()), (ErrorKind::ResourceExhausted, Some("MatMul")), "{error}");
    let text = "the memory budget is 1048576 bytes, but ";
    assert!(error.message().starts_with(text) && error.message().ends_with("4000000 more are needed"), "{error}");
    assert_eq!(run(5 << 20)?, 1e6);
    Ok(())
}

/// What the sizes of the feeds tell is refused before anything runs; what only the run can tell is refused there.
#[test]
fn a_memory_budget_is_checked_before_the_first_step() -> Result<()> {
    let g = Graph::new();
    let x = g.placeholder(DType::F32, shape![?, 1])?;
    let ran = Arc::new(AtomicBool::new(false));
    let has_run = ran.clone();
    let promise = [(DType::F32, shape![?, 1])];
    let mark = move |inputs: &[Value]| {
        has_run.store(true, Ordering::Relaxed);
        Ok(inputs.to_vec())
    };
    let first = g.closure("first", &[&x], &promise, mark)?.remove(0);
    let large = x.matmul(x.transpose([1, 0])?)?.reduce_sum(())?;
    let sess = Session::new(&g)?;
    let run = |budget: usize, n: usize| -> Result<(Result<()>, bool)> {
        let options = RunOptions { memory_budget: Some(budget), ..RunOptions::default() };
        ran.store(false, Ordering::Relaxed);
        let result = sess.run_with_options((&first, &large), feeds! { x => Value::full(&[n, 1], 1.0f32)? }, &options);
        Ok((result.map(drop), ran.load(Ordering::Relaxed)))
    };
    let (result, has_begun) = run(1 << 20, 1000)?;
    let error = result.unwrap_err();
    assert_eq!(
        (error.kind(), error.node(), has_begun),
        (ErrorKind::ResourceExhausted, Some("MatMul"), false),
        "{error}"
    );
    let (result, has_begun) = run(1 << 20, 100)?;
    assert!(result.is_ok() && has_begun);
    Ok(())
}

/// By hand: 12544 bytes of output, and beside them at least a filter of 50 numbers and the lines of an image that windows
/// are read from, which are more than 456 bytes.
#[test]
fn what_a_kernel_keeps_beside_its_values_must_fit_into_the_memory_budget() -> Result<()> {
    let g = Graph::new();
    let x = g.placeholder(DType::F32, shape![?, 28, 28, 1])?;
    let filter = g.constant(Value::full(&[5, 5, 1, 2], 1.0f32)?)?;
    let y = x.conv2d(&filter, Window::new(2, 1, Padding::Same))?;
    let sess = Session::new(&g)?;
    let run = |budget: usize| {
        let options = RunOptions { memory_budget: Some(budget), ..RunOptions::default() };
        sess.run_with_options(&y, feeds! { x => Value::full(&[2, 28, 28, 1], 1.0f32)? }, &options)
    };
    assert!(run(1 << 20).is_ok());
    refused(run(13_000), ErrorKind::ResourceExhausted, "are in use");
    Ok(())
}

#[test]
fn a_budget_of_steps_ends_a_run_that_takes_more() -> Result<()> {
    let g = Graph::new();
    let x = g.placeholder(DType::F32, shape![])?;
    let promise = [(DType::F32, shape![])];
    let step = |y: Tensor, _| -> Result<Tensor> {
        Ok(g.closure("step", &[&y], &promise, |inputs| Ok(inputs.to_vec()))?.remove(0))
    };
    let y = (0..100).try_fold(x.clone(), step)?;
    let sess = Session::new(&g)?;
    let run = |steps: u64| {
        let options = RunOptions { step_budget: Some(steps), ..RunOptions::default() };
        sess.run_with_options(&y, feeds! { x => 1.0f32 }, &options)
    };
    assert!(run(100).is_ok());
    refused(run(99), ErrorKind::ResourceExhausted, "more than 99 steps");
    Ok(())
}

/// A place for one value that closures share.
mod slot {
    use std::sync::Mutex;

    #[derive(Debug)]
    pub struct Slot<T>(Mutex<Option<T>>);

    impl<T> Default for Slot<T> {
        fn default() -> Slot<T> {
            Slot(Mutex::new(None))
        }
    }

    impl<T> Slot<T> {
        pub fn put(&self, value: T) {
            *self.0.lock().expect("nobody panicked") = Some(value);
        }

        pub fn take(&self) -> Option<T> {
            self.0.lock().expect("nobody panicked").take()
        }
    }
}

#[test]
fn a_prepared_run_outlives_its_session_handle_and_ends_with_its_closing() -> Result<()> {
    let g = Graph::new();
    let x = g.placeholder(DType::F32, shape![])?;
    let sess = Session::new(&g)?;
    let prepared = sess.prepare((&x * 2)?, &[&x])?;
    let again = sess.prepare((&x * 3)?, &[&x])?;
    sess.close();
    refused(prepared.run(1.0f32), ErrorKind::Closed, "");
    drop((sess, g, x));
    refused(again.run(1.0f32), ErrorKind::Closed, "");
    Ok(())
}

#[test]
fn tokens_and_deadlines_at_their_edges_are_harmless() -> Result<()> {
    let g = Graph::new();
    let x = g.constant([1.0f32])?;
    let sess = Session::new(&g)?;
    let run = |options: RunOptions| sess.run_with_options(&x, Feeds::new(), &options);
    let never = RunOptions { timeout: Some(Duration::MAX), ..RunOptions::default() };
    assert!(run(never).is_ok());
    let at_once = RunOptions { timeout: Some(Duration::ZERO), ..RunOptions::default() };
    refused(run(at_once), ErrorKind::DeadlineExceeded, "");
    let token = CancelToken::new();
    let with_token = || RunOptions { cancel: Some(token.clone()), ..RunOptions::default() };
    assert!(run(with_token()).is_ok() && run(with_token()).is_ok());
    token.cancel();
    refused(run(with_token()), ErrorKind::Cancelled, "");
    refused(run(with_token()), ErrorKind::Cancelled, "");
    assert!(sess.run(&x).is_ok());
    let patient = Config { operation_timeout: Some(Duration::MAX), ..Config::default() };
    assert!(Session::with_config(&g, patient)?.run(&x).is_ok());
    Ok(())
}

/// Who gets an answer gets it in time: a run whose last step ends too late fails, and changes nothing.
#[test]
fn a_run_that_ends_after_its_limit_fails_and_commits_nothing() -> Result<()> {
    let g = Graph::new();
    let v = g.variable(1.0f32)?;
    let token = CancelToken::new();
    let mine = token.clone();
    let last = g.closure("last", &[&g.constant(2.0f32)?], &[(DType::F32, shape![])], move |inputs| {
        mine.cancel();
        Ok(inputs.to_vec())
    })?;
    let write = v.assign(&last[0])?;
    let sess = Session::new(&g)?;
    sess.run(&g.global_variables_initializer()?)?;
    for fetch in [&write, &last[0].operation()] {
        let options = RunOptions { cancel: Some(token.clone()), ..RunOptions::default() };
        refused(sess.run_with_options(fetch, Feeds::new(), &options), ErrorKind::Cancelled, "");
    }
    assert_eq!(sess.run(&v)?.scalar::<f32>()?, 1.0);
    Ok(())
}

#[test]
fn an_error_after_an_input_was_taken_still_says_what_it_was() -> Result<()> {
    let g = Graph::new();
    let x = g.placeholder(DType::F32, shape![?, ?])?;
    let y = x.exp()?.ensure_shape(shape![?, 3])?;
    let error = Session::new(&g)?.run_with(&y, feeds! { x => [[1.0f32; 4]; 2] }).unwrap_err();
    assert!(error.to_string().contains("with inputs float32 (2, 4)"), "{error}");
    Ok(())
}

/// A token is cancelled by a kernel of the run that it ends.
#[test]
fn a_kernel_may_cancel_its_own_run() -> Result<()> {
    let g = Graph::new();
    let token = CancelToken::new();
    let (mine, was_late) = (token.clone(), Arc::new(AtomicBool::new(false)));
    let seen = was_late.clone();
    let x = g.constant([1.0f32])?;
    let stop = g.closure("stop", &[&x], &[(DType::F32, shape![1])], move |inputs| {
        mine.cancel();
        Ok(inputs.to_vec())
    })?;
    let late = g.closure("late", &[&stop[0]], &[(DType::F32, shape![1])], move |inputs| {
        seen.store(true, Ordering::Relaxed);
        Ok(inputs.to_vec())
    })?;
    let options = RunOptions { cancel: Some(token), ..RunOptions::default() };
    refused(Session::new(&g)?.run_with_options(&late[0], Feeds::new(), &options), ErrorKind::Cancelled, "");
    assert!(!was_late.load(Ordering::Relaxed));
    Ok(())
}

/// More runs at once than a machine has threads by far: all finish, and scratches do not pile up.
#[test]
fn thousands_of_runs_at_once_all_finish() -> Result<()> {
    const THREADS: usize = 200;
    let g = Graph::new();
    let x = g.placeholder(DType::F32, shape![?])?;
    let y = ((&x * 2)? + 1)?;
    let sess = Session::new(&g)?;
    std::thread::scope(|scope| {
        for n in 0..THREADS {
            let (sess, x, y) = (&sess, &x, &y);
            scope.spawn(move || {
                for _ in 0..50 {
                    let got = sess.run_with(y, feeds! { x => [n as f32] }).expect("a run finishes");
                    assert_eq!(got.slice::<f32>().expect("float32"), [2.0 * n as f32 + 1.0]);
                }
            });
        }
    });
    Ok(())
}

/// Values that are held beyond the session that made them stay as they are.
#[test]
fn fetched_values_outlive_the_session_and_never_change() -> Result<()> {
    let g = Graph::new();
    let v = g.variable([1.0f32, 2.0])?;
    let add = v.assign_add(g.constant([1.0f32; 2])?)?;
    let (read, sess) = (v.value()?, ready(&g)?);
    let before = sess.run(&read)?;
    for _ in 0..3 {
        sess.run(&add)?;
    }
    drop((sess, g));
    assert_eq!(before.to_string(), "[1. 2.]");
    Ok(())
}

/// What is thrown away in the run is not computed, whatever the passes do: errors of nodes that nobody needs are none.
#[test]
fn a_node_that_fails_only_matters_where_it_is_needed() -> Result<()> {
    let g = Graph::new();
    let zero = g.constant([0i32])?;
    let bad = g.constant([1i32])?.floor_div(&zero)?;
    for passes in [Passes::none(), Passes::default()] {
        let sess = Session::with_config(&g, Config { passes, ..Config::default() })?;
        assert_eq!(sess.run(&zero)?.to_string(), "[0]");
        refused(sess.run(&bad), ErrorKind::DivisionByZero, "");
        assert_eq!(sess.run_with((&bad * 2)?, feeds! { bad => [4i32] })?.to_string(), "[8]");
    }
    Ok(())
}
