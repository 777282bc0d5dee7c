//! One connection, from its first bytes to its GOAWAY.

use std::{convert::Infallible, mem, pin::pin, rc::Rc, time::Duration};

use hyper::{rt::Executor, server::conn::http2::Builder, service::service_fn};
use tokio::{
    net::TcpStream,
    sync::watch,
    task::spawn_local,
    time::{Instant, interval_at},
};

use crate::{
    clock::{ConnectionTimer, timed},
    preface,
    service::Service,
};

/// Largest sum of the headers of a request.
const HEADER_LIST_BYTES: u32 = 16 * 1024;
/// What one call may send before the server has read it.
const STREAM_WINDOW_BYTES: u32 = 1024 * 1024;
/// What one connection may. Also the budget for small frames, over which h2 takes a client for an attacker and which
/// must be large enough for honest ones (h2 #944).
const CONNECTION_WINDOW_BYTES: u32 = 8 * 1024 * 1024;
/// How often a quiet peer is asked whether it is there.
const PING_INTERVAL: Duration = Duration::from_secs(60);
/// How long it may take to say so.
const PING_TIMEOUT: Duration = Duration::from_secs(20);
/// How long a peer without calls may take to close after GOAWAY, or to read on.
const GOODBYE: Duration = Duration::from_secs(2);

/// Runs tasks on the thread that makes them: all calls of a connection share its worker, so none needs a lock or
/// wakes another core, and their replies leave in one write.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Local;

impl<F: Future<Output: 'static> + 'static> Executor<F> for Local {
    fn execute(&self, task: F) {
        spawn_local(task);
    }
}

/// The protocol settings of every connection.
pub(crate) fn protocol(max_concurrent_streams: u32) -> Builder<Local> {
    let mut builder = Builder::new(Local);
    builder
        .timer(ConnectionTimer::default())
        .auto_date_header(false)
        .max_concurrent_streams(max_concurrent_streams)
        .max_header_list_size(HEADER_LIST_BYTES)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(PING_TIMEOUT);
    builder
}

/// Serves a connection until its peer closes it, or, from the `drain` signal on, until its calls are done.
pub(crate) async fn serve(
    stream: TcpStream,
    protocol: Builder<Local>,
    service: Service,
    mut drain: watch::Receiver<()>,
) -> Result<(), Box<dyn std::error::Error>> {
    // Without this, small replies wait for the acknowledgement of earlier ones.
    stream.set_nodelay(true)?;
    let greeted = tokio::select! {
        greeted = preface::read(stream) => greeted?,
        _ = drain.changed() => return Ok(()),
    };

    let service = Rc::new(service);
    let calls = Rc::new(());
    let ongoing = Rc::downgrade(&calls);
    let serve_call = service_fn(move |request| {
        let (service, call) = (service.clone(), calls.clone());
        let mut opened = service.open(request, &call);
        // Boxed, as the task that runs it is moved several times, and a pointer moves faster than a call's whole state.
        Box::pin(async move {
            // In place: what is moved here is twice in the box, as an argument and as itself.
            Ok::<_, Infallible>(match &mut opened {
                Ok(opened) => service.answer(opened, call).await,
                Err(response) => mem::take(response),
            })
        })
    });
    let sent = greeted.sent();
    let mut connection = pin!(protocol.serve_connection(greeted, serve_call));
    tokio::select! {
        ended = timed(connection.as_mut()) => return Ok(ended?),
        _ = drain.changed() => connection.as_mut().graceful_shutdown(),
    }

    // The peer has its GOAWAY. Calls are finished and replies go out for as long as it takes them; a peer that then
    // neither closes nor reads is not waited for.
    let mut looks = interval_at(Instant::now() + GOODBYE, GOODBYE);
    let mut sent_before = sent.get();
    loop {
        tokio::select! {
            ended = timed(connection.as_mut()) => return Ok(ended?),
            _ = looks.tick() => {
                // One is held by the service itself.
                if ongoing.strong_count() <= 1 && sent.get() == sent_before {
                    return Ok(());
                }
                sent_before = sent.get();
            }
        }
    }
}
