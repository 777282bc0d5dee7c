//! The server as a whole: the engine, the port and the workers, built from the settings.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, mpsc},
    thread::{self, JoinHandle},
};

use ferrule_engine::{Board, Config, Engine};
use tokio::sync::watch;

use crate::{
    balance::Balance,
    listener::{self, ListenError},
    service::Service,
    worker::Worker,
};

/// Why there is no server.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The port can't be had.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The engine does not start, as for a repository that can't be read.
    #[error("{0}")]
    Engine(String),
    /// The system gave no memory or no thread.
    #[error("cannot start the workers: {0}")]
    Workers(#[from] io::Error),
}

/// A running server. Dropping it ends it at once, whatever it is doing.
pub struct App {
    address: SocketAddr,
    engine: Arc<Engine>,
    stop: watch::Sender<()>,
    workers: Vec<JoinHandle<io::Result<usize>>>,
}

impl App {
    /// Starts a server. When this returns, every worker accepts connections and health says SERVING.
    ///
    /// # Errors
    /// When the address is taken, the repository can't be read or the system has no room; nothing is left running.
    pub fn start(config: &Config) -> Result<Self, StartError> {
        // First, so that a second server on the port does not touch the repository.
        let listeners = listener::bind(&config.server.host, config.server.port, config.workers())?;
        let address = listeners[0].local_addr()?;
        // All workers are threads of this process: to the board they are one.
        let seat = Board::create(1)?.seat(0);
        let engine = Engine::start(config, seat).map_err(|error| StartError::Engine(error.to_string()))?;

        let (stop, stopped) = watch::channel(());
        let mut app = Self {
            address,
            engine: Arc::new(engine),
            stop,
            workers: Vec::new(),
        };
        let balance = Balance::new(listeners.len());
        let (ready, readiness) = mpsc::channel();
        for (index, listener) in listeners.into_iter().enumerate() {
            let worker = Worker {
                index,
                balance: balance.clone(),
                listener,
                service: Service {
                    engine: app.engine.clone(),
                    max_message_bytes: config.limits.max_message_bytes as usize,
                },
                max_concurrent_streams: config.limits.max_concurrent_streams,
                drain_timeout: config.server.drain_timeout,
                stop: stopped.clone(),
            };
            let ready = ready.clone();
            let tell = move || {
                // The receiver waits for every worker.
                let _ = ready.send(());
            };
            let run = move || worker.run(tell);
            app.workers
                .push(thread::Builder::new().name(format!("worker-{index}")).spawn(run)?);
        }
        drop(ready);
        if readiness.iter().count() < app.workers.len() {
            return Err(StartError::Workers(io::Error::other("a worker has ended")));
        }
        app.engine.serve();
        Ok(app)
    }

    /// Where the server listens; the port is the real one, also when the settings leave it to the system.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The engine that answers.
    #[must_use]
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Accepts no more connections, tells clients to go elsewhere, and finishes their calls for as long as the
    /// drain may take. Returns how many connections were cut after that.
    #[must_use]
    pub fn finish(mut self) -> usize {
        // Fails only when no worker is left to hear it.
        let _ = self.stop.send(());
        let mut cut = 0;
        for worker in self.workers.drain(..) {
            match worker.join() {
                Ok(Ok(left)) => cut += left,
                Ok(Err(cause)) => tracing::error!(%cause, "a worker ended early"),
                Err(_) => tracing::error!("a worker panicked"),
            }
        }
        cut
    }
}

impl Drop for App {
    fn drop(&mut self) {
        // Replacing the sender closes the channel, which workers take as the order to end now.
        self.stop = watch::channel(()).0;
        for worker in self.workers.drain(..) {
            // What it ended with no longer matters.
            let _ = worker.join();
        }
    }
}
