//! An echo of bytes on an accept loop like the Rust server's: hyper's HTTP/2 with tonic's gRPC layer as its service.

use std::{convert::Infallible, error::Error};

use bytes::{Buf, BufMut, Bytes};
use hyper::{body::Incoming, rt::Executor, server::conn::http2::Builder, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpListener, task::spawn_local};
use tonic::{
    Request, Response, Status,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
    server::Grpc,
};

/// The largest message that is sent back: of a larger one, so many bytes (as labels are fewer bytes than rows).
const MOST_BYTES: usize = 64 * 1024;

#[derive(Clone, Copy)]
struct Local;

impl<F: Future<Output: 'static> + 'static> Executor<F> for Local {
    fn execute(&self, task: F) {
        spawn_local(task);
    }
}

#[derive(Default)]
struct Raw;

impl Codec for Raw {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, message: Bytes, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put(message);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(buffer.copy_to_bytes(buffer.remaining())))
    }
}

async fn echo(request: http::Request<Incoming>) -> Result<http::Response<tonic::body::Body>, Infallible> {
    let handler = tower::service_fn(async |request: Request<Bytes>| {
        let mut message = request.into_inner();
        message.truncate(MOST_BYTES);
        Ok::<_, Status>(Response::new(message))
    });
    Ok(Grpc::new(Raw)
        .max_decoding_message_size(crate::MAX_MESSAGE_BYTES)
        .unary(handler, request)
        .await)
}

pub(crate) async fn serve(listener: TcpListener) -> Result<(), Box<dyn Error>> {
    let mut protocol = Builder::new(Local);
    protocol
        .auto_date_header(false)
        .initial_stream_window_size(1024 * 1024)
        .initial_connection_window_size(8 * 1024 * 1024);
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let connection = protocol.serve_connection(TokioIo::new(stream), service_fn(echo));
        // How a connection ends is the client's business.
        spawn_local(async { connection.await.ok() });
    }
}
