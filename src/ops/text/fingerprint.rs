//! Hashes of bytes that are the same everywhere and for ever: programs were trained on the buckets they give.

const K0: u64 = 0xc3a5_c85c_97cb_3127;
const K1: u64 = 0xb492_b66f_be98_f273;
const K2: u64 = 0x9ae1_6a3b_2f90_404f;

/// FarmHash's `Fingerprint64`.
pub(super) fn farm(bytes: &[u8]) -> u64 {
    match bytes.len() {
        0..=16 => farm_short(bytes),
        17..=32 => farm_half(bytes),
        33..=64 => farm_block(bytes),
        _ => farm_long(bytes),
    }
}

/// MurmurHash64A with TensorFlow's seed.
pub(super) fn murmur(bytes: &[u8]) -> u64 {
    const M: u64 = 0xc6a4_a793_5bd1_e995;
    const SEED: u64 = 0x00de_cafc_affe;
    let (words, rest) = bytes.as_chunks::<8>();
    let mut hash = SEED ^ (bytes.len() as u64).wrapping_mul(M);
    for word in words {
        let word = u64::from_le_bytes(*word).wrapping_mul(M);
        hash = (hash ^ (word ^ word >> 47).wrapping_mul(M)).wrapping_mul(M);
    }
    if !rest.is_empty() {
        let last = rest.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte));
        hash = (hash ^ last).wrapping_mul(M);
    }
    hash = (hash ^ hash >> 47).wrapping_mul(M);
    hash ^ hash >> 47
}

/// The eight bytes from `at` on; `at` counts from the end where it is negative.
fn word(bytes: &[u8], at: isize) -> u64 {
    let at = if at < 0 { bytes.len() - at.unsigned_abs() } else { at as usize };
    bytes[at..at + 8].iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte))
}

fn add(terms: &[u64]) -> u64 {
    terms.iter().fold(0, |sum, term| sum.wrapping_add(*term))
}

/// Two words into one.
fn join(u: u64, v: u64, mul: u64) -> u64 {
    let a = (u ^ v).wrapping_mul(mul);
    let b = (v ^ a ^ a >> 47).wrapping_mul(mul);
    (b ^ b >> 47).wrapping_mul(mul)
}

/// The multiplier of strings of this length.
fn multiplier(bytes: &[u8]) -> u64 {
    K2.wrapping_add(2 * bytes.len() as u64)
}

fn farm_short(bytes: &[u8]) -> u64 {
    let (len, mul) = (bytes.len() as u64, multiplier(bytes));
    let half = |at: usize| bytes[at..at + 4].iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte));
    match bytes {
        [] => K2,
        [first, .., last] | [first @ last] if len < 4 => {
            let y = u64::from(*first) + (u64::from(bytes[bytes.len() / 2]) << 8);
            let z = len + (u64::from(*last) << 2);
            let mixed = y.wrapping_mul(K2) ^ z.wrapping_mul(K0);
            (mixed ^ mixed >> 47).wrapping_mul(K2)
        }
        _ if len < 8 => join(len + (half(0) << 3), half(bytes.len() - 4), mul),
        _ => {
            let (a, b) = (word(bytes, 0).wrapping_add(K2), word(bytes, -8));
            let c = b.rotate_right(37).wrapping_mul(mul).wrapping_add(a);
            let d = a.rotate_right(25).wrapping_add(b).wrapping_mul(mul);
            join(c, d, mul)
        }
    }
}

fn farm_half(bytes: &[u8]) -> u64 {
    let mul = multiplier(bytes);
    let (a, b) = (word(bytes, 0).wrapping_mul(K1), word(bytes, 8));
    let (c, d) = (word(bytes, -8).wrapping_mul(mul), word(bytes, -16).wrapping_mul(K2));
    let (y, z) = quarters([a, b, c, d]);
    join(y, z, mul)
}

/// What strings longer than 16 bytes do with four words.
fn quarters([a, b, c, d]: [u64; 4]) -> (u64, u64) {
    let y = add(&[a.wrapping_add(b).rotate_right(43), c.rotate_right(30), d]);
    (y, add(&[a, b.wrapping_add(K2).rotate_right(18), c]))
}

