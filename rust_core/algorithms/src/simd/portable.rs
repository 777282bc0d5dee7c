//! Arrays, which the compiler turns into what vectors there are.

use std::array::from_fn;

use super::lanes::{DOUBLES, SINGLES, Simd};

/// The vectors of [`super::Level::Portable`].
#[derive(Clone, Copy)]
pub(crate) struct Portable;

#[inline(always)]
fn zip<T: Copy, U, const N: usize>(a: [T; N], b: [T; N], operation: impl Fn(T, T) -> U) -> [U; N] {
    from_fn(|lane| operation(a[lane], b[lane]))
}

#[inline(always)]
fn choose<T: Copy, const N: usize>(mask: [bool; N], a: [T; N], b: [T; N]) -> [T; N] {
    from_fn(|lane| if mask[lane] { a[lane] } else { b[lane] })
}

#[inline(always)]
fn gather_bits<const N: usize>(mask: [bool; N]) -> u32 {
    (0..)
        .zip(mask)
        .fold(0, |bits, (lane, truth)| bits | u32::from(truth) << lane)
}

/// What float16 needs to have the exponents of float32: 2¹¹².
const EXPONENTS: f32 = 5_192_296_858_534_827_628_530_496_329_220_096.0;

impl Simd for Portable {
    type Double = [f64; DOUBLES];
    type Single = [f32; SINGLES];
    type Half = [f32; DOUBLES];
    type DoubleMask = [bool; DOUBLES];
    type SingleMask = [bool; SINGLES];

    const REGISTERS: usize = 4;

    #[inline(always)]
    fn double(self, value: f64) -> Self::Double {
        [value; DOUBLES]
    }
    #[inline(always)]
    fn load(self, values: &[f64; DOUBLES]) -> Self::Double {
        *values
    }
    #[inline(always)]
    fn prefetch(self, _place: *const u8) {}
    #[inline(always)]
    fn load_widened(self, values: &[f32; DOUBLES]) -> Self::Double {
        values.map(f64::from)
    }
    #[inline(always)]
    fn store(self, vector: Self::Double, values: &mut [f64; DOUBLES]) {
        *values = vector;
    }
    #[inline(always)]
    fn columns<const D: usize>(self, rows: &[[f64; D]; DOUBLES]) -> [Self::Double; D] {
        from_fn(|column| from_fn(|row| rows[row][column]))
    }
    #[inline(always)]
    fn add(self, a: Self::Double, b: Self::Double) -> Self::Double {
        zip(a, b, |a, b| a + b)
    }
    #[inline(always)]
    fn sub(self, a: Self::Double, b: Self::Double) -> Self::Double {
        zip(a, b, |a, b| a - b)
    }
    #[inline(always)]
    fn mul(self, a: Self::Double, b: Self::Double) -> Self::Double {
        zip(a, b, |a, b| a * b)
    }
    #[inline(always)]
    fn div(self, a: Self::Double, b: Self::Double) -> Self::Double {
        zip(a, b, |a, b| a / b)
    }
    #[inline(always)]
    fn mul_add(self, a: Self::Double, b: Self::Double, c: Self::Double) -> Self::Double {
        from_fn(|lane| a[lane] * b[lane] + c[lane])
    }
    #[inline(always)]
    fn min(self, a: Self::Double, b: Self::Double) -> Self::Double {
        zip(a, b, |a, b| if a < b { a } else { b })
    }
    #[inline(always)]
    fn max(self, a: Self::Double, b: Self::Double) -> Self::Double {
        zip(a, b, |a, b| if a > b { a } else { b })
    }
    #[inline(always)]
    fn less(self, a: Self::Double, b: Self::Double) -> Self::DoubleMask {
        zip(a, b, |a, b| a < b)
    }
    #[inline(always)]
    fn equal(self, a: Self::Double, b: Self::Double) -> Self::DoubleMask {
        zip(a, b, |a, b| a == b)
    }
    #[inline(always)]
    fn select(self, mask: Self::DoubleMask, a: Self::Double, b: Self::Double) -> Self::Double {
        choose(mask, a, b)
    }
    #[inline(always)]
    fn bits(self, mask: Self::DoubleMask) -> u32 {
        gather_bits(mask)
    }
    #[inline(always)]
    fn sums(self, vectors: &[Self::Double; DOUBLES]) -> Self::Double {
        vectors.map(|v| ((v[0] + v[4]) + (v[2] + v[6])) + ((v[1] + v[5]) + (v[3] + v[7])))
    }
    #[inline(always)]
    fn integers(self, vector: Self::Double) -> [i32; DOUBLES] {
        vector.map(|value| value as i32)
    }
    #[inline(always)]
    fn load_integers(self, values: &[u32; DOUBLES]) -> Self::Double {
        values.map(f64::from)
    }
    #[inline(always)]
    fn power_of_two(self, vector: Self::Double) -> Self::Double {
        vector.map(|value| f64::from_bits(((value as i64 + 1023) as u64) << 52))
    }

