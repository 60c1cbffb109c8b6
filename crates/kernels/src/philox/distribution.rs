//! Uniform, integer, normal and truncated normal numbers from Philox blocks.
//!
//! Logarithm, sine and cosine are the standard library's: on Linux those are the functions TensorFlow calls, so that
//! normal numbers agree with it bit by bit there and to 2e-6 elsewhere.

use half::{bf16, f16};

use super::{LANES, PhiloxKey, Singles, block, wide_block};
use crate::Plain;
use crate::dispatched;

/// Floating dtypes that can be drawn.
pub trait Drawn: Plain {
    /// Elements that one counter gives: 4, or 2 where an element takes two words.
    const GROUP: usize;
    /// Uniform numbers in `[0, 1)` from one block; the first [`Drawn::GROUP`] count.
    fn uniform(bits: [u32; 4]) -> [Self; 4];
    /// Normal numbers from one block; the first [`Drawn::GROUP`] count.
    fn normal(bits: [u32; 4]) -> [Self; 4];
    /// Two normal numbers from the next words, with what decides whether each lies within two deviations.
    fn normal_pair(words: &mut Singles) -> [(Self, bool); 2];
}

/// Counters from one group of normal or uniform numbers to the next.
pub const NORMAL_SKIP: u128 = 1;

/// Counters from one group of truncated normal numbers to the next: rejection may use up to 256 for each element.
pub const fn truncated_normal_skip<T: Drawn>() -> u128 {
    T::GROUP as u128 * super::RESERVED_PER_OUTPUT / 4
}

/// The truncated normal's bound, in standard deviations.
const TRUNCATED_AT: f64 = 2.0;

/// The least argument of Box and Muller's logarithm.
const EPSILON: f64 = 1.0e-7;

impl Drawn for f32 {
    const GROUP: usize = 4;

    #[inline(always)]
    fn uniform(bits: [u32; 4]) -> [f32; 4] {
        bits.map(unit_f32)
    }

    fn normal(bits: [u32; 4]) -> [f32; 4] {
        let [a, b] = box_muller_f32(bits[0], bits[1]);
        let [c, d] = box_muller_f32(bits[2], bits[3]);
        [a, b, c, d]
    }

    fn normal_pair(words: &mut Singles) -> [(f32, bool); 2] {
        let (first, second) = (words.draw(), words.draw());
        box_muller_f32(first, second).map(|x| (x, f64::from(x.abs()) < TRUNCATED_AT))
    }
}

impl Drawn for f64 {
    const GROUP: usize = 2;

    #[inline(always)]
    fn uniform(bits: [u32; 4]) -> [f64; 4] {
        [unit_f64(bits[0], bits[1]), unit_f64(bits[2], bits[3]), 0.0, 0.0]
    }

    fn normal(bits: [u32; 4]) -> [f64; 4] {
        let [a, b] = box_muller_f64(bits);
        [a, b, 0.0, 0.0]
    }

    fn normal_pair(words: &mut Singles) -> [(f64, bool); 2] {
        let bits = [words.draw(), words.draw(), words.draw(), words.draw()];
        box_muller_f64(bits).map(|x| (x, x.abs() < TRUNCATED_AT))
    }
}

macro_rules! drawn_half {
    ($t:ident, $one:expr, $mantissa:expr) => {
        impl Drawn for $t {
            const GROUP: usize = 4;

            #[inline(always)]
            fn uniform(bits: [u32; 4]) -> [$t; 4] {
                bits.map(|x| {
                    let one_to_two = $t::from_bits($one | (x as u16 & $mantissa));
                    $t::from_f32(one_to_two.to_f32() - 1.0)
                })
            }

            fn normal(bits: [u32; 4]) -> [$t; 4] {
                <f32 as Drawn>::normal(bits).map($t::from_f32)
            }

            fn normal_pair(words: &mut Singles) -> [($t, bool); 2] {
                f32::normal_pair(words).map(|(x, inside)| ($t::from_f32(x), inside))
            }
        }
    };
}
drawn_half!(f16, 0x3C00, 0x03FF);
drawn_half!(bf16, 0x3F80, 0x007F);

