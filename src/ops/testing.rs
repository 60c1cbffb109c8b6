//! Tests as data: TensorFlow's notation for shape rules, and running one op on given values.

use crate::cancel::Limits;
use crate::dtype::DType;
use crate::error::{ErrorKind, Result};
use crate::graph::{Graph, Op, Tensor};
use crate::shape::{Dim, Shape};
use crate::value::{IntoValue, Value};

/// `(?,3)`, `()`, `<unknown>`, named dims, and a dtype in front: `int32(2)`; float32 otherwise.
pub(crate) fn parse_fact(text: &str) -> (DType, Shape) {
    let text = text.trim();
    let at = text.find(['(', '<']).expect("a shape has a bracket");
    let dtype = match &text[..at] {
        "" => DType::F32,
        name => DType::ALL.into_iter().find(|dtype| dtype.name() == name).expect("a dtype's name"),
    };
    let Some(dims) = text[at..].strip_prefix('(').and_then(|rest| rest.strip_suffix(')')) else {
        return (dtype, Shape::unknown());
    };
    let dim = |text: &str| match text.trim() {
        "?" => Dim::unknown(),
        number if number.bytes().all(|b| b.is_ascii_digit()) => Dim::from(number.parse::<usize>().expect("digits")),
        name => Dim::from(name),
    };
    (dtype, Shape::from(dims.split(',').filter(|dim| !dim.trim().is_empty()).map(dim).collect::<Vec<_>>()))
}

fn infer(op: &(impl Op + Clone), inputs: &str) -> Result<Vec<Tensor>> {
    let g = Graph::new();
    let inputs: Vec<Tensor> = inputs
        .split(';')
        .filter(|text| !text.trim().is_empty())
        .map(|text| {
            let (dtype, shape) = parse_fact(text);
            g.placeholder(dtype, shape)
        })
        .collect::<Result<_>>()?;
    // Internal ops start with `_`, which no node may.
    let name = op.kind().name.trim_start_matches('_');
    let inputs: Vec<_> = inputs.iter().collect();
    Ok(g.apply_named(name, std::sync::Arc::new(op.clone()), &inputs)?.outputs())
}

/// Asserts the inferred shapes: `infer_ok(&op, "(?,3);(3)", "(?,3)")`. Spaces do not count.
#[track_caller]
pub(crate) fn infer_ok(op: &(impl Op + Clone), inputs: &str, want: &str) {
    let outputs = infer(op, inputs).unwrap_or_else(|error| panic!("{inputs}: {error}"));
    let got: Vec<_> =
        outputs.iter().map(|tensor| tensor.shape().to_string().replace(' ', "").replace(",)", ")")).collect();
    assert_eq!(got.join(";"), want.replace(' ', ""), "{inputs}");
}

/// Asserts that the rule refuses, and with which words.
#[track_caller]
pub(crate) fn infer_err(op: &(impl Op + Clone), inputs: &str, want: &str) {
    match infer(op, inputs) {
        Ok(outputs) => panic!("{inputs}: inferred {outputs:?}"),
        Err(error) => {
            assert!(error.message().contains(want), "{inputs}: {error}");
            assert!(!matches!(error.kind(), ErrorKind::Panicked | ErrorKind::Internal), "{inputs}: {error}");
        }
    }
}

/// Runs one op on values, with all of its checks: inference first, on the full shapes.
pub(crate) fn run_op(op: impl Op, inputs: &[Value]) -> Result<Vec<Value>> {
    let g = Graph::new();
    let tensors = inputs.iter().map(|value| g.constant(value)).collect::<Result<Vec<_>>>()?;
    let operation = g.apply(op, &tensors.iter().collect::<Vec<_>>())?;
    crate::graph::run_alone(operation.node(), inputs).map(Vec::from)
}

/// As [`run_op`], on inputs that only the run knows, within a memory budget and so many units of work, of which some
/// million are a millisecond.
pub(crate) fn run_within(op: impl Op, inputs: &[Value], budget: usize, work: u64) -> Result<Vec<Value>> {
    let g = Graph::new();
    let tensors =
        inputs.iter().map(|value| g.placeholder(value.dtype(), Shape::unknown())).collect::<Result<Vec<_>>>()?;
    let operation = g.apply(op, &tensors.iter().collect::<Vec<_>>())?;
    let limits = Limits::default().with_work(work);
    crate::graph::run_within(operation.node(), inputs, budget, &limits).map(Vec::from)
}

/// A sparse matrix of one column with so many values: indices, values and shape.
pub(crate) fn sparse_column(n: usize) -> [Value; 3] {
    let indices = (0..n as i64).flat_map(|i| [i, 0]).collect();
    let indices = Value::from_vec(&[n, 2], indices).expect("as many indices as values");
    [indices, Value::zeros(DType::I32, &[n]).expect("memory for a test"), [n as i64, 1].into_value()]
}

/// A float32 tensor without elements whose other axis is vast.
pub(crate) fn vast() -> Value {
    Value::zeros(DType::F32, &[1 << 40, 0]).expect("no elements fit")
}

/// Asserts that an op ends where the run has spent its units of work; the inputs are such that it would take far more.
#[track_caller]
pub(crate) fn ends_in_time(op: &(impl Op + Clone), inputs: &[Value]) {
    ends_after(op, inputs, 1 << 21);
}

#[track_caller]
fn ends_after(op: &(impl Op + Clone), inputs: &[Value], work: u64) {
    let error = run_within(op.clone(), inputs, usize::MAX, work).expect_err("work without an end");
    assert_eq!(error.message(), format!("the work is more than {work} units, which is its budget"));
}

/// Asserts that a serial kernel ends early where the run has spent its units of work, and within a memory budget of so
/// many bytes: the inputs would take far more.
#[track_caller]
pub(crate) fn ends_early(op: &(impl Op + Clone), inputs: &[Value], budget: usize) {
    ends_within(op, inputs, budget, 1 << 21);
}

/// As [`ends_early`], of a kernel that is cut in chunks, of which each counts some work.
#[track_caller]
pub(crate) fn ends_between_chunks(op: &(impl Op + Clone), inputs: &[Value], budget: usize) {
    ends_within(op, inputs, budget, 1 << 14);
}

#[track_caller]
fn ends_within(op: &(impl Op + Clone), inputs: &[Value], budget: usize, work: u64) {
    ends_after(op, inputs, work);
    let error = run_within(op.clone(), inputs, budget, u64::MAX).expect_err("memory beyond the budget");
    assert!(error.message().starts_with("the memory budget is"), "{error}");
}
