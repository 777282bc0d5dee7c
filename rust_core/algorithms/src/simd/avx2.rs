//! AVX2 and FMA: a vector is two registers.

#![allow(
    clippy::needless_range_loop,
    reason = "registers have numbers, and closures would not be inlined"
)]

#[allow(clippy::wildcard_imports, reason = "instructions")]
use std::arch::x86_64::*;

use super::lanes::{DOUBLES, SINGLES, Simd};
use super::portable::Portable;
use super::{Kernel, transpose};

/// The vectors of [`super::Level::Avx2`]. Only [`run`] makes one.
#[derive(Clone, Copy)]
pub(crate) struct Avx2(());

/// Runs `kernel`, compiled for this level.
///
/// # Safety
/// The CPU has the level.
#[target_feature(enable = "popcnt,avx2,fma,f16c")]
pub(super) unsafe fn run<K: Kernel>(kernel: K) -> K::Output {
    kernel.run(Avx2(()))
}

/// Methods that are one instruction for each register.
macro_rules! instructions {
    ($($name:ident($($argument:ident: $type:ty),*) -> $result:ty = $instruction:ident;)*) => {
        $(
            #[inline(always)]
            fn $name(self, $($argument: $type),*) -> $result {
                // SAFETY: `self` exists only where the CPU has the level.
                unsafe { [$instruction($($argument[0]),*), $instruction($($argument[1]),*)] }
            }
        )*
    };
}

/// The sum of each vector's lanes: (0+2) + (1+3).
///
/// # Safety
/// The CPU has AVX2.
#[inline(always)]
pub(super) unsafe fn sums_of_four(a: __m256d, b: __m256d, c: __m256d, d: __m256d) -> __m256d {
    // SAFETY: the caller's promise.
    unsafe {
        let first = _mm256_permute2f128_pd::<0x20>(a, c);
        let second = _mm256_permute2f128_pd::<0x31>(a, c);
        let odd = _mm256_add_pd(first, second);
        let first = _mm256_permute2f128_pd::<0x20>(b, d);
        let second = _mm256_permute2f128_pd::<0x31>(b, d);
        let even = _mm256_add_pd(first, second);
        _mm256_hadd_pd(odd, even)
    }
}

impl Simd for Avx2 {
    type Double = [__m256d; 2];
    type Single = [__m256; 2];
    type Half = __m256;
    type DoubleMask = [__m256d; 2];
    type SingleMask = [__m256; 2];

    const REGISTERS: usize = 8;

    instructions! {
        add(a: Self::Double, b: Self::Double) -> Self::Double = _mm256_add_pd;
        sub(a: Self::Double, b: Self::Double) -> Self::Double = _mm256_sub_pd;
        mul(a: Self::Double, b: Self::Double) -> Self::Double = _mm256_mul_pd;
        div(a: Self::Double, b: Self::Double) -> Self::Double = _mm256_div_pd;
        mul_add(a: Self::Double, b: Self::Double, c: Self::Double) -> Self::Double = _mm256_fmadd_pd;
        min(a: Self::Double, b: Self::Double) -> Self::Double = _mm256_min_pd;
        max(a: Self::Double, b: Self::Double) -> Self::Double = _mm256_max_pd;

        add_singles(a: Self::Single, b: Self::Single) -> Self::Single = _mm256_add_ps;
        sub_singles(a: Self::Single, b: Self::Single) -> Self::Single = _mm256_sub_ps;
        mul_singles(a: Self::Single, b: Self::Single) -> Self::Single = _mm256_mul_ps;
        mul_add_singles(a: Self::Single, b: Self::Single, c: Self::Single) -> Self::Single = _mm256_fmadd_ps;
        min_singles(a: Self::Single, b: Self::Single) -> Self::Single = _mm256_min_ps;
        max_singles(a: Self::Single, b: Self::Single) -> Self::Single = _mm256_max_ps;
    }

    #[inline(always)]
    fn double(self, value: f64) -> Self::Double {
        // SAFETY: `self` exists only where the CPU has the level.
        unsafe { [_mm256_set1_pd(value); 2] }
    }

    #[inline(always)]
    fn load(self, values: &[f64; DOUBLES]) -> Self::Double {
        // SAFETY: the CPU has the level; eight values are two registers.
        unsafe {
            [
                _mm256_loadu_pd(values.as_ptr()),
                _mm256_loadu_pd(values.as_ptr().add(4)),
            ]
        }
    }

