//! A user's own ops, written with the public trait alone, and what happens when they misbehave.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use sessile::exec::StepOrder;
use sessile::graph::{Effect, InferCx, Op, OpKind, RunCx};
use sessile::prelude::*;
use sessile::{CancelToken, ErrorKind, Result, RunOptions};

/// What the op does with its float32 input.
#[derive(Debug, Clone)]
enum Deed {
    /// Adds one.
    AddOne,
    /// Panics in its shape rule.
    PanicWhileBuilding,
    Panic(&'static str),
    /// Panics with something that is no text.
    PanicWithNumber,
    Fail(&'static str),
    /// Makes another shape than it said.
    Lie,
    LeaveEmpty,
    /// Waits until the run has to stop.
    WaitForCancel,
    Count(Arc<AtomicUsize>),
}

#[derive(Debug, Clone)]
struct Custom(Deed);

static CUSTOM: OpKind = OpKind::custom("Custom", "x: float32 -> y: float32").effect(Effect::Outside);

impl Op for Custom {
    fn kind(&self) -> &'static OpKind {
        &CUSTOM
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        if let Deed::PanicWhileBuilding = self.0 {
            panic!("no rule");
        }
        cx.output_like(0);
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        match &self.0 {
            Deed::AddOne => {
                let mut x = cx.take_unique(0)?;
                x.make_mut::<f32>()?.iter_mut().for_each(|x| *x += 1.0);
                cx.output(0, x);
                return Ok(());
            }
            Deed::PanicWhileBuilding => unreachable!("it was not built"),
            Deed::Panic(text) => panic!("{text}"),
            Deed::PanicWithNumber => std::panic::panic_any(7),
            Deed::Fail(text) => return Err(sessile::Error::invalid(*text)),
            Deed::Lie => cx.output(0, Value::from_vec(&[7], vec![0.0f32; 7])?),
            Deed::LeaveEmpty => {}
            Deed::WaitForCancel => loop {
                cx.check()?;
                std::thread::sleep(Duration::from_millis(1));
            },
            Deed::Count(count) => {
                count.fetch_add(1, Ordering::Relaxed);
                let x = cx.take(0);
                cx.output(0, x);
            }
        }
        Ok(())
    }
}

fn graph_with(deed: Deed) -> Result<(Graph, Tensor, Tensor)> {
    let g = Graph::new();
    let x = g.placeholder(DType::F32, shape![?])?;
    let y = g.named("mine", || g.apply_one(Custom(deed), &[&x]))?;
    Ok((g, x, y))
}

#[track_caller]
fn run(deed: Deed) -> Result<Value> {
    let (g, x, y) = graph_with(deed)?;
    Session::new(&g)?.run_with(&y, feeds! { x => [1.0f32, 2.0] })
}

#[test]
fn a_panic_in_a_shape_rule_is_an_error_and_the_graph_stays_usable() -> Result<()> {
    let g = Graph::new();
    let x = g.placeholder(DType::F32, shape![?])?;
    let error = g.named("mine", || g.apply_one(Custom(Deed::PanicWhileBuilding), &[&x])).unwrap_err();
    assert_eq!((error.kind(), error.node()), (ErrorKind::Panicked, Some("mine")));
    assert_eq!(error.message(), "the shape rule panicked: no rule");
    let y = g.named("mine", || g.apply_one(Custom(Deed::AddOne), &[&x]))?;
    assert_eq!((y.name().as_str(), g.len()), ("mine:0", 2));
    Ok(())
}

#[test]
fn a_users_op_needs_no_registration() -> Result<()> {
    assert_eq!(run(Deed::AddOne)?.to_string(), "[2. 3.]");
    Ok(())
}

#[test]
fn a_panic_becomes_an_error_and_the_session_stays_usable() -> Result<()> {
    let (g, x, y) = graph_with(Deed::Panic("out of cheese"))?;
    let fine = g.apply_one(Custom(Deed::AddOne), &[&x])?;
    let sess = Session::new(&g)?;
    for _ in 0..3 {
        let error = sess.run_with(&y, feeds! { x => [1.0f32] }).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Panicked);
        assert_eq!(error.node(), Some("mine"));
        assert!(error.message().contains("out of cheese"), "{error}");
        assert_eq!(sess.run_with(&fine, feeds! { x => [1.0f32] })?.to_string(), "[2.]");
    }
    assert_eq!(run(Deed::PanicWithNumber).unwrap_err().kind(), ErrorKind::Panicked);
    Ok(())
}

