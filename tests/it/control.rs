//! Control flow built from closures: values, captures, order of state, errors, and what passes make of it.

use std::time::Duration;

use sessile::ops::control::{BranchFn, WhileOptions};
use sessile::optimize::Passes;
use sessile::prelude::*;
use sessile::session::RunOptions;
use sessile::{CancelToken, ErrorKind, Result};

/// Runs with passes on and off, which must agree, and shows the result.
#[track_caller]
fn run_with(fetch: &Tensor, feeds: Feeds) -> String {
    let config = Config { passes: Passes::none(), ..Config::default() };
    let g = fetch.graph();
    let plain = Session::with_config(g, config).unwrap().run_with(fetch, feeds.clone()).unwrap();
    let value = Session::new(g).unwrap().run_with(fetch, feeds).unwrap();
    assert!(value.same_bits(&plain), "passes change {plain} to {value}");
    value.to_string()
}

#[track_caller]
fn run(fetch: &Tensor) -> String {
    run_with(fetch, feeds! {})
}

#[track_caller]
fn refused<T>(result: Result<T>, kind: ErrorKind, message: &str) {
    let error = result.err().unwrap();
    assert_eq!((error.kind(), error.message()), (kind, message));
}

fn scalar(g: &Graph, dtype: DType) -> Result<Tensor> {
    g.placeholder(dtype, shape![])
}

#[test]
fn only_the_branch_that_is_taken_runs() -> Result<()> {
    let g = Graph::new();
    let (p, zero) = (scalar(&g, DType::Bool)?, g.placeholder(DType::I32, shape![])?);
    let y = g.cond(&p, || g.constant(7)?.floor_div(&zero), || g.constant(1))?;
    assert_eq!(run_with(&y, feeds! { p => false, zero => 0 }), "1");
    assert_eq!(run_with(&y, feeds! { p => true, zero => 2 }), "3");
    let error = Session::new(&g)?.run_with(&y, feeds! { p => true, zero => 0 }).unwrap_err();
    assert_eq!((error.kind(), error.node()), (ErrorKind::DivisionByZero, Some("cond/floordiv")));
    Ok(())
}

/// TensorFlow builds it where it stands, and asks for it when it runs.
#[test]
fn a_placeholder_of_a_branch_is_fed_only_where_the_branch_is_taken() -> Result<()> {
    let g = Graph::new();
    let p = scalar(&g, DType::Bool)?;
    let mut built = None;
    let col = || {
        let col = g.named("col", || scalar(&g, DType::F32))?;
        let twice = &col * 2.0f32;
        built = Some(col);
        twice
    };
    let out = g.cond(&p, col, || g.named("row", || scalar(&g, DType::F32)))?;
    let col = built.expect("the closure has run");
    assert_eq!(col.name(), "cond/col:0");
    assert_eq!(run_with(&out, feeds! { p => true, col => 3.0f32 }), "6.0");
    assert_eq!(run_with(&out, feeds! { p => true, "cond/col:0" => 3.0f32, "cond/row:0" => 4.0f32 }), "6.0");
    assert_eq!(run_with(&out, feeds! { p => false, "cond/row:0" => 4.0f32 }), "4.0");
    let sess = Session::new(&g)?;
    for (taken, other, name) in [(true, "cond/row:0", "'cond/col'"), (false, "cond/col:0", "'cond/row'")] {
        let error = sess.run_with(&out, feeds! { p => taken, other => 3.0f32 }).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::MissingFeed, "{error}");
        assert!(error.to_string().contains(name), "{error}");
    }
    let text = "you must feed a value for this placeholder tensor with dtype float32 and shape ()";
    refused(sess.run(&col), ErrorKind::MissingFeed, text);
    let slope = sessile::gradients(&[&out], &[&col])?.remove(0).expect("there is a smooth way");
    assert_eq!(run_with(&slope, feeds! { p => true, col => 3.0f32 }), "2.0");
    Ok(())
}

