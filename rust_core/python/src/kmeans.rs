//! K-Means over NumPy arrays.

#![allow(
    clippy::needless_pass_by_value,
    reason = "Python's arguments are extracted into owned values"
)]

use ferrule_algorithms::kmeans::{Init, KMeans, Parameters};
use numpy::{PyArray1, PyArray2, PyReadonlyArray1, PyReadonlyArray2};
use pyo3::{exceptions::PyValueError, prelude::*};

use crate::{
    matrix::{Matrix, copied, invalid, matrix, values},
    random::State,
    signals::{interruptible, interruptible_if_long},
};

/// See `_core.pyi`.
#[pyclass(frozen, get_all, module = "ferrule._core")]
pub struct KMeansFit {
    centers: Py<PyArray2<f64>>,
    labels: Py<PyArray1<i32>>,
    inertia: f64,
    n_iter: usize,
    converged: bool,
    strict: bool,
    distinct_labels: usize,
    words_drawn: u64,
}

/// Where the centres start: how to draw them, or one set for each run.
#[derive(FromPyObject)]
pub(crate) enum Start<'py> {
    Named(String),
    Given(Vec<PyReadonlyArray2<'py, f64>>),
}

impl Start<'_> {
    pub(crate) fn init(self) -> PyResult<Init> {
        match self {
            Self::Named(name) => match name.as_str() {
                "k-means++" => Ok(Init::KMeansPlusPlus),
                "random" => Ok(Init::Random),
                _ => Err(PyValueError::new_err(format!(
                    "init: expected 'k-means++' or 'random', got {name:?}"
                ))),
            },
            Self::Given(starts) => Ok(Init::Starts(starts.iter().map(|centers| copied(centers).0).collect())),
        }
    }
}

/// See `_core.pyi`.
#[pyfunction]
#[pyo3(signature = (x, *, n_clusters, init, n_init, max_iter, tol, random, sample_weight, progress))]
#[allow(clippy::too_many_arguments)] // scikit-learn's constructor, flattened
pub fn kmeans_fit(
    py: Python<'_>,
    x: Matrix<'_>,
    n_clusters: usize,
    init: Start<'_>,
    n_init: Option<usize>,
    max_iter: usize,
    tol: f64,
    random: State<'_>,
    sample_weight: Option<PyReadonlyArray1<'_, f64>>,
    progress: Option<Bound<'_, PyAny>>,
) -> PyResult<KMeansFit> {
    let parameters = Parameters {
        n_clusters,
        init: init.init()?,
        n_init,
        max_iter,
        tol,
        ..Parameters::default()
    };
    let checked = x.checked()?;
    let rows = checked.rows();
    let weights = weights(sample_weight.as_ref())?;
    let mut generator = random.generator()?;
    let fit = interruptible(py, progress.as_ref(), |interrupt| {
        KMeans::fit_drawing(rows, weights, &parameters, &mut generator, interrupt)
    })?
    .map_err(invalid)?;
    Ok(KMeansFit {
        centers: matrix(py, fit.model.into_centers(), rows.columns())?.unbind(),
        labels: PyArray1::from_vec(py, fit.labels).unbind(),
        inertia: fit.inertia,
        n_iter: fit.n_iter,
        converged: fit.converged,
        strict: fit.strict,
        distinct_labels: fit.distinct_labels,
        words_drawn: generator.words_drawn(),
    })
}

/// See `_core.pyi`.
#[pyfunction]
pub fn kmeans_predict<'py>(
    py: Python<'py>,
    x: Matrix<'py>,
    centers: PyReadonlyArray2<'py, f64>,
) -> PyResult<Bound<'py, PyArray1<i32>>> {
    let (model, checked) = (model(&centers)?, x.checked()?);
    let rows = checked.rows();
    let mut labels = vec![0; rows.rows()];
    let size = rows.rows().saturating_mul(model.centers().len());
    interruptible_if_long(py, size, |interrupt| model.predict(rows, &mut labels, interrupt))?.map_err(invalid)?;
    Ok(PyArray1::from_vec(py, labels))
}

/// See `_core.pyi`.
#[pyfunction]
pub fn kmeans_transform<'py>(
    py: Python<'py>,
    x: Matrix<'py>,
    centers: PyReadonlyArray2<'py, f64>,
) -> PyResult<Bound<'py, PyArray2<f64>>> {
    let (model, checked) = (model(&centers)?, x.checked()?);
    let rows = checked.rows();
    let mut distances = vec![0.0; rows.rows() * model.n_clusters()];
    let size = rows.rows().saturating_mul(model.centers().len());
    interruptible_if_long(py, size, |interrupt| model.transform(rows, &mut distances, interrupt))?.map_err(invalid)?;
    matrix(py, distances, model.n_clusters())
}

/// See `_core.pyi`.
#[pyfunction]
#[pyo3(signature = (x, centers, sample_weight))]
pub fn kmeans_label<'py>(
    py: Python<'py>,
    x: Matrix<'py>,
    centers: PyReadonlyArray2<'py, f64>,
    sample_weight: Option<PyReadonlyArray1<'py, f64>>,
) -> PyResult<(Bound<'py, PyArray1<i32>>, f64)> {
    let (model, checked) = (model(&centers)?, x.checked()?);
    let rows = checked.rows();
    let weights = weights(sample_weight.as_ref())?;
    let size = rows.rows().saturating_mul(model.centers().len());
    let (labels, inertia) =
        interruptible_if_long(py, size, |interrupt| model.label(rows, weights, interrupt))?.map_err(invalid)?;
    Ok((PyArray1::from_vec(py, labels), inertia))
}

/// The weights of the rows, if any.
pub(crate) fn weights<'a>(sample_weight: Option<&'a PyReadonlyArray1<'_, f64>>) -> PyResult<Option<&'a [f64]>> {
    sample_weight
        .map(|weights| values("sample_weight", weights))
        .transpose()
}

fn model(centers: &PyReadonlyArray2<'_, f64>) -> PyResult<KMeans> {
    let (centers, n_clusters, columns) = copied(centers);
    KMeans::new(centers, n_clusters, columns).map_err(invalid)
}
