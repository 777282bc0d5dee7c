//! The settings, as a server reads them.

use std::{sync::Arc, time::Duration};

use pyo3::{exceptions::PyValueError, prelude::*};

/// See `_core.pyi`.
#[pyclass(frozen, module = "ferrule._core")]
pub struct Config(pub(crate) Arc<ferrule_engine::Config>);

impl From<ferrule_engine::Config> for Config {
    fn from(config: ferrule_engine::Config) -> Self {
        Self(Arc::new(config))
    }
}

#[pymethods]
impl Config {
    #[staticmethod]
    fn from_toml(text: &str) -> PyResult<Self> {
        ferrule_engine::Config::from_toml(text)
            .map(Self::from)
            .map_err(|error| PyValueError::new_err(error.to_string()))
    }

    fn to_toml(&self) -> String {
        self.0.to_toml()
    }

    #[getter]
    fn host(&self) -> &str {
        &self.0.server.host
    }

    #[getter]
    fn port(&self) -> u16 {
        self.0.server.port
    }

    #[getter]
    fn workers(&self) -> usize {
        self.0.workers()
    }

    #[getter]
    fn drain_delay(&self) -> f64 {
        seconds(self.0.server.drain_delay)
    }

    #[getter]
    fn drain_timeout(&self) -> f64 {
        seconds(self.0.server.drain_timeout)
    }

    #[getter]
    fn max_message_bytes(&self) -> u32 {
        self.0.limits.max_message_bytes
    }

    #[getter]
    fn max_fits_in_flight(&self) -> u32 {
        self.0.limits.max_fits_in_flight
    }

    #[getter]
    fn max_concurrent_streams(&self) -> u32 {
        self.0.limits.max_concurrent_streams
    }
}

fn seconds(duration: Duration) -> f64 {
    duration.as_secs_f64()
}