/// Uniform numbers in `[0, 1)`.
pub fn fill_uniform<T: Drawn>(key: PhiloxKey, counter: u128, out: &mut [T]) {
    uniform_levels(key, counter, out);
}

/// Uniform float32 in `[0, 1)`: 23 random bits.
pub fn fill_uniform_f32(key: PhiloxKey, counter: u128, out: &mut [f32]) {
    fill_uniform(key, counter, out);
}

/// Uniform float64 in `[0, 1)`: 52 random bits.
pub fn fill_uniform_f64(key: PhiloxKey, counter: u128, out: &mut [f64]) {
    fill_uniform(key, counter, out);
}

/// Uniform int32 in `[lo, hi)`, as TensorFlow draws them: modulo the range, so not quite uniform for large ranges.
///
/// # Panics
/// If `lo >= hi`.
pub fn fill_uniform_i32(key: PhiloxKey, counter: u128, lo: i32, hi: i32, out: &mut [i32]) {
    assert!(lo < hi, "lo must be less than hi");
    let range = hi.wrapping_sub(lo) as u32;
    for (i, group) in out.chunks_mut(4).enumerate() {
        let drawn = block(key, counter.wrapping_add(i as u128)).map(|x| lo.wrapping_add((x % range) as i32));
        group.copy_from_slice(&drawn[..group.len()]);
    }
}

/// Uniform int64 in `[lo, hi)`; two elements a counter, low word first.
///
/// # Panics
/// If `lo >= hi`.
pub fn fill_uniform_i64(key: PhiloxKey, counter: u128, lo: i64, hi: i64, out: &mut [i64]) {
    assert!(lo < hi, "lo must be less than hi");
    let range = hi.wrapping_sub(lo) as u64;
    for (i, group) in out.chunks_mut(2).enumerate() {
        let [a, b, c, d] = block(key, counter.wrapping_add(i as u128)).map(u64::from);
        let drawn = [a | b << 32, c | d << 32].map(|x| lo.wrapping_add((x % range) as i64));
        group.copy_from_slice(&drawn[..group.len()]);
    }
}

/// Normal numbers, mean 0 and deviation 1, by Box and Muller.
pub fn fill_normal<T: Drawn>(key: PhiloxKey, counter: u128, out: &mut [T]) {
    for (i, group) in out.chunks_mut(T::GROUP).enumerate() {
        let drawn = T::normal(block(key, counter.wrapping_add(i as u128)));
        group.copy_from_slice(&drawn[..group.len()]);
    }
}

/// Normal float32; float16 and bfloat16 are drawn so and rounded.
pub fn fill_normal_f32(key: PhiloxKey, counter: u128, out: &mut [f32]) {
    fill_normal(key, counter, out);
}

/// Normal float64.
pub fn fill_normal_f64(key: PhiloxKey, counter: u128, out: &mut [f64]) {
    fill_normal(key, counter, out);
}

/// Normal numbers of which those beyond two deviations are drawn again, group by group
/// [`truncated_normal_skip`] counters apart.
pub fn fill_truncated_normal<T: Drawn>(key: PhiloxKey, counter: u128, out: &mut [T]) {
    for (i, group) in out.chunks_mut(T::GROUP).enumerate() {
        let start = counter.wrapping_add(i as u128 * truncated_normal_skip::<T>());
        truncated_group(&mut Singles::new(key, start), group);
    }
}

/// Truncated normal float32.
pub fn fill_truncated_normal_f32(key: PhiloxKey, counter: u128, out: &mut [f32]) {
    fill_truncated_normal(key, counter, out);
}

/// Truncated normal float64.
pub fn fill_truncated_normal_f64(key: PhiloxKey, counter: u128, out: &mut [f64]) {
    fill_truncated_normal(key, counter, out);
}

