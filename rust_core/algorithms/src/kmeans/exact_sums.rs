//! Sums of the rows of each cluster, without a rounding error.
//!
//! Sums of sparse rows are as long as the centres, and rows write to them here and there. So the sums of an iteration are those of
//! the one before, with the rows that went from one cluster to another: few after a while. As every value is a whole number of
//! units, and a sum has room for all rows together, nothing is ever rounded: it does not matter which rows came, went, or in
//! what order. A centre is the quotient, within two units of its last digit; a cluster of equal rows has them for its centre.

mod means;
#[cfg(test)]
mod tests;

use rayon::prelude::*;

use crate::csr::{Csr, CsrValues, Stored};
use crate::interrupt::{self, Interrupted};
use crate::rows::{LINE, Lines};
use crate::sample::Sample;
use crate::simd::{DOUBLES, Kernel, Simd, dispatch};
use means::Means;

/// Sums of eight columns: each one's low half, then its high one (two's complement), so that both lie in one line of the cache.
type Group = [u64; 2 * DOUBLES];

/// Bits of a sum, its sign included: a high half can be read as float64 at once.
const MOST_BITS: u32 = 64 + 51;

/// Bits of a value.
const MANTISSA: u32 = 53;

/// The least exponent, as stored, that values may have: means must not be too small for all digits.
const LEAST_EXPONENT: u32 = 256;

/// Rows between two looks at the interrupt.
const STRETCH: usize = 4096;

/// Rows that are asked for ahead of the one that is added.
const AHEAD: usize = 4;

/// What clusters sum up to, and who is counted where.
pub(crate) struct ExactSums {
    columns: usize,
    /// The exponent, as stored, of the smallest value: its last bit is the unit.
    base: u32,
    /// Cluster after cluster, a group for each eight columns: the first one at the start of a line of the cache.
    sums: Vec<u64>,
    /// Where that is.
    start: usize,
    /// Rows of each cluster.
    counts: Vec<u64>,
    /// The cluster that a row is counted in; −1 is none.
    counted: Vec<i32>,
}

impl ExactSums {
    /// Empty sums for the rows of `sample`. None where a sum may need more bits, rows have weights, or are not sparse.
    pub(crate) fn new(sample: Sample<'_>, n_clusters: usize) -> Option<Self> {
        let csr = sample.rows().as_csr().filter(|_| sample.is_plain())?;
        let (least, most) = exponents(csr);
        let bits = (most.saturating_sub(least) + MANTISSA).saturating_add(usize::BITS - csr.rows().leading_zeros() + 1);
        if least <= LEAST_EXPONENT || bits > MOST_BITS {
            return None;
        }
        let columns = csr.columns();
        // Zeros that nobody has written take no time.
        let sums = vec![0_u64; n_clusters * columns.div_ceil(DOUBLES) * 2 * DOUBLES + DOUBLES];
        Some(Self {
            columns,
            base: least,
            start: sums.as_ptr().align_offset(LINE).min(DOUBLES),
            sums,
            counts: vec![0; n_clusters],
            counted: vec![-1; csr.rows()],
        })
    }

    /// Counts no row any more.
    pub(crate) fn clear(&mut self) {
        if self.counts.iter().all(|count| *count == 0) {
            return;
        }
        self.sums.par_chunks_mut(1 << 16).for_each(|sums| sums.fill(0));
        self.counts.fill(0);
        self.counted.fill(-1);
    }

    /// Rows of each cluster.
    pub(crate) fn counts(&self) -> &[u64] {
        &self.counts
    }

    /// Counts every row in the cluster that its label says.
    pub(crate) fn follow(&mut self, sample: Sample<'_>, labels: &[i32]) -> Result<(), Interrupted> {
        let Some(csr) = sample.rows().as_csr() else {
            return Ok(());
        };
        let mut moves = vec![Vec::new(); self.counts.len()];
        for (row, (counted, label)) in self.counted.iter_mut().zip(labels).enumerate() {
            if counted != label {
                if let Ok(former) = usize::try_from(*counted) {
                    moves[former].push(Move { row, leaves: true });
                }
                moves[*label as usize].push(Move { row, leaves: false });
                *counted = *label;
            }
        }
        let of_cluster = self.columns.div_ceil(DOUBLES);
        let base = self.base;
        let (groups, _) = self.sums[self.start..].as_chunks_mut::<{ 2 * DOUBLES }>();
        groups
            .par_chunks_mut(of_cluster)
            .zip(&mut self.counts)
            .zip(&moves)
            .try_for_each(|((groups, count), moves)| {
                for stretch in 0..moves.len().div_ceil(STRETCH) {
                    interrupt::check(sample.interrupt)?;
                    let range = stretch * STRETCH..moves.len().min((stretch + 1) * STRETCH);
                    let ahead = &moves[range.end..moves.len().min(range.end + AHEAD)];
                    dispatch(Count {
                        csr,
                        moves: &moves[range],
                        ahead,
                        base,
                        groups,
                    });
                }
                let leaving = moves.iter().filter(|one| one.leaves).count() as u64;
                *count = *count + (moves.len() as u64 - leaving) - leaving;
                Ok(())
            })
    }

    /// Counts a row in no cluster until its label is followed again.
    pub(crate) fn leave_out(&mut self, sample: Sample<'_>, row: usize) {
        let (Some(csr), Ok(cluster)) = (sample.rows().as_csr(), usize::try_from(self.counted[row])) else {
            return;
        };
        let of_cluster = self.columns.div_ceil(DOUBLES);
        let (groups, _) = self.sums[self.start..].as_chunks_mut::<{ 2 * DOUBLES }>();
        dispatch(Count {
            csr,
            moves: &[Move { row, leaves: true }],
            ahead: &[],
            base: self.base,
            groups: &mut groups[cluster * of_cluster..(cluster + 1) * of_cluster],
        });
        self.counts[cluster] -= 1;
        self.counted[row] = -1;
    }

