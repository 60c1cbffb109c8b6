//! The examples of every row run in sessions: on one thread and on several, enlarged, and with sizes of zero.

use std::collections::BTreeSet;
use std::time::Duration;

use super::OPS;
use super::array::Tile;
use super::handles::handle_for;
use super::testing::run_op;
use super::words::is_fault;
use crate::dtype::DType;
use crate::error::{ErrorKind, Result};
use crate::graph::{Effect, Example, Graph, OpKind, Operation, Referent, Tensor};
use crate::session::{Config, Feeds, RunOptions, Session};
use crate::value::{IntoValue, Value};

/// What an example becomes in a graph.
pub(super) struct Built {
    g: Graph,
    pub(super) operation: Operation,
    feeds: Vec<(Tensor, Value)>,
    init: Operation,
}

/// The outputs that are values, by their slots, and the values of the variables after the run.
pub(super) type Answers = (Vec<(usize, Value)>, Vec<Value>);

impl Built {
    /// The example's node on these inputs, which are fed where the op takes values that it does not know.
    pub(super) fn of(example: &Example, inputs: &[Value]) -> Result<Built> {
        Built::with(example, inputs, true).or_else(|_| Built::with(example, inputs, false))
    }

    fn with(example: &Example, inputs: &[Value], is_fed: bool) -> Result<Built> {
        let g = Graph::new();
        g.set_random_seed(7);
        let (mut tensors, mut feeds, mut fills) = (Vec::new(), Vec::new(), Vec::new());
        for (i, value) in inputs.iter().enumerate() {
            let handle = example.op.kind().args().input(i).filter(|arg| arg.is_variable);
            tensors.push(match (handle, is_fed) {
                (Some(arg), _) => {
                    let (handle, more) = handle_for(&g, arg, value, inputs)?;
                    fills.extend(more);
                    handle
                }
                (None, true) => g.placeholder(value.dtype(), value.dims())?,
                (None, false) => g.constant(value)?,
            });
            if is_fed && handle.is_none() {
                feeds.push((tensors[i].clone(), value.clone()));
            }
        }
        let name = example.op.kind().name.trim_start_matches('_');
        let tensors = tensors.iter().collect::<Vec<_>>();
        let operation = g.control_dependencies(&fills, || g.apply_named(name, example.op.clone(), &tensors))?;
        let init = g.global_variables_initializer()?;
        Ok(Built { g, operation, feeds, init })
    }

    /// Initializes, and runs once.
    pub(super) fn run(&self, threads: usize) -> Result<Answers> {
        let session = self.session(threads)?;
        let options = RunOptions {
            timeout: Some(Duration::from_secs(2)),
            memory_budget: Some(64 << 20),
            ..RunOptions::default()
        };
        let outputs = self.fetch(&session, &options)?;
        let variables = self.operation.node().inputs().iter().map(|id| self.g.tensor(*id));
        let variables = variables.filter(|tensor| tensor.fact().referent() == Some(Referent::Variable));
        let variables = variables.map(|tensor| session.run(&tensor));
        Ok((outputs, variables.collect::<Result<_>>()?))
    }

    /// A session whose variables have values.
    pub(super) fn session(&self, threads: usize) -> Result<Session> {
        let session = Session::with_config(&self.g, Config { threads: Some(threads), ..Config::default() })?;
        session.run(&self.init)?;
        Ok(session)
    }

    /// One run: the outputs that are values, by their slots.
    pub(super) fn fetch(&self, session: &Session, options: &RunOptions) -> Result<Vec<(usize, Value)>> {
        let outputs = self.operation.node().outputs().iter().enumerate();
        let slots: Vec<usize> = outputs.filter(|(_, fact)| !fact.is_handle()).map(|(slot, _)| slot).collect();
        let fetches = slots.iter().map(|slot| self.operation.output(*slot)).collect::<Result<Vec<_>>>()?;
        let feeds = self.feeds.iter().fold(Feeds::new(), |feeds, (tensor, value)| feeds.with(tensor, value.clone()));
        let (values, _) = session.run_with_options((&fetches[..], &[self.operation.clone()][..]), feeds, options)?;
        Ok(slots.into_iter().zip(values.0).collect())
    }

