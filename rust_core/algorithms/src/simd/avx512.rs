//! AVX-512: a vector is one register.

#![allow(
    clippy::needless_range_loop,
    reason = "registers have numbers, and closures would not be inlined"
)]

#[allow(clippy::wildcard_imports, reason = "instructions")]
use std::arch::x86_64::*;

use super::lanes::{DOUBLES, SINGLES, Simd};
use super::{Kernel, avx2, columns, transpose};

/// The vectors of [`super::Level::Avx512`]. Only [`run`] makes one.
#[derive(Clone, Copy)]
pub(crate) struct Avx512(());

/// Runs `kernel`, compiled for this level.
///
/// # Safety
/// The CPU has the level.
#[target_feature(enable = "popcnt,avx2,fma,f16c,avx512f,avx512bw,avx512dq,avx512vl")]
pub(super) unsafe fn run<K: Kernel>(kernel: K) -> K::Output {
    kernel.run(Avx512(()))
}

/// Methods that are one instruction.
macro_rules! instructions {
    ($($name:ident($($argument:ident: $type:ty),*) -> $result:ty = $instruction:expr;)*) => {
        $(
            #[inline(always)]
            fn $name(self, $($argument: $type),*) -> $result {
                // SAFETY: `self` exists only where the CPU has the level.
                unsafe { $instruction }
            }
        )*
    };
}

/// Mask of the first lanes.
#[inline(always)]
fn first(count: usize) -> __mmask8 {
    debug_assert!(count <= DOUBLES);
    ((1_u32 << count) - 1) as __mmask8
}

impl Avx512 {
    /// For each lane, what `places` says of `a` (0 to 7) or of the values from memory (8 to 15).
    #[inline(always)]
    fn pick(self, a: __m512d, places: &[i64; DOUBLES], values: &[f64; DOUBLES]) -> __m512d {
        // SAFETY: the CPU has the level; there are as many places as lanes.
        unsafe { _mm512_permutex2var_pd(a, _mm512_loadu_epi64(places.as_ptr()), _mm512_loadu_pd(values.as_ptr())) }
    }
}

impl Simd for Avx512 {
    type Double = __m512d;
    type Single = __m512;
    type Half = __m256;
    type DoubleMask = __mmask8;
    type SingleMask = __mmask16;

    const REGISTERS: usize = 32;

