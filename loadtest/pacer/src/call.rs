//! One unary call over HTTP/2, as the gRPC protocol has it
//! (<https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md>).

use std::{error::Error, time::Duration};

use bytes::Bytes;
use h2::client::SendRequest;
use http::{HeaderMap, Method, Request, Version, header};

/// In place of a gRPC status code: the connection failed, or the answer had none.
pub const TRANSPORT_FAILED: u64 = 255;
const DEADLINE_EXCEEDED: u64 = 4;

/// Makes the same call again and again on one connection.
#[derive(Clone)]
pub struct Caller {
    sender: SendRequest<Bytes>,
    head: Request<()>,
    frame: Bytes,
    timeout: Duration,
}

impl Caller {
    /// A caller of `path` at `authority`; `frame` is the request as one gRPC message.
    pub fn new(
        sender: SendRequest<Bytes>,
        authority: &str,
        path: &str,
        frame: Bytes,
        timeout: Duration,
    ) -> Result<Self, Box<dyn Error>> {
        let head = Request::builder()
            .method(Method::POST)
            .version(Version::HTTP_2)
            .uri(format!("http://{authority}{path}"))
            .header(header::CONTENT_TYPE, "application/grpc")
            .header(header::TE, "trailers")
            .header("grpc-timeout", format!("{}m", timeout.as_millis().clamp(1, 99_999_999)))
            .body(())?;
        Ok(Self {
            sender,
            head,
            frame,
            timeout,
        })
    }

    /// Makes the call; its gRPC status code.
    pub async fn call(self) -> u64 {
        tokio::time::timeout(self.timeout, self.answered())
            .await
            .map_or(DEADLINE_EXCEEDED, |answered| answered.unwrap_or(TRANSPORT_FAILED))
    }

    async fn answered(mut self) -> Result<u64, h2::Error> {
        let (response, mut stream) = self.sender.send_request(self.head, false)?;
        stream.send_data(self.frame, true)?;
        let (head, mut body) = response.await?.into_parts();
        while let Some(chunk) = body.data().await {
            body.flow_control().release_capacity(chunk?.len())?;
        }
        let trailers = body.trailers().await?;
        Ok(trailers
            .as_ref()
            .and_then(status)
            .or_else(|| status(&head.headers))
            .unwrap_or(TRANSPORT_FAILED))
    }
}

fn status(headers: &HeaderMap) -> Option<u64> {
    headers.get("grpc-status")?.to_str().ok()?.parse().ok()
}
