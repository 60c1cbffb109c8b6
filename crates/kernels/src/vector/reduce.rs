//! Reductions of a slice to a number, in an order that depends on the length alone.
//!
//! A sum is a tree. Its leaves are blocks of [`SUM_BLOCK`] elements, each added up in 64 lanes that are then added
//! pairwise; blocks are added pairwise, neighbours first, as one counts in binary. So the sum of a slice is also the
//! [`sum_f32`] of the sums of its chunks, if chunks are a block times a power of two long: threads may sum chunks, and
//! somebody adds the chunks' sums with [`add_pairwise_f32`]. Errors grow with the logarithm of the length.

use crate::dispatched;

/// Elements in a leaf of a sum.
pub const SUM_BLOCK: usize = 2048;

/// Sums that are carried at once in a block.
const LANES: usize = 64;

/// Room for the binary counter: one sum a bit of the number of blocks.
const LEVELS: usize = usize::BITS as usize;

/// Folds in lanes, then the lanes; keeps NaN. A macro, because a closure would be compiled without the instruction set.
macro_rules! extreme {
    ($x:expr, $start:expr, $better:tt) => {{
        let mut lanes = [$start; LANES];
        let (whole, rest) = $x.as_chunks::<LANES>();
        for part in whole {
            for (best, &x) in lanes.iter_mut().zip(part) {
                *best = if x $better *best || x.is_nan() { x } else { *best };
            }
        }
        let mut total = $start;
        for &x in lanes.iter().chain(rest) {
            total = if x $better total || x.is_nan() { x } else { total };
        }
        total
    }};
}

macro_rules! reductions {
    ($t:ident, $sum:ident, $sum_body:ident, $dot:ident, $dot_body:ident, $pairwise:ident, $max:ident, $max_body:ident,
     $min:ident, $min_body:ident) => {
        dispatched! {
            /// The sum; 0 of nothing.
            pub fn $sum(x: &[$t]) -> $t = $sum_body;
            /// The sum of `x[i] * y[i]`. Panics if the lengths differ.
            pub fn $dot(x: &[$t], y: &[$t]) -> $t = $dot_body;
            /// The largest; -inf of nothing. NaN if there is one.
            pub fn $max(x: &[$t]) -> $t = $max_body;
            /// The smallest; inf of nothing. NaN if there is one.
            pub fn $min(x: &[$t]) -> $t = $min_body;
        }

        #[inline(always)]
        fn $sum_body<const FMA: bool>(x: &[$t]) -> $t {
            let mut tree = Tree::default();
            for block in x.chunks(SUM_BLOCK) {
                let mut lanes = [0.0; LANES];
                let (whole, rest) = block.as_chunks::<LANES>();
                for part in whole {
                    for (sum, x) in lanes.iter_mut().zip(part) {
                        *sum += x;
                    }
                }
                for (sum, x) in lanes.iter_mut().zip(rest) {
                    *sum += x;
                }
                tree.push(add_lanes(lanes));
            }
            tree.total()
        }

        #[inline(always)]
        fn $dot_body<const FMA: bool>(x: &[$t], y: &[$t]) -> $t {
            assert_eq!(x.len(), y.len(), "lengths are equal");
            let mut tree = Tree::default();
            for (x, y) in x.chunks(SUM_BLOCK).zip(y.chunks(SUM_BLOCK)) {
                let mut lanes = [0.0; LANES];
                let ((x, x_rest), (y, y_rest)) = (x.as_chunks::<LANES>(), y.as_chunks::<LANES>());
                for (x, y) in x.iter().zip(y) {
                    for ((sum, &x), &y) in lanes.iter_mut().zip(x).zip(y) {
                        *sum = if FMA { x.mul_add(y, *sum) } else { x * y + *sum };
                    }
                }
                for ((sum, &x), &y) in lanes.iter_mut().zip(x_rest).zip(y_rest) {
                    *sum = if FMA { x.mul_add(y, *sum) } else { x * y + *sum };
                }
                tree.push(add_lanes(lanes));
            }
            tree.total()
        }

        /// Adds pairwise, neighbours first, as the blocks of a sum are added: the sum of the sums of chunks.
        pub fn $pairwise(sums: &[$t]) -> $t {
            let mut tree = Tree::default();
            for &sum in sums {
                tree.push(sum);
            }
            tree.total()
        }

        #[inline(always)]
        fn $max_body<const FMA: bool>(x: &[$t]) -> $t {
            extreme!(x, $t::NEG_INFINITY, >)
        }

        #[inline(always)]
        fn $min_body<const FMA: bool>(x: &[$t]) -> $t {
            extreme!(x, $t::INFINITY, <)
        }
    };
}
reductions!(
    f32,
    sum_f32,
    sum_f32_body,
    dot_f32,
    dot_f32_body,
    add_pairwise_f32,
    max_f32,
    max_f32_body,
    min_f32,
    min_f32_body
);
reductions!(
    f64,
    sum_f64,
    sum_f64_body,
    dot_f64,
    dot_f64_body,
    add_pairwise_f64,
    max_f64,
    max_f64_body,
    min_f64,
    min_f64_body
);

