use super::apply::{Avx2, Avx512, Baseline, Function1, Isa};
use super::*;
use crate::simd::{Level, level};
use crate::special;

/// Every magnitude of float32, both signs, subnormal numbers included, and what is special.
fn points() -> Vec<f32> {
    const SPECIAL: [f32; 22] = [
        0.0,
        -0.0,
        f32::INFINITY,
        f32::NEG_INFINITY,
        f32::NAN,
        1.0,
        -1.0,
        0.5,
        -0.5,
        2.0,
        1e-45,
        -1e-45,
        f32::MAX,
        f32::MIN,
        f32::MIN_POSITIVE,
        88.72284,
        -87.33655,
        -103.97,
        0.625,
        0.62499994,
        1_048_577.0,
        3.0,
    ];
    // A stride that is prime, so that mantissas of all kinds come up.
    let everywhere = (0..=u32::MAX / 39_119).map(|i| f32::from_bits(i * 39_119));
    let near = (0..60_000_u32).map(|i| (i.wrapping_mul(2_654_435_761) as f32 / u32::MAX as f32 - 0.5) * 40.0);
    SPECIAL.into_iter().chain(everywhere).chain(near).collect()
}

/// Distance in representable numbers; 0 for two NaN, and the signs of zeros count.
fn ulps(got: f32, want: f64) -> f64 {
    let rounded = want as f32;
    if got.is_nan() || want.is_nan() {
        return if got.is_nan() && want.is_nan() { 0.0 } else { f64::INFINITY };
    }
    if got.is_infinite() || rounded.is_infinite() {
        // Just beyond the largest number either may be right.
        return if got == rounded || want.abs() > 3.402_823_3e38 && got.abs() >= f32::MAX {
            0.0
        } else {
            f64::INFINITY
        };
    }
    if got == 0.0 && want == 0.0 {
        return if got.is_sign_negative() == want.is_sign_negative() { 0.0 } else { f64::INFINITY };
    }
    let unit = f64::from(f32::from_bits(rounded.abs().to_bits() + 1) - rounded.abs());
    (f64::from(got) - want).abs() / unit
}

