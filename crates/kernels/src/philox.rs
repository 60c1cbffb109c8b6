//! Random numbers as TensorFlow draws them: Philox4x32-10 and its distributions.
//!
//! A generator is a key (from `seed`) and a 128-bit counter (from `seed2`, in the upper half); each counter gives four
//! 32-bit numbers, so any stretch of the stream can be drawn by itself. An output is cut into *groups* of
//! [`Drawn::GROUP`] elements, group `i` starts at counter `start + i * skip`, and so threads that fill different
//! groups give the bits of one thread. A run of an op reserves [`RESERVED_PER_OUTPUT`] counters for each output,
//! whatever it uses, and the next run goes on behind them:
//! ```
//! use sessile_kernels::philox::{Stream, fill_uniform_f32};
//! let mut stream = Stream::from_seeds(42, 7);
//! let run = stream.reserve(10);                 // what the first `Session::run` draws from
//! let mut out = [0.0; 10];
//! fill_uniform_f32(run.key, run.counter, &mut out);
//! assert_eq!(stream.counter, run.counter + 10 * 256);
//! ```
//! Source: Salmon et al., "Parallel random numbers: as easy as 1, 2, 3" (2011); layout and distributions checked
//! bit by bit against TensorFlow 1.15.5.

mod distribution;

pub use distribution::{
    Drawn, NORMAL_SKIP, fill_normal, fill_normal_f32, fill_normal_f64, fill_truncated_normal,
    fill_truncated_normal_f32, fill_truncated_normal_f64, fill_uniform, fill_uniform_f32, fill_uniform_f64,
    fill_uniform_i32, fill_uniform_i64, truncated_normal_skip,
};

/// Counters that a run reserves for each element of its output.
pub const RESERVED_PER_OUTPUT: u128 = 256;

/// The key of a generator: the op's (or graph's) `seed`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PhiloxKey(pub [u32; 2]);

impl PhiloxKey {
    /// Low and high word of `seed`.
    pub fn from_seed(seed: i64) -> PhiloxKey {
        PhiloxKey([seed as u32, (seed as u64 >> 32) as u32])
    }
}

/// A key and the next unused counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Stream {
    /// The key.
    pub key: PhiloxKey,
    /// The next counter that nobody has drawn from.
    pub counter: u128,
}

impl Stream {
    /// The state before the first run of an op with these two seeds. (TensorFlow replaces the pair (0, 0) by random
    /// seeds; that is the caller's business.)
    pub fn from_seeds(seed: i64, seed2: i64) -> Stream {
        Stream { key: PhiloxKey::from_seed(seed), counter: u128::from(seed2 as u64) << 64 }
    }

    /// Takes what one run needs for `outputs` elements: returns where the run draws from, and moves behind it.
    pub fn reserve(&mut self, outputs: usize) -> Stream {
        self.reserve_counters(outputs as u128 * RESERVED_PER_OUTPUT)
    }

    /// Takes a number of counters: returns the state before them.
    pub fn reserve_counters(&mut self, counters: u128) -> Stream {
        let before = *self;
        self.counter = self.counter.wrapping_add(counters);
        before
    }
}

/// The four numbers of one counter.
#[inline]
pub fn block(key: PhiloxKey, counter: u128) -> [u32; 4] {
    let c = counter_words(counter);
    let [a, b, c, d] = rounds(key, [[c[0]], [c[1]], [c[2]], [c[3]]]);
    [a[0], b[0], c[0], d[0]]
}

/// One number at a time, in the order of [`block`]s.
#[derive(Debug, Clone)]
pub struct Singles {
    key: PhiloxKey,
    counter: u128,
    block: [u32; 4],
    used: usize,
}

impl Singles {
    /// Starts at the first number of `counter`.
    pub fn new(key: PhiloxKey, counter: u128) -> Singles {
        Singles { key, counter, block: [0; 4], used: 4 }
    }

    /// The next number.
    pub fn draw(&mut self) -> u32 {
        if self.used == 4 {
            self.block = block(self.key, self.counter);
            self.counter = self.counter.wrapping_add(1);
            self.used = 0;
        }
        self.used += 1;
        self.block[self.used - 1]
    }
}

