//! Fitted centres, and what they say of new rows.

use crate::error::{Field, FitError, ModelError, PredictError};
use crate::interrupt::Interrupt;
use crate::kmeans::assign::{Look, Outcome, Pass, Stretch};
use crate::kmeans::centers::Centers;
use crate::kmeans::has_labels;
use crate::kmeans::lloyd::{Buffers, Lloyd};
use crate::kmeans::route::Route;
use crate::predict::Prediction;
use crate::rows::Rows;
use crate::sample::Sample;
use crate::scaling::{Scaling, Step};

/// Fitted centres.
#[derive(Debug, Clone)]
pub struct KMeans {
    centers: Centers,
    columns: usize,
    scaling: Scaling,
}

impl KMeans {
    /// A model of `n_clusters × columns` row-major `centers`.
    ///
    /// # Errors
    /// [`ModelError`] when a count is 0 (or above `i32::MAX` clusters), the length is another, or a value is not finite.
    pub fn new(centers: Vec<f64>, n_clusters: usize, columns: usize) -> Result<Self, ModelError> {
        if !has_labels(n_clusters) {
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
        let model = Self::of_fit(centers, columns);
        // Now, so that the first small prediction makes nothing.
        model.centers.packed();
        Ok(model)
    }

    /// A model of centres that a fit has found: finite ones.
    pub(crate) fn of_fit(centers: Vec<f64>, columns: usize) -> Self {
        Self {
            centers: Centers::new(centers, columns),
            columns,
            scaling: Scaling::default(),
        }
    }

    /// The model behind scaling steps, which rows pass before they reach it; replaces earlier ones.
    ///
    /// # Errors
    /// [`ModelError`] when a step's vector has another length than rows have columns, a value is not finite, a divisor is 0, or a range
    /// to cut to is empty.
    pub fn with_scaling(self, steps: Vec<Step>) -> Result<Self, ModelError> {
        let scaling = Scaling::new(steps, self.columns)?;
        Ok(Self { scaling, ..self })
    }

    /// The scaling steps in front of the model; usually none.
    pub fn scaling(&self) -> &[Step] {
        self.scaling.steps()
    }

    /// The centres, row-major (`n_clusters × columns`).
    pub fn centers(&self) -> &[f64] {
        self.centers.values()
    }

    /// [`KMeans::centers`], without a copy.
    pub fn into_centers(self) -> Vec<f64> {
        self.centers.into_values()
    }

    /// Number of clusters.
    pub fn n_clusters(&self) -> usize {
        self.centers.count()
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
        let pass = Pass {
            centers: &self.centers,
            route: Route::of(&rows, self.n_clusters()),
            look: Look {
                write: true,
                ..Look::default()
            },
        };
        self.prediction(rows, 1, interrupt)?
            .write_tiles(labels, |tile, _, labels| {
                let mut outcome = Outcome::default();
                pass.rows(Stretch::new(tile.into(), 0, labels), &mut outcome);
                if !outcome.not_finite {
                    return None;
                }
                tile.rows(self.columns)
                    .position(|row| self.centers.nearest(row).is_none())
            })
    }

    /// Each row's cluster, and the inertia: the sum of the squared distances of the rows to their nearest centres, each times the
    /// row's weight (1 where none are given).
    ///
    /// # Errors
    /// [`FitError`]: other columns, a value or weight out of its range, an overflow, or interrupted.
    pub fn label(
        &self,
        rows: Rows<'_>,
        weights: Option<&[f64]>,
        interrupt: Interrupt<'_>,
    ) -> Result<(Vec<i32>, f64), FitError> {
        if rows.columns() != self.columns {
            let expected = format!("{} columns", self.columns);
            return Err(FitError::invalid(Field::Rows, expected, rows.columns()));
        }
        let sample = Sample::check(rows, weights, interrupt)?;
        let mut labels = vec![-1; rows.rows()];
        let mut buffers = Buffers::new(self.n_clusters(), self.columns);
        let inertia = Lloyd::new(sample, &mut buffers).label(self.centers(), &mut labels)?;
        Ok((labels, inertia))
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
        self.prediction(rows, self.n_clusters(), interrupt)?
            .write(distances, |row, distances| {
                self.centers.squared_distances(row, distances);
                for distance in distances.iter_mut() {
                    *distance = distance.sqrt();
                }
                distances.iter().all(|distance| distance.is_finite())
            })
    }

    fn prediction<'a>(
        &'a self,
        rows: Rows<'a>,
        width: usize,
        interrupt: Interrupt<'a>,
    ) -> Result<Prediction<'a>, PredictError> {
        Ok(Prediction {
            rows: rows.scaled(&self.scaling)?,
            columns: self.columns,
            width,
            row_work: rows.row_values().saturating_mul(self.n_clusters()),
            interrupt,
        })
    }
}
