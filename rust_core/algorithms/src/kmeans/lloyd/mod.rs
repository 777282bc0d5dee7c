//! Lloyd's iterations from given centres.
//!
//! [`Lloyd::run`] tells them in order: rows are compared with the centres (`comparison.rs`), the centres go to the means of the rows
//! that they won (`update.rs`), until a test says that it is enough; the last labels have an inertia (`inertia.rs`).
//!
//! What the means come from depends on the rows. Where exact sums can be had, a run carries them from iteration to iteration, and only
//! rows that change their label touch them (`carried.rs`). Elsewhere each iteration sums the rows' deviations from their centres, in the
//! pass that compares them, or cluster after cluster where sparse rows have sums that are long beside a block of rows.
//!
//! A mini-batch is a pass by itself, or two (`batch.rs`). All work in the same [`Buffers`].

mod batch;
mod buffers;
mod carried;
mod comparison;
mod inertia;
mod update;

pub(crate) use buffers::Buffers;

use crate::blocks::Blocks;
use crate::error::FitError;
use crate::interrupt::{Interrupted, Iteration};
use crate::kmeans::assign::Outcome;
use crate::kmeans::route::Route;
use crate::packed::LANES;
use crate::precision::Precision;
use crate::sample::Sample;
use crate::simd::DOUBLES;
use carried::Carried;

/// The outcome of one run.
pub(crate) struct Run {
    pub(crate) centers: Vec<f64>,
    pub(crate) labels: Vec<i32>,
    pub(crate) inertia: f64,
    pub(crate) n_iter: usize,
    pub(crate) converged: bool,
    pub(crate) strict: bool,
}

/// The rows, and the buffers that all runs share.
pub(crate) struct Lloyd<'a> {
    sample: Sample<'a>,
    n_clusters: usize,
    blocks: Blocks,
    /// Where a block's sums would be long beside its rows: the blocks for labels alone. Sums are then made cluster by cluster.
    by_cluster: Option<Blocks>,
    route: Route,
    /// Whether somebody follows the run: then each iteration's inertia is known.
    follows: bool,
    /// Sums that go on from one iteration to the next, where they can be had.
    carried: Option<Carried>,
    /// Whether that was asked: by the first run.
    begun: bool,
    buffers: &'a mut Buffers,
}

/// Scores that take as long as a step of an exact distance.
const SCORED: usize = 8;

impl<'a> Lloyd<'a> {
    /// `buffers` are for the sample's columns.
    pub(crate) fn new(sample: Sample<'a>, buffers: &'a mut Buffers) -> Self {
        let n_clusters = buffers.centers.count();
        let size = n_clusters * sample.columns();
        let row_values = sample.rows().row_values();
        let route = Route::of(&sample.rows(), n_clusters);
        let partial_size = match route {
            Route::SparseExact | Route::SparseScores => 2 * size,
            // Exact sums: three numbers for each.
            Route::Scores => 3 * n_clusters * sample.columns().next_multiple_of(DOUBLES),
            Route::Few | Route::Exact => size,
        };
        let work = row_values.saturating_mul(n_clusters.next_multiple_of(LANES));
        // What a multiply-add of float64, one after the other, takes: scores in float32 take an eighth (KERNELS.md).
        let work = if route == Route::Scores {
            work.div_ceil(SCORED)
        } else {
            work
        };
        let blocks = Blocks::new(sample.len(), row_values, work, partial_size.div_ceil(row_values));
        let labelling = Blocks::new(sample.len(), row_values, work, 1);
        let by_cluster = (sample.rows().is_sparse() && blocks.count() < labelling.count()).then_some(labelling);
        let outcomes = by_cluster.map_or(blocks.count(), |_| 1);
        buffers.outcomes.resize(outcomes, Outcome::default());
        Self {
            sample,
            n_clusters,
            blocks,
            by_cluster,
            route,
            follows: false,
            carried: None,
            begun: false,
            buffers,
        }
    }

