//! Stopping without losing a call.

use std::{
    io,
    sync::{Arc, atomic::AtomicBool},
    thread,
};

use ferrule_engine::config::Server;
use signal_hook::{
    consts::{SIGINT, SIGTERM},
    flag,
    iterator::Signals,
};

use crate::App;

/// Exit status after a signal that ends the process at once, as shells count it.
const EXIT_BY_SIGNAL: i32 = 128;

/// The signals that ask the server to stop.
pub struct StopSignals(Signals);

impl StopSignals {
    /// Takes the signals over: the first is for [`wait`](Self::wait), a second one ends the process there and then.
    ///
    /// # Errors
    /// When the system does not allow it.
    pub fn install() -> io::Result<Self> {
        let one_came = Arc::new(AtomicBool::new(false));
        for signal in [SIGTERM, SIGINT] {
            // In this order: the first signal must find the flag unset.
            flag::register_conditional_shutdown(signal, EXIT_BY_SIGNAL + signal, one_came.clone())?;
            flag::register(signal, one_came.clone())?;
        }
        Signals::new([SIGTERM, SIGINT]).map(Self)
    }

    /// Waits for the first signal, also one that has come already.
    pub fn wait(&mut self) {
        let _signal = self.0.forever().next();
    }
}

/// Stops a server so that no call that it took fails: says NOT_SERVING, goes on while load balancers notice, ends open
/// streams, sends clients elsewhere, and finishes what runs. Calls that outlast `drain_timeout` are cancelled.
pub fn drain(app: App, settings: &Server) {
    let most = settings.drain_delay.saturating_add(settings.drain_timeout);
    tracing::info!("draining for at most {}s", most.as_secs_f64());
    app.engine().drain();
    thread::sleep(settings.drain_delay);
    app.engine().hang_up();
    match app.finish() {
        0 => tracing::info!("drained"),
        cut => tracing::warn!(connections = cut, "the drain took too long, calls were cancelled"),
    }
}
