//! Scaling steps in front of a model, as scikit-learn's preprocessing applies them.
//!
//! Each step does scikit-learn 1.9's operations in scikit-learn's order (`sklearn/preprocessing/_data.py`), so that a model trained
//! behind it gets the very numbers that it was trained on. Rows are scaled where a prediction reads them, a few at a time in a
//! buffer of cache size: never a second copy of the rows, and nothing at all for a model without steps.

use crate::error::ModelError;

/// Below this norm a dense row counts as zero for [`Step::Normalizer`], which leaves it as it is.
const ZERO_NORM: f64 = 10.0 * f64::EPSILON;
/// [`ZERO_NORM`] for rows whose values are float32.
const ZERO_NORM_SINGLE: f64 = 10.0 * f32::EPSILON as f64;

/// The length that [`Step::Normalizer`] makes 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Norm {
    /// Sum of the absolute values.
    L1,
    /// Euclidean length.
    L2,
    /// Largest absolute value.
    Max,
}

/// One step. Vectors have one value for each column.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// `(x − mean) / scale`, each where there is one.
    StandardScaler {
        /// Subtracted first.
        mean: Option<Vec<f64>>,
        /// Divides then; no value is 0.
        scale: Option<Vec<f64>>,
    },
    /// `x × scale + min`.
    MinMaxScaler {
        /// Multiplies first.
        scale: Vec<f64>,
        /// Added then.
        min: Vec<f64>,
        /// The range to cut the result to, if it is cut.
        clip: Option<(f64, f64)>,
    },
    /// `x / scale`.
    MaxAbsScaler {
        /// Divides; no value is 0.
        scale: Vec<f64>,
        /// Whether the result is cut to −1 … 1.
        clip: bool,
    },
    /// Each row divided by its norm; a row of zeros stays.
    Normalizer(Norm),
}

/// Steps in the order in which they are applied; usually none.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Scaling {
    steps: Vec<Step>,
}

impl Scaling {
    /// Steps for rows of `columns` values.
    ///
    /// # Errors
    /// [`ModelError`] when a vector has another length, a value is not finite, a divisor is 0, or a range to cut to is empty.
    pub(crate) fn new(steps: Vec<Step>, columns: usize) -> Result<Self, ModelError> {
        for step in &steps {
            step.check(columns)?;
        }
        Ok(Self { steps })
    }

    /// The steps, first to last.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Whether rows stay as they are.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// The name of the first step that would make zeros into other numbers, and so can't take sparse rows (as in scikit-learn).
    pub fn refuses_sparse(&self) -> Option<&'static str> {
        self.steps.iter().find_map(|step| match step {
            Step::StandardScaler { mean: Some(_), .. } => Some("StandardScaler with a mean"),
            Step::MinMaxScaler { .. } => Some("MinMaxScaler"),
            _ => None,
        })
    }

    /// Scales a row in place. `single` says that its values came as float32.
    pub(crate) fn apply(&self, row: &mut [f64], single: bool) {
        let zero_norm = if single { ZERO_NORM_SINGLE } else { ZERO_NORM };
        for step in &self.steps {
            step.apply(row, zero_norm);
        }
    }

    /// Scales the values of a sparse row in place. Steps that [refuse sparse rows](Self::refuses_sparse) do nothing.
    pub(crate) fn apply_sparse(&self, columns: &[u32], values: &mut [f64]) {
        for step in &self.steps {
            step.apply_sparse(columns, values);
        }
    }
}