    /// Whether the answers are the same to the bit on one thread and on three; `None` where the op does not take the
    /// inputs, or takes too long for them.
    fn is_same_on_all_threads(&self) -> Option<bool> {
        let (one, many) = (self.run(1).ok()?, self.run(3));
        let many = match many {
            Err(error) if error.kind() == ErrorKind::DeadlineExceeded => return None,
            many => many,
        };
        // Lists of tensors have no bits.
        let same = |a: &Value, b: &Value| a.dtype() == DType::Variant || a.same_bits(b);
        Some(many.is_ok_and(|many| {
            one.0.iter().zip(&many.0).all(|((_, a), (_, b))| same(a, b))
                && one.1.iter().zip(&many.1).all(|(a, b)| same(a, b))
        }))
    }
}

pub(super) fn rows() -> impl Iterator<Item = &'static OpKind> {
    OPS.iter().flat_map(|family| family.iter().copied()).filter(|row| row.effect != Effect::Fed)
}

/// More elements than most kernels take in one piece.
const LARGE: usize = 1 << 17;

/// The inputs, or only the first, again and again along an axis.
fn enlarged(example: &Example) -> Vec<Vec<Value>> {
    let most = example.inputs.iter().map(Value::len).max().unwrap_or(0).max(1);
    let tiled = |value: &Value, axis: Option<usize>| {
        let mut times = vec![1i32; value.rank()];
        *times.get_mut(axis?)? = (LARGE / most) as i32;
        run_op(Tile, &[value.clone(), times.into_value()]).ok().map(|mut values| values.remove(0))
    };
    let or_same = |value: &Value, axis: Option<usize>| tiled(value, axis).unwrap_or_else(|| value.clone());
    let all = |axis: fn(&Value) -> Option<usize>| {
        example.inputs.iter().map(|value| or_same(value, axis(value))).collect::<Vec<_>>()
    };
    let first = |axis: fn(&Value) -> Option<usize>| {
        let inputs = example.inputs.iter().enumerate();
        inputs.map(|(i, value)| or_same(value, axis(value).filter(|_| i == 0))).collect::<Vec<_>>()
    };
    let front = |_: &Value| Some(0);
    let back = |value: &Value| value.rank().checked_sub(1);
    vec![all(front), first(front), all(back), first(back)]
}

#[test]
fn every_row_gives_the_same_bits_on_all_threads() {
    let (mut n_large, mut n_rows, mut differ) = (0, 0, Vec::new());
    for row in rows() {
        let examples = (row.examples)();
        let compare = |example: &Example, inputs: &[Value]| Built::of(example, inputs).ok()?.is_same_on_all_threads();
        // One enlarged example a row keeps the test short.
        let mut large = examples.iter().flat_map(|example| {
            let inputs =
                enlarged(example).into_iter().filter(|inputs| inputs.iter().any(|value| value.len() > LARGE / 2));
            inputs.filter_map(move |inputs| compare(example, &inputs))
        });
        let is_same = match large.next() {
            Some(is_same) => {
                n_large += 1;
                is_same
            }
            None => examples.iter().filter_map(|example| compare(example, &example.inputs)).all(|is_same| is_same),
        };
        n_rows += 1;
        differ.extend((!is_same).then_some(row.name));
    }
    assert!(differ.is_empty(), "three threads give other bits than one: {differ:?}");
    assert!(3 * n_large > 2 * n_rows, "only {n_large} of {n_rows} rows took large inputs");
}

/// The inputs with an axis of size zero, in some of them or in all.
fn emptied(example: &Example) -> Vec<Vec<Value>> {
    let most_axes = example.inputs.iter().map(Value::rank).max().unwrap_or(0);
    let without = |value: &Value, axis: usize| {
        let mut dims = value.dims().to_vec();
        match dims.get_mut(axis) {
            Some(dim) => *dim = 0,
            None => return value.clone(),
        }
        Value::zeros(value.dtype(), &dims).unwrap_or_else(|_| value.clone())
    };
    let mut all = Vec::new();
    for axis in 0..most_axes {
        // Each choice of the first six inputs, and all of them.
        let choices = (1u32..1 << example.inputs.len().min(6)).chain([u32::MAX]);
        for chosen in choices {
            let is_chosen = |i: usize| chosen >> i.min(31) & 1 == 1;
            let inputs = example.inputs.iter().enumerate();
            all.push(
                inputs.map(|(i, value)| if is_chosen(i) { without(value, axis) } else { value.clone() }).collect(),
            );
        }
    }
    all.into_iter().filter(|inputs: &Vec<Value>| inputs.iter().any(Value::is_empty)).collect()
}

