//! What coefficients say of rows: they are read where they lie, eight rows or eight classes at a time.
//!
//! Scores have the same bits at every level of instructions, and for a sparse row those of the dense row it stands for. For two
//! classes they are added up as [`crate::packed::dot`] does, for more column after column. Probabilities differ from level to
//! level by a few units in the last place.

use super::answer::{Output, answer};
use crate::error::{ModelError, PredictError};
use crate::interrupt::Interrupt;
use crate::predict::{NumbersMut, Prediction};
use crate::rows::Rows;
use crate::scaling::Scaling;

/// Coefficients in the type of the memory that they lie in.
#[derive(Debug, Clone, Copy)]
pub enum Coefficients<'a> {
    /// float64.
    Double(&'a [f64]),
    /// float32.
    Single(&'a [f32]),
}

impl Coefficients<'_> {
    fn len(self) -> usize {
        match self {
            Self::Double(values) => values.len(),
            Self::Single(values) => values.len(),
        }
    }
}

impl<'a> From<&'a [f64]> for Coefficients<'a> {
    fn from(values: &'a [f64]) -> Self {
        Self::Double(values)
    }
}

impl<'a> From<&'a [f32]> for Coefficients<'a> {
    fn from(values: &'a [f32]) -> Self {
        Self::Single(values)
    }
}

/// Coefficients and intercepts of somebody else's memory, which may have changed since the last prediction.
#[derive(Debug, Clone, Copy)]
pub struct Scorer<'a> {
    /// Column after column: the coefficients of all scores, then what fills them up to the stride.
    pub(super) coefficients: Coefficients<'a>,
    pub(super) stride: usize,
    pub(super) intercepts: &'a [f64],
    pub(super) columns: usize,
    scaling: Option<&'a Scaling>,
}

impl<'a> Scorer<'a> {
    /// Over `columns × scores` coefficients, column after column, where `scores` is the number of `intercepts`: one for two classes,
    /// else one for each class. Whether they are finite is not looked at; a row's answer has to be.
    ///
    /// # Errors
    /// [`ModelError`] when there is no column, there are no intercepts or two, or another number of coefficients.
    pub fn new(
        coefficients: impl Into<Coefficients<'a>>,
        intercepts: &'a [f64],
        columns: usize,
    ) -> Result<Self, ModelError> {
        let coefficients = coefficients.into();
        let scores = intercepts.len();
        if columns == 0 {
            return Err(ModelError::Count {
                name: "columns",
                expected: "at least 1",
                got: columns,
            });
        }
        if scores == 0 || scores == 2 || u32::try_from(scores).is_err() {
            return Err(ModelError::Count {
                name: "intercepts",
                expected: "1, for two classes, or 3 to 4294967295",
                got: scores,
            });
        }
        let expected = scores.saturating_mul(columns);
        if coefficients.len() != expected {
            return Err(ModelError::Length {
                name: "coefficients",
                expected,
                got: coefficients.len(),
            });
        }
        Ok(Self::over(coefficients, scores, intercepts, columns, None))
    }

    /// Over coefficients that are filled up to `stride` for each column.
    pub(super) fn over(
        coefficients: Coefficients<'a>,
        stride: usize,
        intercepts: &'a [f64],
        columns: usize,
        scaling: Option<&'a Scaling>,
    ) -> Self {
        Self {
            coefficients,
            stride,
            intercepts,
            columns,
            scaling,
        }
    }

    /// Values that [`Scorer::decision_function`] gives for each row: 1 for two classes, else one for each class.
    pub fn scores(&self) -> usize {
        self.intercepts.len()
    }

    /// Number of classes, at least 2.
    pub fn n_classes(&self) -> usize {
        self.scores().max(2)
    }

    /// Writes each row's most probable class (the lowest among equals, in `0..n_classes`) to `classes`, one for each row.
    ///
    /// # Errors
    /// [`PredictError`]: other columns or output length, a row with a score that is not finite, or interrupted.
    pub fn predict(&self, rows: Rows<'_>, classes: &mut [u32], interrupt: Interrupt<'_>) -> Result<(), PredictError> {
        self.prediction(rows, 1, interrupt)?
            .write_lying(classes, |tile, ahead, classes| {
                answer(*self, tile, ahead, Output::Classes(classes))
            })
    }

    /// Writes each row's scores to `scores`: one for each row with two classes (above 0 for class 1), else row-major
    /// `rows × n_classes`.
    ///
    /// # Errors
    /// [`PredictError`]: other columns or output length, a row with a score that is not finite, or interrupted.
    pub fn decision_function<'o>(
        &self,
        rows: Rows<'_>,
        scores: impl Into<NumbersMut<'o>>,
        interrupt: Interrupt<'_>,
    ) -> Result<(), PredictError> {
        self.prediction(rows, self.scores(), interrupt)?
            .write_numbers(scores.into(), |tile, ahead, scores| {
                answer(*self, tile, ahead, Output::Scores(scores))
            })
    }

    /// Writes the probability of each class for each row to `probabilities` (row-major, `rows × n_classes`).
    ///
    /// # Errors
    /// [`PredictError`]: other columns or output length, a row with a score that is not finite, or interrupted.
    pub fn predict_proba<'o>(
        &self,
        rows: Rows<'_>,
        probabilities: impl Into<NumbersMut<'o>>,
        interrupt: Interrupt<'_>,
    ) -> Result<(), PredictError> {
        self.prediction(rows, self.n_classes(), interrupt)?
            .write_numbers(probabilities.into(), |tile, ahead, probabilities| {
                answer(*self, tile, ahead, Output::Probabilities(probabilities))
            })
    }

    fn prediction<'r>(
        &self,
        rows: Rows<'r>,
        width: usize,
        interrupt: Interrupt<'r>,
    ) -> Result<Prediction<'r>, PredictError>
    where
        'a: 'r,
    {
        let row_work = self.scores().saturating_mul(rows.row_values());
        Ok(Prediction {
            rows: match self.scaling {
                Some(scaling) => rows.scaled(scaling)?,
                None => rows,
            },
            columns: self.columns,
            width,
            row_work,
            interrupt,
        })
    }
}