fn farm_block(bytes: &[u8]) -> u64 {
    let mul = multiplier(bytes);
    let (a, b) = (word(bytes, 0).wrapping_mul(K2), word(bytes, 8));
    let (c, d) = (word(bytes, -8).wrapping_mul(mul), word(bytes, -16).wrapping_mul(K2));
    let (y, z) = quarters([a, b, c, d]);
    let z = join(y, z, mul);
    let (e, f) = (word(bytes, 16).wrapping_mul(mul), word(bytes, 24));
    let g = y.wrapping_add(word(bytes, -32)).wrapping_mul(mul);
    let h = z.wrapping_add(word(bytes, -24)).wrapping_mul(mul);
    let first = add(&[e.wrapping_add(f).rotate_right(43), g.rotate_right(30), h]);
    join(first, add(&[e, f.wrapping_add(a).rotate_right(18), g]), mul)
}

/// The state of strings of more than 64 bytes.
struct Long {
    x: u64,
    y: u64,
    z: u64,
    v: (u64, u64),
    w: (u64, u64),
}

impl Long {
    /// Takes a block of 64 bytes in; the last one has a multiplier of its own, and weighs two words more.
    fn take(&mut self, block: &[u8], mul: u64, weight: u64) {
        let x = add(&[self.x, self.y, self.v.0, word(block, 8)]).rotate_right(37).wrapping_mul(mul);
        let y = add(&[self.y, self.v.1, word(block, 48)]).rotate_right(42).wrapping_mul(mul);
        self.x = x ^ self.w.1.wrapping_mul(weight);
        self.y = add(&[y, self.v.0.wrapping_mul(weight), word(block, 40)]);
        self.z = self.z.wrapping_add(self.w.0).rotate_right(33).wrapping_mul(mul);
        self.v = weak(block, self.v.1.wrapping_mul(mul), self.x.wrapping_add(self.w.0));
        self.w = weak(&block[32..], self.z.wrapping_add(self.w.1), self.y.wrapping_add(word(block, 16)));
        std::mem::swap(&mut self.x, &mut self.z);
    }
}

/// 32 bytes and two seeds into two words.
fn weak(bytes: &[u8], a: u64, b: u64) -> (u64, u64) {
    let [w, x, y, z] = [0, 8, 16, 24].map(|at| word(bytes, at));
    let a = a.wrapping_add(w);
    let b = add(&[b, a, z]).rotate_right(21);
    let sum = add(&[a, x, y]);
    (sum.wrapping_add(z), add(&[b, sum.rotate_right(44), a]))
}

fn farm_long(bytes: &[u8]) -> u64 {
    const SEED: u64 = 81;
    let y = SEED.wrapping_mul(K1).wrapping_add(113);
    let z = y.wrapping_mul(K2).wrapping_add(113);
    let z = (z ^ z >> 47).wrapping_mul(K2);
    let x = SEED.wrapping_mul(K2).wrapping_add(word(bytes, 0));
    let mut state = Long { x, y, z, v: (0, 0), w: (0, 0) };
    let last = (bytes.len() - 1) % 64;
    // The last 64 bytes, which others may share, are taken in on their own.
    let blocks = &bytes[..bytes.len() - 1 - last];
    blocks.chunks_exact(64).for_each(|block| state.take(block, K1, 1));
    let mul = K1.wrapping_add((state.z & 0xff) << 1);
    state.w.0 = state.w.0.wrapping_add(last as u64);
    state.v.0 = state.v.0.wrapping_add(state.w.0);
    state.w.0 = state.w.0.wrapping_add(state.v.0);
    state.take(&bytes[bytes.len() - 64..], mul, 9);
    let Long { x, y, z, v, w } = state;
    let first = add(&[join(v.0, w.0, mul), (y ^ y >> 47).wrapping_mul(K0), z]);
    join(first, join(v.1, w.1, mul).wrapping_add(x), mul)
}