/// Rows without an example that has a size of zero, and why not.
const NEVER_EMPTY: &[(&str, &str)] = &[
    (
        "the object that it works on is made by another op",
        "TensorArrayConcatV3 TensorArrayPack TensorArrayReadV3 TensorArraySplitV3 TensorArrayUnpack
         DestroyTemporaryVariable InitializeTableV2 IteratorGetNext IteratorToStringHandle
         LookupTableSizeV2",
    ),
    (
        "makes or ends an object or a variable, whose shape is an attribute",
        "DestroyResourceOp HashTableV2 IteratorV2 MutableHashTableOfTensorsV2 MutableHashTableV2 StackV2 TensorArrayV3
         VarHandleOp Variable VariableV2",
    ),
    (
        "what is in a list or an optional is no input",
        "OptionalGetValue OptionalHasValue OptionalNone TensorListConcat TensorListConcatLists TensorListElementShape
         TensorListGetItem TensorListLength TensorListPopBack TensorListPushBack TensorListReserve TensorListResize
         TensorListSetItem TensorListStack",
    ),
    (
        "has no inputs, or scalars only",
        "Const ControlTrigger CountUpTo DeviceIndex LinSpace NoOp PrintV2 ShardedFilename ShardedFilespec",
    ),
    ("the shape is an attribute", "EnsureShape ParallelConcat PlaceholderWithDefault"),
    ("the sizes are values of an input", "AvgPool3DGrad AvgPoolGrad ConcatOffset StridedSliceGrad"),
    ("a mirror needs something to show", "MirrorPad MirrorPadGrad"),
    ("takes four sizes, or four pairs", "DataFormatVecPermute"),
    ("a seed is two numbers", "StatelessRandomGetKeyCounter"),
    ("takes two axes of one size", "DiagPart"),
    ("one side gets no value, so that not all outputs can be fetched", "RefSwitch Switch"),
];

/// What a run on these inputs comes to: whether it is answered, or what is wrong with the answer.
fn answer(row: &OpKind, example: &Example, inputs: &[Value]) -> std::result::Result<bool, String> {
    let Ok(built) = Built::of(example, inputs) else { return Ok(false) };
    match built.run(1) {
        Ok((outputs, _)) => {
            for (slot, value) in &outputs {
                let fact = &built.operation.node().outputs()[*slot];
                if !fact.shape.is_compatible_with(value.dims()) {
                    return Err(format!("{}: inferred {}, but made {:?}", row.name, fact.shape, value.dims()));
                }
            }
            Ok(inputs.iter().any(Value::is_empty) || outputs.iter().any(|(_, value)| value.is_empty()))
        }
        Err(error) if is_fault(&error) => Err(format!("{} on {inputs:?}: {error}", row.name)),
        Err(_) => Ok(false),
    }
}

#[test]
fn every_row_answers_sizes_of_zero_or_says_why_not() {
    let (mut never, mut wrong): (BTreeSet<&str>, BTreeSet<String>) = Default::default();
    for row in rows() {
        let mut is_answered = false;
        for example in (row.examples)() {
            for inputs in emptied(&example).into_iter().chain([example.inputs.clone()]) {
                match answer(row, &example, &inputs) {
                    Ok(answered) => is_answered |= answered,
                    Err(fault) => drop(wrong.insert(fault)),
                }
            }
        }
        if !is_answered {
            never.insert(row.name);
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}\n{never:?}");
    let known: BTreeSet<&str> = NEVER_EMPTY.iter().flat_map(|(_, names)| names.split_whitespace()).collect();
    let unsaid: Vec<_> = never.difference(&known).collect();
    let listed: Vec<_> = known.difference(&never).collect();
    assert!(unsaid.is_empty() && listed.is_empty(), "no size of zero: {unsaid:?}; listed, but with one: {listed:?}");
}