impl Step {
    /// The name of scikit-learn's class.
    pub fn name(&self) -> &'static str {
        match self {
            Self::StandardScaler { .. } => "StandardScaler",
            Self::MinMaxScaler { .. } => "MinMaxScaler",
            Self::MaxAbsScaler { .. } => "MaxAbsScaler",
            Self::Normalizer(_) => "Normalizer",
        }
    }

    fn check(&self, columns: usize) -> Result<(), ModelError> {
        let vector = |name, values: &[f64], divides: bool| {
            if values.len() != columns {
                return Err(ModelError::Length {
                    name,
                    expected: columns,
                    got: values.len(),
                });
            }
            match values
                .iter()
                .position(|value| !value.is_finite() || (divides && *value == 0.0))
            {
                Some(index) if values[index] == 0.0 => Err(ModelError::Zero { name, index }),
                Some(index) => Err(ModelError::NotFinite { name, index }),
                None => Ok(()),
            }
        };
        match self {
            Self::StandardScaler { mean, scale } => {
                vector(
                    "StandardScaler.mean",
                    mean.as_deref().unwrap_or(&vec![0.0; columns]),
                    false,
                )?;
                vector(
                    "StandardScaler.scale",
                    scale.as_deref().unwrap_or(&vec![1.0; columns]),
                    true,
                )
            }
            Self::MinMaxScaler { scale, min, clip } => {
                vector("MinMaxScaler.scale", scale, false)?;
                vector("MinMaxScaler.min", min, false)?;
                match clip {
                    Some((low, high)) if !(low.is_finite() && high.is_finite() && low < high) => {
                        Err(ModelError::EmptyRange {
                            name: "MinMaxScaler.clip",
                        })
                    }
                    _ => Ok(()),
                }
            }
            Self::MaxAbsScaler { scale, .. } => vector("MaxAbsScaler.scale", scale, true),
            Self::Normalizer(_) => Ok(()),
        }
    }

    fn apply(&self, row: &mut [f64], zero_norm: f64) {
        match self {
            Self::StandardScaler { mean, scale } => {
                for (value, mean) in row.iter_mut().zip(mean.iter().flatten()) {
                    *value -= mean;
                }
                for (value, scale) in row.iter_mut().zip(scale.iter().flatten()) {
                    *value /= scale;
                }
            }
            Self::MinMaxScaler { scale, min, clip } => {
                for ((value, scale), min) in row.iter_mut().zip(scale).zip(min) {
                    *value = *value * scale + min;
                }
                if let &Some((low, high)) = clip {
                    cut(row, low, high);
                }
            }
            Self::MaxAbsScaler { scale, clip } => {
                for (value, scale) in row.iter_mut().zip(scale) {
                    *value /= scale;
                }
                if *clip {
                    cut(row, -1.0, 1.0);
                }
            }
            Self::Normalizer(norm) => {
                let norm = norm.of(row);
                if norm >= zero_norm {
                    for value in row {
                        *value /= norm;
                    }
                }
            }
        }
    }

    fn apply_sparse(&self, columns: &[u32], values: &mut [f64]) {
        // Sparse columns are multiplied by 1 / scale: scikit-learn's inplace_column_scale.
        let multiply = |values: &mut [f64], scale: &[f64]| {
            for (value, &column) in values.iter_mut().zip(columns) {
                *value *= 1.0 / scale[column as usize];
            }
        };
        match self {
            Self::StandardScaler { scale, .. } => {
                if let Some(scale) = scale {
                    multiply(values, scale);
                }
            }
            Self::MinMaxScaler { .. } => {}
            Self::MaxAbsScaler { scale, clip } => {
                multiply(values, scale);
                if *clip {
                    cut(values, -1.0, 1.0);
                }
            }
            Self::Normalizer(norm) => {
                let norm = norm.of(values);
                if norm != 0.0 {
                    for value in values {
                        *value /= norm;
                    }
                }
            }
        }
    }
}

impl Norm {
    fn of(self, values: &[f64]) -> f64 {
        match self {
            Self::L1 => values.iter().map(|value| value.abs()).sum(),
            Self::L2 => values.iter().map(|value| value * value).sum::<f64>().sqrt(),
            Self::Max => values.iter().fold(0.0, |norm, value| norm.max(value.abs())),
        }
    }
}

