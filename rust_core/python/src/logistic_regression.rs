//! Logistic regression over NumPy arrays. Classes are indices here; the estimator keeps the labels.

#![allow(
    clippy::needless_pass_by_value,
    reason = "Python's arguments are extracted into owned values"
)]

use std::borrow::Cow;

use ferrule_algorithms::{
    Csr, Interrupt, NumbersMut, Precision, PredictError, Rows,
    logistic_regression::{ClassWeight, LogisticRegression, Parameters, Scorer},
};
use numpy::{
    Element, Ix1, Ix2, PyArray, PyArray1, PyArray2, PyArrayMethods, PyReadonlyArray1, PyReadonlyArray2,
    PyUntypedArrayMethods, ndarray::IntoDimension,
};
use pyo3::{exceptions::PyValueError, prelude::*};

use crate::{
    matrix::{Checked, Matrix, Numbers, copied, invalid, matrix, values},
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
        intercepts: PyArray1::from_slice(py, fit.model.intercepts()).unbind(),
        coefficients: matrix(py, fit.model.into_coefficients(), rows.columns())?.unbind(),
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
    coefficients: Numbers<'py, Ix2>,
    intercepts: Numbers<'py, Ix1>,
) -> PyResult<Bound<'py, PyArray1<u32>>> {
    let checked = x.checked()?;
    let asked = Asked::new(&checked, &coefficients, &intercepts)?;
    asked.answers(
        py,
        |_, rows| [rows],
        |scorer, rows, answers, interrupt| scorer.predict(rows, answers, interrupt),
    )
}

/// See `_core.pyi`.
#[pyfunction]
pub fn logistic_regression_decision_function<'py>(
    py: Python<'py>,
    x: Matrix<'py>,
    coefficients: Numbers<'py, Ix2>,
    intercepts: Numbers<'py, Ix1>,
) -> PyResult<Bound<'py, PyAny>> {
    let checked = x.checked()?;
    let asked = Asked::new(&checked, &coefficients, &intercepts)?;
    asked.numbers(
        py,
        |scorer| scorer.scores(),
        |scorer, rows, answers, interrupt| scorer.decision_function(rows, answers, interrupt),
    )
}

/// See `_core.pyi`.
#[pyfunction]
pub fn logistic_regression_predict_proba<'py>(
    py: Python<'py>,
    x: Matrix<'py>,
    coefficients: Numbers<'py, Ix2>,
    intercepts: Numbers<'py, Ix1>,
) -> PyResult<Bound<'py, PyAny>> {
    let checked = x.checked()?;
    let asked = Asked::new(&checked, &coefficients, &intercepts)?;
    asked.numbers(
        py,
        |scorer| scorer.n_classes(),
        |scorer, rows, answers, interrupt| scorer.predict_proba(rows, answers, interrupt),
    )
}

/// What a prediction is made from. The coefficients stay where Python has them, so that they may be changed there; each call
/// reads those that it needs. Where they do not lie column after column they are copied; for sparse rows, those of the columns that
/// the rows name.
struct Asked<'a> {
    rows: &'a Checked<'a>,
    narrow: Option<Csr<'a>>,
    coefficients: ByColumn<'a>,
    intercepts: Cow<'a, [f64]>,
    columns: usize,
}

impl<'a> Asked<'a> {
    fn new(
        rows: &'a Checked<'a>,
        coefficients: &'a Numbers<'_, Ix2>,
        intercepts: &'a Numbers<'_, Ix1>,
    ) -> PyResult<Self> {
        let (coefficients, narrow, columns) = match coefficients {
            Numbers::Double(array) => {
                let (values, narrow, columns) = by_column(rows, array)?;
                (ByColumn::Double(values), narrow, columns)
            }
            Numbers::Single(array) => {
                let (values, narrow, columns) = by_column(rows, array)?;
                (ByColumn::Single(values), narrow, columns)
            }
        };
        let intercepts = match intercepts {
            Numbers::Double(array) => values("intercept_", array)?.into(),
            Numbers::Single(array) => {
                let singles = values("intercept_", array)?;
                singles.iter().copied().map(f64::from).collect()
            }
        };
        Ok(Self {
            rows,
            narrow,
            coefficients,
            intercepts,
            columns,
        })
    }

