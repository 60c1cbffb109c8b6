//! How elementwise ops walk their operands: every way shapes can lie, memory that is overwritten, threads.

use std::cell::RefCell;

use super::{Binary, BinaryOp, Unary, UnaryOp};
use crate::cancel::Limits;
use crate::dtype::DType;
use crate::error::{ErrorKind, Result};
use crate::graph::{Env, Graph, NO_HOME, Op, RunCx, Slots, StepIo};
use crate::ops::testing::run_op;
use crate::pool::Pool;
use crate::shape;
use crate::value::{IntoValue, Recycler, Value};

/// Shapes of two operands: equal, scalars, rows, columns, both ways at once, inner and outer axes, no elements.
const SHAPES: &[(&[usize], &[usize])] = &[
    (&[], &[]),
    (&[7], &[7]),
    (&[], &[5]),
    (&[5], &[1]),
    (&[1, 1], &[3]),
    (&[3, 4], &[4]),
    (&[3, 4], &[3, 1]),
    (&[4], &[3, 4]),
    (&[3, 1], &[1, 4]),
    (&[2, 1, 3], &[4, 1]),
    (&[2, 3, 4], &[3, 1]),
    (&[2, 3, 4], &[2, 1, 4]),
    (&[1, 3, 1, 2], &[2, 1, 4, 1]),
    (&[0, 3], &[3]),
    (&[2, 0], &[1]),
];

/// Different small numbers.
fn numbers(dims: &[usize], seed: usize, dtype: DType) -> Value {
    let n = dims.iter().product();
    let number = |i: usize| ((i * 7 + seed) % 23) as i32 - 9;
    match dtype {
        DType::I32 => Value::from_vec(dims, (0..n).map(number).collect()),
        DType::I8 => Value::from_vec(dims, (0..n).map(|i| number(i) as i8).collect()),
        _ => Value::from_vec(dims, (0..n).map(|i| number(i) as f32 / 4.0).collect()),
    }
    .unwrap()
}

/// Runs an op that may overwrite the inputs whose bits are set in `may_take`.
fn run_on(op: impl Op, inputs: Vec<Value>, may_take: u32, threads: usize) -> Result<Value> {
    let n = inputs.len();
    let mut slots = Slots::new(n + 1);
    for (i, value) in inputs.into_iter().enumerate() {
        *slots.get_mut(i) = Some(value);
    }
    let inputs: Vec<u32> = (0..n as u32).collect();
    let io = StepIo { inputs: &inputs, first_output: n as u32, n_outputs: 1, is_fetched: false, home: &NO_HOME };
    let (pool, limits, recycler) = (Pool::new(threads)?, Limits::default(), RefCell::new(Recycler::default()));
    let env = Env { pool: &pool, state: None, limits: &limits, meter: None, watch: None, names: &[] };
    // SAFETY: the cells are this function's own, and each is an input or output once.
    let mut cx = unsafe { RunCx::new(&slots, io, may_take, &env, &recycler) };
    op.run(&mut cx)?;
    Ok(slots.get_mut(n).take().expect("the op put its output"))
}

/// Where an element of the result comes from in an operand: NumPy's rule, axis by axis.
fn place(mut index: usize, dims: &[usize], operand: &[usize]) -> usize {
    let (mut at, mut step) = (0, 1);
    for back in 0..dims.len() {
        let n = dims[dims.len() - 1 - back];
        if let Some(axis) = operand.len().checked_sub(back + 1) {
            at += if operand[axis] == 1 { 0 } else { index % n * step };
            step *= operand[axis];
        }
        index /= n;
    }
    at
}

#[test]
fn every_way_of_broadcasting_is_that_of_one_loop() {
    for &(one, other) in SHAPES {
        for (a_dims, b_dims) in [(one, other), (other, one)] {
            let (a, b) = (numbers(a_dims, 1, DType::F32), numbers(b_dims, 5, DType::F32));
            let out = run_op(Binary { f: BinaryOp::Sub }, &[a.clone(), b.clone()]).unwrap().remove(0);
            let (a, b) = (a.slice::<f32>().unwrap(), b.slice::<f32>().unwrap());
            let at = |i| a[place(i, out.dims(), a_dims)] - b[place(i, out.dims(), b_dims)];
            let want: Vec<f32> = (0..out.len()).map(at).collect();
            assert_eq!(out.slice::<f32>().unwrap(), want, "{a_dims:?} {b_dims:?}");
            let less =
                run_op(Binary { f: BinaryOp::Less }, &[numbers(a_dims, 1, DType::F32), numbers(b_dims, 5, DType::F32)]);
            let want: Vec<bool> = want.iter().map(|difference| *difference < 0.0).collect();
            assert_eq!(less.unwrap()[0].slice::<bool>().unwrap(), want, "{a_dims:?} {b_dims:?}");
        }
    }
}

#[test]
fn results_over_an_operand_are_those_in_fresh_memory() {
    // int8 has one loop for all ways operands lie, the others one for each.
    for dtype in [DType::F32, DType::I32, DType::I8] {
        for &(one, other) in SHAPES {
            for (a, b) in [(one, other), (other, one)] {
                let inputs = || vec![numbers(a, 1, dtype), numbers(b, 5, dtype)];
                let fresh = run_on(Binary { f: BinaryOp::Sub }, inputs(), 0, 1).unwrap();
                for may_take in 1..4 {
                    let over = run_on(Binary { f: BinaryOp::Sub }, inputs(), may_take, 1).unwrap();
                    assert_eq!(over.to_string(), fresh.to_string(), "{dtype} {a:?} {b:?} {may_take}");
                    assert_eq!(over.dims(), fresh.dims());
                }
            }
        }
    }
}

