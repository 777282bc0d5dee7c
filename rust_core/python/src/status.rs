//! A gRPC status as a value: raising it would cost a traceback for each refused call.

use pyo3::{prelude::*, types::PyBytes};

/// See `_core.pyi`.
#[pyclass(frozen, module = "ferrule._core")]
pub struct Status(ferrule_engine::Status);

impl From<ferrule_engine::Status> for Status {
    fn from(status: ferrule_engine::Status) -> Self {
        Self(status)
    }
}

#[pymethods]
impl Status {
    #[staticmethod]
    fn no_method(path: &str) -> Self {
        ferrule_engine::Status::no_method(path).into()
    }

    #[staticmethod]
    fn too_many_streams(limit: u32) -> Self {
        ferrule_engine::Status::too_many_streams(limit).into()
    }

    #[staticmethod]
    fn message_too_large(limit: u64) -> Self {
        ferrule_engine::Status::message_too_large(limit).into()
    }

    #[staticmethod]
    fn incident(cause: &str) -> Self {
        ferrule_engine::Status::incident(&cause).into()
    }

    #[getter]
    fn code(&self) -> i32 {
        self.0.code as i32
    }

    #[getter]
    fn message(&self) -> &str {
        &self.0.message
    }

    #[getter]
    fn details<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.0.details)
    }

    #[getter]
    fn retry_after_ms(&self) -> Option<u64> {
        self.0
            .retry_after
            .map(|after| u64::try_from(after.as_millis()).unwrap_or(u64::MAX))
    }

    fn __repr__(&self) -> String {
        format!("Status(code={}, message={:?})", self.code(), self.0.message)
    }
}
