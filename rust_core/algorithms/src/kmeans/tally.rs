//! Exact sums of the rows of each cluster, whatever order they come in.
//!
//! A value is cut into three pieces, each a multiple of a power of two that is coarse enough for sums of all rows' pieces to be
//! exact in float64. So a row that changes its cluster is taken from one sum and added to another without a trace, in any order and
//! by any thread: the sums are those of the labels, whatever the labels were before. What is cut off lies at least 2⁻⁹⁸ below the
//! column's greatest value for a million rows, 2⁻⁶⁸ for a thousand million.
//!
//! The way to cut: S. M. Rump, T. Ogita, S. Oishi, "Accurate floating-point summation part I", SIAM J. Sci. Comput. 31 (2008).

#![allow(
    clippy::needless_range_loop,
    reason = "registers have numbers, and closures would not be inlined"
)]

use crate::interrupt::Interrupted;
use crate::rows::Tile;
use crate::sample::Sample;
use crate::simd::{DOUBLES, Kernel, Simd, dispatch};
use crate::values::Value;
use crate::{blocks::Blocks, kmeans::sums::Sums};

/// Pieces of a value.
const PIECES: usize = 3;

/// Values beyond which sums could overflow.
const GREATEST: f64 = 1e280;

/// Where values are cut: for each piece and column, 1.5 × 2⁵² times what the piece is a multiple of. Adding that and taking it away
/// again rounds to such multiples.
#[derive(Debug, Clone)]
pub(crate) struct Cuts {
    columns: Vec<[[f64; DOUBLES]; PIECES]>,
    weight: [f64; PIECES],
}

impl Cuts {
    /// For these rows and weights; None where a value is too great.
    pub(crate) fn of(sample: Sample<'_>) -> Result<Option<Self>, Interrupted> {
        let columns = sample.columns();
        let vectors = columns.div_ceil(DOUBLES);
        let blocks = Blocks::new(sample.len(), columns, columns, 2 * DOUBLES);
        let mut extents = vec![Extent::default(); blocks.count()];
        blocks.reduce(&mut extents, |block, extent| {
            extent.columns.resize(vectors, [0.0; DOUBLES]);
            sample.tiles(&blocks, block, |tile, rows| {
                if let Tile::Dense(values) = rows {
                    dispatch(Widen {
                        values,
                        columns,
                        weights: sample.weights_of(tile),
                        extent,
                    });
                }
            })
        })?;
        let mut total = Extent {
            columns: vec![[0.0; DOUBLES]; vectors],
            weight: 0.0,
        };
        for extent in &extents {
            total.weight = total.weight.max(extent.weight);
            for (total, extent) in total
                .columns
                .as_flattened_mut()
                .iter_mut()
                .zip(extent.columns.as_flattened())
            {
                *total = total.max(*extent);
            }
        }
        let greatest = total
            .columns
            .as_flattened()
            .iter()
            .fold(total.weight, |most, value| most.max(*value));
        if greatest > GREATEST {
            return Ok(None);
        }
        let columns = total.columns.iter().map(|extents| {
            let mut cuts = [[0.0; DOUBLES]; PIECES];
            for lane in 0..DOUBLES {
                for (piece, cut) in cuts_of(extents[lane], sample.len()).into_iter().enumerate() {
                    cuts[piece][lane] = cut;
                }
            }
            cuts
        });
        Ok(Some(Self {
            columns: columns.collect(),
            weight: cuts_of(total.weight, sample.len()),
        }))
    }
}

/// The cuts for values up to `greatest`, of which `count` are summed.
fn cuts_of(greatest: f64, count: usize) -> [f64; PIECES] {
    // Greater than any sum of so many pieces that are smaller than 1, with a bit to spare.
    let bits = (usize::BITS - count.leading_zeros()) as i32 + 1;
    let exponent = ((greatest.to_bits() >> 52) as i32 - 1023).max(-1022);
    let mut top = exponent + 1;
    [(); PIECES].map(|()| {
        // Multiples of the least float64 number need no finer cut.
        let unit = (top + bits - 53).max(-1074);
        // What is left is at most half a unit.
        top = unit - 1;
        1.5 * power_of_two(unit + 52)
    })
}

/// For exponents of normal numbers.
fn power_of_two(exponent: i32) -> f64 {
    f64::from_bits(((exponent + 1023) as u64) << 52)
}

/// The greatest absolute values: of columns, weighted, and of the weights.
#[derive(Clone, Default)]
struct Extent {
    columns: Vec<[f64; DOUBLES]>,
    weight: f64,
}

struct Widen<'a> {
    values: &'a [f64],
    columns: usize,
    weights: Option<&'a [f64]>,
    extent: &'a mut Extent,
}

