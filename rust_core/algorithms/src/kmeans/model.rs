//! Fitted centres, and what they say of new rows.

use crate::error::{ModelError, PredictError};
use crate::interrupt::Interrupt;
use crate::packed::Packed;
use crate::predict::Prediction;
use crate::rows::Rows;

/// Fitted centres.
#[derive(Debug, Clone)]
pub struct KMeans {
    centers: Vec<f64>,
    packed: Packed,
    n_clusters: usize,
    columns: usize,
}

impl KMeans {
    /// A model of `n_clusters × columns` row-major `centers`.
    ///
    /// # Errors
    /// [`ModelError`] when a count is 0 (or above `i32::MAX` clusters), the length is another, or a value is not finite.
    pub fn new(centers: Vec<f64>, n_clusters: usize, columns: usize) -> Result<Self, ModelError> {
        if n_clusters == 0 || i32::try_from(n_clusters).is_err() {
            return Err(ModelError::Count {
                name: "n_clusters",
                expected: "1 to 2147483647",
                got: n_clusters,
            });
        }
        if columns == 0 {
            return Err(ModelError::Count {
                name: "columns",
                expected: "at least 1",
                got: columns,
            });
        }
        let expected = n_clusters.saturating_mul(columns);
        if centers.len() != expected {
            return Err(ModelError::Length {
                name: "centers",
                expected,
                got: centers.len(),
            });
        }
        if let Some(index) = centers.iter().position(|value| !value.is_finite()) {
            return Err(ModelError::NotFinite { name: "centers", index });
        }
        let packed = Packed::new(&centers, columns, f64::INFINITY);
        Ok(Self {
            centers,
            packed,
            n_clusters,
            columns,
        })
    }

    /// The centres, row-major (`n_clusters × columns`).
    pub fn centers(&self) -> &[f64] {
        &self.centers
    }

    /// Number of clusters.
    pub fn n_clusters(&self) -> usize {
        self.n_clusters
    }

    /// Number of columns.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Writes each row's cluster (its nearest centre, the lowest among equals, in `0..n_clusters`) to `labels`, one for each row.
    ///
    /// # Errors
    /// [`PredictError`]: other columns or output length, a row without a finite distance, or interrupted.
    pub fn predict(&self, rows: Rows<'_>, labels: &mut [i32], interrupt: Interrupt<'_>) -> Result<(), PredictError> {
        self.prediction(rows, 1, interrupt)
            .write(labels, |row, label| match self.packed.nearest(row.dense()) {
                Some((cluster, _)) => {
                    label[0] = cluster as i32;
                    true
                }
                None => false,
            })
    }

    /// Writes each row's Euclidean distances to all centres to `distances` (row-major, `rows × n_clusters`).
    ///
    /// # Errors
    /// [`PredictError`]: other columns or output length, a row with a distance that is not finite, or interrupted.
    pub fn transform(
        &self,
        rows: Rows<'_>,
        distances: &mut [f64],
        interrupt: Interrupt<'_>,
    ) -> Result<(), PredictError> {
        self.prediction(rows, self.n_clusters, interrupt)
            .write(distances, |row, distances| {
                for (distance, squared) in distances
                    .iter_mut()
                    .zip(self.packed.squared_distances(row.dense()).flatten())
                {
                    *distance = squared.sqrt();
                }
                distances.iter().all(|distance| distance.is_finite())
            })
    }

    fn prediction<'a>(&self, rows: Rows<'a>, width: usize, interrupt: Interrupt<'a>) -> Prediction<'a> {
        Prediction {
            rows,
            columns: self.columns,
            width,
            row_work: self.centers.len(),
            interrupt,
        }
    }
}
