//! Variables: program order, snapshots, atomic runs, many threads.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{Duration, Instant};

use sessile::exec::StepOrder;
use sessile::graph::{Effect, InferCx, Op, OpKind, RunCx};
use sessile::prelude::*;
use sessile::{CancelToken, ErrorKind, RunOptions};

/// Calls a closure and passes its input on.
struct Call(Box<dyn Fn() -> sessile::Result<()> + Send + Sync>);

static CALL: OpKind = OpKind::custom("Call", "x: T -> y: T").effect(Effect::Outside);

impl std::fmt::Debug for Call {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Call")
    }
}

impl Op for Call {
    fn kind(&self) -> &'static OpKind {
        &CALL
    }
    fn infer(&self, cx: &mut InferCx<'_>) -> sessile::Result<()> {
        cx.output_like(0);
        Ok(())
    }
    fn run(&self, cx: &mut RunCx<'_>) -> sessile::Result<()> {
        (self.0)()?;
        let x = cx.take(0);
        cx.output(0, x);
        Ok(())
    }
}

fn failing(g: &Graph, x: &Tensor) -> sessile::Result<Tensor> {
    g.apply_one(Call(Box::new(|| Err(sessile::Error::invalid("on purpose")))), &[x])
}

/// One thread runs steps as they were built, several run them as they are ready.
fn initialized(g: &Graph, threads: usize) -> sessile::Result<Session> {
    let step_order = if threads == 1 { StepOrder::AsBuilt } else { StepOrder::AsReady };
    let sess = Session::with_config(g, Config { threads: Some(threads), step_order, ..Config::default() })?;
    sess.run(g.global_variables_initializer()?)?;
    Ok(sess)
}

#[test]
fn all_uninitialized_variables_are_named() -> sessile::Result<()> {
    let g = Graph::new();
    let v = g.named("v", || g.variable([1.0f32]))?;
    let w = g.named("w", || g.variable([2.0f32]))?;
    let error = Session::new(&g)?.run((v.value()?, w.value()?)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Uninitialized);
    let screen = error.to_string();
    assert!(screen.contains("uninitialized value v") && screen.contains("uninitialized value w"), "{screen}");
    Ok(())
}

/// TF1's `assert_variables_initialized` asks for ranks, which are known without the values.
#[test]
fn the_rank_of_a_variable_is_asked_of_its_value() -> sessile::Result<()> {
    let g = Graph::new();
    let v = g.named("v", || g.variable([1.0f32]))?;
    let rank = g.apply_one(sessile::ops::array::Rank, &[&v.value()?])?;
    let sess = Session::new(&g)?;
    assert_eq!(sess.run(rank.operation()).unwrap_err().kind(), ErrorKind::Uninitialized);
    sess.run(g.global_variables_initializer()?)?;
    assert_eq!(sess.run(&rank)?.to_string(), "1");
    Ok(())
}

#[test]
fn ranks_of_variables_that_are_joined_are_asked_for_too() -> sessile::Result<()> {
    let g = Graph::new();
    let v = g.named("v", || g.variable([1.0f32]))?;
    let rank = g.apply_one(sessile::ops::array::Rank, &[&v.value()?])?;
    let ranks = sessile::ops::array::stack(&[&rank, &g.constant(7)?], 0)?;
    let sess = Session::new(&g)?;
    assert_eq!(sess.run(&ranks).unwrap_err().kind(), ErrorKind::Uninitialized);
    sess.run(g.global_variables_initializer()?)?;
    assert_eq!(sess.run(&ranks)?.to_string(), "[1 7]");
    Ok(())
}

#[test]
fn a_variable_may_start_from_another_in_one_initializing_run() -> sessile::Result<()> {
    let g = Graph::new();
    let v = g.variable([3.0f32])?;
    let w = g.variable(&v)?;
    let sess = initialized(&g, 2)?;
    assert_eq!(sess.run(w.value()?)?.to_string(), "[3.]");
    Ok(())
}

#[test]
fn a_failed_run_changes_no_variable() -> sessile::Result<()> {
    let g = Graph::new();
    let v = g.variable([1.0f32])?;
    let (read, assign) = (v.value()?, v.assign(g.constant([5.0f32])?)?);
    let late = g.control_dependencies(std::slice::from_ref(&assign), || failing(&g, &g.constant([0.0f32])?))?;
    for threads in [1, 2] {
        let sess = initialized(&g, threads)?;
        assert!(sess.run((&assign, &late)).is_err());
        assert_eq!(sess.run(&read)?.to_string(), "[1.]");
        sess.run(&assign)?;
        assert_eq!(sess.run(&read)?.to_string(), "[5.]");
    }
    Ok(())
}

#[test]
fn sessions_on_one_graph_share_no_variables() -> sessile::Result<()> {
    let g = Graph::new();
    let v = g.variable([0i64])?;
    let (read, add) = (v.value()?, v.assign_add(g.constant([1i64])?)?);
    let (a, b) = (initialized(&g, 1)?, initialized(&g, 1)?);
    a.run(&add)?;
    a.run(&add)?;
    b.run(&add)?;
    assert_eq!((a.run(&read)?.to_string(), b.run(&read)?.to_string()), ("[2]".into(), "[1]".into()));
    Ok(())
}