    /// Writes the mean of each cluster that has rows to `centers`, with all threads.
    pub(crate) fn means(&self, centers: &mut [f64]) {
        let of_cluster = self.columns.div_ceil(DOUBLES);
        let unit = self.unit();
        let (groups, _) = self.sums[self.start..].as_chunks::<{ 2 * DOUBLES }>();
        let clusters = centers
            .par_chunks_mut(self.columns)
            .zip(groups.par_chunks(of_cluster))
            .zip(&self.counts);
        clusters.for_each(|((center, groups), &count)| {
            if count > 0 {
                let centers = center.par_chunks_mut(MEANS * DOUBLES).zip(groups.par_chunks(MEANS));
                centers.for_each(|(center, groups)| {
                    dispatch(Means {
                        groups,
                        count: count as f64,
                        unit,
                        center,
                    });
                });
            }
        });
    }

    /// What a sum of 1 is worth.
    fn unit(&self) -> f64 {
        // As stored, exponents are 1023 too great, and the last bit of a value stands 52 places lower.
        f64::from_bits(u64::from(self.base - 52) << 52)
    }
}

/// Groups whose means are worked out at once.
const MEANS: usize = 2048;

/// The least and the greatest exponent of values that are not zero, as they are stored in float64. (1023, 1023) where there are
/// only zeros.
fn exponents(csr: &Csr<'_>) -> (u32, u32) {
    /// Values that a thread looks at.
    const STRETCH: usize = 1 << 17;
    fn of<T: Copy + Into<f64>>(values: &[T]) -> (u64, u64) {
        values.iter().fold((u64::MAX, 0), |(least, most), &value| {
            let magnitude: u64 = Into::<f64>::into(value).to_bits() & !(1 << 63);
            // Zero, less one, is greater than all.
            (least.min(magnitude.wrapping_sub(1)), most.max(magnitude))
        })
    }
    let join = |left: (u64, u64), right: (u64, u64)| (left.0.min(right.0), left.1.max(right.1));
    let (least, most) = match csr.stored().values {
        CsrValues::Single(values) => values.par_chunks(STRETCH).map(of).reduce(|| (u64::MAX, 0), join),
        CsrValues::Double(values) => values.par_chunks(STRETCH).map(of).reduce(|| (u64::MAX, 0), join),
    };
    if most == 0 {
        return (1023, 1023);
    }
    (((least + 1) >> 52) as u32, (most >> 52) as u32)
}

/// A row that comes to a cluster, or leaves it.
#[derive(Clone, Copy)]
struct Move {
    row: usize,
    leaves: bool,
}

/// Adds rows to one cluster's sums, and takes rows away.
struct Count<'a> {
    csr: &'a Csr<'a>,
    moves: &'a [Move],
    /// Those that come next.
    ahead: &'a [Move],
    base: u32,
    groups: &'a mut [Group],
}

impl Kernel for Count<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let stored = self.csr.stored();
        match stored.values {
            CsrValues::Single(values) => self.count(simd, stored, values),
            CsrValues::Double(values) => self.count(simd, stored, values),
        }
    }
}

impl Count<'_> {
    #[inline(always)]
    fn count<S: Simd, T: Copy + Into<f64>>(self, simd: S, stored: Stored<'_>, values: &[T]) {
        let Stored { indptr, indices, .. } = stored;
        let span = |row: usize| indptr[row] as usize..indptr[row + 1] as usize;
        for (index, one) in self.moves.iter().enumerate() {
            let place = index + AHEAD;
            if let Some(next) = self
                .moves
                .get(place)
                .or_else(|| self.ahead.get(place - self.moves.len()))
            {
                Lines::over(&indices[span(next.row)]).bring_all(simd);
                Lines::over(&values[span(next.row)]).bring_all(simd);
            }
            // The next row's columns are near by now; its sums are asked for while this one is added.
            if let Some(next) = self.moves.get(index + 1) {
                for &column in &indices[span(next.row)] {
                    let column = column as usize;
                    simd.prefetch(self.groups[column / DOUBLES][2 * (column % DOUBLES)..].as_ptr().cast());
                }
            }
            let span = span(one.row);
            for (&column, &value) in indices[span.clone()].iter().zip(&values[span]) {
                let bits = Into::<f64>::into(value).to_bits();
                let units = units(bits ^ (u64::from(one.leaves) << 63), self.base);
                let (group, lane) = (&mut self.groups[column as usize / DOUBLES], column as usize % DOUBLES);
                let sum = (i128::from(group[2 * lane + 1] as i64) << 64) | i128::from(group[2 * lane]);
                // It does not overflow: there is room for all rows.
                let sum = sum.wrapping_add(units);
                group[2 * lane] = sum as u64;
                group[2 * lane + 1] = (sum >> 64) as u64;
            }
        }
    }
}

/// A value, from its bits, in units.
#[inline(always)]
fn units(bits: u64, base: u32) -> i128 {
    let exponent = (bits >> 52) as u32 & 0x7ff;
    if exponent == 0 {
        return 0;
    }
    let magnitude = i128::from(bits & ((1 << 52) - 1) | 1 << 52) << ((exponent - base) & 127);
    // All ones where negative: −x is the complement of x − 1.
    let sign = i128::from(bits as i64 >> 63);
    (magnitude ^ sign).wrapping_sub(sign)
}
