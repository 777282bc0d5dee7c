//! Turning rows of eight float32 values: eight with vectors of 256 bits, sixteen with vectors of 512.

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

/// Column `c` of the rows goes to `to[c × stride..]`.
///
/// # Safety
/// The CPU has AVX-512 F and DQ.
///
/// # Panics
/// When `to` is too short.
#[inline(always)]
pub(super) unsafe fn sixteen(rows: [[__m256; 8]; 2], to: &mut [f32], stride: usize) {
    assert!(stride >= 16, "columns do not overlap");
    assert!(to.len() >= 7 * stride + 16, "eight columns");
    // SAFETY: the columns were checked to lie within the slice; the caller has AVX-512.
    unsafe {
        // Rows that lie four apart share a vector, so that the last step leaves them in order.
        let mut joined = [_mm512_setzero_ps(); 8];
        for row in 0..4 {
            for part in 0..2 {
                let low = _mm512_castps256_ps512(rows[part][row]);
                joined[4 * part + row] = _mm512_insertf32x8::<1>(low, rows[part][row + 4]);
            }
        }
        // Pairs of rows, then fours, then all.
        let mut pairs = joined;
        for index in [0, 2, 4, 6] {
            pairs[index] = _mm512_unpacklo_ps(joined[index], joined[index + 1]);
            pairs[index + 1] = _mm512_unpackhi_ps(joined[index], joined[index + 1]);
        }
        let mut fours = pairs;
        for index in [0, 4] {
            fours[index] = _mm512_shuffle_ps::<0x44>(pairs[index], pairs[index + 2]);
            fours[index + 1] = _mm512_shuffle_ps::<0xEE>(pairs[index], pairs[index + 2]);
            fours[index + 2] = _mm512_shuffle_ps::<0x44>(pairs[index + 1], pairs[index + 3]);
            fours[index + 3] = _mm512_shuffle_ps::<0xEE>(pairs[index + 1], pairs[index + 3]);
        }
        let to = to.as_mut_ptr();
        for column in 0..4 {
            let (upper, lower) = (fours[column], fours[column + 4]);
            let low = _mm512_shuffle_f32x4::<0x88>(upper, lower);
            let high = _mm512_shuffle_f32x4::<0xDD>(upper, lower);
            _mm512_storeu_ps(to.add(column * stride), low);
            _mm512_storeu_ps(to.add((column + 4) * stride), high);
        }
    }
}
