//! Mini-batch K-Means: centres learn from a few rows at a time.
//!
//! The semantics are those of scikit-learn 1.9.1 (`sklearn.cluster.MiniBatchKMeans`): the same seed draws the same validation rows,
//! first centres, batches and reassigned centres, and the same tests stop the steps.
//!
//! Source: D. Sculley, "Web-scale k-means clustering", WWW 2010; the reassignment of centres that win few rows, and the stopping
//! tests on smoothed quantities, are scikit-learn's.

mod convergence;
mod start;
mod step;

use crate::error::{Field, FitError};
use crate::interrupt::{Interrupt, Iteration};
use crate::kmeans::lloyd::{Buffers, Lloyd};
use crate::kmeans::{Clusters, Init, check_centers, tolerance};
use crate::numpy_random::{Cumulative, RandomState};
use crate::rows::Rows;
use crate::sample::Sample;
use convergence::Convergence;
pub use step::State;

/// How to fit. [`Default`] gives scikit-learn's defaults.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameters {
    /// Number of clusters: at least 1, at most the number of rows. Default 8.
    pub n_clusters: usize,
    /// Where the centres start. Default [`Init::KMeansPlusPlus`], over `init_size` rows drawn for it.
    pub init: Init,
    /// Starts, of which the one is kept with the lowest inertia over `init_size` rows drawn for that; at least 1. Default `None`: 3
    /// from random rows and 1 by k-means++. Given centres count as one.
    pub n_init: Option<usize>,
    /// Most times that as many rows are drawn as there are; at least 1. Default 100.
    pub max_iter: usize,
    /// Rows of a step, at least 1; cut to the number of rows. Default 1024.
    pub batch_size: usize,
    /// Rows that are drawn to find and to judge first centres, at least 1; where it is below `n_clusters`, three times that; cut to
    /// the number of rows. Default `None`: 3 × `batch_size`.
    pub init_size: Option<usize>,
    /// The steps end when the centres' squared shifts sum to at most `tol` times the mean variance of the columns; finite, at
    /// least 0, and 0 never ends them. Default 0.
    pub tol: f64,
    /// The steps end after this many without a new lowest smoothed inertia; `None` never ends them. Default 10.
    pub max_no_improvement: Option<usize>,
    /// Centres that have won less than this part of what the greatest has won are moved to random rows now and then; finite, at
    /// least 0, and 0 moves none. Default 0.01.
    pub reassignment_ratio: f64,
    /// Whether to label all rows in the end. Default true.
    pub compute_labels: bool,
}

impl Default for Parameters {
    fn default() -> Self {
        Self {
            n_clusters: 8,
            init: Init::KMeansPlusPlus,
            n_init: None,
            max_iter: 100,
            batch_size: 1024,
            init_size: None,
            tol: 0.0,
            max_no_improvement: Some(10),
            reassignment_ratio: 0.01,
            compute_labels: true,
        }
    }
}

/// The outcome of a fit.
#[derive(Debug, Clone)]
pub struct Fit {
    /// The centres and what they have won; more batches can follow.
    pub state: State,
    /// Cluster of each row, in `0..n_clusters`: the nearest centre. Empty unless asked for.
    pub labels: Vec<i32>,
    /// Weighted sum of squared distances of the rows to their centres; where labels were not asked for, an estimate from the last
    /// batches.
    pub inertia: f64,
    /// How often as many rows were drawn as there are, rounded up.
    pub n_iter: usize,
    /// Number of batches.
    pub n_steps: usize,
    /// Whether a test ended the steps, rather than `max_iter`.
    pub converged: bool,
}

/// Fits centres to `rows` (each weighing `weights[row]`, or 1) in steps over batches, drawn by weight from `random`.
///
/// The centres of float32 rows are rounded to float32 in the end.
///
/// # Errors
/// [`FitError::Invalid`] for a parameter, weight or value out of its range; [`FitError::Overflow`] when squared distances exceed
/// float64; [`FitError::Interrupted`].
pub fn fit(
    rows: Rows<'_>,
    weights: Option<&[f64]>,
    parameters: &Parameters,
    random: &mut RandomState,
    interrupt: Interrupt<'_>,
) -> Result<Fit, FitError> {
    parameters.check(rows)?;
    let sample = Sample::check(rows, weights, interrupt)?;
    let centers = start::best(sample, parameters, random)?;
    steps(sample, centers, parameters, random)
}

