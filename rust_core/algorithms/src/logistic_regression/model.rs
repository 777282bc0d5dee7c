//! Fitted coefficients, and what they say of new rows.

use super::products::FeatureMajor;
use super::scorer::Scorer;
use crate::error::{ModelError, PredictError};
use crate::finite::all_finite;
use crate::interrupt::Interrupt;
use crate::packed::LANES;
use crate::rows::Rows;
use crate::scaling::{Scaling, Step};

/// Fitted coefficients and intercepts.
#[derive(Debug, Clone)]
pub struct LogisticRegression {
    coefficients: Vec<f64>,
    intercepts: Vec<f64>,
    /// The coefficients of more than two classes, as predictions read them.
    laid_out: FeatureMajor,
    n_classes: usize,
    columns: usize,
    scaling: Scaling,
}

impl LogisticRegression {
    /// A model of row-major `coefficients` (`1 × columns` for two classes, `n_classes × columns` for more) and as many
    /// `intercepts` as rows of coefficients.
    ///
    /// # Errors
    /// [`ModelError`] when there are fewer than 2 classes, no column, an array of another length, or a value that is not finite.
    pub fn new(
        coefficients: Vec<f64>,
        intercepts: Vec<f64>,
        n_classes: usize,
        columns: usize,
    ) -> Result<Self, ModelError> {
        if n_classes < 2 || u32::try_from(n_classes).is_err() {
            return Err(ModelError::Count {
                name: "n_classes",
                expected: "2 to 4294967295",
                got: n_classes,
            });
        }
        if columns == 0 {
            return Err(ModelError::Count {
                name: "columns",
                expected: "at least 1",
                got: columns,
            });
        }
        let scores = if n_classes == 2 { 1 } else { n_classes };
        for (name, array, expected) in [
            ("coefficients", &coefficients, scores.saturating_mul(columns)),
            ("intercepts", &intercepts, scores),
        ] {
            if array.len() != expected {
                return Err(ModelError::Length {
                    name,
                    expected,
                    got: array.len(),
                });
            }
            if !all_finite(array) {
                let index = array.iter().position(|value| !value.is_finite()).unwrap_or(0);
                return Err(ModelError::NotFinite { name, index });
            }
        }
        let laid_out = match scores {
            1 => FeatureMajor::zeros(1, 0),
            _ => FeatureMajor::new(&coefficients, scores, columns),
        };
        Ok(Self {
            coefficients,
            intercepts,
            laid_out,
            n_classes,
            columns,
            scaling: Scaling::default(),
        })
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

    /// The coefficients, row-major: one row for two classes, else one for each class.
    pub fn coefficients(&self) -> &[f64] {
        &self.coefficients
    }

    /// The same, without a copy.
    pub fn into_coefficients(self) -> Vec<f64> {
        self.coefficients
    }

    /// The intercepts: one for two classes, else one for each class.
    pub fn intercepts(&self) -> &[f64] {
        &self.intercepts
    }

    /// Number of classes, at least 2.
    pub fn n_classes(&self) -> usize {
        self.n_classes
    }

    /// Number of columns.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Values that [`LogisticRegression::decision_function`] gives for each row: 1 for two classes, else one for each class.
    pub fn scores(&self) -> usize {
        self.intercepts.len()
    }

    /// Writes each row's most probable class (the lowest among equals, in `0..n_classes`) to `classes`, one for each row.
    ///
    /// # Errors
    /// [`PredictError`]: other columns or output length, a row with a score that is not finite, or interrupted.
    pub fn predict(&self, rows: Rows<'_>, classes: &mut [u32], interrupt: Interrupt<'_>) -> Result<(), PredictError> {
        self.scorer().predict(rows, classes, interrupt)
    }

    /// Writes each row's scores to `scores`: one for each row with two classes (above 0 for class 1), else row-major
    /// `rows × n_classes`.
    ///
    /// # Errors
    /// [`PredictError`]: other columns or output length, a row with a score that is not finite, or interrupted.
    pub fn decision_function(
        &self,
        rows: Rows<'_>,
        scores: &mut [f64],
        interrupt: Interrupt<'_>,
    ) -> Result<(), PredictError> {
        self.scorer().decision_function(rows, scores, interrupt)
    }

    /// Writes the probability of each class for each row to `probabilities` (row-major, `rows × n_classes`).
    ///
    /// # Errors
    /// [`PredictError`]: other columns or output length, a row with a score that is not finite, or interrupted.
    pub fn predict_proba(
        &self,
        rows: Rows<'_>,
        probabilities: &mut [f64],
        interrupt: Interrupt<'_>,
    ) -> Result<(), PredictError> {
        self.scorer().predict_proba(rows, probabilities, interrupt)
    }

    fn scorer(&self) -> Scorer<'_> {
        let (coefficients, stride) = match self.n_classes {
            2 => (self.coefficients.as_slice(), 1),
            _ => (self.laid_out.values(), self.scores().next_multiple_of(LANES)),
        };
        let scaling = Some(&self.scaling);
        Scorer::over(coefficients.into(), stride, &self.intercepts, self.columns, scaling)
    }
}
