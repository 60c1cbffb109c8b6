//! Vast shapes without elements, and ends by budgets of memory and work, over the family.

use super::*;
use crate::dtype::DType;
use crate::error::ErrorKind;
use crate::ops::state::ScatterRule;
use crate::ops::testing::{ends_early, run_op, run_within};
use crate::value::{IntoValue, Value};

/// Elements that take a few milliseconds, if each is looked at.
const MANY: usize = 1 << 22;
const VAST: usize = 1 << 40;

fn empty(dtype: DType, dims: &[usize]) -> Value {
    Value::zeros(dtype, dims).unwrap()
}

fn zeros(dtype: DType, n: usize) -> Value {
    Value::zeros(dtype, &[n]).unwrap()
}

fn numbers(n: usize) -> Value {
    Value::from_vec(&[n], (0..n as i32).collect()).unwrap()
}

#[test]
fn long_work_ends_with_the_run() {
    let unique = Unique { out_idx: DType::I32, has_axis: false, has_counts: true };
    ends_early(&unique, &[numbers(MANY / 32)], 1 << 20);
    ends_early(&ListDiff { out_idx: DType::I32 }, &[numbers(MANY / 32), numbers(MANY / 32)], 1 << 20);
    ends_early(&Where, &[Value::full(&[MANY / 2], true).unwrap()], 16 << 20);
    ends_early(&Range, &[0i32, MANY as i32, 1].map(Value::scalar_of), 8 << 20);
    ends_early(&InvertPermutation, &[numbers(MANY / 2)], 8 << 20);
    ends_early(&UnravelIndex, &[zeros(DType::I32, MANY / 2), [2, 3].into_value()], 8 << 20);
    ends_early(
        &OneHot { axis: -1 },
        &[zeros(DType::U8, MANY / 2), 2.into_value(), 1i8.into_value(), 0i8.into_value()],
        1 << 20,
    );
    let rows = zeros(DType::I8, MANY / 2);
    ends_early(&DynamicPartition { num_partitions: 2 }, &[rows.clone(), zeros(DType::I32, MANY / 2)], 8 << 20);
    ends_early(&DynamicStitch { is_parallel: false }, &[numbers(MANY / 2), rows.clone()], 8 << 20);
    let column = |n: usize| numbers(n).reshaped(&[n, 1]).unwrap();
    ends_early(&ScatterNd, &[column(MANY / 2), rows.clone(), [MANY as i32 / 2].into_value()], 8 << 20);
    ends_early(&GatherNd, &[rows.clone(), column(MANY / 2)], 8 << 20);
    let update = TensorScatter { rule: ScatterRule::Update };
    ends_early(&update, &[rows.clone(), column(MANY / 2), rows.clone()], 8 << 20);
    ends_early(&Gather, &[rows.clone(), zeros(DType::I32, MANY)], 8 << 20);
    let mirror = MirrorPadGrad { mode: Mirror::Symmetric };
    ends_early(&mirror, &[zeros(DType::I16, MANY), [[1i32, 1]].into_value()], 4 << 20);
    ends_early(
        &StridedSliceGrad { masks: Masks::default() },
        &[[MANY as i32], [0], [MANY as i32], [2]]
            .map(IntoValue::into_value)
            .into_iter()
            .chain([zeros(DType::I8, MANY / 2)])
            .collect::<Vec<_>>(),
        1 << 20,
    );
}

/// Each took memory for one of its dims, or went over them one by one.
#[test]
fn vast_shapes_without_elements_end_at_once() {
    let rows = || empty(DType::I32, &[VAST, 0]);
    let unique = |axis: i32| {
        let op = Unique { out_idx: DType::I32, has_axis: true, has_counts: true };
        run_op(op, &[rows(), [axis].into_value()])
    };
    let out = unique(1).unwrap();
    assert_eq!((out[0].dims(), out[1].dims()), (&[VAST, 0][..], &[0][..]));
    assert_eq!(unique(0).unwrap_err().kind(), ErrorKind::ResourceExhausted, "each row has a number");
    let scatter = |rule| run_op(TensorScatter { rule }, &[[0i32, 0].into_value(), rows(), zeros(DType::I32, 2)]);
    assert_eq!(scatter(ScatterRule::Add).unwrap_err().kind(), ErrorKind::ShapeMismatch);
    let scatter = run_op(ScatterNd, &[rows(), zeros(DType::I32, 2), [2i32].into_value()]);
    assert_eq!(scatter.unwrap_err().kind(), ErrorKind::ShapeMismatch);
    let gather = run_op(GatherNd, &[[0i32].into_value(), rows()]);
    assert_eq!(gather.unwrap_err().kind(), ErrorKind::ResourceExhausted);
    let roll = run_op(Roll, &[rows(), [3i32, 5].into_value(), [0i32, 1].into_value()]).unwrap();
    assert_eq!(roll[0].dims(), [VAST, 0]);
    let mirror = MirrorPad { mode: Mirror::Symmetric };
    let padded = run_op(mirror, &[rows(), [[VAST as i64, 0], [0, 0]].into_value()]).unwrap();
    assert_eq!(padded[0].dims(), [2 * VAST, 0]);
    let op = QuantizeAndDequantize { range_given: false, axis: 0, ..QuantizeAndDequantize::new(QuantizeVersion::V2) };
    let ends = [zeros(DType::F32, 0), zeros(DType::F32, 0)];
    let quantized =
        run_within(op, &[empty(DType::F32, &[VAST, 0]), ends[0].clone(), ends[1].clone()], 1 << 10, 1 << 20);
    assert_eq!(quantized.unwrap()[0].dims(), [VAST, 0]);
    let diag = MatrixDiagPart { version: diagonals::Version::V1 };
    assert_eq!(run_op(diag, &[rows()]).unwrap()[0].dims(), [0]);
}

#[test]
fn copies_of_strings_count_their_contents() {
    let text = || vec![b'x'; 1 << 16];
    let one = || Value::from_strings(&[1], vec![text()]).unwrap();
    let refused = |op: Result<Vec<Value>, crate::Error>| {
        let text = op.unwrap_err().message().to_owned();
        assert!(text.starts_with("the memory budget is 1048576 bytes"), "{text}");
    };
    let scalar = || one().reshaped(&[]).unwrap();
    refused(run_within(Tile, &[one(), [1000].into_value()], 1 << 20, 1 << 24));
    refused(run_within(BroadcastTo, &[one(), [1000].into_value()], 1 << 20, 1 << 24));
    refused(run_within(Fill, &[[1000].into_value(), scalar()], 1 << 20, 1 << 24));
    refused(run_within(Gather, &[one(), zeros(DType::I32, 1000)], 1 << 20, 1 << 24));
    refused(run_within(PadV2, &[one(), [[500, 500]].into_value(), scalar()], 1 << 20, 1 << 24));
    let small = run_within(Tile, &[one(), [3].into_value()], 1 << 20, 1 << 24).unwrap();
    assert_eq!(small[0].byte_len(), 3 << 16);
}