/// A body takes it in and hands it on to the bodies in it; it may choose among these.
#[test]
fn a_placeholder_of_a_loop_is_fed_only_where_there_is_a_turn() -> Result<()> {
    let g = Graph::new();
    let n = scalar(&g, DType::I32)?;
    let start = (g.constant(0)?, g.constant(1.0f32)?);
    let body = |(i, x): (Tensor, Tensor)| {
        let step = g.named("step", || scalar(&g, DType::F32))?;
        let doubles = g.named("doubles", || scalar(&g, DType::Bool))?;
        let next = g.cond(&doubles, || &x * g.named("factor", || scalar(&g, DType::F32))?, || Ok(&x + &step))?;
        Ok((&i + 1, next))
    };
    let (_, out) = g.while_loop(start, |(i, _)| i.less(&n), body)?;
    let sess = Session::new(&g)?;
    assert_eq!(sess.run_with(&out, feeds! { n => 0 })?.to_string(), "1.0");
    let run = |feeds: Feeds| sess.run_with(&out, feeds).map(|value| value.to_string());
    let missing = |feeds: Feeds, name: &str| {
        let error = sess.run_with(&out, feeds).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::MissingFeed, "{error}");
        assert!(error.to_string().contains(name), "{error}");
    };
    missing(feeds! { n => 1 }, "'while/doubles'");
    let (adds, scales) = (feeds! { n => 2, "while/doubles:0" => false }, feeds! { n => 2, "while/doubles:0" => true });
    missing(adds.clone(), "'while/step'");
    missing(scales.clone(), "'while/cond/factor'");
    assert_eq!(run(adds.with("while/step:0", 3.0f32))?, "7.0");
    assert_eq!(run(scales.with("while/cond/factor:0", 3.0f32))?, "9.0");
    Ok(())
}

#[test]
fn branches_give_structures() -> Result<()> {
    let g = Graph::new();
    let (p, x) = (scalar(&g, DType::Bool)?, g.placeholder(DType::F32, shape!["n", 2])?);
    let (a, rest) = g.cond(
        &p,
        || Ok((&x, vec![(&x * 2.0)?, x.clone()])),
        || Ok(((&x + 1.0)?, [&x, &x].map(Clone::clone).to_vec())),
    )?;
    assert_eq!((a.name(), rest[1].name()), ("cond/Merge:0".into(), "cond/Merge_2:0".into()));
    assert_eq!(a.shape().to_string(), "(n, 2)");
    let feeds = |p: bool| feeds! { &g.tensor_by_name("Placeholder:0").unwrap() => p, x => [[1.0f32, 2.0]] };
    assert_eq!(run_with(&(&a + &rest[0])?, feeds(true)), "[[3. 6.]]");
    assert_eq!(run_with(&(&a + &rest[0])?, feeds(false)), "[[3. 5.]]");
    Ok(())
}

#[test]
fn loops_nest_in_branches_and_branches_in_loops() -> Result<()> {
    let g = Graph::new();
    let (n, step) = (scalar(&g, DType::I32)?, g.constant(3)?);
    // For each i below n: the even ones are added, of the odd ones their triangle number by an inner loop.
    let start = (g.constant(0)?, g.constant(0)?);
    let (_, total) = g.while_loop(
        start,
        |(i, _)| i.less(&n),
        |(i, total)| {
            let is_even = (&i % 2)?.equal(0)?;
            let add = g.cond(
                is_even,
                || &i * &step,
                || {
                    let inner = (g.constant(0)?, g.constant(0)?);
                    let (_, sum) =
                        g.while_loop(inner, |(j, _)| j.less_equal(&i), |(j, sum)| Ok((&j + 1, &sum + &j * &step)))?;
                    Ok(sum)
                },
            )?;
            Ok((&i + 1, &total + add))
        },
    )?;
    let want: i32 = (0..7).map(|i| if i % 2 == 0 { 3 * i } else { 3 * i * (i + 1) / 2 }).sum();
    assert_eq!(run_with(&total, feeds! { n => 7 }), want.to_string());
    Ok(())
}

