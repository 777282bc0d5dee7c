//! K-Means clustering: Lloyd's algorithm with greedy k-means++.
//!
//! The semantics are those of scikit-learn 1.9.1 (`sklearn.cluster.KMeans`, algorithm `lloyd`): the same seed draws the same first
//! centres, the same tests stop the iterations, ties go to the lowest cluster, empty clusters move to the farthest rows. Distances
//! are sums of squared differences in float64, and new centres are the old ones plus the mean deviation from them, so that rows
//! far from the origin keep their digits.
//!
//! Sources: S. P. Lloyd, "Least squares quantization in PCM", IEEE Trans. Inf. Theory 28 (1982); D. Arthur and
//! S. Vassilvitskii, "k-means++: the advantages of careful seeding", SODA 2007 (its greedy variant: best of 2 + ⌊ln k⌋ draws).

mod init;
mod lloyd;
mod model;
mod relocate;
mod tolerance;

pub use model::KMeans;

use crate::error::{Field, FitError};
use crate::interrupt::Interrupt;
use crate::numpy_random::RandomState;
use crate::rows::Rows;
use crate::sample::Sample;
use lloyd::{Lloyd, Run};

/// How to fit. [`Default`] gives scikit-learn's defaults, with seed 0.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameters {
    /// Number of clusters: at least 1, at most the number of rows. Default 8.
    pub n_clusters: usize,
    /// Where the centres start. Default [`Init::KMeansPlusPlus`].
    pub init: Init,
    /// Runs with different draws, of which the best is kept; at least 1. Given centres are run once, whatever this says. Default 1.
    pub n_init: usize,
    /// Most iterations of one run, at least 1. Default 300.
    pub max_iter: usize,
    /// A run stops when the centres' squared shifts sum to at most `tol` times the mean variance of the columns; finite, at
    /// least 0. Default 1e-4.
    pub tol: f64,
    /// Seed of the draws. Default 0.
    pub seed: u32,
}

impl Default for Parameters {
    fn default() -> Self {
        Self {
            n_clusters: 8,
            init: Init::KMeansPlusPlus,
            n_init: 1,
            max_iter: 300,
            tol: 1e-4,
            seed: 0,
        }
    }
}

/// Where the centres start.
#[derive(Debug, Clone, PartialEq)]
pub enum Init {
    /// Greedy k-means++: rows drawn by weight and squared distance.
    KMeansPlusPlus,
    /// These centres, row-major: `n_clusters × columns` finite values.
    Centers(Vec<f64>),
}

/// The outcome of a fit.
#[derive(Debug, Clone)]
pub struct Fit {
    /// The fitted centres.
    pub model: KMeans,
    /// Cluster of each row, in `0..n_clusters`: the nearest centre.
    pub labels: Vec<i32>,
    /// Weighted sum of squared distances of the rows to their centres.
    pub inertia: f64,
    /// Iterations of the best run.
    pub n_iter: usize,
    /// Whether the best run stopped by itself, rather than at `max_iter`.
    pub converged: bool,
    /// Clusters that have a row; fewer than `n_clusters` when there are fewer distinct rows.
    pub distinct_labels: usize,
}

