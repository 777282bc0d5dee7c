//! The inertia of dense rows whose labels are known.

use crate::blocks::Blocks;
use crate::interrupt::{self, Interrupted};
use crate::kmeans::assign::Outcome;
use crate::kmeans::centers::Centers;
use crate::kmeans::sums::Sums;
use crate::rows::Tile;
use crate::sample::Sample;
use crate::simd::{Kernel, Simd, dispatch};

/// The inertia of the rows of a sample, all of them labelled, block by block.
pub(crate) fn of_labels(
    sample: Sample<'_>,
    blocks: &Blocks,
    centers: &Centers,
    labels: &mut [i32],
    outcomes: &mut [Outcome],
) -> Result<(), Interrupted> {
    let check = || interrupt::check(sample.interrupt);
    blocks.write_reduce(labels, outcomes, |block, labels, outcome| {
        outcome.clear(centers, false, false, check)?;
        let first = block.start;
        sample.tiles(blocks, block, |tile, rows| {
            if let Tile::Dense(values) = rows {
                dispatch(Inertia {
                    centers,
                    values,
                    labels: &labels[tile.start - first..tile.end - first],
                    weights: sample.weights_of(tile),
                    sums: &mut outcome.sums,
                });
            }
        })?;
        outcome.sums.finish(centers, false, check)
    })
}

/// Adds the inertia of rows whose labels are known.
struct Inertia<'a> {
    centers: &'a Centers,
    values: &'a [f64],
    labels: &'a [i32],
    weights: Option<&'a [f64]>,
    sums: &'a mut Sums,
}

impl Kernel for Inertia<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let mut inertias = self.sums.inertias(simd);
        let rows = self.values.chunks_exact(self.centers.columns()).zip(self.labels);
        for (index, (row, label)) in rows.enumerate() {
            let weight = self.weights.map_or(1.0, |weights| weights[index]);
            self.sums
                .add_vectors(simd, self.centers, row, weight, *label as usize, false, &mut inertias);
        }
        self.sums.set_inertias(simd, inertias);
    }
}