    fn rows(&self) -> Rows<'_> {
        match &self.narrow {
            Some(narrow) => narrow.into(),
            None => self.rows.rows(),
        }
    }

    /// What numbers are answered with: float32 where both rows and coefficients are.
    fn precision(&self) -> Precision {
        match self.coefficients {
            ByColumn::Double(_) => Precision::Double,
            ByColumn::Single(_) => self.rows().precision(),
        }
    }

    /// [`Asked::answers`] in numbers, as many for each row as `width` says of the scorer.
    fn numbers<'py>(
        &self,
        py: Python<'py>,
        width: impl Fn(&Scorer<'_>) -> usize,
        answer: impl Fn(&Scorer<'_>, Rows<'_>, NumbersMut<'_>, Interrupt<'_>) -> Result<(), PredictError> + Sync,
    ) -> PyResult<Bound<'py, PyAny>> {
        fn table<'py, T: Element + Send>(
            py: Python<'py>,
            asked: &Asked<'_>,
            width: impl Fn(&Scorer<'_>) -> usize,
            answer: impl Fn(&Scorer<'_>, Rows<'_>, &mut [T], Interrupt<'_>) -> Result<(), PredictError> + Sync,
        ) -> PyResult<Bound<'py, PyAny>> {
            let table = asked.answers(py, |scorer, rows| [rows, width(scorer)], answer)?;
            Ok(table.into_any())
        }
        match self.precision() {
            Precision::Single => table::<f32>(py, self, width, |scorer, rows, answers, interrupt| {
                answer(scorer, rows, answers.into(), interrupt)
            }),
            Precision::Double => table::<f64>(py, self, width, |scorer, rows, answers, interrupt| {
                answer(scorer, rows, answers.into(), interrupt)
            }),
        }
    }

    /// Answers as `answer` computes them, in an array whose shape `shape` says of the scorer and the number of rows.
    fn answers<'py, T: Element + Send, S: IntoDimension>(
        &self,
        py: Python<'py>,
        shape: impl Fn(&Scorer<'_>, usize) -> S,
        answer: impl Fn(&Scorer<'_>, Rows<'_>, &mut [T], Interrupt<'_>) -> Result<(), PredictError> + Sync,
    ) -> PyResult<Bound<'py, PyArray<T, S::Dim>>> {
        let scorer = match &self.coefficients {
            ByColumn::Double(values) => Scorer::new(&**values, &self.intercepts, self.columns),
            ByColumn::Single(values) => Scorer::new(&**values, &self.intercepts, self.columns),
        }
        .map_err(invalid)?;
        let rows = self.rows();
        let array = PyArray::zeros(py, shape(&scorer, rows.rows()), false);
        let mut open = array.readwrite();
        let answers = open.as_slice_mut().map_err(invalid)?;
        // Rows that name nothing are work too.
        let steps = self.rows.nonzeros().saturating_add(rows.rows());
        let size = steps.saturating_mul(scorer.n_classes());
        interruptible_if_long(py, size, |interrupt| answer(&scorer, rows, answers, interrupt))?
            .map_err(|error| self.explained(&error))?;
        drop(open);
        Ok(array)
    }

    /// Says of the coefficients that they are at fault where they are.
    fn explained(&self, error: &PredictError) -> PyErr {
        let finite = match &self.coefficients {
            ByColumn::Double(values) => values.iter().all(|value| value.is_finite()),
            ByColumn::Single(values) => values.iter().all(|value| value.is_finite()),
        };
        let name = match error {
            PredictError::NotFinite { .. } if !finite => "coefficients",
            PredictError::NotFinite { .. } if self.intercepts.iter().any(|value| !value.is_finite()) => "intercepts",
            _ => return invalid(error),
        };
        PyValueError::new_err(format!("{name}: not all values are finite"))
    }
}

/// Coefficients as predictions read them, in the type that estimators keep.
enum ByColumn<'a> {
    Double(Cow<'a, [f64]>),
    Single(Cow<'a, [f32]>),
}

/// Coefficients column after column, and the number of columns. Where they do not lie so they are copied; for sparse rows only those
/// of the columns that the rows name, and with them come the rows as they count these columns.
fn by_column<'a, T: Element + Copy + Default>(
    rows: &'a Checked<'_>,
    coefficients: &'a PyReadonlyArray2<'_, T>,
) -> PyResult<(Cow<'a, [T]>, Option<Csr<'a>>, usize)> {
    if coefficients.is_fortran_contiguous() {
        let values = coefficients.as_slice().map_err(invalid)?;
        return Ok((values.into(), None, coefficients.shape()[1]));
    }
    let all = coefficients.as_array();
    let (scores, columns) = all.dim();
    let narrow = match rows {
        Checked::Sparse(csr) if csr.columns() == columns => csr.narrow(scores == 1),
        _ => None,
    };
    let (narrow, places) = narrow.unzip();
    let wanted = places.as_ref().map_or(columns, Vec::len);
    let width = narrow.as_ref().map_or(columns, Csr::columns);
    let mut copy = vec![T::default(); scores * width];
    // A few columns at a time: each row of coefficients is read in order, and what is written stays in the cache.
    for first in (0..wanted).step_by(FEW_COLUMNS) {
        let few = first..wanted.min(first + FEW_COLUMNS);
        for (score, row) in all.rows().into_iter().enumerate() {
            for index in few.clone() {
                let (place, column) = places.as_ref().map_or((index, index), |places| {
                    (places[index].0 as usize, places[index].1 as usize)
                });
                copy[place * scores + score] = row[column];
            }
        }
    }
    Ok((copy.into(), narrow, width))
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
