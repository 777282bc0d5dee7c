//! Exact sums of the rows of each cluster, whatever order they come in.
//!
//! A value is cut into three pieces, each a multiple of a power of two that is coarse enough for sums of all rows' pieces to be
//! exact in float64. So a row that changes its cluster is taken from one sum and added to another without a trace, in any order and
//! by any thread: the sums are those of the labels, whatever the labels were before. What is cut off lies at least 2⁻⁹⁸ below the
//! column's greatest value for a million rows, 2⁻⁶⁸ for a thousand million. Where that would leave a value with less than
//! [`LEAST_BITS`], there are no such sums.
//!
//! The way to cut: S. M. Rump, T. Ogita, S. Oishi, "Accurate floating-point summation part I", SIAM J. Sci. Comput. 31 (2008).

#![allow(
    clippy::needless_range_loop,
    reason = "registers have numbers, and closures would not be inlined"
)]

use rayon::prelude::*;

use crate::blocks::Blocks;
use crate::interrupt::{self, Interrupt, Interrupted};
use crate::kmeans::centers::MANY_VALUES;
use crate::kmeans::quotient::{add, quotient};
use crate::rows::Lying;
use crate::sample::Sample;
use crate::simd::{DOUBLES, Kernel, Simd, dispatch};
use crate::values::Value;

/// Pieces of a value.
const PIECES: usize = 3;

/// Values beyond which sums could overflow.
const GREATEST: f64 = 1e280;

/// Bits that the pieces of the least value have, at least.
const LEAST_BITS: i32 = 30;

/// The exponent of the least number of float64.
const LEAST_EXPONENT: i32 = -1074;

/// Where values are cut: for each piece and column, 1.5 × 2⁵² times what the piece is a multiple of. Adding that and taking it away
/// again rounds to such multiples.
#[derive(Debug, Clone)]
pub(crate) struct Cuts {
    columns: Vec<Pieces>,
    /// Whether the last piece of every value is 0: seldom of float64, mostly of float32.
    last_is_zero: bool,
}

impl Cuts {
    /// For these rows. None where they have weights, or where the values of a column are too great, or too unequal.
    pub(crate) fn of(sample: Sample<'_>) -> Result<Option<Self>, Interrupted> {
        if !sample.is_plain() {
            return Ok(None);
        }
        let columns = sample.columns();
        let vectors = columns.div_ceil(DOUBLES);
        let blocks = Blocks::new(sample.len(), columns, columns, 2 * DOUBLES);
        let mut extents = vec![vec![Extent::NONE; vectors]; blocks.count()];
        blocks.reduce(&mut extents, |block, extents| {
            sample.lying(&blocks, block, |_, rows| match rows {
                Lying::Double(values) => dispatch(Widen {
                    values,
                    columns,
                    extents,
                }),
                Lying::Single(values) => dispatch(Widen {
                    values,
                    columns,
                    extents,
                }),
                Lying::Sparse(_) | Lying::SparseSingle(_) => debug_assert!(false, "only dense rows come here"),
            })
        })?;
        let mut total = vec![Extent::NONE; vectors];
        for extents in &extents {
            for (total, extent) in total.iter_mut().zip(extents) {
                total.join(extent);
            }
        }
        // Rows that are not read where they lie may have been scaled: then their values have the digits of float64.
        let digits = match sample.rows().singles() {
            Some(_) => f32::MANTISSA_DIGITS,
            None => f64::MANTISSA_DIGITS,
        };
        let mut last_is_zero = true;
        let mut cuts = vec![Pieces::default(); vectors];
        for (cuts, extent) in cuts.iter_mut().zip(&total) {
            for lane in 0..DOUBLES {
                let (greatest, least) = (extent.greatest[lane], extent.least[lane]);
                let Some((of_column, unit)) = cuts_of(greatest, least, sample.len()) else {
                    return Ok(None);
                };
                for piece in 0..PIECES {
                    cuts.0[piece][lane] = of_column[piece];
                }
                // Values are multiples of the last digit of the least.
                last_is_zero &= least.is_infinite() || exponent(least) - (digits as i32 - 1) >= unit;
            }
        }
        Ok(Some(Self {
            columns: cuts,
            last_is_zero,
        }))
    }
}

