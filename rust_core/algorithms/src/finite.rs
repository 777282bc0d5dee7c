//! Whether values are finite.

use crate::simd::{DOUBLES, Kernel, Simd, dispatch};

/// Whether no value is NaN or infinite.
pub(crate) fn all_finite(values: &[f64]) -> bool {
    dispatch(AllFinite(values))
}

struct AllFinite<'a>(&'a [f64]);

impl Kernel for AllFinite<'_> {
    type Output = bool;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> bool {
        let (vectors, last) = self.0.as_chunks::<DOUBLES>();
        let (pairs, odd) = vectors.as_chunks::<2>();
        // A value times 0 is 0 or NaN, and NaN stays in a sum.
        let zero = simd.double(0.0);
        let mut sums = [zero; 2];
        for pair in pairs {
            for half in 0..2 {
                sums[half] = simd.mul_add(simd.load(&pair[half]), zero, sums[half]);
            }
        }
        for vector in odd {
            sums[0] = simd.mul_add(simd.load(vector), zero, sums[0]);
        }
        let sum = simd.add(sums[0], sums[1]);
        let equal = simd.bits(simd.equal(sum, sum));
        equal == (1 << DOUBLES) - 1 && last.iter().all(|value| value.is_finite())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_one_anywhere() {
        for length in 0..40 {
            let mut values = vec![-f64::MAX; length];
            assert!(all_finite(&values));
            for index in 0..length {
                for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
                    values[index] = bad;
                    assert!(!all_finite(&values), "{bad} at {index} of {length}");
                }
                values[index] = 1.0;
            }
        }
    }
}
