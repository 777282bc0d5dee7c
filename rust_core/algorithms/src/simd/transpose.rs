//! Turning eight rows of eight float32 values, with vectors of 256 bits.

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
        let row = |index: usize| _mm256_loadu_ps(from.as_ptr().add(index * from_stride));
        // Pairs of rows, then fours, then all eight.
        let pair = |index| {
            let (a, b) = (row(index), row(index + 1));
            (_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b))
        };
        let four = |index| {
            let ((a, b), (c, d)) = (pair(index), pair(index + 2));
            [
                _mm256_shuffle_ps::<0x44>(a, c),
                _mm256_shuffle_ps::<0xEE>(a, c),
                _mm256_shuffle_ps::<0x44>(b, d),
                _mm256_shuffle_ps::<0xEE>(b, d),
            ]
        };
        let (upper, lower) = (four(0), four(4));
        for column in 0..4 {
            let (a, b) = (upper[column], lower[column]);
            let to = to.as_mut_ptr();
            _mm256_storeu_ps(to.add(column * to_stride), _mm256_permute2f128_ps::<0x20>(a, b));
            _mm256_storeu_ps(to.add((column + 4) * to_stride), _mm256_permute2f128_ps::<0x31>(a, b));
        }
    }
}
