//! The step of the centres to the means of their rows.

use rayon::prelude::*;

use crate::error::FitError;
use crate::interrupt::{self, Interrupted};
use crate::kmeans::centers::MANY_VALUES;
use crate::kmeans::lloyd::Lloyd;
use crate::kmeans::lloyd::buffers::{Buffers, OVERFLOW};
use crate::kmeans::relocate;
use crate::packed::squared_distance;

impl Lloyd<'_> {
    /// Moves each centre to the weighted mean of its rows, and empty clusters as `relocate` says. The sum of squared shifts.
    pub(super) fn update(&mut self, centers: &mut [f64], labels: &[i32]) -> Result<f64, FitError> {
        let moves = if self.carried.is_some() {
            self.by_sums(centers, labels)?
        } else {
            self.by_deviations(centers, labels)?
        };
        let columns = self.sample.columns();
        let weights = &self.buffers.outcomes[0].sums.weights;
        for (cluster, row) in moves {
            if weights[cluster] > 0.0 {
                centers[cluster * columns..(cluster + 1) * columns].copy_from_slice(&self.sample.row(row));
            }
        }
        join_heaviest(centers, columns, weights);
        let shift = self.shift(centers)?;
        if shift.is_finite() { Ok(shift) } else { Err(OVERFLOW) }
    }

    /// Moves each centre by the mean deviation of its rows. The rows that empty clusters go to.
    fn by_deviations(&mut self, centers: &mut [f64], labels: &[i32]) -> Result<Vec<(usize, usize)>, FitError> {
        let interrupt = self.sample.interrupt;
        self.buffers.total(interrupt)?;
        let Buffers {
            centers: assigned,
            outcomes,
        } = &mut *self.buffers;
        let total = &mut outcomes[0].sums;
        let moves = relocate::relocate(
            self.sample,
            &self.blocks,
            labels,
            assigned,
            &mut total.deviations,
            &mut total.weights,
        )?;
        let columns = self.sample.columns();
        let (weights, deviations) = (&total.weights, &total.deviations);
        let step = |(cluster, center): (usize, &mut [f64])| {
            interrupt::check(interrupt)?;
            let weight = weights[cluster];
            if weight > 0.0 {
                let deviations = &deviations[cluster * columns..(cluster + 1) * columns];
                for (value, deviation) in center.iter_mut().zip(deviations) {
                    *value += deviation / weight;
                }
            }
            Ok::<(), Interrupted>(())
        };
        if centers.len() >= MANY_VALUES {
            centers.par_chunks_exact_mut(columns).enumerate().try_for_each(step)?;
        } else {
            centers.chunks_exact_mut(columns).enumerate().try_for_each(step)?;
        }
        Ok(moves)
    }

    /// [`Lloyd::by_deviations`] from sums that are carried.
    fn by_sums(&mut self, centers: &mut [f64], labels: &[i32]) -> Result<Vec<(usize, usize)>, FitError> {
        let Some(carried) = &mut self.carried else {
            return Ok(Vec::new());
        };
        let Buffers {
            centers: assigned,
            outcomes,
        } = &mut *self.buffers;
        let weights = &mut outcomes[0].sums.weights;
        *weights = carried.weights();
        let moves = relocate::moves(self.sample, &self.blocks, labels, assigned, weights)?;
        for &(cluster, row) in &moves {
            weights[labels[row] as usize] -= 1.0;
            weights[cluster] = 1.0;
        }
        carried.means(self.sample, labels, &moves, centers)?;
        Ok(moves)
    }

    /// The sum of the squared ways from the centres that rows were compared with: the same, whoever adds.
    fn shift(&self, centers: &[f64]) -> Result<f64, Interrupted> {
        let (old, columns) = (self.buffers.centers.values(), self.sample.columns());
        let shift_of = |(old, new): (&[f64], &[f64])| {
            interrupt::check(self.sample.interrupt)?;
            Ok(squared_distance(old, new))
        };
        if centers.len() >= MANY_VALUES {
            let pairs = old.par_chunks_exact(columns).zip(centers.par_chunks_exact(columns));
            let shifts = pairs.map(shift_of).collect::<Result<Vec<f64>, _>>()?;
            Ok(shifts.into_iter().sum())
        } else {
            let pairs = old.chunks_exact(columns).zip(centers.chunks_exact(columns));
            pairs.map(shift_of).sum()
        }
    }
}

/// A cluster that stays empty joins the heaviest (the first among equals), rather than keep a place that no row asked for.
fn join_heaviest(centers: &mut [f64], columns: usize, weights: &[f64]) {
    let mut heaviest = 0;
    for (cluster, weight) in weights.iter().enumerate() {
        if *weight > weights[heaviest] {
            heaviest = cluster;
        }
    }
    for (cluster, weight) in weights.iter().enumerate() {
        if *weight <= 0.0 {
            centers.copy_within(heaviest * columns..(heaviest + 1) * columns, cluster * columns);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::join_heaviest;

    #[test]
    fn empty_clusters_join_the_first_of_the_heaviest() {
        let mut centers = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0];
        join_heaviest(&mut centers, 2, &[0.0, 3.0, 3.0, -0.0]);
        assert_eq!(centers, [3.0, 4.0, 3.0, 4.0, 5.0, 6.0, 3.0, 4.0]);
    }
}