    instructions! {
        double(value: f64) -> __m512d = _mm512_set1_pd(value);
        load(values: &[f64; DOUBLES]) -> __m512d = _mm512_loadu_pd(values.as_ptr());
        load_widened(values: &[f32; DOUBLES]) -> __m512d = _mm512_cvtps_pd(_mm256_loadu_ps(values.as_ptr()));
        store(vector: __m512d, values: &mut [f64; DOUBLES]) -> () = _mm512_storeu_pd(values.as_mut_ptr(), vector);
        add(a: __m512d, b: __m512d) -> __m512d = _mm512_add_pd(a, b);
        sub(a: __m512d, b: __m512d) -> __m512d = _mm512_sub_pd(a, b);
        mul(a: __m512d, b: __m512d) -> __m512d = _mm512_mul_pd(a, b);
        div(a: __m512d, b: __m512d) -> __m512d = _mm512_div_pd(a, b);
        mul_add(a: __m512d, b: __m512d, c: __m512d) -> __m512d = _mm512_fmadd_pd(a, b, c);
        min(a: __m512d, b: __m512d) -> __m512d = _mm512_min_pd(a, b);
        max(a: __m512d, b: __m512d) -> __m512d = _mm512_max_pd(a, b);
        less(a: __m512d, b: __m512d) -> __mmask8 = _mm512_cmp_pd_mask::<_CMP_LT_OQ>(a, b);
        equal(a: __m512d, b: __m512d) -> __mmask8 = _mm512_cmp_pd_mask::<_CMP_EQ_OQ>(a, b);
        select(mask: __mmask8, a: __m512d, b: __m512d) -> __m512d = _mm512_mask_blend_pd(mask, b, a);

        load_integers(values: &[u32; DOUBLES]) -> __m512d =
            _mm512_cvtepu32_pd(_mm256_loadu_si256(values.as_ptr().cast()));
        power_of_two(vector: __m512d) -> __m512d = _mm512_scalef_pd(_mm512_set1_pd(1.0), vector);

        single(value: f32) -> __m512 = _mm512_set1_ps(value);
        load_singles(values: &[f32; SINGLES]) -> __m512 = _mm512_loadu_ps(values.as_ptr());
        store_singles(vector: __m512, values: &mut [f32; SINGLES]) -> () = _mm512_storeu_ps(values.as_mut_ptr(), vector);
        load_float16(values: &[u16; SINGLES]) -> __m512 = _mm512_cvtph_ps(_mm256_loadu_si256(values.as_ptr().cast()));
        store_float16(vector: __m512, values: &mut [u16; SINGLES]) -> () =
            _mm256_storeu_si256(values.as_mut_ptr().cast(), _mm512_cvtps_ph::<_MM_FROUND_TO_NEAREST_INT>(vector));
        add_singles(a: __m512, b: __m512) -> __m512 = _mm512_add_ps(a, b);
        sub_singles(a: __m512, b: __m512) -> __m512 = _mm512_sub_ps(a, b);
        mul_singles(a: __m512, b: __m512) -> __m512 = _mm512_mul_ps(a, b);
        mul_add_singles(a: __m512, b: __m512, c: __m512) -> __m512 = _mm512_fmadd_ps(a, b, c);
        min_singles(a: __m512, b: __m512) -> __m512 = _mm512_min_ps(a, b);
        max_singles(a: __m512, b: __m512) -> __m512 = _mm512_max_ps(a, b);
        least_single(vector: __m512) -> f32 = _mm512_reduce_min_ps(vector);
        less_singles(a: __m512, b: __m512) -> __mmask16 = _mm512_cmp_ps_mask::<_CMP_LT_OQ>(a, b);
        select_singles(mask: __mmask16, a: __m512, b: __m512) -> __m512 = _mm512_mask_blend_ps(mask, b, a);

        narrow(low: __m512d, high: __m512d) -> __m512 =
            _mm512_insertf32x8::<1>(_mm512_castps256_ps512(_mm512_cvtpd_ps(low)), _mm512_cvtpd_ps(high));
        widen(vector: __m512) -> [__m512d; 2] = [
            _mm512_cvtps_pd(_mm512_castps512_ps256(vector)),
            _mm512_cvtps_pd(_mm512_extractf32x8_ps::<1>(vector)),
        ];
        load_half(values: &[f32; DOUBLES]) -> __m256 = _mm256_loadu_ps(values.as_ptr());
        sub_halves(a: __m256, b: __m256) -> __m256 = _mm256_sub_ps(a, b);
        mul_halves(a: __m256, b: __m256) -> __m256 = _mm256_mul_ps(a, b);
        narrow_half(vector: __m512d) -> __m256 = _mm512_cvtpd_ps(vector);
        transpose(rows: [[__m256; DOUBLES]; 2], to: &mut [f32], stride: usize) -> () =
            transpose::sixteen(rows, to, stride);
    }

    #[inline(always)]
    fn prefetch(self, place: *const u8) {
        // SAFETY: the CPU has the instruction, which may be given any address: it neither reads nor fails.
        unsafe { _mm_prefetch::<_MM_HINT_T1>(place.cast()) }
    }

    #[inline(always)]
    fn load_some(self, values: &[f64]) -> __m512d {
        let mask = first(values.len().min(DOUBLES));
        // SAFETY: the CPU has the level; lanes beyond the mask are not read.
        unsafe { _mm512_maskz_loadu_pd(mask, values.as_ptr()) }
    }

    #[inline(always)]
    fn load_some_half(self, values: &[f32]) -> __m256 {
        let mask = first(values.len().min(DOUBLES));
        // SAFETY: the CPU has the level; lanes beyond the mask are not read.
        unsafe { _mm256_maskz_loadu_ps(mask, values.as_ptr()) }
    }

    #[inline(always)]
    fn load_some_widened(self, values: &[f32]) -> __m512d {
        // SAFETY: `self` exists only where the CPU has the level.
        unsafe { _mm512_cvtps_pd(self.load_some_half(values)) }
    }

    #[inline(always)]
    fn store_some(self, vector: __m512d, values: &mut [f64]) {
        let mask = first(values.len().min(DOUBLES));
        // SAFETY: the CPU has the level; lanes beyond the mask are not written.
        unsafe { _mm512_mask_storeu_pd(values.as_mut_ptr(), mask, vector) }
    }

