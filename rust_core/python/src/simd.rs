//! The vector instructions in use.

use ferrule_algorithms::simd::{self, Level};
use pyo3::{exceptions::PyValueError, prelude::*};

/// See `_core.pyi`.
#[pyfunction]
pub fn simd_level() -> &'static str {
    simd::level().name()
}

/// See `_core.pyi`.
#[pyfunction]
pub fn force_simd(name: &str) -> PyResult<()> {
    Level::named(name)
        .and_then(simd::force)
        .map_err(|error| PyValueError::new_err(error.to_string()))
}
