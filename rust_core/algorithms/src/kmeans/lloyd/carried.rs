//! Exact sums that a run carries from one iteration to the next.

use crate::interrupt::{self, Interrupted};
use crate::kmeans::exact_sums::ExactSums;
use crate::kmeans::ledger::Ledger;
use crate::kmeans::route::Route;
use crate::kmeans::tally::Cuts;
use crate::sample::Sample;

/// The sums of each cluster's rows, as the labels say.
pub(super) enum Carried {
    /// Of dense rows, with bounds that save comparisons.
    Ledger(Ledger),
    /// Of sparse rows, whose sums are made by cluster.
    Exact(ExactSums),
}

impl Carried {
    /// Sums without rows. None where these rows can't have them.
    pub(super) fn new(
        sample: Sample<'_>,
        n_clusters: usize,
        route: Route,
        by_cluster: bool,
    ) -> Result<Option<Self>, Interrupted> {
        Ok(if by_cluster {
            ExactSums::new(sample, n_clusters).map(Self::Exact)
        } else if route == Route::Scores {
            Cuts::of(sample)?.map(|cuts| Self::Ledger(Ledger::new(cuts, sample.len(), n_clusters, sample.columns())))
        } else {
            None
        })
    }

    /// Counts no row any more.
    pub(super) fn clear(&mut self) {
        match self {
            Self::Ledger(ledger) => ledger.clear(),
            Self::Exact(exact) => exact.clear(),
        }
    }

    /// The weight of each cluster: its number of rows.
    pub(super) fn weights(&self) -> Vec<f64> {
        match self {
            Self::Ledger(ledger) => ledger.counts().iter().map(|count| *count as f64).collect(),
            Self::Exact(exact) => exact.counts().iter().map(|count| *count as f64).collect(),
        }
    }

    /// Writes the mean of each cluster's rows to `centers`, as if the rows of `moves` (the second of each pair) had left. Their labels
    /// stay what they were, and so do the sums that the next iteration begins with.
    pub(super) fn means(
        &mut self,
        sample: Sample<'_>,
        labels: &[i32],
        moves: &[(usize, usize)],
        centers: &mut [f64],
    ) -> Result<(), Interrupted> {
        match self {
            Self::Ledger(ledger) => {
                ledger.set_aside(sample, labels, moves, false);
                ledger.means(centers, sample.interrupt)?;
                ledger.set_aside(sample, labels, moves, true);
            }
            Self::Exact(exact) => {
                for &(_, row) in moves {
                    // It is counted again when its label is followed.
                    exact.leave_out(sample, row);
                }
                interrupt::check(sample.interrupt)?;
                exact.means(centers);
            }
        }
        Ok(())
    }
}
