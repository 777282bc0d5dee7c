//! From an HTTP/2 request to the method that answers it.

use std::sync::Arc;

use bytes::Bytes;
use ferrule_engine::{Context, Engine, Method, Shape, Status};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header::CONTENT_TYPE, uri::PathAndQuery};
use hyper::body::Incoming;
use tonic::{body::Body, codec::Streaming, server::Grpc};

use crate::{
    codec::RawCodec,
    deadline,
    handlers::{self, Replies},
    status,
};

/// Held by a call from its headers until the HTTP/2 layer has the whole of its reply; its end may still wait there.
pub(crate) type Ongoing = Arc<()>;

/// What every call of this server is answered with.
#[derive(Clone)]
pub(crate) struct Service {
    pub(crate) engine: Arc<Engine>,
    /// Most bytes of one message, in both directions.
    pub(crate) max_message_bytes: usize,
}

impl Service {
    /// Answers one call.
    pub(crate) async fn answer(self, request: Request<Incoming>, call: Ongoing) -> Response<Body> {
        if !is_grpc(request.headers()) {
            let mut refusal = Response::new(Body::empty());
            *refusal.status_mut() = StatusCode::UNSUPPORTED_MEDIA_TYPE;
            return refusal;
        }
        // With its query, if it has one: no method's path does.
        let path = request.uri().path_and_query().map_or("", PathAndQuery::as_str);
        let Some(method) = Method::from_path(path) else {
            return status::to_wire(Status::no_method(path)).into_http();
        };
        let context = match deadline::of(request.headers()) {
            Ok(deadline) => Context { deadline },
            Err(status) => return status::to_wire(status).into_http(),
        };

        // Every shape goes through tonic's streaming face: the others would answer a message that can't be read
        // themselves, and not as the contract says.
        let handler = tower::service_fn(|request: tonic::Request<Streaming<Bytes>>| {
            let (service, call) = (&self, call.clone());
            async move {
                let answered = service.handle(method, request.into_inner(), context).await;
                match answered {
                    Ok(replies) => Ok(tonic::Response::new(replies.of(call))),
                    Err(status) => Err(status::to_wire(status)),
                }
            }
        });
        Grpc::new(RawCodec)
            .max_decoding_message_size(self.max_message_bytes)
            .streaming(handler, request)
            .await
    }

    async fn handle(&self, method: Method, messages: Streaming<Bytes>, context: Context) -> Result<Replies, Status> {
        let limit = self.max_message_bytes;
        match method.shape() {
            Shape::Unary => handlers::unary(&self.engine, method, messages, context, limit).await,
            Shape::ServerStream => handlers::server_stream(&self.engine, method, messages, context, limit).await,
            Shape::BidiStream => Ok(handlers::bidi_stream(&self.engine, method, messages, context, limit)),
        }
    }
}

/// The protocol wants HTTP status 415 for everything else.
fn is_grpc(headers: &HeaderMap<HeaderValue>) -> bool {
    headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.as_bytes().strip_prefix(b"application/grpc"))
        .is_some_and(|rest| matches!(rest.first(), None | Some(b'+' | b';')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_grpc_is_grpc() {
        let with = |value| HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(value))]);
        for value in [
            "application/grpc",
            "application/grpc+proto",
            "application/grpc;charset=x",
        ] {
            assert!(is_grpc(&with(value)), "{value}");
        }
        for value in ["application/json", "application/grpc-web", "application/grp", ""] {
            assert!(!is_grpc(&with(value)), "{value}");
        }
        assert!(!is_grpc(&HeaderMap::new()));
    }
}