#[test]
fn a_run_inside_a_run_works_unless_both_write() -> sessile::Result<()> {
    for writes in [false, true] {
        let g = Graph::new();
        let v = g.variable([7i64])?;
        let (read, add) = (v.value()?, v.assign_add(g.constant([1i64])?)?);
        let sess = initialized(&g, 2)?;
        let (inner, fetch, target) = (sess.clone(), read.clone(), add.clone());
        let call = Call(Box::new(move || if writes { inner.run(&target) } else { inner.run(&fetch).map(drop) }));
        let outer = g.apply_one(call, &[&g.constant([0i64])?])?;
        let result = sess.run((&outer, &add));
        match writes {
            false => assert_eq!(result?.0.to_string(), "[0]"),
            true => assert_eq!(result.unwrap_err().kind(), ErrorKind::Reentrant),
        }
    }
    Ok(())
}

/// 64 threads, 1,000 runs each, one of them a writer: no update is lost, and no reader sees half of one.
#[test]
fn sixty_four_threads_and_a_writer() -> sessile::Result<()> {
    const RUNS: i64 = 1000;
    let g = Graph::new();
    let (v, w) = (g.variable([0i64; 8])?, g.variable([0i64; 8])?);
    let reads = (v.value()?, w.value()?);
    let step = (v.assign_add(g.constant([1i64; 8])?)?, w.assign_add(g.constant([1i64; 8])?)?);
    let sess = initialized(&g, 2)?;
    let is_done = AtomicBool::new(false);
    let seen = AtomicI64::new(0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..RUNS {
                sess.run((&step.0, &step.1)).expect("the writer runs");
            }
            is_done.store(true, Ordering::Release);
        });
        for _ in 1..64 {
            scope.spawn(|| {
                let mut last = 0;
                for _ in 0..RUNS {
                    let (a, b) = sess.run((&reads.0, &reads.1)).expect("a reader runs");
                    let (a, b) = (a.slice::<i64>().expect("int64"), b.slice::<i64>().expect("int64"));
                    assert!(a.iter().chain(b).all(|x| *x == a[0]), "a reader saw half of a run: {a:?} {b:?}");
                    assert!(a[0] >= last, "time went back");
                    last = a[0];
                }
                seen.fetch_max(last, Ordering::Relaxed);
            });
        }
    });
    assert_eq!(sess.run(&reads.0)?.slice::<i64>()?, [RUNS; 8]);
    Ok(())
}

/// Writers of 8 threads at once: as many additions arrive as were made.
#[test]
fn concurrent_writers_lose_no_update() -> sessile::Result<()> {
    let g = Graph::new();
    let v = g.variable([0i64])?;
    let (read, add) = (v.value()?, v.assign_add(g.constant([1i64])?)?);
    let sess = initialized(&g, 3)?;
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| (0..250).for_each(|_| sess.run(&add).expect("a writer runs")));
        }
    });
    assert_eq!(sess.run(&read)?.to_string(), "[2000]");
    Ok(())
}

/// A run that waits for another run's turn to write can be cancelled, has a deadline, and ends with the session.
#[test]
fn a_run_that_waits_to_write_can_be_ended() -> sessile::Result<()> {
    let g = Graph::new();
    let v = g.variable([0i64])?;
    let add = v.assign_add(g.constant([1i64])?)?;
    let (entered, may_end) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let (is_in, is_free) = (entered.clone(), may_end.clone());
    let linger = move || {
        is_in.store(true, Ordering::Release);
        let began = Instant::now();
        while !is_free.load(Ordering::Acquire) && began.elapsed() < Duration::from_secs(20) {
            std::thread::yield_now();
        }
        Ok(())
    };
    let long = g.apply_one(Call(Box::new(linger)), &[&g.constant([0i64])?])?;
    let sess = initialized(&g, 1)?;
    let short = sess.prepare(&add, &[])?;
    std::thread::scope(|scope| {
        let first = scope.spawn(|| sess.run((&long, &add)).map(drop));
        while !entered.load(Ordering::Acquire) {
            std::thread::yield_now();
        }
        let timeout = RunOptions { timeout: Some(Duration::from_millis(20)), ..RunOptions::default() };
        let error = sess.run_with_options(&add, Feeds::new(), &timeout).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::DeadlineExceeded);
        let token = CancelToken::new();
        let options = RunOptions { cancel: Some(token.clone()), ..RunOptions::default() };
        let waits = scope.spawn(move || short.run_with_options((), &options).map(drop));
        token.cancel();
        assert_eq!(waits.join().expect("the run ends").unwrap_err().kind(), ErrorKind::Cancelled);
        let waits = scope.spawn(|| sess.run(&add));
        std::thread::sleep(Duration::from_millis(20));
        sess.close();
        assert!(matches!(waits.join().expect("the run ends").unwrap_err().kind(), ErrorKind::Cancelled));
        assert!(!first.is_finished());
        may_end.store(true, Ordering::Release);
        // Whether its last step had begun when the session was closed is a matter of timing.
        let _ = first.join().expect("the run ends");
    });
    Ok(())
}