    #[inline(always)]
    fn single(self, value: f32) -> Self::Single {
        [value; SINGLES]
    }
    #[inline(always)]
    fn load_singles(self, values: &[f32; SINGLES]) -> Self::Single {
        *values
    }
    #[inline(always)]
    fn store_singles(self, vector: Self::Single, values: &mut [f32; SINGLES]) {
        *values = vector;
    }
    #[inline(always)]
    fn add_singles(self, a: Self::Single, b: Self::Single) -> Self::Single {
        zip(a, b, |a, b| a + b)
    }
    #[inline(always)]
    fn mul_singles(self, a: Self::Single, b: Self::Single) -> Self::Single {
        zip(a, b, |a, b| a * b)
    }
    #[inline(always)]
    fn sub_singles(self, a: Self::Single, b: Self::Single) -> Self::Single {
        zip(a, b, |a, b| a - b)
    }
    #[inline(always)]
    fn mul_add_singles(self, a: Self::Single, b: Self::Single, c: Self::Single) -> Self::Single {
        from_fn(|lane| a[lane] * b[lane] + c[lane])
    }
    #[inline(always)]
    fn min_singles(self, a: Self::Single, b: Self::Single) -> Self::Single {
        zip(a, b, |a, b| if a < b { a } else { b })
    }
    #[inline(always)]
    fn max_singles(self, a: Self::Single, b: Self::Single) -> Self::Single {
        zip(a, b, |a, b| if a > b { a } else { b })
    }
    #[inline(always)]
    fn less_singles(self, a: Self::Single, b: Self::Single) -> Self::SingleMask {
        zip(a, b, |a, b| a < b)
    }
    #[inline(always)]
    fn select_singles(self, mask: Self::SingleMask, a: Self::Single, b: Self::Single) -> Self::Single {
        choose(mask, a, b)
    }
    #[inline(always)]
    fn bits_singles(self, mask: Self::SingleMask) -> u32 {
        gather_bits(mask)
    }
    #[inline(always)]
    fn gather_singles(self, table: &[f32], places: &[i32; SINGLES]) -> Self::Single {
        let last = table.len().saturating_sub(1);
        places.map(|place| {
            table
                .get(last.min(place.cast_unsigned() as usize))
                .copied()
                .unwrap_or(0.0)
        })
    }

    #[inline(always)]
    fn integers_singles(self, vector: Self::Single) -> [i32; SINGLES] {
        vector.map(|value| value as i32)
    }

    #[inline(always)]
    fn least_single(self, vector: Self::Single) -> f32 {
        vector.into_iter().fold(f32::INFINITY, f32::min)
    }

    #[inline(always)]
    fn load_float16(self, values: &[u16; SINGLES]) -> Self::Single {
        values.map(|value| {
            let (sign, rest) = (u32::from(value & 0x8000) << 16, u32::from(value & 0x7fff) << 13);
            // Exponents of float16 begin 112 later.
            f32::from_bits((f32::from_bits(rest) * EXPONENTS).to_bits() | sign)
        })
    }

    #[inline(always)]
    fn store_float16(self, vector: Self::Single, values: &mut [u16; SINGLES]) {
        *values = vector.map(|value| {
            let bits = (value.abs() / EXPONENTS).to_bits();
            // To the nearest, to the even one of two.
            let rounded = (bits + 0xfff + (bits >> 13 & 1)) >> 13;
            rounded as u16 | (value.to_bits() >> 16) as u16 & 0x8000
        });
    }

    #[inline(always)]
    fn narrow(self, low: Self::Double, high: Self::Double) -> Self::Single {
        from_fn(|lane| match lane.checked_sub(DOUBLES) {
            None => low[lane] as f32,
            Some(lane) => high[lane] as f32,
        })
    }
    #[inline(always)]
    fn widen(self, vector: Self::Single) -> [Self::Double; 2] {
        from_fn(|half| from_fn(|lane| f64::from(vector[half * DOUBLES + lane])))
    }
    #[inline(always)]
    fn turn(self, rows: [Self::Double; DOUBLES]) -> [Self::Double; DOUBLES] {
        from_fn(|column| from_fn(|row| rows[row][column]))
    }
    #[inline(always)]
    fn load_half(self, values: &[f32; DOUBLES]) -> Self::Half {
        *values
    }
    #[inline(always)]
    fn sub_halves(self, a: Self::Half, b: Self::Half) -> Self::Half {
        from_fn(|lane| a[lane] - b[lane])
    }
    #[inline(always)]
    fn mul_halves(self, a: Self::Half, b: Self::Half) -> Self::Half {
        from_fn(|lane| a[lane] * b[lane])
    }
    #[inline(always)]
    fn narrow_half(self, vector: Self::Double) -> Self::Half {
        vector.map(|value| value as f32)
    }
    #[inline(always)]
    fn transpose(self, rows: [[Self::Half; DOUBLES]; 2], to: &mut [f32], stride: usize) {
        for column in 0..DOUBLES {
            let to = &mut to[column * stride..][..SINGLES];
            for (to, row) in to.iter_mut().zip(rows.as_flattened()) {
                *to = row[column];
            }
        }
    }
}
