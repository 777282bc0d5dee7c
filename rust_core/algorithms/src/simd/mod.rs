//! Vector instructions, chosen when the program runs.
//!
//! A [`Level`] is a set of instructions. The best that the CPU has is used unless [`force`] says another. A kernel is written once,
//! over [`Simd`]: vectors of the same number of lanes at every level, so that a loop cuts its rows the same way, and adds in the
//! same order, whatever runs it. Compiled for each level, it is called by [`dispatch`].
//!
//! Of the operations, only [`Simd::mul_add`] and its like round differently from level to level. What must have the same bits
//! everywhere is written without them.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "x86_64")]
mod columns;
mod exponential;
mod lanes;
mod level;
mod portable;
#[cfg(target_arch = "x86_64")]
mod transpose;

pub(crate) use exponential::{exponential, logarithm_of_one_plus};
pub(crate) use lanes::{DOUBLES, Line, SINGLES, Simd};
pub use level::{Level, LevelError, force, level};

/// A computation over vectors. `run` and what it calls must be `#[inline(always)]`: only then are they compiled for the level.
pub(crate) trait Kernel {
    /// What comes of it.
    type Output;

    /// Computes with the vectors of one level.
    fn run<S: Simd>(self, simd: S) -> Self::Output;
}

/// Runs `kernel` at the level in use.
pub(crate) fn dispatch<K: Kernel>(kernel: K) -> K::Output {
    match level() {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: a level is in use only where the CPU has it.
        Level::Avx512 => unsafe { avx512::run(kernel) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above.
        Level::Avx2 => unsafe { avx2::run(kernel) },
        _ => kernel.run(portable::Portable),
    }
}

#[cfg(test)]
mod tests;