#[track_caller]
fn check(f: Unary, want: impl Fn(f64) -> f64, most: f64) {
    let x = points();
    let mut y = vec![0.0; x.len()];
    map_f32(f, &x, &mut y);
    for (&x, &y) in x.iter().zip(&y) {
        let want = want(f64::from(x));
        assert!(ulps(y, want) <= most, "{f:?}({x:e}) is {y:e}, not {want:e}: {} ulps", ulps(y, want));
    }
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

fn softplus(x: f64) -> f64 {
    if x.is_nan() { x } else { x.max(0.0) + (-x.abs()).exp().ln_1p() }
}

fn relu6(x: f64) -> f64 {
    if x.is_nan() || x == 0.0 { x } else { x.clamp(0.0, 6.0) }
}

#[test]
fn float32_functions_err_by_few_units() {
    check(Unary::Exp, f64::exp, 1.1);
    check(Unary::Expm1, f64::exp_m1, 1.6);
    check(Unary::Log, f64::ln, 1.1);
    check(Unary::Log1p, f64::ln_1p, 1.6);
    // TensorFlow's errs by up to 4.4 units.
    check(Unary::Tanh, f64::tanh, 2.65);
    check(Unary::Sigmoid, sigmoid, 2.5);
    check(Unary::Softplus, softplus, 2.5);
    check(Unary::Elu, |x| if x < 0.0 { x.exp_m1() } else { x }, 1.6);
}

#[test]
fn functions_computed_in_float64_are_nearly_always_rounded_right() {
    check(Unary::Sin, f64::sin, 0.51);
    check(Unary::Cos, f64::cos, 0.51);
    check(Unary::Erf, special::erf, 0.51);
    check(Unary::Erfc, special::erfc, 0.51);
    check(Unary::Lgamma, special::lgamma, 0.51);
    check(Unary::Atan, f64::atan, 0.51);
    check(Unary::Asinh, libm::asinh, 0.51);
    check(Unary::Rsqrt, |x| 1.0 / x.sqrt(), 1.5);
}

#[test]
fn simple_functions_are_exact() {
    check(Unary::Abs, f64::abs, 0.0);
    check(Unary::Neg, |x| -x, 0.0);
    check(Unary::Floor, f64::floor, 0.0);
    check(Unary::Ceil, f64::ceil, 0.0);
    check(Unary::Rint, f64::round_ties_even, 0.0);
    check(Unary::Relu, |x| if x < 0.0 { 0.0 } else { x }, 0.0);
    check(Unary::Relu6, relu6, 0.0);
    check(Unary::Sqrt, f64::sqrt, 0.5);
    check(Unary::Square, |x| x * x, 0.5);
    check(Unary::Reciprocal, |x| 1.0 / x, 0.5);
}

/// Results of TensorFlow 1.15.5, except that it flushes subnormal numbers.
#[test]
fn special_arguments_give_what_tensorflow_gives() {
    let nan = f32::NAN;
    let inf = f32::INFINITY;
    for (f, x, want) in [
        (Unary::Sign, nan, 0.0),
        (Unary::Relu, nan, nan),
        (Unary::Relu6, nan, nan),
        (Unary::Relu6, inf, 6.0),
        (Unary::Tanh, inf, 1.0),
        (Unary::Tanh, -inf, -1.0),
        (Unary::Sigmoid, -inf, 0.0),
        (Unary::Softplus, inf, inf),
        (Unary::Softplus, -inf, 0.0),
        (Unary::Softsign, inf, nan),
        (Unary::Elu, -inf, -1.0),
        (Unary::Selu, -inf, -1.7580993),
        (Unary::Log, -0.0, -inf),
        (Unary::Log1p, -1.0, -inf),
        (Unary::Lgamma, -20.0, inf),
        (Unary::Digamma, -20.0, inf),
        (Unary::Digamma, 0.0, inf),
    ] {
        let mut y = [x];
        map_in_place_f32(f, &mut y);
        assert!(ulps(y[0], f64::from(want)) < 1.0, "{f:?}({x}) is {}, not {want}", y[0]);
    }
}

#[test]
fn functions_of_two_numbers_give_what_tensorflow_gives() {
    let (nan, inf) = (f32::NAN, f32::INFINITY);
    let x = [nan, 1.0, -0.0, inf, 0.0, 5.0, -7.0, 7.0, -7.5, 0.0, -1.0, -8.0, 2.0, inf, 2.0, 0.0];
    let y = [1.0, nan, 0.0, inf, nan, 0.0, 3.0, -3.0, 2.0, inf, 0.5, 3.0, -inf, 0.0, 10.0, -1.0];
    let table: [(Binary, [f32; 16]); 10] = [
        (Binary::Max, [nan, 1.0, -0.0, inf, 0.0, 5.0, 3.0, 7.0, 2.0, inf, 0.5, 3.0, 2.0, inf, 10.0, 0.0]),
        (Binary::Min, [nan, 1.0, -0.0, inf, 0.0, 0.0, -7.0, -3.0, -7.5, 0.0, -1.0, -8.0, -inf, 0.0, 2.0, -1.0]),
        (
            Binary::DivNoNan,
            [nan, nan, 0.0, nan, nan, 0.0, -7.0 / 3.0, -7.0 / 3.0, -3.75, 0.0, -2.0, -8.0 / 3.0, -0.0, 0.0, 0.2, -0.0],
        ),
        (
            Binary::MulNoNan,
            [nan, nan, 0.0, inf, nan, 0.0, -21.0, -21.0, -15.0, nan, -0.5, -24.0, -inf, 0.0, 20.0, -0.0],
        ),
        (Binary::FloorDiv, [nan, nan, nan, nan, nan, inf, -3.0, -3.0, -4.0, 0.0, -2.0, -3.0, -0.0, inf, 0.0, -0.0]),
        (Binary::FloorMod, [nan, nan, nan, nan, nan, nan, 2.0, -2.0, 0.5, 0.0, -0.0, 1.0, -inf, nan, 2.0, 0.0]),
        (Binary::TruncMod, [nan, nan, nan, nan, nan, nan, -1.0, 1.0, -1.5, 0.0, -0.0, -2.0, 2.0, nan, 2.0, 0.0]),
        (
            Binary::Pow,
            [nan, 1.0, 1.0, inf, nan, 1.0, -343.0, 2.915452e-3, 56.25, 0.0, nan, -512.0, 0.0, 1.0, 1024.0, inf],
        ),
        (
            Binary::Xdivy,
            [nan, nan, 0.0, nan, 0.0, inf, -7.0 / 3.0, -7.0 / 3.0, -3.75, 0.0, -2.0, -8.0 / 3.0, -0.0, inf, 0.2, 0.0],
        ),
        (
            Binary::Xlogy,
            [
                nan,
                nan,
                0.0,
                inf,
                0.0,
                -inf,
                -7.690286,
                nan,
                -5.1986036,
                0.0,
                std::f32::consts::LN_2,
                -8.788898,
                nan,
                -inf,
                4.6051702,
                0.0,
            ],
        ),
    ];
    for (f, want) in table {
        let mut got = [0.0; 16];
        f.f32().out(&x, &y, &mut got);
        for i in 0..16 {
            let (got, want) = (got[i], want[i]);
            let same = got == want || (got.is_nan() && want.is_nan()) || ulps(got, f64::from(want)) < 1.6;
            assert!(same, "{f:?}({}, {}) is {got}, not {want}", x[i], y[i]);
        }
    }
}

#[test]
fn powers_agree_with_float64() {
    let x = points();
    let mut y = vec![0.0; x.len()];
    for exponent in [0.0, 1.0, -1.0, 2.0, 3.0, -3.0, 0.5, -0.5, 2.5, 1e-3, 17.0, 1e10, f32::INFINITY, f32::NAN] {
        Binary::Pow.f32().scalar_right(&x, exponent, &mut y);
        for (&x, &y) in x.iter().zip(&y) {
            let want = f64::from(x).powf(f64::from(exponent));
            assert!(ulps(y, want) <= 0.52, "{x:e}^{exponent} is {y:e}, not {want:e}");
        }
        Binary::Pow.f32().scalar_left(exponent, &x[..2000], &mut y[..2000]);
        for (&x, &y) in x[..2000].iter().zip(&y) {
            let want = f64::from(exponent).powf(f64::from(x));
            assert!(ulps(y, want) <= 0.52, "{exponent}^{x:e} is {y:e}, not {want:e}");
        }
    }
}

fn same_bits(x: &[f32], y: &[f32]) -> bool {
    x.iter().zip(y).all(|(x, y)| x.to_bits() == y.to_bits() || (x.is_nan() && y.is_nan()))
}

/// Neither the place in a slice nor its length nor the form matters.
#[test]
fn results_do_not_depend_on_place_or_form() {
    let x: Vec<f32> = points().into_iter().step_by(251).collect();
    for &f in Unary::ALL {
        let mut whole = vec![0.0; x.len()];
        map_f32(f, &x, &mut whole);
        for step in [1, 7, 33, 64] {
            let mut parts = x.clone();
            parts.chunks_mut(step).for_each(|part| map_in_place_f32(f, part));
            assert!(same_bits(&parts, &whole), "{f:?} by {step}");
        }
    }
    let y: Vec<f32> = x.iter().rev().copied().collect();
    for &f in Binary::ALL {
        let map = f.f32();
        let mut whole = vec![0.0; x.len()];
        map.out(&x, &y, &mut whole);
        for step in [1, 7, 33, 64] {
            let (mut left, mut right) = (x.clone(), y.clone());
            left.chunks_mut(step).zip(y.chunks(step)).for_each(|(x, y)| map.over_left(x, y));
            x.chunks(step).zip(right.chunks_mut(step)).for_each(|(x, y)| map.over_right(x, y));
            assert!(same_bits(&left, &whole) && same_bits(&right, &whole), "{f:?} by {step}");
        }
        for i in (0..x.len()).step_by(97) {
            let (mut out, mut left, mut right) = ([0.0; 2], [x[i]; 3], [y[i]; 3]);
            map.scalar_right(&[x[i]], y[i], &mut out[..1]);
            map.scalar_left(x[i], &[y[i]], &mut out[1..]);
            map.over_left_scalar(&mut left, y[i]);
            map.over_right_scalar(x[i], &mut right);
            assert!(same_bits(&[out[0], out[1], left[2], right[2]], &[whole[i]; 4]), "{f:?}");
        }
    }
}

/// Each instruction set runs, and the baseline's missing fused products cost little.
#[test]
fn all_levels_agree() {
    fn on<I: Isa, F: Function1<f32>>(x: &[f32]) -> Vec<f32> {
        let mut y = vec![0.0; x.len()];
        // SAFETY: slices of one length; the caller asks for levels that the CPU has.
        unsafe { I::map1::<f32, F>(x.as_ptr(), y.as_mut_ptr(), x.len()) };
        y
    }
    fn check_levels<F: Function1<f32>>(most: f64) {
        let x = points();
        let base = on::<Baseline, F>(&x);
        let mut others = Vec::new();
        if level() >= Level::Avx2 {
            others.push(on::<Avx2, F>(&x));
        }
        if level() >= Level::Avx512 {
            others.push(on::<Avx512, F>(&x));
        }
        others.windows(2).for_each(|pair| assert!(same_bits(&pair[0], &pair[1])));
        for (other, base) in others.iter().flat_map(|other| other.iter().zip(&base)) {
            assert!(ulps(*other, f64::from(*base)) <= most, "{other:e} is not {base:e}");
        }
    }
    check_levels::<unary::Exp>(2.0);
    check_levels::<unary::Log>(2.0);
    check_levels::<unary::Log1p>(3.0);
    check_levels::<unary::Tanh>(3.0);
    check_levels::<unary::Sin>(1.0);
    check_levels::<unary::Erf>(1.0);
}

#[test]
fn float64_functions_are_the_standard_librarys() {
    let x: Vec<f64> = points().into_iter().step_by(97).map(f64::from).collect();
    let mut y = vec![0.0; x.len()];
    map_f64(Unary::Tanh, &x, &mut y);
    assert!(x.iter().zip(&y).all(|(x, y)| x.tanh().to_bits() == y.to_bits() || y.is_nan()));
    map_in_place_f64(Unary::Sigmoid, &mut y);
    assert!(x.iter().zip(&y).all(|(x, y)| (sigmoid(x.tanh()) - y).abs() < 1e-15 || y.is_nan()));
}
