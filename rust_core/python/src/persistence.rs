//! Models as files: reading, writing and publishing them without a server, and asking them.
//!
//! Listing and verifying load no NumPy; what takes or gives arrays does.

#![allow(
    clippy::needless_pass_by_value,
    reason = "Python's arguments are extracted into owned values"
)]

use std::{
    collections::BTreeMap,
    io,
    path::PathBuf,
    sync::{Mutex, PoisonError},
};

use ferrule_algorithms::{Interrupt, PredictError, Rows, kmeans::KMeans, logistic_regression::LogisticRegression};
use ferrule_engine::offline::{self, Array, Arrays, OfflineError};
use numpy::{PyArray1, PyArray2, PyArrayDyn, PyArrayMethods, PyReadonlyArrayDyn, PyUntypedArrayMethods};
use pyo3::{
    exceptions::{PyFileNotFoundError, PyRuntimeError, PyValueError},
    prelude::*,
};

use crate::{
    matrix::{Matrix, invalid, matrix},
    signals::interruptible_if_long,
};

/// See `_core.pyi`.
#[pyclass(frozen, module = "ferrule._core")]
pub struct StoredModel(offline::StoredModel);

/// See `_core.pyi`.
#[pyclass(frozen, module = "ferrule._core")]
pub struct Publication(Mutex<Option<offline::Publication>>);

/// See `_core.pyi`.
#[pyclass(frozen, get_all, module = "ferrule._core")]
pub struct RepositoryEntry {
    name: String,
    version: u32,
    path: PathBuf,
}

/// See `_core.pyi`.
#[pyfunction]
#[pyo3(signature = (directory, name=None, version=None))]
pub fn repository_entries(
    directory: PathBuf,
    name: Option<&str>,
    version: Option<u32>,
) -> PyResult<Vec<RepositoryEntry>> {
    let entries = offline::entries(&directory, name, version).map_err(raised)?;
    let entries = entries.into_iter().map(|entry| RepositoryEntry {
        name: entry.name,
        version: entry.version,
        path: entry.path,
    });
    Ok(entries.collect())
}

#[pymethods]
impl StoredModel {
    #[staticmethod]
    fn compose(description: &str, arrays: BTreeMap<String, PyReadonlyArrayDyn<'_, f64>>) -> PyResult<Self> {
        let arrays = arrays.into_iter().map(|(name, array)| {
            let array = Array {
                shape: array.shape().to_vec(),
                values: array.as_array().iter().copied().collect(),
                single: false,
            };
            (name, array)
        });
        offline::StoredModel::compose(description, arrays.collect())
            .map(Self)
            .map_err(raised)
    }

    #[staticmethod]
    fn read(py: Python<'_>, path: PathBuf) -> PyResult<Self> {
        py.detach(|| offline::StoredModel::read(&path))
            .map(Self)
            .map_err(raised)
    }

    #[getter]
    fn description(&self) -> PyResult<String> {
        Ok(self.content()?.0)
    }

