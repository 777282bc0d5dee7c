//! K-Means clustering: Lloyd's algorithm with greedy k-means++.
//!
//! The semantics are those of scikit-learn 1.9.1 (`sklearn.cluster.KMeans`, algorithm `lloyd`): the same seed draws the same first
//! centres, the same tests stop the iterations, ties go to the lowest cluster, empty clusters move to the farthest rows. Distances
//! are sums of squared differences in float64. New centres are quotients of exact sums, or the old ones plus the mean deviation from
//! them (`KERNELS.md`), so that rows far from the origin keep their digits.
//!
//! Sources: S. P. Lloyd, "Least squares quantization in PCM", IEEE Trans. Inf. Theory 28 (1982); D. Arthur and
//! S. Vassilvitskii, "k-means++: the advantages of careful seeding", SODA 2007 (its greedy variant: best of 2 + ⌊ln k⌋ draws).

mod assign;
mod bounds;
mod by_cluster;
mod centers;
mod exact;
mod exact_sums;
mod few;
mod init;
mod ledger;
mod lloyd;
mod margins;
pub mod mini_batch;
mod model;
mod moments;
mod planes;
mod potential;
mod quotient;
mod relocate;
mod route;
mod scores;
mod sparse;
mod sums;
mod tally;
mod tolerance;

pub use model::KMeans;

use crate::blocks;
use crate::error::{Field, FitError};
use crate::finite::all_finite;
use crate::interrupt::{self, Interrupt, Interrupted};
use crate::numpy_random::RandomState;
use crate::packed::LANES;
use crate::rows::Rows;
use lloyd::{Buffers, Lloyd, Run};

/// How to fit. [`Default`] gives scikit-learn's defaults, with seed 0.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameters {
    /// Number of clusters: at least 1, at most the number of rows. Default 8.
    pub n_clusters: usize,
    /// Where the centres start. Default [`Init::KMeansPlusPlus`].
    pub init: Init,
    /// Runs from different starts, of which the best is kept; at least 1. Given centres are run once each, whatever this says.
    /// Default `None`: scikit-learn's `'auto'`, see [`Parameters::runs`].
    pub n_init: Option<usize>,
    /// Most iterations of one run, at least 1. Default 300.
    pub max_iter: usize,
    /// A run stops when the centres' squared shifts sum to at most `tol` times the mean variance of the columns; finite, at
    /// least 0. Default 1e-4.
    pub tol: f64,
    /// Seed of the draws. Default 0. [`KMeans::fit_drawing`] takes a generator instead.
    pub seed: u32,
}

