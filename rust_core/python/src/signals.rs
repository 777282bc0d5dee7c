//! Long work that Ctrl-C ends.

use std::{
    panic::resume_unwind,
    sync::{
        atomic::{AtomicBool, Ordering},
        mpsc::{RecvTimeoutError, channel},
    },
    thread,
    time::Duration,
};

use ferrule_algorithms::{Interrupt, never};
use pyo3::prelude::*;

/// How often Python's signal handlers get their turn.
const TURN: Duration = Duration::from_millis(20);

/// Work below this many multiply-adds is over before anyone could press Ctrl-C.
const SHORT: usize = 1 << 22;

/// Does work without holding the interpreter. Python runs signal handlers on its main thread only, which is the one
/// that called here: so it waits and looks for signals while another thread works.
///
/// # Errors
/// What a signal handler raised (`KeyboardInterrupt`), once the work has stopped.
pub(crate) fn interruptible<T: Send>(py: Python<'_>, work: impl FnOnce(Interrupt<'_>) -> T + Send) -> PyResult<T> {
    let stop = &AtomicBool::new(false);
    py.detach(|| {
        thread::scope(|scope| {
            let (done, finished) = channel::<()>();
            let worker = thread::Builder::new().spawn_scoped(scope, move || {
                let _done = done;
                work(&|| stop.load(Ordering::Relaxed))
            })?;
            let mut raised = None;
            while raised.is_none() && finished.recv_timeout(TURN) == Err(RecvTimeoutError::Timeout) {
                raised = Python::attach(|py| py.check_signals()).err();
            }
            stop.store(raised.is_some(), Ordering::Relaxed);
            let result = worker.join().unwrap_or_else(|panic| resume_unwind(panic));
            raised.map_or(Ok(result), Err)
        })
    })
}

/// Like [`interruptible`], without the second thread where the work is short. `size` counts multiply-adds.
pub(crate) fn interruptible_if_long<T: Send>(
    py: Python<'_>,
    size: usize,
    work: impl FnOnce(Interrupt<'_>) -> T + Send,
) -> PyResult<T> {
    if size < SHORT {
        Ok(py.detach(|| work(&never)))
    } else {
        interruptible(py, work)
    }
}
