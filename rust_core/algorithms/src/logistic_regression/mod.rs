//! Logistic regression: binary and multinomial, with L2, L1 or both penalties, for dense and sparse rows.
//!
//! The semantics are those of scikit-learn 1.9.1 (`sklearn.linear_model.LogisticRegression`): the same objective and the same
//! first point (zeros); with L-BFGS also the same stopping tests. Two classes share one row of coefficients (that of class 1);
//! more have one each.

mod answer;
mod by_column;
mod census;
mod cholesky;
mod curvature;
mod descent;
mod dual;
mod frequent;
mod hessian_products;
mod loss;
mod model;
mod newton;
mod newton_cg;
#[cfg(test)]
mod orders;
mod pairs;
mod parabola;
mod parameters;
mod penalty;
mod products;
mod proximal;
mod reduced;
mod scorer;
mod search;
mod several;
mod share;
mod sparse_pairs;
mod trial;
mod triangle;
mod weights;

pub use model::LogisticRegression;
pub use parameters::{ClassWeight, Parameters, Solver};
pub use scorer::{Coefficients, Scorer};

use crate::blocks;
use crate::csr::Csr;
use crate::error::{Field, FitError};
use crate::interrupt::Interrupt;
use crate::rows::Rows;
use crate::sample::Sample;
use loss::Objective;
use newton::{Ended, Why};
use reduced::{Known, Reduced};

/// The outcome of a fit.
#[derive(Debug, Clone)]
pub struct Fit {
    /// The fitted coefficients, rounded to the rows' type.
    pub model: LogisticRegression,
    /// Iterations of the solver.
    pub n_iter: usize,
    /// Whether a minimum was found: a stopping test was met, rather than `max_iter` (or the end of what rounding lets a line search
    /// find), and there is one (see [`Fit::separable`]).
    pub converged: bool,
    /// Without a penalty the classes were separated wholly: larger coefficients always fit better, so there is no minimum.
    pub separable: bool,
    /// [`Solver::NewtonCholesky`] found the Hessian singular or ill-conditioned, and conjugate gradients went on.
    pub ill_conditioned: bool,
    /// The objective (see [`Parameters`]) at the fitted coefficients, before they were rounded.
    pub loss: f64,
}

impl LogisticRegression {
    /// Fits coefficients to `rows`, whose classes are `classes[row]` in `0..n_classes` (each weighing `weights[row]`, or 1).
    ///
    /// Columns in which sparse rows name no value cost nothing: their coefficients are 0, or without a penalty those of the start. Sparse
    /// rows of two classes that name more columns than there are rows are copied once in their own type, under L2 alone. Others of more than
    /// a few columns are copied with fewer of them, in float64; those of two classes once more, column after column, and with an L1 penalty the columns that
    /// may move again for each step.
    ///
    /// # Errors
    /// [`FitError::Invalid`] for a parameter, class, weight or value out of its range, a solver without that penalty, or a class
    /// without a row, 2³² sparse rows or more; [`FitError::Overflow`] when the objective or a coefficient is not finite; [`FitError::Interrupted`].
    pub fn fit(
        rows: Rows<'_>,
        classes: &[u32],
        n_classes: usize,
        weights: Option<&[f64]>,
        parameters: &Parameters,
        interrupt: Interrupt<'_>,
    ) -> Result<Fit, FitError> {
        check_classes(classes, n_classes, rows.rows())?;
        if rows.is_sparse() && u32::try_from(rows.rows()).is_err() {
            return Err(FitError::invalid(
                Field::Rows,
                format!("at most {} sparse rows", u32::MAX),
                rows.rows(),
            ));
        }
        parameters.check(n_classes, rows.columns())?;
        let work = rows.as_csr().map_or(0, Csr::nonzeros);
        blocks::on_pool(work, || {
            Self::fit_checked(rows, classes, n_classes, weights, parameters, interrupt)
        })
    }

