//! How a caller stops a long computation, and follows it.

/// What a computation asks and tells while it runs. It may be used from several threads at once.
///
/// A closure that says whether to stop is an observer that follows nothing.
pub trait Observer: Sync {
    /// Asked every few milliseconds in every loop of a fit or a prediction; `true` means stop. It should be cheap: typically
    /// one atomic load.
    fn interrupted(&self) -> bool;

    /// Whether [`Observer::iteration`] is worth calling. Where nobody follows, a fit of K-Means need not know the inertia of each
    /// iteration, which takes a look at every row.
    fn follows(&self) -> bool {
        true
    }

    /// Told at the end of each iteration of a fit.
    fn iteration(&self, _iteration: Iteration) {}
}

impl<F: Fn() -> bool + Sync> Observer for F {
    fn interrupted(&self) -> bool {
        self()
    }

    fn follows(&self) -> bool {
        false
    }
}

/// How far a fit has come.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Iteration {
    /// Which of the runs from different starts, from 1.
    pub run: usize,
    /// Which iteration of that run, from 1.
    pub n_iter: usize,
    /// What the fit minimises, after this iteration where it is known by then, else before it: the inertia or the loss.
    pub objective: f64,
}

/// The observer of a computation.
pub type Interrupt<'a> = &'a dyn Observer;

/// An [`Observer`] that never stops the work.
pub fn never() -> bool {
    false
}

/// The work was told to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Interrupted;

/// `Err` once the caller asks to stop.
pub(crate) fn check(interrupt: Interrupt<'_>) -> Result<(), Interrupted> {
    if interrupt.interrupted() {
        Err(Interrupted)
    } else {
        Ok(())
    }
}
