//! Whether values are finite.

use crate::simd::{DOUBLES, Kernel, Simd, dispatch};
use crate::values::Value;

/// Whether no value is NaN or infinite.
pub(crate) fn all_finite<V: Value>(values: &[V]) -> bool {
    dispatch(AllFinite(values))
}

struct AllFinite<'a, V>(&'a [V]);

impl<V: Value> Kernel for AllFinite<'_, V> {
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
                sums[half] = simd.mul_add(V::load(simd, &pair[half]), zero, sums[half]);
            }
        }
        for vector in odd {
            sums[0] = simd.mul_add(V::load(simd, vector), zero, sums[0]);
        }
        let sum = simd.add(sums[0], sums[1]);
        let equal = simd.bits(simd.equal(sum, sum));
        equal == (1 << DOUBLES) - 1 && last.iter().all(|value| (*value).into().is_finite())
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
