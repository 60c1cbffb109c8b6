use super::*;
use crate::dtype::Plain;
use crate::graph::{Graph, Tensor};
use crate::ops::testing::run_op;
use crate::shape;

fn run<T: Plain>(how: Reduction, x: impl IntoValue, axes: &[i32]) -> Vec<T> {
    let got = run_op(Reduce { how, keep_dims: false }, &[x.into_value(), axes.to_vec().into_value()]).unwrap();
    got[0].slice::<T>().unwrap().to_vec()
}

#[track_caller]
fn check(made: Result<Tensor>, name: &str, shape: &str, n_nodes: usize) {
    let made = made.unwrap();
    assert_eq!((made.name().as_str(), made.shape().to_string().as_str()), (name, shape));
    assert_eq!(made.graph().len(), n_nodes);
}

/// As TensorFlow 1.15.5 makes them.
#[test]
fn builders_make_the_constant_of_the_axes_where_tensorflow_does() {
    let g = Graph::new();
    let x = g.placeholder(DType::F32, shape![2, ?]).unwrap();
    check(x.reduce_sum(()), "Sum:0", "()", 3);
    check(x.reduce_sum(1), "Sum_1:0", "(2,)", 5);
    check(g.named("total", || x.reduce_mean_keepdims([0])), "total:0", "(1, ?)", 7);
    check(g.named("all", || x.reduce_max(())), "all:0", "()", 9);
    let names: Vec<_> = g.nodes().map(|node| node.name().to_owned()).collect();
    let want = ["Const", "Sum", "Sum_1/reduction_indices", "Sum_1", "total/reduction_indices", "total", "Const_1"];
    assert_eq!(names[1..8], want);
    let error = x.reduce_sum([0, 2]).unwrap_err();
    assert!(error.message().contains("invalid reduction dimension 2 for input with 2 dimensions"), "{error}");
}

/// As TensorFlow 1.15.5 makes them.
#[test]
fn all_axes_of_an_unknown_rank_are_a_range() {
    let g = Graph::new();
    let x = g.placeholder(DType::F32, Shape::unknown()).unwrap();
    check(g.named("total", || x.reduce_sum(())), "total:0", "()", 6);
    let names: Vec<_> = g.nodes().skip(1).map(|node| node.name().to_owned()).collect();
    assert_eq!(names, ["Rank", "range/start", "range/delta", "range", "total"]);
    check(x.reduce_sum_keepdims(()), "Sum:0", "<unknown>", 11);
}

#[test]
fn axes_of_the_run_leave_what_is_known() {
    let g = Graph::new();
    let x = g.placeholder(DType::F32, shape![2, 3]).unwrap();
    let axes = g.placeholder(DType::I32, Shape::unknown()).unwrap();
    check(x.reduce_sum(&axes), "Sum:0", "<unknown>", 3);
    check(x.reduce_sum_keepdims(&axes), "Sum_1:0", "(?, ?)", 4);
    let sizes = g.constant([2, 3, 4]).unwrap().reduce_prod(()).unwrap();
    assert_eq!(sizes.fact().sizes.as_deref(), Some(&[Dim::constant(24)][..]));
}

#[test]
fn axes_may_lie_apart_but_come_once() {
    let x = Value::from_vec(&[2, 3, 2], (1..=12).collect::<Vec<i32>>()).unwrap();
    assert_eq!(run::<i32>(Reduction::Sum, &x, &[0, -1]), [18, 26, 34]);
    assert_eq!(run::<i32>(Reduction::Max, &x, &[]), (1..=12).collect::<Vec<i32>>());
    let twice = run_op(Reduce { how: Reduction::Sum, keep_dims: false }, &[x, [1, -2].into_value()]);
    assert!(twice.unwrap_err().message().contains("axes must be distinct"));
}

/// As TensorFlow 1.15.5 answers, but for the mean of float16, which overflows there.
#[test]
fn special_values_follow_tensorflow() {
    let nan = f32::NAN;
    assert_eq!(run::<f32>(Reduction::Max, [1.0f32, nan, 3.0], &[0]), [3.0]);
    assert_eq!(run::<f32>(Reduction::Min, [nan, 1.0], &[0]), [1.0]);
    assert_eq!(run::<f32>(Reduction::Max, [nan, nan], &[0]), [f32::NEG_INFINITY]);
    assert!(run::<f32>(Reduction::Max, [nan], &[0])[0].is_nan());
    assert!(run::<f32>(Reduction::Sum, [nan, 1.0], &[0])[0].is_nan());
    assert_eq!(run::<i32>(Reduction::Mean, [-7i32, -8], &[0]), [-7]);
    assert_eq!(run::<u8>(Reduction::Mean, [200u8, 100], &[0]), [22]);
    assert_eq!(run::<i32>(Reduction::EuclideanNorm, [1i32, 2], &[0]), [2]);
    let halves = vec![half::f16::from_f32(40000.0); 10];
    assert_eq!(run::<half::f16>(Reduction::Mean, halves.clone(), &[0]), halves[..1]);
    let empty = || Value::from_vec(&[0, 1], Vec::<f32>::new()).unwrap();
    assert!(run::<f32>(Reduction::Mean, empty(), &[0])[0].is_nan());
    assert_eq!(run::<f32>(Reduction::Max, empty(), &[0]), [f32::NEG_INFINITY]);
    assert_eq!(run::<f32>(Reduction::Prod, empty(), &[0]), [1.0]);
}

