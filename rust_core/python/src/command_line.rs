//! The command line of the Python server, parsed by the engine.

use std::ffi::OsString;

use ferrule_engine::{
    Method,
    command_line::{self as engine, Command},
    health::probe,
};
use pyo3::{prelude::*, types::PyBytes};

use crate::config::Config;

/// See `_core.pyi`.
#[derive(IntoPyObject)]
pub enum Parsed {
    Serve(Config),
    Healthcheck(Healthcheck),
    Print(String),
    Usage(UsageError),
}

/// See `_core.pyi`.
#[pyclass(frozen, module = "ferrule._core")]
pub struct Healthcheck(engine::Healthcheck);

/// See `_core.pyi`.
#[pyclass(frozen, get_all, module = "ferrule._core")]
pub struct UsageError {
    text: String,
    code: i32,
}

/// See `_core.pyi`.
#[pyfunction]
pub fn command_line(program: String, arguments: Vec<OsString>) -> Parsed {
    // The parser keeps the name for good; a process has one command line.
    let program: &'static str = program.leak();
    // What is not text can't be a setting, but one with our prefix must not be passed over: the settings refuse it.
    let text = |part: OsString| part.to_string_lossy().into_owned();
    let environment = std::env::vars_os()
        .map(|(name, value)| (text(name), text(value)))
        .collect();
    match engine::parse(program, arguments, environment) {
        Ok(Command::Serve(config)) => Parsed::Serve(config.into()),
        Ok(Command::Healthcheck(healthcheck)) => Parsed::Healthcheck(Healthcheck(healthcheck)),
        Ok(Command::Print(text)) => Parsed::Print(text),
        Err(engine::UsageError { text, code }) => Parsed::Usage(UsageError { text, code }),
    }
}

#[pymethods]
impl Healthcheck {
    #[getter]
    fn address(&self) -> &str {
        &self.0.address
    }

    #[getter]
    fn timeout(&self) -> f64 {
        self.0.timeout.as_secs_f64()
    }

    #[getter]
    fn path(&self) -> &'static str {
        Method::HealthCheck.path()
    }

    fn request<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &probe::request(&self.0.service))
    }

    #[staticmethod]
    fn is_serving(response: &[u8]) -> bool {
        probe::is_serving(response)
    }
}