/// [`fit`] from centres for which nothing is to be drawn any more.
///
/// # Errors
/// Those of [`fit`].
pub fn fit_from(
    rows: Rows<'_>,
    weights: Option<&[f64]>,
    centers: Vec<f64>,
    parameters: &Parameters,
    random: &mut RandomState,
    interrupt: Interrupt<'_>,
) -> Result<Fit, FitError> {
    parameters.check(rows)?;
    check_centers(&centers, parameters.n_clusters, rows.columns())?;
    let sample = Sample::check(rows, weights, interrupt)?;
    steps(sample, centers, parameters, random)
}

/// First centres for [`State::learn`], drawn from `init_size` of the first batch's rows.
///
/// # Errors
/// Those of [`fit`].
pub fn start(
    rows: Rows<'_>,
    weights: Option<&[f64]>,
    parameters: &Parameters,
    random: &mut RandomState,
    interrupt: Interrupt<'_>,
) -> Result<State, FitError> {
    parameters.check(rows)?;
    let sample = Sample::check(rows, weights, interrupt)?;
    let centers = start::one(sample, parameters, random)?;
    Ok(State::new(centers, rows.columns()))
}

fn steps(
    sample: Sample<'_>,
    centers: Vec<f64>,
    parameters: &Parameters,
    random: &mut RandomState,
) -> Result<Fit, FitError> {
    let rows = sample.len();
    let batch_size = parameters.batch_size.min(rows);
    let threshold = tolerance::threshold(sample, parameters.tol)?;
    let odds = Cumulative::new(rows, |index| sample.odds(index), sample.interrupt)?;
    let mut state = State::new(centers, sample.columns());
    let mut convergence = Convergence::new(parameters, threshold, batch_size, rows);
    // At least one: a batch has no more rows than there are.
    let most = parameters.max_iter as u128 * rows as u128 / batch_size as u128;
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let mut buffers = Buffers::new(parameters.n_clusters, sample.columns());
    let mut n_steps = 0;
    let mut converged = false;
    while n_steps < most && !converged {
        n_steps += 1;
        let drawn: Vec<usize> = (0..batch_size).map(|_| odds.choice(random)).collect();
        let batch = sample.rows().take(&drawn, sample.interrupt)?;
        // Rows are drawn by weight, so in the batch each weighs the same.
        let batch = Sample::of_checked(batch.rows(), None, sample.interrupt);
        let step = state.step(
            batch,
            batch_size,
            parameters.reassignment_ratio,
            random,
            &mut buffers,
            false,
        )?;
        // Left out only with margins, for which nothing asks here.
        if let Some(inertia) = step.inertia {
            let objective = inertia / batch_size as f64;
            converged = convergence.reached(objective, step.shift);
            sample.interrupt.iteration(Iteration {
                run: 1,
                n_iter: n_steps,
                objective,
            });
        }
    }
    state.round(sample.rows().precision());
    let (labels, inertia) = if parameters.compute_labels {
        let mut labels = vec![-1; rows];
        let mut lloyd = Lloyd::new(sample, &mut buffers);
        let inertia = lloyd.label(state.centers(), &mut labels)?;
        (labels, inertia)
    } else {
        (Vec::new(), convergence.smoothed_inertia() * sample.weight_sum())
    };
    Ok(Fit {
        state,
        labels,
        inertia,
        n_iter: (n_steps as u128 * batch_size as u128).div_ceil(rows as u128) as usize,
        n_steps,
        converged,
    })
}

impl Parameters {
    /// How many starts a fit compares.
    pub fn starts(&self) -> usize {
        self.init.starts(self.n_init, 3)
    }

    /// Rows that are drawn to find and to judge first centres, of `rows`.
    pub fn init_rows(&self, rows: usize) -> usize {
        let size = self
            .init_size
            .unwrap_or_else(|| self.batch_size.min(rows).saturating_mul(3));
        let enough = if size < self.n_clusters {
            self.n_clusters.saturating_mul(3)
        } else {
            size
        };
        enough.min(rows)
    }

    fn check(&self, rows: Rows<'_>) -> Result<(), FitError> {
        let clusters = Clusters {
            n_clusters: self.n_clusters,
            init: &self.init,
            n_init: self.n_init,
            max_iter: self.max_iter,
            tol: self.tol,
        };
        clusters.check(rows)?;
        if self.batch_size == 0 {
            return Err(FitError::invalid(Field::BatchSize, "at least 1", 0));
        }
        if self.init_size == Some(0) {
            return Err(FitError::invalid(Field::InitSize, "at least 1", 0));
        }
        check_reassignment_ratio(self.reassignment_ratio)
    }
}

fn check_reassignment_ratio(ratio: f64) -> Result<(), FitError> {
    if ratio.is_finite() && ratio >= 0.0 {
        return Ok(());
    }
    let expected = "a finite number, at least 0";
    Err(FitError::invalid(Field::ReassignmentRatio, expected, ratio))
}
