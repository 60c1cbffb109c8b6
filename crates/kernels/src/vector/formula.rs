//! The scalar formulas behind the vector functions of float32: no branches, no calls, so that the compiler turns a loop
//! over them into vector instructions, and an element's result does not depend on where it stands.
//!
//! `FMA` chooses between one fused instruction and a product and a sum. The reductions and polynomials are textbook
//! ones; coefficients were fitted anew by minimizing the largest relative error.
/// `a * b + c`.
#[inline(always)]
fn fma<const FMA: bool>(a: f32, b: f32, c: f32) -> f32 {
    if FMA { a.mul_add(b, c) } else { a * b + c }
}

/// The polynomial with these coefficients, highest power first.
#[inline(always)]
fn polynomial<const FMA: bool, const N: usize>(x: f32, coefficients: [f32; N]) -> f32 {
    let mut sum = coefficients[0];
    for &c in &coefficients[1..] {
        sum = fma::<FMA>(sum, x, c);
    }
    sum
}

/// Added to a small float32, leaves its nearest integer in the low bits.
const ROUND: f32 = 12_582_912.0; // 1.5 * 2^23

/// `ln 2` in two parts, of which the first times an exponent is exact.
const LN_2_HIGH: f32 = 0.693_359_4;
const LN_2_LOW: f32 = -2.121_944_4e-4;

/// `2^k` for `k` from -126 to 127.
#[inline(always)]
fn power_of_two(k: i32) -> f32 {
    f32::from_bits(((k + 127) as u32) << 23)
}

/// What is added to an exponent so that its bits, moved to where float32 has its exponent, are those of `2^k`.
const BIAS: f32 = 127.0;

/// `x * 2^k`, rounded once, where the low bits of `bits` are `k + 2 * BIAS`, and `k` is from -252 to 254: in two steps,
/// so that neither factor leaves the range.
#[inline(always)]
fn scale(x: f32, bits: u32) -> f32 {
    let half = bits >> 1;
    x * f32::from_bits(half << 23) * f32::from_bits(bits.wrapping_sub(half) << 23)
}

/// `x` between bounds; NaN stays NaN.
#[inline(always)]
fn bound(x: f32, low: f32, high: f32) -> f32 {
    let x = if x > high { high } else { x };
    if x < low { low } else { x }
}

/// Bits whose low ones are `k + bias`, and `exp(r) - 1`, with `x = k ln 2 + r` and `|r| <= ln 2 / 2`.
#[inline(always)]
fn exp_parts<const FMA: bool>(x: f32, bias: f32) -> (u32, f32) {
    let shifted = fma::<FMA>(x, std::f32::consts::LOG2_E, ROUND + bias);
    let whole = shifted - (ROUND + bias);
    let r = fma::<FMA>(-whole, LN_2_LOW, fma::<FMA>(-whole, LN_2_HIGH, x));
    let p = polynomial::<FMA, 5>(r, [1.381_477e-3, 8.368_738e-3, 4.166_838_5e-2, 1.666_652_1e-1, 4.999_999_4e-1]);
    (shifted.to_bits(), fma::<FMA>(p, r * r, r))
}

/// `e^x`.
#[inline(always)]
pub fn exp<const FMA: bool>(x: f32) -> f32 {
    let (bits, m) = exp_parts::<FMA>(bound(x, -105.0, 89.0), 2.0 * BIAS);
    scale(m + 1.0, bits)
}

/// `e^x - 1`, accurate near 0.
#[inline(always)]
pub fn expm1<const FMA: bool>(x: f32) -> f32 {
    let (bits, m) = exp_parts::<FMA>(bound(x, -20.0, 89.0), 2.0 * BIAS);
    // e^x - 1 = 2^k (e^r - 1 + (1 - 2^-k)); k is at least -29.
    let k = (bits & 511) as i32 - 2 * BIAS as i32;
    let rest = 1.0 - power_of_two(-k.min(126));
    let y = scale(m + rest, bits);
    if x == 0.0 { x } else { y }
}