#[inline(always)]
fn counter_words(counter: u128) -> [u32; 4] {
    [counter as u32, (counter >> 32) as u32, (counter >> 64) as u32, (counter >> 96) as u32]
}

/// Counters that are turned at once: one AVX-512 register of each word.
const LANES: usize = 16;

/// The numbers of [`LANES`] counters from `counter` on, one after the other. Loops instead of closures, which would be
/// compiled without the caller's instruction set.
#[inline(always)]
#[allow(clippy::needless_range_loop)]
fn wide_block(key: PhiloxKey, counter: u128) -> [[u32; 4]; LANES] {
    let mut words = [[0; LANES]; 4];
    let low = counter as u64;
    for lane in 0..LANES {
        let low = low.wrapping_add(lane as u64);
        words[0][lane] = low as u32;
        words[1][lane] = (low >> 32) as u32;
    }
    for lane in 0..LANES {
        let high = counter.wrapping_add(lane as u128) >> 64;
        words[2][lane] = high as u32;
        words[3][lane] = (high >> 32) as u32;
    }
    let turned = rounds(key, words);
    let mut out = [[0; 4]; LANES];
    for lane in 0..LANES {
        for word in 0..4 {
            out[lane][word] = turned[word][lane];
        }
    }
    out
}

/// Ten rounds on `N` counters, word by word.
#[inline(always)]
fn rounds<const N: usize>(key: PhiloxKey, words: [[u32; N]; 4]) -> [[u32; N]; 4] {
    const MULTIPLIER: [u32; 2] = [0xD251_1F53, 0xCD9E_8D57];
    const WEYL: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];
    let [mut a, mut b, mut c, mut d] = words;
    let [mut k0, mut k1] = key.0;
    for _ in 0..10 {
        for i in 0..N {
            let p = u64::from(MULTIPLIER[0]) * u64::from(a[i]);
            let q = u64::from(MULTIPLIER[1]) * u64::from(c[i]);
            a[i] = (q >> 32) as u32 ^ b[i] ^ k0;
            b[i] = q as u32;
            c[i] = (p >> 32) as u32 ^ d[i] ^ k1;
            d[i] = p as u32;
        }
        k0 = k0.wrapping_add(WEYL[0]);
        k1 = k1.wrapping_add(WEYL[1]);
    }
    [a, b, c, d]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Known answers published with the paper's library (philox4x32, 10 rounds).
    #[test]
    fn block_gives_the_published_answers() {
        let want = [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8];
        assert_eq!(block(PhiloxKey([0, 0]), 0), want);
        let want = [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd];
        assert_eq!(block(PhiloxKey([u32::MAX; 2]), u128::MAX), want);
        let want = [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1];
        let counter = 0x0370_7344_1319_8a2e_85a3_08d3_243f_6a88;
        assert_eq!(block(PhiloxKey([0xa409_3822, 0x299f_31d0]), counter), want);
    }

    #[test]
    fn wide_blocks_are_blocks_across_the_carry() {
        for counter in [0, u128::from(u32::MAX) - 3, u128::from(u64::MAX) - 7, u128::MAX - 2] {
            let wide = wide_block(PhiloxKey([1, 2]), counter);
            for (lane, got) in wide.iter().enumerate() {
                assert_eq!(*got, block(PhiloxKey([1, 2]), counter.wrapping_add(lane as u128)));
            }
        }
    }

    #[test]
    fn singles_are_blocks_in_order() {
        let key = PhiloxKey([5, 6]);
        let mut singles = Singles::new(key, 9);
        let got: Vec<u32> = (0..8).map(|_| singles.draw()).collect();
        assert_eq!(got, [block(key, 9), block(key, 10)].concat());
    }

    #[test]
    fn reserve_moves_past_the_outputs() {
        let mut stream = Stream::from_seeds(1, -1);
        assert_eq!(stream.counter >> 64, u128::from(u64::MAX));
        let first = stream.reserve(3);
        assert_eq!(stream.counter, first.counter + 768);
    }
}