    #[inline(always)]
    fn prefetch(self, place: *const u8) {
        // SAFETY: the CPU has the instruction, which may be given any address: it neither reads nor fails.
        unsafe { _mm_prefetch::<_MM_HINT_T1>(place.cast()) }
    }

    #[inline(always)]
    fn load_widened(self, values: &[f32; DOUBLES]) -> Self::Double {
        // SAFETY: the CPU has the level; eight values are two registers of four.
        unsafe {
            [
                _mm256_cvtps_pd(_mm_loadu_ps(values.as_ptr())),
                _mm256_cvtps_pd(_mm_loadu_ps(values.as_ptr().add(4))),
            ]
        }
    }

    #[inline(always)]
    fn store(self, vector: Self::Double, values: &mut [f64; DOUBLES]) {
        // SAFETY: the CPU has the level; eight values are two registers.
        unsafe {
            _mm256_storeu_pd(values.as_mut_ptr(), vector[0]);
            _mm256_storeu_pd(values.as_mut_ptr().add(4), vector[1]);
        }
    }

    #[inline(always)]
    fn columns<const D: usize>(self, rows: &[[f64; D]; DOUBLES]) -> [Self::Double; D] {
        let mut columns = [self.double(0.0); D];
        for column in 0..D {
            let mut values = [0.0; DOUBLES];
            for row in 0..DOUBLES {
                values[row] = rows[row][column];
            }
            columns[column] = self.load(&values);
        }
        columns
    }

