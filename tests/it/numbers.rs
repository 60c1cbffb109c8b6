//! Numbers at their edges: NaN, infinity, the ends of the integers, and nothing at all. What is expected is what
//! TensorFlow 1.15.5 prints on the CPU for the same calls. Each is folded as a constant, and computed in a run.

use sessile::prelude::*;
use sessile::{ErrorKind, Result};

const NAN: f32 = f32::NAN;
const INF: f32 = f32::INFINITY;
const LOWEST: i32 = i32::MIN;

/// Runs an op on constants and on fed values.
fn both_ways(inputs: &[Value], build: impl Fn(&[Tensor]) -> Result<Tensor>) -> [Result<Value>; 2] {
    let g = Graph::new();
    let run = |is_fed: bool| {
        let source = |x: &Value| if is_fed { g.placeholder(x.dtype(), Shape::unknown()) } else { g.constant(x) };
        let tensors = inputs.iter().map(source).collect::<Result<Vec<_>>>()?;
        let feeds = tensors.iter().zip(inputs).filter(|_| is_fed);
        let feeds = feeds.fold(Feeds::new(), |feeds, (tensor, value)| feeds.with(tensor, value));
        Session::new(&g)?.run_with(build(&tensors)?, feeds)
    };
    [run(false), run(true)]
}

#[track_caller]
fn answers(input: impl IntoValue, build: impl Fn(&Tensor) -> Result<Tensor>, want: &str) {
    for got in both_ways(&[input.into_value()], |x| build(&x[0])) {
        assert_eq!(got.expect("the numbers have an answer").to_string(), want);
    }
}

#[track_caller]
fn of_two(x: impl IntoValue, y: impl IntoValue, build: impl Fn(&Tensor, &Tensor) -> Result<Tensor>, want: &str) {
    for got in both_ways(&[x.into_value(), y.into_value()], |x| build(&x[0], &x[1])) {
        assert_eq!(got.expect("the numbers have an answer").to_string(), want);
    }
}

#[track_caller]
fn refused(x: impl IntoValue, y: impl IntoValue, build: impl Fn(&Tensor, &Tensor) -> Result<Tensor>, kind: ErrorKind) {
    for got in both_ways(&[x.into_value(), y.into_value()], |x| build(&x[0], &x[1])) {
        let error = got.expect_err("the numbers have no answer");
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.node().is_some(), "{error}");
    }
}

#[test]
fn integers_wrap_and_round_as_in_tensorflow() {
    answers([LOWEST], |x| -x, "[-2147483648]");
    answers([LOWEST], Tensor::abs, "[-2147483648]");
    answers([i32::MAX], |x| x + 1, "[-2147483648]");
    answers([i32::MAX, 1], |x| x.reduce_sum(()), "-2147483648");
    of_two([LOWEST], [-1], |x, y| x.floor_div(y), "[-2147483648]");
    of_two([LOWEST], [-1], |x, y| x % y, "[0]");
    of_two([-7, 7], [3, -3], |x, y| x % y, "[ 2 -2]");
    of_two([-7, 7], [2, -2], |x, y| x.floor_div(y), "[-4 -4]");
}

#[test]
fn integers_without_an_answer_are_errors() {
    refused([7, 1], [1, 0], |x, y| x.floor_div(y), ErrorKind::DivisionByZero);
    refused([7, 1], [1, 0], |x, y| x % y, ErrorKind::DivisionByZero);
    refused([2, 3], [1, -1], |x, y| x.pow(y), ErrorKind::InvalidArgument);
}

/// Who divides nothing by zero divides by nothing.
#[test]
fn integers_without_elements_are_not_looked_at() {
    let nothing = || Value::zeros(DType::I32, &[0]).expect("nothing fits");
    let column = || Value::zeros(DType::I32, &[0, 1]).expect("nothing fits");
    let all: [fn(&Tensor, &Tensor) -> Result<Tensor>; 5] = [
        |x, y| x.floor_div(y),
        |x, y| x.truncate_div(y),
        |x, y| x % y,
        |x, y| x.truncate_mod(y),
        |x, y| x.pow(&(y - 1)?),
    ];
    for f in all {
        of_two(nothing(), 0, f, "[]");
        of_two(nothing(), [0], f, "[]");
        of_two(column(), [0, 1], f, "[]");
        of_two([7, 1], column(), f, "[]");
    }
}

