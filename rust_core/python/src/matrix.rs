//! NumPy arrays as the algorithms take them, and back.

use ferrule_algorithms::Rows;
use numpy::{Element, PyArray1, PyArray2, PyArrayMethods, PyReadonlyArray1, PyReadonlyArray2, PyUntypedArrayMethods};
use pyo3::{exceptions::PyValueError, prelude::*};

/// The rows of a float64 array that lies in memory row after row.
pub(crate) fn rows<'a>(array: &'a PyReadonlyArray2<'_, f64>) -> PyResult<Rows<'a>> {
    let &[rows, columns] = array.shape() else {
        return Err(PyValueError::new_err("X: expected two dimensions"));
    };
    if !array.is_c_contiguous() {
        return Err(PyValueError::new_err("X: expected a C-contiguous array"));
    }
    let values = array.as_slice().map_err(invalid)?;
    Rows::from_values(values, rows, columns).map_err(|error| PyValueError::new_err(format!("X: {error}")))
}

/// The values of an array that lies in memory without gaps.
pub(crate) fn values<'a, T: Element>(name: &str, array: &'a PyReadonlyArray1<'_, T>) -> PyResult<&'a [T]> {
    array
        .as_slice()
        .map_err(|_| PyValueError::new_err(format!("{name}: expected a contiguous array")))
}

/// A copy of a float64 array's values, row after row, with its number of rows and columns.
pub(crate) fn copied(array: &PyReadonlyArray2<'_, f64>) -> (Vec<f64>, usize, usize) {
    let values = array.as_array().iter().copied().collect();
    (values, array.shape()[0], array.shape()[1])
}

/// A new two-dimensional array over row-major values, which are not copied.
pub(crate) fn matrix<T: Element>(py: Python<'_>, values: Vec<T>, columns: usize) -> PyResult<Bound<'_, PyArray2<T>>> {
    let rows = values.len() / columns.max(1);
    PyArray1::from_vec(py, values).reshape([rows, columns])
}

/// The algorithms' errors are all about arguments.
pub(crate) fn invalid(error: impl std::fmt::Display) -> PyErr {
    PyValueError::new_err(error.to_string())
}
