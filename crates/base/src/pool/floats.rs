//! The floating-point mode: the same on every thread that computes.
//!
//! Rust's arithmetic is defined for the default mode: round to nearest, subnormal numbers kept, no traps. A thread may
//! still have another one: C libraries set "flush to zero" for speed, and new threads inherit it on some systems. Then
//! the bits of a result would depend on which thread computed it. Workers therefore set the default mode when they
//! start, and [`standard_floats`] sets it for a caller and restores the caller's own afterwards.

/// Runs `f` with the default floating-point mode: round to nearest, subnormal numbers kept. Costs a few cycles when
/// that is the mode already. On other processors than x86-64 and AArch64 it only runs `f`.
pub fn standard_floats<R>(f: impl FnOnce() -> R) -> R {
    let _mode = Standard::enter();
    f()
}

/// The default mode from [`Standard::enter`] until the drop.
pub(super) struct Standard {
    /// What to restore, if it was another.
    other: Option<control::Word>,
}

impl Standard {
    pub(super) fn enter() -> Standard {
        let found = control::get();
        let standard = (found & !control::MODE) | (control::DEFAULT & control::MODE);
        if found == standard {
            return Standard { other: None };
        }
        control::set(standard);
        Standard { other: Some(found) }
    }
}

impl Drop for Standard {
    fn drop(&mut self) {
        if let Some(other) = self.other {
            // The exception flags raised meanwhile stay, as they would without us.
            control::set((other & control::MODE) | (control::get() & !control::MODE));
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod control {
    use std::arch::asm;

    pub type Word = u32;
    /// Rounding, flush to zero, denormals are zero, exception masks; the low six bits are flags.
    pub const MODE: Word = 0xffc0;
    pub const DEFAULT: Word = 0x1f80;

    pub fn get() -> Word {
        let mut word: Word = 0;
        // SAFETY: stores MXCSR into `word`; every x86-64 has it.
        unsafe { asm!("stmxcsr [{}]", in(reg) &mut word, options(nostack, preserves_flags)) };
        word
    }

    pub fn set(word: Word) {
        // SAFETY: `word` came from `get` with nothing changed but defined mode bits, so it has no reserved bit.
        unsafe { asm!("ldmxcsr [{}]", in(reg) &word, options(nostack, readonly)) };
    }
}

#[cfg(target_arch = "aarch64")]
mod control {
    use std::arch::asm;

    pub type Word = u64;
    /// The whole of FPCR: flags are in another register.
    pub const MODE: Word = Word::MAX;
    pub const DEFAULT: Word = 0;

    pub fn get() -> Word {
        let word: Word;
        // SAFETY: reads FPCR.
        unsafe { asm!("mrs {}, fpcr", out(reg) word, options(nomem, nostack, preserves_flags)) };
        word
    }

    pub fn set(word: Word) {
        // SAFETY: `word` came from `get`, or is the default of all processors.
        unsafe { asm!("msr fpcr, {}", in(reg) word, options(nostack)) };
    }
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
mod control {
    pub type Word = u32;
    pub const MODE: Word = 0;
    pub const DEFAULT: Word = 0;

    pub fn get() -> Word {
        0
    }

    pub fn set(_: Word) {}
}

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    use std::hint::black_box;
    use std::panic::catch_unwind;

    use super::*;
    use crate::pool::Pool;

    const FLUSH_AND_ROUND_UP: u32 = 0x8040 | 0x4000;

    fn subnormal_survives() -> bool {
        black_box(f32::MIN_POSITIVE) * black_box(0.5) != 0.0 && control::get() & control::MODE == control::DEFAULT
    }

    /// Runs `f` on a thread whose mode is a foreign one.
    fn with_foreign_mode(f: impl FnOnce() + Send) {
        let spoilt = || {
            control::set(control::get() | FLUSH_AND_ROUND_UP);
            assert!(!subnormal_survives());
            f();
            assert_eq!(control::get() & FLUSH_AND_ROUND_UP, FLUSH_AND_ROUND_UP);
        };
        std::thread::scope(|scope| scope.spawn(spoilt).join()).expect("the thread asserts nothing false");
    }

    #[test]
    fn callers_mode_is_replaced_and_restored() {
        with_foreign_mode(|| assert!(standard_floats(subnormal_survives)));
        with_foreign_mode(|| assert!(catch_unwind(|| standard_floats(|| panic!("on purpose"))).is_err()));
    }

    #[test]
    fn chunks_run_in_the_default_mode_on_every_thread() {
        with_foreign_mode(|| {
            for threads in [1, 4] {
                let pool = Pool::new(threads).unwrap();
                pool.parallel_for(64, &|_| assert!(subnormal_survives()));
            }
        });
    }
}
