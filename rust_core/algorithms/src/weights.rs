//! Row weights, checked.

use crate::error::{Field, FitError};

/// One finite, non-negative weight for each row, not all zero; or 1 for every row.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Weights<'a> {
    values: Option<&'a [f64]>,
    sum: f64,
}

impl<'a> Weights<'a> {
    pub(crate) fn check(values: Option<&'a [f64]>, rows: usize) -> Result<Self, FitError> {
        let invalid = |expected: String, got: String| {
            Err(FitError::invalid(Field::SampleWeight, expected, got))
        };
        let Some(weights) = values else {
            return Ok(Self {
                values,
                sum: rows as f64,
            });
        };
        if weights.len() != rows {
            return invalid(
                format!("one weight for each of the {rows} rows"),
                weights.len().to_string(),
            );
        }
        if let Some(index) = weights
            .iter()
            .position(|weight| !(weight.is_finite() && *weight >= 0.0))
        {
            return invalid(
                "finite weights, none negative".into(),
                format!("{} at row {index}", weights[index]),
            );
        }
        let sum: f64 = weights.iter().sum();
        if sum == 0.0 {
            return invalid("at least one weight above zero".into(), "only zeros".into());
        }
        if !sum.is_finite() {
            return invalid("weights with a finite sum".into(), "an overflow".into());
        }
        Ok(Self { values, sum })
    }

    pub(crate) fn of(&self, row: usize) -> f64 {
        self.values.map_or(1.0, |values| values[row])
    }

    pub(crate) fn sum(&self) -> f64 {
        self.sum
    }
}