/// By hand: sums of integers wrap, and so does the count that divides them.
#[test]
fn rare_integers_wrap_as_their_dtype() {
    assert_eq!(run::<i8>(Reduction::Sum, vec![100i8; 3], &[0]), [44]);
    assert_eq!(run::<u16>(Reduction::Prod, [300u16, 300], &[0]), [24464]);
    assert_eq!(run::<u32>(Reduction::Sum, [u32::MAX, 2], &[0]), [1]);
    assert_eq!(run::<u64>(Reduction::Prod, [u64::MAX, 3], &[0]), [u64::MAX - 2]);
    assert_eq!(run::<u32>(Reduction::Mean, [u32::MAX, 0], &[0]), [u32::MAX / 2]);
    assert_eq!(run::<u64>(Reduction::Mean, [u64::MAX, 0], &[0]), [u64::MAX / 2]);
    assert_eq!(run::<i8>(Reduction::Mean, vec![1i8; 256], &[0]), [0]);
    assert_eq!(run::<i16>(Reduction::EuclideanNorm, [3i16, -4], &[0]), [5]);
    assert_eq!(run::<u8>(Reduction::EuclideanNorm, [15u8, 6], &[0]), [2]);
}

/// By hand: of nothing the ends of the dtype, not those of the one that it is computed in.
#[test]
fn extremes_of_rare_dtypes_are_their_own() {
    fn check<T: Plain + crate::kernel::Ordered>(x: [T; 3], largest: T, smallest: T) {
        let long = Value::from_vec(&[700, 3], x.repeat(700)).unwrap();
        assert_eq!(run::<T>(Reduction::Max, &long, &[0, 1]), [largest]);
        assert_eq!(run::<T>(Reduction::Min, &long, &[0]), x);
        assert_eq!(run::<T>(Reduction::Min, &long, &[1]), vec![smallest; 700]);
        let none = Value::from_vec(&[0, 1], Vec::<T>::new()).unwrap();
        assert_eq!(run::<T>(Reduction::Max, &none, &[0]), [T::LEAST]);
        assert_eq!(run::<T>(Reduction::Min, &none, &[0]), [T::GREATEST]);
    }
    check([-128i8, 5, 127], 127, -128);
    check([3u8, 0, 255], 255, 0);
    check([-5i16, -7, -6], -5, -7);
    check([65535u16, 8, 9], 65535, 8);
    check([u32::MAX, 8, 1 << 31], u32::MAX, 8);
    check([u64::MAX, 8, 1 << 63], u64::MAX, 8);
    let half = half::f16::from_f32;
    check([half(-2.0), half(0.5), half(-0.25)], half(0.5), half(-2.0));
    let half = half::bf16::from_f32;
    check([half(-2.0), half(0.5), half(-0.25)], half(0.5), half(-2.0));
}

/// Halves are summed up in float32, along rows and along columns: against a plain loop over numbers that add up exactly.
#[test]
fn halves_are_rounded_once() {
    let x: Vec<half::bf16> = (0..3000).map(|i| half::bf16::from_f32((i % 129) as f32)).collect();
    let of = |numbers: &mut dyn Iterator<Item = &half::bf16>| {
        let sum: f32 = numbers.map(|x| x.to_f32()).sum();
        half::bf16::from_f32(sum)
    };
    let value = Value::from_vec(&[1000, 3], x.clone()).unwrap();
    let columns: Vec<_> = (0..3).map(|i| of(&mut x.iter().skip(i).step_by(3))).collect();
    assert_eq!(run::<half::bf16>(Reduction::Sum, &value, &[0]), columns);
    let rows: Vec<_> = x.chunks(3).map(|row| of(&mut row.iter())).collect();
    assert_eq!(run::<half::bf16>(Reduction::Sum, &value, &[1]), rows);
    assert_eq!(run::<half::bf16>(Reduction::Sum, &value, &[0, 1]), [of(&mut x.iter())]);
}

/// Longer than a piece in each direction; 1 + 2 + .. in f32 is exact while partial sums are below 2^24.
#[test]
fn long_reductions_are_exact_where_float32_is() {
    let n = 200_000;
    let ones = Value::from_vec(&[n, 1], vec![1.0f32; n]).unwrap();
    assert_eq!(run::<f32>(Reduction::Sum, &ones, &[0, 1]), [n as f32]);
    let columns: Vec<f32> = (0..3 * n).map(|i| (i % 3) as f32).collect();
    let columns = Value::from_vec(&[n, 3], columns).unwrap();
    assert_eq!(run::<f32>(Reduction::Sum, &columns, &[0]), [0.0, n as f32, 2.0 * n as f32]);
    assert_eq!(run::<f32>(Reduction::Sum, &columns, &[1]), vec![3.0; n]);
}

/// Adding 0.1 a million times one after the other is off by 958.
#[test]
fn sums_of_many_are_accurate() {
    let n = 1_000_000;
    let sum = run::<f32>(Reduction::Sum, vec![0.1f32; n], &[0])[0];
    assert!((sum - 0.1f32 * n as f32).abs() < 0.1, "{sum}");
}
