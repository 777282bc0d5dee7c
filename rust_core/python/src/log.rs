//! Python's log lines go where the engine's go.

use pyo3::prelude::*;

use crate::config::Config;

// Python's numbers (https://docs.python.org/3/library/logging.html#logging-levels).
const ERROR: u32 = 40;
const WARNING: u32 = 30;
const INFO: u32 = 20;

/// See `_core.pyi`.
#[pyfunction]
pub fn start_logging(config: &Config) {
    ferrule_engine::telemetry::init(&config.0.log);
}

/// See `_core.pyi`.
#[pyfunction]
pub fn log_listening(config: &Config, address: &str) {
    ferrule_engine::telemetry::listening(&config.0, address);
}

/// See `_core.pyi`.
#[pyfunction]
pub fn log(level: u32, logger: &str, message: &str) {
    const TARGET: &str = "ferrule_server";
    match level {
        ERROR.. => tracing::error!(target: TARGET, logger, "{message}"),
        WARNING.. => tracing::warn!(target: TARGET, logger, "{message}"),
        INFO.. => tracing::info!(target: TARGET, logger, "{message}"),
        _ => tracing::debug!(target: TARGET, logger, "{message}"),
    }
}