/// float32 bits, so that NaN is equal to itself.
fn bits(value: &Value) -> Vec<u32> {
    value.slice::<f32>().unwrap().iter().map(|x| x.to_bits()).collect()
}

#[test]
fn threads_and_places_do_not_change_bits() {
    let long: &[(&[usize], &[usize])] = &[
        (&[70_001], &[70_001]),
        (&[300, 300], &[300]),
        (&[300, 300], &[300, 1]),
        (&[90_000], &[]),
        (&[2, 40_000], &[40_000]),
    ];
    for &(a, b) in long {
        let inputs = || vec![numbers(a, 1, DType::F32), numbers(b, 5, DType::F32)];
        let want = bits(&run_on(Binary { f: BinaryOp::Div }, inputs(), 0, 1).unwrap());
        for (threads, may_take) in [(1, 1), (2, 0), (2, 1), (3, 0), (3, 1)] {
            let got = run_on(Binary { f: BinaryOp::Div }, inputs(), may_take, threads).unwrap();
            assert!(bits(&got) == want, "{a:?} {b:?} on {threads} threads");
        }
    }
    for f in [UnaryOp::Exp, UnaryOp::Tanh, UnaryOp::Log, UnaryOp::Sigmoid, UnaryOp::Rsqrt] {
        let x = || vec![numbers(&[70_001], 3, DType::F32)];
        let want = bits(&run_on(Unary { f }, x(), 0, 1).unwrap());
        for (threads, may_take) in [(1, 1), (2, 0), (3, 1)] {
            let got = run_on(Unary { f }, x(), may_take, threads).unwrap();
            assert!(bits(&got) == want, "{f:?} on {threads} threads");
        }
    }
}

#[test]
fn integer_division_by_zero_is_an_error() {
    use BinaryOp::*;
    for f in [Div, FloorDiv, TruncateDiv, FloorMod, TruncateMod] {
        let error = run_op(Binary { f }, &[[1i32, 2].into_value(), [1i32, 0].into_value()]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::DivisionByZero, "{f:?}");
        let smallest = run_op(Binary { f }, &[i64::MIN.into_value(), (-1i64).into_value()]).unwrap();
        let want = if matches!(f, FloorMod | TruncateMod) { 0 } else { i64::MIN };
        assert_eq!(smallest[0].slice::<i64>().unwrap(), [want], "{f:?}");
    }
    let infinite = run_op(Binary { f: Div }, &[1f32.into_value(), 0f32.into_value()]).unwrap();
    assert_eq!(infinite[0].to_string(), "inf");
}

#[test]
fn negative_integer_powers_are_an_error() {
    let error = run_op(Binary { f: BinaryOp::Pow }, &[2i32.into_value(), (-1i32).into_value()]).unwrap_err();
    assert!(error.message().contains("negative integer powers"), "{error}");
}

#[test]
fn sizes_are_followed_through_arithmetic() {
    let g = Graph::new();
    let x = g.placeholder(DType::F32, shape!["n", 6]).unwrap();
    let sizes = x.shape_tensor().unwrap();
    let double = (&sizes * 2).unwrap();
    let filled = x.graph().placeholder(DType::F32, crate::Shape::unknown()).unwrap().reshape(&double).unwrap();
    assert_eq!(filled.shape().dim(1).to_string(), "12");
    let same = (double - &sizes).unwrap();
    let back = g.placeholder(DType::F32, crate::Shape::unknown()).unwrap().reshape(&same).unwrap();
    assert_eq!(back.shape(), x.shape());
}

#[test]
fn logical_xor_gives_the_name_to_its_last_node() {
    let g = Graph::new();
    let b = g.named("b", || g.placeholder(DType::Bool, shape![2])).unwrap();
    let both = |name: &str| g.named(name, || b.logical_xor(&b)).unwrap().name();
    assert_eq!((both("z"), b.logical_xor(&b).unwrap().name()), ("z:0".into(), "LogicalXor:0".into()));
    let names: Vec<_> = g.nodes().skip(1).take(4).map(|node| node.name().to_owned()).collect();
    assert_eq!(names, ["LogicalOr", "LogicalAnd", "LogicalNot", "z"]);
}

/// By TensorFlow 1.15.5.
#[test]
fn the_next_number_lies_in_the_direction_of_the_other() {
    let next = |x: f32, y: f32| {
        let pair = [x.into_value(), y.into_value()];
        run_op(Binary { f: BinaryOp::NextAfter }, &pair).unwrap()[0].scalar::<f32>().unwrap()
    };
    assert_eq!(next(1.0, 2.0), 1.0 + f32::EPSILON);
    assert_eq!(next(1.0, 0.0), 1.0 - f32::EPSILON / 2.0);
    assert_eq!(next(0.0, -1.0).to_bits(), 0x8000_0001);
    assert_eq!(next(0.0, -0.0).to_bits(), 0x8000_0000);
    assert_eq!(next(f32::MAX, f32::INFINITY), f32::INFINITY);
    assert!(next(f32::NAN, 1.0).is_nan() && next(1.0, f32::NAN).is_nan());
}