impl Default for Parameters {
    fn default() -> Self {
        Self {
            n_clusters: 8,
            init: Init::KMeansPlusPlus,
            n_init: None,
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
    /// Rows drawn by weight, none twice.
    Random,
    /// These centres, row-major: `n_clusters × columns` finite values.
    Centers(Vec<f64>),
    /// Several such centres, one for each run; at least one.
    Starts(Vec<Vec<f64>>),
}

impl Init {
    /// How many starts are compared: as many as `n_init` says; where it is `None`, `of_rows` from random rows and 1 by k-means++. Given
    /// centres are one for each.
    fn starts(&self, n_init: Option<usize>, of_rows: usize) -> usize {
        match self {
            Self::KMeansPlusPlus => n_init.unwrap_or(1),
            Self::Random => n_init.unwrap_or(of_rows),
            Self::Centers(_) => 1,
            Self::Starts(starts) => starts.len(),
        }
    }
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
    /// Whether it stopped because no row changed its cluster, rather than by the tolerance.
    pub strict: bool,
    /// Clusters that have a row; fewer than `n_clusters` when there are fewer distinct rows.
    pub distinct_labels: usize,
}

impl KMeans {
    /// Fits centres to `rows` (each weighing `weights[row]`, or 1).
    ///
    /// Best of several runs: a later run replaces an earlier one when its inertia is lower and it parts the rows differently. The
    /// centres of float32 rows are rounded to float32; labels and inertia are those of the rounded centres.
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
        let mut random = RandomState::new(parameters.seed);
        Self::fit_drawing(rows, weights, parameters, &mut random, interrupt)
    }

    /// [`KMeans::fit`] with draws from `random` rather than from a generator with the parameters' seed.
    ///
    /// # Errors
    /// Those of [`KMeans::fit`].
    pub fn fit_drawing(
        rows: Rows<'_>,
        weights: Option<&[f64]>,
        parameters: &Parameters,
        random: &mut RandomState,
        interrupt: Interrupt<'_>,
    ) -> Result<Fit, FitError> {
        parameters.check(rows)?;
        let size = rows
            .rows()
            .saturating_mul(rows.row_values())
            .saturating_mul(parameters.n_clusters);
        blocks::on_pool(size, || fit_checked(rows, weights, parameters, random, interrupt))
    }
}

/// A fit with parameters that were checked.
fn fit_checked(
    rows: Rows<'_>,
    weights: Option<&[f64]>,
    parameters: &Parameters,
    random: &mut RandomState,
    interrupt: Interrupt<'_>,
) -> Result<Fit, FitError> {
    let n_clusters = parameters.n_clusters;
    let (sample, threshold) = tolerance::sample_and_threshold(rows, weights, parameters.tol, interrupt)?;
    let mut buffers = Buffers::new(n_clusters, rows.columns());
    let mut lloyd = Lloyd::new(sample, &mut buffers);
    let mut best: Option<Run> = None;
    for run in 0..parameters.runs() {
        let centers = match &parameters.init {
            Init::KMeansPlusPlus => init::k_means_plus_plus(sample, n_clusters, random)?,
            Init::Random => init::random_rows(sample, n_clusters, random)?,
            Init::Centers(centers) => centers.clone(),
            Init::Starts(starts) => starts[run].clone(),
        };
        let run = lloyd.run(run + 1, centers, parameters.max_iter, threshold)?;
        let better = match &best {
            None => true,
            Some(best) => {
                run.inertia < best.inertia && !same_partition(&run.labels, &best.labels, n_clusters, interrupt)?
            }
        };
        if better {
            best = Some(run);
        }
    }
    let run = best.expect("there is at least one run: checked above");
    let distinct_labels = distinct(&run.labels, n_clusters, interrupt)?;
    if !all_finite(&run.centers) {
        return Err(FitError::Overflow { quantity: "a centre" });
    }
    let model = KMeans::of_fit(run.centers, rows.columns());
    Ok(Fit {
        model,
        labels: run.labels,
        inertia: run.inertia,
        n_iter: run.n_iter,
        converged: run.converged,
        strict: run.strict,
        distinct_labels,
    })
}

impl Parameters {
    /// How many runs a fit makes: `n_init`, or where that is `None`, 10 from random rows and 1 by k-means++; with given centres,
    /// one for each.
    pub fn runs(&self) -> usize {
        self.init.starts(self.n_init, 10)
    }

    fn check(&self, rows: Rows<'_>) -> Result<(), FitError> {
        Clusters {
            n_clusters: self.n_clusters,
            init: &self.init,
            n_init: self.n_init,
            max_iter: self.max_iter,
            tol: self.tol,
        }
        .check(rows)
    }
}

/// The parameters that every fit of centres has.
struct Clusters<'a> {
    n_clusters: usize,
    init: &'a Init,
    n_init: Option<usize>,
    max_iter: usize,
    tol: f64,
}

impl Clusters<'_> {
    fn check(self, rows: Rows<'_>) -> Result<(), FitError> {
        check_n_clusters(self.n_clusters, rows)?;
        if self.n_init == Some(0) {
            return Err(FitError::invalid(Field::NInit, "at least 1", 0));
        }
        if self.max_iter == 0 {
            return Err(FitError::invalid(Field::MaxIter, "at least 1", self.max_iter));
        }
        if !(self.tol.is_finite() && self.tol >= 0.0) {
            return Err(FitError::invalid(Field::Tol, "a finite number, at least 0", self.tol));
        }
        match self.init {
            Init::KMeansPlusPlus | Init::Random => Ok(()),
            Init::Centers(centers) => check_centers(centers, self.n_clusters, rows.columns()),
            Init::Starts(starts) if starts.is_empty() => {
                Err(FitError::invalid(Field::Init, "at least one start", "none"))
            }
            Init::Starts(starts) => starts
                .iter()
                .try_for_each(|centers| check_centers(centers, self.n_clusters, rows.columns())),
        }
    }
}

