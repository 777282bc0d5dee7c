//! The inertia of dense rows whose labels are known.

use crate::blocks::Blocks;
use crate::interrupt::{self, Interrupted};
use crate::kmeans::assign::Outcome;
use crate::kmeans::centers::Centers;
use crate::kmeans::sums::{Sums, Wanted};
use crate::rows::Lying;
use crate::sample::Sample;
use crate::simd::{Kernel, Simd, dispatch};
use crate::values::Value;

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
        sample.lying(blocks, block, |tile, rows| {
            let labels = &labels[tile.start - first..tile.end - first];
            let (weights, sums) = (sample.weights_of(tile), &mut outcome.sums);
            match rows {
                Lying::Double(values) => dispatch(Inertia {
                    centers,
                    values,
                    labels,
                    weights,
                    sums,
                }),
                Lying::Single(values) => dispatch(Inertia {
                    centers,
                    values,
                    labels,
                    weights,
                    sums,
                }),
                Lying::Sparse(_) | Lying::SparseSingle(_) => debug_assert!(false, "only dense rows come here"),
            }
        })?;
        outcome.sums.finish(centers, false, check)
    })
}

/// Adds the inertia of rows whose labels are known.
struct Inertia<'a, V> {
    centers: &'a Centers,
    values: &'a [V],
    labels: &'a [i32],
    weights: Option<&'a [f64]>,
    sums: &'a mut Sums,
}

impl<V: Value> Kernel for Inertia<'_, V> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let mut inertias = self.sums.inertias(simd);
        let rows = self.values.chunks_exact(self.centers.columns()).zip(self.labels);
        for (index, (row, label)) in rows.enumerate() {
            let weight = self.weights.map_or(1.0, |weights| weights[index]);
            let wanted = Wanted {
                gather: false,
                inertia: true,
            };
            self.sums
                .add_vectors(simd, self.centers, row, weight, *label as usize, wanted, &mut inertias);
        }
        self.sums.set_inertias(simd, inertias);
    }
}
