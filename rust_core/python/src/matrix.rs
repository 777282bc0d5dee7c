//! NumPy arrays and SciPy sparse matrices as the algorithms take them, and back.

use std::borrow::Cow;

use ferrule_algorithms::{Csr, CsrValues, Rows};
use numpy::{
    Element, Ix1, Ix2, PyArray1, PyArray2, PyArrayMethods, PyReadonlyArray, PyReadonlyArray1, PyReadonlyArray2,
    PyUntypedArray, PyUntypedArrayMethods, dtype, ndarray::Dimension,
};
use pyo3::{exceptions::PyTypeError, exceptions::PyValueError, prelude::*, types::PyTuple};

/// Rows as estimators hand them in, borrowed from Python's memory: a two-dimensional C-contiguous array of float64 or float32,
/// or the tuple `(data, indices, indptr, shape)` of a CSR matrix whose indices are int32 or int64.
pub(crate) enum Matrix<'py> {
    Dense(Numbers<'py, Ix2>),
    Sparse(SparseArrays<'py>),
}

/// The arrays of a CSR matrix.
pub(crate) struct SparseArrays<'py> {
    data: Numbers<'py, Ix1>,
    indices: Indices<'py>,
    indptr: Indices<'py>,
    shape: (usize, usize),
}

/// An array of float64 or float32, borrowed from Python's memory.
pub(crate) enum Numbers<'py, D: Dimension> {
    Double(PyReadonlyArray<'py, f64, D>),
    Single(PyReadonlyArray<'py, f32, D>),
}

impl<'py, D: Dimension + 'py> FromPyObject<'_, 'py> for Numbers<'py, D> {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        // What type an array is not takes a while to say.
        let single = object
            .cast::<PyUntypedArray>()
            .is_ok_and(|array| array.dtype().is(dtype::<f32>(object.py())));
        if !single && let Ok(array) = object.extract() {
            return Ok(Self::Double(array));
        }
        object.extract().map(Self::Single)
    }
}

#[derive(FromPyObject)]
enum Indices<'py> {
    Int32(PyReadonlyArray1<'py, i32>),
    Int64(PyReadonlyArray1<'py, i64>),
}

impl<'py> FromPyObject<'_, 'py> for Matrix<'py> {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        // What a tuple is not takes a while to say.
        if !object.is_instance_of::<PyTuple>()
            && let Ok(array) = object.extract()
        {
            return Ok(Self::Dense(array));
        }
        let Ok((data, indices, indptr, shape)) = object.extract() else {
            return Err(PyTypeError::new_err(
                "X: expected a 2-dimensional float64 or float32 array, or the tuple (data, indices, indptr, shape)",
            ));
        };
        Ok(Self::Sparse(SparseArrays {
            data,
            indices,
            indptr,
            shape,
        }))
    }
}

/// A matrix that [`Matrix::checked`] has checked.
pub(crate) enum Checked<'a> {
    Dense(Rows<'a>),
    Sparse(Csr<'a>),
}

impl Matrix<'_> {
    /// Checks shapes, offsets and indices; values are not copied.
    pub(crate) fn checked(&self) -> PyResult<Checked<'_>> {
        match self {
            Self::Dense(Numbers::Double(array)) => {
                let (values, rows, columns) = contiguous(array)?;
                Rows::from_values(values, rows, columns)
                    .map(Checked::Dense)
                    .map_err(of_rows)
            }
            Self::Dense(Numbers::Single(array)) => {
                let (values, rows, columns) = contiguous(array)?;
                Rows::from_single_values(values, rows, columns)
                    .map(Checked::Dense)
                    .map_err(of_rows)
            }
            Self::Sparse(arrays) => arrays.checked().map(Checked::Sparse),
        }
    }
}

impl Checked<'_> {
    /// The matrix as the algorithms take it.
    pub(crate) fn rows(&self) -> Rows<'_> {
        match self {
            Self::Dense(rows) => *rows,
            Self::Sparse(csr) => csr.into(),
        }
    }

    /// Values that are stored.
    pub(crate) fn nonzeros(&self) -> usize {
        match self {
            Self::Dense(rows) => rows.rows() * rows.columns(),
            Self::Sparse(csr) => csr.nonzeros(),
        }
    }
}

