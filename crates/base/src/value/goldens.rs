//! What NumPy 1.26 prints for the same elements.

use half::f16;
use ndarray::{Array1, Array2, Array3, Axis, array};
use num_complex::Complex;

use super::{IntoValue, Value};
use crate::dtype::DType;

#[track_caller]
fn check(value: impl IntoValue, want: &str) {
    assert_eq!(value.into_value().to_string(), want);
}

#[test]
fn floats_print_as_numpy_prints_them() {
    check(array![1.0f32, 2.0, 3.5], "[1.  2.  3.5]");
    check(array![1.0f32], "[1.]");
    check(array![0.1f32, 0.2, 0.3], "[0.1 0.2 0.3]");
    check(array![0.1f64, 1.0 / 3.0], "[0.1        0.33333333]");
    check(array![1e8f32, 1.0], "[1.e+08 1.e+00]");
    check(array![99999999.0f64, 1e7], "[99999999. 10000000.]");
    check(array![1e-4f64, 0.1], "[0.0001 0.1   ]");
    check(array![1e-4f32], "[1.e-04]");
    check(array![1e-5f32, 1.2345678], "[9.9999997e-06 1.2345678e+00]");
    check(array![1.0f64, 1000.0], "[   1. 1000.]");
    check(array![1.0f64, 1001.0], "[1.000e+00 1.001e+03]");
    check(array![0.0f32, -0.0, 1e-30], "[ 0.e+00 -0.e+00  1.e-30]");
    check(array![f32::NAN, 1.5, f32::INFINITY], "[nan 1.5 inf]");
    check(array![f64::NAN, f64::NEG_INFINITY], "[ nan -inf]");
    check(array![f64::NAN], "[nan]");
    check(array![-1.5f32, 22.25, 333.0], "[ -1.5   22.25 333.  ]");
    check(array![69063792.0f32, -16749961.0], "[ 69063792. -16749961.]");
    check(array![2.4414062e-4f32, 1e5], "[2.4414062e-04 1.0000000e+05]");
    check(array![1e100f64, 1e-100], "[1.e+100 1.e-100]");
    check(array![5e-324f64, 1.7976931348623157e308], "[4.94065646e-324 1.79769313e+308]");
    check(array![f16::from_f32(0.1), f16::from_f32(65504.0)], "[1.00e-01 6.55e+04]");
    check(array![f16::from_f32(0.015625), f16::from_f32(0.5)], "[0.01563 0.5    ]");
}

#[test]
fn integers_bools_and_complex_numbers_print_as_numpy_prints_them() {
    check(array![1i32, -20, 300], "[  1 -20 300]");
    check(array![u8::MAX, 0], "[255   0]");
    check(array![i64::MIN, 7], "[-9223372036854775808                    7]");
    check(array![true, false], "[ True False]");
    check(array![true], "[ True]");
    check(array![Complex::new(1.0f32, -2.5), Complex::new(10.0, 0.25)], "[ 1.-2.5j  10.+0.25j]");
    check(array![Complex::new(0.0f64, f64::NAN), Complex::new(1e9, 1.0)], "[0.e+00+nanj 1.e+09 +1.j]");
}

#[test]
fn lines_break_and_long_axes_are_cut_as_numpy_does_it() {
    check(array![[1.0f32, 2.5], [3.0, 4.0]], "[[1.  2.5]\n [3.  4. ]]");
    check(array![[[1, 2], [3, 4]], [[5, 6], [7, 8]]], "[[[1 2]\n  [3 4]]\n\n [[5 6]\n  [7 8]]]");
    check(Array3::<f32>::ones((2, 1, 1)).insert_axis(Axis(0)), "[[[[1.]]\n\n  [[1.]]]]");
    check(
        Array1::from_iter((0..30).map(|n| n as f32 * 1.5)),
        "[ 0.   1.5  3.   4.5  6.   7.5  9.  10.5 12.  13.5 15.  16.5 18.  19.5\n 21.  22.5 24.  25.5 27.  28.5 30.  31.5 33.  34.5 36.  37.5 39.  40.5\n 42.  43.5]",
    );
    check(Array1::from_iter(0..1001), "[   0    1    2 ...  998  999 1000]");
    check(
        Array2::from_shape_fn((1000, 2), |(row, column)| row * 2 + column).mapv(|n| n as f64),
        "[[0.000e+00 1.000e+00]\n [2.000e+00 3.000e+00]\n [4.000e+00 5.000e+00]\n ...\n [1.994e+03 1.995e+03]\n [1.996e+03 1.997e+03]\n [1.998e+03 1.999e+03]]",
    );
    check(Array2::<f32>::zeros((2, 0)), "[]");
}

#[test]
fn single_numbers_print_as_numpy_prints_scalars() {
    check(1.0f32, "1.0");
    check(0.1f32, "0.1");
    check(1e16f64, "1e+16");
    check(1e-5f32, "1e-05");
    check(-1.5e-7f64, "-1.5e-07");
    check(69063792.0f32, "69063790.0");
    check(f64::NEG_INFINITY, "-inf");
    check(f32::NAN, "nan");
    check(12i8, "12");
    check(true, "True");
    check(Complex::new(0.0f64, 2.0), "2j");
    check(Complex::new(-1.0f32, 0.5), "(-1+0.5j)");
}

#[test]
fn strings_print_as_python_prints_bytes() {
    check("it's", "b\"it's\"");
    check("a\"\n\\é", "b'a\"\\n\\\\\\xc3\\xa9'");
    check(["ab", "", "c"], "[b'ab' b'' b'c']");
}

#[test]
fn bfloat16_prints_as_tensorflows_numpy_type_does() {
    let x = array![1.5, 2.0, 0.1, 1e-5, f64::NAN, 3e38].mapv(half::bf16::from_f64);
    check(x, "[1.5 2 0.100098 1.00136e-05 nan 3.00406e+38]");
    check(array![[1.0, 2.5], [3.0, 100.0]].mapv(half::bf16::from_f64), "[[1 2.5]\n [3 100]]");
}

#[test]
fn what_numpy_cannot_hold_prints_on_one_line() {
    let deep = Value::full(&[1; 254], 1.5f32).unwrap();
    assert!(deep.to_string().ends_with(", 1) [1.5]"));
    let wide = Value::zeros(DType::U8, &[2; 24]).unwrap();
    assert!(wide.to_string().ends_with("[0 0 0 0 0 0 ...]"));
    check(Value::from_object(DType::Resource, std::sync::Arc::new(())), "<resource>");
}

#[test]
fn debug_shows_dtype_shape_and_the_first_elements() {
    let shown = |value: Value| format!("{value:?}");
    assert_eq!(shown([[1.0f32, 2.5]].into_value()), "float32 (1, 2) [1.0 2.5]");
    assert_eq!(shown(vec![7; 9].into_value()), "int32 (9,) [7 7 7 7 7 7 ...]");
    assert_eq!(shown("a".into_value()), "string () [b'a']");
}