/// `(e, f)` with `x = 2^e (1 + f)` and `1 + f` from `sqrt(1/2)` to `sqrt(2)`, for normal positive `x`.
#[inline(always)]
fn log_parts(x: f32) -> (f32, f32) {
    const SQRT_HALF: i32 = 0x3F35_04F3;
    let bits = x.to_bits() as i32;
    let e = bits.wrapping_sub(SQRT_HALF) >> 23;
    (e as f32, f32::from_bits(bits.wrapping_sub(e << 23) as u32) - 1.0)
}

/// `e ln 2 + ln(1 + f) + low`, for the parts of [`log_parts`] and a small correction.
#[inline(always)]
fn log_sum<const FMA: bool>(e: f32, f: f32, low: f32) -> f32 {
    let z = f * f;
    let p = polynomial::<FMA, 9>(
        f,
        [
            7.037_683_6e-2,
            -1.151_461e-1,
            1.167_699_9e-1,
            -1.242_014_1e-1,
            1.424_932_3e-1,
            -1.666_805_8e-1,
            2.000_071_5e-1,
            -2.499_999_4e-1,
            3.333_333e-1,
        ],
    );
    let tail = fma::<FMA>(e, LN_2_LOW, fma::<FMA>(f * z, p, low));
    let sum = f + fma::<FMA>(-0.5, z, tail);
    fma::<FMA>(e, LN_2_HIGH, sum)
}

/// The natural logarithm.
#[inline(always)]
pub fn ln<const FMA: bool>(x: f32) -> f32 {
    let subnormal = x < f32::MIN_POSITIVE;
    let (e, f) = log_parts(if subnormal { x * 8_388_608.0 } else { x });
    let y = log_sum::<FMA>(if subnormal { e - 23.0 } else { e }, f, 0.0);
    let y = if x == f32::INFINITY || x.is_nan() { x } else { y };
    let y = if x == 0.0 { f32::NEG_INFINITY } else { y };
    if x < 0.0 { f32::NAN } else { y }
}

/// `ln(1 + x)`, accurate near 0.
#[inline(always)]
pub fn ln_1p<const FMA: bool>(x: f32) -> f32 {
    let u = 1.0 + x;
    // What rounding `1 + x` lost.
    let lost = if x > 1.0 { 1.0 - (u - x) } else { x - (u - 1.0) };
    let (e, f) = log_parts(u);
    let y = log_sum::<FMA>(e, f, lost / u);
    let y = if x == f32::INFINITY || x.is_nan() || x == 0.0 { x } else { y };
    let y = if x == -1.0 { f32::NEG_INFINITY } else { y };
    if x < -1.0 { f32::NAN } else { y }
}

/// The hyperbolic tangent.
#[inline(always)]
pub fn tanh<const FMA: bool>(x: f32) -> f32 {
    let a = x.abs();
    // Beyond this it is 1, and `2^k` is in range.
    let a = if a > 20.0 { 20.0 } else { a };
    let (bits, m) = exp_parts::<FMA>(a + a, BIAS);
    let power = bits << 23;
    // 2^-k, from the bits of 2^k.
    let inverse = ((2 * BIAS as u32) << 23).wrapping_sub(power);
    // e^2a - 1, as in `expm1`, which is accurate near 0.
    let e = (m + (1.0 - f32::from_bits(inverse))) * f32::from_bits(power);
    (e / (e + 2.0)).copysign(x)
}

/// `1 / (1 + e^-x)`.
#[inline(always)]
pub fn sigmoid<const FMA: bool>(x: f32) -> f32 {
    /// Brings all exponents of `e^-|x|` into the range of normal numbers.
    const LIFT: f32 = 30.0;
    let a = -x.abs();
    let (bits, m) = exp_parts::<FMA>(if a < -105.0 { -105.0 } else { a }, BIAS + LIFT);
    let e = (m + 1.0) * f32::from_bits(bits << 23) * power_of_two(-LIFT as i32);
    (if x < 0.0 { e } else { 1.0 }) / (1.0 + e)
}

/// `ln(1 + e^x)`.
#[inline(always)]
pub fn softplus<const FMA: bool>(x: f32) -> f32 {
    let rest = ln_1p::<FMA>(exp::<FMA>(-x.abs()));
    (if x > 0.0 || x.is_nan() { x } else { 0.0 }) + rest
}