fn truncated_group<T: Drawn>(words: &mut Singles, group: &mut [T]) {
    let mut n_done = 0;
    while n_done < group.len() {
        for (x, inside) in T::normal_pair(words) {
            if inside && n_done < group.len() {
                group[n_done] = x;
                n_done += 1;
            }
        }
    }
}

dispatched! { fn uniform_levels<T: Drawn>(key: PhiloxKey, counter: u128, out: &mut [T]) = uniform_body; }

#[inline(always)]
fn uniform_body<T: Drawn, const FMA: bool>(key: PhiloxKey, counter: u128, out: &mut [T]) {
    let mut at = counter;
    let mut wide = out.chunks_exact_mut(LANES * T::GROUP);
    for groups in &mut wide {
        let blocks = wide_block(key, at);
        for (bits, group) in blocks.iter().zip(groups.chunks_exact_mut(T::GROUP)) {
            group.copy_from_slice(&T::uniform(*bits)[..T::GROUP]);
        }
        at = at.wrapping_add(LANES as u128);
    }
    for (i, group) in wide.into_remainder().chunks_mut(T::GROUP).enumerate() {
        let drawn = T::uniform(block(key, at.wrapping_add(i as u128)));
        group.copy_from_slice(&drawn[..group.len()]);
    }
}

#[inline(always)]
fn unit_f32(x: u32) -> f32 {
    f32::from_bits(0x3F80_0000 | (x & 0x007F_FFFF)) - 1.0
}

#[inline(always)]
fn unit_f64(high: u32, low: u32) -> f64 {
    let mantissa = u64::from(high & 0x000F_FFFF) << 32 | u64::from(low);
    f64::from_bits(0x3FF0_0000_0000_0000 | mantissa) - 1.0
}

fn box_muller_f32(x: u32, y: u32) -> [f32; 2] {
    let radius = (-2.0 * unit_f32(x).max(EPSILON as f32).ln()).sqrt();
    let angle = (std::f64::consts::TAU * f64::from(unit_f32(y))) as f32;
    let (sin, cos) = angle.sin_cos();
    [sin * radius, cos * radius]
}

fn box_muller_f64(bits: [u32; 4]) -> [f64; 2] {
    let radius = (-2.0 * unit_f64(bits[0], bits[1]).max(EPSILON).ln()).sqrt();
    let angle = std::f64::consts::TAU * unit_f64(bits[2], bits[3]);
    let (sin, cos) = angle.sin_cos();
    [sin * radius, cos * radius]
}

#[cfg(test)]
mod tests {
    use super::super::Stream;
    use super::*;

    /// Where the second run of six elements draws, for op seed 7 without a graph seed.
    fn second_run() -> Stream {
        let mut stream = Stream::from_seeds(87654321, 7);
        stream.reserve(6);
        stream.reserve(6)
    }

    type Fill<T> = fn(PhiloxKey, u128, &mut [T]);

    /// Compares with TensorFlow 1.15.5's second `Session.run`, within the tolerance of the platform's libm.
    #[track_caller]
    fn check<T: Drawn + Into<f64>>(fill: Fill<T>, want: [f64; 6], tolerance: f64) {
        let mut got = [T::default(); 6];
        fill(second_run().key, second_run().counter, &mut got);
        for (got, want) in got.into_iter().zip(want) {
            let got: f64 = got.into();
            assert!((got - want).abs() <= tolerance, "{got} is not {want}");
        }
    }

    #[test]
    fn uniform_is_tensorflows() {
        let f32s = [0.42152667, 0.47574103, 0.39890814, 0.7840159, 0.6372019, 0.20792878_f32];
        check::<f32>(fill_uniform, f32s.map(f64::from), 0.0);
        let f64s = [0.37221367000740213, 0.19126580242815594, 0.09761584775136556];
        let more = [0.7692535488655057, 0.5536090539635519, 0.06179644803303885];
        check::<f64>(fill_uniform, [f64s, more].concat().try_into().unwrap(), 0.0);
        let bits = [0x30b0, 0x3454, 0x3ad8, 0x3944, 0x3baa, 0x35a4];
        check::<f16>(fill_uniform, bits.map(|b| f16::from_bits(b).to_f64()), 0.0);
        let bits = [0x3e30, 0x3e28, 0x3f58, 0x3e88, 0x3f2a, 0x3f52];
        check::<bf16>(fill_uniform, bits.map(|b| bf16::from_bits(b).to_f64()), 0.0);
    }