#[test]
fn names_inside_are_those_of_tf1_and_unique_in_the_graph() -> Result<()> {
    let g = Graph::new();
    let (p, x) = (scalar(&g, DType::Bool)?, g.placeholder(DType::F32, shape![3])?);
    let y = g.named("choose", || g.cond(&p, || &x * 2.0, || &x * 3.0))?;
    let z = g.while_loop(g.constant(0)?, |i| i.less(10), |i| &i + 1)?;
    assert_eq!((y.name(), z.name()), ("choose/Merge:0".into(), "while/Exit:0".into()));
    let dump = g.dump();
    for name in ["choose/mul = Mul", "choose/mul_1 = Mul", "while/Less = Less", "while/add = AddV2"] {
        assert!(dump.contains(name), "{name} is not in\n{dump}");
    }
    Ok(())
}

#[test]
fn a_failing_closure_leaves_a_graph_that_works() -> Result<()> {
    let g = Graph::new();
    let (p, x) = (scalar(&g, DType::Bool)?, g.placeholder(DType::F32, shape![3])?);
    let n = g.len();
    let bad = g.cond(&p, || &x + g.constant([1.0f32, 2.0])?, || Ok(&x));
    assert_eq!(bad.unwrap_err().kind(), ErrorKind::ShapeMismatch);
    assert_eq!(g.len(), n);
    let y = g.cond(&p, || &x + 1.0, || Ok(&x))?;
    assert_eq!(y.name(), "cond_1/Merge:0");
    assert_eq!(run_with(&y, feeds! { p => true, x => [0.0f32, 1.0, 2.0] }), "[1. 2. 3.]");
    Ok(())
}

#[test]
fn what_branches_give_must_agree() -> Result<()> {
    let g = Graph::new();
    let (p, x) = (scalar(&g, DType::Bool)?, g.placeholder(DType::F32, shape![3])?);
    refused(
        g.cond(&p, || Ok(&x), || x.cast(DType::I32)),
        ErrorKind::DTypeMismatch,
        "outputs of true_fn and false_fn must have the same type: float32, int32",
    );
    refused(
        g.cond(&p, || Ok(vec![&x, &x]), || Ok(vec![&x])),
        ErrorKind::InvalidArgument,
        "true_fn and false_fn must give back the same structure, but give [*, *] and [*]",
    );
    refused(
        g.cond(&p, || Ok(()), || Ok(())),
        ErrorKind::InvalidArgument,
        "true_fn and false_fn must give back at least 1 result, but give 0",
    );
    refused(
        g.cond(&x, || Ok(&x), || Ok(&x)),
        ErrorKind::DTypeMismatch,
        "the condition 'Placeholder_1:0' of 'cond_3' must be bool, but is float32",
    );
    let y = g.cond(&p, || Ok(&x), || g.constant([1.0f32]))?;
    assert_eq!(y.shape().to_string(), "(?,)");
    Ok(())
}

