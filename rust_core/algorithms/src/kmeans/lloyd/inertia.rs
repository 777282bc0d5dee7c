//! The inertia of rows whose labels are known.

use crate::blocks::Blocks;
use crate::error::FitError;
use crate::interrupt;
use crate::kmeans::assign::Look;
use crate::kmeans::centers::Centers;
use crate::kmeans::lloyd::Lloyd;
use crate::kmeans::lloyd::buffers::{Buffers, finite};
use crate::kmeans::lloyd::carried::Carried;
use crate::kmeans::sums::{Sums, Wanted};
use crate::rows::Lying;
use crate::simd::{Kernel, Simd, dispatch};
use crate::values::Value;

impl Lloyd<'_> {
    /// Weighted sum of the squared distances of the rows to the centres of their labels. These are the nearest, but that rounding may have
    /// parted a tie since.
    pub(super) fn inertia(&mut self, centers: &[f64], labels: &mut [i32]) -> Result<f64, FitError> {
        if let Some(blocks) = self.by_cluster {
            self.buffers.centers.set_apart(centers);
            return self.distances(&blocks, labels);
        }
        if let Some(Carried::Ledger(_)) = self.carried {
            return self.by_vectors(centers, labels);
        }
        let look = Look {
            inertia: true,
            ..Look::default()
        };
        let changes = self.pass(centers, labels, look)?;
        let inertia = self.buffers.inertia()?;
        // Seldom, and then row by row.
        if changes.any {
            self.row_by_row(labels)
        } else {
            Ok(inertia)
        }
    }

    /// [`Lloyd::inertia`] by the route of [`Lloyd::pass`], whose centres are in place.
    fn row_by_row(&mut self, labels: &mut [i32]) -> Result<f64, FitError> {
        let (sample, blocks) = (self.sample, &self.blocks);
        let Buffers { centers, outcomes } = &mut *self.buffers;
        let columns = sample.columns();
        let check = || interrupt::check(sample.interrupt);
        blocks.write_reduce(labels, outcomes, |block, labels, outcome| {
            outcome.clear(centers, false, sample.rows().is_sparse(), check)?;
            let first = block.start;
            sample.tiles(blocks, block, |tile, rows| {
                for (index, row) in tile.zip(rows.rows(columns)) {
                    let (place, weight) = (index - first, sample.weight(index));
                    let cluster = labels[place] as usize;
                    outcome.sums.add(centers, place, row, weight, cluster, false);
                }
            })?;
            outcome.sums.finish(centers, false, check)
        })?;
        self.buffers.inertia()
    }

    /// [`Lloyd::inertia`] by centres that are in place, where sums are made by cluster.
    pub(super) fn distances(&mut self, blocks: &Blocks, labels: &[i32]) -> Result<f64, FitError> {
        self.buffers.centers.prepare_squares();
        let (sample, centers) = (self.sample, &self.buffers.centers);
        let mut inertias = vec![0.0; blocks.count()];
        blocks.reduce(&mut inertias, |block, inertia| {
            sample.tiles(blocks, block, |tile, rows| {
                for (index, row) in tile.zip(rows.rows(sample.columns())) {
                    *inertia += sample.weight(index) * centers.squared_distance(row, labels[index] as usize);
                }
            })
        })?;
        finite(inertias.iter().sum())
    }

    /// [`Lloyd::inertia`] of dense rows that have one sum for each value.
    fn by_vectors(&mut self, centers: &[f64], labels: &mut [i32]) -> Result<f64, FitError> {
        self.buffers.centers.set(centers);
        let (sample, blocks) = (self.sample, &self.blocks);
        let Buffers { centers, outcomes } = &mut *self.buffers;
        let centers = &*centers;
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
        })?;
        self.buffers.inertia()
    }
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