/// One statement of a random program over three variables.
#[derive(Debug, Clone, Copy)]
enum Statement {
    Set { var: usize, value: i64 },
    Copy { from: usize, to: usize },
    AddFrom { from: usize, to: usize },
    Sub { var: usize, value: i64 },
    Read { var: usize },
}

fn statement(random: &mut impl FnMut(usize) -> usize) -> Statement {
    let (a, b, value) = (random(3), random(3), random(100) as i64);
    match random(5) {
        0 => Statement::Set { var: a, value },
        1 => Statement::Copy { from: a, to: b },
        2 => Statement::AddFrom { from: a, to: b },
        3 => Statement::Sub { var: a, value },
        _ => Statement::Read { var: a },
    }
}

/// The sequential interpreter: what the program means.
fn interpret(program: &[Statement], vars: &mut [i64; 3]) -> Vec<i64> {
    let mut reads = Vec::new();
    for statement in program {
        match *statement {
            Statement::Set { var, value } => vars[var] = value,
            Statement::Copy { from, to } => vars[to] = vars[from],
            Statement::AddFrom { from, to } => vars[to] = vars[to].wrapping_add(vars[from]),
            Statement::Sub { var, value } => vars[var] -= value,
            Statement::Read { var } => reads.push(vars[var]),
        }
    }
    reads
}

/// The same program as a graph: its operations and its reads.
fn build(g: &Graph, program: &[Statement]) -> sessile::Result<(Vec<Variable>, Vec<Operation>, Vec<Tensor>)> {
    let vars = (0..3).map(|n| g.variable(n as i64)).collect::<sessile::Result<Vec<_>>>()?;
    let (mut targets, mut reads) = (Vec::new(), Vec::new());
    for statement in program {
        match *statement {
            Statement::Set { var, value } => targets.push(vars[var].assign(value)?),
            Statement::Copy { from, to } => targets.push(vars[to].assign(vars[from].value()?)?),
            Statement::AddFrom { from, to } => targets.push(vars[to].assign_add(vars[from].value()?)?),
            Statement::Sub { var, value } => targets.push(vars[var].assign_sub(value)?),
            Statement::Read { var } => reads.push(vars[var].read()?),
        }
    }
    Ok((vars, targets, reads))
}

/// Random programs mean the same on any number of threads as line by line.
#[test]
fn programs_run_in_the_order_in_which_they_were_written() -> sessile::Result<()> {
    let mut state = 17u64;
    let mut random = move |n: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % n
    };
    for _ in 0..40 {
        let program: Vec<Statement> = (0..1 + random(30)).map(|_| statement(&mut random)).collect();
        let g = Graph::new();
        let (vars, targets, reads) = build(&g, &program)?;
        for threads in [1, 2, 3, 8] {
            let sess = initialized(&g, threads)?;
            let mut expected = [0i64, 1, 2];
            for _ in 0..4 {
                let want = interpret(&program, &mut expected);
                let (got, ()) = sess.run((&reads, &targets)).map(|(got, _)| (got, ()))?;
                let got: Vec<i64> = got.iter().map(Value::scalar).collect::<sessile::Result<_>>()?;
                assert_eq!(got, want, "{program:?}");
            }
            let after = vars.iter().map(|var| sess.run(var.value()?)?.scalar::<i64>());
            assert_eq!(after.collect::<sessile::Result<Vec<_>>>()?, expected, "{program:?}");
        }
    }
    Ok(())
}

#[test]
fn waiting_for_a_pure_node_is_waiting_for_the_writes_above_it() -> sessile::Result<()> {
    let g = Graph::new();
    let v = g.variable([1.0f32])?;
    let (ten, two) = (g.constant([10.0f32])?, g.constant([2.0f32])?);
    let first = v.assign_add(&ten)?;
    let seen = g.control_dependencies(&[first], || v.read()?.identity())?;
    let second = g.control_dependencies(&[seen.operation()], || v.assign_add(&two))?;
    let sess = initialized(&g, 1)?;
    sess.run(&second)?;
    assert_eq!(sess.run(v.value()?)?.to_string(), "[13.]");
    // A pure node that is only a target brings its writes along, too.
    sess.run(seen.operation())?;
    assert_eq!(sess.run(v.value()?)?.to_string(), "[23.]");
    Ok(())
}

#[test]
fn casts_of_one_tensor_to_two_dtypes_stay_two() -> sessile::Result<()> {
    let g = Graph::new();
    let x = g.placeholder(DType::F64, shape![2])?;
    let (single, whole) = (x.cast(DType::F32)?, x.cast(DType::I32)?);
    let got = Session::new(&g)?.run_with((&single, &whole), sessile::feeds! { &x => [1.0, 2.0] })?;
    assert_eq!((got.0.dtype(), got.1.dtype()), (DType::F32, DType::I32));
    Ok(())
}
