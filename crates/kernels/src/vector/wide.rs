//! Formulas of float32 functions that compute in float64 inside, and so round nearly always to the nearest float32:
//! sine, cosine, powers, the error function. Otherwise as in [`super::formula`].

/// `a * b + c` in float64.
#[inline(always)]
fn fma64<const FMA: bool>(a: f64, b: f64, c: f64) -> f64 {
    if FMA { a.mul_add(b, c) } else { a * b + c }
}

/// The polynomial with these coefficients, highest power first.
#[inline(always)]
fn polynomial64<const FMA: bool, const N: usize>(x: f64, coefficients: [f64; N]) -> f64 {
    let mut sum = coefficients[0];
    for &c in &coefficients[1..] {
        sum = fma64::<FMA>(sum, x, c);
    }
    sum
}

/// Arguments from which sine and cosine need more digits of pi than [`quadrant`] has.
pub const LARGE_ANGLE: f32 = 1_048_576.0;

/// `(n, r)` with `x = n pi / 2 + r` and `|r| <= pi / 4`, for arguments below [`LARGE_ANGLE`].
#[inline(always)]
fn quadrant<const FMA: bool>(x: f32) -> (i32, f64) {
    const ROUND: f64 = 6_755_399_441_055_744.0; // 1.5 * 2^52
    const HALF_PI_HIGH: f64 = 1.570_796_326_734_125_6; // 33 bits, so that products with n are exact.
    const HALF_PI_LOW: f64 = 6.077_100_506_506_192e-11;
    let x = f64::from(x);
    let shifted = fma64::<FMA>(x, std::f64::consts::FRAC_2_PI, ROUND);
    let n = shifted - ROUND;
    let r = fma64::<FMA>(-n, HALF_PI_LOW, fma64::<FMA>(-n, HALF_PI_HIGH, x));
    (shifted.to_bits() as i32, r)
}

/// The sine of `r` plus `quarter` quarter turns.
#[inline(always)]
fn sin_of<const FMA: bool>(r: f64, quarter: i32) -> f32 {
    let z = r * r;
    let s =
        [2.718_274_475_070_501_8e-6, -1.983_933_099_704_263e-4, 8.333_329_374_121_248e-3, -1.666_666_664_152_684_8e-1];
    let c =
        [2.439_004_256_870_540_2e-5, -1.388_675_956_210_766_4e-3, 4.166_662_319_462_123e-2, -4.999_999_972_400_961e-1];
    let sin = fma64::<FMA>(r * z, polynomial64::<FMA, 4>(z, s), r);
    let cos = fma64::<FMA>(z, polynomial64::<FMA, 4>(z, c), 1.0);
    let y = (if quarter & 1 == 0 { sin } else { cos }) as f32;
    f32::from_bits(y.to_bits() ^ ((quarter as u32 & 2) << 30))
}

/// The sine, for arguments below [`LARGE_ANGLE`].
#[inline(always)]
pub fn sin<const FMA: bool>(x: f32) -> f32 {
    let (n, r) = quadrant::<FMA>(x);
    let y = sin_of::<FMA>(r, n);
    if x == 0.0 { x } else { y }
}

/// The cosine, for arguments below [`LARGE_ANGLE`].
#[inline(always)]
pub fn cos<const FMA: bool>(x: f32) -> f32 {
    let (n, r) = quadrant::<FMA>(x);
    sin_of::<FMA>(r, n.wrapping_add(1))
}

/// `log2(x)` of a positive normal `x`; 0 gives -inf.
#[inline(always)]
fn log2<const FMA: bool>(x: f64) -> f64 {
    const SQRT_HALF: i64 = 0x3FE6_A09E_667F_3BCD;
    const TWO_OVER_LN_2: f64 = 2.885_390_081_777_926_8;
    let bits = x.to_bits() as i64;
    let e = bits.wrapping_sub(SQRT_HALF) >> 52;
    let m = f64::from_bits(bits.wrapping_sub(e << 52) as u64);
    // ln m = 2 artanh s.
    let s = (m - 1.0) / (m + 1.0);
    let z = s * s;
    let p = polynomial64::<FMA, 6>(
        z,
        [
            2.425_767_034_051_870_8e-1,
            2.614_764_015_425_562e-1,
            3.206_152_155_642_041e-1,
            4.121_984_225_400_236e-1,
            5.770_780_170_737_313e-1,
            9.617_966_939_249_447e-1,
        ],
    );
    let y = e as i32 as f64 + s * fma64::<FMA>(z, p, TWO_OVER_LN_2);
    let y = if x == 0.0 { f64::NEG_INFINITY } else { y };
    if x == f64::INFINITY || x.is_nan() { x } else { y }
}

