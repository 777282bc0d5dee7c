//! The memory that the workers of one server share.

use std::os::fd::{AsRawFd, BorrowedFd};

use pyo3::{exceptions::PyOSError, prelude::*};

/// See `_core.pyi`.
#[pyclass(frozen, module = "ferrule._core")]
pub struct Board(pub(crate) ferrule_engine::Board);

#[pymethods]
impl Board {
    #[staticmethod]
    fn create(workers: usize) -> PyResult<Self> {
        Ok(Self(ferrule_engine::Board::create(workers)?))
    }

    #[staticmethod]
    fn attach(fd: i32) -> PyResult<Self> {
        if fd < 0 {
            return Err(PyOSError::new_err(format!("expected a file descriptor, got {fd}")));
        }
        // SAFETY: not negative, and only duplicated here: the system reports a descriptor that is not open.
        let owned = unsafe { BorrowedFd::borrow_raw(fd) }.try_clone_to_owned()?;
        Ok(Self(ferrule_engine::Board::attach(owned)?))
    }

    #[getter]
    fn fd(&self) -> i32 {
        self.0.fd().as_raw_fd()
    }

    fn clear(&self, worker: usize) {
        self.0.clear(worker);
    }
}