    /// Iterates until no label changes, the centres' squared shifts sum to at most `threshold`, or `max_iter` is reached. In
    /// the latter two cases, and where centres are rounded, the rows are labelled once more, so that labels and centres belong
    /// together. `run` is the number that the observer is told.
    pub(crate) fn run(
        &mut self,
        run: usize,
        mut centers: Vec<f64>,
        max_iter: usize,
        threshold: f64,
    ) -> Result<Run, FitError> {
        self.begin()?;
        let mut labels = vec![-1; self.sample.len()];
        let mut n_iter = 0;
        let mut strict = false;
        let mut converged = false;
        while n_iter < max_iter && !converged {
            n_iter += 1;
            let (changes, objective) = self.compare(&centers, &mut labels)?;
            let shift = self.update(&mut centers, &labels)?;
            strict = !changes.any;
            // Where no row with weight has moved, neither has a centre, but for rounding.
            converged = !changes.weighted || shift <= threshold;
            if self.follows
                && let Some(objective) = objective
            {
                self.sample.interrupt.iteration(Iteration { run, n_iter, objective });
            }
        }
        let precision = self.sample.rows().precision();
        let labelled = strict && precision == Precision::Double;
        if !labelled {
            precision.round(&mut centers);
        }
        let inertia = self.last_look(&centers, &mut labels, labelled)?;
        Ok(Run {
            centers,
            labels,
            inertia,
            n_iter,
            converged,
            strict,
        })
    }

    /// Makes ready for a run over rows without labels.
    fn begin(&mut self) -> Result<(), Interrupted> {
        self.follows = self.sample.interrupt.follows();
        if let Some(carried) = &mut self.carried {
            carried.clear();
        } else if !self.begun {
            self.carried = Carried::new(self.sample, self.n_clusters, self.route, self.by_cluster.is_some())?;
            self.begun = true;
        }
        Ok(())
    }

    /// The inertia of the last labels, which are made now unless the rows are `labelled` by these centres.
    fn last_look(&mut self, centers: &[f64], labels: &mut [i32], labelled: bool) -> Result<f64, FitError> {
        let has_bounds = matches!(self.carried, Some(Carried::Ledger(_)));
        if !labelled && !has_bounds {
            return self.label(centers, labels);
        }
        if !labelled {
            self.compare(centers, labels)?;
        }
        self.inertia(centers, labels)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::csr::{Csr, CsrValues};
    use crate::interrupt::never;
    use crate::rows::Rows;

    const ROWS: usize = 3000;
    const COLUMNS: usize = 700;
    const CLUSTERS: usize = 6;

    /// What a run leaves behind does not reach the next one.
    fn runs_repeat(rows: Rows<'_>, carries: fn(&Carried) -> bool) {
        let sample = Sample::check(rows, None, &never).unwrap();
        let mut buffers = Buffers::new(CLUSTERS, COLUMNS);
        let mut lloyd = Lloyd::new(sample, &mut buffers);
        let start = |first: usize| -> Vec<f64> { (first..first + CLUSTERS).flat_map(|row| sample.row(row)).collect() };
        let mut run = |first: usize| {
            let run = lloyd.run(1, start(first), 4, 0.0).unwrap();
            (run.centers, run.labels, run.inertia.to_bits(), run.n_iter)
        };
        let once = run(0);
        assert_ne!(run(100), once);
        assert_eq!(run(0), once);
        assert!(lloyd.carried.as_ref().is_some_and(carries));
    }

    #[test]
    fn a_run_is_the_same_after_another() {
        let mut values = vec![0.0; ROWS * COLUMNS];
        let (mut indices, mut named) = (Vec::new(), Vec::new());
        for row in 0..ROWS {
            let column = row * row % COLUMNS;
            let value = 1.0 + (row % 7) as f64 / 3.0;
            values[row * COLUMNS + column] = value;
            indices.push(column as u32);
            named.push(value);
        }
        runs_repeat(Rows::from_values(&values, ROWS, COLUMNS).unwrap(), |carried| {
            matches!(carried, Carried::Ledger(_))
        });
        let indptr: Vec<u64> = (0..=ROWS as u64).collect();
        let csr = Csr::new(indptr.into(), indices.into(), CsrValues::Double(named.into()), COLUMNS);
        runs_repeat(Rows::from(&csr.unwrap()), |carried| {
            matches!(carried, Carried::Exact(_))
        });
    }
}
