//! Calls: bytes in, bytes or a status out.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use bytes::Bytes;
use ferrule_engine::{Answer, Call, Cancel, Context, Lane, Shape};
use pyo3::{exceptions::PyRuntimeError, prelude::*, pybacked::PyBackedBytes, types::PyBytes};

use crate::{board::Board, config::Config, session::Session, status::Status};

/// See `_core.pyi`.
#[pyclass(frozen, module = "ferrule._core")]
pub struct Method(pub(crate) ferrule_engine::Method);

/// See `_core.pyi`.
#[pyfunction]
pub fn methods() -> Vec<Method> {
    ferrule_engine::Method::ALL.iter().copied().map(Method).collect()
}

#[pymethods]
impl Method {
    #[getter]
    fn path(&self) -> &'static str {
        self.0.path()
    }

    #[getter]
    fn shape(&self) -> &'static str {
        match self.0.shape() {
            Shape::Unary => "unary",
            Shape::ServerStream => "server_stream",
            Shape::BidiStream => "bidi_stream",
        }
    }

    #[getter]
    fn lane(&self) -> &'static str {
        match self.0.lane() {
            Lane::Predict => "predict",
            Lane::Fit => "fit",
            Lane::Stream => "stream",
        }
    }
}

/// See `_core.pyi`.
#[pyclass(frozen, module = "ferrule._core")]
pub struct Engine(ferrule_engine::Engine);

#[pymethods]
impl Engine {
    #[staticmethod]
    fn start(py: Python<'_>, config: &Config, board: &Board, worker: usize) -> PyResult<Self> {
        let seat = board.0.seat(worker);
        py.detach(|| ferrule_engine::Engine::start(&config.0, seat))
            .map(Self)
            .map_err(|error| PyRuntimeError::new_err(error.to_string()))
    }

    /// A prediction stays attached: what the engine does of it at once takes less time than another thread's turn, but
    /// for the first use of a model, which reads its file. The rest is either pooled or may touch the disk.
    #[pyo3(signature = (method, request, time_remaining=None))]
    fn call<'py>(
        &self,
        py: Python<'py>,
        method: &Method,
        request: PyBackedBytes,
        time_remaining: Option<f64>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let (method, context) = (method.0, context(time_remaining));
        let request = Bytes::from_owner(request);
        let call = match method {
            ferrule_engine::Method::Predict => self.0.call(method, request, context),
            _ => py.detach(|| self.0.call(method, request, context)),
        };
        match call {
            Call::Answered(answer) => reply(py, answer),
            Call::Running(pending) => Ok(Bound::new(py, Pending::from(pending))?.into_any()),
        }
    }

    #[pyo3(signature = (method, time_remaining=None))]
    fn open(&self, method: &Method, time_remaining: Option<f64>) -> Session {
        self.0.open(method.0, context(time_remaining)).into()
    }

    fn serve(&self) {
        self.0.serve();
    }

    fn drain(&self) {
        self.0.drain();
    }

    fn hang_up(&self) {
        self.0.hang_up();
    }
}

/// See `_core.pyi`.
#[pyclass(frozen, module = "ferrule._core")]
pub struct Pending {
    pending: Mutex<Option<ferrule_engine::Pending>>,
    cancel: Cancel,
}

impl From<ferrule_engine::Pending> for Pending {
    fn from(pending: ferrule_engine::Pending) -> Self {
        Self {
            cancel: pending.canceller(),
            pending: Mutex::new(Some(pending)),
        }
    }
}

#[pymethods]
impl Pending {
    fn wait<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner).take();
        let pending = pending.ok_or_else(|| PyRuntimeError::new_err("the answer was taken before"))?;
        let answer = py.detach(|| pending.wait());
        reply(py, answer)
    }

    fn cancel(&self) {
        self.cancel.cancel();
    }
}

/// An answer as `bytes`, or as a [`Status`].
pub(crate) fn reply(py: Python<'_>, answer: Answer) -> PyResult<Bound<'_, PyAny>> {
    match answer {
        Ok(response) => Ok(PyBytes::new(py, &response).into_any()),
        Err(status) => Ok(Bound::new(py, Status::from(status))?.into_any()),
    }
}

/// grpcio says "no deadline" with a number of seconds that is longer than any clock runs.
fn context(time_remaining: Option<f64>) -> Context {
    let deadline = time_remaining
        .and_then(|seconds| Duration::try_from_secs_f64(seconds.max(0.0)).ok())
        .and_then(|left| Instant::now().checked_add(left));
    Context { deadline }
}