/// Arrays of the size of the centres that a fit needs at once: the centres themselves, packed, before the last step, sums and
/// what they are made of, exact sums of two threads. (Those of further threads, and of few columns, which are filled up to eight, are
/// bounded by the rows' memory: see [`Blocks::new`].)
const CENTER_ARRAYS: usize = 16;

fn check_n_clusters(n_clusters: usize, rows: Rows<'_>) -> Result<(), FitError> {
    check_label_range(n_clusters)?;
    if n_clusters > rows.rows() {
        let expected = format!("at most the number of rows, {}", rows.rows());
        return Err(FitError::invalid(Field::NClusters, expected, n_clusters));
    }
    // Centres have a value in every column, however few a sparse row names. Asking for the memory costs nothing.
    let fits = n_clusters
        .next_multiple_of(LANES)
        .checked_mul(rows.columns())
        .and_then(|values| values.checked_mul(CENTER_ARRAYS))
        .is_some_and(|values| Vec::<f64>::new().try_reserve_exact(values).is_ok());
    if !fits {
        let expected = format!("fewer: centres of {} columns do not fit in memory", rows.columns());
        return Err(FitError::invalid(Field::NClusters, expected, n_clusters));
    }
    Ok(())
}

/// Whether i32 can number the clusters, as labels do; there is at least one.
fn has_labels(n_clusters: usize) -> bool {
    n_clusters > 0 && i32::try_from(n_clusters).is_ok()
}

fn check_label_range(n_clusters: usize) -> Result<(), FitError> {
    if !has_labels(n_clusters) {
        let expected = format!("1 to {}", i32::MAX);
        return Err(FitError::invalid(Field::NClusters, expected, n_clusters));
    }
    Ok(())
}

fn check_centers(centers: &[f64], clusters: usize, columns: usize) -> Result<(), FitError> {
    if Some(centers.len()) != clusters.checked_mul(columns) {
        let expected = format!("{clusters} centres of {columns} columns");
        let got = format!("{} values", centers.len());
        return Err(FitError::invalid(Field::Init, expected, got));
    }
    if let Some(index) = centers.iter().position(|value| !value.is_finite()) {
        let (center, column) = (index / columns, index % columns);
        let got = format!("a value that is not in centre {center}, column {column}");
        return Err(FitError::invalid(Field::Init, "finite values", got));
    }
    Ok(())
}

/// Whether each cluster of `labels` lies within one cluster of `others`: scikit-learn's test for the same partition with other
/// numbers.
fn same_partition(
    labels: &[i32],
    others: &[i32],
    n_clusters: usize,
    interrupt: Interrupt<'_>,
) -> Result<bool, Interrupted> {
    let mut counterpart = vec![-1; n_clusters];
    for (labels, others) in labels.chunks(STRETCH).zip(others.chunks(STRETCH)) {
        interrupt::check(interrupt)?;
        for (&label, &other) in labels.iter().zip(others) {
            let counterpart = &mut counterpart[label as usize];
            if *counterpart == -1 {
                *counterpart = other;
            }
            if *counterpart != other {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

/// Number of clusters that have a row.
fn distinct(labels: &[i32], n_clusters: usize, interrupt: Interrupt<'_>) -> Result<usize, Interrupted> {
    let mut seen = vec![false; n_clusters];
    for labels in labels.chunks(STRETCH) {
        interrupt::check(interrupt)?;
        for &label in labels {
            seen[label as usize] = true;
        }
    }
    Ok(seen.into_iter().filter(|seen| *seen).count())
}

/// Labels between two looks at the interrupt.
const STRETCH: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interrupt::never;

    #[test]
    fn partitions_are_compared_without_their_numbers() {
        assert_eq!(same_partition(&[0, 0, 1, 2], &[2, 2, 0, 1], 3, &never), Ok(true));
        assert_eq!(same_partition(&[0, 0, 1, 2], &[2, 0, 0, 1], 3, &never), Ok(false));
        assert_eq!(distinct(&[0, 2, 2], 4, &never), Ok(2));
    }
}
