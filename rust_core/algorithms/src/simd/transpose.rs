//! Turning eight rows of eight float32 values, with vectors of 256 bits.

#![allow(
    clippy::needless_range_loop,
    reason = "registers have numbers, and closures would not be inlined"
)]

#[allow(clippy::wildcard_imports, reason = "instructions")]
use std::arch::x86_64::*;

/// Column `c` of the rows goes to `to[c × stride..]`.
///
/// # Safety
/// The CPU has AVX.
///
/// # Panics
/// When `to` is too short.
#[inline(always)]
pub(super) unsafe fn eight(rows: [__m256; 8], to: &mut [f32], stride: usize) {
    assert!(stride >= 8, "columns do not overlap");
    assert!(to.len() >= 7 * stride + 8, "eight columns");
    // SAFETY: the columns were checked to lie within the slice; the caller has AVX.
    unsafe {
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
            _mm256_storeu_ps(to.add(column * stride), low);
            _mm256_storeu_ps(to.add((column + 4) * stride), high);
        }
    }
}
