//! Mini-batch K-Means over NumPy arrays.

#![allow(
    clippy::needless_pass_by_value,
    reason = "Python's arguments are extracted into owned values"
)]

use ferrule_algorithms::kmeans::mini_batch::{self, Parameters, State};
use numpy::{PyArray1, PyArray2, PyReadonlyArray1, PyReadonlyArray2};
use pyo3::prelude::*;

use crate::{
    kmeans::{Start, weights},
    matrix::{Matrix, copied, invalid, matrix, values},
    random,
    signals::{interruptible, interruptible_if_long},
};

/// See `_core.pyi`.
#[pyclass(frozen, module = "ferrule._core")]
pub struct MiniBatchParameters(Parameters);

#[pymethods]
impl MiniBatchParameters {
    #[new]
    #[pyo3(signature = (
        *, n_clusters, init, n_init, max_iter, batch_size, init_size, tol, max_no_improvement, reassignment_ratio,
        compute_labels
    ))]
    #[allow(clippy::too_many_arguments)] // scikit-learn's constructor
    fn new(
        n_clusters: usize,
        init: Start<'_>,
        n_init: Option<usize>,
        max_iter: usize,
        batch_size: usize,
        init_size: Option<usize>,
        tol: f64,
        max_no_improvement: Option<usize>,
        reassignment_ratio: f64,
        compute_labels: bool,
    ) -> PyResult<Self> {
        Ok(Self(Parameters {
            n_clusters,
            init: init.init()?,
            n_init,
            max_iter,
            batch_size,
            init_size,
            tol,
            max_no_improvement,
            reassignment_ratio,
            compute_labels,
        }))
    }

    fn init_rows(&self, rows: usize) -> usize {
        self.0.init_rows(rows)
    }
}

/// See `_core.pyi`.
#[pyclass(frozen, get_all, module = "ferrule._core")]
pub struct MiniBatchState {
    centers: Py<PyArray2<f64>>,
    counts: Py<PyArray1<f64>>,
    rows_since_reassignment: usize,
    words_drawn: u64,
    /// Clusters of the batch's rows, and the inertia, where they were asked for.
    labels: Option<(Py<PyArray1<i32>>, f64)>,
}

impl MiniBatchState {
    fn new(py: Python<'_>, state: &State, words_drawn: u64) -> PyResult<Self> {
        let columns = state.centers().len() / state.counts().len();
        Ok(Self {
            centers: matrix(py, state.centers().to_vec(), columns)?.unbind(),
            counts: PyArray1::from_slice(py, state.counts()).unbind(),
            rows_since_reassignment: state.rows_since_reassignment(),
            words_drawn,
            labels: None,
        })
    }
}

/// See `_core.pyi`.
#[pyclass(frozen, get_all, module = "ferrule._core")]
pub struct MiniBatchFit {
    state: Py<MiniBatchState>,
    labels: Py<PyArray1<i32>>,
    inertia: f64,
    n_iter: usize,
    n_steps: usize,
    converged: bool,
}

/// See `_core.pyi`.
#[pyfunction]
#[pyo3(signature = (x, parameters, *, centers, random, sample_weight, progress))]
pub fn mini_batch_fit(
    py: Python<'_>,
    x: Matrix<'_>,
    parameters: &MiniBatchParameters,
    centers: Option<PyReadonlyArray2<'_, f64>>,
    random: random::State<'_>,
    sample_weight: Option<PyReadonlyArray1<'_, f64>>,
    progress: Option<Bound<'_, PyAny>>,
) -> PyResult<MiniBatchFit> {
    let checked = x.checked()?;
    let (rows, parameters) = (checked.rows(), &parameters.0);
    let weights = weights(sample_weight.as_ref())?;
    let centers = centers.as_ref().map(|centers| copied(centers).0);
    let mut generator = random.generator()?;
    let fit = interruptible(py, progress.as_ref(), |interrupt| match centers {
        None => mini_batch::fit(rows, weights, parameters, &mut generator, interrupt),
        Some(centers) => mini_batch::fit_from(rows, weights, centers, parameters, &mut generator, interrupt),
    })?
    .map_err(invalid)?;
    Ok(MiniBatchFit {
        state: Py::new(py, MiniBatchState::new(py, &fit.state, generator.words_drawn())?)?,
        labels: PyArray1::from_vec(py, fit.labels).unbind(),
        inertia: fit.inertia,
        n_iter: fit.n_iter,
        n_steps: fit.n_steps,
        converged: fit.converged,
    })
}

/// See `_core.pyi`.
#[pyfunction]
#[pyo3(signature = (x, parameters, *, random, sample_weight))]
pub fn mini_batch_start(
    py: Python<'_>,
    x: Matrix<'_>,
    parameters: &MiniBatchParameters,
    random: random::State<'_>,
    sample_weight: Option<PyReadonlyArray1<'_, f64>>,
) -> PyResult<MiniBatchState> {
    let checked = x.checked()?;
    let weights = weights(sample_weight.as_ref())?;
    let mut generator = random.generator()?;
    let state = interruptible(py, None, |interrupt| {
        mini_batch::start(checked.rows(), weights, &parameters.0, &mut generator, interrupt)
    })?
    .map_err(invalid)?;
    MiniBatchState::new(py, &state, generator.words_drawn())
}

/// See `_core.pyi`.
#[pyfunction]
#[pyo3(signature = (
    x, *, centers, counts, rows_since_reassignment, batch_size, reassignment_ratio, random, sample_weight, label
))]
#[allow(clippy::too_many_arguments)] // the state, flattened
pub fn mini_batch_learn(
    py: Python<'_>,
    x: Matrix<'_>,
    centers: PyReadonlyArray2<'_, f64>,
    counts: PyReadonlyArray1<'_, f64>,
    rows_since_reassignment: usize,
    batch_size: usize,
    reassignment_ratio: f64,
    random: Py<PyAny>,
    sample_weight: Option<PyReadonlyArray1<'_, f64>>,
    label: bool,
) -> PyResult<MiniBatchState> {
    let checked = x.checked()?;
    let weights = weights(sample_weight.as_ref())?;
    let (centers, _, columns) = copied(&centers);
    let counts = values("counts", &counts)?.to_vec();
    let mut state = State::resume(centers, columns, counts, rows_since_reassignment).map_err(invalid)?;
    let mut random = random::Lazy::new(random);
    let size = checked.rows().rows().saturating_mul(state.centers().len());
    let rows = checked.rows();
    let labels = interruptible_if_long(py, size, |interrupt| {
        let random = &mut random;
        if label {
            let labels = state.learn_and_label(rows, weights, batch_size, reassignment_ratio, random, interrupt);
            labels.map(Some)
        } else {
            let learnt = state.learn(rows, weights, batch_size, reassignment_ratio, random, interrupt);
            learnt.map(|()| None)
        }
    })?
    .map_err(invalid)?;
    Ok(MiniBatchState {
        labels: labels.map(|(labels, inertia)| (PyArray1::from_vec(py, labels).unbind(), inertia)),
        ..MiniBatchState::new(py, &state, random.words_drawn()?)?
    })
}
