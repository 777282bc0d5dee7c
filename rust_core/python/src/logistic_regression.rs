//! Logistic regression over NumPy arrays. Classes are indices here; the estimator keeps the labels.

#![allow(
    clippy::needless_pass_by_value,
    reason = "Python's arguments are extracted into owned values"
)]

use std::borrow::Cow;

use ferrule_algorithms::{
    Csr, Interrupt, PredictError, Rows,
    logistic_regression::{ClassWeight, LogisticRegression, Parameters, Scorer},
};
use numpy::{Element, PyArray1, PyArray2, PyReadonlyArray1, PyReadonlyArray2, PyUntypedArrayMethods};
use pyo3::{exceptions::PyValueError, prelude::*};

use crate::{
    matrix::{Checked, Matrix, copied, invalid, matrix, values},
    signals::{interruptible, interruptible_if_long},
};

/// See `_core.pyi`.
#[pyclass(frozen, get_all, module = "ferrule._core")]
pub struct LogisticRegressionFit {
    coefficients: Py<PyArray2<f64>>,
    intercepts: Py<PyArray1<f64>>,
    loss: f64,
    n_iter: usize,
    converged: bool,
    separable: bool,
    ill_conditioned: bool,
}

/// See `_core.pyi`.
#[pyfunction]
#[pyo3(signature = (
    x, classes, *, n_classes, c, l1_ratio, solver, fit_intercept, intercept_scaling, class_weight, max_iter, tol, start,
    sample_weight, progress
))]
#[allow(clippy::too_many_arguments)] // scikit-learn's constructor, flattened
pub fn logistic_regression_fit(
    py: Python<'_>,
    x: Matrix<'_>,
    classes: PyReadonlyArray1<'_, u32>,
    n_classes: usize,
    c: f64,
    l1_ratio: f64,
    solver: &str,
    fit_intercept: bool,
    intercept_scaling: Option<f64>,
    class_weight: Option<Vec<f64>>,
    max_iter: usize,
    tol: f64,
    start: Option<(PyReadonlyArray2<'_, f64>, PyReadonlyArray1<'_, f64>)>,
    sample_weight: Option<PyReadonlyArray1<'_, f64>>,
    progress: Option<Bound<'_, PyAny>>,
) -> PyResult<LogisticRegressionFit> {
    let start = start.map(|(coefficients, intercepts)| model(&coefficients, &intercepts));
    let parameters = Parameters {
        c,
        l1_ratio,
        solver: solver.parse().map_err(invalid)?,
        fit_intercept,
        intercept_scaling,
        class_weight: class_weight.map_or(ClassWeight::Equal, ClassWeight::Given),
        max_iter,
        tol,
        start: start.transpose()?,
    };
    let checked = x.checked()?;
    let rows = checked.rows();
    let classes = values("y", &classes)?;
    let weights = sample_weight
        .as_ref()
        .map(|weights| values("sample_weight", weights))
        .transpose()?;
    let fit = interruptible(py, progress.as_ref(), |interrupt| {
        LogisticRegression::fit(rows, classes, n_classes, weights, &parameters, interrupt)
    })?
    .map_err(invalid)?;
    Ok(LogisticRegressionFit {
        coefficients: matrix(py, fit.model.coefficients().to_vec(), rows.columns())?.unbind(),
        intercepts: PyArray1::from_slice(py, fit.model.intercepts()).unbind(),
        loss: fit.loss,
        n_iter: fit.n_iter,
        converged: fit.converged,
        separable: fit.separable,
        ill_conditioned: fit.ill_conditioned,
    })
}

/// See `_core.pyi`.
#[pyfunction]
pub fn logistic_regression_predict<'py>(
    py: Python<'py>,
    x: Matrix<'py>,
    coefficients: Coefficients<'py>,
    intercepts: PyReadonlyArray1<'py, f64>,
) -> PyResult<Bound<'py, PyArray1<u32>>> {
    let checked = x.checked()?;
    let asked = Asked::new(&checked, &coefficients, &intercepts)?;
    let (classes, _) = asked.answers(
        py,
        |_| 1,
        |scorer, rows, answers, interrupt| scorer.predict(rows, answers, interrupt),
    )?;
    Ok(PyArray1::from_vec(py, classes))
}

/// See `_core.pyi`.
#[pyfunction]
pub fn logistic_regression_decision_function<'py>(
    py: Python<'py>,
    x: Matrix<'py>,
    coefficients: Coefficients<'py>,
    intercepts: PyReadonlyArray1<'py, f64>,
) -> PyResult<Bound<'py, PyArray2<f64>>> {
    let checked = x.checked()?;
    let asked = Asked::new(&checked, &coefficients, &intercepts)?;
    let (scores, width) = asked.answers(
        py,
        |scorer| scorer.scores(),
        |scorer, rows, answers, interrupt| scorer.decision_function(rows, answers, interrupt),
    )?;
    matrix(py, scores, width)
}

/// See `_core.pyi`.
#[pyfunction]
pub fn logistic_regression_predict_proba<'py>(
    py: Python<'py>,
    x: Matrix<'py>,
    coefficients: Coefficients<'py>,
    intercepts: PyReadonlyArray1<'py, f64>,
) -> PyResult<Bound<'py, PyArray2<f64>>> {
    let checked = x.checked()?;
    let asked = Asked::new(&checked, &coefficients, &intercepts)?;
    let (probabilities, width) = asked.answers(
        py,
        |scorer| scorer.n_classes(),
        |scorer, rows, answers, interrupt| scorer.predict_proba(rows, answers, interrupt),
    )?;
    matrix(py, probabilities, width)
}

