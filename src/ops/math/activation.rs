//! Activation functions of one float.

use num_traits::Float;

/// Alpha times lambda of Klambauer et al., "Self-Normalizing Neural Networks".
const SELU_SCALE_ALPHA: f64 = 1.758_099_340_847_376_8;
/// Lambda of the same.
const SELU_SCALE: f64 = 1.050_700_987_355_480_5;

/// A constant in another float type.
pub(super) fn lit<F: Float>(x: f64) -> F {
    F::from(x).expect("every float type holds a constant, rounded")
}

/// `log(exp(x) + 1)`, without overflow: for large `x` it is `x`, for small `x` it is `exp(x)`, to the last bit.
pub(super) fn softplus<F: Float>(x: F) -> F {
    let threshold = F::epsilon().ln() + lit(2.0);
    match () {
        () if x > -threshold => x,
        () if x < threshold => x.exp(),
        () => x.exp().ln_1p(),
    }
}

/// `x / (|x| + 1)`.
pub(super) fn softsign<F: Float>(x: F) -> F {
    x / (x.abs() + F::one())
}

/// `exp(x) - 1` below 0, `x` elsewhere.
pub(super) fn elu<F: Float>(x: F) -> F {
    if x < F::zero() { x.exp_m1() } else { x }
}

/// As [`elu`], scaled.
pub(super) fn selu<F: Float>(x: F) -> F {
    if x < F::zero() { lit::<F>(SELU_SCALE_ALPHA) * x.exp_m1() } else { lit::<F>(SELU_SCALE) * x }
}

/// The slope of [`selu`] times `dy`, from the function's result `y`.
pub(super) fn selu_slope<F: Float>(dy: F, y: F) -> F {
    let scale = lit::<F>(SELU_SCALE);
    if y < F::zero() { dy * (y + lit::<F>(SELU_SCALE_ALPHA)) } else { dy * scale }
}
