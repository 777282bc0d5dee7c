//! The compiled half of the Python package `ferrule`: it converts, detaches from the interpreter and maps errors.
//!
//! Three faces that do not know each other:
//! - for a server: [`command_line`], [`config`], [`board`], [`engine`], [`session`], [`status`], [`log`];
//! - for estimators: [`kmeans`], [`mini_batch_kmeans`], [`logistic_regression`], over [`matrix`], [`random`], [`signals`] and [`simd`];
//! - for files without a server: [`persistence`].
//!
//! NumPy is loaded at the first call of an estimator's function, so a server never loads it.

mod board;
mod command_line;
mod config;
mod engine;
mod kmeans;
mod log;
mod logistic_regression;
mod matrix;
mod mini_batch_kmeans;
mod persistence;
mod random;
mod session;
mod signals;
mod simd;
mod status;

// Large arrays are first touched here.
#[global_allocator]
static ALLOCATOR: ferrule_huge_pages::HugePages = ferrule_huge_pages::HugePages;

#[pyo3::pymodule]
mod _core {
    #[pymodule_export]
    use crate::board::Board;
    #[pymodule_export]
    use crate::command_line::{Healthcheck, UsageError, command_line};
    #[pymodule_export]
    use crate::config::Config;
    #[pymodule_export]
    use crate::engine::{Engine, Method, Pending, methods};
    #[pymodule_export]
    use crate::kmeans::{KMeansFit, kmeans_fit, kmeans_label, kmeans_predict, kmeans_transform};
    #[pymodule_export]
    use crate::log::{log, log_listening, start_logging};
    #[pymodule_export]
    use crate::logistic_regression::{
        LogisticRegressionFit, logistic_regression_decision_function, logistic_regression_fit,
        logistic_regression_predict, logistic_regression_predict_proba,
    };
    #[pymodule_export]
    use crate::mini_batch_kmeans::{
        MiniBatchFit, MiniBatchParameters, MiniBatchState, mini_batch_fit, mini_batch_learn, mini_batch_start,
    };
    #[pymodule_export]
    use crate::persistence::{Publication, RepositoryEntry, StoredModel, repository_entries};
    #[pymodule_export]
    use crate::session::Session;
    #[pymodule_export]
    use crate::simd::{force_simd, simd_level};
    #[pymodule_export]
    use crate::status::Status;
}
