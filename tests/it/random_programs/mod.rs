//! Random programs: whatever the passes, the threads and the order of steps, a run gives what a sequential interpreter
//! gives, which walks the graph as it was built and knows nothing of the engine's kernels.

mod array;
mod grow;
mod interpreter;

use std::cell::Cell;
use std::collections::HashMap;

use proptest::collection::vec;
use proptest::prelude::{ProptestConfig, any};
use proptest::test_runner::{RngAlgorithm, TestCaseError, TestRng, TestRunner};
use sessile::exec::StepOrder;
use sessile::graph::OutputId;
use sessile::optimize::Passes;
use sessile::prelude::*;

use self::array::Array;
use self::grow::{Gene, Program};
use self::interpreter::{Interpreter, Stop};

/// One call of a session, and what the interpreter makes of it.
struct Run {
    feeds: HashMap<OutputId, Array>,
    fetches: Vec<Tensor>,
    targets: Vec<Operation>,
    want: Result<Vec<Array>, Stop>,
}

/// All passes and none on any number of threads; each pass missing once.
fn configs() -> Vec<Config> {
    let (all, none) = (Passes::default(), Passes::none());
    let singles = [
        Passes { fold: false, ..all },
        Passes { merge: false, ..all },
        Passes { simplify: false, ..all },
        Passes { tensordot: false, ..all },
        Passes { fuse_products: false, ..all },
        Passes { fuse_elementwise: false, ..all },
    ];
    let threads = [1, 2, 3, 8].into_iter().flat_map(|n| [(n, all), (n, none)]);
    let of = |(threads, passes)| {
        let step_order = if threads == 1 { StepOrder::AsBuilt } else { StepOrder::AsReady };
        Config { threads: Some(threads), passes, step_order, ..Config::default() }
    };
    threads.chain(singles.into_iter().map(|passes| (2, passes))).map(of).collect()
}

/// Several runs, one after the other on the same variables: the first initializes them.
fn script(program: &Program, genes: &[Gene]) -> Vec<Run> {
    let mut interpreter = Interpreter::default();
    let mut runs = Vec::new();
    for turn in 0..4 {
        let gene = genes[turn % genes.len()];
        let (feeds, mut fetches, mut targets) = match turn {
            0 => (HashMap::new(), Vec::new(), vec![program.init.clone()]),
            _ => (program.feeds(gene, turn), program.some_tensors(gene, turn), program.some_writes(gene, turn)),
        };
        // What cannot be computed alone fails every run that it is in: one in three runs is left with it.
        if turn != 2 {
            let works = |fetches: &[Tensor], targets: &[Operation]| {
                interpreter.clone().run(&program.graph, &feeds, fetches, targets).is_ok()
            };
            fetches.retain(|tensor| works(std::slice::from_ref(tensor), &[]));
            targets.retain(|write| works(&[], std::slice::from_ref(write)));
        }
        let want = interpreter.run(&program.graph, &feeds, &fetches, &targets);
        let is_last = want == Err(Stop::Grew);
        if !is_last {
            runs.push(Run { feeds, fetches, targets, want });
        }
    }
    runs
}

fn replay(sess: &Session, run: &Run) -> sessile::Result<Vec<Value>> {
    let tensor = |id: &OutputId| sess.graph().tensor(*id);
    let feeds: Vec<_> = run.feeds.iter().map(|(id, array)| (tensor(id), array.value(tensor(id).dtype()))).collect();
    sess.run_values(&feeds, &run.fetches, &run.targets)
}

/// How one run differs from what it should give; the bits must be those that other configurations gave.
fn compare(run: &Run, got: sessile::Result<Vec<Value>>, first: &mut Option<Vec<Value>>) -> Result<(), String> {
    let (got, want) = match (got, &run.want) {
        (Err(_), Err(_)) => return Ok(()),
        (Err(error), Ok(_)) => return Err(format!("must run, but {error}")),
        (Ok(_), Err(_)) => return Err("must fail, but runs".to_owned()),
        (Ok(got), Ok(want)) => (got, want),
    };
    let first = first.get_or_insert_with(|| got.clone());
    for (((tensor, got), want), first) in run.fetches.iter().zip(&got).zip(want).zip(first) {
        if Array::of(got) != *want || !got.same_bits(first) {
            return Err(format!("{tensor} is\n{got}\nin another configuration\n{first}\nand must be\n{want:?}"));
        }
        if !tensor.shape().is_compatible_with(got.dims()) {
            return Err(format!("{tensor} has dims {:?}", got.dims()));
        }
    }
    Ok(())
}

/// The runs that were compared and how many of them had to fail.
fn check(genes: &[Gene]) -> Result<(usize, usize), String> {
    let program = Program::grow(genes).map_err(|error| error.to_string())?;
    let runs = script(&program, genes);
    let mut firsts = vec![None; runs.len()];
    for config in configs() {
        let sess = Session::with_config(&program.graph, config.clone()).map_err(|error| error.to_string())?;
        for (turn, (run, first)) in runs.iter().zip(&mut firsts).enumerate() {
            compare(run, replay(&sess, run), first).map_err(|what| {
                let (threads, passes) = (config.threads, config.passes);
                let targets: Vec<_> = run.targets.iter().map(Operation::name).collect();
                let fed: Vec<_> =
                    run.feeds.iter().map(|(id, array)| (program.graph.tensor(*id).name(), array)).collect();
                format!(
                    "run {turn} on {threads:?} threads with {passes:?}: {what}\ntargets {targets:?}\nfed {fed:?}\n{}",
                    program.graph.dump()
                )
            })?;
        }
    }
    Ok((runs.len(), runs.iter().filter(|run| run.want.is_err()).count()))
}

/// The first 80 of an endless list of programs, a few seconds of them; `SESSILE_RANDOM_PROGRAMS=5000` tests more.
fn n_programs() -> u32 {
    std::env::var("SESSILE_RANDOM_PROGRAMS").ok().and_then(|n| n.parse().ok()).unwrap_or(80)
}

#[test]
fn any_program_gives_what_a_sequential_interpreter_gives() {
    let config = ProptestConfig { cases: n_programs(), failure_persistence: None, ..ProptestConfig::default() };
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let n_runs = Cell::new((0, 0));
    TestRunner::new_with_rng(config, rng)
        .run(&vec(any::<Gene>(), 2..24), |genes| {
            let n = check(&genes).map_err(TestCaseError::fail)?;
            n_runs.set((n_runs.get().0 + n.0, n_runs.get().1 + n.1));
            Ok(())
        })
        .unwrap_or_else(|error| panic!("{error}"));
    // Programs that grow too large or always fail would show nothing.
    let (n, n_failed) = n_runs.get();
    assert!(n > 250 && n_failed * 2 < n, "{n} runs, of which {n_failed} must fail");
}