/// `2^x` as float32, 0 and infinity beyond its range.
#[inline(always)]
fn exp2<const FMA: bool>(x: f64) -> f32 {
    const ROUND: f64 = 6_755_399_441_055_744.0; // 1.5 * 2^52
    let x = if x > 200.0 { 200.0 } else { x };
    let x = if x < -200.0 { -200.0 } else { x };
    let shifted = x + ROUND;
    let f = x - (shifted - ROUND);
    let p = polynomial64::<FMA, 7>(
        f,
        [
            1.531_494_893_785_708_8e-5,
            1.546_711_017_220_394_8e-4,
            1.333_343_077_833_837_3e-3,
            9.618_036_911_486_433e-3,
            5.550_410_962_581_779e-2,
            2.402_265_107_584_782_3e-1,
            6.931_471_805_416_518e-1,
        ],
    );
    let power = f64::from_bits(((shifted.to_bits() as i64).wrapping_add(1023) << 52) as u64);
    (fma64::<FMA>(f, p, 1.0) * power) as f32
}

/// `x^y` as C's `powf`: a negative `x` takes whole `y` only, and 1 to any power is 1.
#[inline(always)]
pub fn pow<const FMA: bool>(x: f32, y: f32) -> f32 {
    let a = x.abs();
    let y64 = f64::from(y);
    let power = exp2::<FMA>(y64 * log2::<FMA>(f64::from(a)));
    let power = if (a == 1.0 && y.is_infinite()) || y == 0.0 || x == 1.0 { 1.0 } else { power };
    // Float32 beyond 2^24 are even.
    let whole = y.trunc() == y;
    let odd = whole && y.abs() < 16_777_216.0 && (y64 * 0.5).trunc() != y64 * 0.5;
    let signed = if odd { power.copysign(x) } else { power };
    if x < 0.0 && x.is_finite() && !whole && !y.is_nan() { f32::NAN } else { signed }
}

/// The error function.
#[inline(always)]
pub fn erf<const FMA: bool>(x: f32) -> f32 {
    let a = f64::from(x.abs());
    let z = a * a;
    let small = a * polynomial64::<FMA, 8>(
        z,
        [
            -9.680_138_203_217_307e-6,
            1.127_054_512_106_695e-4,
            -8.484_711_535_628_098e-4,
            5.221_074_883_968_37e-3,
            -2.686_544_582_343_777_8e-2,
            1.128_378_274_723_367_6e-1,
            -3.761_263_848_381_089_5e-1,
            1.128_379_167_063_158_2,
        ],
    );
    let large = polynomial64::<FMA, 16>(
        a - 2.5,
        [
            -3.491_682_818_255_476_4e-7,
            8.877_136_774_360_543e-7,
            3.446_331_427_415_755_7e-6,
            -1.570_133_254_984_161e-5,
            7.805_806_762_763_324e-6,
            8.104_861_119_696_743e-5,
            -2.534_989_390_927_344e-4,
            2.588_039_641_267_865e-4,
            5.445_931_443_634_77e-4,
            -2.797_608_232_107_846e-3,
            6.116_564_130_900_283e-3,
            -8.622_585_990_161_495e-3,
            8.350_215_674_557_977e-3,
            -5.445_690_971_728_991e-3,
            2.178_278_329_538_801_3e-3,
            9.995_930_476_795_247e-1,
        ],
    );
    let y = if a < 1.0 { small } else { large };
    let y = if a > 4.0 { 1.0 } else { y };
    (y as f32).copysign(x)
}
