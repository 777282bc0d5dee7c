//! The compiled half of the Python package `ferrule`.