impl Kernel for Widen<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let extent = self.extent;
        let zero = simd.double(0.0);
        for (index, row) in self.values.chunks_exact(self.columns).enumerate() {
            let weight = self.weights.map_or(1.0, |weights| weights[index]);
            extent.weight = extent.weight.max(weight);
            let weight = simd.double(weight);
            for (values, greatest) in row.chunks(DOUBLES).zip(&mut extent.columns) {
                let value = simd.mul(weight, simd.load_some(values));
                let size = simd.max(value, simd.sub(zero, value));
                simd.store(simd.max(size, simd.load(greatest)), greatest);
            }
        }
    }
}

/// Sums, by cluster.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tally {
    /// Cluster after cluster, vector of columns after vector.
    columns: Vec<[[f64; DOUBLES]; PIECES]>,
    weights: Vec<[f64; PIECES]>,
}

impl Tally {
    /// Nothing.
    pub(crate) fn new(n_clusters: usize, columns: usize) -> Self {
        Self {
            columns: vec![[[0.0; DOUBLES]; PIECES]; n_clusters * columns.div_ceil(DOUBLES)],
            weights: vec![[0.0; PIECES]; n_clusters],
        }
    }

    /// Takes a row from the sums of the cluster `from`, if there is one (a label that is not negative), and adds it to those of `to`.
    #[inline(always)]
    pub(crate) fn carry<S: Simd, V: Value>(
        &mut self,
        simd: S,
        cuts: &Cuts,
        row: &[V],
        weight: f64,
        from: i32,
        to: usize,
    ) {
        let mut rest = weight;
        for piece in 0..PIECES {
            let part = (rest + cuts.weight[piece]) - cuts.weight[piece];
            rest -= part;
            self.weights[to][piece] += part;
            if from >= 0 {
                self.weights[from as usize][piece] -= part;
            }
        }
        let weight = simd.double(weight);
        let vectors = cuts.columns.len();
        for (index, (values, cuts)) in row.chunks(DOUBLES).zip(&cuts.columns).enumerate() {
            let value = if let Some(values) = values.as_array() {
                V::load(simd, values)
            } else {
                V::load_some(simd, values)
            };
            let mut rest = simd.mul(weight, value);
            let mut parts = [rest; PIECES];
            for piece in 0..PIECES {
                let cut = simd.load(&cuts[piece]);
                parts[piece] = simd.sub(simd.add(rest, cut), cut);
                rest = simd.sub(rest, parts[piece]);
            }
            let sums = &mut self.columns[to * vectors + index];
            for piece in 0..PIECES {
                simd.store(simd.add(simd.load(&sums[piece]), parts[piece]), &mut sums[piece]);
            }
            if from >= 0 {
                let sums = &mut self.columns[from as usize * vectors + index];
                for piece in 0..PIECES {
                    simd.store(simd.sub(simd.load(&sums[piece]), parts[piece]), &mut sums[piece]);
                }
            }
        }
    }

    /// Takes what `other` has, which is left empty.
    pub(crate) fn absorb(&mut self, other: &mut Self) {
        let (ours, theirs) = (self.columns.as_flattened_mut(), other.columns.as_flattened_mut());
        let columns = ours.as_flattened_mut().iter_mut().zip(theirs.as_flattened_mut());
        let weights = self
            .weights
            .as_flattened_mut()
            .iter_mut()
            .zip(other.weights.as_flattened_mut());
        for (ours, theirs) in columns.chain(weights) {
            *ours += std::mem::take(theirs);
        }
    }

    /// Writes each cluster's weight, and the weighted deviations of its rows from `centers`.
    pub(crate) fn state(&self, centers: &[f64], columns: usize, sums: &mut Sums) {
        let total = |pieces: [f64; PIECES]| (pieces[2] + pieces[1]) + pieces[0];
        sums.weights.clear();
        sums.weights.extend(self.weights.iter().map(|pieces| total(*pieces)));
        sums.deviations.clear();
        let clusters = centers
            .chunks_exact(columns)
            .zip(self.columns.chunks_exact(columns.div_ceil(DOUBLES)));
        for ((center, vectors), weight) in clusters.zip(&sums.weights) {
            let of_center = center.iter().enumerate().map(|(column, value)| {
                let pieces = &vectors[column / DOUBLES];
                let sum = total([0, 1, 2].map(|piece| pieces[piece][column % DOUBLES]));
                if *weight > 0.0 {
                    (sum / weight - value) * weight
                } else {
                    0.0
                }
            });
            sums.deviations.extend(of_center);
        }
    }
}
