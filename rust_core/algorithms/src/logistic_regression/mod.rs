//! Logistic regression: binary and multinomial, with an L2 penalty, fitted by L-BFGS.
//!
//! The semantics are those of scikit-learn 1.9.1 (`sklearn.linear_model.LogisticRegression`, solver `lbfgs`): the same objective,
//! the same first point (zeros), the same stopping tests. Two classes share one row of coefficients (that of class 1); more
//! have one each.

mod loss;
mod model;

pub use model::LogisticRegression;

use crate::error::{Field, FitError};
use crate::interrupt::Interrupt;
use crate::lbfgs::{self, Settings};
use crate::rows::Rows;
use crate::sample::Sample;
use loss::Objective;

/// How to fit. [`Default`] gives scikit-learn's defaults.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Parameters {
    /// Inverse of the penalty's strength, above 0; infinite for no penalty. Default 1.
    pub c: f64,
    /// Whether the scores have an intercept, which is not penalised. Default true.
    pub fit_intercept: bool,
    /// Most iterations, at least 1. Default 100.
    pub max_iter: usize,
    /// The fit stops when no component of the objective's gradient is larger; finite, at least 0. Default 1e-4.
    pub tol: f64,
}

impl Default for Parameters {
    fn default() -> Self {
        Self {
            c: 1.0,
            fit_intercept: true,
            max_iter: 100,
            tol: 1e-4,
        }
    }
}

/// The outcome of a fit.
#[derive(Debug, Clone)]
pub struct Fit {
    /// The fitted coefficients.
    pub model: LogisticRegression,
    /// Iterations of L-BFGS.
    pub n_iter: usize,
    /// Whether a stopping test was met, rather than `max_iter` (or the end of what rounding lets a line search find).
    pub converged: bool,
    /// The objective at the fitted coefficients, which is what scikit-learn's solver minimises since 1.5:
    /// Σᵢ sᵢ·lossᵢ / Σᵢ sᵢ + ‖w‖² / (2·C·Σᵢ sᵢ). Here s are the weights, lossᵢ is minus the natural logarithm of the probability given
    /// to row i's class, and w are the coefficients without intercepts.
    pub loss: f64,
}

impl LogisticRegression {
    /// Fits coefficients to `rows`, whose classes are `classes[row]` in `0..n_classes` (each weighing `weights[row]`, or 1).
    ///
    /// # Errors
    /// [`FitError::Invalid`] for a parameter, class, weight or value out of its range, or a class without a row;
    /// [`FitError::Overflow`] when the objective or a coefficient is not finite; [`FitError::Interrupted`].
    pub fn fit(
        rows: Rows<'_>,
        classes: &[u32],
        n_classes: usize,
        weights: Option<&[f64]>,
        parameters: &Parameters,
        interrupt: Interrupt<'_>,
    ) -> Result<Fit, FitError> {
        parameters.check()?;
        check_classes(classes, n_classes, rows.rows())?;
        let sample = Sample::check(rows, weights, interrupt)?;
        let mut objective = Objective::new(sample, classes, n_classes, parameters);
        let settings = Settings {
            max_iter: parameters.max_iter,
            gradient_tolerance: parameters.tol,
            value_tolerance: 64.0 * f64::EPSILON,
        };
        let start = vec![0.0; objective.parameter_count()];
        let minimum = lbfgs::minimise(start, settings, |point, gradient| objective.evaluate(point, gradient))?;
        if !minimum.value.is_finite() {
            return Err(FitError::Overflow { quantity: "the loss" });
        }
        let (coefficients, intercepts) = objective.split(minimum.point);
        let model = LogisticRegression::new(coefficients, intercepts, n_classes, rows.columns()).map_err(|_| {
            FitError::Overflow {
                quantity: "a coefficient",
            }
        })?;
        Ok(Fit {
            model,
            n_iter: minimum.n_iter,
            converged: minimum.converged,
            loss: minimum.value,
        })
    }
}

impl Parameters {
    fn check(&self) -> Result<(), FitError> {
        if self.c.is_nan() || self.c <= 0.0 {
            return Err(FitError::invalid(Field::C, "a number above 0", self.c));
        }
        if self.max_iter == 0 {
            return Err(FitError::invalid(Field::MaxIter, "at least 1", self.max_iter));
        }
        if !(self.tol.is_finite() && self.tol >= 0.0) {
            return Err(FitError::invalid(Field::Tol, "a finite number, at least 0", self.tol));
        }
        Ok(())
    }
}

fn check_classes(classes: &[u32], n_classes: usize, rows: usize) -> Result<(), FitError> {
    if n_classes < 2 || u32::try_from(n_classes).is_err() {
        return Err(FitError::invalid(
            Field::NClasses,
            format!("2 to {}", u32::MAX),
            n_classes,
        ));
    }
    if classes.len() != rows {
        return Err(FitError::invalid(
            Field::Classes,
            format!("one class for each of the {rows} rows"),
            classes.len(),
        ));
    }
    if n_classes > rows {
        return Err(FitError::invalid(
            Field::NClasses,
            format!("at most the number of rows, {rows}"),
            n_classes,
        ));
    }
    let mut seen = vec![false; n_classes];
    for (row, &class) in classes.iter().enumerate() {
        match seen.get_mut(class as usize) {
            Some(seen) => *seen = true,
            None => {
                let expected = format!("classes from 0 to {}", n_classes - 1);
                return Err(FitError::invalid(
                    Field::Classes,
                    expected,
                    format!("{class} at row {row}"),
                ));
            }
        }
    }
    if let Some(class) = seen.iter().position(|seen| !seen) {
        return Err(FitError::invalid(
            Field::Classes,
            "at least one row of each class",
            format!("none of class {class}"),
        ));
    }
    Ok(())
}
