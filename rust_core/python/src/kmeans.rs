//! K-Means over NumPy arrays.

#![allow(
    clippy::needless_pass_by_value,
    reason = "Python's arguments are extracted into owned values"
)]

use ferrule_algorithms::kmeans::{Init, KMeans, Parameters};
use numpy::{PyArray1, PyArray2, PyReadonlyArray1, PyReadonlyArray2};
use pyo3::prelude::*;

use crate::{
    matrix::{Matrix, copied, invalid, matrix, values},
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
    distinct_labels: usize,
}

/// See `_core.pyi`.
#[pyfunction]
#[pyo3(signature = (x, *, n_clusters, init, n_init, max_iter, tol, seed, sample_weight))]
#[allow(clippy::too_many_arguments)] // scikit-learn's constructor, flattened
pub fn kmeans_fit(
    py: Python<'_>,
    x: Matrix<'_>,
    n_clusters: usize,
    init: Option<PyReadonlyArray2<'_, f64>>,
    n_init: usize,
    max_iter: usize,
    tol: f64,
    seed: u32,
    sample_weight: Option<PyReadonlyArray1<'_, f64>>,
) -> PyResult<KMeansFit> {
    let parameters = Parameters {
        n_clusters,
        init: init.map_or(Init::KMeansPlusPlus, |centers| Init::Centers(copied(&centers).0)),
        n_init,
        max_iter,
        tol,
        seed,
    };
    let checked = x.checked()?;
    let rows = checked.rows();
    let weights = sample_weight
        .as_ref()
        .map(|weights| values("sample_weight", weights))
        .transpose()?;
    let fit =
        interruptible(py, None, |interrupt| KMeans::fit(rows, weights, &parameters, interrupt))?.map_err(invalid)?;
    Ok(KMeansFit {
        centers: matrix(py, fit.model.centers().to_vec(), rows.columns())?.unbind(),
        labels: PyArray1::from_vec(py, fit.labels).unbind(),
        inertia: fit.inertia,
        n_iter: fit.n_iter,
        converged: fit.converged,
        distinct_labels: fit.distinct_labels,
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

fn model(centers: &PyReadonlyArray2<'_, f64>) -> PyResult<KMeans> {
    let (centers, n_clusters, columns) = copied(centers);
    KMeans::new(centers, n_clusters, columns).map_err(invalid)
}