/// Cuts values to a range; NaN stays NaN, so that a bad row is noticed.
fn cut(values: &mut [f64], low: f64, high: f64) {
    for value in values {
        *value = value.clamp(low, high);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dense(steps: Vec<Step>, row: &[f64]) -> Vec<f64> {
        let mut row = row.to_vec();
        Scaling::new(steps, row.len()).unwrap().apply(&mut row, false);
        row
    }

    #[test]
    fn every_step_does_its_operations_in_order() {
        let standard = Step::StandardScaler {
            mean: Some(vec![1.0, -1.0]),
            scale: Some(vec![2.0, 0.1]),
        };
        assert_eq!(dense(vec![standard], &[5.0, 0.0]), [2.0, 1.0 / 0.1]);
        let scale_only = Step::StandardScaler {
            mean: None,
            scale: Some(vec![2.0]),
        };
        assert_eq!(dense(vec![scale_only], &[5.0]), [2.5]);
        let min_max = |clip| Step::MinMaxScaler {
            scale: vec![0.1, 2.0],
            min: vec![0.3, -1.0],
            clip,
        };
        assert_eq!(dense(vec![min_max(None)], &[3.0, 5.0]), [3.0 * 0.1 + 0.3, 9.0]);
        assert_eq!(
            dense(vec![min_max(Some((0.0, 1.0)))], &[3.0, 5.0]),
            [3.0 * 0.1 + 0.3, 1.0]
        );
        let max_abs = |clip| Step::MaxAbsScaler {
            scale: vec![3.0, 4.0],
            clip,
        };
        assert_eq!(dense(vec![max_abs(false)], &[-6.0, 1.0]), [-2.0, 0.25]);
        assert_eq!(dense(vec![max_abs(true)], &[-6.0, 1.0]), [-1.0, 0.25]);
        assert_eq!(dense(vec![Step::Normalizer(Norm::L1)], &[-3.0, 1.0]), [-0.75, 0.25]);
        assert_eq!(dense(vec![Step::Normalizer(Norm::L2)], &[-3.0, 4.0]), [-0.6, 0.8]);
        assert_eq!(dense(vec![Step::Normalizer(Norm::Max)], &[-4.0, 1.0]), [-1.0, 0.25]);
        // One after the other: the order counts.
        let both = vec![max_abs(false), Step::Normalizer(Norm::Max)];
        assert_eq!(dense(both, &[-6.0, 4.0]), [-1.0, 0.5]);
    }

    #[test]
    fn rows_of_zeros_keep_their_zeros_and_nan_stays() {
        for norm in [Norm::L1, Norm::L2, Norm::Max] {
            assert_eq!(dense(vec![Step::Normalizer(norm)], &[0.0, 0.0]), [0.0, 0.0]);
            assert_eq!(dense(vec![Step::Normalizer(norm)], &[1e-16, 0.0]), [1e-16, 0.0]);
            let mut single = [1e-7, 0.0];
            let scaling = Scaling::new(vec![Step::Normalizer(norm)], 2).unwrap();
            scaling.apply(&mut single, true);
            assert_eq!(single, [1e-7, 0.0]);
            scaling.apply(&mut single, false);
            assert_eq!(single, [1.0, 0.0]);
        }
        let clipped = Step::MaxAbsScaler {
            scale: vec![1.0],
            clip: true,
        };
        assert!(dense(vec![clipped], &[f64::NAN])[0].is_nan());
    }

    #[test]
    fn sparse_rows_are_scaled_value_by_value() {
        let scaling = Scaling::new(
            vec![
                Step::StandardScaler {
                    mean: None,
                    scale: Some(vec![1.0, 3.0, 8.0]),
                },
                Step::MaxAbsScaler {
                    scale: vec![1.0, 1.0, 0.5],
                    clip: false,
                },
                Step::Normalizer(Norm::Max),
            ],
            3,
        )
        .unwrap();
        assert_eq!(scaling.refuses_sparse(), None);
        let mut values = [4.0, 9.0];
        scaling.apply_sparse(&[2, 1], &mut values);
        assert_eq!(values, [1.0 / (9.0 * (1.0 / 3.0)), 1.0]);
        let mut tiny = [1e-200];
        scaling.apply_sparse(&[0], &mut tiny);
        assert_eq!(tiny, [1.0]);
        scaling.apply_sparse(&[], &mut []);
        for step in [
            Step::StandardScaler {
                mean: Some(vec![0.0]),
                scale: None,
            },
            Step::MinMaxScaler {
                scale: vec![1.0],
                min: vec![0.0],
                clip: None,
            },
        ] {
            assert!(Scaling::new(vec![step], 1).unwrap().refuses_sparse().is_some());
        }
    }

    #[test]
    fn what_would_make_no_numbers_is_refused() {
        let message = |step| Scaling::new(vec![step], 2).unwrap_err().to_string();
        let max_abs = |scale| Step::MaxAbsScaler { scale, clip: false };
        assert_eq!(
            message(max_abs(vec![1.0])),
            "MaxAbsScaler.scale: expected 2 values, got 1"
        );
        assert_eq!(message(max_abs(vec![1.0, 0.0])), "MaxAbsScaler.scale: value 1 is 0");
        assert_eq!(
            message(max_abs(vec![f64::NAN, 1.0])),
            "MaxAbsScaler.scale: value 0 is not finite"
        );
        let standard = Step::StandardScaler {
            mean: Some(vec![0.0, f64::INFINITY]),
            scale: None,
        };
        assert_eq!(message(standard), "StandardScaler.mean: value 1 is not finite");
        let min_max = Step::MinMaxScaler {
            scale: vec![1.0; 2],
            min: vec![0.0; 2],
            clip: Some((1.0, 1.0)),
        };
        assert_eq!(
            message(min_max),
            "MinMaxScaler.clip: expected a range that is not empty"
        );
    }
}
