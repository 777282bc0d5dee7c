//! A small gRPC client: one connection, raw messages. The health check uses it, and the tests.

use std::{
    io,
    task::{Context, Poll},
};

use http::{Request, Response, Uri};
use hyper::{
    body::Incoming,
    client::conn::http2::{Builder, SendRequest},
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{net::TcpStream, spawn};
use tonic::{body::Body, client::Grpc};

/// Budget for small frames; see the server's setting of the same name.
const CONNECTION_WINDOW_BYTES: u32 = 8 * 1024 * 1024;

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The address is not `HOST:PORT`.
    #[error("expected HOST:PORT: {0}")]
    Address(#[from] http::uri::InvalidUri),
    /// Nobody listens there.
    #[error(transparent)]
    Unreachable(#[from] io::Error),
    /// Who listens there does not speak HTTP/2.
    #[error(transparent)]
    Protocol(#[from] hyper::Error),
}

/// Connects to `HOST:PORT`.
///
/// # Errors
/// When there is no gRPC server there.
pub async fn connect(address: &str) -> Result<Grpc<Connection>, ConnectError> {
    let origin: Uri = format!("http://{address}").parse()?;
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = Builder::new(TokioExecutor::new())
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .handshake(TokioIo::new(stream))
        .await?;
    // Calls learn of its errors.
    spawn(connection);
    Ok(Grpc::with_origin(Connection(sender), origin))
}

/// A connection, as the service that tonic calls. Clones share it.
#[derive(Debug, Clone)]
pub struct Connection(SendRequest<Body>);

impl tower::Service<Request<Body>> for Connection {
    type Response = Response<Incoming>;
    type Error = hyper::Error;
    type Future = std::pin::Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, task: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.0.poll_ready(task)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        Box::pin(self.0.send_request(request))
    }
}