/// The cuts for values from `least` (infinite where there is none but 0) to `greatest`, of which `count` are summed; and the
/// exponent of what the last piece but one is a multiple of.
fn cuts_of(greatest: f64, least: f64, count: usize) -> Option<([f64; PIECES], i32)> {
    if greatest > GREATEST {
        return None;
    }
    // Greater than any sum of so many pieces that are smaller than 1, with a bit to spare.
    let bits = (usize::BITS - count.leading_zeros()) as i32 + 1;
    let (mut top, mut unit, mut former) = (exponent(greatest) + 1, 0, 0);
    let cuts = [(); PIECES].map(|()| {
        former = unit;
        // Multiples of the least float64 number need no finer cut.
        unit = (top + bits - 53).max(LEAST_EXPONENT);
        // What is left is at most half a unit.
        top = unit - 1;
        1.5 * power_of_two(unit + 52)
    });
    let told = unit == LEAST_EXPONENT || (least >= f64::MIN_POSITIVE && exponent(least) >= unit + LEAST_BITS);
    told.then_some((cuts, former))
}

/// Of a number that is not negative; that of normal numbers, at least.
fn exponent(number: f64) -> i32 {
    ((number.to_bits() >> 52) as i32 - 1023).max(-1022)
}

/// For exponents of normal numbers.
fn power_of_two(exponent: i32) -> f64 {
    f64::from_bits(((exponent + 1023) as u64) << 52)
}

/// The greatest absolute values of eight columns, and the least that are not 0.
#[derive(Clone)]
struct Extent {
    greatest: [f64; DOUBLES],
    least: [f64; DOUBLES],
}

impl Extent {
    const NONE: Self = Self {
        greatest: [0.0; DOUBLES],
        least: [f64::INFINITY; DOUBLES],
    };

    fn join(&mut self, other: &Self) {
        for lane in 0..DOUBLES {
            self.greatest[lane] = self.greatest[lane].max(other.greatest[lane]);
            self.least[lane] = self.least[lane].min(other.least[lane]);
        }
    }
}

struct Widen<'a, V> {
    values: &'a [V],
    columns: usize,
    extents: &'a mut [Extent],
}

impl<V: Value> Kernel for Widen<'_, V> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let (zero, infinity) = (simd.double(0.0), simd.double(f64::INFINITY));
        for row in self.values.chunks_exact(self.columns) {
            for (values, extent) in row.chunks(DOUBLES).zip(&mut *self.extents) {
                let value = load(simd, values);
                let size = simd.max(value, simd.sub(zero, value));
                let greatest = simd.max(size, simd.load(&extent.greatest));
                simd.store(greatest, &mut extent.greatest);
                let size = simd.select(simd.equal(size, zero), infinity, size);
                simd.store(simd.min(size, simd.load(&extent.least)), &mut extent.least);
            }
        }
    }
}

/// Up to eight values; zeros in the other lanes.
#[inline(always)]
fn load<S: Simd, V: Value>(simd: S, values: &[V]) -> S::Double {
    match values.as_array() {
        Some(values) => V::load(simd, values),
        None => V::load_some(simd, values),
    }
}

/// The sums of eight columns, piece after piece, each on a line of memory.
#[derive(Debug, Clone, Copy, Default)]
#[repr(align(64))]
struct Pieces([[f64; DOUBLES]; PIECES]);

/// Sums, by cluster.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tally {
    /// Cluster after cluster, vector of columns after vector.
    columns: Vec<Pieces>,
    /// Rows of each cluster; less than none where rows left that another tally counts.
    counts: Vec<i64>,
}

/// Vectors between two looks at the interrupt.
const STRETCH: usize = 1 << 12;

impl Tally {
    /// Nothing.
    pub(crate) fn new(n_clusters: usize, columns: usize) -> Self {
        Self {
            columns: vec![Pieces::default(); n_clusters * columns.div_ceil(DOUBLES)],
            counts: vec![0; n_clusters],
        }
    }

    /// Makes it nothing again.
    pub(crate) fn clear(&mut self) {
        self.columns.fill(Pieces::default());
        self.counts.fill(0);
    }

    /// Rows of each cluster.
    pub(crate) fn counts(&self) -> &[i64] {
        &self.counts
    }

    /// Takes a row from the sums of the cluster `from` and adds it to those of `to`, where these are clusters: not negative.
    #[inline(always)]
    pub(crate) fn carry<S: Simd, V: Value>(&mut self, simd: S, cuts: &Cuts, row: &[V], from: i32, to: i32) {
        if cuts.last_is_zero {
            self.carry_pieces::<S, V, { PIECES - 1 }>(simd, cuts, row, from, to);
        } else {
            self.carry_pieces::<S, V, PIECES>(simd, cuts, row, from, to);
        }
    }