#[test]
fn a_turn_keeps_shapes_and_dtypes() -> Result<()> {
    let g = Graph::new();
    let x = g.named("zeros", || g.constant([0.0f32, 0.0]))?;
    let more = |x: Tensor| concat(&[&x, &x], 0);
    refused(
        g.while_loop(&x, |_| g.constant(true), more),
        ErrorKind::ShapeMismatch,
        "input tensor 'zeros:0' enters the loop with shape (2,), but has shape (4,) after one iteration; to allow the \
         shape to vary across iterations, use shape_invariants to specify a less specific shape",
    );
    refused(
        g.while_loop(&x, |_| g.constant(true), |x| x.cast(DType::F64)),
        ErrorKind::DTypeMismatch,
        "loop variable 'zeros:0' enters the loop as float32, but is float64 after one turn",
    );
    refused(
        g.while_loop(vec![&x], |_| g.constant(true), |x| Ok(vec![x[0].clone(), x[0].clone()])),
        ErrorKind::InvalidArgument,
        "a turn must give back the loop variables [*], but gives [*, *]",
    );
    let options = WhileOptions { shape_invariants: vec![shape![3]], ..WhileOptions::default() };
    refused(
        g.while_loop_with(&x, |_| g.constant(true), Ok, &options),
        ErrorKind::ShapeMismatch,
        "the shape invariant specified for zeros:0 is not compatible with the initial shape of the loop variable: it \
         enters the loop with shape (2,), but the specified shape invariant is (3,)",
    );
    let options = WhileOptions {
        shape_invariants: vec![shape![?]],
        maximum_iterations: Some(2.into()),
        ..WhileOptions::default()
    };
    let y = g.while_loop_with(&x, |_| g.constant(true), more, &options)?;
    assert_eq!((y.shape().to_string(), run(&y)), ("(?,)".into(), "[0. 0. 0. 0. 0. 0. 0. 0.]".into()));
    refused(
        g.while_loop(&x, |x| x.less(1.0), Ok),
        ErrorKind::InvalidArgument,
        "the condition of 'while_5' must be a bool scalar, but is bool (2,)",
    );
    Ok(())
}

#[test]
fn tensors_of_bodies_stay_inside() -> Result<()> {
    let g = Graph::new();
    let (p, x) = (scalar(&g, DType::Bool)?, g.placeholder(DType::F32, shape![3])?);
    let mut inside = None;
    let y = g.cond(&p, || Ok(inside.insert((&x + 1.0)?).clone()), || Ok(x.clone()))?;
    let inside = inside.unwrap();
    let text = "'cond/add:0' belongs to the true branch of 'cond': give it back from there to use it outside";
    refused(inside.relu(), ErrorKind::GraphMismatch, text);
    refused(
        g.while_loop(g.constant(0)?, |_| Ok(inside.clone()), Ok),
        ErrorKind::GraphMismatch,
        "'cond/add:0' belongs to the true branch of 'cond', and cannot be used in the condition of 'while'",
    );
    refused(Session::new(&g)?.run(&inside), ErrorKind::GraphMismatch, text);
    refused(Session::new(&g)?.run_with(&y, feeds! { inside => [0.0f32; 3] }), ErrorKind::GraphMismatch, text);
    refused(
        g.control_dependencies(&[inside.operation()], || Ok(())),
        ErrorKind::GraphMismatch,
        &text.replace(":0'", "'"),
    );
    Ok(())
}

#[test]
fn variables_are_read_and_written_in_program_order() -> Result<()> {
    let g = Graph::new();
    let (v, p) = (g.named("v", || g.variable(1.0))?, scalar(&g, DType::Bool)?);
    let before = v.value()?;
    let done = g.cond(&p, || v.assign(10.0), || v.assign_add(1.0))?;
    let after = v.value()?;
    assert_ne!(before, after, "a write in a branch ends the sharing of a read");
    // Each turn reads what the turn before wrote.
    let turns = g.while_loop(
        g.constant(0)?,
        |i| i.less(5),
        |i| {
            let add = v.assign_add(v.value()?)?;
            g.control_dependencies(&[add], || &i + 1)
        },
    )?;
    let last = g.control_dependencies(&[turns.operation()], || v.read())?;
    for order in [sessile::exec::StepOrder::AsBuilt, sessile::exec::StepOrder::AsReady] {
        let sess = Session::with_config(&g, Config { step_order: order, ..Config::default() })?;
        sess.run(v.initializer())?;
        let (a, (), b) = sess.run_with((&before, &done, &after), feeds! { p => false })?;
        assert_eq!((a.to_string(), b.to_string()), ("1.0".into(), "2.0".into()));
        sess.run_with(&done, feeds! { p => true })?;
        assert_eq!(sess.run(&last)?.to_string(), "320.0");
        assert_eq!(sess.run(&v)?.to_string(), "320.0");
    }
    Ok(())
}

