//! Statuses between the engine and tonic.

use bytes::Bytes;
use ferrule_engine::{Code, Status};
use tonic::metadata::{MetadataMap, MetadataValue};

/// The engine's status as it goes on the wire.
pub(crate) fn to_wire(status: Status) -> tonic::Status {
    let mut metadata = MetadataMap::new();
    if let Some(after) = status.retry_after {
        metadata.insert("grpc-retry-pushback-ms", MetadataValue::from(after.as_millis() as u64));
    }
    let code = tonic::Code::from_i32(status.code as i32);
    tonic::Status::with_details_and_metadata(code, status.message, status.details, metadata)
}

/// What the caller is told when tonic could not take a message out of the request body.
///
/// Tonic says OUT_OF_RANGE of a message over the limit, and INTERNAL of framing that is broken. Neither is in the
/// contract: the first is a limit, the second the caller's fault.
pub(crate) fn of_unreadable_message(problem: &tonic::Status, limit: usize) -> Status {
    match problem.code() {
        tonic::Code::OutOfRange => Status::message_too_large(limit as u64),
        _ => plain(
            Code::InvalidArgument,
            format!("the request body is not a gRPC message: {}", problem.message()),
        ),
    }
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