impl KMeans {
    /// Fits centres to `rows` (each weighing `weights[row]`, or 1).
    ///
    /// Best of `n_init` runs: a later run replaces an earlier one when its inertia is lower and it parts the rows differently.
    ///
    /// # Errors
    /// [`FitError::Invalid`] for a parameter, weight or value out of its range; [`FitError::Overflow`] when squared
    /// distances exceed float64 (values beyond about 1e154); [`FitError::Interrupted`].
    pub fn fit(
        rows: Rows<'_>,
        weights: Option<&[f64]>,
        parameters: &Parameters,
        interrupt: Interrupt<'_>,
    ) -> Result<Fit, FitError> {
        parameters.check(rows)?;
        let sample = Sample::check(rows, weights, interrupt)?;
        let threshold = tolerance::threshold(sample, parameters.tol)?;
        let mut lloyd = Lloyd::new(sample, parameters.n_clusters);
        let mut random = RandomState::new(parameters.seed);
        let runs = match parameters.init {
            Init::KMeansPlusPlus => parameters.n_init,
            Init::Centers(_) => 1,
        };
        let mut best: Option<Run> = None;
        for _ in 0..runs {
            let centers = match &parameters.init {
                Init::KMeansPlusPlus => init::k_means_plus_plus(sample, parameters.n_clusters, &mut random)?,
                Init::Centers(centers) => centers.clone(),
            };
            let run = lloyd.run(centers, parameters.max_iter, threshold)?;
            let better = best.as_ref().is_none_or(|best| {
                run.inertia < best.inertia && !same_partition(&run.labels, &best.labels, parameters.n_clusters)
            });
            if better {
                best = Some(run);
            }
        }
        let run = best.ok_or_else(|| FitError::invalid(Field::NInit, "at least 1", 0))?;
        let distinct_labels = distinct(&run.labels, parameters.n_clusters);
        let model = KMeans::new(run.centers, parameters.n_clusters, rows.columns())
            .map_err(|_| FitError::Overflow { quantity: "a centre" })?;
        Ok(Fit {
            model,
            labels: run.labels,
            inertia: run.inertia,
            n_iter: run.n_iter,
            converged: run.converged,
            distinct_labels,
        })
    }
}

impl Parameters {
    fn check(&self, rows: Rows<'_>) -> Result<(), FitError> {
        if self.n_clusters == 0 || i32::try_from(self.n_clusters).is_err() {
            return Err(FitError::invalid(
                Field::NClusters,
                format!("1 to {}", i32::MAX),
                self.n_clusters,
            ));
        }
        if self.n_clusters > rows.rows() {
            let expected = format!("at most the number of rows, {}", rows.rows());
            return Err(FitError::invalid(Field::NClusters, expected, self.n_clusters));
        }
        if self.n_init == 0 {
            return Err(FitError::invalid(Field::NInit, "at least 1", self.n_init));
        }
        if self.max_iter == 0 {
            return Err(FitError::invalid(Field::MaxIter, "at least 1", self.max_iter));
        }
        if !(self.tol.is_finite() && self.tol >= 0.0) {
            return Err(FitError::invalid(Field::Tol, "a finite number, at least 0", self.tol));
        }
        if let Init::Centers(centers) = &self.init {
            let (clusters, columns) = (self.n_clusters, rows.columns());
            if Some(centers.len()) != clusters.checked_mul(columns) {
                let expected = format!("{clusters} centres of {columns} columns");
                return Err(FitError::invalid(
                    Field::Init,
                    expected,
                    format!("{} values", centers.len()),
                ));
            }
            if let Some(index) = centers.iter().position(|value| !value.is_finite()) {
                let got = format!(
                    "a value that is not in centre {}, column {}",
                    index / columns,
                    index % columns
                );
                return Err(FitError::invalid(Field::Init, "finite values", got));
            }
        }
        Ok(())
    }
}

/// Whether each cluster of `labels` lies within one cluster of `others`: scikit-learn's test for the same partition with other
/// numbers.
fn same_partition(labels: &[i32], others: &[i32], n_clusters: usize) -> bool {
    let mut counterpart = vec![-1; n_clusters];
    labels.iter().zip(others).all(|(&label, &other)| {
        let counterpart = &mut counterpart[label as usize];
        if *counterpart == -1 {
            *counterpart = other;
        }
        *counterpart == other
    })
}

/// Number of clusters that have a row.
fn distinct(labels: &[i32], n_clusters: usize) -> usize {
    let mut seen = vec![false; n_clusters];
    for &label in labels {
        seen[label as usize] = true;
    }
    seen.into_iter().filter(|seen| *seen).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_are_compared_without_their_numbers() {
        assert!(same_partition(&[0, 0, 1, 2], &[2, 2, 0, 1], 3));
        assert!(!same_partition(&[0, 0, 1, 2], &[2, 0, 0, 1], 3));
        assert_eq!(distinct(&[0, 2, 2], 4), 2);
    }
}
