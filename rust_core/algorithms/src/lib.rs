//! K-Means and logistic regression: slices in, slices out.
//!
//! Pure mathematics: no protobuf, no files, no settings, and no threads of its own (loops that are worth it run on the current
//! rayon pool). Answers do not depend on the number of threads, on how rows were batched, or on whether the rows came as
//! aligned values or as raw bytes ([`Rows`]): rows are cut into blocks by the shape alone, and the blocks' results are combined in
//! block order.
//!
//! - [`kmeans`]: Lloyd's algorithm, greedy k-means++, mini-batches, nearest-centre prediction.
//! - [`logistic_regression`]: binary and multinomial; L2, L1, elastic net; L-BFGS, Newton's method (Cholesky,
//!   conjugate gradients, proximal).
//! - [`simd`]: the vector instructions in use.

mod blocks;
mod csr;
mod error;
mod finite;
mod interrupt;
pub mod kmeans;
mod lbfgs;
mod line_search;
pub mod logistic_regression;
mod numpy_random;
mod packed;
mod precision;
mod predict;
mod rows;
mod sample;
pub mod scaling;
pub mod simd;
mod values;

pub use csr::{Csr, CsrValues};
pub use error::{CsrError, Field, FitError, ModelError, PredictError, ShapeError};
pub use interrupt::{Interrupt, Iteration, Observer, never};
pub use numpy_random::{Draws, RandomState};
pub use precision::Precision;
pub use predict::NumbersMut;
pub use rows::Rows;
