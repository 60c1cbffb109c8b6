//! Which vector instructions this CPU has, asked once.
//!
//! A kernel is one `#[inline(always)]` body, generic over `const FMA: bool`, that the compiler vectorizes. The macro
//! [`dispatched!`](crate::dispatched) compiles it three times, for AVX-512, for AVX2 with FMA, and for the target's baseline, and calls the
//! best one that the CPU can run. `FMA` says whether `mul_add` is an instruction: without it `f32::mul_add` is a
//! library call, ninety times slower than a product and a sum.

use std::sync::atomic::{AtomicU8, Ordering};

/// The instruction sets for which kernels are compiled, least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Level {
    /// What the target guarantees: SSE2 on x86-64, NEON on aarch64.
    Baseline = 1,
    /// AVX2 and FMA.
    Avx2 = 2,
    /// AVX-512 F, VL, BW and DQ.
    Avx512 = 3,
}

/// Whether the baseline has a fused multiply-add instruction.
pub const BASELINE_FMA: bool = cfg!(any(target_arch = "aarch64", target_feature = "fma"));

static LEVEL: AtomicU8 = AtomicU8::new(0);

/// The best level that this CPU runs. One relaxed load after the first call.
#[inline]
pub fn level() -> Level {
    match LEVEL.load(Ordering::Relaxed) {
        1 => Level::Baseline,
        2 => Level::Avx2,
        3 => Level::Avx512,
        _ => detect(),
    }
}

#[cold]
fn detect() -> Level {
    let level = best();
    LEVEL.store(level as u8, Ordering::Relaxed);
    level
}

#[cfg(target_arch = "x86_64")]
fn best() -> Level {
    let avx2 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
    let avx512 = avx2
        && is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512vl")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512dq");
    match (avx512, avx2) {
        (true, _) => Level::Avx512,
        (false, true) => Level::Avx2,
        (false, false) => Level::Baseline,
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn best() -> Level {
    Level::Baseline
}

/// Defines a function that runs `body::<FMA>(args)` compiled for the CPU it finds:
/// `dispatched! { pub fn dot(x: &[f32], y: &[f32]) -> f32 = dot_body; }`.
#[macro_export]
#[doc(hidden)]
macro_rules! dispatched {
    ($( $(#[$doc:meta])* $vis:vis fn $name:ident $(<$T:ident : $bound:path>)? ( $($arg:ident : $ty:ty),* $(,)? ) $(-> $ret:ty)? = $body:ident; )*) => { $(
        $(#[$doc])*
        $vis fn $name $(<$T: $bound>)? ($($arg: $ty),*) $(-> $ret)? {
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")]
                fn avx512 $(<$T: $bound>)? ($($arg: $ty),*) $(-> $ret)? {
                    $body::<$($T,)? true>($($arg),*)
                }
                #[target_feature(enable = "avx2,fma")]
                fn avx2 $(<$T: $bound>)? ($($arg: $ty),*) $(-> $ret)? {
                    $body::<$($T,)? true>($($arg),*)
                }
                match $crate::simd::level() {
                    // SAFETY: `level` found all features of AVX-512 that this body was compiled with.
                    $crate::simd::Level::Avx512 => return unsafe { avx512 $(::<$T>)? ($($arg),*) },
                    // SAFETY: `level` found AVX2 and FMA.
                    $crate::simd::Level::Avx2 => return unsafe { avx2 $(::<$T>)? ($($arg),*) },
                    $crate::simd::Level::Baseline => {}
                }
            }
            $body::<$($T,)? { $crate::simd::BASELINE_FMA }>($($arg),*)
        }
    )* };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn level_is_stable() {
        assert_eq!(level(), level());
        assert_eq!(level(), best());
    }
}