impl SparseArrays<'_> {
    fn checked(&self) -> PyResult<Csr<'_>> {
        let indptr = converted("indptr", &self.indptr, |offset| u64::try_from(offset).ok())?;
        let indices = columns(&self.indices)?;
        let values = match &self.data {
            Numbers::Double(data) => CsrValues::Double(values("data", data)?.into()),
            Numbers::Single(data) => CsrValues::Single(values("data", data)?.into()),
        };
        let (rows, columns) = self.shape;
        if Some(indptr.len()) != rows.checked_add(1) {
            let problem = format!("X: expected {rows} + 1 offsets in indptr, got {}", indptr.len());
            return Err(PyValueError::new_err(problem));
        }
        Csr::new(indptr, indices, values, columns).map_err(of_rows)
    }
}

/// Column numbers where they lie, if they are int32, else converted.
fn columns<'a>(indices: &'a Indices<'_>) -> PyResult<Cow<'a, [u32]>> {
    if let Indices::Int32(array) = indices {
        let given = values("indices", array)?;
        if given.iter().fold(0, |all, column| all | column) >= 0 {
            // SAFETY: u32 has the size and the alignment of i32, and any bits are one; these are the same number.
            return Ok(unsafe { given.align_to::<u32>() }.1.into());
        }
    }
    converted("indices", indices, |column| u32::try_from(column).ok())
}

/// Indices as the algorithms count: `narrow` gives nothing for a number that is out of range.
fn converted<'a, T: Copy + Default>(
    name: &str,
    indices: &'a Indices<'_>,
    narrow: impl Fn(i64) -> Option<T>,
) -> PyResult<Cow<'a, [T]>>
where
    [T]: ToOwned<Owned = Vec<T>>,
{
    // Without an early exit this is a few vector instructions.
    fn all<T, I: Copy + Into<i64>>(name: &str, given: &[I], narrow: impl Fn(i64) -> Option<T>) -> PyResult<Vec<T>>
    where
        T: Copy + Default,
    {
        let mut whole = true;
        let narrowed = given.iter().map(|&value| match narrow(value.into()) {
            Some(value) => value,
            None => {
                whole = false;
                T::default()
            }
        });
        let narrowed = narrowed.collect();
        if whole {
            return Ok(narrowed);
        }
        let wrong = given
            .iter()
            .map(|&value| value.into())
            .find(|&value| narrow(value).is_none());
        let problem = format!("X: {name} is out of range: {}", wrong.unwrap_or_default());
        Err(PyValueError::new_err(problem))
    }
    let narrowed = match indices {
        Indices::Int32(array) => all(name, values(name, array)?, narrow),
        Indices::Int64(array) => all(name, values(name, array)?, narrow),
    }?;
    Ok(narrowed.into())
}

fn contiguous<'a, T: Element>(array: &'a PyReadonlyArray2<'_, T>) -> PyResult<(&'a [T], usize, usize)> {
    if !array.is_c_contiguous() {
        return Err(PyValueError::new_err("X: expected a C-contiguous array"));
    }
    let values = array.as_slice().map_err(invalid)?;
    Ok((values, array.shape()[0], array.shape()[1]))
}

/// The values of an array that lies in memory without gaps.
pub(crate) fn values<'a, T: Element>(name: &str, array: &'a PyReadonlyArray1<'_, T>) -> PyResult<&'a [T]> {
    array
        .as_slice()
        .map_err(|_| PyValueError::new_err(format!("{name}: expected a contiguous array")))
}

/// A copy of a float64 array's values, row after row, with its number of rows and columns.
pub(crate) fn copied(array: &PyReadonlyArray2<'_, f64>) -> (Vec<f64>, usize, usize) {
    let view = array.as_array();
    // Only where they lie row after row.
    let values = view
        .as_slice()
        .map_or_else(|| view.iter().copied().collect(), <[f64]>::to_vec);
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

fn of_rows(error: impl std::fmt::Display) -> PyErr {
    PyValueError::new_err(format!("X: {error}"))
}