    /// [`Tally::carry`] of the first `N` pieces.
    #[inline(always)]
    fn carry_pieces<S: Simd, V: Value, const N: usize>(&mut self, simd: S, cuts: &Cuts, row: &[V], from: i32, to: i32) {
        if from >= 0 {
            self.counts[from as usize] -= 1;
        }
        if to >= 0 {
            self.counts[to as usize] += 1;
        }
        let vectors = cuts.columns.len();
        for (index, (values, cuts)) in row.chunks(DOUBLES).zip(&cuts.columns).enumerate() {
            let mut rest = load(simd, values);
            let mut parts = [rest; N];
            for piece in 0..N {
                let cut = simd.load(&cuts.0[piece]);
                parts[piece] = simd.sub(simd.add(rest, cut), cut);
                rest = simd.sub(rest, parts[piece]);
            }
            if to >= 0 {
                let Pieces(sums) = &mut self.columns[to as usize * vectors + index];
                for piece in 0..N {
                    simd.store(simd.add(simd.load(&sums[piece]), parts[piece]), &mut sums[piece]);
                }
            }
            if from >= 0 {
                let Pieces(sums) = &mut self.columns[from as usize * vectors + index];
                for piece in 0..N {
                    simd.store(simd.sub(simd.load(&sums[piece]), parts[piece]), &mut sums[piece]);
                }
            }
        }
    }

    /// Takes what `other` has, which is left empty.
    pub(crate) fn absorb(&mut self, other: &mut Self, interrupt: Interrupt<'_>) -> Result<(), Interrupted> {
        for (ours, theirs) in self.counts.iter_mut().zip(&mut other.counts) {
            *ours += std::mem::take(theirs);
        }
        let add = |(ours, theirs): (&mut [Pieces], &mut [Pieces])| {
            interrupt::check(interrupt)?;
            for (Pieces(ours), Pieces(theirs)) in ours.iter_mut().zip(theirs) {
                for (ours, theirs) in ours.as_flattened_mut().iter_mut().zip(theirs.as_flattened_mut()) {
                    *ours += std::mem::take(theirs);
                }
            }
            Ok(())
        };
        if self.columns.len() * DOUBLES < MANY_VALUES {
            let theirs = other.columns.chunks_mut(STRETCH);
            self.columns.chunks_mut(STRETCH).zip(theirs).try_for_each(add)
        } else {
            let theirs = other.columns.par_chunks_mut(STRETCH);
            self.columns.par_chunks_mut(STRETCH).zip(theirs).try_for_each(add)
        }
    }

    /// Writes the mean of each cluster that has rows to `centers`: rounded once, and a cluster of equal rows has them for its centre.
    pub(crate) fn means(&self, centers: &mut [f64], interrupt: Interrupt<'_>) -> Result<(), Interrupted> {
        let columns = centers.len() / self.counts.len();
        let vectors = columns.div_ceil(DOUBLES);
        let mean = |((center, sums), &count): ((&mut [f64], &[Pieces]), &i64)| {
            interrupt::check(interrupt)?;
            if count > 0 {
                let count = count as f64;
                dispatch(Means { sums, count, center });
            }
            Ok(())
        };
        if centers.len() < MANY_VALUES {
            let clusters = centers.chunks_mut(columns).zip(self.columns.chunks(vectors));
            clusters.zip(&self.counts).try_for_each(mean)
        } else {
            let clusters = centers.par_chunks_mut(columns).zip(self.columns.par_chunks(vectors));
            clusters.zip(&self.counts).try_for_each(mean)
        }
    }
}

/// The mean of one cluster.
struct Means<'a> {
    sums: &'a [Pieces],
    count: f64,
    center: &'a mut [f64],
}

impl Kernel for Means<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let inverse = 1.0 / self.count;
        for (center, Pieces(sums)) in self.center.chunks_mut(DOUBLES).zip(self.sums) {
            let means: [f64; DOUBLES] = std::array::from_fn(|lane| {
                let (sum, lost) = add(sums[0][lane], sums[1][lane]);
                let (sum, lost_too) = add(sum, sums[2][lane]);
                quotient(sum, lost + lost_too, self.count, inverse)
            });
            center.copy_from_slice(&means[..center.len()]);
        }
    }
}
