//! Which kernel compares rows with centres: see `KERNELS.md`.

use crate::kmeans::sums::by_lane;
use crate::rows::Rows;

/// How rows are compared with centres. The labels are the same, whichever it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Route {
    /// All of few short centres at once: `few.rs`.
    Few,
    /// Row by row, all columns in float64: `exact.rs`.
    Exact,
    /// By scores in float32, and by [`Route::Exact`] where they leave doubt: `scores.rs`.
    Scores,
    /// Sparse rows, one by one: `centers/distances.rs`.
    SparseExact,
    /// Sparse rows by scores in float32: `sparse.rs`.
    SparseScores,
}

/// Rows of a call below which the centres are not worth preparing for [`Route::Scores`].
const LEAST_SCORED_ROWS: usize = 64;

/// Columns above which the error bounds of scores in float32 say little.
const MOST_SCORED_COLUMNS: usize = 4096;

/// Centres up to which scores can count them in float32.
const MOST_SCORED_CENTERS: usize = 1 << 24;

impl Route {
    /// The route for these rows. The one place where that is decided.
    pub(crate) fn of(rows: &Rows<'_>, n_clusters: usize) -> Self {
        let columns = rows.columns();
        if rows.is_sparse() {
            // Worth it where there are about as many values as the centres have columns.
            let values = rows.rows().saturating_mul(rows.row_values());
            if n_clusters > 1 && values >= columns && !by_lane(n_clusters, columns) {
                Self::SparseScores
            } else {
                Self::SparseExact
            }
        } else if by_lane(n_clusters, columns) {
            Self::Few
        } else if rows.rows() >= LEAST_SCORED_ROWS
            && (2..=MOST_SCORED_CENTERS).contains(&n_clusters)
            && columns <= MOST_SCORED_COLUMNS
        {
            Self::Scores
        } else {
            Self::Exact
        }
    }
}
