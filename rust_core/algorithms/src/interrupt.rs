//! How a caller stops a long computation.

/// Asked every few milliseconds in every loop of a fit or a prediction; `true` means stop. It may be asked from several threads
/// at once, so it should be cheap: typically one atomic load.
pub type Interrupt<'a> = &'a (dyn Fn() -> bool + Sync);

/// An [`Interrupt`] that never stops the work.
pub fn never() -> bool {
    false
}

/// The work was told to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Interrupted;

/// `Err` once the caller asks to stop.
pub(crate) fn check(interrupt: Interrupt<'_>) -> Result<(), Interrupted> {
    if interrupt() { Err(Interrupted) } else { Ok(()) }
}
