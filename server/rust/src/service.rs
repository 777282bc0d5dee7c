//! From an HTTP/2 request to the method that answers it.

use std::{rc::Rc, sync::Arc};

use ferrule_engine::{Context, Engine, Method, Shape, Status};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, uri::PathAndQuery};
use hyper::body::Incoming;

use crate::{clock, deadline, handlers, messages::Messages, reply::Reply, status};

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

/// What the headers of a call say.
#[derive(Default)]
struct Said<'a> {
    grpc: bool,
    encoding: Option<&'a HeaderValue>,
    timeout: Option<&'a HeaderValue>,
}

impl<'a> Said<'a> {
    /// Reads all headers at one go: to look each up costs more than there are.
    fn by(headers: &'a HeaderMap<HeaderValue>) -> Self {
        let mut said = Self::default();
        for (name, value) in headers {
            match name.as_str() {
                "content-type" => said.grpc = is_grpc(value),
                "grpc-encoding" => said.encoding = Some(value),
                // The last, as gRPC's C core takes it.
                "grpc-timeout" => said.timeout = Some(value),
                _ => {}
            }
        }
        said
    }
}

impl Service {
    /// Reads the headers of a call. This runs where the connection reads its frames, so it neither waits nor computes: its work
    /// is bounded by what headers may have together.
    ///
    /// # Errors
    /// The response to a call that need not wait: one that is refused, or a stream of the caller's.
    #[allow(
        clippy::result_large_err,
        reason = "it is as large as the other, and not moved again"
    )]
    pub(crate) fn open(&self, request: Request<Incoming>, ongoing: &Ongoing) -> Result<Opened, Response<Reply>> {
        let said = Said::by(request.headers());
        if !said.grpc {
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
        if let Some(encoding) = said.encoding.filter(|&encoding| encoding != IDENTITY) {
            let mut refusal = status::response(status::of_encoding(encoding));
            refusal.headers_mut().insert(ACCEPT_ENCODING, IDENTITY);
            return Err(refusal);
        }
        let context = Context {
            deadline: match said.timeout {
                Some(timeout) => deadline::of(timeout, clock::now()).map_err(status::response)?,
                None => None,
            },
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

/// The protocol wants HTTP status 415 for every other content type.
fn is_grpc(content_type: &HeaderValue) -> bool {
    content_type
        .as_bytes()
        .strip_prefix(b"application/grpc")
        .is_some_and(|rest| matches!(rest.first(), None | Some(b'+' | b';')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_grpc_is_grpc() {
        for value in [
            "application/grpc",
            "application/grpc+proto",
            "application/grpc;charset=x",
        ] {
            assert!(is_grpc(&HeaderValue::from_static(value)), "{value}");
        }
        for value in ["application/json", "application/grpc-web", "application/grp", ""] {
            assert!(!is_grpc(&HeaderValue::from_static(value)), "{value}");
        }
        assert!(!Said::by(&HeaderMap::new()).grpc);
    }

    #[test]
    fn headers_are_read_among_others_and_the_last_timeout_counts() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("te", "trailers"),
            ("grpc-timeout", "1S"),
            ("content-type", "application/grpc"),
            ("grpc-encoding", "gzip"),
            ("grpc-timeout", "2S"),
            ("grpc-timeouts", "3S"),
        ] {
            headers.append(name, HeaderValue::from_static(value));
        }
        let said = Said::by(&headers);
        assert!(said.grpc);
        assert_eq!(said.encoding.unwrap(), "gzip");
        assert_eq!(said.timeout.unwrap(), "2S");
    }
}