#[test]
fn an_operation_outside_is_waited_for_by_the_whole_node() -> Result<()> {
    let g = Graph::new();
    let (v, p) = (g.variable(1.0)?, scalar(&g, DType::Bool)?);
    let add = v.assign_add(1.0)?;
    let y = g.cond(&p, || g.control_dependencies(std::slice::from_ref(&add), || v.value()), || g.constant(0.0))?;
    let sess = Session::new(&g)?;
    sess.run(v.initializer())?;
    assert_eq!(sess.run_with(&y, feeds! { p => true })?.to_string(), "2.0");
    assert_eq!(sess.run_with(&y, feeds! { p => false })?.to_string(), "0.0");
    assert_eq!(sess.run(&v)?.to_string(), "3.0");
    Ok(())
}

#[test]
fn a_failing_turn_changes_no_variable() -> Result<()> {
    let g = Graph::new();
    let v = g.variable(0)?;
    let looped = g.while_loop(
        g.constant(3)?,
        |_| g.constant(true),
        |i| {
            let add = v.assign_add(1)?;
            g.control_dependencies(&[add], || (g.constant(6)?.floor_div(&i)? * 0 + &i)? - 1)
        },
    )?;
    let sess = Session::new(&g)?;
    sess.run(v.initializer())?;
    let error = sess.run(&looped).unwrap_err();
    assert_eq!((error.kind(), error.node()), (ErrorKind::DivisionByZero, Some("while/floordiv")));
    assert_eq!(sess.run(&v)?.to_string(), "0");
    Ok(())
}

#[test]
fn variables_made_inside_belong_to_the_graph() -> Result<()> {
    let g = Graph::new();
    let p = scalar(&g, DType::Bool)?;
    let y = g.cond(&p, || layers::dense(&g.constant([[1.0f32, 2.0]])?, 3), || g.constant([[0.0f32; 3]]))?;
    assert_eq!(g.trainable_variables().len(), 2);
    let sess = Session::new(&g)?;
    sess.run(g.global_variables_initializer()?)?;
    assert_eq!(sess.run_with(&y, feeds! { p => true })?.dims(), [1, 3]);
    Ok(())
}