    #[test]
    fn integers_are_tensorflows() {
        let (key, counter) = (second_run().key, second_run().counter);
        let mut got = [0; 6];
        fill_uniform_i32(key, counter, -7, 1000, &mut got);
        assert_eq!(got, [932, 593, 576, 462, 549, 280]);
        fill_uniform_i32(key, counter, i32::MIN, i32::MAX, &mut got);
        assert_eq!(got, [-1506413418, -767761131, 2066943852, 988043938, -229535787, 580558185]);
        let mut got = [0; 6];
        fill_uniform_i64(key, counter, -5, 1_000_000_000_000, &mut got);
        let want = [88681244942, 441722920011, 456714257174, 502049976816, 995586223766, 598370989396];
        assert_eq!(got, want);
    }

    #[test]
    fn normal_is_tensorflows() {
        let f32s = [0.19957623, -1.2991973, -1.3248991, 0.2875599, 0.91641074, 0.2480499_f32];
        check::<f32>(fill_normal, f32s.map(f64::from), 2e-6);
        let f64s = [1.311254065407969, 0.507136265392749, -2.141415709450965];
        let more = [0.2603259645176274, 0.41171177015772775, 1.0065219612768133];
        check::<f64>(fill_normal, [f64s, more].concat().try_into().unwrap(), 1e-14);
        let bits = [0x3263, 0xbd32, 0xbd4d, 0x349a, 0x3b55, 0x33f0];
        check::<f16>(fill_normal, bits.map(|b| f16::from_bits(b).to_f64()), 1e-3);
    }

    #[test]
    fn truncated_normal_is_tensorflows() {
        let f32s = [0.19957623, -1.2991973, -1.3248991, 0.2875599, -0.91529304, 0.15928648_f32];
        check::<f32>(fill_truncated_normal, f32s.map(f64::from), 2e-6);
        let f64s = [1.311254065407969, 0.507136265392749, 0.3517193197692311];
        let more = [0.9886387389457506, 0.14410460750198448, -1.7997954504360683];
        check::<f64>(fill_truncated_normal, [f64s, more].concat().try_into().unwrap(), 1e-14);
        let bits = [0x3263, 0xbd32, 0xbd4d, 0x349a, 0xbb53, 0x3119];
        check::<f16>(fill_truncated_normal, bits.map(|b| f16::from_bits(b).to_f64()), 1e-3);
    }

    /// Any cut at a group's border gives the bits of the whole.
    #[track_caller]
    fn check_cuts<T: Drawn>(fill: Fill<T>, skip: u128) {
        let Stream { key, counter } = Stream::from_seeds(3, 4);
        let mut whole = vec![T::default(); 1027];
        fill(key, counter, &mut whole);
        for n_groups in [1, 15, 16, 17, 100] {
            let mut parts = vec![T::default(); 1027];
            for (i, part) in parts.chunks_mut(n_groups * T::GROUP).enumerate() {
                fill(key, counter + (i * n_groups) as u128 * skip, part);
            }
            assert!(parts == whole, "{n_groups} groups a part");
        }
    }

    #[test]
    fn parts_are_the_bits_of_the_whole() {
        check_cuts::<f32>(fill_uniform, NORMAL_SKIP);
        check_cuts::<f64>(fill_uniform, NORMAL_SKIP);
        check_cuts::<bf16>(fill_uniform, NORMAL_SKIP);
        check_cuts::<f32>(fill_normal, NORMAL_SKIP);
        check_cuts::<f32>(fill_truncated_normal, truncated_normal_skip::<f32>());
        check_cuts::<f64>(fill_truncated_normal, truncated_normal_skip::<f64>());
    }
}
