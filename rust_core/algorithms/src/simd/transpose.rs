//! Turning eight rows of eight float32 values, with vectors of 256 bits.

#![allow(
    clippy::needless_range_loop,
    reason = "registers have numbers, and closures would not be inlined"
)]

#[allow(clippy::wildcard_imports, reason = "instructions")]
use std::arch::x86_64::*;

/// Row `r` lies at `from[r × from_stride..]`, column `c` goes to `to[c × to_stride..]`.
///
/// # Safety
/// The CPU has AVX.
///
/// # Panics
/// When a slice is too short.
#[inline(always)]
pub(super) unsafe fn eight(from: &[f32], from_stride: usize, to: &mut [f32], to_stride: usize) {
    assert!(from_stride >= 8 && to_stride >= 8, "rows do not overlap");
    assert!(
        from.len() >= 7 * from_stride + 8 && to.len() >= 7 * to_stride + 8,
        "eight rows"
    );
    // SAFETY: the rows were checked to lie within the slices; the caller has AVX.
    unsafe {
        let mut rows = [_mm256_setzero_ps(); 8];
        for index in 0..8 {
            rows[index] = _mm256_loadu_ps(from.as_ptr().add(index * from_stride));
        }
        // Pairs of rows, then fours, then all eight.
        let mut pairs = rows;
        for index in [0, 2, 4, 6] {
            pairs[index] = _mm256_unpacklo_ps(rows[index], rows[index + 1]);
            pairs[index + 1] = _mm256_unpackhi_ps(rows[index], rows[index + 1]);
        }
        let mut fours = pairs;
        for index in [0, 4] {
            fours[index] = _mm256_shuffle_ps::<0x44>(pairs[index], pairs[index + 2]);
            fours[index + 1] = _mm256_shuffle_ps::<0xEE>(pairs[index], pairs[index + 2]);
            fours[index + 2] = _mm256_shuffle_ps::<0x44>(pairs[index + 1], pairs[index + 3]);
            fours[index + 3] = _mm256_shuffle_ps::<0xEE>(pairs[index + 1], pairs[index + 3]);
        }
        let to = to.as_mut_ptr();
        for column in 0..4 {
            let (upper, lower) = (fours[column], fours[column + 4]);
            let low = _mm256_permute2f128_ps::<0x20>(upper, lower);
            let high = _mm256_permute2f128_ps::<0x31>(upper, lower);
            _mm256_storeu_ps(to.add(column * to_stride), low);
            _mm256_storeu_ps(to.add((column + 4) * to_stride), high);
        }
    }
}
