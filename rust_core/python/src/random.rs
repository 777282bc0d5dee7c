//! NumPy's random state, lent to the algorithms.

use ferrule_algorithms::{Draws, RandomState};
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

/// A random state that Python is asked for when something is first drawn: NumPy takes longer to say it than a small batch takes.
pub(crate) struct Lazy {
    /// Gives a [`State`].
    source: Py<PyAny>,
    generator: Option<RandomState>,
    error: Option<PyErr>,
}

impl Lazy {
    pub(crate) fn new(source: Py<PyAny>) -> Self {
        Self {
            source,
            generator: None,
            error: None,
        }
    }

    /// How many words were drawn.
    ///
    /// # Errors
    /// What Python said when it was asked for the state: what came of the draws is of no account then.
    pub(crate) fn words_drawn(self) -> PyResult<u64> {
        match self.error {
            Some(error) => Err(error),
            None => Ok(self.generator.map_or(0, |generator| generator.words_drawn())),
        }
    }
}

fn ask(source: &Py<PyAny>) -> PyResult<RandomState> {
    Python::attach(|py| source.bind(py).call0()?.extract::<State<'_>>()?.generator())
}

impl Draws for Lazy {
    fn generator(&mut self) -> &mut RandomState {
        let Self {
            source,
            generator,
            error,
        } = self;
        generator.get_or_insert_with(|| {
            ask(source).unwrap_or_else(|said| {
                *error = Some(said);
                RandomState::new(0)
            })
        })
    }
}