/// What a prediction is made from. The coefficients stay where Python has them, so that they may be changed there; each call
/// reads those that it needs. Where they do not lie column after column they are copied; for sparse rows, those of the columns that
/// the rows name.
struct Asked<'a> {
    rows: &'a Checked<'a>,
    narrow: Option<Csr<'a>>,
    coefficients: Cow<'a, [f64]>,
    intercepts: &'a [f64],
    columns: usize,
}

impl<'a> Asked<'a> {
    fn new(
        rows: &'a Checked<'a>,
        coefficients: &'a Coefficients<'_>,
        intercepts: &'a PyReadonlyArray1<'_, f64>,
    ) -> PyResult<Self> {
        let (narrow, coefficients, columns) = match coefficients {
            Coefficients::Double(array) if array.is_fortran_contiguous() => {
                (None, array.as_slice().map_err(invalid)?.into(), array.shape()[1])
            }
            Coefficients::Double(array) => by_column(rows, array),
            Coefficients::Single(array) => by_column(rows, array),
        };
        Ok(Self {
            rows,
            narrow,
            coefficients,
            intercepts: values("intercept_", intercepts)?,
            columns,
        })
    }

    fn rows(&self) -> Rows<'_> {
        match &self.narrow {
            Some(narrow) => narrow.into(),
            None => self.rows.rows(),
        }
    }

    /// Answers as `answer` computes them, as many for each row as `width` says of the scorer.
    fn answers<T: Copy + Default + Send>(
        &self,
        py: Python<'_>,
        width: impl Fn(&Scorer<'_>) -> usize,
        answer: impl Fn(&Scorer<'_>, Rows<'_>, &mut [T], Interrupt<'_>) -> Result<(), PredictError> + Sync,
    ) -> PyResult<(Vec<T>, usize)> {
        let scorer = Scorer::new(&self.coefficients, self.intercepts, self.columns).map_err(invalid)?;
        let (rows, width) = (self.rows(), width(&scorer));
        let mut answers = vec![T::default(); rows.rows() * width];
        // Rows that name nothing are work too.
        let steps = self.rows.nonzeros().saturating_add(rows.rows());
        let size = steps.saturating_mul(scorer.n_classes());
        interruptible_if_long(py, size, |interrupt| answer(&scorer, rows, &mut answers, interrupt))?
            .map_err(|error| self.explained(&error))?;
        Ok((answers, width))
    }

    /// Says of the coefficients that they are at fault where they are.
    fn explained(&self, error: &PredictError) -> PyErr {
        if let PredictError::NotFinite { .. } = error {
            for (name, array) in [("coefficients", &*self.coefficients), ("intercepts", self.intercepts)] {
                if array.iter().any(|value| !value.is_finite()) {
                    return PyValueError::new_err(format!("{name}: not all values are finite"));
                }
            }
        }
        invalid(error)
    }
}

/// Coefficients as estimators keep them.
#[derive(FromPyObject)]
pub enum Coefficients<'py> {
    Double(PyReadonlyArray2<'py, f64>),
    Single(PyReadonlyArray2<'py, f32>),
}

/// A copy of coefficients, column after column, and the number of columns; for sparse rows only of the columns that they name, with
/// the rows as they count these columns.
fn by_column<'a, T: Element + Copy + Into<f64>>(
    rows: &'a Checked<'_>,
    coefficients: &PyReadonlyArray2<'_, T>,
) -> (Option<Csr<'a>>, Cow<'a, [f64]>, usize) {
    let all = coefficients.as_array();
    let (scores, columns) = all.dim();
    let narrow = match rows {
        Checked::Sparse(csr) if csr.columns() == columns => csr.narrow(scores == 1),
        _ => None,
    };
    let (narrow, places) = narrow.unzip();
    let wanted = places.as_ref().map_or(columns, Vec::len);
    let width = narrow.as_ref().map_or(columns, Csr::columns);
    let mut copy = vec![0.0; scores * width];
    // A few columns at a time: each row of coefficients is read in order, and what is written stays in the cache.
    for first in (0..wanted).step_by(FEW_COLUMNS) {
        let few = first..wanted.min(first + FEW_COLUMNS);
        for (score, row) in all.rows().into_iter().enumerate() {
            for index in few.clone() {
                let (place, column) = places.as_ref().map_or((index, index), |places| {
                    (places[index].0 as usize, places[index].1 as usize)
                });
                copy[place * scores + score] = row[column].into();
            }
        }
    }
    (narrow, copy.into(), width)
}

/// Columns whose coefficients are copied at one time.
const FEW_COLUMNS: usize = 256;

/// One row of coefficients separates two classes; more have a row each.
fn model(
    coefficients: &PyReadonlyArray2<'_, f64>,
    intercepts: &PyReadonlyArray1<'_, f64>,
) -> PyResult<LogisticRegression> {
    let (coefficients, scores, columns) = copied(coefficients);
    let intercepts = values("intercept_", intercepts)?.to_vec();
    LogisticRegression::new(coefficients, intercepts, scores.max(2), columns).map_err(invalid)
}
