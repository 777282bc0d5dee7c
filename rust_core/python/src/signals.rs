//! Long work that Ctrl-C ends and that tells how far it has come.

use std::{
    panic::resume_unwind,
    sync::{
        atomic::{AtomicBool, Ordering},
        mpsc::{RecvTimeoutError, Sender, channel},
    },
    thread,
    time::Duration,
};

use ferrule_algorithms::{Interrupt, Iteration, Observer, never};
use pyo3::prelude::*;

/// How often Python's signal handlers get their turn.
const TURN: Duration = Duration::from_millis(5);

/// Work below this many multiply-adds is over before anyone could press Ctrl-C.
const SHORT: usize = 1 << 22;

/// What the waiting thread and the working thread tell each other.
struct Exchange {
    stop: AtomicBool,
    iterations: Option<Sender<Iteration>>,
}

impl Observer for Exchange {
    fn interrupted(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    fn follows(&self) -> bool {
        self.iterations.is_some()
    }

    fn iteration(&self, iteration: Iteration) {
        if let Some(iterations) = &self.iterations {
            // It fails only once nobody waits any more.
            let _ = iterations.send(iteration);
        }
    }
}

/// Does work without holding the interpreter. Python runs signal handlers on its main thread only, which is the one
/// that called here: so it waits and looks for signals while another thread works. `progress`, if any, is called with
/// run, iteration and objective after each iteration.
///
/// # Errors
/// What a signal handler (`KeyboardInterrupt`) or `progress` raised, once the work has stopped.
pub(crate) fn interruptible<T: Send>(
    py: Python<'_>,
    progress: Option<&Bound<'_, PyAny>>,
    work: impl FnOnce(Interrupt<'_>) -> T + Send,
) -> PyResult<T> {
    let progress = progress.map(|progress| progress.clone().unbind());
    let report = |iteration: Iteration| match &progress {
        Some(progress) => Python::attach(|py| {
            let Iteration { run, n_iter, objective } = iteration;
            progress.call1(py, (run, n_iter, objective)).map(drop)
        }),
        None => Ok(()),
    };
    py.detach(|| {
        let (sender, iterations) = channel();
        let exchange = Exchange {
            stop: AtomicBool::new(false),
            iterations: progress.is_some().then(|| sender.clone()),
        };
        thread::scope(|scope| {
            let exchange = &exchange;
            let (done, finished) = channel::<()>();
            let worker = thread::Builder::new().spawn_scoped(scope, move || {
                let _done = (done, sender);
                work(exchange)
            })?;
            let mut outcome = Ok(());
            while outcome.is_ok() {
                let ended = finished.recv_timeout(TURN) != Err(RecvTimeoutError::Timeout);
                outcome = iterations.try_iter().try_for_each(report);
                if ended {
                    break;
                }
                outcome = outcome.and_then(|()| Python::attach(|py| py.check_signals()));
            }
            exchange.stop.store(outcome.is_err(), Ordering::Relaxed);
            let result = worker.join().unwrap_or_else(|panic| resume_unwind(panic));
            outcome.map(|()| result)
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
        interruptible(py, None, work)
    }
}
