//! NumPy's random state, lent to the algorithms.

use ferrule_algorithms::RandomState;
use numpy::PyReadonlyArray1;
use pyo3::{exceptions::PyValueError, prelude::*};

/// The state of a `numpy.random.RandomState` over a Mersenne Twister: its key and position.
#[derive(FromPyObject)]
pub(crate) struct State<'py>(PyReadonlyArray1<'py, u32>, usize);

impl State<'_> {
    /// A generator in that state.
    pub(crate) fn generator(&self) -> PyResult<RandomState> {
        let key = self.0.as_slice().ok().and_then(|key| key.try_into().ok());
        key.and_then(|key| RandomState::from_state(key, self.1))
            .ok_or_else(|| PyValueError::new_err("random: expected a key of 624 words and a position within it"))
    }
}
