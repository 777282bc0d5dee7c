//! A worker: one thread with its own runtime, its own listener and the connections that it accepts.

use std::{io, net::TcpListener, time::Duration};

use tokio::{
    runtime,
    sync::watch,
    task::{LocalSet, spawn_local},
    time::{sleep, timeout},
};

use crate::{balance::Balance, connection, service::Service};

/// Pause after a failed accept: most likely there are no file descriptors left, and until a connection closes every
/// attempt fails as fast as it is made.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What a worker needs.
pub(crate) struct Worker {
    /// Its number, from 0.
    pub(crate) index: usize,
    pub(crate) balance: Balance,
    pub(crate) listener: TcpListener,
    pub(crate) service: Service,
    pub(crate) max_concurrent_streams: u32,
    pub(crate) drain_timeout: Duration,
    /// Changes when the drain begins; closes to end the worker at once.
    pub(crate) stop: watch::Receiver<()>,
}

impl Worker {
    /// Serves until told to stop; calls `ready` once connections are accepted. Returns how many connections were
    /// cut because their calls took longer than the drain may.
    ///
    /// # Errors
    /// When the runtime or the listener can't be set up.
    pub(crate) fn run(self, ready: impl FnOnce()) -> io::Result<usize> {
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        // Dropping the tasks of what is left cancels its work.
        LocalSet::new().block_on(&runtime, self.serve(ready))
    }

    async fn serve(mut self, ready: impl FnOnce()) -> io::Result<usize> {
        let listener = tokio::net::TcpListener::from_std(self.listener)?;
        let protocol = connection::protocol(self.max_concurrent_streams);
        let (drain, _) = watch::channel(());
        if self.index == 0 {
            spawn_local(self.balance.clone().tell());
        }
        ready();

        let draining = loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                stop = self.stop.changed() => break stop.is_ok(),
            };
            match accepted {
                Ok((stream, peer)) => {
                    let serving = connection::serve(stream, protocol.clone(), self.service.clone(), drain.subscribe());
                    let open = self.balance.opened(self.index);
                    spawn_local(async move {
                        let _open = open;
                        if let Err(cause) = serving.await {
                            tracing::debug!(%peer, %cause, "connection ended");
                        }
                    });
                }
                Err(cause) => {
                    tracing::warn!(%cause, "cannot accept a connection");
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        };
        drop(listener);

        if draining {
            // Nobody may be listening: then there are no connections.
            let _ = drain.send(());
            let drained = timeout(self.drain_timeout, drain.closed());
            tokio::select! {
                _ = drained => {}
                _ = self.stop.changed() => {}
            }
        }
        Ok(drain.receiver_count())
    }
}
