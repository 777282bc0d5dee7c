//! From an HTTP/2 request to the method that answers it.

use std::{rc::Rc, sync::Arc};

use ferrule_engine::{Context, Engine, Method, Shape, Status};
use http::{
    HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, header::CONTENT_TYPE, uri::PathAndQuery,
};
use hyper::body::Incoming;

use crate::{deadline, handlers, messages::Messages, reply::Reply, status};

const ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");
const ACCEPT_ENCODING: HeaderName = HeaderName::from_static("grpc-accept-encoding");
const IDENTITY: HeaderValue = HeaderValue::from_static("identity");

/// Held by a call from its headers until the HTTP/2 layer has the whole of its reply; its end may still wait there.
pub(crate) type Ongoing = Rc<()>;

/// What every call of this server is answered with.
#[derive(Clone)]
pub(crate) struct Service {
    pub(crate) engine: Arc<Engine>,
    /// Most bytes of one message, in both directions.
    pub(crate) max_message_bytes: usize,
}

/// A call whose headers were read, and which waits for its request.
pub(crate) struct Opened {
    method: Method,
    messages: Messages,
    context: Context,
}

impl Service {
    /// Reads the headers of a call.
    ///
    /// # Errors
    /// The response to a call that need not wait: one that is refused, or a stream of the caller's.
    #[allow(
        clippy::result_large_err,
        reason = "it is as large as the other, and not moved again"
    )]
    pub(crate) fn open(&self, request: Request<Incoming>, ongoing: &Ongoing) -> Result<Opened, Response<Reply>> {
        let headers = request.headers();
        if !is_grpc(headers) {
            let mut refusal = Response::new(Reply::default());
            *refusal.status_mut() = StatusCode::UNSUPPORTED_MEDIA_TYPE;
            return Err(refusal);
        }
        // With its query, if it has one: no method's path does.
        let path = request.uri().path_and_query().map_or("", PathAndQuery::as_str);
        let Some(method) = Method::from_path(path) else {
            return Err(status::response(Status::no_method(path)));
        };
        // Compressed messages are not taken: one that is small can grow without bounds.
        if let Some(encoding) = headers.get(ENCODING).filter(|&encoding| encoding != IDENTITY) {
            let mut refusal = status::response(status::of_encoding(encoding));
            refusal.headers_mut().insert(ACCEPT_ENCODING, IDENTITY);
            return Err(refusal);
        }
        let context = Context {
            deadline: deadline::of(headers).map_err(status::response)?,
        };
        let limit = self.max_message_bytes;
        let messages = Messages::new(request.into_body(), limit);
        if method.shape() == Shape::BidiStream {
            let replies = handlers::bidi_stream(&self.engine, method, messages, context, limit);
            return Err(replies.of(ongoing.clone()));
        }
        Ok(Opened {
            method,
            messages,
            context,
        })
    }

    /// Answers a call with one request.
    pub(crate) async fn answer(&self, call: &mut Opened, ongoing: Ongoing) -> Response<Reply> {
        let (engine, limit) = (&self.engine, self.max_message_bytes);
        let &mut Opened {
            method,
            ref mut messages,
            context,
        } = call;
        let replies = match method.shape() {
            Shape::Unary => handlers::unary(engine, method, messages, context, limit).await,
            _ => handlers::server_stream(engine, method, messages, context, limit).await,
        };
        match replies {
            Ok(replies) => replies.of(ongoing),
            Err(status) => status::response(status),
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