#[test]
fn an_error_names_the_node_its_inputs_and_the_users_line() {
    let screen = format!("{:?}", run(Deed::Fail("no luck")).unwrap_err());
    assert!(
        screen.starts_with("no luck\n  in node 'mine' (Custom) with inputs float32 (2,)\n  created at "),
        "{screen}"
    );
    assert!(screen.contains("custom.rs:"), "{screen}");
}

#[test]
#[cfg(debug_assertions)]
fn a_kernel_that_breaks_its_promise_is_told_so() {
    assert_eq!(run(Deed::LeaveEmpty).unwrap_err().kind(), ErrorKind::Internal);
    let g = Graph::new();
    let lie = || {
        let x = g.constant([1.0f32, 2.0])?;
        Session::new(&g)?.run(g.apply_one(Custom(Deed::Lie), &[&x])?)
    };
    assert_eq!(lie().unwrap_err().kind(), ErrorKind::Internal);
}

#[test]
fn a_run_can_be_cancelled_and_can_have_a_deadline() -> Result<()> {
    let (g, x, y) = graph_with(Deed::WaitForCancel)?;
    let sess = Session::new(&g)?;
    let feeds = || feeds! { x => [1.0f32] };
    let timeout = RunOptions { timeout: Some(Duration::from_millis(20)), ..RunOptions::default() };
    let error = sess.run_with_options(&y, feeds(), &timeout).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DeadlineExceeded);

    let token = CancelToken::new();
    let options = RunOptions { cancel: Some(token.clone()), ..RunOptions::default() };
    let error = std::thread::scope(|scope| {
        let run = scope.spawn(|| sess.run_with_options(&y, feeds(), &options).unwrap_err());
        std::thread::sleep(Duration::from_millis(20));
        token.cancel();
        token.cancel();
        run.join().expect("the run ends")
    });
    assert_eq!(error.kind(), ErrorKind::Cancelled);
    let before_start = sess.run_with_options(&x, feeds(), &options).unwrap_err();
    assert_eq!(before_start.kind(), ErrorKind::Cancelled);
    Ok(())
}

#[test]
fn closing_ends_runs_and_refuses_later_ones() -> Result<()> {
    let (g, x, y) = graph_with(Deed::WaitForCancel)?;
    let sess = Session::new(&g)?;
    std::thread::scope(|scope| {
        let run = scope.spawn(|| sess.run_with(&y, feeds! { x => [1.0f32] }).unwrap_err());
        std::thread::sleep(Duration::from_millis(20));
        sess.close();
        sess.close();
        assert_eq!(run.join().expect("the run ends").kind(), ErrorKind::Cancelled);
    });
    assert_eq!(sess.run_with(&x, feeds! { x => [1.0f32] }).unwrap_err().kind(), ErrorKind::Closed);
    Ok(())
}

#[test]
fn only_what_is_needed_runs_and_only_once() -> Result<()> {
    let count = Arc::new(AtomicUsize::new(0));
    let (g, x, y) = graph_with(Deed::Count(count.clone()))?;
    let sess = Session::new(&g)?;
    let _ = sess.run_with((&y, &y, y.operation()), feeds! { x => [1.0f32] })?;
    assert_eq!(count.load(Ordering::Relaxed), 1);
    sess.run_with(&x, feeds! { x => [1.0f32] })?;
    sess.run_with(&y, feeds! { y => [1.0f32] })?;
    sess.run(())?;
    assert_eq!(count.load(Ordering::Relaxed), 1);
    Ok(())
}