    fn fit_checked(
        rows: Rows<'_>,
        classes: &[u32],
        n_classes: usize,
        weights: Option<&[f64]>,
        parameters: &Parameters,
        interrupt: Interrupt<'_>,
    ) -> Result<Fit, FitError> {
        // Checked before they are multiplied, so that an error names the factor at fault.
        let sample = Sample::check(rows, weights, interrupt)?;
        let weights = weights::row_weights(weights, &parameters.class_weight, classes, n_classes);
        let sample = sample.with_weights(weights.as_deref())?;

        let known = Known {
            classes,
            n_classes,
            weights: weights.as_deref(),
            weight_sum: sample.weight_sum(),
        };
        let minimum = match dual::minimise(sample, known, parameters)? {
            Some(ended) if ended.why != Why::Stuck => Minimum::of_dual(ended, rows.columns()),
            Some(begun) => {
                let left = Parameters {
                    max_iter: parameters.max_iter - begun.n_iter,
                    ..parameters.clone()
                };
                let begun = Minimum::of_dual(begun, rows.columns());
                let start = Start {
                    coefficients: &begun.coefficients,
                    intercepts: &begun.intercepts,
                    n_iter: begun.n_iter,
                };
                Minimum::of_primal(sample, known, &left, Some(start))?
            }
            None => {
                let start = parameters.start.as_ref().map(|start| Start {
                    coefficients: start.coefficients(),
                    intercepts: start.intercepts(),
                    n_iter: 0,
                });
                Minimum::of_primal(sample, known, parameters, start)?
            }
        };
        let round = |mut values: Vec<f64>| {
            rows.precision().round(&mut values);
            values
        };
        let (coefficients, intercepts) = (round(minimum.coefficients), round(minimum.intercepts));
        let model = LogisticRegression::new(coefficients, intercepts, n_classes, rows.columns()).map_err(|_| {
            FitError::Overflow {
                quantity: "a coefficient",
            }
        })?;
        Ok(Fit {
            model,
            n_iter: minimum.n_iter,
            converged: minimum.why == Why::Converged && !minimum.separable,
            separable: minimum.separable,
            ill_conditioned: minimum.singular && parameters.solver == Solver::NewtonCholesky,
            loss: minimum.value,
        })
    }
}

/// Where a search begins, over all columns.
#[derive(Clone, Copy)]
struct Start<'s> {
    coefficients: &'s [f64],
    intercepts: &'s [f64],
    /// Iterations that led there.
    n_iter: usize,
}

/// What a search found, over all columns.
struct Minimum {
    coefficients: Vec<f64>,
    intercepts: Vec<f64>,
    value: f64,
    n_iter: usize,
    why: Why,
    separable: bool,
    singular: bool,
}

impl Minimum {
    fn of_dual(ended: Ended, columns: usize) -> Self {
        let mut coefficients = ended.point;
        let mut intercepts = coefficients.split_off(columns);
        intercepts.resize(1, 0.0);
        Self {
            coefficients,
            intercepts,
            value: ended.value,
            n_iter: ended.n_iter,
            why: ended.why,
            separable: false,
            singular: false,
        }
    }

    /// From `start`, or from zero.
    fn of_primal(
        sample: Sample<'_>,
        known: Known<'_>,
        parameters: &Parameters,
        start: Option<Start<'_>>,
    ) -> Result<Self, FitError> {
        let columns = sample.columns();
        let reduced = match sample.rows().as_csr() {
            Some(csr) => Reduced::new(csr, known, parameters, sample.interrupt)?,
            None => None,
        };
        let reduced = reduced.as_ref();
        let sample = reduced.map_or(sample, |reduced| sample.with_rows((&reduced.csr).into()));
        let mut objective = Objective::new(sample, known.classes, known.n_classes, parameters)?;
        let start = match start {
            None => vec![0.0; objective.parameter_count()],
            Some(Start {
                coefficients,
                intercepts,
                n_iter,
            }) => {
                objective.before = n_iter;
                let mut point = Vec::with_capacity(objective.parameter_count());
                for coefficients in coefficients.chunks_exact(columns) {
                    match reduced {
                        None => point.extend_from_slice(coefficients),
                        Some(reduced) => point.extend(reduced.narrow(coefficients)),
                    }
                }
                point.extend(intercepts.iter().filter(|_| parameters.fit_intercept));
                point
            }
        };
        let before = objective.before;
        let found = search::minimise(&mut objective, start, parameters)?;
        let ended = found.ended;
        if !ended.value.is_finite() {
            return Err(FitError::Overflow { quantity: "the loss" });
        }
        let separable = parameters.c.is_infinite() && objective.separates(&ended.point)?;
        let (coefficients, intercepts) = last_point(&objective, ended.point, parameters, reduced, columns);
        Ok(Self {
            coefficients,
            intercepts,
            value: ended.value,
            n_iter: before + ended.n_iter,
            why: ended.why,
            separable,
            singular: found.singular,
        })
    }
}

/// Coefficients of all columns, and intercepts (zeros if none are fitted). A penalty leaves 0 in a column without values; no
/// penalty leaves what it began with.
fn last_point(
    objective: &Objective<'_>,
    mut point: Vec<f64>,
    parameters: &Parameters,
    reduced: Option<&Reduced>,
    columns: usize,
) -> (Vec<f64>, Vec<f64>) {
    let scores = objective.scores;
    let mut intercepts = point.split_off(objective.coefficient_count());
    intercepts.resize(scores, 0.0);
    let Some(reduced) = reduced else {
        return (point, intercepts);
    };
    let mut coefficients = match &parameters.start {
        Some(start) if parameters.c.is_infinite() => start.coefficients().to_vec(),
        _ => vec![0.0; scores * columns],
    };
    for (all, some) in coefficients
        .chunks_exact_mut(columns)
        .zip(point.chunks_exact(reduced.csr.columns()))
    {
        reduced.widen(some, all);
    }
    (coefficients, intercepts)
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
