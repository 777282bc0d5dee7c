//! An echo of bytes on an accept loop like the Rust server's: hyper's HTTP/2 alone, with gRPC's framing by hand and nothing
//! that a server needs beyond it: no checks of headers, no deadlines, no limits, no errors, no drain.

use std::{
    convert::Infallible,
    error::Error,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::{BufMut, Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Response, header::CONTENT_TYPE};
use hyper::{
    body::{Body, Frame, Incoming},
    rt::Executor,
    server::conn::http2::Builder,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpListener, task::spawn_local};

/// The largest message that is sent back: of a larger one, so many bytes (as labels are fewer bytes than rows).
const MOST_BYTES: usize = 64 * 1024;
/// A flag and the length, before each message.
const HEAD_BYTES: usize = 5;

#[derive(Clone, Copy)]
struct Local;

impl<F: Future<Output: 'static> + 'static> Executor<F> for Local {
    fn execute(&self, task: F) {
        spawn_local(task);
    }
}

/// A message, then the status.
enum Echo {
    Message(Bytes),
    Success,
    Nothing,
}

impl Body for Echo {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let (frame, left) = match std::mem::replace(&mut *self, Self::Nothing) {
            Self::Message(framed) => (Frame::data(framed), Self::Success),
            Self::Success => {
                let mut status = HeaderMap::with_capacity(1);
                status.insert("grpc-status", HeaderValue::from_static("0"));
                (Frame::trailers(status), Self::Nothing)
            }
            Self::Nothing => return Poll::Ready(None),
        };
        *self = left;
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Nothing)
    }
}

async fn echo(request: http::Request<Incoming>) -> Result<Response<Echo>, hyper::Error> {
    let mut response = Response::new(Echo::Message(framed(read(request.into_body()).await?)));
    let grpc = HeaderValue::from_static("application/grpc");
    response.headers_mut().insert(CONTENT_TYPE, grpc);
    Ok(response)
}

/// All that a caller sends. What came in one piece is not copied; room for what comes in several grows as in our server.
async fn read(mut body: Incoming) -> Result<Bytes, hyper::Error> {
    let mut one = Bytes::new();
    let mut parts = BytesMut::new();
    let mut whole = 0;
    while !body.is_end_stream() {
        let Some(frame) = std::future::poll_fn(|task| Pin::new(&mut body).poll_frame(task)).await else {
            break;
        };
        let Ok(data) = frame?.into_data() else { continue };
        if one.is_empty() && parts.is_empty() {
            one = data;
            continue;
        }
        if parts.is_empty() {
            let said = one.first_chunk().map_or(0, |&[_, a, b, c, d]: &[u8; HEAD_BYTES]| {
                HEAD_BYTES + u32::from_be_bytes([a, b, c, d]) as usize
            });
            whole = said.min(HEAD_BYTES + crate::MAX_MESSAGE_BYTES);
            parts.put(std::mem::take(&mut one));
        }
        let here = parts.len() + data.len();
        if parts.capacity() < whole.min(2 * here) {
            parts.reserve(whole.min(8 * here) - parts.len());
        }
        parts.put(data);
    }
    Ok(if parts.is_empty() { one } else { parts.freeze() })
}

/// What is sent back of one framed message: it is framed already, unless it is too large.
fn framed(mut came: Bytes) -> Bytes {
    if came.len() <= HEAD_BYTES + MOST_BYTES {
        return came;
    }
    let mut framed = BytesMut::with_capacity(HEAD_BYTES + MOST_BYTES);
    framed.put_u8(0);
    framed.put_u32(MOST_BYTES as u32);
    framed.put(came.split_off(HEAD_BYTES).slice(..MOST_BYTES));
    framed.freeze()
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