    #[getter]
    fn kind(&self) -> &'static str {
        self.0.kind()
    }

    #[getter]
    fn columns(&self) -> usize {
        self.0.columns()
    }

    #[getter]
    fn width(&self) -> usize {
        self.0.width()
    }

    fn arrays<'py>(&self, py: Python<'py>) -> PyResult<BTreeMap<String, Bound<'py, PyArrayDyn<f64>>>> {
        let arrays = self.content()?.1;
        let arrays = arrays.into_iter().map(|(name, array)| {
            let values = PyArray1::from_vec(py, array.values).reshape(array.shape)?;
            Ok((name, values))
        });
        arrays.collect()
    }

    fn write(&self, py: Python<'_>, path: PathBuf) -> PyResult<()> {
        py.detach(|| self.0.write(&path)).map_err(raised)
    }

    fn prepare(&self, py: Python<'_>, directory: PathBuf, name: &str) -> PyResult<Publication> {
        let publication = py.detach(|| self.0.prepare(&directory, name)).map_err(raised)?;
        Ok(Publication(Mutex::new(Some(publication))))
    }

    fn predict<'py>(&self, py: Python<'py>, x: Matrix<'py>) -> PyResult<Bound<'py, PyArray1<u32>>> {
        let (checked, width) = (x.checked()?, self.0.width());
        let rows = checked.rows();
        let mut indices = vec![0; rows.rows()];
        let size = rows.rows().saturating_mul(rows.columns()).saturating_mul(width);
        interruptible_if_long(py, size, |interrupt| {
            if let Some(model) = self.0.logistic_regression() {
                return model.predict(rows, &mut indices, interrupt);
            }
            let mut labels = vec![0; rows.rows()];
            if let Some(model) = self.0.k_means() {
                model.predict(rows, &mut labels, interrupt)?;
            }
            for (index, label) in indices.iter_mut().zip(labels) {
                *index = label as u32;
            }
            Ok(())
        })?
        .map_err(invalid)?;
        Ok(PyArray1::from_vec(py, indices))
    }

    fn transform<'py>(&self, py: Python<'py>, x: Matrix<'py>) -> PyResult<Bound<'py, PyArray2<f64>>> {
        let model = self.k_means()?;
        table(py, &x, model.n_clusters(), |rows, out, interrupt| {
            model.transform(rows, out, interrupt)
        })
    }

    fn decision_function<'py>(&self, py: Python<'py>, x: Matrix<'py>) -> PyResult<Bound<'py, PyArray2<f64>>> {
        let model = self.logistic_regression()?;
        table(py, &x, model.scores(), |rows, out, interrupt| {
            model.decision_function(rows, out, interrupt)
        })
    }

    fn predict_proba<'py>(&self, py: Python<'py>, x: Matrix<'py>) -> PyResult<Bound<'py, PyArray2<f64>>> {
        let model = self.logistic_regression()?;
        table(py, &x, model.n_classes(), |rows, out, interrupt| {
            model.predict_proba(rows, out, interrupt)
        })
    }
}

impl StoredModel {
    fn content(&self) -> PyResult<(String, Arrays)> {
        self.0.content().map_err(raised)
    }

    fn k_means(&self) -> PyResult<&KMeans> {
        self.0
            .k_means()
            .ok_or_else(|| PyValueError::new_err("logistic_regression has no distances"))
    }

    fn logistic_regression(&self) -> PyResult<&LogisticRegression> {
        self.0
            .logistic_regression()
            .ok_or_else(|| PyValueError::new_err("k_means has no classes"))
    }
}

/// A table of `width` numbers for each row.
fn table<'py>(
    py: Python<'py>,
    x: &Matrix<'py>,
    width: usize,
    compute: impl Fn(Rows<'_>, &mut [f64], Interrupt<'_>) -> Result<(), PredictError> + Sync,
) -> PyResult<Bound<'py, PyArray2<f64>>> {
    let checked = x.checked()?;
    let rows = checked.rows();
    let mut values = vec![0.0; rows.rows().saturating_mul(width)];
    let size = values.len().saturating_mul(rows.columns());
    interruptible_if_long(py, size, |interrupt| compute(rows, &mut values, interrupt))?.map_err(invalid)?;
    matrix(py, values, width)
}

#[pymethods]
impl Publication {
    fn model(&self) -> PyResult<StoredModel> {
        let publication = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let publication = publication.as_ref().ok_or_else(gone)?;
        Ok(StoredModel(publication.model().clone()))
    }

    fn publish(&self, py: Python<'_>) -> PyResult<(u32, PathBuf)> {
        let publication = self.taken().ok_or_else(gone)?;
        py.detach(|| publication.publish()).map_err(raised)
    }

    fn abandon(&self, py: Python<'_>) {
        let publication = self.taken();
        py.detach(|| drop(publication));
    }
}

impl Publication {
    fn taken(&self) -> Option<offline::Publication> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

fn gone() -> PyErr {
    PyRuntimeError::new_err("the file was published or abandoned before")
}

fn raised(error: OfflineError) -> PyErr {
    match error {
        OfflineError::System { path, problem } => io::Error::new(problem.kind(), format!("{path}: {problem}")).into(),
        OfflineError::Missing { .. } => PyFileNotFoundError::new_err(error.to_string()),
        OfflineError::Content(_) | OfflineError::Name(_) => PyValueError::new_err(error.to_string()),
    }
}
