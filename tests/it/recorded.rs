//! How recorded answers are compared.

#[allow(dead_code)]
#[path = "../conformance/compare.rs"]
mod compare;

use compare::{Tolerance, same_value};
use half::{bf16, f16};
use sessile::{DType, IntoValue, Value};

fn is_same(got: impl IntoValue, want: impl IntoValue) -> bool {
    let (got, want): (Value, Value) = (got.into_value(), want.into_value());
    same_value(&got, &want, Tolerance::of(want.dtype())).is_ok()
}

/// The smallest normal float32 is 1.18e-38, the smallest normal float16 6.1e-5.
#[test]
fn what_is_below_the_smallest_normal_number_counts_as_zero() {
    assert!(is_same([3.8e-44f32], [0.0f32]) && is_same([0.0f32], [-1e-38f32]) && is_same([1e-38f32], [-1e-38f32]));
    assert!(!is_same([1e-36f32], [0.0f32]) && !is_same([0.0f32], [1e-36f32]));
    assert!(is_same([4e-324f64], [0.0f64]) && !is_same([1e-44f64], [0.0f64]));
    let half = |x: f64| vec![f16::from_f64(x)];
    assert!(is_same(half(1e-6), half(0.0)) && !is_same(half(1e-3), half(0.0)));
    let brain = |x: f64| vec![bf16::from_f64(x)];
    assert!(is_same(brain(1e-39), brain(0.0)) && !is_same(brain(1e-36), brain(0.0)));
}

#[test]
fn infinities_and_nan_are_in_the_same_places() {
    let (inf, nan) = (f32::INFINITY, f32::NAN);
    assert!(is_same([inf, -inf, nan], [inf, -inf, nan]));
    for (got, want) in [(1.0, inf), (f32::MIN, -inf), (inf, 1.0), (inf, -inf), (nan, 1.0), (1.0, nan), (nan, inf)] {
        assert!(!is_same([got, 1.0], [want, 1.0]), "{got} {want}");
    }
    assert_eq!(DType::I32.smallest_normal(), 0.0);
}
