//! Statuses of calls that fail, from the engine or from here, and how statuses go on the wire.

use bytes::Bytes;
use ferrule_engine::{Code, Status};
use http::{HeaderMap, HeaderValue, Response};
use tonic::metadata::{MetadataMap, MetadataValue};

/// The engine's status as it goes on the wire.
fn to_wire(status: Status) -> tonic::Status {
    let mut metadata = MetadataMap::new();
    if let Some(after) = status.retry_after {
        metadata.insert("grpc-retry-pushback-ms", MetadataValue::from(after.as_millis() as u64));
    }
    let code = tonic::Code::from_i32(status.code as i32);
    tonic::Status::with_details_and_metadata(code, status.message, status.details, metadata)
}

/// The response to a call that failed, without a body.
pub(crate) fn response<B: Default>(status: Status) -> Response<B> {
    to_wire(status).into_http()
}

/// The trailers of a call that failed after its headers had gone.
pub(crate) fn trailers(status: Status) -> HeaderMap {
    let mut trailers = HeaderMap::new();
    to_wire(status)
        .add_header(&mut trailers)
        .expect("percent-encoded and Base64 text is good for headers");
    trailers
}

/// The trailers of a call that went well.
pub(crate) fn success() -> HeaderMap {
    let mut trailers = HeaderMap::with_capacity(1);
    trailers.insert(tonic::Status::GRPC_STATUS, HeaderValue::from_static("0"));
    trailers
}

/// What the caller is told whose request body is not messages as gRPC frames them.
pub(crate) fn of_broken_framing(problem: &str) -> Status {
    plain(
        Code::InvalidArgument,
        format!("the request body is not a gRPC message: {problem}"),
    )
}

/// What a caller would be told who has gone before the end of its request.
pub(crate) fn of_lost_caller() -> Status {
    plain(Code::Cancelled, "the request was not sent to its end".into())
}

/// What the caller is told whose messages are compressed. gRPC's compression document wants UNIMPLEMENTED.
pub(crate) fn of_encoding(encoding: &HeaderValue) -> Status {
    plain(
        Code::Unimplemented,
        format!("expected messages that are not compressed, got grpc-encoding {encoding:?}"),
    )
}

/// What the caller of a method with one request is told when it sent none or several. gRPC's list of status codes
/// names UNIMPLEMENTED for it ("Request cardinality violation").
pub(crate) fn of_wrong_number_of_messages() -> Status {
    plain(
        Code::Unimplemented,
        "the method takes exactly one request message".into(),
    )
}

/// What a caller is told whose `grpc-timeout` header is not a timeout: what gRPC's C core says, so that it is one
/// answer from both servers.
pub(crate) fn of_bad_timeout() -> Status {
    plain(Code::Internal, "Error parsing 'grpc-timeout' metadata".into())
}

fn plain(code: Code, message: String) -> Status {
    Status {
        code,
        message,
        details: Bytes::new(),
        retry_after: None,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn pushback_travels_as_metadata() {
        let status = Status {
            code: Code::ResourceExhausted,
            message: "later".into(),
            details: Bytes::from_static(b"d"),
            retry_after: Some(Duration::from_millis(100)),
        };
        let wire = to_wire(status);
        assert_eq!((wire.code(), wire.message()), (tonic::Code::ResourceExhausted, "later"));
        assert_eq!(wire.details(), b"d");
        assert_eq!(wire.metadata().get("grpc-retry-pushback-ms").unwrap(), "100");
    }

    #[test]
    fn every_code_keeps_its_number() {
        for code in [
            Code::Cancelled,
            Code::InvalidArgument,
            Code::DeadlineExceeded,
            Code::NotFound,
            Code::ResourceExhausted,
            Code::FailedPrecondition,
            Code::Unimplemented,
            Code::Internal,
            Code::Unavailable,
        ] {
            assert_eq!(to_wire(plain(code, String::new())).code() as i32, code as i32);
        }
    }
}