/// Several steps fail at once, on any number of threads: the error is always that of the first in program order.
#[test]
fn the_smallest_failing_step_is_reported() -> Result<()> {
    let g = Graph::new();
    let x = g.placeholder(DType::F32, shape![?])?;
    let mut fetches = Vec::new();
    for i in 0..20 {
        let deed = if i >= 7 { Deed::Fail("failed") } else { Deed::AddOne };
        fetches.push(g.named(&format!("n{i}"), || g.apply_one(Custom(deed), &[&x]))?);
    }
    for (threads, step_order) in
        [(1, StepOrder::AsBuilt), (1, StepOrder::AsReady), (2, StepOrder::AsReady), (8, StepOrder::AsReady)]
    {
        let sess = Session::with_config(&g, Config { threads: Some(threads), step_order, ..Config::default() })?;
        for _ in 0..20 {
            let error = sess.run_with(&fetches, feeds! { x => [1.0f32] }).unwrap_err();
            assert_eq!(error.node(), Some("n7"));
        }
    }
    Ok(())
}

#[test]
fn a_trace_has_each_step_and_opens_in_viewers() -> Result<()> {
    let (g, x, y) = graph_with(Deed::AddOne)?;
    let options = RunOptions { trace: true, ..RunOptions::default() };
    let (_, metadata) = Session::new(&g)?.run_with_options(&y, feeds! { x => [1.0f32] }, &options)?;
    assert_eq!(metadata.steps.len(), 1);
    assert_eq!((metadata.steps[0].node.as_str(), metadata.steps[0].output_bytes), ("mine", 4));
    assert!(
        metadata.chrome_trace().starts_with("{\"traceEvents\":[\n{\"name\":\"mine\",\"cat\":\"Custom\",\"ph\":\"X\"")
    );
    Ok(())
}

/// Ends when another step has come as far: pure, so that nothing orders the two.
#[derive(Debug)]
struct Meet(Arc<std::sync::Barrier>);

static MEET: OpKind = OpKind::custom("Meet", "x: float32 -> y: float32");

impl Op for Meet {
    fn kind(&self) -> &'static OpKind {
        &MEET
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        cx.output_like(0);
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        self.0.wait();
        let x = cx.take(0);
        cx.output(0, x);
        Ok(())
    }
}

/// The trace of two threads is JSON, and each lane in it has a name.
#[test]
fn the_lanes_of_a_trace_have_the_names_of_their_threads() -> Result<()> {
    let g = Graph::new();
    let (x, y) = (g.placeholder(DType::F32, shape![?])?, g.placeholder(DType::F32, shape![?])?);
    let meet = Arc::new(std::sync::Barrier::new(2));
    let fetches = [g.apply_one(Meet(meet.clone()), &[&x])?, g.apply_one(Meet(meet), &[&y])?];
    let config = Config { threads: Some(2), step_order: StepOrder::AsReady, ..Config::default() };
    let options = RunOptions { trace: true, ..RunOptions::default() };
    let sess = Session::with_config(&g, config)?;
    let (_, metadata) = sess.run_with_options(&fetches, feeds! { x => [1.0f32], y => [2.0f32] }, &options)?;
    let trace: serde_json::Value = serde_json::from_str(&metadata.chrome_trace()).expect("the trace is JSON");
    let events = trace["traceEvents"].as_array().expect("a list of events");
    let of = |phase: &'static str| events.iter().filter(move |event| event["ph"] == phase);
    let mut lanes: Vec<u64> = of("X").map(|event| event["tid"].as_u64().expect("a number")).collect();
    lanes.sort_unstable();
    let names: Vec<_> = of("M").map(|event| (event["tid"].as_u64(), event["args"]["name"].as_str())).collect();
    assert_eq!((lanes.len(), lanes[0]), (2, 0));
    let worker = format!("worker {}", lanes[1]);
    assert_eq!(names, [(Some(0), Some("caller")), (Some(lanes[1]), Some(worker.as_str()))]);
    assert!(of("M").all(|event| event["name"] == "thread_name"));
    Ok(())
}
