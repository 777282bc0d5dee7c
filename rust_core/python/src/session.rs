//! Streams: one thread hands in what the caller sends, another takes the replies.

use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use ferrule_engine::Replies;
use pyo3::{prelude::*, pybacked::PyBackedBytes};

use crate::engine::reply;

/// See `_core.pyi`.
#[pyclass(frozen, module = "ferrule._core")]
pub struct Session {
    session: Mutex<ferrule_engine::Session>,
    replies: Replies,
}

impl From<ferrule_engine::Session> for Session {
    fn from(session: ferrule_engine::Session) -> Self {
        Self {
            replies: session.replies().clone(),
            session: Mutex::new(session),
        }
    }
}

impl Session {
    fn with(&self, py: Python<'_>, action: impl FnOnce(&mut ferrule_engine::Session) + Send) {
        py.detach(|| action(&mut self.session.lock().unwrap_or_else(PoisonError::into_inner)));
    }
}

#[pymethods]
impl Session {
    fn receive(&self, py: Python<'_>, message: PyBackedBytes) {
        let message = Bytes::from_owner(message);
        self.with(py, |session| session.receive(message));
    }

    fn finish(&self, py: Python<'_>) {
        self.with(py, ferrule_engine::Session::finish);
    }

    fn next<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        // An error says that the last reply has been taken.
        let answer = py.detach(|| self.replies.recv_blocking()).ok();
        answer.map(|answer| reply(py, answer)).transpose()
    }

    #[getter]
    fn waiting(&self) -> usize {
        self.replies.len()
    }

    fn cancel(&self) {
        self.replies.close();
    }
}