/// Sums of leaves, as one counts in binary: a sum of `2^i` leaves waits at level `i` for its neighbour.
struct Tree<T> {
    waiting: [T; LEVELS],
    leaves: usize,
}

impl<T: Copy + Default> Default for Tree<T> {
    fn default() -> Tree<T> {
        Tree { waiting: [T::default(); LEVELS], leaves: 0 }
    }
}

impl<T: Copy + Default + std::ops::Add<Output = T>> Tree<T> {
    #[inline(always)]
    fn push(&mut self, leaf: T) {
        let mut sum = leaf;
        let mut level = 0;
        while self.leaves >> level & 1 == 1 {
            sum = self.waiting[level] + sum;
            level += 1;
        }
        self.waiting[level] = sum;
        self.leaves += 1;
    }

    /// The sum of all leaves: what waits, from the right.
    #[inline(always)]
    fn total(&self) -> T {
        let mut total = None;
        for level in 0..LEVELS {
            if self.leaves >> level & 1 == 1 {
                let left = self.waiting[level];
                total = Some(match total {
                    None => left,
                    Some(right) => left + right,
                });
            }
        }
        total.unwrap_or_default()
    }
}

/// Adds the upper half of the lanes onto the lower, down to one.
#[inline(always)]
fn add_lanes<T: Copy + std::ops::AddAssign>(mut lanes: [T; LANES]) -> T {
    let mut n = LANES;
    while n > 1 {
        n /= 2;
        let (lower, upper) = lanes.split_at_mut(n);
        for (lower, upper) in lower.iter_mut().zip(upper) {
            *lower += *upper;
        }
    }
    lanes[0]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(n: usize) -> Vec<f32> {
        (0..n as u32).map(|i| i.wrapping_mul(2_654_435_761) as f32 / u32::MAX as f32).collect()
    }

    #[test]
    fn sums_are_accurate() {
        for n in [0, 1, 3, 63, 64, 65, 2047, 2048, 2049, 1_000_003] {
            let x = numbers(n);
            let want: f64 = x.iter().copied().map(f64::from).sum();
            assert!((f64::from(sum_f32(&x)) - want).abs() <= want * 2e-7, "{n}");
            let want: f64 = x.iter().map(|&x| f64::from(x) * f64::from(x)).sum();
            assert!((f64::from(dot_f32(&x, &x)) - want).abs() <= want * 2e-7, "{n}");
        }
        assert_eq!(sum_f64(&[0.5; 5000]), 2500.0);
    }

    #[test]
    fn sum_of_chunks_is_the_sum() {
        let x = numbers(1_000_003);
        for chunk in [SUM_BLOCK, SUM_BLOCK * 2, SUM_BLOCK * 16] {
            let sums: Vec<f32> = x.chunks(chunk).map(sum_f32).collect();
            assert_eq!(add_pairwise_f32(&sums).to_bits(), sum_f32(&x).to_bits(), "{chunk}");
        }
    }

    #[test]
    fn extremes_keep_nan() {
        assert_eq!((max_f32(&[]), min_f32(&[])), (f32::NEG_INFINITY, f32::INFINITY));
        let mut x = numbers(1000);
        x[700] = 7.0;
        x[3] = -7.0;
        assert_eq!((max_f32(&x), min_f32(&x)), (7.0, -7.0));
        x[500] = f32::NAN;
        assert!(max_f32(&x).is_nan() && min_f32(&x).is_nan());
        assert!(max_f64(&[f64::NAN, 1.0]).is_nan());
    }
}
