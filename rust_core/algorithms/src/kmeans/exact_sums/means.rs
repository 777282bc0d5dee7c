//! Means from exact sums.

use super::Group;
use crate::kmeans::quotient::{add, quotient};
use crate::rows::Lines;
use crate::simd::{DOUBLES, Kernel, Simd};

/// Groups that are asked for ahead of the one whose means are worked out.
const MEANS_AHEAD: usize = 24;

/// Means of a stretch of columns.
pub(super) struct Means<'a> {
    pub(super) groups: &'a [Group],
    pub(super) count: f64,
    pub(super) unit: f64,
    pub(super) center: &'a mut [f64],
}

impl Kernel for Means<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let inverse = 1.0 / self.count;
        let mean = |group: &Group| -> [f64; DOUBLES] {
            std::array::from_fn(|lane| mean(group[2 * lane], group[2 * lane + 1], self.count, inverse) * self.unit)
        };
        let (vectors, last) = self.center.as_chunks_mut::<DOUBLES>();
        for (index, (vector, group)) in vectors.iter_mut().zip(self.groups).enumerate() {
            if let Some(ahead) = self.groups.get(index + MEANS_AHEAD) {
                Lines::over(ahead).bring_all(simd);
            }
            *vector = mean(group);
        }
        if let Some(group) = self.groups.get(vectors.len()) {
            last.copy_from_slice(&mean(group)[..last.len()]);
        }
    }
}

/// A sum, in two halves, by a count.
#[inline(always)]
fn mean(low: u64, high: u64, count: f64, inverse: f64) -> f64 {
    const HALF: u64 = 1 << 32;
    // Three parts that float64 holds: the sum is high × 2⁶⁴ + middle × 2³² + last.
    let (middle, last) = (((low as i64) >> 32) as u64, low % HALF);
    let high = high.wrapping_add(low >> 63);
    let high = whole(high) * 18_446_744_073_709_551_616.0;
    let middle = whole(middle) * 4_294_967_296.0;
    let last = whole(last);
    let (upper, lost_of_upper) = add(high, middle);
    let (sum, lost_of_sum) = add(upper, last);
    let lost = lost_of_sum + lost_of_upper;
    quotient(sum, lost, count, inverse)
}

/// A whole number of at most 51 bits (two's complement) as float64: added to the last bits of 3 × 2⁵¹.
#[inline(always)]
fn whole(number: u64) -> f64 {
    const SHIFT: f64 = 6_755_399_441_055_744.0;
    f64::from_bits(SHIFT.to_bits().wrapping_add(number)) - SHIFT
}