    #[inline(always)]
    fn columns<const D: usize>(self, rows: &[[f64; D]; DOUBLES]) -> [__m512d; D] {
        let (vectors, _) = rows.as_flattened().as_chunks::<DOUBLES>();
        if D == 1 {
            return [self.load(&vectors[0]); D];
        }
        let picks = const { columns::picks::<D>() };
        let first = self.load(&vectors[0]);
        let mut columns = [first; D];
        for column in 0..D {
            columns[column] = self.pick(first, &picks[column][1], &vectors[1]);
            for vector in 2..D {
                columns[column] = self.pick(columns[column], &picks[column][vector], &vectors[vector]);
            }
        }
        columns
    }

    #[inline(always)]
    fn turn(self, rows: [__m512d; DOUBLES]) -> [__m512d; DOUBLES] {
        let mut columns = rows;
        // SAFETY: `self` exists only where the CPU has the level.
        unsafe {
            for parity in 0..2 {
                // Pairs of rows, then fours: of the even columns, then of the odd ones.
                let mut fours = [rows[0]; 4];
                for four in 0..2 {
                    let [a, b, c, d] = [0, 1, 2, 3].map(|row| rows[4 * four + row]);
                    let (ab, cd) = match parity {
                        0 => (_mm512_unpacklo_pd(a, b), _mm512_unpacklo_pd(c, d)),
                        _ => (_mm512_unpackhi_pd(a, b), _mm512_unpackhi_pd(c, d)),
                    };
                    fours[2 * four] = _mm512_shuffle_f64x2::<0x88>(ab, cd);
                    fours[2 * four + 1] = _mm512_shuffle_f64x2::<0xDD>(ab, cd);
                }
                columns[parity] = _mm512_shuffle_f64x2::<0x88>(fours[0], fours[2]);
                columns[parity + 2] = _mm512_shuffle_f64x2::<0x88>(fours[1], fours[3]);
                columns[parity + 4] = _mm512_shuffle_f64x2::<0xDD>(fours[0], fours[2]);
                columns[parity + 6] = _mm512_shuffle_f64x2::<0xDD>(fours[1], fours[3]);
            }
        }
        columns
    }

    #[inline(always)]
    fn bits(self, mask: __mmask8) -> u32 {
        u32::from(mask)
    }

    #[inline(always)]
    fn bits_singles(self, mask: __mmask16) -> u32 {
        u32::from(mask)
    }

    #[inline(always)]
    fn sums(self, vectors: &[__m512d; DOUBLES]) -> __m512d {
        // SAFETY: the CPU has the level, and so AVX2.
        unsafe {
            let mut halves = [_mm256_setzero_pd(); DOUBLES];
            for index in 0..DOUBLES {
                let (low, high) = (
                    _mm512_castpd512_pd256(vectors[index]),
                    _mm512_extractf64x4_pd::<1>(vectors[index]),
                );
                halves[index] = _mm256_add_pd(low, high);
            }
            let [a, b, c, d, e, f, g, h] = halves;
            let (low, high) = (avx2::sums_of_four(a, b, c, d), avx2::sums_of_four(e, f, g, h));
            _mm512_insertf64x4::<1>(_mm512_castpd256_pd512(low), high)
        }
    }

    #[inline(always)]
    fn integers(self, vector: __m512d) -> [i32; DOUBLES] {
        let mut integers = [0; DOUBLES];
        // SAFETY: the CPU has the level; the array has as many places as the vector has lanes.
        unsafe { _mm256_storeu_si256(integers.as_mut_ptr().cast(), _mm512_cvttpd_epi32(vector)) };
        integers
    }

    #[inline(always)]
    fn gather_singles(self, table: &[f32], places: &[i32; SINGLES]) -> __m512 {
        let Some(last) = table.len().checked_sub(1) else {
            return self.single(0.0);
        };
        let last = i32::try_from(last).unwrap_or(i32::MAX);
        // SAFETY: the CPU has the level; places are cut, as numbers without a sign, to those of the table.
        unsafe {
            let places = _mm512_min_epu32(_mm512_loadu_si512(places.as_ptr().cast()), _mm512_set1_epi32(last));
            _mm512_i32gather_ps::<4>(places, table.as_ptr())
        }
    }

    #[inline(always)]
    fn integers_singles(self, vector: __m512) -> [i32; SINGLES] {
        let mut integers = [0; SINGLES];
        // SAFETY: the CPU has the level; the array has as many places as the vector has lanes.
        unsafe { _mm512_storeu_si512(integers.as_mut_ptr().cast(), _mm512_cvttps_epi32(vector)) };
        integers
    }
}