    #[inline(always)]
    fn turn(self, rows: [Self::Double; DOUBLES]) -> [Self::Double; DOUBLES] {
        let mut columns = rows;
        // SAFETY: `self` exists only where the CPU has the level.
        unsafe {
            for (four, half) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
                // Four rows of four values; their columns are a half of the vectors.
                let [a, b, c, d] = [0, 1, 2, 3].map(|row| rows[4 * four + row][half]);
                let (even, odd) = (_mm256_unpacklo_pd(a, b), _mm256_unpackhi_pd(a, b));
                let (even_below, odd_below) = (_mm256_unpacklo_pd(c, d), _mm256_unpackhi_pd(c, d));
                columns[4 * half][four] = _mm256_permute2f128_pd::<0x20>(even, even_below);
                columns[4 * half + 1][four] = _mm256_permute2f128_pd::<0x20>(odd, odd_below);
                columns[4 * half + 2][four] = _mm256_permute2f128_pd::<0x31>(even, even_below);
                columns[4 * half + 3][four] = _mm256_permute2f128_pd::<0x31>(odd, odd_below);
            }
        }
        columns
    }

    #[inline(always)]
    fn less(self, a: Self::Double, b: Self::Double) -> Self::DoubleMask {
        // SAFETY: `self` exists only where the CPU has the level.
        unsafe {
            [
                _mm256_cmp_pd::<_CMP_LT_OQ>(a[0], b[0]),
                _mm256_cmp_pd::<_CMP_LT_OQ>(a[1], b[1]),
            ]
        }
    }

    #[inline(always)]
    fn equal(self, a: Self::Double, b: Self::Double) -> Self::DoubleMask {
        // SAFETY: `self` exists only where the CPU has the level.
        unsafe {
            [
                _mm256_cmp_pd::<_CMP_EQ_OQ>(a[0], b[0]),
                _mm256_cmp_pd::<_CMP_EQ_OQ>(a[1], b[1]),
            ]
        }
    }

    #[inline(always)]
    fn select(self, mask: Self::DoubleMask, a: Self::Double, b: Self::Double) -> Self::Double {
        // SAFETY: `self` exists only where the CPU has the level.
        unsafe {
            [
                _mm256_blendv_pd(b[0], a[0], mask[0]),
                _mm256_blendv_pd(b[1], a[1], mask[1]),
            ]
        }
    }

    #[inline(always)]
    fn bits(self, mask: Self::DoubleMask) -> u32 {
        // SAFETY: `self` exists only where the CPU has the level.
        let (low, high) = unsafe { (_mm256_movemask_pd(mask[0]), _mm256_movemask_pd(mask[1])) };
        (low | high << 4).cast_unsigned()
    }

    #[inline(always)]
    fn sums(self, vectors: &[Self::Double; DOUBLES]) -> Self::Double {
        // SAFETY: `self` exists only where the CPU has the level.
        unsafe {
            let mut halves = [_mm256_setzero_pd(); DOUBLES];
            for index in 0..DOUBLES {
                halves[index] = _mm256_add_pd(vectors[index][0], vectors[index][1]);
            }
            let [a, b, c, d, e, f, g, h] = halves;
            [sums_of_four(a, b, c, d), sums_of_four(e, f, g, h)]
        }
    }

    #[inline(always)]
    fn integers(self, vector: Self::Double) -> [i32; DOUBLES] {
        let mut integers = [0; DOUBLES];
        // SAFETY: the CPU has the level; the array has as many places as the two halves have lanes.
        unsafe {
            _mm_storeu_si128(integers.as_mut_ptr().cast(), _mm256_cvttpd_epi32(vector[0]));
            _mm_storeu_si128(integers.as_mut_ptr().add(4).cast(), _mm256_cvttpd_epi32(vector[1]));
        }
        integers
    }

    #[inline(always)]
    fn load_integers(self, values: &[u32; DOUBLES]) -> Self::Double {
        // SAFETY: the CPU has the level; eight values of 32 bits are two halves.
        unsafe {
            [
                _mm256_cvtepi32_pd(_mm_loadu_si128(values.as_ptr().cast())),
                _mm256_cvtepi32_pd(_mm_loadu_si128(values.as_ptr().add(4).cast())),
            ]
        }
    }

    #[inline(always)]
    fn power_of_two(self, vector: Self::Double) -> Self::Double {
        // SAFETY: `self` exists only where the CPU has the level.
        unsafe {
            vector.map(|half| {
                let biased = _mm_add_epi32(_mm256_cvttpd_epi32(half), _mm_set1_epi32(1023));
                _mm256_castsi256_pd(_mm256_slli_epi64::<52>(_mm256_cvtepi32_epi64(biased)))
            })
        }
    }

    #[inline(always)]
    fn single(self, value: f32) -> Self::Single {
        // SAFETY: `self` exists only where the CPU has the level.
        unsafe { [_mm256_set1_ps(value); 2] }
    }

    #[inline(always)]
    fn load_singles(self, values: &[f32; SINGLES]) -> Self::Single {
        // SAFETY: the CPU has the level; sixteen values are two registers.
        unsafe {
            [
                _mm256_loadu_ps(values.as_ptr()),
                _mm256_loadu_ps(values.as_ptr().add(8)),
            ]
        }
    }

    #[inline(always)]
    fn store_singles(self, vector: Self::Single, values: &mut [f32; SINGLES]) {
        // SAFETY: the CPU has the level; sixteen values are two registers.
        unsafe {
            _mm256_storeu_ps(values.as_mut_ptr(), vector[0]);
            _mm256_storeu_ps(values.as_mut_ptr().add(8), vector[1]);
        }
    }

    #[inline(always)]
    fn less_singles(self, a: Self::Single, b: Self::Single) -> Self::SingleMask {
        // SAFETY: `self` exists only where the CPU has the level.
        unsafe {
            [
                _mm256_cmp_ps::<_CMP_LT_OQ>(a[0], b[0]),
                _mm256_cmp_ps::<_CMP_LT_OQ>(a[1], b[1]),
            ]
        }
    }

    #[inline(always)]
    fn select_singles(self, mask: Self::SingleMask, a: Self::Single, b: Self::Single) -> Self::Single {
        // SAFETY: `self` exists only where the CPU has the level.
        unsafe {
            [
                _mm256_blendv_ps(b[0], a[0], mask[0]),
                _mm256_blendv_ps(b[1], a[1], mask[1]),
            ]
        }
    }

    #[inline(always)]
    fn bits_singles(self, mask: Self::SingleMask) -> u32 {
        // SAFETY: `self` exists only where the CPU has the level.
        let (low, high) = unsafe { (_mm256_movemask_ps(mask[0]), _mm256_movemask_ps(mask[1])) };
        (low | high << 8).cast_unsigned()
    }

    #[inline(always)]
    fn gather_singles(self, table: &[f32], places: &[i32; SINGLES]) -> Self::Single {
        let Some(last) = table.len().checked_sub(1) else {
            return self.single(0.0);
        };
        let last = i32::try_from(last).unwrap_or(i32::MAX);
        // SAFETY: the CPU has the level; places are cut, as numbers without a sign, to those of the table; sixteen of them are two
        // registers.
        unsafe {
            let last = _mm256_set1_epi32(last);
            [0, 8].map(|first| {
                let places = _mm256_loadu_si256(places.as_ptr().add(first).cast());
                _mm256_i32gather_ps::<4>(table.as_ptr(), _mm256_min_epu32(places, last))
            })
        }
    }

    #[inline(always)]
    fn integers_singles(self, vector: Self::Single) -> [i32; SINGLES] {
        let mut integers = [0; SINGLES];
        // SAFETY: the CPU has the level; the array has as many places as the two halves have lanes.
        unsafe {
            _mm256_storeu_si256(integers.as_mut_ptr().cast(), _mm256_cvttps_epi32(vector[0]));
            _mm256_storeu_si256(integers.as_mut_ptr().add(8).cast(), _mm256_cvttps_epi32(vector[1]));
        }
        integers
    }

    #[inline(always)]
    fn least_single(self, vector: Self::Single) -> f32 {
        // SAFETY: the CPU has the level.
        unsafe {
            let eight = _mm256_min_ps(vector[0], vector[1]);
            let four = _mm_min_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps::<1>(eight));
            let two = _mm_min_ps(four, _mm_movehl_ps(four, four));
            _mm_cvtss_f32(_mm_min_ss(two, _mm_movehdup_ps(two)))
        }
    }

    #[inline(always)]
    fn load_float16(self, values: &[u16; SINGLES]) -> Self::Single {
        let halves = values.as_chunks::<DOUBLES>().0;
        // SAFETY: the CPU has the level; eight values of 16 bits are one register of 16 bytes.
        unsafe {
            [
                _mm256_cvtph_ps(_mm_loadu_si128(halves[0].as_ptr().cast())),
                _mm256_cvtph_ps(_mm_loadu_si128(halves[1].as_ptr().cast())),
            ]
        }
    }

    #[inline(always)]
    fn store_float16(self, vector: Self::Single, values: &mut [u16; SINGLES]) {
        if cfg!(miri) {
            // Miri lacks the instruction.
            let mut singles = [0.0; SINGLES];
            self.store_singles(vector, &mut singles);
            return Portable.store_float16(singles, values);
        }
        let halves = values.as_chunks_mut::<DOUBLES>().0;
        // SAFETY: the CPU has the level; eight values of 16 bits are one register of 16 bytes.
        unsafe {
            for (half, values) in vector.into_iter().zip(halves) {
                let rounded = _mm256_cvtps_ph::<_MM_FROUND_TO_NEAREST_INT>(half);
                _mm_storeu_si128(values.as_mut_ptr().cast(), rounded);
            }
        }
    }

    #[inline(always)]
    fn narrow(self, low: Self::Double, high: Self::Double) -> Self::Single {
        // SAFETY: `self` exists only where the CPU has the level.
        unsafe {
            [
                _mm256_set_m128(_mm256_cvtpd_ps(low[1]), _mm256_cvtpd_ps(low[0])),
                _mm256_set_m128(_mm256_cvtpd_ps(high[1]), _mm256_cvtpd_ps(high[0])),
            ]
        }
    }

    #[inline(always)]
    fn widen(self, vector: Self::Single) -> [Self::Double; 2] {
        // SAFETY: `self` exists only where the CPU has the level.
        unsafe {
            [
                [
                    _mm256_cvtps_pd(_mm256_castps256_ps128(vector[0])),
                    _mm256_cvtps_pd(_mm256_extractf128_ps::<1>(vector[0])),
                ],
                [
                    _mm256_cvtps_pd(_mm256_castps256_ps128(vector[1])),
                    _mm256_cvtps_pd(_mm256_extractf128_ps::<1>(vector[1])),
                ],
            ]
        }
    }

    #[inline(always)]
    fn load_half(self, values: &[f32; DOUBLES]) -> __m256 {
        // SAFETY: the CPU has the level; eight values are a register.
        unsafe { _mm256_loadu_ps(values.as_ptr()) }
    }

    #[inline(always)]
    fn sub_halves(self, a: __m256, b: __m256) -> __m256 {
        // SAFETY: `self` exists only where the CPU has the level.
        unsafe { _mm256_sub_ps(a, b) }
    }

    #[inline(always)]
    fn mul_halves(self, a: __m256, b: __m256) -> __m256 {
        // SAFETY: as above.
        unsafe { _mm256_mul_ps(a, b) }
    }

    #[inline(always)]
    fn narrow_half(self, vector: Self::Double) -> __m256 {
        // SAFETY: as above.
        unsafe { _mm256_set_m128(_mm256_cvtpd_ps(vector[1]), _mm256_cvtpd_ps(vector[0])) }
    }

    #[inline(always)]
    fn transpose(self, rows: [[__m256; DOUBLES]; 2], to: &mut [f32], stride: usize) {
        let [first, second] = rows;
        // SAFETY: as above.
        unsafe {
            transpose::eight(first, to, stride);
            transpose::eight(second, &mut to[DOUBLES..], stride);
        }
    }
}
