//! Logistic regression over NumPy arrays. Classes are indices here; the estimator keeps the labels.

#![allow(
    clippy::needless_pass_by_value,
    reason = "Python's arguments are extracted into owned values"
)]

use ferrule_algorithms::{
    Csr, Rows,
    logistic_regression::{ClassWeight, LogisticRegression, Parameters},
};
use numpy::{PyArray1, PyArray2, PyReadonlyArray1, PyReadonlyArray2, PyUntypedArrayMethods};
use pyo3::prelude::*;

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
    coefficients: PyReadonlyArray2<'py, f64>,
    intercepts: PyReadonlyArray1<'py, f64>,
) -> PyResult<Bound<'py, PyArray1<u32>>> {
    let checked = x.checked()?;
    let asked = Asked::new(&checked, &coefficients, &intercepts)?;
    let (rows, model) = (asked.rows(), &asked.model);
    let mut classes = vec![0; rows.rows()];
    interruptible_if_long(py, asked.size(), |interrupt| model.predict(rows, &mut classes, interrupt))?
        .map_err(invalid)?;
    Ok(PyArray1::from_vec(py, classes))
}

/// See `_core.pyi`.
#[pyfunction]
pub fn logistic_regression_decision_function<'py>(
    py: Python<'py>,
    x: Matrix<'py>,
    coefficients: PyReadonlyArray2<'py, f64>,
    intercepts: PyReadonlyArray1<'py, f64>,
) -> PyResult<Bound<'py, PyArray2<f64>>> {
    let checked = x.checked()?;
    let asked = Asked::new(&checked, &coefficients, &intercepts)?;
    let (rows, model) = (asked.rows(), &asked.model);
    let mut scores = vec![0.0; rows.rows() * model.scores()];
    interruptible_if_long(py, asked.size(), |interrupt| {
        model.decision_function(rows, &mut scores, interrupt)
    })?
    .map_err(invalid)?;
    matrix(py, scores, model.scores())
}

/// See `_core.pyi`.
#[pyfunction]
pub fn logistic_regression_predict_proba<'py>(
    py: Python<'py>,
    x: Matrix<'py>,
    coefficients: PyReadonlyArray2<'py, f64>,
    intercepts: PyReadonlyArray1<'py, f64>,
) -> PyResult<Bound<'py, PyArray2<f64>>> {
    let checked = x.checked()?;
    let asked = Asked::new(&checked, &coefficients, &intercepts)?;
    let (rows, model) = (asked.rows(), &asked.model);
    let mut probabilities = vec![0.0; rows.rows() * model.n_classes()];
    interruptible_if_long(py, asked.size(), |interrupt| {
        model.predict_proba(rows, &mut probabilities, interrupt)
    })?
    .map_err(invalid)?;
    matrix(py, probabilities, model.n_classes())
}

/// What a prediction is made from. The coefficients stay where Python has them, so that they may be changed there; each call
/// copies those that it needs. For sparse rows these are the ones of the columns that the rows name.
struct Asked<'a> {
    rows: &'a Checked<'a>,
    narrow: Option<Csr<'a>>,
    model: LogisticRegression,
}

impl<'a> Asked<'a> {
    fn new(
        rows: &'a Checked<'a>,
        coefficients: &PyReadonlyArray2<'_, f64>,
        intercepts: &PyReadonlyArray1<'_, f64>,
    ) -> PyResult<Self> {
        let narrow = match rows {
            Checked::Sparse(csr) if csr.columns() == coefficients.shape()[1] => csr.narrow(),
            _ => None,
        };
        let Some((narrow, places)) = narrow else {
            let model = model(coefficients, intercepts)?;
            return Ok(Self {
                rows,
                narrow: None,
                model,
            });
        };
        let intercepts = values("intercept_", intercepts)?.to_vec();
        let (scores, columns) = (coefficients.shape()[0], narrow.columns());
        let mut some = vec![0.0; scores * columns];
        let all = coefficients.as_array();
        for &(place, column) in &places {
            for (score, value) in all.column(column as usize).iter().enumerate() {
                some[score * columns + place as usize] = *value;
            }
        }
        let model = LogisticRegression::new(some, intercepts, scores.max(2), columns).map_err(invalid)?;
        Ok(Self {
            rows,
            narrow: Some(narrow),
            model,
        })
    }

    fn rows(&self) -> Rows<'_> {
        match &self.narrow {
            Some(narrow) => narrow.into(),
            None => self.rows.rows(),
        }
    }

    /// Multiply-adds, at most.
    fn size(&self) -> usize {
        self.rows().rows().saturating_mul(self.model.coefficients().len())
    }
}

/// One row of coefficients separates two classes; more have a row each.
fn model(
    coefficients: &PyReadonlyArray2<'_, f64>,
    intercepts: &PyReadonlyArray1<'_, f64>,
) -> PyResult<LogisticRegression> {
    let (coefficients, scores, columns) = copied(coefficients);
    let intercepts = values("intercept_", intercepts)?.to_vec();
    LogisticRegression::new(coefficients, intercepts, scores.max(2), columns).map_err(invalid)
}