/// As x86 converts: what does not fit, and what is no number, becomes the lowest.
#[test]
fn floats_that_are_no_integers_become_the_lowest() {
    let odd = || [NAN, INF, -INF, 1e30, -1.9];
    let lowest = "[-2147483648 -2147483648 -2147483648 -2147483648          -1]";
    answers(odd(), |x| x.cast(DType::I32), lowest);
    let lowest =
        "[-9223372036854775808 -9223372036854775808 -9223372036854775808\n -9223372036854775808                   -1]";
    answers(odd(), |x| x.cast(DType::I64), lowest);
    answers([NAN, 0.0, -0.0, 2.0], |x| x.cast(DType::Bool), "[ True False False  True]");
}

/// A reduction passes over NaN, an elementwise maximum takes its first operand's.
#[test]
fn nan_meets_each_op_as_in_tensorflow() {
    let odd = || [1.0, NAN, 3.0];
    answers(odd(), |x| x.reduce_max(()), "3.0");
    answers([NAN, 1.0, 3.0], |x| x.reduce_max(()), "3.0");
    answers(odd(), |x| x.reduce_min(()), "1.0");
    answers(odd(), |x| x.argmax(0), "2");
    answers([NAN, -INF], |x| x.argmax(0), "0");
    answers([-INF, NAN, -INF], |x| x.reduce_max(()), "-inf");
    answers([NAN, NAN], |x| x.reduce_max(()), "-inf");
    answers([NAN], |x| x.reduce_max(()), "nan");
    answers([NAN, 1.0, 3.0], |x| x.argmax(0), "2");
    of_two([NAN, 1.0], [1.0, NAN], |x, y| x.maximum(y), "[nan  1.]");
    answers([NAN, -INF, INF, 0.5], |x| x.clip_by_value(0, 1), "[nan 0.  1.  0.5]");
    answers([-1.0f32, 0.0], Tensor::sqrt, "[nan  0.]");
    answers([0.0f32, -1.0], Tensor::log, "[-inf  nan]");
    of_two([1.0f32, -1.0, 0.0], [0.0f32; 3], |x, y| x / y, "[ inf -inf  nan]");
    of_two([1.0f32, 0.0], [0.0f32; 2], |x, y| x.div_no_nan(y), "[0. 0.]");
    of_two([0.0, 2.0, -8.0f32], [0.0, -INF, 1.0 / 3.0], |x, y| x.pow(y), "[ 1.  0. nan]");
}

#[test]
fn extremes_stay_in_range() {
    answers([1e4f32, 0.0, -1e4], Tensor::softmax, "[1. 0. 0.]");
    answers([-INF, -INF], Tensor::softmax, "[nan nan]");
    answers([1e4f32, 1e4], |x| x.reduce_logsumexp(()), "10000.693");
    answers([-INF, -INF], |x| x.reduce_logsumexp(()), "-inf");
    answers([-1e4f32, 0.0, 1e4], Tensor::sigmoid, "[0.  0.5 1. ]");
    of_two([-1e4f32, 1e4], [0.0f32, 1.0], |x, y| x.sigmoid_cross_entropy_with_logits(y), "[0. 0.]");
}

#[test]
fn reductions_of_nothing_give_their_neutral_element() {
    let nothing = || Value::zeros(DType::F32, &[0]).expect("nothing fits");
    answers(nothing(), |x| x.reduce_mean(()), "nan");
    answers(nothing(), |x| x.reduce_max(()), "-inf");
    answers(nothing(), |x| x.reduce_prod(()), "1.0");
    answers(nothing(), |x| x.reduce_sum(()), "0.0");
}

#[test]
fn slices_without_a_step_are_refused_and_far_ends_are_cut() {
    let slice = |x: &Tensor, from: i64, to: i64, by: i64| {
        let [from, to, by] = [from, to, by].map(|n| x.graph().constant(vec![n]));
        x.strided_slice(&from?, &to?, &by?, Default::default())
    };
    answers([1, 2, 3], |x| slice(x, i64::MIN, i64::MAX, 2), "[1 3]");
    answers([1, 2, 3], |x| slice(x, i64::MAX, i64::MIN, -1), "[3 2 1]");
    answers([1, 2, 3], |x| slice(x, 0, 3, i64::MAX), "[1]");
    answers([1, 2, 3], |x| slice(x, 2, i64::MIN, i64::MIN), "[3]");
    refused([1, 2, 3], 0, |x, _| slice(x, 0, 3, 0), ErrorKind::InvalidArgument);
}
