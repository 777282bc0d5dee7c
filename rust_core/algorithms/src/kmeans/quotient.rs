//! Sums that float64 does not hold, and their division.

/// `(sum + lost) / count`, rounded once but for errors of about 2⁻¹⁰⁰ of it: the exact quotient where float64 has it. `lost` is
/// what `sum` lacks by rounding, `inverse` is 1 / `count`. To be called from kernels, whose instructions fuse.
#[inline(always)]
pub(crate) fn quotient(sum: f64, lost: f64, count: f64, inverse: f64) -> f64 {
    let quotient = sum * inverse;
    let rest = f64::mul_add(-quotient, count, sum) + lost;
    quotient + rest * inverse
}

/// A sum and what it lost by rounding.
#[inline(always)]
pub(crate) fn add(one: f64, other: f64) -> (f64, f64) {
    let sum = one + other;
    let added = sum - one;
    (sum, (one - (sum - added)) + (other - added))
}