#[test]
fn the_first_condition_that_holds_decides() -> Result<()> {
    let g = Graph::new();
    let x = scalar(&g, DType::I32)?;
    let (small, tiny, large) = (x.less(10)?, x.less(5)?, x.greater(100)?);
    let (s, t, l, m) = (|| g.constant("small"), || g.constant("tiny"), || g.constant("large"), || g.constant("middle"));
    let pairs: [(&Tensor, BranchFn<'_, Tensor>); 3] = [(&small, &s), (&tiny, &t), (&large, &l)];
    let first = g.case(&pairs, Some(&m))?;
    assert_eq!(first.name(), "case/cond/Merge:0");
    for (n, want) in [(3, "b'small'"), (101, "b'large'"), (50, "b'middle'")] {
        assert_eq!(run_with(&first, feeds! { x => n }), want);
    }
    let one = g.case_exclusive(&pairs, Some(&m))?;
    assert_eq!(run_with(&one, feeds! { x => 7 }), "b'small'");
    let error = Session::new(&g)?.run_with(&one, feeds! { x => 3 }).unwrap_err();
    assert_eq!(
        (error.kind(), error.message()),
        (
            ErrorKind::CheckFailed,
            "assertion failed: [Input error: exclusive=True: more than 1 conditions (Less:0, Less_1:0, Greater:0) \
             evaluated as True:] [1 1 0]"
        )
    );
    let some = g.case(&pairs, None)?;
    assert_eq!(run_with(&some, feeds! { x => 200 }), "b'large'");
    let error = Session::new(&g)?.run_with(&some, feeds! { x => 50 }).unwrap_err();
    assert_eq!(error.message(), "assertion failed: [Input error: None of conditions evaluated as True:] [0 0 0]");
    Ok(())
}

#[test]
fn a_number_chooses_a_branch_and_the_last_stands_for_all_others() -> Result<()> {
    let g = Graph::new();
    let (i, x) = (scalar(&g, DType::I32)?, g.constant([2.0f32, 3.0])?);
    let y = g.switch_case(&i, &[&|| x.square(), &|| -&x], None)?;
    assert_eq!(y.name(), "switch_case/indexed_case/Identity:0");
    for (n, want) in [(0, "[4. 9.]"), (1, "[-2. -3.]"), (2, "[-2. -3.]"), (-1, "[-2. -3.]")] {
        assert_eq!(run_with(&y, feeds! { i => n }), want);
    }
    let y = g.switch_case(&i, &[&|| x.square(), &|| -&x], Some(&|| Ok(x.clone())))?;
    assert_eq!(run_with(&y, feeds! { i => 7 }), "[2. 3.]");
    Ok(())
}

#[test]
fn assertions_in_branches_are_made_where_they_are_taken() -> Result<()> {
    let g = Graph::new();
    let (p, x) = (scalar(&g, DType::Bool)?, scalar(&g, DType::F32)?);
    let y = g.cond(
        &p,
        || {
            let check = x.greater(0.0)?.assert(&[&"x is", &x])?;
            g.control_dependencies(&[check], || x.log())
        },
        || Ok(&x),
    )?;
    let sess = Session::new(&g)?;
    assert_eq!(sess.run_with(&y, feeds! { p => true, x => 1.0f32 })?.to_string(), "0.0");
    assert_eq!(sess.run_with(&y, feeds! { p => false, x => -1.0f32 })?.to_string(), "-1.0");
    let error = sess.run_with(&y, feeds! { p => true, x => -1.0f32 }).unwrap_err();
    assert_eq!((error.kind(), error.message()), (ErrorKind::CheckFailed, "assertion failed: [x is] [-1]"));
    assert_eq!(error.node(), Some("cond/Assert/AssertGuard/Assert"));
    Ok(())
}

#[test]
fn an_endless_loop_meets_its_deadline_and_can_be_cancelled() -> Result<()> {
    let g = Graph::new();
    let endless = g.while_loop(g.constant(0)?, |_| g.constant(true), |i| &i + 1)?;
    let sess = Session::new(&g)?;
    let options = RunOptions { timeout: Some(Duration::from_millis(30)), ..RunOptions::default() };
    assert_eq!(sess.run_with_options(&endless, feeds! {}, &options).unwrap_err().kind(), ErrorKind::DeadlineExceeded);
    let token = CancelToken::new();
    let options = RunOptions { cancel: Some(token.clone()), ..RunOptions::default() };
    let error = std::thread::scope(|scope| {
        scope.spawn(|| token.cancel());
        sess.run_with_options(&endless, feeds! {}, &options).unwrap_err()
    });
    assert_eq!(error.kind(), ErrorKind::Cancelled);
    Ok(())
}

#[test]
fn many_threads_run_one_loop() -> Result<()> {
    let g = Graph::new();
    let n = scalar(&g, DType::I32)?;
    let (_, sum) =
        g.while_loop((g.constant(0)?, g.constant(0)?), |(i, _)| i.less(&n), |(i, sum)| Ok((&i + 1, &sum + &i)))?;
    let sess = Session::new(&g)?;
    std::thread::scope(|scope| {
        for n_turns in 0..8 {
            let (sess, sum, n) = (&sess, &sum, &n);
            scope.spawn(move || {
                for k in 0..50 {
                    let turns = n_turns * 10 + k;
                    let got = sess.run_with(sum, feeds! { n => turns }).unwrap();
                    assert_eq!(got.scalar::<i32>().unwrap(), turns * (turns - 1) / 2);
                }
            });
        }
    });
    Ok(())
}

#[test]
fn fed_constants_change_what_bodies_know() -> Result<()> {
    let g = Graph::new();
    let sizes = g.constant([2, 3])?;
    let (p, x) = (scalar(&g, DType::Bool)?, g.placeholder(DType::F32, shape![6])?);
    let y = g.cond(&p, || x.reshape(&sizes), || x.reshape(sizes.index(index![..])?))?;
    assert_eq!(y.shape().to_string(), "(2, 3)");
    let out = Session::new(&g)?.run_with(&y, feeds! { p => true, x => [0.0f32; 6], sizes => [3, 2] })?;
    assert_eq!(out.dims(), [3, 2]);
    Ok(())
}

#[test]
fn bodies_nest_64_deep_and_no_deeper() -> Result<()> {
    fn nested(g: &Graph, p: &Tensor, x: &Tensor, depth: usize) -> Result<Tensor> {
        match depth {
            0 => x + 1.0,
            _ => g.cond(p, || nested(g, p, x, depth - 1), || Ok(x)),
        }
    }
    let g = Graph::new();
    let (p, x) = (scalar(&g, DType::Bool)?, scalar(&g, DType::F32)?);
    let y = nested(&g, &p, &x, 64)?;
    assert_eq!(run_with(&y, feeds! { p => true, x => 1.0f32 }), "2.0");
    let error = nested(&g, &p, &x, 65).unwrap_err();
    assert_eq!(error.message(), "bodies may nest 64 deep, but here is one more");
    Ok(())
}

#[test]
fn nodes_in_bodies_carry_the_lines_that_made_them() -> Result<()> {
    let g = Graph::new();
    let (p, x) = (scalar(&g, DType::Bool)?, g.placeholder(DType::F32, shape![3])?);
    let line = line!() + 1;
    let error = g.cond(&p, || &x + g.constant([1.0f32, 2.0])?, || Ok(&x)).unwrap_err();
    let at = error.site().and_then(|site| site.location).unwrap();
    assert!(at.file().ends_with("control.rs") && at.line() == line, "{error}");
    Ok(())
}

#[test]
fn functions_of_rows_may_change_structure_and_dtype() -> Result<()> {
    let g = Graph::new();
    let (x, k) = (g.placeholder(DType::F32, shape!["n", 2])?, g.placeholder(DType::I32, shape!["n"])?);
    let (sums, rows) = g.map_fn((&x, &k), |(row, k)| {
        let scaled = (&row * k.cast(DType::F32)?)?;
        Ok((scaled.reduce_sum(())?.cast(DType::I64)?, scaled))
    })?;
    assert_eq!(
        (sums.to_string(), rows.shape().to_string()),
        ("Tensor(\"map/TensorArrayStack/TensorArrayGatherV3:0\", shape=(n,), dtype=int64)".into(), "(n, 2)".into(),)
    );
    let feeds = feeds! { x => [[1.0f32, 2.0], [3.0, 4.0], [5.0, 6.0]], k => [1, 0, 2] };
    assert_eq!(run_with(&sums, feeds.clone()), "[ 3  0 22]");
    assert_eq!(run_with(&rows, feeds), "[[ 1.  2.]\n [ 0.  0.]\n [10. 12.]]");
    let none = feeds! { x => Value::zeros(DType::F32, &[0, 2])?, k => Value::zeros(DType::I32, &[0])? };
    assert_eq!(Session::new(&g)?.run_with(&rows, none)?.dims(), [0, 2]);
    refused(g.map_fn(g.constant(1)?, Ok), ErrorKind::ShapeMismatch, "'Const:0' must have rows, but is a scalar");
    Ok(())
}

#[test]
fn scans_and_folds_go_both_ways() -> Result<()> {
    let g = Graph::new();
    let x = g.placeholder(DType::F32, shape![?, 2])?;
    let zero = g.constant([0.0f32, 0.0])?;
    let step = |a: Tensor, row: Tensor| &a * 0.5 + row;
    let feeds = || feeds! { x => [[1.0f32, 2.0], [3.0, 4.0], [5.0, 6.0]] };
    let all = [
        (g.scan(&x, step)?, "[[1.   2.  ]\n [3.5  5.  ]\n [6.75 8.5 ]]"),
        (g.scan_from(&zero, &x, step)?, "[[1.   2.  ]\n [3.5  5.  ]\n [6.75 8.5 ]]"),
        (g.scan_reversed(&x, step)?, "[[3.75 5.5 ]\n [5.5  7.  ]\n [5.   6.  ]]"),
        (g.scan_reversed_from(&zero, &x, step)?, "[[3.75 5.5 ]\n [5.5  7.  ]\n [5.   6.  ]]"),
        (g.foldl(&x, step)?, "[6.75 8.5 ]"),
        (g.foldl_from(&zero, &x, step)?, "[6.75 8.5 ]"),
        (g.foldr(&x, step)?, "[3.75 5.5 ]"),
        (g.foldr_from(&zero, &x, step)?, "[3.75 5.5 ]"),
    ];
    for (y, want) in &all {
        assert_eq!(run_with(y, feeds()), *want, "{y}");
    }
    assert_eq!(all[0].0.shape().to_string(), "(?, 2)");
    let known = g.constant([[1.0f32, 2.0], [3.0, 4.0]])?;
    for (y, want) in [
        (g.scan(&known, step)?, "[[1.  2. ]\n [3.5 5. ]]"),
        (g.scan_reversed(&known, step)?, "[[2.5 4. ]\n [3.  4. ]]"),
        (g.foldl(&known, step)?, "[3.5 5. ]"),
        (g.foldr(&known, step)?, "[2.5 4. ]"),
    ] {
        assert_eq!(run(&y), want, "{y}");
    }
    refused(
        g.foldl_from((&zero, &zero), &x, |(a, _), row| Ok((a, (&row - 1)?.cast(DType::F64)))),
        ErrorKind::DTypeMismatch,
        "loop variable 'Const:0' enters the loop as float32, but is float64 after one turn",
    );
    Ok(())
}

#[test]
fn rows_are_mapped_inside_of_turns_and_branches() -> Result<()> {
    let g = Graph::new();
    let (p, x) = (scalar(&g, DType::Bool)?, g.placeholder(DType::F32, shape![2, 3])?);
    let y = g.map_fn(&x, |row| {
        let larger = g.cond(&p, || g.map_fn(&row, |cell| &cell * 10.0), || Ok(&row))?;
        g.scan(larger, |a, cell| &a + &cell)
    })?;
    let feed = |p_is: bool| feeds! { p => p_is, x => [[1.0f32, 2.0, 3.0], [4.0, 5.0, 6.0]] };
    assert_eq!(run_with(&y, feed(true)), "[[ 10.  30.  60.]\n [ 40.  90. 150.]]");
    assert_eq!(run_with(&y, feed(false)), "[[ 1.  3.  6.]\n [ 4.  9. 15.]]");
    Ok(())
}

#[test]
fn a_trace_and_an_explanation_look_into_bodies() -> Result<()> {
    let g = Graph::new();
    let n = scalar(&g, DType::I32)?;
    let (_, sum) = g.while_loop(
        (g.constant(0)?, g.constant(1.0)?),
        |(i, _)| i.less(&n),
        |(i, x)| Ok((&i + 1, g.cond(i.less(1), || x.exp(), || x.log()))),
    )?;
    let sess = Session::new(&g)?;
    let options = RunOptions { trace: true, ..RunOptions::default() };
    let (_, metadata) = sess.run_with_options(&sum, feeds! { n => 3 }, &options)?;
    let times = |node: &str| metadata.steps.iter().filter(|step| step.node == node).count();
    assert_eq!([times("while"), times("while/Less"), times("while/cond/Exp"), times("while/cond/Log")], [1, 4, 1, 2]);
    let text = sess.explain(&sum, &[&n])?;
    assert!(
        text.contains("\n      while/Less = Less(") && text.contains("\n          while/cond/Exp = Exp("),
        "{text}"
    );
    Ok(())
}
